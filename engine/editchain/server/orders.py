"""Orders: what the server has its hands do, each a function from JSON to JSON that opens the workspace by itself."""

from __future__ import annotations

import base64
import json
import os
import shutil
import tempfile
from dataclasses import asdict
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from editchain.errors import ImageError, Refused, StoreError
from editchain.journal.ledger import Ceiling
from editchain.language import loading
from editchain.language.values import pictures_in
from editchain.runs import reporting, running
from editchain.runs.allowing import ceilings_of, refuse_dear
from editchain.runs.explaining import explain_with
from editchain.runs.outcomes import Stop
from editchain.runs.running import Options, refuse_unreachable
from editchain.server import declaring, finding, looking, overhearing, sweeping
from editchain.server.asking import Refusal, Wish
from editchain.server.carrying import carry_out, costs_of, keep, looked_ahead
from editchain.server.checking import Checks
from editchain.server.readying import Wanted, ready
from editchain.server.reserving import Price
from editchain.store import DamagedObject, MissingObject, Store
from editchain.surroundings import surroundings
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from editchain.journal.entries import Published
    from editchain.pipeline import Pipeline, Step
    from editchain.plans.tasks import Plan
    from editchain.runs.running import Report
    from editchain.server.carrying import Outcome

MOST_TROUBLES = 50


def _pictures(workspace: Workspace) -> Store:
    return Store(workspace.folder / "server")


# ---------------------------------------------------------------------- looking


def listing(root: Path, **_: Any) -> list[dict[str, Any]]:
    """The pipelines of the workspace, each with how many errors are in it."""
    with Workspace(root) as workspace:
        return _CHECKS.listed(workspace)


_CHECKS = Checks()
"""A hand is of one workspace, and carries out many orders."""


def describing(root: Path, *, name: str, **_: Any) -> dict[str, Any]:
    """One pipeline with its inputs, steps, outputs and problems."""
    with Workspace(root) as workspace:
        place = _place(root, name)
        found = loading.check(place.path, surroundings(workspace))
        head = finding.head(place.path)
        return {
            "name": place.name,
            "file": place.file,
            "description": declaring.plain(head.get("description")),
            "inputs": list(declaring.inputs(head)),
            "steps": [] if found.pipeline is None else [_step(one) for one in found.pipeline.steps],
            "outputs": [] if found.pipeline is None else _outputs(found.pipeline),
            "problems": [one.as_json() for one in found.problems],
        }


def _place(root: Path, name: str) -> finding.Place:
    place = finding.places(root).get(name)
    if place is None:
        raise Refusal(404, f"Pipeline {name[:80]} not found")
    return place


def _step(one: Step) -> dict[str, Any]:
    needs = (other.name for value in (*one.fields.values(), one.protect) for other in pictures_in(value))
    return {
        "name": one.name,
        "kind": one.kind,
        "by": list(one.documents),
        "needs": list(dict.fromkeys([*needs, *(other.name for other in one.after)])),
        "dimensions": [dimension.name for dimension in one.dimensions],
    }


def _outputs(pipeline: Pipeline) -> list[dict[str, Any]]:
    return [
        {"name": one.name, "step": one.picture.step.name, "path": one.path, "format": one.format}
        for one in pipeline.outputs
    ]


# ---------------------------------------------------------------------- planning


def planning(root: Path, *, name: str, wanted: Mapping[str, Any], **_: Any) -> dict[str, Any]:
    """What a run would do: the document of `plan --json`."""
    with Workspace(root) as workspace:
        place = _place(root, name)
        plan = _looked_ahead(workspace, place.path, Wanted.of(wanted))
        return {"version": 1, **reporting.plan_json(plan, explain_with(workspace))}


def accepting(root: Path, *, name: str, wanted: Mapping[str, Any], **_: Any) -> dict[str, Any]:
    """Whether a run may begin: its file, the numbers of its plan, and its price. Raises Refusal where it may not."""
    asked = Wanted.of(wanted)
    with Workspace(root) as workspace:
        place = _place(root, name)
        plan = _looked_ahead(workspace, place.path, asked)
        if plan.problems:
            raise Refusal(503, "\n".join(plan.problems))
        try:
            refuse_dear(workspace, plan, ceilings_of(workspace, plan, asked.budget))
        except Refused as error:
            raise Refusal(402, str(error)) from None
        price = Price.of(plan)
        return {
            "file": place.file,
            "summary": running.summary(plan),
            "price": asdict(price),
        }


def _looked_ahead(workspace: Workspace, path: Path, wanted: Wanted) -> Plan:
    """The plan of a pipeline with inputs that lie about only as long as it is made."""
    with tempfile.TemporaryDirectory(prefix="editchain-") as folder:
        return ready(workspace, path, wanted, Path(folder), _pictures(workspace), supplies=False)[1]


def pricing(root: Path, *, wish: Mapping[str, Any], **_: Any) -> dict[str, Any]:
    """The price of a wish. Raises Refusal where it is none that can be met."""
    return asdict(Price.of(looked_ahead(root, Wish.of(wish))))


def converting(root: Path, *, digest: str, form: str, **_: Any) -> str:
    """A picture of the server's store in another format, as base64. Raises Refusal where it cannot be had in that one."""
    from editchain.imaging import codec

    with Workspace(root) as workspace, _pictures(workspace) as pictures:
        try:
            data = codec.encode(codec.decode(pictures.read(bytes.fromhex(digest))), form)
        except ImageError as error:
            raise Refusal(400, str(error)) from None
    return base64.b64encode(data).decode("ascii")


