"""Writing a page of a run: the document, and its small pictures inside of it or beside it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from editchain.platform import disk_error
from editchain.viewing.html import html, images_beside, inline_images
from editchain.viewing.picturing import small_pictures

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from editchain.store import Store
    from editchain.viewing.html import Following, Images
    from editchain.viewing.pages import Page
    from editchain.viewing.picturing import Small

INLINE_MOST = 150
"""With more pictures than this they lie beside the page, so that it opens at once."""
VIEW_SIDE, VIEW_SIDE_BESIDE, VIEW_SIDE_MANY, MANY = 1280, 1024, 512, 2000
"""The longer side of a picture in the page, beside it, and where there are more than so many, in pixels."""


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: how many pictures, in which folder beside the page, and how many are not at hand any more."""

    pictures: int
    folder: Path | None
    gone: int


class Writer:
    """Writes pages into one place. Written again, it makes only those small pictures that it did not make before."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._inside: dict[str, Small] = {}
        self._beside: set[str] = set()

    def write(
        self, page: Page, store: Store, places: Mapping[str, str], following: Following | None = None
    ) -> Written:
        """Writes a page, whole or not at all; `places` has the files of inputs by digest. Raises StoreError."""
        wanted = [digest for digest, one in page.pictures.items() if one.is_here]
        folder = None if len(wanted) <= INLINE_MOST else self._out.with_suffix(".files")
        try:
            self._out.parent.mkdir(parents=True, exist_ok=True)
            if folder is None:
                images = self._kept_inside(store, places, wanted)
            else:
                images = self._written_beside(folder, store, places, wanted)
            replace(self._out, html(page, images, following))
        except OSError as error:
            raise disk_error(error, str(self._out)) from error
        count = len(images["inline"]) or len(images["there"])
        return Written(count, folder, len(page.pictures) - count)

    def _kept_inside(self, store: Store, places: Mapping[str, str], wanted: Sequence[str]) -> Images:
        missing = [one for one in wanted if one not in self._inside]
        made = {one.digest: one for one in small_pictures(store, places, missing, VIEW_SIDE)}
        here = {**self._inside, **made}
        self._inside = {one: here[one] for one in wanted if one in here}
        return inline_images({digest: (one.thumbnail, one.view) for digest, one in self._inside.items()})

    def _written_beside(
        self, folder: Path, store: Store, places: Mapping[str, str], wanted: Sequence[str]
    ) -> Images:
        folder.mkdir(exist_ok=True)
        missing = [one for one in wanted if one not in self._beside]
        side = VIEW_SIDE_BESIDE if len(wanted) <= MANY else VIEW_SIDE_MANY
        for one in small_pictures(store, places, missing, side):
            (folder / f"{one.digest}.webp").write_bytes(one.thumbnail)
            (folder / f"{one.digest}.view.webp").write_bytes(one.view)
            self._beside.add(one.digest)
        return images_beside(folder.name, [one for one in wanted if one in self._beside])


def replace(place: Path, text: str) -> None:
    """Writes a text under a temporary name, then renames it."""
    temporary = place.with_name(f".{place.name}.{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, place)
