"""editchain doctor: what this installation and this workspace have, and what they lack."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform as machine
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from editchain import __version__
from editchain.classes import dataclass
from editchain.commands import showing
from editchain.commands.saying import wants_colour, write_json
from editchain.commands.shared import nearest_workspace
from editchain.errors import ConfigurationError, EditchainError, StoreError
from editchain.imaging.extra import OPENCV
from editchain.platform import disk_error
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

Standing = Literal["ok", "missing", "wrong"]

# Window functions, which finding the last runs of a pipeline needs, came with this one.
OLDEST_SQLITE = (3, 25, 0)
LITTLE_ROOM_BYTES = 1_000_000_000
NO_ROOM_BYTES = 4_000_000
"""A journal and a picture or two take more than this."""

_CODECS = {
    "jpg": "JPEG", "zlib": "PNG", "webp": "WebP", "avif": "AVIF", "libtiff": "compressed TIFF", "freetype2": "text",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `missing` can be done without; what is `wrong` stands in the way of runs."""

    part: str
    name: str
    standing: Standing
    says: str
    advice: str | None = None


@click.command("doctor", epilog="Example: editchain doctor")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def command(as_json: bool) -> int:
    """Look over versions, codecs, store, disk and credentials, and say what is missing and how to get it.

    Exits with 5 where the store or the disk is in trouble, with 2 where the installation or the configuration
    is, else with 0. Credentials are named, never shown.
    """
    installation, workspace = list(_installation()), list(_workspace(nearest_workspace(Path.cwd())))
    findings = [*installation, *workspace]
    code = _exit_code(findings)
    if as_json:
        write_json({"exit_code": code, "findings": [asdict(one) for one in findings]})
        return code
    click.echo("\n".join(_lines(findings)))
    return code


def _exit_code(findings: Iterable[Finding]) -> int:
    wrong = {one.part for one in findings if one.standing == "wrong"}
    return 5 if "store" in wrong else 2 if wrong else 0


def _lines(findings: list[Finding]) -> Iterator[str]:
    marks: Mapping[Standing, str] = {"ok": " ", "missing": "-", "wrong": "!"}
    colours: Mapping[Standing, str] = {"ok": "", "missing": "\x1b[33m", "wrong": "\x1b[31m"}
    is_coloured = wants_colour(sys.stdout)
    width = max(len(one.name) for one in findings)
    part = ""
    for one in findings:
        if one.part != part:
            yield f"{one.part}" if not part else f"\n{one.part}"
            part = one.part
        line = f"{marks[one.standing]} {one.name:<{width}}  {one.says}"
        yield f"{colours[one.standing]}{line}\x1b[0m" if is_coloured and one.standing != "ok" else line
        if one.advice:
            yield f"  {'':<{width}}  {one.advice}"
    wrong = sum(one.standing == "wrong" for one in findings)
    yield ""
    yield (
        f"{showing.many(wrong, 'thing')} to mend, marked !"
        if wrong
        else "Nothing stands in the way of a run."
    )


# ---------------------------------------------------------------------- the installation


def _installation() -> Iterator[Finding]:
    part = "installation"
    yield Finding(part, "editchain", "ok", f"{__version__}, in {Path(__file__).parents[1]}")
    yield Finding(part, "Python", "ok", f"{machine.python_version()}, {sys.executable}")
    yield _system(part)
    yield from _pillow(part)
    yield _sqlite(part)
    yield _yaml(part)
    yield _opencv(part)
    yield from _extras(part)


def _system(part: str) -> Finding:
    says = f"{machine.system()} {machine.release()}, {machine.machine()}, {os.cpu_count() or 1} processors"
    if sys.platform == "win32":
        return Finding(
            part, "system", "wrong", says, "Runs are not supported on Windows yet; validate and plan are."
        )
    if sys.platform == "darwin":
        return Finding(part, "system", "ok", f"{says} (written for macOS, but not tested there)")
    return Finding(part, "system", "ok", says)


