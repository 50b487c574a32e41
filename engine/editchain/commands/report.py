"""editchain report: a page of a run, to look at and to pass on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from editchain.commands import completing, showing
from editchain.commands.base import write_json
from editchain.commands.running_now import find_run, owners_of, state_of
from editchain.commands.shared import nearest_workspace
from editchain.errors import ConfigurationError
from editchain.platform import disk_error
from editchain.runs import outlining
from editchain.runs.remaking import make_again
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from editchain.viewing.pages import Page
    from editchain.viewing.picturing import Small

INLINE_MOST = 150
"""With more pictures than this they lie beside the page, so that it opens at once."""
VIEW_SIDE, VIEW_SIDE_BESIDE, VIEW_SIDE_MANY, MANY = 1280, 1024, 512, 2000
"""The longer side of a picture in the page, beside it, and where there are more than so many, in pixels."""


@click.command("report", epilog="Example: editchain report last -o run.html")
@click.argument("run", default="last", shell_complete=completing.runs)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    default="report.html",
    show_default=True,
    help="The page to write.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="What the page shows, as one JSON document; writes no page."
)
def command(run: str, out: Path, as_json: bool) -> int:
    """Write a page of a run: its graph, every task with prompt and pictures, before and after, time and cost.

    RUN is its id, the beginning of it, or last. The page opens from disk and loads nothing from elsewhere. With
    more than 150 pictures they lie in a folder beside it, named after it.
    """
    if out.is_dir():
        raise ConfigurationError(f"-o {out} is a folder; name a file, such as {out / 'report.html'}.")
    with Workspace(nearest_workspace(Path.cwd())) as workspace:
        page, places = page_of(workspace, run)
        if as_json:
            write_json(page.document())
            return 0
        written = _write(workspace, page, places, out)
    click.echo(f"{showing.path(out)}: {showing.many(sum(page.counts.values()), 'task')}, {written}")
    return 0


def page_of(workspace: Workspace, run: str) -> tuple[Page, dict[str, str]]:
    """The page of a run, and where the files of its inputs lie, by digest. Raises ConfigurationError."""
    from editchain.viewing.gathering import gather

    look = workspace.look
    record = find_run(look, run)
    if look is None:
        raise AssertionError  # a run was found in it
    outline = outlining.read(workspace.folder, record.id)
    keys = look.run_keys(record.id) or ()
    if outline is not None and len(keys) <= MANY:
        make_again(workspace, keys)
    page = gather(
        look, workspace.store, record, outline, state_of(record, owners_of(look)), str(workspace.root)
    )
    return page, dict(outline.sources) if outline else {}


def _write(workspace: Workspace, page: Page, places: dict[str, str], out: Path) -> str:
    from editchain.viewing.html import html, images_beside, inline_images
    from editchain.viewing.picturing import small_pictures

    wanted = [digest for digest, one in page.pictures.items() if one.is_here]
    is_inside = len(wanted) <= INLINE_MOST
    side = VIEW_SIDE if is_inside else VIEW_SIDE_BESIDE if len(wanted) <= MANY else VIEW_SIDE_MANY
    small = small_pictures(workspace.store, places, wanted, side)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        if is_inside:
            images = inline_images({one.digest: (one.thumbnail, one.view) for one in small})
        else:
            folder = out.with_suffix(".files")
            images = images_beside(folder.name, _beside(folder, small))
        temporary = out.with_name(f".{out.name}.{os.getpid()}.tmp")
        temporary.write_text(html(page, images), encoding="utf-8")
        os.replace(temporary, out)
    except OSError as error:
        raise disk_error(error, str(out)) from error
    count = len(images["inline"]) or len(images["there"])
    where = "inside" if is_inside else f"in {showing.path(out.with_suffix('.files'))}/"
    gone = len(page.pictures) - count
    return f"{showing.many(count, 'picture')} {where}" + (f"; {gone:,} not at hand any more" if gone else "")


def _beside(folder: Path, small: Iterator[Small]) -> Iterator[str]:
    """Writes the pictures of a page into its folder; what is there by the same name is the same."""
    folder.mkdir(exist_ok=True)
    for one in small:
        (folder / f"{one.digest}.webp").write_bytes(one.thumbnail)
        (folder / f"{one.digest}.view.webp").write_bytes(one.view)
        yield one.digest
