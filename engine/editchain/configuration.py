"""What `editchain.toml` says of a workspace, checked, with what would be right."""

from __future__ import annotations

import math
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from editchain.classes import dataclass
from editchain.diagnostics import did_you_mean, one_of
from editchain.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from editchain.journal.ledger import Rates

_TABLES = (
    "store",
    "routes",
    "limits",
    "budget",
    "run",
    "plugins",
    "prices",
    "fetch",
    "providers",
    "confirm_above",
    "on_unknown",
    "metadata",
    "run_command",
)


_KEYS = {
    "store": ("path", "remote"),
    "run": ("workers", "stop_grace_seconds"),
    "run_command": ("programs",),
    "budget": ("max", "currency"),
    "fetch": ("plain_hosts",),
    "metadata": ("publish", "certificate", "key"),
}
"""What the tables take that are read here."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """What `editchain.toml` says. `routes` orders providers for all models or for one; `limits` is by provider.

    `plain_hosts` are those that may be fetched from without TLS, private ones among them; `base_urls` has a provider's
    host where it is another than the vendor's own, `credentials` where its credentials are, where that is said. `plugins`
    are modules to look into when a name is in no table.
    `rates` turn currencies into each other. `on_unknown` says what becomes of calls whose outcome is unknown: "hold" or "resend". `stop_grace_seconds` is how long
    a stop waits for replies that bring pictures. `programs` are those that
    steps may run. `metadata` is what published pictures say of how they were made: "full", "credit" or "none"; they are
    signed with the `certificate`, a path, whose key is where `certificate_key` says: a path, or "env:NAME".
    """

    store: str | None = None
    remote: str | None = None
    routes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    limits: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    budget: Mapping[str, Any] | None = None
    rates: Rates | None = None
    confirm_above: float = 1.0
    workers: int | None = None
    plain_hosts: frozenset[str] = frozenset()
    base_urls: Mapping[str, str] = field(default_factory=dict)
    credentials: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    plugins: tuple[str, ...] = ()
    on_unknown: str = "hold"
    stop_grace_seconds: float = 60.0
    programs: frozenset[str] = frozenset()
    metadata: str = "credit"
    certificate: str | None = None
    certificate_key: str | None = None


def read_configuration(root: Path) -> Configuration:
    """The workspace's configuration; raises ConfigurationError with the place where it is wrong."""
    path = root / "editchain.toml"
    if not path.is_file():
        return Configuration()
    import tomllib

    try:
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigurationError(f"{path}: this is not TOML: {error}.") from error
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from error
    for name in data:
        if name not in _TABLES:
            raise ConfigurationError(
                f'{path}: there is no "{name}". {did_you_mean(name, _TABLES) or f"There is {one_of(_TABLES)}."}'
            )
    for name, known in _KEYS.items():
        for key in _table(path, data, name):
            if key not in known:
                offer = did_you_mean(key, known) or f"It takes {one_of(known)}."
                raise ConfigurationError(f'{path}: [{name}] has no "{key}". {offer}')
    vendors = {name: _vendor(path, name, value) for name, value in _table(path, data, "providers").items()}
    return Configuration(
        store=_store(path, data),
        remote=_remote(path, data),
        routes={name: _names(path, name, value) for name, value in _table(path, data, "routes").items()},
        limits={name: _limits(path, name, value) for name, value in _table(path, data, "limits").items()},
        budget=_table(path, data, "budget") or None,
        rates=_rates(path, _table(path, data, "prices")),
        confirm_above=_amount(path, data.get("confirm_above", 1.0)),
        workers=_workers(path, _table(path, data, "run").get("workers")),
        plain_hosts=frozenset(map(str, _table(path, data, "fetch").get("plain_hosts", ()))),
        base_urls={name: one["base_url"] for name, one in vendors.items() if "base_url" in one},
        plugins=_plugins(path, data.get("plugins", [])),
        credentials={name: one["credential"] for name, one in vendors.items() if "credential" in one},
        on_unknown=_on_unknown(path, data.get("on_unknown", "hold")),
        stop_grace_seconds=_grace(path, _table(path, data, "run").get("stop_grace_seconds", 60.0)),
        metadata=_metadata(path, _table(path, data, "metadata").get("publish", "credit")),
        **_signature(path, _table(path, data, "metadata")),
        programs=_programs(path, _table(path, data, "run_command").get("programs", [])),
    )


def _table(path: Path, data: Mapping[str, Any], name: str) -> dict[str, Any]:
    table = data.get(name, {})
    if not isinstance(table, dict):
        raise ConfigurationError(f"{path}: [{name}] is a table.")
    return table


def _store(path: Path, data: Mapping[str, Any]) -> str | None:
    value = _table(path, data, "store").get("path")
    if value is not None and not isinstance(value, str):
        raise ConfigurationError(f"{path}: [store] path is text.")
    if value is None:
        return None
    folder = (path.parent / Path(value).expanduser()).resolve()
    if path.parent.resolve().is_relative_to(folder):
        # It would ignore in git, and collect as its own, what lies beside it.
        raise ConfigurationError(
            f'{path}: [store] path "{value}" holds the workspace. Name a folder of its own.'
        )
    return value


def _remote(path: Path, data: Mapping[str, Any]) -> str | None:
    value = _table(path, data, "store").get("remote")
    if value is not None and (not isinstance(value, str) or not value.strip()):
        raise ConfigurationError(f'{path}: [store] remote is a folder or a URL such as "s3://bucket/prefix".')
    return value


