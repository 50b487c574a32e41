"""Pictures of 16 bits a channel, which Pillow has no mode for: a plane of them for each channel; needs the extra.

`crop` and `transpose` are named as Pillow names them, so that what only moves pixels need not ask which it has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:
    from editchain.imaging.modes import Pixels

Words = NDArray[np.uint16]
Floats = NDArray[np.float32]

WHITE = 65535
_ROWS = 256
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_GREY_OF = (0.299, 0.587, 0.114)
"""How much red, green and blue count where Pillow turns a picture grey."""
_GREY = tuple(round(value / 257) for value in range(WHITE + 1))
"""How 16 bits of grey become 8; of colour the high byte stays, as Pillow reads it."""


@dataclass(frozen=True)
class Deep:
    """A picture of 16 bits a channel: the planes of L, RGB or RGBA, each a Pillow picture of mode I;16."""

    planes: tuple[Image.Image, ...]

    @property
    def mode(self) -> str:
        """As Pillow calls it with 8 bits: L, RGB or RGBA."""
        return _MODES[len(self.planes)]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.planes[0].size

    @property
    def width(self) -> int:
        """In pixels."""
        return self.planes[0].width

    @property
    def height(self) -> int:
        """In pixels."""
        return self.planes[0].height

    @property
    def colours(self) -> tuple[Image.Image, ...]:
        """The planes but for alpha."""
        return self.planes[:3]

    @property
    def alpha(self) -> tuple[Image.Image, ...]:
        """The plane of alpha, where there is one."""
        return self.planes[3:]

    def crop(self, box: tuple[int, int, int, int]) -> Deep:
        """A part of the picture."""
        return self._each(lambda plane: plane.crop(box))

    def transpose(self, method: Image.Transpose) -> Deep:
        """Turned by quarters, or mirrored."""
        return self._each(lambda plane: plane.transpose(method))

    def resampled(
        self,
        change: Callable[[Image.Image, float], Image.Image],
        fill: tuple[int, ...] = (0, 0, 0, 0),
    ) -> Deep:
        """Each plane through a change that mixes its pixels, in floating point, alpha weighed in.

        The change is handed what the plane has of a colour `fill`, RGBA of 8 bits.
        """
        red, green, blue, clear = (*fill, 255)[:4]
        grey = (red * 299 + green * 587 + blue * 114) / 1000
        fills = [257 * one for one in ((grey,) if self.mode == "L" else (red, green, blue, clear))]
        if not self.alpha:
            pairs = zip(self.planes, fills, strict=False)
            return Deep(tuple(_plane(change(_floats(one), of)) for one, of in pairs))
        alpha = _plane(change(_floats(self.alpha[0]), fills[3]))
        # One at a time, none of which has a name: in floating point each is twice as large as its plane.
        made = [
            _unweighed(change(_weighed(one, self.alpha[0]), of * clear / 255), alpha)
            for one, of in zip(self.colours, fills, strict=False)
        ]
        return Deep((*made, alpha))

    def on_canvas(self, size: tuple[int, int], corner: tuple[int, int], colour: tuple[int, ...]) -> Deep:
        """The picture on a larger canvas of a colour, RGBA of 8 bits."""
        whole = self
        if colour[3] < 255:
            whole = whole.converted("RGBA")
        elif whole.mode == "L" and len(set(colour[:3])) > 1:
            whole = whole.converted("RGB")
        made = []
        for plane, value in zip(whole.planes, colour, strict=False):
            canvas = Image.new("I;16", size, 257 * value)
            canvas.paste(plane, corner)
            made.append(canvas)
        return Deep(tuple(made))

    def converted(self, mode: str) -> Deep:
        """In mode L, RGB, or RGBA as Pillow converts; what loses its alpha is not laid on anything."""
        if mode == self.mode:
            return self
        if mode == "L":
            return self.without_alpha().through_matrix([_GREY_OF])
        colours = self.colours if len(self.colours) == 3 else self.planes * 3
        if mode == "RGB":
            return Deep(colours)
        return Deep((*colours, *(self.alpha or (Image.new("I;16", self.size, WHITE),))))

    def channel(self, at: int) -> Deep:
        """Red, green, blue or alpha, as L."""
        return Deep((self.converted("RGBA").planes[at],))

    def through_matrix(self, rows: Sequence[Sequence[float]]) -> Deep:
        """Each pixel's colours times a matrix with a row for each channel that comes out; alpha stays."""
        matrix = np.array(rows, np.float32).T
        return self.by_rows(lambda part: part @ matrix)

    def through_tables(self, tables: Sequence[Words]) -> Deep:
        """Each colour looked up in the table of its channel, of 65536 values; alpha stays."""
        whole = self.converted("RGB") if self.mode == "L" and len(tables) > 1 else self
        looked_up = (
            Image.fromarray(table[np.asarray(plane)])
            for plane, table in zip(whole.colours, tables, strict=True)
        )
        return Deep((*looked_up, *self.alpha))

    def through_curves(self, curves: Sequence[Callable[[float], float]]) -> Deep:
        """Each colour sent through the curve of its channel, from 0 to 1 onto 0 to 1; alpha stays."""
        tables = {curve: _table(curve) for curve in set(curves)}
        return self.through_tables([tables[curve] for curve in curves])

    def by_rows(self, change: Callable[[Floats], Floats]) -> Deep:
        """Colours, 0 to 1, through a change of single pixels: so many rows × columns × channels at a time; alpha stays."""
        made: list[Words] = []
        for top in range(0, self.height, _ROWS):
            rows = (0, top, self.width, min(self.height, top + _ROWS))
            part = np.stack([np.asarray(plane.crop(rows)) for plane in self.colours], -1)
            changed = change(np.true_divide(part, np.float32(WHITE), dtype=np.float32))
            if not made:
                made = [np.empty((self.height, self.width), np.uint16) for _ in range(changed.shape[-1])]
            for at, whole in enumerate(made):
                whole[top : top + _ROWS] = _words(changed[..., at] * WHITE)
        return Deep((*map(Image.fromarray, made), *self.alpha))

    def looked_up(self, table: Sequence[float], steps: int, amount: float) -> Deep:
        """Each colour looked up, between the nearest eight of a table, red going fastest; alpha stays."""
        colours = np.array(table, np.float32).reshape(-1, 3)
        strides = np.array((1, steps, steps * steps), np.int32)

        def found(part: Floats) -> Floats:
            place = part * np.float32(steps - 1)
            low = np.minimum(place.astype(np.int32), steps - 2)
            share = place - low
            start = low @ strides
            made = np.zeros_like(part)
            for corner in product((0, 1), repeat=3):
                red, green, blue = (share[..., at] if corner[at] else 1 - share[..., at] for at in range(3))
                near = np.take(colours, start + int(strides @ corner), axis=0)
                made += near * (red * green * blue)[..., None]
            return np.asarray(part * np.float32(1 - amount) + made * np.float32(amount), np.float32)

        return self.by_rows(found)

    def steepened(self, grey: Deep, soft: Deep, amount: float, still: int) -> Deep:
        """RGB with its luminance farther from a blurred one, where it is so by more levels of 8 bits than are still."""
        made = []
        for plane in self.colours:

            def steeper(rows: slice, plane: Image.Image = plane) -> NDArray[Any]:
                light = _part(grey.planes[0], rows).astype(np.float32)
                edge = light - _part(soft.planes[0], rows)
                edge[np.abs(edge) <= 257 * still] = 0
                steep = np.clip(light + np.float32(amount) * edge, 0, WHITE)
                changed: NDArray[Any] = _part(plane, rows) + (steep - light)
                return changed

            made.append(_by_rows(steeper, plane.size))
        return Deep((*made, *self.alpha))

    def mixed(self, other: Pixels, share: Image.Image) -> Deep:
        """This picture where a share, L of its size, is black, and another, of any depth, where it is white."""
        one, two = self, other
        if one.mode != two.mode:
            mode = "RGBA" if "RGBA" in (one.mode, two.mode) else "RGB"
            one = one.converted(mode)
            two = two.convert(mode) if isinstance(two, Image.Image) else two.converted(mode)
        bands = two.split() if isinstance(two, Image.Image) else two.planes
        return Deep(tuple(_mixed(*pair, share) for pair in zip(one.planes, bands, strict=True)))

    def with_channels(self, channels: Iterable[Deep | None]) -> Deep:
        """With pictures of mode L in the place of its own planes, where they are given."""
        return Deep(
            tuple(
                plane if one is None else one.planes[0]
                for plane, one in zip(self.planes, channels, strict=True)
            )
        )

    def without_alpha(self) -> Deep:
        """Its colours alone."""
        return Deep(self.colours)

    def with_alpha_of(self, other: Deep) -> Deep:
        """With the alpha of another picture, where that has one."""
        return Deep((*self.colours, *other.alpha))

    def with_alpha_times(self, shape: Image.Image) -> Deep:
        """As RGBA, its alpha times a shape, L of its size."""
        whole = self.converted("RGBA")
        nothing = Image.new("I;16", self.size)
        return Deep((*whole.colours, _mixed(nothing, whole.planes[3], shape)))

    def on_colour(self, colour: tuple[int, ...]) -> Deep:
        """Laid on a colour, RGBA of 8 bits; it keeps an alpha only where the colour has one."""
        if not self.alpha:
            return self
        below = colour[3] / 255
        made = [np.empty((self.height, self.width), np.uint16) for _ in self.planes]
        for rows in _slices(self.height):
            share = _part(self.alpha[0], rows) / np.float32(WHITE)
            both = share + below * (1 - share)
            made[3][rows] = _words(both * WHITE)
            both[both == 0] = 1
            for whole, plane, value in zip(made, self.colours, colour, strict=False):
                laid = _part(plane, rows) * share + np.float32(257 * value * below) * (1 - share)
                whole[rows] = _words(laid / both)
        return Deep(tuple(map(Image.fromarray, made if below < 1 else made[:3])))

    def laid_on(self, below: Image.Image, corner: tuple[int, int]) -> Deep:
        """Laid on a larger opaque picture, RGB of 8 bits, its top left at a corner."""
        whole = self.converted("RGBA")
        rows, columns = (slice(at, at + side) for at, side in zip(corner[::-1], self.size[::-1], strict=True))
        made = []
        for plane, band in zip(whole.colours, below.split(), strict=True):
            values = np.asarray(band).astype(np.uint16)
            values *= 257
            part = values[rows, columns]
            for some in _slices(self.height):
                share = _part(whole.planes[3], some) / np.float32(WHITE)
                part[some] = _words(_part(plane, some) * share + part[some] * (1 - share))
            made.append(Image.fromarray(values))
        return Deep(tuple(made))

    def _each(self, change: Callable[[Image.Image], Image.Image]) -> Deep:
        return Deep(tuple(change(plane) for plane in self.planes))


