"""Keeping the answer of a command for the next time that nothing has changed."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

from editchain import schemas, snapshots
from editchain.errors import StoreError
from editchain.language.reading import Stat, stat_of
from editchain.lock import place_of
from editchain.store import make_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from editchain.pipeline import Pipeline
    from editchain.workspace import Workspace

_MAGIC = frozenset("*?[")


def keep(
    workspace: Workspace,
    pipeline: Pipeline,
    *,
    published: Iterable[str],
    results: str,
    messages: str,
    code: int,
) -> None:
    """Keeps what a command says, with everything that it depends on."""
    if "credentials" in workspace.__dict__ and workspace.credentials.asked_keyring:
        return  # what a keyring holds may change without anything here telling
    evidence = pipeline.evidence
    folders = []
    for listed in evidence.listings:
        folder = os.path.dirname(listed) if _MAGIC.intersection(os.path.basename(listed)) else listed
        if _MAGIC.intersection(folder) or "**" in listed:
            return  # a pattern over folders would have to be walked to be trusted
        folders.append(folder)
    files: dict[str, Stat] = evidence.texts | evidence.images
    absent = [*sorted(evidence.absent), *_nearer_markers(workspace, pipeline)]
    git = workspace.root / ".git"
    # Whoever looks into the journal leaves an empty log beside it; one with something in it is a journal that changed.
    log = str(workspace.folder / "journal.db-wal")
    store = [str(workspace.folder / name) for name in ("journal.db", "quarantine")]
    store.append(str(place_of(pipeline.path)))
    link = [str(git)] if git.is_file() else []  # of a linked worktree, or none
    for path in (*_surroundings(workspace, pipeline), *store, *link, *published):
        try:
            files[path] = stat_of(os.stat(path))
        except FileNotFoundError:
            absent.append(path)
        except OSError:
            return
    try:
        make_folder(str(workspace.root / ".editchain"))  # a plan may be the first to need it
    except StoreError:
        return
    with contextlib.suppress(StoreError):  # a cache that cannot be written is no cache
        snapshots.save(
            sys.argv[1:],
            str(workspace.root),
            files=dict(files),
            folders=folders,
            absent=absent,
            present=[str(git)] if git.is_dir() else [],
            empty=[log],
            results=results,
            messages=messages,
            code=code,
            beside=workspace.store.temporary_beside,
        )


def _nearer_markers(workspace: Workspace, pipeline: Pipeline) -> Iterator[str]:
    """What would make another folder the workspace, if it came into being."""
    root = workspace.root
    is_marked = (root / "editchain.toml").is_file() or (root / ".git").exists()
    start = pipeline.path.parent.resolve()
    for folder in (start, *start.parents):
        if folder == root:
            if is_marked:
                return
            yield str(folder / ".git")
            continue
        yield from (str(folder / name) for name in ("editchain.toml", ".git"))


def _surroundings(workspace: Workspace, pipeline: Pipeline) -> list[str]:
    """What a plan depends on besides its own files: the configuration, and the documents of its models and operations."""
    documents = {
        (kind, name) for step in pipeline.steps for kind, name in _documents(step.kind, step.documents)
    }
    shipped = schemas.folder()
    found = [str(shipped / f"{kind}s" / f"{name}.json") for kind, name in documents]
    own = [str(workspace.root / "models" / f"{name}.json") for kind, name in documents if kind == "model"]
    return [
        str(workspace.root / "editchain.toml"),
        str(workspace.root / ".env"),
        *([str(workspace.certificate_path)] if workspace.certificate_path else []),
        str(shipped / "step.json"),
        str(shipped / "fields.json"),
        *found,
        *own,
    ]


def _documents(kind: str, documents: Iterable[str]) -> Iterable[tuple[str, str]]:
    return ((kind, name) for name in documents)
