"""Look-up tables as pictures and as .cube files."""

from __future__ import annotations

import pytest
from PIL import Image, ImageChops
from tests.operations.examples import made, photo

from editchain.errors import ImageError, OperationError
from editchain.imaging.codec import decode, encode
from editchain.imaging.lut import neutral, read_cube, write_cube
from editchain.imaging.probe import check, probe
from editchain.imaging.tables import size_of, steps_of

STEPS = [2, 5, 16, 17, 25, 33, 36]


@pytest.mark.parametrize("steps", STEPS)
def test_a_table_changes_nothing_before_it_is_graded(steps: int) -> None:
    assert steps_of(neutral(steps).size) == steps
    result = made("lut", image=photo(), table=neutral(steps))
    assert max(high for _, high in ImageChops.difference(result, photo()).getextrema()) <= 1  # type: ignore[misc]


@pytest.mark.parametrize("steps", STEPS)
def test_a_cube_file_is_the_table_that_it_was_written_from(steps: int) -> None:
    table = neutral(steps).point([255 - value // 2 for value in range(256)] * 3)
    data = encode(table, "cube")
    assert decode(data).tobytes() == table.tobytes()
    assert check(data, len(data)).format == "cube"
    found = probe(data)
    assert found is not None
    assert (found.width, found.height) == table.size == size_of(steps)


def test_red_goes_fastest_in_every_form() -> None:
    for steps in (16, 17):
        rows = write_cube(neutral(steps)).decode().splitlines()[1:]
        assert rows[1].split()[1:] == ["0.000000", "0.000000"]
        assert float(rows[1].split()[0]) > 0
        assert float(rows[steps].split()[1]) > 0
        assert float(rows[steps * steps].split()[2]) > 0


def test_a_file_as_other_programs_write_it() -> None:
    text = '\ufeff# made elsewhere\r\nTITLE "Warm"\r\n\r\nLUT_3D_SIZE 2\r\nDOMAIN_MIN 0.0 0.0 0.0\r\nDOMAIN_MAX 1 1 1\r\n'
    rows = "\r\n".join(f"{r} {g * 0.5} {b}  # row" for b in (0, 1) for g in (0, 1) for r in (0, 1))
    table = read_cube((text + rows).encode())
    result = made("lut", image=Image.new("RGB", (4, 4), (200, 100, 60)), table=table)
    assert result.getpixel((0, 0)) == (200, 50, 60)


def test_values_beyond_the_range_are_cut() -> None:
    rows = "\n".join(["-0.2 1.5 0.5"] * 8)
    assert read_cube(f"LUT_3D_SIZE 2\n{rows}".encode()).getpixel((0, 0)) == (0, 255, 128)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("LUT_3D_SIZE 2\n0 0 0\n", "has 1 of 8 colours"),
        ("LUT_3D_SIZE 2\n0 0\n", "Line 2 of this CUBE file has 2 numbers"),
        ("LUT_3D_SIZE 2\n0 0 x\n", 'Line 2 of this CUBE file has "x"'),
        ("LUT_3D_SIZE 2\n0 0 nan\n", 'has "nan"'),
        ("LUT_3D_SIZE 99\n", "has 99 steps for each channel; 2 to 65"),
        ("LUT_3D_SIZE 2\nDOMAIN_MAX 2 2 2\n", "another domain than 0 to 1"),
        ("LUT_1D_SIZE 8\nLUT_3D_SIZE 2\n", "the operation curves"),
        ("LUT_3D_SIZE 2\nGAMMA_RAY 1\n", "Line 2 of this CUBE file is not understood: GAMMA_RAY"),
    ],
)
def test_a_damaged_file_says_where(text: str, said: str) -> None:
    with pytest.raises(ImageError, match=said):
        decode(text.encode())


def test_text_that_is_no_table_is_no_picture() -> None:
    with pytest.raises(ImageError, match="looks like text"):
        decode(b"LUT_3D_SIZE is a keyword of a format")


def test_a_photo_is_no_table() -> None:
    with pytest.raises(ImageError, match="96×64 is no look-up table; begin with the operation neutral_table"):
        encode(photo(), "cube")
    with pytest.raises(OperationError, match="96×64; a Hald image"):
        made("lut", image=photo(), table=photo())
