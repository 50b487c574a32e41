"""Every deliberate error, as one tree drawn by what its reader can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from editchain.diagnostics import Problem


class EditchainError(Exception):
    """Something a person can act on; its text is the message they see, `exit_code` is the command's."""

    exit_code: ClassVar[int] = 1


class PipelineError(EditchainError):
    """The pipeline file, or what it was given, has to change; `problems` has every one, in order of position."""

    exit_code = 2

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class ConfigurationError(EditchainError):
    """The command line, `editchain.toml`, a plug-in or the installation has to change."""

    exit_code = 2


class TaskError(EditchainError):
    """One task could not be carried out; the run keeps it as an outcome."""

    exit_code = 1


class OperationError(TaskError):
    """A local image function cannot do what was asked of it with these pictures."""


class ImageError(OperationError):
    """Bytes that are not the image they claim to be, or are beyond the limits."""


class ProviderError(TaskError):
    """A vendor's answer that is no picture; says which provider, with which status and request id."""


class Refused(EditchainError):
    """Nothing is wrong, but it may not be done as things stand: raise the limit or unlock."""

    exit_code = 3


class Unsettled(EditchainError):
    """Two things are said where only one can hold, and a person has to say which."""

    exit_code = 4


class StoreError(EditchainError):
    """The store, the journal or the disk is in trouble."""

    exit_code = 5


class DiskFull(StoreError):
    """There is no room left: what waits to be written can be written once there is."""
