"""Preparing: what a route's limits make of pictures and masks, and what they refuse."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from PIL import Image
from tests.imaging.test_anatomy import exif, picture, saved
from tests.imaging.test_codec import swapped_profile
from tests.providers.test_scenario import CATALOGUE, blob
from tests.workbench import Bench

from editchain import schemas
from editchain.errors import TaskError
from editchain.imaging import anatomy, codec
from editchain.models import Route
from editchain.providers import preparing
from editchain.providers.base import Blob, Request

FIELDS: dict[str, Any] = {"image": {}, "references": {}, "mask": {}, "prompt": {}}


def route(image: dict[str, Any] | None = None, **limits: Any) -> Route:
    """A route with limits of pictures, and of others by name."""
    return Route("acme", "acme-1", FIELDS, 1, limits={**({"image": image} if image else {}), **limits})


def asked(**images: bytes | tuple[bytes, ...]) -> Request:
    found = {
        name: tuple(map(blob, data if isinstance(data, tuple) else (data,))) for name, data in images.items()
    }
    return Request("m", "acme-1", {"prompt": "Night"}, found, None)


def sent(request: Request, way: Route, name: str = "image") -> tuple[bytes, tuple[str, ...]]:
    """The first picture of a field as it is sent, and what is said of it."""
    ready = preparing.prepared(request, way)
    assert ready.prepared is not None
    return ready.images[name][0].read(), ready.prepared


# What is sent as it lies


def test_what_a_route_reads_is_sent_byte_for_byte() -> None:
    request = asked(image=saved(picture(), "jpeg"))
    ready = preparing.prepared(request, route({"formats": ["jpeg"], "max_side": 40, "max_bytes": 100_000}))
    assert ready.images == request.images
    assert ready.prepared == ()


@pytest.mark.parametrize("form", ["jpeg", "png", "webp"])
def test_no_place_leaves_this_machine(form: str) -> None:
    data, said = sent(asked(image=saved(picture(), form, exif=exif())), route())
    assert b"telephone" not in data
    assert not codec.decode(data).getexif()
    assert said == ("image: metadata removed",)
    assert codec.decode(data).tobytes() == codec.decode(saved(picture(), form)).tobytes()


def test_preparing_twice_is_preparing_once() -> None:
    once = preparing.prepared(
        asked(image=saved(picture(), "tiff"), mask=saved(picture("L"), "png")), MASKS["white"]
    )
    assert preparing.prepared(once, MASKS["white"]) is once


def test_what_a_prepared_picture_is_called_goes_by_its_new_bytes() -> None:
    ready = preparing.prepared(asked(image=saved(picture(), "jpeg", exif=exif(6))), route())
    one = ready.images["image"][0]
    assert one.digest == sha256(one.read()).digest()


# What is written anew


def test_a_picture_on_its_side_is_sent_upright() -> None:
    data, said = sent(asked(image=saved(picture(), "jpeg", exif=exif(6))), route())
    assert codec.decode(data).size == (24, 40)
    assert anatomy.look(data).orientation == anatomy.UPRIGHT
    assert said == ("image: turned upright", "image: metadata removed")


@pytest.mark.parametrize(
    ("form", "formats", "kind"),
    [
        ("tiff", ["jpeg", "png"], "png"), ("avif", ["webp", "jpeg"], "webp"), ("gif", ["jpeg"], "jpeg"),
        ("webp", ["jpeg", "png"], "png"), ("tiff", ["tiff", "png"], "png"), ("png", ["jpeg"], "jpeg"),
    ],
)  # fmt: skip
def test_another_format_is_sent_as_one_that_is_read(form: str, formats: list[str], kind: str) -> None:
    data, said = sent(asked(image=saved(picture(), form)), route({"formats": formats}))
    assert anatomy.look(data).format == kind
    assert f"image: {form.upper()} sent as {kind.upper()}, which acme reads" in said


def test_colours_of_another_profile_are_converted_or_kept() -> None:
    data = saved(Image.new("RGB", (4, 4), (255, 0, 0)), "png", icc_profile=swapped_profile())
    made, said = sent(asked(image=data), route())
    assert codec.decode(made).getpixel((0, 0)) == (0, 0, 255)
    assert anatomy.look(made).profile is None
    assert said == ("image: colours converted to sRGB",)
    assert sent(asked(image=data), route({"profile": "keep"})) == (data, ())


def test_cmyk_is_sent_as_rgb() -> None:
    data, said = sent(asked(image=saved(picture().convert("CMYK"), "jpeg")), route())
    assert codec.decode(data).mode == "RGB"
    assert anatomy.look(data).is_plain
    assert said == ("image: written as one picture in RGB with 8 bits a channel",)


# Alpha


def see_through() -> bytes:
    return saved(picture("RGBA"), "png")


def test_alpha_is_kept_unless_the_route_says_otherwise() -> None:
    data, said = sent(asked(image=see_through()), route({"formats": ["png", "jpeg"]}))
    assert (codec.decode(data).mode, said) == ("RGBA", ())


def test_alpha_is_laid_on_white_where_that_is_declared() -> None:
    data, said = sent(asked(image=see_through()), route({"alpha": "flatten"}))
    assert codec.decode(data).mode == "RGB"
    assert said == ("image: transparency laid on white, for acme takes none",)
    assert sent(asked(image=see_through()), route({"alpha": "flatten", "formats": ["jpeg"]}))[1] == (
        "image: transparency laid on white, for acme takes none",
        "image: PNG sent as JPEG, which acme reads",
    )


@pytest.mark.parametrize("limits", [{"alpha": "refuse"}, {"formats": ["jpeg"]}])
def test_alpha_that_counts_is_an_error_where_it_cannot_be_sent(limits: dict[str, Any]) -> None:
    with pytest.raises(TaskError, match="image: acme takes no transparency, and this picture has some"):
        preparing.prepared(asked(image=see_through()), route(limits))
    opaque = saved(picture().convert("RGBA"), "png")
    assert codec.decode(sent(asked(image=opaque), route(limits))[0]).mode == "RGB"


# Size


BIG = saved(picture(size=(400, 300)), "png")


@pytest.mark.parametrize(
    ("limits", "size", "reason"),
    [
        ({"max_side": 200}, (200, 150), "at most 200 on a side"),
        ({"max_pixels": 30_000}, (200, 150), "at most 0.03 megapixels"),
        ({"max_side": 200, "max_pixels": 90_000}, (200, 150), "at most 200 on a side"),
    ],
)
def test_a_large_picture_is_scaled_where_that_is_declared(
    limits: dict[str, Any], size: tuple[int, int], reason: str
) -> None:
    data, said = sent(asked(image=BIG), route({**limits, "too_large": "scale"}))
    assert codec.decode(data).size == size
    assert said == (f"image: scaled from 400×300 to {size[0]}×{size[1]}, for acme takes {reason}",)
    with pytest.raises(TaskError, match="400×300 pixels is more than acme takes"):
        preparing.prepared(asked(image=BIG), route(limits))


def test_nothing_is_enlarged_or_cropped() -> None:
    with pytest.raises(TaskError, match="less than the 256 on a side that acme takes"):
        preparing.prepared(asked(image=saved(picture(), "png")), route({"min_side": 256}))
    with pytest.raises(TaskError, match="scaled to 100×75, is less than"):
        limits = {"min_side": 80, "max_side": 100, "too_large": "scale"}
        preparing.prepared(asked(image=BIG), route(limits))
    with pytest.raises(TaskError, match=r"longer than the 1\.5 to 1"):
        preparing.prepared(asked(image=saved(picture(), "png")), route({"max_ratio": 1.5}))


def noise(size: tuple[int, int] = (300, 200)) -> Image.Image:
    return Image.effect_noise(size, 80).convert("RGB")


def test_a_long_file_becomes_jpeg_and_then_smaller() -> None:
    data = saved(noise(), "png")
    limits = {"max_bytes": 60_000, "too_large": "scale"}
    only_coded, said = sent(asked(image=data), route({**limits, "max_bytes": len(data) // 2}))
    assert (anatomy.look(only_coded).format, anatomy.look(only_coded).size) == ("jpeg", (300, 200))
    assert said[0].startswith("image: sent as JPEG, for acme takes ")
    smaller, said = sent(asked(image=data), route({**limits, "max_bytes": 10_000}))
    assert len(smaller) <= 10_000
    assert len(smaller) > 6_000
    assert said[-1].startswith("image: scaled from 300×200 to ")
    assert sent(asked(image=data), route({**limits, "formats": ["png"]}))[0].startswith(b"\x89PNG")


def test_a_long_file_is_an_error_where_nothing_is_declared() -> None:
    with pytest.raises(TaskError, match=r"image: 1\.\d+ MB is more than the 1 MB that acme takes"):
        preparing.prepared(asked(image=saved(noise((1000, 600)), "png")), route({"max_bytes": 1_000_000}))


def test_pictures_of_a_list_are_told_apart() -> None:
    request = asked(image=saved(picture(), "png"), references=(saved(picture(), "png"), BIG))
    ready = preparing.prepared(request, route({"max_side": 40, "too_large": "scale"}))
    assert ready.prepared is not None
    assert [one.partition(" ")[0] for one in ready.prepared] == ["references[1]:"]


def test_all_pictures_of_a_call_have_a_limit_together() -> None:
    way = route(request={"max_bytes": len(BIG) + 10})
    assert preparing.prepared(asked(image=BIG), way).prepared == ()
    with pytest.raises(TaskError, match=r"The pictures of this call are .* together"):
        preparing.prepared(asked(image=BIG, references=(BIG,)), way)


# Masks


MASKS = {
    edits: route(mask={"edits": edits, "formats": ["png"]}) for edits in ("black", "white", "transparent")
}


def left_half() -> bytes:
    """A mask in the language's convention: the left half is repainted."""
    mask = Image.new("L", (4, 4), 255)
    mask.paste(0, (0, 0, 2, 4))
    return saved(mask, "png")


