"""The local executor: operations and local models in worker threads of this process."""

from __future__ import annotations

import base64
import os
import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio.to_thread

from editchain.artifacts import ASSET_VENDOR, ImageSource
from editchain.errors import EditchainError, ImageError, StoreError, TaskError
from editchain.executors.base import Failure, Made
from editchain.executors.natively import NATIVE, natively
from editchain.imaging import codec, native
from editchain.imaging.native import Native
from editchain.imaging.probe import MEDIA_TYPES, probe
from editchain.models import Model
from editchain.plans.tasks import IN_PASSING, Column, Edge
from editchain.providers.base import Blob, Finished, Refused, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from typing import Protocol, TypeVar

    from PIL import Image

    from editchain.executors.base import Work
    from editchain.models import Route
    from editchain.operations.base import Operation, Picture
    from editchain.plans.tasks import StepPlan, Way
    from editchain.providers.base import Provider, Session, Submitted
    from editchain.store import Store

    _Picture = TypeVar("_Picture", Image.Image, Native)

    class Maker(Protocol):
        """What makes pictures here: a local provider, or what stands in for another."""

        async def submit(self, session: Session | None, request: Request) -> Submitted:
            """The pictures of a request."""
            ...


Handed = dict[tuple[int, int], Native]
"""Pictures on their way to a later task of a batch, by the places of their steps and their ordinals."""

MAX_SEED = 2**31 - 1
PICTURE_BUDGET_BYTES = 384 * 1024 * 1024


class Decoded:
    """Pictures in memory by digest, as long as they fit in a budget of decoded bytes; the oldest go first."""

    def __init__(self, budget_bytes: int = PICTURE_BUDGET_BYTES) -> None:
        self._budget = budget_bytes
        self._used = 0
        self._pictures: OrderedDict[tuple[bytes, bool], Native] = OrderedDict()
        self._mutex = threading.Lock()

    def get(self, digest: bytes, read: Callable[[], bytes]) -> Image.Image:
        """The picture of a digest with 8 bits in sRGB; others must not change it."""
        return self._kept((digest, True), lambda: Native(codec.decode(read()))).plain()

    def native(self, digest: bytes, read: Callable[[], bytes]) -> Native:
        """The picture of a digest in its own numbers; others must not change it."""
        return self._kept((digest, False), lambda: native.read(read()))

    def put(self, digest: bytes, picture: Native) -> None:
        """Keeps a picture for whoever needs it next."""
        self._put((digest, picture.is_plain), picture)

    def _kept(self, key: tuple[bytes, bool], read: Callable[[], Native]) -> Native:
        with self._mutex:
            found = self._pictures.get(key)
            if found is not None:
                self._pictures.move_to_end(key)
                return found
        found = read()
        self._put(key, found)
        return found

    def _put(self, key: tuple[bytes, bool], picture: Native) -> None:
        if picture.length_bytes > self._budget // 4:
            return
        with self._mutex:
            if key in self._pictures:
                return
            self._pictures[key] = picture
            self._used += picture.length_bytes
            while self._used > self._budget:
                _, old = self._pictures.popitem(last=False)
                self._used -= old.length_bytes


