"""Over generated pipelines: with a vendor that never repeats itself, calls made are calls planned; with others, no more."""

from __future__ import annotations

import json
import random
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from tests.runs.shop import Shop, Vendor, outcomes, picture
from tests.runs.test_samples import Printer, planned_calls
from tests.workbench import NOW, paint

from editchain.http import NotSent
from editchain.journal.ledger import Ledger
from editchain.plans.identity import foretold
from editchain.plans.purchasing import purchases
from editchain.plans.sharing import call_sizes, coordinate_of
from editchain.plans.tasks import AFTER, RUN
from editchain.providers.base import Failed, Finished, Refused, Request
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from editchain.plans.tasks import Plan

ROUNDS = 2
SEEDS = [*range(24), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(24, 300))]


def pipeline(rng: random.Random) -> dict[str, Any]:
    """A dozen steps at one vendor and here: loops, samples, gathers, twins and chains of them."""
    steps: dict[str, Any] = {}
    for number in range(rng.randint(3, 12)):
        earlier = list(steps)
        kind = rng.choice(["made", "made", "made", "seeded", "sheet", "small"])
        source = (
            f"${rng.choice(earlier)}" if earlier and rng.random() < 0.7 else rng.choice(["a.png", "b.png"])
        )
        step: dict[str, Any]
        if kind == "sheet":
            used = rng.sample(earlier, min(len(earlier), rng.randint(0, 2)))
            step = {"operation": "contact_sheet", "images": ["a.png", *(f"${one}.*" for one in used)]}
        elif kind == "small":
            step = {"operation": "resize", "image": source, "width": rng.choice([3, 4])}
        else:
            model = "gemini-2.5-flash" if kind == "made" else "flux-kontext"
            step = {"model": model, "image": source, "prompt": rng.choice(["sepia", "warmer", "cooler"])}
            if kind == "seeded":
                step["seed"] = rng.randint(1, 2)
            if "$" not in source and rng.random() < 0.3:
                step["for_each"] = {f"l{number}": ["one", "two", "three"][: rng.randint(1, 3)]}
                step["prompt"] = f"$l{number}"
            if kind == "made" and not _has_samples(steps, source) and rng.random() < 0.3:
                step["num_samples"] = rng.randint(1, 3)
        steps[f"s{number}"] = step
    return {"version": 1, "steps": steps, "outputs": {name: f"${name}" for name in steps}}


def _has_samples(steps: dict[str, Any], source: str) -> bool:
    """Whether what a step takes has samples already: it may not have them twice."""
    while source.startswith("$"):
        step = steps[source[1:]]
        if "num_samples" in step:
            return True
        source = step.get("image", "a.png")
    return False


def changed(rng: random.Random, document: dict[str, Any]) -> None:
    """One word somewhere, so that a part of it is made anew."""
    step = document["steps"][rng.choice(list(document["steps"]))]
    for name, values in (("prompt", ["red", "blue", "green"]), ("width", [3, 4, 5]), ("seed", [1, 2, 3])):
        if name in step and not str(step[name]).startswith("$"):
            step[name] = rng.choice(values)
            return
    step["take"] = rng.randint(1, 3) if "model" in step and "seed" not in step else 1
    if step["take"] == 1:
        del step["take"]


def write(shop: Shop, document: dict[str, Any]) -> None:
    (shop.folder / "p.yaml").write_text(json.dumps(document))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    paint(tmp_path / "a.png")
    paint(tmp_path / "b.png", (3, 2, 1))
    (tmp_path / "editchain.toml").touch()
    return tmp_path


def torn(plan: Plan) -> int:
    """How many pictures a step of one asks for that are also among the samples of another.

    Such a picture is bought once, by itself or in the call of the samples, whichever is ready first: so there may be a
    call less than planned, and never one more.
    """
    keys: dict[bytes, set[tuple[int, int, bool]]] = {}
    open_keys = foretold(plan.steps)
    for one in plan.steps:
        for ordinal in (at for at in one.ordinals() if one.is_to_do(at) and not one.way(at).is_local):
            key = one.keys[ordinal] or open_keys[one.index, ordinal]
            is_shared = call_sizes(one, ordinal)[0] > 1
            group = coordinate_of(one, ordinal).start if is_shared else ordinal
            keys.setdefault(key, set()).add((one.index, group, is_shared))
    return sum(len(groups) > 1 and any(shared for *_, shared in groups) for groups in keys.values())