@pytest.mark.parametrize(
    ("edits", "mode", "edited", "kept"),
    [("black", "L", 0, 255), ("white", "L", 255, 0), ("transparent", "RGBA", 0, 255)],
)
def test_a_mask_is_made_into_that_of_the_vendor(edits: str, mode: str, edited: int, kept: int) -> None:
    request = asked(image=saved(picture(), "png", exif=exif(6)), mask=left_half())
    data, said = sent(request, MASKS[edits], "mask")
    made = codec.decode(data)
    last = made.getchannel(made.getbands()[-1])
    assert (made.mode, made.size) == (mode, (24, 40))
    assert (last.getpixel((0, 39)), last.getpixel((23, 0))) == (edited, kept)
    assert said[-1] == f"mask: {edits} where acme edits, in the size of the picture"


def test_a_mask_is_as_large_as_the_picture_is_sent() -> None:
    way = route({"max_side": 100, "too_large": "scale"}, mask={"edits": "white"})
    ready = preparing.prepared(asked(image=BIG, mask=left_half()), way)
    assert [ready.images[name][0].decode().size for name in ("image", "mask")] == [(100, 75)] * 2
    assert list(ready.images) == ["image", "mask"]


def test_the_picture_is_in_the_format_of_its_mask_where_that_is_wanted() -> None:
    way = route({"formats": ["jpeg", "png"]}, mask={"edits": "transparent", "same_format": True})
    jpeg = saved(picture(), "jpeg")
    data, _ = sent(asked(image=jpeg, mask=left_half()), way)
    assert data.startswith(b"\x89PNG")
    assert sent(asked(image=jpeg), way)[0] == jpeg


