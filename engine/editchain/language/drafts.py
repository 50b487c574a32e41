"""Drafts: the fields of a step after defaults, before its references are resolved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from editchain.classes import dataclass
from editchain.diagnostics import Place, Source, did_you_mean, nearest, one_of
from editchain.language.reading import Unfit
from editchain.language.references import find_references
from editchain.language.scalars import width_of
from editchain.language.syntax import UNWRITABLE, Map, Seq, control_character
from editchain.pipeline import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from editchain.diagnostics import Problems
    from editchain.language.reading import Reader
    from editchain.language.scope import Scope
    from editchain.models import Catalogue, Model, OperationDocument

MAX_PROMPT_BYTES = 1024 * 1024

Kind = Literal["model", "operation", "pipeline", ""]

KINDS = ("model", "operation", "pipeline")
RESERVED = ("approve", "choose", "when")
STEP_FIELDS = frozenset(
    (
        *KINDS, "with", "prompt_file", "for_each", "exclude", "missing", "take", "after", "retry", "timeout",
        "provider", "provider_options", "protect", "expect",
    )
)  # fmt: skip
OF_PIPELINE_STEPS = frozenset(
    ("pipeline", "with", "for_each", "exclude", "after", "missing", "retry", "timeout", "provider")
)
_IN_PLACE_OF = {"prompt": "prompt_file", "prompt_file": "prompt"}
NEVER_A_DEFAULT = ("operation", "pipeline", "with", "for_each", "exclude", "after")
_NOUNS = {"model": "a model", "operation": "an operation"}


class Entry(NamedTuple):
    """A field as it stands in the file: its value, and where the value and its key stand."""

    value: Any
    source: Source
    at: int
    key_at: int

    @property
    def place(self) -> Place:
        """Where the value stands."""
        return Place(self.source, self.at)


@dataclass(slots=True, eq=False)
class Draft:
    """A step before its references are resolved.

    `documents` are those of the one model or operation it names, by name; `target` is that name, UNKNOWN where it
    is a reference. `sources` are the names it refers to, `needs` these and those of `after`; `references` are the
    fields whose values hold a reference.
    """

    name: str
    kind: Kind
    raw: Map
    source: Source
    at: int
    entries: dict[str, Entry]
    documents: dict[str, Model | OperationDocument]
    needs: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    is_sound: bool = True
    target: Any = None

    @property
    def loop_names(self) -> tuple[str, ...]:
        """The variables that its `for_each` declares."""
        entry = self.entries.get("for_each")
        return tuple(entry.value) if entry is not None and isinstance(entry.value, Map) else ()

    def respell(self, field: str, meant: str) -> None:
        """Goes on as if a misspelt field were spelt right."""
        self.entries[meant] = self.entries.pop(field)
        self.references = tuple(meant if one == field else one for one in self.references)


class Drafter:
    """Makes drafts of the steps of one file."""

    def __init__(
        self, scope: Scope, catalogue: Catalogue, reader: Reader, problems: Problems, defaults: Map | None
    ) -> None:
        self.scope = scope
        self.catalogue = catalogue
        self.reader = reader
        self.problems = problems
        self.defaults = defaults or Map(0)
        self.defaults_used: set[str] = set()
        self._taken: dict[tuple[str, Any], tuple[str, ...]] = {}

    def draft(self, name: str, raw: Map, key_at: int) -> Draft:
        """A step's fields after defaults, the documents it may run by, and the names that it needs."""
        source = self.scope.source
        draft = Draft(name, "", raw, source, key_at, {}, {})
        noted = len(self.problems.found)
        draft.kind = self._kind(name, raw, key_at)
        entries = draft.entries
        for key, value in raw.items():
            key_offset, value_at = raw.places[key]
            if value is None:
                self._set_aside(name, key, value_at)
            elif key in RESERVED:
                message = f'steps.{name}: "{key}" is reserved for later versions.'
                self._error(key_offset, "reserved-field", message, "Remove it.", width=len(key))
            else:
                entries[key] = Entry(value, source, value_at, key_offset)
        if draft.kind in ("model", "operation"):
            self._find_document(draft)
        if self.defaults:
            self._apply_defaults(draft)
        if "prompt_file" in entries:
            self._read_prompt(draft)
        _find_needs(draft)
        if len(self.problems.found) > noted:
            draft.is_sound = not self.problems.has_errors_since(noted)
        return draft

    def check_defaults(self, drafts: Mapping[str, Draft]) -> None:
        """Notes each default that no step can take."""
        for key, value in self.defaults.items():
            key_at, at = self.defaults.places[key]
            if value is None:
                hint = "Remove the line, or give it a value."
                self._error(at, "null-value", f"defaults.{key} has no value.", hint)
            elif key in NEVER_A_DEFAULT:
                message = f"defaults.{key}: that stands in a step, not in defaults."
                self._error(key_at, "unknown-field", message, "Move it to the steps.", width=len(key))
            elif key not in self.defaults_used and not any(key in one.entries for one in drafts.values()):
                self._unused_default(key, key_at, drafts)

    def no_such_document(self, name: str, kind: str, value: str, place: Place) -> None:
        """Notes that no model or operation has the name that a step gives."""
        table, other = self._table(kind), self._table("operation" if kind == "model" else "model")
        offer = (kind == "operation" and self._known_as(value)) or did_you_mean(value, table)
        if offer is None and value in other:
            other_kind = "operation" if kind == "model" else "model"
            offer = f"It is {_NOUNS[other_kind]}: write {other_kind}: {value}."
        if offer is None and "$" in value:
            offer = f"The name of {_NOUNS[kind]} stands here as it is."
        offer = offer or f"There is {one_of(table, most=20)}."
        message = f'steps.{name}.{kind}: no {kind} is called "{value}".'
        self.problems.error(place, f"unknown-{kind}", message, offer, width=max(1, len(value)))

    def _known_as(self, value: str) -> str | None:
        """Offers the operation whose document has this among other words for it."""
        for name, document in self.catalogue.operations.items():
            if value in document.document["x-editchain"].get("also", ()):
                return f'That is what the operation "{name}" does.'
        return None

    # ------------------------------------------------------------------ what a step is

    def _kind(self, name: str, raw: Map, key_at: int) -> Kind:
        kinds = [kind for kind in KINDS if raw.get(kind) is not None]
        if len(kinds) == 1:
            return kinds[0]  # type: ignore[return-value]  # one of KINDS, which are the literals
        if kinds:
            at = max(raw.places[kind][0] for kind in kinds)
            message = f"steps.{name} has both {' and '.join(kinds)}: a step does one thing."
            self._error(at, "two-kinds", message, "Make two steps of it.")
            return ""
        if self.defaults.get("model") is not None and "model" not in raw:
            return "model"
        self._no_kind(name, raw, key_at)
        return ""

    def _no_kind(self, name: str, raw: Map, key_at: int) -> None:
        if (near := _misspelt_kind(self.defaults)) is not None and near not in self.defaults_used:
            self.defaults_used.add(near)
            message = f'defaults.{near}: no step has a field "{near}".'
            offer = did_you_mean(near, KINDS)
            self._error(self.defaults.places[near][0], "unknown-field", message, offer, width=len(near))
        elif near is None:
            near = _misspelt_kind(raw)
            offer = "Write `model:`, `operation:` or `pipeline:`, or put a model in `defaults`."
            message = f"steps.{name} names no model, operation or pipeline."
            at = key_at if near is None else raw.places[near][0]
            offer = offer if near is None else did_you_mean(near, KINDS) or offer
            self._error(at, "missing-field", message, offer, width=len(near or name))

    def _find_document(self, draft: Draft) -> None:
        kind = draft.kind
        entry = draft.entries.get(kind)
        if entry is None:
            self.defaults_used.add("model")
            key_at, at = self.defaults.places["model"]
            entry = draft.entries["model"] = Entry(self.defaults["model"], draft.source, at, key_at)
        value, table = entry.value, self._table(kind)
        if not isinstance(value, str):
            if value is not UNKNOWN:
                message = f"steps.{draft.name}.{kind} is the name of {_NOUNS[kind]}."
                self._error(entry.at, "wrong-type", message, width=width_of(value))
        elif value in table:
            draft.documents[value] = table[value]
            draft.target = value
        elif kind == "model" and value.startswith("$"):
            draft.target = UNKNOWN
        else:
            self.no_such_document(draft.name, kind, value, entry.place)
            if (meant := nearest(value, table)) is not None and _digits(meant) == _digits(value):
                draft.documents[meant] = table[meant]
                draft.target = meant

    def _table(self, kind: str) -> Mapping[str, Any]:
        return self.catalogue.models if kind == "model" else self.catalogue.operations

    # ------------------------------------------------------------------ defaults

    def _set_aside(self, name: str, key: str, at: int) -> None:
        if key in self.defaults:
            self.defaults_used.add(key)
            return
        rest = self.scope.source.line(at)[self.scope.source.locate(at)[1] - 1 :]
        hint = "Remove the line, or give it a value."
        if rest.lstrip().startswith("#"):
            hint = "YAML takes what follows # for a comment: put it in quotes."
        message = f"steps.{name}.{key} has no value, and there is no default to set aside."
        self._error(at, "null-value", message, hint)

    def _apply_defaults(self, draft: Draft) -> None:
        shape = (draft.kind, draft.target if isinstance(draft.target, str) else None)
        if shape not in self._taken:
            self._taken[shape] = tuple(key for key in self.defaults if self._takes(draft, key))
        for key in self._taken[shape]:
            if key in draft.raw or draft.raw.get(_IN_PLACE_OF.get(key, "")) is not None:
                continue
            self.defaults_used.add(key)
            key_at, at = self.defaults.places[key]
            draft.entries[key] = Entry(self.defaults[key], draft.source, at, key_at)

    def _takes(self, draft: Draft, key: str) -> bool:
        if self.defaults[key] is None or key in KINDS or draft.kind not in ("model", "operation"):
            return False
        if key == "prompt_file":
            return self._takes_prompt(draft)
        if key in ("provider", "provider_options"):
            return draft.kind == "model"
        if key == "protect":
            key = "image"  # what it pastes back
        if key in STEP_FIELDS:
            return key not in NEVER_A_DEFAULT
        return any(key in document.document["properties"] for document in draft.documents.values())

    @staticmethod
    def _takes_prompt(draft: Draft) -> bool:
        return any("prompt" in document.document["properties"] for document in draft.documents.values())

    def _unused_default(self, key: str, key_at: int, drafts: Mapping[str, Draft]) -> None:
        fields = {
            name for draft in drafts.values() for one in draft.documents.values() for name in _fields(one)
        }
        is_field = key in STEP_FIELDS or any(
            key in _fields(one) for kind in ("model", "operation") for one in self._table(kind).values()
        )
        if is_field and any(not draft.documents and draft.kind != "pipeline" for draft in drafts.values()):
            return  # a step whose model is not known might have taken it
        message = f'defaults.{key}: no step can take "{key}".'
        known = (fields | STEP_FIELDS).difference(NEVER_A_DEFAULT, self.defaults)
        offer = (None if is_field else did_you_mean(key, known)) or "Take it away."
        place = Place(self.scope.source, key_at)
        self.problems.warning(place, "unused-default", message, offer, width=len(key))

    # ------------------------------------------------------------------ prompt files

    def _read_prompt(self, draft: Draft) -> None:
        """Puts the text of a prompt file in the place of a prompt."""
        entry = draft.entries.pop("prompt_file")
        where = f"steps.{draft.name}.prompt_file"
        width = width_of(entry.value)
        if draft.raw.get("prompt") is not None:
            message = f"steps.{draft.name} has both prompt and prompt_file."
            self._error(entry.key_at, "two-prompts", message, "Keep one of them.", width=len("prompt_file"))
            return
        if draft.documents and not self._takes_prompt(draft):
            message = f"{where}: {next(iter(draft.documents))} takes no prompt."
            self._error(entry.key_at, "unknown-field", message, "Take it away.", width=len("prompt_file"))
            return
        draft.entries["prompt"] = entry._replace(value=UNKNOWN)
        if not isinstance(entry.value, str):
            if entry.value is not UNKNOWN:
                self._error(entry.at, "wrong-type", f"{where} is a path.", "Put it in quotes.", width=width)
            return
        if any(find_references(entry.value)):
            message = f"{where}: a prompt file is named as it stands, without references."
            hint = "For several prompts, write them in a table or in for_each, and refer to them: prompt: $look.words."
            self._error(entry.at, "reference-here", message, hint, width=width)
            return
        try:
            path = self.reader.resolve(entry.value, self.scope.base)
            data = self.reader.text(path, max_bytes=MAX_PROMPT_BYTES, what="prompt file")
            text = data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
        except UnicodeDecodeError:
            message = f'{where}: "{entry.value}" is not UTF-8 text.'
            self._error(entry.at, "encoding", message, "Save the file as UTF-8.", width=width)
        except Unfit as unfit:
            self._error(entry.at, unfit.code, f"{where}: {unfit.message}", unfit.suggestion, width=width)
        else:
            start = len(text) - len(text.lstrip())
            source = Source(self.reader.display(path), text)
            if odd := UNWRITABLE.search(text):
                control_character(Place(source, odd.start()), odd.group(), self.problems)
                return
            draft.entries["prompt"] = Entry(text.strip(), source, start, start)

    def _error(
        self, at: int, code: str, message: str, suggestion: str | None = None, *, width: int = 1
    ) -> None:
        self.problems.error(Place(self.scope.source, at), code, message, suggestion, width=width)


