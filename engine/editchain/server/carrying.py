"""Carrying out a wish: a one-step recipe that is checked, planned and run as any other, in whichever process it is called in."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import anyio.to_thread

from editchain.imaging.probe import HEAD_BYTES, MEDIA_TYPES, check
from editchain.journal.ledger import Ceiling, plain
from editchain.known import Known
from editchain.language import loading
from editchain.language.given import Given
from editchain.language.recipes import Recipe, text_of
from editchain.plans.expansion import BadPlan
from editchain.plans.planning import plan
from editchain.runs import running
from editchain.runs.foreseeing import with_foreseen
from editchain.server.asking import Refusal
from editchain.store import Store
from editchain.surroundings import surroundings
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from editchain.digests import Digests
    from editchain.journal.journal import Journal
    from editchain.pipeline import Pipeline
    from editchain.plans.tasks import Plan
    from editchain.runs.outcomes import Stop
    from editchain.runs.pacing import Pace
    from editchain.runs.running import Report
    from editchain.server.asking import Wish

PLACES = ("steps.edit.", "steps.edit: ", "inputs.", "photo: ")
"""Where problems of a recipe of ours stand; who sent a request does not know of it."""


class Kept(NamedTuple):
    """A picture in the server's store: the digest of its bytes (hex), and what is to be known of them."""

    digest: str
    media_type: str
    size: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Ready:
    """A wish as a plan, with the digests of its inputs."""

    pipeline: Pipeline
    plan: Plan
    digests: Digests


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a wish ended: its pictures, in the order of its samples, and what its calls cost, by currency.

    `problems` say why pictures are missing; `is_open` where a vendor is still at work and a later try collects them,
    `is_stopped` where it was stopped before it was done.
    """

    pictures: tuple[Kept, ...] = ()
    problems: tuple[str, ...] = ()
    is_open: bool = False
    is_stopped: bool = False
    costs: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Outcome:
        """It from JSON."""
        pictures = tuple(Kept(*one) for one in document["pictures"])
        return cls(**{**document, "pictures": pictures, "problems": tuple(document["problems"])})


def recipe_of(wish: Wish, folder: Path) -> Path:
    """The recipe of a wish, as a file under a name that its content decides."""
    pictures = {name: name for name in ("references", "mask") if getattr(wish, name)}
    fields = {name: value for name, value in wish.fields.items() if name != "prompt"}
    path = "{photo}-{sample}" if "num_samples" in fields else "{photo}"
    recipe = Recipe("edit", wish.model, str(wish.fields.get("prompt", "")), path, fields, pictures)
    text = text_of(recipe)
    digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:24]
    place = folder / f"{digest}.yaml"
    try:
        os.utime(place)  # which says that it is wanted
    except FileNotFoundError:
        folder.mkdir(parents=True, exist_ok=True)
        temporary = place.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text(text, encoding="utf-8", errors="surrogateescape")
        temporary.replace(place)
    return place


def ready(workspace: Workspace, place: Path, given: Mapping[str, tuple[str, ...]]) -> Ready:
    """A recipe with its inputs, checked and planned. Raises Refusal with every problem."""
    values = {name: Given(texts, os.getcwd(), is_text=True) for name, texts in given.items()}
    checked = loading.check(place, surroundings(workspace), given=values, needs_all=True)
    if checked.pipeline is None:
        said = [_plainly(one.sentence) for one in checked.problems if one.severity == "error"]
        raise Refusal(400, "\n".join(dict.fromkeys(said)))
    digests = workspace.digest_inputs(checked.pipeline)
    known = Known(workspace.look, digests, lost=workspace.store.lost())
    try:
        made = plan(checked.pipeline, known, workspace.choose, protect=workspace.protect)
    except BadPlan as bad:
        raise Refusal(400, bad.message) from None
    if made.problems:
        raise Refusal(503, "\n".join(made.problems))
    if made.calls:
        made = with_foreseen(made, digests.known)
    return Ready(checked.pipeline, made, digests)


def _plainly(sentence: str) -> str:
    for prefix in PLACES:
        sentence = sentence.removeprefix(prefix)
    return sentence


def given_of(wish: Wish, path: Callable[[str], str]) -> dict[str, tuple[str, ...]]:
    """The inputs of a wish's recipe; `path` gives the file of a digest."""
    given: dict[str, tuple[str, ...]] = {}
    if wish.image is not None:
        given["photo"] = (path(wish.image),)
    if wish.references:
        given["references"] = tuple(path(one) for one in wish.references)
    if wish.mask is not None:
        given["mask"] = (path(wish.mask),)
    return given


async def carry_out(
    root: Path,
    wish: Wish,
    ceiling: tuple[str, str | None] | None,
    run_id: str,
    stop: Stop | None = None,
    paces: dict[str, Pace] | None = None,
) -> Outcome:
    """Runs the recipe of a wish and keeps its pictures; publishes nothing. Opens the workspace by itself, as any command does.

    `paces` are those of the wishes that are carried out beside it. Raises Refusal and EditchainError.
    """
    with Workspace(root) as workspace, Store(workspace.folder / "server") as pictures:
        found = await anyio.to_thread.run_sync(_ready, workspace, wish, pictures)
        ceilings = () if ceiling is None else (Ceiling(Decimal(ceiling[0]), ceiling[1]),)
        options = running.Options(
            "", command="serve", workers=1, ceilings=ceilings, publishes=False, heeds_signals=False
        )
        report = await running.run(
            workspace, found.plan, found.digests, options, run_id=run_id, stop=stop, paces=paces
        )
        return await anyio.to_thread.run_sync(_outcome, workspace, found.plan, report, pictures)


def looked_ahead(root: Path, wish: Wish) -> Plan:
    """What a wish would do. Raises Refusal."""
    with Workspace(root) as workspace, Store(workspace.folder / "server") as pictures:
        return _ready(workspace, wish, pictures).plan


def _ready(workspace: Workspace, wish: Wish, pictures: Store) -> Ready:
    place = recipe_of(wish, workspace.folder / "server" / "recipes")
    return ready(workspace, place, given_of(wish, lambda digest: pictures.path(bytes.fromhex(digest))))


def _outcome(workspace: Workspace, plan: Plan, report: Report, pictures: Store) -> Outcome:
    last = plan.steps[-1]
    troubles = report.run.troubles
    return Outcome(
        tuple(
            keep(pictures, workspace.store.read(last.digests[at]))
            for at in last.ordinals()
            if at in last.digests
        ),
        tuple(dict.fromkeys(one.message for one in troubles if one.message)),
        is_open=any(one.outcome == "open" for one in troubles),
        is_stopped=report.run.stopped_by is not None,
        costs=costs_of(workspace.journal, report.id),
    )


def keep(pictures: Store, data: bytes) -> Kept:
    """Puts a picture into the server's store, durably. Raises ImageError and StoreError."""
    found = check(data[:HEAD_BYTES], len(data))
    digest = pictures.put(data, durable=True)
    return Kept(digest.hex(), MEDIA_TYPES[found.format].media_type, len(data), found.width, found.height)


def costs_of(journal: Journal, run_id: str) -> dict[str, str]:
    """What the calls of a run cost, by currency: what they may have cost at the most where that is not known."""
    sums: dict[str, Decimal] = {}
    for call in journal.calls(run_id):
        amount = call.price_actual if call.price_actual is not None else call.price_most
        if call.charged != "no" and amount is not None:
            sums[call.currency or ""] = sums.get(call.currency or "", Decimal(0)) + Decimal(amount)
    return {currency: plain(amount) for currency, amount in sums.items()}
