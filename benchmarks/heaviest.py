"""The memory and the time that every prompt of the vocabulary and every operation takes on a large photo.

Each runs in a process of its own, from the bytes of a JPEG to those of the file that is stored:
`python -m benchmarks.heaviest [MEGAPIXELS [WORD]]` prints all of them, or those with a word in their name.
"""

from __future__ import annotations

import io
import json
import os
import random
import sys
import time
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageChops

from benchmarks.measuring import ROUNDS, Row, process, python
from editchain.darkroom.edits import apply
from editchain.darkroom.grammar import compile  # noqa: A004
from editchain.darkroom.vocabulary import RULES
from editchain.executors.natively import NATIVE
from editchain.imaging import native
from editchain.imaging.codec import decode, encode, free_memory, keep_memory
from editchain.imaging.lut import neutral
from editchain.imaging.native import Native
from editchain.operations import OPERATIONS, load
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ROOT = Path(__file__).parents[1]
ASSETS = ROOT / "pipelines" / "assets"
MEGAPIXELS = 12
MOST_MB = 400.0
USUAL = "lake"
DEEP = "deep"
SHOWN_ON = {
    "blur_background": "lantern",
    "remove_background": "lantern",
    "replace_background": "lantern",
    "black_and_white subject": "lantern",
    "blur_faces": "astronaut",
    "pixelate_faces": "astronaut",
    "straighten": "backdrops/bricks",
    "recolour": "coffee",
    "colour_pop": "coffee",
}
"""Edits that need a photo with a subject, faces, lines or a colour; all others take the usual one."""

