"""Addresses that give no picture are told where they are written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.commands.conftest import Said

    Call = Callable[..., Said]

HERE = "https://127.0.0.1/b.png"


@pytest.mark.parametrize(
    ("top", "image", "place"),
    [
        (f"inputs: {{p: {{type: image, default: '{HERE}'}}}}", "$p", "2:36"),
        (f"inputs: {{p: {{type: images, default: [a.png, {{url: '{HERE}'}}]}}}}", "$p", "2:45"),
        (
            f"inputs: {{p: {{type: table, default: [{{a: x, b: '{HERE}'}}], columns: {{b: image}}}}}}",
            "$p.b",
            "2:47",
        ),
        ("name: plain", f"'{HERE}'", "4:3"),
    ],
)
def test_a_message_stands_at_the_address(folder: Path, call: Call, top: str, image: str, place: str) -> None:
    (folder / "p.yaml").write_text(f"version: 1\n{top}\nsteps:\n  one: {{operation: flip, image: {image}}}\n")
    said = call("run", "p.yaml")
    assert said.code == 2
    assert said.err.startswith(
        f"p.yaml:{place}: error: 127.0.0.1 is 127.0.0.1, which is not a public address"
    )
    assert "[not-fetched]" in said.err
