"""Credentials: where they are found, and how they are kept out of everything that is shown or written."""

from __future__ import annotations

import base64
import importlib
import importlib.util
import logging
import re
from typing import TYPE_CHECKING, Any, NoReturn

from editchain.classes import dataclass
from editchain.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

HIDDEN = "***"
KEYRING_SERVICE = "editchain"
"""Under which service a credential is looked for in the keyring where nothing else is said; its user is the variable."""
MAX_BYTES = 256 * 1024
"""The longest .env file that is read."""

_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")
_SOURCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|keyring:[^/]+/.+")
_SHORT = 6
"""What has fewer characters is no credential, and hiding it would garble words."""
_LOGGERS = ("httpx", "httpcore", "h11", "h2", "hpack")

_hidden: set[str] = set()


class Secret:
    """A credential's text. It shows as *** wherever it is printed, formatted or logged, and cannot be pickled."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text, for the one header that carries it; from here on it is hidden in everything that is shown."""
        hide(self._text)
        return self._text

    def __str__(self) -> str:
        return HIDDEN

    __repr__ = __str__

    def __format__(self, spec: str) -> str:
        return format(HIDDEN, spec)

    def __reduce__(self) -> NoReturn:
        raise TypeError("A credential is not written down.")


@dataclass(frozen=True, slots=True)
class Credential:
    """One credential of a provider: the variable that it goes by, where it was found, and its text."""

    name: str
    source: str
    secret: Secret


def hide(text: str) -> None:
    """Has a text, and its base64, replaced by *** from now on, in what we show and in the logs of libraries."""
    if len(text) < _SHORT or text in _hidden:
        return
    if not _hidden:
        _guard_logs()
    _hidden.update((text, base64.b64encode(text.encode()).decode()))


def redacted(text: str) -> str:
    """A text without the credentials that are in use."""
    for one in _hidden:
        if one in text:
            text = text.replace(one, HIDDEN)
    return text


def _guard_logs() -> None:
    """Takes credentials out of what the libraries that carry them log, whoever listens."""
    make = logging.getLogRecordFactory()

    def guarded(*arguments: Any, **named: Any) -> logging.LogRecord:
        record = make(*arguments, **named)
        if record.name.split(".")[0] in _LOGGERS:
            record.msg, record.args = redacted(record.getMessage()), ()
        return record

    logging.setLogRecordFactory(guarded)


class Credentials:
    """Finds credentials in the environment, in the workspace's .env file, and in the keyring where there is one.

    `named` says for a provider where its own are, in its order: `env:NAME` or `keyring:SERVICE/USER`.
    """

    def __init__(
        self, environment: Mapping[str, str], root: Path, named: Mapping[str, tuple[str, ...]]
    ) -> None:
        self._environment = environment
        self._file = root / ".env"
        self._named = named
        self._from_file: Mapping[str, str] | None = None
        self._from_keyring: dict[tuple[str, str], str | None] = {}

    @property
    def asked_keyring(self) -> bool:
        """Whether the keyring was asked: what it holds may change without anything here telling."""
        return bool(self._from_keyring)

    def find(self, provider: str, wanted: Iterable[tuple[str, ...]]) -> list[Credential | None]:
        """Each credential that a provider wants, by the names that it may go by; None for one that is nowhere.

        Raises ConfigurationError for what cannot be a credential, without showing it.
        """
        names = self._named.get(provider, ())
        return [
            self._named_one(provider, names[at]) if at < len(names) else self._usual(several)
            for at, several in enumerate(wanted)
        ]

    def _usual(self, names: tuple[str, ...]) -> Credential | None:
        for name in names:
            if value := self._environment.get(name):
                return _credential(name, f"{name} in the environment", value)
        for name in names:
            if value := self._of_file().get(name):
                return _credential(name, f"{name} in .env", value)
        for name in names:
            if value := self._of_keyring(KEYRING_SERVICE, name):
                return _credential(name, f"{name} in the keyring", value)
        return None

    def _named_one(self, provider: str, source: str) -> Credential | None:
        kind, _, place = source.partition(":")
        if kind == "env":
            return self._usual_env(place)
        service, _, user = place.partition("/")
        if importlib.util.find_spec("keyring") is None:
            raise ConfigurationError(
                f"[providers.{provider}] credential {source}: the library keyring is not installed here. "
                "Install it with: pip install keyring."
            )
        value = self._of_keyring(service, user)
        return None if value is None else _credential(user, f"{service}/{user} in the keyring", value)

    def _usual_env(self, name: str) -> Credential | None:
        if value := self._environment.get(name):
            return _credential(name, f"{name} in the environment", value)
        if value := self._of_file().get(name):
            return _credential(name, f"{name} in .env", value)
        return None

    def text(self, name: str) -> str | None:
        """A variable that may have several lines, such as a key in PEM; in .env they are written as \\n."""
        value = self._environment.get(name) or self._of_file().get(name)
        return None if value is None else value.replace("\\n", "\n")

    def _of_file(self) -> Mapping[str, str]:
        if self._from_file is None:
            self._from_file = read_env(self._file)
        return self._from_file

    def _of_keyring(self, service: str, user: str) -> str | None:
        """What the keyring has; nothing where the library is not installed, or has no keyring to ask."""
        if importlib.util.find_spec("keyring") is None:
            return None
        if (service, user) not in self._from_keyring:
            keyring = importlib.import_module("keyring")  # optional, and what it brings is not small
            try:
                self._from_keyring[service, user] = keyring.get_password(service, user)
            except Exception:  # backends raise whatever their systems do; without an answer there is none
                self._from_keyring[service, user] = None
        return self._from_keyring[service, user]


def check_source(text: object) -> str:
    """Where a credential is, as `editchain.toml` says; raises ValueError, without showing it, for anything else."""
    if not isinstance(text, str) or not _SOURCE.fullmatch(text):
        raise ValueError(
            'names where a credential is: "env:NAME" or "keyring:SERVICE/USER", never the credential'
        )
    return text


def read_env(path: Path) -> Mapping[str, str]:
    """The variables of a .env file: lines of NAME=value, with or without `export` and quotes; nothing is expanded.

    Lines of any other form are left alone. Raises ConfigurationError, without showing anything of it, where it cannot
    be read.
    """
    if not path.exists():
        return {}
    if not path.is_file():  # a pipe would be waited for
        raise ConfigurationError(f"{path} is not a regular file.")
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from error
    if len(data) > MAX_BYTES:
        raise ConfigurationError(f"{path} is longer than {MAX_BYTES // 1024} kB.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not UTF-8.") from None
    found = (_LINE.fullmatch(line.strip()) for line in text.splitlines())
    return {one[1]: _unquoted(one[2]) for one in found if one}


def _unquoted(value: str) -> str:
    """Without its quotes, else without a comment behind it."""
    if value[:1] in ("'", '"') and (end := value.find(value[0], 1)) > 0:
        return value[1:end]
    return re.split(r"\s+#", value, maxsplit=1)[0].strip()


def _credential(name: str, source: str, value: str) -> Credential:
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        raise ConfigurationError(f"{source} holds control characters.")
    return Credential(name, source, Secret(value))
