"""Runs the benchmarks: `python -m benchmarks [NAME...]` prints the table and writes it as JSON beside this file."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import BENCHMARKS
from benchmarks.measuring import ROUNDS, machine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.measuring import Row


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
        "--json", type=Path, default=Path(__file__).parent / "results.json", help="where the figures go"
    )
    chosen = parser.parse_args(arguments)
    unknown = [name for name in chosen.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]}; there is {', '.join(BENCHMARKS)}")
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(dir=chosen.folder, prefix="editchain-benchmarks-") as folder:
        about = machine(Path(folder))
        print(" · ".join(f"{name} {value}" for name, value in about.items()), file=sys.stderr)
        for name in chosen.names or BENCHMARKS:
            print(f"{name} ...", file=sys.stderr)
            own = Path(folder) / name
            own.mkdir()
            rows += importlib.import_module(f"benchmarks.{name}").rows(own, rounds=chosen.rounds)
            print(table(rows), file=sys.stderr)
    print(table(rows))
    figures = [{**asdict(row), "ratio": row.ratio, "is_reached": row.is_reached} for row in rows]
    chosen.json.write_text(
        json.dumps({"machine": about, "rounds": chosen.rounds, "rows": figures}, indent=1, ensure_ascii=False)
        + "\n"
    )
    return 0 if all(row.is_reached for row in rows) else 1


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
