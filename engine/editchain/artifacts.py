"""Image sources: what a picture given to a pipeline is, before anything reads its bytes."""

from __future__ import annotations

import re
from typing import Literal

from editchain.classes import dataclass

SourceKind = Literal["file", "url", "data", "asset"]

_ADDRESS = re.compile(r"https?:|[a-z][a-z0-9+.-]*://", re.IGNORECASE)
ASSET_VENDOR = "scenario"
"""The provider whose asset ids may stand where a picture is wanted. An id names the same bytes for good."""

_ASSET = re.compile(r"asset_[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class ImageSource:
    """One picture given by a person: a file, an `https:` URL, a `data:` URL or a vendor's asset id.

    `location` is an absolute path, the URL, or the id; `sha256` is the pin of a URL (hex); `key` names it in paths.
    """

    kind: SourceKind
    location: str
    key: str
    sha256: str | None = None


def kind_of(text: str) -> SourceKind | None:
    """Which kind of image source a text is; None for a path."""
    if _ADDRESS.match(text):
        return "url"
    if text.startswith("data:"):
        return "data"
    return "asset" if _ASSET.fullmatch(text) else None
