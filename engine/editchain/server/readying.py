"""Readying: a pipeline file with the inputs of a request, checked, and planned as a command line would plan it."""

from __future__ import annotations

import itertools
import json
import os
import re
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from editchain.classes import dataclass
from editchain.diagnostics import did_you_mean, one_of
from editchain.errors import PipelineError
from editchain.imaging.probe import HEAD_BYTES, MEDIA_TYPES, probe
from editchain.language import loading
from editchain.plans.expansion import BadPlan
from editchain.runs.preparing import Choices, Preparation
from editchain.server.asking import Refusal
from editchain.surroundings import surroundings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from editchain.diagnostics import Problem
    from editchain.language.loading import Checked
    from editchain.plans.tasks import Plan, StepPlan
    from editchain.store import Store
    from editchain.workspace import Workspace

MOST_PROBLEMS = 100
_SPECIAL = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


class Given(NamedTuple):
    """A picture of a request: where it stands among the inputs, the digest of its bytes (hex), and what it is called."""

    at: tuple[str | int, ...]
    digest: str
    name: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request asks of a pipeline: inputs by name, where in them pictures stand, and how the run is to go.

    `budget` is an amount as the command line takes it; `fresh` names steps whose pictures are made anew.
    """

    given: Mapping[str, Any]
    pictures: tuple[Given, ...] = ()
    budget: str | None = None
    fresh: tuple[str, ...] = ()
    retry_rejected: bool = False

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Wanted:
        """What a JSON document says."""
        pictures = tuple(Given(tuple(at), digest, name) for at, digest, name in document["pictures"])
        return cls(**{**document, "pictures": pictures, "fresh": tuple(document["fresh"])})

    def document(self) -> dict[str, Any]:
        """It as JSON."""
        return {
            "given": dict(self.given), "pictures": [[list(one.at), one.digest, one.name] for one in self.pictures],
            "budget": self.budget, "fresh": list(self.fresh), "retry_rejected": self.retry_rejected,
        }  # fmt: skip

    def fingerprint(self, name: str) -> str:
        """What tells it apart from all else that may be asked of pipelines, this one of that name."""
        said = json.dumps([name, self.document()], sort_keys=True)
        return sha256(said.encode("utf-8", "surrogateescape")).hexdigest()


def checked(workspace: Workspace, path: Path, wanted: Wanted, folder: Path, pictures: Store) -> Checked:
    """A pipeline file checked with what it is given, for a run; the pictures lie in `folder` as files. Raises Refusal."""
    place = folder / "inputs"
    folder.mkdir(parents=True, exist_ok=True)
    place.write_text(_inputs_file(placed(wanted, folder, pictures)), encoding="utf-8")
    found = loading.check(
        path, surroundings(workspace), inputs_file=str(place), folder=str(folder), needs_all=True
    )
    shown = {str(place), os.path.relpath(place)}
    return replace(found, problems=tuple(_of_request(one, shown) for one in found.problems))


def _of_request(problem: Problem, shown: set[str]) -> Problem:
    """A problem in the words of who sends requests: they have no file of inputs, and no command line."""
    suggestion = None if problem.code == "missing-input" else problem.suggestion
    return replace(problem, file="inputs" if problem.file in shown else problem.file, suggestion=suggestion)


def _inputs_file(given: Mapping[str, Any]) -> str:
    """Inputs as the text of an inputs file: JSON, with what YAML would not take escaped."""
    text = json.dumps(given, ensure_ascii=False, indent=1)
    return _SPECIAL.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def placed(wanted: Wanted, folder: Path, pictures: Store) -> dict[str, Any]:
    """The inputs with the paths of their pictures, which are links in a folder: keys come from the names of files.

    Raises Refusal where one is gone.
    """
    given: dict[str, Any] = json.loads(json.dumps(wanted.given))
    taken: set[str] = set()
    for one in wanted.pictures:
        path = _link(one, folder, pictures, taken)
        holder: Any = given
        for step in one.at[:-1]:
            holder = holder[step]
        holder[one.at[-1]] = path
    return given


def _link(one: Given, folder: Path, pictures: Store, taken: set[str]) -> str:
    stored = pictures.path(bytes.fromhex(one.digest))
    try:
        with open(stored, "rb") as file:
            found = probe(file.read(HEAD_BYTES))
    except FileNotFoundError:
        raise Refusal(410, "A picture that was given is not in the store any more") from None
    extension = MEDIA_TYPES[found.format].extension if found else "png"
    within = folder / str(one.at[0])
    within.mkdir(exist_ok=True)
    name = next(name for name in _names(one.name) if f"{one.at[0]}/{name.lower()}" not in taken)
    taken.add(f"{one.at[0]}/{name.lower()}")
    place = within / f"{name}.{extension}"
    place.unlink(missing_ok=True)
    place.symlink_to(os.path.abspath(stored))
    return str(place)


def _names(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}-{number}" for number in itertools.count(2))


def refusal(problems: Iterable[Problem]) -> Refusal:
    """What is wrong with a pipeline or with what it was given."""
    errors = [one for one in problems if one.severity == "error"]
    shown = [one.as_json() for one in errors[:MOST_PROBLEMS]]
    said = "\n".join(dict.fromkeys(one.sentence for one in errors[:MOST_PROBLEMS]))
    return Refusal(400, said, problems=shown)


def ready(
    workspace: Workspace, path: Path, wanted: Wanted, folder: Path, pictures: Store, *, supplies: bool
) -> tuple[Preparation, Plan]:
    """The plan of a pipeline; `supplies` lets what it needs be fetched first.

    Raises Refusal with every problem, and what planning raises.
    """
    found = checked(workspace, path, wanted, folder, pictures)
    if found.pipeline is None:
        raise refusal(found.problems)
    tops = dict.fromkeys(
        name for step in found.pipeline.steps for name in (step.name, step.name.split("/")[0])
    )
    for name in wanted.fresh:
        if name not in tops:
            near = did_you_mean(name, tops) or f"There is {one_of(tops)}."
            raise Refusal(400, f'No step is called "{name[:80]}". {near}')
    choices = Choices(fresh=_fresh(wanted.fresh), retry_rejected=wanted.retry_rejected)
    try:
        preparation = Preparation(workspace, found.pipeline, choices)
        if supplies:
            preparation.fetch()
        plan = preparation.supplied() if supplies else preparation.plan()
    except BadPlan as bad:
        raise Refusal(400, bad.message) from None
    except PipelineError as error:
        raise refusal(error.problems) from None
    return preparation, _foreseen(workspace, preparation, plan)


def _foreseen(workspace: Workspace, preparation: Preparation, plan: Plan) -> Plan:
    if workspace.configuration.routes:
        from editchain.routing import stand_in_notices

        plan = replace(plan, notices=(*plan.notices, *stand_in_notices(plan)))
    if plan.calls:
        from editchain.runs.foreseeing import with_foreseen

        plan = with_foreseen(plan, preparation.digests.known)
    return plan


def _fresh(names: tuple[str, ...]) -> Callable[[StepPlan], bool] | None:
    wanted = set(names)
    return (lambda one: one.step.name in wanted or one.step.name.split("/")[0] in wanted) if wanted else None
