"""A workspace in git whose recipe buys pictures at Scenario's stand-in, and clones of it."""

from __future__ import annotations

import sqlite3
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.workbench import paint, written

from editchain.lock import Lock
from editchain.lockfiles import read

if TYPE_CHECKING:
    from tests.vendors.scenario import Scenario

RECIPE = """\
version: 1
inputs:
  photo: {type: image, default: a.png}
steps:
  night:
    for_each: {time: [dusk, dawn]}
    model: flux-kontext
    image: $photo
    prompt: Make it $time
    seed: 7
  small: {operation: resize, image: $night, width: 8}
  # so that two branches may change both steps
  again: {model: flux-kontext, image: "${night[dusk]}", prompt: Add a lamp, seed: 3}
outputs:
  small: {from: $small, path: "{time}.png"}
  again: {from: $again, path: again.png}
"""
"""Three calls, of which one takes the picture of another, and two local tasks: all of it is published but `night`."""

GIT = ("git", "-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main")


@dataclass
class Shop:
    """A workspace with its vendor. `git` runs git there; `lock` is what its lock says now."""

    folder: Path
    vendor: Scenario

    def configure(self, more: str = "") -> None:
        (self.folder / "editchain.toml").write_text(
            f'[providers.scenario]\nbase_url = "{self.vendor.url}"\n[fetch]\nplain_hosts = ["127.0.0.1"]\n'
            f"[limits.scenario]\nper_second = 100\n{more}"
        )

    def write(self, text: str) -> Path:
        return written(self.folder, text)

    def git(self, *arguments: str, check: bool = True) -> str:
        found = subprocess.run(
            [*GIT, *arguments], cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert found.returncode == 0 or not check, found.stderr + found.stdout
        return found.stdout

    def commit(self, message: str = "x") -> None:
        self.git("add", "-A")
        self.git("commit", "-qm", message)

    @property
    def place(self) -> Path:
        return self.folder / "p.lock.jsonl"

    @property
    def lock(self) -> Lock:
        return read(self.place)

    def forget_uploads(self) -> None:
        """Photos are uploaded again, under other names: this vendor then gives other pictures for the same request."""
        connection = sqlite3.connect(self.folder / ".editchain/journal.db")
        with connection:
            connection.execute("DELETE FROM handles")
        connection.close()

    @property
    def calls(self) -> int:
        """How many pictures were paid for."""
        return len(self.vendor.bill)

    def published(self, out: str = "out") -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted((self.folder / out).glob("*.png"))}

    def clone(self, name: str) -> Shop:
        """A colleague's clone, with nothing in its store."""
        there = self.folder.parent / name
        self.git("clone", "-q", str(self.folder), str(there))
        return Shop(there, self.vendor)


def opened(folder: Path, vendor: Scenario) -> Shop:
    """A new workspace with the recipe, committed."""
    folder.mkdir(parents=True)
    shop = Shop(folder, vendor)
    paint(folder / "a.png", size=(32, 24))
    (folder / ".gitignore").write_text(".editchain/\nout/\n")
    (folder / ".gitattributes").write_text("*.lock.jsonl merge=union\n")
    shop.configure()
    shop.write(RECIPE)
    shop.git("init", "-q")
    shop.commit()
    return shop
