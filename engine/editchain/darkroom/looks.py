"""Instructions for looks, and for what is sharp and soft, as data."""

from __future__ import annotations

from editchain.darkroom.rules import (
    LOOK,
    STRETCHABLE,
    Amounts,
    Rule,
    being,
    doing,
    lack,
    layer,
    look,
    quality,
    style,
)

_WEATHER = "It falls in front of everything: what is near and what is far is not known."

LOOKS = (
    Rule("golden_hour", "golden hour light", (
        *layer("[warm] golden hour|[warm] golden hour light|[warm] golden light|golden hour glow|golden glow|magic hour"),
        *style("sunset|sunrise"), *layer("sunset light|sunrise light|evening light|warm evening light"),
        "[@mk|@put|in|with] [@how] [warm] (golden hour|golden light|golden hour light|sunset light|evening light)"
        " from <side:side> [@how]"), LOOK),
    Rule("day_for_night", "day for night", (
        *layer("day for night|moonlight|moonlit"), *style("night|nighttime|night time"),
        "(make|turn|change) (it|image|picture|photo|photograph|scene|this) [look|to look] [like|into|to]"
        " (night|nighttime|night time)",
        "(make|turn|change|convert) day [time] (into|to) night [time]"), LOOK,
        limit="A moody dusk: no lamps or windows light up."),
    Rule("cinematic", "cinematic", look("cinematic|teal and orange|orange and teal|teal orange"), LOOK),
    Rule("cinematic", "a film look", style("film|movie|blockbuster|cinema|hollywood"), LOOK),
    Rule("vintage", "vintage", look(
        "vintage|vintage film|retro|old fashioned|nostalgic|old film|analogue|analogue film|old (photo|photograph|picture)"
        "|aged|antique|[vintage|retro] (1960|60|1970|70|1980|80) s [vintage|retro]|sixties|seventies|eighties"), LOOK),
    Rule("noir", "film noir", layer("noir|film noir"), LOOK),
    Rule("hdr", "hdr look", layer("hdr"), Amounts(0.4, 0.7, 1.0)),
    Rule("airy", "bright and airy", look("bright and airy|light and airy|airy"), LOOK),
    Rule("moody", "dark and moody", look("dark and moody|moody"), LOOK),
    Rule("glow", "add a dreamy glow", layer(
        "dreamy|dreamy glow|soft glow|glow|orton|soft focus|dreamlike|ethereal|bloom"), Amounts(0.35, 0.6, 1.0)),
    Rule("sketch", "turn it into a pencil sketch", look(
        "pencil sketch|pencil drawing|sketch|hand drawn sketch|graphite drawing|graphite sketch"
        "|black and white pencil sketch|drawing in pencil|charcoal sketch|charcoal drawing"), LOOK),
    Rule("sketch", "turn it into a coloured pencil drawing", look(
        "coloured pencil sketch|coloured pencil drawing|colour pencil sketch|colour pencil drawing|coloured sketch"
        "|colour sketch"), LOOK, values={"in_colour": True}),
    Rule("cartoon", "turn it into a cartoon", (
        *look("cartoon|comic|comic book|cel shaded|cartoonish"), *doing("cartoonise")), LOOK, needs_extra=True),
    Rule("ink", "turn it into an ink drawing", look(
        "ink drawing|pen and ink drawing|pen and ink|ink sketch|inked|line art|line drawing"), LOOK, needs_extra=True),
    Rule("oil", "turn it into an oil painting", look("oil painting|oil painted|oil paint|painterly"), LOOK,
         needs_extra=True, limit="Strokes of a few hundredths of the picture: small faces melt."),
    Rule("watercolour", "turn it into a watercolour", look(
        "watercolour|watercolour painting|water colour|aquarelle"), LOOK, needs_extra=True),
    Rule("poster", "turn it into a poster with 6 colours", (
        *look("poster|posterised|screen print|screenprint|cut out poster"), "[@how] posterise [@it] [@how]",
        "(posterise [@it]|[@mk] poster) (to|into|in|with|using) <levels:colours> (colours|levels|tones)",
        "(reduce|limit) [@it] [to] (to|into) <levels:colours> colours",
        "reduce (number of colours|colours) to <levels:colours>", "<levels:colours> colour poster"), None),
    Rule("halftone", "halftone", layer("halftone|half tone|halftone dots|newsprint|comic dots"), None),
    Rule("solarise", "solarise", (*look("solarised|solarisation|sabattier"), *doing("solarise")), LOOK),
    Rule("pixelate", "pixelate", (
        *look("pixelated|pixelation|mosaic|px art"), *doing("pixelate"), "[@how] mosaic [@it]")),
    Rule("pixelate", "pixelate with 12 px blocks", (
        "pixelate [@it] (with|into|to|by|using) <pixels:block> [blocks|squares|tiles]",
        "pixelate [@it] (with|into|to|using) blocks of <pixels:block>"), None),
    Rule("fog", "add fog", (
        *layer("fog|haze|mist|foggy|hazy|misty"), *being("foggier|hazier|mistier"), *quality("fog|mist|haze")),
        Amounts(0.3, 0.55, 0.85),
        limit="Thicker towards the top, where most pictures are far away."),
    Rule("snow", "add snow", (
        *layer("falling snow|snowfall|snowing|snow|snowy"), *quality("snow"), "let it snow [@how]"),
         Amounts(0.3, 0.5, 0.9), limit=_WEATHER),
    Rule("rain", "add rain", (
        *layer("falling rain|rainfall|raining|rain|rainy"), *quality("rain"), "let it rain [@how]"),
         Amounts(0.3, 0.5, 0.9), limit=_WEATHER),
)  # fmt: skip

