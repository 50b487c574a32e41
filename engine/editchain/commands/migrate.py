"""editchain migrate: from models that vendors shut down to their successors, with each field's fate."""

from __future__ import annotations

import difflib
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from editchain.commands.saying import say, write_json
from editchain.diagnostics import Problems, did_you_mean, one_of
from editchain.errors import ConfigurationError, PipelineError
from editchain.language.references import find_references
from editchain.language.syntax import Map, Seq, parse
from editchain.migrating import (
    CannotEdit,
    Fate,
    Move,
    changed,
    expected,
    fates,
    fates_of_defaults,
    successor,
)
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from editchain.language.syntax import Document
    from editchain.models import Model

_ORDER = ("kept", "renamed", "dropped", "default", "decide")
_WORDS = {"decide": "to decide", "default": "unsaid"}


@click.command(
    "migrate",
    epilog="Examples:\n\n\b\n  editchain migrate pipelines/hero.yaml --dry-run\n  editchain migrate hero.yaml --step scene --to MODEL",
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--step", "steps", multiple=True, metavar="STEP", help="Only this step, also where its model goes on."
)
@click.option("--to", metavar="MODEL", help="Another model than the successor that the document names.")
@click.option("--dry-run", is_flag=True, help="Show what would change, and write nothing.")
@click.option("--undecided", is_flag=True, help="Also write steps with fields that are yet to be decided.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def command(
    file: Path, steps: tuple[str, ...], to: str | None, dry_run: bool, undecided: bool, as_json: bool
) -> int:
    """Move the steps of a pipeline from models that are shut down to their successors, and say what becomes of each field.

    The change is written into the file, its comments and layout kept. A step with a field that somebody has to decide
    about is left as it is. Exits with 1 where such a step is left, else with 0.
    """
    with Workspace.of(file) as workspace:
        text, document = _read(file)
        moves = tuple(_moves(workspace, document, steps, to))
    ready = tuple(move for move in moves if not move.from_values) if undecided else _ready(moves)
    made = _made(file, text, document, ready)
    if made != text and not dry_run:
        _write(file, made)
    left = [move for move in moves if move not in ready]
    diff = "".join(
        difflib.unified_diff(
            text.splitlines(keepends=True), made.splitlines(keepends=True), f"a/{file.name}", f"b/{file.name}"
        )
    )
    if as_json:
        write_json(
            {
                "file": str(file), "written": made != text and not dry_run,
                "steps": [_as_json(move, move in ready) for move in moves], "diff": diff,
            }
        )  # fmt: skip
    else:
        _tell(file, moves, diff, is_written=made != text and not dry_run)
    return 1 if left else 0


def _read(file: Path) -> tuple[str, Document]:
    """The text with its line ends, and what it says. Raises PipelineError where it cannot be read."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}.") from error
    problems = Problems()
    document = parse(data, str(file), problems)
    if document is None or problems.found:
        raise PipelineError(list(problems.found.values()))
    root = document.root
    if not isinstance(root, Map) or not isinstance(root.get("steps"), Map):
        raise ConfigurationError(f"{file} has no steps. Is it a pipeline?")
    return data.decode("utf-8"), document


# ---------------------------------------------------------------------- which steps go where


def _moves(
    workspace: Workspace, document: Document, wanted: tuple[str, ...], to: str | None
) -> Iterator[Move]:
    root, models = document.root, workspace.catalogue.models
    steps = {name: step for name, step in root["steps"].items() if isinstance(step, Map)}
    defaults = root.get("defaults") if isinstance(root.get("defaults"), Map) else None
    for name in wanted:
        _check_name("step", name, steps)
    if to is not None:
        _check_name("model", to, models)
    said: Any = (defaults or {}).get("model")
    shared = _target(workspace, said, to, is_wanted=False) if not wanted else None
    if defaults is not None and shared is not None:
        old, new = models[said], models[shared]
        said_own = [
            one for step in steps.values() if isinstance(one := step.get("model"), str) and one in models
        ]
        others = [models[_target(workspace, one, to, is_wanted=False) or one] for one in said_own]
        yield _move(
            document, ("defaults",), defaults, old, new, fates_of_defaults(defaults, old, new, others)
        )
    for name, step in steps.items():
        if (wanted and name not in wanted) or "operation" in step:
            continue
        if "pipeline" in step:
            yield from _by_inputs(workspace, document, name, step, to)
            continue
        yield from _by_reference(workspace, document, name, step, to)
        own: Any = step.get("model", said if shared is not None else None)
        target = _target(workspace, own, to, is_wanted=name in wanted)
        if target is not None:
            old, new = models[own], models[target]
            yield _move(document, ("steps", name), step, old, new, fates(step, old, new, defaults))


def _by_reference(
    workspace: Workspace, document: Document, name: str, step: Map, to: str | None
) -> Iterator[Move]:
    """Where a step's model comes from values of its loops or from inputs of the file: each that has ended, once."""
    root, models = document.root, workspace.catalogue.models
    seen: set[str] = set()
    for reference in find_references(step.get("model", (root.get("defaults") or {}).get("model"))):
        for values in (step.get("for_each"), root.get("inputs")):
            if not isinstance(values, Map) or reference.name not in values:
                continue
            for said, at in _texts(values[reference.name], values.places[reference.name][1]):
                target = None if said in seen else _target(workspace, said, to, is_wanted=False)
                if target is not None:
                    seen.add(said)
                    line, _ = document.source.locate(at)
                    why = f"it comes from {reference.raw}; change {said} there by hand"
                    found = fates(step, models[said], models[target], root.get("defaults"))
                    fated = (Fate("model", "decide", why), *found)
                    yield Move(("steps", name), line, said, target, fated, from_values=True)


