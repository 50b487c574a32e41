"""The top level of a pipeline file: its keys, version, name and budget."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from editchain.diagnostics import Place, did_you_mean, one_of
from editchain.language.scalars import shown, width_of
from editchain.language.syntax import Map, written
from editchain.pipeline import UNKNOWN, Budget

if TYPE_CHECKING:
    from editchain.diagnostics import Problems, Source

TOP_LEVEL = ("version", "name", "description", "inputs", "defaults", "steps", "outputs", "budget")

_MAPPINGS = ("inputs", "defaults", "steps", "outputs", "budget")
_NAMED = ("inputs", "steps", "outputs")
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]*")
_AMOUNT = re.compile(r"[0-9]+(\.[0-9]+)?")
_CURRENCY = re.compile("[A-Za-z]{2,12}")
_IF_EMPTY = {"version": "Write `version: 1`.", "steps": "Write the steps below it."}
_BUDGET = "Write {max: 3.00, currency: USD}."


class Heading:
    """Checks the top level of one pipeline file."""

    def __init__(self, source: Source, problems: Problems) -> None:
        self.source = source
        self.problems = problems

    def check(self, root: Map) -> Budget | None:
        """Notes every problem of the top level; gives the budget, where there is one."""
        for key, value in list(root.items()):
            key_at, at = root.places[key]
            known: str | None = key
            if key not in TOP_LEVEL:
                offer = did_you_mean(key, TOP_LEVEL) or f"A pipeline has {one_of(TOP_LEVEL)}."
                self._error(key_at, "unknown-field", f'A pipeline has no "{key}".', offer, width=len(key))
                known = root.respell(key, TOP_LEVEL)
            if known is None:
                continue
            if value is None:
                hint = _IF_EMPTY.get(known, "Remove the line, or give it a value.")
                self._error(at, "null-value", f"{key} has no value.", hint)
            elif value is not UNKNOWN:
                self._check_type(known, value, at)
        self._check_version(root)
        steps = root.get("steps", UNKNOWN)
        if (steps is UNKNOWN and "steps" not in root) or steps == {}:
            at = root.at if steps is UNKNOWN else root.places["steps"][1]
            self._error(
                at, "missing-field", "A pipeline needs at least one step.", "Write them under `steps:`."
            )
        name = root.get("name")
        if isinstance(name, str) and not _SLUG.fullmatch(name):
            message = f'name: "{name}" may hold a-z, 0-9 and - and begins with a letter or digit.'
            at = root.places["name"][1]
            self._error(at, "bad-name", message, f'Write "{slug_of(name)}".', width=len(name))
        return self._budget(root)

    def _check_type(self, key: str, value: Any, at: int) -> None:
        if key in _MAPPINGS and not isinstance(value, Map):
            what = f"a mapping from names to {key}" if key in _NAMED else "a mapping"
            how = _BUDGET if key == "budget" else "Write `name:` and what belongs to it below."
            self._error(at, "wrong-type", f"{key} is {what}.", how, width=width_of(value))
        elif key in ("name", "description") and not isinstance(value, str):
            is_scalar = isinstance(value, (int, float))
            hint = f'Put it in quotes: "{written(self.source, at, value)}".' if is_scalar else None
            self._error(at, "wrong-type", f"{key} is text.", hint, width=width_of(value))

    def _check_version(self, root: Map) -> None:
        version = root.get("version", UNKNOWN)
        if "version" not in root:
            message = "The pipeline does not say its version."
            self._error(root.at, "missing-field", message, "Begin the file with `version: 1`.")
        elif version is not UNKNOWN and version is not None and (version != 1 or type(version) is not int):
            at = root.places["version"][1]
            said = f'"{version}"' if isinstance(version, str) else shown(version)
            message = f"version: {said} is not a version of the language that is known here."
            self._error(at, "bad-version", message, "Write `version: 1`.", width=width_of(version))

    def _budget(self, root: Map) -> Budget | None:
        budget = root.get("budget")
        if not isinstance(budget, Map):
            return None
        for key in budget:
            if key not in ("max", "currency"):
                offer = did_you_mean(key, ("max", "currency")) or _BUDGET
                message = f'budget has no "{key}".'
                self._error(budget.places[key][0], "unknown-field", message, offer, width=len(key))
        missing = [key for key in ("max", "currency") if key not in budget]
        if missing:
            message = f"budget does not say its {' and '.join(missing)}."
            self._error(budget.at, "missing-field", message, _BUDGET)
        most, currency = budget.get("max", UNKNOWN), budget.get("currency", UNKNOWN)
        is_amount = type(most) in (int, float) and most >= 0
        if most is not UNKNOWN and not is_amount:
            is_quoted = isinstance(most, str) and _AMOUNT.fullmatch(most)
            hint = f"Write {most} without the quotes." if is_quoted else _BUDGET
            message = "budget.max is an amount of 0 or more."
            self._error(budget.places["max"][1], "wrong-type", message, hint, width=width_of(most))
        is_unit = isinstance(currency, str) and bool(_CURRENCY.fullmatch(currency))
        if currency is not UNKNOWN and not is_unit:
            message = "budget.currency is a unit such as USD."
            at = budget.places["currency"][1]
            self._error(at, "wrong-type", message, _BUDGET, width=width_of(currency))
        if not (is_amount and is_unit):
            return None
        return Budget(written(self.source, budget.places["max"][1], most), currency)

    def _error(
        self, at: int, code: str, message: str, suggestion: str | None = None, *, width: int = 1
    ) -> None:
        self.problems.error(Place(self.source, at), code, message, suggestion, width=max(1, width))


def slug_of(stem: str) -> str:
    """A name for a pipeline, made of the letters and digits of another text."""
    return re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-") or "pipeline"
