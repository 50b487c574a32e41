"""What people ask for in words that are no instruction, and the instructions that come near to it; as data."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from editchain.darkroom.slots import Token
from editchain.darkroom.terms import HUES

_BOX = "the box [0.4, 0.5, 0.1, 0.1]"

OFFERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("foreground", ("brighten the subject", "brighten the bottom half", "brighten the box [0, 0.5, 1, 0.5]")),
    ("zoom subject|zoom face|zoom faces", ("crop to 1:1 around the subject", "zoom in 2x")),
    ("backlit|back lit|silhouette", ("lift the shadows", "brighten the subject")),
    ("remove red|remove reds", ("remove the red cast", "desaturate the reds")),
    ("remove blue|remove blues", ("make it warmer", "desaturate the blues")),
    ("remove green|remove greens", ("remove the green cast", "desaturate the greens")),
    ("remove yellow|remove yellows", ("make it cooler", "desaturate the yellows")),
    *((f"boost {hue}|enhance {hue}|stronger {hue}|increase {hue}|improve {hue}", (f"saturate the {hue}", f"brighten the {hue}"))
      for hue in HUES),
    ("high key", ("bright and airy", "brighten by 20%")),
    ("low key", ("dark and moody", "darken by 20%")),
    ("landscape crop|landscape format|crop landscape", ("crop to 3:2", "crop to 16:9")),
    ("portrait crop|portrait format|crop portrait", ("crop to 4:5", "crop to 2:3")),
    ("scale by|resize by|size by", ("scale to 50%", "scale up by 20%", "shrink by 20%")),
    ("white balance|colour cast|colours cast|cast|temperature k|colour temperature|temperature|neutralise|neutralize|neutral colours|kelvin",
     ("make it warmer", "make it cooler", "remove the green cast")),
    ("fix exposure|correct exposure|exposure", ("brighten", "darken", "auto enhance")),
    ("too dark|underexposed|under exposed|see nothing", ("brighten", "lift the shadows")),
    ("too bright|overexposed|over exposed|blown|washed out", ("darken", "recover the highlights")),
    ("too warm|too yellow|too orange|too red", ("make it cooler",)),
    ("too cold|too cool|too blue", ("make it warmer",)),
    ("too flat|too dull|dull|bland|boring", ("increase the contrast", "make it more vibrant")),
    ("too blurry|too soft|blurry fix|unblur|deblur|out of focus", ("sharpen",)),
    ("too noisy|too grainy", ("remove the noise",)),
    ("too saturated|too colourful|too vivid|oversaturated", ("reduce the saturation",)),
    ("fix perspective|correct perspective|perspective|keystone",
     ("straighten the corners [0.1, 0.1, 0.9, 0.2, 0.9, 0.8, 0.1, 0.9]", "straighten the horizon")),
    ("tilt|crooked|tilted", ("straighten the horizon",)),
    ("smaller|small size|reduce size|size down|downsize|downscale", ("resize to half size", "resize to 640 px wide")),
    ("bigger|larger|big|large|size up", ("double the size", "upscale 2x")),
    ("k|hd|uhd|resolution|higher resolution|high res|superresolution|hi res", ("upscale 2x",)),
    ("instagram|facebook|youtube|tiktok|twitter|linkedin|pinterest|instagram story|story",
     ("crop to a square", "crop to 4:5", "crop to 9:16")),
    ("aspect ratio|ratio|aspect", ("crop to 16:9", "extend to 16:9 with a blurred background")),
    ("fill sides|sides|outpaint|uncrop|extend|expand|extend canvas", ("extend to 16:9 with a blurred background", "extend to 1:1 with mirrored edges")),
    ("crop top|crop bottom|crop left|crop right|cut top|cut bottom|cut left|cut right|trim top|trim bottom",
     ("crop 10% off the top", "crop to the left half")),
    ("dramatic sky|moody sky|stormy sky|epic sky", ("darken the sky", "increase the contrast in the sky")),
    ("add sunset|make sunset|sunset lighting|sunrise", ("replace the sky with a sunset", "golden hour")),
    ("lens flare|flare|light leak|light leaks|leaks|sun rays|god rays|rays", ("golden hour", "add a glow")),
    ("autumn|autumn colours|fall", ("make it warmer", "make it more orange")),
    ("winter|christmas", ("add snow", "make it cooler")),
    ("summer|spring", ("make it warmer", "make it more vibrant")),
    ("grass|grass greener|leaves|leaves greener|trees|trees greener|green greener", ("saturate the greens",)),
    ("recover sky|fix sky", ("recover the highlights", "darken the sky")),
    ("whites whiter|whiter", ("increase the whites",)),
    ("skin|smooth skin|soften skin|wrinkles|pores", ("soft focus",)),
    ("spotlight|spotlight subject|stand out|pop out", ("brighten the subject", "blur the background")),
    ("depth field", ("blur the background",)),
    ("background more|background further", ("blur the background a lot",)),
    ("motion blur|motion|radial blur|radial|lens blur|lens|zoom blur", ("blur", "tilt-shift", "blur the background")),
    ("look old|old|antique|aged|nostalgic", ("vintage", "sepia")),
    ("kodak portra|kodak|portra|fuji|fujifilm|analogue|analogue film|35 mm", ("cinematic", "vintage", "add film grain")),
    ("split toning|split tone|split", ("cinematic", "duotone navy and gold")),
    ("pop art|art", ("turn it into a poster with 6 colours", "halftone")),
    ("painting|look like painting", ("turn it into an oil painting", "turn it into a watercolour")),
    ("anime|manga|comic", ("cartoon",)),
    ("moodier", ("moody",)),
    ("restore|restore old", ("auto enhance", "remove the noise")),
    ("lut|preset|filter from", ("use the reference as a LUT",)),
    ("same colours|same look|same style|look like reference|second image|colours second image|copy colours",
     ("match the colours of the reference",)),
    ("logo|add logo|company logo", ("paste the reference at the bottom right at 25%",)),
    ("sticker|overlay", ("paste the reference at the bottom right at 25%",)),
    ("license plate|licence plate|number plate|plate|plates|screen|address|sign",
     (f"blur in {_BOX}", f"pixelate in {_BOX}")),
    ("blur edges|soft edges|soften edges|blur corners", ("tilt-shift", "vignette")),
    ("cyanotype|blueprint", ("duotone navy and white",)),
    ("newspaper|newsprint print|comic dots", ("halftone",)),
    ("instant|instant picture|instax", ("add a polaroid frame",)),
    ("cross process|bleach bypass|bleach|cross processed|lomo|lomography", ("cinematic", "faded")),
    ("night|night mode|nighttime", ("make it night",)),
    ("sunset|sunset glow|sunset light|sunset feel", ("golden hour", "replace the sky with a sunset")),
    ("gamma|histogram|equalise|equalize|levels", ("auto levels", "lift the shadows")),
    ("crop face|crop faces|crop tightly|tightly|face crop|centre subject|subject centre",
     ("crop to 1:1 around the subject",)),
    ("thumbnail|icon|avatar|profile picture", ("resize to 256x256", "fit into 256x256")),
    ("max width|maximum width|max height|maximum height|max size", ("fit into 1024x1024", "resize to 1024 px wide")),
    ("padding|white padding|pad", ("pad to 1:1 with white",)),
    ("blurred bars|stories|blurred background fill|blur sides", ("extend to 16:9 with a blurred background",)),
    ("reds|greens|blues|yellows|oranges|purples|pinks", ("saturate the greens", "change red to teal")),
    ("local contrast|microcontrast|structure", ("add clarity",)),
    ("warm tint|cool tint|cold tint", ("make it warmer", "make it cooler")),
    ("improve|better|professional|look professional|enhance quality|quality|click enhance|magic|beautiful|nice|nicer"
     "|good|great|amazing|fix it|aesthetic", ("auto enhance", "make it pop")),
)  # fmt: skip
"""Words that stand together in what is asked (of several sets one), and what to offer; the first that fits counts."""

_AWAY = frozenset(("remove", "erase", "delete", "hide", "rid"))
_COLOURED = frozenset(("cast", "red", "blue", "green", "yellow", *HUES))
_NOT_THINGS = frozenset(
    [
        "vignette",
        "filter",
        "effect",
        "effects",
        "blur",
        "border",
        "frame",
        "watermark",
        "tint",
        "cast",
        "haze",
        "shadow",
        "shadows",
        "reflection",
        "reflections",
        "glare",
        "colour",
        "colours",
        "hdr",
    ]
)
_IN_A_BOX = (f"remove the object in {_BOX}", "remove the marked object")


def offered(tokens: Sequence[Token], unknown: Sequence[Token]) -> tuple[str, ...]:
    """Instructions that come near to a clause; none where something stands in it that nobody knows what to do with."""
    said = {token.text for token in tokens}
    strange = {token.text for token in unknown}
    if said & _AWAY and not said & _COLOURED:
        return () if said & _NOT_THINGS else _IN_A_BOX
    hue = next((token.text for token in tokens if token.text in HUES), "greens")
    return next(
        (
            tuple(one.replace("greens", hue) for one in offers)
            for alternatives, offers in _table()
            if any(words <= said and strange <= words | _FILLING for words in alternatives)
        ),
        (),
    )


_FILLING = frozenset(
    (
        "too",
        "it's",
        "its",
        "is",
        "so",
        "really",
        "get",
        "bit",
        "one",
        "click",
        "feel",
        "that",
        "fix",
        "old",
        "vibe",
        "p",
    )
)
"""Words that may stand beside, which are in no instruction."""


@cache
def _table() -> tuple[tuple[tuple[frozenset[str], ...], tuple[str, ...]], ...]:
    return tuple(
        (tuple(frozenset(words.split()) for words in asked.split("|")), offers) for asked, offers in OFFERS
    )
