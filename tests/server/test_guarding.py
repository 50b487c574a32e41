"""Who may ask for what: keys, projects that do not see each other, limits, other pages, signed addresses."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from tests.server.serving import data_url, ended, png, served, workspace

from editchain.server import keys
from editchain.server.asking import Refusal
from editchain.server.guarding import Signer
from editchain.server.keys import Limits
from editchain.server.shelf import Shelf

EDIT = {"image": data_url(), "prompt": "make it sepia"}


class Project:
    """A client with the credentials of a project."""

    def __init__(self, url: str, shelf: Shelf, name: str, **limits: object) -> None:
        key, secret = keys.make(shelf, name, Limits(**limits), 0.0)  # type: ignore[arg-type]
        self.key, self.secret = key, secret
        self.client = httpx.Client(base_url=url, auth=(key.id, secret))


@pytest.fixture
def project(url: str, shelf: Shelf) -> Iterator[Callable[..., Project]]:
    """Makes a project with its key and a client."""
    made: list[Project] = []

    def make(name: str, **limits: object) -> Project:
        made.append(Project(url, shelf, name, **limits))
        return made[-1]

    yield make
    for one in made:
        one.client.close()


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    """The server's shelf, opened beside it."""
    root = workspace(tmp_path / "w")
    found = Shelf(root / ".editchain" / "server" / "server.db")
    yield found
    found.close()


@pytest.fixture
def url(tmp_path: Path, shelf: Shelf) -> Iterator[str]:
    with served(tmp_path / "w") as found:
        yield found


def test_once_there_is_a_key_nobody_comes_in_without(
    url: str, shelf: Shelf, project: Callable[..., Project]
) -> None:
    assert httpx.get(f"{url}/v1/jobs").status_code == 200
    one = project("one")
    for headers in (
        {},
        {"Authorization": "Bearer x"},
        {"Authorization": "Basic !!"},
        {"Authorization": f"Basic {base64.b64encode(f'{one.key.id}:wrong'.encode()).decode()}"},
        {"Authorization": f"Basic {base64.b64encode(f'api_none:{one.secret}'.encode()).decode()}"},
    ):
        answer = httpx.get(f"{url}/v1/jobs", headers=headers)
        assert (answer.status_code, answer.json()) == (401, {"reason": "Unauthorized"})
    assert one.client.get("/v1/jobs").status_code == 200
    keys.revoke(shelf, one.key.id, 1.0)
    assert one.client.get("/v1/jobs").status_code == 401


def test_projects_do_not_see_each_other(project: Callable[..., Project]) -> None:
    one, other = project("one"), project("other")
    asset = one.client.post("/v1/assets", json={"name": "a", "image": data_url(png())}).json()["asset"]["id"]
    job = one.client.post("/v1/generate/prompt-editing", json=EDIT).json()["job"]["jobId"]
    ended(one.client, job)
    assert other.client.get(f"/v1/assets/{asset}").status_code == 404
    assert other.client.get(f"/v1/jobs/{job}").status_code == 404
    assert other.client.post(f"/v1/jobs/{job}/action", json={"action": "cancel"}).status_code == 404
    assert other.client.get("/v1/jobs").json()["jobs"] == []
    assert other.client.get("/v1/assets").json()["assets"] == []
    assert other.client.post("/v1/assets/get-bulk", json={"assetIds": [asset]}).json()["assets"] == []
    other.client.request("DELETE", "/v1/assets", json={"assetIds": [asset]})
    assert one.client.get(f"/v1/assets/{asset}").status_code == 200
    answer = other.client.post("/v1/generate/prompt-editing", json={**EDIT, "image": asset})
    assert answer.status_code == 404


def test_secrets_are_kept_nowhere(tmp_path: Path, project: Callable[..., Project]) -> None:
    one = project("one")
    job = one.client.post("/v1/generate/prompt-editing", json=EDIT).json()["job"]["jobId"]
    ended(one.client, job)
    for path in (tmp_path / "w").rglob("*"):
        if path.is_file():
            assert one.secret.encode() not in path.read_bytes(), path


