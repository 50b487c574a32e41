"""The GitHub Action and the pre-commit hook: their scripts run as a runner would run them, with a stand-in for `gh`."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.workbench import paint

ROOT = Path(__file__).parent.parent
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
HOOKS: list[dict[str, Any]] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
STEPS: dict[str, dict[str, Any]] = {step["name"]: step for step in ACTION["runs"]["steps"]}
SCRIPTS = {name: step["run"] for name, step in STEPS.items() if "run" in step}
PROGRAMS = Path(sys.executable).parent
TOKEN = "ghs_never-to-be-shown"
MARK = "<!-- editchain plan -->"
GOOD = """\
version: 1
inputs:
  photo: {type: image, default: a.png}
steps:
  tidy: {model: darkroom, image: $photo, prompt: auto levels}
outputs:
  tidy: {from: $tidy}
"""
BROKEN = GOOD.replace("$tidy}", "$tydy}")
GH = r"""
import json, os, subprocess, sys
here = os.environ["GH_STATE"]
state = json.load(open(here))
arguments = sys.argv[1:]
state["calls"].append({"arguments": arguments, "token": os.environ.get("GH_TOKEN")})
json.dump(state, open(here, "w"))
if state["refuses"]:
    sys.exit("HTTP 403: Resource not accessible by integration")
values = dict(one.partition("=")[::2] for one in arguments if "=" in one)
if arguments[1] == "graphql":
    nodes = [{"databaseId": one["id"], "body": one["body"], "viewerDidAuthor": one["ours"]} for one in state["comments"]]
    reply = {"data": {"repository": {"pullRequest": {"comments": {"nodes": nodes}}}}}
    query = arguments[arguments.index("--jq") + 1]
    sys.exit(subprocess.run(["jq", "-r", query], input=json.dumps(reply), text=True).returncode)
method, address = arguments[arguments.index("--method") + 1], arguments[arguments.index("--method") + 2]
body = open(values["body"].removeprefix("@")).read()
if method == "POST":
    assert address == "repos/owner/shop/issues/7/comments", address
    state["comments"].append({"id": 100 + len(state["comments"]), "body": body, "ours": True})
else:
    (one,) = [one for one in state["comments"] if address == f"repos/owner/shop/issues/comments/{one['id']}"]
    one["body"] = body
json.dump(state, open(here, "w"))
"""


@dataclass
class Runner:
    """What a runner gives to an action's scripts: a workspace, files to write to, and `gh` on the path."""

    folder: Path
    temporary: Path
    inputs: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def state(self, **changes: Any) -> dict[str, Any]:
        path = self.temporary / "gh.json"
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if changes:
            path.write_text(json.dumps({**found, **changes}), encoding="utf-8")
        return found

    def value(self, expression: str) -> str:
        """An expression of `env`, as the runner would fill it in."""
        found = re.fullmatch(r"\$\{\{ (\S+) \}\}", expression)
        assert found, expression
        if found[1] == "github.event.pull_request.number":
            return "7"
        name = found[1].removeprefix("inputs.")
        default = ACTION["inputs"][name]["default"]  # an unknown input has none
        return self.inputs.get(name, TOKEN if name == "token" else default)

    def __call__(self, name: str) -> subprocess.CompletedProcess[str]:
        """Runs the script of a step."""
        step = STEPS[name]
        assert step["shell"] == "bash"
        script = self.temporary / "script.sh"
        script.write_text(step["run"], encoding="utf-8")
        environment = {
            "PATH": f"{self.temporary}/bin:{PROGRAMS}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.temporary),
            "LC_ALL": "C.UTF-8",
            "RUNNER_TEMP": str(self.temporary),
            "GITHUB_WORKSPACE": str(self.folder),
            "GITHUB_ACTION_PATH": str(ROOT),
            "GITHUB_REPOSITORY": "owner/shop",
            "GITHUB_OUTPUT": str(self.temporary / "output"),
            "GITHUB_PATH": str(self.temporary / "path"),
            "GITHUB_STEP_SUMMARY": str(self.temporary / "summary.md"),
            "GH_STATE": str(self.temporary / "gh.json"),
            **self.secrets,
            **{key: self.value(value) for key, value in step.get("env", {}).items()},
        }
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", script],
            cwd=self.folder, env=environment,
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert TOKEN not in done.stdout + done.stderr
        return done


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    """A runner with a checkout of two good recipes."""
    made = Runner(tmp_path / "shop", tmp_path / "temp")
    programs = made.temporary / "bin"
    programs.mkdir(parents=True)
    (programs / "gh").write_text(f"#!{sys.executable}\n{GH}", encoding="utf-8")
    (programs / "gh").chmod(0o755)
    (made.temporary / "editchain").mkdir()
    (made.temporary / "editchain" / "venv").symlink_to(PROGRAMS.parent)
    (made.temporary / "gh.json").write_text(json.dumps({"calls": [], "comments": [], "refuses": False}))
    made.write("editchain.toml", "")
    made.write("pipelines/one.yaml", GOOD)
    made.write(
        "pipelines/a second.yaml", GOOD.replace("auto levels", "sepia").replace("{from", "{path: b.png, from")
    )
    paint(made.folder / "pipelines" / "a.png")
    return made


