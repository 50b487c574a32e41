"""Loading: a pipeline file to a checked Pipeline, or every problem with its place."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from editchain.classes import dataclass
from editchain.diagnostics import Place, Problem, Problems, Source, did_you_mean, nearest
from editchain.errors import PipelineError
from editchain.language.binding import Binder
from editchain.language.declaring import better_name
from editchain.language.drafts import OF_PIPELINE_STEPS, STEP_FIELDS, Draft, Drafter
from editchain.language.given import Given, read_given
from editchain.language.handing import Hander, tables_of
from editchain.language.heading import Heading, slug_of
from editchain.language.inputs import InputLoader
from editchain.language.ordering import in_order
from editchain.language.outputs import OutputLoader
from editchain.language.reading import Reader, Unfit, stem_of, workspace_of
from editchain.language.references import NAME
from editchain.language.scalars import width_of
from editchain.language.scope import BROKEN, Handed, Result, Scope
from editchain.language.steps import StepLoader
from editchain.language.syntax import MAX_BYTES, Document, Map, paused_collection
from editchain.language.syntax import parse as parse_yaml
from editchain.language.whole import Whole
from editchain.pipeline import UNKNOWN, Budget, Dimension, Input, Output, Pipeline, Retry, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from datetime import date
    from pathlib import Path

    from editchain.language.reaching import Objections
    from editchain.language.reading import Evidence, Stat
    from editchain.language.ruling import CheckPrompt
    from editchain.language.scope import Binding
    from editchain.models import Catalogue, Model, Route

MAX_CHAIN = 20


@dataclass(frozen=True, slots=True)
class Checked:
    """What checking gives: every problem in order of position, and the pipeline where none is an error.

    `evidence` is what was read for it, as far as that went.
    """

    pipeline: Pipeline | None
    problems: tuple[Problem, ...]
    evidence: Evidence


def _no_advice(provider: str, prompt: str, fields: Collection[str]) -> tuple[()]:
    """Where nobody can warn."""
    _ = provider, prompt, fields
    return ()


def _no_objections(
    model: Model, route: Route, said: Mapping[str, Any], options: Mapping[str, Any]
) -> tuple[()]:
    """Where nobody knows what a route can be told."""
    _ = model, route, said, options
    return ()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a pipeline is checked against besides its own text.

    `check_prompt(provider, prompt, fields)` gives (start, end, message, suggestion) for words that the provider would not
    understand beside the fields that a step gives, `advise_prompt` for what it would warn of;
    `objections(model, route, said, options)` gives (field, reason) for what a route cannot be told; `is_unchanged(path,
    stat)` says that an image was looked into before.
    """

    catalogue: Catalogue
    today: date
    check_prompt: CheckPrompt
    advise_prompt: CheckPrompt = _no_advice
    objections: Objections = _no_objections
    is_unchanged: Callable[[str, Stat], bool] | None = None


def load(
    path: Path,
    surroundings: Surroundings,
    *,
    options: Sequence[tuple[str, str]] = (),
    inputs_file: str | None = None,
    folder: str = ".",
    given: Mapping[str, Given] | None = None,
) -> Pipeline:
    """The pipeline with the inputs it was given; raises PipelineError with every problem where there is an error."""
    checked = check(
        path,
        surroundings,
        options=options,
        inputs_file=inputs_file,
        folder=folder,
        given=given,
        needs_all=True,
    )
    if checked.pipeline is None:
        raise PipelineError(checked.problems)
    return checked.pipeline


def check(
    path: Path,
    surroundings: Surroundings,
    *,
    options: Sequence[tuple[str, str]] = (),
    inputs_file: str | None = None,
    folder: str = ".",
    given: Mapping[str, Given] | None = None,
    needs_all: bool = False,
) -> Checked:
    """Every problem of a pipeline, offline. Inputs without a value count as unknown unless `needs_all`.

    Inputs come from `options` and `inputs_file` of a command line in `folder`, or ready-made as `given`.
    """
    problems = Problems()
    path = path.absolute()
    reader = Reader(workspace_of(path.parent), surroundings.is_unchanged)
    with paused_collection():
        pipeline = _check(
            path, surroundings, reader, problems, (options, inputs_file, folder), given, needs_all
        )
    return Checked(pipeline, problems.in_order(), reader.evidence)


