"""The shape of a provider: a vendor's protocol in beats that the engine drives and journals between."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from PIL import Image

    from editchain.operations.base import Picture


@dataclass(frozen=True, slots=True)
class Blob:
    """A picture on its way into a request: the digest of its bytes, and how to get at them."""

    digest: bytes
    read: Callable[[], bytes]
    decode: Callable[[], Image.Image]


@dataclass(frozen=True, slots=True)
class Request:
    """What one call asks for: `count` pictures of a model under a route's id.

    `fields` are the step's after defaults and references, `prompt` among them; `images` has the pictures of each image
    field, in order. `seed` is sent where the model takes one. `token` is the same for every try of one call.
    """

    model: str
    id: str
    fields: Mapping[str, Any]
    images: Mapping[str, tuple[Blob, ...]]
    seed: int | None
    count: int = 1
    options: Mapping[str, Any] = field(default_factory=dict)
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The vendor took the job and will charge for it; `vendor_id` is how to ask for it."""

    vendor_id: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finished:
    """The pictures, in the order of the samples; `downloads` instead where they are yet to be fetched."""

    pictures: tuple[Picture | bytes, ...] = ()
    downloads: tuple[str, ...] = ()
    amount: str | None = None
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The vendor said no and did not charge. `retry_after_seconds` where it may be asked again, None where it is final."""

    reason: str
    message: str
    retry_after_seconds: float | None = None
    stops_all: bool = False


@dataclass(frozen=True, slots=True)
class Running:
    """The job is not done; ask again after so many seconds."""

    poll_after_seconds: float = 2.0


@dataclass(frozen=True, slots=True)
class Failed:
    """The job ended without a picture; `is_charged` is None where the vendor does not say."""

    reason: str
    message: str
    is_charged: bool | None


@dataclass(frozen=True, slots=True)
class Unknown:
    """Whether the vendor accepted cannot be known from what came back."""

    message: str


@dataclass(frozen=True, slots=True)
class Absent:
    """The vendor surely has no such job."""


Submitted = Accepted | Finished | Refused | Unknown
Polled = Running | Finished | Failed


class Provider(Protocol):
    """A module that speaks one vendor's protocol. No beat waits, retries or sleeps: the engine does.

    `is_local` providers make pictures on this machine for nothing and answer in `submit`.
    """

    is_local: bool

    def check_prompt(self, prompt: str) -> Iterable[tuple[int, int, str, str | None]]:
        """What the provider would not understand of a prompt: (start, end, message, suggestion). Most cannot tell."""
        ...

    async def submit(self, request: Request) -> Submitted:
        """Sends the request."""
        ...

    async def poll(self, call: str, request: Request | None) -> Polled:
        """Asks how a job stands, by the vendor's id."""
        ...

    async def download(self, address: str) -> bytes:
        """Fetches one result."""
        ...

    async def find(self, request: Request) -> Accepted | Finished | Absent | Unknown:
        """Looks for a job whose reply was lost."""
        ...

    async def cancel(self, call: str) -> bool:
        """Cancels a job where that is free of charge; whether it was."""
        ...
