"""The workspace at hand: its configuration, catalogue, store and journal, opened when they are first needed."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from editchain.configuration import Configuration, read_configuration
from editchain.digests import Digests
from editchain.errors import ConfigurationError
from editchain.language.reading import workspace_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from editchain.credentials import Credentials
    from editchain.http import Client, Rules
    from editchain.journal.journal import Journal
    from editchain.lock import Held
    from editchain.models import Catalogue, Model, OperationDocument
    from editchain.operations.base import Operation
    from editchain.pipeline import Pipeline, Step
    from editchain.plans.tasks import Way
    from editchain.providers.base import Provider
    from editchain.remote import Remote
    from editchain.routing import Router
    from editchain.signing import Signer
    from editchain.store import Store


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
