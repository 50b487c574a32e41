"""The shape of an executor: operations and local models, in batches, by digest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from editchain.classes import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from editchain.plans.tasks import StepPlan


@dataclass(frozen=True, slots=True)
class Work:
    """One task to carry out: its step's plan, its ordinal there, and its key."""

    plan: StepPlan
    ordinal: int
    key: bytes


@dataclass(frozen=True, slots=True)
class Made:
    """The picture of a task, in the store. `seed` is the one that was used; `seconds` is how long it took.

    A bought one says under which request key, by which call, and by whose route.
    """

    digest: bytes
    media_type: str
    size: int
    width: int
    height: int
    seed: int | None
    seconds: float
    request_key: bytes | None = None
    call: str | None = None
    route: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a task has no picture; `is_final` where asking again would bring the same."""

    reason: str
    message: str
    is_final: bool = False


class Executor(Protocol):
    """Carries out batches of local tasks. `workers` is how many batches it takes at a time."""

    workers: int

    async def execute(self, batch: Sequence[Work]) -> Sequence[Made | Failure]:
        """One outcome for each task, in order. Raises StoreError where the disk is in trouble."""
        ...
