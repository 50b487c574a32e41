"""The API's document is true: no route is missing, its schemas are sound, and answers are as it says, whatever is asked."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from tests.server.serving import LOOKS, data_url, ended, pipelines, png, run_ended, served, workspace

from editchain.server import keys, openapi
from editchain.server.keys import Limits
from editchain.server.shelf import Shelf

REQUESTS = int(os.environ.get("EDITCHAIN_REQUESTS", "1000"))
"""How many requests are made up; `make storm` asks for more."""
IS_LONG = REQUESTS > 1000
CHECKED = [
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance",
    "negative_data_rejection", "missing_required_header", "unsupported_method",
]  # fmt: skip
META = "https://json-schema.org/draft/2020-12/schema"


def test_every_route_is_in_it_and_nothing_else() -> None:
    found = {
        (method, path.replace(":path", ""))
        for route in openapi.routes()
        for method in (route.methods or {"GET"}) - {"HEAD"}
        for path in [route.path]
    }
    assert found == set(openapi.OPERATIONS)
    document = openapi.document()
    operations = [one for each in document["paths"].values() for one in each.values()]
    assert len({one["operationId"] for one in operations}) == len(operations) == len(found)
    assert [one for one in operations if not one["summary"]] == []


def test_its_schemas_are_sound_and_all_there() -> None:
    document = openapi.document()
    text = str(document)
    schemas = document["components"]["schemas"]
    for name, schema in schemas.items():
        jsonschema_rs.meta.validate({"$schema": META, **schema})
        assert f"{openapi._PREFIX}{name}'" in text or "." in name or name == "event", name
    whole = {"$schema": META, "components": document["components"]}
    for name in schemas:  # each reference leads somewhere
        jsonschema_rs.validator_for({**whole, "$ref": f"#/components/schemas/{name}"})


def test_it_is_served(tmp_path: Path) -> None:
    with served(workspace(tmp_path / "w")) as url:
        assert httpx.get(f"{url}/v1/openapi.json").json() == openapi.document()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    root = pipelines(workspace(tmp_path_factory.mktemp("fuzz")), looks=LOOKS)
    shelf = Shelf(root / ".editchain" / "server" / "server.db")
    key, secret = keys.make(shelf, "fuzz", Limits(per_minute=10**9, jobs=10**9), 0.0)
    shelf.close()
    with served(root) as url, httpx.Client(base_url=url, auth=(key.id, secret), timeout=60) as found:
        found.auth.pair = (key.id, secret)  # type: ignore[union-attr]
        yield found


@pytest.mark.slow
def test_nothing_fails_and_answers_are_as_it_says_whatever_is_asked(
    client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    schemathesis = pytest.importorskip("schemathesis")
    from schemathesis.checks import CHECKS, load_all_checks

    load_all_checks()
    wanted = CHECKS.get_by_names(CHECKED)
    modes = schemathesis.GenerationMode
    schema = schemathesis.openapi.from_dict(openapi.document())
    known = ids(client)
    operations = [one.ok() for one in schema.get_all_operations()]
    each = -(-REQUESTS // len(operations) // 2)
    seen: Counter[tuple[str, int]] = Counter()

    def ask(case: Any, own: bool, mode: Any) -> None:
        if own:
            lead_in(case, known, is_good=mode is modes.POSITIVE)
        answer = case.call(base_url=str(client.base_url), auth=client.auth.pair, timeout=60)
        seen[f"{case.method} {case.path}", answer.status_code] += 1
        case.validate_response(answer, checks=wanted)

    for number, operation in enumerate(operations):
        of_operation = openapi.OPERATIONS[operation.method.upper(), operation.path.removeprefix("/v1")]
        has_wrong = of_operation.body or {"pageSize", "after"} & {
            one.split("=")[0] for one in of_operation.query
        }
        for mode in (modes.POSITIVE, modes.NEGATIVE if has_wrong else modes.POSITIVE):
            drawn = given(
                case=operation.as_strategy(generation_mode=mode),
                own=st.sampled_from([True, True, True, False]),
                mode=st.just(mode),
            )(ask)
            MANY(each)(seed(number)(drawn) if IS_LONG else drawn)()
    print(*sorted(seen.items()), sep="\n")
    assert sum(seen.values()) >= REQUESTS * 0.8
    assert {status // 100 for _, status in seen} <= {2, 4}
    assert "Traceback" not in caplog.text


def lead_in(case: Any, known: dict[str, str], *, is_good: bool) -> None:
    """Puts what there is in the place of made-up names, so that not all is refused at the door."""
    for name in list(case.path_parameters or {}):
        case.path_parameters[name] = known.get(name, case.path_parameters[name])
    if not is_good or not isinstance(case.body, dict):
        return
    if isinstance(case.body.get("inputs"), dict):
        case.body["inputs"] = {"photo": known["asset"], "width": 8}
        case.body.pop("fresh", None)
    elif isinstance(case.body.get("prompt"), str):
        case.body |= {"image": known["asset"], "prompt": "make it sepia"}


def MANY(count: int) -> settings:  # noqa: N802  (it stands for a decorator)
    """So many cases, the same ones each time in CI."""
    return settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=not IS_LONG,
        suppress_health_check=list(HealthCheck),
    )


def ids(client: httpx.Client) -> dict[str, str]:
    """What there is, by the names of path parameters."""
    asset = client.post("/v1/assets", json={"name": "a", "image": data_url()}).json()["asset"]["id"]
    edit = {"image": asset, "prompt": "make it sepia"}
    job = client.post("/v1/generate/prompt-editing", json=edit).json()["job"]["jobId"]
    run = client.post("/v1/pipelines/looks/runs", json={"inputs": {"photo": asset}}).json()["run"]["id"]
    sizes = {"kind": "image", "fileName": "a", "contentType": "image/png", "fileSize": len(png()), "parts": 1}
    upload = client.post("/v1/uploads", json=sizes).json()["upload"]["id"]
    ended(client, job)
    run_ended(client, run)
    model = client.get("/v1/models", params={"privacy": "public"}).json()["models"][0]["id"]
    return {"asset": asset, "job": job, "run": run, "upload": upload, "model": model, "pipeline": "looks"}
