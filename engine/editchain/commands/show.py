"""editchain show: where a picture came from, back to the inputs."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from editchain.branches import lock_files
from editchain.commands import showing
from editchain.commands.saying import write_json
from editchain.commands.shared import nearest_workspace
from editchain.diagnostics import visible
from editchain.errors import ConfigurationError, ImageError
from editchain.imaging import credits as crediting
from editchain.imaging.extra import install, is_installed
from editchain.imaging.marking import credentials_in
from editchain.journal.ledger import plain
from editchain.lockfiles import read
from editchain.runs.origins import Finder
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from editchain.imaging.credits import Credit
    from editchain.journal.entries import Call
    from editchain.runs.origins import Origin
    from editchain.signing import Credentials

_STATES = {
    "Trusted": "trusted",
    "Valid": "unchanged since it was signed",
    "Invalid": "do not hold",
    "unread": "there are some",
}


@click.command("show", epilog="Example: editchain show out/hello.png")
@click.argument("picture", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def command(picture: Path, as_json: bool) -> int:
    """Show where a PICTURE came from: what made it, of which pictures, and so on back to the inputs.

    It is known by its bytes, wherever it lies and whatever it is called, or by the key in its metadata. Looks into the
    workspace of the current folder: its journal and the locks beside its pipelines; else at what the file itself says,
    content credentials (C2PA) of whomever among it. Exits with 2 where nothing is known of it.
    """
    try:
        data = picture.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{visible(str(picture))} cannot be read: {error.strerror}.") from error
    digest = hashlib.sha256(data).digest()
    credit = crediting.read(data)
    root = nearest_workspace(Path.cwd())
    with Workspace(root) as workspace:
        locks = (read(place, merging=True) for place in lock_files(root))
        finder = Finder(workspace.look, workspace.folder, locks)
        origins = finder.of_digest(digest)
        if not origins and credit is not None and credit.key is not None:
            origins = finder.of_key(credit.key)
    signed = _signed(data)
    if not origins and credit is None and signed is None:
        raise ConfigurationError(
            f"Nothing is known of {visible(str(picture))}: no run in the workspace {visible(str(root))} made or read a file "
            "with its bytes, no lock there names it, and it has no metadata of editchain and no content credentials. "
            "Call this in the workspace that made it; a file that was changed since is another picture."
        )
    if as_json:
        write_json(_document(picture, digest, origins, credit, signed))
        return 0
    click.echo(showing.path(picture))
    for line in (
        *(_tree(origins) if origins else _credit_lines(credit) if credit else ()),
        *(_signed_lines(signed) if signed else ()),
    ):
        click.echo(line)
    return 0


def _signed(data: bytes) -> Credentials | None:
    """The content credentials of a file; only that there are some where they cannot be read."""
    from editchain import signing

    if credentials_in(data) is None:
        return None
    if not is_installed("c2pa"):
        return signing.Credentials("unread", problems=(f"to read them: {install('c2pa')}",))
    try:
        return signing.read(data)
    except ImageError as error:
        return signing.Credentials("unread", problems=(str(error),))


# ---------------------------------------------------------------------- as a tree


def _tree(origins: Mapping[str, Origin]) -> Iterator[str]:
    """The origins below each other. One that is taken several times is shown in full once."""
    shown: set[str] = set()
    # An own stack: chains may be longer than Python's.
    left = [(next(iter(origins)), "", "", True)]
    while left:
        id_, indent, how, is_last = left.pop()
        origin = origins[id_]
        again = id_ in shown and bool(origin.takes)
        mark, rail = ("└─ ", "   ") if is_last else ("├─ ", "│  ")
        yield f"{indent}{mark}{how}{_title(origin)}{' (see above)' if again else ''}"
        shown.add(id_)
        if again:
            continue
        below = indent + rail
        takes = origin.takes
        side = "│  " if takes else "   "
        yield from (f"{below}{side}{line}" for line in _details(origin))
        for at, take in reversed(list(enumerate(takes))):
            left.append((take.id, below, f"{take.field}: ", at == len(takes) - 1))


def _title(origin: Origin) -> str:
    if origin.kind is None:
        return f"a picture of which nothing is known ({origin.id[:23]})"
    if origin.kind == "input":
        return f"input {showing.path(origin.path or '?')}"
    what = f"{origin.name} {origin.version}" if origin.kind == "model" else f"{origin.name} (operation)"
    return visible(f"{origin.task}, {what}" if origin.task else what)


def _details(origin: Origin) -> Iterator[str]:
    if origin.prompt is not None:
        yield f"prompt   {visible(json.dumps(origin.prompt, ensure_ascii=False))}"
    if origin.fields:
        said = ", ".join(
            f"{name} {json.dumps(value, ensure_ascii=False)}" for name, value in origin.fields.items()
        )
        yield f"fields   {visible(said)}"
    if origin.route is not None:
        yield f"route    {visible(origin.route)}"
    if origin.seed is not None and "seed" not in origin.fields:
        yield f"seed     {origin.seed}"
    if origin.made_at is not None:
        by = f", run {origin.run}" if origin.run else ""
        of = f" of {showing.path(origin.pipeline)}" if origin.pipeline else ""
        yield f"made     {showing.moment(origin.made_at)}{by}{of}"
    if origin.call is not None:
        yield f"call     {origin.call.id}, {_cost(origin.call)}"
    if origin.said_by == "lock":
        yield "known from a lock, which has neither prompt nor fields"


def _cost(call: Call) -> str:
    if call.price_actual is not None:
        return f"{plain(Decimal(call.price_actual))} {call.currency or ''}".rstrip()
    if call.price_most is not None:
        return f"at the most {plain(Decimal(call.price_most))} {call.currency or ''}".rstrip()
    return "at a price that is not known"


def _credit_lines(credit: Credit) -> Iterator[str]:
    """What the metadata says, where nothing else is known."""
    yield "from its metadata alone; the workspace that made it knows more"
    for name, value in _credit(credit).items():
        if value:
            text = ", ".join(value) if isinstance(value, list) else str(value)
            yield f"  {name.replace('_', ' '):<12} {visible(text)}"


def _signed_lines(signed: Credentials) -> Iterator[str]:
    """What the content credentials say, and whether the file is still what was signed."""
    by = f", signed by {signed.signer}" if signed.signer else ""
    with_ = f" with {signed.tool}" if signed.tool else ""
    yield visible(f"content credentials (C2PA): {_STATES.get(signed.state, signed.state)}{by}{with_}")
    yield from (f"  {line}" for line in _alike(signed.actions))
    yield from (f"  of {line}" for line in _alike(signed.ingredients))
    yield from (f"  {visible(problem)}" for problem in signed.problems)


def _alike(texts: Iterable[str]) -> Iterator[str]:
    """Each text once, with how often: a sheet of many pictures has as many edits."""
    for text, count in Counter(texts).items():
        yield visible(text) if count == 1 else f"{visible(text)} × {count:,}"


# ---------------------------------------------------------------------- as JSON


def _document(
    picture: Path,
    digest: bytes,
    origins: Mapping[str, Origin],
    credit: Credit | None,
    signed: Credentials | None,
) -> dict[str, Any]:
    return {
        "picture": str(picture),
        "digest": digest.hex(),
        "origin": next(iter(origins), None),
        "origins": [_origin(one) for one in origins.values()],
        "metadata": None if credit is None else _credit(credit),
        "credentials": None if signed is None else asdict(signed),
    }


def _origin(one: Origin) -> dict[str, Any]:
    call = one.call
    return {
        "id": one.id, "said_by": one.said_by, "kind": one.kind, "task": one.task,
        "step": one.task.partition("[")[0] if one.task else None,
        "key": one.key.hex() if one.key else None, "digest": one.digest.hex() if one.digest else None,
        "name": one.name, "version": one.version, "route": one.route, "prompt": one.prompt,
        "fields": dict(one.fields), "seed": one.seed, "made_at": showing.timestamp(one.made_at), "run": one.run,
        "pipeline": one.pipeline, "path": one.path,
        "call": None if call is None else {
            "id": call.id, "vendor": call.provider, "vendor_id": call.vendor_id, "state": call.state,
            "charged": call.charged, "most": _amount(call.price_most), "actual": _amount(call.price_actual), "currency": call.currency,
        },
        "takes": [{"field": take.field, "id": take.id} for take in one.takes],
    }  # fmt: skip


def _amount(text: str | None) -> str | None:
    return None if text is None else plain(Decimal(text))


def _credit(credit: Credit) -> dict[str, Any]:
    return {
        "source_type": credit.source_type, "tool": credit.tool, "models": list(credit.models),
        "key": credit.key.hex() if credit.key else None, "step": credit.step, "prompt": credit.prompt,
        "seed": credit.seed, "recipe": credit.recipe,
    }  # fmt: skip
