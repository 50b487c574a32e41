"""The optional extras, and whether they are there, without importing them."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec

from editchain.errors import ConfigurationError

MODULES = {"darkroom": ("numpy", "cv2"), "text": ("bidi", "arabic_reshaper"), "c2pa": ("c2pa",)}
"""What each extra brings that is for pictures."""

_NAMES = {"darkroom": "numpy and OpenCV", "text": "python-bidi and arabic-reshaper", "c2pa": "c2pa-python"}


def install(extra: str) -> str:
    """The command that installs an extra."""
    return f"pip install 'editchain[{extra}]'"


INSTALL = install("darkroom")


OPENCV = (
    "opencv-python",
    "opencv-python-headless",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)
"""Wheels that all bring the module cv2, of which one environment can hold only one."""


@cache
def is_installed(extra: str = "darkroom") -> bool:
    """Whether the modules of an extra can be imported."""
    return all(find_spec(module) is not None for module in MODULES[extra])


def need(what: str, extra: str = "darkroom") -> None:
    """Raises ConfigurationError, which says how to install the extra, where it is not there."""
    if not is_installed(extra):
        raise ConfigurationError(f"{what} needs {_NAMES[extra]}; install them with: {install(extra)}")
