"""A living process is known by the file it holds, and so is who holds the mutex."""

from __future__ import annotations

import multiprocessing
import os
import threading
from typing import TYPE_CHECKING

import pytest

from editchain import platform
from editchain.errors import StoreError
from editchain.journal import presence
from editchain.journal.presence import Mutex, Presence

if TYPE_CHECKING:
    from pathlib import Path


def test_a_process_is_present_until_it_ends(tmp_path: Path) -> None:
    present = Presence.announce(str(tmp_path))
    assert presence.is_alive(present.path)
    assert presence.dead(str(tmp_path)) == []
    present.end()
    assert not presence.is_alive(present.path)
    assert list(tmp_path.iterdir()) == []
    present.end()


def test_a_file_that_nobody_holds_is_a_dead_ones(tmp_path: Path) -> None:
    (tmp_path / "1-gone").touch()
    with_life = Presence.announce(str(tmp_path))
    assert presence.dead(str(tmp_path)) == [f"{tmp_path}/1-gone"]
    presence.forget(f"{tmp_path}/1-gone")
    presence.forget(f"{tmp_path}/1-gone")
    assert [path.name for path in tmp_path.iterdir()] == [with_life.id]
    with_life.end()
    assert presence.dead(f"{tmp_path}/nothing") == []


def test_two_who_ask_at_once_do_not_take_each_other_for_the_holder(tmp_path: Path) -> None:
    (tmp_path / "1-gone").touch()
    descriptor = os.open(tmp_path / "1-gone", os.O_RDONLY)
    assert platform.try_lock(descriptor, shared=True)
    assert not presence.is_alive(f"{tmp_path}/1-gone")
    os.close(descriptor)


def test_one_who_turns_out_to_be_alive_is_not_forgotten(tmp_path: Path) -> None:
    present = Presence.announce(str(tmp_path))
    presence.forget(present.path)
    assert presence.is_alive(present.path)
    present.end()


def test_the_mutex_lets_one_in_at_a_time(tmp_path: Path) -> None:
    inside = 0
    most = 0

    def work() -> None:
        nonlocal inside, most
        mutex = Mutex(str(tmp_path / "mutex"), "test")
        for _ in range(50):
            with mutex.held():
                inside += 1
                most = max(most, inside)
                inside -= 1
        mutex.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_a_mutex_that_nobody_gives_back_names_its_holder(tmp_path: Path) -> None:
    holder = Mutex(str(tmp_path / "mutex"), "process 12 on desk")
    waiting = Mutex(str(tmp_path / "mutex"), "process 13 on desk", timeout_seconds=0.0)
    with holder.held(), pytest.raises(StoreError, match="held by process 12 on desk"), waiting.held():
        pass
    with waiting.held():
        assert waiting.holder() == "process 13 on desk"
    holder.close()
    waiting.close()


def test_a_mutex_in_no_folder_is_trouble_with_the_store(tmp_path: Path) -> None:
    with (
        pytest.raises(StoreError, match="nothing"),
        Mutex(str(tmp_path / "nothing" / "mutex"), "test").held(),
    ):
        pass


def hold(path: str, ready: multiprocessing.synchronize.Event) -> None:
    with Mutex(path, "child").held():
        ready.set()
        threading.Event().wait()


def test_the_mutex_of_a_killed_process_is_free(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    child = context.Process(target=hold, args=(str(tmp_path / "mutex"), ready))
    child.start()
    assert ready.wait(30)
    mutex = Mutex(str(tmp_path / "mutex"), "parent", timeout_seconds=0.0)
    with pytest.raises(StoreError, match="child"), mutex.held():
        pass
    child.kill()
    child.join()
    with mutex.held():
        pass
    mutex.close()
    child.close()
