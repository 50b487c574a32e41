"""`editchain diff` shows two revisions of a pipeline side by side, in words, as JSON and as a page."""

from __future__ import annotations

import re
import subprocess
from base64 import b64decode
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from tests.commands.conftest import RECIPE
from tests.commands.shop import GIT, Shop
from tests.commands.shop import RECIPE as BOUGHT
from tests.workbench import shipped

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.commands.conftest import Said

    Call = Callable[..., Said]

CHANGED = RECIPE.replace("prompt: auto levels", "prompt: make it warmer and add a border").replace(
    "[sepia, vintage]", "[sepia, blur]"
)


def git(folder: Path, *arguments: str) -> None:
    subprocess.run([*GIT, *arguments], cwd=folder, capture_output=True, check=True)


def commit(folder: Path) -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "x")


def write(folder: Path, text: str) -> None:
    (folder / "look.yaml").write_text(text, encoding="utf-8")


@pytest.fixture
def committed(ran: Path) -> Path:
    """The workspace in git, with its recipe and lock as they were after its run."""
    (ran / ".gitignore").write_text(".editchain/\nout/\n")
    git(ran, "init", "-q")
    commit(ran)
    return ran


@pytest.fixture
def changed(committed: Path, call: Call) -> Path:
    """A changed recipe after its run, in the working tree."""
    write(committed, CHANGED)
    assert call("run", "look.yaml").code == 0
    return committed


def document(call: Call, *arguments: str) -> Any:
    said = call("diff", *arguments, "look.yaml", "--json")
    assert said.code == 0, said.err
    return said.document("diff")


def states(found: Any) -> dict[str, str]:
    return {one["task"]: one["state"] for one in found["pictures"]}


def test_nothing_differs(committed: Path, call: Call) -> None:
    said = call("diff", "look.yaml")
    assert (said.code, said.out.splitlines()) == (
        0,
        [
            "look.yaml: HEAD → working tree",
            "The recipe is the same.",
            "4 pictures: 4 same",
            "Price to buy all of it anew: free → free (no difference)",
        ],
    )


def test_changed_words_and_pictures_in_words(changed: Path, call: Call) -> None:
    out = call("diff", "look.yaml").out
    assert "~ step tidy\n    prompt: [-auto levels-]{+make it warmer and add a border+}\n" in out
    assert "    for_each.look[2]: vintage → blur\n" in out
    assert re.search(r"~ tone\[look=sepia\]: \d+\.\d% of the pixels differ, SSIM -?\d\.\d{3}\n", out)
    assert "  - tone[look=vintage]: removed\n" in out
    assert "  + tone[look=blur]: added\n" in out


def test_pictures_are_paired_by_task_and_measured(changed: Path, call: Call) -> None:
    found = document(call)
    assert states(found) == {
        "tidy": "changed", "tone[look=sepia]": "changed", "tone[look=vintage]": "removed",
        "tone[look=blur]": "added", "sheet": "changed",
    }  # fmt: skip
    assert found["counts"] == {"same": 0, "changed": 3, "added": 1, "removed": 1, "not_at_hand": 0}
    tidy = next(one for one in found["pictures"] if one["task"] == "tidy")
    before, after = (opened(changed, tidy[side]["digest"]) for side in ("before", "after"))
    pairs = list(
        zip(pixels(before), pixels(after.resize(before.size, Image.Resampling.LANCZOS)), strict=True)
    )
    others = sum(max(abs(a - b) for a, b in zip(one, other, strict=True)) >= 3 for one, other in pairs)
    assert tidy["differing_share"] == others / len(pairs) > 0
    assert tidy["ssim"] < 1


def opened(folder: Path, digest: str) -> Image.Image:
    path = next(
        path for path in (folder / ".editchain/objects").rglob("*") if path.name in digest and path.is_file()
    )
    return Image.open(path).convert("RGB")


def pixels(image: Image.Image) -> list[tuple[int, ...]]:
    data = image.tobytes()
    return [tuple(data[at : at + 3]) for at in range(0, len(data), 3)]


