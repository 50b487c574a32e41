"""The catalogue: what is known of every model and operation, read from their documents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Generic, Literal, TypedDict, TypeVar

from editchain import plugins
from editchain.classes import dataclass
from editchain.errors import ConfigurationError
from editchain.misfits import RuleProblem, dotted
from editchain.rules import Rules, meta_problems
from editchain.schemas import Kind, Schema, folder, place_of, read

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Route:
    """A provider's way to serve a model: under which id, and how each field of the model is sent.

    `fields` has an entry for every field of the model; docs/models.md says how to read one. `samples` is how
    many pictures one call can give; where it is `free`, nobody takes money for them. `endpoint` is None where
    the provider has one way in; `send` goes with every call; `limits` are those of an "image", a "mask" and
    the whole "request", where they are known. `options` are the names that a step's provider_options may have where
    the vendor refuses any other, else None. `output` is what the model gives back where nothing is said: its "pixels" and
    "format".
    """

    provider: str
    id: str
    fields: Mapping[str, Mapping[str, Any]]
    samples: int
    free: bool = False
    endpoint: str | None = None
    send: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    options: Sequence[str] | None = None
    output: Mapping[str, Any] = field(default_factory=dict)
    notes: str | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """What a provider takes, as seen on `date`: from `least` to `most` for each `per`.

    `when` is a schema of the step's fields for which it is so; None where it is so in general.
    """

    route: str
    currency: str
    per: str
    least: Decimal
    most: Decimal
    source: str
    date: date
    when: Schema | None = None

    @property
    def is_foreseen(self) -> bool:
        """Whether it says what a picture costs beforehand; else it is of what the vendor counts: tokens, credits."""
        return self.per in ("picture", "megapixel")

    def times(self, count: int) -> Price:
        """What so many pictures cost."""
        return replace(self, least=self.least * count, most=self.most * count)


@dataclass(frozen=True, slots=True)
class Life:
    """When a model came and when it goes: at one provider (`retired`) or everywhere (`shut_down_on`).

    `moves` says of fields that the `successor` calls otherwise what they are `to` be, and which `values` become which.
    """

    model: str
    announced: date | None = None
    retired: Mapping[str, date] = field(default_factory=dict)
    shut_down_on: date | None = None
    successor: str | None = None
    moves: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    note: str | None = None

    def is_gone(self, provider: str, today: date) -> bool:
        """Whether the model has ended at a provider, or everywhere."""
        days = (self.shut_down_on, self.retired.get(provider))
        return any(day is not None and day <= today for day in days)

    def problem(self, today: date) -> str | None:
        """A sentence about the end of the model, where one is past or announced; None where none is known."""
        if self.shut_down_on is not None:
            ends = [_end("", self.shut_down_on, today)]
        else:
            ends = [_end(f" at {provider}", day, today) for provider, day in self.retired.items()]
        if not ends:
            return None
        follows = f"its successor is {self.successor}" if self.successor else "no successor is named"
        return f"{self.model} {' and '.join(ends)}; {follows}."


def _end(where: str, day: date, today: date) -> str:
    return f"{'was' if day <= today else 'will be'} shut down{where} on {day.isoformat()}"


class Shared(TypedDict):
    """What models and operations have in common."""

    name: str
    document: Schema
    image_fields: tuple[str, ...]
    image_list_fields: tuple[str, ...]
    font_fields: tuple[str, ...]
    defaults: Mapping[str, object]
    rules: Rules


@dataclass(frozen=True, slots=True)
class Model:
    """A model's document: the rules of its fields, the routes to it, its prices and its life.

    `version` is part of the identity of a picture. `image_fields` hold one picture each, `image_list_fields`
    a list; `font_fields`, of the first, hold fonts; `defaults` are the values of fields that say nothing. `seeded` is the field that takes a seed, and
    `checked_by` the provider that can tell from its words alone whether it understands a prompt. `routes` are
    in the order to try them.
    """

    name: str
    document: Schema
    image_fields: tuple[str, ...]
    image_list_fields: tuple[str, ...]
    font_fields: tuple[str, ...]
    defaults: Mapping[str, object]
    rules: Rules
    version: str
    deterministic: bool
    seeded: str | None
    checked_by: str | None
    routes: tuple[Route, ...]
    prices: tuple[Price, ...]
    life: Life

    def is_left(self, today: date, providers: Sequence[str] = ()) -> bool:
        """Whether any of its routes, or of those at some providers, leads to a vendor that still has it."""
        return any(
            not self.life.is_gone(route.provider, today)
            for route in self.routes
            if not providers or route.provider in providers
        )

    def price(self, provider: str, fields: Mapping[str, object] | None = None) -> Price | None:
        """What a picture costs at a provider beforehand: with these fields, or in general; None where nobody knows."""
        return next(
            (
                one
                for one in self.prices
                if one.route == provider and one.is_foreseen and _fits(one.when, fields)
            ),
            None,
        )

    def price_fields(self, provider: str) -> tuple[str, ...]:
        """The fields that the price of a picture at a provider goes by."""
        named = [one.when.get("properties", ()) for one in self.prices if one.route == provider and one.when]
        return tuple(dict.fromkeys(name for names in named for name in names))


def _fits(when: Schema | None, fields: Mapping[str, object] | None) -> bool:
    if when is None or fields is None:
        return when is None
    import jsonschema_rs

    return jsonschema_rs.is_valid(when, dict(fields))


@dataclass(frozen=True, slots=True)
class OperationDocument:
    """An operation's document; `behaviour` changes when the pixels that it makes change on purpose.

    `is_asked`: whether a workspace is asked before it runs.
    """

    name: str
    document: Schema
    image_fields: tuple[str, ...]
    image_list_fields: tuple[str, ...]
    font_fields: tuple[str, ...]
    defaults: Mapping[str, object]
    rules: Rules
    behaviour: int
    is_asked: bool = False


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every model and operation by name; a document is read when it is asked for, not to list names."""

    models: Mapping[str, Model]
    operations: Mapping[str, OperationDocument]


