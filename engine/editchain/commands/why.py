"""editchain why: the one thing that differs from the nearest stored result."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from editchain.commands import completing, showing
from editchain.commands.planned import Given, planned
from editchain.commands.saying import write_json
from editchain.commands.shared import input_options
from editchain.commands.tracing import Tracer
from editchain.diagnostics import did_you_mean, one_of, visible
from editchain.errors import ConfigurationError
from editchain.plans.dimensions import coordinate
from editchain.plans.tasks import KNOWN, REJECTED, UNNEEDED
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from editchain.commands.tracing import Change, Trace
    from editchain.journal.entries import Result
    from editchain.journal.journal import Journal
    from editchain.plans.tasks import Plan, StepPlan

_ADDRESS = re.compile(r"([^\[\]]+)(?:\[(.*)\])?", re.DOTALL)
MOST_CHANGES = 3
"""With more that differ, the nearest result is another picture altogether."""


@click.command("why", epilog="Example: editchain why pipelines/hello.yaml 'styled[look=noir]'")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("step", metavar="STEP[KEY]", shell_complete=completing.steps)
@input_options
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def command(file: Path, step: str, options: tuple[str, ...], inputs_file: str | None, as_json: bool) -> int:
    """Say why a task is not stored: what differs from the nearest result, followed down to its cause.

    STEP is a step of the pipeline; with [KEY] it is one of its tasks: styled[noir], or styled[look=noir].
    """
    with Workspace.of(file) as workspace:
        plan = planned(workspace, file, Given(options, inputs_file)).plan
        one, ordinals = _tasks(plan, step)
        missing = [at for at in ordinals if at not in one.digests]
        at = missing[0] if missing else ordinals[0]
        look = workspace.look
        if not missing:
            answer = _stored(look, one, at)
        elif one.states[at] == REJECTED or one.keys[at] is None:
            answer = _held_up(look, one, at, file)
        else:
            answer = _not_stored(look, one, at, Tracer(workspace, look).trace(one, at))
    document, lines = answer
    if as_json:
        write_json(
            {"task": one.task_name(at), "tasks": len(ordinals), "not_stored": len(missing), **document}
        )
        return 0
    if len(ordinals) > 1:
        click.echo(_of_many(one, len(ordinals), len(missing)))
    click.echo("\n".join(lines))
    return 0


def _of_many(one: StepPlan, count: int, missing: int) -> str:
    if not missing:
        return f"All {count:,} tasks of {one.name} are stored. The first of them:"
    return f"{missing:,} of {count:,} tasks of {one.name} {'is' if missing == 1 else 'are'} not stored. The first:"


# ---------------------------------------------------------------------- which task


def _tasks(plan: Plan, address: str) -> tuple[StepPlan, list[int]]:
    """The step that an address names, and those of its tasks that it means."""
    found = _ADDRESS.fullmatch(address.strip())
    name, keys = (found.group(1), found.group(2)) if found else (address, None)
    by_name = {one.name: one for one in plan.steps}
    one = by_name.get(name)
    if one is None and (inside := [known for known in by_name if known.startswith(f"{name}/")]):
        raise ConfigurationError(f'"{name}" runs a pipeline. Name one of its steps: {one_of(inside)}.')
    if one is None:
        offer = did_you_mean(name, by_name) or f"There is {one_of(by_name)}."
        raise ConfigurationError(f'No step is called "{visible(name)}". {offer}')
    fixed = _fixed(one, keys) if keys else {}
    names = [dimension.name for dimension in one.dimensions]
    ordinals = [
        at
        for at in one.ordinals()
        if not fixed
        or all(
            fixed.get(name, place) == place
            for name, place in zip(names, coordinate(one.dimensions, at), strict=True)
        )
    ]
    if not ordinals:
        raise ConfigurationError(f"{address}: there is no such task, as this combination is excluded.")
    return one, ordinals


def _fixed(one: StepPlan, keys: str) -> dict[str, int]:
    """Dimension to position, as an address says it: `look=noir, photo=mug`, or a key alone."""
    if not one.dimensions:
        raise ConfigurationError(f"{one.name} is a single task and has no keys.")
    known = {dimension.name: dimension.keys or () for dimension in one.dimensions}
    fixed = {}
    for part in re.split(r",\s*(?=[a-z][a-z0-9_]*\s*=)", keys):
        name, equals, key = (text.strip() for text in part.partition("="))
        if not equals or name not in known:
            name, key = next(((name, keys) for name, all_ in known.items() if keys in all_), ("", keys))
        if key not in known.get(name, ()):
            every = [key for keys in known.values() for key in keys]
            offer = did_you_mean(key, every) or f"There is {one_of(every)}."
            raise ConfigurationError(f'{one.name} has no key "{visible(key)}". {offer}')
        fixed[name] = known[name].index(key)
    return fixed


# ---------------------------------------------------------------------- answers


Answer = tuple[dict[str, Any], list[str]]


def _stored(look: Journal | None, one: StepPlan, at: int) -> Answer:
    key = one.keys[at]
    result = None if look is None or key is None else look.results([key]).get(key)
    if one.is_in_passing(at):
        lines = [
            f"{one.task_name(at)} was made on the way to another step; its bytes are made again when asked for."
        ]
        return {"state": "stored", "result": None, "changes": []}, lines
    if one.states[at] in (KNOWN, UNNEEDED):
        lines = [
            f"{one.task_name(at)} is known, and its picture is not here: {one.digests[at].hex()[:16]}.",
            "  A run that needs it looks for it in the remote store; --rebuy buys again what cannot be had.",
        ]
        return {"state": "known", "result": None, "changes": []}, lines
    lines = [f"{one.task_name(at)} is stored."]
    if result is not None:
        size = f"{result.width} × {result.height} pixels, " if result.width else ""
        lines.append(f"  made     {_when(look, result)}")
        lines.append(f"  by       {result.name} {result.version}")
        lines.append(
            f"  picture  {size}{result.media_type}, {showing.size(result.size)}, {result.digest.hex()}"
        )
    return {"state": "stored", "result": _as_json(result), "changes": []}, lines


def _held_up(look: Journal | None, one: StepPlan, at: int, file: Path) -> Answer:
    """What is refused, or hangs on a picture that does not exist yet."""
    key, name = one.keys[at], one.task_name(at)
    if key is not None:
        refusal = None if look is None else look.refusals([key]).get(key)
        said = "" if refusal is None else f": {visible(refusal.message)}"
        lines = [
            f"{name} was rejected{said}",
            "  editchain run --retry-rejected asks again; a changed step is another request.",
        ]
        return {"state": "rejected", "result": None, "changes": []}, lines
    needs = [producer.task_name(need) for producer, need in one.needs(at) if need not in producer.digests]
    waits = (
        f"it comes after {one_of(needs, most=4)}" if needs else "one of its inputs has not been fetched yet"
    )
    lines = [f"{name} is not stored, and what it will be is not known yet: {waits}."]
    if needs:
        lines.append(f"  editchain why {showing.path(file)} '{needs[0]}' tells why that is not stored.")
    return {"state": "open", "result": None, "changes": [], "after": needs}, lines


def _not_stored(look: Journal | None, one: StepPlan, at: int, trace: Trace) -> Answer:
    name, changes = one.task_name(at), trace.changes
    document = {
        "state": "not-stored", "result": _as_json(trace.result),
        "changes": [
            {"task": one.task, "field": one.field, "stored": one.stored, "wanted": one.wanted, "is_cause": one.is_cause}
            for one in changes
        ],
    }  # fmt: skip
    by = one.way(at).document.name
    if trace.result is None:
        return document, [f"{name} is not stored: nothing by {by} is yet."]
    if not changes:
        return document, [f"{name} is asked for anew."]
    fields = list(dict.fromkeys(change.field for change in changes if change.task == name))
    if len(fields) > MOST_CHANGES:
        differ = one_of(fields, most=6)
        return document, [
            f"{name} is not stored, and is like no stored result: the nearest differs in {differ}."
        ]
    lines = [
        f"{name} is not stored. This differs from the nearest result,",
        f"of {_when(look, trace.result)}:",
    ]
    width = max(len(visible(change.task)) for change in changes)
    lines += [f"  {visible(change.task):<{width}}  {line}" for change in changes for line in [_line(change)]]
    return document, lines


def _when(look: Journal | None, result: Result) -> str:
    run = None if look is None or result.run is None else look.run(result.run)
    by = "" if result.run is None else f", by run {result.run}"
    of = "" if run is None else f" of {showing.path(run.pipeline)}"
    return f"{showing.moment(result.made_at)}{by}{of}"


def _as_json(result: Result | None) -> dict[str, Any] | None:
    if result is None:
        return None
    return {
        "key": result.key.hex(), "digest": result.digest.hex(), "media_type": result.media_type, "bytes": result.size,
        "name": result.name, "document_version": result.version, "made_at": showing.timestamp(result.made_at),
        "run": result.run,
    }  # fmt: skip


# ---------------------------------------------------------------------- changes in words


def _line(change: Change) -> str:
    stored, wanted = _text(change.stored), _text(change.wanted)
    if (
        stored is not None
        and wanted is not None
        and (" " in stored or " " in wanted)
        and "[" not in change.field
    ):
        return f"{change.field}: {showing.word_diff(stored, wanted)}"
    return f"{change.field}: {visible(change.says)}"


def _text(value: str | None) -> str | None:
    """The text of a field that holds one; None for other values."""
    try:
        text = json.loads(value) if value is not None else None
    except ValueError:
        return None
    return text if isinstance(text, str) else None