def test_two_revisions_and_one_revision(changed: Path, call: Call) -> None:
    git(changed, "tag", "old")
    commit(changed)
    forward, backward = document(call, "old", "HEAD"), document(call, "HEAD", "old")
    assert [one["fields"] for one in document(call, "old")["recipe"]] == [
        one["fields"] for one in forward["recipe"]
    ]
    assert document(call)["recipe"] == []
    assert forward["before"] == backward["after"]
    assert forward["before"]["revision"] == "old"
    assert (states(forward)["tone[look=blur]"], states(backward)["tone[look=blur]"]) == ("added", "removed")
    (changed / "look.yaml").unlink()
    assert document(call, "old", "HEAD") == forward
    assert call("diff", "old", "look.yaml").code == 2


def test_a_picture_that_is_not_in_the_store(changed: Path, call: Call) -> None:
    tidy = next(one for one in document(call)["pictures"] if one["task"] == "tidy")
    lost = next(
        path
        for path in (changed / ".editchain/objects").rglob("*")
        if path.is_file() and path.name in tidy["before"]["digest"]
    )
    lost.unlink()
    tidy = next(one for one in document(call)["pictures"] if one["task"] == "tidy")
    assert (tidy["state"], tidy["before"]["is_at_hand"], tidy["differing_share"]) == ("changed", False, None)
    assert "~ tidy: changed, not at hand\n" in call("diff", "look.yaml").out


@pytest.mark.parametrize(
    ("old", "new", "entry", "fields"),
    [
        ("  tidy:", "  tidied: {image: $photo, prompt: sepia}\n  tidy:", ("steps", "tidied", "added"), {"image": "added", "prompt": "added"}),
        ("  sheet: {operation: contact_sheet, images: $tone.*}\n", "", ("steps", "sheet", "removed"), {"operation": "removed", "images": "removed"}),
        ("default: a.png", "default: b.png", ("inputs", "photo", "changed"), {"default": "changed"}),
        ("defaults: {model: darkroom}", "defaults: {model: darkroom, strength: 0.5}", ("defaults", None, "changed"), {"strength": "added"}),
        ("path: sheet.png", "path: all.png", ("outputs", "sheet", "changed"), {"path": "changed"}),
        ("version: 1", "version: 1\nname: looks", ("pipeline", None, "changed"), {"name": "added"}),
        ("[sepia, vintage]", "[sepia, vintage, blur]", ("steps", "tone", "changed"), {"for_each.look": "changed"}),
    ],
)  # fmt: skip
def test_what_differs_in_the_text(
    committed: Path, call: Call, old: str, new: str, entry: tuple[Any, ...], fields: dict[str, str]
) -> None:
    assert RECIPE.count(old) == 1
    write(committed, RECIPE.replace(old, new))
    found = document(call)
    assert [(one["section"], one["name"], one["what"]) for one in found["recipe"]] == [entry]
    assert {one["field"]: one["what"] for one in found["recipe"][0]["fields"]} == fields
    assert bool(found["notices"]) == (entry[0] != "outputs")


def test_a_prompt_in_a_file_is_compared_word_by_word(committed: Path, call: Call) -> None:
    (committed / "words.txt").write_text("make it sepia")
    write(committed, RECIPE.replace("prompt: auto levels", "prompt_file: words.txt"))
    commit(committed)
    (committed / "words.txt").write_text("make it much warmer")
    assert "prompt: make it [-sepia-]{+much warmer+}" in call("diff", "look.yaml").out


# ---------------------------------------------------------------------- money


def test_the_price_of_what_is_new(shop: Shop, call: Call) -> None:
    assert call("run", "p.yaml", "--yes").code == 0
    shop.commit()
    shop.write(BOUGHT.replace("[dusk, dawn]", "[dusk, dawn, noon]"))
    assert call("run", "p.yaml", "--yes").code == 0
    shop.vendor.bill.clear()
    found = call("diff", "p.yaml", "--json").document("diff")["price"]
    assert (found["before"]["pictures"], found["after"]["pictures"]) == (3, 4)
    price = shipped().models["flux-kontext"].price("scenario")
    assert price is not None
    least, most = f"{price.least:f}", f"{price.most:f}"
    assert found["difference"] == [{"currency": price.currency, "least": least, "most": most}]
    assert f"(+{least} to +{most} {price.currency})" in call("diff", "p.yaml").out
    assert shop.calls == 0


