"""Steps: from a draft to a Step whose fields are bound and checked by the rules of its model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from editchain.diagnostics import Place, Problems, did_you_mean, one_of
from editchain.language.binding import Binder
from editchain.language.drafts import KINDS, OF_PIPELINE_STEPS, STEP_FIELDS, Draft, Drafter, Entry
from editchain.language.loops import read_loops
from editchain.language.providing import check_providers
from editchain.language.reaching import Reaching
from editchain.language.references import Reference, find_references, parse
from editchain.language.resolving import Resolver
from editchain.language.ruling import NOT_RULED, Ruling
from editchain.language.scalars import shown, width_of
from editchain.language.scope import Broken, Handed, Result, written_at
from editchain.language.syntax import Map, Seq, written
from editchain.language.values import dimensions_of, value_at
from editchain.models import Model
from editchain.pipeline import UNKNOWN, Dimension, Input, Pick, Retry, Step

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import date

    from editchain.diagnostics import Source
    from editchain.language.reaching import Objections
    from editchain.language.reading import Reader
    from editchain.language.ruling import CheckPrompt
    from editchain.language.scope import Scope
    from editchain.models import OperationDocument

MAX_SAMPLES = 1000

_CONSTANT = ("missing", "retry", "timeout", "provider", "num_samples", "expect")
_NONE: Final = object()
_COMPARED = ("similar", "delta_e", "ssim", "hash_distance")
_COMPARED_OUTSIDE = ("unchanged_outside_mask", "drift")
"""Expectations that look at the edited picture, and at what a mask keeps of it."""


class StepLoader:
    """Makes steps of the drafts of one file."""

    def __init__(
        self,
        scope: Scope,
        drafter: Drafter,
        reader: Reader,
        problems: Problems,
        today: date,
        check: CheckPrompt,
        advise: CheckPrompt,
        objections: Objections,
    ) -> None:
        self.scope = scope
        self.drafter = drafter
        self.reader = reader
        self.problems = problems
        self.ruling = Ruling(scope, check, advise, problems)
        self.reaching = Reaching(self.ruling, objections, problems, today)
        self._wants: dict[str, dict[str, str]] = {}

    def bind(self, draft: Draft, whole: frozenset[str] = frozenset()) -> Step:
        """The step of a draft whose needs are bound already.

        `whole` names values under `with` that are handed on as they are, so that the step has no dimension from them.
        """
        binder = Binder(f"steps.{draft.name}", self.scope, self.reader, self.problems)
        binder.names.entries = draft.entries
        self._find_dimensions(draft, binder, whole)
        if draft.target is UNKNOWN:
            self._bind_target(draft, binder)
        fields = self._bind_fields(draft, binder)
        fields.pop(binder.names.misspelt or "", None)
        objections: Mapping[tuple[str, int], tuple[str, ...]] = {}
        if draft.documents:
            self.ruling.check(draft, fields, binder.names)
            if draft.entries.keys() & {"provider", "provider_options"} and not check_providers(
                draft, self.drafter.catalogue.models, self.problems
            ):
                binder.names.is_sound = False
            is_sound = draft.is_sound and binder.names.is_sound
            objections = self.reaching.check(draft, fields, is_sound=is_sound)
        elif draft.kind == "pipeline":
            self.ruling.check_call(draft, fields, binder.names)
        return self._step(draft, fields, binder, objections)

    # ------------------------------------------------------------------ dimensions

    def _find_dimensions(self, draft: Draft, binder: Binder, whole: frozenset[str]) -> None:
        """Inherited dimensions first, those of `image` before others, then the loop variables, then samples."""
        entries, names = draft.entries, binder.names
        for_each = entries.get("for_each")
        loops = [] if for_each is None else read_loops(binder, for_each)
        constants = self.scope.constants
        for key in sorted(draft.references, key=lambda one: (one != "image", one)):
            if key not in NOT_RULED:
                entry = entries[key]
                names.field = f".{key}"
                if key == "with" and whole and isinstance(entry.value, Map):
                    for name, value in entry.value.items():
                        if name not in whole:
                            names.collect(value, entry.source, entry.value.places[name][1])
                elif type(entry.value) is not str or (entry.value, "") not in constants:
                    names.collect(entry.value, entry.source, entry.at)
        names.field = ""
        for dimension in loops:
            assert for_each is not None  # noqa: S101  (there are loops)
            names.add_dimension(dimension, for_each.source, for_each.value.places[dimension.name][0])
        if "num_samples" in entries and draft.kind == "model":
            self._find_samples(entries["num_samples"], binder)

    @staticmethod
    def _find_samples(entry: Entry, binder: Binder) -> None:
        names = binder.names
        count = binder.bind(entry.value, entry.source, entry.at, "any")
        if "sample" in names.dimensions:
            message = "this step has the dimension sample already, from what it refers to."
            hint = "Gather it with .*, or take num_samples away from one of the two."
            names.error(entry.source, entry.key_at, "sample-twice", message, hint, width=len("num_samples"))
        elif type(count) is int and 1 <= count <= MAX_SAMPLES:
            keys = tuple(str(number) for number in range(1, count + 1))
            place = Place(entry.source, entry.at)
            names.add_dimension(
                Dimension("sample", keys, tuple(range(1, count + 1)), keys, place=place),
                entry.source,
                entry.at,
            )
        elif type(count) is int and count > MAX_SAMPLES:
            message = f"{count} samples are more than the most, {MAX_SAMPLES}."
            names.error(
                entry.source, entry.at, "out-of-range", message, "Ask for fewer.", width=len(str(count))
            )

    # ------------------------------------------------------------------ fields

    def _bind_target(self, draft: Draft, binder: Binder) -> None:
        """The documents of the models that a reference in the place of a model's name stands for."""
        entry = draft.entries["model"]
        bound = binder.bind(entry.value, entry.source, entry.at, "any")
        if isinstance(bound, Pick):
            draft.target = bound
            for position in range(len(bound.dimension.values)):
                name = value_at(bound.dimension, bound.column, position)
                place = bound.dimension.place_at(position, bound.column) or entry.place
                self._find_document(draft, name, place, binder)
        elif isinstance(bound, str):
            draft.target = bound
            reference = parse(entry.value)
            target = self.scope.names.get(reference.name) if isinstance(reference, Reference) else None
            self._find_document(draft, bound, written_at(target) or entry.place, binder)
        elif bound is not UNKNOWN:
            message = "the name of a model must be known when the file is checked."
            binder.names.field = ".model"
            binder.names.error(entry.source, entry.at, "wrong-type", message, width=width_of(entry.value))
            binder.names.field = ""

    def _find_document(self, draft: Draft, name: Any, place: Place, binder: Binder) -> None:
        models = self.drafter.catalogue.models
        if isinstance(name, str) and name in models:
            draft.documents[name] = models[name]
        elif name is not UNKNOWN:
            self.drafter.no_such_document(draft.name, "model", shown(name), place)
            binder.names.is_sound = False

    def _bind_fields(self, draft: Draft, binder: Binder) -> dict[str, Any]:
        """Every field with its references resolved; those that refer to nothing are left out."""
        wants_by_field = self._wants_of(draft.documents)
        skipped = (*NOT_RULED, draft.kind) if draft.kind != "pipeline" else (*NOT_RULED, "pipeline", "with")
        names = binder.names
        fields: dict[str, Any] = {}
        for key, entry in draft.entries.items():
            if key in skipped:
                continue
            value = entry.value
            wants = wants_by_field.get(key, "any")
            kind = type(value)
            if not draft.documents and key not in STEP_FIELDS:
                wants = "names"
            elif key == "protect" and kind is str:
                wants = "image"
            if kind is str:
                if "$" not in value and wants in ("any", "list"):
                    fields[key] = value
                    continue
                bound = self._bind_scalar(value, entry, wants, binder, key)
            elif kind is Map or kind is Seq or wants == "images":
                names.field = f".{key}"
                bound = binder.bind(value, entry.source, entry.at, wants)
            else:
                bound = value
            if bound is not None and wants != "names":
                fields[key] = bound
        names.field = ""
        if isinstance(prompt := fields.get("prompt"), str):
            fields["prompt"] = prompt.strip().replace("\r\n", "\n")
        return fields

    def _bind_scalar(self, value: str, entry: Entry, wants: str, binder: Binder, key: str) -> Any:
        """A text bound; what means the same in every step of the file is bound once."""
        constants = self.scope.constants
        bound = constants.get((value, wants), _NONE)
        if bound is not _NONE:
            return bound
        names = binder.names
        names.field = f".{key}"
        noted = len(self.problems.found)
        bound = binder.bind(value, entry.source, entry.at, wants)
        if len(self.problems.found) == noted and bound is not UNKNOWN and self._is_constant(value):
            constants[value, wants] = bound
            constants[value, ""] = True  # it gives no dimension, whatever is wanted
        return bound

    def _is_constant(self, value: str) -> bool:
        """Whether a text refers to nothing but inputs of one value, and is a reference as a whole."""
        parsed = parse(value)
        target = self.scope.names.get(parsed.name) if isinstance(parsed, Reference) else None
        return isinstance(target, Input) and target.dimension is None

    def _wants_of(self, documents: Mapping[str, Model | OperationDocument]) -> dict[str, str]:
        """What fields of the documents want other than a plain value: an image, images, or a list."""
        wants: dict[str, str] = {}
        for name, document in documents.items():
            if name not in self._wants:
                self._wants[name] = {
                    **{
                        field: "list"
                        for field, rule in document.document["properties"].items()
                        if rule.get("type") == "array"
                    },
                    **dict.fromkeys(document.image_fields, "image"),
                    **dict.fromkeys(document.image_list_fields, "images"),
                    **dict.fromkeys(document.font_fields, "font"),
                }
            if len(documents) == 1:
                return self._wants[name]
            wants |= self._wants[name]
        return wants

    # ------------------------------------------------------------------ the rest of a step

    def _step(
        self,
        draft: Draft,
        fields: dict[str, Any],
        binder: Binder,
        objections: Mapping[tuple[str, int], tuple[str, ...]],
    ) -> Step:
        names = binder.names
        constant = _constants(draft, fields, names)
        dimensions = tuple(names.dimensions.values())
        take = fields.pop("take", 1)
        protect = fields.pop("protect", None)
        expect = constant.get("expect")
        if isinstance(expect, dict):
            self._check_compared(draft, expect, fields, protect)
        if protect is not None and "image" not in fields:
            self._nothing_to_protect(draft, names)
        options = fields.pop("provider_options", {})
        if take != 1:
            _check_take(draft, fields, take, names)
        excluded = (
            _excluded(draft.entries["exclude"], dimensions, names)
            if "exclude" in draft.entries and draft.kind != "pipeline"
            else ()
        )
        for name in names.loops:
            self.scope.loop_variables.setdefault(name, []).append(draft.name)
        provider = constant.get("provider", ())
        timeout = constant.get("timeout")
        return Step(
            name=self.scope.prefix + draft.name,
            kind=draft.kind,
            target=draft.target,
            documents=draft.documents,
            fields=fields,
            dimensions=dimensions,
            excluded=excluded,
            after=(),
            take=take,
            samples=constant.get("num_samples"),
            missing=constant.get("missing", "fail"),
            retry=_retry(constant.get("retry")),
            timeout_seconds=float(timeout) if isinstance(timeout, (int, float)) else None,
            providers=tuple(provider) if isinstance(provider, (list, tuple)) else (str(provider),),
            provider_options=options,
            protect=protect,
            expect=expect if isinstance(expect, dict) else None,
            place=Place(draft.source, draft.at),
            is_sound=draft.is_sound and names.is_sound,
            objections=objections,
        )

    def _check_compared(
        self, draft: Draft, expect: Mapping[str, Any], fields: Mapping[str, Any], protect: Any
    ) -> None:
        """Notes expectations that compare with what the step does not have."""
        has_mask = "mask" in fields or not (protect is None or isinstance(protect, dict))
        entry = draft.entries["expect"]
        for name in expect:
            lacks = []
            if name in (*_COMPARED, *_COMPARED_OUTSIDE) and "image" not in fields:
                lacks.append("image")
            if name in _COMPARED_OUTSIDE and not has_mask:
                lacks.append("mask")
            for field in lacks:
                at = entry.value.places[name][0] if isinstance(entry.value, Map) else entry.at
                place = Place(entry.source, at)
                message = f"steps.{draft.name}.expect.{name}: that compares with the step's {field}, and it has none."
                self.problems.error(
                    place, "nothing-to-compare", message, f"Leave {name} out.", width=len(name)
                )

    def exclude_inside(self, draft: Draft, call: Step, inside: Sequence[Step]) -> None:
        """Removes the combinations that a step which runs a pipeline excludes from every step inside that has them."""
        entry = draft.entries.get("exclude")
        if entry is None:
            return
        all_dimensions = {one.name: one for step in (call, *inside) for one in step.dimensions}
        names = Resolver(f"steps.{draft.name}", self.scope, self.problems)
        names.is_sound = call.is_sound
        _excluded(entry, tuple(all_dimensions.values()), names)
        if not isinstance(entry.value, Seq):
            return
        said = Resolver(names.where, self.scope, Problems())  # what is wrong has been noted
        for step in inside:
            own = {one.name: one for one in step.dimensions}
            items = [
                item for item in entry.value if isinstance(item, Map) and item and own.keys() >= item.keys()
            ]
            found = (_exclusion(item, own, entry.source, said) for item in items)
            step.excluded = (*(one for one in found if one is not None), *step.excluded)

    def _nothing_to_protect(self, draft: Draft, names: Resolver) -> None:
        """Notes a `protect` of a step that has no image to paste back."""
        names.is_sound = False
        documents = draft.documents.values()
        if not documents or any("image" in one.document.get("required", ()) for one in documents):
            return  # what is wrong has been said
        place = Place(draft.source, draft.entries["protect"].key_at)
        message = f"steps.{draft.name}.protect: that pastes the step's image back, and it has none."
        self.problems.error(place, "nothing-to-protect", message, "Leave it out.", width=len("protect"))

    def look_up(self, draft: Draft, loops: Collection[str]) -> None:
        """Notes the names in a step of a cycle that stand for nothing; `loops` are variables of such steps."""
        names = Resolver(f"steps.{draft.name}", self.scope, self.problems)
        names.entries = draft.entries
        known = {*self.scope.all_names, *self.scope.loop_variables, *self.scope.caller_dimensions, *loops}
        for key in draft.references:
            names.field = f".{key}"
            entry = draft.entries[key]
            for reference in find_references(entry.value):
                if reference.name not in known:
                    names.unknown_name(reference, entry.source, entry.at)
        for _ in self.after(draft):
            pass

    def after(self, draft: Draft) -> Iterator[Step]:
        """The steps that a draft waits for by `after`, with a problem noted for each name that is none."""
        entry = draft.entries.get("after")
        if entry is None or entry.value is UNKNOWN:
            return
        for name, at in _names_with_places(entry):
            target = self.scope.names.get(name) if isinstance(name, str) else None
            if isinstance(target, Step):
                yield target
            elif isinstance(target, Result):
                yield from target.steps
            elif not isinstance(target, Broken) and name is not UNKNOWN:
                self._no_step(draft, name, entry.source, at, target)

    def _no_step(self, draft: Draft, name: Any, source: Source, at: int, target: Any) -> None:
        is_input = isinstance(target, (Input, Handed))
        scope = self.scope
        steps = [
            one
            for one in scope.all_names
            if one != draft.name and not isinstance(scope.names.get(one), (Input, Handed))
        ]
        known = f"There is {one_of(sorted(steps))}." if steps else None
        if not isinstance(name, str):
            said, offer = f"{shown(name)} is no name of a step.", known
        elif is_input:
            said = f"{name} is an input, and `after` names steps."
            offer = "What a step needs of an input it refers to."
        else:
            bare = name.removeprefix("$").strip("{}")
            said = f'there is no step "{name}".'
            offer = did_you_mean(name, steps) or known
            if bare in steps and bare != name:
                offer = f"Write {bare}, without $."
        message = f"steps.{draft.name}.after: {said}"
        offer = offer or "Take it away."
        self.problems.error(Place(source, at), "unknown-name", message, offer, width=width_of(name))