def files(runner: Runner) -> list[str]:
    return (runner.temporary / "editchain" / "files").read_text("utf-8").split("\0")[:-1]


# The action as a document


def test_nothing_of_a_caller_is_written_into_a_script() -> None:
    assert [name for name, script in SCRIPTS.items() if "${{" in script] == []
    assert len(SCRIPTS) == 6


def test_only_the_step_that_posts_has_the_token() -> None:
    assert [name for name, step in STEPS.items() if "inputs.token" in str(step)] == ["Post the plan"]


def test_every_input_is_used_and_documented() -> None:
    page = (ROOT / "docs" / "ci.md").read_text("utf-8")
    for name in ACTION["inputs"]:
        assert f"inputs.{name}" in str(ACTION["runs"]), name
        assert f"| `{name}` |" in page, name


def test_named_outputs_are_those_that_scripts_write() -> None:
    for one in ACTION["outputs"].values():
        step, name = re.fullmatch(r"\$\{\{ steps\.(\w+)\.outputs\.(\w+) \}\}", one["value"]).groups()  # type: ignore[union-attr]
        (script,) = [each["run"] for each in STEPS.values() if each.get("id") == step]
        assert f'echo "{name}=$' in script


# Files


def test_patterns_and_names_with_spaces(runner: Runner) -> None:
    assert runner("Find pipelines").returncode == 0
    assert files(runner) == ["pipelines/a second.yaml", "pipelines/one.yaml"]
    runner.write("-n.yaml", GOOD)
    runner.inputs["files"] = "pipelines/a second.yaml\r\n\n*.yaml\n"
    assert runner("Find pipelines").returncode == 0
    assert files(runner) == ["pipelines/a second.yaml", "./-n.yaml"]


@pytest.mark.parametrize(
    "given",
    ["$(touch bad)", "`touch bad`", '"; touch bad; "', "pipelines/*.yaml; touch bad", "", "gone/*.yaml"],
)
def test_what_is_no_file_is_said_and_never_carried_out(runner: Runner, given: str) -> None:
    runner.inputs["files"] = given
    done = runner("Find pipelines")
    assert done.returncode == 2
    assert done.stdout.startswith("::error title=editchain::")
    assert not (runner.folder / "bad").exists()


@pytest.mark.parametrize("given", ["darkroom]; touch bad", "$(touch bad)", "-r/etc/passwd", "../x"])
def test_extras_are_names(runner: Runner, given: str) -> None:
    runner.inputs["extras"] = given
    done = runner("Install editchain")
    assert done.returncode == 2 and "extras are names" in done.stdout
    assert not (runner.folder / "bad").exists()


# Validate


def test_a_mistake_is_an_annotation_at_its_line(runner: Runner) -> None:
    runner("Find pipelines")
    assert runner("Validate").returncode == 0
    runner.write("pipelines/one.yaml", BROKEN)
    done = runner("Validate")
    assert done.returncode == 2
    assert re.match(r"::error file=pipelines/one\.yaml,line=7,col=\d+,title=[a-z-]+::.*tydy", done.stdout)


