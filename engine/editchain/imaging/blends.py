"""What blend modes make of the colours below and above: the formulas of W3C Compositing and Blending, and two more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PIL import Image, ImageChops, ImageMath

from editchain.imaging.strips import by_strips

Blend = Callable[[Image.Image, Image.Image], Image.Image]
"""Of the picture below and the one above, both RGB and of one size."""

_Colours = tuple[Any, Any, Any]
"""Red, green and blue as terms of a formula, 0 to 255."""

_TINY = 1e-3


def blended(below: Image.Image, above: Image.Image, blend: str) -> Image.Image:
    """The colours that a mode gives, both pictures RGB and of one size."""
    return BLENDS[blend](below, above)


def _by_strips(make: Blend) -> Blend:
    """The same, a few rows at a time: formulas hold many numbers for each pixel."""

    def whole(below: Image.Image, above: Image.Image) -> Image.Image:
        return by_strips(lambda part, strip: make(part, strip.of(above)), below)

    return whole


def _each(formula: Callable[[Any, Any, Any], Any]) -> Blend:
    """A formula of one channel, given what ImageMath offers, the value below and the one above."""

    def make(below: Image.Image, above: Image.Image) -> Image.Image:
        channels = [
            _rounded(lambda terms: formula(terms, terms["float"](terms["b"]), terms["float"](terms["s"])), one, other)
            for one, other in zip(below.split(), above.split(), strict=True)
        ]  # fmt: skip
        return Image.merge("RGB", channels)

    return _by_strips(make)


def _rounded(formula: Callable[[dict[str, Any]], Any], below: Image.Image, above: Image.Image) -> Image.Image:
    made: Image.Image = ImageMath.lambda_eval(
        lambda terms: terms["convert"](formula(terms) + 0.5, "L"), b=below, s=above
    )
    return made


def _dodged(terms: Any, below: Any, above: Any) -> Any:
    return terms["min"](below * 255.0 / terms["max"](255.0 - above, _TINY), 255.0)


def _burned(terms: Any, below: Any, above: Any) -> Any:
    return 255.0 - _dodged(terms, 255.0 - below, 255.0 - above)


def _excluded(_: Any, below: Any, above: Any) -> Any:
    return below + above - below * above * (2 / 255)


def _softly_lit(terms: Any, below: Any, above: Any) -> Any:
    b, s = below / 255.0, above * (2 / 255) - 1.0
    low = terms["min"](b, 0.25)
    dark = ((low * 16.0 - 12.0) * low + 4.0) * low
    # beyond a quarter the root; the polynomial is one half there, and so is the root
    lifted = dark + terms["max"](b, 0.25) ** 0.5 - 0.5
    return 255.0 * (b + terms["min"](s, 0.0) * b * (1.0 - b) + terms["max"](s, 0.0) * (lifted - b))


def _hard_lit(terms: Any, below: Any, above: Any) -> Any:
    dark = below * terms["min"](above * 2.0, 255.0) / 255.0
    light = terms["max"](above * 2.0 - 255.0, 0.0)
    return dark + light - dark * light / 255.0


def _of_both(formula: Callable[[Any, _Colours, _Colours], _Colours]) -> Blend:
    """A formula of whole colours, given what ImageMath offers."""

    def make(below: Image.Image, above: Image.Image) -> Image.Image:
        names = ("br", "bg", "bb", "sr", "sg", "sb")
        channels = dict(zip(names, (*below.split(), *above.split()), strict=True))

        def evaluated(terms: dict[str, Any]) -> list[Image.Image]:
            values = [terms["float"](terms[name]) for name in names]
            made = formula(terms, (values[0], values[1], values[2]), (values[3], values[4], values[5]))
            return [terms["convert"](one + 0.5, "L").im for one in made]

        return Image.merge("RGB", ImageMath.lambda_eval(evaluated, **channels))

    return _by_strips(make)


def _light(colours: _Colours) -> Any:
    return colours[0] * 0.3 + colours[1] * 0.59 + colours[2] * 0.11


def _most(terms: Any, colours: _Colours) -> Any:
    return terms["max"](terms["max"](colours[0], colours[1]), colours[2])


def _least(terms: Any, colours: _Colours) -> Any:
    return terms["min"](terms["min"](colours[0], colours[1]), colours[2])


def _lit(terms: Any, colours: _Colours, light: Any) -> _Colours:
    """The colours at another luminance, drawn in towards grey where a channel leaves its range."""
    shift = light - _light(colours)
    red, green, blue = (one + shift for one in colours)
    least, most = _least(terms, (red, green, blue)), _most(terms, (red, green, blue))
    up = (light + _TINY) / (light - terms["min"](least, 0.0) + _TINY)
    down = (255.0 - light + _TINY) / (terms["max"](most, 255.0) - light + _TINY)
    return (
        light + (red - light) * up * down,
        light + (green - light) * up * down,
        light + (blue - light) * up * down,
    )


def _saturated(terms: Any, colours: _Colours, spread: Any) -> _Colours:
    """The colours with another distance between their most and their least."""
    least = _least(terms, colours)
    factor = spread / terms["max"](_most(terms, colours) - least, _TINY)
    return (colours[0] - least) * factor, (colours[1] - least) * factor, (colours[2] - least) * factor


def _spread(terms: Any, colours: _Colours) -> Any:
    return _most(terms, colours) - _least(terms, colours)


BLENDS: dict[str, Blend] = {
    "normal": lambda _, above: above,
    "multiply": ImageChops.multiply,
    "screen": ImageChops.screen,
    "overlay": _each(lambda terms, below, above: _hard_lit(terms, above, below)),
    "darken": ImageChops.darker,
    "lighten": ImageChops.lighter,
    "colour_dodge": _each(_dodged),
    "colour_burn": _each(_burned),
    "hard_light": _each(_hard_lit),
    "soft_light": _each(_softly_lit),
    "difference": ImageChops.difference,
    "exclusion": _each(_excluded),
    "hue": _of_both(
        lambda terms, below, above: _lit(
            terms, _saturated(terms, above, _spread(terms, below)), _light(below)
        )
    ),
    "saturation": _of_both(
        lambda terms, below, above: _lit(
            terms, _saturated(terms, below, _spread(terms, above)), _light(below)
        )
    ),
    "colour": _of_both(lambda terms, below, above: _lit(terms, above, _light(below))),
    "luminosity": _of_both(lambda terms, below, above: _lit(terms, below, _light(above))),
    "add": ImageChops.add,
    "subtract": ImageChops.subtract,
}
"""By name; `add` and `subtract` are not of W3C's."""
