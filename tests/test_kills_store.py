"""Processes that write are killed at random moments: what they reported as durable is there."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from editchain.journal.journal import Journal
from editchain.journal.maintenance import verify
from editchain.journal.repairing import repair
from editchain.store import Store

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("EDITCHAIN_KILLS", "40"))
SEED = int(os.environ.get("EDITCHAIN_SEED", "1"))

# Says on its output, unbuffered, what is durable from then on.
WRITER = """
import os, sys
from hashlib import sha256
from editchain.journal.journal import Call, Journal, Result
from editchain.store import Store

folder, out, name = sys.argv[1:]

def say(*words):
    os.write(1, (" ".join(words) + "\\n").encode())

say("started")
journal = Journal.open(folder, now=lambda: 1.0)
store = Store(folder)
store.sweep()
number = 0
while True:
    key = sha256(f"{name} {number}".encode()).digest()
    call = Call(f"{name}-{number}", key, "bfl", "bfl", "flux", price_most="1", currency="USD")
    assert isinstance(journal.begin_call(call, [key]), Call)
    say("intent", call.id)
    data = key * (1 + number % 300)
    digest = store.put(data, durable=True)
    journal.add_result(Result(key, digest, "image/png", len(data), 1, 1, "model", "flux", "1", key, "bfl",
        None, 1, "{}", call.id, None, 1.0))
    journal.put_call(call._replace(state="done", charged="yes", price_actual="1"))
    free = store.put(b"free" + data, durable=False)
    store.publish(free, f"{out}/{number % 7}/{number}.png")  # each writer over the one before
    if number % 5 == 0:
        journal.commit()
        say("durable", *(f"{name} {n}".replace(" ", ":") for n in range(number + 1)))
    number += 1
"""


def kill_one(folder: Path, out: Path, name: str, seconds: float) -> list[list[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), str(out), name], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    try:
        process.wait(seconds)
        pytest.fail("the writer ended by itself")
    except subprocess.TimeoutExpired:
        process.kill()
    return [line.split() for line in process.communicate()[0].splitlines() if line.count(" ")]


def test_what_was_reported_survives_kills_at_any_moment(tmp_path: Path) -> None:
    moments = random.Random(SEED)
    folder, out = tmp_path / ".editchain", tmp_path / "out"
    durable: set[bytes] = set()
    intents: set[str] = set()
    for number in range(KILLS):
        for words in kill_one(folder, out, f"w{number}", moments.uniform(0.0, 0.5)):
            if words[0] == "intent":
                intents.add(words[1])
            else:
                durable.update(sha256(name.replace(":", " ").encode()).digest() for name in words[1:])
    assert durable
    with Journal.open(folder, now=lambda: 1.0) as journal, Store(folder) as store:
        found = journal.results(durable)
        assert set(found) == durable
        assert all(sha256(store.read(result.digest)).digest() == result.digest for result in found.values())
        assert {call.id for call in journal.calls()} >= intents
        # At most the one at which each was killed is open: its request may be out.
        assert len(journal.open_calls()) <= KILLS
        store.sweep()
        assert list(tmp_path.rglob("*.tmp")) == []
        assert [path.name for path in (folder / "owners").iterdir()] == [journal.owner]
        check = verify(store, journal)
        assert check.damaged == ()
        assert check.missing == ()
        for path in out.rglob("*.png"):
            data = path.read_bytes()
            assert data == b"free" + data[4:36] * (1 + int(path.stem) % 300)
    # The records tell the same.
    (folder / "journal.db").unlink()
    assert repair(folder).lost == ()
    with Journal.open(folder, now=lambda: 1.0) as journal:
        assert set(journal.has_results(durable)) == durable
        assert {call.id for call in journal.calls()} >= intents


def test_two_writers_are_killed_while_they_share_a_store(tmp_path: Path) -> None:
    folder, out = tmp_path / ".editchain", tmp_path / "out"
    moments = random.Random(SEED)
    for number in range(max(KILLS // 8, 2)):
        command = [sys.executable, "-c", WRITER, str(folder), str(out)]
        with subprocess.Popen([*command, f"long{number}"], stdout=subprocess.DEVNULL) as other:
            words = kill_one(folder, out, f"short{number}", moments.uniform(0.2, 0.5))
            # The survivor goes on: the dead one's locks are free.
            other_alive = other.poll() is None
            other.kill()
        assert other_alive
        with Journal.open(folder, now=lambda: 1.0) as journal:
            names = {name for line in words if line[0] == "durable" for name in line[1:]}
            keys = [sha256(name.replace(":", " ").encode()).digest() for name in names]
            assert len(journal.has_results(keys)) == len(keys)
