"""From a prompt to the edits that it asks for, or to what is not understood; it never guesses."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from itertools import islice, product
from types import MappingProxyType

from editchain.classes import dataclass
from editchain.darkroom.phrases import Captures, Sequence_, needed, parse, whole, words
from editchain.darkroom.slots import NUMBER, Token, Unfit
from editchain.darkroom.slots import words as slot_words
from editchain.darkroom.vocabulary import REFERRING, RULES, SHAPING, Rule, macros
from editchain.imaging.extra import INSTALL, is_installed

MAX_LENGTH = 4096
MAX_EDITS = 32


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit that a prompt asks for, its values, and where in the prompt it stands."""

    name: str
    values: Mapping[str, object]
    start: int
    end: int


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
class Compiled:
    """What a prompt comes to. Nothing of it is carried out while there are problems."""

    edits: tuple[Edit, ...]
    problems: tuple[PromptProblem, ...]


def compile(prompt: str, has_extra: bool | None = None) -> Compiled:  # noqa: A001 - that is what it does
    """The edits of a prompt in the order in which they are written, and its problems; never raises.

    Without the extra, instructions that need it are problems; None looks whether it is installed.
    """
    return _compiled(prompt, has_extra)


@lru_cache(maxsize=1024)
def _compiled(prompt: str, has_extra: bool | None) -> Compiled:
    if len(prompt) > MAX_LENGTH:
        return Compiled(
            (), (PromptProblem(0, len(prompt), f"The prompt is longer than {MAX_LENGTH} characters."),)
        )
    edits: list[Edit] = []
    problems: list[PromptProblem] = []
    for segment in _segments(_tokens(prompt)):
        for found in _clauses(segment, prompt, has_extra):
            if isinstance(found, Edit):
                edits.append(found)
            else:
                problems.append(found)
    if not edits and not problems:
        problems.append(PromptProblem(0, len(prompt), "The prompt asks for nothing.", _examples()))
    if len(edits) > MAX_EDITS:
        at = edits[MAX_EDITS]
        problems.append(PromptProblem(at.start, at.end, f"A prompt takes at most {MAX_EDITS} edits."))
    return Compiled(tuple(edits), tuple(problems))


def instructions() -> tuple[tuple[str, str], ...]:
    """Every edit's name with an example that is accepted, in the order of the vocabulary."""
    return tuple((rule.edit, rule.example) for rule in RULES)


def changes_shape(edits: Sequence[Edit]) -> tuple[Edit, ...]:
    """Those that change size, outline or frame: no mask goes with them, and strength leaves them whole."""
    return tuple(edit for edit in edits if edit.name in SHAPING)


def uses_reference(edits: Sequence[Edit]) -> tuple[Edit, ...]:
    """Those that look at a reference image."""
    return tuple(
        edit
        for edit in edits
        if edit.name in REFERRING or (edit.name == "replace_background" and edit.values["colour"] is None)
    )


def misfits(edits: Sequence[Edit], fields: Collection[str]) -> Iterator[PromptProblem]:
    """What of the edits cannot go with the fields that a step gives, or lacks one that it does not."""
    if "mask" in fields:
        for edit in changes_shape(edits):
            yield PromptProblem(
                edit.start,
                edit.end,
                f'A mask says where a picture is edited, but "{edit.name}" changes its shape or frame.',
                "Do that in a step of its own.",
            )
    if "references" not in fields:
        for edit in uses_reference(edits):
            message = f'"{edit.name}" takes a reference, and there are no references.'
            yield PromptProblem(edit.start, edit.end, message, "Give one under references.")


def unused(prompt: str, edits: Sequence[Edit], fields: Collection[str]) -> Iterator[PromptProblem]:
    """Fields that a step gives and that none of the edits uses."""
    if "references" in fields and not uses_reference(edits):
        message = "There are references, but no instruction of the prompt uses them."
        yield PromptProblem(
            0, len(prompt), message, 'Say "match the colours of the reference", or leave them out.'
        )


# ---- words

