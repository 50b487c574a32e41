"""editchain init: a new workspace that runs at once."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from editchain.commands import showing
from editchain.commands.saying import say, write_json
from editchain.errors import ConfigurationError
from editchain.platform import disk_error

if TYPE_CHECKING:
    from collections.abc import Iterator

SKELETON = Path(__file__).parent.parent / "skeleton"

# Hidden files lie in the package under plain names, so that no tool takes them for its own.
FILES: dict[str, str] = {
    "editchain.toml": "editchain.toml",
    "pipelines/hello.yaml": "pipelines/hello.yaml",
    "photos/coffee.jpg": "photos/coffee.jpg",
    ".gitignore": "gitignore",
    ".gitattributes": "gitattributes",
    ".vscode/settings.json": "vscode-settings.json",
}
"""Path in the new workspace to path in the package."""

SCHEMA = ".editchain/pipeline.schema.json"


@click.command("init", epilog="Example: editchain init shop && cd shop && editchain run pipelines/hello.yaml")
@click.argument("folder", default=".", metavar="[DIR]", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def command(folder: Path, as_json: bool) -> int:
    """Make a workspace: a pipeline that runs at once, a photo for it, and what git and editors want.

    A file that is there already is left as it is.
    """
    written: list[str] = []
    kept: list[str] = []
    try:
        if folder.exists() and not folder.is_dir():
            raise ConfigurationError(f"{showing.path(folder)} is a file; a workspace is a folder.")
        for name, data in _contents():
            (written if _write(folder / name, data) else kept).append(name)
    except OSError as error:
        raise disk_error(error, error.filename or str(folder)) from error
    if as_json:
        write_json({"folder": str(folder.resolve()), "written": written, "kept": kept})
        return 0
    for name in written:
        click.echo(showing.path(folder / name))
    _tell(folder, kept)
    return 0


def _contents() -> Iterator[tuple[str, bytes]]:
    from editchain.language.bundle import as_text, bundle
    from editchain.models import catalogue

    for name, source in FILES.items():
        yield name, (SKELETON / source).read_bytes()
    yield SCHEMA, as_text(bundle(catalogue())).encode()


def _write(place: Path, data: bytes) -> bool:
    """Writes a file that is not there yet; says whether it did."""
    if place.parent.name == ".editchain":
        from editchain.store import make_folder

        make_folder(str(place.parent))
    else:
        place.parent.mkdir(parents=True, exist_ok=True)
    try:
        with place.open("xb") as file:
            file.write(data)
    except FileExistsError:
        return False
    return True


def _tell(folder: Path, kept: list[str]) -> None:
    for name in kept:
        say(f"left as it is: {showing.path(folder / name)}")
    for name in (".gitignore", ".gitattributes"):
        if name in kept and (missing := _missing_lines(folder / name, SKELETON / FILES[name])):
            say(f"{showing.path(folder / name)} may want: {'  '.join(missing)}")
    is_here = folder.resolve() == Path.cwd()
    go = "" if is_here else f"cd {shlex.quote(os.fspath(folder))} && "
    say(f"\nNext:\n  {go}editchain plan pipelines/hello.yaml\n  editchain run pipelines/hello.yaml")


def _missing_lines(place: Path, wanted: Path) -> list[str]:
    """The lines that a file of ours would have and the one that is there has not."""
    try:
        there = place.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    lines = wanted.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#") and line not in there]
