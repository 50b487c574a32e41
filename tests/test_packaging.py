"""The wheel and the sdist: what is in them, and that an installed editchain finds its schemas and runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

import editchain
from editchain import schemas

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
IN_CI = os.environ.get("CI") == "true"


def run(*command: str | Path, cwd: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """A command in a folder, with nothing of this checkout or of the caller's settings on its path."""
    hidden = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "EDITCHAIN_")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(hidden)}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if check:
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


def build(source: Path, target: str, out: Path) -> Path:
    """Builds a "wheel" or "sdist" of a source tree with the build backend that pyproject.toml names."""
    program = f"import hatchling.build as backend; print(backend.build_{target}({str(out)!r}))"
    out.mkdir(parents=True, exist_ok=True)
    return out / run(sys.executable, "-c", program, cwd=source).stdout.split()[-1]


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The wheel and the sdist of this checkout, and the wheel that the sdist builds to."""
    folder = tmp_path_factory.mktemp("packages")
    sdist = build(ROOT, "sdist", folder / "sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "source", filter="data")
    (unpacked,) = (folder / "source").iterdir()
    return {
        "wheel": build(ROOT, "wheel", folder / "wheel"),
        "sdist": sdist,
        "rebuilt": build(unpacked, "wheel", folder / "rebuilt"),
    }


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


# What the project says of itself


def test_the_version_stands_in_one_place() -> None:
    assert PROJECT["project"]["dynamic"] == ["version"]
    assert PROJECT["tool"]["hatch"]["version"]["path"] == "engine/editchain/__init__.py"


def test_a_checkout_finds_its_schemas() -> None:
    assert schemas.folder() == ROOT / "schemas"


@pytest.mark.parametrize("group", ["test", "lint"])
def test_the_groups_are_plain_requirements(group: str) -> None:
    """`make` hands them to pip as they stand: an older pip knows no groups, and no group may include another."""
    assert all(isinstance(one, str) for one in PROJECT["dependency-groups"][group])


# What is in the packages


@pytest.mark.slow
def test_the_wheel_has_the_package_and_its_schemas_and_nothing_else(packages: dict[str, Path]) -> None:
    names = set(contents(packages["wheel"]))
    assert {name.split("/")[0] for name in names} == {
        "editchain",
        f"editchain-{editchain.__version__}.dist-info",
    }
    assert "editchain/py.typed" in names
    expected = {
        f"editchain/_schemas/{path.relative_to(ROOT / 'schemas')}"
        for path in (ROOT / "schemas").rglob("*.json")
    }
    assert {name for name in names if name.startswith("editchain/_schemas/")} == expected
    engine = ROOT / "engine"
    tracked = run("git", "ls-files", "engine", cwd=ROOT).stdout.split("\n")
    sources = {str((ROOT / path).relative_to(engine)) for path in tracked if path and (ROOT / path).is_file()}
    assert sources <= names
    assert not any(name.endswith((".pyc", ".yaml.lock.jsonl")) for name in names)


@pytest.mark.slow
def test_the_sdist_builds_to_the_same_wheel(packages: dict[str, Path]) -> None:
    direct, rebuilt = contents(packages["wheel"]), contents(packages["rebuilt"])
    assert set(direct) == set(rebuilt)
    assert [name for name, data in direct.items() if rebuilt[name] != data] == []


@pytest.mark.slow
def test_the_sdist_has_what_it_is_built_from(packages: dict[str, Path]) -> None:
    with tarfile.open(packages["sdist"]) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    assert {
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "engine/editchain/cli.py",
        "schemas/language.json",
    } <= names
    assert not any(name.startswith(("tests/", "pipelines/", "benchmarks/")) for name in names)


# Installed


def environment(folder: Path) -> Path:
    """A virtual environment with the dependencies; gives its folder of programs.

    In CI they are installed anew, which shows that those that are declared are enough. Elsewhere, where there may be
    no network, those of the tests' own environment are lent to it.
    """
    venv.create(folder, with_pip=True)
    programs = folder / "bin"
    if IN_CI:
        run(
            programs / "python",
            "-m",
            "pip",
            "install",
            "--quiet",
            *PROJECT["project"]["dependencies"],
            cwd=folder,
        )
    else:
        borrowed = folder / "borrowed"
        borrowed.mkdir()
        for path in Path(sysconfig.get_path("purelib")).iterdir():
            if "editchain" not in path.name and path.suffix != ".pth":
                (borrowed / path.name).symlink_to(path)
        (own,) = folder.glob("lib/python*/site-packages")
        (own / "borrowed.pth").write_text(f"{borrowed}\n")
    return programs


@pytest.fixture(scope="session")
def installed(packages: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of an environment in which the wheel is installed."""
    programs = environment(tmp_path_factory.mktemp("installed"))
    run(programs / "python", "-m", "pip", "install", "--quiet", "--no-deps", packages["wheel"], cwd=programs)
    return programs


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A copy of the recipes, away from the checkout."""
    shutil.copytree(ROOT / "pipelines", tmp_path / "recipes" / "pipelines")
    (tmp_path / "recipes" / "editchain.toml").touch()
    return tmp_path / "recipes"


WHERE = "import editchain, editchain.schemas as s; print(editchain.__file__); print(s.folder())"


@pytest.mark.slow
def test_an_installed_editchain_finds_its_schemas(installed: Path, tmp_path: Path) -> None:
    package, found = run(installed / "python", "-c", WHERE, cwd=tmp_path).stdout.split()
    assert Path(package).is_relative_to(installed.parent)
    assert Path(found) == Path(package).parent / "_schemas"


@pytest.mark.slow
def test_an_installed_editchain_works(installed: Path, workspace: Path) -> None:
    said = run(installed / "editchain", "--version", cwd=workspace)
    assert said.stdout == f"editchain {editchain.__version__}\n"
    recipe = "pipelines/demo.yaml"
    run(installed / "editchain", "validate", recipe, cwd=workspace)
    run(installed / "editchain", "run", recipe, "--out", "made", cwd=workspace)
    assert (workspace / "made" / "sheet.jpg").stat().st_size > 10_000
    again = run(installed / "editchain", "plan", recipe, cwd=workspace)
    assert "7 cached" in again.stdout
    schema = run(installed / "editchain", "schema", cwd=workspace).stdout
    assert schema == (ROOT / "schemas" / "pipeline.schema.json").read_text(encoding="utf-8")


@pytest.mark.slow
def test_an_installed_editchain_makes_a_workspace(installed: Path, tmp_path: Path) -> None:
    run(installed / "editchain", "init", "shop", cwd=tmp_path)
    run(installed / "editchain", "run", "pipelines/hello.yaml", cwd=tmp_path / "shop")
    assert any((tmp_path / "shop" / "out").rglob("*.*"))


@pytest.mark.slow
def test_an_editable_install_finds_the_checkout(tmp_path: Path) -> None:
    copy = tmp_path / "checkout"
    copy.mkdir()
    for name in ("engine", "schemas"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    programs = environment(tmp_path / "environment")
    build = [] if IN_CI else ["--no-build-isolation"]
    run(
        programs / "python",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        *build,
        "--editable",
        copy,
        cwd=tmp_path,
    )
    package, found = run(programs / "python", "-c", WHERE, cwd=tmp_path).stdout.split()
    assert Path(package) == copy / "engine" / "editchain" / "__init__.py"
    assert Path(found) == copy / "schemas"
    assert (
        run(programs / "editchain", "--version", cwd=tmp_path).stdout
        == f"editchain {editchain.__version__}\n"
    )