def _pillow(part: str) -> Iterator[Finding]:
    try:
        from PIL import features
    except ImportError as error:
        yield Finding(
            part, "Pillow", "wrong", f"cannot be loaded: {error}", "pip install --force-reinstall Pillow"
        )
        return
    yield Finding(part, "Pillow", "ok", importlib.metadata.version("Pillow"))
    lacking = [name for codec, name in _CODECS.items() if not features.check(codec)]
    there = ", ".join(name for codec, name in _CODECS.items() if features.check(codec))
    advice = "A wheel from PyPI has them: pip install --force-reinstall --only-binary :all: Pillow"
    if lacking:
        yield Finding(part, "codecs", "missing", f"{there}; without {', '.join(lacking)}", advice)
    else:
        yield Finding(part, "codecs", "ok", there)
    raqm = features.version("raqm") if features.check("raqm") else None
    yield Finding(
        part, "raqm", "ok", f"{raqm}, not needed" if raqm else "not there, not needed: text is plain Latin"
    )
    yield _font(part)


def _font(part: str) -> Finding:
    from editchain.imaging.draw import font

    try:
        name = " ".join(filter(None, font(16).getname()))
    except (EditchainError, OSError) as error:
        return Finding(part, "font", "missing", f"no text can be drawn: {error}")
    return Finding(part, "font", "ok", f"{name}, built in")


def _sqlite(part: str) -> Finding:
    # Looked at by name, as only the journal works with it.
    library = importlib.import_module("sqlite3")
    says: str = library.sqlite_version
    if library.sqlite_version_info < OLDEST_SQLITE:
        oldest = ".".join(str(number) for number in OLDEST_SQLITE)
        return Finding(part, "SQLite", "wrong", says, f"At least {oldest} is needed: use a newer Python.")
    return Finding(part, "SQLite", "ok", says)


def _yaml(part: str) -> Finding:
    version = importlib.metadata.version("PyYAML")
    if getattr(importlib.import_module("yaml"), "__with_libyaml__", False):
        return Finding(part, "PyYAML", "ok", f"{version}, with libyaml")
    advice = (
        "It is slower so. A wheel from PyPI has it: pip install --force-reinstall --only-binary :all: PyYAML"
    )
    return Finding(part, "PyYAML", "missing", f"{version}, without libyaml", advice)


def _opencv(part: str) -> Finding:
    there = [name for name in OPENCV if _version(name)]
    if len(there) > 1:
        says = f"{' and '.join(there)} are both installed and overwrite each other's files"
        return Finding(
            part, "OpenCV", "wrong", says, f"pip uninstall -y {' '.join(there)} && pip install {there[-1]}"
        )
    if not there:
        return Finding(part, "OpenCV", "ok", "not there, only extras need it")
    return Finding(part, "OpenCV", "ok", f"{there[0]} {_version(there[0])}")


def _extras(part: str) -> Iterator[Finding]:
    """The optional extras, as the package's own metadata names them."""
    try:
        metadata = importlib.metadata.metadata("editchain")
    except importlib.metadata.PackageNotFoundError:
        yield Finding(
            part, "extras", "missing", "not known, as editchain runs from a checkout", "pip install -e ."
        )
        return
    requires = metadata.get_all("Requires-Dist") or []
    for extra in metadata.get_all("Provides-Extra") or []:
        marked = [text for text in requires if re.search(rf"extra\s*==\s*['\"]{re.escape(extra)}['\"]", text)]
        names = [found.group() for text in marked if (found := re.match(r"[A-Za-z0-9._-]+", text))]
        lacking = [name for name in names if not _version(name)]
        if lacking:
            advice = f"pip install 'editchain[{extra}]'"
            yield Finding(part, f"[{extra}]", "missing", f"without {', '.join(lacking)}", advice)
        else:
            yield Finding(part, f"[{extra}]", "ok", ", ".join(f"{name} {_version(name)}" for name in names))


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