_RETRY = Retry()


def _retry(value: Any) -> Retry:
    if not isinstance(value, dict):
        return _RETRY
    return Retry(value.get("attempts", _RETRY.attempts), float(value.get("delay", _RETRY.delay_seconds)))


def _constants(draft: Draft, fields: dict[str, Any], names: Resolver) -> dict[str, Any]:
    """Takes the fields out that hold for all tasks of a step; those that vary are a problem."""
    constant: dict[str, Any] = {}
    is_checked = names.is_sound and draft.is_sound and (bool(draft.documents) or draft.kind == "pipeline")
    for key in _CONSTANT:
        if key in fields:
            value = fields.pop(key)
            if dimensions_of(value):
                entry = draft.entries[key]
                message = f"{key} may not vary from task to task."
                width = width_of(entry.value)
                names.error(
                    entry.source, entry.at, "may-not-vary", message, "Give it one value.", width=width
                )
            elif value is not UNKNOWN and is_checked:
                constant[key] = value
    return constant


def _check_take(draft: Draft, fields: Mapping[str, Any], take: Any, names: Resolver) -> None:
    seeded = {str(getattr(document, "seeded", None)) for document in draft.documents.values()}
    fixed = [fields[key] for key in seeded if key in fields and fields[key] not in ("random", UNKNOWN)]
    takes = [take]
    if isinstance(take, Pick):
        takes = [value_at(take.dimension, take.column, at) for at in range(len(take.dimension.values))]
    if fixed and any(type(one) is int and one > 1 for one in takes):
        entry = draft.entries["take"]
        message = "take above 1 asks for another picture, and the seed asks for the same one."
        hint = "Change the seed, or take it away."
        names.error(entry.source, entry.at, "take-with-seed", message, hint, width=width_of(entry.value))


