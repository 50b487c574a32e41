"""Prints how many megabytes an operation takes at 12 megapixels, on top of what it is given: `python -m tests.imaging.peak NAME`."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from PIL import Image
from tests.operations.examples import MINIMAL, apply, needed

SIZE = (4000, 3000)
SMALL = ("table", "overlay")


def large(name: str) -> dict[str, Any]:
    """The least fields of an operation, with its pictures at 12 megapixels."""

    def grown(field: str, value: Any) -> Any:
        if isinstance(value, Image.Image) and field not in SMALL:
            return value.resize(SIZE, Image.Resampling.BICUBIC)
        if field == "images":
            return [one.resize(SIZE, Image.Resampling.BICUBIC) for one in value]
        if field == "corners":
            return [[40 * side for side in corner] for corner in value]
        return value

    return {field: grown(field, value) for field, value in MINIMAL[name].items()}


def status(key: str) -> int:
    """A number of kilobytes that Linux keeps of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key))


def main(name: str) -> None:
    """Runs the operation and prints its peak."""
    fields = large(name)
    if needed(name, MINIMAL[name]) == "darkroom":
        import_module("cv2").setNumThreads(1)
    Path("/proc/self/clear_refs").write_text("5")
    before = status("VmRSS")
    apply(name, **fields)
    sys.stdout.write(f"{(status('VmHWM') - before) / 1024:.0f}\n")


if __name__ == "__main__":
    main(sys.argv[1])
