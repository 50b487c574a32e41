"""The commands by name: each a module with `command`, imported when it is used."""

from __future__ import annotations

COMMANDS: dict[str, str] = {
    "validate": "Find every problem in pipeline files, offline.",
    "plan": "Show what a run would do, why, and at what price.",
    "run": "Run a pipeline; what is stored is not made again.",
}
"""Command to the line that `editchain --help` shows; the module has the command's name."""
