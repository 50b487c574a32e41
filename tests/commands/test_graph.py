"""`editchain graph` draws what goes where."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest

from editchain.viewing.layers import Edge, Node, svg

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.commands.conftest import Said

    Call = Callable[..., Said]

SVG = "{http://www.w3.org/2000/svg}"


def test_boxes_and_arrows(folder: Path, call: Call) -> None:
    found = call("graph", "look.yaml", "--json").document("graph")
    assert {one["id"]: one["note"] for one in found["nodes"]} == {
        "input_photo": "image", "step_tidy": "darkroom", "step_tone": "darkroom · look 2",
        "step_sheet": "contact_sheet", "output_sheet": "sheet.png",
    }  # fmt: skip
    assert {(one["from"], one["to"], one["field"]) for one in found["edges"]} == {
        ("input_photo", "step_tidy", "image"), ("step_tidy", "step_tone", "image"),
        ("step_tone", "step_sheet", "images"), ("step_sheet", "output_sheet", ""),
    }  # fmt: skip


def test_what_comes_by_defaults_after_and_sub_pipelines(folder: Path, call: Call) -> None:
    (folder / "sub.yaml").write_text(
        "version: 1\ninputs: {x: {type: image}}\nsteps: {s: {model: darkroom, image: $x, prompt: sepia}}\n"
    )
    (folder / "all.yaml").write_text(
        "version: 1\n"
        "inputs: {photo: {type: image}, words: {type: list, default: [a, b]}}\n"
        "defaults: {model: darkroom, image: $photo}\n"
        "steps:\n"
        "  first: {prompt: sepia}\n"
        "  second: {prompt: 'add the text \"${words}\"', after: [first]}\n"
        "  third: {pipeline: sub.yaml, with: {x: $second}}\n"
    )
    found = call("graph", "all.yaml", "--json").document("graph")
    edges = {(one["from"], one["to"]): (one["field"], one["is_order"]) for one in found["edges"]}
    assert edges["input_photo", "step_first"] == ("image", False)
    assert edges["input_words", "step_second"] == ("prompt", False)
    assert edges["step_first", "step_second"] == ("after", True)
    assert edges["step_second", "step_third"] == ("with", False)
    assert ("input_photo", "step_third") not in edges
    notes = {one["id"]: one["note"] for one in found["nodes"]}
    assert (notes["step_third"], "output_third__s" in notes) == ("sub.yaml · words 2", True)


def test_mermaid_and_dot(folder: Path, call: Call) -> None:
    assert call("graph", "look.yaml").out.startswith("flowchart LR\n")
    assert '  step_tone["tone<br>darkroom · look 2"]\n' in call("graph", "look.yaml").out
    dot = call("graph", "look.yaml", "--format", "dot").out
    assert '  step_tone -> step_sheet [label="images"];\n' in dot
    assert dot.count("{") == dot.count("}") == 1


def test_an_svg_file(folder: Path, call: Call) -> None:
    assert call("graph", "look.yaml", "-o", "look.svg").code == 0
    root = ET.parse(folder / "look.svg").getroot()
    assert len(root.findall(f"{SVG}g")) == 5
    assert len(root.findall(f"{SVG}path")) == 4


def boxes(nodes: list[Node], edges: list[Edge]) -> dict[str, tuple[float, float, float, float]]:
    root = ET.fromstring(svg(nodes, edges))
    found = {}
    for group in root.findall(f"{SVG}g"):
        box, text = group.find(f"{SVG}rect"), group.find(f"{SVG}text")
        assert box is not None
        assert text is not None
        x, y, width, height = (float(box.get(name, "")) for name in ("x", "y", "width", "height"))
        found[text.text or ""] = (x, y, x + width, y + height)
    return found


def test_boxes_stand_apart_and_arrows_go_to_the_right() -> None:
    names = "abcdefgh"
    nodes = [Node(name, "step", name, "of some length") for name in names]
    edges = [Edge(start, end, "") for at, start in enumerate(names) for end in names[at + 1 :: 2]]
    found = boxes(nodes, edges)
    for edge in edges:
        assert found[edge.start][2] < found[edge.end][0]
    for at, one in enumerate(names):
        for other in names[at + 1 :]:
            a, b = found[one], found[other]
            assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


def test_signs_are_text() -> None:
    assert list(boxes([Node("x", "step", '<&"', "")], [])) == ['<&"']


@pytest.mark.parametrize("arguments", [("broken.yaml",), ("none.yaml",), ("look.yaml", "-o", ".")])
def test_what_cannot_be_drawn(folder: Path, call: Call, arguments: tuple[str, ...]) -> None:
    (folder / "broken.yaml").write_text("version: 1\nsteps: {a: {model: nothing}}\n")
    assert call("graph", *arguments).code == 2
