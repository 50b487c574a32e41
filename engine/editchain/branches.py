"""Branches: the locks of a workspace, those on disk and those of every branch that git has."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from editchain.errors import ConfigurationError
from editchain.lock import ENDING, parse
from editchain.lockfiles import read
from editchain.revisions import git

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from editchain.lock import Lock


def lock_files(root: Path) -> Iterator[Path]:
    """The lock files below a folder, in order; hidden folders are passed over."""
    for folder, names, files in os.walk(root):
        names[:] = sorted(name for name in names if not name.startswith("."))
        yield from (Path(folder, name) for name in sorted(files) if name.endswith(ENDING))


def locks(root: Path) -> Iterator[Lock]:
    """Every lock of a workspace: on disk, in its other worktrees, and at the tip of whatever git names.

    A merge that waits for a person counts with both its sides. Raises ConfigurationError where git cannot be asked, or a
    lock cannot be read: nothing may then be taken for unneeded.
    """
    places = {root.resolve()}
    if not any((folder / ".git").exists() for folder in (root, *root.parents)):
        yield from (read(path, merging=True) for path in lock_files(root))
        return
    worktrees, tips = _worktrees(root)
    places.update(worktrees)
    for place in sorted(places):
        yield from (read(path, merging=True) for path in lock_files(place))
    for line in _lines(root, "for-each-ref", "--format=%(objectname) %(objecttype) %(*objecttype)"):
        tip, *kinds = line.split()
        if "commit" in kinds or "tree" in kinds:
            tips.add(tip)
    blobs: dict[str, str] = {}
    for tip in sorted(tips):
        for entry in _git(root, "ls-tree", "-r", "-z", "--full-tree", tip).split(b"\0"):
            what, _, path = entry.partition(b"\t")
            if path.endswith(ENDING.encode()):
                blobs[what.split()[2].decode()] = os.fsdecode(path)
    for blob, name in blobs.items():
        text = _git(root, "cat-file", "blob", blob).decode("utf-8", "replace")
        yield parse(text, f"{name} ({blob[:10]} in git)", merging=True)


def _worktrees(root: Path) -> tuple[set[Path], set[str]]:
    """The folders of linked worktrees, and the commits that they are at."""
    folders, commits = set(), set()
    for line in _lines(root, "worktree", "list", "--porcelain"):
        name, _, value = line.partition(" ")
        if name == "worktree" and Path(value).is_dir():
            folders.add(Path(value).resolve())
        elif name == "HEAD" and value.strip("0"):
            commits.add(value)
    return folders, commits


def _lines(root: Path, *arguments: str) -> list[str]:
    return _git(root, *arguments).decode("utf-8", "surrogateescape").splitlines()


def _git(root: Path, *arguments: str) -> bytes:
    try:
        return git(root, *arguments)
    except ConfigurationError as error:
        raise ConfigurationError(
            f"{root} is in git, and git cannot say which pictures its branches name: {error}"
        ) from error


def digests(found: Iterable[Lock]) -> frozenset[bytes]:
    """The digests of all pictures that locks name."""
    return frozenset(output.digest for lock in found for output in lock.outputs)
