"""Measures, and what is chosen and checked by them."""

from __future__ import annotations

import io
import json

import pytest
from PIL import Image, ImageEnhance, ImageFilter, ImageOps
from tests.operations.examples import asset, half_mask, made, photo, plain, stored

from editchain.errors import OperationError
from editchain.imaging import expectations, extra
from editchain.imaging.marking import FIGURES
from editchain.imaging.measures import MEASURES, measured, perceptual_hash

LAKE = asset("lake.jpg")
WARM = ImageEnhance.Color(LAKE).enhance(1.6)
SOFT = LAKE.filter(ImageFilter.GaussianBlur(2))


@pytest.mark.parametrize("name", [name for name, one in MEASURES.items() if one.needs_original])
def test_a_picture_beside_itself_is_equal(name: str) -> None:
    wanted = 1 if MEASURES[name].more_is_better else 0
    assert measured(name, LAKE, LAKE, half_mask()) == pytest.approx(wanted, abs=1e-5)


def test_soft_is_less_sharp_and_contrast_is_not_sharpness() -> None:
    sharp = measured("sharpness", LAKE)
    assert measured("sharpness", SOFT) < 0.1 * sharp
    assert measured("sharpness", ImageEnhance.Contrast(LAKE).enhance(0.6)) == pytest.approx(sharp, rel=0.1)
    assert measured("sharpness", plain()) == 0


def test_colour_is_seen_by_delta_e_and_hardly_by_structure() -> None:
    assert measured("delta_e", WARM, LAKE) > 4
    assert measured("ssim", WARM, LAKE) > 0.97
    assert measured("ssim", SOFT, LAKE) < 0.8


def test_a_hash_knows_the_motif_and_not_its_size_or_light() -> None:
    other = ImageEnhance.Brightness(LAKE.resize((300, 200))).enhance(0.9)
    assert measured("hash_distance", other, LAKE) <= 4
    assert measured("hash_distance", asset("cat.jpg"), LAKE) >= 20
    assert perceptual_hash(LAKE) < 2**64


def test_drift_looks_only_where_the_mask_keeps() -> None:
    edited = LAKE.copy()
    edited.paste("red", (0, 0, LAKE.width // 2, LAKE.height))
    assert measured("drift", edited, LAKE, half_mask()) < 1
    assert measured("drift", edited, LAKE, ImageOps.invert(half_mask())) > 40


def test_clipping_counts_black_and_white() -> None:
    image = plain("grey", (10, 10))
    image.paste("white", (0, 0, 5, 5))
    assert measured("clipping", image) == 0.25


@pytest.mark.skipif(not extra.is_installed(), reason="needs the extra darkroom")
def test_faces_are_counted() -> None:
    assert measured("faces", asset("astronaut.jpg")) == 1
    assert measured("faces", asset("coffee.jpg")) == 0


@pytest.mark.slow
@pytest.mark.parametrize("edit", [ImageOps.mirror, lambda image: image.rotate(3), lambda image: image.filter(ImageFilter.GaussianBlur(1)), ImageOps.equalize])  # fmt: skip
def test_measures_agree_with_those_of_another_library(edit) -> None:  # type: ignore[no-untyped-def]
    numpy = pytest.importorskip("numpy")
    metrics, color = pytest.importorskip("skimage.metrics"), pytest.importorskip("skimage.color")
    edited = edit(LAKE)
    pair = [numpy.asarray(one.convert("L", (0.2126, 0.7152, 0.0722, 0))) for one in (edited, LAKE)]
    reference = metrics.structural_similarity(
        *pair, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert measured("ssim", edited, LAKE) == pytest.approx(reference, abs=0.05)
    small = [color.rgb2lab(numpy.asarray(one.resize((256, 256), Image.Resampling.BOX))) for one in (edited, LAKE)]  # fmt: skip
    distance = numpy.sqrt(((small[0] - small[1]) ** 2).sum(-1)).mean()
    assert measured("delta_e", edited, LAKE) == pytest.approx(distance, abs=0.5, rel=0.03)


# ---- select

TAKES = [SOFT, LAKE, LAKE.filter(ImageFilter.GaussianBlur(1))]


@pytest.mark.parametrize(
    ("fields", "chosen"), [({}, 1), ({"rank": 2}, 2), ({"rank": 3}, 0), ({"prefer": "least"}, 0)]
)
def test_the_sharpest_is_chosen_or_the_rank_that_is_asked_for(fields: dict[str, object], chosen: int) -> None:
    result = made("select", images=TAKES, by="sharpness", **fields)
    assert result.tobytes() == TAKES[chosen].tobytes()


def test_equal_takes_are_chosen_in_their_order() -> None:
    same = [plain("red"), plain("blue")]
    assert made("select", images=same, by="width").tobytes() == same[0].tobytes()
    assert made("select", images=same, by="width", rank=2).tobytes() == same[1].tobytes()


def test_the_nearest_to_the_original_is_chosen() -> None:
    assert made("select", images=[WARM, SOFT], by="delta_e", original=LAKE).tobytes() == SOFT.tobytes()


def test_there_is_no_rank_beyond_the_pictures() -> None:
    with pytest.raises(OperationError, match="no picture of rank 4 among 3"):
        made("select", images=TAKES, by="sharpness", rank=4)


# ---- measure


def test_a_card_has_its_figures_as_text() -> None:
    data = stored("measure", image=SOFT, original=LAKE)
    with Image.open(io.BytesIO(data)) as card:
        figures = json.loads(card.text[FIGURES])  # type: ignore[attr-defined]
        assert card.size[0] == 720
    assert list(figures) == [name for name, one in MEASURES.items() if not one.needs_mask and name != "faces"]
    assert figures["sharpness"] == round(measured("sharpness", SOFT), 6)


def test_a_card_is_as_wide_as_it_should_be_and_drawn_anew_for_other_figures() -> None:
    one, other = (made("measure", image=photo(), measures=["width"], width=width) for width in (300, 400))
    assert (one.width, other.width) == (300, 400)
    assert made("measure", image=photo(size=(97, 64)), measures=["width"]).tobytes() != one.tobytes()


# ---- expectations


@pytest.mark.parametrize(
    ("expect", "said"),
    [
        ({"sharpness": {"min": 0.1}}, "its sharpness is 0.0"),
        ({"delta_e": {"max": 1}}, "its colours differ from the original's by "),
        ({"ssim": {"min": 0.99}}, "its structural similarity to the original is 0.7"),
        ({"clipping": {"min": 0.1}}, "the part of it that is all black or white is 0"),
        ({"drift": {"max": 0.5}}, "its colours outside the mask differ from the original's by "),
        (
            {"hash_distance": {"min": 3}},
            "the bits in which its hash differs from the original's are 0, less than 3",
        ),
    ],
)
def test_a_measure_that_is_not_as_expected_is_said(expect: dict[str, object], said: str) -> None:
    found = expectations.failures(expect, b"", SOFT, LAKE, half_mask())
    assert len(found) == 1
    assert found[0].startswith(said)


def test_measures_within_their_limits_pass() -> None:
    wanted = {"sharpness": {"max": 0.1}, "delta_e": {"min": 0.5, "max": 10}, "ssim": {"min": 0.5}}
    assert expectations.failures(wanted, b"", SOFT, LAKE, None) == []