CASES: tuple[dict[str, Any], ...] = (
    {"operation": "adjust", "image": "$photo", "brightness": 0.2, "contrast": 0.2, "shadows": 0.3, "highlights": -0.3, "warmth": 0.2, "saturation": 0.2, "vibrance": 0.3, "hue": 20, "auto_levels": True, "mask": "$mask"},
    {"operation": "adjust", "image": "$photo", "native": True, "brightness": 0.2, "shadows": 0.3, "saturation": 0.2, "mask": "$mask"},
    {"operation": "animate", "images": ["$photo", "$second"], "fade": 4, "width": 480},
    {"operation": "background", "image": "$lantern", "action": "blur"},
    {"operation": "background", "image": "$lantern", "action": "remove"},
    {"operation": "background", "image": "$lantern", "action": "replace", "behind": "$second"},
    {"operation": "blur", "image": "$photo", "radius": 8, "mask": "$mask"},
    {"operation": "blur", "image": "$photo", "native": True, "radius": 8, "mask": "$mask"},
    {"operation": "border", "image": "$photo", "width": 0.05, "radius": 0.05},
    {"operation": "border", "image": "$photo", "native": True, "radius": 0.05},
    {"operation": "compare", "image": "$photo", "edited": "$second", "layout": "split", "labels": ["before", "after"]},
    {"operation": "compare", "image": "$photo", "edited": "$second", "layout": "difference"},
    {"operation": "composite", "image": "$photo", "overlay": "$second", "blend": "luminosity", "opacity": 0.7, "mask": "$mask"},
    {"operation": "composite", "image": "$photo", "overlay": "$second", "scale": 0.5, "shadow": 0.6},
    {"operation": "contact_sheet", "images": ["$photo", "$second"], "columns": 2},
    {"operation": "convert", "image": "$photo", "mode": "grey"},
    {"operation": "convert", "image": "$photo", "format": "avif"},
    {"operation": "convert", "image": "$photo", "format": "webp"},
    {"operation": "convert", "image": "$photo", "format": "jpeg", "colours": "display_p3"},
    {"operation": "convert", "image": "$photo", "native": True, "format": "tiff", "background": "white"},
    {"operation": "crop", "image": "$photo", "aspect_ratio": "1:1", "around": "subject"},
    {"operation": "curves", "image": "$photo", "master": [[0, 0], [0.4, 0.6], [1, 1]], "mask": "$mask"},
    {"operation": "curves", "image": "$photo", "native": True, "master": [[0, 0], [0.4, 0.6], [1, 1]], "mask": "$mask"},
    {"operation": "decal", "image": "$photo", "overlay": "$second", "corners": [[0.1, 0.1], [0.9, 0.05], [0.95, 0.9], [0.05, 0.95]]},
    {"operation": "dehaze", "image": "$photo", "mask": "$mask"},
    {"operation": "denoise", "image": "$photo"},
    {"operation": "faces", "image": "$astronaut"},
    {"operation": "flip", "image": "$photo"},
    {"operation": "grain", "image": "$photo"},
    {"operation": "inpaint", "image": "$photo", "box": [0.3, 0.3, 0.3, 0.3]},
    {"operation": "lut", "image": "$photo", "table": "$table", "amount": 0.5, "mask": "$mask"},
    {"operation": "lut", "image": "$photo", "native": True, "table": "$table", "amount": 0.5, "mask": "$mask"},
    {"operation": "mask", "image": "$photo", "by": "colour", "colour": "red", "grow": 8, "feather": 20},
    {"operation": "mask", "image": "$photo", "by": "ellipse", "box": [0.1, 0.1, 0.8, 0.8]},
    {"operation": "mask", "image": "$photo", "by": "polygon", "points": [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]]},
    {"operation": "mask", "image": "$photo", "by": "masks", "masks": ["$mask", "$second"]},
    {"operation": "mask", "image": "$photo", "by": "luminance", "invert": True},
    {"operation": "mask", "image": "$lantern", "by": "subject"},
    {"operation": "mask", "image": "$photo", "by": "sky"},
    {"operation": "mask", "image": "$astronaut", "by": "faces"},
    {"operation": "match_colours", "image": "$photo", "reference": "$second", "mask": "$mask"},
    {"operation": "measure", "image": "$photo", "original": "$second", "mask": "$mask"},
    {"operation": "merge", "image": "$photo", "alpha": "$mask"},
    {"operation": "neutral_table", "steps": 36},
    {"operation": "pad", "image": "$photo", "aspect_ratio": "1:1", "blur": True},
    {"operation": "pad", "image": "$photo", "native": True, "aspect_ratio": "1:1", "blur": True},
    {"operation": "perspective", "image": "$photo", "corners": [[0.1, 0.1], [0.9, 0.05], [0.95, 0.9], [0.05, 0.95]]},
    {"operation": "perspective", "image": "$photo", "native": True, "corners": [[0.1, 0.1], [0.9, 0.05], [0.95, 0.9], [0.05, 0.95]]},
    {"operation": "protect", "image": "$photo", "edited": "$second", "mask": "$mask"},
    {"operation": "protect", "image": "$photo", "native": True, "edited": "$second", "mask": "$mask"},
    {"operation": "recolour", "image": "$coffee", "colour": "red", "into": "teal", "mask": "$mask"},
    {"operation": "resize", "image": "$photo", "scale": 0.9},
    {"operation": "resize", "image": "$photo", "native": True, "scale": 0.9},
    {"operation": "rotate", "image": "$photo", "degrees": 12},
    {"operation": "rotate", "image": "$photo", "native": True, "degrees": 12, "background": "transparent"},
    {"operation": "select", "images": ["$photo", "$second"], "by": "sharpness"},
    {"operation": "sharpen", "image": "$photo", "mask": "$mask"},
    {"operation": "sharpen", "image": "$photo", "native": True, "mask": "$mask"},
    {"operation": "sky", "image": "$photo", "replacement": "$second"},
    {"operation": "split", "image": "$photo", "channel": "luminance"},
    {"operation": "straighten", "image": "$backdrops/bricks"},
    {"operation": "text", "image": "$photo", "text": "Autumn", "size": 0.2},
    {"operation": "trim", "image": "$photo"},
    {"operation": "upscale", "image": "$photo", "factor": 2},
    {"operation": "vignette", "image": "$photo"},
    {"operation": "watermark", "image": "$photo", "text": "Draft"},
)  # fmt: skip
"""Every operation but that of others' programs, with the fields that ask most of it; `$` names a picture."""


