"""What published files give away: as much as `[metadata] publish` says, and as little, whatever vendors wrote into them."""

from __future__ import annotations

import getpass
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin
from tests.commands.conftest import Said
from tests.commands.shop import Shop
from tests.imaging.files import AUTHOR, HAS_AVIF, RIGHTS, SECRETS, SIGNED, TALKING, all_of, exif
from tests.workbench import paint, unmarked

from editchain.imaging import credits as crediting
from editchain.imaging import extra
from editchain.imaging.containers import png
from editchain.imaging.marking import FIGURES

Call = Callable[..., Said]

METADATA = '[metadata]\npublish = "{}"\n'
FORMATS = """\
version: 1
inputs:
  photo: {type: image, default: a.png}
steps:
  castle: {model: flux-kontext, image: $photo, prompt: A CANARY castle, seed: 3}
  small: {operation: resize, image: $castle, width: 8}
outputs:
  small: {from: $small, path: small.png}
  png: {from: $castle, path: castle.png}
  jpg: {from: $castle, path: castle.jpg}
  webp: {from: $castle, path: castle.webp}
  avif: {from: $castle, path: castle.avif}
  tif: {from: $castle, path: castle.tif}
  gif: {from: $castle, path: castle.gif}
"""
if not HAS_AVIF:
    FORMATS = FORMATS.replace("castle.avif", "castle.jpeg")


def talkative(picture: bytes) -> bytes:
    """A picture with all that careless makers write into a PNG."""
    said = png.read(TALKING["png"])
    chunks = b"".join(chunk for _, chunk in said.texts)
    return png.write(picture, said, keeps_more=False) + chunks


@pytest.fixture
def published(shop: Shop, call: Call, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], dict[str, bytes]]:
    """Publishes a vendor's talkative picture in every format, with one of the settings."""
    monkeypatch.setattr(shop.vendor, "writes_into", talkative)
    shop.write(FORMATS)

    def publish(setting: str) -> dict[str, bytes]:
        shop.configure(METADATA.format(setting))
        assert call("run", "p.yaml", "--yes").code == 0
        found = {path.name: path.read_bytes() for path in sorted((shop.folder / "out").iterdir())}
        assert len(found) == 7
        return found

    return publish


def test_none_leaves_no_trace(shop: Shop, published: Callable[[str], dict[str, bytes]]) -> None:
    canaries = [
        b"CANARY",
        b"editchain",
        str(shop.folder).encode(),
        shop.folder.parent.name.encode(),
        AUTHOR.encode(),
        *SECRETS,
    ]
    if len(getpass.getuser()) > 4:
        canaries.append(getpass.getuser().encode())
    for name, data in published("none").items():
        assert [canary for canary in canaries if canary in all_of(data)] == [], name
        with Image.open(io.BytesIO(data)) as image:
            image.load()


def test_credit_says_who_and_how_but_neither_prompt_nor_place(
    shop: Shop, published: Callable[[str], dict[str, bytes]]
) -> None:
    for name, data in published("credit").items():
        found = all_of(data)
        assert [
            canary for canary in (b"CANARY", str(shop.folder).encode(), *SECRETS) if canary in found
        ] == [], name
        # what a step made here has nothing of others to begin with
        assert (AUTHOR.encode() in found) == (name != "small.png"), name
        credit = crediting.read(data)
        assert credit is not None
        assert credit.models == ("flux-kontext",)
        assert (credit.prompt, credit.step, credit.seed) == (None, None, None)


def test_full_keeps_what_others_wrote_and_says_the_prompt(
    shop: Shop, published: Callable[[str], dict[str, bytes]]
) -> None:
    for name, data in published("full").items():
        credit = crediting.read(data)
        assert credit is not None
        assert (credit.prompt, credit.seed) == ("A CANARY castle", 3)
        assert str(shop.folder).encode() not in data
        if name != "small.png":
            assert RIGHTS.encode() in data, name
            assert SECRETS[0] in data, name


