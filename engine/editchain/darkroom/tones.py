"""Instructions about light, dark and colour, as data."""

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
)

_GREY = "black and white|bw|monochrome|monochromatic|greyscale|grey scale|mono"
_FILTERS = ("red", "orange", "yellow", "green", "blue")
_A_HUE = "Goes by hue: skin and wood are a kind of orange. Name a region, or give a mask, where that matters."
_CASTS = {
    "redder|more red": "#ff3020", "greener|more green": "#20c040", "bluer|more blue": "#1090ff",
    "yellower|more yellow": "#ffd020", "pinker|more pink|more magenta": "#ff40c0", "more cyan|more teal": "#20d0d0",
    "more purple|more violet": "#9040ff", "more orange": "#ff9020",
}  # fmt: skip
_AGAINST = {
    "green": "#ff40c0", "(magenta|pink|purple)": "#20c040", "red": "#20d0d0", "cyan": "#ff3020",
}  # fmt: skip

LIGHT = (
    Rule("brightness", "brighten by 20%", (
        *being("brighter|lighter"), *doing("brighten|lighten"), *quality("brightness"),
        "(more|add|add more) light [@on]", "[@mk] (not so|less) dark"), STRETCHABLE),
    Rule("brightness", "darken by 10%", (
        *being("darker|dimmer|less bright"), *doing("darken|dim"), *lack("brightness"), "less light [@on]"), sign=-1),
    Rule("exposure", "increase the exposure by 1 stop", (
        "@up [@it] exposure [@on] [by] <stops:stops> (stop|stops|ev)", "[@mk] <stops:stops> (stop|stops|ev) brighter",
        "(bring|take|push|turn|dial) [@it] exposure up [by] <stops:stops> (stop|stops|ev)",
        "[expose|overexpose] [@it] [by] <stops:stops> (stop|stops|ev)",
        "expose [@it] [by] <stops:stops>", "exposure [by] <stops:stops> [stop|stops|ev] [@on]",
        "(brighten|lighten|push) [@it] by <stops:stops> (stop|stops|ev)"), None),
    Rule("exposure", "reduce the exposure by 0.5 stops", (
        "@down [@it] exposure [@on] [by] <stops:stops> (stop|stops|ev)", "[@mk] <stops:stops> (stop|stops|ev) darker",
        "(bring|take|pull|turn|push|dial) [@it] exposure down [by] <stops:stops> (stop|stops|ev)",
        "underexpose [@it] [by] <stops:stops> (stop|stops|ev)", "(darken|pull) [@it] by <stops:stops> (stop|stops|ev)"),
        None, values={"darker": True}),
    Rule("brightness", "increase the exposure", quality("exposure"), STRETCHABLE),
    Rule("brightness", "reduce the exposure", lack("exposure"), sign=-1),
    Rule("contrast", "increase the contrast", (
        *quality("contrast|punch"), *being("punchier|punchy|contrastier|contrasty|more contrasty|crunchier")),
        STRETCHABLE),
    Rule("contrast", "reduce the contrast", (
        *lack("contrast|punch"), *being("flatter|less contrasty"), "[@how] (flatten|soften) (contrast|tones) [@on] [@how]"),
        sign=-1),
    Rule("shadows", "lift the shadows", (
        "[@how] (lift|open|open up|brighten|brighten up|raise|lighten|lighten up|bring up|boost|recover|fill|fill in)"
        " [@it] (shadows|blacks|dark areas|dark parts|darks) [@on] [@how]",
        "(bring|pull|push|turn) (shadows|blacks) [@how] up [@how]",
        "[@mk] [@how] (brighter|lighter) shadows [@how]", "make shadows [@how] (brighter|lighter) [@how]",
        "(less dark|softer) shadows", "bring out detail in shadows", "shadows <signed:amount>",
        "[@put|@more] [@how] fill light [@on] [@how]")),
    Rule("shadows", "deepen the shadows", (
        "[@how] (deepen|darken|crush|lower|strengthen|bring down) (shadows|blacks|dark areas|dark parts|darks)"
        " [@on] [@how]", "[@mk] [@how] (deeper|darker) (shadows|blacks) [@how]",
        "make (shadows|blacks) [@how] (deeper|darker) [@how]", "[@put] deep (blacks|shadows)"), sign=-1),
    Rule("highlights", "recover the highlights", (
        "[@how] (recover|lower|reduce|tame|darken|pull|pull down|pull back|bring down|bring back|rescue|save|soften"
        "|tone down|turn down|dial down|drop|cut|decrease|protect) (highlights|whites|bright areas|bright parts|lights|blown out highlights"
        "|blown highlights) [@on] [@how]",
        "make highlights [@how] (darker|softer|less bright) [@how]",
        "(bring|pull|push|turn) (highlights|whites) [@how] down [@how]")),
    Rule("highlights", "brighten the highlights", (
        "[@how] (brighten|raise|lift|boost|bring up|lighten|increase) (highlights|whites|bright areas|bright parts)"
        " [@on] [@how]", "make highlights [@how] (brighter|lighter) [@how]", "highlights <signed:amount>"), sign=-1),
    Rule("levels", "auto levels", (
        "[apply|use|do|fix|set|correct|adjust] (auto|automatic) (levels|contrast|tone) [@on]",
        "normalise [levels|contrast|@it]", "stretch (levels|contrast)", "fix (levels|contrast) [automatically]"), None),
    Rule("enhance", "auto enhance", (
        "[@how] [auto|automatically] enhance [@it] [automatically] [@how]", "[@put|do] auto enhance [@on]",
        "(make|let) (it|image|picture|photo|this) pop", "auto (correct|fix|adjust|improve) [@it]",
        "[@put] auto (enhancement|correction) [@on]"), LOOK),
    Rule("clarity", "add clarity", (
        *quality("clarity|structure|texture|definition|local contrast|detail|details|micro contrast"),
        "[@how] (bring out|enhance|emphasise) (detail|details|texture|textures|structure) [@on] [@how]")),
    Rule("dehaze", "remove the haze", (
        *doing("dehaze"), "[@how] (remove|clear|cut|cut through|get rid of) [up|all] (haze|fog|mist|smog)"
        " [from @it|in @it] [@how]", *lack("haze|fog|mist|smog")), Amounts(0.3, 0.6, 0.9), needs_extra=True),
    Rule("fade", "faded", (
        *look("faded|matte|washed out|film fade|faded film"), "[@how] fade [@it] [@how]",
        "[@how] wash out [@it] [@how]", "[@how] (raise|lift) black point [@how]"), LOOK),
)  # fmt: skip

