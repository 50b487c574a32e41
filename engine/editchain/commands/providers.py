"""editchain providers: which vendors can be asked from here, with what limits, for which models."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from editchain.classes import dataclass
from editchain.commands import showing
from editchain.commands.documents import paragraph
from editchain.commands.saying import write_json
from editchain.commands.shared import nearest_workspace
from editchain.diagnostics import did_you_mean, one_of
from editchain.errors import ConfigurationError, EditchainError
from editchain.providers import LOCAL, PROVIDERS, load
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECK_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Variable:
    """A credential of a provider: the names that it goes by, and where it was found."""

    names: tuple[str, ...]
    found: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a vendor said when it was asked, for nothing, how the account stands."""

    standing: Literal["ok", "refused", "unreachable", "not asked"]
    balance: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Vendor:
    """A provider as it can be used here. `models` are those that its routes serve and it has not shut down.

    `problem` says why a credential cannot be looked for where the configuration names it.
    """

    name: str
    runs_here: bool
    local: bool
    usable: bool
    credentials: tuple[Variable, ...]
    base_url: str | None
    concurrency: int | None
    per_second: float | None
    models: tuple[str, ...]
    check: Answer | None = None
    problem: str | None = None


@click.command(
    "providers",
    epilog="Examples:\n\n\b\n  editchain providers\n  editchain providers --check\n  editchain providers NAME",
)
@click.argument("name", required=False)
@click.option("--check", "checks", is_flag=True, help="Ask the vendors how the account stands, for nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def command(name: str | None, checks: bool, as_json: bool) -> int:
    """List the providers: which have credentials and from where, their limits, and the models that they serve.

    Credentials are named, never shown. --check sends a request that costs nothing to each vendor that has one;
    it exits with 1 where a vendor refuses or cannot be reached.
    """
    with Workspace(nearest_workspace(Path.cwd())) as workspace:
        vendors = list(_vendors(workspace))
        if name is not None:
            names = [one.name for one in vendors]
            if name not in names:
                offer = did_you_mean(name, names) or f"There is {one_of(names)}."
                raise ConfigurationError(f'There is no provider "{name}". {offer}')
            vendors = [one for one in vendors if one.name == name]
        if checks:
            vendors = _asked(workspace, vendors)
    if as_json:
        write_json({"providers": [asdict(one) for one in vendors]})
    else:
        click.echo("\n".join(_lines(vendors) if name is None else _one(vendors[0])))
    failed = [
        one for one in vendors if one.check is not None and one.check.standing in ("refused", "unreachable")
    ]
    return 1 if failed else 0


def _vendors(workspace: Workspace) -> Iterator[Vendor]:
    """Those of this version, then those that only documents of models name."""
    models = workspace.catalogue.models.values()
    named = {route.provider for model in models for route in model.routes}
    for name in [*PROVIDERS, *sorted(named - PROVIDERS.keys())]:
        served = tuple(
            model.name
            for model in models
            if any(route.provider == name for route in model.routes)
            and not model.life.is_gone(name, workspace.today)
        )
        if name not in PROVIDERS:
            yield Vendor(name, False, False, False, (), None, None, None, served)
            continue
        if name in LOCAL:
            yield Vendor(name, True, True, True, (), None, None, None, served)
            continue
        capabilities = load(name).capabilities
        wanted = (*capabilities.credentials, *capabilities.optional)
        problem: str | None = None
        try:
            found = tuple(workspace.credentials.find(name, wanted))
        except ConfigurationError as error:
            found, problem = (None,) * len(wanted), str(error)
        needed = found[: len(capabilities.credentials)]
        limits = workspace.configuration.limits.get(name, {})
        yield Vendor(
            name, True, False, None not in needed,
            tuple(Variable(names, None if one is None else one.source) for names, one in zip(wanted, found, strict=True)),
            workspace.configuration.base_urls.get(name, capabilities.base_url),
            int(limits.get("concurrency", capabilities.concurrency)),
            limits.get("per_second", capabilities.per_second),
            served,
            problem=problem,
        )  # fmt: skip


# ---------------------------------------------------------------------- asking


def _asked(workspace: Workspace, vendors: list[Vendor]) -> list[Vendor]:
    """The vendors with what each said, all asked at once."""
    import anyio

    answers: dict[str, Answer] = {}

    async def ask(name: str) -> None:
        answers[name] = await _answer(workspace, name)

    async def ask_all() -> None:
        async with anyio.create_task_group() as group:
            for one in vendors:
                if one.usable and not one.local:
                    group.start_soon(ask, one.name)

    anyio.run(ask_all)
    wrong = {one.name: Answer("refused", message=one.problem) for one in vendors if one.problem is not None}
    return [replace(one, check=answers.get(one.name, wrong.get(one.name))) for one in vendors]


async def _answer(workspace: Workspace, name: str) -> Answer:
    import anyio

    from editchain.http import FetchError, NotSent, ReplyLost

    provider = load(name)
    if not provider.capabilities.checks:
        return Answer("not asked", message="it has nothing that can be asked for nothing")
    try:
        client = workspace.client(name, provider)
        try:
            with anyio.fail_after(CHECK_SECONDS):
                found = await provider.check(client)
        finally:
            await client.close()
    except (NotSent, ReplyLost, FetchError) as error:
        return Answer("unreachable", message=str(error))
    except TimeoutError:
        return Answer("unreachable", message=f"there was no answer within {CHECK_SECONDS:.0f} s")
    except EditchainError as error:
        return Answer("refused", message=str(error))
    if found.refusal is not None:
        return Answer("refused", found.balance, found.refusal)
    return Answer("ok", found.balance)


# ---------------------------------------------------------------------- in words


def _lines(vendors: list[Vendor]) -> Iterator[str]:
    here = [one for one in vendors if one.runs_here]
    has_answers = any(one.check is not None for one in here)
    header = ("provider", "models", "at a time", "credential", *(("account",) if has_answers else ()))
    rows = [
        (
            one.name,
            str(len(one.models)),
            _limits(one),
            _credential(one),
            *((_account(one),) if has_answers else ()),
        )
        for one in here
    ]
    yield from showing.table(header, rows)
    if not has_answers:
        yield from (line for one in here if one.problem for line in ("", *paragraph(one.problem, "")))
    elsewhere = [one.name for one in vendors if not one.runs_here]
    if elsewhere:
        yield ""
        yield from paragraph(
            f"Documents of models also name {one_of(elsewhere)}, which this version does not call.", ""
        )


def _credential(one: Vendor) -> str:
    if one.local:
        return "needs none"
    if one.usable:
        return " and ".join(variable.found for variable in one.credentials if variable.found)
    needed = load(one.name).capabilities.credentials if one.runs_here else ()
    lacking = (variable for variable in one.credentials if variable.found is None)
    return "– " + " and ".join(variable.names[0] for variable in lacking if variable.names in needed)


def _limits(one: Vendor) -> str:
    if one.concurrency is None:
        return "–"
    rate = "" if one.per_second is None else f", {one.per_second:g} a second"
    return f"{one.concurrency}{rate}"


def _account(one: Vendor) -> str:
    if one.check is None:
        return "–"
    if one.check.standing == "ok":
        return f"ok, {one.check.balance}" if one.check.balance else "ok"
    return f"{one.check.standing}: {one.check.message}"


def _one(vendor: Vendor) -> Iterator[str]:
    yield vendor.name
    if not vendor.runs_here:
        yield "  this version does not call it"
    elif vendor.local:
        yield "  runs on this machine, for nothing"
    else:
        yield f"  host: {vendor.base_url}"
        for variable in vendor.credentials:
            yield f"  {' or '.join(variable.names)}: {variable.found or vendor.problem or 'not found'}"
        yield f"  at a time: {_limits(vendor)}"
    if vendor.check is not None:
        yield f"  account: {_account(vendor)}"
    yield f"  models: {len(vendor.models) or 'none'}"
    yield from (f"    {name}" for name in vendor.models)