def test_another_setting_writes_files_anew_and_costs_nothing(
    shop: Shop, call: Call, published: Callable[[str], dict[str, bytes]]
) -> None:
    seen = {setting: published(setting) for setting in ("credit", "none", "full")}
    assert published("credit") == seen["credit"]
    assert len({data["castle.png"] for data in seen.values()}) == 3
    assert shop.calls == 1
    stats = {path: path.stat() for path in (shop.folder / "out").iterdir()}
    assert "outputs unchanged" in call("run", "p.yaml").out
    assert {path: path.stat() for path in (shop.folder / "out").iterdir()} == stats


def test_a_clone_and_an_empty_folder_give_the_same_bytes(
    shop: Shop, call: Call, published: Callable[[str], dict[str, bytes]]
) -> None:
    seen = published("credit")
    for path in (shop.folder / "out").iterdir():
        path.unlink()
    assert call("run", "p.yaml", "--locked", "--offline").code == 0
    assert {path.name: path.read_bytes() for path in (shop.folder / "out").iterdir()} == seen


def test_a_comment_in_the_recipe_leaves_published_files_alone(
    shop: Shop, call: Call, published: Callable[[str], dict[str, bytes]]
) -> None:
    """A pipeline that takes them would buy anew otherwise."""
    for setting in ("credit", "full"):
        published(setting)
        stats = {path: path.stat() for path in (shop.folder / "out").iterdir()}
        shop.write(f"{FORMATS}# {setting}\n")
        assert "outputs unchanged" in call("run", "p.yaml").out
        assert {path: path.stat() for path in (shop.folder / "out").iterdir()} == stats


CARRIED = """\
version: 1
inputs:
  photo: {type: image, default: photo.jpg}
steps:
  grey: {model: darkroom, image: $photo, prompt: black and white}
  out: {operation: convert, image: $grey, format: jpeg, metadata_of: $photo, location: LOCATION}
"""


@pytest.mark.parametrize(("setting", "location", "says"), [
    ("credit", "true", (True, True)), ("credit", "false", (True, False)),
    ("full", "true", (True, True)), ("none", "true", (False, False)),
])  # fmt: skip
def test_what_a_recipe_carries_over_by_name_stays_unless_nothing_may(
    folder: Path, call: Call, setting: str, location: str, says: tuple[bool, bool]
) -> None:
    (folder / "editchain.toml").write_text(METADATA.format(setting))
    paint(folder / "a.png")
    with Image.open(folder / "a.png") as image:
        image.save(folder / "photo.jpg", exif=exif(orientation=None))
    (folder / "p.yaml").write_text(CARRIED.replace("LOCATION", location))
    assert call("run", "p.yaml").code == 0
    with Image.open(folder / "out/out.jpg") as image:
        found = image.getexif()
        assert (0x010F in found, 0x8825 in found) == says
    assert (crediting.read((folder / "out/out.jpg").read_bytes()) is None) == (setting == "none")


@pytest.mark.parametrize("setting", ["credit", "full", "none"])
def test_what_was_measured_stays_in_its_picture(folder: Path, call: Call, setting: str) -> None:
    (folder / "editchain.toml").write_text(METADATA.format(setting))
    paint(folder / "a.png")
    (folder / "p.yaml").write_text("version: 1\nsteps:\n  card: {operation: measure, image: a.png}\n")
    assert call("run", "p.yaml").code == 0
    with Image.open(folder / "out/card.png") as image:
        assert isinstance(image, PngImagePlugin.PngImageFile)
        assert "sharpness" in json.loads(image.text[FIGURES])


WRAPPED = """\
version: 1
steps:
  sound: {model: darkroom, image: a.png, prompt: sepia, seed: 5, expect: {format: png}}
  kept: {model: darkroom, image: $sound, prompt: vintage, protect: {box: [0, 0, 4, 4]}, expect: {format: png}}
  small: {operation: resize, image: $kept, width: 4}
  sheet: {operation: contact_sheet, images: [$sound, $kept]}
outputs: {sound: $sound, kept: $kept, small: $small, sheet: $sheet}
"""


