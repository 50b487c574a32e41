"""Ruling: the bound fields of a step held against the rules of the models or operations that it runs by."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, NamedTuple

from editchain.artifacts import ImageSource
from editchain.diagnostics import Place
from editchain.imaging.extra import install, is_installed
from editchain.language.references import BadReference, Reference, find_references, parse
from editchain.language.scalars import width_of
from editchain.language.scope import Handed, written_at
from editchain.language.syntax import Map, Seq, written
from editchain.language.values import (
    dimensions_of,
    evaluate_text,
    is_image_pick,
    is_known,
    is_plain,
    value_at,
)
from editchain.misfits import dotted
from editchain.pipeline import UNKNOWN, Gathered, Input, Joined, Listing, PathOf, Pick, Picture, Record
from editchain.rules import Rules
from editchain.schemas import TYPES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from editchain.diagnostics import Problems
    from editchain.language.drafts import Draft, Entry
    from editchain.language.resolving import Resolver
    from editchain.language.scope import Scope
    from editchain.misfits import RuleProblem
    from editchain.models import Model, OperationDocument
    from editchain.pipeline import Dimension

    CheckPrompt = Callable[[str, str, Collection[str]], Iterable[tuple[int, int, str, str | None]]]

MAX_CHECKED = 1000
"""How many combinations of values are checked one by one; beyond it each value beside the first of the others."""

NOT_RULED = ("for_each", "exclude", "after")
"""Fields that have no rules of their own in a document: they are read before."""

_OF_CALLS = ("missing", "retry", "timeout")
_PICTURE = "$picture"
_PICTURES = (ImageSource, Picture, PathOf)
_SCALAR_TYPES = frozenset((str, int, float, bool))


class Candidate(NamedTuple):
    """The fields at one combination of values: as the rules see them, and where values come from."""

    fields: dict[str, Any]
    ignored: frozenset[str]
    positions: Mapping[str, int]


class _Call(NamedTuple):
    """What has the rules for a step that runs a pipeline."""

    rules: Rules


_CALL = _Call(Rules("a step that runs a pipeline", {"properties": {}}, "pipeline"))


class Ruling:
    """Holds steps of one file against the rules."""

    def __init__(
        self,
        scope: Scope,
        check_prompt: CheckPrompt,
        advise_prompt: CheckPrompt,
        problems: Problems,
    ) -> None:
        self.names = scope.names
        self.prefix = scope.prefix
        self.check_prompt = check_prompt
        self.advise_prompt = advise_prompt
        self.problems = problems

    def check(self, draft: Draft, fields: Mapping[str, Any], resolver: Resolver) -> None:
        """Notes everything that the documents of a step have against its fields."""
        found: list[Candidate] | None = None
        for name, document in draft.documents.items():
            if found is None:
                found = list(candidates(draft, fields))
            prompts: dict[str, Candidate] = {}
            for one in found:
                one.fields[draft.kind] = name
                if not document.rules.is_valid(one.fields):
                    self._report(draft, fields, document, one, resolver)
                if needs := document.document.get("x-editchain", {}).get("needs"):
                    self._check_extra(draft, needs, one, resolver)
                prompt = one.fields.get("prompt")
                if isinstance(prompt, str) and prompt.strip() and "prompt" not in one.ignored:
                    prompts.setdefault(prompt, one)
            if "prompt" in draft.entries and _is_prompt_checked(draft, document):
                self._check_prompts(draft, fields, document, prompts, resolver)

    def check_call(self, draft: Draft, fields: Mapping[str, Any], resolver: Resolver) -> None:
        """Notes everything that is wrong with the fields of a step that runs a pipeline."""
        own = {key: value for key, value in fields.items() if key in _OF_CALLS}
        for one in candidates(draft, own):
            self._report(draft, own, _CALL, one, resolver)

    # ------------------------------------------------------------------ rules

    def _report(
        self,
        draft: Draft,
        fields: Mapping[str, Any],
        document: Model | OperationDocument | _Call,
        candidate: Candidate,
        resolver: Resolver,
    ) -> None:
        for problem in document.rules.problems(candidate.fields):
            field = str(problem.path[0]) if problem.path else ""
            if field in candidate.ignored or _is_a_consequence(problem, draft, candidate):
                continue
            place, message, suggestion = self._untyped_column(draft, fields, problem, candidate) or (
                self._place_of(draft, fields, problem, candidate),
                problem.message,
                self._of_an_input(draft, problem) or problem.suggestion,
            )
            if problem.code == "missing-field" and _of_nothing(draft, fields, problem) is not None:
                message = f"{message.removesuffix('.')}: what stands here is an input that was given nothing."
                suggestion = "Give that input a value, or a default."
            message, suggestion = _as_spelt(candidate, problem, place, message, suggestion)
            where = self._called(draft, place) + (f".{dotted(problem.path)}" if problem.path else "")
            note = self.problems.error if problem.severity == "error" else self.problems.warning
            if problem.severity == "error":
                resolver.is_sound = False
            note(place, problem.code, f"{where}: {message}", suggestion, width=_width(candidate, problem))

    def _called(self, draft: Draft, place: Place) -> str:
        """How a message calls a step: with the steps that lead to it where it stands in another file."""
        return f"steps.{'' if place.source is draft.source else self.prefix}{draft.name}"

    def _of_an_input(self, draft: Draft, problem: RuleProblem) -> str | None:
        """What to do about an input of another type where text is wanted: quotes would not suit its type."""
        value = draft.entries[str(problem.path[0])].value if len(problem.path) == 1 else None
        if (
            problem.code != "wrong-type"
            or not problem.message.endswith("is not text.")
            or not isinstance(value, str)
        ):
            return None
        name = next((one.name for one in find_references(value) if one.raw == value), None)
        target = self.names.get(name) if name is not None else None
        known = target.input if isinstance(target, Handed) else target
        if not isinstance(known, Input) or known.type not in ("integer", "number", "boolean"):
            return None
        return f"Declare {known.name} with type: string, or say more in the text than ${known.name} alone."

    def _untyped_column(
        self, draft: Draft, fields: Mapping[str, Any], problem: RuleProblem, candidate: Candidate
    ) -> tuple[Place, str, str | None] | None:
        """Says of a column's text where a number is wanted that the column has to be typed, and of the reverse."""
        value = fields.get(str(problem.path[0])) if len(problem.path) == 1 else None
        if problem.code != "wrong-type" or not isinstance(value, Pick) or value.column is None:
            return None
        table = self.names.get(value.dimension.name)
        if not isinstance(table, Input) or table.type != "table":
            return None
        found = candidate.fields[str(problem.path[0])]
        if (
            not isinstance(found, str)
            and self._place_of(draft, fields, problem, candidate).source is draft.source
        ):
            return None  # it is written in the pipeline, and may be put in quotes there
        entry = draft.entries[str(problem.path[0])]
        columns = f"{value.dimension.name}.{value.column}"
        if not isinstance(found, str):
            message = f"{columns} is no text, as `columns` types it, and text is wanted."
            return entry.place, message, f"Take {value.column} out of columns in that input."
        kind = next(
            (one for one, words in TYPES.items() if problem.message.endswith(f"is not {words}.")), "number"
        )
        message = f"{columns} is text, as every column is that `columns` does not type."
        return entry.place, message, f"Write columns: {{{value.column}: {kind}}} in that input."

    def _place_of(
        self, draft: Draft, fields: Mapping[str, Any], problem: RuleProblem, candidate: Candidate
    ) -> Place:
        path, step = problem.path, Place(draft.source, draft.at)
        if not path:
            return _of_nothing(draft, fields, problem) or step
        entry = draft.entries.get(str(path[0]))
        if entry is None:
            return step
        if problem.at_key and len(path) == 1:
            return Place(entry.source, entry.key_at)
        origin = self.origin(entry, fields.get(str(path[0])), candidate.positions)
        return origin or Place(entry.source, _inner_place(entry, path, problem.at_key))

    def origin(self, entry: Entry, bound: Any, positions: Mapping[str, int]) -> Place | None:
        """Where the value stands that a field wholly refers to, where it is written in a file."""
        if isinstance(bound, Pick):
            position = positions.get(bound.dimension.name, 0)
            return bound.dimension.place_at(position, bound.column)
        if not isinstance(entry.value, str) or not entry.value.startswith("$"):
            return None
        try:
            reference = parse(entry.value)
        except BadReference:
            return None
        return self._value_place(reference) if isinstance(reference, Reference) else None

    def _value_place(self, reference: Reference) -> Place | None:
        target = self.names.get(reference.name)
        known = target.input if isinstance(target, Handed) else target
        return None if isinstance(known, Input) and known.type == "image" else written_at(target)

    def _check_extra(
        self, draft: Draft, needs: Mapping[str, Any], candidate: Candidate, resolver: Resolver
    ) -> None:
        """Notes an optional extra that is not installed here and without which the operation cannot run."""
        import jsonschema_rs

        if is_installed(needs["extra"]) or not jsonschema_rs.is_valid(
            needs.get("when", True), candidate.fields
        ):
            return
        entry = draft.entries[draft.kind]
        resolver.is_sound = False
        self.problems.error(
            Place(entry.source, entry.at),
            "missing-extra",
            f"steps.{draft.name}: {draft.target} needs the extra {needs['extra']}, which is not installed here.",
            f"Install it with: {install(needs['extra'])}.",
            width=len(str(entry.value)),
        )

    # ------------------------------------------------------------------ prompts

    def _check_prompts(
        self,
        draft: Draft,
        fields: Mapping[str, Any],
        document: Any,
        prompts: Mapping[str, Candidate],
        resolver: Resolver,
    ) -> None:
        """Lets the provider that can tell from the words alone say what it would not understand."""
        entry = draft.entries["prompt"]
        for prompt, candidate in prompts.items():
            given = candidate.fields.keys()
            for start, end, message, suggestion in self.advise_prompt(document.checked_by, prompt, given):
                place = self._place_of_words(
                    entry, fields.get("prompt"), prompt[start:end], candidate.positions, resolver
                )
                said = f"{self._called(draft, place)}.prompt: {message}"
                self.problems.warning(
                    place, "unused-picture", said, suggestion, width=max(1, min(end - start, 60))
                )
            for start, end, message, suggestion in self.check_prompt(document.checked_by, prompt, given):
                place = self._place_of_words(
                    entry, fields.get("prompt"), prompt[start:end], candidate.positions, resolver
                )
                resolver.is_sound = False
                said = f"{self._called(draft, place)}.prompt: {message}"
                self.problems.error(
                    place, "not-understood", said, suggestion, width=max(1, min(end - start, 60))
                )

    def _place_of_words(
        self, entry: Entry, bound: Any, words: str, positions: Mapping[str, int], resolver: Resolver
    ) -> Place:
        """Where words of a prompt stand: in a value that it refers to, else in the prompt itself."""
        if (origin := self.origin(entry, bound, positions)) is not None:
            at = resolver.place_in(origin.source, origin.offset, words) if words else origin.offset
            is_near = origin.source.locate(at)[0] - origin.source.locate(origin.offset)[0] < 50
            return Place(origin.source, at if is_near else origin.offset)
        if isinstance(bound, Joined):
            for pick in bound.parts:
                if isinstance(pick, Pick) and _says(pick, positions, words):
                    place = pick.dimension.place_at(positions[pick.dimension.name], pick.column)
                    if place is not None:
                        return place
        for reference in find_references(entry.value):
            target = self.names.get(reference.name)
            if isinstance(target, (Input, Handed)) and words and words in (target.text or ""):
                place = self._value_place(reference)
                if place is not None:
                    return place
        for beginning in _beginnings(words):
            at = resolver.place_in(entry.source, entry.at, beginning)
            if at != entry.at:
                return Place(entry.source, at)
        return entry.place


