"""`editchain models` and `operations` show every document, in words and as data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.workbench import shipped

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.commands.conftest import Said

    Call = Callable[..., Said]


def test_every_model_is_listed(folder: Path, call: Call) -> None:
    models = shipped().models
    assert [line.split()[0] for line in call("models").out.splitlines()[1:]] == list(models)
    found = call("models", "--json").document("models")["models"]
    assert [one["name"] for one in found] == list(models)


@pytest.mark.parametrize("name", shipped().models)
def test_a_model_in_words(folder: Path, call: Call, name: str) -> None:
    model = shipped().models[name]
    lines = call("models", name).out.splitlines()
    assert not any("['" in line or "_bytes" in line for line in lines)  # limits are said in words
    for field in model.document["properties"]:
        assert any(line.startswith(f"  {field}: ") for line in lines)
    for route in model.routes:
        assert any(route.id in line for line in lines)
    for price in model.prices:
        assert any(price.date.isoformat() in line and price.currency in line for line in lines)
    assert max(len(line) for line in lines) < 240
    assert call("models", name, "--json").document("models")["document"] == model.document


def test_types_limits_and_defaults_are_said(folder: Path, call: Call) -> None:
    out = call("models", "flux-kontext").out
    assert "  guidance: number, 0 to 10, 3.5 when not given\n" in out
    assert "  references: list of pictures, at most 3 items\n" in out
    assert "  quality: one of low, medium, high, high when not given\n" in out


def test_the_end_of_a_model_is_said(folder: Path, call: Call) -> None:
    assert "was shut down on 2026-06-01" in call("models", "gemini-2.0-flash").out
    found = call("models", "gemini-2.0-flash", "--json").document("models")["model"]
    assert found["shut_down_on"] == "2026-06-01"


def test_every_operation_is_listed(folder: Path, call: Call) -> None:
    operations = shipped().operations
    assert [line.split()[0] for line in call("operations").out.splitlines()[1:]] == list(operations)
    found = call("operations", "--json").document("operations")["operations"]
    assert [one["name"] for one in found] == list(operations)


@pytest.mark.parametrize("name", shipped().operations)
def test_an_operation_in_words(folder: Path, call: Call, name: str) -> None:
    document = shipped().operations[name].document
    lines = call("operations", name).out.splitlines()
    for field in document["properties"]:
        assert any(line.startswith(f"  {field}: ") for line in lines)
    assert f"    operation: {name}" in lines
    assert call("operations", name, "--json").document("operations")["document"] == document


@pytest.mark.parametrize("arguments", [("models", "flux-kontex"), ("operations", "resise")])
def test_a_wrong_name_offers_the_nearest(folder: Path, call: Call, arguments: tuple[str, ...]) -> None:
    said = call(*arguments)
    assert said.code == 2
    assert 'Did you mean "' in said.err
