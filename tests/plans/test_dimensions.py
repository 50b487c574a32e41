"""Arithmetic with named axes, against a slow and obvious model of what the language says of them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.workbench import Remembered, paint, plan_of

from editchain.errors import PipelineError
from editchain.pipeline import Dimension
from editchain.plans.dimensions import coordinate, keys_at, positions, shape, strides, walk
from editchain.plans.expansion import BadPlan

if TYPE_CHECKING:
    from pathlib import Path

    from editchain.plans.tasks import Plan, StepPlan

Coordinate = tuple[tuple[str, str], ...]
"""A place as (dimension, key) pairs, sorted by the name of the dimension."""


def axis(name: str, count: int) -> Dimension:
    keys = tuple(f"{name}{number}" for number in range(count))
    return Dimension(name, keys, keys, keys)


AXES = st.lists(st.integers(1, 4), max_size=4).map(
    lambda sizes: tuple(axis("abcd"[at], size) for at, size in enumerate(sizes))
)


@given(AXES)
def test_every_place_has_one_ordinal_and_the_last_dimension_is_innermost(
    dimensions: tuple[Dimension, ...],
) -> None:
    places = list(itertools.product(*(range(one.size) for one in dimensions)))
    assert [coordinate(dimensions, ordinal) for ordinal in range(len(places))] == places
    steps = strides(dimensions)
    for ordinal, place in enumerate(places):
        assert ordinal == sum(steps[one.name] * at for one, at in zip(dimensions, place, strict=True))
        assert keys_at(dimensions, ordinal) == {
            one.name: f"{one.name}{at}" for one, at in zip(dimensions, place, strict=True)
        }
    for index, one in enumerate(dimensions):
        assert list(positions(dimensions, one.name)) == [place[index] for place in places]


@given(AXES, st.dictionaries(st.sampled_from("abcde"), st.integers(0, 7)), st.integers(0, 9))
def test_a_walk_is_a_sum_over_positions(
    dimensions: tuple[Dimension, ...], steps: dict[str, int], start: int
) -> None:
    places = itertools.product(*(range(one.size) for one in dimensions))
    wanted = [
        start + sum(steps.get(one.name, 0) * at for one, at in zip(dimensions, place, strict=True))
        for place in places
    ]
    assert list(walk(dimensions, steps, start)) == wanted


def test_a_walk_along_everything_is_held_as_a_range() -> None:
    dimensions = (axis("a", 1000), axis("b", 500))
    assert walk(dimensions, strides(dimensions), 7) == range(7, 500_007)


def test_a_shape_says_sizes_in_order() -> None:
    assert shape((axis("photo", 1200), axis("garment", 8))) == "photo 1,200 × garment 8"


# ---------------------------------------------------------------------- the naive model


@dataclass
class Thing:
    """What a name stands for in the naive model: dimensions in order, and what there is at each coordinate."""

    name: str
    dimensions: dict[str, list[str]]
    tasks: dict[Coordinate, Any] = field(default_factory=dict)

    @property
    def places(self) -> list[dict[str, str]]:
        """Every combination of keys, the last dimension innermost."""
        return [
            dict(zip(self.dimensions, keys, strict=True))
            for keys in itertools.product(*self.dimensions.values())
        ]


@dataclass
class Use:
    """A reference: to a thing, with keys fixed and dimensions gathered; `is_star` for `.*`."""

    thing: Thing
    text: str
    fixed: dict[str, str] = field(default_factory=dict)
    gathered: list[str] = field(default_factory=list)
    is_star: bool = False

    @property
    def is_list(self) -> bool:
        return self.is_star or bool(self.gathered)

    def given(self, outer: set[str], ambient: set[str]) -> dict[str, list[str]]:
        """The dimensions that the user gets from this reference."""
        return {
            name: keys for name, keys in self.thing.dimensions.items()
            if name not in self.fixed and name not in self.gathered and (not self.is_star or name in outer or name in ambient)
        }  # fmt: skip


def at(place: dict[str, str]) -> Coordinate:
    return tuple(sorted(place.items()))


@dataclass
class Naive:
    """The tasks of one step by the rules of the language, one after the other."""

    outer: set[str]

    def step(
        self,
        name: str,
        uses: list[Use],
        loops: dict[str, list[str]],
        samples: int | None,
        excluded: list[dict[str, str]],
        head: Any,
        ambient: Thing | None = None,
    ) -> Thing:
        """`head(place)` is what counts for identity besides pictures."""
        around = dict(ambient.dimensions) if ambient else {}
        dimensions = dict(around)
        for use in uses:
            for key, values in use.given(self.outer, set(around)).items():
                dimensions.setdefault(key, values)
        dimensions.update(loops)
        if samples is not None:
            dimensions["sample"] = [str(number) for number in range(1, samples + 1)]
        made = Thing(name, dimensions)
        for place in made.places:
            if any(all(place[key] == value for key, value in one.items()) for one in excluded):
                continue
            needs = [self.pictures(use, place, dimensions) for use in uses]
            if any(not one and not use.is_list for one, use in zip(needs, uses, strict=True)):
                continue  # a picture that it refers to does not exist here
            if any(not one for one in needs):
                raise BadPlan(None, "empty-gather", name)  # type: ignore[arg-type]  # only that it is raised counts
            flat = [need for one in needs for need in one]
            identities = tuple(tuple(thing.tasks[where][0] for thing, where in one) for one in needs)
            made.tasks[at(place)] = (
                (head(place), sum(identities, ())),
                [(thing.name, where) for thing, where in flat],
            )
        if not made.tasks:
            raise BadPlan(None, "empty-dimension", name)  # type: ignore[arg-type]  # as above
        return made

    def pictures(
        self, use: Use, place: dict[str, str], dimensions: dict[str, list[str]]
    ) -> list[tuple[Thing, Coordinate]]:
        """The pictures that a use stands for at a place, in the order of the thing that has them."""
        thing = use.thing
        gone = set(use.gathered)
        if use.is_star:
            gone |= {name for name in thing.dimensions if name not in dimensions and name not in self.outer}
        found = []
        for there in thing.places:
            if any(there[name] != key for name, key in use.fixed.items()):
                continue
            if any(
                there[name] != place[name] for name in there if name not in gone and name not in use.fixed
            ):
                continue
            if at(there) in thing.tasks:
                found.append((thing, at(there)))
        return found


# ---------------------------------------------------------------------- random pipelines


@dataclass
class Case:
    """A pipeline as data for YAML, with the naive tasks of every step."""

    pipeline: dict[str, Any]
    things: dict[str, Thing]
    fails: bool = False


SUB = {
    "version": 1,
    "inputs": {"picture": {"type": "image"}, "words": {"type": "string", "default": "warmer"}},
    "steps": {
        "soft": {"model": "darkroom", "image": "$picture", "prompt": "make it $words", "for_each": {"amount": [0.25, 0.75]}, "strength": "$amount"},
        "page": {"operation": "contact_sheet", "images": ["$picture", "$soft.*"]},
        "plain": {"operation": "flip", "image": "$picture"},
    },
    "outputs": {"soft": "$soft", "page": "$page", "plain": "$plain"},
}  # fmt: skip

VERBS = ["make it warmer", "make it cooler", "sepia"]
LOOPS = {"look": ["sepia", "warmer"], "tone": ["black and white", "cooler", "vivid"]}
PHOTOS, BOARDS = ["a", "b"], ["k1", "k2", "k3"]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    many = draw(st.booleans())
    photo = Thing("photo", {"photo": PHOTOS} if many else {})
    for place in photo.places:
        photo.tasks[at(place)] = (("photo", place.get("photo", "a")), [])
    boards = Thing("boards", {"boards": BOARDS})
    for place in boards.places:
        boards.tasks[at(place)] = (("board", place["boards"]), [])
    naive = Naive({"photo"} if many else set())
    things: dict[str, Thing] = {}
    names: dict[str, Thing] = {"photo": photo, "boards": boards}
    steps: dict[str, Any] = {}
    for number in range(draw(st.integers(1, 5))):
        name = f"s{number}"
        kind = draw(st.sampled_from(["edit", "edit", "sheet", "resize", "sub"]))
        try:
            if kind == "sub":
                _sub(draw, name, steps, things, names, naive)
            else:
                _step(draw, kind, name, steps, things, names, naive)
        except BadPlan:
            return Case(_whole(many, steps), things, fails=True)
        if sum(len(thing.tasks) for thing in things.values()) > 400:
            break
    return Case(_whole(many, steps), things)


def _whole(many: bool, steps: dict[str, Any]) -> dict[str, Any]:
    photo = {"type": "image", "default": ["photos/a.png", "photos/b.png"] if many else "photos/a.png"}
    return {
        "version": 1,
        "inputs": {"photo": photo, "boards": {"type": "images", "default": "boards"}},
        "steps": steps,
    }


def _one(draw: st.DrawFn, names: dict[str, Thing]) -> Use:
    """A reference to one image at a time."""
    thing = names[draw(st.sampled_from(list(names)))]
    choices = [Use(thing, f"${thing.name}")]
    inner = [name for name in thing.dimensions if name != "photo"]
    if thing.name not in ("photo", "boards"):
        for name in thing.dimensions:
            key = draw(st.sampled_from(thing.dimensions[name]))
            choices.append(Use(thing, f"${{{thing.name}[{name}={key}]}}", {name: key}))
        if len(inner) == 1:
            key = thing.dimensions[inner[0]][-1]
            choices.append(Use(thing, f"${{{thing.name}[{key}]}}", {inner[0]: key}))
    return draw(st.sampled_from(choices))


def _several(draw: st.DrawFn, names: dict[str, Thing]) -> Use:
    """A reference to a list of images."""
    thing = names[draw(st.sampled_from([name for name in names if name != "photo"]))]
    choices = [Use(thing, f"${thing.name}.*", is_star=True)]
    if thing.name != "boards":
        choices += [Use(thing, f"${{{thing.name}[{name}=*]}}", gathered=[name]) for name in thing.dimensions]
    return draw(st.sampled_from(choices))


def _exclusions(draw: st.DrawFn, dimensions: dict[str, list[str]]) -> list[dict[str, str]]:
    if not dimensions or not draw(st.booleans()):
        return []
    names = draw(st.lists(st.sampled_from(list(dimensions)), min_size=1, max_size=2, unique=True))
    return [{name: draw(st.sampled_from(dimensions[name])) for name in names}]


def _step(
    draw: st.DrawFn,
    kind: str,
    name: str,
    steps: dict[str, Any],
    things: dict[str, Thing],
    names: dict[str, Thing],
    naive: Naive,
) -> None:
    step: dict[str, Any] = {}
    loops: dict[str, list[str]] = {}
    samples = None
    if kind == "sheet":
        uses = draw(st.lists(st.one_of(st.just("one"), st.just("several")), min_size=1, max_size=3))
        found = [_one(draw, names) if use == "one" else _several(draw, names) for use in uses]
        step = {"operation": "contact_sheet", "images": [use.text for use in found]}
        head: Any = lambda _place: ("contact_sheet",)  # noqa: E731
    elif kind == "resize":
        found = [_one(draw, names)]
        width = draw(st.integers(4, 6))
        step = {"operation": "resize", "image": found[0].text, "width": width}
        head = lambda _place: ("resize", width)  # noqa: E731
    else:
        found = [_one(draw, names)]
        prompt = draw(st.sampled_from(VERBS))
        step = {"model": "darkroom", "image": found[0].text, "prompt": prompt}
        loop = draw(st.sampled_from([None, None, *LOOPS]))
        if loop is not None:
            step["for_each"] = {loop: LOOPS[loop]}
            if loop not in found[0].given(naive.outer, set()):
                loops[loop] = LOOPS[loop]
            step["prompt"] = f"${loop}"
        has_samples = "sample" in found[0].given(naive.outer, set())
        if not has_samples and draw(st.integers(0, 3)) == 0:
            samples = step["num_samples"] = draw(st.integers(1, 3))
        seed = draw(st.sampled_from([None, None, 5]))
        if seed is not None:
            step["seed"] = seed

        def head(place: dict[str, str]) -> Any:
            sample = int(place["sample"]) - 1 if samples is not None else 0
            which = ("take", 1 + sample) if seed is None else ("seed", seed + sample)
            return ("darkroom", place[loop] if loop else prompt, which)

    dimensions: dict[str, list[str]] = {}
    for use in found:
        dimensions.update(use.given(naive.outer, set()))
    dimensions.update(loops)
    if samples:
        dimensions["sample"] = [str(one) for one in range(1, samples + 1)]
    excluded = _exclusions(draw, dimensions)
    if excluded:
        step["exclude"] = excluded
    steps[name] = step
    made = naive.step(name, found, loops, samples, excluded, head)
    things[name] = names[name] = made


def _sub(
    draw: st.DrawFn,
    name: str,
    steps: dict[str, Any],
    things: dict[str, Thing],
    names: dict[str, Thing],
    naive: Naive,
) -> None:
    use = _one(draw, {key: thing for key, thing in names.items() if "amount" not in thing.dimensions})
    steps[name] = {"pipeline": "sub.yaml", "with": {"picture": use.text}}
    around = Thing("", use.given(naive.outer, set()))
    soft = naive.step(
        f"{name}/soft",
        [use],
        {"amount": ["0.25", "0.75"]},
        None,
        [],
        lambda place: ("darkroom", "make it warmer", ("take", 1), place["amount"]),
        around,
    )
    page = naive.step(
        f"{name}/page",
        [use, Use(soft, "", is_star=True)],
        {},
        None,
        [],
        lambda _place: ("contact_sheet",),
        around,
    )
    plain = naive.step(f"{name}/plain", [use], {}, None, [], lambda _place: ("flip",), around)
    things.update({one.name: one for one in (soft, page, plain)})
    for inner in (soft, page, plain):
        output = inner.name.rpartition("/")[2]
        names[f"{name}.{output}"] = Thing(f"{name}.{output}", inner.dimensions, inner.tasks)


def _place(one: StepPlan, ordinal: int) -> Coordinate:
    return at(keys_at(one.dimensions, ordinal))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("dimensions")
    (made / "editchain.toml").touch()
    for number, name in enumerate(
        [*(f"photos/{one}" for one in PHOTOS), *(f"boards/{one}" for one in BOARDS)]
    ):
        paint(made / f"{name}.png", (40 * number, 90, 10))
    (made / "sub.yaml").write_text(yaml.safe_dump(SUB))
    return made


def compare(plan: Plan, things: dict[str, Thing]) -> None:
    """Tasks, needs and the equality of keys are those of the naive model."""
    by_name = {one.name: one for one in plan.steps}
    naive_of: dict[bytes, Any] = {}
    key_of: dict[Any, bytes] = {}
    for name, one in by_name.items():
        thing = things[name]
        assert {
            dimension.name: list(dimension.keys or ()) for dimension in one.dimensions
        } == thing.dimensions
        assert [_place(one, ordinal) for ordinal in one.ordinals()] == [
            at(place) for place in thing.places if at(place) in thing.tasks
        ]
        for ordinal in one.ordinals():
            identity, needs = thing.tasks[_place(one, ordinal)]
            found = [(producer.name, _place(producer, need)) for producer, need in one.needs(ordinal)]
            assert found == [
                (who.replace(".", "/"), where) for who, where in needs if who not in ("photo", "boards")
            ]
            key = one.keys[ordinal]
            assert key is not None
            assert naive_of.setdefault(key, identity) == identity, "two tasks that differ have one key"
            assert key_of.setdefault(identity, key) == key, "two tasks that are the same have two keys"


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(case=cases())
def test_tasks_needs_and_keys_are_those_of_the_naive_model(folder: Path, case: Case) -> None:
    file = folder / "p.yaml"
    file.write_text(yaml.safe_dump(case.pipeline, sort_keys=False))
    if case.fails:
        with pytest.raises((BadPlan, PipelineError)):
            plan_of(file, Remembered())
        return
    compare(plan_of(file, Remembered()), case.things)


def test_samples_of_another_step_are_gathered_by_one_that_has_samples_of_its_own(folder: Path) -> None:
    paint(folder / "a.png")
    file = folder / "samples.yaml"
    file.write_text(
        "version: 1\nsteps:\n"
        "  first: {model: gemini-2.5-flash, image: a.png, prompt: x, num_samples: 2}\n"
        "  second: {model: gemini-2.5-flash, image: a.png, references: $first.*, prompt: y, num_samples: 3}\n"
        "  third: {model: gemini-2.5-flash, image: $second, references: $second.*, prompt: z}\n"
    )
    plan = plan_of(file, Remembered())
    by_name = {one.name: one for one in plan.steps}
    second, third = by_name["second"], by_name["third"]
    assert second.count == 3
    assert [[at for _, at in second.needs(ordinal)] for ordinal in range(3)] == [[0, 1]] * 3
    # What comes from one step has its samples lined up.
    assert [[at for _, at in third.needs(ordinal)] for ordinal in range(3)] == [[0, 0], [1, 1], [2, 2]]
