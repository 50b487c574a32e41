"""Run command: a picture made by a program of one's own, where the workspace allows that program."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain.errors import OperationError

if TYPE_CHECKING:
    from PIL import Image

    from editchain.operations.base import Picture


def apply(
    *,
    command: list[str],
    image: Image.Image | None,  # noqa: ARG001
    images: list[Image.Image] | None,  # noqa: ARG001
    format: str,  # noqa: A002, ARG001 - the field's name in every step
    seconds: float,  # noqa: ARG001
    version: str | None,  # noqa: ARG001
) -> Picture:
    """Refuses: operations start no programs. A workspace that allows some puts `executors.programs` in its place."""
    raise OperationError(forbidden(command[0]))


def forbidden(program: str) -> str:
    """What to say about a program that a workspace does not allow, and how it would."""
    return (
        f'This workspace does not allow the program "{program}". If you trust it with whatever the pipeline hands it, '
        f'write in editchain.toml: [run_command] and below it programs = ["{program}"].'
    )
