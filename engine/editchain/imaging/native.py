"""Pictures in their own numbers: with 8 or 16 bits a channel, in the colours of their own profile."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from PIL import Image, ImageCms

from editchain.imaging import codec
from editchain.imaging.colours import colour
from editchain.imaging.extra import need
from editchain.imaging.modes import Pixels, eight_bit
from editchain.imaging.profiles import profile

if TYPE_CHECKING:
    from editchain.imaging.codec import Attached
    from editchain.imaging.probe import Probe


@dataclass(frozen=True)
class Native:
    """A picture as its file has it, upright; without a profile its colours are sRGB."""

    image: Pixels
    profile: bytes | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.image.size

    @property
    def length_bytes(self) -> int:
        """How much memory it takes."""
        depth = 1 if isinstance(self.image, Image.Image) else 2
        return self.size[0] * self.size[1] * len(self.image.mode) * depth

    @property
    def is_plain(self) -> bool:
        """Whether it has 8 bits a channel, in sRGB."""
        return self.profile is None and isinstance(self.image, Image.Image)

    def plain(self) -> Image.Image:
        """With 8 bits a channel and in sRGB, as `codec.decode` gives it."""
        image = eight_bit(self.image)
        return image if self.profile is None else codec.in_srgb(image, self.profile)

    def beside(self, other: Native) -> Pixels:
        """In the space of another picture; what is grey, a mask or a channel, as it is."""
        if self.image.mode == "L" or self.profile == other.profile:
            return self.image
        return self.plain() if other.profile is None else _from_srgb(self.plain(), other.profile)

    def file(
        self,
        format: str,  # noqa: A002 - the word for it everywhere else
        *,
        quality: int | None = None,
        lossless: bool = False,
        compact: bool = False,
        attached: Attached = codec.NOTHING,
    ) -> bytes:
        """The picture as a file: with 16 bits in png and tiff, else 8; with its profile, but for gif, which is sRGB.

        Raises ImageError as `codec.encode` does.
        """
        if not isinstance(self.image, Image.Image) and format in ("png", "tiff"):
            from editchain.imaging import deepfiles

            return deepfiles.written(
                self.image, format, replace(attached, profile=self.profile), compact=compact
            )
        image, profile = (
            (self.plain(), None) if format in ("gif", "cube") else (eight_bit(self.image), self.profile)
        )
        return codec.encode(
            image,
            format,
            quality=quality,
            lossless=lossless,
            compact=compact,
            attached=replace(attached, profile=profile),
        )


def read(data: bytes) -> Native:
    """The picture in these bytes: 16 bits a channel where PNG or TIFF has them, and in its own space where that is grey or RGB.

    Raises ImageError as `codec.decode` does, and for 16 bits that cannot be read whole; ConfigurationError for 16 bits
    where the extra is not there.
    """
    if codec.is_table(data):
        return Native(codec.decode(data))
    return codec.reading(data, lambda image, found: _read(image, found, data))


def colour_in(text: str, native: Native) -> str:
    """A colour in the numbers of a picture's space, as hex; as it was where that is sRGB, or grey."""
    found = colour(text)
    if found is None or native.profile is None or native.image.mode == "L":
        return text
    pixel = _from_srgb(Image.new("RGB", (1, 1), found[:3]), native.profile)
    return "#" + pixel.tobytes().hex() + f"{found[3]:02x}"


def _read(image: Image.Image, found: Probe, data: bytes) -> Native:
    if not _is_deep(image, found):
        plain, own = codec.eight_bit(image)
        if plain.mode not in ("L", "RGB", "RGBA"):
            return Native(codec.in_srgb(plain, own))
        return Native(plain, own if codec.is_of(own, plain.mode) else None)
    need("Keeping 16 bits a channel")
    from editchain.imaging import deepfiles

    planes, own = deepfiles.read(image, data)
    return Native(planes, own if codec.is_of(own, planes.mode) else None)


def _is_deep(image: Image.Image, found: Probe) -> bool:
    if found.format not in ("png", "tiff"):
        return False
    if image.mode.startswith("I;16"):
        return True
    is_colour = image.mode in ("RGB", "RGBA", "LA")
    return is_colour and any(";16" in str(tile[3]) for tile in getattr(image, "tile", ()))


def _from_srgb(image: Image.Image, wanted: bytes) -> Image.Image:
    """An sRGB picture in the numbers of an RGB profile."""
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    spaces = [ImageCms.ImageCmsProfile(io.BytesIO(one)) for one in (profile("srgb"), wanted)]
    made = ImageCms.profileToProfile(
        image.convert("RGB"), spaces[0], spaces[1], renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC
    )
    assert made is not None  # noqa: S101  (only in place it gives nothing)
    if alpha is not None:
        made.putalpha(alpha)
    return made
