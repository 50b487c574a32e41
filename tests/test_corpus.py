"""The corpus: small pipelines with every problem, or every task, that checking them must find.

A case is one YAML file whose expectation stands in trailing lines that begin with `#!`:

    #! 5:33 unknown-name nothing is called "phot"      an error: line:column, code, words of the message
    #! warning 7:5 ignored-field ...                   a warning
    #! sub/pack.yaml:3:1 missing-field ...             a problem in another file
    #! steps tone 6 photo look, sheet 3 photo          the steps in order of need: tasks, then dimensions
    #! paths cat.png, dog.png                          what the outputs are written as
    #! given photo=photos/*.png                        an input given on the command line
    #! inputs values.yaml                              an inputs file
    #! run                                             as for a run: every input must have a value

Every case is checked in one workspace, which holds `corpus/files` and a few pictures.
"""

from __future__ import annotations

import re
import shutil
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from PIL import Image

from editchain.diagnostics import render
from editchain.language.loading import Surroundings, check
from editchain.language.outputs import output_paths
from editchain.models import catalogue

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from editchain.diagnostics import Problem
    from editchain.language.loading import Checked

CORPUS = Path(__file__).parent / "corpus"
TODAY = date(2026, 7, 1)
PICTURES = ("a.png", "b.png", "logo.png", "mask.png", "photos/cat.png", "photos/dog.png", "photos/owl.png",
            "pairs/cat.png", "pairs/cat.jpg", "deep/cat.png", "deep/x/cat.png")  # fmt: skip

_PROBLEM = re.compile(r"(warning )?(?:(\S+):)?(\d+):(\d+) (\S+)(?: (.*))?")


class Expected(NamedTuple):
    """One problem as a case expects it."""

    file: str
    line: int
    column: int
    severity: str
    code: str
    words: str


class Case(NamedTuple):
    """A pipeline and what a check of it is to say."""

    name: str
    text: str
    problems: list[Expected]
    steps: str | None
    paths: list[str] | None
    options: list[tuple[str, str]]
    inputs_file: str | None
    is_run: bool


def read_case(path: Path) -> Case:
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    text = "".join(line for line in lines if not line.startswith("#!"))
    case = Case(path.name, text, [], None, None, [], None, is_run=False)
    for line in (line[3:].rstrip("\n") for line in lines if line.startswith("#!")):
        word, _, rest = line.partition(" ")
        if found := _PROBLEM.fullmatch(line):
            warning, file, at, column, code, words = found.groups()
            severity = "warning" if warning else "error"
            file = file or path.name
            case.problems.append(Expected(file, int(at), int(column), severity, code, words or ""))
        elif word == "given":
            name, _, value = rest.partition("=")
            case.options.append((name, value))
        elif word == "steps":
            case = case._replace(steps=rest)
        elif word == "paths":
            case = case._replace(paths=rest.split(", "))
        elif word == "inputs":
            case = case._replace(inputs_file=rest)
        elif word == "run":
            case = case._replace(is_run=True)
        else:
            raise AssertionError(f"{path}: {line}")
    return case


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("corpus")
    shutil.copytree(CORPUS / "files", root, dirs_exist_ok=True)
    (root / "editchain.toml").touch()
    for number, name in enumerate(PICTURES):
        (root / name).parent.mkdir(exist_ok=True, parents=True)
        Image.new("RGB", (32, 24), (number * 20, 90, 40)).save(root / name)
    Image.new("L", (24, 60), 255).save(root / "tall.png")
    for name in ("wide.png", "wide.tif"):
        Image.new("I;16", (32, 24), 40000).save(root / name)
    (root / "text.png").write_text("this is text, whatever its name says\n")
    (root / "empty.png").touch()
    (root / "empty").mkdir()
    (root / "photos/notes.txt").write_text("not an image, and passed over\n")
    (root / "photos/.hidden.png").write_text("hidden, and passed over\n")
    (root / "outside.png").symlink_to("/etc/hostname")
    return root


def understood(
    _provider: str, prompt: str, _fields: Collection[str]
) -> Iterator[tuple[int, int, str, str | None]]:
    """A provider that understands all but one kind of word."""
    for found in re.finditer(r"flibber\w*", prompt):
        yield found.start(), found.end(), f'"{found.group()}" is not understood.', None


@pytest.fixture(scope="session")
def surroundings() -> Surroundings:
    return Surroundings(catalogue(), TODAY, understood)


def checked(case: Case, workspace: Path, surroundings: Surroundings) -> Checked:
    path = workspace / case.name
    path.write_text(case.text, encoding="utf-8")
    return check(
        Path(case.name),
        surroundings,
        options=case.options,
        inputs_file=case.inputs_file,
        needs_all=case.is_run,
    )


def said(problem: Problem) -> str:
    return f"{problem.file}:{problem.line}:{problem.column} {problem.severity} {problem.code}"


BROKEN = sorted((CORPUS / "broken").glob("*.yaml"))
GOOD = sorted((CORPUS / "good").glob("*.yaml"))


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_broken(
    path: Path, workspace: Path, surroundings: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = read_case(path)
    assert case.problems, "a broken case says what is wrong"
    monkeypatch.chdir(workspace)
    result = checked(case, workspace, surroundings)
    expected = [f"{one.file}:{one.line}:{one.column} {one.severity} {one.code}" for one in case.problems]
    assert [said(problem) for problem in result.problems] == expected, [str(one) for one in result.problems]
    for problem, one in zip(result.problems, case.problems, strict=True):
        assert one.words in problem.sentence
        assert problem.excerpt is None or render(problem).count("\n") == 2
    has_errors = any(one.severity == "error" for one in case.problems)
    assert (result.pipeline is None) == has_errors


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_good(
    path: Path, workspace: Path, surroundings: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = read_case(path)
    assert case.steps, "a good case says how many tasks its steps have"
    monkeypatch.chdir(workspace)
    result = checked(case, workspace, surroundings)
    assert not result.problems, [str(one) for one in result.problems]
    assert result.pipeline is not None
    steps = [
        " ".join([step.name, str(step.count), *(one.name for one in step.dimensions)])
        for step in result.pipeline.steps
    ]
    assert ", ".join(steps) == case.steps
    if case.paths is not None:
        outputs = result.pipeline.outputs
        written = [path for one in outputs for path, _ in output_paths(one, result.pipeline.inputs, "png")]
        assert written == case.paths


def test_the_corpus_is_large() -> None:
    assert len(BROKEN) >= 220
    assert len(GOOD) >= 60