def test_a_mask_that_no_limits_speak_of_is_sent_as_it_is() -> None:
    assert sent(asked(image=BIG, mask=left_half()), route(), "mask")[0] == left_half()


def test_pictures_that_a_route_ignores_are_not_sent() -> None:
    way = replace(route(), fields={**FIELDS, "mask": {"ignored": "it has none"}})
    assert list(preparing.prepared(asked(image=BIG, mask=left_half()), way).images) == ["image"]


# What is foreseen of them


@pytest.mark.parametrize("form", ["png", "jpeg", "tiff", "webp"])
@pytest.mark.parametrize(
    "limits",
    [
        {"max_side": 30, "too_large": "scale"},
        {"formats": ["png"]},
        {"formats": ["jpeg"], "max_pixels": 500, "too_large": "scale"},
        {"max_side": 30},
        {"min_side": 30},
        {},
    ],
)
def test_what_is_foreseen_is_what_is_done(form: str, limits: dict[str, Any]) -> None:
    data = saved(picture(), form)
    done: Any = _outcome(lambda: sent(asked(image=data), route(limits))[1])
    seen: Any = _outcome(lambda: preparing.foreseen("image", form, (40, 24), len(data), route(limits)))
    assert seen == done


def _outcome(act: Any) -> Any:
    try:
        return act()
    except TaskError as error:
        return str(error)