# ---------------------------------------------------------------------- the workspace


def _workspace(root: Path) -> Iterator[Finding]:
    with Workspace(root) as workspace:
        try:
            _ = workspace.configuration
            yield Finding("workspace", "folder", "ok", str(workspace.root))
        except ConfigurationError as error:
            yield Finding("workspace", "editchain.toml", "wrong", str(error))
            return
        yield _catalogue(workspace)
        yield from _store(workspace)
        yield from _credentials(workspace)


def _catalogue(workspace: Workspace) -> Finding:
    try:
        models = [model.name for model in workspace.catalogue.models.values()]
        operations = list(workspace.catalogue.operations)
    except EditchainError as error:
        return Finding("workspace", "models", "wrong", str(error))
    says = f"{showing.many(len(models), 'model')}, {showing.many(len(operations), 'operation')}"
    return Finding("workspace", "models", "ok", says)


def _store(workspace: Workspace) -> Iterator[Finding]:
    from editchain.platform import file_system

    folder = workspace.folder
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    kind = file_system(str(existing)) or "unknown"
    yield _tried("file system", lambda: _disk(folder, kind))
    yield _tried("writable", lambda: _writable(workspace, existing))
    yield _tried("journal", lambda: _journal(workspace))


def _tried(name: str, look: Callable[[], Finding]) -> Finding:
    try:
        return look()
    except StoreError as error:
        return Finding("store", name, "wrong", str(error))
    except OSError as error:
        return Finding("store", name, "wrong", str(disk_error(error, str(error.filename or name))))


def _disk(folder: Path, kind: str) -> Finding:
    from editchain.journal.opening import refuse_network

    refuse_network(str(folder))
    return Finding("store", "file system", "ok", f"{kind}, for {folder}")


def _writable(workspace: Workspace, existing: Path) -> Finding:
    """Writes a little where there is a store; elsewhere it only asks, so that looking makes nothing."""
    import shutil

    if workspace.folder.is_dir():
        workspace.store.check()
    elif not os.access(existing, os.W_OK | os.X_OK):
        raise StoreError(f"{existing} may not be written by this user: choose another folder ([store] path)")
    free = shutil.disk_usage(existing).free
    says = f"{showing.size(free)} free"
    if free < LITTLE_ROOM_BYTES:
        standing: Standing = "wrong" if free < NO_ROOM_BYTES else "missing"
        return Finding("store", "writable", standing, says, "`editchain store gc` makes room.")
    return Finding("store", "writable", "ok", says)


def _journal(workspace: Workspace) -> Finding:
    from editchain.journal.shape import SHAPE

    look = workspace.look
    if look is None:
        return Finding("store", "journal", "ok", "none yet: the first run makes it")
    counts, at_work = look.counts(), look.owners()
    says = (
        f"shape {SHAPE}, {showing.many(counts['results'], 'result')}, {showing.many(counts['runs'], 'run')}"
    )
    if at_work:
        says += f"; at work: {', '.join(str(owner) for owner in at_work)}"
    return Finding("store", "journal", "ok", says)


def _credentials(workspace: Workspace) -> Iterator[Finding]:
    """The credentials of every provider, by the names that they go by, and where they are."""
    from editchain.providers import LOCAL, PROVIDERS, load

    for name in PROVIDERS:
        if name in LOCAL:
            yield Finding("credentials", name, "ok", "needs none")
            continue
        wanted = load(name).capabilities.credentials
        try:
            found = workspace.credentials.find(name, wanted)
        except ConfigurationError as error:
            yield Finding("credentials", name, "wrong", str(error))
            continue
        there = [one.source for one in found if one is not None]
        lacking = [names for names, one in zip(wanted, found, strict=True) if one is None]
        if lacking:
            says = f"{' and '.join(' or '.join(names) for names in lacking)} not in the environment, .env or a keyring"
            yield Finding("credentials", name, "missing", says)
        else:
            yield Finding("credentials", name, "ok", " and ".join(there))
