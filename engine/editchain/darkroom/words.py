"""A prompt as words: spelling brought to one form, politeness left out, cut where one instruction ends."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from editchain.darkroom.slots import Token

LINE = "\n"
"""The end of a line, as a token: it ends an instruction, unless that goes on beyond it."""

JOINING = frozenset(("and", "with", "plus", "+", LINE))
"""Words that join two instructions, or are part of one."""

BUT = "but"
"""Joins two instructions where the second can stand by itself; else it begins an exception, which is refused."""

_TOKEN = re.compile(
    r"""(?P<mark>^[^\S\n]*(?:[0-9]{1,2}[.)]|[-–—*•·])(?=\s))
    |(?P<step>(?<=\s)(?:[0-9]{1,2}\)|/)(?=\s))
    |(?P<line>\n)
    |(?P<quoted>"[^"]*"|“[^”]*”|(?<![\w])'[^']+'(?![\w])|‘[^’]*’|«[^»]*»)
    |(?P<list>\[[^\[\]"]*\])
    |(?P<arrow>[-=]>|→)
    |(?P<bw>b\s?[&/n]\s?w(?![\w]))
    |(?P<hex>\#[0-9a-z]+)
    |(?P<number>(?:(?<![\w%])[+\-−])?(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|0,[0-9]+|[0-9]*\.[0-9]+|[0-9]+))
    |(?P<percent>%|per\s?cent(?![\w])|pct(?![\w]))
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
    "blacknwhite": "bw", "centered": "centred", "autoenhance": "enhance",
    "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9", "ten": "10",
    "twelve": "12", "fifteen": "15", "twenty": "20", "thirty": "30", "forty": "40", "fifty": "50", "sixty": "60",
    "seventy": "70", "eighty": "80", "ninety": "90",
}  # fmt: skip
_DROPPED = frozenset(
    (
        "please",
        "pls",
        "plz",
        "kindly",
        "just",
        "the",
        "a",
        "an",
        "some",
        "my",
        "our",
        "also",
        "finally",
        "maybe",
    )
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
        "can u", "could u", "can we", "could we", "hi", "hey", "hello", "help me", "give me", "i need",
        "i'd love", "i would love", "it needs", "this needs", "image needs", "photo needs", "picture needs", "needs",
        "it needs to be", "it needs to look", "this needs to be", "it could use", "could use", "it would be nice with", "i think it needs",
        "we need to", "edit it to be", "edit it to", "edit photo to", "edit image to",
    )
)  # fmt: skip
_CONJUNCTIONS = {
    ("as", "well", "as"): "and", ("along", "with"): "with", ("together", "with"): "with", ("followed", "by"): "then",
}  # fmt: skip
_ENDINGS = tuple(
    tuple(text.split())
    for text in ("for me", "if possible", "thanks", "thank you", "as well", "too", "now", "instead", "first")
)


def segments(prompt: str) -> Iterator[tuple[str, list[Token]]]:
    """The tokens between separators that no instruction goes across, after the separator before them."""
    segment: list[Token] = []
    before = ""
    for token in [*_joined_words(list(_tokens(prompt))), Token(".", 0, 0)]:
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
        case "step":
            return ";"
        case "number":
            return _number(said)
        case _:
            said = said.lower().replace("’", "'")
            text = said if said == "let's" else said.removesuffix("'s") or "'s"
            return _SPELLINGS.get(text, text)


def _number(said: str) -> str:
    """A number as Python reads it: "1,200", "0,5", ".5" and a minus sign as they are printed."""
    said = said.replace("−", "-")
    digits = said.lstrip("+-")
    sign = said.removesuffix(digits)
    digits = f"0.{digits[2:]}" if digits.startswith("0,") else digits.replace(",", "")
    return f"{sign}0{digits}" if digits.startswith(".") else sign + digits


def _joined_words(tokens: list[Token]) -> list[Token]:
    """With phrases such as "as well as" as the one word for which they stand."""
    made: list[Token] = []
    at = 0
    while at < len(tokens):
        texts = tuple(token.text for token in tokens[at : at + 3])
        words = next((words for words in _CONJUNCTIONS if texts[: len(words)] == words), None)
        if words is None:
            made.append(tokens[at])
            at += 1
        else:
            last = tokens[at + len(words) - 1]
            made.append(Token(_CONJUNCTIONS[words], tokens[at].start, last.end))
            at += len(words)
    return made


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
