"""Chains in a process of their own: `python -m benchmarks.chains FOLDER paint|beside|once|all ...`."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from PIL import Image, ImageFilter, ImageOps

from editchain.commands.planned import Given, Planned, planned
from editchain.runs import running
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from editchain.runs.running import Report

QUALITY = 90
PIPELINE = f"""\
version: 1
inputs:
  photo: {{type: image}}
steps:
  turned: {{operation: rotate, image: $photo, degrees: 90}}
  soft: {{operation: blur, image: $turned, radius: 2}}
  framed: {{operation: border, image: $soft, width: 40, colour: "#ffffff"}}
  small: {{operation: resize, image: $framed, scale: 0.75}}
  done: {{operation: convert, image: $small, format: jpeg, quality: {QUALITY}}}
outputs:
  done: $done
"""


def by_hand(source: Path, target: Path) -> None:
    """What the pipeline says, by whoever writes it down once."""
    with Image.open(source) as image:
        turned = ImageOps.exif_transpose(image).convert("RGB").transpose(Image.Transpose.ROTATE_270)
    framed = ImageOps.expand(turned.filter(ImageFilter.GaussianBlur(2)), 40, (255, 255, 255))
    size = round(framed.width * 0.75), round(framed.height * 0.75)
    framed.resize(size, Image.Resampling.LANCZOS).save(target, "JPEG", quality=QUALITY, subsampling=0)


def paint(folder: Path, photos: int, megapixels: float) -> None:
    """Photos with something in every corner, each with its own bytes, and a small one."""
    height = max(8, round((megapixels * 1e6 * 3 / 4) ** 0.5))
    width = height * 4 // 3
    noise = Image.effect_noise((width // 8 + 1, height // 8 + 1), 60).resize((width, height))
    slope = Image.linear_gradient("L").resize((width, height))
    for number in range(photos):
        image = Image.merge("RGB", (noise, slope, noise.transpose(Image.Transpose.FLIP_LEFT_RIGHT)))
        image.putpixel((0, 0), (number, number, number))
        image.save(folder / f"photo-{number}.jpg", quality=92)
    image.resize((64, 48)).save(folder / "small.jpg")


def run(folder: Path, name: str, photos: Sequence[Path], workers: int) -> tuple[Path, float]:
    """The pipeline over photos in a new workspace: where the pictures lie, and how long its threads wanted a processor."""
    root = folder / name
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    path = root / "pipeline.yaml"
    path.write_text(PIPELINE)
    with Workspace.of(path) as workspace:
        found = planned(workspace, path, Given([f"photo={photo}" for photo in photos]))
        options = running.Options(str(root / "out"), workers=workers)
        report, waited = anyio.run(partial(_run, workspace, found, options))
    assert report.exit_code == 0, report.run.troubles
    assert len(report.publication.written) == len(photos)
    return root / "out", waited


async def _run(workspace: Workspace, found: Planned, options: running.Options) -> tuple[Report, float]:
    report = await running.run(workspace, found.plan, found.digests, options)
    return report, _waited(options.workers or 1)


def _waited(workers: int) -> float:
    """Seconds that the busiest threads were ready to go on while others had the processors; 0 where Linux does not say."""
    tasks = [
        path for path in Path("/proc/self/task").glob("*/schedstat") if path.parent.name != str(os.getpid())
    ]
    threads = sorted((tuple(map(int, path.read_text().split())) for path in tasks), reverse=True)[:workers]
    return sum(waited for _, waited, _ in threads) / max(1, len(threads)) / 1e9


def beside(folder: Path, rounds: int) -> dict[str, list[float]]:
    """CPU milliseconds of one photo by the engine and by hand, in turns, after one round of each."""
    photo = folder / "photo-0.jpg"
    used: dict[str, list[float]] = {"ours": [], "peer": []}
    for turn in range(rounds + 1):
        began = time.process_time()
        made, _ = run(folder, "chain", [photo], 1)
        middle = time.process_time()
        by_hand(photo, folder / "by-hand.jpg")
        ended = time.process_time()
        if turn:
            used["ours"].append((middle - began) * 1000)
            used["peer"].append((ended - middle) * 1000)
    with Image.open(next(made.glob("*.jpg"))) as ours, Image.open(folder / "by-hand.jpg") as theirs:
        assert ours.size == theirs.size, (ours.size, theirs.size)
    return used


def main(folder: Path, what: str, *arguments: str) -> None:
    """Does what a benchmark asks for."""
    if what == "paint":
        paint(folder, int(arguments[0]), float(arguments[1]))
    elif what == "beside":
        print(json.dumps(beside(folder, int(arguments[0]))))
    elif what == "once":
        run(folder, "once", [folder / arguments[0]], 1)
    else:
        photos = sorted(folder.glob("photo-*.jpg"))
        run(folder, "warm", [folder / "small.jpg"], 1)
        began = time.perf_counter()
        _, waited = run(folder, "all", photos, int(arguments[0]))
        print(time.perf_counter() - began - waited)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