def _check(
    path: Path,
    surroundings: Surroundings,
    reader: Reader,
    problems: Problems,
    command_line: tuple[Sequence[tuple[str, str]], str | None, str],
    given: Mapping[str, Given] | None,
    needs_all: bool,
) -> Pipeline | None:
    document = _read(path, reader, problems)
    if document is None:
        return None
    noted = len(problems.found)
    values = {**(given or {}), **read_given(*command_line, reader, problems)}
    # What an inputs file that cannot be read would have given is not known.
    needs_all = needs_all and not problems.has_errors_since(noted)
    loader = FileLoader(document, str(path.parent), reader, problems, surroundings)
    loaded = loader.load(values, needs_all=needs_all)
    if loaded is None or problems.has_errors():
        return None
    root = document.root
    return Pipeline(
        path=path,
        workspace=workspace_of(path.parent),
        name=root.get("name") or slug_of(stem_of(str(path))),
        description=root.get("description"),
        inputs=loaded.inputs,
        steps=loaded.steps,
        outputs=loaded.outputs,
        budget=loader.budget,
        warnings=problems.in_order(),
        evidence=reader.evidence,
    )


def _read(path: Path, reader: Reader, problems: Problems) -> Document | None:
    name = reader.display(path)
    try:
        data = reader.text(str(path), max_bytes=MAX_BYTES, what="pipeline file")
    except Unfit as unfit:
        problems.error(Place(Source(name, ""), 0), unfit.code, unfit.message, unfit.suggestion)
        return None
    return parse_yaml(data, name, problems)


@dataclass(frozen=True, slots=True)
class Loaded:
    """The content of one file: its inputs, the steps that its outputs need in order of need, and its outputs."""

    inputs: dict[str, Input]
    steps: tuple[Step, ...]
    outputs: tuple[Output, ...]


@dataclass(frozen=True, slots=True)
class _Caller:
    """The step that runs a pipeline file, as the file sees it."""

    prefix: str
    dimensions: tuple[Dimension, ...]
    taken: frozenset[str]
    chain: tuple[str, ...]


