"""The embedded model's wide edits on a large photo beside a small blur of it, and the memory that prompts take."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from PIL import Image, ImageFilter

from benchmarks.measuring import ROUNDS, Row, in_turns, median, process, python, seconds_of
from editchain.darkroom.edits import apply
from editchain.darkroom.grammar import compile  # noqa: A004
from editchain.imaging.codec import decode

PHOTO = Path(__file__).parents[1] / "pipelines" / "assets" / "lake.jpg"
MEGAPIXELS = 12
MOST_MB = 400.0
WIDE = {
    "a wide blur": "blur a lot",
    "tilt-shift": "tilt-shift",
    "a pencil sketch": "turn it into a pencil sketch",
    "extending": "extend to 1:1 with a blurred background",
}
HEAVY = {
    "a prompt of 5 edits": "make it warmer, increase the contrast, sharpen, vignette, film grain",
    "recolouring": "change red to blue",
}


def rows(folder: Path, *, rounds: int = ROUNDS, megapixels: float = MEGAPIXELS) -> list[Row]:
    """CPU of each wide edit against a Gaussian of two pixels, and peak memory above that of a tiny picture."""
    size = f"{megapixels:g} megapixels"
    own = json.loads(process(_command("speed", rounds, megapixels), folder).output)
    blur = own.pop("blur")
    found = [
        Row(
            f"{name}, {size}",
            median(used),
            median(blur),
            "ms",
            "a Gaussian of 2 pixels",
            3.0,
            {"ours": used, "peer": blur},
        )
        for name, used in own.items()
    ]
    for name, prompt in HEAVY.items():
        peaks = in_turns(
            min(3, rounds),
            base=lambda prompt=prompt: _peak(folder, prompt, 0.01),
            edited=lambda prompt=prompt: _peak(folder, prompt, megapixels),
        )
        grown = max(median(peaks["edited"]) - median(peaks["base"]), 0.01)
        found.append(
            Row(
                f"peak memory of {name}, {size}",
                grown,
                MOST_MB,
                "MB",
                "the limit, above the base",
                1.0,
                peaks,
            )
        )
    return found


def photo(megapixels: float) -> Image.Image:
    """The sample photo at a size."""
    small = decode(PHOTO.read_bytes()).convert("RGB")
    factor = (megapixels * 1e6 / (small.width * small.height)) ** 0.5
    return small.resize((round(small.width * factor), round(small.height * factor)), Image.Resampling.BICUBIC)


def edit(image: Image.Image, prompt: str) -> Image.Image:
    """The photo after a prompt."""
    return apply(compile(prompt).edits, image, seed=1)


def main(arguments: list[str]) -> None:
    """Prints milliseconds of each edit and of the blur, or edits once."""
    if arguments[0] == "once":
        edit(photo(float(arguments[1])), arguments[2])
        return
    image = photo(float(arguments[2]))
    used: dict[str, list[float]] = {name: [] for name in ("blur", *WIDE)}
    for _ in range(int(arguments[1])):
        used["blur"].append(1000 * seconds_of(lambda: image.filter(ImageFilter.GaussianBlur(2))))
        for name, prompt in WIDE.items():
            used[name].append(1000 * seconds_of(lambda prompt=prompt: edit(image, prompt)))
    print(json.dumps(used))


def _peak(folder: Path, prompt: str, megapixels: float) -> float:
    return process(_command("once", megapixels, prompt), folder).peak_bytes / 1e6


def _command(*arguments: object) -> list[str]:
    return python("-m", "benchmarks.edits", *map(str, arguments))


if __name__ == "__main__":
    main(sys.argv[1:])
