"""Operations as the engine calls them, small pictures, and the least fields with which each operation does something."""

from __future__ import annotations

import io
import json
import os
import random
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from PIL import Image

from editchain.executors.natively import NATIVE
from editchain.executors.programs import Programs
from editchain.imaging import extra
from editchain.imaging.codec import decode
from editchain.imaging.lut import neutral
from editchain.operations import load
from editchain.operations.base import Picture

SCHEMAS = Path(__file__).parents[2] / "schemas" / "operations"
ASSETS = Path(__file__).parents[2] / "pipelines" / "assets"


@cache
def defaults(name: str) -> dict[str, Any]:
    properties = json.loads((SCHEMAS / f"{name}.json").read_text("utf-8"))["properties"]
    return {key: field.get("default") for key, field in properties.items() if key != NATIVE}


def apply(name: str, **fields: Any) -> Picture | bytes:
    """The operation with its defaults filled in, as the engine calls it."""
    assert fields.keys() <= defaults(name).keys()
    operation = Programs({"cp"}, os.environ) if name == "run_command" else load(name)
    return operation.apply(**{**defaults(name), **fields})


def picture(name: str, **fields: Any) -> Picture:
    """What an operation makes that leaves it to others to write its file."""
    result = apply(name, **fields)
    assert isinstance(result, Picture)
    return result


def stored(name: str, **fields: Any) -> bytes:
    """The bytes that are stored."""
    made = apply(name, **fields)
    if isinstance(made, bytes):
        return made
    return made.file()


def made(name: str, **fields: Any) -> Image.Image:
    """The picture that an operation makes."""
    result = apply(name, **fields)
    return decode(result) if isinstance(result, bytes) else result.native.plain()


def frames(data: bytes) -> list[Image.Image]:
    """Every frame of an animation."""
    with Image.open(io.BytesIO(data)) as image:
        found = []
        for at in range(getattr(image, "n_frames", 1)):
            image.seek(at)
            found.append(image.copy())
        return found


def photo(mode: str = "RGB", size: tuple[int, int] = (96, 64), seed: int = 1) -> Image.Image:
    grid = Image.frombytes("RGBA", (8, 6), random.Random(seed).randbytes(8 * 6 * 4))
    return grid.resize(size, Image.Resampling.BICUBIC).convert(mode)


def plain(colour: Any = "red", size: tuple[int, int] = (96, 64), mode: str = "RGB") -> Image.Image:
    return Image.new(mode, size, colour)


def asset(name: str, box: tuple[int, int, int, int] | None = None) -> Image.Image:
    """A sample photo, or a part of it."""
    image = decode((ASSETS / name).read_bytes())
    return image.crop(box) if box else image


def horizon(degrees: float, size: tuple[int, int] = (240, 160)) -> Image.Image:
    """Dark land under a bright sky, turned clockwise."""
    wide = Image.new("RGB", (size[0] * 2, size[1] * 2), (180, 200, 230))
    wide.paste((70, 60, 40), (0, size[1] + 20, size[0] * 2, size[1] * 2))
    turned = wide.rotate(-degrees, Image.Resampling.BICUBIC)
    left, top = size[0] // 2, size[1] // 2
    return turned.crop((left, top, left + size[0], top + size[1]))


def half_mask(size: tuple[int, int] = (96, 64)) -> Image.Image:
    """Black on the left, where an edit works; white on the right."""
    mask = Image.new("L", size)
    mask.paste(255, (size[0] // 2, 0, *size))
    return mask


MINIMAL: dict[str, dict[str, Any]] = {
    "adjust": {"image": photo(), "brightness": 0.2},
    "animate": {"images": [photo(), photo(seed=2)]},
    "background": {"image": photo(), "mask": half_mask()},
    "blur": {"image": photo()},
    "border": {"image": photo()},
    "compare": {"image": photo(), "edited": photo(seed=2)},
    "composite": {"image": photo(), "overlay": photo("RGBA", (20, 10))},
    "contact_sheet": {"images": [photo(), photo(seed=2), photo(size=(30, 60))]},
    "convert": {"image": photo(), "mode": "grey"},
    "crop": {"image": photo(), "aspect_ratio": "1:1"},
    "curves": {"image": photo(), "master": [[0, 0], [0.4, 0.6], [1, 1]]},
    "decal": {"image": photo(), "overlay": photo("RGBA", (20, 10)), "box": [0.2, 0.2, 0.4, 0.4]},
    "dehaze": {"image": photo()},
    "denoise": {"image": photo()},
    "faces": {"image": asset("astronaut.jpg", (140, 0, 320, 200))},
    "flip": {"image": photo()},
    "grain": {"image": photo()},
    "inpaint": {"image": photo(), "box": [0.4, 0.4, 0.1, 0.1]},
    "lut": {"image": photo(), "table": neutral(16)},
    "mask": {"image": photo(), "by": "luminance"},
    "match_colours": {"image": photo(), "reference": photo(seed=2)},
    "measure": {"image": photo(), "original": photo(seed=2)},
    "merge": {"image": photo(), "alpha": photo("L", seed=2)},
    "neutral_table": {"steps": 16},
    "pad": {"image": photo(), "aspect_ratio": "1:1"},
    "perspective": {"image": photo(), "corners": [[10, 5], [80, 8], [90, 60], [4, 50]]},
    "protect": {"image": photo(), "edited": photo(seed=2), "box": [0.2, 0.2, 0.5, 0.5]},
    "recolour": {"image": photo(), "colour": "grey", "into": "red", "tolerance": 1},
    "resize": {"image": photo(), "width": 48},
    "rotate": {"image": photo(), "degrees": 12},
    "run_command": {"command": ["cp", "{image}", "{result}"], "image": photo()},
    "select": {"images": [photo(), photo(seed=2)], "by": "sharpness"},
    "sharpen": {"image": photo()},
    "sky": {"image": photo(), "replacement": photo(seed=2), "mask": half_mask()},
    "split": {"image": photo(), "channel": "green"},
    "straighten": {"image": horizon(2)},
    "text": {"image": photo(), "text": "Hi"},
    "trim": {"image": photo()},
    "upscale": {"image": photo()},
    "vignette": {"image": photo()},
    "watermark": {"image": photo(), "text": "Draft"},
}


def needed(name: str, fields: Mapping[str, Any]) -> str | None:
    """The extra that an operation needs with these fields."""
    needs = json.loads((SCHEMAS / f"{name}.json").read_text("utf-8"))["x-editchain"].get("needs", {})
    plain = {key: "$photo" if isinstance(value, Image.Image) else value for key, value in fields.items()}
    return (
        needs["extra"]
        if needs and jsonschema.Draft202012Validator(needs.get("when", True)).is_valid(plain)
        else None
    )


RUNNABLE = [
    pytest.param(
        name, marks=pytest.mark.skipif(not extra.is_installed(found), reason=f"needs the extra {found}")
    )
    if (found := needed(name, MINIMAL[name]))
    else name
    for name in sorted(MINIMAL)
]
"""Every operation of `MINIMAL`, skipped where its extra is not there."""
