"""Contract tests for plug-ins: what every provider and every operation has to do, to be called from their own tests."""

from __future__ import annotations

import inspect
import json
from typing import TYPE_CHECKING, Any

from PIL import Image

from editchain.executors.natively import NATIVE
from editchain.models import OperationDocument, operation_document
from editchain.operations.base import Picture
from editchain.providers.base import Capabilities
from editchain.rules import meta_problems

if TYPE_CHECKING:
    from pathlib import Path

_BEATS = ("check", "upload", "submit", "poll", "download", "find", "cancel")
_CANARY = "canary-credential"


def _hold(is_so: bool, wanted: str) -> None:
    if not is_so:
        raise AssertionError(wanted)


def check_provider(module: Any) -> None:
    """Raises AssertionError where a module is not of the shape of a provider."""
    _hold(isinstance(module.is_local, bool), "is_local says whether it makes pictures on this machine")
    _hold(isinstance(module.capabilities, Capabilities), "capabilities is a Capabilities")
    for name in ("check_prompt", "advise_prompt", "prepared"):
        _hold(callable(getattr(module, name, None)), f"{name} is a function")
    beats = ("submit",) if module.is_local else _BEATS
    for name in beats:
        _hold(inspect.iscoroutinefunction(getattr(module, name, None)), f"{name} is an async function")
    if module.is_local:
        return
    capabilities = module.capabilities
    _hold(capabilities.base_url.startswith("https://"), "base_url is https:")
    wanted = (*capabilities.credentials, *capabilities.optional)
    _hold(
        all(names and all(one.isidentifier() for one in names) for names in wanted),
        "credentials are variables",
    )
    headers = module.authorization([_CANARY] * len(wanted))
    _hold(
        all(isinstance(name, str) and isinstance(value, str) for name, value in headers.items()),
        "the headers are text",
    )
    _hold(capabilities.concurrency >= 1, "concurrency is a number from 1")
    _hold(capabilities.submit_seconds > 0, "submit_seconds is above 0")
    _hold(capabilities.job_seconds > 0, "job_seconds is above 0")


def check_operation(module: Any, document: Path) -> None:
    """Raises AssertionError where an operation and its document do not go together, or it is not deterministic."""
    found = json.loads(document.read_text(encoding="utf-8"))
    problems = meta_problems(found, "operation")
    _hold(problems == [], "; ".join(problem.message for problem in problems))
    operation = operation_document(document.stem, found)
    taken = inspect.signature(module.apply).parameters
    _hold(
        set(found["properties"]) - {NATIVE} == set(taken), "apply takes the fields of the document, by name"
    )
    _hold(
        all(one.kind is inspect.Parameter.KEYWORD_ONLY for one in taken.values()),
        "apply takes fields by name only",
    )
    first, second = (_applied(module, operation) for _ in range(2))
    _hold(isinstance(first, Picture), "apply gives a Picture")
    _hold(_bytes(first) == _bytes(second), "the same fields give the same bytes")


def _applied(module: Any, operation: OperationDocument) -> Any:
    """What an operation makes of the example in its document, with a small picture for every one that it names."""
    fields: dict[str, Any] = dict.fromkeys(operation.document["properties"]) | dict(operation.defaults)
    fields |= {
        name: value
        for name, value in operation.document["x-editchain"].get("example", {}).items()
        if name != "operation"
    }
    for name in operation.image_fields:
        fields[name] = _picture() if fields.get(name) is not None else None
    for name in operation.image_list_fields:
        fields[name] = [_picture(), _picture()] if fields.get(name) is not None else None
    fields.pop(NATIVE, None)
    return module.apply(**fields)


def _picture() -> Image.Image:
    made = Image.new("RGB", (240, 160), (180, 120, 60))
    made.paste((20, 60, 200), (40, 40, 120, 100))
    return made


def _bytes(picture: Picture) -> bytes:
    return picture.file()
