"""Reading and checking a pipeline of many steps, in one process: `python -m benchmarks.documents WHAT FOLDER STEPS ROUNDS`."""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fastjsonschema
import yaml

from benchmarks.measuring import in_turns, seconds_of
from editchain import providers
from editchain.language import loading
from editchain.models import catalogue
from editchain.schemas import closed

if TYPE_CHECKING:
    from collections.abc import Callable

TODAY = date(2026, 1, 1)

KINDS: dict[str, dict[str, Any]] = {
    "flux-kontext": {"aspect_ratio": "16:9", "seed": 0},
    "gpt-image-2": {"quality": "high", "aspect_ratio": "3:2"},
    "seedream-4": {"aspect_ratio": "3:2"},
    "gemini-2.5-flash": {"aspect_ratio": "3:2"},
}
"""The models that steps name in turn, with what they say besides picture and prompt."""


def fields(number: int) -> dict[str, Any]:
    """A step, as different from the others as steps are."""
    model = list(KINDS)[number % len(KINDS)]
    step: dict[str, Any] = {
        "model": model, "image": "$photo",
        "prompt": f"Put the mug number {number} on a rough oak table, in soft light from the left. Keep its shape.",
        **KINDS[model],
    }  # fmt: skip
    return {**step, "seed": number} if "seed" in step else step


def pipeline(steps: int) -> str:
    """A pipeline of many steps, as people write them."""
    lines = ["version: 1", "", "inputs:", "  photo: {type: image, default: photo.png}", "", "steps:"]
    for number in range(steps):
        lines.append(f"  step_{number}:")
        for name, value in fields(number).items():
            text = json.dumps(value) if name == "aspect_ratio" else value
            lines.append(f"    {name}: {text}")
        lines.append("")
    return "\n".join(lines)


def reading(folder: Path, steps: int) -> tuple[Callable[[], object], Callable[[], object]]:
    """From the text of a file to a checked pipeline, and to what the C loader of PyYAML makes of it."""
    path = folder / "pipeline.yaml"
    surroundings = loading.Surroundings(catalogue(), TODAY, providers.check_prompt)

    def ours() -> object:
        checked = loading.check(path, surroundings, folder=str(folder), needs_all=True)
        assert checked.pipeline is not None, checked.problems[:3]
        assert len(checked.pipeline.steps) == steps
        return checked

    return ours, lambda: yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)


def validation(folder: Path, steps: int) -> tuple[Callable[[], object], Callable[[], object]]:
    """Whether the fields of every step keep the rules of its model, by our compiled rules and by fastjsonschema."""
    _ = folder
    models = catalogue().models
    instances = [{**fields(number), "image": "$photo"} for number in range(steps)]
    peers = {
        name: fastjsonschema.compile(closed(models[name].document, "model"), use_default=False)
        for name in KINDS
    }

    def ours() -> object:
        assert all(models[one["model"]].rules.is_valid(one) for one in instances)
        return None

    def peer() -> object:
        for one in instances:
            peers[one["model"]](one)
        return None

    return ours, peer


WORK = {"reading": reading, "validation": validation}


def main(what: str, folder: Path, steps: int, rounds: int) -> None:
    """Prints the CPU seconds of each round; the first of all, in which things are compiled, is not counted."""
    ours, peer = WORK[what](folder, steps)
    ours(), peer()
    used = in_turns(rounds, ours=lambda: seconds_of(ours), peer=lambda: seconds_of(peer))
    sys.stdout.write(json.dumps(used))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
