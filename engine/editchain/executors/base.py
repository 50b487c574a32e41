"""The shape of an executor: operations and local models, in batches, by digest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from editchain.classes import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from editchain.plans.tasks import StepPlan


@dataclass(frozen=True, slots=True)
class Work:
    """One task to carry out: its step's plan, its ordinal there, and its key.

    The picture of one that is not `is_kept` is for a later one of the same batch alone: it is not stored.
    """

    plan: StepPlan
    ordinal: int
    key: bytes
    is_kept: bool = True


@dataclass(frozen=True, slots=True)
class Made:
    """The picture of a task, in the store. `seed` is the one that was used; `seconds` is how long it took.

    One that was not kept has no digest, type and size. A bought one says under which request key, by which call, and by
    whose route.
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
    """Carries out batches of local tasks. `workers` is how many batches it takes at a time.

    `hands_on` says that it keeps the picture of a task that is not kept for the later ones of its batch.
    """

    workers: int
    hands_on: bool

    async def execute(self, batch: Sequence[Work]) -> Sequence[Made | Failure]:
        """One outcome for each task, in order. Raises StoreError where the disk is in trouble."""
        ...
