"""Makes the pictures of the documentation from recipes and examples: `python docs/make_pictures.py [FOLDER]`."""

from __future__ import annotations

import json
import os
import shutil
import sys
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from PIL import Image

from editchain.commands.base import run_command

DOCS = Path(__file__).parent
PIPELINES = DOCS.parent / "pipelines"
EXAMPLES = "operations"
BEFORE = "_before"
MOST_BYTES = 60_000
MOST_BYTES_WIDE = 120_000
EXAMPLE_HEIGHT = 200

PICTURES: dict[str, tuple[str, str, int]] = {
    "range.jpg": ("range", "coffee/page.jpg", 1000),
    "demo.jpg": ("demo", "sheet.jpg", 900),
    "single.jpg": ("single", "portrait.jpg", 400),
    "looks.jpg": ("looks", "looks.jpg", 640),
    "seasons.jpg": ("seasons", "sheet.jpg", 1000),
    "table.jpg": ("table", "catalogue.jpg", 800),
    "before-after.jpg": ("before-after", "page.jpg", 900),
    "brand.jpg": ("brand", "rocket/kit.jpg", 900),
    "social.jpg": ("social", "story.jpg", 300),
    "protect.jpg": ("protect", "spotlight.jpg", 500),
    "colour-pop.jpg": ("colour-pop", "pop.jpg", 500),
    "postcard.jpg": ("postcard", "card.jpg", 500),
    "samples.jpg": ("samples", "choice.jpg", 560),
    "product.jpg": ("product", "coffee-sheet.jpg", 640),
    "variants.jpg": ("variants", "coffee/sheet.jpg", 900),
    "skies.jpg": ("skies", "lake/sheet.jpg", 900),
    "faces.jpg": ("faces", "page.jpg", 800),
    "grade.jpg": ("grade", "page.jpg", 900),
    "mural.jpg": ("mural", "mural.jpg", 420),
    "proof.jpg": ("proof", "page.jpg", 1000),
    "film.jpg": ("film", "lake-strip.jpg", 900),
}
"""Picture to the recipe that it comes from, the path that the recipe publishes, and the width here."""


FAMILIES: dict[str, tuple[str, ...]] = {
    "light-and-dark": (
        "lake: darken by 30%", "lake: increase the contrast", "lake: lift the shadows a lot",
        "lake: recover the highlights", "lake: auto enhance", "lake: remove the haze",
    ),
    "colour": (
        "coffee: make it cooler", "coffee: black and white with a red filter", "coffee: keep only red in colour",
        "astronaut: change orange to blue", "astronaut: duotone navy and cream", "lake: desaturate the blues by 80%",
    ),
    "looks": (
        "lake: golden hour light", "lake: dark and moody", "lake: add snow",
        "astronaut: turn it into an ink drawing", "coffee: turn it into an oil painting", "lake: turn it into a watercolour",
        "coffee: turn it into a cartoon", "coffee: turn it into a pencil sketch", "lake: poster with 6 colours",
    ),
    "sharp-and-soft": (
        "lake: tilt-shift", "cat: sharpen a lot", "cat: blur a lot",
        "cat: add strong film grain", "coffee: add a strong vignette", "cat: remove the noise",
    ),
    "subject-background-sky-faces": (
        "coffee: keep only the subject in colour", "lantern: put it on a studio background",
        "lantern: make the background teal", "lake: replace the sky with a sunset",
        "lake: darken the sky by 40%", "astronaut: pixelate the faces",
    ),
    "shape-and-frame": (
        "astronaut: crop to 1:1 around the subject", "cat: add a polaroid frame", "lantern: add a caption bar \"Paper lantern\"",
        "coffee: extend to 1:1 with blurred sides", "lantern: round corners, drop shadow",
        "rocket: black bars, \"T minus ten\" at the top",
    ),
}  # fmt: skip
"""Family of the darkroom's instructions to prompts, each after the photo that it is shown on."""


def family(prompts: tuple[str, ...]) -> str:
    """A pipeline that shows what each prompt makes of its photo, on one sheet."""
    looks = [
        {"name": f"look{at}", "photo": one.partition(": ")[0], "say": one.partition(": ")[2]}
        for at, one in enumerate(prompts)
    ]
    document = {
        "version": 1,
        "steps": {
            "look": {
                "for_each": {"one": looks},
                "model": "darkroom", "image": "pipelines/assets/${one.photo}.jpg", "prompt": "$one.say", "seed": 3,
            },
            "sheet": {
                "operation": "contact_sheet", "images": "$look.*", "labels": [one["say"] for one in looks],
                "columns": 3, "cell_width": 360, "cell_height": 240, "background": "#f7f4ee",
            },
        },
        "outputs": {"sheet": {"from": "$sheet", "path": "sheet.png"}},
    }  # fmt: skip
    return json.dumps(document, indent=1)


