"""Instructions about the subject, what lies behind it, the sky, faces, and things that are pasted in, as data."""

from __future__ import annotations

from editchain.darkroom.rules import Amounts, Rule

_SUBJECT = (
    "Looks for the subject in four ways and stops where they disagree: then say where it is, "
    '"... around the box [x, y, width, height]", or give a mask that is white on it.'
)
_SKY = (
    "The sky has to be blue, or bright and even, along the upper edge; else give a mask that is black on it."
)
_FACES = "Finds faces that look this way; profiles, small and covered ones are missed. Look at the result."
_CHANGE = "(replace|change|swap|fill|set)"
_SKIES = {
    "sunset": "sunset|sunset sky",
    "dusk": "dusk|twilight|dusk sky|twilight sky|evening sky",
    "overcast": "overcast|cloudy|overcast sky|cloudy sky|grey sky|grey",
    "clear": "clear sky|blue sky|clear blue sky|blue|clear",
}
_THINGS = (
    "([all|any] (object|objects|thing|things|spot|spots|blemish|blemishes|scratch|scratches|dust|text|mark|marks|stain"
    "|stains|logo|watermark|wire|wires|everything|anything|whatever is|what is))"
)
_PASTE = "(paste|place|put|add|overlay|insert|lay|stick|stamp)"
_PASTED = (
    "[@where|(at|with) <percent:scale> [of] [width|size|scale|its width|picture width]|<percent:scale> wide"
    "|at <percent:opacity> opacity|@shaded|[with|and] <matching:match>]"
)
_HIDE = "[only] [all|every|each|both|everyone|everybody|people] (face|faces) [only]"

