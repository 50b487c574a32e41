"""The instructions that the darkroom understands, as data: phrases, what they mean, and an example of each."""

from __future__ import annotations

from collections.abc import Mapping

from editchain.darkroom.frames import FRAME
from editchain.darkroom.looks import DETAIL, LOOKS
from editchain.darkroom.places import PLACES
from editchain.darkroom.rules import Rule
from editchain.darkroom.tones import COLOUR, LIGHT

GROUPS: Mapping[str, tuple[Rule, ...]] = {
    "Light and dark": LIGHT,
    "Colour": COLOUR,
    "Looks": LOOKS,
    "Sharp and soft": DETAIL,
    "Subject, background, sky, faces": PLACES,
    "Shape and frame": FRAME,
}

_FIRST = ("shadows", "highlights")
RULES: tuple[Rule, ...] = (
    *PLACES,
    *(rule for rule in LIGHT if rule.edit in _FIRST),
    *(rule for rule in LIGHT if rule.edit not in _FIRST),
    *COLOUR,
    *LOOKS,
    *DETAIL,
    *FRAME,
)
"""In the order in which they are tried: "blur the background" is that before it is a blur in a region."""

SHAPING = frozenset(
    ("crop", "crop_box", "crop_side", "crop_edges", "crop_edge", "crop_size", "trim", "zoom", "rotate", "mirror", "resize")
) | frozenset(
    ("fit", "scale", "upscale", "border", "polaroid", "rounded_corners", "drop_shadow", "extend", "straighten")
) | {"perspective", "caption_bar", "remove_background"}  # fmt: skip
"""Edits that change size, outline or frame."""

MASKABLE = frozenset(("remove_background",))
"""Edits that change the outline and still take a mask: it says what is kept."""

WHOLE = SHAPING | frozenset(rule.edit for rule in PLACES) | {"letterbox", "text", "match_colours", "lut"}
"""Edits that take no region: they are about the whole picture, or say by themselves where they are."""