def deepened(image: Image.Image) -> Deep:
    """A picture of 8 bits, L, RGB or RGBA, with 16."""
    return Deep(tuple(_by_rows(partial(_deep_part, band), image.size) for band in image.split()))


def eight_bit(image: Deep) -> Image.Image:
    """The picture with 8 bits a channel, as reading its file gives it."""
    if image.mode == "L":
        return image.planes[0].convert("I").point(list(_GREY), "L")
    bands = [Image.fromarray((np.asarray(plane) >> 8).astype(np.uint8)) for plane in image.planes]
    return Image.merge(image.mode, bands)


def _table(curve: Callable[[float], float]) -> Words:
    return _words(np.fromiter((WHITE * curve(value / WHITE) for value in range(WHITE + 1)), np.float32))


def _floats(plane: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(plane).astype(np.float32))


def _plane(values: Image.Image) -> Image.Image:
    return _by_rows(lambda rows: _part(values, rows), values.size)


def _weighed(plane: Image.Image, alpha: Image.Image) -> Image.Image:
    """The numbers of a plane as far as they can be seen, in floating point."""
    made = np.asarray(plane).astype(np.float32)
    for rows in _slices(plane.height):
        made[rows] *= _part(alpha, rows) / np.float32(WHITE)
    return Image.fromarray(made)


