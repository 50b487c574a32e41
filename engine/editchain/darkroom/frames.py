"""Instructions about shape, frame and lettering, as data."""

from __future__ import annotations

from editchain.darkroom.rules import Amounts, Rule

_AROUND_SUBJECT = (
    "(around|on|towards|keeping|centred on|centred around|focused on|with) subject [in centre|in frame]"
)
_RATIO = "(<ratio:ratio>|square|<ratio:ratio> frame|<ratio:ratio> canvas|square frame|square canvas)"
_EXTEND = "(extend|expand|pad|fit|fill) [@it] [canvas] [to|into|in|out to] [ratio of|aspect ratio of] "
_SMALLEST = "The nearest to what stands out: sharp, and unlike the border of the picture."

FRAME = (
    Rule("crop", "crop to 16:9", (
        "(crop|cut|trim) [@it] [down] [to|into|at|as|in] [aspect ratio|ratio|format] [of] <ratio:ratio> "
        "[aspect ratio|ratio|format|frame] [@hold]", "[@mk|as] <ratio:ratio> [crop|format|aspect ratio|ratio] [@hold]",
        "[crop] [@it] [to] (portrait|vertical) <tall:ratio> [crop|format] [@hold]",
        "[crop] [@it] [to] (landscape|horizontal) <wide:ratio> [crop|format] [@hold]",
        "[crop] [@it] [to] <tall:ratio> (portrait|vertical) [crop|format] [@hold]",
        "[crop] [@it] [to] <wide:ratio> (landscape|horizontal) [crop|format] [@hold]"),
        None),
    Rule("crop", "crop to a square", (
        "(crop|cut|trim) [@it] [down] [to|into|as|in] [perfect] square [format|shape|frame] [@hold]",
        "[@mk|as] [perfect] square [crop|format|shape] [@hold]", "square @it"), None, values={"ratio": "1:1"}),
    Rule("crop", "crop to widescreen", (
        "(crop|cut|trim) [@it] [to|into|as|in] (widescreen|wide screen) [format] [@hold]", "[@mk|as|in] widescreen"),
        None, values={"ratio": "16:9"}),
    Rule("crop", "crop to 1:1 around the subject", (
        f"(crop|cut|trim|smart crop) [@it] [down] [to|into|at] (<ratio:ratio>|square) {_AROUND_SUBJECT}",
        "smart crop [@it] [to|into|at] (<ratio:ratio>|square)", f"[@mk] square {_AROUND_SUBJECT}"),
        None, values={"ratio": "1:1", "anchor": "subject"}, needs_extra=True, limit=_SMALLEST),
    Rule("crop_box", "crop to the box [0.1, 0.1, 0.5, 0.5]", ("(crop|cut|trim) [@it] [down] [to] <box:box>",), None),
    Rule("crop_side", "crop to the left half", (
        "(crop|cut) [@it] [down] (to|at) <side:side> half [of @it]", "(keep|take|use) [only] <side:side> half [of @it]"),
        None, values={"part": 0.5}),
    Rule("crop_side", "crop to the top third", (
        "(crop|cut) [@it] [down] (to|at) <side:side> third [of @it]", "(keep|take|use) [only] <side:side> third [of @it]"),
        None, values={"part": 0.3333}),
    Rule("crop_edges", "crop 5% off every side", (
        "(crop|trim|cut) [off] <percent> (from|off|on|of) (all|each|every) (side|sides|edge|edges)",
        "(crop|trim|cut) <percent> (from|off|on|of) (sides|edges)",
        "(crop|trim|cut) (all|every|each) (sides|edges|side|edge) by <percent>",
        "(crop|trim|cut) (edges|sides|borders) by <percent>"), Amounts(most=0.45)),
    Rule("crop_edge", "crop 10% off the top", (
        "(crop|trim|cut|take|shave) [off] <percent> (from|off|of|on|at) <side:side> [side|edge]",
        "(crop|trim|cut|take|shave) [off|away] <side:side> <percent> [off] [of @it]",
        "(crop|trim|cut) <side:side> [side|edge] by <percent>"), Amounts(most=0.9)),
    Rule("trim", "trim the borders", (
        "(trim|remove|crop off|crop out|cut off|cut away|crop away|get rid of) [plain|even|empty|solid|<colour:colour>]"
        " (border|borders|margin|margins|bars|frame) [from @it|around @it|of @it]",), None),
    Rule("zoom", "zoom in by 20%", (
        "zoom in [@how] [on centre|into centre]", "zoom [in] [on|into|to] centre [@how]", "[@how] zoom in"),
        Amounts(0.1, 0.25, 0.6, 3.0)),
    Rule("zoom", "zoom in 2x", (
        "zoom [in] [on|into|to] [centre] [by|to] [factor of] <factor:factor> [on centre|into centre]", "<factor:factor> zoom"), None),
    Rule("crop_size", "crop to 320x320 pixels", (
        "(crop|cut|trim) [@it] [down] [to|at] <dimensions:size> [@hold]",), None),
    Rule("rotate", "rotate 90 degrees", (
        "(rotate|turn) [@it] [by] <degrees:degrees> [clockwise|right|to right]",
        "[@how] <degrees:degrees> rotation [clockwise]", "(rotate|turn) [@it] [to] (right|clockwise)",
        "(rotate|turn) [@it] [to] (right|clockwise) [by] <degrees:degrees>"),
        None, values={"degrees": 90}),
    Rule("rotate", "rotate 15 degrees counterclockwise", (
        "(rotate|turn) [@it] [by] <degrees:degrees> (counterclockwise|anticlockwise|counter clockwise"
        "|anti clockwise|left|to left)",
        "(rotate|turn) [@it] [to] (left|counterclockwise|anticlockwise|counter clockwise|anti clockwise)"
        " [[by] <degrees:degrees>]"),
        None, values={"degrees": 90, "anticlockwise": True}),
    Rule("rotate", "turn it upside down", (
        "(turn|rotate|put) [@it] upside down", "[@mk] upside down"), None, values={"degrees": 180}),
    Rule("straighten", "straighten the horizon", (
        "(straighten|level) [@it|horizon] [up]", "(fix|correct) [tilted|crooked] horizon", "make (horizon|@it) (level|straight)"),
        None, needs_extra=True, limit="Goes by a horizon, long edges and rows, up to 10°; without them it stops rather than tilt a level picture."),
    Rule("perspective", "straighten the corners [0.1, 0.1, 0.9, 0.2, 0.9, 0.8, 0.1, 0.9]", (
        "(straighten|flatten|correct|fix|rectify) [perspective of|perspective at|perspective] [corners|quad] <corners:corners>",
        "perspective [correction] [of|at] [corners|quad] <corners:corners>"), None,
        limit="The four corners of what is flat, from the top left clockwise."),
    Rule("mirror", "flip horizontally", (
        "(flip|mirror) [@it] (horizontally|horizontal|left to right|sideways|left right|around vertical axis)",
        "mirror [@it]", "(horizontal|mirror) (flip|mirror|image)", "flop [@it]", "[@mk] mirror image"),
        None, values={"direction": "horizontal"}),
    Rule("mirror", "flip vertically", (
        "(flip|mirror) [@it] (vertically|vertical|top to bottom|around horizontal axis)", "vertical (flip|mirror)"),
        None, values={"direction": "vertical"}),
    Rule("resize", "resize to 800x600", (
        "(resize|scale|shrink|enlarge|size|resample|fill) [@it] [down|up] [to|at] <dimensions:size>",
        "[@mk] <dimensions:size>"), None, limit="Keeps the picture's shape and cuts what is too much; \"fit into\" cuts nothing."),
    Rule("fit", "fit into 800x600", (
        "(fit|resize|scale|shrink) [@it] [down] [to fit] (into|inside|within|in) <dimensions:size>", "fit [@it] to <dimensions:size>"), None),
    Rule("fit", "pad to 800x600 with white", (
        "(pad|letterbox|fit) [@it] [canvas] [to|into|inside] <dimensions:size> (with|in|on|using) <colour:fill>"
        " [background|bars|margins|borders|colour]",), None),
    Rule("resize", "resize to 640 px wide", (
        "(resize|scale|shrink|enlarge|resample) [@it] [down|up] [to] <length:width> (wide|across|in width|width)",
        "(resize|scale|shrink|enlarge) [@it] [down|up] [to] width [of|to] <length:width>", "[@mk] <length:width> (wide|across)"),
        None),
    Rule("resize", "resize to 640 px high", (
        "(resize|scale|shrink|enlarge|resample) [@it] [down|up] [to] <length:height> (high|tall|in height|height)",
        "(resize|scale|shrink|enlarge) [@it] [down|up] [to] height [of|to] <length:height>",
        "[@mk] <length:height> (high|tall)"), None),
    Rule("resize", "resize the longest side to 1200 px", (
        "(resize|scale|shrink) [@it] [down] (longest|longer|long) (side|edge) to <length:longest>",
        "[resize] [@it] [so that|so] (longest|longer|long) (side|edge) [is|of] <length:longest>",
        "[resize to] <pixels:longest> (on|along) (longest|longer|long) (side|edge)",
        "(resize|scale|shrink|enlarge|@mk) [@it] [down] [to] <length:longest> on (longest|longer|long) (side|edge)"), None),
    Rule("scale", "scale to 50%", (
        "(resize|scale|shrink|enlarge) [@it] [down|up] to <percent> [of] [its|original] [original] [size]",
        "(shrink|scale down|size down|downscale|downsize) [@it] by <smaller:amount>", "scale [@it] down by <smaller:amount>",
        "[@mk] <smaller:amount> smaller", "[@mk] smaller by <smaller:amount>",
        "(enlarge|scale up|size up) [@it] by <larger:amount>", "scale [@it] up by <larger:amount>",
        "[@mk] <larger:amount> (larger|bigger)", "[@mk] (larger|bigger) by <larger:amount>"),
        Amounts(most=8.0)),
    Rule("scale", "resize to half size", (
        "(resize|scale|shrink|reduce) [@it] [down] (to|by) half [of] [its|original] [original] [size]", "half size",
        "halve [its|@it] [size]", "[@mk] half (size|as large|as big)", "[@mk] half its [original] size",
        "[@mk] smaller by half"),
        None, values={"amount": 0.5}),
    Rule("scale", "double the size", (
        "(resize|scale|enlarge) [@it] [up] to (double|twice) [its|original] [original] [size]", "double [its|@it] size",
        "[@mk] twice (as large|as big|size|its size)", "double size"), None, values={"amount": 2.0}),
    Rule("upscale", "upscale 2x", (
        "(upscale|enlarge) [@it] [by|to] [factor of] <factor:factor>", "<factor:factor> (upscale|upscaling|larger|bigger)",
        "(upscale|enlarge) [@it]", "[@mk] <factor:factor> (larger|bigger)"),
        None, values={"factor": 2}, limit="Larger and a little sharper; it adds no detail."),
    Rule("border", "add a white border", (
        "[@put|with] [<percent>] [<colour:colour>] [<percent>] (border|frame|margin) [@around]",
        "[@put|with] [<colour:colour>] (border|frame|margin) (of|with) <percent> [in <colour:colour>] [@around]",
        "[@put|with] (border|frame|margin) in <colour:colour> [@around]",
        "[@put|with] (border|frame|margin) of <colour:colour> [@around]",
        "(surround|frame) [@it] (with|in) <colour:colour> [border]",
        "[@put] (border|frame|margin) (<percent> [<colour:colour>]|<colour:colour> [<percent>]) [@around]"),
        Amounts(usual=0.05), values={"colour": "#ffffff"}),
    Rule("border", "add a thin black border", (
        "[@put|with] (thin|narrow|slim|small) [<colour:colour>] (border|frame|margin) [@around]",
        "[@put|with] (thin|narrow|slim|small) [<colour:colour>] line @around",
        "[@put|with] [<colour:colour>] (border|frame|margin) [<colour:colour>] (thin|narrow|slim|small) [<colour:colour>]",
        "[@put|with] (thin|narrow|slim|small) (border|frame|margin) in <colour:colour> [@around]"),
        Amounts(usual=0.015), values={"colour": "#ffffff"}),
    Rule("border", "add a thick white border", (
        "[@put|with] (thick|wide|broad|large|big) [<colour:colour>] (border|frame|margin) [@around]",
        "[@put|with] (thick|wide|broad|large|big) (border|frame|margin) in <colour:colour> [@around]",
        "[@put|with] [<colour:colour>] (border|frame|margin) [<colour:colour>] (thick|wide|broad|large|big) [<colour:colour>]"),
        Amounts(usual=0.1), values={"colour": "#ffffff"}),
    Rule("border", "add a 20 px black border", (
        "[@put|with] <pixels:pixels> [wide] [<colour:colour>] (border|frame|margin) [@around]",
        "[@put|with] [<colour:colour>] <pixels:pixels> (border|frame|margin) [@around]",
        "[@put|with] [<colour:colour>] (border|frame|margin) [of|with] <pixels:pixels> [@around]",
        "[@put|with] (border|frame|margin) [of|with] <pixels:pixels> [in] <colour:colour> [@around]"),
        None, values={"colour": "#ffffff"}),
    Rule("polaroid", "add a polaroid frame", (
        "[@mk|@put|in|with|as] polaroid [frame|border|photo|picture|look|style] [@around]",), None),
    Rule("letterbox", "add black bars", (
        "[@put|with] (black|cinema|cinematic|letterbox|movie) bars [@on]", "letterbox [@it]",
        "[@put|with] letterbox [@fx] [@on]"), None),
    Rule("rounded_corners", "round the corners", (
        "round [off] corners [of @it] [by <percent>]", "[@put|with] rounded corners [of <percent>] [@on]",
        "[@mk] rounded [corners]", "[@put|with] <percent> rounded corners"), Amounts(usual=0.06, most=0.5)),
    Rule("drop_shadow", "add a drop shadow", (
        "[@put|with] [@how] [soft] drop shadow [@fx] [@around|behind @it|under @it|below @it] [@how]",),
        Amounts(0.3, 0.5, 0.8)),
    Rule("extend", "extend to 16:9 with a blurred background", (
        f"{_EXTEND}{_RATIO} (with|using|on|over) (blur|[its] [own] blurred (background|edges|sides|copy"
        "|version|self|borders) [of itself|of it])",
        "(make|turn) [@it] [a|into a] square (with|using|on|over) [its] [own] blurred (background|edges|sides|copy|borders)"),
        None, values={"ratio": "1:1", "fill": "blur"}),
    Rule("extend", "extend to 1:1 with mirrored edges", (
        f"{_EXTEND}{_RATIO} (with|using|by) [its] [own] (mirrored|reflected) (background|edges|sides|copy|borders)",
        f"{_EXTEND}{_RATIO} (with|using) (mirror|reflection)", f"{_EXTEND}{_RATIO} by mirroring"),
        None, values={"ratio": "1:1", "fill": "mirror"}),
    Rule("extend", "pad to 1:1 with white", (
        f"{_EXTEND}{_RATIO} (with|using|on|over|in) [plain|solid] <colour:fill> [background|bars|margins|borders|colour]",),
        None, values={"ratio": "1:1"}),
    Rule("text", 'add the text "SALE" at the bottom right in white', (
        "@write [@ink] [@big] [@words] <quoted:text> [(on|onto|to|over) @it] [@where|@ink|@big] [@where|@ink|@big]"
        " [@where|@ink|@big]",
        "[<lettering:height>] [<colour:colour>] <quoted:text> @where",
        "[@ink] @words <quoted:text> [@where|@ink|@big] [@where|@ink|@big]",
        "<quoted:text> @where [@ink|@big] [@ink|@big]",
        "@write <quoted:text> as [@ink] @words [@where|@ink|@big] [@where|@ink|@big]",
        "(caption|title|label) [@it] [with] <quoted:text> [@where|@ink|@big] [@where|@ink|@big]"),
        None, values={"colour": "#ffffff", "anchor": "bottom", "height": 0.1, "opacity": 1.0},
        limit="Latin, Greek and Cyrillic letters."),
    Rule("text", 'add the watermark "(c) me"', (
        "[@write] [@ink] [@big] watermark [of|with|text|saying] <quoted:text> [@where|@ink] [@where|@ink]",
        "watermark [@it] [with] <quoted:text> [@where|@ink] [@where|@ink]"),
        None, values={"colour": "#ffffff", "anchor": "bottom_right", "height": 0.05, "opacity": 0.6}),
    Rule("caption_bar", 'add a caption bar "Autumn 2026"', (
        "[@put|with] [<colour:colour>] caption (bar|strip|band) [with|saying|of] [text] <quoted:text>"
        " [(at|on|along) <level:side>] [in <colour:colour>]",
        "[@put|with] [<colour:colour>] caption (bar|strip|band) [(at|on|along) <level:side>] (with|saying|of) [text] <quoted:text>"),
        None, values={"colour": "#ffffff", "side": "bottom"}),
)  # fmt: skip