def _digits(name: str) -> str:
    """What tells a version from another: one of them is not a misspelling of the other."""
    return "".join(filter(str.isdigit, name))


def _fields(document: Model | OperationDocument) -> Mapping[str, Any]:
    fields: Mapping[str, Any] = document.document["properties"]
    return fields


def _misspelt_kind(fields: Map) -> str | None:
    return next((key for key in fields if key not in STEP_FIELDS and did_you_mean(key, KINDS)), None)


def _find_needs(draft: Draft) -> None:
    """The names that a draft refers to, by reference or `after`."""
    names: dict[str, None] = {}
    fields: list[str] = []
    for key, entry in draft.entries.items():
        value = entry[0]
        kind = type(value)
        if (kind is str and "$" in value) or kind is Map or kind is Seq:
            before = len(fields)
            for reference in find_references(value):
                names[reference.name] = None
                if len(fields) == before:
                    fields.append(key)
    loops = draft.entries.get("for_each")
    if loops is not None and isinstance(loops.value, Map):  # a name of its own, were it allowed, is no step
        for name in loops.value:
            names.pop(name, None)
    draft.sources = draft.needs = tuple(names)
    if (after := draft.entries.get("after")) is not None:
        draft.needs = tuple({**names, **dict.fromkeys(_names(after.value))})
    draft.references = tuple(fields)


def _names(value: Any) -> Iterator[str]:
    """The names of steps that `after` gives."""
    for one in [value] if isinstance(value, str) else value if isinstance(value, Seq) else ():
        if isinstance(one, str):
            yield one
