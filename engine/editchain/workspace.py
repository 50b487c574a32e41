"""The workspace at hand: its configuration, catalogue, store and journal, opened when they are first needed."""

from __future__ import annotations

import math
import os
import time
from dataclasses import field, replace
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from editchain.artifacts import ASSET_VENDOR
from editchain.classes import dataclass
from editchain.diagnostics import did_you_mean, one_of
from editchain.errors import ConfigurationError
from editchain.language.reading import Stat, workspace_of

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping, Sequence

    from editchain.artifacts import ImageSource
    from editchain.credentials import Credentials
    from editchain.http import Client, Rules
    from editchain.journal.entries import KnownFile
    from editchain.journal.journal import Journal
    from editchain.journal.ledger import Rates
    from editchain.lock import Held, Lock
    from editchain.models import Catalogue, Model, OperationDocument
    from editchain.operations.base import Operation
    from editchain.pipeline import Pipeline, Step
    from editchain.plans.identity import Elsewhere
    from editchain.plans.tasks import Way
    from editchain.providers.base import Provider
    from editchain.remote import Remote
    from editchain.routing import Router
    from editchain.signing import Signer
    from editchain.store import Store

RACY_NS = 2_000_000_000
"""A file that was written less than this before it was looked at may have changed since within one tick of its clock."""

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
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
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


