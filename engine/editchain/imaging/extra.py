"""The optional extras, and whether they are there, without importing them."""

from __future__ import annotations

import os
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


@cache
def versions() -> dict[str, str]:
    """The versions of numpy and of OpenCV's wheel by name, where the extra `darkroom` is there."""
    if not is_installed():
        return {}
    # The one that the extra brings comes first.
    opencv = ((name, _version(name, "cv2")) for name in reversed(OPENCV))
    found = [("numpy", _version("numpy", "numpy")), next((one for one in opencv if one[1]), ("OpenCV", None))]
    return {name: version for name, version in found if version}


def _version(wheel: str, module: str) -> str | None:
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        return None
    # The folder beside the module is named for it; reading the metadata in it takes ten times as long.
    begin, end = f"{wheel.replace('-', '_')}-", ".dist-info"
    beside = os.listdir(os.path.dirname(os.path.dirname(spec.origin)))
    return next(
        (name[len(begin) : -len(end)] for name in beside if name.startswith(begin) and name.endswith(end)),
        None,
    )


def need(what: str, extra: str = "darkroom") -> None:
    """Raises ConfigurationError, which says how to install the extra, where it is not there."""
    if not is_installed(extra):
        raise ConfigurationError(f"{what} needs {_NAMES[extra]}; install them with: {install(extra)}")
