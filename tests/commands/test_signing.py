"""Content credentials: published files are signed once, say each edit with its parents, and other readers believe them."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.commands.conftest import Said
from tests.commands.shop import Shop
from tests.imaging.files import TALKING, file, image_of
from tests.workbench import paint

pytest.importorskip("c2pa")
import c2pa
from tests.certificates import KEYS, Certificate, certificate

from editchain.imaging.credits import SOURCE_TYPES, TRAINED
from editchain.imaging.credits import read as credit_of
from editchain.signing import Claim, Signer

pytestmark = pytest.mark.slow

Call = Callable[..., Said]

METADATA = '[metadata]\npublish = "{}"\ncertificate = "keys/ada.pem"\nkey = "keys/ada.key"\n'
ADA, VENDOR = certificate("Ada"), certificate("Vendor")


def signs(shop: Shop, setting: str = "credit", one: Certificate = ADA) -> None:
    """Configures a certificate."""
    keys = shop.folder / "keys"
    keys.mkdir(exist_ok=True)
    (keys / "ada.pem").write_bytes(one.chain)
    (keys / "ada.key").write_bytes(one.key)
    shop.configure(METADATA.format(setting))


def read(data: bytes) -> dict[str, Any]:
    """What C2PA's own reader makes of a file."""
    from editchain.signing import media_type_of

    with c2pa.Reader(media_type_of(data), io.BytesIO(data)) as reader:
        found: dict[str, Any] = json.loads(reader.json())
    return found


def active(data: bytes) -> dict[str, Any]:
    """The last manifest of a file that is as it was signed; nothing is wrong but that nobody knows the root."""
    found = read(data)
    failures = found["validation_results"]["activeManifest"]["failure"]
    assert [one["code"] for one in failures] == ["signingCredential.untrusted"], failures
    assert found["validation_state"] == "Valid"
    manifest: dict[str, Any] = found["manifests"][found["active_manifest"]]
    return manifest


def actions(data: bytes) -> list[tuple[Any, ...]]:
    """Each action with who did it, IPTC's word, and the relations of the ingredients that it names."""
    manifest = active(data)
    relations = {one["label"]: one["relationship"] for one in manifest.get("ingredients", ())}
    (said,) = [one for one in manifest["assertions"] if one["label"].startswith("c2pa.actions")]
    return [
        (
            one["action"],
            one.get("softwareAgent", {}).get("name"),
            one.get("digitalSourceType", "").removeprefix(SOURCE_TYPES) or None,
            *[
                relations[ingredient["url"].rpartition("/")[2]]
                for ingredient in one.get("parameters", {}).get("ingredients", ())
            ],
        )
        for one in said["data"]["actions"]
    ]


def signed_by_vendor(picture: bytes) -> bytes:
    """A picture as a vendor signs it."""
    said = {
        "action": "c2pa.created",
        "digitalSourceType": SOURCE_TYPES + TRAINED,
        "softwareAgent": {"name": "vendor's own"},
    }
    return Signer(VENDOR.chain, VENDOR.key).sign(picture, Claim((said,), ()))


def test_each_edit_is_an_action_with_its_parents(shop: Shop, call: Call) -> None:
    signs(shop)
    assert call("run", "p.yaml", "--yes").code == 0
    published = shop.published()
    edited = ("c2pa.edited", "flux-kontext", "compositeWithTrainedAlgorithmicMedia")
    assert actions(published["again.png"]) == [("c2pa.opened", None, None, "parentOf"), edited, edited]
    assert actions(published["dusk.png"]) == [
        ("c2pa.opened", None, None, "parentOf"),
        edited,
        ("c2pa.resized", "editchain", None),
    ]
    for data in published.values():
        assert b"Add a lamp" not in data
        assert b"a.png" not in data
        assert str(shop.folder).encode() not in data
        assert credit_of(data) is not None


def test_all_is_said_where_all_may_be(shop: Shop, call: Call) -> None:
    signs(shop, "full")
    assert call("run", "p.yaml", "--yes").code == 0
    manifest = active(shop.published()["again.png"])
    (said,) = [one for one in manifest["assertions"] if one["label"].startswith("c2pa.actions")]
    assert [one.get("description") for one in said["data"]["actions"]] == [None, "Make it dusk", "Add a lamp"]
    assert [one["title"] for one in manifest["ingredients"]] == ["a.png"]
    assert str(shop.folder).encode() not in shop.published()["again.png"]


