"""What tests of providers share: the request that a step's fields make, and beats driven as the engine would."""

from __future__ import annotations

import importlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import anyio
import pytest
from tests.vendors.base import LOOPBACK, png

from editchain.http import Client
from editchain.imaging import codec
from editchain.models import Model, Route, catalogue
from editchain.providers.base import Absent, Blob, Failed, Finished, Request, Running, Session

T = TypeVar("T")
Act = Callable[[Session], Awaitable[T]]

CATALOGUE = catalogue()
EXAMPLES = Path(__file__).parent.parent / "models"
IMAGE = png(b"a", (300, 260))
"""Large enough for every vendor."""


def blob(data: bytes) -> Blob:
    """A picture as the engine hands it to a provider."""
    return Blob(sha256(data).digest(), lambda: data, lambda: codec.decode(data))


def routes_of(provider: str) -> list[Any]:
    """Every model with every route of a provider, as parameters of a test."""
    return [
        pytest.param(model, route, id=f"{model.name}-{number}")
        for model in CATALOGUE.models.values()
        for number, route in enumerate(model.routes)
        if route.provider == provider
    ]


def route_of(model: str, provider: str, name: str | None = None) -> Route:
    """The first route of a model at a provider, or the one of an id there."""
    routes = CATALOGUE.models[model].routes
    return next(one for one in routes if one.provider == provider and name in (None, one.id))


def examples(model: Model) -> list[dict[str, Any]]:
    """The fields that a model is known to take."""
    found: list[dict[str, Any]] = json.loads((EXAMPLES / f"{model.name}.json").read_text())["valid"]
    return found


def asking(
    model: str,
    route: Route,
    said: Mapping[str, Any] | None = None,
    *,
    options: Mapping[str, Any] | None = None,
    count: int = 1,
    image: bytes = IMAGE,
) -> Request:
    """The request that the engine makes of a step: defaults filled in, pictures and the seed apart."""
    known = CATALOGUE.models[model]
    fields = {"prompt": "Night", **(said or {})}
    images = {"image": (blob(image),)}
    for name in (*known.image_fields, *known.image_list_fields):
        if name in fields:
            given = fields.pop(name)
            given = given if isinstance(given, list) else [given]
            images[name] = tuple(blob(png(f"{name}{at}".encode(), (300, 260))) for at, _ in enumerate(given))
    plain = {**known.defaults, **fields}
    seed = plain.pop(known.seeded, 77) if known.seeded else None
    plain.pop("num_samples", None)
    return Request(
        model, route.id, plain, images, seed if isinstance(seed, int) else None, count, options or {},
        said=frozenset(fields.keys() - {"num_samples"}),
    )  # fmt: skip


@dataclass(frozen=True)
class Bench:
    """A provider at its stand-in: `drive` gives what some beats give."""

    provider: str
    url: str
    credentials: Sequence[str]

    @property
    def module(self) -> Any:
        """The provider's module."""
        return importlib.import_module(f"editchain.providers.{self.provider}")

    def drive(self, model: str, act: Act[T], route: Route | None = None, backend: str = "asyncio") -> T:
        """What some beats give, with a client that has the credentials, and the route and its prices."""
        way = route or route_of(model, self.provider)
        prices = tuple(one for one in CATALOGUE.models[model].prices if one.route == self.provider)

        async def driven() -> T:
            headers = self.module.authorization(self.credentials)
            async with Client(
                self.url, headers, rules=LOOPBACK, hosts=self.module.capabilities.hosts
            ) as client:
                return await act(Session(client, way, prices))

        return anyio.run(driven, backend=backend)

    async def ready(self, session: Session, request: Request) -> Request:
        """The request with its pictures as the route wants them, and at the vendor where they are uploaded."""
        request = self.module.prepared(request, session.route)
        if not self.module.capabilities.uploads:
            return request
        from dataclasses import replace

        handles = {
            one.digest: (await self.module.upload(session, one)).handle
            for blobs in request.images.values()
            for one in blobs
        }
        return replace(request, handles=handles)

    def submit(self, model: str, said: Mapping[str, Any] | None = None, **more: Any) -> Any:
        """What a submit gives, of a step's fields."""
        way = more.pop("route", None) or route_of(model, self.provider)

        async def act(session: Session) -> Any:
            request = asking(model, way, said, **more)
            return await self.module.submit(session, await self.ready(session, request))

        return self.drive(model, act, way)

    async def ended(self, session: Session, vendor_id: str) -> Finished | Failed | Absent:
        """How a job ends."""
        for _ in range(10):
            found = await self.module.poll(session, vendor_id)
            if not isinstance(found, Running):
                return found
        raise AssertionError("the job does not end")

    def outcome(self, model: str, said: Mapping[str, Any] | None = None, **more: Any) -> Any:
        """How a job ends that a step's fields make."""
        way = more.pop("route", None) or route_of(model, self.provider)

        async def act(session: Session) -> Any:
            request = asking(model, way, said, **more)
            job = await self.module.submit(session, await self.ready(session, request))
            return await self.ended(session, job.vendor_id)

        return self.drive(model, act, way)
