"""docs/operations.md follows the documents; run this file to write its last part again."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.operations.examples import MINIMAL
from tests.operations.test_kinds import kinds_of_result
from tests.operations.test_native import ABLE

from editchain.imaging import extra
from editchain.imaging.probe import read_probe

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "operations.md"
MARK = "<!-- operations: this part follows schemas/operations/ -->\n"


def kind(field: dict[str, Any]) -> str:
    if "$ref" in field:
        return str(field["$ref"]).rpartition("/")[2].replace("_", " ")
    if "enum" in field:
        return " \\| ".join(f"`{value}`" for value in field["enum"])
    least, most = field.get("minimum", field.get("exclusiveMinimum")), field.get("maximum")
    above = "above " if "exclusiveMinimum" in field else ""
    limits = f", {above}{least:g} to {most:g}" if least is not None and most is not None else ""
    return f"{field['type']}{limits}"


def section(name: str, document: dict[str, Any]) -> str:
    example = document["x-editchain"]["example"]
    rows = []
    for key, field in document["properties"].items():
        default = f"`{json.dumps(field['default'])}`" if "default" in field else ""
        needed = " (required)" if key in document["required"] else ""
        rows.append(f"| `{key}`{needed} | {kind(field)} | {default} | {field['description']} |")
    lines = [
        f"### {name}",
        document["description"],
        "```yaml\n"
        + "step: {"
        + ", ".join(f"{key}: {plain(value)}" for key, value in example.items())
        + "}\n```",
        f"![{name}](pictures/operations/{name}.{'webp' if name == 'animate' else 'jpg'})",
        kinds(name) + "\n".join(["| field | takes | default | |", "|---|---|---|---|", *rows]),
    ]
    return "\n\n".join(lines) + "\n"


def kinds(name: str) -> str:
    """What becomes of grey and clear pictures, of 16 bits and of profiles, tried."""
    if not any(key in MINIMAL[name] for key in ("image", "images")):
        return ""
    said = ", ".join(kinds_of_result(name))
    depth = "stay with `native: true`" if name in ABLE else "do not stay"
    return f"{said[0].upper()}{said[1:]}; 16 bits and a colour profile {depth}.\n\n"


def plain(value: Any) -> str:
    return value if isinstance(value, str) and not set(value) & set(",:#{}[]") else json.dumps(value)


def expected() -> str:
    documents = sorted((ROOT / "schemas" / "operations").glob("*.json"))
    return "\n" + "\n".join(section(path.stem, json.loads(path.read_text("utf-8"))) for path in documents)


def test_every_operation_has_a_picture_from_an_example_that_runs() -> None:
    document = yaml.safe_load((ROOT / "docs" / "operations.yaml").read_text("utf-8"))
    for name in MINIMAL:
        assert document["steps"][name]["operation"] == name
        path = document["outputs"][name]["path"]
        picture = ROOT / "docs" / "pictures" / "operations" / path.replace(".png", ".jpg")
        assert read_probe(picture).height >= 150
        assert picture.stat().st_size < 120_000


@pytest.mark.skipif(not (extra.is_installed() and extra.is_installed("text")), reason="needs the extras")
def test_the_page_lists_every_field_of_every_operation() -> None:
    assert PAGE.read_text("utf-8").partition(MARK)[2] == expected()


if __name__ == "__main__":
    # with the root of the checkout on the path: python -m tests.operations.test_operations_docs
    PAGE.write_text(PAGE.read_text("utf-8").partition(MARK)[0] + MARK + expected(), "utf-8")
    sys.stdout.write(f"{PAGE} written\n")
