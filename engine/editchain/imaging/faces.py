"""Faces found, and made unrecognisable; needs the extra."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from editchain.errors import OperationError
from editchain.imaging.arrays import rgb, within
from editchain.imaging.blur import blur, pixelate
from editchain.imaging.geometry import Box
from editchain.imaging.modes import in_mode

_SIDE = 900


def faces(image: Image.Image) -> list[Box]:
    """The boxes of the faces that look this way, left to right; profiles and small ones are missed."""
    small = within(in_mode(image, "RGB"), _SIDE)
    grey = cv2.equalizeHist(cv2.cvtColor(rgb(small), cv2.COLOR_RGB2GRAY))
    least = max(20, min(small.size) // 20)
    found = _finder().detectMultiScale(grey, scaleFactor=1.08, minNeighbors=5, minSize=(least, least))
    scale = image.width / small.width
    boxes = [
        (
            max(0, int((x - 0.1 * width) * scale)),
            max(0, int((y - 0.2 * height) * scale)),
            min(image.width, int((x + 1.1 * width) * scale)),
            min(image.height, int((y + 1.2 * height) * scale)),
        )
        for x, y, width, height in np.asarray(found).reshape(-1, 4).tolist()
    ]
    return sorted(boxes)


def faces_of(image: Image.Image, least: int) -> list[Box]:
    """The faces; raises OperationError where there are fewer than so many."""
    found = faces(image)
    if len(found) < least:
        count = {0: "no face", 1: "1 face"}.get(len(found), f"{len(found)} faces")
        raise OperationError(
            f"I find {count} here, and at least {least} should be; I see faces that look this way, not "
            "profiles. Give a mask for others."
        )
    return found


def faces_mask(size: tuple[int, int], boxes: list[Box]) -> Image.Image:
    """White ovals where the faces are, with soft edges; L."""
    mask = Image.new("L", size)
    draw = ImageDraw.Draw(mask)
    for box in boxes:
        draw.ellipse(box, fill=255)
    widest = max((box[2] - box[0] for box in boxes), default=0)
    return mask.filter(ImageFilter.GaussianBlur(min(20.0, max(0.5, widest / 40))))


def faces_hidden(image: Image.Image, boxes: list[Box], style: str, strength: float) -> Image.Image:
    """Each face blurred or in squares, the coarser the stronger, 0 to 1; the rest stays."""
    made = image.copy()
    for box in boxes:
        part = image.crop(box)
        side = max(part.size)
        if style == "blur":
            hidden = blur(part, side * (0.06 + 0.14 * strength))
        else:
            hidden = pixelate(part, max(2, round(side * (0.06 + 0.12 * strength))))
        shape = faces_mask(part.size, [(0, 0, part.width - 1, part.height - 1)])
        made.paste(hidden, box[:2], shape)
    return made


@lru_cache(maxsize=1)
def _data() -> str:
    return str(Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_alt2.xml")


def _finder() -> cv2.CascadeClassifier:
    """A new one each time: it may not be shared between threads."""
    found = cv2.CascadeClassifier(_data())
    if found.empty():
        raise OperationError(
            "This build of OpenCV has no data for finding faces; versions 4.10 to 4.14 have it."
        )
    return found
