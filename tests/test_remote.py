"""The remote store: a folder, and a real S3 server."""

from __future__ import annotations

import os
import threading
import time
import urllib.request
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

from editchain.errors import ConfigurationError
from editchain.remote import Folder, RemoteError, remote_of
from editchain.store import Store
from editchain.transferring import Transferred, pull, push

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from editchain.remote import Remote


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """A bucket at moto's server, a process's worth of S3 over a real socket."""
    server = pytest.importorskip("moto.server")
    pytest.importorskip("obstore")
    serving = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    serving.start()
    host, port = serving.get_host_and_port()
    url = f"http://{host}:{port}"
    names = {
        "AWS_ACCESS_KEY_ID": "canary-key", "AWS_SECRET_ACCESS_KEY": "canary-secret", "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": url, "AWS_ALLOW_HTTP": "true",
    }  # fmt: skip
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(names)
    urllib.request.urlopen(urllib.request.Request(f"{url}/shared", method="PUT"))
    try:
        yield "s3://shared/pictures"
    finally:
        serving.stop()
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)


@pytest.fixture(params=["folder", pytest.param("bucket", marks=pytest.mark.slow)])
def remote(request: pytest.FixtureRequest, tmp_path: Path) -> Remote:
    """A remote of either kind, with nothing in it."""
    if request.param == "folder":
        return remote_of("shared", tmp_path)
    return remote_of(f"{request.getfixturevalue('bucket')}/{tmp_path.name}", tmp_path)


def filled(folder: Path, count: int) -> tuple[Store, list[bytes]]:
    store = Store(folder)
    return store, [store.put(b"picture %d" % number * 100, durable=False) for number in range(count)]


def test_what_is_pushed_can_be_pulled_by_others(remote: Remote, tmp_path: Path) -> None:
    store, digests = filled(tmp_path / "one", 40)
    seen: list[int] = []
    first = push(store, remote, digests, watch=lambda moved: seen.append(moved.done))
    assert (len(first.moved), first.there, first.missing, first.damaged) == (40, [], [], [])
    assert seen == list(range(1, 41))
    assert first.moved_bytes == sum(store.size(digest) for digest in digests)
    other = Store(tmp_path / "other")
    found = pull(other, remote, digests)
    assert (len(found.moved), found.missing) == (40, [])
    assert [other.read(digest) for digest in digests] == [store.read(digest) for digest in digests]
    store.close()
    other.close()


def test_a_push_and_a_pull_go_on_where_they_ended(remote: Remote, tmp_path: Path) -> None:
    store, digests = filled(tmp_path / "one", 12)
    push(store, remote, digests[:5])
    again = push(store, remote, digests)
    assert (len(again.there), len(again.moved)) == (5, 7)
    other = Store(tmp_path / "other")
    pull(other, remote, digests[:3])
    rest = pull(other, remote, digests)
    assert (len(rest.there), len(rest.moved)) == (3, 9)
    assert pull(other, remote, digests).moved == []


def test_what_neither_side_has_is_missing(remote: Remote, tmp_path: Path) -> None:
    store, digests = filled(tmp_path / "one", 2)
    unknown = b"\x01" * 32
    push(store, remote, digests[:1])
    found = pull(Store(tmp_path / "other"), remote, [*digests, unknown])
    assert (found.moved, set(found.missing)) == (digests[:1], {digests[1], unknown})
    assert push(store, remote, [unknown]).missing == [unknown]


def test_bytes_that_are_not_those_of_their_digest_are_never_stored(remote: Remote, tmp_path: Path) -> None:
    right = b"right" * 50
    digest = sha256(right).digest()
    if isinstance(remote, Folder):
        path = tmp_path / "shared/objects" / digest.hex()[:2] / digest.hex()[2:]
        path.parent.mkdir(parents=True)
        path.write_bytes(b"wrong" * 50)
    else:
        remote.put(digest, b"wrong" * 50)
    other = Store(tmp_path / "other")
    assert pull(other, remote, [digest]).damaged == [digest]
    assert not other.has(digest)


def test_a_damaged_object_is_not_pushed(remote: Remote, tmp_path: Path) -> None:
    store, (digest,) = filled(tmp_path / "one", 1)
    path = store.path(digest)
    os.chmod(path, 0o644)
    with open(path, "ab") as file:
        file.write(b"rot")
    assert push(store, remote, [digest]).damaged == [digest]
    assert remote.size(digest) is None


