"""The command line: arguments in, exit code out."""

from __future__ import annotations

import sys


def main() -> None:
    """The entry point of `editchain`; ends the process with the command's exit code."""
    arguments = sys.argv[1:]
    if arguments in (["--version"], ["-V"]):
        from editchain import __version__

        sys.stdout.write(f"editchain {__version__}\n")
        return
    if arguments and arguments[0] in ("run", "plan"):
        from editchain.snapshots import answer

        code = answer(arguments)
        if code is not None:
            sys.exit(code)
    from editchain.commands.base import run_command

    sys.exit(run_command(arguments))
