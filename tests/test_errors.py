"""The tree of deliberate errors: what each asks of its reader, and that nothing else is raised on purpose."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

import editchain
from editchain import errors
from editchain.diagnostics import Place, Problems, Source
from editchain.errors import EditchainError, PipelineError

PACKAGE = Path(__file__).parent.parent / "engine" / "editchain"
TREE = {
    "EditchainError": ("Exception", 1),
    "PipelineError": ("EditchainError", 2),
    "ConfigurationError": ("EditchainError", 2),
    "TaskError": ("EditchainError", 1),
    "OperationError": ("TaskError", 1),
    "ImageError": ("OperationError", 1),
    "ProviderError": ("TaskError", 1),
    "Refused": ("EditchainError", 3),
    "Unsettled": ("EditchainError", 4),
    "StoreError": ("EditchainError", 5),
    "DiskFull": ("StoreError", 5),
}
"""Each error, what it is a kind of, and the exit code of a command that ends with it."""

CLASSES = {
    name: one
    for name, one in inspect.getmembers(errors, inspect.isclass)
    if one.__module__ == errors.__name__
}


def test_the_tree_is_as_drawn() -> None:
    assert {name: (one.__bases__[0].__name__, one.exit_code) for name, one in CLASSES.items()} == TREE


@pytest.mark.parametrize("name", TREE)
def test_every_error_says_what_its_reader_can_do(name: str) -> None:
    assert CLASSES[name].__doc__


@pytest.mark.parametrize("name", [name for name in TREE if name != "PipelineError"])
def test_the_text_of_an_error_is_its_message(name: str) -> None:
    error = CLASSES[name]("the store is full")
    assert str(error) == "the store is full"
    assert isinstance(error, EditchainError)


def test_a_pipeline_error_has_every_problem_and_says_them_all() -> None:
    source = Source("a.yaml", "version: 1\nsteps: {}\n")
    problems = Problems()
    problems.error(Place(source, 11), "missing-field", "There are no steps.")
    problems.warning(Place(source, 0), "unused-default", "Nothing uses this.")
    error = PipelineError(problems.in_order())
    assert error.problems == problems.in_order()
    first, second = str(error).splitlines()
    assert first.startswith("a.yaml:1:1: warning: Nothing uses this.")
    assert second.startswith("a.yaml:2:1: error: There are no steps.")


@pytest.mark.parametrize(
    "name", ["EditchainError", "PipelineError", "ConfigurationError", "TaskError", "Refused", "StoreError"]
)
def test_callers_find_the_errors_in_the_package(name: str) -> None:
    assert getattr(editchain, name) is CLASSES[name]


def test_nothing_vague_is_raised() -> None:
    """A caller could not tell these from a mistake of ours."""
    vague = {"Exception", "BaseException", "RuntimeError", "SystemExit"}
    found = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Raise) and node.exc is not None and _name(node.exc) in vague
    ]
    assert found == []


def _name(raised: ast.expr) -> str:
    return ast.unparse(raised.func if isinstance(raised, ast.Call) else raised)


def test_a_vague_error_would_be_seen() -> None:
    raised = ast.parse("raise RuntimeError('x')").body[0]
    assert isinstance(raised, ast.Raise)
    assert raised.exc is not None
    assert _name(raised.exc) == "RuntimeError"
