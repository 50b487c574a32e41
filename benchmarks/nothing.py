"""A run with nothing to do, beside ninja and doit on the same files with the same edges."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measuring import ROUNDS, Row, editchain, in_turns, median, process, python
from benchmarks.pictures import tiny_png

LAYERS, WIDTH = 10, 1000
SETTLING_SECONDS = 2.5
"""A file younger than two seconds is never trusted by its times alone."""


@dataclass(frozen=True)
class Edge:
    """One file made from another, both below a folder."""

    source: str
    target: str


def rows(folder: Path, *, layers: int = LAYERS, width: int = WIDTH, rounds: int = ROUNDS) -> list[Row]:
    """CPU of a run with nothing to do: of `layers` times `width` steps, and of `layers` steps over `width` photos."""
    steps, photos = folder / "steps", folder / "photos"
    many = _write_steps(steps, layers, width)
    few = _write_photos(photos, layers, width)
    ours = {name: _settled(one) for name, one in (("steps", steps), ("photos", photos))}
    for one, edges in ((steps, many), (photos, few)):
        _check_files(one, edges)
    ninja = _ninja(steps, folder / "ninja", many)
    ninja_photos = _ninja(photos, folder / "ninja-photos", few)
    doit = _doit(steps, folder / "doit", many)
    before = _stats(steps), _stats(photos)
    used = in_turns(
        rounds,
        ours=lambda: process(ours["steps"], steps).cpu_seconds,
        ninja=lambda: process(["ninja"], ninja).cpu_seconds,
        photos=lambda: process(ours["photos"], photos).cpu_seconds,
        ninja_photos=lambda: process(["ninja"], ninja_photos).cpu_seconds,
        doit=lambda: process(python("-m", "doit"), doit).cpu_seconds,
    )
    assert (_stats(steps), _stats(photos)) == before, "a run with nothing to do wrote something"
    middle = {name: median(values) * 1000 for name, values in used.items()}
    count = layers * width
    return [
        Row(f"no-op run, {count:,} steps", middle["ours"], middle["ninja"], "ms", "ninja", 1.5, used),
        Row(f"no-op run, {count:,} steps", middle["ours"], middle["doit"], "ms", "doit", 0.1, used),
        Row(
            f"no-op run, {layers} steps, {width:,} photos",
            middle["photos"],
            middle["ninja_photos"],
            "ms",
            "ninja",
            1.5,
            used,
        ),
    ]


def _write_steps(folder: Path, layers: int, width: int) -> list[Edge]:
    """A pipeline of chains: each step stands in the file and takes the picture of the one before."""
    folder.mkdir(parents=True)
    (folder / "photo.png").write_bytes(tiny_png("photo"))
    lines = ["version: 1", "inputs:", "  photo: {type: image, default: photo.png}", "steps:"]
    outputs, edges = ["outputs:"], []
    for layer in range(layers):
        for at in range(width):
            source = f"s{layer - 1}_{at}" if layer else "photo"
            degrees = 1 + at / 10 if layer == 0 else 90
            lines.append(
                f"  s{layer}_{at}: {{operation: rotate, image: ${source}, degrees: {degrees}, expand: false}}"
            )
            outputs.append(f"  o{layer}_{at}: {{from: $s{layer}_{at}, path: layer{layer}/{at}.png}}")
            edges.append(
                Edge(f"out/layer{layer - 1}/{at}.png" if layer else "photo.png", f"out/layer{layer}/{at}.png")
            )
    (folder / "pipeline.yaml").write_text("\n".join([*lines, *outputs]) + "\n")
    return edges


def _write_photos(folder: Path, layers: int, width: int) -> list[Edge]:
    """A pipeline of a few steps over a folder of photos."""
    (folder / "photos").mkdir(parents=True)
    for at in range(width):
        (folder / f"photos/p{at:06}.png").write_bytes(tiny_png(str(at)))
    lines = ["version: 1", "inputs:", "  photo: {type: images, default: photos}", "steps:"]
    outputs, edges = ["outputs:"], []
    for layer in range(layers):
        source = f"s{layer - 1}" if layer else "photo"
        lines.append(f"  s{layer}: {{operation: border, image: ${source}, width: 1, colour: '#{layer:06x}'}}")
        outputs.append(f'  o{layer}: {{from: $s{layer}, path: "layer{layer}/{{photo}}.png"}}')
        for at in range(width):
            name = f"p{at:06}.png"
            edges.append(
                Edge(
                    f"out/layer{layer - 1}/{name}" if layer else f"photos/{name}", f"out/layer{layer}/{name}"
                )
            )
    (folder / "pipeline.yaml").write_text("\n".join([*lines, *outputs]) + "\n")
    return edges


def _settled(folder: Path) -> list[str]:
    """Runs the pipeline until an unchanged workspace is answered without a look into it; gives the command."""
    command = editchain("run", "pipeline.yaml")
    process(command, folder)
    time.sleep(SETTLING_SECONDS)
    process(command, folder)
    used = process(command, folder)
    assert "unchanged" in used.output, used.output
    assert any((folder / ".editchain/plans").iterdir()), "no answer was kept"
    return command


def _check_files(folder: Path, edges: list[Edge]) -> None:
    missing = [edge.target for edge in edges if not (folder / edge.target).is_file()]
    assert not missing, f"{len(missing)} files were not published, {missing[0]} among them"


def _ninja(ours: Path, folder: Path, edges: list[Edge]) -> Path:
    """The same files and edges for ninja, run once so that nothing is left to do."""
    _copy_files(ours, folder, edges)
    lines = [
        "rule edit",
        "  command = cp $in $out",
        *(f"build {edge.target}: edit {edge.source}" for edge in edges),
    ]
    (folder / "build.ninja").write_text("\n".join(lines) + "\n")
    process(["ninja"], folder)
    assert "no work to do" in process(["ninja"], folder).output
    return folder


def _doit(ours: Path, folder: Path, edges: list[Edge]) -> Path:
    """The same files and edges for doit, run once so that nothing is left to do."""
    _copy_files(ours, folder, edges)
    pairs = ",\n".join(f"    ({edge.source!r}, {edge.target!r})" for edge in edges)
    (folder / "dodo.py").write_text(
        f"EDGES = [\n{pairs}\n]\n\n\ndef edit():\n    return True\n\n\ndef task_edit():\n    for source, target in EDGES:\n"
        "        yield {'name': target, 'file_dep': [source], 'targets': [target], 'actions': [edit]}\n"
    )
    process(python("-m", "doit"), folder)
    output = process(python("-m", "doit"), folder).output
    assert output.count("-- edit:") == len(edges), output[:2000]
    return folder


def _copy_files(ours: Path, folder: Path, edges: list[Edge]) -> None:
    for path in dict.fromkeys(path for edge in edges for path in (edge.source, edge.target)):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ours / path, folder / path)


def _stats(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Every file and folder with its size, time and inode."""
    found = {}
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            status = (Path(parent) / name).stat()
            found[f"{parent}/{name}"] = (status.st_size, status.st_mtime_ns, status.st_ino)
    return found