def test_every_limit_of_the_documents_can_be_met() -> None:
    # A picture of ordinary size is prepared for every route: no document asks for what cannot be.
    data = saved(picture(size=(1024, 1024)), "tiff")
    for model in CATALOGUE.models.values():
        for way in model.routes:
            images: dict[str, Any] = {"image": data}
            if "mask" in way.fields and not way.fields["mask"].keys() & {"ignored", "refused"}:
                images["mask"] = left_half()
            ready = preparing.prepared(asked(**images), way)
            assert all(isinstance(one, Blob) for found in ready.images.values() for one in found)


# In a plan, and beside a call


CATALOGUE_FOLDER = schemas.folder() / "models"
RECIPE = """
inputs:
  photo: {type: image, default: a.png}
steps:
  night: {model: flux-kontext, provider: scenario, image: $photo, prompt: Night}
"""


@pytest.fixture
def acme(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A workspace with a model of its own whose route has limits."""
    text = (CATALOGUE_FOLDER / "flux-kontext.json").read_text().replace("flux-kontext", "acme")
    limits = '"limits": {"image": {"min_side": 16, "max_side": 100, "too_large": "scale"}},'
    text = text.replace('"provider": "scenario",', f'"provider": "scenario", {limits}', 1)
    (bench.root / "models").mkdir()
    (bench.root / "models" / "acme.json").write_text(text)
    monkeypatch.setenv("SCENARIO_API_KEY", "k")
    monkeypatch.setenv("SCENARIO_API_SECRET", "s")
    return bench


def test_the_plan_says_what_will_be_done_to_pictures(acme: Bench) -> None:
    acme.paint("one.png", size=(200, 100))
    acme.paint("two.png", size=(300, 100))
    file = acme.write(RECIPE.replace("flux-kontext", "acme"))
    plan = acme.plan(file, options=[f"photo={acme.root / name}" for name in ("one.png", "two.png")])
    assert plan.problems == ()
    assert plan.notices == (
        "night: image: scaled from 200×100 to 100×50, for scenario takes at most 100 on a side (one and 1 more picture).",
    )


def test_a_picture_that_no_route_takes_is_found_before_anything_runs(acme: Bench) -> None:
    file = acme.write(RECIPE.replace("flux-kontext", "acme"))
    assert acme.plan(file).problems == (
        "night: image: 8×6 pixels is less than the 16 on a side that scenario takes. "
        "Nothing is enlarged unasked: resize it in a step before (a).",
    )
    code, _, messages = acme.command("run", str(file), "--yes")
    assert code == 2
    assert "less than the 16 on a side" in messages
