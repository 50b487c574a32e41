"""editchain diff: two revisions of a pipeline side by side, its recipe, its pictures and what they cost."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from editchain import differences, lockfiles
from editchain.commands import showing
from editchain.commands.saying import write_json
from editchain.diagnostics import Problems, visible
from editchain.differences import Difference
from editchain.errors import ConfigurationError, PipelineError
from editchain.language.syntax import Map, parse
from editchain.lock import Lock, place_of
from editchain.lock import parse as parse_lock
from editchain.platform import disk_error
from editchain.providers import is_local
from editchain.revisions import revision, working_tree
from editchain.runs.reporting import price
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from editchain.differences import Cost, EntryChange, FieldChange, Pair, Recipe
    from editchain.lock import Line
    from editchain.plans.tasks import Money
    from editchain.revisions import Revision

_MARKS = {"added": "+", "removed": "-", "changed": "~"}
_SIDES = 2


@click.command(
    "diff",
    epilog="Examples:\n\n\b\n  editchain diff pipelines/hello.yaml\n  editchain diff main HEAD hello.yaml --html diff.html",
)
@click.argument("names", nargs=-1, required=True, metavar="[REV [REV]] FILE")
@click.option(
    "--html", type=click.Path(path_type=Path), metavar="PAGE", help="Also write a page with the pictures."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def command(names: tuple[str, ...], html: Path | None, as_json: bool) -> int:
    """Show what differs between two revisions of a pipeline: its steps, its pictures, and what they cost.

    REV is a commit, branch or tag of git. Without one, HEAD is compared with the working tree; with one, that. The
    pictures are those that the locks of both revisions name and that lie in the store; nothing is run or fetched.
    """
    *revisions, name = names
    if len(revisions) > _SIDES:
        raise click.UsageError("diff takes at most two revisions, and then the pipeline file.")
    if html is not None and html.is_dir():
        raise ConfigurationError(f"--html {html} is a folder; name a file, such as {html / 'diff.html'}.")
    file = Path(name)
    if not file.name or file.is_dir():
        raise ConfigurationError(f'"{visible(name)}" is no pipeline file; FILE comes last.')
    with Workspace.of(file) as workspace:
        found = _difference(workspace, file, revisions)
        if html is not None:
            _write_page(workspace, found, html)
    if as_json:
        write_json(_document(found))
    else:
        click.echo("\n".join(_lines(found)))
    return 0


# ---------------------------------------------------------------------- gathering


def _difference(workspace: Workspace, file: Path, names: list[str]) -> Difference:
    tree = working_tree(file)
    sides = [revision(tree, name) for name in names or ["HEAD"]]
    before, after = sides if len(sides) == _SIDES else (sides[0], tree)
    recipes = [_recipe(side, file) for side in (before, after)]
    locks = [_lock(side, file) for side in (before, after)]
    keys = [{line.key for line in lock.lines} for lock in locks]

    def cost(side: int, but: set[bytes]) -> Cost:
        lines = [line for line in locks[side].lines if line.key not in but]
        return differences.cost(lines, recipes[side], workspace.catalogue, is_local)

    pictures = list(differences.pairs(locks[0].lines, locks[1].lines))
    return Difference(
        showing.path(file),
        before.name,
        after.name,
        (before.commit, after.commit),
        tuple(differences.changes(*recipes)),
        tuple(differences.looked_at(pictures, workspace.store)),
        cost(0, set()),
        cost(1, set()),
        differences.dearer(cost(0, keys[1]).money, cost(1, keys[0]).money),
    )


def _recipe(side: Revision, file: Path) -> Recipe:
    data = side.read(file)
    where = f"at {visible(side.name)}" if side.commit else "in the working tree"
    if data is None:
        raise ConfigurationError(f"There is no {showing.path(file)} {where}.")
    problems = Problems()
    document = parse(data, f"{showing.path(file)} ({visible(side.name)})", problems)
    if document is None or problems.found:
        raise PipelineError(list(problems.found.values()))
    if not isinstance(document.root, Map) or not isinstance(document.root.get("steps"), Map):
        raise ConfigurationError(f"{showing.path(file)} {where} has no steps. Is it a pipeline?")

    def text_of(place: str) -> str | None:
        found = side.read(file.parent / place) if _is_inside(side, file.parent / place) else None
        return None if found is None else found.decode("utf-8", "replace")

    return differences.recipe_of(document.root, text_of)


def _is_inside(side: Revision, place: Path) -> bool:
    return Path(os.path.abspath(place)).resolve().is_relative_to(side.root)


def _lock(side: Revision, file: Path) -> Lock:
    place = place_of(file)
    data = side.read(place)
    if data is None:
        where = f"at {visible(side.name)}" if side.commit else "in the working tree"
        raise ConfigurationError(
            f"There is no lock {showing.path(place)} {where}, so its pictures are not known: a run writes it, "
            "and it belongs in git beside the pipeline."
        )
    if side.commit is None:
        return lockfiles.read(place)
    return parse_lock(data.decode("utf-8", "replace"), f"{showing.path(place)} ({visible(side.name)})")


# ---------------------------------------------------------------------- as text


def _lines(found: Difference) -> Iterator[str]:
    yield f"{found.file}: {visible(found.before)} → {visible(found.after)}"
    yield from found.notices
    yield "" if found.recipe else "The recipe is the same."
    for entry in found.recipe:
        yield from _entry(entry)
    if found.recipe:
        yield ""
    yield _pictures_line(found)
    for pair in found.pictures:
        if pair.state != "same" or not pair.is_at_hand:
            yield f"  {_MARKS.get(pair.state, '=')} {visible(pair.task)}: {said_of(pair)}"
    yield "Price to buy all of it anew: " + price_line(found)


def _entry(entry: EntryChange) -> Iterator[str]:
    noun = entry.section.removesuffix("s") if entry.name else entry.section
    yield f"{_MARKS[entry.what]} {noun}{' ' if entry.name else ''}{visible(entry.name)}"
    for field in entry.fields:
        yield f"    {visible(field.field)}: {_field(field)}"


def _field(field: FieldChange) -> str:
    if field.what == "added":
        return f"{as_text(field.after)} (new)"
    if field.what == "removed":
        return f"{as_text(field.before)} (gone)"
    texts = field.texts
    return showing.word_diff(*texts) if texts else f"{as_text(field.before)} → {as_text(field.after)}"


def as_text(value: Any) -> str:
    """A value as a person reads it: a text as it is, all else as JSON."""
    return visible(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _pictures_line(found: Difference) -> str:
    counts = found.counts
    parts = [f"{counts[name]:,} {name}" for name in ("same", "changed", "added", "removed") if counts[name]]
    if counts["not_at_hand"]:
        parts.append(f"{counts['not_at_hand']:,} not at hand")
    return f"{showing.many(len(found.pictures), 'picture')}: {', '.join(parts)}" if parts else "No pictures."


def said_of(pair: Pair) -> str:
    """What became of a task's picture, in words."""
    here = "" if pair.is_at_hand else ", not at hand"
    if pair.state != "changed":
        return f"{pair.state}{here}"
    if pair.compared is None:
        return f"changed{here or ', and cannot be read'}"
    one = pair.compared
    sizes = [f"{width} × {height}" for width, height in (one.before_size, one.after_size)]
    size = "" if sizes[0] == sizes[1] else f", {sizes[0]} → {sizes[1]} pixels"
    return f"{percent(one.share)} of the pixels differ, SSIM {one.ssim:.3f}{size}"