DETAIL = (
    Rule("sharpen", "sharpen", (
        *doing("sharpen"), *being("sharper|crisper|crisp|sharp|less blurry|less soft"),
        *quality("sharpness|sharpening|crispness")), STRETCHABLE,
        limit="It steepens the edges that are there; it does not bring back what was out of focus."),
    Rule("blur", "blur", (
        *doing("blur|defocus"), *being("blurry|blurrier|blurred|out of focus|softer|less sharp"),
        "[@how] soften [@it] [@how]", *quality("blur|gaussian blur"), *layer("gaussian blur|blur"),
        *lack("sharpness")), STRETCHABLE),
    Rule("blur", "blur by 4 px", (
        "[gaussian] blur [@it] [by|with|of] <pixels:radius> [radius|blur]",
        "[gaussian] blur [@it] with radius [of] <pixels:radius>",
        "[@put] <pixels:radius> [gaussian] blur [@on]"), None),
    Rule("tilt_shift", "tilt-shift", (*layer("tilt shift|tilt shift blur"), *look("miniature|miniature model")),
         Amounts(0.3, 0.6, 1.0)),
    Rule("vignette", "vignette", (
        *layer("vignette|dark vignette|black vignette|vignetting"), *quality("vignette|vignetting"), *doing("vignette"),
        "[@how] darken (edges|corners|borders) [@on] [@how]", "[@mk|@put] [@how] (darker|dark) (edges|corners) [@how]",
        "make (edges|corners) [@how] darker [@how]"), Amounts(0.25, 0.5, 0.8)),
    Rule("vignette", "add a white vignette", (
        "[@put|with] [@how] <colour:colour> vignette [@on] [@how]", "[@put|with] vignette in <colour:colour> [@on]",
        "[@how] (fade|blend) (edges|corners) (to|into) <colour:colour> [@how]"), Amounts(0.25, 0.5, 0.8)),
    Rule("denoise", "remove the noise", (
        *doing("denoise"), "[@how] (remove|clean up|smooth out|smooth|get rid of) [all] [image|colour|film] (noise|grain)"
        " [from @it|in @it] [@how]", *lack("noise|grain|image noise|graininess"), *being("less noisy|less grainy"),
        "[@put] [@how] noise reduction [@on] [@how]"),
        Amounts(0.15, 0.3, 0.6), needs_extra=True, limit="Slow: seconds for each megapixel. \"Denoise quickly\" is not."),
    Rule("denoise", "denoise quickly", (
        "[@how] (quickly|fast) denoise [@it] [@how]", "[@how] denoise [@it] (quickly|fast) [@how]",
        "fast (noise reduction|denoise)"), Amounts(0.15, 0.3, 0.6), values={"fast": True}, needs_extra=True),
    Rule("grain", "add film grain", (
        *layer("film grain|grain|grainy|noise|noisy|analogue grain"), *quality("grain|film grain|noise"),
        *being("grainier")), Amounts(0.2, 0.4, 0.8)),
)  # fmt: skip
