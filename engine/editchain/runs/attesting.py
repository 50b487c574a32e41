"""Attesting: from a task of a plan to what its picture's content credentials claim: each edit an action, its parents ingredients."""

from __future__ import annotations

import base64
import posixpath
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from editchain.artifacts import ImageSource
from editchain.errors import StoreError
from editchain.imaging.credits import SOURCE_TYPES
from editchain.imaging.marking import credentials_in, names_a_place
from editchain.models import Model
from editchain.plans.tasks import IN_PASSING, Column
from editchain.runs.crediting import FULL, MAIN, main_of
from editchain.signing import Claim, Ingredient, media_type_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from editchain.plans.tasks import StepPlan
    from editchain.runs.crediting import Crediting
    from editchain.signing import Relation, Signer
    from editchain.store import Store

COMPOSITE = "composite"
"""What IPTC calls a picture of several that were put together."""

_ACTIONS = {
    **dict.fromkeys(("crop", "trim"), "c2pa.cropped"),
    **dict.fromkeys(("resize", "upscale"), "c2pa.resized"),
    **dict.fromkeys(("flip", "rotate", "straighten"), "c2pa.orientation"),
    **dict.fromkeys(("adjust", "curves", "lut", "match_colours", "recolour"), "c2pa.color_adjustments"),
    **dict.fromkeys(("blur", "denoise", "grain", "sharpen"), "c2pa.filtered"),
    "convert": "c2pa.converted",
}
"""Operations that C2PA has a word for; all else is `c2pa.edited`."""
_PREFIX = "dev.editchain"
Task = tuple["StepPlan", int]


class _Story:
    """Actions and ingredients as they come together."""

    def __init__(self) -> None:
        self.actions: list[dict[str, Any]] = []
        self.ingredients: dict[str, Ingredient] = {}

    def take(self, ingredient: Ingredient) -> str:
        """Adds an ingredient, once; gives its id. One that goes into the picture itself is a component of it."""
        found = self.ingredients.setdefault(ingredient.id, ingredient)
        if found.relation == "inputTo":
            self.ingredients[ingredient.id] = ingredient
        return ingredient.id

    def tell(self, action: str, ids: Iterable[str] = (), said: Mapping[str, Any] | None = None) -> None:
        """Adds an action on ingredients."""
        told: dict[str, Any] = {"action": action, **(said or {})}
        if ids := list(dict.fromkeys(ids)):
            told["parameters"] = {**told.get("parameters", {}), "ingredientIds": ids}
        self.actions.append(told)


