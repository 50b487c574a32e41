"""A prompt as words: spelling brought to one form, politeness left out, cut where one instruction ends."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from editchain.darkroom.slots import Token

LINE = "\n"
"""The end of a line, as a token: it ends an instruction, unless that goes on beyond it."""

JOINING = frozenset(("and", "with", "plus", "+", LINE))
"""Words that join two instructions, or are part of one."""

_TOKEN = re.compile(
    r"""(?P<mark>^[^\S\n]*(?:[0-9]{1,2}[.)]|[-–—*•·])(?=\s))
    |(?P<line>\n)
    |(?P<quoted>"[^"]*"|“[^”]*”|(?<![\w])'[^']+'(?![\w])|‘[^’]*’|«[^»]*»)
    |(?P<list>\[[^\[\]"]*\])
    |(?P<arrow>[-=]>|→)
    |(?P<bw>b\s?[&/n]\s?w(?![\w]))
    |(?P<hex>\#[0-9a-z]+)
    |(?P<number>(?:(?<![\w%])[+\-−])?[0-9]+(?:\.[0-9]+)?)
    |(?P<percent>%|per\s?cent(?![\w]))
    |(?P<word>[^\W\d_]+(?:['’][^\W\d_]+)*)
    |(?P<sign>\S)""",
    re.VERBOSE | re.IGNORECASE | re.MULTILINE,
)
_SPELLINGS = {
    "color": "colour", "colors": "colours", "colored": "coloured", "colorful": "colourful", "gray": "grey",
    "grayscale": "greyscale", "center": "centre", "analog": "analogue", "posterize": "posterise",
    "posterized": "posterised", "solarize": "solarise", "solarized": "solarised", "normalize": "normalise",
    "pixels": "px", "pixel": "px", "degree": "degrees", "°": "degrees", "deg": "degrees", "×": "x",
    "&": "and", "pixellate": "pixelate", "pixellated": "pixelated", "emphasize": "emphasise",
    "coloring": "colouring", "decolorize": "decolour", "decolorise": "decolour", "decolourise": "decolour",
    "recolor": "recolour", "colorfulness": "colourfulness", "watercolor": "watercolour", "bgs": "backgrounds",
    "cartoonize": "cartoonise", "anonymize": "anonymise", "unrecognizable": "unrecognisable",
    "bg": "background", "backdrop": "background", "pic": "picture", "pics": "pictures", "color-pop": "colour pop",
    "greyed": "greyed", "desaturated": "desaturated", "blacknwhite": "bw",
}  # fmt: skip
_DROPPED = frozenset(
    ("please", "kindly", "just", "the", "a", "an", "some", "my", "our", "also", "finally")
) | frozenset("-–—\"()'*_`")
_HARD = frozenset((",", ";", ".", "!", "?", "then", "…", "→"))
_OPENINGS = tuple(
    tuple(text.split())
    for text in (
        "can you", "could you", "would you", "will you", "i want you to", "i want to", "i want it", "i want",
        "i would like you to", "i would like to", "i would like", "i'd like you to", "i'd like to",
        "i'd like",
        "let's", "let us", "try to", "go ahead", "first", "next", "now", "after that", "afterwards", "lastly",
        "i need you to", "i need to", "you can", "second", "secondly", "firstly",
        "we need to", "edit it to be", "edit it to", "edit photo to", "edit image to",
    )
)  # fmt: skip
_ENDINGS = tuple(
    tuple(text.split())
    for text in ("for me", "if possible", "thanks", "thank you", "as well", "too", "now", "instead", "first")
)


def segments(prompt: str) -> Iterator[tuple[str, list[Token]]]:
    """The tokens between separators that no instruction goes across, after the separator before them."""
    segment: list[Token] = []
    before = ""
    for token in [*_tokens(prompt), Token(".", 0, 0)]:
        if token.text == LINE:
            segment = segment[: len(segment) - _ending(segment)]
        if token.text not in _HARD:
            segment.append(token)
            continue
        segment = _without_politeness(segment)
        if segment:
            yield before, segment
            before = token.text
        elif token.text != ",":
            before = token.text
        segment = []


def opening(tokens: Sequence[Token]) -> int:
    """How many words of politeness or order the tokens begin with."""
    texts = tuple(token.text for token in tokens[:6])
    return max((len(one) for one in _OPENINGS if texts[: len(one)] == one), default=0)


def _tokens(prompt: str) -> Iterator[Token]:
    for found in _TOKEN.finditer(prompt):
        text = _text(found)
        if text and text not in _DROPPED:
            yield Token(text, *found.span())


def _text(found: re.Match[str]) -> str:
    """The one form of a word, number or sign; nothing for the mark of a line in a list."""
    said = found.group()
    match found.lastgroup:
        case "mark":
            return ""
        case "quoted":
            return '"' + said[1:-1]
        case "bw":
            return "bw"
        case "percent":
            return "%"
        case "arrow":
            return "→"
        case "number":
            return said.replace("−", "-")
        case _:
            said = said.lower().replace("’", "'")
            text = said if said == "let's" else said.removesuffix("'s") or "'s"
            return _SPELLINGS.get(text, text)


def _without_politeness(segment: list[Token]) -> list[Token]:
    """Without the words of politeness and order at both ends, and the joints there."""
    before = -1
    while len(segment) != before:
        before = len(segment)
        while segment and segment[0].text in JOINING:
            segment = segment[1:]
        while segment and segment[-1].text == LINE:
            segment = segment[:-1]
        if skipped := opening(segment):
            segment = segment[skipped:]
            continue
        segment = segment[: len(segment) - _ending(segment)]
    return segment


def _ending(tokens: Sequence[Token]) -> int:
    """How many words of politeness the tokens end with."""
    texts = tuple(token.text for token in tokens[-6:])
    return max((len(one) for one in _ENDINGS if texts[-len(one) :] == one), default=0)
