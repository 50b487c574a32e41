"""Chains in a process of their own: `python -m benchmarks.chains FOLDER paint|beside|once|all ...`."""

from __future__ import annotations

import contextlib
import glob
import json
import shutil
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

import anyio
from PIL import Image, ImageFilter, ImageOps, _imaging

from editchain.commands.planned import Given, planned
from editchain.runs import running
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Sequence


LOOK_SECONDS = 0.02
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
    """Photos with something in every corner, each with its own bytes, as equal ones would be one, and a small one."""
    height = max(8, round((megapixels * 1e6 * 3 / 4) ** 0.5))
    width = height * 4 // 3
    noise = Image.effect_noise((width // 8 + 1, height // 8 + 1), 60).resize((width, height))
    slope = Image.linear_gradient("L").resize((width, height))
    for number in range(photos):
        image = Image.merge("RGB", (noise, slope, noise.transpose(Image.Transpose.FLIP_LEFT_RIGHT)))
        image.paste((number % 16 * 16, number // 16 * 16, 0), (0, 0, 16, 16))
        image.save(folder / f"photo-{number}.jpg", quality=92)
    image.resize((64, 48)).save(folder / "small.jpg")


def run(folder: Path, name: str, photos: Sequence[Path], workers: int) -> Path:
    """The pipeline over photos in a new workspace; gives where the pictures lie."""
    root = folder / name
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    path = root / "pipeline.yaml"
    path.write_text(PIPELINE)
    with Workspace.of(path) as workspace:
        found = planned(workspace, path, Given([f"photo={photo}" for photo in photos]))
        options = running.Options(str(root / "out"), workers=workers)
        report = anyio.run(partial(running.run, workspace, found.plan, found.digests, options))
    assert report.exit_code == 0, report.run.troubles
    assert report.run.counts == {"done": found.plan.total}, report.run.counts
    assert len(report.publication.written) == len(photos)
    return root / "out"


class Waits:
    """How long the threads of this process stand ready while others have the processors; nothing where Linux does not say."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._times: dict[str, tuple[int, int]] = {}
        self._looked = time.perf_counter()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look_on)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look_on(self) -> None:
        self._times, self._looked = self._read(), time.perf_counter()
        while not self._ended.wait(LOOK_SECONDS):
            self._look()
        self._look()

    def _look(self) -> None:
        """What the process lost since the last look: as much as its threads did by turns, where several wanted to run."""
        times, now = self._read(), time.perf_counter()
        since = [
            (ran - self._times.get(thread, (0, 0))[0], waited - self._times.get(thread, (0, 0))[1])
            for thread, (ran, waited) in times.items()
        ]
        waited = sum(waited for _, waited in since) / 1e9
        wanted = waited + sum(ran for ran, _ in since) / 1e9
        self.seconds += waited * min(1.0, (now - self._looked) / wanted) if wanted else 0.0
        self._times, self._looked = times, now

    @staticmethod
    def _read() -> dict[str, tuple[int, int]]:
        times = {}
        for path in glob.glob("/proc/self/task/*/schedstat"):
            if path.split("/")[4] == str(threading.get_native_id()):
                continue  # whoever looks on is in nobody's way
            with contextlib.suppress(OSError), open(path) as file:
                ran, waited, _ = map(int, file.read().split())
                times[path] = ran, waited
        return times


def beside(folder: Path, rounds: int) -> dict[str, list[float]]:
    """CPU milliseconds of one photo by the engine and by hand, in turns, after one round of each."""
    photo = folder / "photo-0.jpg"
    used: dict[str, list[float]] = {"ours": [], "peer": []}
    for turn in range(rounds + 1):
        began = time.process_time()
        made = run(folder, "chain", [photo], 1)
        _imaging.set_blocks_max(0)  # as Pillow is by itself, and as our next run finds it
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
        with Waits() as waits:
            run(folder, "all", photos, int(arguments[0]))
        print(time.perf_counter() - began - waits.seconds)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
