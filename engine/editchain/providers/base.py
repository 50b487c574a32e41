"""The shape of a provider: a vendor's protocol in beats that the engine drives and journals between."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any, Protocol

from editchain.classes import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from decimal import Decimal

    from PIL import Image

    from editchain.http import Client
    from editchain.imaging.native import Native
    from editchain.models import Price, Route
    from editchain.operations.base import Picture


@dataclass(frozen=True, slots=True)
class Blob:
    """A picture on its way into a request: the digest of its bytes, and how to get at them.

    `decode` gives it with 8 bits in sRGB; `native`, for who works here, in its own numbers. `held` is the provider that has it already and what that calls it: there it goes by its name, and nothing is read.
    """

    digest: bytes
    read: Callable[[], bytes]
    decode: Callable[[], Image.Image]
    held: tuple[str, str] | None = None
    native: Callable[[], Native] | None = None

    @property
    def identity(self) -> str:
        """How it stands in what is bought: by its name where a person gave that, else by the digest of its bytes."""
        return self.digest.hex() if self.held is None else f"asset:{':'.join(self.held)}"


@dataclass(frozen=True, slots=True)
class Request:
    """What one call asks for: `count` pictures of a model under a route's id.

    `fields` are the step's after defaults and references, `prompt` among them; `said` names those that the step itself
    says. `images` has the pictures of each image field, in order, `handles` what the vendor calls them by digest, where
    it has them. `seed` is sent where the model takes one: the step's own, or one derived from the task's key; None leaves
    it to the vendor. `token` is the same for every try of one call. `prepared` says in sentences what was done to the
    pictures for the route; None while they are as the task has them.
    """

    model: str
    id: str
    fields: Mapping[str, Any]
    images: Mapping[str, tuple[Blob, ...]]
    seed: int | None
    count: int = 1
    options: Mapping[str, Any] = field(default_factory=dict)
    token: str | None = None
    said: frozenset[str] = frozenset()
    version: str = ""
    take: int = 1
    handles: Mapping[bytes, str] = field(default_factory=dict)
    prepared: tuple[str, ...] | None = None


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


BUSY = "busy"
"""The reason of a refusal because of too many calls: all calls to that account slow down."""
STALE = "stale"
"""The reason of a refusal because a picture that was uploaded is there no more: it is brought again, once."""
ELSEWHERE = frozenset({BUSY, "not-ready", "credentials", "credits", "quota", "plan", "model"})
"""Reasons that speak of the account or the vendor, not of the request: another vendor may well take it."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The vendor said no and did not charge. `retry_after_seconds` where it may be asked again, None where it is final.

    `reason` is a word: `STALE`, one of `ELSEWHERE`, or one that is about the request, such as "rejected" (moderation) and
    "refused" (validation). `stops_all` where no call to the account can succeed before a person does something: the
    credential, the credit, the quota. `parallel` is how many jobs the account may have at a time, where the vendor says.
    """

    reason: str
    message: str
    retry_after_seconds: float | None = None
    stops_all: bool = False
    parallel: int | None = None


@dataclass(frozen=True, slots=True)
class Running:
    """The job is not done; ask again after so many seconds. `is_busy` where the vendor had too many questions to say."""

    poll_after_seconds: float = 2.0
    is_busy: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """The job ended without a picture; `is_charged` is None where the vendor does not say, `amount` where not how much."""

    reason: str
    message: str
    is_charged: bool | None
    amount: str | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """Whether the vendor accepted cannot be known from what came back."""

    message: str


@dataclass(frozen=True, slots=True)
class Absent:
    """The vendor has no such job: surely, as the answer to `find`; to `poll` for now, as it may not list it yet."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How an account stands, as far as the vendor says so for nothing. `balance` is an amount with its unit, for people.

    `refusal` says why no call can succeed as things are (the credential, the credit), None where nothing is known to be
    wrong.
    """

    balance: str | None = None
    refusal: str | None = None


Submitted = Accepted | Finished | Failed | Refused | Unknown
"""What a submit gives: Finished or Failed at once where the vendor answers at once."""
Polled = Running | Finished | Failed | Absent


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What is known of a vendor, as data; the cautious value where nothing is known.

    `credentials` are the environment variables that have them, each with the names it may also go by; they, and those
    that are `optional`, are sent to the host of `base_url` and to `hosts`, of which one that begins with a dot stands
    for all below it. `finds_lost` says that a job whose reply was lost can be looked for, `replays` that the same request
    with the same `token` gives the job that is there and charges nothing more, `checks` that the account can be asked for
    nothing, `quotes` that what a request would cost can. `submit_seconds` bounds one submit, `job_seconds` our waiting for a job; neither ends the job. `console` is
    where a person sees what the account was charged.
    """

    base_url: str = ""
    console: str = ""
    credentials: tuple[tuple[str, ...], ...] = ()
    optional: tuple[tuple[str, ...], ...] = ()
    hosts: tuple[str, ...] = ()
    uploads: bool = False
    finds_lost: bool = False
    replays: bool = False
    checks: bool = False
    quotes: bool = False
    concurrency: int = 4
    per_second: float | None = None
    poll_seconds: float = 2.0
    submit_seconds: float = 120.0
    job_seconds: float = 1800.0


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A picture at the vendor: what the vendor calls it, and until when (unix seconds; None: for good)."""

    handle: str
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class Quote:
    """What a vendor says that a request would cost, all its pictures together."""

    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Session:
    """What a beat works with: a client for the vendor's host that sends the credentials, the route, and its prices."""

    client: Client
    route: Route
    prices: tuple[Price, ...] = ()


