"""The workspace: its configuration, where its store is, which way to a model is chosen, how inputs are known."""

from __future__ import annotations

import os
import subprocess
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from tests.workbench import NOW, Bench, loaded, shipped, unmarked, written

from editchain.artifacts import ImageSource
from editchain.configuration import Configuration, read_configuration
from editchain.digests import Digests, is_same
from editchain.errors import ConfigurationError
from editchain.known import Known
from editchain.language.reading import stat_of
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from editchain.plans.tasks import Way


def configured(folder: Path, text: str) -> Configuration:
    (folder / "editchain.toml").write_text(text, encoding="utf-8")
    return read_configuration(folder)


def test_without_a_file_everything_is_at_its_default(tmp_path: Path) -> None:
    assert read_configuration(tmp_path) == Configuration()
    assert configured(tmp_path, "\ufeff") == Configuration()


def test_everything_is_read(tmp_path: Path) -> None:
    found = configured(
        tmp_path,
        """
confirm_above = 5
[store]
path = "elsewhere"
[routes]
default = "fal"
flux-kontext = ["bfl", "fal"]
[limits.bfl]
concurrency = 3
per_second = 0.5
[run]
workers = 4
[budget]
max = 3.00
currency = "USD"
[fetch]
plain_hosts = ["pictures.local"]
""",
    )
    assert found.store == "elsewhere"
    assert found.routes == {"default": ("fal",), "flux-kontext": ("bfl", "fal")}
    assert found.limits == {"bfl": {"concurrency": 3, "per_second": 0.5}}
    assert (found.workers, found.confirm_above, found.budget) == (4, 5.0, {"max": 3.0, "currency": "USD"})
    assert found.plain_hosts == {"pictures.local"}


