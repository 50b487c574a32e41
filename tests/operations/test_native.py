"""Operations on pictures in their own numbers: 16 bits a channel and other profiles go in and come out."""

from __future__ import annotations

import io
import json
import random
import struct
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image, ImageChops, ImageStat
from tests.operations.examples import MINIMAL, SCHEMAS, asset, defaults, half_mask, made, photo, stored
from tests.operations.test_kinds import NEAR, OTHER, SAME, of_kind, saved

from editchain.errors import ImageError
from editchain.executors.natively import NATIVE, natively
from editchain.imaging import extra, native
from editchain.imaging.codec import decode
from editchain.imaging.lut import neutral
from editchain.imaging.native import Native
from editchain.imaging.profiles import from_srgb, profile
from editchain.models import operation_document
from editchain.operations import load
from editchain.operations.base import Picture
from editchain.providers.base import Blob

if TYPE_CHECKING:
    from collections.abc import Callable

    from editchain.imaging.deep import Deep

pytestmark = pytest.mark.skipif(not extra.is_installed(), reason="needs the extra darkroom")

ABLE = sorted(
    path.stem
    for path in SCHEMAS.glob("*.json")
    if NATIVE in json.loads(path.read_text("utf-8"))["properties"]
)
"""The operations that can."""


def graded() -> Image.Image:
    """A table that turns colours warmer."""
    return made("adjust", image=neutral(16), warmth=0.4)


EXAMPLES: dict[str, dict[str, Any]] = {
    **{name: MINIMAL[name] for name in ABLE},
    "adjust": {
        **MINIMAL["adjust"], "contrast": 0.2, "warmth": 0.2, "shadows": 0.3, "highlights": -0.2, "saturation": 0.2,
        "vibrance": 0.3, "hue": 20, "auto_levels": True,
    },
    "border": {**MINIMAL["border"], "radius": 9},
    "convert": {"image": photo(), "background": "white"},
    "curves": {**MINIMAL["curves"], "mask": half_mask()},
    "lut": {"image": photo(), "table": graded(), "amount": 0.7, "mask": half_mask()},
    "sharpen": {**MINIMAL["sharpen"], "mask": half_mask()},
}  # fmt: skip


def document_of(name: str) -> Any:
    return operation_document(name, json.loads((SCHEMAS / f"{name}.json").read_text("utf-8")))


def blob(data: bytes) -> Blob:
    return Blob(b"", lambda: data, lambda: decode(data))


def applied(name: str, make: Callable[[Image.Image], bytes], **more: Any) -> Picture:
    """What an operation makes natively of its example's pictures, each in a file that `make` gives."""
    fields: dict[str, Any] = {**defaults(name), **EXAMPLES[name], **more}
    pictures = {key: value for key, value in fields.items() if isinstance(value, Image.Image)}
    blobs = {
        key: [blob(saved(value) if key in ("mask", "table") else make(value))]
        for key, value in pictures.items()
    }
    found = natively(
        load(name),
        document_of(name),
        {key: value for key, value in fields.items() if key not in blobs},
        blobs,
    )
    assert isinstance(found, Picture)
    return found


def deepened(image: Image.Image) -> Deep:
    """The picture with 16 bits, the lower ones drawn at random."""
    from editchain.imaging.deep import Deep

    chance = random.Random(5)
    planes = []
    for band in image.split():
        low = Image.frombytes("L", image.size, chance.randbytes(image.width * image.height))
        words = Image.merge("LA", (low, band)).tobytes()
        planes.append(Image.frombytes("I;16", image.size, words))
    return Deep(tuple(planes))


def deep_file(form: str = "png", own: bytes | None = None) -> Callable[[Image.Image], bytes]:
    return lambda image: Native(deepened(image), own).file(form)


def low_bytes(image: Deep) -> set[int]:
    return {byte for plane in image.planes for byte in plane.tobytes()[::2]}


def distance(one: Image.Image, two: Image.Image) -> float:
    """The mean difference of two pictures, in levels of 8 bits."""
    assert (one.size, one.mode) == (two.size, two.mode)
    return max(ImageStat.Stat(ImageChops.difference(one, two)).mean)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("name", ABLE)