def test_the_last_prompt_on_the_way_is_said(folder: Path, call: Call) -> None:
    """Also where a check, a mask or an operation came after it; none where several pictures were put together."""
    (folder / "editchain.toml").write_text(METADATA.format("full"))
    paint(folder / "a.png")
    (folder / "p.yaml").write_text(WRAPPED)
    assert call("run", "p.yaml").code == 0
    said = {
        name: crediting.read((folder / f"out/{name}.png").read_bytes())
        for name in ("sound", "kept", "small", "sheet")
    }
    assert {name: one and one.prompt for name, one in said.items()} == {
        "sound": "sepia", "kept": "vintage", "small": "vintage", "sheet": None,
    }  # fmt: skip
    assert said["sound"] is not None
    assert said["sound"].seed == 5


def test_a_rehearsal_claims_nothing(shop: Shop, call: Call) -> None:
    assert call("run", "p.yaml", "--rehearse").code == 0
    for data in shop.published("out-rehearsal").values():
        assert crediting.read(data) is None


def test_what_is_published_without_a_choice_is_the_result_and_the_credit(shop: Shop, call: Call) -> None:
    assert call("run", "p.yaml").code == 0
    digest = next(line.digest.hex() for line in shop.lock.lines if line.task == "again")
    stored = shop.folder / ".editchain/objects" / digest[:2] / digest[2:]
    again = shop.published()["again.png"]
    assert again != stored.read_bytes()
    assert unmarked(again) == stored.read_bytes()


@pytest.mark.parametrize(("lines", "message"), [
    ('certificate = "a.pem"', "certificate and key go together; key is missing"),
    ('key = "env:KEY"', "certificate and key go together; certificate is missing"),
    ('certificate = "a.pem"\nkey = "-----BEGIN PRIVATE KEY-----"', "key names a file in PEM or env:NAME"),
    ('certificate = 3\nkey = "env:KEY"', "certificate names a file in PEM;"),
    ('publish = "none"\ncertificate = "a.pem"\nkey = "env:KEY"', "leaves no room for content credentials"),
    ('certificate = "a.pem"\nkey = "env:KEY"', "certificate "),
    ('certify = "a.pem"', '[metadata] has no "certify"'),
])  # fmt: skip
def test_what_editchain_toml_says_wrongly_of_certificates(
    ran: Path, call: Call, lines: str, message: str
) -> None:
    (ran / "editchain.toml").write_text(f"[metadata]\n{lines}\n")
    said = call("run", "look.yaml")
    assert said.code == 2
    assert message in said.err
    assert "Traceback" not in said.err


@pytest.fixture
def without_c2pa(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if the extra were not installed."""
    monkeypatch.setitem(extra.MODULES, "c2pa", ("a_module_that_is_not_there",))
    extra.is_installed.cache_clear()
    yield
    monkeypatch.undo()
    extra.is_installed.cache_clear()


def test_without_the_extra_nothing_is_bought_that_is_to_be_signed(
    shop: Shop, call: Call, without_c2pa: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", "a key")
    (shop.folder / "a.pem").write_text("a certificate")
    shop.configure('[metadata]\ncertificate = "a.pem"\nkey = "env:KEY"\n')
    said = call("run", "p.yaml", "--yes")
    assert said.code == 2
    assert "pip install 'editchain[c2pa]'" in said.err
    assert shop.calls == 0


def test_without_the_extra_credentials_are_said_to_be_there(
    folder: Path, call: Call, without_c2pa: None
) -> None:
    (folder / "signed.png").write_bytes(SIGNED["png"])
    said = call("show", "signed.png", "--json").document("show")
    assert said["credentials"]["state"] == "unread"
    assert "pip install 'editchain[c2pa]'" in call("show", "signed.png").out
