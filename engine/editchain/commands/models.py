"""editchain models: the models with their rules, routes, prices and life."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from editchain.commands import completing, showing
from editchain.commands.documents import choice, field_lines, heading, paragraph, refusal_lines, warning_lines
from editchain.commands.saying import write_json
from editchain.diagnostics import did_you_mean, one_of
from editchain.errors import ConfigurationError
from editchain.providers import PROVIDERS
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from editchain.models import Model, Price, Route


LIMITS = {
    "formats": "reads {}",
    "max_bytes": "at most {} bytes",
    "max_pixels": "at most {} pixels",
    "max_side": "at most {} on a side",
    "min_side": "at least {} on a side",
    "max_ratio": "at most {} to 1",
    "too_large": "larger ones: {}",
    "alpha": "transparency: {}",
    "profile": "colour profile: {}",
    "edits": "{} where it edits",
    "same_format": "of the format of the picture: {}",
}
"""What each limit of a route says to people."""


@click.command(
    "models",
    epilog="Examples:\n\n\b\n  editchain models\n  editchain models NAME\n  editchain models import scenario MODEL_ID",
)
@click.argument("name", required=False, shell_complete=completing.models)
@click.argument("words", nargs=-1, metavar="")
@click.option("--name", "new_name", metavar="NAME", help="What an imported model is called here.")
@click.option("--overwrite", is_flag=True, help="Import over a document of this workspace.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def command(
    name: str | None, words: tuple[str, ...], new_name: str | None, overwrite: bool, as_json: bool
) -> int:
    """List the models; with a NAME, all that is known of one: fields, limits, routes, prices, life.

    Models of this workspace's own models/ folder are among them. `import scenario MODEL_ID` makes a document there of the
    vendor's record of a model, for nothing, so that any of its custom models that edit pictures can be used.
    """
    with Workspace.of(Path.cwd()) as workspace:
        if name == "import":
            from editchain.commands.importing import import_model

            return import_model(workspace, words, new_name, overwrite=overwrite, as_json=as_json)
        if words:
            raise ConfigurationError("Name one model, or write editchain models import scenario MODEL_ID.")
        known, today = workspace.catalogue.models, workspace.today
        if name is None:
            models = list(known.values())
            if as_json:
                write_json({"models": [_summary(model, today) for model in models]})
            else:
                click.echo("\n".join(_list(models, today)))
            return 0
        if name not in known:
            offer = did_you_mean(name, known) or f"There is {one_of(known)}."
            raise ConfigurationError(f'There is no model "{name}". {offer}')
        model = known[name]
        if as_json:
            write_json({"model": _summary(model, today), "document": model.document})
        else:
            click.echo("\n".join(_lines(model, today)))
    return 0


def _summary(model: Model, today: date) -> dict[str, Any]:
    return {
        "name": model.name, "title": model.document["title"], "document_version": model.version,
        "deterministic": model.deterministic,
        "fields": list(model.document["properties"]),
        "routes": [
            {"provider": route.provider, "id": route.id, "runs_here": route.provider in PROVIDERS, "free": route.free}
            for route in model.routes
        ],
        "prices": [
            {
                "provider": price.route, "currency": price.currency, "per": price.per, "least": str(price.least),
                "most": str(price.most), "source": price.source, "date": price.date.isoformat(),
                "when": price.when,
            }
            for price in model.prices
        ],
        "shut_down_on": None if model.life.shut_down_on is None else model.life.shut_down_on.isoformat(),
        "successor": model.life.successor, "notice": model.life.problem(today),
    }  # fmt: skip


# ---------------------------------------------------------------------- all of them


def _list(models: list[Model], today: date) -> Iterator[str]:
    rows = [(model.name, _cheapest(model), _providers(model), _standing(model, today)) for model in models]
    yield from showing.table(("model", "price", "providers", ""), rows)


def _cheapest(model: Model) -> str:
    if any(route.free for route in model.routes):
        return "free"
    general = [price for price in model.prices if price.when is None]
    by_picture = [price for price in general if price.per == "picture"]
    prices = [price for price in by_picture if price.currency == "USD"] or by_picture or general
    if not prices:
        return "unknown"
    cheapest = min(prices, key=lambda price: price.least)
    return _amount(cheapest) + ("" if cheapest.per == "picture" else f" per {cheapest.per}")


def _amount(price: Price) -> str:
    low, high = f"{price.least.normalize():f}", f"{price.most.normalize():f}"
    return f"{low if low == high else f'{low}–{high}'} {price.currency}"


def _providers(model: Model) -> str:
    return ", ".join(dict.fromkeys(route.provider for route in model.routes))


def _standing(model: Model, today: date) -> str:
    if not any(route.provider in PROVIDERS for route in model.routes):
        missing = "no provider of it in this version"
    else:
        missing = ""
    problem = model.life.problem(today)
    return "; ".join(
        part
        for part in (problem.removeprefix(f"{model.name} ").rstrip(".") if problem else "", missing)
        if part
    )


# ---------------------------------------------------------------------- one of them


def _lines(model: Model, today: date) -> Iterator[str]:
    yield f"{model.name}: {model.document['title']}, document version {model.version}"
    yield from paragraph(model.document["description"])
    if problem := model.life.problem(today):
        yield from paragraph(problem)
    yield heading("Fields")
    yield from field_lines(model)
    if refused := list(refusal_lines(model)):
        yield heading("What is refused, and how it is said")
        yield from refused
    if warned := list(warning_lines(model)):
        yield heading("What is warned about")
        yield from warned
    yield heading("Routes, in the order in which they are tried")
    for route in model.routes:
        yield from _route(route)
    yield heading("Prices")
    yield from _prices(model)
    if life := list(_life(model)):
        yield heading("Life")
        yield from life


def _route(route: Route) -> Iterator[str]:
    here = "" if route.provider in PROVIDERS else " (no such provider in this version)"
    endpoint = f" {route.endpoint}" if route.endpoint else ""
    yield f"  {route.provider}{endpoint}: {route.id}, {showing.many(route.samples, 'picture')} a call{here}"
    refused = [name for name, sent in route.fields.items() if "refused" in sent]
    ignored = [name for name, sent in route.fields.items() if "ignored" in sent]
    if refused:
        yield from paragraph(f"does not take {one_of(refused)}", "      ")
    if ignored:
        yield from paragraph(f"ignores {one_of(ignored)}", "      ")
    for name, sent in route.fields.items():
        accepts = sent.get("accepts")
        if isinstance(accepts, dict):
            yield from paragraph(f"{name}: {'; '.join(_accepted(accepts))}", "      ")
    for what, limits in route.limits.items():
        said = "; ".join(LIMITS[key].format(_limit(value)) for key, value in limits.items())
        yield from paragraph(f"{what}: {said}", "      ")
    if route.notes:
        yield from paragraph(route.notes, "      ")


def _limit(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else str(value)


def _accepted(accepts: dict[str, Any]) -> Iterator[str]:
    for key, value in accepts.items():
        if key == "enum":
            yield f"one of {', '.join(choice(one) for one in value)}"
        else:
            yield f"{key} {value}"


def _prices(model: Model) -> Iterator[str]:
    if any(route.free for route in model.routes):
        yield "  free: it runs on this machine"
    elif not model.prices:
        yield "  unknown"
    for price in model.prices:
        if price.when is None:
            named = model.price_fields(price.route) if price.is_foreseen else ()
            by = f" by {', '.join(named)}" if named else ""
            yield f"  {price.route}: {_amount(price)} per {price.per}{by}, seen {price.date.isoformat()} ({price.source})"


def _life(model: Model) -> Iterator[str]:
    life = model.life
    if life.announced:
        yield f"  announced {life.announced.isoformat()}"
    for provider, day in life.retired.items():
        yield f"  shut down at {provider} on {day.isoformat()}"
    if life.shut_down_on:
        yield f"  shut down on {life.shut_down_on.isoformat()}"
    if life.successor:
        yield f"  successor: {life.successor}"
    if life.note:
        yield from paragraph(life.note, "  ")