COLOUR = (
    Rule("warmth", "make it warmer", (
        *being("warmer|warm"), "[@how] warm [up] [@it] [up] [@how]", *quality("warmth|temperature|colour temperature"),
        "@put [@how] (warmth|warm tones) [@on]", "[@how] (remove|reduce|fix|correct) (blue|cold|cool) (cast|tint|tinge)"
        " [from @it] [@how]", *being("less blue|less cold|less cool")), STRETCHABLE),
    Rule("warmth", "make it cooler", (
        *being("cooler|colder|cold|less warm|less yellow|less orange"),
        "[@mk|@put|in|with] [@how] cool (tone|tones|toned|colours)",
        "[@how] cool [down|off] [@it] [down|off] [@how]", *lack("warmth|temperature|colour temperature"),
        *quality("coolness"), "[@how] (remove|reduce|fix|correct) (yellow|orange|warm) (cast|tint|tinge) [from @it] [@how]"),
        STRETCHABLE, sign=-1),
    *(Rule("cast", f"make it {words.split('|')[0]}", (
        *being(words), f"[@put|with] <little> [of] ({words.split('more ', 1)[1].replace('|more ', '|')}) [@on]"),
        values={"colour": colour})
      for words, colour in _CASTS.items()),
    *(Rule("cast", f"remove the {name.strip('()').split('|')[0]} cast", (
        f"[@how] (remove|reduce|fix|correct) {name} (cast|tint|tinge) [from @it] [@how]",
        f"[@mk] [@how] less {name}"), values={"colour": colour})
      for name, colour in _AGAINST.items()),
    Rule("cast", "make the shadows blue", (
        "[@put|with] [@how] <vivid:colour> <tones:region> [@how]",
        "(make|turn|tone) <tones:region> [@how] <vivid:colour> [@how]"), Amounts(0.25, 0.5, 0.9)),
    Rule("tint", "add a green tint", (
        "[@put|with] <colour:colour> (tint|cast|tinge|wash|tone|overlay) [@on] [@how]",
        "[@put|with] [@how] <colour:colour> (tint|cast|tinge|wash|tone|overlay) [@on] [@how]",
        "[@how] tint [@it] [with|in] <colour:colour> [@how]",
        "[@put|with] (tint|cast|wash) of <colour:colour> [@on] [@how]")),
    Rule("saturation", "increase the saturation", (
        *quality("saturation|colour|colours|colourfulness"),
        *being("more saturated|more colourful|colourful|richer|saturated"), *doing("saturate"),
        "make colours [@how] (stronger|richer|more intense|bolder|deeper) [@how]"), STRETCHABLE),
    Rule("saturation", "desaturate by 50%", (
        *lack("saturation|colour|colours|colourfulness"),
        *being("less saturated|less colourful|muted|more muted|desaturated|less vivid|less vibrant"),
        *doing("desaturate|mute"), "make colours [@how] (weaker|muted|paler|softer) [@how]"), sign=-1),
    Rule("vibrance", "more vivid", (
        *quality("vibrance|vividness|vibrancy"),
        *being("more vivid|vivid|more vibrant|vibrant|livelier"), "make colours pop [@how]"), STRETCHABLE),
    Rule("hue", "shift the hue by 30 degrees", (
        "(shift|rotate|turn|change|move) [@it] (hue|hues|colours) by <degrees:degrees> [@on]",
        "[shift|rotate] (hue|hues) <degrees:degrees> [@on]",
        "hue (shift|rotation) [of|by] <degrees:degrees> [@on]", "(shift|rotate) (hue|hues|colours) of @it by <degrees:degrees>"),
        None),
    Rule("black_and_white", "make it black and white", (
        *look(_GREY), f"[@mk|@put|in|into|to] ({_GREY}) film [@fx]", "(remove|drop|take out|strip|take) [all] (colour|colours) [from @it|out of @it]",
        "(desaturate|decolour) [@it] (completely|fully|entirely)", "(completely|fully) desaturate [@it]"), LOOK),
    Rule("black_and_white", "keep only the subject in colour", (
        "keep [only] subject (in|as) colour", "only subject in colour",
        f"[@mk|@put|in|into|to] ({_GREY}) [@fx] (except|but|except for|but for) subject",
        f"[make|turn] everything (but|except) subject [into|to] ({_GREY})",
        "keep subject [in|as] colour [but|and] [make|turn] (rest|everything else) [is|in|into|to] ({_GREY})".replace("{_GREY}", _GREY)),
        LOOK, values={"region": "background"}, needs_extra=True),
    Rule("black_and_white", "black and white with a high contrast", (
        f"[@mk|@put|in|into|to] high contrast ({_GREY}) [@fx] [@on]",
        f"[@mk|@put|in|into|to] ({_GREY}) [@fx] with (high|strong|more|lots of) contrast",
        f"[@mk|@put|in|into|to] (punchy|contrasty|dramatic) ({_GREY}) [@fx] [@on]"), LOOK, values={"contrast": 0.5}),
    Rule("black_and_white", "soft black and white", (
        f"[@mk|@put|in|into|to] (low contrast|soft) ({_GREY}) [@fx] [@on]",), LOOK, values={"contrast": -0.4}),
    *(Rule("black_and_white", f"black and white with {'an' if filter_ == 'orange' else 'a'} {filter_} filter", (
        f"[@mk|@put|in|into|to] ({_GREY}) [@fx] (with|using|through) {filter_} filter",
        f"[@mk|@put|in|into|to] {filter_} (filter|filtered) ({_GREY}) [@fx]"),
        LOOK, values={"filter_colour": filter_}) for filter_ in _FILTERS),
    Rule("sepia", "sepia", layer("sepia|sepia tone|sepia toned|sepia brown"), LOOK),
    Rule("duotone", "duotone navy and gold", (
        "[@mk|@put|in|into|to] [@how] duotone [@fx] [@on] [in|of|with|from] <colour:dark> (and|to|with|on|/) <colour:light>",
        "[@mk|@put|in|into|to] [@how] <colour:dark> (and|to) <colour:light> duotone [@fx] [@on]",
        "map (shadows|darks) to <colour:dark> and (highlights|lights) to <colour:light>"), LOOK),
    Rule("invert", "invert the colours", (
        "invert [@it]", "[@mk|@put|as|in|into] [colour|photo|photographic|inverted] negative [@fx] [@on]",
        "[@mk] inverted [@fx]", "invert all colours"), None),
    Rule("recolour", "change red to teal", (
        "(change|turn|recolour|convert) [all|everything] <colour:colour> [@parts|colour] [@region] (to|into) <colour:into>"
        " [@region]",
        "(replace|swap) [all] <colour:colour> [@parts|colour] [@region] (with|by|for) <colour:into> [@region]",
        "(change|turn|recolour) [all] <colour:colour> [@parts] (to|into) <colour:into> [@region] with tolerance [of] <percent:tolerance>",
        "(make|recolour) [all|everything] <colour:colour> @parts [@region] <colour:into> [@region]",
        "<colour:colour> (to|into) <colour:into> [@region]"),
        None, values={"tolerance": 0.14}, needs_extra=True, limit=_A_HUE),
    Rule("recolour", "change the reds to teal", (
        "(change|turn|recolour|convert|shift) [all] <hues:colour> [@region] (to|into) (<colour:into>|<hues:into>) [@region]",
        "(make|turn|recolour) [all] <hues:colour> [@region] <colour:into> [@region]",
        "(replace|swap) [all] <hues:colour> [@region] (with|by|for) (<colour:into>|<hues:into>) [@region]"),
        None, values={"tolerance": 0.25}, needs_extra=True, limit=_A_HUE),
    Rule("colour_pop", "keep only red in colour", (
        "keep only <colour:colour> [@parts] [in|as] [colour] [@region]", "only <colour:colour> in colour [@region]",
        "keep only <colour:colour> [@parts] [in|as] [colour] [@region] with tolerance [of] <percent:tolerance>",
        "(keep only|only keep) <hues:colour> [in|as] [colour] [@region]", "only keep <colour:colour> [@parts] [in|as] [colour]",
        "keep <hues:colour> [in|as] colour [but|and] [make|turn] (rest|everything else) [is|in|into|to] ({_GREY})"
        .replace("{_GREY}", _GREY),
        f"[@mk|@put|in|into|to] ({_GREY}) (except|but) [for] (<colour:colour> [@parts]|<hues:colour>)",
        "desaturate (all|everything) (except|but) [for] (<colour:colour> [@parts]|<hues:colour>)",
        "remove [all] (colour|colours) (except|but) [for] (<colour:colour>|<hues:colour>)",
        f"[make|turn] everything ({_GREY}|grey) (except|but) [for] (<colour:colour> [@parts]|<hues:colour>)",
        f"[make|turn] everything (except|but) [for] (<colour:colour> [@parts]|<hues:colour>) [into|to] ({_GREY})",
        "[@put] (selective colour|colour pop|colour splash) [of|in|with|for|on] <colour:colour>",
        "[@put] <colour:colour> (colour pop|colour splash|selective colour) [@fx]"),
        None, values={"tolerance": 0.25}, needs_extra=True, limit=_A_HUE),
    Rule("match_colours", "match the colours of the reference", (
        "match [@it] [to] [colours|colouring|palette|look|tones] [of|to|with|from] <reference:reference> [@how]",
        "match [@it] [colours|palette|tones] [to|with] <reference:reference> [@how]",
        "(use|take|apply|copy) [colours|colouring|colour palette|colour grade|colour grading|palette|tones|grade|grading]"
        " (of|from) <reference:reference> [@on] [@how]",
        "(use|apply|take) <reference:reference> (colours|palette|tones) [@on] [@how]",
        "(use|give it|give) same (colours|palette|colour palette|tones) (as|of|like) [in] <reference:reference>",
        "make [@it] colours (like|match|look like|match those of) [those of|in] <reference:reference> [@how]",
        "transfer colours (of|from) <reference:reference> [@on] [@how]",
        "(colour match|colour matched|match colours) [@it] (to|with) <reference:reference> [@how]",
        "(grade|colour grade) [@it] like <reference:reference> [@how]"), Amounts(0.4, 0.7, 1.0)),
    Rule("lut", "use the reference as a LUT", (
        "[@put] (lut|colour table|look up table) (of|in|from) <reference:reference> [@on] [@how]",
        "(use|apply) <reference:reference> as [colour] (lut|table|look up table) [@on] [@how]"), LOOK,
        limit="The reference is a Hald image, the picture of a colour table; a .cube file is for the operation lut."),
)  # fmt: skip
