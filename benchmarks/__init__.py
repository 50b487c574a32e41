"""What the project's claims of speed are measured with, peers included."""

from __future__ import annotations

BENCHMARKS = (
    "nothing",
    "tasks",
    "growth",
    "reading",
    "validation",
    "makespan",
    "starting",
    "chaining",
    "edits",
    "heaviest",
    "serving",
    "calls",
    "safety",
)
"""The modules that each give rows of the table."""