def _by_inputs(
    workspace: Workspace, document: Document, name: str, step: Map, to: str | None
) -> Iterator[Move]:
    """Where a step hands the pipeline that it runs the name of a model that has ended."""
    given = step.get("with")
    if not isinstance(given, Map):
        return
    for field, value in given.items():
        for said, at in _texts(value, given.places[field][1]):
            target = _target(workspace, said, to, is_wanted=False)
            if target is not None:
                line, _ = document.source.locate(at)
                why = f"{said} is handed to {step['pipeline']}; change it there by hand where it is a model"
                yield Move(
                    ("steps", name), line, said, target, (Fate(field, "decide", why),), from_values=True
                )


def _texts(value: Any, at: int) -> Iterator[tuple[str, int]]:
    """Every text in a value with where it stands."""
    if isinstance(value, str):
        yield value, at
    elif isinstance(value, Map):
        for key, one in value.items():
            yield from _texts(one, value.places[key][1])
    elif isinstance(value, Seq):
        for one, place in zip(value, value.places, strict=True):
            yield from _texts(one, place)


def _check_name(kind: str, name: str, known: Iterable[str]) -> None:
    if name not in known:
        offer = did_you_mean(name, known) or f"There is {one_of(known)}."
        raise ConfigurationError(f'There is no {kind} "{name}". {offer}')


def _ready(moves: tuple[Move, ...]) -> tuple[Move, ...]:
    """The moves that leave nothing to decide; those that go by the file's defaults go together or not at all."""
    together = [move for move in moves if not move.says_model or move.path == ("defaults",)]
    held = set() if all(move.is_decided for move in together) else {move.path for move in together}
    return tuple(move for move in moves if move.is_decided and move.path not in held)


def _target(workspace: Workspace, said: Any, to: str | None, *, is_wanted: bool) -> str | None:
    """The model that a step is to go to; None where it stays. Raises ConfigurationError where it was named in vain."""
    models = workspace.catalogue.models
    if not isinstance(said, str) or said not in models:
        if is_wanted:
            raise ConfigurationError(
                "This step's model is not written in it by name: change it where it comes from."
            )
        return None
    model = models[said]
    if not is_wanted and model.life.problem(workspace.today) is None:
        return None
    target = to or successor(model, workspace.catalogue, workspace.today)
    if target is None:
        sentence = model.life.problem(workspace.today) or f"{said} has no successor in its document."
        say(f"{sentence} Name a model with --to.")
    return None if target == said else target


def _move(
    document: Document, path: tuple[str, ...], step: Map, old: Model, new: Model, found: tuple[Fate, ...]
) -> Move:
    line, _ = document.source.locate(step.places["model"][1] if "model" in step else step.at)
    return Move(path, line, old.name, new.name, found, "model" in step)


# ---------------------------------------------------------------------- the text


def _made(file: Path, text: str, document: Document, ready: tuple[Move, ...]) -> str:
    """The changed text, once it is known to say what it should. Raises ConfigurationError where it cannot be changed."""
    if not ready:
        return text
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    try:
        made = changed(text.removeprefix("\ufeff"), ready)
    except CannotEdit as error:
        raise ConfigurationError(f"{file}: {error}; change it by hand. Nothing was written.") from None
    problems = Problems()
    again = parse(made, str(file), problems)
    if again is None or problems.found or again.root != expected(document.root, ready):
        raise ConfigurationError(
            f"{file} cannot be changed in place without saying something else; nothing was written."
        )
    return mark + made


def _write(file: Path, text: str) -> None:
    """Puts the text in the file's place, whole or not at all."""
    target = file.resolve()
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(text.encode("utf-8"))
        shutil.copymode(target, temporary)
        temporary.replace(target)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


# ---------------------------------------------------------------------- in words


def _tell(file: Path, moves: tuple[Move, ...], diff: str, *, is_written: bool) -> None:
    if not moves:
        click.echo(f"{file}: no step has a model that is shut down or will be, as far as this file says.")
        return
    click.echo("\n".join(line for move in moves for line in _lines(move)))
    if diff:
        click.echo()
        click.echo(diff, nl=False)
    elsewhere = [move.name for move in moves if move.from_values]
    if elsewhere:
        say(f"to be changed by hand, where the names of models stand: {one_of(dict.fromkeys(elsewhere))}")
    undecided = [
        move.name
        for move in moves
        if not move.is_decided and not move.from_values and move.path[0] == "steps"
    ]
    if undecided:
        say(f"left for you to decide: {one_of(undecided)}; --undecided changes the model all the same")
    if is_written:
        say(f"written: {file}")


def _lines(move: Move) -> Iterator[str]:
    yield f"{move.name} (line {move.line}): {move.before} → {move.after}"
    for what in _ORDER:
        found = [fate for fate in move.fates if fate.what == what]
        label = _WORDS.get(what, what)
        if what == "kept" and found:
            yield f"  {label:<9}  {', '.join(fate.field for fate in found)}"
        elif what != "kept":
            yield from (f"  {label:<9}  {_said(fate)}" for fate in found)


def _said(fate: Fate) -> str:
    named = f"{fate.field} → {fate.name}" if fate.name not in (None, fate.field) else fate.field
    value = "" if fate.value is None else f": {fate.value}"
    return f"{named}{value}" + (f": {fate.why}" if fate.why else "")


def _as_json(move: Move, is_changed: bool) -> Mapping[str, Any]:
    return {
        "path": list(move.path), "line": move.line, "from": move.before, "to": move.after, "changed": is_changed,
        "fields": [
            {"field": fate.field, "fate": fate.what, "why": fate.why, "name": fate.name, "value": fate.value}
            for fate in move.fates
        ],
    }  # fmt: skip