def _names(path: Path, name: str, value: Any) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else ()
    if not names or not all(isinstance(one, str) for one in names):
        raise ConfigurationError(
            f'{path}: [routes] {name} is the name of a provider or a list of them, such as ["bfl", "fal"].'
        )
    return names


def _programs(path: Path, value: Any) -> frozenset[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
        raise ConfigurationError(f'{path}: [run_command] programs is a list of names, such as ["magick"].')
    return frozenset(value)


def _limits(path: Path, name: str, value: Any) -> dict[str, float]:
    if not isinstance(value, dict) or not all(
        (key == "concurrency" and type(one) is int and one > 0)
        or (key == "per_second" and type(one) in (int, float) and 0 < one < math.inf)
        for key, one in value.items()
    ):
        raise ConfigurationError(
            f"{path}: [limits.{name}] takes concurrency, a whole number from 1, and per_second, a number above 0."
        )
    return value


def _amount(path: Path, value: Any) -> float:
    if type(value) not in (int, float) or not 0 <= value < math.inf:
        raise ConfigurationError(f"{path}: confirm_above is an amount such as 1.00.")
    return float(value)


def _plugins(path: Path, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(
        isinstance(one, str) and all(part.isidentifier() for part in one.split(".")) for one in value
    ):
        raise ConfigurationError(f'{path}: plugins is a list of modules, such as ["acme_editchain"].')
    return tuple(value)


def _vendor(path: Path, name: str, value: Any) -> dict[str, Any]:
    """What [providers.NAME] says: the host, and where the credentials are."""
    if not isinstance(value, dict) or not value or value.keys() - {"base_url", "credential"}:
        raise ConfigurationError(
            f'{path}: [providers.{name}] takes base_url, such as "https://api.example.com/v1", '
            'and credential, such as "env:BFL_API_KEY".'
        )
    said = dict(value)
    url = said.get("base_url", "https://")
    if not isinstance(url, str) or not url.startswith(("https://", "http://")):
        raise ConfigurationError(f'{path}: [providers.{name}] base_url is "https://" and a host.')
    if "credential" in said:
        from editchain.credentials import check_source

        sources = said["credential"] if isinstance(said["credential"], list) else [said["credential"]]
        try:
            said["credential"] = tuple(map(check_source, sources))
        except ValueError as error:
            raise ConfigurationError(f"{path}: [providers.{name}] credential {error}.") from None
    return said


def _on_unknown(path: Path, value: Any) -> str:
    if value not in ("hold", "resend"):
        raise ConfigurationError(
            f'{path}: on_unknown is "hold", or "resend" where paying twice is better than waiting for a person.'
        )
    return str(value)


def _metadata(path: Path, value: Any) -> str:
    if value not in ("full", "credit", "none"):
        raise ConfigurationError(
            f'{path}: [metadata] publish is "full", "credit" or "none": what published pictures say of how they were made.'
        )
    return str(value)


def _signature(path: Path, table: Mapping[str, Any]) -> dict[str, str]:
    """What [metadata] says of a certificate and its key."""
    said = {name: table[name] for name in ("certificate", "key") if name in table}
    for name, value in said.items():
        if not isinstance(value, str) or not value.strip() or "-----" in value:
            raise ConfigurationError(
                f"{path}: [metadata] {name} names a file in PEM{' or env:NAME' * (name == 'key')}; what is in it stands elsewhere."
            )
    if len(said) == 1:
        lacking = ({"certificate", "key"} - said.keys()).pop()
        raise ConfigurationError(f"{path}: [metadata] certificate and key go together; {lacking} is missing.")
    if said and table.get("publish") == "none":
        raise ConfigurationError(
            f'{path}: [metadata] publish = "none" leaves no room for content credentials: take certificate and key out, '
            'or publish "credit" or "full".'
        )
    return {"certificate": said["certificate"], "certificate_key": said["key"]} if said else {}


def _grace(path: Path, value: Any) -> float:
    if type(value) not in (int, float) or not 0 <= value <= 3600:
        raise ConfigurationError(f"{path}: [run] stop_grace_seconds is a number from 0 to 3600.")
    return float(value)


def _rates(path: Path, table: Mapping[str, Any]) -> Rates | None:
    """What [prices.UNIT] says: the worth of one unit in other currencies, and the date of that."""
    if not table:
        return None
    from decimal import Decimal, InvalidOperation

    from editchain.journal.ledger import Rates

    rates: dict[tuple[str, str], Decimal] = {}
    dates: dict[str, str] = {}
    for unit, said in table.items():
        values = dict(said) if isinstance(said, dict) else {}
        when = values.pop("date", None)
        try:
            worth = {other: Decimal(str(value)) for other, value in values.items()}
        except InvalidOperation:
            worth = {}
        if not worth or when is None or not all(one.is_finite() and one > 0 for one in worth.values()):
            raise ConfigurationError(
                f'{path}: [prices.{unit}] says what one {unit} is worth, and of when that is: USD = "0.01" and date = "2026-11-01".'
            )
        rates |= {(unit, other): value for other, value in worth.items()}
        dates[unit] = str(when)
    return Rates(rates, dates)


def _workers(path: Path, value: Any) -> int | None:
    if value is not None and (type(value) is not int or not 1 <= value <= 256):
        raise ConfigurationError(f"{path}: [run] workers is a whole number from 1 to 256.")
    return value