def test_what_was_signed_is_not_signed_again(shop: Shop, call: Call) -> None:
    signs(shop)
    assert call("run", "p.yaml", "--yes").code == 0
    seen = shop.published()
    stats = {path: path.stat() for path in (shop.folder / "out").iterdir()}
    assert "outputs unchanged" in call("run", "p.yaml").out
    assert {path: path.stat() for path in (shop.folder / "out").iterdir()} == stats
    # nor where the files are gone, under another name, or after a collection
    shutil.rmtree(shop.folder / "out")
    assert call("store", "gc", "--yes").code == 0
    assert call("run", "p.yaml", "--locked", "--offline").code == 0
    assert shop.published() == seen
    assert call("run", "p.yaml", "-o", "elsewhere").code == 0
    assert shop.published("elsewhere") == seen
    assert call("store", "verify").code == 0


def test_another_certificate_signs_anew_and_costs_nothing(shop: Shop, call: Call) -> None:
    signs(shop)
    assert call("run", "p.yaml", "--yes").code == 0
    calls = shop.calls
    signs(shop, one=certificate("Bob", KEYS["es384"]()))
    assert call("run", "p.yaml").code == 0
    manifest = active(shop.published()["again.png"])
    assert manifest["signature_info"]["common_name"] == "Bob"
    shop.configure()
    assert call("run", "p.yaml").code == 0
    with pytest.raises(c2pa.C2paError.ManifestNotFound):
        read(shop.published()["again.png"])
    assert shop.calls == calls


