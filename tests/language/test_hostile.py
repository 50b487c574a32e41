"""Files written to break the check: every one ends in problems with places, soon, and never in a traceback."""

from __future__ import annotations

import os
import shutil
import socket
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from editchain.diagnostics import Problems, render
from editchain.language.loading import Surroundings, check
from editchain.language.syntax import MAX_NODES, parse
from editchain.models import catalogue

if TYPE_CHECKING:
    from editchain.diagnostics import Problem

STEP = "  one: {model: darkroom, image: a.png, prompt: sepia}\n"
SURROUNDINGS = Surroundings(catalogue(), date(2026, 7, 1), lambda _provider, _prompt, _fields: [])


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "editchain.toml").touch()
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def problems_of(text: str | bytes, options: list[tuple[str, str]] | None = None) -> tuple[Problem, ...]:
    """The problems of a pipeline in the current folder; every one can be shown."""
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    Path("pipeline.yaml").write_bytes(data)
    found = check(Path("pipeline.yaml"), SURROUNDINGS, options=options or ()).problems
    for problem in found:
        shown = render(problem)
        assert shown.count("\n") in (0, 2)
        assert all(character == "\n" or character.isprintable() for character in shown)
    return found


def codes_of(text: str | bytes) -> list[str]:
    return [problem.code for problem in problems_of(text)]


def in_a_prompt(text: str) -> str:
    return f"version: 1\nsteps:\n  one: {{model: darkroom, image: a.png, prompt: {text}}}\n"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param("[" * 100_000, "too-deep", id="100,000 brackets"),
        pytest.param("{a: " * 100_000, "too-deep", id="100,000 braces"),
        pytest.param("- " * 100_000, "too-deep", id="100,000 dashes"),
        pytest.param(
            "\n".join("  " * depth + f"a{depth}:" for depth in range(2000)), "too-deep", id="indents"
        ),
        pytest.param("? " * 50_000, "non-text-key", id="question marks"),
        pytest.param("a: &a [*a]", "cyclic-alias", id="cycle"),
        pytest.param("a: " + "9" * 5000, "out-of-range", id="digits"),
        pytest.param("a: 1e999999999", "out-of-range", id="exponent"),
        pytest.param("a\0b", "control-character", id="null"),
        pytest.param("a: \x1b[31m", "control-character", id="escape"),
        pytest.param("a: \x85b", "control-character", id="next line"),
        pytest.param("a: \u2028b", "control-character", id="line separator"),
        pytest.param("a: b\rc: d", "control-character", id="lone carriage return"),
        pytest.param("a: \ufeffb", "control-character", id="inner byte order mark"),
        pytest.param(b"\xff\xfea\x00:\x00", "encoding", id="UTF-16"),
        pytest.param("a: \ud800", "encoding", id="lone surrogate"),
        pytest.param(b"a: caf\xe9", "encoding", id="Latin-1"),
        pytest.param('a: "\\ud800"', "syntax", id="escaped surrogate"),
        pytest.param("!!python/object/apply:os.system [ls]", "yaml-tag", id="constructor"),
        pytest.param("? {a: b}\n: c", "non-text-key", id="mapping as a key"),
        pytest.param("", "empty", id="nothing"),
        pytest.param("---\n", "empty", id="an empty document"),
        pytest.param(b"\xef\xbb\xbf", "empty", id="a byte order mark alone"),
        pytest.param("%YAML 9.9\n---\na: b", "syntax", id="a version from the future"),
        pytest.param("a: " + "x" * 17_000_000, "too-large", id="17 MB"),
    ],
)
def test_a_bomb_is_one_problem(workspace: Path, text: str | bytes, code: str) -> None:
    assert code in codes_of(text)


