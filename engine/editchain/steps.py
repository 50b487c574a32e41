"""Steps: from a mapping in the file to a Step whose fields are bound and checked by the rules of its model."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from editchain.artifacts import ImageSource
from editchain.binding import (
    Binder,
    Scope,
    dimensions_of,
    evaluate_text,
    find_references,
    is_image_pick,
    is_plain,
    text_at,
    value_at,
)
from editchain.diagnostics import Place, Source, did_you_mean, one_of
from editchain.inputs import better_name
from editchain.pipeline import UNKNOWN, Dimension, Gathered, Input, Joined, Listing, PathOf, Pick, Picture, Record, Retry, Step
from editchain.reading import Unfit
from editchain.references import NAME
from editchain.syntax import Map, Seq, written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import date

    from editchain.diagnostics import Problems
    from editchain.models import Catalogue, Model, OperationDocument
    from editchain.reading import Reader

MAX_PROMPT_BYTES = 1024 * 1024
MAX_CHECKED = 1000
"""How many combinations of values are checked one by one; beyond it each value is checked beside the first of the others."""

KINDS = ("model", "operation", "pipeline")
RESERVED = ("approve", "choose", "when")
STEP_FIELDS = frozenset(
    (*KINDS, "with", "prompt_file", "for_each", "exclude", "missing", "take", "after", "retry", "timeout", "provider",
     "provider_options", "protect", "expect")
)  # fmt: skip
OF_PIPELINE_STEPS = frozenset(("pipeline", "with", "for_each", "exclude", "after", "missing", "retry", "timeout", "provider"))
_CONSTANT = ("missing", "retry", "timeout", "provider", "num_samples")
_PICTURE = "$picture"

PromptCheck = "Callable[[str], Iterable[tuple[int, int, str, str | None]]]"


@dataclass(frozen=True, slots=True)
class Entry:
    """A field as it stands in the file: its value, and where the value stands."""

    value: Any
    source: Source
    at: int
    key_at: int


@dataclass(slots=True, eq=False)
class Draft:
    """A step before its references are resolved."""

    name: str
    kind: str
    raw: Map
    source: Source
    at: int
    entries: dict[str, Entry]
    documents: dict[str, Model | OperationDocument]
    needs: tuple[str, ...]
    is_sound: bool
    target: Any = None
    has_references: bool = False


class StepLoader:
    """Makes drafts of the steps of one file, and steps of drafts."""

    def __init__(
        self, scope: Scope, catalogue: Catalogue, reader: Reader, problems: Problems, today: date,
        check_prompt: Callable[[str, str], Iterable[tuple[int, int, str, str | None]]],
    ) -> None:  # fmt: skip
        self.scope = scope
        self.catalogue = catalogue
        self.reader = reader
        self.problems = problems
        self.today = today
        self.check_prompt = check_prompt
        self.defaults_used: set[str] = set()

    def error(self, at: int, code: str, message: str, suggestion: str | None = None, *, width: int = 1) -> None:
        self.problems.error(Place(self.scope.source, at), code, message, suggestion, width=width)

    # ------------------------------------------------------------------ drafts

    def draft(self, name: str, raw: Map, key_at: int, defaults: Map | None) -> Draft:
        """A step's fields after defaults, the documents it may run by, and the names that it needs."""
        source = self.scope.source
        draft = Draft(name, "", raw, source, key_at, {}, {}, (), True)
        problems_before = len(self.problems.found)
        for word in RESERVED:
            if word in raw:
                self.error(raw.places[word][0], "reserved-field", f'steps.{name}: "{word}" is reserved for later versions.', "Remove it.", width=len(word))
        draft.kind = self._kind(name, raw, defaults, key_at)
        places = raw.places
        entries = draft.entries
        for key, value in raw.items():
            key_offset, value_at = places[key]
            if value is None:
                self._set_aside(name, key, defaults, value_at)
                continue
            entries[key] = Entry(value, source, value_at, key_offset)
        if draft.kind in ("model", "operation"):
            self._documents(draft, defaults)
        if defaults:
            self._apply_defaults(draft, defaults)
        if "prompt_file" in entries:
            self._read_prompt(draft)
        draft.needs = self._needs(draft)
        draft.is_sound = len(self.problems.found) == problems_before or not self._has_new_errors(problems_before)
        return draft

    def _has_new_errors(self, before: int) -> bool:
        return any(one.severity == "error" for one in itertools.islice(self.problems.found.values(), before, None))

    def _kind(self, name: str, raw: Map, defaults: Map | None, key_at: int) -> str:
        kinds = [kind for kind in KINDS if raw.get(kind) is not None]
        if len(kinds) > 1:
            at = max(raw.places[kind][0] for kind in kinds)
            self.error(at, "two-kinds", f"steps.{name} has both {' and '.join(kinds)}: a step does one thing.", "Make two steps of it.")
            return ""
        if kinds:
            return kinds[0]
        if defaults and defaults.get("model") is not None and not ("model" in raw and raw["model"] is None):
            return "model"
        if defaults and (near := next((key for key in defaults if key not in STEP_FIELDS and did_you_mean(key, KINDS)), None)):
            self.error(defaults.places[near][0], "unknown-field", f'defaults.{near}: no step has a field "{near}".', did_you_mean(near, KINDS), width=len(near))
            self.defaults_used.add(near)
            return ""
        misspelt = next((key for key in raw if key not in STEP_FIELDS and did_you_mean(key, KINDS)), None)
        offer = did_you_mean(misspelt, KINDS) if misspelt else "Write `model:`, `operation:` or `pipeline:`, or put a model in `defaults`."
        self.error(raw.places[misspelt][0] if misspelt else key_at, "missing-field", f"steps.{name} names no model, operation or pipeline.", offer, width=len(misspelt or name))
        return ""

    def _set_aside(self, name: str, key: str, defaults: Map | None, at: int) -> None:
        if defaults is not None and key in defaults:
            self.defaults_used.add(key)
            return
        line = self.scope.source.line(at)
        hint = "YAML takes what follows # for a comment: put it in quotes." if "#" in line and "#" in line[self.scope.source.locate(at)[1] - 1 :][:3] else "Remove the line, or give it a value."
        self.error(at, "null-value", f"steps.{name}.{key} has no value, and there is no default to set aside.", hint)

    def _documents(self, draft: Draft, defaults: Map | None) -> None:
        kind = draft.kind
        entry = draft.entries.get(kind)
        if entry is None and defaults is not None and kind == "model":
            self.defaults_used.add("model")
            at = defaults.places["model"][1]
            entry = draft.entries["model"] = Entry(defaults["model"], draft.source, at, defaults.places["model"][0])
        if entry is None:
            return
        table: Mapping[str, Any] = self.catalogue.models if kind == "model" else self.catalogue.operations
        value = entry.value
        if not isinstance(value, str):
            self.error(entry.at, "wrong-type", f"steps.{draft.name}.{kind} is the name of {'a model' if kind == 'model' else 'an operation'}.")
            return
        if value in table:
            draft.documents[value] = table[value]
            draft.target = value
        elif kind == "model" and value.startswith("$"):
            draft.target = UNKNOWN
        else:
            self._unknown_document(draft.name, kind, value, entry.at, entry.source)

    def _unknown_document(self, name: str, kind: str, value: str, at: int, source: Source) -> None:
        table: Mapping[str, Any] = self.catalogue.models if kind == "model" else self.catalogue.operations
        other: Mapping[str, Any] = self.catalogue.operations if kind == "model" else self.catalogue.models
        offer = did_you_mean(value, table)
        if offer is None and value in other:
            offer = f"It is {'an operation' if kind == 'model' else 'a model'}: write {'operation' if kind == 'model' else 'model'}: {value}."
        offer = offer or f"There is {one_of(table, most=20)}."
        self.problems.error(Place(source, at), f"unknown-{kind}", f'steps.{name}.{kind}: no {kind} is called "{value}".', offer, width=max(1, len(value)))

    def _apply_defaults(self, draft: Draft, defaults: Map) -> None:
        for key, value in defaults.items():
            if key in draft.raw or value is None or key in KINDS or not self._takes(draft, key):
                continue
            if key == "prompt" and "prompt_file" in draft.raw:
                continue
            self.defaults_used.add(key)
            key_at, at = defaults.places[key]
            draft.entries[key] = Entry(value, draft.source, at, key_at)

    def is_field(self, name: str) -> bool:
        """Whether some model or operation has a field of this name."""
        tables: tuple[Mapping[str, Any], ...] = (self.catalogue.models, self.catalogue.operations)
        return any(name in document.document["properties"] for table in tables for document in table.values())

    def _takes(self, draft: Draft, key: str) -> bool:
        if draft.kind == "pipeline" or not draft.kind:
            return False
        if key in STEP_FIELDS:
            return key not in ("for_each", "exclude", "after", "with") and (key != "prompt_file" or self._takes(draft, "prompt"))
        return any(key in document.document["properties"] for document in draft.documents.values())

    def _read_prompt(self, draft: Draft) -> None:
        entry = draft.entries.pop("prompt_file")
        where = f"steps.{draft.name}.prompt_file"
        if "prompt" in draft.raw and draft.raw["prompt"] is not None and "prompt_file" in draft.raw:
            self.error(entry.key_at, "two-prompts", f"steps.{draft.name} has both prompt and prompt_file.", "Keep one of them.")
            return
        placeholder = Entry(UNKNOWN, entry.source, entry.at, entry.key_at)
        if not isinstance(entry.value, str):
            self.error(entry.at, "wrong-type", f"{where} is a path.")
        else:
            try:
                path = self.reader.resolve(entry.value, self.scope.base)
                data = self.reader.text(path, max_bytes=MAX_PROMPT_BYTES, what="prompt file")
                text = data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
                start = len(text) - len(text.lstrip())
                draft.entries["prompt"] = Entry(text.strip(), Source(self.reader.display(path), text), start, start)
                return
            except UnicodeDecodeError:
                self.error(entry.at, "encoding", f'{where}: "{entry.value}" is not UTF-8 text.', width=len(entry.value))
            except Unfit as unfit:
                self.error(entry.at, unfit.code, f"{where}: {unfit.message}", unfit.suggestion, width=len(entry.value))
        draft.entries["prompt"] = placeholder

    def _needs(self, draft: Draft) -> tuple[str, ...]:
        names: dict[str, None] = {}
        for key, entry in draft.entries.items():
            value = entry.value
            if type(value) is str:
                if "$" in value:
                    draft.has_references = True
                    for reference in find_references(value):
                        names[reference.name] = None
            elif key == "after":
                for one in [value] if isinstance(value, str) else value if isinstance(value, Seq) else ():
                    if isinstance(one, str):
                        names[one] = None
            elif type(value) is Map or type(value) is Seq:
                draft.has_references = True
                for reference in find_references(value):
                    names[reference.name] = None
        loops = draft.entries.get("for_each")
        if loops is not None and isinstance(loops.value, Map):  # a name of its own, were it allowed, is no step
            for name in loops.value:
                names.pop(name, None)
        return tuple(names)

    # ------------------------------------------------------------------ steps

    def bind(self, draft: Draft) -> Step:
        """The step of a draft whose needs are bound already."""
        binder = Binder(f"steps.{draft.name}", self.scope, self.reader, self.problems)
        entries = draft.entries
        self._dimensions(draft, binder)
        image_fields: set[str] = set()
        list_fields: set[str] = set()
        arrays: set[str] = set()
        if draft.target is UNKNOWN:
            self._bind_target(draft, binder)
        for document in draft.documents.values():
            image_fields.update(document.image_fields)
            list_fields.update(document.image_list_fields)
            arrays.update(name for name, rule in document.document["properties"].items() if rule.get("type") == "array")
        fields: dict[str, Any] = {}
        for key, entry in entries.items():
            if key in ("for_each", "exclude", "after", "with", draft.kind):
                continue
            value = entry.value
            if not draft.documents and key not in STEP_FIELDS:
                binder.bind(value, entry.source, entry.at, "names")
                continue
            if key in list_fields:
                bound = binder.bind(value, entry.source, entry.at, "images")
            elif key in image_fields or (key == "protect" and isinstance(value, str)):
                bound = binder.bind(value, entry.source, entry.at, "image")
            elif type(value) is str:
                bound = binder.bind(value, entry.source, entry.at, "list" if key in arrays else "any") if "$" in value else value
            elif type(value) is Seq or type(value) is Map:
                bound = binder.bind(value, entry.source, entry.at, "any")
            else:
                bound = value
            if bound is not None:
                fields[key] = bound
        if isinstance(prompt := fields.get("prompt"), str):
            fields["prompt"] = prompt.strip().replace("\r\n", "\n")
        if draft.documents:
            self._check_rules(draft, fields, binder)
        return self._step(draft, fields, binder)

    def _bind_target(self, draft: Draft, binder: Binder) -> None:
        entry = draft.entries["model"]
        bound = binder.bind(entry.value, entry.source, entry.at, "any")
        if isinstance(bound, str):
            bound_names = [(bound, Place(entry.source, entry.at))]
            target = self.scope.names.get(entry.value.strip("${}"))
            if isinstance(target, Input) and not target.is_given:
                bound_names = [(bound, target.value_place)]
        elif isinstance(bound, Pick):
            places = bound.dimension.value_places
            bound_names = [
                (str(value_at(bound.dimension, bound.column, at)), places[at] if at < len(places) else Place(entry.source, entry.at))
                for at in range(len(bound.dimension.values))
            ]
        else:
            if bound is not UNKNOWN:
                self.error(entry.at, "wrong-type", f"steps.{draft.name}.model: the name of a model must be known when the file is checked.")
            return
        draft.target = bound
        for name, place in bound_names:
            if name in self.catalogue.models:
                draft.documents[name] = self.catalogue.models[name]
            else:
                self._unknown_document(draft.name, "model", name, place.offset, place.source)
                binder.is_sound = False

    def _dimensions(self, draft: Draft, binder: Binder) -> None:
        entries = draft.entries
        for_each = entries.get("for_each")
        loops: list[Dimension] = []
        if for_each is not None:
            loops = self._loops(draft, for_each, binder)
        if draft.has_references:
            for key in sorted(entries, key=lambda one: (one != "image", one)):
                if key not in ("for_each", "exclude", "after"):
                    entry = entries[key]
                    binder.collect(entry.value, entry.source, entry.at)
        for dimension in loops:
            inherited = binder.dimensions.get(dimension.name)
            if inherited is not None and inherited.is_same_as(dimension):
                continue
            assert isinstance(for_each, Entry)  # noqa: S101
            binder.add_dimension(dimension, for_each.source, for_each.value.places[dimension.name][0])
        samples = entries.get("num_samples")
        if samples is not None and draft.kind == "model":
            self._samples(draft, samples, binder)

    def _loops(self, draft: Draft, entry: Entry, binder: Binder) -> list[Dimension]:
        if not isinstance(entry.value, Map):
            binder.is_sound = False
            self.error(entry.at, "wrong-type", f"steps.{draft.name}.for_each is a mapping from loop variables to their values.", "Write for_each: {name: [a, b]}.")
            return []
        if not entry.value:
            self.error(entry.at, "empty-dimension", f"steps.{draft.name}.for_each names no loop variable.")
            return []
        loops = []
        for name, value in entry.value.items():
            key_at, at = entry.value.places[name]
            binder.spoilt.add(name)
            if name == "sample":
                self.error(key_at, "reserved-name", f'steps.{draft.name}: the name "sample" is reserved for num_samples.', "Choose another name.", width=6)
                continue
            if not NAME.fullmatch(name):
                self.error(key_at, "bad-name", f'steps.{draft.name}: "{name}" is no name for a loop variable: a-z, 0-9 and _, beginning with a letter.', width=max(1, len(name)))
                continue
            if name in self.scope.all_names:
                self.error(key_at, "name-clash", f'steps.{draft.name}: a loop variable may not be called "{name}", as an input or a step is.', "Choose another name.", width=len(name))
                continue
            if name in self.scope.caller_dimensions:
                self.error(key_at, "dimension-clash", f'steps.{draft.name}: the pipeline that uses this one has a dimension "{name}" already.', "Choose another name.", width=len(name))
                continue
            dimension = binder.loop(name, value, entry.source, key_at, at)
            if dimension is None:
                binder.is_sound = False
                continue
            binder.spoilt.discard(name)
            dimension = self._one_with(draft, dimension, entry, key_at)
            binder.loops[name] = dimension
            loops.append(dimension)
        return loops

    def _one_with(self, draft: Draft, dimension: Dimension, entry: Entry, key_at: int) -> Dimension:
        """Two steps may declare the same variable only with the same values; then it is one dimension."""
        known = self.scope.declared.setdefault(dimension.name, dimension)
        if known.is_same_as(dimension):
            return known
        line = known.place.source.locate(known.place.offset)[0] if known.place else 0
        self.problems.error(
            Place(entry.source, key_at), "dimension-clash",
            f'steps.{draft.name}: the loop variable "{dimension.name}" has other values here than at line {line}.',
            "Give it the same values, or another name.", width=len(dimension.name),
        )  # fmt: skip
        return dimension

    def _samples(self, draft: Draft, entry: Entry, binder: Binder) -> None:
        count = binder.bind(entry.value, entry.source, entry.at, "any")
        if "sample" in binder.dimensions:
            binder.error(entry.source, entry.key_at, "sample-twice", "this step has the dimension sample already, from what it refers to.", "Gather it with .*, or take num_samples away from one of the two.", width=len("num_samples"))
            return
        if type(count) is int and 1 <= count <= 1000:
            keys = tuple(str(number) for number in range(1, count + 1))
            binder.add_dimension(Dimension("sample", keys, tuple(range(1, count + 1)), keys, place=Place(entry.source, entry.at)), entry.source, entry.at)

    # ------------------------------------------------------------------ rules

    def _check_rules(self, draft: Draft, fields: dict[str, Any], binder: Binder) -> None:
        kind = draft.kind
        for name, document in draft.documents.items():
            rules = document.rules
            varying = [key for key, value in fields.items() if not self._is_checkable(value)]
            instance = {key: entry.value for key, entry in draft.entries.items() if key not in ("for_each", "exclude")}
            instance[kind] = name
            if not varying and not any(fields.get(key) is None for key in instance if key in fields):
                for key, value in fields.items():
                    if not isinstance(value, (ImageSource, Picture, PathOf)) and not is_image_pick(value):
                        instance[key] = value
                dropped = [key for key in instance if key not in fields and key not in ("after", kind)]
                for key in dropped:
                    del instance[key]
                if rules.is_valid(instance):
                    self._check_prompts(draft, document, [(fields.get("prompt"), None)], binder)
                    continue
                self._report(draft, document, instance, {}, set(), binder)
                continue
            self._check_each(draft, document, instance, fields, binder)
        if draft.documents:
            self._check_life(draft)

    @staticmethod
    def _is_checkable(value: Any) -> bool:
        return type(value) in (str, int, float, bool) or isinstance(value, (ImageSource, Picture, PathOf)) or is_image_pick(value) or (isinstance(value, (list, dict)) and is_plain(value))

    def _check_each(self, draft: Draft, document: Any, instance: dict[str, Any], fields: dict[str, Any], binder: Binder) -> None:
        """Checks the combinations of values that varying fields take."""
        unknown: set[str] = set()
        for key in list(instance):
            if key not in fields and key not in ("after", draft.kind):
                del instance[key]
        varying: dict[str, Any] = {}
        for key, value in fields.items():
            if value is UNKNOWN:
                unknown.add(key)
            else:
                varying[key] = value
        dimensions: dict[str, Dimension] = {}
        for value in varying.values():
            for one in dimensions_of(value):
                if one.keys is not None and not is_image_pick(Pick(one)) :
                    dimensions.setdefault(one.name, one)
        prompts: dict[Any, Any] = {}
        for positions in _combinations(list(dimensions.values())):
            candidate = dict(instance)
            origins: dict[str, Place] = {}
            for key, value in varying.items():
                candidate[key] = self._plain(value, positions, draft.entries[key] if key in draft.entries else None, key, origins)
            ignored = unknown | {key for key, value in candidate.items() if _has_unknown(value)}
            for key in ignored:
                candidate[key] = _PICTURE
            if not document.rules.is_valid(candidate):
                self._report(draft, document, candidate, origins, ignored, binder)
            if isinstance(text := candidate.get("prompt"), str) and "prompt" not in ignored:
                prompts.setdefault(text, origins.get("prompt"))
        self._check_prompts(draft, document, list(prompts.items()), binder)

    def _plain(self, value: Any, positions: Mapping[str, int], entry: Entry | None, key: str, origins: dict[str, Place]) -> Any:
        """A bound value at one combination as the rules see it: pictures are a placeholder."""
        if isinstance(value, Pick):
            if is_image_pick(value) or isinstance(value.dimension.values[0] if value.dimension.values else None, Picture):
                return _PICTURE
            position = positions.get(value.dimension.name, 0)
            if (place := value.dimension.place_at(position, value.column)) is not None:
                origins.setdefault(key, place)
            return value_at(value.dimension, value.column, position)
        if isinstance(value, Joined):
            return evaluate_text(value, {part.dimension.name: positions.get(part.dimension.name, 0) for part in value.parts if isinstance(part, Pick)}).strip()
        if isinstance(value, Listing):
            items: list[Any] = []
            for one in value.items:
                items.extend(self._spliced(one, positions, entry, key, origins))
            return items
        if isinstance(value, Gathered):
            return self._spliced(value, positions, entry, key, origins)
        if isinstance(value, (Record, dict)):
            pairs = (value.items if isinstance(value, Record) else value).items()
            return {name: self._plain(one, positions, entry, key, origins) for name, one in pairs}
        if isinstance(value, (ImageSource, Picture, PathOf)):
            return _PICTURE
        if isinstance(value, list):
            return [self._plain(one, positions, entry, key, origins) for one in value]
        return value

    def _spliced(self, one: Any, positions: Mapping[str, int], entry: Entry | None, key: str, origins: dict[str, Place]) -> list[Any]:
        if isinstance(one, Picture) and one.is_list:
            count = 1
            for dimension in one.gathered:
                count *= dimension.size
            return [_PICTURE] * count
        if isinstance(one, Gathered):
            size = 1 if one.is_lined_up else one.dimension.size
            if is_image_pick(one) or one.dimension.keys is None:
                return [_PICTURE] * size
            return [value_at(one.dimension, one.column, at) for at in ([positions.get(one.dimension.name, 0)] if one.is_lined_up else range(size))]
        return [self._plain(one, positions, entry, key, origins)]

    def _report(self, draft: Draft, document: Any, instance: dict[str, Any], origins: Mapping[str, Place], ignored: set[str], binder: Binder) -> None:
        for problem in document.rules.problems(instance):
            field = str(problem.path[0]) if problem.path else ""
            if field in ignored or (not problem.path and problem.code == "missing-field" and not draft.is_sound):
                continue
            place = self._place_of(draft, problem.path, problem.at_key, origins)
            prefix = ".".join([f"steps.{draft.name}", *(str(part) for part in problem.path)])
            if problem.severity == "error":
                binder.is_sound = False
                self.problems.error(place, problem.code, f"{prefix}: {problem.message}", problem.suggestion, width=_width(instance, problem))
            else:
                self.problems.warning(place, problem.code, f"{prefix}: {problem.message}", problem.suggestion, width=_width(instance, problem))

    def _place_of(self, draft: Draft, path: tuple[str | int, ...], at_key: bool, origins: Mapping[str, Place]) -> Place:
        if not path:
            return Place(draft.source, draft.at)
        field = str(path[0])
        entry = draft.entries.get(field)
        if entry is None:
            return Place(draft.source, draft.at)
        if at_key and len(path) == 1:
            return Place(entry.source, entry.key_at)
        origin = origins.get(field) or self._origin(entry)
        if origin is not None:
            return origin
        at, value = entry.at, entry.value
        for index, part in enumerate(path[1:], 1):
            if isinstance(value, Map) and part in value:
                at = value.places[str(part)][0 if at_key and index == len(path) - 1 else 1]
                value = value[str(part)]
            elif isinstance(value, Seq) and isinstance(part, int) and part < len(value):
                at, value = value.places[part], value[part]
            else:
                break
        return Place(entry.source, at)

    def _origin(self, entry: Entry) -> Place | None:
        """Where the value of a field stands that is wholly a reference to a scalar input written in a file."""
        if not isinstance(entry.value, str) or not entry.value.startswith("$"):
            return None
        target = self.scope.names.get(entry.value.strip("${}"))
        if isinstance(target, Input) and target.dimension is None and target.type != "image" and (not target.is_given or target.value_place.offset):
            return target.value_place
        return None

    def _check_prompts(self, draft: Draft, document: Any, prompts: list[tuple[Any, Place | None]], binder: Binder) -> None:
        """Lets the provider that can tell from the words alone say what it would not understand."""
        checker = getattr(document, "checked_by", None)
        if checker is None or "prompt" not in draft.entries:
            return
        entry = draft.entries["prompt"]
        for prompt, origin in prompts:
            if not isinstance(prompt, str):
                continue
            for start, end, message, suggestion in self.check_prompt(checker, prompt):
                place = origin or self._origin(entry)
                if place is None:
                    words = prompt[start:end]
                    place = Place(entry.source, binder._at(entry.source, entry.at, words) if words else entry.at)  # noqa: SLF001
                binder.error(place.source, place.offset, "not-understood", f"prompt: {message}", suggestion, width=max(1, end - start))

    def _check_life(self, draft: Draft) -> None:
        entry = draft.entries[draft.kind]
        for document in draft.documents.values():
            life = getattr(document, "life", None)
            if life is not None and (sentence := life.problem(self.today)):
                self.problems.warning(Place(entry.source, entry.at), "retired-model", f"steps.{draft.name}.model: {sentence}", width=_length(entry.value))

    # ------------------------------------------------------------------ the rest of a step

    def _step(self, draft: Draft, fields: dict[str, Any], binder: Binder) -> Step:
        entries = draft.entries
        constant: dict[str, Any] = {}
        for key in _CONSTANT:
            if key in fields:
                value = fields[key] if key == "num_samples" else fields.pop(key)
                if dimensions_of(value):
                    binder.error(entries[key].source, entries[key].at, "may-not-vary", f"{key} may not vary from task to task.", "Give it one value.")
                elif value is not UNKNOWN and binder.is_sound:
                    constant[key] = value
        dimensions = tuple(binder.dimensions.values())
        fields.pop("num_samples", None)
        take = fields.pop("take", 1)
        protect = fields.pop("protect", None)
        expect = fields.pop("expect", None)
        options = fields.pop("provider_options", {})
        self._check_take(draft, fields, take, binder)
        excluded = self._excluded(draft, dimensions, binder)
        provider = constant.get("provider", ())
        retry = constant.get("retry", {})
        for name, dimension in binder.loops.items():
            self.scope.loop_variables.setdefault(name, []).append(draft.name)
            _ = dimension
        return Step(
            name=self.scope.prefix + draft.name, kind=draft.kind, target=draft.target, documents=draft.documents, fields=fields,
            dimensions=dimensions, excluded=excluded, after=(), take=take, samples=constant.get("num_samples"),
            missing=constant.get("missing", "fail"),
            retry=Retry(retry.get("attempts", 3), float(retry.get("delay", 1.0))) if isinstance(retry, dict) else Retry(),
            timeout_seconds=float(constant["timeout"]) if "timeout" in constant else None,
            providers=(provider,) if isinstance(provider, str) else tuple(provider), provider_options=options,
            protect=protect, expect=expect if isinstance(expect, dict) else None, place=Place(draft.source, draft.at),
            is_sound=draft.is_sound and binder.is_sound,
        )  # fmt: skip

    def _check_take(self, draft: Draft, fields: Mapping[str, Any], take: Any, binder: Binder) -> None:
        seeded = {document.seeded for document in draft.documents.values() if getattr(document, "seeded", None)}
        fixed = [fields[key] for key in seeded if key in fields and fields[key] not in ("random", UNKNOWN)]
        if fixed and type(take) is int and take > 1:
            entry = draft.entries["take"]
            binder.error(entry.source, entry.at, "take-with-seed", "take above 1 asks for another picture, and the seed asks for the same one.", "Change the seed, or take it away.", width=len(str(take)))

    def _excluded(self, draft: Draft, dimensions: tuple[Dimension, ...], binder: Binder) -> tuple[Mapping[str, frozenset[int]], ...]:
        entry = draft.entries.get("exclude")
        if entry is None:
            return ()
        if not isinstance(entry.value, Seq):
            binder.error(entry.source, entry.at, "wrong-type", "exclude is a list of mappings from dimensions to keys.", "Write exclude: [{season: winter}].")
            return ()
        by_name = {one.name: one for one in dimensions}
        excluded = []
        for item, at in zip(entry.value, entry.value.places, strict=True):
            if not isinstance(item, Map) or not item:
                binder.error(entry.source, at, "wrong-type", "an item of exclude is a mapping from dimensions to keys.", "Write {season: winter}.")
                continue
            if (one := self._exclusion(item, by_name, entry.source, binder)) is not None:
                excluded.append(one)
        return tuple(excluded)

    def _exclusion(self, item: Map, by_name: Mapping[str, Dimension], source: Source, binder: Binder) -> Mapping[str, frozenset[int]] | None:
        positions: dict[str, frozenset[int]] = {}
        matches = True
        for name, value in item.items():
            key_at, at = item.places[name]
            dimension = by_name.get(name)
            if dimension is None:
                if not binder.is_sound:
                    return None
                offer = did_you_mean(name, by_name) or (f"It has {one_of(by_name)}." if by_name else "It has none.")
                binder.error(source, key_at, "unknown-dimension", f'exclude: this step has no dimension "{name}".', offer, width=len(name))
                return None
            wanted = value if isinstance(value, Seq) else [value]
            spelt = [written(source, value.places[index] if isinstance(value, Seq) else at, one) for index, one in enumerate(wanted) if not isinstance(one, (dict, list)) and one is not None]
            if dimension.keys is None:
                matches = True
                continue
            found = frozenset(index for index, key in enumerate(dimension.keys) if key in spelt)
            if not found:
                offer = did_you_mean(spelt[0] if spelt else "", dimension.keys) or f"It has {one_of(dimension.keys)}."
                self.problems.warning(Place(source, at), "exclude-nothing", f'steps.{binder.where.removeprefix("steps.")}: exclude matches nothing: {name} has no key "{spelt[0] if spelt else value}".', offer, width=_length(value))
                matches = False
            positions[name] = found
        return positions if matches and positions else None


def _combinations(dimensions: list[Dimension]) -> Iterator[dict[str, int]]:
    """Positions on dimensions to check: all together while they are few, else each beside the first of the others."""
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


def _has_unknown(value: Any) -> bool:
    if value is UNKNOWN:
        return True
    if isinstance(value, dict):
        return any(_has_unknown(one) for one in value.values())
    return isinstance(value, list) and any(_has_unknown(one) for one in value) if not isinstance(value, str) else False


def _width(instance: Mapping[str, Any], problem: Any) -> int:
    if problem.at_key and problem.path:
        return len(str(problem.path[-1]))
    value: Any = instance
    for part in problem.path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return 1
    return _length(value)


def _length(value: Any) -> int:
    return max(1, min(60, len(str(value)))) if isinstance(value, (str, int, float)) else 1


__all__ = ["Draft", "Entry", "StepLoader", "text_at"]
