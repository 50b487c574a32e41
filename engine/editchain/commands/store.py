"""editchain store: what is stored, whether it is sound, and room made again."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from editchain.commands import showing
from editchain.commands.saying import say, write_json
from editchain.commands.shared import nearest_workspace
from editchain.commands.transfers import pull, push
from editchain.errors import ConfigurationError
from editchain.remote import RemoteError
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from editchain.journal.entries import Result
    from editchain.journal.journal import Journal
    from editchain.journal.maintenance import Collection, StoreReport, Verification
    from editchain.journal.repairing import Repair
    from editchain.runs.remaking import Comparison

MOST_NAMED = 20
KEPT_RUNS = 5

_json = click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")


@click.group("store", epilog="Example: editchain store gc --keep-runs 3")
def command() -> None:
    """Look after the results of this workspace: count them, check them, make room, share them, rebuild the journal."""


command.add_command(push)
command.add_command(pull)


@contextmanager
def _store() -> Iterator[Workspace]:
    """The workspace at hand; ConfigurationError where nothing is stored yet."""
    with Workspace(nearest_workspace(Path.cwd())) as workspace:
        if workspace.look is None:
            raise ConfigurationError(
                f"Nothing is stored yet: {showing.path(workspace.folder)} has no results."
            )
        yield workspace


# ---------------------------------------------------------------------- ls


@command.command("ls", short_help="What is stored, counted.", epilog="Example: editchain store ls -n 5")
@click.option(
    "-n", "--limit", type=click.IntRange(min=0), default=10, show_default=True, help="How many results."
)
@_json
def ls(limit: int, as_json: bool) -> int:
    """Count what is stored, and list the newest results."""
    from editchain.journal.maintenance import store_report

    with _store() as workspace:
        look = workspace.look
        if look is None:
            return 0
        report = store_report(workspace.store, look)
        newest = sorted(look.all_results(), key=lambda one: -one.made_at)[:limit]
        where = workspace.folder
    if as_json:
        document = asdict(report) | {"owners": [str(owner) for owner in report.owners]}
        write_json({"folder": str(where), **document, "newest": [_result(one) for one in newest]})
        return 0
    click.echo("\n".join([f"{showing.path(where)}", *_counted(report)]))
    if newest:
        rows = [
            (
                showing.moment(one.made_at),
                one.name,
                _pixels(one),
                showing.size(one.size),
                one.digest.hex()[:16],
            )
            for one in newest
        ]
        click.echo("")
        click.echo("\n".join(showing.table(("made", "by", "pixels", "size", "digest"), rows)))
    return 0


def _counted(report: StoreReport) -> Iterator[str]:
    yield f"  results   {report.results:,} in {showing.many(report.objects, 'object')}, {showing.size(report.object_bytes)}"
    yield f"  journal   {showing.size(report.journal_bytes)}, and {showing.size(report.records_bytes)} of records"
    yield f"  runs      {report.runs:,}"
    if report.calls:
        yield f"  calls     {report.calls:,}, {report.open_calls:,} of them open"
    yield f"  files     {report.published:,} published, {report.files:,} inputs known"
    if report.quarantined:
        yield f"  damaged   {report.quarantined:,} set aside in quarantine"
    for owner in report.owners:
        yield f"  at work   {owner}"
    yield f"  free      {showing.size(report.free_bytes)} on this disk"


def _pixels(one: Result) -> str:
    return f"{one.width}×{one.height}" if one.width else ""


def _result(one: Result) -> dict[str, Any]:
    return {
        "key": one.key.hex(), "digest": one.digest.hex(), "media_type": one.media_type, "bytes": one.size,
        "width": one.width, "height": one.height, "name": one.name, "run": one.run,
        "made_at": showing.timestamp(one.made_at),
    }  # fmt: skip


# ---------------------------------------------------------------------- verify


REMEDIES = {
    "fetch": "in the remote store: `editchain store pull` brings it",
    "make": "made again for nothing by the next run that needs it",
    "buy": "paid for, and nowhere else: only --rebuy gets another",
}
"""What can be done about a picture that is lost, for people."""


@command.command("verify", short_help="Check every stored picture.", epilog="Example: editchain store verify")
@click.option(
    "--remake", is_flag=True, help="Make again what costs nothing, and say what comes out otherwise."
)
@_json
def verify(remake: bool, as_json: bool) -> int:
    """Read every stored picture and check that it is what it was; exits with 5 where one is damaged or missing.

    A damaged one is set aside. For each that is lost it says whether it can be fetched again, made again, or only bought
    again. --remake keeps nothing: it compares what this installation would make today with what is stored.
    """
    from editchain.journal.maintenance import verify as verify_store

    is_live = sys.stderr.isatty() and not as_json
    told = _counting("read", is_live=is_live)
    with _store() as workspace:
        look = workspace.look
        if look is None:
            return 0
        found = verify_store(workspace.store, look, checked=told)
        remedies = _remedies(workspace, found.missing)
        remade = _remade(workspace, look, _counting("made again", is_live=is_live)) if remake else None
    if is_live:
        click.echo("\r\x1b[2K", err=True, nl=False)
    is_sound = not found.damaged and not found.missing
    if as_json:
        write_json({
            "objects": found.objects, "is_sound": is_sound, "damaged": [digest.hex() for digest in found.damaged],
            "missing": [{**_result(one), "remedy": remedies[one.key]} for one in found.missing],
            "remade": None if remade is None else {
                "same": remade.same, "lost": remade.lost, "others": [_result(one) for one in remade.others]
            },
        })  # fmt: skip
        return 0 if is_sound else 5
    click.echo("\n".join(_verified(found, remedies, is_sound=is_sound)))
    if remade is not None:
        click.echo("\n".join(_compared(remade)))
    return 0 if is_sound else 5


def _counting(verb: str, *, is_live: bool) -> Callable[[int], None]:
    def told(count: int) -> None:
        if is_live and count % 50 == 0:
            click.echo(f"\r{count:,} {verb}", err=True, nl=False)

    return told


def _remedies(workspace: Workspace, lost: Iterable[Result]) -> dict[bytes, str]:
    """How lost pictures can be had again, by key; the remote store is asked where there is one, as long as it answers."""
    remote = workspace.remote
    found = {}
    for one in lost:
        is_there = False
        if remote is not None:
            try:
                is_there = remote.size(one.digest) is not None
            except RemoteError as error:
                say(f"the remote store was not asked for all: {error}")
                remote = None
        found[one.key] = "fetch" if is_there else "make" if one.request_key is None else "buy"
    return found


def _remade(workspace: Workspace, look: Journal, told: Callable[[int], None]) -> Comparison:
    from editchain.plans.expansion import EXPECT
    from editchain.runs.remaking import compared

    results = [
        one
        for one in look.all_results()
        if one.request_key is None
        and one.name != EXPECT.name  # gives a picture on that is another's result
        and one.digest
        and workspace.store.has(one.digest)
    ]
    return compared(workspace, results, told)


def _verified(found: Verification, remedies: dict[bytes, str], *, is_sound: bool) -> Iterator[str]:
    yield f"{showing.many(found.objects, 'object')} read: {'all sound' if is_sound else 'not all sound'}"
    named = {one.digest for one in found.missing}
    for one in found.missing[:MOST_NAMED]:
        how = "damaged, set aside" if one.digest in found.damaged else "missing"
        yield f"  {how}: {one.digest.hex()[:16]}, by {one.name}, {showing.moment(one.made_at)}"
        yield f"    {REMEDIES[remedies[one.key]]}"
    nameless = [digest for digest in found.damaged if digest not in named]
    for digest in nameless[:MOST_NAMED]:
        yield f"  damaged, set aside: {digest.hex()}"
    hidden = max(0, len(found.missing) - MOST_NAMED) + max(0, len(nameless) - MOST_NAMED)
    if hidden:
        yield f"  and {hidden:,} more"


def _compared(remade: Comparison) -> Iterator[str]:
    same = f"{remade.same:,} with the same bytes"
    why = "what they were made from is gone, or today's version makes them otherwise on purpose"
    lost = f", {remade.lost:,} cannot be made again here ({why})" if remade.lost else ""
    yield f"{showing.many(remade.done, 'picture')} made again: {same}, {len(remade.others):,} with others{lost}"
    for one in remade.others[:MOST_NAMED]:
        yield f"  otherwise today: {one.digest.hex()[:16]}, by {one.name}, {showing.moment(one.made_at)}"
    if len(remade.others) > MOST_NAMED:
        yield f"  and {len(remade.others) - MOST_NAMED:,} more"


# ---------------------------------------------------------------------- gc


@command.command(
    "gc", short_help="Remove what nothing needs any more.", epilog="Example: editchain store gc --dry-run"
)
@click.option(
    "--keep-runs",
    type=click.IntRange(min=1),
    default=KEPT_RUNS,
    show_default=True,
    help="Runs of each pipeline to keep.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option("--yes", is_flag=True, help="Do not ask; what was paid for stays.")
@click.option("--paid", is_flag=True, help="With --yes: what was paid for goes too.")
@_json
def gc(keep_runs: int, dry_run: bool, yes: bool, paid: bool, as_json: bool) -> int:
    """Remove results that nothing needs any more; says how much that is, and asks first.

    Kept is what the last runs of every pipeline used, what the locks of every branch name, what is published, what a call
    waits for, and what is younger than a day. What was paid for goes only where a person says so.
    """
    from editchain.journal.maintenance import collect

    with _store() as workspace:
        journal, store, now = workspace.journal, workspace.store, workspace.now()
        named = _named_by_locks(workspace)

        def collection(*, with_paid: bool, rehearse: bool) -> Collection:
            return collect(
                store,
                journal,
                runs=keep_runs,
                now=now,
                named=named,
                with_paid=with_paid,
                rehearse=rehearse,
            )

        found = collection(with_paid=True, rehearse=True)
        with_paid = paid or dry_run
        if found.paid and not with_paid:
            with_paid = not yes and _asks_for_paid(found)
            found = collection(with_paid=with_paid, rehearse=True)
        goes = not dry_run and found.objects + found.results > 0
        if goes and not yes:
            _ask(found)
        if goes:
            found = collection(with_paid=with_paid, rehearse=False)
    if as_json:
        write_json({"removed": goes, **asdict(found)})
    else:
        click.echo(_collected(found, goes=goes))
    return 0


def _named_by_locks(workspace: Workspace) -> frozenset[bytes]:
    """What the locks name of every workspace that shares this store: those of the pipelines that ran, and this one."""
    from editchain import branches
    from editchain.language.reading import workspace_of

    folders = {Path(pipeline).parent for pipeline in workspace.journal.pipelines()}
    roots = {workspace.root, *(workspace_of(folder) for folder in folders if folder.is_dir())}
    return branches.digests(lock for root in sorted(roots) for lock in branches.locks(root))


def _asks_for_paid(found: Collection) -> bool:
    """Whether a person says that what was paid for may go; it stays where nobody can be asked."""
    if not sys.stdin.isatty():
        return False
    were = "was" if found.paid == 1 else "were"
    return click.confirm(
        f"{showing.many(found.paid, 'picture')} among them {were} paid for. Remove those too?", err=True
    )


def _ask(found: Collection) -> None:
    if not sys.stdin.isatty():
        raise ConfigurationError(f"{_collected(found, goes=False)} Nothing was removed: --yes agrees to it.")
    click.confirm(f"{_collected(found, goes=False)} Remove it?", abort=True, err=True)


def _collected(found: Collection, *, goes: bool) -> str:
    if not found.objects and not found.results:
        kept = " A run did not say what it used, so everything is kept." if found.kept_all else ""
        return (
            f"Nothing to remove: all {showing.many(found.kept_objects, 'object')} may still be needed.{kept}"
        )
    paid = f" ({found.paid:,} of them paid for)" if found.paid else ""
    what = f"{showing.many(found.results, 'result')}{paid}, {showing.many(found.objects, 'object')}, {showing.size(found.object_bytes)}"
    return (
        f"{'Removed' if goes else 'To remove'}: {what}. Kept: {showing.many(found.kept_objects, 'object')}."
    )


# ---------------------------------------------------------------------- repair


@command.command("repair", short_help="Rebuild the journal.", epilog="Example: editchain store repair")
@_json
def repair(as_json: bool) -> int:
    """Rebuild the journal from records and objects, when it is lost, damaged, or names pictures that are gone.

    The old one is set aside, not removed. Runs and published files are forgotten; results and calls are kept.
    """
    from editchain.journal.repairing import repair as repair_store

    with Workspace(nearest_workspace(Path.cwd())) as workspace:
        folder = workspace.folder
        if not folder.is_dir():
            raise ConfigurationError(f"There is no store at {showing.path(folder)}.")
        found = repair_store(folder)
    if as_json:
        document = asdict(found) | {"lost": [_result(one) for one in found.lost]}
        write_json({"folder": str(folder), **document})
    else:
        click.echo("\n".join(_repaired(found)))
    return 0


def _repaired(found: Repair) -> Iterator[str]:
    parts = [showing.many(found.results, "result"), showing.many(found.calls, "call")]
    yield f"Rebuilt the journal: {', '.join(parts)}."
    if found.set_aside:
        yield f"  the old one is in {showing.path(found.set_aside)}"
    if found.lost:
        free = sum(one.request_key is None for one in found.lost)
        yield f"  {showing.many(len(found.lost), 'picture')} lost; the next run makes {free:,} of them again for nothing"
    if found.unreadable_lines:
        yield f"  {showing.many(found.unreadable_lines, 'line')} of the records could not be read"
    if found.unnamed_objects:
        yield f"  {showing.many(found.unnamed_objects, 'object')} without a result; `editchain store gc` removes them"
