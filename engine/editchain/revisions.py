"""Revisions: what git has of a file at a commit, and git itself."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from editchain.classes import dataclass
from editchain.diagnostics import visible
from editchain.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Revision:
    """A commit of a repository, and the name that a person gave it; without a commit it is the working tree."""

    root: Path
    name: str
    commit: str | None

    def read(self, file: Path) -> bytes | None:
        """The bytes of a file there; None where there is none. Raises ConfigurationError where it cannot be read."""
        if self.commit is None:
            return _on_disk(file)
        path = Path(os.path.relpath(_resolved(file), self.root)).as_posix()
        entry = git(self.root, "ls-tree", "-z", "--full-tree", self.commit, "--", f":(literal){path}")
        kind, _, found = entry.rstrip(b"\0").partition(b"\t")
        if os.fsdecode(found) != path or kind.split()[1:2] != [b"blob"]:
            return None
        return git(self.root, "cat-file", "blob", kind.split()[2].decode())


def working_tree(file: Path) -> Revision:
    """The working tree of the repository that a file belongs to. Raises ConfigurationError where it is in none."""
    folder = _resolved(file).parent
    while not folder.is_dir():
        folder = folder.parent
    try:
        found = git(folder, "rev-parse", "--show-toplevel")
    except ConfigurationError as error:
        raise ConfigurationError(
            f"{visible(str(file))} is not in a git repository, and diff compares revisions of one ({error})"
        ) from None
    return Revision(Path(os.fsdecode(found.rstrip(b"\n"))).resolve(), "working tree", None)


def revision(tree: Revision, name: str) -> Revision:
    """The commit that a name means: a branch, a tag, HEAD~2, a hash. Raises ConfigurationError where there is none."""
    try:
        found = git(tree.root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    except ConfigurationError:
        raise ConfigurationError(
            f'git knows no revision "{visible(name)}" in {tree.root}. Name a commit, a branch or a tag; '
            "`git log --oneline` lists commits."
        ) from None
    return Revision(tree.root, name, found.decode().strip())


def git(root: Path, *arguments: str) -> bytes:
    """What git says. Raises ConfigurationError with its first line where it fails, or is not there."""
    try:
        found = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, check=False)
    except OSError as error:
        raise ConfigurationError(f"git cannot be started: {error.strerror}.") from error
    if found.returncode:
        said = found.stderr.decode("utf-8", "replace").strip().partition("\n")[0]
        raise ConfigurationError(f"git says: {visible(said)}")
    return found.stdout


def _resolved(file: Path) -> Path:
    return file.absolute().parent.resolve() / file.name


def _on_disk(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConfigurationError(f"{visible(str(file))} cannot be read: {error.strerror}.") from error