def test_16_bits_go_in_and_16_come_out_that_look_like_the_8(name: str, mode: str) -> None:
    def make(image: Image.Image) -> bytes:
        return deep_file()(image.convert(mode))

    result = applied(name, make)
    assert not isinstance(result.image, Image.Image)
    assert len(low_bytes(result.image)) > 100
    back = native.read(result.file())
    assert back == result.native
    # 8 bits are cut as they are read, so they are darker by half a level, and by more after a steep curve
    assert distance(back.plain(), decode(stored(name, **read(name, make)))) < 2.5


@pytest.mark.parametrize("name", ABLE)
def test_a_picture_keeps_its_profile_and_looks_the_same(name: str) -> None:
    def make(image: Image.Image) -> bytes:
        return saved(from_srgb(image, "display_p3"), icc_profile=profile("display_p3"))

    result = applied(name, make)
    assert result.profile == profile("display_p3")
    with Image.open(io.BytesIO(result.file())) as written:
        assert written.info["icc_profile"] == result.profile
    usual = decode(stored(name, **{**defaults(name), **EXAMPLES[name]}))
    shown = decode(result.file())
    if name not in ("adjust", "curves", "lut"):  # done to other numbers, they are another edit
        assert distance(shown, usual) < 4


def test_pixels_of_another_profile_are_not_touched() -> None:
    wide = from_srgb(photo(), "adobe_rgb")
    result = applied("crop", lambda image: saved(from_srgb(image, "adobe_rgb"), icc_profile=profile("adobe_rgb")),
                   aspect_ratio=None, box=[8, 4, 40, 30])  # fmt: skip
    assert isinstance(result.image, Image.Image)
    assert result.image.tobytes() == wide.crop((8, 4, 48, 34)).tobytes()


def test_a_colour_that_a_step_names_is_that_colour_in_the_picture_s_own_space() -> None:
    make = deep_file(own=profile("display_p3"))
    result = applied("border", make, colour="#c83214", radius=0)
    red, green, blue = decode(result.file()).convert("RGB").getpixel((0, 0))  # type: ignore[misc]
    assert (abs(red - 200), abs(green - 50), abs(blue - 20)) <= (2, 2, 2)


def test_what_lies_beside_comes_in_the_space_of_the_picture() -> None:
    """The edit of a vendor, in sRGB, is pasted into a photo of more colours, and looks as it did."""
    wide = saved(from_srgb(photo(), "display_p3"), icc_profile=profile("display_p3"))
    edited = photo(seed=2)
    blobs = {"image": [blob(wide)], "edited": [blob(saved(edited))]}
    fields = {**defaults("protect"), "box": [0, 0, 48, 64], "feather": 0, "mask": None}
    result = natively(load("protect"), document_of("protect"), fields, blobs)
    assert isinstance(result, Picture)
    assert result.profile == profile("display_p3")
    right = (50, 0, 96, 64)
    assert distance(decode(result.file()).crop(right), edited.crop(right)) < 1.5
    assert isinstance(result.image, Image.Image)
    assert result.image.crop((0, 0, 48, 64)).tobytes() == decode_native(wide).crop((0, 0, 48, 64)).tobytes()


def decode_native(data: bytes) -> Image.Image:
    found = native.read(data).image
    assert isinstance(found, Image.Image)
    return found


@pytest.mark.parametrize("name", ABLE)
def test_every_kind_of_picture_can_be_kept_as_it_is(name: str) -> None:
    """Those without a profile and with 8 bits come out as without the field."""
    kinds = {**SAME, **OTHER, "CMYK": NEAR["CMYK"]}
    del kinds["16 bit grey"]
    for kind, make in kinds.items():
        if name == "straighten" and kind == "palette with a clear colour":
            continue  # too few colours to tell where it is level
        assert applied(name, make).file() == stored(name, **read(name, make)), kind


def read(name: str, make: Callable[[Image.Image], bytes]) -> dict[str, Any]:
    """The fields of the example with its pictures read from files of a kind, with 8 bits in sRGB."""
    return {
        key: decode(make(value)) if isinstance(value, Image.Image) and key not in ("mask", "table") else value
        for key, value in EXAMPLES[name].items()
    }


