"""A run writes its lock, is held to it, and knows by it what was bought elsewhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.commands.shop import RECIPE
from tests.workbench import paint, unmarked

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.commands.conftest import Said
    from tests.commands.shop import Shop

    Call = Callable[..., Said]


def summary(call: Call, *arguments: str) -> dict[str, Any]:
    """The numbers of a plan."""
    found: dict[str, Any] = call("plan", "p.yaml", "--json", *arguments).document("plan")["summary"]
    return found


def states(call: Call) -> dict[str, str]:
    """The state of every task."""
    document = call("plan", "p.yaml", "--json").document("plan")
    return {one["task"]: one["state"] for one in document["tasks"]}


def empty(shop: Shop) -> None:
    """Everything that was made is gone, the lock stays."""
    shutil.rmtree(shop.folder / ".editchain")
    shutil.rmtree(shop.folder / "out", ignore_errors=True)


# ---------------------------------------------------------------------- what is written


def test_a_run_writes_a_line_a_task_without_time_price_or_path(shop: Shop, call: Call) -> None:
    assert call("run", "p.yaml").code == 0
    lines = {line.task: line for line in shop.lock.lines}
    assert set(lines) == {
        "night[time=dusk]", "night[time=dawn]", "small[time=dusk]", "small[time=dawn]", "again",
    }  # fmt: skip
    night = lines["night[time=dusk]"]
    assert (night.kind, night.name, night.route, night.seed, night.take) == (
        "model",
        "flux-kontext",
        "scenario",
        7,
        1,
    )
    assert night.request_key is not None
    assert (lines["small[time=dusk]"].name, lines["small[time=dusk]"].route) == ("resize", None)
    text = shop.place.read_text()
    assert str(shop.folder) not in text
    assert [line.split('"')[3] for line in text.splitlines()[1:]] == sorted(lines)


def test_a_run_with_nothing_new_leaves_the_file_alone_and_writes_one_that_is_gone(
    shop: Shop, call: Call
) -> None:
    call("run", "p.yaml")
    text, inode = shop.place.read_bytes(), shop.place.stat().st_ino
    assert call("run", "p.yaml").code == 0
    assert shop.place.stat().st_ino == inode
    shop.place.unlink()
    assert call("run", "p.yaml").code == 0
    assert shop.place.read_bytes() == text
    assert shop.calls == 3


def test_a_changed_prompt_replaces_its_lines_and_a_task_that_went_takes_its_line_along(
    shop: Shop, call: Call
) -> None:
    call("run", "p.yaml")
    before = {line.task: line.key for line in shop.lock.lines}
    shop.write(RECIPE.replace("Make it $time", "Make it very $time"))
    call("run", "p.yaml")
    after = {line.task: line.key for line in shop.lock.lines}
    assert after.keys() == before.keys()
    assert all(after[task] != key for task, key in before.items())
    shop.write(RECIPE.replace("[dusk, dawn]", "[dusk]"))
    call("run", "p.yaml")
    assert {line.task for line in shop.lock.lines} == {"night[time=dusk]", "small[time=dusk]", "again"}


def test_a_partial_run_keeps_the_other_lines(shop: Shop, call: Call) -> None:
    call("run", "p.yaml")
    before = shop.lock
    shop.write(RECIPE.replace("Add a lamp", "Add two lamps").replace("width: 8", "width: 9"))
    assert call("run", "p.yaml", "--until", "small").code == 0
    after = {line.task: line for line in shop.lock.lines}
    assert len(after) == 5
    assert after["again"] in before.lines
    assert after["small[time=dusk]"] not in before.lines
    assert shop.calls == 3


def test_a_failed_task_keeps_its_old_line(shop: Shop, call: Call) -> None:
    call("run", "p.yaml")
    before = {line.task: line for line in shop.lock.lines}
    shop.write(
        RECIPE.replace(
            "operation: resize, image: $night, width: 8",
            "operation: crop, image: $night, box: [90, 90, 99, 99]",
        )
    )
    said = call("run", "p.yaml")
    assert said.code == 1, said.err
    assert set(before.values()) == set(shop.lock.lines)


def test_a_run_over_other_photos_adds_its_lines_and_takes_none(shop: Shop, call: Call) -> None:
    call("run", "p.yaml")
    own = set(shop.lock.lines)
    paint(shop.folder / "b.png", (1, 2, 3), size=(32, 24))
    paint(shop.folder / "c.png", (3, 2, 1), size=(32, 24))
    several = ("-i", "photo=b.png", "-i", "photo=c.png")
    assert call("run", "p.yaml", *several).code == 0
    assert own < set(shop.lock.lines)
    assert len(shop.lock.lines) == 15
    # one photo in the place of the recipe's own: the same tasks under other keys, here from the store
    assert call("run", "p.yaml", "-i", "photo=b.png").code == 0
    assert len(shop.lock.lines) == 20
    assert call("run", "p.yaml", "--locked", "-i", "photo=b.png", "-o", "b").code == 0
    assert call("run", "p.yaml", "--locked", "-o", "a").code == 0
    # the recipe itself takes away what it does not ask for, but not what other photos gave
    assert call("run", "p.yaml").code == 0
    assert len(shop.lock.lines) == 15
    assert call("run", "p.yaml", "--locked", *several, "-o", "both").code == 0


# ---------------------------------------------------------------------- known


def test_what_the_lock_knows_names_what_follows_and_is_priced(shop: Shop, call: Call) -> None:
    call("run", "p.yaml")
    keys = {line.task: line.key for line in shop.lock.lines}
    empty(shop)
    document = call("plan", "p.yaml", "--json").document("plan")
    found = {one["task"]: one for one in document["tasks"]}
    assert {task: one["key"] for task, one in found.items()} == {
        task: key.hex() for task, key in keys.items()
    }
    # small is made again, from night; again is known by itself
    assert states(call) == {
        "night[time=dusk]": "known", "night[time=dawn]": "known", "again": "known",
        "small[time=dusk]": "run", "small[time=dawn]": "run",
    }  # fmt: skip
    rebuying = document["summary"]["rebuying"]
    assert (document["summary"]["known"], document["summary"]["calls"], rebuying["calls"]) == (3, 0, 3)
    assert rebuying["price"][0]["most"] != "0"
    said = call("plan", "p.yaml")
    assert (said.code, "5 tasks · 0 cached · 3 known · 2 to run" in said.out) == (10, True)
    assert "buying again what that does not have would be 3 calls at the most" in said.err
    assert "3 known" in call("plan", "p.yaml", "--format", "markdown").out


def test_buying_again_is_priced_with_what_it_needs(shop: Shop, call: Call) -> None:
    """Only `again` is published here; where it is lost, the picture that it takes has to be bought as well."""
    shop.write(
        RECIPE.replace('  small: {from: $small, path: "{time}.png"}\n', "").replace("[dusk, dawn]", "[dusk]")
    )
    call("run", "p.yaml")
    empty(shop)
    found = summary(call)
    assert (found["known"], found["rebuying"]["calls"], found["rebuying"]["price"][0]["most"]) == (1, 2, "32")
    assert call("run", "p.yaml", "--rebuy").code == 0
    assert shop.calls == 4


def test_a_lost_picture_is_not_bought_again_until_a_person_says_so(shop: Shop, call: Call) -> None:
    call("run", "p.yaml")
    before = {line.task: line for line in shop.lock.lines}
    empty(shop)
    said = call("run", "p.yaml")
    assert (said.code, shop.calls) == (3, 3)
    assert "3 pictures are known and not here: night[time=dusk]" in said.err
    assert "--rebuy" in said.err
    assert not (shop.folder / "out").exists()
    assert call("run", "p.yaml", "--rebuy").code == 0
    assert shop.calls == 6
    after = {line.task: line for line in shop.lock.lines}
    assert after["night[time=dusk]"].key == before["night[time=dusk]"].key
    assert (
        after["night[time=dusk]"].digest != before["night[time=dusk]"].digest
    )  # this vendor never repeats itself
    assert call("run", "p.yaml", "--locked", "--offline").code == 0


def test_a_picture_that_only_the_journal_knows_is_not_bought_again_either(shop: Shop, call: Call) -> None:
    call("run", "p.yaml")
    digest = next(line.digest.hex() for line in shop.lock.lines if line.task == "again")
    shop.place.unlink()
    os.unlink(shop.folder / ".editchain/objects" / digest[:2] / digest[2:])
    (shop.folder / "out/again.png").unlink()
    said = call("run", "p.yaml")
    assert (said.code, shop.calls) == (3, 3)
    assert "A picture is known and not here: again" in said.err
    said = call("run", "p.yaml", "--rebuy")
    assert (said.code, shop.calls) == (0, 4), said.err


def test_a_new_release_of_a_model_buys_nothing_again(
    shop: Shop, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    call("run", "p.yaml")
    # The release: the same document under another version, in the package's place.
    from editchain import models

    read = models.read

    def released(path: Path) -> Any:
        document = read(path)
        known = document["x-editchain"]
        if path.name in ("flux-kontext.json", "resize.json"):
            key = "version" if "version" in known else "behaviour"
            known = {**known, key: "2099" if key == "version" else 99}
        return {**document, "x-editchain": known}

    monkeypatch.setattr(models, "read", released)
    text = shop.place.read_bytes()
    assert set(states(call).values()) == {"cached"}
    assert call("run", "p.yaml").code == 0
    assert (shop.calls, shop.place.read_bytes()) == (3, text)
    assert call("run", "p.yaml", "--locked").code == 0
    # what is new goes by the new version, and what hangs on it
    shop.write(RECIPE.replace("Add a lamp", "Add two lamps"))
    assert states(call)["again"] == "run"
    assert call("run", "p.yaml").code == 0
    assert shop.calls == 4
    versions = {line.task: line.version for line in shop.lock.lines}
    assert versions["again"] == "2099"
    assert versions["night[time=dusk]"] != "2099"
    # without the lock, nothing says that the old pictures still count
    shop.place.unlink()
    assert states(call)["night[time=dusk]"] == "run"


def test_the_picture_of_the_lock_counts_where_another_is_stored(shop: Shop, call: Call) -> None:
    """As when a colleague made it anew: the lock came by git, the picture with a copy of the store."""
    call("run", "p.yaml")
    lines = {line.task: line for line in shop.lock.lines}
    theirs = lines["night[time=dawn]"].digest.hex()
    shop.place.write_text(shop.place.read_text().replace(lines["again"].digest.hex(), theirs))
    assert call("run", "p.yaml").code == 0
    stored = shop.folder / ".editchain/objects" / theirs[:2] / theirs[2:]
    assert unmarked(shop.published()["again.png"]) == stored.read_bytes()
    assert shop.calls == 3


# ---------------------------------------------------------------------- --locked and --offline


def test_locked_refuses_what_is_not_in_the_lock_and_names_what_differs(shop: Shop, call: Call) -> None:
    said = call("run", "p.yaml", "--locked")
    assert (said.code, shop.calls) == (3, 0)
    assert "night[time=dusk]: the lock does not have it" in said.err
    call("run", "p.yaml")
    shop.write(RECIPE.replace("dawn", "noon").replace("Make it", "Make it a"))
    said = call("run", "p.yaml", "--locked")
    assert (said.code, shop.calls) == (3, 3)
    assert "night[time=dusk]: prompt changed" in said.err
    assert "night[time=noon]: the lock does not have it" in said.err
    assert "and 3 tasks that follow" in said.err
    shop.write(RECIPE.replace("seed: 3", "seed: 3, provider_options: {scenario: {x: 1}}"))
    empty(shop)
    assert "again: its prompt, another field" in call("run", "p.yaml", "--locked").err
    shop.write(RECIPE.replace("seed: 3", "take: 2"))
    assert "again: take 1 became 2" in call("run", "p.yaml", "--locked").err


def test_locked_looks_at_what_is_wanted_only(shop: Shop, call: Call) -> None:
    call("run", "p.yaml")
    shop.write(RECIPE.replace("Add a lamp", "Add two lamps"))
    call("run", "p.yaml")
    shop.git("checkout", "-q", "p.yaml")
    call("run", "p.yaml")
    shop.write(RECIPE.replace("Add a lamp", "Add two lamps"))
    # stored, but not as the lock has it
    assert call("run", "p.yaml", "--locked").code == 3
    assert call("run", "p.yaml", "--locked", "--until", "small").code == 0
    shop.write(
        RECIPE.replace("Add a lamp", "Add two lamps").replace(
            "  again: {from: $again, path: again.png}\n", ""
        )
    )
    assert call("run", "p.yaml", "--locked").code == 0


def test_why_speaks_of_what_is_known(shop: Shop, call: Call) -> None:
    call("run", "p.yaml")
    empty(shop)
    said = call("why", "p.yaml", "again")
    assert (said.code, "again is known, and its picture is not here: " in said.out) == (0, True)
    assert call("why", "p.yaml", "again", "--json").document("why")["state"] == "known"


def test_locked_refuses_a_remade_picture_that_is_another(shop: Shop, call: Call) -> None:
    call("run", "p.yaml")
    lines = {line.task: line for line in shop.lock.lines}
    small, other = lines["small[time=dusk]"].digest.hex(), "ab" * 32
    shop.place.write_text(shop.place.read_text().replace(small, other))
    said = call("run", "p.yaml")
    assert said.code == 0
    assert other in shop.place.read_text()  # a fact of the lock stays: no two machines rewrite each other's
    said = call("run", "p.yaml", "--locked")
    assert said.code == 3
    assert "small[time=dusk]: the lock names another picture" in said.err
    assert call("run", "p.yaml", "--fresh", "small").code == 0
    assert small in shop.place.read_text()
    assert call("run", "p.yaml", "--locked").code == 0


WATCHING = """
import sys
def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.bind") or (
        event == "socket.__new__" and arguments[1] not in (0, 1)
    ):
        sys.stderr.write(f"OPENED {event} {arguments[1:]}\\n")
