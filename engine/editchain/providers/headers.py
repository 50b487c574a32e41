"""Credentials as headers: what cannot stand in one is said without being shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from editchain.providers.base import Capabilities


def sendable(credentials: Sequence[str], capabilities: Capabilities) -> tuple[str, ...]:
    """The credentials, one for each that the provider knows, the optional ones empty where they are not there.

    Raises ConfigurationError, without showing them, where one cannot be sent.
    """
    names = capabilities.credentials + capabilities.optional
    found = (*credentials, *("" for _ in names[len(credentials) :]))
    for name, value in zip(names, found, strict=True):
        is_needed = name in capabilities.credentials
        if (is_needed and not value) or not value.isascii() or not (value.isprintable() and " " not in value):
            raise ConfigurationError(f"{name[0]} has to be printable ASCII text without spaces.")
    return found
