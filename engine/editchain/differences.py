"""Differences: what is unlike between two versions of a pipeline: its recipe, its pictures, what they cost."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from editchain.classes import dataclass
from editchain.errors import ImageError, StoreError
from editchain.language.references import find_references
from editchain.plans.tasks import Money

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from PIL import Image

    from editchain.lock import Line
    from editchain.models import Catalogue, Price
    from editchain.store import Store

What = Literal["added", "removed", "changed"]
State = Literal["same", "changed", "added", "removed"]

SECTIONS = ("inputs", "defaults", "steps", "outputs")
"""The parts of a recipe whose entries have names of their own; all else is said of the pipeline itself."""

Recipe = dict[str, dict[str, Any]]
"""Section to the name of an entry to what it says; the section `pipeline` has one entry without a name."""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field of an entry, and its values; one that was not said is None there, and `what` tells."""

    field: str
    what: What
    before: Any
    after: Any

    @property
    def texts(self) -> tuple[str, str] | None:
        """Both values where they are texts of which words may have changed."""
        if isinstance(self.before, str) and isinstance(self.after, str) and " " in self.before + self.after:
            return self.before, self.after
        return None


@dataclass(frozen=True, slots=True)
class EntryChange:
    """A step, input, output or the defaults that differ; `section` is one of SECTIONS, or `pipeline`."""

    section: str
    name: str
    what: What
    fields: tuple[FieldChange, ...]


@dataclass(frozen=True, slots=True)
class Compared:
    """How unlike two pictures are: the share of pixels that differ, 0 to 1, and structural similarity, 1 where equal.

    Sizes are width and height in pixels; where they differ, the second picture was brought to the size of the first.
    """

    share: float
    ssim: float
    before_size: tuple[int, int]
    after_size: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Pair:
    """A task's pictures on both sides; `compared` is None unless both differ and can be read here."""

    task: str
    state: State
    before: Line | None
    after: Line | None
    before_is_here: bool = False
    after_is_here: bool = False
    compared: Compared | None = None

    @property
    def is_at_hand(self) -> bool:
        """Whether every picture of it can be read here."""
        return (self.before is None or self.before_is_here) and (self.after is None or self.after_is_here)


@dataclass(frozen=True, slots=True)
class Cost:
    """What it costs to buy pictures from nothing: how many, and at what price."""

    pictures: int
    money: Money


@dataclass(frozen=True, slots=True)
class Difference:
    """Two versions of a pipeline side by side. `more` is what buying the second costs more than the first.

    `before` and `after` are what the versions are called, with the commits in `commits`, None for the working tree.
    """

    file: str
    before: str
    after: str
    commits: tuple[str | None, str | None]
    recipe: tuple[EntryChange, ...]
    pictures: tuple[Pair, ...]
    before_cost: Cost
    after_cost: Cost
    more: Money | None

    @property
    def counts(self) -> dict[str, int]:
        """State to the number of tasks; `not_at_hand` are those of which a picture is not here."""
        found = dict.fromkeys(("same", "changed", "added", "removed"), 0)
        for pair in self.pictures:
            found[pair.state] += 1
        return {**found, "not_at_hand": sum(not pair.is_at_hand for pair in self.pictures)}

    @property
    def notices(self) -> tuple[str, ...]:
        """What a reader should know before believing it."""
        is_changed = any(one.section != "outputs" for one in self.recipe)
        if (
            is_changed
            and self.pictures
            and all(
                pair.before is not None and pair.after is not None and pair.before.key == pair.after.key
                for pair in self.pictures
            )
        ):
            return ("The recipe changed and its lock did not: it has not been run since.",)
        return ()


# ---------------------------------------------------------------------- recipes