def make(folder: Path) -> None:
    """Writes all pictures into a folder; stops where a recipe does not run."""
    with TemporaryDirectory() as made:
        workspace = Path(made)
        shutil.copytree(PIPELINES, workspace / "pipelines")
        (workspace / "docs").mkdir()
        shutil.copy(DOCS / f"{EXAMPLES}.yaml", workspace / "docs")
        (workspace / "editchain.toml").write_text('[run_command]\nprograms = ["python3"]\n')
        for recipe in dict.fromkeys(recipe for recipe, _, _ in PICTURES.values()):
            _run(workspace, f"pipelines/{recipe}.yaml", recipe)
        for name, prompts in FAMILIES.items():
            (workspace / f"{name}.yaml").write_text(family(prompts), "utf-8")
            _run(workspace, f"{name}.yaml", name)
            sheet = _opened(workspace / name / "sheet.png")
            (folder / f"darkroom-{name}.jpg").write_bytes(_small(sheet, 640 if len(prompts) > 6 else 780))
        for name, (recipe, path, width) in PICTURES.items():
            (folder / name).write_bytes(_small(_opened(workspace / recipe / path), width))
        make_examples(workspace, folder / EXAMPLES)


def make_examples(workspace: Path, folder: Path) -> None:
    """Writes one picture for each operation: what it was given, where that is a photo, and what it made."""
    folder.mkdir(parents=True, exist_ok=True)
    # the example's own program runs with the Python, and so the Pillow, of this process
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    _run(workspace, f"docs/{EXAMPLES}.yaml", "examples")
    document = yaml.safe_load((workspace / "docs" / f"{EXAMPLES}.yaml").read_text())
    for name, output in document["outputs"].items():
        if name.endswith(BEFORE):
            continue
        result = workspace / "examples" / output["path"]
        if result.suffix == ".webp":
            shutil.copy(result, folder / result.name)
            continue
        shown = _before(workspace, document, name)
        (folder / f"{name}.jpg").write_bytes(_pair([*shown, _opened(result)]))


def _before(workspace: Path, document: dict[str, dict[str, dict[str, str]]], name: str) -> list[Image.Image]:
    """What an example edits: an output of its own beside it, or one of the inputs."""
    own = document["outputs"].get(f"{name}{BEFORE}")
    if own:
        return [_opened(workspace / "examples" / own["path"])]
    given = document["inputs"].get(str(document["steps"][name].get("image", "")).removeprefix("$"))
    return [_opened(workspace / "docs" / given["default"])] if given else []


def _pair(images: list[Image.Image]) -> bytes:
    """Pictures beside each other at one height, as JPEG."""
    tallest = max(image.height for image in images)
    scale = EXAMPLE_HEIGHT / tallest
    sizes = [(max(1, round(image.width * scale)), max(1, round(image.height * scale))) for image in images]
    page = Image.new(
        "RGB", (sum(width for width, _ in sizes) + 8 * (len(sizes) - 1), EXAMPLE_HEIGHT), "white"
    )
    left = 0
    for image, size in zip(images, sizes, strict=True):
        page.paste(image.resize(size, Image.Resampling.LANCZOS), (left, (EXAMPLE_HEIGHT - size[1]) // 2))
        left += size[0] + 8
    return _jpeg(page, MOST_BYTES // 2)


def _run(workspace: Path, file: str, folder: str) -> None:
    if code := run_command(["run", str(workspace / file), "-o", str(workspace / folder)]):
        sys.exit(code)


def _opened(path: Path) -> Image.Image:
    """The picture, on a board of squares where it is clear."""
    with Image.open(path) as opened:
        image = opened.convert("RGBA")
    board = Image.new("RGB", image.size, "white")
    side = max(8, image.width // 30)
    for top in range(0, image.height, side):
        for left in range((top // side % 2) * side, image.width, 2 * side):
            board.paste((226, 228, 232), (left, top, left + side, top + side))
    board.paste(image, mask=image.getchannel("A"))
    return board


def _small(image: Image.Image, width: int) -> bytes:
    """A JPEG of a width, as good as its share of bytes allows."""
    height = round(image.height * width / image.width)
    image = image.resize((width, height), Image.Resampling.LANCZOS)
    return _jpeg(image, MOST_BYTES_WIDE if width >= 900 else MOST_BYTES)


def _jpeg(image: Image.Image, most_bytes: int) -> bytes:
    buffer = BytesIO()
    for quality in range(90, 40, -4):
        buffer = BytesIO()
        image.save(buffer, "JPEG", quality=quality, optimize=True, progressive=True)
        if buffer.tell() <= most_bytes:
            break
    return buffer.getvalue()


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else DOCS / "pictures")
