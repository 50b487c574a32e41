"""Imports: they go one way, outside libraries have homes, and starting up loads little. Read from the syntax tree."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from tests.workbench import paint

PACKAGE = Path(__file__).parent.parent / "engine" / "editchain"

ORDER = (
    # errors and nouns
    "classes",
    "errors",
    "plugins",
    "artifacts",
    "pipeline",
    "diagnostics",
    "lock",
    "wording",
    # documents: schemas, models, operations
    "sizes",
    "schemas",
    "misfits",
    "rules",
    "models",
    # pure functions on pictures
    "imaging",
    # text to a checked pipeline
    "language.nodes",
    "language.shortcut",
    "language.accidents",
    "language.syntax",
    "language.references",
    "language.scalars",
    "language.reading",
    "language.tables",
    "language.given",
    "language.declaring",
    "language.filling",
    "language.rows",
    "language.inputs",
    "language.scope",
    "language.values",
    "language.existence",
    "language.resolving",
    "language.binding",
    "language.drafts",
    "language.loops",
    "language.providing",
    "language.ruling",
    "language.reaching",
    "language.steps",
    "language.publishing",
    "language.outputs",
    "language.ordering",
    "language.handing",
    "language.heading",
    "language.depth",
    "language.masks",
    "language.whole",
    "language.loading",
    "language.bundle",
    "language.recipes",
    "language.editing",
    "migrating",
    # a checked pipeline to a plan
    "plans.dimensions",
    "plans.hashes",
    "plans.tasks",
    "plans.sharing",
    "plans.expansion",
    "plans.identity",
    "plans.purchasing",
    "plans.planning",
    "plans.fusing",
    "plans.reasons",
    # what is kept
    "platform",
    "lockfiles",
    "revisions",
    "branches",
    "journal.entries",
    "journal.records",
    "journal.ledger",
    "journal.presence",
    "store",
    "remote",
    "transferring",
    "journal.shape",
    "journal.opening",
    "journal.reading",
    "journal.groups",
    "journal.recordfile",
    "journal.writing",
    "journal.journal",
    "journal.repairing",
    "journal.maintenance",
    "journal.committing",
    # what carries out a task
    "credentials",
    "connections",
    "http",
    "darkroom",
    "operations",
    "providers",
    "fetching",
    "executors",
    # a plan to a run
    "runs.outcomes",
    "runs.pacing",
    "runs.board",
    "runs.twins",
    "runs.urgency",
    "runs.layout",
    "runs.scheduling",
    "runs.books",
    "runs.repeating",
    "runs.vendors",
    "runs.collecting",
    "runs.settling",
    "runs.recovering",
    "runs.buying",
    "runs.calling",
    "signing",
    "runs.crediting",
    "runs.attesting",
    "runs.copies",
    "runs.recording",
    "runs.outlining",
    "runs.reporting",
    "runs.foreseeing",
    "runs.standing",
    "runs.stopping",
    "routing",
    "configuration",
    "digests",
    "known",
    "workspace",
    "surroundings",
    "runs.explaining",
    "runs.allowing",
    "runs.locking",
    "runs.supplying",
    "runs.preparing",
    "runs.approving",
    "runs.running",
    "runs.remaking",
    "runs.resolving",
    "runs.origins",
    "rehearsing",
    "snapshots",
    "watching",
    "differences",
    "viewing",
    "server",
    # ways in
    "testing",
    "applying",
    "api",
    "commands",
    "cli",
)
"""Modules and packages of the engine: each may use what stands before it. A new one takes its place here."""

HOMES = {
    "click": {"commands"},
    "httpx": {"http"},
    "httpcore": {"connections", "http"},
    "socket": {"http"},
    "ssl": {"http"},
    "urllib.request": set[str](),
    "requests": set[str](),
    "sqlite3": {
        "journal.journal",
        "journal.opening",
        "journal.reading",
        "journal.writing",
        "journal.repairing",
        "server.database",
        "commands.doctor",
    },
    "yaml": {"language.syntax", "language.editing", "commands.doctor"},
}
"""Libraries that only these modules use; the doctor asks for versions."""

PURE = (
    "language.references",
    "plans.dimensions",
    "plans.purchasing",
    "plans.planning",
    "plans.fusing",
    "language.publishing",
    "language.binding",
    "language.steps",
    "language.heading",
    "language.whole",
    "language.loading",
    "imaging",
    "operations",
)
REACHES_OUT = {
    "time",
    "socket",
    "httpx",
    "sqlite3",
    "subprocess",
    "urllib.request",
    "anyio",
    "asyncio",
    "threading",
}
"""What pure modules leave alone: the clock, the network, the journal, other processes and threads."""

HEAVY = (
    "yaml",
    "PIL",
    "httpx",
    "anyio",
    "asyncio",
    "jsonschema",
    "jsonschema_rs",
    "sqlite3",
    "click",
    "numpy",
    "cv2",
)


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of the engine by its name after `editchain.`, parsed."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if "skeleton" not in parts:
            found[".".join(parts)] = ast.parse(path.read_text(encoding="utf-8"), str(path))
    return found


def unit(module: str) -> str:
    """The entry of ORDER that a module is, or belongs to."""
    return module if module in ORDER else module.partition(".")[0]


def imported(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every import of a module with its line, those inside functions too; not what only the type checker reads."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports say editchain..., never a dot"
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            yield from imported(ast.Module(node.orelse, []))
        else:
            yield from imported(node)


@cache
def imports() -> dict[str, list[tuple[str, int]]]:
    """What each module of the engine imports, with the lines."""
    return {module: list(imported(tree)) for module, tree in modules().items()}


def own(module: str) -> Iterator[tuple[str, int]]:
    """The engine's modules that one of them imports, by their names after `editchain.`."""
    for name, line in imports()[module]:
        if name.startswith("editchain."):
            wanted = name.removeprefix("editchain.")
            while wanted and wanted not in modules() and f"{wanted}.__init__" not in modules():
                wanted = wanted.rpartition(".")[0]
            if wanted:
                yield (wanted if wanted in modules() else f"{wanted}.__init__"), line


