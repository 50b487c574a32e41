"""Recording: published files are complete or not there, and what others did to them is respected."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from tests.workbench import Bench, facts, step_of, unmarked

from editchain.imaging.marking import Mark
from editchain.platform import DISK
from editchain.runs import recording
from editchain.runs.copies import Copy
from editchain.runs.recording import Publisher, Threads
from editchain.runs.reporting import run_lines
from editchain.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from editchain.runs.recording import Publication

FLIP = "steps:\n  s: {operation: flip, image: a.png}\noutputs:\n  s: {from: $s, path: s.png}\n"
ROWS = ("mtime_ns", "ctime_ns", "inode", "run")


def test_outputs_are_written_as_they_are_named(both: Bench) -> None:
    file = both.write("""
inputs: {photo: {type: image, default: [a.png, b.png]}}
steps:
  s: {for_each: {tone: [sepia, black and white]}, model: darkroom, image: $photo, prompt: $tone}
  page: {operation: contact_sheet, images: $s.*}
outputs:
  s: {from: $s, path: "{tone}/{photo}.webp"}
  page: $page
  one: {from: "${s[tone=sepia]}", path: "first.jpg"}
""")
    ran = both.run(file)
    assert ran.report.exit_code == 0
    assert sorted(both.published()) == [
        "a/first.jpg", "a/page.png", "b/first.jpg", "b/page.png",
        "black-and-white/a.webp", "black-and-white/b.webp", "sepia/a.webp", "sepia/b.webp",
    ]  # fmt: skip
    for name in both.published():
        with Image.open(both.root / "out" / name) as image:
            assert image.format == {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}[name.rpartition(".")[2]]
            image.load()
    assert [row["task"] for row in both.rows("published") if row["path"].endswith("sepia/a.webp")] == [
        "s[photo=a, tone=sepia]"
    ]


@pytest.mark.parametrize(("output", "name", "form"), [
    ("$s", "s.png", "PNG"),
    ("{from: $s, format: jpeg}", "s.jpg", "JPEG"),
    ("{from: $s, format: tiff}", "s.tif", "TIFF"),
    ("{from: $s, path: x.gif}", "x.gif", "GIF"),
    ("{from: $s, path: x.jpeg}", "x.jpeg", "JPEG"),
    ("{from: $s, path: x, format: webp}", "x.webp", "WEBP"),
    ("{from: $s, path: x.webp, lossless: true}", "x.webp", "WEBP"),
])  # fmt: skip
def test_the_extension_decides_the_format_else_format_does(
    bench: Bench, output: str, name: str, form: str
) -> None:
    bench.run(bench.write(f"steps:\n  s: {{operation: flip, image: a.png}}\noutputs:\n  s: {output}\n"))
    assert list(bench.published()) == [name]
    with Image.open(bench.root / "out" / name) as image:
        assert image.format == form


def test_a_result_keeps_its_own_format_and_bytes(bench: Bench) -> None:
    file = bench.write(
        "steps:\n  s: {operation: convert, image: a.png, format: webp, lossless: true}\n  t: {operation: flip, image: a.png}\n"
    )
    ran = bench.run(file)
    published = bench.published()
    assert sorted(published) == ["s.webp", "t.png"]
    with bench.workspace() as workspace:
        assert workspace.store.read(step_of(ran.plan, "t").digests[0]) == unmarked(published["t.png"])


def test_published_again_nothing_is_written(both: Bench) -> None:
    file = both.write(
        "steps:\n  s: {operation: flip, image: a.png}\noutputs:\n  s: $s\n  j: {from: $s, format: jpeg, quality: 70}\n"
    )
    both.run(file)
    stats = {path: os.stat(path) for path in (both.root / "out").iterdir()}
    again = both.run(file)
    assert again.report.publication.written == []
    assert again.report.publication.unchanged == 2
    assert {path: os.stat(path) for path in (both.root / "out").iterdir()} == stats


def test_what_somebody_changed_is_left_alone_and_named(both: Bench) -> None:
    file = both.write(FLIP)
    both.run(file)
    target = both.root / "out/s.png"
    target.write_bytes(b"mine now")
    ran = both.run(file)
    assert target.read_bytes() == b"mine now"
    assert ran.report.publication.left_alone == [(str(target), "somebody changed it since it was published")]
    assert ran.report.exit_code == 0
    over = both.run(file, overwrite=True)
    assert over.report.publication.written == [str(target)]
    with Image.open(target) as image:
        image.load()
    assert both.run(file).report.publication.left_alone == []


def test_what_was_there_before_is_left_alone(bench: Bench) -> None:
    target = bench.root / "out/s.png"
    target.parent.mkdir()
    target.write_bytes(b"before")
    ran = bench.run(bench.write(FLIP))
    assert target.read_bytes() == b"before"
    assert ran.report.publication.left_alone == [(str(target), "it was there before and is not ours")]


def test_a_file_that_was_only_touched_or_copied_is_still_ours(bench: Bench) -> None:
    file = bench.write(
        "steps:\n  s: {operation: flip, image: a.png}\noutputs:\n  s: $s\n  j: {from: $s, format: jpeg}\n"
    )
    bench.run(file)
    for path in (bench.root / "out").iterdir():
        data = path.read_bytes()
        path.unlink()
        path.write_bytes(data)
    ran = bench.run(file)
    assert ran.report.publication.left_alone == []
    assert ran.report.publication.written == []
    # And so it is replaced when another picture is wanted.
    bench.write(FLIP.replace("a.png", "b.png") + "  j: {from: $s, format: jpeg}\n")
    ran = bench.run(file)
    assert len(ran.report.publication.written) == 1 + 1
    assert ran.report.publication.left_alone == []


@pytest.mark.parametrize("output", ["{from: $s, path: s.png}", "{from: $s, path: s.jpg}"])
def test_what_a_run_wrote_before_it_died_is_known_by_its_bytes(bench: Bench, output: str) -> None:
    """The rows of published files come after the files."""
    file = bench.write(f"steps:\n  s: {{operation: flip, image: a.png}}\noutputs:\n  s: {output}\n")
    bench.run(file)
    written = bench.published()
    (bench.root / ".editchain/journal.db").rename(bench.root / "old.db")
    with bench.workspace() as workspace:
        from editchain.journal.repairing import repair

        repair(workspace.folder)
    assert bench.rows("published") == []
    ran = bench.run(file)
    assert ran.report.publication.left_alone == []
    assert ran.report.publication.unchanged == 1
    assert bench.published() == written
    assert len(bench.rows("published")) == 1


def test_a_changed_recipe_replaces_its_files(both: Bench) -> None:
    file = both.write(FLIP)
    both.run(file)
    before = both.published()
    both.write(FLIP.replace("a.png", "b.png"))
    assert both.run(file).report.publication.written == [str(both.root / "out/s.png")]
    assert both.published() != before


def test_in_a_workspace_that_was_moved_files_are_still_ours(bench: Bench) -> None:
    file = bench.write(FLIP)
    bench.run(file)
    (bench.root / "out/copied.png").write_bytes(b"of somebody else")
    moved = Bench(bench.root.rename(bench.root.parent / "moved"))
    file = moved.write(FLIP.replace("a.png", "b.png") + "  copied: $s\n")
    publication = moved.run(file).report.publication
    assert publication.written == [str(moved.root / "out/s.png")]
    assert [path for path, _ in publication.left_alone] == [str(moved.root / "out/copied.png")]


def test_a_link_at_the_target_is_not_followed(bench: Bench) -> None:
    outside = bench.root / "outside.png"
    outside.write_bytes(b"precious")
    target = bench.root / "out/s.png"
    target.parent.mkdir()
    target.symlink_to(outside)
    file = bench.write(FLIP)
    assert bench.run(file).report.publication.left_alone
    assert target.is_symlink()
    bench.run(file, overwrite=True)
    assert not target.is_symlink()
    assert outside.read_bytes() == b"precious"
    with Image.open(target) as image:
        image.load()


def test_a_link_to_the_very_picture_is_no_published_file(bench: Bench) -> None:
    file = bench.write(FLIP)
    bench.run(file)
    target = bench.root / "out/s.png"
    kept = target.rename(bench.root / "kept.png")
    target.symlink_to(kept)
    assert bench.run(file).report.publication.left_alone == [
        (str(target), "somebody changed it since it was published")
    ]


def test_a_folder_in_the_place_of_a_file_and_a_file_in_the_place_of_a_folder_are_left_alone(
    bench: Bench,
) -> None:
    (bench.root / "out/s.png").mkdir(parents=True)
    (bench.root / "out/deep").write_bytes(b"")
    file = bench.write(FLIP + "  d: {from: $s, path: deep/s.png}\n  ok: $s\n")
    for overwrite in (False, True):
        ran = bench.run(file, overwrite=overwrite)
        assert [why for _, why in ran.report.publication.left_alone] == [
            "a folder stands in its place",
            "a file stands in the place of its folder",
        ]
        said = [line for line in run_lines(ran.report, 1.0, str) if "left alone" in line]
        assert len(said) == 2
        assert not any("--overwrite" in line for line in said)
    assert (bench.root / "out/ok.png").is_file()


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(bench: Bench) -> None:
    (bench.root / "out").mkdir()
    os.mkfifo(bench.root / "out/s.png")
    assert bench.run(bench.write(FLIP)).report.publication.left_alone


def test_two_pipelines_do_not_take_each_others_files(bench: Bench) -> None:
    one, two = bench.write(FLIP, "one.yaml"), bench.write(FLIP.replace("a.png", "b.png"), "two.yaml")
    bench.run(one)
    first = bench.published()
    ran = bench.run(two)
    assert ran.report.publication.left_alone == [
        (str(bench.root / "out/s.png"), "it was published by one.yaml")
    ]
    assert bench.published() == first
    # Nor when the file was touched since, or when only the quality differs.
    (bench.root / "out/s.png").touch()
    assert bench.run(two).report.publication.left_alone == [
        (str(bench.root / "out/s.png"), "it was published by one.yaml")
    ]
    # The same picture under the same name is one file.
    assert bench.run(bench.write(FLIP, "three.yaml")).report.publication.left_alone == []
    bench.run(two, overwrite=True)
    assert bench.published() != first


def test_another_quality_of_another_pipeline_is_left_alone_too(bench: Bench) -> None:
    text = (
        "steps:\n  s: {operation: flip, image: a.png}\noutputs:\n  s: {from: $s, path: s.jpg, quality: 90}\n"
    )
    bench.run(bench.write(text, "one.yaml"))
    first = bench.published()
    assert bench.run(bench.write(text.replace("90", "20"), "two.yaml")).report.publication.left_alone
    assert bench.published() == first


def test_prune_removes_what_no_output_names_any_more(bench: Bench) -> None:
    file = bench.write(
        "steps:\n  s: {for_each: {x: [sepia, cooler]}, model: darkroom, image: a.png, prompt: $x}\n"
    )
    bench.run(file)
    other = bench.write(FLIP, "other.yaml")
    bench.run(other)
    (bench.root / "out/mine.png").write_bytes(b"")
    bench.write("steps:\n  s: {for_each: {x: [sepia]}, model: darkroom, image: a.png, prompt: $x}\n")
    bench.run(file)
    assert "s/cooler.png" in bench.published()
    ran = bench.run(file, prune=True)
    assert ran.report.publication.pruned == [str(bench.root / "out/s/cooler.png")]
    assert sorted(bench.published()) == ["mine.png", "s.png", "s/sepia.png"]


def test_prune_leaves_what_somebody_changed(bench: Bench) -> None:
    file = bench.write(FLIP)
    bench.run(file)
    (bench.root / "out/s.png").write_bytes(b"mine")
    bench.write(FLIP.replace("path: s.png", "path: t.png"))
    assert bench.run(file, prune=True).report.publication.pruned == []
    assert bench.published()["s.png"] == b"mine"


@pytest.mark.parametrize(
    "output", ["$s", "{from: $s, path: 'x/{pics}.jpg'}", "{from: $s, path: 'x/{pics}', format: webp}"]
)
def test_the_files_of_failed_tasks_stay(both: Bench, output: str) -> None:
    both.paint("pics/1.png", (1, 2, 3), (40, 40))
    both.paint("pics/2.png", (4, 5, 6), (40, 40))
    file = both.write(
        f"inputs: {{pics: {{type: images, default: pics}}}}\nsteps:\n  s: {{operation: flip, image: $pics}}\noutputs:\n  s: {output}\n"
    )
    both.run(file)
    before = both.published()
    assert len(before) == 2
    damaged = (both.root / "pics/1.png").read_bytes()[:-30]
    (both.root / "pics/1.png").write_bytes(damaged)
    ran = both.run(file, prune=True)
    assert ran.report.exit_code == 1
    assert ran.counts == {"failed": 1}
    assert ran.report.publication.pruned == []
    assert both.published() == before


def test_a_format_that_cannot_hold_the_picture_fails_that_file_alone(both: Bench) -> None:
    file = both.write(
        "steps:\n  s: {operation: resize, image: a.png, width: 16384, height: 1, fit: exact}\noutputs:\n  w: {from: $s, path: w.webp}\n  p: {from: $s, path: p.png}\n  j: {from: $s, path: j.jpg}\n"
    )
    ran = both.run(file)
    assert ran.report.exit_code == 1
    ((path, why),) = ran.report.publication.failed
    assert path.endswith("w.webp")
    assert why.startswith("16384×1 cannot be written as WEBP")
    assert sorted(both.published()) == ["j.jpg", "p.png"]
    assert len(both.rows("published")) == 2


def test_a_run_leaves_no_temporary_files(bench: Bench) -> None:
    bench.run(bench.write(FLIP + "  j: {from: $s, format: jpeg}\n"))
    assert [path for path in bench.root.rglob("*") if path.name.endswith(".tmp")] == []


def test_a_stored_row_says_what_was_published_and_how(bench: Bench) -> None:
    bench.run(
        bench.write(
            "steps:\n  s: {operation: flip, image: a.png}\noutputs:\n  s: {from: $s, path: s.jpg, quality: 55}\n"
        )
    )
    (row,) = bench.rows("published")
    encoding, metadata = row["encoding"].split(" metadata=")
    assert metadata.startswith("credit ")
    assert (row["path"], encoding, row["output"], row["task"]) == (
        str(bench.root / "out/s.jpg"),
        "jpeg quality=55 lossless=False",
        "s",
        "s",
    )
    assert row["pipeline"] == str(bench.root / "p.yaml")
    assert row["size"] == len(bench.published()["s.jpg"])


def test_both_event_loops_write_the_same(tmp_path: Path) -> None:
    found = []
    text = """
