"""Crediting: from a task of a plan to what its published picture says of how it was made."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from editchain.classes import dataclass
from editchain.imaging.credits import ALGORITHMIC, COMPOSITE, ENHANCED, TRAINED, Credit
from editchain.imaging.marking import Mark
from editchain.models import Model
from editchain.plans.tasks import Column, Edge

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from editchain.imaging.marking import Keep
    from editchain.plans.tasks import Plan, StepPlan

NONE, CREDIT, FULL = SETTINGS = ("none", "credit", "full")
"""What published pictures may say: nothing; source type, tool, models, key and recipe; also step, prompt and seed."""

MAIN = "image"
"""The field of a step whose picture is the one that is edited."""
_TOOL = "editchain"
_NO_KEY = bytes(32)
_CARRIES = "metadata_of"
"""The field of an operation by which a recipe has a photo's metadata carried over."""


@dataclass(frozen=True, slots=True)
class Past:
    """What had a hand in a picture: the names of models, whether one of them is trained, and whether a picture was given."""

    models: tuple[str, ...]
    is_trained: bool
    has_given: bool

    @property
    def source_type(self) -> str:
        """IPTC's word for it."""
        if self.is_trained:
            return COMPOSITE if self.has_given else TRAINED
        return ENHANCED if self.has_given else ALGORITHMIC


class Crediting:
    """Writes the marks of a plan's pictures. `seeds` are those that results were made with, by key.

    The recipe is named as it is when a file is written, and does not count among the words of a mark: an edit of the
    recipe that leaves a picture alone leaves its file alone too.
    """

    def __init__(
        self, plan: Plan, setting: str, seeds: Mapping[bytes, int], signature: str | None = None
    ) -> None:
        """`signature` names the certificate that the files are signed with."""
        self.setting = setting
        self._signs = signature is not None
        self._signed = f" signed {signature}" if signature is not None else ""
        self._seeds = seeds
        self._recipe = None if setting == NONE else _digest(plan.pipeline.path)
        self._alike: dict[int, Past | None] = {}
        self._pasts: dict[tuple[int, int], Past] = {}
        self._forms: dict[Past, tuple[bytes, bytes, str]] = {}
        self._plan = plan

    def mark(self, one: StepPlan, at: int) -> Mark:
        """What the file of one task's picture is to say."""
        key = one.keys[at]
        if self.setting == NONE or key is None:
            return Mark(NONE)
        past = self.past(one, at)
        if self.setting == CREDIT:
            keep: Keep = "all" if _carries(one, at) else "rights"
            before, after, words = self._form(past)
            return Mark(
                f"{CREDIT} {keep} {words} {key.hex()}{self._signed}",
                before + key.hex().encode() + after,
                keep,
                self._signs,
            )
        prompt, seed = self._said(one, at)
        said = Credit(past.source_type, _TOOL, past.models, key, one.task_name(at), prompt, seed)
        packet = Credit(
            said.source_type, _TOOL, said.models, key, said.step, said.prompt, said.seed, self._recipe
        ).packet()
        return Mark(
            f"{FULL} {sha256(said.packet()).hexdigest()[:16]}{self._signed}", packet, "all", self._signs
        )

    def _said(self, one: StepPlan, at: int) -> tuple[str | None, int | None]:
        """The last prompt on the way of a picture, with the seed that went with it."""
        task: tuple[StepPlan, int] | None = (one, at)
        while task is not None:
            step, ordinal = task
            prompt = step.value("prompt", ordinal) if "prompt" in step.values else None
            if prompt is not None:
                return str(prompt), self._seeds.get(step.keys[ordinal] or b"")
            task = main_of(step, ordinal)
        return None, None

    def _form(self, past: Past) -> tuple[bytes, bytes, str]:
        """What stands before and after the key where only it differs, and words for that without the recipe."""
        form = self._forms.get(past)
        if form is None:
            plain = Credit(past.source_type, _TOOL, past.models, _NO_KEY)
            packet = Credit(past.source_type, _TOOL, past.models, _NO_KEY, recipe=self._recipe).packet()
            before, _, after = packet.partition(_NO_KEY.hex().encode())
            form = before, after, sha256(plain.packet()).hexdigest()[:8]
            self._forms[past] = form
        return form

    # ------------------------------------------------------------------ what had a hand in a picture

    def past(self, one: StepPlan, at: int) -> Past:
        """What had a hand in one task's picture, however far back."""
        if not self._alike:
            self._alike = _pasts_of_steps(self._plan.steps)
        found = self._alike.get(one.index)
        return found if found is not None else self._past(one, at)

    def _past(self, one: StepPlan, at: int) -> Past:
        # An own stack: chains may be longer than Python's.
        left = [(one, at)]
        while left:
            task, ordinal = left[-1]
            if (task.index, ordinal) in self._pasts:
                left.pop()
                continue
            needs = list(task.needs(ordinal))
            missing = [need for need in needs if self._known(*need) is None]
            if missing:
                left += missing
                continue
            before = [past for need in needs if (past := self._known(*need)) is not None]
            self._pasts[task.index, ordinal] = _joined(task, ordinal, before)
            left.pop()
        return self._pasts[one.index, at]

    def _known(self, one: StepPlan, at: int) -> Past | None:
        return self._alike.get(one.index) or self._pasts.get((one.index, at))