@pytest.mark.parametrize("setting", ["credit", "full"])
def test_credentials_of_inputs_and_vendors_are_kept(
    shop: Shop, call: Call, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    photo = shop.folder / "a.png"
    photo.write_bytes(signed_by_vendor(photo.read_bytes()))
    monkeypatch.setattr(shop.vendor, "writes_into", signed_by_vendor)
    signs(shop, setting)
    assert call("run", "p.yaml", "--yes").code == 0
    data = shop.published()["again.png"]
    edited = ("c2pa.edited", "flux-kontext", "compositeWithTrainedAlgorithmicMedia", "componentOf")
    assert actions(data) == [("c2pa.opened", None, None, "parentOf"), edited, edited]
    kept = [one for one in active(data)["ingredients"] if "active_manifest" in one]
    assert [one["relationship"] for one in kept] == ["parentOf", "componentOf", "componentOf"]
    found = read(data)
    assert len(found["manifests"]) == 4
    tools = [one["signature_info"]["common_name"] for one in found["manifests"].values()]
    assert sorted(tools) == ["Ada", "Vendor", "Vendor", "Vendor"]
    said = call("show", "out/again.png")
    assert "content credentials (C2PA): unchanged since it was signed, signed by Ada, Tests" in said.out
    assert "  c2pa.edited (flux-kontext, compositeWithTrainedAlgorithmicMedia) × 2\n" in said.out


def test_a_vendors_signature_stays_where_there_is_no_certificate(
    shop: Shop, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shop.vendor, "writes_into", signed_by_vendor)
    assert call("run", "p.yaml", "--yes").code == 0
    assert active(shop.published()["again.png"])["signature_info"]["common_name"] == "Vendor"
    shop.configure('[metadata]\npublish = "none"\n')
    assert call("run", "p.yaml").code == 0
    with pytest.raises(c2pa.C2paError.ManifestNotFound):
        read(shop.published()["again.png"])


MADE = """\
version: 1
steps:
  drawn: {operation: neutral_table, steps: 16}
  dreamt: {model: flux-kontext, image: $drawn, prompt: A castle}
  toned: {for_each: {look: [sepia, vintage]}, model: darkroom, image: a.png, prompt: $look}
  sheet: {operation: contact_sheet, images: $toned.*}
  marked: {operation: composite, image: $sheet, overlay: a.png}
outputs:
  drawn: {from: $drawn, path: drawn.png}
  dreamt: {from: $dreamt, path: dreamt.png}
  sheet: {from: $sheet, path: sheet.png}
  marked: {from: $marked, path: marked.png}
"""


def test_what_was_not_opened_was_created(shop: Shop, call: Call) -> None:
    signs(shop)
    shop.write(MADE)
    assert call("run", "p.yaml", "--yes").code == 0
    published = shop.published()

    def toned(relation: str) -> list[tuple[str, ...]]:
        return [("c2pa.edited", "darkroom", "algorithmicallyEnhanced", relation)] * 2

    assert actions(published["drawn.png"]) == [("c2pa.created", "editchain", "algorithmicMedia")]
    assert actions(published["dreamt.png"]) == [
        ("c2pa.created", "editchain", "algorithmicMedia"),
        ("c2pa.edited", "flux-kontext", "trainedAlgorithmicMedia"),
    ]
    assert actions(published["sheet.png"]) == [
        ("c2pa.created", None, "composite"),
        *toned("inputTo"),
        ("c2pa.edited", "editchain", None),
    ]
    assert actions(published["marked.png"]) == [
        ("c2pa.created", None, "composite"),
        *toned("componentOf"),
        ("c2pa.edited", "editchain", None),
        ("c2pa.placed", None, None, "componentOf"),
        ("c2pa.edited", "editchain", None),
    ]


@pytest.mark.parametrize("kind", TALKING)
@pytest.mark.parametrize("algorithm", KEYS)
def test_every_format_is_signed_with_every_kind_of_key(kind: str, algorithm: str) -> None:
    one = certificate("Ada", KEYS[algorithm]())
    plain = file(kind.upper())
    signed = Signer(one.chain, one.key).sign(
        plain, Claim(({"action": "c2pa.created", "digitalSourceType": SOURCE_TYPES + TRAINED},), ())
    )
    assert actions(signed) == [("c2pa.created", None, TRAINED)]
    assert image_of(signed) == image_of(plain)


@pytest.mark.parametrize("kind", TALKING)
def test_published_in_every_format(shop: Shop, call: Call, kind: str) -> None:
    signs(shop)
    (shop.folder / "p.yaml").write_text(
        "version: 1\nsteps:\n  s: {operation: flip, image: a.png}\n"
        f"outputs:\n  s: {{from: $s, path: s.{kind}}}\n"
    )
    assert call("run", "p.yaml").code == 0
    data = (shop.folder / f"out/s.{kind}").read_bytes()
    assert actions(data) == [("c2pa.opened", None, None, "parentOf"), ("c2pa.orientation", "editchain", None)]
    assert credit_of(data) is not None


def test_who_changed_a_file_since_is_found_out(shop: Shop, call: Call) -> None:
    signs(shop)
    assert call("run", "p.yaml", "--yes").code == 0
    shown = call("show", "out/again.png", "--json").document("show")
    assert shown["credentials"]["state"] == "Valid"
    assert shown["credentials"]["actions"][0] == "c2pa.opened"
    elsewhere = shop.folder.parent / "elsewhere.png"
    data = (shop.folder / "out/again.png").read_bytes()
    place = data.index(b"IDAT") + 6
    elsewhere.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
    said = call("show", str(elsewhere))
    assert "content credentials (C2PA): do not hold" in said.out


def test_credentials_of_others_are_shown_of_pictures_that_nobody_knows(shop: Shop, call: Call) -> None:
    picture = shop.folder / "theirs.png"
    paint(picture)
    picture.write_bytes(signed_by_vendor(picture.read_bytes()))
    said = call("show", "theirs.png")
    assert said.code == 0
    assert "signed by Vendor, Tests" in said.out
    assert "c2pa.created (vendor's own, trainedAlgorithmicMedia)" in said.out


def test_the_key_may_be_in_the_environment(shop: Shop, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    signs(shop)
    shop.configure('[metadata]\ncertificate = "keys/ada.pem"\nkey = "env:ADA_KEY"\n')
    said = call("run", "p.yaml", "--yes")
    assert said.code == 2
    assert "ADA_KEY is not in the environment" in said.err
    assert shop.calls == 0
    monkeypatch.setenv("ADA_KEY", ADA.key.decode().replace("\n", "\\n"))
    assert call("run", "p.yaml", "--yes").code == 0
    assert active(shop.published()["again.png"])["signature_info"]["common_name"] == "Ada"


OLD = certificate("Old", start=datetime(2020, 1, 1, tzinfo=UTC), days=30)


@pytest.mark.parametrize(("one", "message"), [
    (Certificate(ADA.chain, VENDOR.key), "do not belong together"),
    (Certificate(b"nothing", ADA.key), "is no chain of certificates in PEM"),
    (Certificate(ADA.chain, b"nothing"), "is no private key in PEM"),
    (OLD, "holds from 2020-01-01 to 2020-01-31"),
])  # fmt: skip
def test_what_cannot_sign_is_said_before_anything_is_bought(
    shop: Shop, call: Call, one: Certificate, message: str
) -> None:
    signs(shop, one=one)
    said = call("run", "p.yaml", "--yes")
    assert said.code == 2
    assert message in said.err
    assert one.key.decode() not in said.err
    assert shop.calls == 0