def percent(share: float) -> str:
    """A share in percent; a small one is not rounded to nothing, nor a large one to all."""
    if 0 < share < 0.001:
        return "less than 0.1%"
    return f"{min(share, 0.999 if share < 1 else 1) * 100:.1f}%"


def price_line(found: Difference) -> str:
    """Both prices, and how much more the second is."""
    both = [price(cost.money, cost.pictures) for cost in (found.before_cost, found.after_cost)]
    return f"{both[0]} → {both[1]} ({_more(found.more)})"


def _more(more: Money | None) -> str:
    if more is None:
        return "difference unknown"
    parts = []
    for currency, most in more.most.items():
        ends = dict.fromkeys(f"{end:+f}" for end in (more.least[currency], most))
        if more.least[currency] or most:
            parts.append(f"{' to '.join(ends)} {currency}")
    return ", ".join(parts) or "no difference"


# ---------------------------------------------------------------------- as JSON


def _document(found: Difference) -> dict[str, Any]:
    return {
        "file": found.file,
        "before": {"revision": found.before if found.commits[0] else None, "commit": found.commits[0]},
        "after": {"revision": found.after if found.commits[1] else None, "commit": found.commits[1]},
        "recipe": [
            {
                "section": entry.section, "name": entry.name or None, "what": entry.what,
                "fields": [
                    {"field": one.field, "what": one.what, "before": one.before, "after": one.after}
                    for one in entry.fields
                ],
            }
            for entry in found.recipe
        ],
        "pictures": [_pair(pair) for pair in found.pictures],
        "counts": found.counts,
        "price": {
            "before": _cost(found.before_cost), "after": _cost(found.after_cost),
            "difference": None if found.more is None else _money(found.more),
        },
        "notices": list(found.notices),
    }  # fmt: skip


def _pair(pair: Pair) -> dict[str, Any]:
    one = pair.compared
    return {
        "task": pair.task, "state": pair.state,
        "before": _line(pair.before, pair.before_is_here), "after": _line(pair.after, pair.after_is_here),
        "differing_share": None if one is None else one.share, "ssim": None if one is None else one.ssim,
    }  # fmt: skip


def _line(line: Line | None, is_here: bool) -> dict[str, Any] | None:
    if line is None:
        return None
    output = line.outputs[0]
    return {
        "key": line.key.hex(), "digest": output.digest.hex(), "media_type": output.type, "bytes": output.size,
        "name": line.name, "route": line.route, "is_at_hand": is_here,
    }  # fmt: skip


def _cost(cost: Cost) -> dict[str, Any]:
    return {"pictures": cost.pictures, "amounts": _money(cost.money), "unknown": cost.money.unknown}


def _money(money: Money) -> list[dict[str, str]]:
    return [
        {"currency": currency, "least": f"{money.least[currency]:f}", "most": f"{most:f}"}
        for currency, most in money.most.items()
    ]


# ---------------------------------------------------------------------- as a page


def _write_page(workspace: Workspace, found: Difference, out: Path) -> None:
    from editchain.viewing.diffing import page

    text = page(found, workspace.store, said_of, price_line(found))
    temporary = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, out)
    except OSError as error:
        raise disk_error(error, str(out)) from error
