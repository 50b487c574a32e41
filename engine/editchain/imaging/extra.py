"""The optional extra `editchain[darkroom]`, numpy and OpenCV: whether it is there, without importing it."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec

from editchain.errors import ConfigurationError

INSTALL = "pip install 'editchain[darkroom]'"


@cache
def is_installed() -> bool:
    """Whether numpy and OpenCV can be imported."""
    return all(find_spec(module) is not None for module in ("numpy", "cv2"))


def need(what: str) -> None:
    """Raises ConfigurationError, which says how to install the extra, where it is not there."""
    if not is_installed():
        raise ConfigurationError(f"{what} needs numpy and OpenCV; install them with: {INSTALL}")