def recipe_of(root: Mapping[str, Any], text_of: Callable[[str], str | None]) -> Recipe:
    """The parts of a pipeline that are compared; `text_of` reads a `prompt_file`, which counts as the prompt."""
    found: Recipe = {"pipeline": {"": {}}}
    for name, value in root.items():
        if name not in SECTIONS or not isinstance(value, dict):
            found["pipeline"][""][name] = value
        elif name == "defaults":
            found[name] = {"": value}
        else:
            found[name] = dict(value)
    steps = found.get("steps", {})
    for name, step in steps.items():
        if isinstance(step, dict) and isinstance(step.get("prompt_file"), str) and "prompt" not in step:
            text = text_of(step["prompt_file"])
            steps[name] = step if text is None else {**step, "prompt": text}
    return found


def changes(before: Recipe, after: Recipe) -> Iterator[EntryChange]:
    """What differs, section by section, each in the order in which it stands."""
    for section in ("pipeline", *SECTIONS):
        one, other = before.get(section, {}), after.get(section, {})
        for name in dict.fromkeys((*one, *other)):
            if name not in other or name not in one:
                what: What = "added" if name in other else "removed"
                yield EntryChange(section, name, what, tuple(_fields(one.get(name), other.get(name))))
            elif not _is_same(one[name], other[name]):
                yield EntryChange(section, name, "changed", tuple(_fields(one[name], other[name])))


def _fields(before: Any, after: Any) -> Iterator[FieldChange]:
    one, other = (
        value if isinstance(value, dict) else {} if value is None else {"default": value}
        for value in (before, after)
    )
    for name in dict.fromkeys((*one, *other)):
        if name not in one:
            yield FieldChange(name, "added", None, other[name])
        elif name not in other:
            yield FieldChange(name, "removed", one[name], None)
        else:
            yield from _inside(name, one[name], other[name])


def _inside(path: str, before: Any, after: Any) -> Iterator[FieldChange]:
    """What differs in a value, as far down as both are alike: `for_each.look[noir].prompt`."""
    if _is_same(before, after):
        return
    parts = [_parts(value) for value in (before, after)]
    if (
        type(before) is not type(after)
        or not all(parts)
        or (
            isinstance(before, list)
            and len(before) != len(after)
            and not all(map(_are_named, (before, after)))
        )
    ):
        yield FieldChange(path, "changed", before, after)
        return
    for name in dict.fromkeys((*parts[0], *parts[1])):
        one, other = parts[0].get(name), parts[1].get(name)
        if name not in parts[0]:
            yield FieldChange(path + name, "added", None, other)
        elif name not in parts[1]:
            yield FieldChange(path + name, "removed", one, None)
        else:
            yield from _inside(path + name, one, other)
    if list(parts[0]) != list(parts[1]) and isinstance(before, list) and parts[0].keys() == parts[1].keys():
        yield FieldChange(f"{path} (order)", "changed", list(parts[0]), list(parts[1]))


def _parts(value: Any) -> dict[str, Any]:
    """What a mapping or a list holds, by how each is written behind its path; items go by name where they have one."""
    if isinstance(value, dict):
        return {f".{name}": item for name, item in value.items()}
    if isinstance(value, list):
        named = _are_named(value)
        return {f"[{item['name'] if named else at}]": item for at, item in enumerate(value, 1)}
    return {}


def _are_named(items: list[Any]) -> bool:
    names = [item.get("name") if isinstance(item, dict) else None for item in items]
    return all(isinstance(name, str) for name in names) and len(set(names)) == len(names)