def test_a_key_has_limits(project: Callable[..., Project]) -> None:
    slow = project("slow", per_minute=3)
    statuses = [slow.client.get("/v1/jobs").status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    assert int(slow.client.get("/v1/jobs").headers["retry-after"]) >= 1
    small = project("small", body_bytes=100)
    answer = small.client.post("/v1/generate/prompt-editing", json=EDIT)
    assert answer.status_code == 413
    none = project("none", jobs=0)
    answer = none.client.post("/v1/generate/prompt-editing", json=EDIT)
    assert answer.status_code == 429
    assert answer.json()["details"] == {"actionName": "parallel-custom-jobs", "actionLimit": 0}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://elsewhere.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "elsewhere.example"}, 421),
        ({"Host": "127.0.0.1.elsewhere.example"}, 421),
        ({"Host": "localhost#@elsewhere.example"}, 421),
        ({"Host": "a@127.0.0.1"}, 421),
        ({}, 200),
    ],
)
def test_no_other_page_can_make_it_spend(url: str, headers: dict[str, str], status: int) -> None:
    answer = httpx.post(f"{url}/v1/generate/prompt-editing", json=EDIT, headers=headers)
    assert answer.status_code == status, answer.text


def test_an_address_is_good_for_what_it_was_signed_for(url: str, shelf: Shelf) -> None:
    with httpx.Client(base_url=url) as client:
        asset = client.post("/v1/assets", json={"name": "a", "image": data_url(png())}).json()["asset"]
        other = client.post("/v1/assets", json={"name": "b", "image": data_url(png((1, 2, 3)))}).json()[
            "asset"
        ]
    assert httpx.get(asset["url"]).status_code == 200
    assert httpx.get(asset["url"].replace("Signature=", "Signature=0")).status_code == 403
    assert httpx.get(asset["url"].partition("?")[0]).status_code == 403
    query = asset["url"].partition("?")[2]
    assert httpx.get(f"{other['url'].partition('?')[0]}?{query}").status_code == 403


def test_an_address_ends(tmp_path: Path) -> None:
    now = [1_000_000.0]
    signer = Signer(tmp_path, lambda: now[0])
    query = dict(one.split("=") for one in signer.query("/a").split("&"))
    signer.check("/a", query)
    now[0] += 86_400
    signer.check("/a", query)
    now[0] += 86_400
    with pytest.raises(Refusal, match="expired"):
        signer.check("/a", query)


def test_the_secret_of_signatures_is_for_its_owner_alone(tmp_path: Path) -> None:
    Signer(tmp_path, lambda: 0.0)
    assert (tmp_path / "secret").stat().st_mode & 0o077 == 0


def test_converted_and_uploaded_in_parts(url: str) -> None:
    with httpx.Client(base_url=url) as client:
        asset = client.post("/v1/assets", json={"name": "a", "image": data_url(png())}).json()["asset"]
        made = client.post(f"/v1/assets/{asset['id']}/download", json={"targetFormat": "webp"}).json()
        picture = httpx.get(made["url"])
        assert (picture.headers["content-type"], picture.content[8:12]) == ("image/webp", b"WEBP")
        data = png((9, 9, 9))
        started = client.post(
            "/v1/uploads",
            json={
                "kind": "image",
                "fileName": "a.png",
                "contentType": "image/png",
                "fileSize": len(data),
                "parts": 1,
            },
        ).json()["upload"]
        assert httpx.put(started["parts"][0]["url"], content=data).status_code == 200
        done = client.post(f"/v1/uploads/{started['id']}/action", json={"action": "complete"}).json()[
            "upload"
        ]
        assert done["status"] == "imported", done
        assert client.get(f"/v1/assets/{done['entityId']}").json()["asset"]["properties"]["size"] == len(data)


def test_what_is_deleted_is_gone(url: str) -> None:
    with httpx.Client(base_url=url) as client:
        asset = client.post("/v1/assets", json={"name": "a", "image": data_url(png())}).json()["asset"]
        client.request("DELETE", "/v1/assets", json={"assetIds": [asset["id"]]})
        assert client.get(f"/v1/assets/{asset['id']}").status_code == 404
        assert httpx.get(asset["url"]).status_code == 404


def test_lists_go_on_page_by_page(url: str) -> None:
    with httpx.Client(base_url=url) as client:
        ids = [
            client.post("/v1/assets", json={"name": str(at), "image": data_url(png((at, 0, 0)))}).json()[
                "asset"
            ]["id"]
            for at in range(5)
        ]
        seen, token = [], None
        while True:
            page = client.get(
                "/v1/assets", params={"pageSize": 2, **({"paginationToken": token} if token else {})}
            ).json()
            seen += [one["id"] for one in page["assets"]]
            token = page.get("nextPaginationToken")
            if token is None:
                break
        assert seen == ids[::-1]
        assert client.get("/v1/assets", params={"paginationToken": "x"}).status_code == 400