class FileLoader:
    """Loads one pipeline file, and through its steps those it uses."""

    def __init__(
        self,
        document: Document,
        base: str,
        reader: Reader,
        problems: Problems,
        surroundings: Surroundings,
        caller: _Caller | None = None,
    ) -> None:
        self.document = document
        self.source = document.source
        self.base = base
        self.reader = reader
        self.problems = problems
        self.surroundings = surroundings
        self.is_inner = caller is not None
        caller = caller or _Caller("", (), frozenset(), ())
        chain = (*caller.chain, document.source.name)
        self.scope = Scope(
            self.source, base, caller.prefix, {}, set(), caller.dimensions, caller.taken, chain
        )
        self.budget: Budget | None = None
        self.made: list[Step] = []

    def load(
        self, given: Mapping[str, Given], *, needs_all: bool, handed: Mapping[str, Handed] | None = None
    ) -> Loaded | None:
        """What the file holds, with every problem noted; None where it holds nothing to speak of."""
        root = self.document.root
        if not isinstance(root, Map):
            code, message = ("empty", "This file is empty.") if root is None else ("wrong-type", _NO_MAPPING)
            self._error(self.document.at, code, message, "It begins with `version: 1` and has `steps:`.")
            return None
        self.budget = Heading(self.source, self.problems).check(root)
        declared, steps = _mapping(root, "inputs"), _mapping(root, "steps")
        inputs = InputLoader(self.source, self.base, self.reader, self.problems).load(
            declared, given, handed, needs_all=needs_all
        )
        self._name(inputs, declared, steps, handed or {})
        drafter = Drafter(
            self.scope, self.surroundings.catalogue, self.reader, self.problems, _mapping(root, "defaults")
        )
        drafts = dict(self._drafts(steps, drafter))
        self._bind_all(drafts, drafter)
        outputs = OutputLoader(self.scope, self.reader, self.problems).load(root.get("outputs"), drafts)
        drafter.check_defaults(drafts)
        if self.is_inner:
            return Loaded(inputs, tuple(self.made), outputs)
        whole = Whole(self.scope.names, drafts, self.reader, self.problems)
        needed = whole.needed(self.made, outputs)
        if not self.problems.has_errors():
            whole.check(needed, outputs, inputs)
        return Loaded(inputs, needed, outputs)

    def _error(
        self, at: int, code: str, message: str, suggestion: str | None = None, *, width: int = 1
    ) -> None:
        self.problems.error(Place(self.source, at), code, message, suggestion, width=max(1, width))

    # ------------------------------------------------------------------ the top level

    def _name(
        self, inputs: Mapping[str, Input], declared: Map, steps: Map, handed: Mapping[str, Handed]
    ) -> None:
        """Inputs and steps share one namespace."""
        self.scope.all_names.update(declared, steps)
        for name, one in inputs.items():
            self.scope.names[name] = handed.get(name, one)
        for name in steps:
            key_at = steps.places[name][0]
            if name in declared:
                line, _ = self.source.locate(declared.places[name][0])
                message = f'"{name}" is the name of an input (line {line}) and of a step.'
                self._error(key_at, "name-clash", message, "Rename one of the two.", width=len(name))
            if name == "sample":
                message = 'The name "sample" is reserved for the samples of a step.'
                self._error(key_at, "reserved-name", message, "Choose another name.", width=len(name))
            elif not NAME.fullmatch(name):
                message = f'"{name}" is no name for a step: a-z, 0-9 and _, beginning with a letter.'
                self._error(key_at, "bad-name", message, better_name(name), width=len(name))

    # ------------------------------------------------------------------ steps

    def _drafts(self, steps: Map, drafter: Drafter) -> Iterator[tuple[str, Draft]]:
        for name, raw in steps.items():
            key_at, at = steps.places[name]
            if isinstance(raw, Map):
                yield name, drafter.draft(name, raw, key_at)
                continue
            self.scope.names.setdefault(name, BROKEN)
            if raw is not UNKNOWN:
                hint = "Write {model: darkroom, image: $photo, prompt: sepia}."
                message = f"steps.{name}: a step is a mapping of fields."
                self._error(key_at if raw is None else at, "wrong-type", message, hint, width=width_of(raw))

    def _bind_all(self, drafts: dict[str, Draft], drafter: Drafter) -> None:
        surroundings = self.surroundings
        steps = StepLoader(
            self.scope,
            drafter,
            self.reader,
            self.problems,
            surroundings.today,
            surroundings.check_prompt,
            surroundings.advise_prompt,
            surroundings.objections,
        )
        bound = self.scope.names
        for clash in drafts.keys() & bound.keys():  # it is the input that others mean
            for draft in drafts.values():
                draft.needs = tuple(need for need in draft.needs if need != clash)
        for name in in_order(drafts, self.problems):
            draft = drafts[name]
            binding: Binding = BROKEN
            if draft.kind == "pipeline":
                binding = self._run_pipeline(draft, steps)
            elif draft.kind:
                binding = step = steps.bind(draft)
                if "after" in draft.entries:
                    step.after = tuple(steps.after(draft))
                step.is_sound = step.is_sound and bool(draft.documents)
                self.made.append(step)
            if not isinstance(bound.get(name), (Input, Handed)):
                bound[name] = binding
        cyclic = [draft for name, draft in drafts.items() if name not in bound]
        bound.update((draft.name, BROKEN) for draft in cyclic)
        loops = {name for draft in cyclic for name in draft.loop_names}
        for draft in cyclic:
            steps.look_up(draft, loops)

    # ------------------------------------------------------------------ sub-pipelines

    def _run_pipeline(self, draft: Draft, steps: StepLoader) -> Binding:
        """What a step that runs another pipeline gives."""
        self._check_fields(draft)
        loaded = self._read_inner(draft)
        call = steps.bind(draft, frozenset() if loaded is None else tables_of(loaded[1]))
        if loaded is None:
            return BROKEN
        path, document = loaded
        with_ = draft.entries.get("with")
        if with_ is not None and not isinstance(with_.value, Map):
            message = f"steps.{draft.name}.with is a mapping from the pipeline's inputs to values."
            if with_.value is not UNKNOWN:
                hint = "Write with: {name: value}."
                self._error(with_.at, "wrong-type", message, hint, width=width_of(with_.value))
            return BROKEN
        noted = len(self.problems.found)
        binder = Binder(f"steps.{draft.name}", self.scope, self.reader, self.problems)
        binder.names.loops = {one.name: one for one in call.dimensions}
        binder.names.dimensions = dict(binder.names.loops)
        handed = Hander(draft, document, binder, self.base, self.reader, self.problems).hand()
        caller = _Caller(
            f"{self.scope.prefix}{draft.name}/", call.dimensions, self._taken_names(call), self.scope.chain
        )
        inner = FileLoader(
            document,
            os.path.dirname(path),
            self.reader,
            self.problems,
            self.surroundings,
            caller,
        )
        content = inner.load({}, needs_all=False, handed=handed)
        if content is None:
            return Result({}, (), is_sound=False)
        after = tuple(steps.after(draft))
        for step in content.steps:
            _pass_down(step, call, after)
        steps.exclude_inside(draft, call, content.steps)
        self.made.extend(content.steps)
        is_sound = call.is_sound and binder.names.is_sound and not self.problems.has_errors_since(noted)
        return Result({one.name: one.picture for one in content.outputs}, content.steps, is_sound)

    def _check_fields(self, draft: Draft) -> None:
        for key, one in list(draft.entries.items()):
            if key not in OF_PIPELINE_STEPS:
                offer = did_you_mean(key, OF_PIPELINE_STEPS) or "Values for its inputs stand under `with`."
                if key in STEP_FIELDS:
                    offer = "Give it inside the pipeline, or as an input through `with`."
                message = f'steps.{draft.name}: a step that runs a pipeline has no "{key}".'
                self._error(one.key_at, "unknown-field", message, offer, width=len(key))
                if (meant := nearest(key, OF_PIPELINE_STEPS - draft.entries.keys())) is not None:
                    draft.respell(key, meant)

    def _taken_names(self, call: Step) -> frozenset[str]:
        """The names of dimensions that an inner pipeline may not use for its own."""
        several = {
            name
            for name, one in self.scope.names.items()
            if isinstance(one, Input) and one.dimension is not None
        }
        own = several | set(self.scope.loop_variables) | {one.name for one in call.dimensions}
        return frozenset(own | self.scope.caller_dimensions)

    def _read_inner(self, draft: Draft) -> tuple[str, Document] | None:
        """The path and the text of the pipeline that a step runs."""
        entry = draft.entries["pipeline"]
        where = f"steps.{draft.name}.pipeline"
        width = width_of(entry.value)
        if entry.value is UNKNOWN:
            return None
        if not isinstance(entry.value, str) or "$" in entry.value:
            message = f"{where} is the path of a pipeline file, as it stands."
            self._error(entry.at, "wrong-type", message, "Write ./name.yaml.", width=width)
            return None
        try:
            path = self.reader.resolve(entry.value, self.base)
            data = self.reader.text(path, max_bytes=MAX_BYTES, what="pipeline file")
        except Unfit as unfit:
            self._error(entry.at, unfit.code, f"{where}: {unfit.message}", unfit.suggestion, width=width)
            return None
        name, chain = self.reader.display(path), self.scope.chain
        if name in chain:
            said = " uses ".join([*chain[chain.index(name) :], name])
            message = f"{where}: a pipeline may not use itself: {said}."
            self._error(entry.at, "recursion", message, "Take this step away.", width=width)
            return None
        if len(chain) > MAX_CHAIN:
            message = f"{where}: pipelines use each other more than {MAX_CHAIN} deep."
            self._error(entry.at, "too-deep", message, "Use fewer files.", width=width)
            return None
        document = parse_yaml(data, name, self.problems)
        return None if document is None else (path, document)


_NO_MAPPING = "A pipeline file is a mapping."


def _mapping(root: Map, key: str) -> Map:
    value = root.get(key)
    return value if isinstance(value, Map) else Map(0)


def _pass_down(step: Step, call: Step, after: tuple[Step, ...]) -> None:
    """What a step that runs a pipeline says of its tasks holds for every step inside."""
    step.after = (*after, *step.after)
    step.providers = step.providers or call.providers
    if step.timeout_seconds is None:
        step.timeout_seconds = call.timeout_seconds
    if step.retry == Retry():
        step.retry = call.retry
    if call.missing == "drop":
        step.missing = "drop"