def test_cmyk_is_read_in_srgb() -> None:
    result = applied("flip", NEAR["CMYK"])
    assert (result.profile, result.file()) == (None, stored("flip", **of_kind("flip", NEAR["CMYK"])))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_16_bits_come_upright(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = decode(SAME[f"orientation {orientation}"](photo()))
    lying = Image.open(io.BytesIO(SAME[f"orientation {orientation}"](photo())))
    from editchain.imaging import deepfiles
    from editchain.imaging.codec import Attached

    data = deepfiles.written(deepened(lying.convert("RGB")), "png", Attached(exif=exif.tobytes()))
    found = native.read(data)
    assert not isinstance(found.image, Image.Image)
    assert found.plain().tobytes() == decode(data).tobytes() == upright.tobytes()


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("form", ["png", "tiff"])
@pytest.mark.parametrize("space", [None, "display_p3"])
def test_files_of_16_bits_come_back_bit_for_bit(form: str, mode: str, space: str | None) -> None:
    own = profile(space) if space and mode != "L" else None
    picture = Native(deepened(photo(mode)), own)
    data = picture.file(form)
    assert native.read(data) == picture
    assert decode(data).tobytes() == picture.plain().tobytes()
    assert data == picture.file(form)


@pytest.mark.parametrize("form", ["jpeg", "webp"])
def test_other_formats_take_8_bits_and_the_profile(form: str) -> None:
    data = Native(deepened(photo()), profile("adobe_rgb")).file(form)
    with Image.open(io.BytesIO(data)) as written:
        assert (written.mode, written.info["icc_profile"]) == ("RGB", profile("adobe_rgb"))
    assert Native(deepened(photo()), profile("adobe_rgb")).file("gif").startswith(b"GIF8")


def test_a_grey_picture_with_a_profile_is_taken_in_srgb_where_it_becomes_coloured() -> None:
    def make(image: Image.Image) -> bytes:
        return saved(image.convert("L"), icc_profile=gamma_grey())

    kept = applied("flip", make)
    assert (kept.image.mode, kept.profile) == ("L", gamma_grey())
    coloured = applied("border", make, colour="red", radius=0)
    assert (coloured.image.mode, coloured.profile) == ("RGB", None)
    assert coloured.file() == stored("border", image=decode(make(photo())), colour="red")


def gamma_grey() -> bytes:
    """A profile of grey with a gamma of 1.8."""

    def tag(body: bytes) -> bytes:
        return body + b"\0" * (-len(body) % 4)

    bodies = {
        b"desc": tag(
            b"mluc" + struct.pack(">IIIHHII", 0, 1, 12, 0x656E, 0x5553, 8, 28) + "grey".encode("utf-16-be")
        ),
        b"wtpt": b"XYZ " + struct.pack(">Iiii", 0, 63190, 65536, 54061),
        b"kTRC": tag(b"curv" + struct.pack(">IIH", 0, 1, round(1.8 * 256))),
    }
    table, parts, at = b"", b"", 132 + 12 * len(bodies)
    for name, body in bodies.items():
        table += struct.pack(">4sII", name, at, len(body))
        parts += body
        at += len(body)
    head = struct.pack(
        ">I4sI4s4s4s12s4s4sI4s4sQI12s48x", at, b"\0" * 4, 0x04000000, b"mntr", b"GRAY", b"XYZ ",
        struct.pack(">6H", 2000, 1, 1, 0, 0, 0), b"acsp", b"\0" * 4, 0, b"\0" * 4, b"\0" * 4, 0, 0,
        struct.pack(">iii", 63190, 65536, 54061),
    )  # fmt: skip
    return head + struct.pack(">I", len(bodies)) + table + parts


def test_colours_that_are_weighed_with_alpha_are_read_as_they_are_meant() -> None:
    """A TIFF may hold them so, for who lays pictures over each other."""
    import numpy as np

    from editchain.imaging.deep import Deep

    chance = np.random.default_rng(1)
    alpha = chance.integers(0, 65536, (300, 40)).astype(np.uint16)
    alpha[0], alpha[1] = 0, 65535
    meant = [chance.integers(0, 65536, alpha.shape) for _ in range(3)]
    planes = [*(np.rint(one * (alpha / 65535)).astype(np.uint16) for one in meant), alpha]
    straight = Native(Deep(tuple(map(Image.fromarray, planes)))).file("tiff")
    entry = struct.pack("<HHI", 338, 3, 1)
    data = straight.replace(entry + b"\2", entry + b"\1")
    assert data != straight
    read = native.read(data).image
    assert isinstance(read, Deep)
    *colours, opaque = (np.asarray(plane).astype(int) for plane in read.planes)
    assert np.array_equal(opaque, alpha)
    for colour, one in zip(colours, meant, strict=True):
        assert not colour[0].any()
        assert np.array_equal(colour[1], one[1])
        # as near as can be told from what the file holds
        assert (np.abs(colour - one)[2:] <= 1 + 65535 / np.maximum(1, alpha[2:]) / 2).all()


def test_16_bits_that_two_readers_read_otherwise_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np

    wide = deep_file("tiff")(photo())
    size = photo().size
    monkeypatch.setattr("cv2.imdecode", lambda *_: np.zeros((size[1], size[0], 3), np.uint16))
    assert decode(wide).mode == "RGB"
    with pytest.raises(ImageError, match="16 bits in a way that is not read whole; without native"):
        native.read(wide)


def exactly(image: Image.Image) -> Deep:
    from editchain.imaging.deep import deepened

    return deepened(image)


@pytest.mark.parametrize("form", ["png", "tiff"])
def test_masks_and_tables_of_16_bits_are_read_with_8(form: str) -> None:
    wide = deep_file(form)(photo())
    blobs = {
        "image": [blob(wide)],
        "mask": [blob(Native(exactly(half_mask())).file(form))],
        "table": [blob(deep_file(form)(graded()))],
    }
    fields = {**defaults("lut"), "amount": 1}
    result = natively(load("lut"), document_of("lut"), fields, blobs)
    assert isinstance(result, Picture)
    assert not isinstance(result.image, Image.Image)
    right = (48, 0, 96, 64)
    assert result.image.crop(right) == native.read(wide).image.crop(right)


def test_smooth_gradients_stay_smooth_through_a_steep_curve() -> None:
    """What 16 bits are for: 8 would leave steps where a curve pulls them apart."""
    ramp = Image.linear_gradient("L").resize((64, 256))
    fine = Native(deepened(ramp))
    data = fine.file("png")
    fields = {**defaults("curves"), "master": [[0, 0], [0.5, 1], [1, 1]]}
    result = natively(load("curves"), document_of("curves"), fields, {"image": [blob(data)]})
    assert isinstance(result, Picture)
    assert not isinstance(result.image, Image.Image)
    levels = {result.image.planes[0].tobytes()[at : at + 2] for at in range(0, 64 * 256 * 2, 2)}
    assert len(levels) > 2000


def test_a_photo_of_16_bits_is_trimmed_and_cropped_around_its_subject() -> None:
    wide = asset("coffee.jpg")
    fields = {**defaults("crop"), "aspect_ratio": "1:1", "around": "subject"}
    result = natively(load("crop"), document_of("crop"), fields, {"image": [blob(deep_file()(wide))]})
    usual = decode(stored("crop", image=wide, aspect_ratio="1:1", around="subject"))
    assert isinstance(result, Picture)
    assert result.native.plain().tobytes() == usual.tobytes()


@pytest.mark.parametrize(
    ("name", "fields"), [("split", {"channel": "luminance"}), ("convert", {"mode": "grey"})]
)
def test_deep_colour_with_alpha_becomes_grey(name: str, fields: dict[str, Any]) -> None:
    from editchain.imaging.deep import Deep

    planes = tuple(Image.new("I;16", (6, 4), value) for value in (60000, 30000, 10000, 20000))
    made_of = load(name).apply(**{**defaults(name), **fields, "image": Deep(planes)}).image
    value = made_of.planes[0].getpixel((0, 0))
    assert 30000 < value < 40000
