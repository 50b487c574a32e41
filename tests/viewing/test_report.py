"""Pages of runs: what they show is what happened, and nothing from outside becomes markup."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from tests.commands.conftest import Said
from tests.workbench import Bench

from editchain import schemas
from editchain.viewing import html as documents
from editchain.viewing import picturing

RECIPE = """
inputs:
  photo: {type: image, default: a.png}
steps:
  tone:
    for_each: {look: [sepia, blur]}
    model: darkroom
    image: $photo
    prompt: $look
  sheet: {operation: contact_sheet, images: $tone.*}
"""


def document(bench: Bench, *arguments: str) -> Any:
    return Said(*bench.command("report", *arguments, "--json")).document("report")


def page(bench: Bench, name: str = "report.html") -> str:
    code, _, said = bench.command("report", "-o", name)
    assert code == 0, said
    return (bench.root / name).read_text("utf-8")


def data(text: str, name: str) -> Any:
    """The data of a page that stand in it under a name."""
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', text, re.DOTALL)
    assert found
    return json.loads(found[1])


def task(shown: Any, name: str) -> Any:
    return next(one for step in shown["steps"] for one in step["tasks"] if one["name"] == name)


def test_every_task_is_there_with_what_made_it(bench: Bench) -> None:
    bench.run(bench.write(RECIPE))
    shown = document(bench)
    assert [step["name"] for step in shown["steps"]] == ["tone", "sheet"]
    sepia = task(shown, "tone[look=sepia]")
    assert (sepia["state"], sepia["prompt"], sepia["keys"]) == ("done", "sepia", ["sepia"])
    assert sepia["made_by"].startswith("darkroom")
    assert shown["pictures"][sepia["before"]]["place"] == "a.png"
    made = [task(shown, f"tone[look={look}]")["digest"] for look in ("sepia", "blur")]
    assert task(shown, "sheet")["takes"] == {"images": made}
    assert shown["counts"] == {"done": 3}


def test_arrows_lead_from_inputs_to_steps(bench: Bench) -> None:
    bench.run(bench.write(RECIPE))
    arrows = {(one["start"], one["end"]): one["label"] for one in document(bench)["arrows"]}
    assert arrows == {("input:photo", "step:tone"): "image", ("step:tone", "step:sheet"): "images"}


def test_a_second_run_shows_what_it_found_there(bench: Bench) -> None:
    bench.run(bench.write(RECIPE))
    bench.run(bench.write(RECIPE.replace("sepia, blur", "sepia, blur, vintage")))
    shown = document(bench, "run-2")
    states = {one["name"]: one["state"] for step in shown["steps"] for one in step["tasks"]}
    assert states == {
        "tone[look=sepia]": "cached",
        "tone[look=blur]": "cached",
        "tone[look=vintage]": "done",
        "sheet": "done",
    }


def test_what_failed_says_why(bench: Bench) -> None:
    recipe = RECIPE.replace("$photo\n", "$photo\n    expect: {min_width: 4000}\n", 1)
    bench.run(bench.write(recipe))
    shown = document(bench)
    assert shown["counts"]["failed"] == 2
    failed = next(one for step in shown["steps"] for one in step["tasks"] if one["state"] == "failed")
    assert "4000" in failed["message"] or "8" in failed["message"]


def test_pictures_are_inside_of_the_page(bench: Bench) -> None:
    bench.run(bench.write(RECIPE))
    text = page(bench)
    shown, images = data(text, "page"), data(text, "images")
    assert images["inline"].keys() == shown["pictures"].keys()
    assert all(one.startswith("data:image/webp;base64,") for two in images["inline"].values() for one in two)
    assert not re.search(r'(src|href)="(?!#)', re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL))


def test_many_pictures_lie_beside_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("editchain.viewing.writing.INLINE_MOST", 1)
    bench.run(bench.write(RECIPE))
    images = data(page(bench), "images")
    assert images["inline"] == {}
    files = {path.name for path in (bench.root / "report.files").iterdir()}
    assert files == {f"{one}{end}" for one in images["there"] for end in (".webp", ".view.webp")}


def test_an_input_that_changed_since_is_not_shown_as_it_is_now(bench: Bench) -> None:
    bench.run(bench.write(RECIPE))
    bench.paint("a.png", (0, 0, 0))
    text = page(bench)
    shown, images = data(text, "page"), data(text, "images")
    before = task(shown, "tone[look=sepia]")["before"]
    assert before in shown["pictures"]
    assert before not in images["inline"]


def test_nothing_from_outside_is_markup(bench: Bench) -> None:
    name = "</script><img src=x onerror=alert(1)>"
    recipe = f"""
    steps:
      tone:
        for_each: {{look: [{{key: "{name}", prompt: sepia}}]}}
        model: darkroom
        image: a.png
        prompt: $look.prompt
    """
    bench.run(bench.write(recipe))
    text = page(bench)
    assert name not in text
    assert name in unescape(json.dumps(data(text, "page")))


def test_the_policy_names_the_script_and_style_of_the_page(bench: Bench) -> None:
    bench.run(bench.write(RECIPE))
    text = page(bench)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy
    for pattern in (r"<style>(.*?)</style>", r"<script>(.*?)</script>"):
        (inside,) = re.findall(pattern, text, re.DOTALL)
        assert documents._hash(inside) in policy[1]
    assert "unsafe" not in policy[1]


CHAIN = """
inputs:
  photo: {type: image, default: a.png}
