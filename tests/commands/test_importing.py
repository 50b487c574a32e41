"""`editchain models import`: a vendor's record becomes a document that checks, plans and runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.vendors.scenario import KEY, MODELS, SECRET, Ending, Scenario

from editchain.errors import ProviderError
from editchain.providers.scenario_models import imported
from editchain.rules import meta_problems

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.commands.conftest import Said

    Call = Callable[..., Said]

RECIPE = """\
version: 1
steps:
  s: {model: mine, image: a.png, prompt: Night, FIELDS}
outputs: {s: $s}
"""


@pytest.fixture
def vendor(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scenario]:
    """The stand-in, serving, with the credentials for it."""
    made = Scenario(usual=Ending(("success",)))
    monkeypatch.setenv("SCENARIO_API_KEY", KEY)
    monkeypatch.setenv("SCENARIO_API_SECRET", SECRET)
    with made.running():
        text = f'[providers.scenario]\nbase_url = "{made.url}"\n[fetch]\nplain_hosts = ["127.0.0.1"]\n[limits.scenario]\nper_second = 50\n'
        (folder / "editchain.toml").write_text(text)
        yield made


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        ("model_flux-kontext-editing", 'aspect_ratio: "16:9", guidance: 4, quality: medium'),
        ("model_qwen-image-edit-2509", "size: [1024, 512], steps: 20, go_fast: true, seed: 7"),
        ("model_qwen-image-edit", "guidance: 3"),
        ("model_bytedance-seedream-4-editing", 'size: 2K, aspect_ratio: "4:3"'),
    ],
)
def test_an_imported_model_is_checked_and_runs(
    folder: Path, call: Call, vendor: Scenario, model: str, fields: str
) -> None:
    said = call("models", "import", "scenario", model, "--name", "mine")
    assert said.code == 0, said.err
    assert vendor.bill == []
    assert call("models", "mine", "--json").document("models")["model"]["routes"][0]["id"] == model
    (folder / "r.yaml").write_text(RECIPE.replace("FIELDS", fields))
    assert call("validate", "r.yaml").code == 0
    assert call("run", "r.yaml", "--yes").code == 0
    (job,) = vendor.jobs.values()
    assert job.model == model
    assert len(vendor.bill) == 1


def test_what_it_does_not_take_is_an_error_before_anything_is_sent(
    folder: Path, call: Call, vendor: Scenario
) -> None:
    call("models", "import", "scenario", "model_qwen-image-edit-2509", "--name", "mine")
    (folder / "r.yaml").write_text(RECIPE.replace("FIELDS", "size: [100, 512], guidance: 11, nonsense: 1"))
    said = call("validate", "r.yaml")
    assert said.code == 2
    for words in ("steps.s.size[0]", "steps.s.guidance", 'no field "nonsense"'):
        assert words in said.err


def test_the_name_is_made_of_the_id_and_nothing_is_replaced_unasked(
    folder: Path, call: Call, vendor: Scenario
) -> None:
    first = call("models", "import", "scenario", "model_flux-kontext-editing", "--json")
    found = first.document("models")
    assert (found["imported"], found["left_out"]) == ("flux-kontext-editing", [])
    path = folder / "models" / "flux-kontext-editing.json"
    assert json.loads(path.read_text()) == found["document"]
    path.write_text(path.read_text().replace("flux", "FLUX", 1))
    before = path.read_text()
    again = call("models", "import", "scenario", "model_flux-kontext-editing")
    assert (again.code, path.read_text()) == (2, before)
    assert "--overwrite" in again.err
    assert call("models", "import", "scenario", "model_flux-kontext-editing", "--overwrite").code == 0
    assert path.read_text() != before


@pytest.mark.parametrize(
    ("words", "about"),
    [
        (("scenario",), "Write editchain models import scenario MODEL_ID"),
        (("acme", "m"), "not from acme"),
        (("scenario", "model_none"), "404"),
        (
            ("scenario", "model_flux-kontext-editing", "--name", "seedream-4"),
            'There is a model "seedream-4" already',
        ),
        (("scenario", "model_flux-kontext-editing", "--name", "No Name"), "is no name of a model"),
    ],
)
def test_what_cannot_be_imported(
    folder: Path, call: Call, vendor: Scenario, words: tuple[str, ...], about: str
) -> None:
    said = call("models", "import", *words)
    assert said.code in (1, 2)
    assert about in said.err
    assert not (folder / "models").exists()


def test_without_a_credential_nothing_is_asked(
    folder: Path, call: Call, vendor: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SCENARIO_API_KEY")
    said = call("models", "import", "scenario", "model_flux-kontext-editing")
    assert said.code == 2
    assert "set SCENARIO_API_KEY" in said.err
    assert vendor.server.asked == []


# The document of a record


@pytest.mark.parametrize("model", MODELS)
def test_every_record_of_the_stand_in_makes_a_document(model: str) -> None:
    record = {"id": model, "type": "custom", "name": model, "inputs": MODELS[model][1]}
    found = imported(record, "mine")
    assert meta_problems(found.document, "model") == []
    route = found.document["x-editchain"]["routes"][0]
    assert list(route["fields"]) == list(found.document["properties"])


def record(*inputs: dict[str, Any], **more: Any) -> dict[str, Any]:
    pictures = {"name": "referenceImages", "type": "file_array", "required": {"always": True}}
    prompt = {"name": "prompt", "type": "string", "required": {"always": True}}
    return {"id": "model_x", "type": "custom", "inputs": [pictures, prompt, *inputs], **more}


def test_inputs_of_other_kinds_are_left_out_and_named() -> None:
    found = imported(
        record({"name": "video", "type": "file", "kind": "video"}, {"name": "more", "type": "inputs_array"}),
        "x",
    )
    assert found.left_out == (
        "video: of a kind that is not sent here",
        "more: of a kind that is not sent here",
    )
    with pytest.raises(ProviderError, match="needs video"):
        imported(
            record({"name": "video", "type": "file", "kind": "video", "required": {"always": True}}), "x"
        )


@pytest.mark.parametrize(
    ("wrong", "about"),
    [
        ({"id": "model_x", "type": "flux.1-lora"}, "only custom models"),
        (
            {"id": "model_x", "inputs": [{"name": "prompt", "type": "string"}]},
            "does not take a picture and a prompt",
        ),
        ({"id": "model_x", "inputs": "none"}, "does not take a picture and a prompt"),
    ],
)
def test_a_record_of_something_else_is_an_error(wrong: dict[str, Any], about: str) -> None:
    with pytest.raises(ProviderError, match=about):
        imported(wrong, "x")


def test_fields_are_called_as_other_models_call_them() -> None:
    inputs = [
        {"name": "guidanceScale", "type": "number", "min": 1, "max": 10, "default": 3.5},
        {"name": "goFast", "type": "boolean", "default": False, "description": "Faster"},
        {"name": "numOutputs", "type": "number", "min": 1, "max": 4, "default": 1, "step": 1},
    ]
    document = imported(record(*inputs), "x").document
    assert list(document["properties"]) == [
        "image",
        "prompt",
        "references",
        "guidance",
        "go_fast",
        "num_samples",
    ]
    assert document["properties"]["go_fast"] == {
        "type": "boolean",
        "default": False,
        "description": "Faster.",
    }
    assert document["x-editchain"]["routes"][0]["fields"]["guidance"] == {"to": "guidanceScale"}
    assert document["x-editchain"]["routes"][0]["samples"] == 4
