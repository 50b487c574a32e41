"""What is said of a part of a prompt that is not understood: why, what would be, and what else could do it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import islice, product

from editchain.classes import dataclass
from editchain.darkroom.clauses import Strange, is_taking, is_value, read, says_how_much
from editchain.darkroom.offers import offered
from editchain.darkroom.rules import MACROS, macro_words, own_words, readable
from editchain.darkroom.slots import Token
from editchain.darkroom.slots import words as slot_words
from editchain.darkroom.vocabulary import RULES
from editchain.darkroom.words import JOINING
from editchain.imaging.colours import colour


@dataclass(frozen=True, slots=True)
class PromptProblem:
    """A part of the prompt that is not understood, and a sentence on what would be.

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
        ("png jpeg jpg webp avif tiff tif gif pdf heic svg format file files filesize kb mb compress export save download",
         "it changes pictures, not files", "a step with `operation: convert`"),
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
        ("remove erase delete get rid", "it does not know things by name, but takes a box or a mask", _EDITOR),
        ("extend outpaint uncrop expand", "it invents nothing beyond the frame", "a generative model that paints beyond the frame"),
        ("add put insert place draw give include want", "it cannot make new things", _EDITOR),
        ("replace swap change turn transform make convert recolour", "it does not know things and places by name", _EDITOR),
        ("photo image picture painting watercolour drawing portrait of", "it edits what is there and makes no picture from words",
         "a generative model that makes pictures from text"),
    )
)  # fmt: skip


_THINGS = _Reason(frozenset(), "it sees tones, colours and edges, not things", _EDITOR)
_OF_ANYTHING = _REASONS[-3:]
"""Those that go by words that people use of everything."""
_GENERAL = (*_OF_ANYTHING, _THINGS)


def too_long(prompt: str, most: int) -> PromptProblem:
    """A prompt of more characters than are read."""
    return PromptProblem(0, len(prompt), f"The prompt is longer than {most} characters.")


def nothing(prompt: str) -> PromptProblem:
    """A prompt without an instruction."""
    examples = '"make it black and white", "brighten by 20%" or "crop to 16:9"'
    return PromptProblem(0, len(prompt), "The prompt asks for nothing.", f"It might be {examples}.")


def not_understood(strange: Strange, prompt: str) -> PromptProblem:
    """A clause that no instruction reads, the words that none knows, and the nearest instructions."""
    tokens = strange.tokens
    start, end = tokens[0].start, tokens[-1].end
    clause = shown(prompt[start:end])
    if is_taking(strange.verb) and read(tokens):
        verb = shown(prompt[strange.verb[0].start : strange.verb[-1].end])
        message = f'After "{verb}" it is not clear whether "{clause}" is to be added or taken away.'
        return PromptProblem(start, end, message, f'Say "add {clause}", or "{verb} {clause}".')
    if says_how_much(tokens):
        message = f'"{clause}" says how much, and not of what.'
        return PromptProblem(start, end, message, 'It may be "slightly brighter", or "brighten by 20%".')
    unknown = [token for token in tokens if token.text not in _vocabulary() and not is_value(token)]
    message = f'The darkroom does not understand "{clause}"'
    if unknown and len(tokens) > len(unknown):
        listed = ", ".join(f'"{shown(prompt[token.start : token.end])}"' for token in unknown[:4])
        message += f": it does not know {listed}"
    right = _put_right(tokens, unknown, prompt)
    if right is not None:
        return PromptProblem(start, end, message + ".", f'Did you mean "{right}"?')
    meant, reason = _meant(tokens, unknown), _reason(tokens, unknown, strange.verb)
    if reason and not (meant and reason in _GENERAL):
        message += f"; {reason.why}. {reason.kind[:1].upper()}{reason.kind[1:]} could do this."
    elif not unknown and len(tokens) > 1:
        message += ": it knows the words, and no instruction that they make."
    else:
        message += "."
    near = meant or _alike(tokens)
    listed = " or ".join(f'"{one}"' for one in near)
    return PromptProblem(start, end, message, f"The nearest is {listed}." if near else None)


def shown(text: str) -> str:
    """Words of a prompt on one line, as much of them as a message bears."""
    text = " ".join(text.split())
    return text if len(text) <= 80 else text[:79] + "…"


def _reason(tokens: Sequence[Token], unknown: Sequence[Token], verb: Sequence[Token]) -> _Reason | None:
    """Why it cannot be done here, told by a word that is not known, else by the verb it begins with.

    Where every word is known, a verb that people use of everything tells nothing.
    """
    for said in ((*unknown, *tokens[:1]), verb):
        for reason in _REASONS if unknown else _REASONS[: -len(_OF_ANYTHING)]:
            if any(token.text in reason.words for token in said):
                return reason
    return _THINGS if unknown else None


