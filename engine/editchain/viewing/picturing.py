"""Small pictures for pages: a thumbnail and a view of each, from the store or from an input's file as it was."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from editchain.errors import ImageError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from editchain.store import Store

THUMBNAIL_SIDE = 256
QUALITY = 82


class Small(NamedTuple):
    """A picture made small, as WebP files: the thumbnail and the view."""

    digest: str
    thumbnail: bytes
    view: bytes


def smaller(data: bytes, side: int) -> Small:
    """The thumbnail of a picture and its view, whose longer side has at most `side` pixels. Raises ImageError."""
    from editchain.imaging import codec

    image = codec.decode(data)
    found = []
    for most in (side, THUMBNAIL_SIDE):
        # From the large one to the small one: each begins where the last one ended.
        image.thumbnail((most, most))
        found.append(codec.encode(image, "webp", quality=QUALITY))
    view, thumbnail = found
    return Small(sha256(data).hexdigest(), thumbnail, view)


def small(data: bytes, side: int) -> bytes:
    """A picture whose longer side has at most `side` pixels, as WebP. Raises ImageError."""
    from editchain.imaging import codec

    image = codec.decode(data)
    image.thumbnail((side, side))
    return codec.encode(image, "webp", quality=QUALITY)


def small_pictures(
    store: Store, places: Mapping[str, str], digests: Iterable[str], side: int
) -> Iterator[Small]:
    """Those of the pictures whose bytes are still there; `places` has the files of inputs by digest."""

    def make(digest: str) -> Small | None:
        data = bytes_of(store, places, digest)
        try:
            return None if data is None else smaller(data, side)
        except ImageError:
            return None

    with ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        yield from (small for small in pool.map(make, digests) if small is not None)


def bytes_of(store: Store, places: Mapping[str, str], digest: str) -> bytes | None:
    """The bytes of a picture by digest (hex), checked; None where nobody has them any more."""
    try:
        return store.read(bytes.fromhex(digest))
    except StoreError:
        place = places.get(digest)
    try:
        data = Path(place).read_bytes() if place is not None and os.path.isabs(place) else None
    except OSError:
        return None
    return data if data is not None and sha256(data).hexdigest() == digest else None
