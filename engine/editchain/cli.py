"""The command line: arguments in, exit code out."""

from __future__ import annotations

import gc
import sys

GARBAGE_THRESHOLD = 50_000
"""Objects after which garbage is looked for: Python's own 700 has it walk all that a start makes again and again."""


def main() -> None:
    """The entry point of `editchain`; ends the process with the command's exit code."""
    gc.set_threshold(GARBAGE_THRESHOLD)
    try:
        code = _answer(sys.argv[1:])
    finally:
        gc.freeze()  # else Python looks through everything once more before it ends
    if code:
        sys.exit(code)


def _answer(arguments: list[str]) -> int:
    if arguments in (["--version"], ["-V"]):
        from editchain import __version__

        sys.stdout.write(f"editchain {__version__}\n")
        return 0
    if arguments and arguments[0] in ("run", "plan"):
        from editchain.snapshots import answer

        code = answer(arguments)
        if code is not None:
            return code
    if arguments[:1] == ["validate"] and len(arguments) > 1 and not any(one[:1] == "-" for one in arguments):
        # Where there are only files, importing the library for command lines would take longer than checking them.
        from pathlib import Path

        from editchain.commands.checking import validate
        from editchain.commands.ending import ended

        return ended(lambda: validate([Path(one) for one in arguments[1:]]))
    from editchain.commands.base import run_command

    return run_command(arguments)
