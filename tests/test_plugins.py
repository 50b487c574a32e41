"""Plug-ins: a workspace names them, they are imported when a name is in no table, and they keep to the shapes."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.workbench import Bench

from editchain import operations, plugins, providers, schemas, testing
from editchain.operations.base import Picture

if TYPE_CHECKING:
    from collections.abc import Iterator

OPERATION = """
from PIL import ImageOps
from editchain.operations.base import Picture

def apply(*, image, levels):
    return Picture(ImageOps.posterize(image.convert("RGB"), levels))
"""
PROVIDER = """
from editchain.operations.base import Picture
from editchain.providers.base import Capabilities, Finished
from editchain.providers.lacking import advise_prompt as advise_prompt
from editchain.providers.lacking import check_prompt as check_prompt
from editchain.providers.preparing import prepared as prepared

is_local = True
capabilities = Capabilities()

async def submit(session, request):
    return Finished((Picture(request.images["image"][0].decode().rotate(180)),))
"""
PACKAGE = """
from pathlib import Path

SHAPES = 1
PROVIDERS = {"acme": "acme_editchain.vendor"}
OPERATIONS = {"posterise": "acme_editchain.posterise"}
DOCUMENTS = Path(__file__).parent
"""
RECIPE = """
steps:
  turned: {model: acme-1, image: a.png, prompt: anything}
  flat: {operation: posterise, image: $turned, levels: 2}
"""


def write_package(folder: Path) -> Path:
    package = folder / "acme_editchain"
    for name, text in {"__init__": PACKAGE, "vendor": PROVIDER, "posterise": OPERATION}.items():
        (package / f"{name}.py").parent.mkdir(parents=True, exist_ok=True)
        (package / f"{name}.py").write_text(text)
    operation = json.loads((schemas.folder() / "operations" / "flip.json").read_text())
    operation["$id"] = operation["$id"].replace("flip", "posterise")
    operation["properties"]["levels"] = {
        "type": "integer",
        "minimum": 1,
        "maximum": 8,
        "default": 3,
        "description": "How many bits stay.",
    }
    del operation["properties"]["direction"]
    operation["x-editchain"] = {
        "kind": "operation",
        "behaviour": 1,
        "example": {"operation": "posterise", "image": "$photo", "levels": 3},
    }
    model = json.loads((schemas.folder() / "models" / "darkroom.json").read_text())
    model["$id"] = model["$id"].replace("darkroom", "acme-1")
    model["x-editchain"].pop("prompt")
    model["x-editchain"]["routes"][0] |= {"provider": "acme", "id": "acme-1"}
    for kind, name, document in (("operations", "posterise", operation), ("models", "acme-1", model)):
        (package / kind).mkdir()
        (package / kind / f"{name}.json").write_text(json.dumps(document))
    return package


@pytest.fixture
def acme(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A workspace that names a plug-in, which is installed."""
    write_package(tmp_path / "site")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    (bench.root / "editchain.toml").write_text('plugins = ["acme_editchain"]\n')
    yield bench
    plugins.use(())
    plugins._modules.clear()
    for name in [one for one in sys.modules if one.partition(".")[0] == "acme_editchain"]:
        del sys.modules[name]


def test_a_plug_in_brings_a_model_a_provider_and_an_operation(acme: Bench) -> None:
    file = acme.write(RECIPE)
    assert acme.command("validate", str(file))[0] == 0
    ran = acme.run(file)
    assert ran.counts == {"done": 2}
    assert list(acme.published()) == ["flat.png"]
    code, out, _ = acme.command("models")
    assert (code, "acme-1" in out) == (0, True)


def test_it_is_not_imported_where_every_name_is_known(acme: Bench) -> None:
    acme.run(acme.write("steps: {s: {operation: flip, image: a.png}}\n"))
    assert "acme_editchain" not in sys.modules
    (acme.root / "editchain.toml").write_text("")
    code, _, messages = acme.command("validate", str(acme.write(RECIPE)))
    assert (code, "acme_editchain" in sys.modules) == (2, False)
    assert "acme-1" in messages


@pytest.mark.parametrize(
    ("text", "about"),
    [
        ("SHAPES = 2\n", "was written for version 2 of the shapes; this editchain has version 1"),
        ("", "does not say for which version"),
        ("import nothing_of_this_name\n", "cannot be imported"),
    ],
)
def test_a_plug_in_that_does_not_fit_is_an_error(acme: Bench, tmp_path: Path, text: str, about: str) -> None:
    (tmp_path / "site" / "acme_editchain" / "__init__.py").write_text(text)
    code, _, messages = acme.command("run", str(acme.write(RECIPE)))
    assert code == 2
    assert about in messages


@pytest.mark.parametrize("value", ['"acme"', "[7]", '["acme editchain"]', '["../acme"]'])
def test_plug_ins_are_named_as_modules(bench: Bench, value: str) -> None:
    (bench.root / "editchain.toml").write_text(f"plugins = {value}\n")
    code, _, messages = bench.command("validate", str(bench.write(RECIPE)))
    assert (code, "list of modules" in messages) == (2, True)


# The contract tests


def test_what_a_plug_in_brings_passes(acme: Bench, tmp_path: Path) -> None:
    testing.check_provider(importlib.import_module("acme_editchain.vendor"))
    document = tmp_path / "site" / "acme_editchain" / "operations" / "posterise.json"
    testing.check_operation(importlib.import_module("acme_editchain.posterise"), document)


@pytest.mark.parametrize("name", providers.PROVIDERS)
def test_our_own_providers_pass(name: str) -> None:
    testing.check_provider(providers.load(name))


@pytest.mark.parametrize("name", ["flip", "resize", "border", "contact_sheet", "composite"])
def test_our_own_operations_pass(name: str) -> None:
    testing.check_operation(operations.load(name), schemas.folder() / "operations" / f"{name}.json")


class Wrong:
    """A provider that lacks one thing."""

    def __init__(self, **changed: Any) -> None:
        module = providers.load("scenario")
        self.__dict__.update(
            {name: getattr(module, name) for name in dir(module) if not name.startswith("__")}
        )
        self.__dict__.update(changed)


@pytest.mark.parametrize(
    ("changed", "about"),
    [
        ({"is_local": "no"}, "is_local"),
        ({"capabilities": {}}, "capabilities"),
        ({"submit": lambda session, request: None}, "submit is an async function"),
        ({"prepared": None}, "prepared is a function"),
    ],
)
def test_a_provider_of_another_shape_does_not(changed: dict[str, Any], about: str) -> None:
    with pytest.raises(AssertionError, match=about):
        testing.check_provider(Wrong(**changed))


def test_an_operation_that_draws_lots_does_not(acme: Bench, tmp_path: Path) -> None:
    module = importlib.import_module("acme_editchain.posterise")
    widths = iter((2, 7))

    def apply(*, image: Any, levels: int) -> Picture:
        return Picture(image.resize((next(widths), levels)))

    module.apply = apply  # type: ignore[attr-defined]
    document = tmp_path / "site" / "acme_editchain" / "operations" / "posterise.json"
    with pytest.raises(AssertionError, match="the same fields give the same bytes"):
        testing.check_operation(module, document)