class Attester:
    """Signs the pictures of a plan. `digest` is how inputs are known."""

    def __init__(
        self,
        signer: Signer,
        store: Store,
        crediting: Crediting,
        digest: Callable[[ImageSource], bytes | None],
    ) -> None:
        self._signer = signer
        self._store = store
        self._crediting = crediting
        self._digest = digest
        self._inputs: dict[ImageSource, Ingredient] = {}

    def sign(self, one: StepPlan, at: int, data: bytes) -> bytes:
        """The file of one task's picture with content credentials. Raises ImageError where it cannot be signed."""
        return self._signer.sign(data, self.claim(one, at))

    def claim(self, one: StepPlan, at: int) -> Claim:
        """What is claimed of one task's picture: the picture that was opened, or that one was created, then every edit."""
        story = _Story()
        first = _first(one, at)
        parent = _given(*first, MAIN)
        if parent is not None:
            opened = story.take(replace(self._input(parent), relation="parentOf"))
            story.tell("c2pa.opened", [opened])
        else:
            opened = None
            self._create(story, *first)
        for task, number in _in_order(one, at):
            if task.is_check or (parent is None and (task, number) == first and not _takes_any(*first)):
                continue
            self._edit(story, task, number, opened)
        return Claim(tuple(story.actions), tuple(story.ingredients.values()))

    def _create(self, story: _Story, task: StepPlan, number: int) -> None:
        """That a picture was made of none: by a model, by a function, or as a canvas for others."""
        if _takes_any(task, number):
            story.tell("c2pa.created", said={"digitalSourceType": SOURCE_TYPES + COMPOSITE})
            return
        source = self._crediting.past(task, number).source_type
        ids = self._bought(story, task, number)
        story.tell(
            "c2pa.created", ids, {**self._said(task, number), "digitalSourceType": SOURCE_TYPES + source}
        )

    def _edit(self, story: _Story, task: StepPlan, number: int, opened: str | None) -> None:
        document = task.way(number).document
        is_model = isinstance(document, Model)
        relation: Relation = "inputTo" if is_model else "componentOf"
        given = [self._input(source) for source in _sources(task, number)]
        ids = [story.take(replace(one, relation=relation)) for one in given if one.id != opened]
        if not is_model:
            if ids:
                story.tell("c2pa.placed", ids)
            story.tell(_ACTIONS.get(document.name, "c2pa.edited"), said=self._said(task, number))
            return
        source = self._crediting.past(task, number).source_type
        ids += self._bought(story, task, number)
        story.tell(
            "c2pa.edited", ids, {**self._said(task, number), "digitalSourceType": SOURCE_TYPES + source}
        )

    def _said(self, task: StepPlan, number: int) -> dict[str, Any]:
        """Who did it, under which key, and, where all is said, in which words."""
        document, key = task.way(number).document, task.keys[number]
        is_model = isinstance(document, Model)
        said: dict[str, Any] = {"softwareAgent": {"name": document.name if is_model else "editchain"}}
        more = {
            f"{_PREFIX}.operation": None if is_model else document.name,
            f"{_PREFIX}.key": key and key.hex(),
        }
        if self._crediting.setting == FULL:
            prompt = task.value("prompt", number) if "prompt" in task.values else None
            more[f"{_PREFIX}.step"] = task.task_name(number)
            if prompt is not None:
                said["description"] = str(prompt)
        return {**said, "parameters": {name: value for name, value in more.items() if value}}

    def _bought(self, story: _Story, task: StepPlan, number: int) -> list[str]:
        """A vendor's picture that comes with credentials of its own, as an ingredient that keeps them."""
        digest = task.digests.get(number, IN_PASSING)
        if task.way(number).is_local or digest == IN_PASSING:
            return []
        try:
            found = _kept(self._store.read(digest), with_place=self._crediting.setting == FULL)
        except StoreError:
            return []  # it was collected since; what was made of it is here
        if found is None:
            return []
        name = f"picture by {task.way(number).document.name}"
        id_ = f"sha256:{digest.hex()}"
        return [story.take(Ingredient(id_, "componentOf", name, media_type_of(found), found))]

    def _input(self, source: ImageSource) -> Ingredient:
        """A picture that was given, with its own credentials where it has any."""
        found = self._inputs.get(source)
        if found is None:
            digest, is_full = self._digest(source), self._crediting.setting == FULL
            data = None if digest is None else self._read(source, digest)
            id_ = f"asset:{source.location}" if digest is None else f"sha256:{digest.hex()}"
            title = _name(source) if is_full else "input"
            kept = None if data is None else _kept(data, with_place=is_full)
            form = None if data is None else media_type_of(data)
            found = self._inputs[source] = Ingredient(id_, "componentOf", title, form, kept or b"")
        return found

    def _read(self, source: ImageSource, digest: bytes) -> bytes | None:
        """The bytes of a picture that was given; None where they are not at hand any more."""
        try:
            if source.kind == "url":
                return self._store.read(digest)
            if source.kind == "data":
                return base64.b64decode(source.location.partition(",")[2])
            data = Path(source.location).read_bytes()
        except (OSError, StoreError):
            return None
        return data if sha256(data).digest() == digest else None


def _kept(data: bytes, *, with_place: bool) -> bytes | None:
    """A file that has credentials which may be kept; None for another, of which nothing is needed."""
    found = credentials_in(data)
    return None if found is None or (names_a_place(found) and not with_place) else data


def _name(source: ImageSource) -> str:
    """What a picture is called, without where it is."""
    if source.kind == "data":
        return "input"
    path = urlsplit(source.location).path if source.kind == "url" else source.location
    return posixpath.basename(path) or "input"


# ---------------------------------------------------------------------- the way a picture came


def _first(one: StepPlan, at: int) -> Task:
    """Where the line of edits begins that led to a picture: each of the main picture of the one before."""
    while (before := main_of(one, at)) is not None:
        one, at = before
    return one, at


def _in_order(one: StepPlan, at: int) -> Iterator[Task]:
    """All tasks that a picture came through, needs first."""
    seen: set[tuple[int, int]] = set()
    # An own stack: chains may be longer than Python's.
    left = [(one, at, False)]
    while left:
        task, number, is_met = left.pop()
        if is_met:
            yield task, number
        elif (task.index, number) not in seen:
            seen.add((task.index, number))
            left.append((task, number, True))
            left += [(need, ordinal, False) for need, ordinal in reversed(list(task.needs(number)))]


def _given(task: StepPlan, number: int, name: str) -> ImageSource | None:
    """The one picture that was given under a field."""
    found = [_source(part, number) for part in task.images.get(name, ())]
    return found[0] if len(found) == 1 else None


def _sources(task: StepPlan, number: int) -> Iterator[ImageSource]:
    for parts in task.images.values():
        for part in parts:
            source = _source(part, number)
            if source is not None:
                yield source


def _source(part: object, number: int) -> ImageSource | None:
    found = part[number] if isinstance(part, Column) else part
    return found if isinstance(found, ImageSource) else None


def _takes_any(task: StepPlan, number: int) -> bool:
    return any(True for _ in task.needs(number)) or any(True for _ in _sources(task, number))