@pytest.mark.parametrize(("text", "said"), [
    ("confirm_above = ", "this is not TOML"),
    ("x\0", "this is not TOML"),
    ("[stores]\npath = 'x'", 'there is no "stores". Did you mean'),
    ("[store]\npth = 'x'", '[store] has no "pth". Did you mean'),
    ("[store]\npath = 3", "[store] path is text"),
    ("[store]\npath = '.'", 'path "." holds the workspace'),
    ("[store]\npath = ''", "holds the workspace"),
    ("[store]\npath = '..'", "holds the workspace"),
    ("store = 3", "[store] is a table"),
    ("[run]\nworker = 3", '[run] has no "worker"'),
    ("[run]\nworkers = 0", "workers is a whole number from 1 to 256"),
    ("[run]\nworkers = 2.5", "workers is a whole number"),
    ("[run]\nworkers = true", "workers is a whole number"),
    ("[run]\nworkers = 1000", "workers is a whole number"),
    ("[routes]\ndefault = 3", "[routes] default is the name of a provider"),
    ("[routes]\ndefault = []", "[routes] default is the name of a provider"),
    ("[routes]\ndefault = ['a', 3]", "[routes] default is the name of a provider"),
    ("[limits.bfl]\nconcurrency = 0", "[limits.bfl] takes concurrency"),
    ("[limits.bfl]\nconcurrency = 0.5", "[limits.bfl] takes concurrency"),
    ("[limits.bfl]\nconcurrency = true", "[limits.bfl] takes concurrency"),
    ("[limits.bfl]\nper_second = 0", "[limits.bfl] takes concurrency"),
    ("[limits.bfl]\nper_second = nan", "[limits.bfl] takes concurrency"),
    ("[limits.bfl]\nper_minute = 3", "[limits.bfl] takes concurrency"),
    ("[limits]\nbfl = 3", "[limits.bfl] takes concurrency"),
    ("confirm_above = 'much'", "confirm_above is an amount"),
    ("confirm_above = -1", "confirm_above is an amount"),
    ("confirm_above = nan", "confirm_above is an amount"),
    ("[confirm_above]\nx = 1", "confirm_above is an amount"),
    ("[budget]\nmaximum = 3", '[budget] has no "maximum"'),
])  # fmt: skip
def test_what_is_wrong_is_said_with_the_file(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        configured(tmp_path, text)
    assert str(caught.value).startswith(str(tmp_path / "editchain.toml"))
    assert said in str(caught.value)


def test_what_is_no_text_is_said(tmp_path: Path) -> None:
    (tmp_path / "editchain.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="not TOML"):
        read_configuration(tmp_path)


def test_a_wrong_configuration_ends_a_command_with_2(bench: Bench) -> None:
    bench.write("steps: {s: {operation: flip, image: a.png}}\n")
    (bench.root / "editchain.toml").write_text("[run]\nworkers = 'x'\n")
    code, _, messages = bench.command("run", "p.yaml")
    assert code == 2
    assert messages.startswith("editchain: ")


# ---------------------------------------------------------------------- where things are


def test_the_store_is_beside_the_pipelines_or_where_it_is_said(tmp_path: Path) -> None:
    with Workspace(tmp_path) as workspace:
        assert workspace.folder == tmp_path / ".editchain"
    configured(tmp_path, '[store]\npath = "deep/../elsewhere"\n')
    with Workspace(tmp_path) as workspace:
        assert workspace.folder == tmp_path / "elsewhere"
    configured(tmp_path, '[store]\npath = "~/shared"\n')
    with Workspace(tmp_path) as workspace:
        assert workspace.folder == os.path.expanduser("~/shared") or str(
            workspace.folder
        ) == os.path.realpath(os.path.expanduser("~/shared"))


def test_two_workspaces_may_share_a_store(tmp_path: Path) -> None:
    benches = [Bench(tmp_path / name) for name in ("one", "two")]
    for bench in benches:
        bench.paint("a.png")
        (bench.root / "editchain.toml").write_text('[store]\npath = "../shared"\n')
    assert benches[0].run(benches[0].write("steps: {s: {operation: flip, image: a.png}}\n")).counts == {
        "done": 1
    }
    assert benches[1].run(benches[1].write("steps: {other: {operation: flip, image: a.png}}\n")).counts == {}
    assert list(benches[1].published()) == ["other.png"]
    assert not (benches[0].root / ".editchain/journal.db").exists()


@pytest.mark.parametrize("inner", [".", "sub/project"])
def test_a_linked_worktree_shares_the_store_of_the_main_one(tmp_path: Path, inner: str) -> None:
    main = tmp_path / "main"
    main.mkdir()

    def git(*arguments: str) -> None:
        subprocess.run(
            ["git", "-c", "user.name=x", "-c", "user.email=x@example.org", *arguments],
            cwd=main,
            check=True,
            capture_output=True,
        )

    git("init", "-q")
    bench = Bench(main / inner)
    bench.paint("a.png")
    file = bench.write("steps: {s: {operation: flip, image: a.png}}\n")
    git("add", ".")
    git("commit", "-q", "-m", "x")
    git("worktree", "add", "-q", str(tmp_path / "linked"))
    assert bench.run(file).counts == {"done": 1}
    linked = Bench(tmp_path / "linked" / inner)
    with linked.workspace() as workspace:
        assert workspace.folder == bench.root / ".editchain"
    assert linked.run(linked.root / "p.yaml").counts == {}
    assert list(linked.published()) == ["s.png"]


@pytest.mark.parametrize(
    "text", ["gitdir: ../../.git/modules/sub", "gitdir: /nowhere/.git/worktrees/x", "nonsense", ""]
)
def test_another_kind_of_git_file_shares_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / ".git").write_text(text)
    with Workspace(tmp_path) as workspace:
        assert workspace.folder == tmp_path / ".editchain"


def test_a_pipelines_workspace_is_the_nearest_marked_folder(tmp_path: Path) -> None:
    file = written(tmp_path / "a/b/c", "steps: {}\n")
    with Workspace.of(file) as workspace:
        assert workspace.root == tmp_path / "a/b/c"
    (tmp_path / "a/.git").mkdir()
    with Workspace.of(file) as workspace:
        assert workspace.root == tmp_path / "a"
    (tmp_path / "a/b/editchain.toml").touch()
    with Workspace.of(file) as workspace:
        assert workspace.root == tmp_path / "a/b"
    with Workspace.of(tmp_path / "a/b/c") as workspace:
        assert workspace.root == tmp_path / "a/b"


def test_looking_makes_nothing(tmp_path: Path) -> None:
    with Workspace(tmp_path) as workspace:
        assert workspace.look is None
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------------- the way to a model


def way(tmp_path: Path, model: str, toml: str = "", provider: str = "") -> Way:
    (tmp_path / "editchain.toml").write_text(toml)
    from tests.workbench import paint

    paint(tmp_path / "a.png")
    file = written(tmp_path, f"steps: {{s: {{model: {model}, image: a.png, prompt: sepia{provider}}}}}\n")
    with Workspace(tmp_path) as workspace:
        return workspace.choose(loaded(file).steps[0], shipped().models[model])


def test_the_embedded_model_runs_here_for_nothing(tmp_path: Path) -> None:
    found = way(tmp_path, "darkroom")
    assert found.route is not None
    assert (found.route.provider, found.is_local, found.price, found.problem) == (
        "darkroom",
        True,
        None,
        None,
    )


def test_a_step_decides_before_the_workspace_and_that_before_the_document(tmp_path: Path) -> None:
    named = [route.provider for route in shipped().models["flux-kontext"].routes]
    assert len(set(named)) > 2
    last, other = sorted(set(named))[-1], sorted(set(named))[0]

    def provider(found: Way) -> str:
        assert found.route is not None
        return found.route.provider

    assert provider(way(tmp_path, "flux-kontext", f'[routes]\nflux-kontext = "{last}"\n')) == last
    assert provider(way(tmp_path, "flux-kontext", f'[routes]\ndefault = ["{last}"]\n')) == last
    assert (
        provider(way(tmp_path, "flux-kontext", f'[routes]\ndefault = "{other}"\nflux-kontext = "{last}"\n'))
        == last
    )
    assert (
        provider(
            way(tmp_path, "flux-kontext", f'[routes]\nflux-kontext = "{last}"\n', f", provider: {other}")
        )
        == other
    )


def test_a_model_that_no_named_provider_offers_is_a_problem_with_names(tmp_path: Path) -> None:
    found = way(tmp_path, "darkroom", '[routes]\ndarkroom = "bfl"\n')
    assert found.route is None
    assert found.problem == "s: darkroom is not offered by bfl; it is by darkroom."


# ---------------------------------------------------------------------- how inputs are known


def test_a_file_is_known_while_it_is_as_it_was_and_was_not_just_written(tmp_path: Path) -> None:
    from tests.workbench import paint

    path = str(paint(tmp_path / "a.png"))
    source = ImageSource("file", path, "a")
    stat = stat_of(os.stat(path))
    soon = max(stat.mtime_ns, stat.ctime_ns) / 1e9 + 1
    for now, is_trusted in ((soon, False), (NOW, True)):
        digests = Digests({}, lambda now=now: now)  # type: ignore[misc]  # the default is only there to be bound now
        digests.read({path: stat})
        (known,) = digests.fresh
        assert digests.digest(source) == sha256((tmp_path / "a.png").read_bytes()).digest()
        assert (known.format, known.width, known.height) == ("png", 8, 6)
        assert is_same(known, stat) is is_trusted
        assert not is_same(known, stat._replace(inode=0))
        again = Digests({path: known}, lambda: NOW)
        again.read({path: stat})
        assert bool(again.fresh) is not is_trusted


def test_many_files_are_read_in_order_of_none(tmp_path: Path) -> None:
    from tests.workbench import paint

    paths = [str(paint(tmp_path / f"{number}.png", (number, 0, 0))) for number in range(20)]
    digests = Digests({}, lambda: NOW)
    digests.read({path: stat_of(os.stat(path)) for path in [*paths, str(tmp_path)]})
    assert [one.path for one in digests.fresh] == paths
    assert len({one.digest for one in digests.fresh}) == 20


def test_sources_are_known_by_bytes_pins_and_ids(tmp_path: Path) -> None:
    digests = Digests({}, lambda: NOW)
    assert digests.identity(ImageSource("url", "https://example.org/a.png", "a")) is None
    assert (
        digests.identity(ImageSource("url", "https://example.org/a.png", "a", "ab" * 32))
        == f"sha256:{'ab' * 32}"
    )
    assert digests.identity(ImageSource("asset", "asset_x", "asset_x")) == "asset:scenario:asset_x"
    assert digests.identity(ImageSource("file", str(tmp_path / "none.png"), "none")) is None
    data = digests.identity(ImageSource("data", "data:image/png;base64,YWJj", "d"))
    assert data == f"sha256:{sha256(b'abc').hexdigest()}"


def test_what_is_lost_from_the_store_is_not_known(bench: Bench) -> None:
    ran = bench.run(bench.write("steps: {s: {operation: flip, image: a.png}}\n"))
    key, digest = ran.plan.steps[0].keys[0], ran.plan.steps[0].digests[0]
    assert key is not None
    with bench.workspace() as workspace:
        digests = workspace.digest_inputs(ran.plan.pipeline)
        assert Known(workspace.look, digests).results([key]) == {key: digest}
        assert Known(workspace.look, digests, lost=frozenset({digest})).results([key]) == {}
        assert workspace.store.lost() == frozenset()
        workspace.store.remove(digest)
        workspace.store.note_missing(digest)
        assert workspace.store.lost() == {digest}
        workspace.store.put(unmarked(bench.published()["s.png"]), durable=False)
        assert workspace.store.lost() == frozenset()
    assert Known(None, digests).results([key]) == {}