def test_aliases_are_counted_as_if_written_out(workspace: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert codes_of("\n".join(lines)) == ["too-large"]


def test_nodes_are_counted_on_the_short_way_as_well(workspace: Path) -> None:
    lines = "\n".join(f"a{n}: b" for n in range(MAX_NODES // 2 + 1))
    assert codes_of(lines) == ["too-large"]


def test_a_few_aliases_work(workspace: Path) -> None:
    text = "version: 1\nsteps:\n  one: &one {model: darkroom, image: a.png, prompt: &p sepia}\n  two: *one\n"
    assert problems_of(text + "  three: {model: darkroom, image: a.png, prompt: *p}\n") == ()


@pytest.mark.parametrize(
    "pattern",
    [
        "^(a+)+$",
        "(a|a)*$",
        "(?=(a+)+b)",
        "(.*)*x",
        "^(([a-z])+.)+[A-Z]([a-z])+$",
        "(a{1,1000}){1,1000}",
        "(" * 500,
    ],
)
def test_no_pattern_hangs_the_check(workspace: Path, pattern: str) -> None:
    text = f"version: 1\ninputs:\n  s: {{type: string, pattern: '{pattern}', default: {'a' * 5000}!}}\nsteps:\n{STEP}"
    assert codes_of(text) in ([], ["pattern"], ["bad-pattern"])


@pytest.mark.parametrize(
    "path",
    ["../" * 30 + "etc/passwd", "/etc/passwd", "~/x.png", "C:\\x.png", "c:/x.png", ".git/config", "x/../../a.png", "out.png",
     "folder/x.png", "pipe", "socket", "dir.png", "\\x07.png", "a" * 5000, "a/" * 2000 + "b", "loop.png", "", ".", "./", "..",
     "a.png/b", "file:///etc/passwd", "http://[::1", "https://", "data:", "data:,x", "asset_"],
)  # fmt: skip
def test_no_path_leads_astray(workspace: Path, path: str) -> None:
    (workspace / "out.png").symlink_to("/etc/passwd")
    (workspace / "folder").symlink_to("/etc")
    (workspace / "loop.png").symlink_to("loop.png")
    (workspace / "dir.png").mkdir()
    os.mkfifo(workspace / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        found = problems_of(
            f'version: 1\nsteps:\n  one: {{model: darkroom, image: "{path}", prompt: sepia}}\n'
        )
    assert [problem.line for problem in found] == [3]
    assert found[0].severity == "error"


@pytest.mark.parametrize("kind", ["prompt_file", "pipeline", "table", "image", "images"])
@pytest.mark.parametrize("name", ["pipe", "folder", "outside", "missing"])
def test_a_file_that_is_none_is_a_problem_of_its_name(workspace: Path, kind: str, name: str) -> None:
    os.mkfifo(workspace / "pipe")
    (workspace / "folder").mkdir()
    (workspace / "outside").symlink_to("/etc")
    texts = {
        "prompt_file": f"steps:\n  one: {{model: flux-kontext, image: a.png, prompt_file: {name}}}\n",
        "pipeline": f"steps:\n  one: {{pipeline: {name}}}\n",
    }
    declared = f"inputs:\n  x: {{type: {kind}, default: {name}}}\nsteps:\n{STEP}"
    found = problems_of("version: 1\n" + texts.get(kind, declared))
    assert [problem.line for problem in found] == [3]


def test_a_link_to_nothing_is_called_one(workspace: Path) -> None:
    (workspace / "link.png").symlink_to("gone.png")
    (found,) = problems_of("version: 1\nsteps:\n  one: {model: darkroom, image: link.png, prompt: sepia}\n")
    assert found.code == "missing-file"
    assert "link.png is a link to a file that is not there" in found.message


@pytest.mark.parametrize("listed", ["photos/*.png", "photos", "photos/", "[photos, a.png]"])
def test_a_link_that_is_swapped_in_lets_neither_a_glob_nor_a_folder_out(workspace: Path, listed: str) -> None:
    outside = workspace.parent / "outside.png"
    shutil.copy(workspace / "a.png", outside)
    (workspace / "photos").mkdir()
    (workspace / "photos/x.png").symlink_to(outside)
    (workspace / "photos/y.png").symlink_to("../a.png")
    value = listed if listed.startswith("[") else f"'{listed}'"
    text = f"version: 1\ninputs:\n  p: {{type: images, default: {value}}}\nsteps:\n{STEP}"
    assert codes_of(text) == ["outside-workspace"]


@pytest.mark.parametrize(
    "template",
    ["../x.png", "/x.png", "a/../../x.png", "{look}/../x.png", "~/x.png/../../y.png", "a\\b.png", ".x.png", "a//b.png", "{",
     "}", "{}", "{look", "{look.__class__}.png", "{look!r}.png", "{0}.png", "CON.png" * 50, "x" * 300 + ".png", "a/", "."],
)  # fmt: skip
def test_no_output_leads_out(workspace: Path, template: str) -> None:
    looping = "  one: {for_each: {look: [a, b]}, model: flux-kontext, image: a.png, prompt: $look}\n"
    text = f"version: 1\nsteps:\n{looping}outputs:\n  one: {{from: $one, path: '{template}'}}\n"
    assert {problem.line for problem in problems_of(text)} == {5}


@pytest.mark.parametrize(
    "reference",
    ["$", "${", "${}", "$$$", "${a", "${a[}", "${a[]}", "${a[=]}", "${a[b=}", "${a.b.c.d}", "$a.b.c.*", "${a.*.*}", "${a[b=c][d=e]}",
     "$" * 5000, "${" * 5000, "${one" + "[" * 5000 + "}", "${a[" + "b=c," * 5000 + "]}", "$a" * 5000, "${env.HOME}", "${a|b}",
     "${__import__('os')}", "{{ x }}", "%(x)s", "{x}", "$(ls)", "`ls`"],
)  # fmt: skip
def test_no_reference_breaks_the_check(workspace: Path, reference: str) -> None:
    found = problems_of(
        f'version: 1\nsteps:\n  one:\n    model: flux-kontext\n    image: a.png\n    prompt: "{reference}"\n'
    )
    assert all(problem.line == 6 for problem in found)


def test_a_long_chain_of_steps_is_no_recursion(workspace: Path) -> None:
    steps = "".join(f"  s{n}: {{operation: resize, image: $s{n - 1}, width: 20}}\n" for n in range(1, 3000))
    text = f"version: 1\nsteps:\n  s0: {{operation: resize, image: a.png, width: 20}}\n{steps}"
    assert problems_of(text) == ()


def test_a_long_cycle_is_one_problem(workspace: Path) -> None:
    steps = "".join(
        f"  s{n}: {{operation: resize, image: $s{(n + 1) % 3000}, width: 20}}\n" for n in range(3000)
    )
    assert codes_of(f"version: 1\nsteps:\n{steps}") == ["cycle"]


def test_pipelines_that_use_each_other_end(workspace: Path) -> None:
    for number in range(40):
        text = f"version: 1\nsteps:\n  next: {{pipeline: p{number + 1}.yaml}}\n"
        (workspace / f"p{number}.yaml").write_text(text)
    assert codes_of("version: 1\nsteps:\n  next: {pipeline: p0.yaml}\n") == ["too-deep"]


def test_tasks_are_multiplied_before_anything_is_expanded(workspace: Path) -> None:
    values = ", ".join(str(number) for number in range(1000))
    loops = ", ".join(f"v{number}: [{values}]" for number in range(8))
    step = f"  one: {{for_each: {{{loops}}}, model: flux-kontext, image: a.png, prompt: Night}}\n"
    assert codes_of(f"version: 1\nsteps:\n{step}") == ["too-many-tasks"]


def test_paths_are_multiplied_before_they_are_looked_for(workspace: Path) -> None:
    values = ", ".join(str(number) for number in range(1000))
    loops = f"a: [{values}], b: [{values}]"
    step = (
        f'  one: {{for_each: {{{loops}}}, model: flux-kontext, image: "${{a}}${{b}}.png", prompt: Night}}\n'
    )
    assert codes_of(f"version: 1\nsteps:\n{step}") == ["too-many-paths"]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("t.csv", b"a,b\n" + b'"' * 99_999 + b"\n"),
        ("t.csv", b"a" + b"," * 50_000 + b"\n"),
        ("t.csv", b"\0\0\0"),
        ("t.csv", b"a,b\nc\xff,d\n"),
        ("t.csv", b"a;b,c\n1;2,3\n1,2;3;4\n"),
        ("t.csv", b"\n\n\n"),
        ("t.jsonl", b"[" * 100_000),
        ("t.jsonl", b'{"a": ' * 10_000),
        ("t.jsonl", b'{"a": NaN}\n{"a": Infinity}\n'),
        ("t.jsonl", b'{"a": ' + b"9" * 10_000 + b"}\n"),
        ("t.jsonl", b'{"a": "\\ud800"}\n{}\nnull\n"x"\n'),
    ],
)
def test_a_broken_table_is_said_in_lines(workspace: Path, name: str, data: bytes) -> None:
    (workspace / name).write_bytes(data)
    step = "  one: {model: flux-kontext, image: a.png, prompt: $t.a}\n"
    assert problems_of(f"version: 1\ninputs:\n  t: {{type: table, default: {name}}}\nsteps:\n{step}")


VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-3, 3), st.floats(allow_nan=False, allow_infinity=False),
        st.sampled_from(["$one", "$one.*", "$p", "${p}", "$l", "$l.*", "${one[a=1]}", "$x", "a.png", "../x", "${", "$$", "", "é\u202e", "\x1f"]),
        st.text(max_size=6),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["type", "default", "of", "enum", "key", "columns", "from", "path", "url", "model", "name", "a", "max"]),
            inner, max_size=3,
        ),
    ),
    max_leaves=6,
)  # fmt: skip
FIELDS = st.sampled_from(
    ["model", "operation", "pipeline", "with", "image", "prompt", "references", "images", "for_each", "exclude", "seed", "take",
     "num_samples", "after", "retry", "timeout", "provider", "provider_options", "protect", "expect", "missing", "width",
     "prompt_file", "mask", "labels", "concepts", "approve", "zzz"]
)  # fmt: skip
MODELS = st.sampled_from(["darkroom", "flux-kontext", "gpt-image-2", "$p", "resize"])
STEPS = st.dictionaries(FIELDS, VALUES, max_size=6)
PIPELINES = st.fixed_dictionaries(
    {"version": st.just(1)},
    optional={
        "inputs": st.one_of(VALUES, st.dictionaries(st.sampled_from(["p", "l", "one"]), VALUES, max_size=3)),
        "defaults": st.one_of(VALUES, STEPS),
        "steps": st.one_of(VALUES, st.dictionaries(st.sampled_from(["one", "two", "sample", "X"]), st.one_of(VALUES, STEPS), max_size=3)),
        "outputs": st.one_of(VALUES, st.dictionaries(st.sampled_from(["one", "two"]), VALUES, max_size=2)),
        "budget": VALUES,
        "name": VALUES,
        "description": VALUES,
    },
)  # fmt: skip


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PIPELINES)
def test_any_shape_is_checked(workspace: Path, pipeline: dict[str, object]) -> None:
    import json

    problems_of(json.dumps(pipeline))


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS, MODELS)
def test_any_step_is_checked(workspace: Path, step: dict[str, object], model: str) -> None:
    import json

    inputs = {"p": {"type": "string", "default": "darkroom"}, "l": {"type": "list", "default": ["a", "b"]}}
    base = {"model": model, "image": "a.png", "prompt": "sepia"}
    steps = {"one": {**base, "model": "flux-kontext", "for_each": {"a": [1, 2]}}, "two": {**base, **step}}
    problems_of(json.dumps({"version": 1, "inputs": inputs, "steps": steps}))


@settings(max_examples=400, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_read(text: str) -> None:
    problems = Problems()
    parse(text, "x.yaml", problems)
    assert all(problem.line >= 1 and problem.column >= 1 for problem in problems.in_order())


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_read(data: bytes) -> None:
    parse(data, "x.yaml", Problems())
