"""The documentation does what it says: its commands run, its recipes are valid, its links lead somewhere.

`python tests/test_docs.py` writes what commands print today into the console blocks.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import shutil
from collections.abc import Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any
from unicodedata import normalize

import pytest
from PIL import Image, ImageChops, ImageStat

from editchain.commands.base import run_command

ROOT = Path(__file__).parent.parent
PIPELINES = ROOT / "pipelines"
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")])
NAMES = [path.relative_to(ROOT).as_posix() for path in PAGES]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"(?<!\\)\[[^\]]*\]\(([^)\s]+)\)")
ENGINE = ROOT / "engine" / "editchain"
DRAWING = re.compile(r"<!-- modules -->.*<!-- end of modules -->", re.DOTALL)
SECONDS = re.compile(r"\b\d+\.\d s\b")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and where it begins in the page."""

    language: str
    text: str
    start: int


def blocks(page: Path, *languages: str) -> Iterator[Block]:
    for found in BLOCK.finditer(page.read_text("utf-8")):
        if found[1] in languages:
            yield Block(found[1], found[2], found.start(2))


def commands(block: str) -> Iterator[tuple[str, str]]:
    """Each command of a console block with what it prints."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, printed = part.partition("\n")
        yield command, printed


def perform(command: str, folder: Path) -> str:
    """What a command of a page prints, both streams as a terminal shows them."""
    program, *arguments = shlex.split(command)
    if program == "sed":
        return substitute(arguments, folder)
    assert program == "editchain", f"pages show editchain and sed, not {program}"
    stream = StringIO()
    with chdir(folder), redirect_stdout(stream), redirect_stderr(stream):
        run_command(arguments)
    return stream.getvalue()


def substitute(arguments: list[str], folder: Path) -> str:
    option, script, name = arguments
    _, old, new, end = script.split("/")
    assert (option, end) == ("-i", "")
    text = (folder / name).read_text("utf-8")
    assert text.count(old) == 1, f"{old!r} is in {name} {text.count(old)} times"
    (folder / name).write_text(text.replace(old, new), "utf-8")
    return ""


def comparable(printed: str) -> list[str]:
    """Lines without durations; lists of files in any order."""
    lines = SECONDS.sub("0.0 s", printed).splitlines()
    return [line for line in lines if not is_file(line)] + sorted(line for line in lines if is_file(line))


def is_file(line: str) -> bool:
    return re.fullmatch(r"  \S+\.(jpg|png|webp|avif)", line) is not None


def name_of(block: Block) -> str | None:
    """The file that a block of YAML says it is, in its first line."""
    found = re.match(r"# (\S+\.yaml)\n", block.text)
    return found[1] if found else None


def prepare(folder: Path, page: Path) -> Path:
    """A workspace with the recipes, and with the files that the page shows."""
    shutil.copytree(PIPELINES, folder / "pipelines")
    (folder / "editchain.toml").touch()
    for block in blocks(page, "yaml"):
        if (name := name_of(block)) and not (ROOT / name).exists():
            (folder / name).write_text(block.text.partition("\n")[2].lstrip("\n"), "utf-8")
    return folder


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_commands_print_what_the_page_shows(page: Path, tmp_path: Path) -> None:
    folder = prepare(tmp_path, page)
    for block in blocks(page, "console"):
        for command, printed in commands(block.text):
            told = f"{command}: if that is meant, run python tests/test_docs.py"
            assert comparable(perform(command, folder)) == comparable(printed), told


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_programs_print_what_their_comments_say(page: Path, tmp_path: Path) -> None:
    folder = prepare(tmp_path, page)
    for block in blocks(page, "python"):
        if block.text.startswith("import editchain\n"):
            printed = StringIO()
            with chdir(folder), redirect_stdout(printed):
                exec(block.text, {})  # noqa: S102  (our own page)
            assert printed.getvalue().splitlines() == re.findall(r"print\(.*\)  # (.+)", block.text)


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_recipes_on_the_page_are_the_real_ones(page: Path) -> None:
    for block in blocks(page, "yaml"):
        name = name_of(block)
        if name and (ROOT / name).exists():
            text = (ROOT / name).read_text("utf-8")
            for paragraph in block.text.partition("\n")[2].strip().split("\n\n"):
                assert paragraph.strip() == "# ..." or paragraph in text, paragraph


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_somewhere(page: Path) -> None:
    dead = []
    for target in LINK.findall(BLOCK.sub("", page.read_text("utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            dead.append(target)
    assert dead == []


def anchors(page: Path) -> set[str]:
    """The headings of a page as links name them."""
    headings = re.findall(r"^#+ (.+)$", BLOCK.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", normalize("NFC", one.lower())).replace(" ", "-") for one in headings}


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "index.md").read_text("utf-8")
    linked = {target.partition("#")[0] for target in LINK.findall(index)}
    assert {path.name for path in (ROOT / "docs").glob("*.md")} - {"index.md"} <= linked


def test_the_gallery_shows_every_recipe() -> None:
    gallery = (ROOT / "docs" / "recipes.md").read_text("utf-8")
    linked = {Path(target).stem for target in LINK.findall(gallery) if target.endswith(".yaml")}
    assert linked == {path.stem for path in PIPELINES.glob("*.yaml")}


def test_the_set_up_commands_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([\w-]+):", makefile, re.MULTILINE))
    for page in PAGES:
        for block in blocks(page, "sh"):
            assert set(re.findall(r"^make ([\w-]+)", block.text, re.MULTILINE)) <= targets


def test_the_drawing_shows_every_module() -> None:
    """As the test of imports has them, which holds its list to the modules that there are."""
    page = (ROOT / "docs" / "how-it-works.md").read_text("utf-8")
    assert DRAWING.search(page)
    assert DRAWING.sub(lambda _: drawing(), page) == page, "run python tests/test_docs.py"


def drawing() -> str:
    """The modules by group, in the order in which they import each other, as the test of imports has it."""
    source = (ROOT / "tests" / "test_imports.py").read_text("utf-8")
    order = source.partition("ORDER = (\n")[2].partition("\n)")[0]
    rows = []
    for group, names in re.findall(r"# (.+)\n([^#]+)", order):
        modules = " ".join(shown(name) for name in re.findall(r'"([\w.]+)"', names))
        rows.append(f"| {group} | {modules} |")
    return "\n".join(
        [
            "<!-- modules -->",
            "| for | modules of `engine/editchain/` |",
            "|---|---|",
            *rows,
            "<!-- end of modules -->",
        ]
    )


def shown(module: str) -> str:
    """As the drawing names it: a package with a stroke at its end."""
    return f"`{module}/`" if (ENGINE / module).is_dir() else f"`{module}`"


# ---- pictures


def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_pictures", ROOT / "docs" / "make_pictures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PICTURES: dict[str, tuple[str, str, int]] = maker().PICTURES
FOLDER = ROOT / "docs" / "pictures"


def test_pictures_are_those_that_the_script_makes() -> None:
    made = {*PICTURES, *(f"darkroom-{family}.jpg" for family in maker().FAMILIES)}
    assert {path.name for path in FOLDER.glob("*.*")} == made
    used = {Path(target).name for page in PAGES for target in LINK.findall(page.read_text("utf-8"))}
    assert made <= used
    assert all((FOLDER / name).stat().st_size <= maker().MOST_BYTES_WIDE for name in made)


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_small_and_from_a_recipe_that_exists(name: str) -> None:
    recipe, path, width = PICTURES[name]
    assert (FOLDER / name).stat().st_size <= maker().MOST_BYTES_WIDE
    with Image.open(FOLDER / name) as image:
        assert (image.format, image.width) == ("JPEG", width)
    published: dict[str, Any] = json.loads((ROOT / "tests" / "recipes.json").read_text("utf-8"))
    assert path in published[recipe]


@pytest.mark.slow
def test_pictures_still_look_as_the_recipes_make_them(tmp_path: Path) -> None:
    maker().make(tmp_path)
    for name in (path.relative_to(FOLDER) for path in FOLDER.rglob("*.*")):
        with Image.open(FOLDER / name) as kept, Image.open(tmp_path / name) as made:
            assert kept.size == made.size, name
            difference = ImageStat.Stat(ImageChops.difference(kept.convert("RGB"), made.convert("RGB")))
            assert max(difference.mean) < 4, f"{name} is out of date: run python docs/make_pictures.py"


def main() -> None:
    """Writes what commands print today into the pages."""
    for page in PAGES:
        text = page.read_text("utf-8")
        with TemporaryDirectory() as folder:
            workspace = prepare(Path(folder), page)
            for block in blocks(page, "console"):
                said = "".join(
                    f"$ {command}\n{perform(command, workspace)}" for command, _ in commands(block.text)
                )
                if comparable(said) != comparable(block.text):
                    text = text.replace(block.text, said)
        text = DRAWING.sub(lambda _: drawing(), text)
        page.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