def _beginnings(words: str) -> Iterator[str]:
    """Words, then always fewer of them: what a reference brings does not stand in the text that refers to it."""
    while words:
        yield words
        words = words.rpartition(" ")[0]


def _as_spelt(
    candidate: Candidate, problem: RuleProblem, place: Place, message: str, suggestion: str | None
) -> tuple[str, str | None]:
    """What is said of a number of the wrong type, with the number as it is written."""
    value: Any = candidate.fields
    for part in problem.path if problem.code == "wrong-type" else ():
        value = value[part]
    if type(value) not in (int, float) or (spelt := written(place.source, place.offset, value)) == str(value):
        return message, suggestion
    return message.replace(str(value), spelt, 1), suggestion and suggestion.replace(str(value), spelt, 1)


def _is_prompt_checked(draft: Draft, document: Any) -> bool:
    """Whether a provider tells from the words alone; one that stands in does not where the step names its own."""
    checked_by = getattr(document, "checked_by", None)
    if checked_by is None or "provider" not in draft.entries:
        return checked_by is not None
    return any(route.provider == checked_by for route in document.routes)


def candidates(draft: Draft, fields: Mapping[str, Any]) -> Iterator[Candidate]:
    """The fields as the rules see them, at every combination of the values that they take."""
    fixed: dict[str, Any] = {}
    varying: dict[str, Any] = {}
    for key, value in fields.items():
        kind = type(value)
        if kind in _SCALAR_TYPES:
            fixed[key] = value
        elif kind in _PICTURES:
            fixed[key] = _as_written(draft.entries[key])
        elif is_image_pick(value):
            fixed[key] = _PICTURE
        elif value is not UNKNOWN and is_plain(value):
            fixed[key] = value
        else:
            varying[key] = value
    if not varying:
        yield Candidate(fixed, frozenset(), {})
        return
    dimensions: dict[str, Dimension] = {}
    for value in varying.values():
        for one in dimensions_of(value):
            if one.keys is not None and not is_image_pick(Pick(one)):
                dimensions.setdefault(one.name, one)
    for positions in _combinations(list(dimensions.values())):
        instance = dict(fixed)
        ignored = set()
        for key, value in varying.items():
            instance[key] = _seen(value, positions)
            if _has_unknown(instance[key]):
                ignored.add(key)
                instance[key] = _PICTURE
        yield Candidate(instance, frozenset(ignored), positions)