def test_strict_counts_warnings(runner: Runner) -> None:
    spare = "  spare: {model: darkroom, image: $photo, prompt: sepia}\noutputs:"
    runner.write("pipelines/one.yaml", GOOD.replace("outputs:", spare))
    runner("Find pipelines")
    assert runner("Validate").returncode == 0
    runner.inputs["strict"] = "true"
    assert runner("Validate").returncode == 2


# Plan


needs_jq = pytest.mark.skipif(not shutil.which("jq"), reason="the stand-in for gh filters with jq")


def planned(runner: Runner) -> str:
    assert runner("Find pipelines").returncode == 0
    assert runner("Plan").returncode == 0
    return (runner.temporary / "editchain" / "plan.md").read_text("utf-8")


@needs_jq
def test_the_plan_is_one_comment_that_is_updated(runner: Runner) -> None:
    theirs = {"id": 1, "body": f"{MARK} not ours", "ours": False}
    other = {"id": 2, "body": "of another action", "ours": True}
    runner.state(comments=[theirs, other])
    text = planned(runner)
    assert text.startswith(MARK) and text.count("| tidy | 1 of 1 |") == 2
    assert runner("Post the plan").returncode == 0
    runner.write("pipelines/one.yaml", GOOD.replace("tidy", "neat"))
    planned(runner)
    assert runner("Post the plan").returncode == 0
    state = runner.state()
    assert state["comments"][:2] == [theirs, other]
    (ours,) = state["comments"][2:]
    assert ours["body"].startswith(MARK) and "| neat | 1 of 1 |" in ours["body"]
    assert {call["token"] for call in state["calls"]} == {TOKEN}
    assert "| tidy |" in (runner.temporary / "summary.md").read_text("utf-8")
    assert (
        (runner.temporary / "output")
        .read_text("utf-8")
        .startswith(f"file={runner.temporary}/editchain/plan.md\n")
    )


def test_a_token_that_may_only_read_is_a_warning(runner: Runner) -> None:
    planned(runner)
    runner.state(refuses=True)
    done = runner("Post the plan")
    assert done.returncode == 0 and done.stdout.startswith(
        "::warning title=editchain::the plan could not be posted"
    )
    assert len(runner.state()["calls"]) == 1  # where nothing could be read, nothing is posted twice


def test_a_pipeline_that_wants_an_input_says_so_in_its_place(runner: Runner) -> None:
    runner.write("pipelines/one.yaml", GOOD.replace(", default: a.png", ""))
    text = planned(runner)
    assert "**pipelines/one.yaml** cannot be planned here:\n\n    " in text and "photo" in text
    assert text.count("| tidy | 1 of 1 |") == 1


def test_what_is_too_long_for_a_comment_is_in_the_summary(runner: Runner) -> None:
    for number in range(3):
        prompts = "".join(
            f"  {'step' * 12}{at}: {{model: darkroom, image: $photo, prompt: sepia}}\n" for at in range(300)
        )
        outputs = "".join(f"  o{at}: {{from: ${'step' * 12}{at}}}\n" for at in range(300))
        runner.write(
            f"pipelines/long{number}.yaml",
            "version: 1\ninputs:\n  photo: {type: image, default: a.png}\nsteps:\n"
            + prompts
            + "outputs:\n"
            + outputs,
        )
    text = planned(runner)
    assert len(text) < 65_536
    assert "too long for a comment: " in text
    assert (runner.temporary / "summary.md").read_text("utf-8").count("stepstep") > text.count("stepstep")


# Run and report


@pytest.mark.slow
def test_a_run_keeps_a_page_of_what_ran(runner: Runner) -> None:
    runner("Find pipelines")
    done = runner("Run")
    assert done.returncode == 0, done.stderr
    pages = runner.temporary / "editchain" / "report"
    assert sorted(page.name for page in pages.iterdir()) == ["pipelines-a second.html", "pipelines-one.html"]
    assert "auto levels" in (pages / "pipelines-one.html").read_text("utf-8")
    assert f"report={pages}\n" in (runner.temporary / "output").read_text("utf-8")
    shutil.rmtree(pages)
    assert runner("Run").returncode == 0
    assert list(pages.iterdir()) == []  # nothing ran again


