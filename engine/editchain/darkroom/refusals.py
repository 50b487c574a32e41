"""What is said of a part of a prompt that is not understood: why, what would be, and what else could do it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import islice, product

from editchain.classes import dataclass
from editchain.darkroom.clauses import Strange, is_taking, is_value, read
from editchain.darkroom.rules import MACROS, macro_words, own_words, readable
from editchain.darkroom.slots import Token
from editchain.darkroom.slots import words as slot_words
from editchain.darkroom.vocabulary import RULES
from editchain.darkroom.words import JOINING


@dataclass(frozen=True, slots=True)
class PromptProblem:
    """A part of the prompt that is not understood, and the nearest that would be.

    `needs` names the optional extra that has the instruction, where one has.
    """

    start: int
    end: int
    message: str
    suggestion: str | None = None
    needs: str | None = None


@dataclass(frozen=True, slots=True)
class _Reason:
    """Words that tell what is wanted, why it cannot be done here, and the kind of model that could."""

    words: frozenset[str]
    why: str
    kind: str


_EDITOR = "a generative model that edits by instruction"
_REASONS = tuple(
    _Reason(frozenset(words.split()), why, kind)
    for words, why, kind in (
        ("except but only unless without not don't never no nor", "exceptions and negations are refused rather than read by half",
         "a step with a mask or protect, which says what stays"),
        ("upscale enlarge resolution 4k 8k hd superresolution restore unblur deblur", "it adds no detail that is not there",
         "an upscaling or restoring model"),
        ("colourise colorize colourize", "it does not know what colours things had", _EDITOR),
        ("style van gogh monet picasso ghibli pixar anime disney warhol banksy", "it has the looks of its list, not the styles of artists or studios",
         f"{_EDITOR}, or one that takes a style as a reference"),
        ("text letters sign sentence spelling caption write wording headline", "it writes text in quotes and does not change text that is there",
         "a generative model that is good at lettering"),
        ("smile smiling face hair eyes skin dress shirt shoes hat beard glasses older younger age pose expression clothes outfit"
         " suit jacket makeup teeth wrinkles body slimmer thinner tattoo her his him she he woman man girl boy person people",
         "it does not know people and what they wear", f"{_EDITOR} and keeps likeness"),
        ("remove erase delete get rid", "it does not know things by name", f"{_EDITOR}; or say where: \"remove the object in the box [x, y, width, height]\""),
        ("extend outpaint uncrop expand zoom", "it invents nothing beyond the frame", "a generative model that paints beyond the frame"),
        ("add put insert place draw give include want", "it cannot make new things", _EDITOR),
        ("replace swap change turn transform make convert recolour", "it does not know things and places by name", _EDITOR),
        ("photo image picture painting watercolour drawing portrait of", "it edits what is there and makes no picture from words",
         "a generative model that makes pictures from text"),
    )
)  # fmt: skip


_THINGS = _Reason(frozenset(), "it sees tones, colours and edges, not things", _EDITOR)


def too_long(prompt: str, most: int) -> PromptProblem:
    """A prompt of more characters than are read."""
    return PromptProblem(0, len(prompt), f"The prompt is longer than {most} characters.")


def nothing(prompt: str) -> PromptProblem:
    """A prompt without an instruction."""
    examples = '"make it black and white", "brighten by 20%" or "crop to 16:9"'
    return PromptProblem(0, len(prompt), "The prompt asks for nothing.", examples)


def not_understood(strange: Strange, prompt: str) -> PromptProblem:
    """A clause that no instruction reads, the words that none knows, and the nearest instructions."""
    tokens = strange.tokens
    start, end = tokens[0].start, tokens[-1].end
    clause = shown(prompt[start:end])
    if is_taking(strange.verb) and read(tokens):
        verb = shown(prompt[strange.verb[0].start : strange.verb[-1].end])
        message = f'After "{verb}" it is not clear whether "{clause}" is to be added or taken away.'
        return PromptProblem(start, end, message, f'"add {clause}", or "{verb} {clause}"')
    unknown = [token for token in tokens if token.text not in _vocabulary() and not is_value(token)]
    message = f'The darkroom does not understand "{clause}"'
    if unknown and len(tokens) > len(unknown):
        listed = ", ".join(f'"{shown(prompt[token.start : token.end])}"' for token in unknown[:4])
        message += f": it does not know {listed}"
    suggestion = _nearest(tokens, unknown, prompt)
    reason = _reason(tokens, unknown, strange.verb)
    if reason and not _is_respelt(suggestion):
        message += f"; {reason.why}. {reason.kind[:1].upper()}{reason.kind[1:]} could do this."
    else:
        message += "."
    return PromptProblem(start, end, message, suggestion)


def shown(text: str) -> str:
    """Words of a prompt on one line, as much of them as a message bears."""
    text = " ".join(text.split())
    return text if len(text) <= 80 else text[:79] + "…"


def _reason(tokens: Sequence[Token], unknown: Sequence[Token], verb: Sequence[Token]) -> _Reason | None:
    """Why it cannot be done here, told by a word that is not known, else by the verb it begins with."""
    for said in ((*unknown, *tokens[:1]), verb):
        for reason in _REASONS:
            if any(token.text in reason.words for token in said):
                return reason
    return _THINGS if unknown else None


@cache
def _vocabulary() -> frozenset[str]:
    """Every word that occurs in some phrase."""
    phrases = (own_words(phrase) for rule in RULES for phrase in rule.phrases)
    return macro_words().union(slot_words(), JOINING, ("degrees", "by"), *phrases)


def _nearest(tokens: Sequence[Token], unknown: Sequence[Token], prompt: str) -> str | None:
    """The same clause with misspelt words put right, where that is understood; else similar instructions."""
    for words in islice(product(*(_respelt(token.text) for token in unknown)), 12):
        right = dict(zip(unknown, words, strict=True))
        if right and read([Token(right.get(token, token.text), token.start, token.end) for token in tokens]):
            return _mended(right, prompt, tokens[0].start, tokens[-1].end)
    with_unit = _with_percent(tokens)
    if with_unit is not None and read(with_unit):
        return prompt[tokens[0].start : tokens[-1].end] + "%"
    if any(token.text in _TURNING for token in tokens):
        return None  # what is nearest in letters would be the opposite
    said = " ".join(token.text for token in tokens)
    content = {token.text for token in tokens} - _common_words()
    akin = [rule.example for rule in RULES if content & set(rule.example.split())]
    import difflib  # not needed by prompts that are understood

    near = difflib.get_close_matches(said, akin, 3, 0.45)
    return " or ".join(f'"{example}"' for example in near) if near else None


_TURNING = frozenset(
    [
        "not",
        "no",
        "don't",
        "without",
        "never",
        "except",
        "but",
        "only",
        "unless",
        "nor",
        "less",
        "reduce",
        "remove",
        "out",
    ]
)


def _with_percent(tokens: Sequence[Token]) -> tuple[Token, ...] | None:
    """Where a clause ends in a number without a unit: the same with a per cent sign."""
    last = tokens[-1]
    return (*tokens, Token("%", last.end, last.end)) if is_value(last) and last.text[0] not in '#"[' else None


def _is_respelt(suggestion: str | None) -> bool:
    return suggestion is not None and not suggestion.startswith('"')


def _mended(right: Mapping[Token, str], prompt: str, start: int, end: int) -> str:
    text = ""
    for token, word in right.items():
        text += prompt[start : token.start] + word
        start = token.end
    return text + prompt[start:end]


def _respelt(word: str) -> list[str]:
    """Known words that a longer word may be a misspelling of, the nearest first."""
    import difflib

    alike = [known for known in sorted(_vocabulary()) if known[0] == word[0]]
    return difflib.get_close_matches(word, alike, 3, 0.75) if len(word) > 3 else []


@cache
def _common_words() -> frozenset[str]:
    """Words that carry no meaning of their own: make, it, add, look, by."""
    carriers = ("it", "how", "mk", "put", "on", "fx", "up", "down", "more", "less", "write")
    return frozenset().union(
        *(readable(MACROS[name]) - slot_words() for name in carriers), JOINING, ("by", "of", "%")
    )
