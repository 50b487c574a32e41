"""What a picture is of, as a mask, where that can be told; needs the extra.

GrabCut (Rother and others, 2004) is begun in several ways. Where the outcomes agree, the subject is plain;
where they do not, a guess would be as good as a coin, and no mask is made.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageFilter

from editchain.errors import OperationError
from editchain.imaging.arrays import Bytes, Floats, blurred, floats, picture, rgb, smooth, within
from editchain.imaging.geometry import Box
from editchain.imaging.guided import Guided
from editchain.imaging.modes import in_mode
from editchain.imaging.strips import Change, Strip

AGREEMENT = 0.85
"""How much of two masks together both must hold, for three of the four; at 0.80 a person lost her collar."""
_BOX_AGREEMENT = 0.8
_OVAL = 0.4
"""How far, in parts of the box, the second start inside a box reaches from its middle."""
_SIDE = 320
_ROUNDS = 4
_SOLID = 0.92
"""How opaque a subject has to be for its colours to be its own."""

SPILL = 1
"""How many rows beyond a strip are looked at for the colours along an edge."""

_SPREAD_SIDE = 1600
_WHOLE = (0, 0, 1, 1)
"""A rectangle that GrabCut asks for and, begun with a mask, does not look at."""


def subject(image: Image.Image, box: Box | None = None) -> Image.Image:
    """White where the subject is, with soft edges; L, of the picture's size.

    With a box, in pixels, what stands out inside it. Raises OperationError where it cannot be told.
    """
    small = within(in_mode(image, "RGB"), _SIDE)
    pixels = rgb(small)
    if box is not None:
        found = _in_box(pixels, [side * small.width / image.width for side in box])
    else:
        studio = _plain_background(pixels)
        found = _agreed(pixels) if studio is None else studio
    share = float(found.mean())
    if not 0.005 < share < 0.95:
        raise OperationError(
            f"I cannot tell the subject from the background here (it would be {share:.0%} of the picture); "
            "give a box around it or a mask."
        )
    return _refined(image, found)


def _agreed(pixels: Bytes) -> Floats:
    """The outcome that is most like two others of the four, where it is alike enough: one may go astray."""
    outcomes = [_largest(cut(pixels, start)) for start in _starts(pixels)]
    likeness = [
        sorted(_overlap(one, other) for other in outcomes if other is not one)[-2] for one in outcomes
    ]
    best = int(np.argmax(likeness))
    if likeness[best] < AGREEMENT:
        raise OperationError(
            f"I cannot tell the subject from the background here (agreement {likeness[best]:.2f} of 1, "
            f"{AGREEMENT:.2f} is needed); give a box around it or a mask."
        )
    return outcomes[best]


def _starts(pixels: Bytes) -> list[Bytes]:
    """Four guesses: what differs from the border, the same where it is sharp, what is sharp, the inner part."""
    away, sharp = standing_out(pixels), in_focus(pixels)
    rows, columns = pixels.shape[:2]
    inner = np.zeros((rows, columns), np.float32)
    inner[rows // 8 : rows - rows // 8, columns // 8 : columns - columns // 8] = 1
    guesses = away, np.asarray(away * (0.35 + sharp), np.float32), sharp, inner
    return [_start(guess) for guess in guesses]


def _start(guess: Floats) -> Bytes:
    """What GrabCut begins with: the surely other, the probably other, and the probably meant."""
    levels = (255 * guess / max(float(guess.max()), 1e-6)).astype(np.uint8)
    threshold = cv2.threshold(levels, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[0]
    start = np.where(levels > threshold, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    edge = np.zeros(start.shape, bool)
    rim = max(2, round(0.015 * max(start.shape)))
    edge[:rim], edge[-rim:], edge[:, :rim], edge[:, -rim:] = True, True, True, True
    start[edge & (levels <= 0.6 * threshold)] = cv2.GC_BGD
    return start


def cut(pixels: Bytes, start: Bytes, rounds: int = _ROUNDS) -> Floats:
    """1 where GrabCut finds the subject, from its marks. Marks of one kind alone would stop the library."""
    meant = (start == cv2.GC_PR_FGD) | (start == cv2.GC_FGD)
    if meant.all() or not meant.any():
        return _ones(meant)
    marks = start.copy()
    models = np.zeros((1, 65), np.float64), np.zeros((1, 65), np.float64)
    cv2.setRNGSeed(0)  # just before, and in this thread: the generator is the thread's own
    cv2.grabCut(pixels[..., ::-1].copy(), marks, _WHOLE, *models, rounds, cv2.GC_INIT_WITH_MASK)
    return _ones((marks == cv2.GC_FGD) | (marks == cv2.GC_PR_FGD))


def _in_box(pixels: Bytes, box: list[float]) -> Floats:
    """What stands out inside a box, begun with all of it and with the oval in it, where both come to the same."""
    rows, columns = pixels.shape[:2]
    left, top = max(0, round(box[0])), max(0, round(box[1]))
    right, bottom = min(columns, round(box[2])), min(rows, round(box[3]))
    start = np.full((rows, columns), cv2.GC_BGD, np.uint8)
    start[top:bottom, left:right] = cv2.GC_PR_FGD
    if (start == cv2.GC_PR_FGD).all():
        raise OperationError("The box holds the whole picture; draw it around the subject.")
    down, across = np.mgrid[0:rows, 0:columns]
    away = np.hypot(
        (across + 0.5 - (left + right) / 2) / max(right - left, 1),
        (down + 0.5 - (top + bottom) / 2) / max(bottom - top, 1),
    )
    oval = np.where((start == cv2.GC_PR_FGD) & (away > _OVAL), cv2.GC_PR_BGD, start).astype(np.uint8)
    found, other = _largest(cut(pixels, start)), _largest(cut(pixels, oval))
    agreement = _overlap(found, other)
    if agreement < _BOX_AGREEMENT:
        raise OperationError(
            f"I cannot tell the subject in the box from the rest (agreement {agreement:.2f} of 1, "
            f"{_BOX_AGREEMENT:.2f} is needed): their colours are too much alike; give a mask."
        )
    return found


def _plain_background(pixels: Bytes) -> Floats | None:
    """What is not joined to a border of one colour, as in a studio; None where the border has several."""
    lab = np.asarray(cv2.cvtColor(floats(pixels), cv2.COLOR_RGB2LAB))
    rim = np.concatenate([lab[:3].reshape(-1, 3), lab[:, :3].reshape(-1, 3), lab[:, -3:].reshape(-1, 3)])
    usual = np.median(rim, axis=0)
    away = np.linalg.norm(lab - usual, axis=2)
    if float(np.mean(np.linalg.norm(rim - usual, axis=1) < 9)) < 0.97:
        return None
    near = (away < 11).astype(np.uint8)
    _, labels = cv2.connectedComponents(near)
    outer = np.unique(np.concatenate([labels[0], labels[:, 0], labels[:, -1]]))
    ground = np.isin(labels, outer[outer != 0])
    return _largest((~ground).astype(np.float32))


def standing_out(pixels: Bytes) -> Floats:
    """How far each colour is from the colours along the border, 0 to 1, a little stronger in the middle."""
    lab = np.asarray(cv2.cvtColor(floats(pixels), cv2.COLOR_RGB2LAB))
    rows, columns = lab.shape[:2]
    if min(rows, columns) < 3:  # nothing but border
        return np.ones((rows, columns), np.float32)
    rim = max(2, min(rows, columns) // 20)
    sides = (lab[:rim], lab[-rim:], lab[:, :rim], lab[:, -rim:])
    away = []
    for side in sides:
        colours = side.reshape(-1, 3)
        spread = np.linalg.inv(np.cov(colours.T) + 12 * np.eye(3))
        offset = lab - colours.mean(axis=0)
        away.append(np.sqrt(np.einsum("ijk,kl,ijl->ij", offset, spread, offset)))
    nearest = np.sort(np.stack(away), axis=0)[:2].mean(axis=0)
    down, across = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]
    middle = np.exp(-(across**2 + down**2) / 1.1)
    return blurred((nearest * (0.4 + 0.6 * middle)).astype(np.float32), max(rows, columns) / 90)


def in_focus(pixels: Bytes) -> Floats:
    """How sharp each part is, 0 to 1."""
    grey = np.asarray(cv2.cvtColor(floats(pixels), cv2.COLOR_RGB2GRAY))
    edges = np.abs(np.asarray(cv2.Laplacian(grey, cv2.CV_32F))).astype(np.float32)
    soft = blurred(edges, max(grey.shape) / 40)
    return np.asarray(np.clip(soft / max(float(np.quantile(soft, 0.98)), 1e-6), 0, 1), np.float32)


def _largest(found: Floats) -> Floats:
    """The largest piece, others of some size beside it, and their holes filled."""
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(found.astype(np.uint8))
    if count < 2:
        return found
    areas = statistics[1:, cv2.CC_STAT_AREA]
    kept = np.isin(labels, 1 + np.flatnonzero(areas > 0.12 * areas.max())).astype(np.uint8)
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(1 - kept)
    for piece in range(1, count):
        left, top, width, height, area = statistics[piece]
        touches = left == 0 or top == 0 or left + width == kept.shape[1] or top + height == kept.shape[0]
        if not touches and area < 0.01 * kept.size:
            kept[labels == piece] = 1
    return _ones(kept)


def _ones(found: NDArray[Any]) -> Floats:
    made: Floats = found.astype(np.float32)
    return made


def _overlap(one: Floats, other: Floats) -> float:
    both, either = float(np.minimum(one, other).sum()), float(np.maximum(one, other).sum())
    return both / either if either else 0.0


def _refined(image: Image.Image, found: Floats) -> Image.Image:
    """At the picture's own size, the edge along the picture's edges."""
    along = Guided(in_mode(image, "RGB"), found, max(image.size) / 150, 1e-4)
    return along.mask(lambda weights: smooth(weights, 0.12, 0.88))


def without_spill(image: Image.Image, alpha: Image.Image) -> Change:
    """Puts the subject's own colours along its edge, so that no rim of an old background shows on a new one.

    Of a strip of the picture, RGB; it looks `SPILL` rows farther.
    """
    small = within(image, _SPREAD_SIDE)
    colours = picture(
        _spread(floats(rgb(small)), floats(np.asarray(alpha.resize(small.size, Image.Resampling.BOX))))
    )

    def cleaned(part: Image.Image, strip: Strip) -> Image.Image:
        shape = strip.of(alpha)
        edge = ImageChops.darker(
            shape.filter(ImageFilter.MaxFilter(3)).point([255 * (value > 0) for value in range(256)]),
            shape.point([255 * (value / 255 < _SOLID) for value in range(256)]),
        )
        return Image.composite(strip.grown(colours, image.size, Image.Resampling.BICUBIC), part, edge)

    return cleaned


def _spread(colours: Floats, weights: Floats) -> Floats:
    """The colours of what is surely the subject, carried on beyond it."""
    solid = np.where(weights > _SOLID, weights, 0).astype(np.float32)
    made = colours
    for radius in (max(solid.shape) / 60, max(solid.shape) / 250):
        total = blurred(solid, radius)[..., None]
        spread = blurred(np.ascontiguousarray(colours * solid[..., None]), radius)
        trust = np.clip(total / 0.08, 0, 1)
        made = made * (1 - trust) + trust * spread / np.maximum(total, 1e-3)
    return np.asarray(np.clip(made, 0, 1), np.float32)
