"""How a command ends: errors become messages and exit codes."""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING

from editchain.commands.saying import say, show_problems
from editchain.errors import EditchainError, PipelineError

if TYPE_CHECKING:
    from collections.abc import Callable


def ended(work: Callable[[], int]) -> int:
    """The exit code of a command; messages go to standard error, and no traceback of a deliberate error reaches a person."""
    try:
        code = work()
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except PipelineError as error:
        show_problems(error.problems)
        return error.exit_code
    except EditchainError as error:
        say(f"editchain: {error}")
        return error.exit_code
    except BrokenPipeError:
        # Whoever read our output went away: nothing more can be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except UnicodeEncodeError as error:
        # Files are called by their names in the system's own encoding, which need not have every character.
        lacking = error.object[error.start : error.end]
        say(
            f"editchain: file names are in {error.encoding} here, which cannot hold {lacking!r}. "
            "Set PYTHONUTF8=1, or use a UTF-8 locale such as C.UTF-8."
        )
        return 2
    except OSError as error:
        from editchain.platform import disk_error

        say(f"editchain: {disk_error(error, str(error.filename or 'a file'))}")
        return 2 if error.errno == errno.ENAMETOOLONG else 5
    return code