steps:
  s: {for_each: {x: [sepia, cooler]}, model: darkroom, image: a.png, prompt: $x, num_samples: 2}
  bad: {operation: crop, image: a.png, box: [0, 0, 900, 900]}
  hangs: {operation: flip, image: $bad}
  page: {operation: contact_sheet, images: $s.*}
outputs: {s: {from: $s, format: jpeg}, page: $page, hangs: $hangs, bad: $bad}
"""
    for backend in ("asyncio", "trio"):
        bench = Bench(tmp_path / "w", backend)
        bench.paint("a.png")
        ran = bench.run(bench.write(text))
        journal = [
            facts(bench.rows("results"), "made_at"),
            facts(bench.rows("run_tasks")), facts(bench.rows("published"), *ROWS), facts(bench.rows("identities")), facts(bench.rows("key_sets")),
            facts(bench.rows("runs"), "started_at", "ended_at", "owner"), facts(bench.rows("claims")),
        ]  # fmt: skip
        found.append((ran.counts, ran.report.exit_code, bench.published(), journal))
        (tmp_path / "w").rename(tmp_path / backend)
    assert found[0] == found[1]
    assert found[0][0] == {"done": 5, "failed": 1, "skipped": 1}


@pytest.mark.parametrize("output", ["{from: $s, path: s.png}", "{from: $s, path: s.jpg}"])
def test_who_dies_while_writing_leaves_files_that_are_still_ours(bench: Bench, output: str) -> None:
    """Also when another picture is wanted by then: what was about to be written is journalled before."""
    from editchain.journal.journal import Journal

    text = f"steps:\n  s: {{operation: flip, image: a.png}}\noutputs:\n  s: {output}\n"
    file = bench.write(text)
    bench.run(file)
    older = bench.rows("published")

    class Dies(Exception):
        pass

    class Dying:
        """The journal of a process that dies when the files are there and are to be noted."""

        def __init__(self, journal: Journal) -> None:
            self.journal = journal
            self.left = 0

        def put_published(self, row: object) -> None:
            if self.left == 0:
                raise Dies
            self.left -= 1
            self.journal.put_published(row)  # type: ignore[arg-type]  # rows pass through

        def __getattr__(self, name: str) -> object:
            return getattr(self.journal, name)

    from editchain.runs import running

    bench.write(text.replace("a.png", "b.png"))
    bench.run(file, out="aside")
    with bench.workspace() as workspace:
        from editchain.commands.planned import planned

        plan = planned(workspace, file).plan
        wanted = running.wanted_copies(workspace, workspace.journal, plan)
        dying = Dying(workspace.journal)
        publisher = Publisher(workspace.store, dying, str(bench.root / "out"), str(file), "x")  # type: ignore[arg-type]  # it is a journal in all but name
        with pytest.raises(Dies):
            publisher.publish(wanted, workers=1)
    assert bench.published() == bench.published("aside")
    assert [
        row for row in bench.rows("published") if row["path"].endswith(("out/s.png", "out/s.jpg"))
    ] == older
    # A third picture is wanted now: the file is ours to replace.
    bench.write(text.replace("flip, image: a.png", "flip, image: a.png, direction: vertical"))
    ran = bench.run(file)
    assert ran.report.publication.left_alone == []
    assert len(ran.report.publication.written) == 1
    assert bench.run(file, prune=True).report.publication.pruned == []
    assert list((bench.root / ".editchain/publishing").iterdir()) == []


def published_copies(bench: Bench, store: Store, pictures: list[bytes]) -> Publication:
    """Publishes bytes as they are, with two workers."""
    with bench.workspace() as workspace:
        publisher = Publisher(store, workspace.journal, str(bench.root / "out"), "p.yaml", None)
        copies = [
            Copy(f"{number}.png", store.put(data, durable=False), None, None, False, "o", "s", Mark("none"))
            for number, data in enumerate(pictures)
        ]
        return publisher.publish(copies, workers=2)


def test_large_files_are_written_two_at_a_time_and_small_ones_by_one_thread(bench: Bench) -> None:
    both_write, threads = threading.Barrier(2), set()
    (bench.root / "out").mkdir()

    def opened(path: str, flags: int, mode: int) -> int:
        if path.startswith(str(bench.root / "out")):
            threads.add(threading.get_ident())
            if is_large:
                both_write.wait(60)  # for ever, were there one thread
        return os.open(path, flags, mode)

    for is_large in (True, False):
        threads.clear()
        pictures = [bytes([number]) * (recording.LARGE_BYTES if is_large else 9) for number in range(6)]
        with Store(bench.root / ".editchain", disk=replace(DISK, open=opened)) as store:
            publication = published_copies(bench, store, pictures)
        assert publication.written == [str(bench.root / f"out/{number}.png") for number in range(6)]
        assert [(bench.root / f"out/{number}.png").read_bytes() for number in range(6)] == pictures
        assert len(threads) == (2 if is_large else 1)


def test_no_more_files_are_read_than_fit_into_memory_together(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read is written before much more is."""
    monkeypatch.setattr(recording, "HELD_BYTES", 2 * recording.LARGE_BYTES)
    counting = threading.Lock()
    held, most = 0, 0

    class Counting(Store):
        def read(self, digest: bytes) -> bytes:
            nonlocal held, most
            with counting:
                held += 1
                most = max(most, held)
            return super().read(digest)

        def publish(self, digest: bytes, target: str, data: bytes | None = None) -> os.stat_result:
            nonlocal held
            with counting:
                held -= 1
            return super().publish(digest, target, data)

    with Counting(bench.root / ".editchain") as store:
        pictures = [bytes([number]) * recording.LARGE_BYTES for number in range(20)]
        assert len(published_copies(bench, store, pictures).written) == 20
    assert held == 0
    assert most <= 8


def test_threads_begin_no_more_than_they_can_do() -> None:
    begun = []

    def numbers() -> Iterator[int]:
        for number in range(100):
            begun.append(number)
            yield number

    with Threads(2) as threads:
        made = threads.each(lambda number: number * number, numbers())
        assert next(made) == 0
        assert len(begun) <= 4
        assert [*made] == [number * number for number in range(1, 100)]


def test_threads_begin_nothing_after_a_failure() -> None:
    begun = []

    def fail(number: int) -> None:
        begun.append(number)
        raise OSError(number)

    with Threads(2) as threads, pytest.raises(OSError, match="0"):
        list(threads.each(fail, range(100)))
    assert len(begun) <= 3
