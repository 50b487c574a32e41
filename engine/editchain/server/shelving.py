"""Pictures of the server: taken in, checked, kept by digest beside the results, and given out."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from typing import TYPE_CHECKING, Any

from editchain.errors import ImageError, StoreError
from editchain.imaging.limits import MAX_BYTES
from editchain.imaging.probe import HEAD_BYTES, MEDIA_TYPES, check
from editchain.server.asking import Refusal
from editchain.server.carrying import Kept
from editchain.server.rows import Asset
from editchain.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from editchain.server.shelf import Shelf

ASSET = "asset_"


class Pictures:
    """The pictures of all projects. A picture that two projects have is held once, and neither sees the other's."""

    def __init__(self, folder: Path, shelf: Shelf, now: Callable[[], float]) -> None:
        self.store = Store(folder)
        self._shelf = shelf
        self._now = now

    def close(self) -> None:
        """Closes the store."""
        self.store.close()

    def take(self, data: bytes) -> str:
        """Keeps the bytes of a picture; gives their digest in hex. Raises Refusal for what is no picture that may come in."""
        try:
            check(data[:HEAD_BYTES], len(data))
        except ImageError as error:
            raise Refusal(400, str(error)) from None
        return self.store.put(data, durable=True).hex()

    def take_data_url(self, text: str) -> str:
        """Keeps the picture of a data URL. Raises Refusal."""
        head, comma, body = text.partition(",")
        if not comma or not head.startswith("data:image/") or not head.endswith(";base64"):
            raise Refusal(400, "A data URL of a picture looks like data:image/png;base64,...")
        return self.take(decoded(body))

    def add(
        self,
        project: str,
        digest: str,
        name: str,
        *,
        parent: str | None = None,
    ) -> Asset:
        """A new asset of a project with a picture that is kept. Raises StoreError."""
        asset = self.described(project, digest, name, parent=parent)
        self._shelf.put_assets([asset])
        return asset

    def described(
        self,
        project: str,
        digest: str,
        name: str,
        *,
        parent: str | None = None,
    ) -> Asset:
        """An asset as `add` makes it, not yet on the shelf."""
        data = self.store.read(bytes.fromhex(digest))
        found = check(data[:HEAD_BYTES], len(data))
        kept = Kept(digest, MEDIA_TYPES[found.format].media_type, len(data), found.width, found.height)
        return asset_of(kept, project, name, self._now(), parent=parent)

    def digest_of(self, project: str, named: str) -> str:
        """The digest of a picture as a request names it: an asset of the project, or a data URL. Raises Refusal."""
        if named.startswith("data:"):
            return self.take_data_url(named)
        asset = self._shelf.asset(project, named)
        if asset is None:
            raise Refusal(404, f"Asset {named[:80]} not found")
        return asset.digest

    def read(self, digest: str) -> bytes:
        """The bytes of a picture, checked. Raises Refusal where they are gone."""
        try:
            return self.store.read(bytes.fromhex(digest))
        except StoreError:
            raise Refusal(410, "The picture is not in the store any more") from None

    def path(self, digest: str) -> str:
        """The file that holds a picture."""
        return self.store.path(bytes.fromhex(digest))

    def drop(self, digests: list[str]) -> None:
        """Removes pictures that no asset has any more."""
        for digest in digests:
            self.store.remove(bytes.fromhex(digest))


def asset_of(
    one: Kept,
    project: str,
    name: str,
    now: float,
    *,
    job: str | None = None,
    index: int = 0,
    parent: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Asset:
    """A new asset of a project: a picture that is in the store. `job` and `index` where one made it."""
    return Asset(
        f"{ASSET}{secrets.token_urlsafe(15)}", project, one.digest, name, one.media_type, one.width, one.height, one.size,
        job, index, parent, json.dumps(metadata or {}), now,
    )  # fmt: skip


def decoded(body: str) -> bytes:
    """The bytes of base64 text. Raises Refusal."""
    if len(body) > MAX_BYTES * 4 // 3 + 4:
        raise Refusal(413, f"A picture may have {MAX_BYTES // 1048576} MB at the most")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise Refusal(400, "This is not base64") from None