_TOKEN = re.compile(
    r"""(?P<quoted>"[^"]*"|“[^”]*”|(?<![\w])'[^']+'(?![\w])|‘[^’]*’|«[^»]*»)
    |(?P<bw>b\s?[&/n]\s?w(?![\w]))
    |(?P<hex>\#[0-9a-z]+)
    |(?P<number>(?:(?<![\w%])[+\-−])?[0-9]+(?:\.[0-9]+)?)
    |(?P<percent>%|per\s?cent(?![\w]))
    |(?P<word>[^\W\d_]+(?:['’][^\W\d_]+)*)
    |(?P<sign>\S)""",
    re.VERBOSE | re.IGNORECASE,
)
_SPELLINGS = {
    "color": "colour", "colors": "colours", "colored": "coloured", "colorful": "colourful", "gray": "grey",
    "grayscale": "greyscale", "center": "centre", "analog": "analogue", "posterize": "posterise",
    "posterized": "posterised", "solarize": "solarise", "solarized": "solarised", "normalize": "normalise",
    "pixels": "px", "pixel": "px", "degree": "degrees", "°": "degrees", "deg": "degrees", "×": "x",
    "&": "and",
    "pixellate": "pixelate", "pixellated": "pixelated", "emphasize": "emphasise", "coloring": "colouring",
    "decolorize": "decolour", "decolorise": "decolour", "decolourise": "decolour", "counter": "counter",
}  # fmt: skip
_DROPPED = frozenset(
    ("please", "kindly", "just", "the", "a", "an", "some", "my", "our", "also", "finally")
) | frozenset("-–—\"()'*_`")
_HARD = frozenset((",", ";", ".", "!", "?", "then", "\n", "…"))
_SOFT = frozenset(("and", "with", "plus", "+"))
_OPENINGS = tuple(
    tuple(text.split())
    for text in (
        "can you", "could you", "would you", "will you", "i want you to", "i want to", "i want it", "i want",
        "i would like you to", "i would like to", "i would like", "i'd like you to", "i'd like to",
        "i'd like",
        "let's", "let us", "try to", "go ahead", "first", "next", "now", "after that", "afterwards",
        "i need you to",
        "we need to", "edit it to be", "edit it to", "edit photo to", "edit image to",
    )
)  # fmt: skip
_ENDINGS = tuple(
    tuple(text.split())
    for text in ("for me", "if possible", "thanks", "thank you", "as well", "too", "now", "instead")
)
_CARRIED = frozenset(
    (
        "increase",
        "raise",
        "boost",
        "enhance",
        "strengthen",
        "decrease",
        "reduce",
        "lower",
        "more",
        "less",
        "add",
        "lift",
        "recover",
        "deepen",
        "darken",
        "brighten",
        "improve",
    )
)


def _tokens(prompt: str) -> list[Token]:
    return [token for found in _TOKEN.finditer(prompt) for token in _token(found)]


def _token(found: re.Match[str]) -> Iterator[Token]:
    start, end = found.span()
    match found.lastgroup:
        case "quoted":
            yield Token('"' + found.group()[1:-1], start, end)
        case "bw":
            yield Token("bw", start, end)
        case "percent":
            yield Token("%", start, end)
        case "number":
            yield Token(found.group().replace("−", "-"), start, end)
        case _:
            text = found.group().lower().replace("’", "'").removesuffix("'s") or "'s"
            text = _SPELLINGS.get(text, "let's" if found.group().lower() in ("let's", "let’s") else text)
            if text not in _DROPPED:
                yield Token(text, start, end)


def _segments(tokens: list[Token]) -> Iterator[list[Token]]:
    """The tokens between separators that nothing goes across."""
    segment: list[Token] = []
    for token in [*tokens, Token(".", 0, 0)]:
        if token.text not in _HARD:
            segment.append(token)
            continue
        segment = _without(segment)
        if segment:
            yield segment
        segment = []


def _without(segment: list[Token]) -> list[Token]:
    """Without the words of politeness and order at both ends."""
    texts = tuple(token.text for token in segment)
    while any(texts[: len(opening)] == opening for opening in _OPENINGS):
        longest = max(len(opening) for opening in _OPENINGS if texts[: len(opening)] == opening)
        segment, texts = segment[longest:], texts[longest:]
        while texts and texts[0] in _SOFT:
            segment, texts = segment[1:], texts[1:]
    for ending in _ENDINGS:
        if texts[-len(ending) :] == ending:
            segment, texts = segment[: -len(ending)], texts[: -len(ending)]
    return segment