def catalogue(workspace_models: Path | None = None) -> Catalogue:
    """The catalogue that comes with editchain, with the models of a workspace's own folder beside them.

    ConfigurationError where the workspace has a model of the same name, and, when a model of its own is asked
    for, where its document is wrong, with file:line:column.
    """
    models = _documents(folder() / "models")
    own = {} if workspace_models is None else _documents(workspace_models)
    if twice := sorted(models.keys() & own.keys()):
        raise ConfigurationError(
            f'{own[twice[0]]}:1:1  there is a model "{twice[0]}" already; give yours another name'
        )

    operations = _documents(folder() / "operations")

    def load_model(name: str) -> Model:
        if name in models:
            return _model(name, read(models[name]))
        return _model(
            name, _checked(own[name] if name in own else plugins.documents("models")[name], "model")
        )

    def load_operation(name: str) -> OperationDocument:
        if name in operations:
            return operation_document(name, read(operations[name]))
        return operation_document(name, _checked(plugins.documents("operations")[name], "operation"))

    return Catalogue(
        models=_Lazy(sorted([*models, *own]), load_model, lambda: plugins.documents("models")),
        operations=_Lazy(sorted(operations), load_operation, lambda: plugins.documents("operations")),
    )


class _Lazy(Mapping[str, T], Generic[T]):
    """A mapping whose names are known and whose values are made when they are asked for, once.

    There may be `more` names, which are asked for when one is not known, or all are wanted.
    """

    def __init__(
        self, names: list[str], make: Callable[[str], T], more: Callable[[], Iterable[str]] = lambda: ()
    ) -> None:
        self._made: dict[str, T | None] = dict.fromkeys(names)
        self._make = make
        self._more = more

    def __getitem__(self, name: str) -> T:
        if name not in self:
            raise KeyError(name)
        made = self._made[name]
        if made is None:
            made = self._made[name] = self._make(name)
        return made

    def __iter__(self) -> Iterator[str]:
        self._look_further()
        return iter(self._made)

    def __len__(self) -> int:
        self._look_further()
        return len(self._made)

    def __contains__(self, name: object) -> bool:
        if name not in self._made:
            self._look_further()
        return name in self._made

    def _look_further(self) -> None:
        for name in self._more():
            self._made.setdefault(name, None)


def _documents(where: Path) -> dict[str, Path]:
    if not where.is_dir():
        return {}
    return {path.stem: path for path in where.iterdir() if path.suffix == ".json" and path.is_file()}


def _checked(path: Path, kind: Literal["model", "operation"]) -> Schema:
    document = read(path)
    problems = meta_problems(document, kind)
    if problems:
        text = path.read_text(encoding="utf-8-sig")
        raise ConfigurationError("\n".join(_line(path, text, problem) for problem in problems))
    return document


def _line(path: Path, text: str, problem: RuleProblem) -> str:
    line, column = place_of(text, problem.path)
    return f"{path}:{line}:{column}  {dotted(problem.path) or 'document'}: {problem.message}"


def _model(name: str, document: Schema) -> Model:
    known = document["x-editchain"]
    return Model(
        **_shared(name, document, "model"),
        version=known["version"],
        deterministic=known["deterministic"],
        seeded=known["seeded"],
        checked_by=known.get("prompt", {}).get("checked_by"),
        routes=tuple(Route(**route) for route in known["routes"]),
        prices=tuple(_price(price) for price in known.get("prices", [])),
        life=_life(name, known.get("life", {})),
    )


def operation_document(name: str, document: Schema) -> OperationDocument:
    """What the document of an operation says, as data."""
    known = document["x-editchain"]
    return OperationDocument(
        **_shared(name, document, "operation"),
        behaviour=known["behaviour"],
        is_asked=known.get("is_asked", False),
    )


def _shared(name: str, document: Schema, kind: Kind) -> Shared:
    properties: Mapping[str, Schema] = document["properties"]
    return Shared(
        name=name,
        document=document,
        image_fields=_pointing(properties, ("image", "mask", "font")),
        image_list_fields=_pointing(properties, ("images",)),
        font_fields=_pointing(properties, ("font",)),
        defaults={name: rule["default"] for name, rule in properties.items() if "default" in rule},
        rules=Rules(name, document, kind),
    )


def _pointing(properties: Mapping[str, Schema], names: tuple[str, ...]) -> tuple[str, ...]:
    """The fields that are said to be one of the shared kinds of fields."""
    ends = tuple(f"fields.json#/$defs/{name}" for name in names)
    return tuple(name for name, rule in properties.items() if rule.get("$ref", "").endswith(ends))


def _price(price: Mapping[str, Any]) -> Price:
    return Price(
        route=price["route"],
        currency=price["currency"],
        per=price["per"],
        least=Decimal(price["min"]),
        most=Decimal(price["max"]),
        source=price["source"],
        date=date.fromisoformat(price["date"]),
        when=price.get("when"),
    )


def _life(name: str, life: Mapping[str, Any]) -> Life:
    return Life(
        model=name,
        announced=_day(life.get("announced")),
        retired={provider: date.fromisoformat(day) for provider, day in life.get("retired", {}).items()},
        shut_down_on=_day(life.get("shut_down_on")),
        successor=life.get("successor"),
        moves=life.get("moves", {}),
        note=life.get("note"),
    )


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
