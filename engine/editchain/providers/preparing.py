"""Preparing: the pictures of a request in the form that a route reads, as its limits say. Pure.

For whoever writes a provider: `from editchain.providers.preparing import prepared as prepared` is the whole beat.
What a route reads is said in its document under `limits`, of every picture as `image`, of the mask as `mask`, of all
together as `request` (docs/models.md says how). By the time `upload` and `submit` see a request, its pictures

- are upright, 8 bits a channel, in sRGB (or with their profile where the route says `profile: keep`), and without
  anything beside their pixels: no place, time, device or thumbnail;
- have a format, size and length that the route takes: a picture that is too large is scaled down where the limits
  say `too_large: scale`, and is an error where they do not; none is ever enlarged or cropped;
- have alpha only where the limits do not say that it is flattened or refused;
- if they are masks, are as large as the edited picture, and black, white or transparent where the vendor edits, as
  `edits` says. In recipes black is repainted and white is kept.

`Request.prepared` then says in sentences what was done; the engine keeps them beside the call. What needs nothing done
is sent byte for byte.
"""

from __future__ import annotations

import math
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from editchain.errors import TaskError
from editchain.imaging import anatomy
from editchain.providers.base import Blob

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from PIL import Image

    from editchain.imaging.anatomy import Anatomy
    from editchain.models import Route
    from editchain.providers.base import Request

    Limits = Mapping[str, Any]
    Size = tuple[int, int]

QUALITY = 95
"""For what has to be written anew as JPEG or WebP: the vendor's model sees it, so little may be lost."""
MAX_SHRINKS = 8
"""How often a picture is made smaller until its file is short enough, each time to about the size that should do."""
WRITTEN = ("png", "jpeg", "webp")
"""What is written here, and what a route reads whose document does not say."""


def prepared(request: Request, route: Route) -> Request:
    """The request with its pictures as the route reads them; one that is prepared already as it is.

    Pictures of fields that the route ignores are left out. Raises TaskError for what the route cannot take, with what to
    do about it, and ImageError for a damaged picture.
    """
    if request.prepared is not None:
        return request
    said: list[str] = []
    sent = {name: blobs for name, blobs in request.images.items() if not _is_ignored(route, name)}
    images: dict[str, tuple[Blob, ...]] = {}
    for name in sorted(sent, key=lambda name: name == "mask"):  # a mask is as large as what it masks
        if name == "mask" and "edits" in route.limits.get("mask", {}) and images.get("image"):
            images[name] = tuple(_masking(blob, images["image"][0], route, said) for blob in sent[name])
            continue
        has_mask = bool(sent.get("mask"))
        limits = limits_of(route, name, has_mask=has_mask)
        images[name] = tuple(
            blob
            if blob.held is not None and is_sent_by_name(route, name, blob.held[0], has_mask=has_mask)
            else _Preparing(
                name if len(sent[name]) == 1 else f"{name}[{at}]", limits, route.provider, said
            ).fitted(blob)
            for at, blob in enumerate(sent[name])
        )
    _check_together(images, route)
    return replace(request, images={name: images[name] for name in sent}, prepared=tuple(said))


def foreseen(
    name: str, kind: str, size: Size, length_bytes: int, route: Route, *, has_mask: bool = False
) -> tuple[str, ...]:
    """What will be done to a picture of which only format, size (as stored) and length are known, in sentences.

    Raises TaskError for what the route cannot take. What only its bytes tell, such as that it lies on its side, is not
    foreseen.
    """
    if _is_ignored(route, name):
        return ()
    if name == "mask" and "edits" in route.limits.get("mask", {}):
        return (_mask_sentence(route),)
    said: list[str] = []
    one = _Preparing(name, limits_of(route, name, has_mask=has_mask), route.provider, said)
    wanted = one.wanted_size(size)
    if wanted != size:
        said.append(one.scaled_sentence(size, wanted, one.reason(size)))
    chosen = one.format_of(kind, has_alpha=False)
    if chosen != kind:
        said.append(one.format_sentence(kind, chosen))
    if wanted == size and chosen == kind and one.is_too_long(length_bytes):
        said.append(f"{name}: made smaller, for {route.provider} takes {_megabytes(one.most_bytes)} at most")
    return tuple(said)