def _as_written(entry: Entry) -> Any:
    """A picture as the rules see it: an address with its pin as written, else something in its place."""
    return entry.value if type(entry.value) is Map and not any(find_references(entry.value)) else _PICTURE


def _combinations(dimensions: list[Dimension]) -> Iterator[dict[str, int]]:
    """Positions on dimensions to check: all while they are few, else each beside the first of the others."""
    total = 1
    for one in dimensions:
        total *= one.size
    names = [one.name for one in dimensions]
    if total <= MAX_CHECKED:
        for positions in itertools.product(*(range(one.size) for one in dimensions)):
            yield dict(zip(names, positions, strict=True))
        return
    for one in dimensions:
        for position in range(one.size):
            yield {name: position if name == one.name else 0 for name in names}


def _seen(value: Any, positions: Mapping[str, int]) -> Any:
    """A bound value at one combination as the rules see it: something stands in the place of a picture."""
    if isinstance(value, Pick):
        if value.dimension.keys is None:
            return UNKNOWN
        if is_image_pick(value):
            return _PICTURE
        return value_at(value.dimension, value.column, positions.get(value.dimension.name, 0))
    if isinstance(value, Joined):
        return evaluate_text(value, positions).strip() if is_known(value, positions) else UNKNOWN
    if isinstance(value, (Listing, Gathered, list)):
        one_by_one = (
            value.items if isinstance(value, Listing) else value if isinstance(value, list) else [value]
        )
        return [item for one in one_by_one for item in _spliced(one, positions)]
    if isinstance(value, (Record, dict)):
        pairs = (value.items if isinstance(value, Record) else value).items()
        return {name: _seen(one, positions) for name, one in pairs}
    return _PICTURE if isinstance(value, _PICTURES) else value