@pytest.mark.parametrize("seed", SEEDS)
def test_calls_made_are_calls_planned(folder: Path, seed: int) -> None:
    rng = random.Random(seed)
    shop = Shop(folder, Printer())
    document = pipeline(rng)
    for _ in range(ROUNDS):
        write(shop, document)
        with Workspace(folder, now=lambda: NOW) as workspace:
            plan, _ = shop.plan(workspace)
        pictures, either = len(list(purchases(plan.steps))), torn(plan)
        before = len(shop.vendor.bill)
        found = outcomes(shop.run())
        assert found.keys() <= {"done", "cached"}, found
        bought = shop.vendor.bill[before:]
        assert sum(request.count for request in bought) == pictures
        assert plan.calls - either <= len(bought) <= plan.calls
        assert planned_calls(shop) == 0
        changed(rng, document)


class Picky(Printer):
    """A vendor that soon takes nothing more for any model, so that others are asked."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__()
        self.rng = rng

    async def submit(self, session: Any, request: Request) -> Any:
        if self.rng.random() < 0.5:
            self.submits = [Refused("plan", "not included")]
        answer = await Vendor.submit(self, session, request)
        return answer if isinstance(answer, Refused) else Finished(pictures_of(self, request))


def pictures_of(vendor: Vendor, request: Request) -> tuple[bytes, ...]:
    """As many pictures as a request asks for, each another one at each vendor."""
    start = sum(one.count for one in vendor.bill[:-1]) + 1000 * isinstance(vendor, Picky)
    return tuple(picture(start + number + 1) for number in range(request.count))


@pytest.mark.parametrize("seed", SEEDS)
def test_vendors_that_are_asked_instead_make_it_no_more_and_no_dearer(folder: Path, seed: int) -> None:
    rng = random.Random(2000 + seed)
    shop = Shop(folder, Picky(rng), others={"fal": Printer()})
    document = pipeline(rng)
    for _ in range(ROUNDS):
        write(shop, document)
        with Workspace(folder, now=lambda: NOW) as workspace:
            plan, _ = shop.plan(workspace)
        before = spent(shop)
        made = [len(one.bill) for one in shop.vendors.values()]
        assert outcomes(shop.run()).keys() <= {"done", "cached"}
        assert sum(len(one.bill) for one in shop.vendors.values()) - sum(made) <= plan.calls
        for currency, amount in spent(shop).items():
            most = plan.money.most.get(currency, Decimal(0))
            assert amount - before.get(currency, Decimal(0)) <= most
        changed(rng, document)


def spent(shop: Shop) -> dict[str, Decimal]:
    """What all calls so far were expected to cost at the most, by currency."""
    with Workspace(shop.folder, now=lambda: NOW) as workspace:
        sums = Ledger(workspace.journal.calls()).sums()
    return {currency: one.spent for currency, one in sums.items() if currency and one.spent}


class Capricious(Vendor):
    """A vendor that says the same of the same, cannot be reached at times, and fails at times, charged or not."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__()
        self.rng = rng
        self.known: dict[str, int] = {}

    async def submit(self, session: Any, request: Request) -> Any:
        chance = self.rng.random()
        if chance < 0.1:
            self.submits = [NotSent("no connection")]
        elif chance < 0.2:
            self.submits = [Failed("broken", "it broke", self.rng.random() < 0.5)]
        answer = await super().submit(session, request)
        if isinstance(answer, Failed):
            return answer
        like = self.known.setdefault(str(sorted(request.fields.items())), len(self.known) % 3)
        return Finished(tuple(picture(like + number + 1) for number in range(request.count)))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_vendor_that_repeats_itself_or_fails_makes_it_no_more_and_nothing_else(
    folder: Path, seed: int
) -> None:
    rng = random.Random(1000 + seed)
    shop = Shop(folder, Capricious(rng))
    document = pipeline(rng)
    for _ in range(ROUNDS):
        write(shop, document)
        with Workspace(folder, now=lambda: NOW) as workspace:
            plan, _ = shop.plan(workspace)
            named = {
                one.task_name(at)
                for one in plan.steps
                for at in one.ordinals()
                if one.states[at] in (RUN, AFTER)
            }
        before = len(shop.vendor.bill)
        run = shop.run()
        assert len(shop.vendor.bill) - before <= plan.calls
        assert {one.task for one in run.troubles} <= named
        assert sum(run.counts.values()) == len(named)
        changed(rng, document)
