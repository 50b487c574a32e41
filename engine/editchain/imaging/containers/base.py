"""What a file says beside its pixels, and the shape of a container."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain.classes import dataclass

if TYPE_CHECKING:
    from typing import Protocol

    class Container(Protocol):
        """How the files of one format hold what they say. Damaged files raise struct.error, IndexError or ValueError."""

        def read(self, data: bytes) -> Said:
            """What a file says."""
            ...

        def write(self, data: bytes, said: Said, *, keeps_more: bool) -> bytes:
            """The file with its pixels, colour profile and animation as they were, and this said.

            With `keeps_more` only the XMP is replaced, and all else of the file stays. The same bytes come back where
            nothing has to change.
            """
            ...


@dataclass(frozen=True, slots=True)
class Said:
    """What a file says. `exif` is a TIFF header with what follows, `iptc` IIM records, `texts` PNG's chunks by keyword.

    `credentials` are C2PA's boxes; `has_more` tells of whatever else a viewer does without: comments, previews, boxes
    of makers, bytes behind the end.
    """

    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    texts: tuple[tuple[str, bytes], ...] = ()
    credentials: bytes | None = None
    has_more: bool = False


NOTHING = Said()
