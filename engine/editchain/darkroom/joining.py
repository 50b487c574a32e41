"""What neighbouring clauses say of each other: a part of the picture or an amount that both share, or may share."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import replace

from editchain.darkroom.clauses import Clause, Strange, is_value, read, verb_of
from editchain.darkroom.phrases import Captures
from editchain.darkroom.refusals import PromptProblem, shown
from editchain.darkroom.slots import SLOTS, Token
from editchain.darkroom.terms import LITTLE, LOT
from editchain.darkroom.vocabulary import WHOLE
from editchain.darkroom.words import BUT

_DEGREES = ("little", "lot", "percent")
_PLACES = {"blur_background": "background", "replace_background": "background", "replace_sky": "sky"}
_JOINTS = ("and", "plus", "+", BUT)
_TOGETHER = (*_JOINTS, "with", ",", "then", "→")
"""What joins clauses that may share something; a line, a sentence or what a semicolon ends stands by itself."""
_PRONOUNS = frozenset(("it", "this"))

Found = Clause | Strange | PromptProblem


def joined(found: Iterable[Clause | Strange], prompt: str) -> Iterator[Found]:
    """The clauses, each with what it takes over from its neighbours; a problem where that is not clear."""
    held: Clause | None = None  # until what follows it is known
    for clause in found:
        before, one = _pair(held, clause, prompt) if held is not None else (None, clause)
        if before is not None:
            yield before
        held = one if isinstance(one, Clause) else None
        if held is None:
            yield one
    if held is not None:
        yield held


def _pair(first: Clause, second: Clause | Strange, prompt: str) -> tuple[Found | None, Found]:
    """Two neighbours as they are to be understood together; no first where the second says it too."""
    if second.joint == "," and (isinstance(second, Strange) or second.is_carried):
        added = _with_an_addition(first, second)
        if added is not None:
            return None, added
    if not isinstance(second, Clause) or second.joint not in _TOGETHER:
        return first, second
    if second.is_carried and _place(second) and _has_an_exception(first):
        return first, _unclear(second, f"the {_place(second)} may be left out as well, or be changed", prompt)
    if second.is_carried and second.rule is first.rule and second.captures == first.captures:
        return None, replace(second, tokens=(*first.tokens, *second.tokens))
    head = _up_to_the_part(first)
    is_open = _is_bare(second) and _region(second) is None and second.rule.edit not in WHOLE
    if head and is_open:
        is_plain = _is_comparative(second) or len(second.tokens) == 1
        inherited = _with_the_same_part(head, second) if second.joint in _JOINTS and is_plain else None
        if inherited is not None:
            return first, inherited
        if second.joint in _JOINTS or _is_comparative(second):
            return first, _unclear(second, _either(first), prompt)
    if second.is_carried and is_open and _place(first) and not head:
        return first, _unclear(second, _either(first), prompt)
    place = _place(first) if second.joint in _JOINTS else _region(first)
    if place and _has_pronoun(second) and second.rule.edit not in WHOLE:
        return first, _unclear(second, f'"it" may be the {_place(first)} or the whole picture', prompt)
    may_share = _lacks_an_object(first) or (_is_bare(second) and first.rule.edit not in WHOLE)
    if second.joint in _JOINTS and _place(second) and not _place(first) and may_share:
        return _unclear(first, _either(second), prompt), second
    if second.joint == "and":
        return _with_the_same_amount(first, second)
    return first, second


def _with_an_addition(first: Clause, second: Clause | Strange) -> Clause | None:
    """ "A vignette, subtle" and "the text "SALE", top left, in red": after the comma the same instruction goes on."""
    if first.is_carried:
        return None
    start = second.tokens[0].start
    for between in ((), (Token("with", start, start),)):
        tokens = (*first.tokens, *between, *second.tokens)
        found = read(tokens)
        if found is not None and found[0].edit == first.rule.edit:
            return replace(first, tokens=tokens, rule=found[0], captures=found[1])
    return None


def _has_an_exception(clause: Clause) -> bool:
    """Whether a clause is about "everything but", or around, something."""
    texts = [token.text for token in clause.tokens]
    return any(
        one in ("everything", "all") and next_ in ("but", "except", "around", "behind")
        for one, next_ in itertools.pairwise(texts)
    )


def _either(clause: Clause) -> str:
    return f"it may be meant for the {_place(clause)} alone or for the whole picture"


def _with_the_same_part(head: tuple[Token, ...], second: Clause) -> Clause | None:
    """ "Make the sky darker and bluer": the second is about the sky too."""
    found = read((*head, *second.tokens))
    if found is None or (found[0].edit in WHOLE and found[0].edit not in _PLACES):
        return None
    return replace(second, rule=found[0], captures=found[1])


def _up_to_the_part(clause: Clause) -> tuple[Token, ...]:
    """ "Make the sky", of "make the sky darker": where a part of the picture is named before what it becomes."""
    for at in range(1, min(4, len(clause.tokens))):
        found = SLOTS["region"](clause.tokens, at)
        if found and found[1] == _region(clause) and found[0] < len(clause.tokens):
            return clause.tokens[: found[0]]
    return ()


def _with_the_same_amount(first: Clause, second: Clause) -> tuple[Clause, Clause]:
    """ "Increase contrast and saturation by 20%" and "slightly warmer and brighter" say of both how much."""
    is_alike = second.is_carried or (_is_adjective(first) and _is_adjective(second))
    if not is_alike or first.rule.amounts is None or second.rule.amounts is None:
        return first, second
    ours, theirs = _degree(first.captures), _degree(second.captures)
    if theirs and not ours and _trails(second):
        return replace(first, captures=(*first.captures, *theirs)), second
    if ours and not theirs and _is_adjective(second) and not _trails(first):
        return first, replace(second, captures=(*second.captures, *ours))
    return first, second


def _degree(captures: Captures) -> Captures:
    return tuple((name, value) for name, value in captures if name in _DEGREES)


def _trails(clause: Clause) -> bool:
    """Whether a clause ends with how much: "brighter by 10%", "contrast a little"."""
    last = clause.tokens[-1].text
    return len(clause.tokens) > 1 and (last == "%" or last in LITTLE | LOT)


def _is_adjective(clause: Clause) -> bool:
    """Whether a clause is no more than what the picture is to become, and how much: "a little warmer"."""
    rest = [token.text for token in clause.tokens if token.text not in ("by", "%") and not is_value(token)]
    return _is_comparative(clause) and len([text for text in rest if text not in LITTLE | LOT]) <= 2


def _is_comparative(clause: Clause) -> bool:
    return any(token.text.endswith("er") or token.text in ("more", "less") for token in clause.tokens)


def _is_bare(clause: Clause) -> bool:
    """Whether a clause has neither a verb nor a word for the picture of its own."""
    return clause.is_carried or not (
        verb_of(clause.tokens)
        or _has_pronoun(clause)
        or clause.tokens[0].text in ("make", "turn", "put", "set")
    )


def _lacks_an_object(clause: Clause) -> bool:
    """ "Brighten", of "brighten and sharpen the subject": a verb with nothing after it."""
    texts = {token.text for token in clause.tokens}
    if clause.rule.edit in WHOLE or texts & _PRONOUNS or len(clause.tokens) > 2:
        return False
    it = Token("it", clause.end, clause.end)
    found = read((*clause.tokens, it))
    return found is not None and found[0] is clause.rule and bool(verb_of(clause.tokens))


def _has_pronoun(clause: Clause) -> bool:
    return any(token.text in _PRONOUNS for token in clause.tokens)


def _region(clause: Clause) -> object:
    return dict(clause.captures).get("region")


def _place(clause: Clause) -> str | None:
    """The part of the picture that a clause is about."""
    region = _region(clause)
    if region is None:
        return _PLACES.get(clause.rule.edit)
    return region if isinstance(region, str) else "box"


def _unclear(clause: Clause, why: str, prompt: str) -> PromptProblem:
    said = shown(prompt[clause.start : clause.end])
    return PromptProblem(
        clause.start, clause.end, f'It is not clear what "{said}" is for: {why}.',
        "Name the part in each instruction, or say \"the photo\" for the whole.",
    )  # fmt: skip