@pytest.mark.slow
def test_one_failure_lets_the_others_run_and_fails_the_step(runner: Runner) -> None:
    runner.write("pipelines/a second.yaml", BROKEN)
    runner("Find pipelines")
    assert runner("Run").returncode == 2
    assert [page.name for page in (runner.temporary / "editchain" / "report").iterdir()] == [
        "pipelines-one.html"
    ]


def test_without_a_budget_nothing_is_spent(runner: Runner) -> None:
    runner.write("pipelines/one.yaml", GOOD.replace("darkroom", "gpt-image-2"))
    runner.inputs["files"] = "pipelines/one.yaml"
    runner("Find pipelines")
    runner.secrets["OPENAI_API_KEY"] = "sk-none"
    done = runner("Run")
    assert done.returncode == 3 and "more than the budget of 0" in done.stderr
    runner.inputs["budget"] = "$(touch bad)"
    assert runner("Run").returncode == 2
    assert not (runner.folder / "bad").exists()


# pre-commit


def test_the_hook_takes_recipes_and_finds_what_is_wrong(runner: Runner) -> None:
    (hook,) = HOOKS
    assert {"id", "name", "entry", "language", "files"} <= set(hook)
    assert (hook["id"], hook["language"]) == ("editchain-validate", "python")
    taken = [
        name
        for name in (
            "pipelines/one.yaml",
            "shop/pipelines/one.yml",
            "mypipelines/x.yaml",
            "pipelines/a.png",
            "x.yaml",
        )
        if re.search(hook["files"], name)
    ]
    assert taken == ["pipelines/one.yaml", "shop/pipelines/one.yml"]
    program, *arguments = shlex.split(hook["entry"])
    command = [PROGRAMS / program, *arguments, "pipelines/one.yaml"]
    assert subprocess.run(command, cwd=runner.folder, capture_output=True, check=False).returncode == 0
    runner.write("pipelines/one.yaml", BROKEN)
    done = subprocess.run(command, cwd=runner.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "pipelines/one.yaml:7:" in done.stderr


# What others say of these documents


@pytest.mark.slow
def test_pre_commit_accepts_the_hooks() -> None:
    clientlib = pytest.importorskip("pre_commit.clientlib")
    (hook,) = clientlib.load_manifest(ROOT / ".pre-commit-hooks.yaml")
    assert hook["entry"] == "editchain validate"


@pytest.mark.slow
def test_the_documents_are_as_github_wants_them(tmp_path: Path) -> None:
    pytest.importorskip("check_jsonschema")
    workflows = re.findall(
        r"^```yaml\n(name: .*?)^```$", (ROOT / "docs" / "ci.md").read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    assert workflows
    paths = []
    for at, text in enumerate(workflows):
        paths.append(tmp_path / f"{at}.yml")
        paths[-1].write_text(text, encoding="utf-8")
        used = [step for job in yaml.safe_load(text)["jobs"].values() for step in job["steps"]]
        (given,) = [step.get("with", {}) for step in used if step.get("uses", "").endswith("/editchain@v1")]
        assert set(given) <= set(ACTION["inputs"])
    for schema, documents in (
        ("vendor.github-actions", [ROOT / "action.yml"]),
        ("vendor.github-workflows", paths),
    ):
        done = subprocess.run(
            [PROGRAMS / "check-jsonschema", "--builtin-schema", schema, *documents],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_the_action_installs_itself(runner: Runner) -> None:
    (runner.temporary / "editchain" / "venv").unlink()
    runner.inputs["python"] = sys.executable
    done = runner("Install editchain")
    assert done.returncode == 0, done.stderr
    (folder,) = (runner.temporary / "path").read_text("utf-8").splitlines()
    done = subprocess.run(
        [Path(folder) / "editchain", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("editchain ")