def _names_with_places(entry: Entry) -> Iterable[tuple[Any, int]]:
    if isinstance(entry.value, Seq):
        return zip(entry.value, entry.value.places, strict=True)
    return [(entry.value, entry.at)]


# ---------------------------------------------------------------------- exclude


def _excluded(
    entry: Entry, dimensions: tuple[Dimension, ...], names: Resolver
) -> tuple[Mapping[str, frozenset[int]], ...]:
    """The combinations that `exclude` removes, as positions by dimension."""
    names.field = ".exclude"
    found = []
    if not isinstance(entry.value, Seq):
        message = "this is a list of mappings from dimensions to keys."
        names.error(entry.source, entry.at, "wrong-type", message, "Write exclude: [{season: winter}].")
    else:
        by_name = {one.name: one for one in dimensions}
        for item, at in zip(entry.value, entry.value.places, strict=True):
            if not isinstance(item, Map) or not item:
                message = "an item is a mapping from dimensions to keys."
                names.error(entry.source, at, "wrong-type", message, "Write {season: winter}.")
            elif (one := _exclusion(item, by_name, entry.source, names)) is not None:
                found.append(one)
    names.field = ""
    return tuple(found)


def _exclusion(
    item: Map, by_name: Mapping[str, Dimension], source: Source, names: Resolver
) -> Mapping[str, frozenset[int]] | None:
    positions: dict[str, frozenset[int]] = {}
    for name, value in item.items():
        key_at, at = item.places[name]
        dimension = by_name.get(name)
        if dimension is None:
            if names.is_sound:  # else its dimensions may be incomplete
                offer = did_you_mean(name, by_name) or (
                    f"It has {one_of(by_name)}." if by_name else "It has none."
                )
                message = f'this step has no dimension "{name}".'
                names.error(source, key_at, "unknown-dimension", message, offer, width=len(name))
            return None
        keys = _spelt(value, source, at, names)
        if keys is None:
            return None
        if dimension.keys is None:
            continue
        found = frozenset(index for index, key in enumerate(dimension.keys) if key in keys)
        if not found:
            offer = did_you_mean(keys[0], dimension.keys[:1000]) or f"It has {one_of(dimension.keys)}."
            message = f'{names.where}.exclude: this matches nothing: {name} has no key "{keys[0]}".'
            place = Place(source, at)
            names.problems.warning(place, "exclude-nothing", message, offer, width=width_of(value))
            return None
        positions[name] = found
    return positions or None


def _spelt(value: Any, source: Source, at: int, names: Resolver) -> list[str] | None:
    """The keys that a value of an exclusion gives, as they are written."""
    several = isinstance(value, Seq)
    wanted = value if several else [value]
    places = value.places if isinstance(value, Seq) else [at]
    if not wanted or any(isinstance(one, (dict, list)) or one is None or one is UNKNOWN for one in wanted):
        message = f"a key is text or a number, not {shown(value)}."
        names.error(source, at, "wrong-type", message, "Write {season: winter}.")
        return None
    return [written(source, place, one) for one, place in zip(wanted, places, strict=True)]


__all__ = ["KINDS", "OF_PIPELINE_STEPS", "STEP_FIELDS", "StepLoader"]
