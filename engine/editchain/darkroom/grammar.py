"""From a prompt to the edits that it asks for, or to what is not understood; it never guesses."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType

from editchain.classes import dataclass
from editchain.darkroom import refusals
from editchain.darkroom.clauses import Clause, Strange, clauses
from editchain.darkroom.joining import joined
from editchain.darkroom.refusals import PromptProblem
from editchain.darkroom.rules import Amounts
from editchain.darkroom.slots import Unfit
from editchain.darkroom.vocabulary import MASKABLE, RULES, SHAPING, WHOLE
from editchain.darkroom.words import segments
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
    limit: str | None = None


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
        return Compiled((), (refusals.too_long(prompt, MAX_LENGTH),))
    edits: list[Edit] = []
    problems: list[PromptProblem] = []
    for found in joined(clauses(segments(prompt)), prompt):
        if isinstance(found, Clause):
            made = _edit(found, prompt, has_extra)
            made = (_written_over(made, edits) if isinstance(made, Edit) else None) or made
        else:
            made = refusals.not_understood(found, prompt) if isinstance(found, Strange) else found
        if isinstance(made, Edit):
            edits.append(made)
        else:
            problems.append(made)
        if len(edits) > MAX_EDITS or len(problems) > MAX_EDITS:
            break
    if not edits and not problems:
        problems.append(refusals.nothing(prompt))
    if len(edits) > MAX_EDITS:
        at = edits[MAX_EDITS]
        problems.append(PromptProblem(at.start, at.end, f"A prompt takes at most {MAX_EDITS} edits."))
    return Compiled(tuple(edits), tuple(problems))


def _written_over(edit: Edit, before: Sequence[Edit]) -> PromptProblem | None:
    """What is wrong with a text that would lie over another."""
    anchor = edit.values.get("anchor")
    there = [one.values["text"] for one in before if one.name == "text" and one.values["anchor"] == anchor]
    if edit.name != "text" or not there:
        return None
    where = str(anchor).replace("_", " ")
    message = f'"{edit.values["text"]}" and "{there[0]}" would lie over each other at the {where}.'
    return PromptProblem(edit.start, edit.end, message, 'Say where each is: "at the top", "at the bottom".')


def instructions() -> tuple[tuple[str, str], ...]:
    """Every edit's name with an example that is accepted, in the order of the vocabulary."""
    return tuple((rule.edit, rule.example) for rule in RULES)


def changes_shape(edits: Sequence[Edit]) -> tuple[Edit, ...]:
    """Those that change size, outline or frame: strength leaves them whole."""
    return tuple(edit for edit in edits if edit.name in SHAPING)


def uses_reference(edits: Sequence[Edit]) -> tuple[Edit, ...]:
    """Those that look at a reference image."""
    return tuple(edit for edit in edits if "reference" in edit.values)


def misfits(edits: Sequence[Edit], fields: Collection[str]) -> Iterator[PromptProblem]:
    """What of the edits cannot go with the fields that a step gives, or lacks one that it does not."""
    if "mask" in fields:
        for edit in changes_shape(edits):
            if edit.name not in MASKABLE:
                yield PromptProblem(
                    edit.start,
                    edit.end,
                    f'A mask says where a picture is edited, but "{edit.name}" changes its shape or frame.',
                    "Do that in a step of its own.",
                )
    else:
        for edit in edits:
            if edit.name == "inpaint" and "box" not in edit.values:
                message = "What is marked is what a mask marks, and there is no mask."
                advice = 'Give one under mask, or say "remove the object in the box [x, y, width, height]".'
                yield PromptProblem(edit.start, edit.end, message, advice)
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


_DEGREES = ("little", "lot", "percent", "amount")
_PLAIN_REGIONS = ("centre", "shadows", "highlights", "midtones")


def _edit(clause: Clause, prompt: str, has_extra: bool | None) -> Edit | PromptProblem:
    """The edit of a clause with its values, or why they cannot be meant."""
    rule, start, end = clause.rule, clause.start, clause.end
    values = dict(rule.values)
    degree: tuple[str, object] | None = None
    for name, value in clause.captures:
        if isinstance(value, Unfit):
            return PromptProblem(start, end, f"{value.reason[:1].upper()}{value.reason[1:]}.")
        if name in _DEGREES:
            if degree not in (None, (name, value)):
                return PromptProblem(start, end, "It says twice how much.", "Say it once.")
            degree = (name, value)
        elif dict(clause.captures)[name] != value:
            return PromptProblem(start, end, f"It says twice which {name}.", "Say it once.")
        else:
            values[name] = value
    if "region" in values and rule.edit in WHOLE:
        message = f'"{rule.edit.replace("_", " ")}" is for the whole picture; it takes no part of it.'
        return PromptProblem(start, end, message, f'"{rule.example}"')
    needs_extra = rule.needs_extra or _is_found(values.get("region"))
    if needs_extra and not (is_installed() if has_extra is None else has_extra):
        message = f'"{refusals.shown(prompt[start:end])}" needs numpy and OpenCV, which are not installed.'
        return PromptProblem(start, end, message, f"{INSTALL} adds them.", needs="darkroom")
    if (
        rule.edit in ("paste", "overlay", "decal", "lut", "match_colours")
        or values.get("kind") == "reference"
    ):
        values.setdefault("reference", 1)
    if rule.amounts is not None and "amount" not in values:
        amount = _amount(rule.amounts, degree)
        if abs(amount) > rule.amounts.most:
            most = f"{rule.amounts.most:.0%}"
            return PromptProblem(start, end, f"{amount:.0%} is more than the {most} that this edit takes.")
        values["amount"] = round(rule.sign * amount, 6)
    return Edit(rule.edit, MappingProxyType(values), start, end, rule.limit)


def _is_found(region: object) -> bool:
    """Whether a region has to be looked for in the picture with the extra's help."""
    return isinstance(region, str) and region not in _PLAIN_REGIONS and " " not in region


def _amount(amounts: Amounts, degree: tuple[str, object] | None) -> float:
    name, value = degree or ("", None)
    if isinstance(value, float):
        return value
    return {"lot": amounts.lot, "little": amounts.little}.get(name, amounts.usual)
