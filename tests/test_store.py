"""The store keeps bytes by their digest, and says when it cannot."""

# The store takes and gives paths as text.

from __future__ import annotations

import dataclasses
import errno
import os
import resource
import stat
import subprocess
import sys
import threading
from hashlib import sha256
from pathlib import Path

import pytest

from editchain import platform
from editchain.errors import StoreError
from editchain.platform import DISK, Disk
from editchain.store import DamagedObject, MissingObject, Store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / ".editchain"


@pytest.fixture
def store(folder: Path) -> Store:
    return Store(folder)


def everything(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


class Counting:
    """A disk that keeps a list of its calls and fails the n-th."""

    def __init__(self, fail_at: int | None = None, number: int = errno.EIO) -> None:
        self.calls: list[str] = []
        self._fail_at = fail_at
        self._number = number

    def disk(self) -> Disk:
        return Disk(**{field.name: self._wrap(field.name) for field in dataclasses.fields(Disk)})

    def _wrap(self, name: str) -> object:
        real = getattr(DISK, name)

        def call(*values: object) -> object:
            self.calls.append(name)
            if self._fail_at == len(self.calls) - 1:
                raise OSError(self._number, os.strerror(self._number))
            return real(*values)

        return call


# Objects


@pytest.mark.parametrize("durable", [False, True])
def test_bytes_come_back_by_the_digest_of_their_content(store: Store, durable: bool) -> None:
    digest = store.put(b"picture", durable=durable)
    assert digest == sha256(b"picture").digest()
    assert store.read(digest) == b"picture"
    assert store.has(digest)
    assert store.size(digest) == 7


def test_an_object_lies_under_the_first_two_letters_of_its_digest(store: Store, folder: Path) -> None:
    name = store.put(b"picture", durable=False).hex()
    assert (folder / "objects" / name[:2] / name[2:]).read_bytes() == b"picture"


def test_a_store_that_was_not_written_leaves_nothing_behind(store: Store, folder: Path) -> None:
    assert not store.has(b"\0" * 32)
    assert list(store.digests()) == []
    assert store.sweep() == 0
    assert not folder.exists()


def test_the_folder_keeps_itself_out_of_git(store: Store, folder: Path) -> None:
    store.put(b"picture", durable=False)
    assert (folder / ".gitignore").read_text() == "*\n"


def test_what_is_there_is_not_written_again(folder: Path) -> None:
    Store(folder).put(b"picture", durable=False)
    counting = Counting()
    Store(folder, disk=counting.disk()).put(b"picture", durable=False)
    assert counting.calls == []


def test_paid_bytes_are_flushed_before_and_after_they_get_their_name(folder: Path) -> None:
    counting = Counting()
    Store(folder, disk=counting.disk()).put(b"picture", durable=True)
    assert counting.calls == [
        "open", "write", "flush", "close", "replace", "flush_folder", "flush_folder", "flush_folder",
    ]  # fmt: skip


def test_free_bytes_are_not_flushed(folder: Path) -> None:
    counting = Counting()
    Store(folder, disk=counting.disk()).put(b"picture", durable=False)
    assert counting.calls == ["open", "write", "close", "replace"]


def test_paid_bytes_that_lay_there_as_free_ones_are_flushed(folder: Path) -> None:
    Store(folder).put(b"picture", durable=False)
    counting = Counting()
    Store(folder, disk=counting.disk()).put(b"picture", durable=True)
    assert counting.calls[0] == "flush"
    assert "flush_folder" in counting.calls


def test_paid_bytes_replace_damaged_ones_of_the_same_name_and_length(store: Store) -> None:
    digest = store.put(b"picture", durable=False)
    damage(store, digest, b"PICTURE")
    store.put(b"picture", durable=True)
    assert store.read(digest) == b"picture"


def test_bytes_that_a_power_cut_left_empty_are_replaced(store: Store) -> None:
    digest = store.put(b"picture", durable=False)
    damage(store, digest, b"")
    store.put(b"picture", durable=False)
    assert store.read(digest) == b"picture"


def damage(store: Store, digest: bytes, data: bytes) -> None:
    path = Path(store.path(digest))
    path.chmod(0o644)
    path.write_bytes(data)


def test_a_damaged_object_is_set_aside_and_named(store: Store, folder: Path) -> None:
    digest = store.put(b"picture", durable=False)
    damage(store, digest, b"pictures")
    with pytest.raises(DamagedObject, match=digest.hex()) as caught:
        store.read(digest)
    assert caught.value.digest == digest
    assert (folder / "quarantine" / digest.hex()).read_bytes() == b"pictures"
    assert not store.has(digest)
    with pytest.raises(MissingObject):
        store.read(digest)


def test_a_missing_object_is_named(store: Store) -> None:
    with pytest.raises(MissingObject, match="00" * 32) as caught:
        store.read(b"\0" * 32)
    assert caught.value.digest == b"\0" * 32
    with pytest.raises(MissingObject):
        store.size(b"\0" * 32)


def test_digests_are_listed_and_leftovers_are_not(store: Store, folder: Path) -> None:
    digests = [store.put(bytes([number]), durable=False) for number in range(20)]
    (folder / "objects" / digests[0].hex()[:2] / ".editchain-1-2-3.tmp").write_bytes(b"half")
    assert list(store.digests()) == sorted(digests)


def test_removing_says_whether_there_was_something(store: Store) -> None:
    digest = store.put(b"picture", durable=False)
    assert store.remove(digest)
    assert not store.remove(digest)


def test_only_what_nobody_wanted_lately_is_removed(store: Store) -> None:
    digest = store.put(b"picture", durable=False)
    moment = Path(store.path(digest)).stat().st_mtime
    assert store.remove_if_older(digest, moment) is None
    assert store.has(digest)
    assert store.remove_if_older(digest, moment + 1) == 7
    assert not store.has(digest)


def test_putting_again_counts_as_wanting(store: Store) -> None:
    digest = store.put(b"picture", durable=False)
    os.utime(store.path(digest), (1, 1))
    store.put(b"picture", durable=False)
    assert store.remove_if_older(digest, 1000.0) is None
    assert store.has(digest)


def test_what_is_wanted_while_it_is_being_removed_stays(folder: Path) -> None:
    other = Store(folder)
    digest = other.put(b"picture", durable=False)
    os.utime(other.path(digest), (1, 1))

    def replace(source: str, target: str) -> None:
        os.utime(source)  # another process puts the same bytes at this very moment
        os.replace(source, target)

    store = Store(folder, disk=dataclasses.replace(DISK, replace=replace))
    assert store.remove_if_older(digest, 1000.0) is None
    assert store.read(digest) == b"picture"


def test_many_threads_may_put_the_same_bytes(store: Store, folder: Path) -> None:
    def work() -> None:
        for number in range(100):
            store.put(str(number).encode(), durable=False)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(store.read, store.digests())) == sorted(str(number).encode() for number in range(100))
    assert not [name for name in everything(folder) if name.endswith(".tmp")]