steps:
  one: {operation: flip, image: $photo, direction: horizontal}
  two: {operation: flip, image: $one, direction: vertical}
  three: {operation: resize, image: $two, width: 4}
"""


def test_what_was_made_in_passing_is_shown(bench: Bench) -> None:
    bench.run(bench.write(CHAIN))
    text = page(bench)
    shown, images = data(text, "page"), data(text, "images")
    digests = [task(shown, name)["digest"] for name in ("one", "two", "three")]
    assert set(digests) <= images["inline"].keys()
    assert [task(shown, name)["before"] for name in ("two", "three")] == digests[:2]


def test_the_way_back_leads_through_pictures_that_cannot_be_made_again(bench: Bench) -> None:
    bench.run(bench.write(CHAIN))
    (bench.root / "a.png").unlink()
    shown = data(page(bench), "page")
    one, two, three = (task(shown, name) for name in ("one", "two", "three"))
    assert (one["digest"], two["digest"]) == (None, None)
    assert three["takes"] == {"image": [f"task:{two['key']}"]}
    assert two["takes"] == {"image": [f"task:{one['key']}"]}
    assert shown["pictures"][one["before"]]["place"] == "a.png"


def test_a_page_says_nothing_of_the_machine(bench: Bench) -> None:
    bench.run(bench.write(RECIPE))
    assert str(bench.root) not in page(bench)


def test_there_is_no_page_of_nothing(bench: Bench) -> None:
    code, out, said = bench.command("report")
    assert (code, out) == (2, "")
    assert "Nothing ran here" in said


def test_a_run_without_an_outline_is_named(bench: Bench) -> None:
    bench.run(bench.write(RECIPE))
    (bench.root / ".editchain" / "runs" / "run-1.json").unlink()
    code, _, said = bench.command("report")
    assert code == 2
    assert "editchain status run-1" in said


def test_a_folder_is_no_page(bench: Bench) -> None:
    bench.run(bench.write(RECIPE))
    code, _, said = bench.command("report", "-o", ".")
    assert code == 2
    assert "is a folder" in said


def test_small_pictures_are_small(tmp_path: Path) -> None:
    from tests.workbench import paint

    data = paint(tmp_path / "large.png", size=(900, 300)).read_bytes()
    small = picturing.smaller(data, 600)
    from editchain.imaging import codec

    assert codec.decode(small.view).size == (600, 200)
    assert codec.decode(small.thumbnail).size == (256, 85)


def test_the_schema_of_the_document_is_there() -> None:
    assert schemas.read(Path(__file__).parents[2] / "schemas" / "output" / "report.json")["title"]
