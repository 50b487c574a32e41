"""Runs the benchmarks: `python -m benchmarks [NAME...]` prints the table and writes it as JSON beside this file."""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
import tempfile
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import BENCHMARKS
from benchmarks.measuring import ROUNDS, Row, machine

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """Runs what was named, or all; gives 1 where a claim does not hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"one of {', '.join(BENCHMARKS)}; all where none is named"
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often each is measured (%(default)s)")
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()), help="where to work: %(default)s"
    )
    parser.add_argument(
        "--json", type=Path, help="where the figures go; results.json beside this file where all are run"
    )
    chosen = parser.parse_args(arguments)
    unknown = [name for name in chosen.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]}; there is {', '.join(BENCHMARKS)}")
    names = chosen.names or list(BENCHMARKS)
    if len(names) == 1:
        about, rows = run(names[0], chosen.rounds, chosen.folder)
    else:
        about, rows = run_each(names, chosen.rounds, chosen.folder)
    print(table(rows))
    figures = [{**asdict(row), "ratio": row.ratio, "is_reached": row.is_reached} for row in rows]
    place = chosen.json or (None if chosen.names else Path(__file__).parent / "results.json")
    if place is not None:
        found = {"machine": about, "rounds": chosen.rounds, "rows": figures}
        place.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    return 0 if all(row.is_reached for row in rows) else 1


def run(name: str, rounds: int, folder: Path) -> tuple[dict[str, str], list[Row]]:
    """The machine and the rows of one benchmark."""
    with tempfile.TemporaryDirectory(dir=folder, prefix="editchain-benchmarks-") as own:
        about = machine(Path(own))
        return about, importlib.import_module(f"benchmarks.{name}").rows(Path(own), rounds=rounds)


def run_each(names: Sequence[str], rounds: int, folder: Path) -> tuple[dict[str, str], list[Row]]:
    """The machine and the rows of several, each in a process of its own.

    A child's peak memory is never less than what its parent had, so the parent has to be small.
    """
    about: dict[str, str] = {}
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="editchain-benchmarks-") as parts:
        for name in names:
            print(f"{name} ...", file=sys.stderr, flush=True)
            part = Path(parts) / "part.json"
            command = [sys.executable, "-m", "benchmarks", name, "--rounds", str(rounds)]
            command += ["--folder", str(folder), "--json", str(part)]
            subprocess.run(command, check=False, stdout=sys.stderr)
            found = json.loads(part.read_text())
            part.unlink()
            about = found["machine"]
            rows += [Row(**{one.name: row[one.name] for one in fields(Row)}) for row in found["rows"]]
    return about, rows


def table(rows: Sequence[Row]) -> str:
    """The rows in Markdown."""
    lines = ["| measure | ours | against | peer | ratio | reach | |", "|---|--:|---|--:|--:|--:|---|"]
    for row in rows:
        said = "reached" if row.is_reached else "**not reached**"
        lines.append(
            f"| {row.measure} | {row.ours:,.1f} {row.unit} | {row.against} | {row.peer:,.1f} {row.unit} | {row.ratio:.3f} | ≤ {row.reach} | {said} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