# Published copies


def test_a_published_copy_is_a_file_of_its_own(store: Store, tmp_path: Path) -> None:
    digest = store.put(b"picture", durable=False)
    target = tmp_path / "out" / "deep" / "night.png"
    status = store.publish(digest, str(target))
    assert target.read_bytes() == b"picture"
    assert status.st_nlink == 1
    assert status.st_ino != Path(store.path(digest)).stat().st_ino
    found = target.stat()
    assert (status.st_mtime_ns, status.st_ctime_ns, status.st_ino) == (
        found.st_mtime_ns, found.st_ctime_ns, found.st_ino,
    )  # fmt: skip
    assert os.listdir(target.parent) == ["night.png"]


def test_a_published_copy_may_be_edited_by_its_owner(store: Store, tmp_path: Path) -> None:
    store.publish(store.put(b"picture", durable=False), str(tmp_path / "night.png"))
    assert (tmp_path / "night.png").stat().st_mode & stat.S_IWUSR


def test_encoded_bytes_are_published_without_an_object(store: Store, tmp_path: Path) -> None:
    store.publish_bytes(b"as jpeg", str(tmp_path / "night.jpg"))
    assert (tmp_path / "night.jpg").read_bytes() == b"as jpeg"
    assert list(store.digests()) == []


def test_publishing_replaces_a_link_and_leaves_what_it_points_at(store: Store, tmp_path: Path) -> None:
    precious = tmp_path / "precious.png"
    precious.write_bytes(b"precious")
    target = tmp_path / "night.png"
    target.symlink_to(precious)
    store.publish(store.put(b"picture", durable=False), str(target))
    assert precious.read_bytes() == b"precious"
    assert not target.is_symlink()
    assert target.read_bytes() == b"picture"


def test_a_damaged_object_is_not_published(store: Store, tmp_path: Path) -> None:
    digest = store.put(b"picture", durable=False)
    damage(store, digest, b"pictur3")
    with pytest.raises(DamagedObject):
        store.publish(digest, str(tmp_path / "night.png"))
    assert not (tmp_path / "night.png").exists()