def limits_of(route: Route, name: str, *, has_mask: bool = False) -> Limits:
    """What a route says of a picture field: `mask` has limits of its own, every other field those of `image`."""
    mask = route.limits.get("mask", {})
    if name == "mask":
        return mask
    limits = route.limits.get("image", {})
    if name == "image" and has_mask and mask.get("same_format"):
        return {**limits, "formats": mask.get("formats", ["png"])}
    return limits


def is_sent_by_name(route: Route, name: str, holder: str, *, has_mask: bool = False) -> bool:
    """Whether a picture that a provider has goes to a route as what that calls it: a mask, and what it masks, are made to fit."""
    return route.provider == holder and not (
        name in ("image", "mask") and has_mask and "mask" in route.limits
    )


def reads(route: Route, name: str, holder: str, fields: Mapping[str, Any], *, has_mask: bool = False) -> bool:
    """Whether the bytes of a picture that a provider has are needed here for a route."""
    if _is_ignored(route, name):
        return False
    ratio = route.fields.get("aspect_ratio", {})
    is_measured = name == "image" and "emulated" in ratio and fields.get("aspect_ratio", "auto") == "auto"
    return is_measured or not is_sent_by_name(route, name, holder, has_mask=has_mask)


def _is_ignored(route: Route, name: str) -> bool:
    return "ignored" in route.fields.get(name, {})


# ---------------------------------------------------------------------- one picture