# ---------------------------------------------------------------------- running


def editing(
    root: Path, *, name: str, wish: Mapping[str, Any], tie: Callable[[Stop], None], **_: Any
) -> dict[str, Any]:
    """Carries out a wish that needs no vendor."""
    import anyio

    stop = Stop()

    async def work() -> Outcome:
        tie(stop)
        return await carry_out(root, Wish.of(wish), None, name, stop)

    return asdict(anyio.run(work))


def run(
    root: Path,
    *,
    name: str,
    file: str,
    wanted: Mapping[str, Any],
    ceiling: Sequence[str | None] | None,
    workers: int,
    tell: Callable[[str], None],
    tie: Callable[[Stop], None],
    **_: Any,
) -> dict[str, Any]:
    """Carries out a run; its published pictures go into the server's store. Gives how it ended."""
    asked = Wanted.of(wanted)
    lost: set[bytes] = set()
    while True:
        with Workspace(root) as workspace:
            try:
                return _once(workspace, root / file, asked, name, ceiling, workers, tell, tie)
            except (MissingObject, DamagedObject) as error:
                # It is made again where that costs nothing, as on the command line.
                if error.digest in lost:
                    raise
                lost.add(error.digest)


def _once(
    workspace: Workspace,
    path: Path,
    asked: Wanted,
    run_id: str,
    ceiling: Sequence[str | None] | None,
    workers: int,
    tell: Callable[[str], None],
    tie: Callable[[Stop], None],
) -> dict[str, Any]:
    import anyio

    folder = workspace.folder / "server" / "given" / run_id
    preparation, plan = ready(workspace, path, asked, folder, _pictures(workspace), supplies=True)
    refuse_unreachable(plan)
    ceilings = ceilings_of(workspace, plan, asked.budget)
    refuse_dear(workspace, plan, ceilings)
    if ceiling is not None:
        ceilings = (*ceilings, Ceiling(Decimal(ceiling[0] or 0), ceiling[1]))
    out = workspace.folder / "server" / "out" / run_id
    shutil.rmtree(out, ignore_errors=True)
    options = Options(str(out), command="serve", workers=workers, ceilings=ceilings, heeds_signals=False)
    progress = reporting.Progress(_Nobody(), _Lines(tell), plan, is_live=False)  # type: ignore[arg-type]
    progress.emit("run", id=run_id, pipeline=plan.pipeline.name, **running.summary(plan))
    stop = Stop()

    async def work() -> Report:
        tie(stop)
        return await running.run(
            workspace, plan, preparation.digests, options, watch=progress.watch, tell=progress.note, stop=stop, run_id=run_id
        )  # fmt: skip

    report = anyio.run(work)
    with _pictures(workspace) as pictures:
        outputs = list(_taken(workspace, pictures, out, report.publication.paths))
    shutil.rmtree(out, ignore_errors=True)
    return _ended(workspace, report, outputs)


class _Lines:
    """Events as they are told, a line each."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell

    def write(self, text: str) -> None:
        self._tell(text.rstrip("\n"))

    def flush(self) -> None:
        """Nothing is held back."""


class _Nobody:
    """Who reads no messages."""

    def write(self, text: str) -> None:
        """Takes a text."""

    def flush(self) -> None:
        """Nothing is held back."""


def _taken(
    workspace: Workspace, pictures: Store, out: Path, paths: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """Published files into the server's store; the journal forgets where they were."""
    rows = workspace.journal.published(paths)
    for path in paths:
        row = rows.get(path)
        if row is None or not os.path.isfile(path):
            continue
        yield _output(row, os.path.relpath(path, out), Path(path).read_bytes(), pictures)
    workspace.journal.forget_published(list(rows))
    workspace.journal.commit()


def _output(row: Published, path: str, data: bytes, pictures: Store) -> dict[str, Any]:
    if sha256(data).digest() != row.digest:
        raise StoreError(f"{row.path} changed while it was published.")
    made = keep(pictures, data)
    path = path.replace(os.sep, "/")
    return {"output": row.output, "task": row.task, "path": path, **made._asdict()}


def _ended(workspace: Workspace, report: Report, outputs: list[dict[str, Any]]) -> dict[str, Any]:
    record = workspace.journal.run(report.id)
    troubles = report.run.troubles
    said = [f"{one.address}: {one.message}" for one in troubles if one.message and one.outcome != "skipped"]
    said += [
        f"{os.path.basename(path)}: {why}"
        for path, why in (*report.publication.failed, *report.publication.left_alone)
    ]
    return {
        "exit_code": report.exit_code,
        "counts": {} if record is None else json.loads(record.counts),
        "ended": {str(name): count for name, count in report.run.counts.items()},
        "stopped_by": report.run.stopped_by,
        "is_open": any(one.outcome == "open" for one in troubles),
        "troubles": said[:MOST_TROUBLES],
        "outputs": outputs,
        "spent": costs_of(workspace.journal, report.id),
    }


ORDERS: Mapping[str, Callable[..., Any]] = {
    "listing": listing,
    "describing": describing,
    "planning": planning,
    "accepting": accepting,
    "pricing": pricing,
    "editing": editing,
    "converting": converting,
    "run": run,
    "overhearing": overhearing.overhearing,
    "sweeping": sweeping.sweeping,
    **looking.ORDERS,
}
"""Names of orders to what carries them out. Each takes `tell`, for events as JSON lines, and `tie`, for a stop of what runs;
raises Refusal and EditchainError.
"""