def test_a_folder_in_the_way_is_named(store: Store, tmp_path: Path) -> None:
    (tmp_path / "night.png").mkdir()
    with pytest.raises(StoreError, match=r"night\.png is a folder"):
        store.publish_bytes(b"picture", str(tmp_path / "night.png"))
    assert os.listdir(tmp_path / "night.png") == []
    assert not list(tmp_path.glob(".editchain-*"))


@pytest.mark.parametrize("count", [1, 40])
def test_published_files_are_flushed_together(folder: Path, tmp_path: Path, count: int) -> None:
    counting = Counting()
    store = Store(folder, disk=counting.disk())
    for number in range(count):
        store.publish_bytes(b"picture", str(tmp_path / f"{number}.png"))
    assert "flush" not in counting.calls
    store.sync()
    # Beyond a few, the whole file system is flushed at once.
    assert counting.calls.count("flush") == (count if count < 32 else 0)
    del counting.calls[:]
    store.sync()
    assert counting.calls == []


def test_flushing_a_file_that_is_gone_is_no_error(store: Store, tmp_path: Path) -> None:
    store.publish_bytes(b"picture", str(tmp_path / "night.png"))
    (tmp_path / "night.png").unlink()
    store.sync()


# Leftovers

DIES = """
import os, sys
from editchain.platform import DISK
from editchain.store import Store
import dataclasses

def dies(source, target):
    os._exit(9)

store = Store(sys.argv[1], disk=dataclasses.replace(DISK, replace=dies))
if sys.argv[2] == "put":
    store.put(b"half", durable=False)
elif sys.argv[2] == "check":
    Store(sys.argv[1], disk=dataclasses.replace(DISK, unlink=lambda _path: os._exit(9))).refuse_unwritable(0)
elif sys.argv[2] == "beside":
    open(store.temporary_beside(sys.argv[3]), "w").close()
    os._exit(9)
else:
    store.publish_bytes(b"half", sys.argv[2])
"""


def die(folder: Path, *what: str) -> None:
    done = subprocess.run([sys.executable, "-c", DIES, str(folder), *what], check=False)
    assert done.returncode == 9


def test_what_a_dead_writer_left_is_swept(store: Store, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out" / "ünïcode"
    die(folder, "put")
    die(folder, str(out / "night.png"))
    assert len([name for name in everything(folder) if name.endswith(".tmp")]) == 1
    assert len(os.listdir(out)) == 1
    assert store.sweep() == 2
    assert not [name for name in everything(folder) if name.endswith(".tmp")]
    assert os.listdir(out) == []
    assert os.listdir(folder / "writers") == []


def test_what_one_left_that_died_while_it_looked_whether_it_can_write_is_swept(
    store: Store, folder: Path
) -> None:
    die(folder, "check")
    assert [name for name in everything(folder) if name.endswith(".tmp")]
    assert store.has_leftovers()
    assert store.sweep() == 1
    assert not [name for name in everything(folder) if name.endswith(".tmp")]
    assert not store.has_leftovers()


def test_what_was_to_become_another_file_is_swept(store: Store, folder: Path, tmp_path: Path) -> None:
    recipes = tmp_path / "recipes"
    recipes.mkdir()
    die(folder, "beside", str(recipes / "p.lock.jsonl"))
    assert len(os.listdir(recipes)) == 1
    assert store.sweep() == 1
    assert os.listdir(recipes) == []


def test_what_a_living_writer_is_at_is_not_swept(folder: Path) -> None:
    seen: list[int] = []
    other = Store(folder)

    def replace(source: str, target: str) -> None:
        seen.append(other.sweep())
        os.replace(source, target)

    store = Store(folder, disk=dataclasses.replace(DISK, replace=replace))
    die(folder, "put")
    digest = store.put(b"picture", durable=False)
    assert seen == [1]  # the dead one's
    assert store.read(digest) == b"picture"


def test_closing_leaves_no_sign_of_life(store: Store, folder: Path) -> None:
    with store:
        store.put(b"picture", durable=False)
        assert len(os.listdir(folder / "writers")) == 1
    assert os.listdir(folder / "writers") == []
    store.put(b"another", durable=False)  # it may go on
    store.close()


# Trouble with the disk


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "is full: make room"),
        (errno.EDQUOT, "quota"),
        (errno.EROFS, "read-only file system"),
        (errno.EACCES, "may not be written by this user"),
        (errno.EIO, "reports an error"),
        (errno.EINVAL, "Invalid argument"),
    ],
)
def test_the_disks_no_is_said_in_a_sentence_that_names_the_path(
    folder: Path, number: int, words: str
) -> None:
    store = Store(folder, disk=Counting(1, number).disk())
    with pytest.raises(StoreError, match=words) as caught:
        store.put(b"picture", durable=False)
    assert str(folder) in str(caught.value)
    assert caught.value.exit_code == 5


