"""Carrying out a wish: a one-step recipe that is checked, planned and run as any other. Runs in whichever process it is called in."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from editchain import providers
from editchain.journal.ledger import Ceiling
from editchain.language import loading
from editchain.language.inputs import Given
from editchain.language.recipes import Recipe, text_of
from editchain.plans.expansion import BadPlan
from editchain.plans.planning import plan
from editchain.runs import running
from editchain.runs.foreseeing import with_foreseen
from editchain.server.asking import Refusal
from editchain.workspace import Known, Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from editchain.pipeline import Pipeline
    from editchain.plans.tasks import Plan
    from editchain.server.asking import Wish
    from editchain.workspace import Digests

PLACES = ("steps.edit.", "steps.edit: ", "inputs.", "photo: ")
"""Where problems of a recipe of ours stand; who sent a request does not know of it."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A wish as a plan, with the digests of its inputs."""

    pipeline: Pipeline
    plan: Plan
    digests: Digests


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a wish ended: the digests of its pictures (hex) in the workspace's store, in the order of its samples.

    `problems` say why pictures are missing; `is_open` where a vendor is still at work and a later try collects them.
    """

    run: str
    pictures: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    is_open: bool = False
    costs: Mapping[str, str] = field(default_factory=dict)


def recipe_of(wish: Wish, folder: Path) -> Path:
    """The recipe of a wish, as a file under a name that its content decides."""
    pictures = {name: name for name in ("references", "mask") if getattr(wish, name)}
    fields = {name: value for name, value in wish.fields.items() if name != "prompt"}
    path = "{photo}-{sample}" if "num_samples" in fields else "{photo}"
    recipe = Recipe("edit", wish.model, str(wish.fields.get("prompt", "")), path, fields, pictures)
    text = text_of(recipe)
    digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:24]
    place = folder / f"{digest}.yaml"
    if not place.exists():
        folder.mkdir(parents=True, exist_ok=True)
        temporary = place.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text(text, encoding="utf-8", errors="surrogateescape")
        temporary.replace(place)
    return place


def ready(
    workspace: Workspace, place: Path, given: Mapping[str, tuple[str, ...]], *, is_ours: bool = True
) -> Ready:
    """A recipe with its inputs, checked and planned. Raises Refusal with every problem."""
    surroundings = loading.Surroundings(
        workspace.checked_catalogue,
        workspace.today,
        providers.check_prompt,
        providers.advise_prompt,
        providers.objections,
    )
    values = {name: Given(texts, os.getcwd(), is_text=True) for name, texts in given.items()}
    checked = loading.check(place, surroundings, given=values, needs_all=True)
    if checked.pipeline is None:
        said = [
            _plainly(one.sentence) if is_ours else one.sentence
            for one in checked.problems
            if one.severity == "error"
        ]
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
    root: str, place: str, given: Mapping[str, tuple[str, ...]], ceiling: tuple[str, str | None] | None, run_id: str,
) -> Outcome:  # fmt: skip
    """Runs a recipe of ours and gives its pictures; publishes nothing. Opens the workspace by itself, as any command does."""
    with Workspace(Path(root)) as workspace:
        found = ready(workspace, Path(place), given)
        ceilings = () if ceiling is None else (Ceiling(Decimal(ceiling[0]), ceiling[1]),)
        options = running.Options(
            "", command="serve", workers=1, ceilings=ceilings, publishes=False, heeds_signals=False
        )
        report = await running.run(workspace, found.plan, found.digests, options, run_id=run_id)
        costs = costs_of(workspace, run_id)
    last = found.plan.steps[-1]
    pictures = tuple(last.digests[at].hex() for at in last.ordinals() if at in last.digests)
    troubles = report.run.troubles
    return Outcome(
        run_id,
        pictures,
        tuple(dict.fromkeys(one.message for one in troubles if one.message)),
        is_open=any(one.outcome == "open" for one in troubles),
        costs=costs,
    )


def carry_out_here(*arguments: Any) -> Outcome:
    """The same, for a process of its own."""
    import anyio

    return anyio.run(carry_out, *arguments)


def costs_of(workspace: Workspace, run_id: str) -> dict[str, str]:
    """What the calls of a run cost, by currency: what they may have cost at the most where that is not known."""
    sums: dict[str, Decimal] = {}
    for call in workspace.journal.calls(run_id):
        amount = call.price_actual if call.price_actual is not None else call.price_most
        if call.charged != "no" and amount is not None:
            sums[call.currency or ""] = sums.get(call.currency or "", Decimal(0)) + Decimal(amount)
    return {currency: f"{amount:f}" for currency, amount in sums.items()}
