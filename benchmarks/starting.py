"""What starting the command costs, beside Python itself."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.measuring import ROUNDS, Row, editchain, in_turns, median, process, python
from benchmarks.pictures import tiny_png

PIPELINE = """\
version: 1
inputs:
  photo: {type: image, default: photo.png}
steps:
  warm: {model: darkroom, image: $photo, prompt: make it warmer}
  sepia: {model: darkroom, image: $photo, prompt: sepia, strength: 0.5}
  edited: {model: flux-kontext, image: $warm, prompt: Put the mug on an oak table., seed: 7}
  scene:
    for_each: {season: [spring, winter]}
    model: flux-kontext
    image: $edited
    prompt: The mug in ${season} light.
  square: {operation: crop, image: $warm, aspect_ratio: "1:1"}
  small: {operation: resize, image: $square, width: 400}
  turned: {operation: rotate, image: $small, degrees: 90}
  framed: {operation: border, image: $turned, width: 8}
  soft: {operation: blur, image: $framed, radius: 2}
  sheet: {operation: contact_sheet, images: $scene.*, columns: 2}
outputs:
  sepia: $sepia
  soft: $soft
  sheet: $sheet
"""


def rows(folder: Path, *, rounds: int = 3 * ROUNDS) -> list[Row]:
    """CPU for `--version`, and for `validate` of a pipeline of ten steps."""
    (folder / "photo.png").write_bytes(tiny_png("photo"))
    (folder / "pipeline.yaml").write_text(PIPELINE)
    commands = {
        "nothing": python("-c", "pass"),
        "version": _command("--version"),
        "validate": _command("validate", "pipeline.yaml"),
    }
    for command in commands.values():
        process(command, folder)
    used = in_turns(
        rounds,
        nothing=lambda: process(commands["nothing"], folder).cpu_seconds * 1000,
        version=lambda: process(commands["version"], folder).cpu_seconds * 1000,
        validate=lambda: process(commands["validate"], folder).cpu_seconds * 1000,
    )
    middle = {name: median(values) for name, values in used.items()}
    return [
        Row("editchain --version", middle["version"], middle["nothing"], "ms", "python -c pass", 2.0, used),
        Row(
            "editchain validate, ten steps",
            middle["validate"],
            middle["nothing"],
            "ms",
            "python -c pass",
            8.0,
            used,
        ),
    ]


def _command(*arguments: str) -> list[str]:
    """The installed command where there is one beside this Python."""
    script = Path(sys.executable).parent / "editchain"
    return [str(script), *arguments] if script.is_file() else editchain(*arguments)
