"""Pipelines are listed without being checked again, until something changes that they were read from."""

from __future__ import annotations

import os
import time
from pathlib import Path

from tests.server.serving import LOOKS, pipelines, png, workspace

from editchain.server.checking import Checks
from editchain.workspace import Workspace

GATHERED = """\
version: 1
inputs:
  photos: {type: images, default: ../photos}
steps:
  sheet: {operation: contact_sheet, images: $photos.*}
"""
LATER_NS = 60 * 10**9


def later() -> int:
    """As if all files had been written a minute ago."""
    return time.time_ns() + LATER_NS


def test_a_pipeline_is_checked_again_when_what_it_was_read_from_changes(tmp_path: Path) -> None:
    root = pipelines(workspace(tmp_path), looks=LOOKS, gathered=GATHERED)
    checks = Checks(later)
    with Workspace(root) as one:
        first = {found["name"]: found for found in checks.listed(one)}
        assert [found["problems"] for found in first.values()] == [1, 0]  # there is no folder yet
        again = {found["name"]: found for found in checks.listed(one)}
        assert all(again[name] is first[name] for name in first)

        (root / "photos").mkdir()
        (root / "photos" / "a.png").write_bytes(png())
        found = {found["name"]: found for found in checks.listed(one)}
        assert found["gathered"]["problems"] == 0
        assert found["looks"] is first["looks"]

        (root / "pipelines" / "looks.yaml").write_text(
            LOOKS.replace("sepia", "sepia, blur"), encoding="utf-8"
        )
        os.remove(root / "pipelines" / "gathered.yaml")
        (found,) = checks.listed(one)
        assert found is not first["looks"]
        (root / "editchain.toml").write_text("[routes]\n", encoding="utf-8")
        assert checks.listed(one)[0] is not found


def test_what_was_just_written_may_still_change(tmp_path: Path) -> None:
    root = pipelines(workspace(tmp_path), looks=LOOKS)
    checks = Checks(lambda: (root / "pipelines" / "looks.yaml").stat().st_mtime_ns)
    with Workspace(root) as one:
        assert checks.listed(one)[0] is not checks.listed(one)[0]