# ---- clauses


def _clauses(tokens: list[Token], prompt: str, has_extra: bool | None) -> Iterator[Edit | PromptProblem]:
    """Reads the longest clause that is understood, again and again; `and` joins two or is part of one."""
    at, verb = 0, None
    while at < len(tokens):
        if tokens[at].text in _SOFT:
            at += 1
            continue
        found = _longest(tokens, at, verb)
        if found is None:
            end = _next_start(tokens, at, verb)
            yield _not_understood(tokens[at:end], prompt)
            at = end
            continue
        end, rule, captures = found
        if rule.needs_extra and not (is_installed() if has_extra is None else has_extra):
            yield _lacking(tokens[at:end], prompt)
        else:
            yield _edit(tokens[at:end], rule, captures)
        verb = tokens[at] if tokens[at].text in _CARRIED else verb
        at = end


def _longest(tokens: list[Token], at: int, verb: Token | None) -> tuple[int, Rule, Captures] | None:
    for end in _ends(tokens, at):
        found = _read(tokens[at:end]) or (_read([verb, *tokens[at:end]]) if verb else None)
        if found:
            return end, *found
    return None


def _ends(tokens: list[Token], at: int) -> list[int]:
    """Where a clause that begins here may end, the farthest first."""
    return [len(tokens), *(end for end in range(len(tokens) - 1, at, -1) if tokens[end].text in _SOFT)]


def _next_start(tokens: list[Token], at: int, verb: Token | None) -> int:
    """Where the next clause that is understood begins: what lies before it has one cause."""
    for end in range(at + 1, len(tokens)):
        if tokens[end].text in _SOFT and end + 1 < len(tokens) and _longest(tokens, end + 1, verb):
            return end
    return len(tokens)


def _read(tokens: Sequence[Token]) -> tuple[Rule, Captures] | None:
    """The first rule with a phrase that reads all of the tokens."""
    texts = {token.text for token in tokens}
    # What no macro and no slot can read has to stand in the phrase itself, so that few phrases need to be parsed.
    literal = [text for text in texts if text.isalpha() and text not in _shared_words()]
    for rule in RULES:
        for phrase in rule.phrases:
            if not all(text in phrase for text in literal):
                continue
            nodes, keys = _parsed(phrase)
            captures = whole(nodes, tokens) if not keys or keys & texts else None
            if captures is not None:
                return rule, captures
    return None


@cache
def _parsed(phrase: str) -> tuple[Sequence_, frozenset[str]]:
    """The nodes of a phrase, and words of which every text that fits holds one."""
    nodes = parse(phrase, macros())
    return nodes, needed(nodes)


@cache
def _shared_words() -> frozenset[str]:
    """Every word that a macro or a slot can read."""
    return slot_words() | frozenset().union(*(words(nodes) for nodes in macros().values()))


def _lacking(tokens: Sequence[Token], prompt: str) -> PromptProblem:
    start, end = tokens[0].start, tokens[-1].end
    message = f'"{_shown(prompt[start:end])}" needs numpy and OpenCV, which are not installed.'
    return PromptProblem(start, end, message, f"{INSTALL} adds them.", needs="darkroom")


def _edit(tokens: Sequence[Token], rule: Rule, captures: Captures) -> Edit | PromptProblem:
    start, end = tokens[0].start, tokens[-1].end
    values = dict(rule.values)
    amount = rule.amounts.usual if rule.amounts else None
    for name, value in captures:
        if isinstance(value, Unfit):
            return PromptProblem(start, end, f"{value.reason[:1].upper()}{value.reason[1:]}.")
        if name not in ("little", "lot", "percent", "amount"):
            values[name] = value
    if rule.amounts:
        said = dict(captures)
        given = said.get("percent", said.get("amount"))
        if isinstance(given, float):
            amount = given
        elif "lot" in said:
            amount = rule.amounts.lot
        elif "little" in said:
            amount = rule.amounts.little
        if amount is not None and abs(amount) > rule.amounts.most:
            most = f"{rule.amounts.most:.0%}"
            return PromptProblem(start, end, f"{amount:.0%} is more than the {most} that this edit takes.")
        values.setdefault("amount", round(rule.sign * (amount or 0.0), 6))
    return Edit(rule.edit, MappingProxyType(values), start, end)