@dataclass(frozen=True)
class Work:
    """Something to be done with photos, which it is handed by name; gives the bytes that would be stored."""

    kind: str
    name: str
    run: Callable[[Photos], bytes]


@dataclass(frozen=True)
class Taken:
    """What a piece of work took: the peak of memory above that of a process that does nothing, and the clock."""

    kind: str
    name: str
    megabytes: float
    seconds: float


class Photos:
    """The sample photos at one size, with grain so that no part of them is smooth; made once, as JPEG in memory."""

    def __init__(self, megapixels: float) -> None:
        self._megapixels = megapixels
        self._files: dict[str, bytes] = {}

    def make(self, *names: str) -> None:
        """Makes photos ahead, so that it does not count."""
        for name in names:
            self._files[name] = self._file(name)

    def picture(self, name: str) -> Image.Image:
        """A photo, read from its file as a run reads it."""
        return decode(self._files[name])

    def deep(self) -> Native:
        """The usual photo with 16 bits a channel, read from a PNG."""
        return native.read(self._files[DEEP])

    def _file(self, name: str) -> bytes:
        if name == DEEP:
            from editchain.imaging.deep import deepened

            return Native(deepened(self.picture(USUAL))).file("png")
        if name == "mask":
            size = self.picture(USUAL).size
            return encode(Image.linear_gradient("L").resize(size), "png")
        with Image.open(ASSETS / f"{name}.jpg") as opened:
            small = opened.convert("RGB")
        factor = (self._megapixels * 1e6 / (small.width * small.height)) ** 0.5
        size = round(small.width * factor), round(small.height * factor)
        tile = Image.frombytes("L", (512, 512), random.Random(1).randbytes(512 * 512))
        grain = Image.new("L", size)
        for left in range(0, size[0], 512):
            for top in range(0, size[1], 512):
                grain.paste(tile, (left, top))
        large = small.resize(size, Image.Resampling.BICUBIC)
        large = Image.blend(large, ImageChops.overlay(large, Image.merge("RGB", [grain] * 3)), 0.06)
        buffer = io.BytesIO()
        large.save(buffer, "JPEG", quality=92)
        return buffer.getvalue()


def works(word: str = "") -> Iterator[Work]:
    """Every prompt of the vocabulary by its example, then every operation; those with a word in what they are called."""
    for rule in RULES:
        if word in f"prompt {rule.example}":
            yield Work("prompt", rule.example, _prompt(rule.edit, rule.example))
    for case in CASES:
        said = ", ".join(f"{key}: {value}" for key, value in case.items() if key != "operation")
        name = f"{case['operation']} {{{said}}}"
        if word in f"operation {name}":
            yield Work("operation", name, _operation(case))


def _prompt(edit: str, said: str) -> Callable[[Photos], bytes]:
    shown_on = SHOWN_ON.get(f"{edit} subject" if "the subject" in said else edit, USUAL)

    def run(photos: Photos) -> bytes:
        mask = photos.picture("mask") if "marked" in said else None
        if mask is not None:  # a small part of it may be removed
            mask = mask.point([255 * (value > 12) for value in range(256)])
        needs = "reference" in said
        references = [neutral(36) if "LUT" in said else photos.picture("coffee")] if needs else []
        edited = apply(
            compile(said).edits, photos.picture(shown_on), references=references, mask=mask, seed=1
        )
        return encode(edited, "png")

    return run