class Provider(Protocol):
    """A module that speaks one vendor's protocol. No beat waits, retries or sleeps: the engine does.

    `is_local` providers make pictures on this machine for nothing and answer in `submit`; they get no session.
    """

    is_local: bool
    capabilities: Capabilities

    def check_prompt(
        self, prompt: str, fields: Collection[str] | None = None
    ) -> Iterable[tuple[int, int, str, str | None]]:
        """What the provider would not understand of a prompt: (start, end, message, suggestion). Most cannot tell.

        `fields` are those that the step gives; None leaves them out of the check.
        """
        ...

    def advise_prompt(
        self, prompt: str, fields: Collection[str]
    ) -> Iterable[tuple[int, int, str, str | None]]:
        """What it would warn of, in the same form: fields given that no word of the prompt uses."""
        ...

    def authorization(self, credentials: Sequence[str]) -> Mapping[str, str]:
        """The headers that carry the credentials, in the order of `capabilities.credentials`, then of the optional ones.

        An optional one that is not there is empty text.
        """
        ...

    def prepared(self, request: Request, route: Route) -> Request:
        """The request with its pictures in the form that the route reads; what they are known by does not change."""
        ...

    async def check(self, client: Client) -> Standing:
        """Asks how the account stands, for nothing; only asked where `capabilities.checks`."""
        ...

    async def upload(self, session: Session, blob: Blob) -> Uploaded:
        """Brings a picture to the vendor; free and repeatable."""
        ...

    async def price(self, session: Session, request: Request) -> Quote | Accepted:
        """Asks what a request would cost, for nothing; only asked where `capabilities.quotes`.

        Accepted where the vendor took it for the request itself. Raises FetchError, NotSent, ReplyLost, TaskError where it
        does not say.
        """
        ...

    async def submit(self, session: Session | None, request: Request) -> Submitted:
        """Sends the request."""
        ...

    async def poll(self, session: Session, vendor_id: str) -> Polled:
        """Asks how a job stands, by the vendor's id. Raises FetchError where it may be asked again."""
        ...

    async def download(self, session: Session, address: str) -> bytes:
        """Fetches one result. Raises FetchError where it may be tried again, ProviderError where it is gone for good."""
        ...

    async def find(
        self, session: Session, request: Request, since: float
    ) -> Accepted | Finished | Absent | Unknown:
        """Looks for a job whose reply was lost, submitted after a moment of the vendor's clock (unix seconds)."""
        ...

    async def cancel(self, session: Session, vendor_id: str) -> bool:
        """Cancels a job where that is free of charge; whether it was."""
        ...