class _Preparing:
    """One picture of a field on its way to a provider; what is done to it is `said`."""

    def __init__(self, name: str, limits: Limits, provider: str, said: list[str]) -> None:
        self.name = name
        self.limits = limits
        self.provider = provider
        self.said = said
        self.formats: Sequence[str] = limits.get("formats", WRITTEN)
        self.most_bytes: int | None = limits.get("max_bytes")
        self.may_scale = limits.get("too_large") == "scale"
        only_jpeg = not {"png", "webp"} & set(self.formats)
        self.alpha: str = limits.get("alpha", "refuse" if only_jpeg else "keep")

    def fitted(self, blob: Blob) -> Blob:
        """The picture as the route reads it: byte for byte where it does, else without metadata, else written anew."""
        data = blob.read()
        found = anatomy.look(data)
        wanted = self.wanted_size(found.size)
        has_alpha = self._has_alpha(found, blob)
        chosen = self.format_of(found.format, has_alpha=has_alpha)
        changes = list(self._changes(found, wanted, chosen, has_alpha=has_alpha))
        if not changes:
            kept = anatomy.stripped(data) if found.has_metadata else data
            if not self.is_too_long(len(kept)):
                if found.has_metadata:
                    self.say("metadata removed")
                return _blob(kept) if found.has_metadata else blob
        self.said += changes
        if found.has_metadata:
            self.say("metadata removed")
        image = blob.decode()
        return _blob(self._written(image if has_alpha else _flat(image), wanted, chosen))

    def say(self, sentence: str) -> None:
        """Notes what is done."""
        self.said.append(f"{self.name}: {sentence}")

    def fail(self, sentence: str, advice: str) -> TaskError:
        """What the route cannot take, as an error."""
        return TaskError(f"{self.name}: {sentence}. {advice}")

    def wanted_size(self, size: Size) -> Size:
        """The size to send a picture at: its own where the route takes it. Raises TaskError where there is none."""
        width, height = size
        limits, shown = self.limits, f"{width}×{height} pixels"
        ratio = limits.get("max_ratio")
        if ratio is not None and max(size) > ratio * min(size):
            raise self.fail(
                f"{shown} is longer than the {ratio:g} to 1 that {self.provider} takes",
                "Crop or pad it in a step before.",
            )
        scale = min(
            1.0,
            limits["max_side"] / max(size) if "max_side" in limits else 1.0,
            math.sqrt(limits["max_pixels"] / (width * height)) if "max_pixels" in limits else 1.0,
        )
        if scale == 1.0:
            wanted = size
        elif self.may_scale:
            wanted = (max(1, math.floor(width * scale)), max(1, math.floor(height * scale)))
        else:
            raise self.fail(
                f"{shown} is more than {self.provider} takes, {self.reason(size)}",
                "Resize it in a step before.",
            )
        least = limits.get("min_side")
        if least is not None and min(wanted) < least:
            scaled = "" if wanted == size else f", scaled to {wanted[0]}×{wanted[1]},"
            raise self.fail(
                f"{shown}{scaled} is less than the {least} on a side that {self.provider} takes",
                "Nothing is enlarged unasked: resize it in a step before.",
            )
        return wanted

    def reason(self, size: Size) -> str:
        """Which limit a size is beyond, in words."""
        if "max_side" in self.limits and max(size) > self.limits["max_side"]:
            return f"at most {self.limits['max_side']} on a side"
        return f"at most {self.limits['max_pixels'] / 1e6:g} megapixels"

    def _has_alpha(self, found: Anatomy, blob: Blob) -> bool:
        """Whether a picture is sent with alpha. Raises TaskError where it has one that counts and the route refuses it."""
        is_known = found.format in anatomy.TAKEN_APART
        if is_known and (not found.has_alpha or self.alpha == "keep"):
            return found.has_alpha
        from editchain.imaging.codec import has_transparency

        is_seen = has_transparency(blob.decode())  # an alpha may be all opaque
        if is_seen and self.alpha == "refuse":
            raise self.fail(
                f"{self.provider} takes no transparency, and this picture has some",
                "Put a colour behind it in a step before.",
            )
        return is_seen and self.alpha == "keep"

    def format_of(self, kind: str, *, has_alpha: bool) -> str:
        """The format to send a picture in: its own where the route reads it, else one that loses nothing."""
        if kind in self.formats and kind in WRITTEN:
            return kind
        able = [
            one
            for one in ("png", "webp", "jpeg")
            if one in self.formats and not (has_alpha and one == "jpeg")
        ]
        if not able:
            raise self.fail(
                f"{self.provider} reads {', '.join(self.formats)}, and none of them can be written here",
                "Take another route.",
            )
        return able[0]

    def _changes(self, found: Anatomy, wanted: Size, chosen: str, *, has_alpha: bool) -> Iterator[str]:
        """Why the picture has to be written anew, in sentences; nothing where its pixels can stay as they lie."""
        name = self.name
        if found.orientation != anatomy.UPRIGHT:
            yield f"{name}: turned upright"
        if found.profile is not None and self.limits.get("profile") != "keep" and not _is_srgb(found.profile):
            yield f"{name}: colours converted to sRGB"
        if not found.is_plain and found.format in anatomy.TAKEN_APART:
            yield f"{name}: written as one picture in RGB with 8 bits a channel"
        if found.has_alpha and not has_alpha:
            yield f"{name}: transparency laid on white, for {self.provider} takes none"
        if wanted != found.size:
            yield self.scaled_sentence(found.size, wanted, self.reason(found.size))
        if chosen != found.format:
            yield self.format_sentence(found.format, chosen)

    def scaled_sentence(self, size: Size, wanted: Size, reason: str) -> str:
        """That a picture is made smaller, and why."""
        before, after = (f"{width}×{height}" for width, height in (size, wanted))
        return f"{self.name}: scaled from {before} to {after}, for {self.provider} takes {reason}"

    def format_sentence(self, kind: str, chosen: str) -> str:
        """That a picture is sent in another format."""
        return f"{self.name}: {kind.upper()} sent as {chosen.upper()}, which {self.provider} reads"

    def is_too_long(self, length_bytes: int) -> bool:
        """Whether a file has to be made shorter. Raises TaskError where it may not be."""
        if self.most_bytes is None or length_bytes <= self.most_bytes:
            return False
        if not self.may_scale:
            raise self._too_long(length_bytes)
        return True

    def _too_long(self, length_bytes: int) -> TaskError:
        return self.fail(
            f"{_megabytes(length_bytes)} is more than the {_megabytes(self.most_bytes)} that {self.provider} takes",
            "Resize it, or convert it to JPEG, in a step before.",
        )

    def _written(self, image: Image.Image, wanted: Size, chosen: str) -> bytes:
        """The picture as a file that is short enough. Raises TaskError where none is."""
        from editchain.imaging.geometry import scaled

        data = _encoded(scaled(image, wanted), chosen)
        if not self.is_too_long(len(data)):
            return data
        if chosen != "jpeg" and "jpeg" in self.formats and image.mode != "RGBA":
            chosen = "jpeg"
            data = _encoded(scaled(image, wanted), chosen)
            self.say(f"sent as JPEG, for {self.provider} takes {_megabytes(self.most_bytes)} at most")
        size, most = wanted, self.most_bytes or 0
        for _ in range(MAX_SHRINKS):
            if len(data) <= most:
                break
            scale = 0.97 * math.sqrt(most / len(data))
            size = (max(1, int(size[0] * scale)), max(1, int(size[1] * scale)))
            data = _encoded(scaled(image, size), chosen)
        if len(data) > most or min(size) < self.limits.get("min_side", 1):
            raise self._too_long(len(data))
        if size != wanted:
            self.said.append(self.scaled_sentence(wanted, size, f"{_megabytes(most)} at most"))
        return data