class Workspace:
    """A folder with pipelines: what commands work on. Close it, or use it in a `with`."""

    def __init__(
        self,
        root: Path,
        *,
        now: Callable[[], float] = time.time,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.root = root.resolve()
        self.now = now
        self._environment = os.environ if environment is None else environment
        self._journal: Journal | None = None
        self._looking: Journal | None = None

    @classmethod
    def of(cls, pipeline: Path) -> Workspace:
        """The workspace that a pipeline file, or the folder, belongs to."""
        return cls(workspace_of(pipeline if pipeline.is_dir() else pipeline.absolute().parent))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the journal where it was opened."""
        opened = (self._journal, self._looking)
        self._journal = self._looking = None
        for journal in opened:
            if journal is not None:
                journal.close()
        if "store" in self.__dict__:
            self.store.close()

    @property
    def today(self) -> date:
        """The date by the workspace's clock."""
        return datetime.fromtimestamp(self.now(), UTC).date()

    @cached_property
    def configuration(self) -> Configuration:
        """What `editchain.toml` says."""
        return read_configuration(self.root)

    @cached_property
    def folder(self) -> Path:
        """Where store and journal are: `.editchain`, or what `[store] path` names."""
        path = self.configuration.store
        if path is None:
            return _shared_by_worktrees(self.root) / ".editchain"
        return (self.root / Path(path).expanduser()).resolve()

    @cached_property
    def catalogue(self) -> Catalogue:
        """Models and operations, the workspace's own among them."""
        from editchain import plugins
        from editchain.models import catalogue

        plugins.use(self.configuration.plugins)
        own = self.root / "models"
        return catalogue(own if own.is_dir() else None)

    @property
    def checked_catalogue(self) -> Catalogue:
        """The catalogue that recipes are checked with here: as it is, but where a stand-in reads the prompts."""
        if not self.configuration.routes:
            return self.catalogue
        from editchain.routing import with_stand_ins

        return with_stand_ins(self.catalogue, self.router)

    @cached_property
    def protect(self) -> OperationDocument:
        """The operation behind a step's `protect`."""
        return self.catalogue.operations["protect"]

    @cached_property
    def store(self) -> Store:
        """The results by digest."""
        from editchain.store import Store

        return Store(self.folder)

    @cached_property
    def remote(self) -> Remote | None:
        """The store that others share, where `[store] remote` names one. Raises ConfigurationError."""
        from editchain.remote import remote_of

        address = self.configuration.remote
        return None if address is None else remote_of(address, self.root)

    @property
    def journal(self) -> Journal:
        """The journal, open for writing. Raises StoreError."""
        if self._journal is None:
            from editchain.journal.journal import Journal

            self._journal = Journal.open(self.folder, now=self.now)
        return self._journal

    @property
    def look(self) -> Journal | None:
        """The journal for looking only; None where nothing ran here yet. Raises StoreError."""
        if self._journal is not None:
            return self._journal
        if self._looking is None:
            from editchain.journal.journal import Journal

            self._looking = Journal.read_only(self.folder)
        return self._looking

    # ------------------------------------------------------------------ what the planner asks

    def choose(self, step: Step, model: Model | OperationDocument) -> Way:
        """The way to a model: the step's providers, else the workspace's, else the document's order, first that works here.

        For an operation that a workspace has to allow, whether it does.
        """
        from editchain.models import OperationDocument

        if isinstance(model, OperationDocument):
            from editchain.plans.tasks import Way

            return Way(model, None, True, None, self._forbidden(step))
        return self.router.choose(step, model)

    @cached_property
    def router(self) -> Router:
        """What chooses the routes to models, here and today. Raises ConfigurationError."""
        from editchain.routing import Router, check_providers

        configuration = self.configuration
        check_providers("limits", configuration.limits, self.catalogue)
        check_providers("providers", {**configuration.base_urls, **configuration.credentials}, self.catalogue)
        return Router(self.configuration.routes, self.catalogue, self.today, self.is_usable)

    def _forbidden(self, step: Step) -> str | None:
        """Why the program of a step may not run here, or None where it may."""
        from editchain.operations.run_command import forbidden
        from editchain.pipeline import Listing

        command = step.fields.get("command")
        words = command.items if isinstance(command, Listing) else command
        program = words[0] if isinstance(words, (list, tuple)) and words else None
        if not isinstance(program, str):
            return (
                f"{step.name}: the program of a command is written out, so that the workspace can allow it."
            )
        return None if program in self.configuration.programs else f"{step.name}: {forbidden(program)}"

    def operation(self, name: str) -> Operation:
        """The operation of a name, with what the workspace allows it."""
        from editchain import operations

        if name == "run_command":
            from editchain.executors.programs import Programs

            return Programs(self.configuration.programs, self._environment)
        return operations.load(name)

    @cached_property
    def credentials(self) -> Credentials:
        """Where the credentials of providers are found."""
        from editchain.credentials import Credentials

        return Credentials(self._environment, self.root, self.configuration.credentials)

    @property
    def signature(self) -> str | None:
        """What tells the certificate that published pictures are signed with; None without one. Raises ConfigurationError."""
        if self._certificate is None:
            return None
        from editchain.signing import fingerprint

        return fingerprint(self._certificate)

    @cached_property
    def _certificate(self) -> bytes | None:
        place = self.certificate_path
        return None if place is None else _read("certificate", place)

    @property
    def certificate_path(self) -> Path | None:
        """Where the certificate is, where one is configured."""
        named = self.configuration.certificate
        return None if named is None else self.root / Path(named).expanduser()

    @cached_property
    def signer(self) -> Signer | None:
        """What signs published pictures, where a certificate is configured. Raises ConfigurationError."""
        named, chain = self.configuration.certificate_key, self._certificate
        if named is None or chain is None:
            return None
        from editchain.credentials import hide
        from editchain.signing import Signer

        if named.startswith("env:"):
            found = self.credentials.text(named.removeprefix("env:"))
            if found is None:
                raise ConfigurationError(
                    f"[metadata] key: {named.removeprefix('env:')} is not in the environment."
                )
            key = found.encode()
        else:
            key = _read("key", self.root / Path(named).expanduser())
        if key.lstrip().startswith(b"-----"):  # a word that was meant for one would be hidden everywhere
            hide(key.decode("utf-8", "replace"))
        signer = Signer(chain, key)
        signer.check(datetime.fromtimestamp(self.now(), UTC))
        return signer

    def is_usable(self, provider: str) -> bool:
        """Whether a vendor can be asked from here: its credentials are found. Raises ConfigurationError."""
        from editchain.providers import load

        module = load(provider)
        if None in self.credentials.find(provider, module.capabilities.credentials):
            return False
        self._base_url(provider, module)
        return True

    def client(self, name: str, provider: Provider) -> Client:
        """A client for a provider's host, with its credentials."""
        from editchain.credentials import hide
        from editchain.http import PUBLIC, Client, is_public

        plain = self.configuration.plain_hosts
        rules = replace(
            PUBLIC, plain_hosts=plain, is_allowed=lambda address: is_public(address) or address in plain
        )
        capabilities = provider.capabilities
        found = self.credentials.find(name, (*capabilities.credentials, *capabilities.optional))
        headers = provider.authorization(["" if one is None else one.secret.reveal() for one in found])
        for value in headers.values():
            hide(value)
        connections = provider.capabilities.concurrency + 4
        return Client(
            self._base_url(name, provider),
            headers,
            connections=connections,
            rules=rules,
            hosts=provider.capabilities.hosts,
        )

    def fetch_rules(self) -> Rules:
        """What inputs may be fetched from: public hosts, and those that [fetch] plain_hosts names."""
        from editchain.http import PUBLIC, is_public

        plain = self.configuration.plain_hosts
        return replace(
            PUBLIC,
            plain_hosts=plain,
            is_allowed=lambda address: is_public(address) or bool(plain & {address, "localhost"}),
        )

    def _base_url(self, name: str, provider: Provider) -> str:
        """A provider's host, or the one that [providers.NAME] base_url names. Raises ConfigurationError."""
        from urllib.parse import urlsplit

        base = self.configuration.base_urls.get(name, provider.capabilities.base_url)
        if base.startswith("http://") and urlsplit(base).hostname not in self.configuration.plain_hosts:
            raise ConfigurationError(
                f"[providers.{name}] base_url {base} is not https:. Name the host in [fetch] plain_hosts to allow it."
            )
        return base

    def digest_inputs(
        self, pipeline: Pipeline, held: Mapping[str, Held] | None = None, *, refresh: bool = False
    ) -> Digests:
        """The digests of all input files; those that changed since they were last read are read.

        `held` are addresses that the lock holds to a digest; `refresh` forgets what addresses gave before.
        """
        journal = self.look
        from editchain.fetching import addresses, assets

        wanted = [*pipeline.evidence.images, *(() if refresh else addresses(pipeline)), *assets(pipeline)]
        known = {} if journal is None else journal.files(wanted)
        digests = Digests(dict(known), self.now, None if refresh else held)
        digests.read(pipeline.evidence.images)
        return digests


class Digests:
    """How input pictures are known: by the digest of their bytes. Remembers what was read anew, for the journal."""

    def __init__(
        self, known: dict[str, KnownFile], now: Callable[[], float], held: Mapping[str, Held] | None = None
    ) -> None:
        self._known = known
        self._held = held or {}
        self._now = now
        self.fresh: list[KnownFile] = []

    def read(self, images: Mapping[str, Stat]) -> None:
        """Reads the files that are not known as they are now."""
        unread = [(path, stat) for path, stat in images.items() if not is_same(self._known.get(path), stat)]
        if len(unread) < 8:
            read = [self._read(path, stat) for path, stat in unread]
        else:
            from concurrent.futures import ThreadPoolExecutor

            with ThreadPoolExecutor(os.cpu_count() or 2) as pool:
                read = list(pool.map(lambda pair: self._read(*pair), unread))
        for one in read:
            if one is not None:
                self._known[one.path] = one
                self.fresh.append(one)

    def _read(self, path: str, stat: Stat) -> KnownFile | None:
        import hashlib

        from editchain.imaging.probe import HEAD_BYTES, probe
        from editchain.journal.entries import KnownFile

        try:
            with open(path, "rb") as file:
                data = file.read()
        except OSError:
            return None
        found = probe(data[:HEAD_BYTES])
        seen = int(self._now() * 1e9)
        return KnownFile(
            path,
            stat.size,
            stat.mtime_ns,
            stat.ctime_ns,
            stat.inode,
            hashlib.sha256(data).digest(),
            found.format if found else "",
            found.width if found else None,
            found.height if found else None,
            seen,
        )

    def file(self, path: str) -> KnownFile | None:
        """What is known of a file, or of what an address gave."""
        return self._known.get(path)

    def note(self, file: KnownFile) -> None:
        """Takes a file that was fetched, by its address."""
        self._known[file.path] = file
        self.fresh.append(file)

    def known(self, source: ImageSource) -> KnownFile | None:
        """What is known of a picture that is a file, or was fetched: format, size and length among it."""
        return self._known.get(source.location)

    def digest(self, source: ImageSource) -> bytes | None:
        """The digest of a source's bytes; None for what has not been fetched, or only its vendor can read."""
        if source.kind == "data":
            import base64
            import hashlib

            return hashlib.sha256(base64.b64decode(source.location.partition(",")[2])).digest()
        if source.kind == "url" and source.sha256 is not None:
            return bytes.fromhex(source.sha256)
        if source.kind == "url" and self._held:
            from editchain.lock import named

            held = self._held.get(named(source.location))
            if held is not None:
                return held.output.digest
        known = self._known.get(source.location)
        return None if known is None else known.digest

    def identity(self, source: ImageSource) -> str | None:
        """How a source is known in keys."""
        if source.kind == "asset":
            return f"asset:{ASSET_VENDOR}:{source.location}"
        digest = self.digest(source)
        return None if digest is None else f"sha256:{digest.hex()}"


def is_same(known: KnownFile | None, stat: Stat) -> bool:
    """Whether a file is as it was when it was read, and was not written just before that."""
    return (
        known is not None
        and (known.size, known.mtime_ns, known.ctime_ns, known.inode) == stat
        and known.seen_ns - max(known.mtime_ns, known.ctime_ns) > RACY_NS
    )


class Known:
    """What the planner asks of the journal, of the lock and of the inputs."""

    def __init__(
        self,
        journal: Journal | None,
        digests: Digests,
        *,
        lost: frozenset[bytes] = frozenset(),
        retry_rejected: bool = False,
        lock: Lock | None = None,
        has: Callable[[bytes], bool] = lambda _digest: False,
        remakes: bool = True,
        gone: Container[bytes] = (),
    ) -> None:
        """`lost` are digests whose objects are gone from the store; `has` tells whether it has one.

        `gone` are keys whose pictures cannot be had from anywhere: what the lock says of them no longer counts.
        """
        from editchain.lock import Lock  # only where there is a plan: checking does without it

        self.lock = Lock() if lock is None else lock
        self.remakes = remakes
        self._journal = journal
        self._lost = lost
        self._digests = digests
        self._retry_rejected = retry_rejected
        self._knows_lost = lock is not None
        self._has = has
        self._gone = gone
        self.found: dict[bytes, Elsewhere] = {}
        """What was known of keys that the journal has nothing of, or another picture."""

    def results(self, keys: Sequence[bytes]) -> Mapping[bytes, bytes]:
        """The digests of stored results."""
        found = {} if self._journal is None else self._journal.has_results(keys)
        if self._lost:
            return {key: digest for key, digest in found.items() if digest not in self._lost}
        return found

    def elsewhere(self, keys: Sequence[bytes], stored: Mapping[bytes, bytes]) -> Mapping[bytes, Elsewhere]:
        """The pictures that the lock names of keys where others or none are stored, and those that are lost here."""
        from editchain.plans.identity import Elsewhere

        found: dict[bytes, Elsewhere] = {}
        by_key, gone = self.lock.by_key, self._gone
        for key in keys if by_key else ():
            line = by_key.get(key)
            if line is not None and stored.get(key) != line.digest and key not in gone:
                found[key] = Elsewhere(line.digest, self._has(line.digest))
        if self._lost and self._knows_lost and self._journal is not None:
            missing = [key for key in keys if key not in stored and key not in found and key not in gone]
            known = self._journal.has_results(missing)
            found.update((key, Elsewhere(digest, is_here=False)) for key, digest in known.items())
        self.found.update(found)
        return found

    def refusals(self, keys: Sequence[bytes]) -> Mapping[bytes, str]:
        """What vendors refused."""
        if self._journal is None or self._retry_rejected:
            return {}
        return {key: refusal.message for key, refusal in self._journal.refusals(keys).items()}

    def identity(self, source: ImageSource) -> str | None:
        """How an input picture is known."""
        return self._digests.identity(source)


def _read(what: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"[metadata] {what} {path} cannot be read: {error.strerror}.") from error


def _shared_by_worktrees(root: Path) -> Path:
    """The workspace whose store a linked git worktree shares: the same folder in the main one."""
    top = next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), None)
    if top is None or not (top / ".git").is_file():
        return root
    text = (top / ".git").read_text(encoding="utf-8", errors="replace")
    link = (top / text.removeprefix("gitdir:").strip()).resolve()
    # such as /main/.git/worktrees/name
    repository = link.parent.parent
    is_linked = link.parent.name == "worktrees" and repository.name == ".git" and repository.is_dir()
    return repository.parent / root.relative_to(top) if is_linked else root
