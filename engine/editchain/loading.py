"""Loading: a pipeline file to a checked Pipeline, or every problem with its place."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from editchain.artifacts import ImageSource
from editchain.binding import BROKEN, Binder, Binding, Handed, Result, Scope, dimensions_of, find_references
from editchain.diagnostics import Place, Problem, Problems, Source, did_you_mean, one_of
from editchain.errors import PipelineError
from editchain.inputs import Given, InputLoader, better_name, read_given
from editchain.pipeline import UNKNOWN, Budget, Dimension, Input, Joined, Listing, Output, Pick, Picture, Pipeline, Step
from editchain.publishing import BadTemplate, Template, first_collision, path_of, template
from editchain.reading import Reader, Unfit, stem_of, workspace_of
from editchain.references import NAME, BadReference, Reference, parse
from editchain.scalars import SCALARS, scalar_problem, shown, width_of
from editchain.steps import OF_PIPELINE_STEPS, STEP_FIELDS, Draft, StepLoader
from editchain.syntax import MAX_BYTES, Document, Map, Seq, written
from editchain.syntax import parse as parse_yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import date
    from pathlib import Path

    from editchain.models import Catalogue
    from editchain.reading import Stat

TOP_LEVEL = ("version", "name", "description", "inputs", "defaults", "steps", "outputs", "budget")
MAX_TASKS = 1_000_000
MAX_CHAIN = 20
_OUTPUT_KEYS = ("from", "path", "quality", "format", "lossless")
_FORMATS = ("png", "jpeg", "webp", "avif", "tiff", "gif")
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]*")

CheckPrompt = "Callable[[str, str], Iterable[tuple[int, int, str, str | None]]]"


@dataclass(frozen=True, slots=True)
class Checked:
    """What checking gives: every problem in order of position, and the pipeline where none is an error."""

    pipeline: Pipeline | None
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a pipeline is checked against besides its own text.

    `check_prompt(provider, prompt)` gives (start, end, message, suggestion) for words that the provider would not
    understand; `is_unchanged(path, stat)` says that an image was looked into before.
    """

    catalogue: Catalogue
    today: date
    check_prompt: Callable[[str, str], Iterable[tuple[int, int, str, str | None]]]
    is_unchanged: Callable[[str, Stat], bool] | None = None


def load(
    path: Path, surroundings: Surroundings, *, options: Sequence[tuple[str, str]] = (), inputs_file: str | None = None, folder: str = ".",
    given: Mapping[str, Given] | None = None,
) -> Pipeline:  # fmt: skip
    """The pipeline with the inputs it was given; raises PipelineError with every problem where there is an error."""
    checked = check(path, surroundings, options=options, inputs_file=inputs_file, folder=folder, given=given, needs_all=True)
    if checked.pipeline is None:
        raise PipelineError(checked.problems)
    return checked.pipeline


def check(
    path: Path, surroundings: Surroundings, *, options: Sequence[tuple[str, str]] = (), inputs_file: str | None = None, folder: str = ".",
    given: Mapping[str, Given] | None = None, needs_all: bool = False,
) -> Checked:  # fmt: skip
    """Every problem of a pipeline, offline. Inputs without a value count as unknown unless `needs_all`.

    Inputs come from `options` and `inputs_file` of a command line in `folder`, or ready-made as `given`.
    """
    problems = Problems()
    path = path.absolute()
    workspace = workspace_of(path.parent)
    reader = Reader(workspace, surroundings.is_unchanged)
    document = _read(path, reader, problems)
    if document is None:
        return Checked(None, problems.in_order())
    values = {**(given or {}), **read_given(options, inputs_file, folder, reader, problems)}
    loader = FileLoader(document, str(path.parent), reader, problems, surroundings)
    loaded = loader.load(values, needs_all=needs_all)
    if problems.has_errors() or loaded is None:
        return Checked(None, problems.in_order())
    found = problems.in_order()
    inputs, steps, outputs = loaded
    root = document.root
    name = root.get("name") or _slug_of(stem_of(str(path)))
    pipeline = Pipeline(
        path, workspace, name, root.get("description"), inputs, steps, outputs, loader.budget, found, reader.evidence
    )
    return Checked(pipeline, found)


def _read(path: Path, reader: Reader, problems: Problems) -> Document | None:
    shown = reader.display(path)
    try:
        data = reader.text(str(path), max_bytes=MAX_BYTES, what="pipeline file")
    except Unfit as unfit:
        problems.error(Place(Source(shown, ""), 0), unfit.code, unfit.message, unfit.suggestion)
        return None
    return parse_yaml(data, shown, problems)