def _unweighed(values: Image.Image, alpha: Image.Image) -> Image.Image:
    """What `_weighed` gave, with the weight taken out again; 0 where nothing can be seen."""

    def whole(rows: slice) -> NDArray[Any]:
        weight = _part(alpha, rows) / np.float32(WHITE)
        made: Floats = np.divide(_part(values, rows), weight, out=np.zeros_like(weight), where=weight > 0)
        return made

    return _by_rows(whole, values.size)


def _by_rows(make: Callable[[slice], NDArray[Any]], size: tuple[int, int]) -> Image.Image:
    """A plane, made a few rows at a time."""
    made = np.empty(size[::-1], np.uint16)
    for rows in _slices(size[1]):
        made[rows] = _words(make(rows))
    return Image.fromarray(made)


def _words(values: NDArray[Any]) -> Words:
    """Rounded, and held between black and white."""
    made: Words = np.clip(np.rint(values), 0, WHITE).astype(np.uint16)
    return made


def _mixed(one: Image.Image, two: Image.Image, share: Image.Image) -> Image.Image:
    def mixed(rows: slice) -> NDArray[Any]:
        weight = _part(share, rows) / np.float32(255)
        made: NDArray[Any] = _deep_part(one, rows) * (1 - weight) + _deep_part(two, rows) * weight
        return made

    return _by_rows(mixed, one.size)


def _deep_part(plane: Image.Image, rows: slice) -> NDArray[Any]:
    """Some rows of a plane of either depth, as 16 bits."""
    part = _part(plane, rows)
    return part * np.float32(257) if plane.mode == "L" else part


def _part(image: Image.Image, rows: slice) -> NDArray[Any]:
    """Some rows of a plane: an array of the whole would be a copy of it."""
    bottom = min(rows.stop, image.height)
    return np.asarray(image.crop((0, rows.start, image.width, bottom)))


def _slices(height: int) -> list[slice]:
    return [slice(top, top + _ROWS) for top in range(0, height, _ROWS)]
