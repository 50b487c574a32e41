"""editchain: declarative pipelines of prompted picture edits.

`load` a pipeline, look at its `plan`, `run` it. Everything here is imported when it is first used.
"""

from __future__ import annotations

# Every start of the command pays for what is imported here, typing's own imports included; type checkers know the name.
TYPE_CHECKING = False

__version__ = "0.1.0"

__all__ = [
    "Applied",
    "Catalogue",
    "ConfigurationError",
    "EditchainError",
    "Pipeline",
    "PipelineError",
    "Plan",
    "Problem",
    "Refused",
    "Report",
    "StoreError",
    "TaskError",
    "__version__",
    "apply",
    "catalogue",
    "load",
    "plan",
    "run",
    "run_async",
]

if TYPE_CHECKING:
    from editchain.api import load, plan, run, run_async
    from editchain.applying import Applied, apply
    from editchain.diagnostics import Problem
    from editchain.errors import (
        ConfigurationError,
        EditchainError,
        PipelineError,
        Refused,
        StoreError,
        TaskError,
    )
    from editchain.models import Catalogue, catalogue
    from editchain.pipeline import Pipeline
    from editchain.plans.tasks import Plan
    from editchain.runs.running import Report

_HOMES = {
    **dict.fromkeys(("load", "plan", "run", "run_async"), "api"),
    **dict.fromkeys(("Applied", "apply"), "applying"),
    **dict.fromkeys(
        ("ConfigurationError", "EditchainError", "PipelineError", "Refused", "StoreError", "TaskError"),
        "errors",
    ),
    **dict.fromkeys(("Catalogue", "catalogue"), "models"),
    "Pipeline": "pipeline",
    "Plan": "plans.planning",
    "Problem": "diagnostics",
    "Report": "runs.running",
}


def __getattr__(name: str) -> object:
    """Imports what is asked for: starting the command must not load what it does not use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'editchain' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"editchain.{_HOMES[name]}"), name)