def test_a_failure_at_any_moment_leaves_nothing_half_done(tmp_path: Path) -> None:
    def work(store: Store) -> None:
        digest = store.put(b"picture", durable=True)
        store.publish(digest, str(store.folder.parent / "out" / "night.png"))
        store.sync()

    whole = Counting()
    work(Store(tmp_path / "whole" / ".editchain", disk=whole.disk()))
    assert len(whole.calls) > 10
    for moment in range(len(whole.calls)):
        folder = tmp_path / str(moment) / ".editchain"
        with Store(folder, disk=Counting(moment, errno.ENOSPC).disk()) as store, pytest.raises(StoreError):
            work(store)
        # The one name that cannot go is that of a file whose removal fails too, and nothing fails twice here.
        assert not [name for name in everything(folder.parent) if name.endswith(".tmp")], whole.calls[moment]
        again = Store(folder)
        work(again)
        assert again.read(sha256(b"picture").digest()) == b"picture"
        assert (folder.parent / "out" / "night.png").read_bytes() == b"picture"


def test_a_write_that_is_taken_in_parts_is_whole(folder: Path) -> None:
    def write(descriptor: int, data: bytes | memoryview) -> int:
        return os.write(descriptor, data[:3])

    store = Store(folder, disk=dataclasses.replace(DISK, write=write))
    assert store.read(store.put(b"a longer picture", durable=False)) == b"a longer picture"


LIMITED = """
import resource, sys
from editchain.errors import StoreError
from editchain.store import Store

resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
try:
    Store(sys.argv[1]).put(b"x" * 5000, durable=True)
except StoreError as error:
    print(error)
"""


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="needs a limit on file sizes")
def test_the_systems_own_limit_is_a_sentence_too(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(folder)], capture_output=True, text=True, check=True
    )
    assert "may not grow larger here" in done.stdout
    assert not [name for name in everything(folder) if name.endswith(".tmp")]


def test_a_store_that_cannot_be_written_is_found_out_before(folder: Path) -> None:
    Store(folder).check()
    with pytest.raises(StoreError, match="read-only file system"):
        Store(folder, disk=Counting(0, errno.EROFS).disk()).check()
    assert list(Store(folder).digests()) == []
    assert Store(folder).free_bytes() > 0


# What differs by platform

MOUNTS = """\
22 1 259:0 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:40 / /mnt/team rw,relatime - nfs4 server:/team rw
31 22 0:41 / /mnt/my\\040disk rw - fuse.sshfs me@host: rw
32 30 0:42 / /mnt/team/local rw - tmpfs tmpfs rw
33 22 0:43 / /covered rw - ext4 /dev/sdb rw
34 22 0:44 / /covered rw - cifs //server/share rw
not a line of this kind
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/me", "ext4"),
        ("/mnt/team", "nfs4"),
        ("/mnt/team/a/b", "nfs4"),
        ("/mnt/teamwork", "ext4"),
        ("/mnt/my disk/x", "fuse.sshfs"),
        ("/mnt/team/local/x", "tmpfs"),
        ("/covered/x", "cifs"),
    ],
)
def test_the_kind_of_a_file_system_is_that_of_the_nearest_mount(path: str, kind: str) -> None:
    assert platform.mounted_kind(MOUNTS, path) == kind


def test_disks_of_every_day_are_not_taken_for_the_network() -> None:
    every_day = {
        "ext4",
        "xfs",
        "btrfs",
        "zfs",
        "tmpfs",
        "overlay",
        "f2fs",
        "apfs",
        "9p",
        "virtiofs",
        "fuseblk",
    }
    assert not every_day & platform.NETWORK_FILE_SYSTEMS
    assert {"nfs", "nfs4", "cifs", "smb3", "fuse.sshfs"} <= platform.NETWORK_FILE_SYSTEMS


@pytest.mark.skipif(sys.platform != "linux", reason="the others do not say")
def test_this_file_system_has_a_kind(tmp_path: Path) -> None:
    assert platform.file_system(str(tmp_path))