class LocalExecutor:
    """Carries out operations and local models; keeps what it decoded for the tasks that come next."""

    hands_on = True

    def __init__(
        self,
        store: Store,
        digests: Callable[[ImageSource], bytes | None],
        operation: Callable[[str], Operation],
        provider: Callable[[str], Provider],
        *,
        workers: int,
        chance: Callable[[], int] = lambda: secrets.randbelow(MAX_SEED + 1),
        stand_in: Callable[[Way], Maker | None] = lambda _way: None,
    ) -> None:
        """`chance` gives the seed of a task whose step says `seed: random`; `stand_in` makes pictures for a provider."""
        self.workers = workers
        self._chance = chance
        self._stand_in = stand_in
        self._store = store
        self._digests = digests
        self._operation = operation
        self._provider = provider
        self._decoded = Decoded()
        self._limiter = anyio.CapacityLimiter(workers)
        codec.keep_memory(workers)

    async def execute(self, batch: Sequence[Work]) -> Sequence[Made | Failure]:
        """Runs a batch in one worker thread."""
        return await anyio.to_thread.run_sync(self.execute_here, batch, limiter=self._limiter)

    def execute_here(self, batch: Sequence[Work]) -> list[Made | Failure]:
        """Runs a batch in this thread."""
        handed: Handed = {}
        return [self._one(work, handed) for work in batch]

    def _one(self, work: Work, handed: Handed) -> Made | Failure:
        began = time.perf_counter()
        try:
            picture, seed = self._make(work, handed)
            self._check_time(work, time.perf_counter() - began)
            if work.is_kept:
                return self._keep(picture, seed, began)
            made = handed[work.plan.index, work.ordinal] = _as_stored(picture)
            return Made(IN_PASSING, "", 0, *made.size, seed, time.perf_counter() - began)
        except StoreError:
            raise
        except TaskError as error:
            return Failure("failed", str(error))
        except EditchainError as error:
            return Failure("failed", str(error), is_final=True)
        except MemoryError:
            return Failure("failed", "There is not enough memory for this picture.")
        except Exception as error:
            return Failure("failed", f"{type(error).__name__}: {error}")

    def _check_time(self, work: Work, seconds: float) -> None:
        """Raises TaskError where a picture took longer than its step gives a task: a thread cannot be ended before."""
        plan, limit = work.plan, work.plan.step.timeout_seconds
        if limit is None or seconds <= limit or plan.is_check or plan.is_protect:
            return
        if self._stand_in(plan.way(work.ordinal)) is None:
            raise TaskError(f"It took {seconds:.3g} s, and the step gives a task {limit:g} s (timeout).")

    def _keep(self, picture: Picture | bytes, seed: int | None, began: float) -> Made:
        if isinstance(picture, bytes):
            data, found = picture, probe(picture)
            if found is None:
                raise TaskError("What was made is not an image.")
            media_type, width, height = MEDIA_TYPES[found.format].media_type, found.width, found.height
            digest = self._store.put(data, durable=False)
        else:
            data = picture.file()
            media_type, (width, height) = MEDIA_TYPES[picture.format].media_type, picture.native.size
            digest = self._store.put(data, durable=False)
            if _is_exact(picture):
                self._decoded.put(digest, picture.native)
        return Made(digest, media_type, len(data), width, height, seed, time.perf_counter() - began)

    # ------------------------------------------------------------------ making

    def _make(self, work: Work, handed: Handed) -> tuple[Picture | bytes, int | None]:
        plan, ordinal = work.plan, work.ordinal
        document = plan.way(ordinal).document
        if isinstance(document, Model):
            return self._edit(plan, ordinal, work.key, document, handed)
        if plan.is_check:
            return self._hold_against(plan, ordinal), None
        fields = dict.fromkeys(document.document["properties"]) | dict(document.defaults)
        fields.update((name, plan.value(name, ordinal)) for name in plan.values)
        blobs = {
            name: [self._blob(part, at, handed) for part, at in self._parts(plan, name, ordinal)]
            for name in plan.images
        }
        operation = self._operation(document.name)
        if fields.pop(NATIVE, None):
            return natively(operation, document, fields, blobs), None
        for name, found in blobs.items():
            if name in document.font_fields:
                fields[name] = found[0].read()
                continue
            pictures = [blob.decode() for blob in found]
            fields[name] = pictures if name in document.image_list_fields else pictures[0]
        return operation.apply(**fields), None

    def _hold_against(self, plan: StepPlan, ordinal: int) -> bytes:
        """The picture of a step as it is, where it is what the step expects; raises TaskError where it is not."""
        from editchain.imaging import expectations  # most runs measure nothing

        blobs = {
            name: [self._blob(part, at) for part, at in self._parts(plan, name, ordinal)]
            for name in plan.images
        }
        data = blobs["image"][0].read()
        images = {name: found[0].decode() for name, found in blobs.items() if found}
        failed = expectations.failures(
            plan.value("expect", ordinal), data, images["image"], images.get("original"), images.get("mask")
        )
        if failed:
            raise TaskError(
                f"The picture is not what the step expects: {'; '.join(failed)}. It stays stored."
            )
        return data

    def _edit(
        self, plan: StepPlan, ordinal: int, key: bytes, document: Model, handed: Handed
    ) -> tuple[Picture | bytes, int | None]:
        route = plan.way(ordinal).route
        if route is None:
            raise TaskError(f"{document.name} has no route here.")
        request = self.request(plan, ordinal, key, document, handed=handed)
        if document.seeded and request.seed is None:
            request = replace(request, seed=self._chance())  # here we are the vendor
        maker = self._stand_in(plan.way(ordinal)) or self._provider(route.provider)
        answer = _drive(maker.submit(None, request))
        if isinstance(answer, Finished) and answer.pictures:
            return answer.pictures[0], answer.seed
        raise TaskError(answer.message if isinstance(answer, Refused) else "The model gave no picture.")

    def request_of(self, work: Work, route: Route | None = None) -> Request:
        """What a task asks of its model, by its own route or another."""
        document = work.plan.way(work.ordinal).document
        assert isinstance(document, Model)  # noqa: S101  (operations are not called)
        return self.request(work.plan, work.ordinal, work.key, document, route)

    def request(
        self,
        plan: StepPlan,
        ordinal: int,
        key: bytes,
        document: Model,
        route: Route | None = None,
        handed: Handed | None = None,
    ) -> Request:
        """What a task asks of a model: fields with defaults, pictures, and a seed derived from the key where none is said."""
        said = {name: value for name in plan.values if (value := plan.value(name, ordinal)) is not None}
        take = said.pop("take", 1)
        fields = {name: value for name, value in document.defaults.items() if value is not None} | said
        seed = fields.pop(document.seeded, None) if document.seeded else None
        if document.seeded and seed is None:
            seed = derived_seed(key)
        images = {
            name: tuple(self._blob(part, at, handed) for part, at in self._parts(plan, name, ordinal))
            for name in plan.images
        }
        route = route or plan.way(ordinal).route
        return Request(
            document.name,
            route.id if route else document.name,
            fields,
            images,
            seed if isinstance(seed, int) else None,
            options=plan.provider_options(ordinal).get(route.provider, {}) if route else {},
            said=frozenset(said),
            version=document.version,
            take=take,
        )

    def _parts(self, plan: StepPlan, name: str, ordinal: int) -> list[tuple[Any, int]]:
        """The pictures of a field for one task: a source, or a producing step's plan with its ordinal."""
        parts: list[tuple[Any, int]] = []
        for part in plan.images[name]:
            if isinstance(part, Edge):
                parts.extend((part.producer, need) for need in part.present(ordinal))
            elif (source := part[ordinal] if isinstance(part, Column) else part) is not None:
                parts.append((source, 0))
        return parts

    def _blob(self, part: Any, ordinal: int, handed: Handed | None = None) -> Blob:
        if not isinstance(part, ImageSource):
            made = handed.pop((part.index, ordinal), None) if handed else None
            if made is not None:
                return Blob(IN_PASSING, lambda: made.file("png"), made.plain, native=lambda: made)
            digest = part.digests.get(ordinal, IN_PASSING)
            if digest == IN_PASSING:
                raise TaskError(f"{part.task_name(ordinal)} has no picture.")
            return self._named(digest, lambda: self._store.read(digest))
        known = self._digests(part)
        if part.kind == "asset":
            return self._held(part, known)
        if known is None:
            raise TaskError(f"{part.location} was not fetched.")
        read = partial(self._source, part, known)
        return Blob(
            known,
            read,
            lambda: self._given(part, lambda: self._decoded.get(known, read)),
            native=lambda: self._given(part, lambda: self._decoded.native(known, read)),
        )

    def _held(self, source: ImageSource, known: bytes | None) -> Blob:
        """A picture that its vendor has; what reads it has to have been fetched before."""
        held = (ASSET_VENDOR, source.location)

        def read() -> bytes:
            if known is None:
                raise TaskError(
                    f"{source.location} is known to {ASSET_VENDOR} only, and its bytes were not fetched."
                )
            return self._store.read(known)

        digest = known or sha256(":".join(held).encode()).digest()
        return replace(self._named(digest, read), held=held)

    def _named(self, digest: bytes, read: Callable[[], bytes]) -> Blob:
        return Blob(
            digest,
            read,
            lambda: self._decoded.get(digest, read),
            native=lambda: self._decoded.native(digest, read),
        )

    def _given(self, source: ImageSource, decode: Callable[[], _Picture]) -> _Picture:
        try:
            return decode()
        except ImageError as error:
            name = (
                os.path.relpath(source.location)
                if source.kind == "file"
                else f"the {source.kind} {source.key}"
            )
            raise ImageError(f"{name}: {error}") from error

    def _source(self, source: ImageSource, known: bytes) -> bytes:
        if source.kind == "url":
            return self._store.read(known)
        if source.kind == "data":
            return base64.b64decode(source.location.partition(",")[2])
        try:
            data = Path(source.location).read_bytes()
        except OSError as error:
            raise TaskError(f"{source.location} cannot be read: {error.strerror}.") from error
        if sha256(data).digest() != known:
            raise TaskError(f"{source.location} changed while the run was going on; run again.")
        return data


def derived_seed(key: bytes) -> int:
    """The seed of a task that says none, from its key."""
    return int.from_bytes(key[:4], "big") & MAX_SEED


def _is_exact(picture: Picture) -> bool:
    """Whether reading the picture back from its file gives these very pixels, and nothing beside them."""
    is_usual = picture.image.mode in ("L", "RGB", "RGBA")
    return picture.format == "png" and is_usual and picture.attached is codec.NOTHING


def _as_stored(picture: Picture | bytes) -> Native:
    """The picture as who reads it from the store would get it."""
    if isinstance(picture, bytes):
        return native.read(picture)
    return picture.native if _is_exact(picture) else native.read(picture.file())


def _drive(beat: Coroutine[Any, Any, Any]) -> Any:
    """Runs a beat of a local provider, which never waits for anything, without an event loop."""
    try:
        beat.send(None)
    except StopIteration as stop:
        return stop.value
    beat.close()
    raise TaskError("A local provider may not wait.")