def test_every_module_has_its_place() -> None:
    faces = {f"{name.partition('.')[0]}.__init__" for name in ORDER if "." in name}
    there = {unit(module) for module in modules().keys() - faces} - {"__init__", "__main__"}
    assert there == set(ORDER)
    assert len(ORDER) == len(set(ORDER))


def test_imports_go_one_way() -> None:
    place = {name: number for number, name in enumerate(ORDER)}
    wrong = [
        f"{module}.py:{line} imports {other}, which stands below it"
        for module in modules()
        for other, line in own(module)
        if unit(module) in place and unit(other) in place and place[unit(other)] > place[unit(module)]
    ]
    assert wrong == []


def test_no_two_modules_need_each_other() -> None:
    needs = {module: {other for other, _ in own(module) if other != module} for module in modules()}
    TopologicalSorter(needs).prepare()  # raises CycleError, which names the cycle


def test_outside_libraries_have_homes() -> None:
    wrong = [
        f"{module}.py:{line} imports {name}"
        for module, found in imports().items()
        for name, line in found
        for library, homes in HOMES.items()
        if f"{name}.".startswith(f"{library}.") and homes.isdisjoint({module, unit(module)})
    ]
    assert wrong == []


def test_pure_modules_reach_for_nothing() -> None:
    wrong = [
        f"{module}.py:{line} imports {name}"
        for module, found in imports().items()
        if unit(module) in PURE
        for name, line in found
        if any(f"{name}.".startswith(f"{library}.") for library in REACHES_OUT)
    ]
    assert wrong == []


def test_nothing_is_imported_under_two_names() -> None:
    wrong = [
        f"{module}.py:{line} imports {name}"
        for module, found in imports().items()
        for name, line in found
        if name.partition(".")[0] in ("engine", "tests", "benchmarks")
    ]
    assert wrong == []


def test_the_reader_of_imports_sees_what_it_should() -> None:
    tree = ast.parse(
        "import os\n"
        "if TYPE_CHECKING:\n    from editchain.cli import main\nelse:\n    import json\n"
        "def later():\n    from editchain.errors import Refused\n"
    )
    assert list(imported(tree)) == [("os", 1), ("json", 5), ("editchain.errors.Refused", 7)]


def loaded_after(program: str, among: Sequence[str] = HEAVY) -> set[str]:
    """Those of some libraries that a fresh Python has loaded when a program is through."""
    ending = f"\nimport sys\nprint(*sorted(set({among!r}) & set(sys.modules)))"
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    found = subprocess.run(
        [sys.executable, "-c", program + ending], capture_output=True, text=True, env=environment, check=True
    )
    return set(found.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "program",
    [
        "import editchain",
        "from editchain import EditchainError, Refused",
        "import sys; sys.argv = ['editchain', '--version']; from editchain.cli import main; main()",
    ],
)
def test_starting_up_loads_nothing_heavy(program: str) -> None:
    assert loaded_after(program) == set()


def test_checking_files_loads_no_library_for_command_lines(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(
        "version: 1\nsteps:\n  one: {model: darkroom, image: a.png, prompt: sepia}\n"
    )
    paint(tmp_path / "a.png")
    program = f"import sys; sys.argv = ['editchain', 'validate', {str(tmp_path / 'p.yaml')!r}]; from editchain.cli import main; main()"
    assert loaded_after(program) == {"jsonschema_rs"}


def test_a_run_here_loads_nothing_that_it_does_not_need(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(
        "version: 1\nsteps:\n  one: {model: darkroom, image: a.png, prompt: sepia}\noutputs: {o: $one}\n"
    )
    paint(tmp_path / "a.png")
    program = f"import sys; sys.argv = ['editchain', 'run', {str(tmp_path / 'p.yaml')!r}]\nfrom editchain.cli import main\ntry: main()\nexcept SystemExit as end: assert not end.code, end.code"
    among = ("anyio", "httpx", "numpy", "cv2", "jsonschema", "importlib.metadata", "xml", "html", "csv")
    assert loaded_after(program, among) == {"anyio"}


def test_what_is_loaded_is_seen() -> None:
    assert loaded_after("import sqlite3, click") == {"sqlite3", "click"}


def test_reading_a_pipeline_loads_no_network_and_no_journal() -> None:
    assert loaded_after("import editchain.language.loading") <= {"yaml", "jsonschema_rs"}