def test_a_half_written_object_is_pushed_anew(tmp_path: Path) -> None:
    store, (digest,) = filled(tmp_path / "one", 1)
    remote = Folder(str(tmp_path / "shared"))
    path = tmp_path / "shared/objects" / digest.hex()[:2] / digest.hex()[2:]
    path.parent.mkdir(parents=True)
    path.write_bytes(store.read(digest)[:10])
    assert push(store, remote, [digest]).moved == [digest]
    assert path.read_bytes() == store.read(digest)
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_what_a_killed_push_left_goes_with_a_later_one(tmp_path: Path) -> None:
    store, digests = filled(tmp_path / "a", 1)
    remote = remote_of("shared", tmp_path)
    push(store, remote, digests)
    inside = next((tmp_path / "shared/objects").iterdir())
    for name, age in (("old", 2 * 86400), ("new", 60)):
        left = inside / f".{name}.tmp"
        left.write_bytes(b"half")
        os.utime(left, (time.time() - age,) * 2)
    push(store, remote, digests)
    assert sorted(path.name for path in inside.iterdir() if path.suffix == ".tmp") == [".new.tmp"]
    assert remote.get(digests[0]) == store.read(digests[0])


def test_a_disk_that_gives_other_bytes_back_is_noticed(tmp_path: Path) -> None:
    remote = Folder(str(tmp_path / "shared"))
    with pytest.raises(RemoteError, match="other bytes than it was given"):
        remote.put(sha256(b"x").digest(), b"y")
    assert [path for path in (tmp_path / "shared").rglob("*") if path.is_file()] == []


def test_trouble_at_a_folder_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RemoteError, match="rename one of the two"):
        Folder(str(tmp_path / "file")).put(sha256(b"x").digest(), b"x")
    with pytest.raises(RemoteError, match="is its disk mounted"):
        Folder(str(tmp_path / "gone")).get(b"\x01" * 32)


def test_a_trouble_with_one_object_ends_a_transfer_with_its_reason(tmp_path: Path) -> None:
    store, digests = filled(tmp_path / "one", 30)

    class Full(Folder):
        def put(self, digest: bytes, data: bytes) -> None:
            raise RemoteError("full")

    told: list[Transferred] = []
    with pytest.raises(RemoteError, match="full"):
        push(store, Full(str(tmp_path / "shared")), digests, watch=told.append)


@pytest.mark.parametrize("address", ["nonsense://x/y", "s3://", "s4://bucket"])
def test_what_is_no_address_of_a_store(address: str, tmp_path: Path) -> None:
    pytest.importorskip("obstore")
    with pytest.raises(ConfigurationError, match="is no remote store"):
        remote_of(address, tmp_path)


def test_a_bucket_without_the_extra_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(ConfigurationError, match=r'pip install "editchain\[remote\]"'):
        remote_of("s3://bucket/prefix", tmp_path)


@pytest.mark.slow
def test_a_large_picture_goes_over_in_parts(bucket: str, tmp_path: Path) -> None:
    store = Store(tmp_path / "one")
    digest = store.put(os.urandom(24_000_000), durable=False)
    remote = remote_of(f"{bucket}/large", tmp_path)
    assert push(store, remote, [digest]).moved == [digest]
    other = Store(tmp_path / "other")
    assert pull(other, remote, [digest]).moved_bytes == 24_000_000
    assert other.read(digest) == store.read(digest)


@pytest.mark.slow
def test_a_bucket_that_is_not_there(bucket: str, tmp_path: Path) -> None:
    remote = remote_of("s3://nobody/x", tmp_path)
    with pytest.raises(RemoteError, match=r"^s3://nobody/x: there is no such bucket\.$"):
        remote.put(sha256(b"x").digest(), b"x")


@pytest.mark.slow
@pytest.mark.parametrize("status", [401, 403])
def test_a_bucket_of_somebody_else(
    status: int, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class No(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(status)

        do_HEAD = do_PUT = do_GET  # noqa: N815  (the names that the server calls)

    with HTTPServer(("127.0.0.1", 0), No) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        with pytest.raises(RemoteError, match="credentials"):
            remote_of("s3://theirs/x", tmp_path).put(sha256(b"x").digest(), b"x")
        server.shutdown()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9", "it cannot be reached"),
        ("AWS_ALLOW_HTTP", "", "only AWS_ALLOW_HTTP=true allows"),
    ],
)
def test_a_bucket_that_cannot_be_asked(
    name: str, value: str, said: str, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(RemoteError, match=said):
        remote_of("s3://shared/x", tmp_path).size(sha256(b"x").digest())