def _is_same(one: Any, other: Any) -> bool:
    """Whether two values say the same: 1 and true do not."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_is_same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_is_same, one, other))
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


# ---------------------------------------------------------------------- pictures


def pairs(before: Iterable[Line], after: Iterable[Line]) -> Iterator[Pair]:
    """The pictures of both sides by task, in order of tasks.

    Where a task has several lines, as of several photos, those of one key belong together, then one that is left on
    each side; what is left beyond that was removed or added.
    """
    one, other = _by_task(before), _by_task(after)
    for task in sorted({*one, *other}):
        old, new = one.get(task, []), other.get(task, [])
        for line in list(old):
            same = next((found for found in new if found.key == line.key), None)
            if same is not None:
                old.remove(line)
                new.remove(same)
                yield _pair(line, same)
        if len(old) == len(new) == 1:
            yield _pair(old.pop(), new.pop())
        yield from (Pair(task, "removed", line, None) for line in old)
        yield from (Pair(task, "added", None, line) for line in new)


def _by_task(lines: Iterable[Line]) -> dict[str, list[Line]]:
    found: dict[str, list[Line]] = {}
    for line in dict.fromkeys(lines):
        found.setdefault(line.task, []).append(line)
    return found


def _pair(before: Line, after: Line) -> Pair:
    return Pair(after.task, "same" if before.digest == after.digest else "changed", before, after)


def looked_at(found: Sequence[Pair], store: Store) -> list[Pair]:
    """The pairs with what the store has of them; those that changed are compared."""

    def look(pair: Pair) -> Pair:
        here = [line is not None and store.has(line.digest) for line in (pair.before, pair.after)]
        pair = replace(pair, before_is_here=here[0], after_is_here=here[1])
        if pair.state != "changed" or not all(here):
            return pair
        opened = opened_pair(pair, store)
        return pair if opened is None else replace(pair, compared=_compared(*opened))

    with ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        return list(pool.map(look, found))


def opened_pair(pair: Pair, store: Store) -> tuple[Image.Image, Image.Image] | None:
    """Both pictures of a pair; None where one of them is not there, or cannot be read."""
    from editchain.imaging import codec

    if pair.before is None or pair.after is None:
        return None
    try:
        return codec.decode(store.read(pair.before.digest)), codec.decode(store.read(pair.after.digest))
    except (StoreError, ImageError):
        return None


def _compared(before: Image.Image, after: Image.Image) -> Compared:
    from editchain.imaging.difference import differing_share
    from editchain.imaging.geometry import scaled
    from editchain.imaging.measures import ssim

    fitted = scaled(after, before.size)
    return Compared(differing_share(before, fitted), ssim(fitted, before), before.size, after.size)


# ---------------------------------------------------------------------- prices


def cost(
    lines: Iterable[Line], recipe: Recipe, catalogue: Catalogue, is_local: Callable[[str], bool]
) -> Cost:
    """What the pictures of a lock would cost to buy from nothing, by the routes that gave them and today's prices."""
    least: dict[str, Decimal] = {}
    most: dict[str, Decimal] = {}
    pictures = unknown = 0
    for line in {line.key: line for line in lines}.values():
        if line.kind != "model" or (line.route is not None and is_local(line.route)):
            continue
        pictures += 1
        price = _price(line, recipe, catalogue)
        if price is None:
            unknown += 1
            continue
        least[price.currency] = least.get(price.currency, Decimal(0)) + price.least
        most[price.currency] = most.get(price.currency, Decimal(0)) + price.most
    return Cost(pictures, Money(least, most, unknown))


def _price(line: Line, recipe: Recipe, catalogue: Catalogue) -> Price | None:
    """The price of a line's picture; None where no document has one, or it goes by what the recipe's text does not tell."""
    if line.name not in catalogue.models or line.route is None:
        return None
    model = catalogue.models[line.name]
    general, names = model.price(line.route), model.price_fields(line.route)
    if general is None or not names:
        return general
    step = recipe.get("steps", {}).get(line.task.partition("[")[0])
    if not isinstance(step, dict):
        return None
    fields = {**model.defaults, **recipe.get("defaults", {}).get("", {}), **step}
    said = {name: fields[name] for name in names if name in fields}
    if any(isinstance(value, str) and any(True for _ in find_references(value)) for value in said.values()):
        return None
    return model.price(line.route, said)


def dearer(gone: Money, new: Money) -> Money | None:
    """What is new less what is gone, the lower prices and the upper ones; None where a price is unknown."""
    if gone.unknown or new.unknown:
        return None
    least, most = {}, {}
    for currency in dict.fromkeys((*gone.most, *new.most)):
        ends = [
            of.get(currency, Decimal(0)) - less.get(currency, Decimal(0))
            for of, less in ((new.least, gone.least), (new.most, gone.most))
        ]
        least[currency], most[currency] = min(ends), max(ends)
    return Money(least, most, 0)
