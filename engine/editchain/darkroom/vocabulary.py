"""The instructions that the darkroom understands, as data: phrases, what they mean, and an example of each.

Words stand in British spelling without articles; a prompt is brought to that form before it is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from functools import cache

from editchain.classes import dataclass
from editchain.darkroom.phrases import Sequence_, parse


@dataclass(frozen=True, slots=True)
class Amounts:
    """What "a little", no word of degree and "much" stand for, and the most that a number may say."""

    little: float = 0.15
    usual: float = 0.35
    lot: float = 0.7
    most: float = 1.0


EFFECT = Amounts()
STRETCHABLE = Amounts(most=2.0)
LOOK = Amounts(0.5, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Rule:
    """One meaning and the phrases for it.

    `values` are what the edit gets unless a gap of the phrase says otherwise. `amounts` is None for an edit
    without an amount; `sign` turns it round. `needs_extra`: without numpy and OpenCV it is refused.
    """

    edit: str
    example: str
    phrases: tuple[str, ...]
    amounts: Amounts | None = EFFECT
    sign: int = 1
    values: Mapping[str, object] = field(default_factory=dict)
    needs_extra: bool = False


_MACROS = {
    "it": "(it|this|everything|[this|whole|entire|overall|full] (image|picture|photo|photograph|pic|shot|frame"
    "|thing|canvas|colours|scene))",
    "how": "(<little>|<lot>|[by|at|with] <percent>|by <little>|by <lot>)",
    "mk": "(make|turn|convert|change|render|transform|switch|process|get) [@it] [look|appear|be|to be|to look]"
    " [like|into|to|in|as]",
    "put": "(give|apply|add|use|put|create|do|try|include|want) [@it]",
    "on": "(to|on|over|for|around|across|of|in|onto) @it",
    "fx": "(effect|look|style|filter|tone|tones|toned|toning|feel|mood|finish|treatment|vibe|version|conversion"
    "|image|picture|photo|photograph|shot|colours|grade|grading)",
    "up": "(increase|raise|boost|up|turn up|bring up|push|push up|enhance|strengthen|intensify|bump|bump up"
    "|crank up|pump up|heighten|improve)",
    "more": "(more|extra|higher|stronger|greater|increased|high|strong)",
    "down": "(decrease|reduce|lower|turn down|bring down|cut|cut back|weaken|tone down|dial down|take down|lessen)",
    "less": "(less|lower|weaker|reduced|decreased|low|little less|bit less)",
    "hold": "(from|at|around|towards|keeping|on) <position:anchor>",
    "where": "(at|in|on|to|near|along|across|into) <position:anchor> [corner|edge|side|part] [of @it]",
    "ink": "(in [<lettering:height>] <colour:colour> [letters|lettering|text|type|colour]|<colour:colour>)",
    "big": "[in] (<lettering:height> [letters|lettering|text|type|font|print]|<pixels:height> [high|tall|letters|text])",
    "words": "(text|texts|word|words|caption|title|label|heading|headline|message|lettering)",
    "around": "((around|round|to|on|about|for) (@it|edges|edge|outside))",
    "region": "((in|on|of|within) <region:region> [of @it])",
    "parts": "(areas|parts|things|objects|bits|tones|ones)",
    "reference": "([first|second|other] (reference|references|reference image|reference picture|reference photo)"
    "|(second|other) (image|picture|photo))",
    "write": "(add|write|put|place|draw|insert|print|overlay|set|type)",
}


@cache
def macros() -> Mapping[str, Sequence_]:
    """The named parts of phrases; a later one may use those before it."""
    made: dict[str, Sequence_] = {}
    for name, phrase in _MACROS.items():
        made[name] = parse(phrase, made)
    return made


def _quality(nouns: str) -> tuple[str, ...]:
    """More of something that a picture has a certain measure of."""
    return (
        f"[@mk|@put] @up [@it] [@how] ({nouns}) [level|levels] [@on] [@how]",
        f"[in|with|@mk|@put] [@how] @more ({nouns}) [@on] [@how]",
        f"@put [@how] ({nouns}) [@on] [@how]",
        f"[make|turn|push|bring|get] ({nouns}) [@how] (up|higher|stronger|more|greater) [@how]",
        f"({nouns}) [by] <signed:amount>",
        f"<signed:amount> ({nouns})",
    )


def _lack(nouns: str) -> tuple[str, ...]:
    """Less of it."""
    return (
        f"@down [@it] [@how] ({nouns}) [level|levels] [@on] [@how]",
        f"[in|with|@mk|@put] [@how] @less ({nouns}) [@on] [@how]",
        f"[make|turn|bring|get] ({nouns}) [@how] (down|lower|weaker|less) [@how]",
    )


def _being(adjectives: str) -> tuple[str, ...]:
    """What it is made: brighter, 30% brighter, brighter by 30%."""
    return (
        f"[@mk|@put] [@how] ({adjectives}) [@fx] [@how]",
        f"[@put] [@how] ({adjectives}) [@fx] [@on] [@how]",
    )


def _doing(verbs: str) -> tuple[str, ...]:
    """What is done to it: brighten the photo slightly."""
    return (f"[@how] ({verbs}) [up] [@it] [up] [@how]",)


def _look(names: str) -> tuple[str, ...]:
    """An effect with a name, which may also be that of a thing: sepia, turn it into a poster, a poster effect."""
    return (
        f"[@mk|in|into|to|as] [@how] ({names}) [@fx] [@on] [@how] [strength|intensity|opacity]",
        f"(@put|with) [@how] ({names}) @fx [@on] [@how] [strength|intensity|opacity]",
    )


def _layer(names: str) -> tuple[str, ...]:
    """An effect that can only be added as an effect: a vignette, fog, sepia."""
    return (
        f"[@mk|@put|in|into|to|with|as] [@how] ({names}) [@fx] [@on] [@how] [strength|intensity|opacity]",
    )


def _style(names: str) -> tuple[str, ...]:
    """A word that is an effect only together with "look", "effect" and the like: a film look."""
    return (f"[@mk|@put|in|into|to|with|as] [@how] ({names}) @fx [@on] [@how]",)


_RED, _ORANGE, _YELLOW, _GREEN, _BLUE = "red", "orange", "yellow", "green", "blue"
_GREY = "black and white|bw|monochrome|monochromatic|greyscale|grey scale|mono"

_TONE = (
    Rule("brightness", "brighten by 20%",
         (*_being("brighter|lighter"), *_doing("brighten|lighten"), *_quality("brightness"), "(more|add|add more) light"), STRETCHABLE),
    Rule("brightness", "darken by 10%",
         (*_being("darker|dimmer"), *_doing("darken|dim"), *_lack("brightness"), "less light"), sign=-1),
    Rule("exposure", "increase the exposure by 1 stop", (
        "@up [@it] exposure [@on] by <stops:stops> (stop|stops|ev)", "<stops:stops> (stop|stops|ev) brighter",
        "[expose] <stops:stops> (stop|stops|ev)", "exposure [by] <stops:stops> [stop|stops|ev]"), None),
    Rule("exposure", "reduce the exposure by 0.5 stops", (
        "@down [@it] exposure [@on] by <stops:stops> (stop|stops|ev)", "<stops:stops> (stop|stops|ev) darker"),
        None, values={"darker": True}),
    Rule("brightness", "increase the exposure", _quality("exposure"), STRETCHABLE),
    Rule("brightness", "reduce the exposure", _lack("exposure"), sign=-1),
    Rule("contrast", "increase the contrast",
         (*_quality("contrast|punch"), *_being("punchier|punchy|contrastier|contrasty|more contrasty|crunchier")),
         STRETCHABLE),
    Rule("contrast", "reduce the contrast", (*_lack("contrast|punch"), *_being("flatter|less contrasty")), sign=-1),
    Rule("shadows", "lift the shadows", (
        "[@how] (lift|open|open up|brighten|brighten up|raise|lighten|bring up|boost|recover|fill) [@it]"
        " (shadows|blacks|dark areas|dark parts|darks) [@on] [@how]",
        "[@mk] [@how] (brighter|lighter) shadows [@how]", "make shadows [@how] (brighter|lighter) [@how]",
        "shadows <signed:amount>")),
    Rule("shadows", "deepen the shadows", (
        "[@how] (deepen|darken|crush|lower|strengthen|bring down) (shadows|blacks|dark areas|dark parts|darks)"
        " [@on] [@how]", "[@mk] [@how] (deeper|darker) (shadows|blacks) [@how]",
        "make (shadows|blacks) [@how] (deeper|darker) [@how]"), sign=-1),
    Rule("highlights", "recover the highlights", (
        "[@how] (recover|lower|reduce|tame|darken|pull|pull down|bring down|rescue|save|soften|tone down)"
        " (highlights|whites|bright areas|bright parts|lights) [@on] [@how]",
        "make highlights [@how] (darker|softer) [@how]")),
    Rule("highlights", "brighten the highlights", (
        "[@how] (brighten|raise|lift|boost|bring up|lighten|increase) (highlights|whites|bright areas|bright parts)"
        " [@on] [@how]", "make highlights [@how] (brighter|lighter) [@how]", "highlights <signed:amount>"), sign=-1),
    Rule("levels", "auto levels", (
        "[apply|use|do|fix|set|correct|adjust] (auto|automatic) (levels|contrast|tone) [@on]",
        "normalise [levels|contrast|@it]", "stretch (levels|contrast)", "fix (levels|contrast) [automatically]"), None),
    Rule("enhance", "auto enhance", (
        "[@how] [auto|automatically] enhance [@it] [automatically] [@how]", "[@put|do] auto enhance [@on]",
        "(make|let) (it|image|picture|photo|this) pop", "auto (correct|fix|adjust|improve) [@it]"), Amounts(0.5, 1.0, 1.0)),
    Rule("clarity", "add clarity", (
        *_quality("clarity|structure|texture|definition|local contrast|detail|details|micro contrast"),
        "(bring out|enhance|emphasise) (detail|details|texture|structure) [@on] [@how]")),
    Rule("dehaze", "remove the haze", (
        *_doing("dehaze"), "[@how] (remove|clear|cut|cut through) [up|all] (haze|fog|mist|smog) [from @it] [@how]",
        *_lack("haze|fog|mist|smog")), Amounts(0.3, 0.6, 0.9), needs_extra=True),
    Rule("fade", "faded", (
        *_look("faded|matte|washed out|film fade|faded film"), "[@how] fade [@it] [@how]",
        "[@how] wash out [@it] [@how]", "[@how] (raise|lift) black point [@how]"), Amounts(0.5, 1.0, 1.0)),
)  # fmt: skip

_COLOUR = (
    Rule("warmth", "make it warmer", (
        *_being("warmer|warm"), "[@how] warm [up] [@it] [up] [@how]", *_quality("warmth"),
        "@put [@how] (warmth|warm tones) [@on]"), STRETCHABLE),
    Rule("warmth", "make it cooler", (
        *_being("cooler|colder|cold|less warm"), "[@mk|@put|in|with] [@how] cool (tone|tones|toned|colours)", "[@how] cool [down|off] [@it] [down] [@how]",
        *_lack("warmth"), *_quality("coolness")), STRETCHABLE, sign=-1),
    Rule("tint", "add a green tint", (
        "[@put|with] [@how] <colour:colour> (tint|cast|tinge|wash|tone) [@on] [@how]",
        "[@how] tint [@it] [with|in] <colour:colour> [@how]",
        "[@put|with] (tint|cast|wash) of <colour:colour> [@on] [@how]")),
    Rule("saturation", "increase the saturation", (
        *_quality("saturation|colour|colours"), *_being("more saturated|more colourful|colourful|richer|saturated"),
        *_doing("saturate"), "make colours [@how] (stronger|richer|more intense|bolder) [@how]"), STRETCHABLE),
    Rule("saturation", "desaturate by 50%", (
        *_lack("saturation|colour|colours"), *_being("less saturated|less colourful|muted|more muted|desaturated"),
        *_doing("desaturate|mute"), "make colours [@how] (weaker|muted|paler) [@how]"), sign=-1),
    Rule("vibrance", "more vivid", (
        *_quality("vibrance|vividness|vibrancy"),
        *_being("more vivid|vivid|more vibrant|vibrant|livelier"), "make colours pop"), STRETCHABLE),
    Rule("hue", "shift the hue by 30 degrees", (
        "(shift|rotate|turn|change|move) [@it] (hue|hues|colours) by <degrees:degrees>",
        "hue (shift|rotation) [of|by] <degrees:degrees>"), None),
    Rule("black_and_white", "make it black and white", (
        *_look(_GREY), "(remove|drop|take out|strip) [all] (colour|colours) [from @it]",
        "(desaturate|decolour) [@it] (completely|fully|entirely)", "(completely|fully) desaturate [@it]"), LOOK),
    Rule("black_and_white", "black and white with a high contrast", (
        f"[@mk|@put|in|into|to] high contrast ({_GREY}) [@fx] [@on]",
        f"[@mk|@put|in|into|to] ({_GREY}) [@fx] with (high|strong|more|lots of) contrast",
        f"[@mk|@put|in|into|to] (punchy|contrasty|dramatic) ({_GREY}) [@fx] [@on]"), LOOK, values={"contrast": 0.5}),
    Rule("black_and_white", "soft black and white", (
        f"[@mk|@put|in|into|to] (low contrast|soft) ({_GREY}) [@fx] [@on]",), LOOK, values={"contrast": -0.4}),
    *(Rule("black_and_white", f"black and white with {'an' if filter_ == 'orange' else 'a'} {filter_} filter", (
        f"[@mk|@put|in|into|to] ({_GREY}) [@fx] (with|using|through) {filter_} filter",
        f"[@mk|@put|in|into|to] {filter_} (filter|filtered) ({_GREY}) [@fx]"),
        LOOK, values={"filter_colour": filter_}) for filter_ in (_RED, _ORANGE, _YELLOW, _GREEN, _BLUE)),
    Rule("sepia", "sepia", _layer("sepia|sepia tone|sepia toned|sepia brown"), LOOK),
    Rule("duotone", "duotone navy and gold", (
        "[@mk|@put|in|into|to] [@how] duotone [@fx] [@on] [in|of|with|from] <colour:dark> (and|to|with|on) <colour:light>",
        "[@mk|@put|in|into|to] [@how] <colour:dark> (and|to) <colour:light> duotone [@fx] [@on]",
        "map (shadows|darks) to <colour:dark> and (highlights|lights) to <colour:light>"), LOOK),
    Rule("invert", "invert the colours", (
        "invert [@it]", "[@mk|@put|as|in|into] [colour|photo|photographic|inverted] negative [@fx] [@on]",
        "[@mk] inverted [@fx]", "invert all colours"), None),
    Rule("recolour", "change red to teal", (
        "(change|turn|recolour|convert) [all|everything] <colour:colour> [@parts|colour] (to|into) <colour:into> [@region]",
        "(replace|swap) [all] <colour:colour> [@parts|colour] (with|by|for) <colour:into> [@region]",
        "(make|recolour) [all|everything] <colour:colour> @parts <colour:into> [@region]"),
        None, values={"tolerance": 0.2}, needs_extra=True),
    Rule("colour_pop", "keep only red in colour", (
        "keep only <colour:colour> [@parts] [in|as] [colour] [@region]", "only <colour:colour> in colour [@region]",
        "[@mk|@put|in|into|to] (black and white|bw|monochrome|greyscale) (except|but) [for] <colour:colour> [@parts]",
        "[@put] [selective colour|colour pop|colour splash] (of|in|with|for|on) <colour:colour>",
        "[@put] <colour:colour> (colour pop|colour splash|selective colour) [@fx]"),
        None, values={"tolerance": 0.25}, needs_extra=True),
    Rule("match_colours", "match the colours of the reference", (
        "match [@it] [to] [colours|colouring|palette|look|tones] [of|to|with|from] @reference [@how]",
        "match [@it] [colours|palette|tones] [to|with] @reference [@how]",
        "(use|take|apply|copy) [colours|colouring|palette|tones] (of|from) @reference [@on] [@how]",
        "transfer colours (of|from) @reference [@on] [@how]"), Amounts(0.4, 0.7, 1.0)),
)  # fmt: skip

_LOOKS = (
    Rule("golden_hour", "golden hour light", (
        *_layer("golden hour|golden hour light|golden light|golden hour glow|golden glow|magic hour"),
        "[@mk|@put|in|with] [@how] (golden hour|golden light|golden hour light) from <side:side> [@how]"), LOOK),
    Rule("day_for_night", "day for night", _layer("day for night|moonlight|moonlit"), LOOK),
    Rule("cinematic", "cinematic", _look(
        "cinematic|teal and orange|orange and teal|teal orange"), LOOK),
    Rule("cinematic", "a film look", _style("film|movie|blockbuster|cinema|hollywood"), LOOK),
    Rule("vintage", "vintage", _look(
        "vintage|vintage film|retro|old fashioned|nostalgic|old film|analogue|analogue film|old photo|aged|antique"), LOOK),
    Rule("noir", "film noir", _layer("noir|film noir"), LOOK),
    Rule("glow", "add a dreamy glow", _layer(
        "dreamy|dreamy glow|soft glow|glow|orton|soft focus|dreamlike|ethereal|bloom"), Amounts(0.35, 0.6, 1.0)),
    Rule("sketch", "turn it into a pencil sketch", _look(
        "pencil sketch|pencil drawing|sketch|hand drawn sketch|graphite drawing|graphite sketch"
        "|black and white pencil sketch|drawing in pencil"), LOOK),
    Rule("sketch", "turn it into a coloured pencil drawing", _look(
        "coloured pencil sketch|coloured pencil drawing|colour pencil sketch|colour pencil drawing|coloured sketch"
        "|colour sketch"), LOOK, values={"in_colour": True}),
    Rule("poster", "turn it into a poster with 6 colours", (
        *_look("poster|posterised|screen print|screenprint|cut out poster"), "[@how] posterise [@it] [@how]",
        "(posterise [@it]|[@mk] poster) (to|into|in|with|using) <levels:colours> (colours|levels|tones)",
        "(reduce|limit) [@it] [to] (to|into) <levels:colours> colours",
        "reduce (number of colours|colours) to <levels:colours>", "<levels:colours> colour poster"), None),
    Rule("halftone", "halftone", _layer("halftone|half tone|halftone dots|newsprint|comic dots"), None),
    Rule("solarise", "solarise", (*_look("solarised|solarisation|sabattier"), *_doing("solarise")), LOOK),
    Rule("pixelate", "pixelate", (
        *_look("pixelated|pixelation|mosaic"), *_doing("pixelate"), "[@how] mosaic [@it]")),
    Rule("pixelate", "pixelate with 12 px blocks", (
        "pixelate [@it] (with|into|to|by|using) <pixels:block> [blocks|squares|tiles]",
        "pixelate [@it] (with|into|to|using) blocks of <pixels:block>"), None),
    Rule("fog", "add fog", (
        *_layer("fog|haze|mist|foggy|hazy|misty|light fog"), *_being("foggier|hazier|mistier"), *_quality("fog|mist|haze"),
        "(thick|dense) (fog|mist|haze)"), Amounts(0.3, 0.55, 0.85)),
    Rule("snow", "add snow", (*_layer("falling snow|snowfall|snowing|snow"), *_quality("snow")), Amounts(0.3, 0.5, 0.9)),
    Rule("rain", "add rain", (*_layer("falling rain|rainfall|raining|rain"), *_quality("rain")), Amounts(0.3, 0.5, 0.9)),
)  # fmt: skip

_DETAIL = (
    Rule("sharpen", "sharpen", (
        *_doing("sharpen"), *_being("sharper|crisper|crisp|sharp"), *_quality("sharpness|sharpening|crispness")),
        STRETCHABLE),
    Rule("blur", "blur", (
        *_doing("blur|defocus"), *_being("blurry|blurrier|blurred|out of focus|softer"), "[@how] soften [@it] [@how]",
        *_quality("blur|gaussian blur"), *_layer("gaussian blur|blur")), STRETCHABLE),
    Rule("blur", "blur by 4 px", (
        "blur [@it] (by|with|of) <pixels:radius> [radius|blur]", "blur [@it] with radius [of] <pixels:radius>",
        "[@put] <pixels:radius> [gaussian] blur [@on]"), None),
    Rule("tilt_shift", "tilt-shift", (*_layer("tilt shift|tilt shift blur"), *_look("miniature|miniature model")), Amounts(0.3, 0.6, 1.0)),
    Rule("vignette", "vignette", (
        *_layer("vignette|dark vignette|black vignette|vignetting"), *_quality("vignette|vignetting"), *_doing("vignette"),
        "[@how] darken (edges|corners|borders) [@on] [@how]", "[@mk] [@how] (darker|dark) (edges|corners) [@how]",
        "make (edges|corners) [@how] darker [@how]"), Amounts(0.25, 0.5, 0.8)),
    Rule("vignette", "add a white vignette", (
        "[@put|with] [@how] <colour:colour> vignette [@on] [@how]", "[@put|with] vignette in <colour:colour> [@on]",
        "[@how] (fade|blend) (edges|corners) (to|into) <colour:colour> [@how]"), Amounts(0.25, 0.5, 0.8)),
    Rule("denoise", "remove the noise", (
        *_doing("denoise"), "[@how] (remove|clean up|smooth out|smooth) [all] [image|colour] (noise|grain) [from @it] [@how]",
        *_lack("noise|grain|image noise")), Amounts(0.15, 0.3, 0.6), needs_extra=True),
    Rule("grain", "add film grain", (
        *_layer("film grain|grain|grainy|noise|noisy|analogue grain"), *_quality("grain|film grain|noise"),
        *_being("grainier")), Amounts(0.2, 0.4, 0.8)),
)  # fmt: skip

_FRAME = (
    Rule("crop", "crop to 16:9", (
        "(crop|cut|trim) [@it] [down] [to|into|at|as|in] [aspect ratio|ratio|format] [of] <ratio:ratio> "
        "[aspect ratio|ratio|format|frame] [@hold]", "[@mk|as] <ratio:ratio> [crop|format|aspect ratio|ratio] [@hold]"),
        None),
    Rule("crop", "crop to a square", (
        "(crop|cut|trim) [@it] [down] [to|into|as|in] [perfect] square [format|shape|frame] [@hold]",
        "[@mk|as] [perfect] square [crop|format|shape] [@hold]"), None, values={"ratio": "1:1"}),
    Rule("crop", "crop to widescreen", (
        "(crop|cut|trim) [@it] [to|into|as|in] (widescreen|wide screen) [format] [@hold]", "[@mk|as|in] widescreen"),
        None, values={"ratio": "16:9"}),
    Rule("crop_side", "crop the left half", (
        "(crop|keep|take|use) [@it] [to|at] <side:side> half [of @it]",), None, values={"part": 0.5}),
    Rule("crop_side", "crop the top third", (
        "(crop|keep|take|use) [@it] [to|at] <side:side> third [of @it]",), None, values={"part": 0.3333}),
    Rule("crop_edges", "crop 5% off every side", (
        "(crop|trim|cut) [off] <percent> (from|off|on|of) (all|each|every) (side|sides|edge|edges)",
        "(crop|trim|cut) <percent> (from|off|on|of) (sides|edges)",
        "(crop|trim|cut) (all|every|each) (sides|edges|side|edge) by <percent>",
        "(crop|trim|cut) (edges|sides|borders) by <percent>"), Amounts(most=0.45)),
    Rule("zoom", "zoom in by 20%", (
        "zoom in [@how] [on centre|into centre]", "zoom [in] [on|into|to] centre [@how]", "[@how] zoom in"),
        Amounts(0.1, 0.25, 0.6, 3.0)),
    Rule("crop_size", "crop to 320x320 pixels", (
        "(crop|cut|trim) [@it] [down] [to|at] <dimensions:size> [@hold]",), None),
    Rule("rotate", "rotate 90 degrees", (
        "(rotate|turn) [@it] [by] <degrees:degrees> [clockwise|right|to right]",
        "[@how] <degrees:degrees> rotation [clockwise]", "(rotate|turn) [@it] [to] (right|clockwise)"),
        None, values={"degrees": 90}),
    Rule("rotate", "rotate 15 degrees counterclockwise", (
        "(rotate|turn) [@it] [by] <degrees:degrees> (counterclockwise|anticlockwise|counter clockwise"
        "|anti clockwise|left|to left)",
        "(rotate|turn) [@it] [to] (left|counterclockwise|anticlockwise|counter clockwise|anti clockwise)"),
        None, values={"degrees": 90, "anticlockwise": True}),
    Rule("rotate", "turn it upside down", (
        "(turn|rotate|put) [@it] upside down", "[@mk] upside down"), None, values={"degrees": 180}),
    Rule("straighten", "straighten the horizon", (
        "(straighten|level) [@it|horizon]", "(fix|correct) horizon", "make (horizon|@it) (level|straight)"),
        None, needs_extra=True),
    Rule("mirror", "flip horizontally", (
        "(flip|mirror) [@it] (horizontally|left to right|sideways|left right|around vertical axis)",
        "mirror [@it]", "(horizontal|mirror) (flip|mirror|image)", "flop [@it]", "[@mk] mirror image"),
        None, values={"direction": "horizontal"}),
    Rule("mirror", "flip vertically", (
        "(flip|mirror) [@it] (vertically|top to bottom|around horizontal axis)", "vertical (flip|mirror)"),
        None, values={"direction": "vertical"}),
    Rule("resize", "resize to 800x600", (
        "(resize|scale|shrink|enlarge|size|resample) [@it] [down|up] [to|at] <dimensions:size>",
        "[@mk] <dimensions:size>"), None),
    Rule("resize", "resize to 640 px wide", (
        "(resize|scale|shrink|enlarge|resample) [@it] [down|up] [to] <pixels:width> (wide|across|in width)",
        "(resize|scale|shrink|enlarge) [@it] [down|up] to width of <pixels:width>", "[@mk] <pixels:width> (wide|across)"),
        None),
    Rule("resize", "resize to 640 px high", (
        "(resize|scale|shrink|enlarge|resample) [@it] [down|up] [to] <pixels:height> (high|tall|in height)",
        "(resize|scale|shrink|enlarge) [@it] [down|up] to height of <pixels:height>",
        "[@mk] <pixels:height> (high|tall)"), None),
    Rule("scale", "scale to 50%", (
        "(resize|scale|shrink|enlarge) [@it] [down|up] to <percent> [of] [its|original] [original] [size]",),
        Amounts(most=8.0)),
    Rule("scale", "resize to half size", (
        "(resize|scale|shrink|reduce) [@it] [down] (to|by) half [of] [its|original] [original] [size]", "half size",
        "halve [its|@it] [size]", "[@mk] half (size|as large|as big)", "[@mk] half its [original] size"),
        None, values={"amount": 0.5}),
    Rule("scale", "double the size", (
        "(resize|scale|enlarge) [@it] [up] to (double|twice) [its|original] [original] [size]", "double [its|@it] size",
        "[@mk] twice (as large|as big|size|its size)", "double size"), None, values={"amount": 2.0}),
    Rule("border", "add a white border", (
        "[@put|with] [<percent>] [<colour:colour>] [<percent>] (border|frame|margin) [@around]",
        "[@put|with] [<colour:colour>] (border|frame|margin) (of|with) <percent> [in <colour:colour>] [@around]",
        "[@put|with] (border|frame|margin) in <colour:colour> [@around]",
        "[@put|with] (border|frame|margin) of <colour:colour> [@around]"),
        Amounts(usual=0.05), values={"colour": "#ffffff"}),
    Rule("border", "add a thin black border", (
        "[@put|with] (thin|narrow|slim|small) [<colour:colour>] (border|frame|margin|line) [@around]",
        "[@put|with] (thin|narrow|slim|small) (border|frame|margin|line) in <colour:colour> [@around]"),
        Amounts(usual=0.015), values={"colour": "#ffffff"}),
    Rule("border", "add a thick white border", (
        "[@put|with] (thick|wide|broad|large|big) [<colour:colour>] (border|frame|margin) [@around]",
        "[@put|with] (thick|wide|broad|large|big) (border|frame|margin) in <colour:colour> [@around]"),
        Amounts(usual=0.1), values={"colour": "#ffffff"}),
    Rule("border", "add a 20 px black border", (
        "[@put|with] <pixels:pixels> [wide] [<colour:colour>] (border|frame|margin) [@around]",
        "[@put|with] [<colour:colour>] <pixels:pixels> (border|frame|margin) [@around]",
        "[@put|with] [<colour:colour>] (border|frame|margin) of <pixels:pixels> [@around]"),
        None, values={"colour": "#ffffff"}),
    Rule("polaroid", "add a polaroid frame", (
        "[@mk|@put|in|with|as] polaroid [frame|border|photo|picture|look|style] [@around]",), None),
    Rule("letterbox", "add black bars", (
        "[@put|with] (black|cinema|cinematic|letterbox|movie) bars [@on]", "letterbox [@it]",
        "[@put|with] letterbox [@fx] [@on]"), None),
    Rule("rounded_corners", "round the corners", (
        "round [off] corners [of @it] [by <percent>]", "[@put|with] rounded corners [of <percent>] [@on]",
        "[@mk] rounded [corners]", "[@put|with] <percent> rounded corners"), Amounts(usual=0.06, most=0.5)),
    Rule("extend", "extend to 16:9 with a blurred background", (
        "(extend|expand|pad|fit|fill) [@it] [canvas] [to|into|in|out to] [ratio of|aspect ratio of] (<ratio:ratio>|square"
        "|<ratio:ratio> frame|square frame) (with|using|on|over) (blur|[its] [own] blurred (background|edges|sides|copy"
        "|version|self|borders) [of itself|of it])",),
        None, values={"ratio": "1:1", "fill": "blur"}),
    Rule("extend", "pad to 1:1 with white", (
        "(extend|expand|pad|fit|fill) [@it] [canvas] [to|into|in|out to] [ratio of|aspect ratio of] (<ratio:ratio>|square"
        "|<ratio:ratio> frame|square frame) (with|using|on|over|in) <colour:fill> [background|bars|margins|borders|colour]",),
        None, values={"ratio": "1:1"}),
    Rule("text", 'add the text "SALE" at the bottom right in white', (
        "@write [@ink] [@big] [@words] <quoted:text> [@where|@ink|@big] [@where|@ink|@big] [@where|@ink|@big]",
        "[@ink] @words <quoted:text> [@where|@ink|@big] [@where|@ink|@big]",
        "<quoted:text> @where [@ink|@big] [@ink|@big]",
        "@write <quoted:text> as [@ink] @words [@where|@ink|@big] [@where|@ink|@big]",
        "(caption|title|label) [@it] [with] <quoted:text> [@where|@ink|@big] [@where|@ink|@big]"),
        None, values={"colour": "#ffffff", "anchor": "bottom", "height": 0.1, "opacity": 1.0}),
    Rule("text", 'add the watermark "(c) me"', (
        "[@write] [@ink] [@big] watermark [of|with|text|saying] <quoted:text> [@where|@ink] [@where|@ink]",
        "watermark [@it] [with] <quoted:text> [@where|@ink] [@where|@ink]"),
        None, values={"colour": "#ffffff", "anchor": "bottom_right", "height": 0.05, "opacity": 0.6}),
)  # fmt: skip

_PLACES = (
    Rule("blur_background", "blur the background", (
        "[@how] (blur|defocus|soften|blur out) background [of @it] [@how]",
        "make background [@how] (blurry|blurrier|blurred|out of focus|softer) [@how]",
        "[@put|with] [@how] (background blur|bokeh|shallow depth of field|blurred background|blurry background)"
        " [@fx] [@on] [@how]"), Amounts(0.3, 0.5, 0.9), needs_extra=True),
    Rule("remove_background", "remove the background", (
        "(remove|delete|erase|cut out|drop|strip) background [from @it|of @it]",
        "(cut out|isolate|extract) subject [from background]", "make background transparent",
        "(@put|with|on) transparent background"), None, needs_extra=True),
    Rule("replace_background", "replace the background with white", (
        "(replace|change|swap) background (with|to|by|for|into) [plain|solid] <colour:colour> [background|colour]",
        "make background [plain|solid] <colour:colour>",
        "(put|place|set) (it|subject) (on|on to|onto|before|in front of) [plain|solid] <colour:colour> background"),
        None, needs_extra=True),
    Rule("replace_background", "replace the background with the reference", (
        "(replace|change|swap) background (with|to|by|for) @reference", "use @reference as [new] background",
        "(put|place|set) (it|subject) (on|before|in front of) @reference"),
        None, values={"colour": None}, needs_extra=True),
    Rule("replace_sky", "replace the sky with the reference", (
        "(replace|change|swap) sky (with|to|by|for) @reference", "use @reference as [new] sky"),
        None, needs_extra=True),
    Rule("blur_faces", "blur the faces", (
        "[@how] (blur|obscure|hide|anonymise) [all|every|each] (face|faces) [in @it|of @it] [@how]",
        "make (face|faces) [@how] (blurry|blurred|unrecognisable) [@how]"), Amounts(0.3, 0.5, 0.9), needs_extra=True),
    Rule("pixelate_faces", "pixelate the faces", (
        "[@how] (pixelate|censor) [all|every|each] (face|faces) [in @it|of @it] [@how]",
        "make (face|faces) [@how] pixelated [@how]"), Amounts(0.3, 0.5, 0.9), needs_extra=True),
)  # fmt: skip

GROUPS: Mapping[str, tuple[Rule, ...]] = {
    "Light and dark": _TONE,
    "Colour": _COLOUR,
    "Looks": _LOOKS,
    "Sharp and soft": _DETAIL,
    "Subject, background, sky, faces": _PLACES,
    "Shape and frame": _FRAME,
}
RULES: tuple[Rule, ...] = tuple(rule for rules in GROUPS.values() for rule in rules)

SHAPING = frozenset(
    ("crop", "crop_side", "crop_edges", "crop_size", "zoom", "rotate", "mirror", "resize", "scale", "border")
) | {"polaroid", "rounded_corners", "extend", "straighten", "remove_background"}
"""Edits that change size, outline or frame."""

REFERRING = frozenset(("match_colours", "replace_sky"))
"""Edits that look at a reference image."""
