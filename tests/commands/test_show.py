"""`editchain show`: a picture is traced back to the inputs by its bytes, through calls, pipelines and clones."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.commands.conftest import Said
from tests.commands.shop import Shop
from tests.workbench import unmarked

from editchain.imaging import credits as crediting

Call = Callable[..., Said]


def shown(call: Call, *arguments: str) -> tuple[Any, dict[str, Any]]:
    """The document, and its origins by id."""
    said = call("show", *arguments, "--json")
    assert said.code == 0, said.err
    document = said.document("show")
    return document, {one["id"]: one for one in document["origins"]}


def test_a_picture_leads_back_to_its_inputs(ran: Path, call: Call) -> None:
    document, origins = shown(call, "out/sheet.png")
    sheet = origins[document["origin"]]
    assert (sheet["step"], sheet["kind"], sheet["name"]) == ("sheet", "operation", "contact_sheet")
    tones = [origins[take["id"]] for take in sheet["takes"]]
    assert [(one["task"], one["prompt"]) for one in tones] == [
        ("tone[look=sepia]", "sepia"),
        ("tone[look=vintage]", "vintage"),
    ]
    assert all(take["field"] == "image" for one in tones for take in one["takes"])
    # made in passing or stored, both tones take the same picture
    (tidy,) = {take["id"] for one in tones for take in one["takes"]}
    assert (origins[tidy]["prompt"], origins[tidy]["name"]) == ("auto levels", "darkroom")
    photo = origins[origins[tidy]["takes"][0]["id"]]
    assert (photo["kind"], photo["path"], photo["takes"]) == ("input", str(ran / "a.png"), [])
    assert len(origins) == 5


def test_it_is_drawn_as_a_tree(ran: Path, call: Call) -> None:
    lines = call("show", "out/sheet.png").out.splitlines()
    assert lines[:2] == ["out/sheet.png", "└─ sheet, contact_sheet (operation)"]
    assert re.fullmatch(r" +└─ image: tidy, darkroom \S+ \(see above\)", lines[-1])
    assert sum("input a.png" in line for line in lines) == 1
    assert any('prompt   "vintage"' in line for line in lines)


def test_name_and_place_do_not_matter(ran: Path, call: Call, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere.bin"
    shutil.copy(ran / "out" / "sheet.png", moved)
    assert shown(call, str(moved))[0]["origin"] == shown(call, "out/sheet.png")[0]["origin"]


def test_an_input_was_made_by_nobody(ran: Path, call: Call) -> None:
    assert "made by input a.png" not in call("show", "a.png").out
    assert "input a.png" in call("show", "a.png").out


def test_one_pipeline_after_another(ran: Path, call: Call) -> None:
    (ran / "next.yaml").write_text(
        "version: 1\nsteps:\n  flip: {operation: flip, image: out/sheet.png}\n"
        "outputs:\n  flip: {from: $flip, path: flip.png}\n"
    )
    assert call("run", "next.yaml").code == 0
    document, origins = shown(call, "out/flip.png")
    (take,) = origins[document["origin"]]["takes"]
    assert origins[take["id"]]["task"] == "sheet"
    assert {one["path"] for one in origins.values() if one["kind"] == "input"} == {str(ran / "a.png")}


def test_what_changed_nothing_did_not_make_its_input(ran: Path, call: Call) -> None:
    (ran / "twice.yaml").write_text(
        "version: 1\nsteps:\n"
        "  flop: {operation: flip, image: a.png}\n  back: {operation: flip, image: $flop}\n"
        "outputs:\n  back: {from: $back, path: back.png}\n"
    )
    assert call("run", "twice.yaml").code == 0
    shutil.copy(ran / "out" / "back.png", ran / "b.png")
    (ran / "thrice.yaml").write_text(
        "version: 1\nsteps:\n"
        "  flop: {operation: flip, image: b.png}\n  again: {operation: flip, image: $flop}\n"
        "outputs:\n  again: {from: $again, path: again.png}\n"
    )
    assert call("run", "thrice.yaml").code == 0
    assert unmarked((ran / "out" / "again.png").read_bytes()) == unmarked((ran / "b.png").read_bytes())
    _, origins = shown(call, "out/again.png")
    assert {one["path"] for one in origins.values() if one["kind"] == "input"} == {str(ran / "a.png")}
    for one in origins.values():
        assert one["id"] not in {take["id"] for take in one["takes"]}


def test_what_was_bought_comes_with_its_call(shop: Shop, call: Call) -> None:
    assert call("run", "p.yaml", "-o", "out", "--yes").code == 0
    document, origins = shown(call, "out/again.png")
    again = origins[document["origin"]]
    assert (again["task"], again["prompt"], again["seed"]) == ("again", "Add a lamp", 3)
    assert (again["call"]["vendor"], again["call"]["actual"], again["call"]["currency"]) == (
        "scenario",
        "11",
        "CU",
    )
    (night,) = [origins[take["id"]] for take in again["takes"]]
    assert (night["task"], night["prompt"]) == ("night[time=dusk]", "Make it dusk")
    said = call("show", "out/again.png").out
    assert f"call     {again['call']['id']}, 11 CU" in said


def test_a_clone_knows_it_from_the_lock(shop: Shop, call: Call) -> None:
    assert call("run", "p.yaml", "-o", "out", "--yes").code == 0
    shutil.rmtree(shop.folder / ".editchain")
    document, origins = shown(call, "out/again.png")
    again = origins[document["origin"]]
    assert (again["said_by"], again["task"], again["name"], again["seed"]) == (
        "lock",
        "again",
        "flux-kontext",
        3,
    )
    assert "known from a lock" in call("show", "out/again.png").out


@pytest.mark.parametrize(
    ("name", "message"), [("other.png", "Nothing is known of other.png"), ("no.png", "cannot be read")]
)
def test_what_nobody_knows_is_said(ran: Path, call: Call, name: str, message: str) -> None:
    (ran / "other.png").write_bytes((ran / "a.png").read_bytes() + b"x")
    said = call("show", name)
    assert (said.code, said.out) == (2, "")
    assert message in said.err


METADATA = '[metadata]\npublish = "{}"\n'


@pytest.mark.parametrize("setting", ["credit", "full"])
def test_published_files_say_how_they_were_made(shop: Shop, call: Call, tmp_path: Path, setting: str) -> None:
    shop.configure(METADATA.format(setting))
    assert call("run", "p.yaml", "-o", "out", "--yes").code == 0
    known, origins = shown(call, "out/again.png")
    again = origins[known["origin"]]
    said = known["metadata"]
    assert said["source_type"] == "compositeWithTrainedAlgorithmicMedia"
    assert (said["models"], said["key"]) == (["flux-kontext"], again["key"])
    recipe = hashlib.sha256((shop.folder / "p.yaml").read_bytes()).hexdigest()
    full = ("again", "Add a lamp", 3) if setting == "full" else (None,) * 3
    assert (said["step"], said["prompt"], said["seed"]) == full
    assert said["recipe"] == recipe
    published = (shop.folder / "out" / "again.png").read_bytes()
    assert (b"Add a lamp" in published) == (setting == "full")
    assert str(shop.folder).encode() not in published
    assert hashlib.sha256(published).hexdigest() != again["digest"]
    # in a place that knows nothing of it, the file says it itself
    shutil.rmtree(shop.folder / ".editchain")
    (shop.folder / "p.lock.jsonl").unlink()
    alone, none = shown(call, "out/again.png")
    assert (alone["origin"], none, alone["metadata"]) == (None, {}, said)
    assert said["key"] in call("show", "out/again.png").out


def test_the_key_in_a_file_finds_what_its_bytes_do_not(shop: Shop, call: Call) -> None:
    shop.configure(METADATA.format("credit"))
    assert call("run", "p.yaml", "-o", "out", "--yes").code == 0
    file = shop.folder / "out" / "again.png"
    file.write_bytes(file.read_bytes() + b"changed")
    document, origins = shown(call, "out/again.png")
    assert origins[document["origin"]]["task"] == "again"


def test_a_second_run_does_nothing_and_another_setting_publishes_anew(ran: Path, call: Call) -> None:
    file = ran / "out" / "sheet.png"
    seen = [file.read_bytes()]
    for setting in ("credit", "full", "none", "credit"):
        (ran / "editchain.toml").write_text(METADATA.format(setting))
        assert call("run", "look.yaml").code == 0
        seen.append(file.read_bytes())
        before = file.stat()
        assert "outputs unchanged" in call("run", "look.yaml").out
        assert (file.stat().st_mtime_ns, file.stat().st_ino) == (before.st_mtime_ns, before.st_ino)
    assert seen[0] == seen[1] == seen[4], "credit is what is said where nothing is chosen"
    assert len(set(seen)) == 3
    assert crediting.read(seen[3]) is None
    credit = crediting.read(seen[1])
    assert credit is not None
    assert (credit.source_type, credit.models, credit.prompt) == (
        "algorithmicallyEnhanced",
        ("darkroom",),
        None,
    )
    assert call("store", "verify").code == 0


def test_a_file_that_somebody_changed_is_left_alone_whatever_the_setting(ran: Path, call: Call) -> None:
    file = ran / "out" / "sheet.png"
    file.write_bytes(b"mine")
    (ran / "editchain.toml").write_text(METADATA.format("full"))
    call("run", "look.yaml")
    assert file.read_bytes() == b"mine"
    assert call("run", "look.yaml", "--overwrite").code == 0
    assert crediting.read(file.read_bytes()) is not None


def test_a_setting_that_there_is_not(ran: Path, call: Call) -> None:
    (ran / "editchain.toml").write_text(METADATA.format("some"))
    said = call("run", "look.yaml")
    assert said.code == 2
    assert '[metadata] publish is "full", "credit" or "none"' in said.err