sys.addaudithook(watch)
from dataclasses import replace
from editchain.providers import scenario
scenario.capabilities = replace(scenario.capabilities, poll_seconds=0.02)
from editchain.cli import main
sys.argv[0] = "editchain"
main()
"""
"""The command, telling of every socket but the pair that an event loop wakes itself with (AF_UNIX)."""


def watched(shop: Shop, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WATCHING, *arguments], cwd=shop.folder, capture_output=True, text=True, check=False
    )  # fmt: skip


def test_locked_and_offline_gives_every_output_byte_for_byte_with_no_socket(shop: Shop) -> None:
    first = watched(shop, "run", "p.yaml")
    assert first.returncode == 0, first.stderr
    assert "OPENED" in first.stderr  # it would be seen
    wanted = shop.published()
    shutil.rmtree(shop.folder / "out")
    again = watched(shop, "run", "p.yaml", "--locked", "--offline")
    assert (again.returncode, "OPENED" in again.stderr) == (0, False), again.stderr
    assert shop.published() == wanted
    assert len(wanted) == 3


def test_offline_refuses_calls_and_fetches(shop: Shop, call: Call) -> None:
    said = call("run", "p.yaml", "--offline")
    assert (said.code, shop.calls) == (3, 0)
    assert "3 calls would be needed, for night, again" in said.err
    shop.write("steps: {s: {operation: flip, image: 'https://127.0.0.1/a.png'}}\n")
    said = call("run", "p.yaml", "--offline")
    assert (said.code, "would have to be fetched" in said.err) == (3, True)


@pytest.mark.parametrize(
    "pair", [("--locked", "--rebuy"), ("--locked", "--refresh-inputs"), ("--offline", "--refresh-inputs")]
)
def test_options_that_contradict_each_other(shop: Shop, call: Call, pair: tuple[str, str]) -> None:
    said = call("run", "p.yaml", *pair)
    assert (said.code, "do not go together" in said.err) == (2, True)


# ---------------------------------------------------------------------- addresses


def test_an_address_is_held_to_what_it_gave_first(
    shop: Shop, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = paint(shop.folder / "x.png", (1, 1, 1)).read_bytes()

    async def fetch(url: str, rules: object) -> bytes:
        assert url == "https://example.org/a.png?signature=s3cret"
        return served

    monkeypatch.setattr("editchain.http.fetch", fetch)
    shop.write("steps: {s: {operation: flip, image: 'https://example.org/a.png?signature=s3cret'}}\n")
    assert "https://example.org/a.png is not in p.lock.jsonl" in call("run", "p.yaml", "--locked").err
    said = call("run", "p.yaml")
    assert said.code == 0, said.err
    (held,) = shop.lock.inputs
    assert "s3cret" not in shop.place.read_text()
    served = paint(shop.folder / "y.png", (2, 2, 2)).read_bytes()
    assert call("run", "p.yaml").code == 0
    assert shop.lock.inputs == (held,)
    # a clone knows its key by the lock, and does not take other bytes for it
    empty(shop)
    assert summary(call)["to_run"] == 1
    said = call("run", "p.yaml")
    assert (said.code, "--refresh-inputs takes the new ones" in said.err) == (2, True)
    said = call("run", "p.yaml", "--refresh-inputs")
    assert said.code == 0, said.err
    assert shop.lock.inputs != (held,)
    assert call("run", "p.yaml", "--locked", "--offline").code == 0