# ---- what to say instead

_NEGATIONS = frozenset(
    (
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
    )
)
_REASONS = (
    (frozenset(("add", "put", "insert", "place", "draw", "give")), "it cannot make new things"),
    (frozenset(("remove", "erase", "delete")), "it cannot tell things apart, so it cannot remove one"),
    (
        frozenset(("replace", "swap", "change", "recolour")),
        "it cannot tell things apart, so it cannot change one",
    ),
)


def _not_understood(tokens: Sequence[Token], prompt: str) -> PromptProblem:
    start, end = tokens[0].start, tokens[-1].end
    clause = _shown(prompt[start:end])
    known = _vocabulary()
    strange = [token for token in tokens if token.text not in known and not _is_plain_number(token)]
    message = f'The darkroom does not understand "{clause}"'
    if strange and len(tokens) > len(strange):
        listed = ", ".join(f'"{_shown(prompt[token.start : token.end])}"' for token in strange[:4])
        message += f": it does not know {listed}"
    reason = next((said for verbs, said in _REASONS if tokens[0].text in verbs), None)
    message += f"; it edits tone, colour and framing of a whole picture, and {reason}." if reason else "."
    return PromptProblem(start, end, message, _nearest(tokens, strange, prompt))


def _shown(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 80 else text[:79] + "…"


def _is_plain_number(token: Token) -> bool:
    return bool(NUMBER.fullmatch(token.text)) or token.text.startswith(("#", '"'))


@cache
def _vocabulary() -> frozenset[str]:
    """Every word that occurs in some phrase."""
    phrases = (words(_parsed(phrase)[0]) for rule in RULES for phrase in rule.phrases)
    return frozenset().union(*phrases) | slot_words() | _SOFT | frozenset(("%", ":"))


def _nearest(tokens: Sequence[Token], strange: Sequence[Token], prompt: str) -> str | None:
    """The same clause with misspelt words put right, where that is understood; else similar instructions."""
    for words_ in islice(product(*(_respelt(token.text) for token in strange)), 12):
        right = dict(zip(strange, words_, strict=True))
        if right and _read([Token(right.get(token, token.text), token.start, token.end) for token in tokens]):
            return _mended(right, prompt, tokens[0].start, tokens[-1].end)
    if any(token.text in _NEGATIONS for token in tokens):
        return None  # what is nearest in letters would be the opposite
    said = " ".join(token.text for token in tokens)
    content = {token.text for token in tokens} - _common_words()
    akin = [example for _, example in instructions() if content & set(example.split())]
    import difflib

    near = difflib.get_close_matches(said, akin, 3, 0.45)
    return " or ".join(f'"{example}"' for example in near) if near else None


def _mended(right: Mapping[Token, str], prompt: str, start: int, end: int) -> str:
    text = ""
    for token, word in right.items():
        text += prompt[start : token.start] + word
        start = token.end
    return text + prompt[start:end]


def _respelt(word: str) -> list[str]:
    """Known words that a longer word may be a misspelling of, the nearest first."""
    alike = [known for known in sorted(_vocabulary()) if known[0] == word[0]]
    import difflib

    return difflib.get_close_matches(word, alike, 3, 0.75) if len(word) > 3 else []


@cache
def _common_words() -> frozenset[str]:
    """Words that carry no meaning of their own: make, it, add, look, by."""
    carriers = ("it", "how", "mk", "put", "on", "fx", "up", "down", "more", "less", "write")
    return frozenset().union(*(words(macros()[name]) for name in carriers), _SOFT, ("by", "of", "%"))


def _examples() -> str:
    return '"make it black and white", "brighten by 20%" or "crop to 16:9"'