def _pasts_of_steps(steps: Iterable[StepPlan]) -> dict[int, Past | None]:
    """The past that all tasks of a step share, by the step's index; None where they may have different ones."""
    found: dict[int, Past | None] = {}
    for one in steps:
        before = [found.get(edge.producer.index) for edge in one.edges]
        is_alike = (
            one.way_at is None
            and all(past is not None for past in before)
            and all(edge.only is None for edge in one.edges)
            and not any(_has_gaps(part) for parts in one.images.values() for part in parts)
        )
        pasts = [past for past in before if past is not None]
        found[one.index] = _joined(one, 0, pasts) if is_alike else None
    return found


def _has_gaps(part: object) -> bool:
    """Whether some tasks take a picture under a field, and others none."""
    return isinstance(part, Column) and any(value is None for value in part.values)


def _joined(one: StepPlan, at: int, before: list[Past]) -> Past:
    document = one.way(at).document
    names = [name for past in before for name in past.models]
    is_model = isinstance(document, Model)
    return Past(
        tuple(dict.fromkeys([*names, document.name] if is_model else names)),
        (isinstance(document, Model) and not document.deterministic)
        or any(past.is_trained for past in before),
        _takes_given(one, at) or any(past.has_given for past in before),
    )


def _takes_given(one: StepPlan, at: int) -> bool:
    """Whether a task takes a picture that no other task made."""
    parts = (part for parts in one.images.values() for part in parts if not isinstance(part, Edge))
    return any((part[at] if isinstance(part, Column) else part) is not None for part in parts)


def main_of(one: StepPlan, at: int) -> tuple[StepPlan, int] | None:
    """The task that made the picture which another edits; None where it is none, or several, or was given."""
    parts = one.images.get("edited" if one.is_protect else MAIN, ())
    if len(parts) != 1 or not isinstance(parts[0], Edge):
        return None
    needs = parts[0].present(at)
    return (parts[0].producer, needs[0]) if len(needs) == 1 else None


def _carries(one: StepPlan, at: int) -> bool:
    """Whether the recipe itself says that metadata of another picture goes with this one."""
    while one.is_check:  # which gives the picture on as it is
        one = one.edges[0].producer
    parts = one.images.get(_CARRIES, ())
    return any(
        bool(part.ordinals(at))
        if isinstance(part, Edge)
        else (part[at] if isinstance(part, Column) else part) is not None
        for part in parts
    )


def _digest(path: Path) -> str | None:
    """The SHA-256 of a recipe's text, in hex; None where it has no file. A checkout may end its lines otherwise."""
    try:
        return sha256(path.read_bytes().replace(b"\r\n", b"\n")).hexdigest()
    except OSError:
        return None
