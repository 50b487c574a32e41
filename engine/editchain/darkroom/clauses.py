"""Where one instruction ends and the next begins: the longest clauses that are understood."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from functools import cache, lru_cache

from editchain.classes import dataclass
from editchain.darkroom.phrases import Captures, needed, whole
from editchain.darkroom.rules import Rule, macro_words, nodes
from editchain.darkroom.slots import NUMBER, Token
from editchain.darkroom.slots import words as slot_words
from editchain.darkroom.terms import LITTLE, LOT
from editchain.darkroom.vocabulary import RULES
from editchain.darkroom.words import BUT, JOINING, LINE, opening

GIVING = tuple(
    tuple(text.split())
    for text in (
        "increase", "raise", "boost", "enhance", "strengthen", "more", "add", "lift", "recover", "deepen", "darken",
        "brighten", "improve", "blur", "sharpen", "desaturate", "saturate", "warm", "cool", "soften", "lighten",
        "pixelate", "turn up", "bring up", "open up", "bump up", "dial up", "make", "give", "apply", "use", "crop",
    )
)  # fmt: skip
TAKING = tuple(
    tuple(text.split())
    for text in (
        "decrease", "reduce", "lower", "less", "remove", "cut", "drop", "weaken", "lessen", "clear", "delete", "erase",
        "get rid of", "turn down", "bring down", "cut back", "tone down", "dial down", "dial back", "take down",
        "pull back", "knock back", "clean up", "smooth out", "smooth", "strip", "take out", "trim", "crop off", "cut off",
    )
)  # fmt: skip
"""Verbs that the next clause may go without: "reduce the noise and the grain". After one that takes away, a thing
that stands alone is one more to be taken away."""


@dataclass(frozen=True, slots=True)
class Clause:
    """A part of the prompt that a rule reads: the values of its gaps, and how it stands to the one before.

    `joint` is the sign or word before it; `is_carried`: it goes without a verb of its own.
    """

    tokens: tuple[Token, ...]
    rule: Rule
    captures: Captures
    joint: str
    is_carried: bool = False

    @property
    def start(self) -> int:
        """Where its words begin in the prompt."""
        return self.tokens[0].start

    @property
    def end(self) -> int:
        """Where they end."""
        return self.tokens[-1].end


@dataclass(frozen=True, slots=True)
class Strange:
    """A part of the prompt that no rule reads, the verb that it may go on with, and the sign or word before it."""

    tokens: tuple[Token, ...]
    verb: tuple[Token, ...] = ()
    joint: str = ""


Verb = tuple[Token, ...]

_MOST_JOINTS = 8
_MOST_WORDS = 48


def clauses(segments: Iterable[tuple[str, list[Token]]]) -> Iterator[Clause | Strange]:
    """The clauses of all segments, in order; a verb is carried on over commas and joints, no farther."""
    verb: Verb = ()
    for before, tokens in segments:
        verb = yield from _clauses(tokens, before, verb if before == "," else ())


def _clauses(tokens: list[Token], joint: str, verb: Verb) -> Generator[Clause | Strange, None, Verb]:
    """Reads the longest clause that is understood, again and again; gives the verb that it ends with."""
    at = 0
    while at < len(tokens):
        if tokens[at].text == BUT and at + 1 < len(tokens):
            at, verb = yield from _contrast(tokens, at)
            joint = ""
            continue
        if tokens[at].text in JOINING:
            if tokens[at].text == LINE and joint not in JOINING:
                verb = ()
            joint = tokens[at].text
            at += 1
            continue
        found = _longest(tokens, at, verb, joint)
        if found is None and (skipped := opening(tokens[at:])):
            at += skipped
            continue
        if found is None:
            end = _next_start(tokens, at, verb)
            is_clear = LINE not in {token.text for token in tokens[end : end + 1]}
            yield Strange(_words(tokens[at:end]), verb, joint if is_clear else LINE)
        else:
            end, clause = found
            yield clause
            verb = verb_of(tokens[at:end]) or verb
        at, joint = end, ""
    return verb


def _contrast(tokens: list[Token], at: int) -> Generator[Clause | Strange, None, tuple[int, Verb]]:
    """After "but": a clause that says by itself what to do, "brighter but less saturated", or an exception."""
    found = _longest(tokens, at + 1, (), BUT)
    if found and _says_what_to_do(found[1].tokens):
        yield found[1]
        return found[0], verb_of(found[1].tokens)
    end = _next_start(tokens, at, ())
    yield Strange(_words(tokens[at:end]))
    return end, ()


def _longest(tokens: list[Token], at: int, verb: Verb, joint: str) -> tuple[int, Clause] | None:
    """The longest clause that begins here; the line alone, where that and what the next begins with are understood."""
    line = _line_end(tokens, at)
    if at < line < len(tokens):
        following = tokens[line + 1 : _line_end(tokens, line + 1)]
        found = _in_context(_words(tokens[at:line]), verb, joint)
        goes_on = not following or following[0].text in JOINING
        is_loose = joint == "," and says_how_much(tokens[at:line])
        if not goes_on and (found or is_loose) and _longest(following, 0, (), LINE):
            return (line, found) if found else None
    for end in _ends(tokens, at):
        span = _words(tokens[at:end])
        found = _in_context(span, verb, joint)
        if found:
            return end, found
    return None


def says_how_much(tokens: Sequence[Token]) -> bool:
    """ "Subtle", "20%": whether words say how much, and nothing of what."""
    is_said = any(token.text in LITTLE | LOT | {"%"} for token in tokens)
    return is_said and all(
        token.text in LITTLE | LOT | {"%", "by"} or NUMBER.fullmatch(token.text) for token in tokens
    )


def _in_context(span: tuple[Token, ...], verb: Verb, joint: str) -> Clause | None:
    """The clause by itself, or with the verb before it; after a verb that takes away, only what is sure."""
    alone = read(span)
    if joint == "with":
        verb = ()
    if not verb or (alone and not is_taking(verb)):
        return Clause(span, *alone, joint) if alone else None
    carried = read((*verb, *span))
    if alone and (_says_what_to_do(span) or (not carried and joint == ",")):
        return Clause(span, *alone, joint)
    if alone and carried and joint == ",":
        return None  # "remove the background, white border" may mean either
    return Clause(span, *carried, joint, is_carried=True) if carried else None


def _says_what_to_do(span: tuple[Token, ...]) -> bool:
    """Whether a clause needs no verb from before: it has one, or says what the picture is to become."""
    if span[0].text in _NOUNS_TOO:
        return len(span) > 1 and span[1].text in _OBJECTS
    has_verb = span[0].text in _VERBS or verb_of(span) != ()
    return has_verb or any(_is_comparative(token.text) for token in span[:3])


def _is_comparative(word: str) -> bool:
    return word in ("more", "less") or (
        word.endswith("er") and word not in ("border", "filter", "poster", "paper")
    )


_VERBS = frozenset(
    [
        "make",
        "turn",
        "convert",
        "change",
        "render",
        "transform",
        "switch",
        "process",
        "get",
        "bring",
        "give",
        "apply",
        "add",
        "use",
        "put",
        "create",
        "do",
        "try",
        "include",
        "want",
        "crop",
        "rotate",
        "flip",
        "resize",
        "scale",
        "fit",
        "pad",
        "extend",
        "expand",
        "write",
        "place",
        "paste",
        "blend",
        "print",
        "match",
        "replace",
        "swap",
        "keep",
        "recolour",
        "invert",
        "straighten",
        "level",
        "zoom",
        "halve",
        "double",
        "upscale",
        "enlarge",
        "round",
        "surround",
        "denoise",
        "dehaze",
        "auto",
        "posterise",
        "solarise",
        "mute",
        "cartoonise",
    ]
)
_NOUNS_TOO = frozenset(
    [
        "blur",
        "vignette",
        "sepia",
        "fade",
        "tint",
        "frame",
        "caption",
        "watermark",
        "overlay",
        "mirror",
        "warm",
        "cool",
        "lift",
        "shadow",
    ]
)
"""Words that may be what is done, or a thing that is done away with: "reduce the noise and blur"."""
_OBJECTS = frozenset((
    "it", "this", "everything", "image", "picture", "photo", "background", "subject", "sky", "face", "faces",
    "edges", "shadows", "highlights", "blacks", "whites", "colours", "tones", "midtones",
))  # fmt: skip


def verb_of(tokens: Sequence[Token]) -> Verb:
    """The verb that a clause begins with, where the next may go without it."""
    texts = tuple(token.text for token in tokens if token.text != LINE)
    found = [verb for verb in (*GIVING, *TAKING) if texts[: len(verb)] == verb]
    return tuple(tokens[: len(max(found, key=len))]) if found else ()


def is_taking(verb: Verb) -> bool:
    """Whether a verb takes something away."""
    return tuple(token.text for token in verb) in TAKING


def _ends(tokens: list[Token], at: int) -> list[int]:
    """Where a clause that begins here may end, the farthest first; none holds more than a few joints."""
    joints = [end for end in range(at + 1, len(tokens)) if tokens[end].text in (*JOINING, BUT)]
    return [*joints, len(tokens)][:_MOST_JOINTS][::-1]


def _line_end(tokens: Sequence[Token], at: int) -> int:
    return next((end for end in range(at, len(tokens)) if tokens[end].text == LINE), len(tokens))


def _next_start(tokens: list[Token], at: int, verb: Verb) -> int:
    """Where the next clause that is understood begins: what lies before it has one cause."""
    for end in range(at + 1, len(tokens)):
        if tokens[end].text in JOINING and end + 1 < len(tokens) and _longest(tokens, end + 1, verb, "and"):
            return end
    return len(tokens)


def _words(tokens: Sequence[Token]) -> tuple[Token, ...]:
    return tuple(token for token in tokens if token.text != LINE)


# ---- one clause and the rules


def read(tokens: Sequence[Token]) -> tuple[Rule, Captures] | None:
    """The first rule with a phrase that reads all of the tokens."""
    return _read(tuple(token.text for token in tokens))


@lru_cache(maxsize=4096)
def _read(texts: tuple[str, ...]) -> tuple[Rule, Captures] | None:
    tokens = [Token(text, 0, 0) for text in texts]
    words = frozenset(token.text for token in tokens if not is_value(token))
    telling = words - _shared_words()
    if len(tokens) > _MOST_WORDS:
        return None
    for rule, phrase in _telling(telling) if telling else _silent(words):
        captures = whole(nodes(phrase), tokens)
        if captures is not None:
            return rule, captures
    return None


def _telling(words: frozenset[str]) -> Iterator[tuple[Rule, str]]:
    """The phrases in whose text all the words stand: few, so that most phrases are never parsed."""
    for rule in RULES:
        if all(word in _text(rule) for word in words):
            for phrase in rule.phrases:
                if all(word in phrase for word in words):
                    yield rule, phrase


def _silent(words: frozenset[str]) -> Iterator[tuple[Rule, str]]:
    """The phrases that words alone may fit that stand in many: "more light"."""
    return ((rule, phrase) for rule, phrase, keys in _needing() if not keys or keys & words)


@cache
def _needing() -> tuple[tuple[Rule, str, frozenset[str]], ...]:
    """Every phrase with a set of words of which it needs one."""
    return tuple((rule, phrase, needed(nodes(phrase))) for rule in RULES for phrase in rule.phrases)


def is_value(token: Token) -> bool:
    """Whether a token is a number, a colour in hex, a list or quoted text."""
    return bool(NUMBER.fullmatch(token.text)) or token.text[:1] in ("#", '"', "[")


@cache
def _text(rule: Rule) -> str:
    return " ".join(rule.phrases)


@cache
def _shared_words() -> frozenset[str]:
    """Words that so many phrases read that they tell nothing of which one is meant."""
    return macro_words() | slot_words()