@cache
def _vocabulary() -> frozenset[str]:
    """Every word that occurs in some phrase."""
    phrases = (own_words(phrase) for rule in RULES for phrase in rule.phrases)
    return macro_words().union(slot_words(), JOINING, ("degrees", "by"), *phrases)


def _put_right(tokens: Sequence[Token], unknown: Sequence[Token], prompt: str) -> str | None:
    """The same clause with misspelt words put right, or with a unit, where that is understood."""
    start, end = tokens[0].start, tokens[-1].end
    for words in islice(product(*(_respelt(token.text) for token in unknown)), 12):
        right = dict(zip(unknown, words, strict=True))
        if right and read([Token(right.get(token, token.text), token.start, token.end) for token in tokens]):
            return _mended(right, prompt, start, end)
    for at, token in enumerate(tokens):
        if token.text in _SIDES and read(
            (*tokens[: at + 1], Token("half", token.end, token.end), *tokens[at + 1 :])
        ):
            return f"{prompt[start : token.end]} half{prompt[token.end : end]}"
    last = tokens[-1]
    if not _is_number(last):
        return None
    for sign, unit in _UNITS:
        number = Token(sign + last.text, last.start, last.end)
        if float(last.text) <= 100 and read((*tokens[:-1], number, Token(unit, last.end, last.end))):
            return f"{prompt[start : last.start]}{sign}{prompt[last.start : end]}{unit}"
    return None


_UNITS = (("", "%"), ("+", "%"))
_SIDES = ("left", "right", "top", "bottom", "upper", "lower")


def _meant(tokens: Sequence[Token], unknown: Sequence[Token]) -> tuple[str, ...]:
    """Instructions that are meant by such words."""
    if {token.text for token in tokens} & _DENYING:
        return ()
    return _sides(tokens) or _tints(tokens) or offered(tokens, unknown)


def _sides(tokens: Sequence[Token]) -> tuple[str, ...]:
    """For a size in one number: which of the sides it may be of."""
    texts = [token.text for token in tokens]
    if texts[-1] == "p":
        texts.pop()
        sides: tuple[str, ...] = ("high",)
    else:
        texts = texts[:-1] if texts[-1] == "px" else texts
        sides = ("wide", "high")
    if (
        len(texts) < 2
        or texts[0] not in _SIZING
        or not texts[-1].isdecimal()
        or not 16 <= int(texts[-1]) <= 16384
    ):
        return ()
    return tuple(f"resize to {texts[-1]} px {side}" for side in sides)


_SIZING = frozenset(("resize", "scale", "shrink", "enlarge", "resample", "downscale", "make"))


def _tints(tokens: Sequence[Token]) -> tuple[str, ...]:
    """For a picture that is to be of a colour: a tint of it."""
    texts = [token.text for token in tokens]
    if len(texts) < 2 or not set(texts[:-1]) <= _MAKING or len(set(colour(texts[-1]) or (0,))) < 3:
        return ()
    return (f"tint it {texts[-1]}",)


_MAKING = frozenset(
    ("make", "turn", "it", "image", "picture", "photo", "all", "everything", "whole", "into", "look")
)


def _alike(tokens: Sequence[Token]) -> Sequence[str]:
    """Instructions that are alike in letters; none where those would be the opposite."""
    said = {token.text for token in tokens}
    if said & (_DENYING | _TURNING):
        return ()
    content = {token.text for token in tokens if not is_value(token)} - _common_words()
    akin = [rule.example for rule in RULES if content & set(rule.example.split())]
    import difflib  # not needed by prompts that are understood

    return difflib.get_close_matches(" ".join(token.text for token in tokens), akin, 3, 0.45)


_DENYING = frozenset(("not", "no", "don't", "without", "never", "except", "but", "only", "unless", "nor"))
"""What is said with these is the opposite of what is near."""

_TURNING = frozenset(("less", "reduce", "remove", "out"))


def _is_number(token: Token) -> bool:
    return is_value(token) and token.text[0] not in '#"['


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
    return difflib.get_close_matches(word, alike, 3, 0.8) if len(word) > 3 else []


@cache
def _common_words() -> frozenset[str]:
    """Words that carry no meaning of their own: make, it, add, look, by."""
    carriers = ("it", "how", "mk", "put", "on", "fx", "up", "down", "more", "less", "write")
    return frozenset().union(
        *(readable(MACROS[name]) - slot_words() for name in carriers), JOINING, ("by", "of", "%")
    )
