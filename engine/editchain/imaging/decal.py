"""A picture painted on a surface: in its perspective, with its light and its texture."""

from __future__ import annotations

from typing import Any

from PIL import Image, ImageChops, ImageMath

from editchain.imaging.blur import blur
from editchain.imaging.geometry import Box, Size, onto_corners
from editchain.imaging.modes import in_mode
from editchain.imaging.strips import Strip, by_strips
from editchain.imaging.tone import luminance

Corners = list[list[float]]
"""[x, y] of the top left, top right, bottom right and bottom left, in pixels."""


def box_of(corners: Corners, size: Size) -> Box:
    """The whole pixels that the corners reach into."""
    columns, rows = zip(*corners, strict=True)
    left, top = max(0, int(min(columns))), max(0, int(min(rows)))
    return left, top, min(size[0], -int(-max(columns) // 1)), min(size[1], -int(-max(rows) // 1))


def warped(overlay: Image.Image, corners: Corners, box: Box) -> Image.Image:
    """The overlay between four corners, as RGBA of the box's size, transparent around it."""
    moved = [[x - box[0], y - box[1]] for x, y in corners]
    return onto_corners(overlay.convert("RGBA"), moved, (box[2] - box[0], box[3] - box[1]))


def painted(surface: Image.Image, layer: Image.Image, texture: float) -> Image.Image:
    """The layer in the light of the surface, both of one size; `texture` 0 lies flat on it, 1 is wholly part of it.

    Every colour is made darker or brighter as the surface there is against its own mean.
    """
    light = luminance(in_mode(surface, "RGB"))
    alpha = layer.getchannel("A")
    fine = blur(light, max(1.0, min(light.size) / 400))
    mean = max(24.0, _weighted_mean(light, alpha))

    def painted_part(part: Image.Image, strip: Strip) -> Image.Image:
        colours = [
            _shaded(channel, strip.of(light), strip.of(fine), mean, texture) for channel in part.split()[:3]
        ]
        return Image.merge("RGBA", (*colours, part.getchannel("A")))

    return by_strips(painted_part, layer)


def _shaded(
    channel: Image.Image, light: Image.Image, fine: Image.Image, mean: float, texture: float
) -> Image.Image:
    made: Image.Image = ImageMath.lambda_eval(
        lambda terms: terms["convert"](
            terms["float"](terms["c"])
            * (1.0 - texture + texture * terms["float"](terms["f"]) / mean)
            + (terms["float"](terms["l"]) - terms["float"](terms["f"])) * texture
            + 0.5,
            "L",
        ),
        c=channel, f=fine, l=light,
    )  # fmt: skip
    return made


def _weighted_mean(light: Image.Image, alpha: Image.Image) -> float:
    """The mean of the light where the alpha is, 0 to 255."""
    shape: Any = ImageChops.multiply(light, alpha).resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
    whole: Any = alpha.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
    return 255.0 * shape / whole if whole else 128.0