def _slug_of(stem: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-") or "pipeline"


class FileLoader:
    """Loads one pipeline file, and through its steps those it uses."""

    def __init__(
        self, document: Document, base: str, reader: Reader, problems: Problems, surroundings: Surroundings,
        *, prefix: str = "", ambient: tuple[Dimension, ...] = (), caller_dimensions: frozenset[str] = frozenset(), chain: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        self.document = document
        self.source = document.source
        self.base = base
        self.reader = reader
        self.problems = problems
        self.surroundings = surroundings
        self.scope = Scope(self.source, base, prefix, {}, set(), ambient, caller_dimensions, chain or (self.source.name,))
        self.steps = StepLoader(self.scope, surroundings.catalogue, reader, problems, surroundings.today, surroundings.check_prompt)
        self.budget: Budget | None = None
        self.made: list[Step] = []
        self.consumed: set[str] = set()
        self.is_sound = True

    def error(self, at: int, code: str, message: str, suggestion: str | None = None, *, width: int = 1) -> None:
        self.problems.error(Place(self.source, at), code, message, suggestion, width=width)

    def load(
        self, given: Mapping[str, Any], *, needs_all: bool, handed: Mapping[str, Handed] | None = None
    ) -> tuple[dict[str, Input], tuple[Step, ...], tuple[Output, ...]] | None:
        """Inputs, the steps that outputs need (in an order in which needs come first), and outputs."""
        root = self.document.root
        if not isinstance(root, Map):
            message = "This file is empty." if root is None else "A pipeline file is a mapping."
            self.error(self.document.at, "empty" if root is None else "wrong-type", message, "It begins with `version: 1` and has `steps:`.")
            return None
        self._check_top(root)
        declared = self._mapping(root, "inputs")
        loader = InputLoader(self.source, self.base, self.reader, self.problems)
        inputs = loader.load(declared, given, handed, needs_all=needs_all)
        steps = self._mapping(root, "steps")
        self._names(inputs, declared, steps, handed or {})
        defaults = self._mapping(root, "defaults", None)
        drafts = self._drafts(steps, defaults)
        self._bind_all(drafts)
        outputs = self._outputs(root, drafts)
        self._check_defaults(defaults, drafts)
        if self.scope.prefix:
            return inputs, tuple(self.made), outputs
        needed = self._needed(outputs, drafts)
        self._check_counts(needed)
        self._check_collisions(outputs, inputs)
        return inputs, needed, outputs

    # ------------------------------------------------------------------ the top level

    def _mapping(self, root: Map, key: str, otherwise: Map | None = Map(0)) -> Any:  # noqa: B008
        value = root.get(key)
        return value if isinstance(value, Map) else otherwise

    def _check_top(self, root: Map) -> None:
        means_steps = False
        for key, value in root.items():
            key_at, at = root.places[key]
            if value is UNKNOWN:
                continue
            if key not in TOP_LEVEL:
                offer = did_you_mean(key, TOP_LEVEL) or f"A pipeline has {one_of(TOP_LEVEL)}."
                means_steps = means_steps or '"steps"' in offer
                self.error(key_at, "unknown-field", f'A pipeline has no "{key}".', offer, width=len(key))
            elif value is None:
                self.error(at, "null-value", f"{key} has no value.", "Remove the line, or give it a value.")
            elif key in ("inputs", "defaults", "steps", "outputs", "budget") and not isinstance(value, Map):
                self.error(at, "wrong-type", f"{key} is a mapping{' from names to ' + key if key in ('inputs', 'steps', 'outputs') else ''}.")
            elif key in ("name", "description") and not isinstance(value, str):
                self.error(at, "wrong-type", f"{key} is text.", f'Put it in quotes: "{written(self.source, at, value)}".' if not isinstance(value, (dict, list)) else None)
        if "version" not in root:
            self.error(root.at, "missing-field", "The pipeline does not say its version.", "Begin the file with `version: 1`.")
        elif root["version"] not in (None, UNKNOWN) and (root["version"] != 1 or type(root["version"]) is not int):
            value, at = root["version"], root.places["version"][1]
            said = f'"{value}"' if isinstance(value, str) else shown(value)
            message = f"version: {said} is not a version of the language that is known here."
            self.error(at, "bad-version", message, "Write `version: 1`.", width=width_of(value))
        if ("steps" not in root and not means_steps) or (isinstance(root.get("steps"), Map) and not root["steps"]):
            at = root.places["steps"][1] if "steps" in root else root.at
            self.error(at, "missing-field", "A pipeline needs at least one step.", "Write them under `steps:`.")
        if isinstance(name := root.get("name"), str) and not _SLUG.fullmatch(name):
            self.error(root.places["name"][1], "bad-name", f'name: "{name}" may hold a-z, 0-9 and - and begins with a letter or digit.', f'Write "{_slug_of(name)}".', width=max(1, len(name)))
        self.budget = self._budget(root)

    def _budget(self, root: Map) -> Budget | None:
        budget = root.get("budget")
        if not isinstance(budget, Map):
            return None
        for key in budget:
            if key not in ("max", "currency"):
                self.error(budget.places[key][0], "unknown-field", f'budget has no "{key}".', did_you_mean(key, ("max", "currency")) or "Write {max: 3.00, currency: USD}.", width=len(key))
        most, currency = budget.get("max"), budget.get("currency")
        if "max" not in budget or "currency" not in budget:
            missing = "max" if "max" not in budget else "currency"
            self.error(budget.at, "missing-field", f"budget does not say its {missing}.", "Write {max: 3.00, currency: USD}.")
            return None
        if type(most) not in (int, float) or most < 0:
            hint = f"Write {most} without the quotes." if isinstance(most, str) and re.fullmatch(r"\d+(\.\d+)?", most) else None
            self.error(budget.places["max"][1], "wrong-type", "budget.max is an amount of 0 or more.", hint, width=width_of(most))
            return None
        if not isinstance(currency, str) or not re.fullmatch("[A-Za-z]{2,12}", currency):
            self.error(budget.places["currency"][1], "wrong-type", "budget.currency is a unit such as USD.")
            return None
        return Budget(written(self.source, budget.places["max"][1], most), currency)

    def _names(self, inputs: Mapping[str, Input], declared: Map, steps: Map, handed: Mapping[str, Handed]) -> None:
        """Inputs and steps share one namespace."""
        self.scope.all_names.update(declared, steps)
        for name, one in inputs.items():
            self.scope.names[name] = handed.get(name, one)
        for name in steps:
            key_at = steps.places[name][0]
            if name in declared:
                line, _ = self.source.locate(declared.places[name][0])
                self.error(key_at, "name-clash", f'"{name}" is the name of an input (line {line}) and of a step.', "Rename one of the two.", width=len(name))
            if name == "sample":
                self.error(key_at, "reserved-name", 'The name "sample" is reserved for the samples of a step.', "Choose another name.", width=len(name))
            elif not NAME.fullmatch(name):
                self.error(key_at, "bad-name", f'"{name}" is no name for a step: a name is made of a-z, 0-9 and _, and begins with a letter.', better_name(name), width=max(1, len(name)))

    # ------------------------------------------------------------------ steps

    def _drafts(self, steps: Map, defaults: Map | None) -> dict[str, Draft]:
        drafts = {}
        for name, raw in steps.items():
            key_at, at = steps.places[name]
            if not isinstance(raw, Map):
                self.error(at if raw is not None else key_at, "wrong-type", f"steps.{name}: a step is a mapping of fields.", "Write {model: darkroom, image: $photo, prompt: sepia}.")
                self.scope.names.setdefault(name, BROKEN)
                continue
            drafts[name] = self.steps.draft(name, raw, key_at, defaults)
        return drafts

    def _bind_all(self, drafts: dict[str, Draft]) -> None:
        for name in self._ordered(drafts):
            draft = drafts[name]
            for need in draft.needs:
                self.consumed.add(need)
            binding: Binding
            if draft.kind == "pipeline":
                binding = self._sub_pipeline(draft)
            elif draft.kind:
                step = self.steps.bind(draft)
                step.after = tuple(self._after(draft))
                self.made.append(step)
                binding = step
                if draft.kind in ("model", "operation") and not draft.documents:
                    step.is_sound = False
            else:
                binding = BROKEN
            if not isinstance(self.scope.names.get(name), (Input, Handed)):
                self.scope.names[name] = binding

    def _ordered(self, drafts: Mapping[str, Draft]) -> Iterator[str]:
        """Steps so that each comes after what it needs; the steps of a cycle are reported and left out."""
        waiting: dict[str, int] = {}
        dependents: dict[str, list[str]] = {}
        for name, draft in drafts.items():
            needs = [need for need in draft.needs if need in drafts]
            waiting[name] = len(needs)
            for need in needs:
                dependents.setdefault(need, []).append(name)
        ready = [name for name, count in waiting.items() if count == 0]
        done = 0
        for name in ready:  # grows while it is walked
            done += 1
            yield name
            for dependent in dependents.get(name, ()):
                waiting[dependent] -= 1
                if waiting[dependent] == 0:
                    ready.append(dependent)
        if done < len(drafts):
            left = {name for name, count in waiting.items() if count > 0}
            self._report_cycles(left, drafts)
            for name in left:
                self.scope.names.setdefault(name, BROKEN)

    def _report_cycles(self, left: set[str], drafts: Mapping[str, Draft]) -> None:
        order = {name: index for index, name in enumerate(drafts)}
        seen: set[str] = set()
        for start in sorted(left, key=order.__getitem__):
            if start in seen:
                continue
            path, index = [start], {start: 0}
            while True:
                after = next((need for need in drafts[path[-1]].needs if need in left), None)
                if after is None or after in seen:
                    break
                if after in index:
                    self._report_cycle(path[index[after] :], drafts, order)
                    break
                index[after] = len(path)
                path.append(after)
            seen.update(path)

    def _report_cycle(self, cycle: list[str], drafts: Mapping[str, Draft], order: Mapping[str, int]) -> None:
        first = min(range(len(cycle)), key=lambda at: order[cycle[at]])
        cycle = cycle[first:] + cycle[:first]
        named = [f"{name} (line {self.source.locate(drafts[name].at)[0]})" for name in [*cycle, cycle[0]]]
        said = f"steps.{cycle[0]} needs itself" if len(cycle) == 1 else "these steps need each other in a cycle"
        self.error(drafts[cycle[0]].at, "cycle", f"{said}: {' needs '.join(named)}.", "Take one of these references away.", width=len(cycle[0]))

    def _after(self, draft: Draft) -> Iterator[Step]:
        entry = draft.entries.get("after")
        if entry is None:
            return
        named = [(entry.value, entry.at)] if isinstance(entry.value, str) else list(zip(entry.value, entry.value.places, strict=True)) if isinstance(entry.value, Seq) else []
        for name, at in named:
            target = self.scope.names.get(name) if isinstance(name, str) else None
            if isinstance(target, Step):
                yield target
            elif isinstance(target, Result):
                yield from target.steps
            elif isinstance(name, str) and not isinstance(target, type(BROKEN)):
                known = [one for one in self.scope.all_names if not isinstance(self.scope.names.get(one), (Input, Handed))]
                bare = name.removeprefix("$").strip("{}")
                offer = f"Write {bare}, without $." if bare in known and bare != name else did_you_mean(name, known) or f"There is {one_of(sorted(known))}."
                said = f"{name} is an input, and `after` names steps." if isinstance(target, (Input, Handed)) else f'there is no step "{name}".'
                self.error(at, "unknown-name", f"steps.{draft.name}.after: {said}", offer, width=max(1, len(name)))

    # ------------------------------------------------------------------ sub-pipelines

    def _sub_pipeline(self, draft: Draft) -> Binding:
        where = f"steps.{draft.name}"
        entry = draft.entries["pipeline"]
        for key, one in draft.entries.items():
            if key not in OF_PIPELINE_STEPS:
                offer = "Give it inside the pipeline, or as an input through `with`." if key in STEP_FIELDS else did_you_mean(key, OF_PIPELINE_STEPS) or "Values for its inputs stand under `with`."
                self.error(one.key_at, "unknown-field", f'{where}: a step that runs a pipeline has no "{key}".', offer, width=len(key))
        loaded = self._read_sub(draft)
        if loaded is None:
            return BROKEN
        path, document = loaded
        call = self.steps.bind(draft)
        with_ = draft.entries.get("with")
        values: Any = with_.value if with_ is not None else Map(draft.at)
        if not isinstance(values, Map):
            self.error(with_.at if with_ else draft.at, "wrong-type", f"{where}.with is a mapping from the pipeline's inputs to values.")
            return BROKEN
        binder = Binder(where, self.scope, self.reader, self.problems)
        binder.loops = {one.name: one for one in call.dimensions}
        binder.dimensions = {one.name: one for one in call.dimensions}
        names = self._caller_dimensions(call)
        before = len(self.problems.found)
        inner = FileLoader(
            document, str(_parent(path)), self.reader, self.problems, self.surroundings, prefix=f"{self.scope.prefix}{draft.name}/",
            ambient=call.dimensions, caller_dimensions=names, chain=(*self.scope.chain, document.source.name),
        )  # fmt: skip
        handed = self._hand(draft, entry.at, values, document, binder)
        result = inner.load({}, needs_all=False, handed=handed)
        fresh = list(itertools.islice(self.problems.found.values(), before, None))
        is_sound = result is not None and binder.is_sound and call.is_sound and not any(one.severity == "error" for one in fresh)
        if result is None:
            return Result({}, (), False)
        after = tuple(self._after(draft))
        for step in inner.made:
            self._pass_down(step, call, after)
        self.made.extend(inner.made)
        return Result({one.name: one.picture for one in result[2]}, tuple(inner.made), is_sound)

    def _caller_dimensions(self, call: Step) -> frozenset[str]:
        own = set(self.scope.loop_variables) | {name for name, one in self.scope.names.items() if isinstance(one, Input) and one.dimension is not None}
        return frozenset(own | self.scope.caller_dimensions | {one.name for one in call.dimensions})

    @staticmethod
    def _pass_down(step: Step, call: Step, after: tuple[Step, ...]) -> None:
        """What a step that runs a pipeline says of its tasks holds for every step inside."""
        step.after = (*after, *step.after)
        step.excluded = (*call.excluded, *step.excluded)
        if not step.providers:
            step.providers = call.providers
        if step.timeout_seconds is None:
            step.timeout_seconds = call.timeout_seconds
        if call.missing == "drop":
            step.missing = "drop"

    def _read_sub(self, draft: Draft) -> tuple[str, Document] | None:
        entry = draft.entries["pipeline"]
        where = f"steps.{draft.name}.pipeline"
        if not isinstance(entry.value, str) or "$" in entry.value:
            self.error(entry.at, "wrong-type", f"{where} is the path of a pipeline file, as it stands.")
            return None
        width = max(1, len(entry.value))
        try:
            path = self.reader.resolve(entry.value, self.base)
            data = self.reader.text(path, max_bytes=MAX_BYTES, what="pipeline file")
        except Unfit as unfit:
            self.error(entry.at, unfit.code, f"{where}: {unfit.message}", unfit.suggestion, width=width)
            return None
        shown = self.reader.display(path)
        if shown in self.scope.chain:
            chain = " uses ".join([*self.scope.chain[self.scope.chain.index(shown) :], shown])
            self.error(entry.at, "recursion", f"{where}: a pipeline may not use itself: {chain}.", "Take this step away.", width=width)
            return None
        if len(self.scope.chain) > MAX_CHAIN:
            self.error(entry.at, "too-deep", f"{where}: pipelines use each other more than {MAX_CHAIN} deep.", width=width)
            return None
        document = parse_yaml(data, shown, self.problems)
        if document is None:
            return None
        return path, document

    def _hand(self, draft: Draft, at: int, values: Map, document: Document, binder: Binder) -> dict[str, Handed]:
        """The inputs of a sub-pipeline that its caller gives, bound in the caller's scope."""
        root = document.root if isinstance(document.root, Map) else Map(0)
        declared = root.get("inputs") if isinstance(root.get("inputs"), Map) else Map(0)
        assert isinstance(declared, Map)  # noqa: S101
        where = f"steps.{draft.name}.with"
        handed: dict[str, Handed] = {}
        for name, value in values.items():
            key_at, value_at = values.places[name]
            if name not in declared:
                offer = did_you_mean(name, declared) or (f"It has {one_of(declared)}." if declared else "It has none.")
                self.error(key_at, "unknown-input", f'{where}: the pipeline has no input "{name}".', offer, width=len(name))
            elif isinstance(declared[name], Map) and declared[name].get("type"):
                bound = self._hand_one(where, name, value, value_at, declared[name], declared.places[name][0], document, binder)
                if bound is not None:
                    handed[name] = bound
        for name, one in declared.items():
            if name not in values and isinstance(one, Map) and "default" not in one:
                place = values.at if "with" in draft.entries else at
                self.error(place, "missing-input", f'{where}: the pipeline needs a value for "{name}".', f"Write with: {{{name}: ...}}.")
        return handed

    def _hand_one(self, where: str, name: str, value: Any, at: int, declared: Map, key_at: int, document: Document, binder: Binder) -> Handed | None:
        kind = declared["type"]
        if value is None:
            self.error(at, "null-value", f"{where}.{name} has no value.", "Leave it out, or give it a value.")
            return None
        place = Place(document.source, key_at)
        wants = {"image": "image", "images": "images"}.get(str(kind), "list" if kind == "list" else "any")
        reads_itself = kind == "images" and isinstance(value, str) and "$" not in value
        if reads_itself or (kind == "table" and isinstance(value, (str, list)) and not any(find_references(value))):
            loader = InputLoader(self.source, self.base, self.reader, self.problems)
            read = loader.bind_written(name, declared, value, at)
            return Handed(read, None, None) if read is not None else Handed(_unknown_input(name, kind, place), UNKNOWN, None)
        bound_value = binder.bind(value, self.source, at, wants)
        if bound_value is None:
            return Handed(Input(name, str(kind), None, None, None, False, place, Place(self.source, at), True), None, None)
        dimension = None
        if kind in ("images", "list") and bound_value is not UNKNOWN:
            dimension = self._handed_dimension(where, name, bound_value, at)
        elif kind in SCALARS and not isinstance(bound_value, (Pick, Joined)) and bound_value is not UNKNOWN:
            problem = scalar_problem(bound_value, str(kind), declared)
            if problem is not None:
                self.error(at, problem[0], f"{where}.{name}: {problem[1]}", problem[2], width=len(str(value)))
                bound_value = UNKNOWN
        if dimension is None and kind in ("images", "list", "table"):
            dimension = Dimension(name, None, place=Place(self.source, at))
        text = written(self.source, at, value) if not isinstance(value, (dict, list)) and isinstance(bound_value, (str, int, float, bool)) else None
        if isinstance(value, str) and value.startswith("$") and isinstance(target := self.scope.names.get(value.strip("${}")), Input):
            text = target.text
        return Handed(Input(name, str(kind), UNKNOWN, text, dimension, False, place, Place(self.source, at), True), bound_value, text)

    def _handed_dimension(self, where: str, name: str, bound: Any, at: int) -> Dimension | None:
        """A list from a caller as a dimension inside: plain values, images, or the pictures of a step."""
        values: list[Any] = []
        keys: list[str] = []
        for one in bound.items if isinstance(bound, Listing) else bound if isinstance(bound, list) else [bound]:
            if isinstance(one, Picture):
                for key, picture in _single_pictures(one):
                    keys.append(key)
                    values.append(picture)
            elif hasattr(one, "is_lined_up") and one.dimension.keys is not None:
                for position, key in enumerate(one.dimension.keys):
                    keys.append(key)
                    cell = one.dimension.values[position]
                    values.append(cell if one.column is None else cell[one.column])
            elif one is not UNKNOWN:
                keys.append(one.key if isinstance(one, ImageSource) else str(one))
                values.append(one)
        for index, key in enumerate(keys):
            if key in keys[:index]:
                self.error(at, "equal-keys", f'{where}.{name}: two values have the key "{key}".', "Keys tell tasks apart; make them differ.")
        return Dimension(name, tuple(keys), tuple(values), tuple(keys), place=Place(self.source, at)) if keys else None

    # ------------------------------------------------------------------ outputs

    def _outputs(self, root: Map, drafts: Mapping[str, Draft]) -> tuple[Output, ...]:
        declared = root.get("outputs")
        if not isinstance(declared, Map):
            return tuple(self._leaves(drafts)) if declared is None else ()
        if not declared:
            self.error(declared.at, "empty", "outputs is empty, so nothing would be published.", "Take it away to publish every step that no other consumes.")
        outputs = []
        for name, value in declared.items():
            key_at, at = declared.places[name]
            if not NAME.fullmatch(name):
                self.error(key_at, "bad-name", f'"{name}" is no name for an output: a name is made of a-z, 0-9 and _, and begins with a letter.', better_name(name), width=max(1, len(name)))
            output = self._output(name, value, key_at, at)
            if output is not None:
                outputs.append(output)
        return tuple(outputs)

    def _output(self, name: str, value: Any, key_at: int, at: int) -> Output | None:
        where = f"outputs.{name}"
        fields = Map(at)
        if isinstance(value, str):
            fields["from"] = value
            fields.places["from"] = (key_at, at)
        elif isinstance(value, Map):
            fields = value
        else:
            self.error(at, "wrong-type", f"{where} is a reference such as $scene, or a mapping with `from`.")
            return None
        for key in fields:
            if key not in _OUTPUT_KEYS:
                self.error(fields.places[key][0], "unknown-field", f'{where} has no "{key}".', did_you_mean(key, _OUTPUT_KEYS) or f"It takes {one_of(_OUTPUT_KEYS)}.", width=len(key))
        path = self._path(where, fields)
        settings = self._settings(where, fields, path)
        if "from" not in fields:
            self.error(key_at, "missing-field", f"{where} does not say from which step.", "Write from: $step.", width=len(name))
            return None
        picture = self._published(where, fields["from"], fields.places["from"][1])
        if picture is None:
            return None
        if path is not None:
            self._check_names_in_path(where, path, picture, fields.places["path"][1])
        text = fields.get("path") if path is not None else None
        return Output(name, picture, text, settings[0], settings[1], settings[2], Place(self.source, fields.places["path"][1] if path is not None else key_at))

    def _path(self, where: str, fields: Map) -> Template | None:
        if "path" not in fields:
            return None
        at, path = fields.places["path"][1], fields["path"]
        if not isinstance(path, str):
            self.error(at, "wrong-type", f"{where}.path is text.", None if isinstance(path, (dict, list)) or path is None else f'Put it in quotes: "{written(self.source, at, path)}".')
            return None
        try:
            return template(path)
        except BadTemplate as bad:
            found = self.source.text.find(bad.part, at, at + len(path) + 10)
            self.error(found if found >= 0 else at, bad.code, f"{where}.path: {bad.message}", bad.suggestion, width=max(1, len(bad.part)))
            return None

    def _settings(self, where: str, fields: Map, path: Template | None) -> tuple[str | None, int | None, bool]:
        form, quality, lossless = fields.get("format"), fields.get("quality"), fields.get("lossless", False)
        if "format" in fields and form not in _FORMATS:
            known = {"jpg": "jpeg", "tif": "tiff"}.get(str(form))
            self.error(fields.places["format"][1], "unknown-format", f'{where}.format: "{form}" is no format that can be written.', f"Write {known}." if known else did_you_mean(str(form), _FORMATS) or f"One of {one_of(_FORMATS)}.", width=len(str(form)))
            form = None
        if "quality" in fields and (type(quality) is not int or not 1 <= quality <= 100):
            self.error(fields.places["quality"][1], "out-of-range", f"{where}.quality is a whole number from 1 to 100.", width=len(str(quality)))
            quality = None
        if not isinstance(lossless, bool):
            self.error(fields.places["lossless"][1], "wrong-type", f"{where}.lossless is true or false.")
            lossless = False
        extension = path.extension if path else None
        decided = {"jpg": "jpeg", "tif": "tiff"}.get(extension or "", extension) or form
        if quality is not None and decided in ("png", "tiff", "gif"):
            self.problems.warning(Place(self.source, fields.places["quality"][0]), "ignored-field", f"{where}.quality: {decided} has no quality; it is ignored.", "Take it away, or write a .jpg, .webp or .avif path.", width=len("quality"))
        if form is not None and extension is not None and decided != form:
            self.problems.warning(Place(self.source, fields.places["format"][0]), "ignored-field", f"{where}.format: the extension .{extension} of the path decides; {form} is ignored.", "Take one of the two away.", width=len("format"))
        return form, quality, lossless

    def _published(self, where: str, value: Any, at: int) -> Picture | None:
        if not isinstance(value, str):
            self.error(at, "wrong-type", f"{where}.from is a reference such as $scene.")
            return None
        try:
            reference = parse(value)
        except BadReference as bad:
            self.error(at, "reference-syntax", f"{where}.from: {bad.message}", bad.suggestion, width=len(bad.raw))
            return None
        if not isinstance(reference, Reference):
            bare = value if isinstance(reference, str) else None
            offer = f"Write ${bare}." if bare in self.scope.all_names else "Write a reference such as $scene."
            self.error(at, "wrong-type", f'{where}.from is a reference to a step, not the text "{value}".', offer, width=max(1, len(value)))
            return None
        target = self.scope.names.get(reference.name)
        if isinstance(target, (Input, Handed)):
            self.error(at, "image-wanted", f"{where}.from: {reference.name} is an input; an output comes from a step.", "Name a step.", width=len(value))
            return None
        binder = Binder(where, self.scope, self.reader, self.problems)
        if isinstance(target, Step):
            binder.dimensions = {one.name: one for one in target.dimensions}
        bound = binder.resolve(reference, self.source, at)
        if isinstance(bound, Picture) and bound.is_list:
            self.error(at, "wants-one", f"{where}.from: an output publishes every image of a step as it is.", f"Write ${reference.name}.", width=len(value))
            return None
        return bound if isinstance(bound, Picture) else None

    def _check_names_in_path(self, where: str, path: Template, picture: Picture, at: int) -> None:
        known = {one.name for one in picture.dimensions}
        known |= {name for name, one in self.scope.names.items() if isinstance(one, (Input, Handed)) and (one if isinstance(one, Input) else one.input).type == "image"}
        for name in path.names:
            if name not in known:
                if not picture.step.is_sound:
                    continue
                found = self.source.text.find("{" + name, at)
                offer = did_you_mean(name, known) or (f"It has {one_of(sorted(known))}." if known else "It has none.")
                self.error(found if found >= 0 else at, "unknown-dimension", f'{where}.path: these images have no dimension "{name}".', offer, width=len(name) + 2)

    def _leaves(self, drafts: Mapping[str, Draft]) -> Iterator[Output]:
        """Without outputs: every step that no other step consumes."""
        referred = {need for draft in drafts.values() for need in draft.needs if not _only_after(draft, need)}
        for name, draft in drafts.items():
            if name in referred:
                continue
            target = self.scope.names.get(name)
            place = Place(self.source, draft.at)
            if isinstance(target, Step):
                yield Output(name, Picture(target), None, None, None, False, place)
            elif isinstance(target, Result):
                for inner, picture in target.outputs.items():
                    yield Output(f"{name}/{inner}", picture, None, None, None, False, place)

    # ------------------------------------------------------------------ the whole

    def _check_defaults(self, defaults: Map | None, drafts: Mapping[str, Draft]) -> None:
        if defaults is None:
            return
        for key, value in defaults.items():
            key_at, at = defaults.places[key]
            if value is None:
                self.error(at, "null-value", f"defaults.{key} has no value.", "Remove the line, or give it a value.")
            elif key in ("operation", "pipeline", "with", "for_each", "exclude", "after"):
                self.error(key_at, "unknown-field", f"defaults.{key}: that stands in a step, not in defaults.", width=len(key))
            elif key not in self.steps.defaults_used and not any(key in draft.entries for draft in drafts.values()):
                is_any_field = key in STEP_FIELDS or self.steps.is_field(key)
                if is_any_field and any(not draft.documents and draft.kind != "pipeline" for draft in drafts.values()):
                    continue  # a step whose model is not known might have taken it
                fields = {name for draft in drafts.values() for document in draft.documents.values() for name in document.document["properties"]} | STEP_FIELDS
                self.problems.warning(Place(self.source, key_at), "unused-default", f'defaults.{key}: no step can take "{key}".', did_you_mean(key, fields) or "Take it away.", width=len(key))

    def _needed(self, outputs: tuple[Output, ...], drafts: Mapping[str, Draft]) -> tuple[Step, ...]:
        """The steps that some output needs, by reference or `after`; the others are named in a warning."""
        needed: set[int] = set()
        stack = [output.picture.step for output in outputs]
        while stack:
            step = stack.pop()
            if id(step) in needed:
                continue
            needed.add(id(step))
            stack.extend(step.after)
            for value in (*step.fields.values(), step.protect):
                stack.extend(pictures_in(value))
        if outputs and not self.problems.has_errors():
            for name, draft in drafts.items():
                target = self.scope.names.get(name)
                made = (target,) if isinstance(target, Step) else target.steps if isinstance(target, Result) else ()
                if made and not any(id(one) in needed for one in made):
                    self.problems.warning(Place(self.source, draft.at), "unneeded-step", f"steps.{name}: no output needs this step, so it is not run.", "Add it to outputs, or take it away.", width=len(name))
        return tuple(step for step in self.made if id(step) in needed)

    def _check_counts(self, steps: Sequence[Step]) -> None:
        total = 0
        for step in steps:
            total += step.count
            if total > MAX_TASKS:
                shape = " × ".join(f"{one.name} {one.size:,}" for one in step.dimensions)
                self.problems.error(step.place, "too-many-tasks", f"steps.{step.name}: with {shape} the pipeline comes to {total:,} tasks, more than {MAX_TASKS:,}.", "Loop over less, or split the pipeline.")
                return

    def _check_collisions(self, outputs: Sequence[Output], inputs: Mapping[str, Input]) -> None:
        """Two pictures may not become one file."""
        if any(not output.picture.step.is_sound for output in outputs) or self.problems.has_errors():
            return
        seen: dict[str, Output] = {}
        for output in outputs:
            clash = first_collision((path, " ".join(f"{key}" for key in keys.values()) or output.name) for path, keys in output_paths(output, inputs, "png"))
            if clash is not None:
                path, one, other = clash
                unnamed = [one.name for one in output.picture.dimensions if not one.is_outer and one.size > 1 and (output.path is None or f"{{{one.name}}}" not in output.path)]
                offer = f'Name {one_of(unnamed)} in the path, as in "{{{unnamed[0]}}}".' if unnamed else "Make their keys differ."
                self.problems.error(output.place, "path-collision", f'outputs.{output.name}: two pictures would be written to "{path}": {one} and {other}.', offer, width=max(1, len(output.path or output.name)))
                continue
            for path, _ in output_paths(output, inputs, "png"):
                known = seen.setdefault(path.lower(), output)
                if known is not output:
                    line = known.place.source.locate(known.place.offset)[0]
                    self.problems.error(output.place, "path-collision", f'outputs.{output.name}: "{path}" is written by outputs.{known.name} (line {line}) as well.', "Give them different paths.", width=max(1, len(output.path or output.name)))
                    break


def output_paths(output: Output, inputs: Mapping[str, Input], extension: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Every path of an output with the keys it stands for, excluded combinations included."""
    dimensions = output.picture.dimensions
    written_path = template(output.path) if output.path is not None else None
    fixed = {one.name: one.value.key for one in inputs.values() if isinstance(one.value, ImageSource)}
    fixed.update({one.name: one.name for one in inputs.values() if one.type == "image" and one.name not in fixed})
    if any(one.keys is None for one in dimensions):
        return
    for keys in itertools.product(*(one.keys or () for one in dimensions)):
        named = dict(zip((one.name for one in dimensions), keys, strict=True))
        yield path_of(output.name, written_path, dimensions, fixed | named, extension), named


def pictures_in(value: Any) -> Iterator[Step]:
    """The steps whose pictures a bound value holds."""
    if isinstance(value, Picture):
        yield value.step
    elif isinstance(value, Listing):
        for one in value.items:
            yield from pictures_in(one)
    elif isinstance(value, (Pick,)) or hasattr(value, "is_lined_up"):
        column = value.column
        for one in value.dimension.values:
            cell = one if column is None else one[column]
            if not isinstance(cell, Picture):
                return
            yield cell.step
    elif isinstance(value, list):
        for one in value:
            yield from pictures_in(one)


def _only_after(draft: Draft, need: str) -> bool:
    return not any(reference.name == need for key, entry in draft.entries.items() if key != "after" for reference in find_references(entry.value))


def _unknown_input(name: str, kind: str, place: Place) -> Input:
    """An input whose value is wrong and has been said to be."""
    dimension = Dimension(name, None, place=place) if kind in ("images", "list", "table") else None
    return Input(name, kind, UNKNOWN, None, dimension, False, place, place, True)


def _single_pictures(picture: Picture) -> Iterator[tuple[str, Picture]]:
    """Each image of a gathered picture, with its key."""
    if not picture.is_list:
        yield picture.step.name, picture
        return
    for positions in itertools.product(*(range(one.size) for one in picture.gathered)):
        fixed = tuple(zip(picture.gathered, positions, strict=True))
        key = "/".join(one.keys[position] for one, position in fixed if one.keys is not None) or picture.step.name
        yield key, replace(picture, fixed=(*picture.fixed, *fixed), gathered=(), is_list=False)


def _parent(path: str) -> str:
    return path.rsplit("/", 1)[0] or "/"


__all__ = ["Checked", "Surroundings", "check", "dimensions_of", "load", "output_paths", "pictures_in"]
