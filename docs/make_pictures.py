"""Makes the pictures of the documentation from the recipes: `python docs/make_pictures.py [FOLDER]`."""

from __future__ import annotations

import shutil
import sys
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from editchain.commands.base import run_command

DOCS = Path(__file__).parent
PIPELINES = DOCS.parent / "pipelines"
MOST_BYTES = 60_000

PICTURES: dict[str, tuple[str, str, int]] = {
    "demo.jpg": ("demo", "sheet.jpg", 900),
    "single.jpg": ("single", "portrait.jpg", 400),
    "looks.jpg": ("looks", "looks.jpg", 640),
    "seasons.jpg": ("seasons", "sheet.jpg", 1000),
    "table.jpg": ("table", "catalogue.jpg", 800),
    "before-after.jpg": ("before-after", "page.jpg", 900),
    "brand.jpg": ("brand", "rocket-site.webp", 640),
    "social.jpg": ("social", "story.jpg", 300),
    "protect.jpg": ("protect", "spotlight.jpg", 500),
    "colour-pop.jpg": ("colour-pop", "pop.jpg", 500),
    "postcard.jpg": ("postcard", "card.jpg", 500),
    "samples.jpg": ("samples", "choice.jpg", 560),
}
"""Picture to the recipe that it comes from, the path that the recipe publishes, and the width here."""


def make(folder: Path) -> None:
    """Writes all pictures into a folder; stops where a recipe does not run."""
    with TemporaryDirectory() as made:
        workspace = Path(made)
        shutil.copytree(PIPELINES, workspace / "pipelines")
        (workspace / "editchain.toml").touch()
        for recipe in {recipe for recipe, _, _ in PICTURES.values()}:
            file = workspace / "pipelines" / f"{recipe}.yaml"
            if code := run_command(["run", str(file), "-o", str(workspace / recipe)]):
                sys.exit(code)
        for name, (recipe, path, width) in PICTURES.items():
            (folder / name).write_bytes(_small(workspace / recipe / path, width))


def _small(path: Path, width: int) -> bytes:
    """A JPEG of a width, as good as its share of bytes allows."""
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    height = round(image.height * width / image.width)
    image = image.resize((width, height), Image.Resampling.LANCZOS)
    for quality in range(90, 40, -4):
        buffer = BytesIO()
        image.save(buffer, "JPEG", quality=quality, optimize=True, progressive=True)
        if buffer.tell() <= MOST_BYTES:
            break
    return buffer.getvalue()


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else DOCS / "pictures")