def _operation(case: Mapping[str, Any]) -> Callable[[Photos], bytes]:
    name = case["operation"]
    document = json.loads((ROOT / "schemas" / "operations" / f"{name}.json").read_text("utf-8"))
    defaults = {key: field.get("default") for key, field in document["properties"].items()}
    of_name = {"photo": USUAL, "second": "raccoon"}

    def run(photos: Photos) -> bytes:
        def given(value: Any) -> Any:
            if isinstance(value, list):
                return [given(one) for one in value]
            if value == "$table":
                return neutral(36)
            if isinstance(value, str) and value.startswith("$"):
                return photos.picture(of_name.get(value[1:], value[1:]))
            return value

        fields = defaults | {key: given(value) for key, value in case.items() if key != "operation"}
        if fields.pop(NATIVE, False):
            fields["image"] = photos.deep().image
            free_memory()
        made = load(name).apply(**fields)
        fields.clear()  # as in a run, which has let go of them before it writes
        return made.file() if isinstance(made, Picture) else made

    return run


def measured(megapixels: float, word: str = "") -> Iterator[Taken]:
    """What each takes, one after the other."""
    photos = Photos(megapixels)
    photos.make(USUAL, "lantern", "astronaut", "coffee", "raccoon", "backdrops/bricks", "mask", DEEP)
    for module in ("numpy", "cv2", *OPERATIONS.values(), *_modules("imaging"), *_modules("darkroom")):
        import_module(module)
    nothing = _forked(lambda: None)[0]
    for work in works(word):
        peak, seconds = _forked(partial(_as_in_a_run, work, photos))
        yield Taken(work.kind, work.name, max(0.01, (peak - nothing) / 1e6), seconds)


def _as_in_a_run(work: Work, photos: Photos) -> None:
    keep_memory(1)  # as one worker does
    work.run(photos)


def _modules(package: str) -> list[str]:
    folder = ROOT / "engine" / "editchain" / package
    return [f"editchain.{package}.{path.stem}" for path in folder.glob("*.py") if path.stem != "__init__"]


def _forked(run: Callable[[], object]) -> tuple[float, float]:
    """Peak bytes and seconds of a process that begins as this one is."""
    child = os.fork()
    if not child:
        try:
            run()
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            os._exit(1)
        os._exit(0)
    began = time.perf_counter()
    _, status, usage = os.wait4(child, 0)
    if status:
        raise SystemExit("One of them does not run.")
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024), time.perf_counter() - began


def rows(folder: Path, *, rounds: int = ROUNDS, megapixels: float = MEGAPIXELS, word: str = "") -> list[Row]:
    """The peak memory of the prompt and of the operation that take most; measured once, for it hardly changes."""
    _ = rounds
    output = process(python("-m", "benchmarks.heaviest", str(megapixels), word, "--json"), folder).output
    found = [Taken(**one) for one in json.loads(output)]
    made = []
    for kind in dict.fromkeys(one.kind for one in found):
        own = [one for one in found if one.kind == kind]
        most = max(own, key=lambda one: one.megabytes)
        made.append(
            Row(
                f"peak memory of the heaviest of {len(own)} {kind}s, {megapixels:g} megapixels: {most.name}",
                most.megabytes, MOST_MB, "MB", "the limit, above the base", 1.0,
                {one.name: [one.megabytes] for one in own},
            )
        )  # fmt: skip
    return made


def main(arguments: list[str]) -> None:
    """Prints megabytes and seconds of each, the heaviest first; with --json as a list of objects."""
    is_json = "--json" in arguments
    arguments = [one for one in arguments if one != "--json"]
    megapixels = float(arguments[0]) if arguments else MEGAPIXELS
    word = arguments[1] if len(arguments) > 1 else ""
    found = sorted(measured(megapixels, word), key=lambda one: -one.megabytes)
    if is_json:
        print(json.dumps([vars(one) for one in found]))
        return
    for one in found:
        print(f"{one.megabytes:6.0f} MB {one.seconds:6.2f} s  {one.kind} {one.name[:110]}")


if __name__ == "__main__":
    main(sys.argv[1:])
