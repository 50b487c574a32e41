"""The edits of a prompt carried out on a picture, in order, with mask and strength."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import groupby

from PIL import Image

from editchain.darkroom.grammar import Edit, changes_shape
from editchain.darkroom.paintings import AROUND, CURVES, FILLING, PAINTINGS
from editchain.darkroom.regions import limited, part_of
from editchain.darkroom.room import Room
from editchain.darkroom.shapes import SHAPES, crop
from editchain.darkroom.vocabulary import MASKABLE
from editchain.errors import OperationError
from editchain.imaging import tone
from editchain.imaging.compose import mask_of
from editchain.imaging.modes import in_mode


def apply(
    edits: Sequence[Edit],
    image: Image.Image,
    *,
    references: Sequence[Image.Image] = (),
    mask: Image.Image | None = None,
    seed: int = 0,
    strength: float = 1.0,
    aspect_ratio: str | None = None,
) -> Image.Image:
    """The picture after all the edits, in order, then cropped to the aspect ratio; RGB or RGBA.

    Where the mask is white the picture stays as it was; edits that look for a subject, a sky or faces go by it.
    `strength`, 0 to 1, is how much of the edited picture is seen; edits of shape and frame are always whole.
    Raises OperationError for a mask together with such an edit, and for what the picture is too small or too
    large for, or does not show.
    """
    image = image if image.mode in ("RGB", "RGBA") else image.convert("RGB")
    room = Room(references, random.Random(seed))
    if mask is not None:
        _refuse_mask_with_shape(edits)
        room.mask = mask_of(mask, image.size)
    for is_shape, group in groupby(edits, lambda edit: edit.name in SHAPES):
        if is_shape:
            for edit in group:
                image = SHAPES[edit.name](image, room, **edit.values)
                room.regions.clear()
        else:
            image = _blended(image, _painted(list(group), image, room), strength, room.mask)
    if aspect_ratio not in (None, "auto"):
        image = crop(image, ratio=str(aspect_ratio))
    return image


def _refuse_mask_with_shape(edits: Sequence[Edit]) -> None:
    shaping = [edit for edit in changes_shape(edits) if edit.name not in MASKABLE]
    if shaping:
        raise OperationError(
            f'A mask says where a picture is edited, but "{shaping[0].name}" changes its shape or frame; '
            "do that in a step of its own."
        )


def _painted(edits: list[Edit], image: Image.Image, room: Room) -> Image.Image:
    """The picture after edits that keep its shape; neighbouring curves are joined and rounded once."""
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    made = in_mode(image, "RGB")
    for is_curve, group in groupby(edits, _is_curve):
        if is_curve:
            made = _curved(list(group), made)
            continue
        for edit in group:
            room.alpha = alpha
            made = _edited(edit, made, room)
            if edit.name in FILLING:
                alpha = None
    if alpha:
        made.putalpha(alpha)
    return made


def _is_curve(edit: Edit) -> bool:
    return edit.name in CURVES and "region" not in edit.values


def _curved(edits: list[Edit], image: Image.Image) -> Image.Image:
    curves = CURVES[edits[0].name](**edits[0].values)
    for edit in edits[1:]:
        curves = tone.chained(curves, CURVES[edit.name](**edit.values))
    return tone.apply_curves(image, curves)


def _edited(edit: Edit, image: Image.Image, room: Room) -> Image.Image:
    """The picture after one edit, which its region limits."""
    values = dict(edit.values)
    region = values.pop("region", None)
    part = part_of(image, region, room) if isinstance(region, (str, tuple)) else None
    if edit.name in CURVES:
        made = tone.apply_curves(image, CURVES[edit.name](**values))
    else:
        made = PAINTINGS[edit.name](image, room, **values)
    if part is None:
        return made
    around = AROUND[edit.name](image) if edit.name in AROUND else image
    return limited(around, made, part)


def _blended(
    before: Image.Image, after: Image.Image, strength: float, mask: Image.Image | None
) -> Image.Image:
    if strength >= 1 and mask is None:
        return after
    if before.mode != after.mode:
        before, after = before.convert("RGBA"), after.convert("RGBA")
    if strength < 1:
        after = Image.blend(before, after, max(0.0, strength))
    return Image.composite(before, after, mask) if mask is not None else after
