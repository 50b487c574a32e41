"""Looking: the orders behind the server's pages, each a function from JSON to JSON that opens the workspace by itself."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING, Any

from editchain.errors import ConfigurationError, ImageError
from editchain.language.reading import Reader, Unfit
from editchain.runs import outlining
from editchain.runs.outlining import PREFIX_BYTES
from editchain.runs.remaking import make_again
from editchain.runs.resolving import place_to_look, resolve
from editchain.runs.settling import doubts
from editchain.runs.standing import owners_of, state_of
from editchain.server import finding
from editchain.server.asking import Refusal
from editchain.server.guarding import Signer
from editchain.server.showing import date
from editchain.store import Store
from editchain.viewing.gathering import gather
from editchain.viewing.graph import graph
from editchain.viewing.html import images_signed
from editchain.viewing.picturing import THUMBNAIL_SIDE, bytes_of, small
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from editchain.journal.entries import RunRecord
    from editchain.journal.journal import Journal
    from editchain.runs.outlining import Outline
    from editchain.runs.resolving import Saying

REMADE_MOST = 2000
"""In runs of more tasks what was made in passing is not made again for a page."""


# ---------------------------------------------------------------------- runs


def paging(root: Path, *, run: str, **_: Any) -> dict[str, Any]:
    """The page of a run: its data, its graph, and where its pictures are; nothing where it has not begun."""
    with Workspace(root) as workspace:
        look = workspace.look
        record, outline = _record(workspace, look, run)
        if look is None or record is None or outline is None:
            return {"page": None}
        state = state_of(record, owners_of(look))
        keys = look.run_keys(run) or ()
        if state == "ended" and len(keys) <= REMADE_MOST:
            make_again(workspace, keys)
        found = gather(look, workspace.store, record, outline, state, str(workspace.root))
        signer = Signer(workspace.folder / "server", workspace.now)
        signed = {one: signer.query(signed_as(run, one)) for one in found.pictures}
        return {
            "page": found.document(),
            "graph": graph(found),
            "images": images_signed(f"/runs/{run}/pictures", signed),
        }


def signed_as(run: str, digest: str) -> str:
    """What the signature is of that lets one look at a picture of a run."""
    return f"/runs/{run}/pictures/{digest}"


def shrinking(root: Path, *, run: str, digest: str, side: int, **_: Any) -> str:
    """A small picture of a run, as WebP in base64. Raises Refusal where its bytes are gone."""
    with Workspace(root) as workspace:
        return _small(_bytes(workspace, run, digest), side)


def reading(root: Path, *, run: str, digest: str, **_: Any) -> str:
    """A picture of a run as it is, in base64. Raises Refusal where its bytes are gone."""
    with Workspace(root) as workspace:
        return base64.b64encode(_bytes(workspace, run, digest)).decode()


def covering(root: Path, *, run: str, **_: Any) -> str:
    """A small picture that stands for a run: of the last step that is published, else the last that has one."""
    with Workspace(root) as workspace:
        look = workspace.look
        outline = _record(workspace, look, run)[1]
        if look is None or outline is None:
            raise Refusal(404, "There is no picture of this run")
        published = {step for _, step in outline.outputs}
        steps = sorted(outline.steps, key=lambda one: one.name in published)
        prefixes = [key for step in reversed(steps) for key in step.keys[:4] if key is not None]
        whole = {key[:PREFIX_BYTES]: key for key in look.run_keys(run) or ()}
        keys = [whole[one] for one in prefixes if one in whole]
        results = look.results(keys)
        digest = next((results[key].digest for key in keys if key in results), None)
        if digest is None:
            raise Refusal(404, "There is no picture of this run yet")
        return _small(_bytes(workspace, run, digest.hex()), THUMBNAIL_SIDE)


def _record(workspace: Workspace, look: Journal | None, run: str) -> tuple[RunRecord | None, Outline | None]:
    record = None if look is None else look.run(run)
    return record, None if record is None else outlining.read(workspace.folder, run)


def _bytes(workspace: Workspace, run: str, digest: str) -> bytes:
    """The bytes of a picture, out of the results, what clients gave, or the file of an input."""
    outline = _record(workspace, workspace.look, run)[1]
    places: Mapping[str, str] = {} if outline is None else outline.sources
    with Store(workspace.folder / "server") as given:
        data = bytes_of(workspace.store, {}, digest) or bytes_of(given, places, digest)
    if data is None:
        raise Refusal(404, "The picture is not at hand any more")
    return data


def _small(data: bytes, side: int) -> str:
    try:
        return base64.b64encode(small(data, side)).decode()
    except ImageError as error:
        raise Refusal(404, str(error)) from None


# ---------------------------------------------------------------------- pipelines


def previewing(root: Path, *, name: str, of: str, **_: Any) -> str:
    """A small picture of the one that an input of a pipeline has unless another is given. Raises Refusal."""
    place = finding.places(root).get(name)
    declared = {} if place is None else finding.head(place.path).get("inputs", {})
    default = declared[of].get("default") if isinstance(declared, dict) and of in declared else None
    if place is None or not isinstance(default, str):
        raise Refusal(404, "There is no such picture")
    base = os.path.dirname(place.path)
    reader = Reader(root)
    try:
        paths = reader.several(default, base)
        path = reader.resolve(default, base) if paths is None else (paths or [""])[0]
        reader.check_image(path)
        with open(path, "rb") as file:
            return _small(file.read(), THUMBNAIL_SIDE)
    except (Unfit, OSError):
        raise Refusal(404, "There is no such picture") from None


# ---------------------------------------------------------------------- calls in doubt


def doubting(root: Path, **_: Any) -> list[dict[str, Any]]:
    """The calls of which nobody knows whether they were charged, the oldest first."""
    with Workspace(root) as workspace:
        look = workspace.look
        return [
            {
                "id": one.call.id, "provider": one.call.provider, "model": one.call.model, "tasks": list(one.tasks),
                "pictures": one.pictures, "prompt": one.prompt or None, "why": one.why, "look": place_to_look(one.call),
                "sent_at": None if one.call.sent_at is None else date(one.call.sent_at),
                "price_most": one.call.price_most, "currency": one.call.currency, "run": one.call.run,
            }
            for one in (doubts(look) if look else ())
        ]  # fmt: skip


def resolving(root: Path, *, call: str, saying: Saying, job: str | None, **_: Any) -> dict[str, str]:
    """Settles a call as a person says. Raises Refusal where it cannot be."""
    import anyio

    with Workspace(root) as workspace:
        try:
            found = anyio.run(resolve, workspace, call, saying, job, lambda _: None)
        except ConfigurationError as error:
            raise Refusal(409, str(error)) from None
    return found._asdict()


ORDERS: Mapping[str, Callable[..., Any]] = {
    "paging": paging,
    "shrinking": shrinking,
    "reading": reading,
    "covering": covering,
    "previewing": previewing,
    "doubting": doubting,
    "resolving": resolving,
}