def _flat(image: Image.Image) -> Image.Image:
    from editchain.imaging.codec import flatten

    return flatten(image)


def _is_srgb(profile: bytes) -> bool:
    from editchain.imaging.codec import is_srgb

    return is_srgb(profile)


def _encoded(image: Image.Image, kind: str) -> bytes:
    from editchain.imaging.codec import encode

    return encode(image, kind, quality=None if kind == "png" else QUALITY)


def _megabytes(length_bytes: int | None) -> str:
    length_bytes = length_bytes or 0
    return f"{length_bytes / 1e6:.3g} MB" if length_bytes >= 1e6 else f"{length_bytes / 1e3:.3g} kB"


# ---------------------------------------------------------------------- masks, and all together


def _masking(blob: Blob, edited: Blob, route: Route, said: list[str]) -> Blob:
    """Our mask as the vendor has masks: as large as the edited picture, marked where it edits."""
    from PIL import Image, ImageChops

    from editchain.imaging.compose import mask_of

    limits = limits_of(route, "mask")
    size = anatomy.look(edited.read()).size
    kept = mask_of(blob.decode(), size)
    if limits["edits"] == "transparent":
        made = Image.new("RGBA", size, (255, 255, 255, 255))
        made.putalpha(kept)
    else:
        made = ImageChops.invert(kept) if limits["edits"] == "white" else kept
    one = _Preparing("mask", limits, route.provider, said)
    data = _encoded(made, one.format_of("png", has_alpha=made.mode == "RGBA"))
    if one.most_bytes is not None and len(data) > one.most_bytes:
        raise one._too_long(len(data))
    said.append(_mask_sentence(route))
    return _blob(data)


def _mask_sentence(route: Route) -> str:
    return f"mask: {route.limits['mask']['edits']} where {route.provider} edits, in the size of the picture"


def _check_together(images: Mapping[str, tuple[Blob, ...]], route: Route) -> None:
    most = route.limits.get("request", {}).get("max_bytes")
    if most is None:
        return
    total = sum(len(blob.read()) for blobs in images.values() for blob in blobs if blob.held is None)
    if total > most:
        raise TaskError(
            f"The pictures of this call are {_megabytes(total)} together, more than the {_megabytes(most)} "
            f"that {route.provider} takes. Resize them in a step before."
        )


def _blob(data: bytes) -> Blob:
    from editchain.imaging.codec import decode

    return Blob(sha256(data).digest(), lambda: data, lambda: decode(data))
