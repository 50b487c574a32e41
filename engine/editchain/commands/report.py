"""editchain report: a page of a run, to look at and to pass on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from editchain.commands import completing, showing
from editchain.commands.running_now import find_run
from editchain.commands.saying import write_json
from editchain.commands.shared import nearest_workspace
from editchain.errors import ConfigurationError
from editchain.runs import outlining
from editchain.runs.remaking import make_again
from editchain.runs.standing import owners_of, state_of
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from editchain.viewing.pages import Page
    from editchain.viewing.writing import Written


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
        from editchain.viewing.writing import Writer

        written = Writer(out).write(page, workspace.store, places)
    click.echo(f"{showing.path(out)}: {showing.many(sum(page.counts.values()), 'task')}, {_said(written)}")
    return 0


def page_of(workspace: Workspace, run: str) -> tuple[Page, dict[str, str]]:
    """The page of a run, and where the files of its inputs lie, by digest. Raises ConfigurationError."""
    from editchain.viewing.gathering import gather
    from editchain.viewing.writing import MANY

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


def _said(written: Written) -> str:
    where = "inside" if written.folder is None else f"in {showing.path(written.folder)}/"
    gone = f"; {written.gone:,} not at hand any more" if written.gone else ""
    return f"{showing.many(written.pictures, 'picture')} {where}{gone}"