def _spliced(one: Any, positions: Mapping[str, int]) -> list[Any]:
    """What an item of a list becomes: itself, or all that a gather has."""
    if isinstance(one, Picture) and one.is_list:
        count = 1
        for dimension in one.gathered:
            count *= dimension.size
        return [_PICTURE] * count
    if isinstance(one, Gathered):
        dimension = one.dimension
        if dimension.keys is None:
            return [UNKNOWN]
        at = [positions.get(dimension.name, 0)] if one.is_lined_up else range(dimension.size)
        if is_image_pick(one):
            return [_PICTURE] * len(at)
        return [value_at(dimension, one.column, position) for position in at]
    return [_seen(one, positions)]


def _has_unknown(value: Any) -> bool:
    if value is UNKNOWN:
        return True
    if isinstance(value, dict):
        return any(_has_unknown(one) for one in value.values())
    return isinstance(value, list) and any(_has_unknown(one) for one in value)


def _says(pick: Pick, positions: Mapping[str, int], words: str) -> bool:
    if not words or pick.dimension.name not in positions:
        return False
    return words in evaluate_text(pick, positions)


def _is_a_consequence(problem: RuleProblem, draft: Draft, candidate: Candidate) -> bool:
    """Whether a rule between fields is broken only because of a field whose own problem has been said."""
    if problem.path or problem.severity == "warning":
        return False
    return not draft.is_sound or bool(candidate.ignored)


def _of_nothing(draft: Draft, fields: Mapping[str, Any], problem: RuleProblem) -> Place | None:
    """Where a field stands that is called missing because it refers to nothing."""
    if problem.code != "missing-field":
        return None
    named = (one for key, one in draft.entries.items() if key not in fields and f'"{key}"' in problem.message)
    entry = next(named, None)
    return None if entry is None else entry.place


def _inner_place(entry: Entry, path: tuple[str | int, ...], at_key: bool) -> int:
    at, value = entry.at, entry.value
    for index, part in enumerate(path[1:], 1):
        if isinstance(value, Map) and part in value:
            at = value.places[str(part)][0 if at_key and index == len(path) - 1 else 1]
            value = value[str(part)]
        elif isinstance(value, Seq) and isinstance(part, int) and part < len(value):
            at, value = value.places[part], value[part]
        else:
            break
    return at


def _width(candidate: Candidate, problem: RuleProblem) -> int:
    if problem.at_key and problem.path:
        return len(str(problem.path[-1]))
    value: Any = candidate.fields
    for part in problem.path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return 1
    return width_of(value)