PLACES = (
    Rule("blur_background", "blur the background", (
        "[@how] (blur|defocus|soften|blur out) [only] background [only] [of @it] [@standing] [@how]",
        "[@how] (blur|defocus|blur out) (everything|all) (but|except|behind|around) [for] subject [@how]",
        "keep subject (sharp|in focus) [and|but] [@how] (blur|defocus) (rest|everything else|background) [@how]",
        "make background [@how] (blurry|blurrier|blurred|out of focus|softer) [@standing] [@how]",
        "[@put|with] [@how] (background blur|bokeh|shallow depth of field|blurred background|blurry background"
        "|portrait mode) [@fx] [@on] [@standing] [@how]"), Amounts(0.3, 0.5, 0.9), needs_extra=True, limit=_SUBJECT),
    Rule("remove_background", "remove the background", (
        "(remove|delete|erase|cut out|drop|strip) background [from @it|of @it] [@standing]",
        "(cut out|isolate|extract) subject [from background] [@standing|in <box:box>]",
        "make background transparent [@standing]", "[@put|with|on] transparent background [@standing]"),
        None, needs_extra=True, limit=_SUBJECT),
    Rule("replace_background", "replace the background with white", (
        f"{_CHANGE} background [@standing] (with|to|by|for|into|in) [plain|solid] <colour:colour> [background|colour]"
        " [@standing] [@shaded]",
        "make background [plain|solid] <colour:colour> [@standing] [@shaded]",
        "(cut out|isolate|extract) subject (on|onto) [plain|solid] <colour:colour> [background] [@standing] [@shaded]",
        "(put|place|set) (it|subject) (on|on to|onto|before|in front of) [plain|solid] <colour:colour> [background]"
        " [@standing] [@shaded]",
        "[@put|with|on] [plain|solid] <colour:colour> background [@standing] [@shaded]"),
        None, values={"kind": "colour"}, needs_extra=True, limit=_SUBJECT),
    Rule("replace_background", "replace the background with a grey studio backdrop", (
        f"{_CHANGE} background [@standing] (with|to|by|for|into) [<colour:colour>] studio [background] [@standing] [@shaded]",
        "(put|place|set) (it|subject) (on|before|in front of|in) [<colour:colour>] studio [background] [@standing] [@shaded]",
        "[@put|with|on] [<colour:colour>] studio background [@standing] [@shaded]"),
        None, values={"kind": "studio", "colour": "#d8d8d6"}, needs_extra=True, limit=_SUBJECT),
    Rule("replace_background", "replace the background with a gradient from white to grey", (
        f"{_CHANGE} background [@standing] (with|to|by|into) gradient (from|of) <colour:colour> (to|and) <colour:below>"
        " [@standing] [@shaded]",
        "[@put|with|on] gradient background (from|of) <colour:colour> (to|and) <colour:below> [@standing] [@shaded]",
        "(put|place|set) (it|subject) (on|before) gradient (from|of) <colour:colour> (to|and) <colour:below>"
        " [@standing] [@shaded]"),
        None, values={"kind": "gradient"}, needs_extra=True, limit=_SUBJECT),
    Rule("replace_background", "replace the background with the reference", (
        f"{_CHANGE} background [@standing] (with|to|by|for) <reference:reference> [@standing] [@shaded]",
        "use <reference:reference> as [new] background [@standing] [@shaded]",
        "(put|place|set) (it|subject) (on|before|in front of) <reference:reference> [@standing] [@shaded]"),
        None, values={"kind": "reference"}, needs_extra=True, limit=_SUBJECT),
    *(Rule("replace_sky", f"replace the sky with {'a clear blue sky' if kind == 'clear' else f'an {kind} sky' if kind == 'overcast' else kind if kind == 'dusk' else f'a {kind}'}", (
        f"{_CHANGE} sky (with|to|by|for|into) ({names}) [one]",
        f"make sky [look] [like|into|to] ({names})",
        f"[@put|with] ({'|'.join(name for name in names.split('|') if 'sky' in name)})"),
        None, values={"kind": kind}, needs_extra=True, limit=_SKY) for kind, names in _SKIES.items()),
    Rule("replace_sky", "replace the sky with the reference", (
        f"{_CHANGE} sky (with|to|by|for) [sky of|sky in|sky from|one from|one in] <reference:reference>",
        "use <reference:reference> as [new] sky", "(use|take) sky (of|from|in) <reference:reference>"),
        None, values={"kind": "reference"}, needs_extra=True, limit=_SKY),
    Rule("blur_faces", "blur the faces", (
        f"[@how] (blur|obscure|hide|anonymise|blur out) {_HIDE} [in @it|of @it] [@how]",
        f"make {_HIDE} [@how] (blurry|blurred|unrecognisable) [@how]", "anonymise (people|everyone|everybody)",
        f"[@put|with] [@how] blur (on|to|over|in) {_HIDE} [@how]", "[@put|with] [@how] blurred faces",
        "[@how] (blur|obscure|hide|anonymise) [at least] <count:least> (face|faces) [in @it|of @it] [@how]"),
        Amounts(0.3, 0.5, 0.9), needs_extra=True, limit=_FACES),
    Rule("pixelate_faces", "pixelate the faces", (
        f"[@how] (pixelate|censor) {_HIDE} [in @it|of @it] [@how]", f"make {_HIDE} [@how] pixelated [@how]",
        "[@how] (pixelate|censor) [at least] <count:least> (face|faces) [in @it|of @it] [@how]"),
        Amounts(0.3, 0.5, 0.9), needs_extra=True, limit=_FACES),
    Rule("inpaint", "remove the object in the box [0.4, 0.5, 0.1, 0.1]", (
        f"(remove|erase|delete|inpaint|heal|retouch|clone out|get rid of) {_THINGS} (in|inside|within|at) <box:box>",
        f"(inpaint|heal|fill|fill in|retouch|clean up) [{_THINGS}] [in|inside|within] <box:box>"),
        None, needs_extra=True,
        limit="Filled from what lies around it, up to a seventh of the picture: thin things go cleanly, wide ones leave seams."),
    Rule("inpaint", "remove the marked object", (
        "(remove|erase|delete|inpaint|heal|fill|fill in|retouch|get rid of) (masked|marked) (area|areas|region|regions|part|parts"
        "|object|objects|thing|things|spot|spots|scratch|scratches|text)",
        f"(remove|erase|delete|inpaint|heal|fill|fill in|retouch) {_THINGS} (in|inside|under|within) mask",
        "(inpaint|fill|fill in|heal) mask", "(remove|erase) what mask (marks|covers)"),
        None, needs_extra=True, limit="Marked by the step's mask: black is removed."),
    Rule("overlay", "overlay the reference at 30% opacity", (
        "(overlay|blend|superimpose) <reference:reference> [@on] (at|with) <percent:opacity> (opacity|strength)",
        "(overlay|blend|superimpose) [@it] with <reference:reference> (at|with) <percent:opacity> (opacity|strength)"),
        None, limit="It covers the picture; what is too much of it is cut."),
    Rule("paste", "paste the reference at the bottom right at 25%", (
        f"{_PASTE} <reference:reference> {_PASTED} {_PASTED} {_PASTED} {_PASTED}",),
        None, values={"anchor": "centre", "scale": 0.25, "opacity": 1.0, "shadow": 0.0}),
    Rule("paste", "add the reference as a watermark", (
        "(add|put|use|place) <reference:reference> as [@how] watermark [@where]", "watermark [@it] with <reference:reference> [@where]"),
        None, values={"anchor": "bottom_right", "scale": 0.18, "opacity": 0.6, "shadow": 0.0}),
    Rule("decal", "blend the reference onto the surface in the box [0.3, 0.3, 0.4, 0.3]", (
        "(blend|print|paint|stamp|project|engrave) <reference:reference> (onto|on|into|in|over|on to) [surface|wall|texture"
        "|fabric|material] (in|at|inside|within) <box:box>",
        "(blend|print|paint|stamp|project|engrave) <reference:reference> (onto|on|into|in|over|on to) <box:box>"),
        None, values={"method": "mixed"}, needs_extra=True),
    Rule("decal", "multiply the reference onto the box [0.3, 0.3, 0.4, 0.3]", (
        "multiply <reference:reference> (onto|on|into|in|over|with) [surface|wall|texture|fabric|material] [in|at|inside] <box:box>",),
        None, values={"method": "multiply"}, needs_extra=True),
)  # fmt: skip
