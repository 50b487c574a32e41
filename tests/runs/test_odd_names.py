"""Photos whose names are no UTF-8, as old archives have them: worked on like others, and called by their bytes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from PIL import Image

if TYPE_CHECKING:
    from pathlib import Path

ODD = os.fsdecode(b"caf\xe9")
RECIPE = """\
version: 1
inputs: {photo: {type: image, default: photos}}
steps:
  small: {operation: resize, image: $photo, width: 8}
  sheet: {operation: contact_sheet, images: "${small[photo=*]}"}
outputs: {small: $small, sheet: $sheet}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "editchain.toml").touch()
    (tmp_path / "photos").mkdir()
    (tmp_path / "look.yaml").write_text(RECIPE)
    Image.new("RGB", (16, 12), (200, 90, 40)).save(tmp_path / "photos/plain.png")
    try:
        shutil.copy(tmp_path / "photos/plain.png", tmp_path / "photos" / f"{ODD}.png")
    except OSError:
        pytest.skip("this file system has names in UTF-8 only")
    return tmp_path


def call(folder: Path, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "editchain", *arguments], cwd=folder, capture_output=True, check=False
    )
    said = (done.stdout + done.stderr).decode("utf-8", "backslashreplace")
    assert "Traceback" not in said
    return done.returncode, said


def test_a_folder_of_them_is_run_published_and_shown(folder: Path) -> None:
    code, said = call(folder, "run", "look.yaml")
    assert code == 0, said
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["caf-E9", "plain", "sheet.png"]
    assert call(folder, "run", "look.yaml") == (0, "3 tasks · 3 cached · outputs unchanged\n")
    assert "small[photo=caf%E9] is stored" in call(folder, "why", "look.yaml", "small[caf%E9]")[1]
    assert call(folder, "report", "last", "-o", "run.html")[0] == 0
    assert call(folder, "show", "out/caf-E9/small.png")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("plan", f"{ODD}.yaml"), "is not UTF-8 text. Rename the file"),
        (("run", "look.yaml", "-o", ODD), "is not UTF-8 text. Publish to another folder."),
        (("status", ODD), "There is no run"),
        (("plan", "look.yaml", "-i", f"width={ODD}"), "U+DCE9 may not stand in a text"),
        (("plan", "look.yaml", "-i", f"photo={ODD}.png"), "There is no file"),
    ],
)
def test_elsewhere_such_a_name_is_told(folder: Path, arguments: tuple[str, ...], said: str) -> None:
    (folder / "look.yaml").write_text(RECIPE.replace("photos}", "photos}, width: {type: string, default: x}"))
    shutil.copy(folder / "look.yaml", folder / f"{ODD}.yaml")
    call(folder, "edit", "photos/plain.png", "sepia")  # so that there is a run
    code, message = call(folder, *arguments)
    assert code == 2
    assert said in message