def test_an_unknown_price_is_said_to_be(shop: Shop, call: Call) -> None:
    assert call("run", "p.yaml", "--yes").code == 0
    shop.commit()
    shop.place.write_text(shop.place.read_text().replace('"model": "flux-kontext"', '"model": "long-gone"'))
    shop.place.write_text(re.sub('"key": "..', '"key": "00', shop.place.read_text()))
    assert "(difference unknown)" in call("diff", "p.yaml").out
    found = call("diff", "p.yaml", "--json").document("diff")["price"]
    assert (found["before"]["unknown"], found["after"]["unknown"], found["difference"]) == (0, 3, None)


# ---------------------------------------------------------------------- mistakes


def test_mistakes_are_named(committed: Path, call: Call) -> None:
    for arguments, said in (
        (("nope", "look.yaml"), 'git knows no revision "nope"'),
        (("--", "-x", "look.yaml"), 'git knows no revision "-x"'),
        (("HEAD", "other.yaml"), "There is no other.yaml at HEAD."),
        (("HEAD", "HEAD", "HEAD", "look.yaml"), "at most two revisions"),
        (("HEAD",), "There is no HEAD at HEAD."),
        (("look.yaml", "--html", "."), "is a folder"),
    ):
        found = call("diff", *arguments)
        assert found.code == 2, arguments
        assert said in found.err
        assert not found.out


def test_a_recipe_without_a_lock(committed: Path, call: Call) -> None:
    (committed / "look.lock.jsonl").unlink()
    found = call("diff", "look.yaml")
    assert (found.code, "There is no lock look.lock.jsonl in the working tree" in found.err) == (2, True)
    commit(committed)
    assert "There is no lock look.lock.jsonl at HEAD" in call("diff", "look.yaml").err
    assert call("diff", "HEAD~1", "HEAD", "look.yaml").code == 2


def test_a_recipe_that_cannot_be_read(committed: Path, call: Call) -> None:
    write(committed, "steps: [")
    found = call("diff", "look.yaml")
    assert (found.code, "look.yaml (working tree):1" in found.err) == (2, True)


def test_a_folder_without_git(ran: Path, call: Call) -> None:
    found = call("diff", "look.yaml")
    assert (found.code, "look.yaml is not in a git repository" in found.err) == (2, True)


# ---------------------------------------------------------------------- the page


def test_the_page_has_words_and_pictures_inside(changed: Path, call: Call) -> None:
    assert call("diff", "look.yaml", "--html", "there/diff.html").code == 0
    text = (changed / "there/diff.html").read_text(encoding="utf-8")
    assert "<del>auto levels</del><ins>make it warmer and add a border</ins>" in text
    assert (
        text.count('<div class="compare">') == text.count("where they differ: the brighter, the more</") == 3
    )
    addresses = re.findall(r'src="([^"]*)"', text)
    assert len(addresses) == 3 * 3 + 2
    for address in addresses:
        head, _, data = address.partition(",")
        assert head == "data:image/webp;base64"
        Image.open(BytesIO(b64decode(data))).load()
    assert not re.search(r"""(?:src|href)=["']?(?:https?:|//)|@import|url\(""", text)


def test_the_page_escapes_what_people_wrote(committed: Path, call: Call) -> None:
    hostile = "<img src=x onerror=alert(1)> \"'&</script>"
    write(
        committed, RECIPE.replace("prompt: auto levels", f"prompt: '{hostile.replace(chr(39), chr(39) * 2)}'")
    )
    assert call("diff", "look.yaml", "--html", "d.html").code == 0
    text = (committed / "d.html").read_text(encoding="utf-8")
    assert "<img src=x" not in text
    assert text.count("</script>") == 1
    assert "onerror" in text
