"""What vendors' modules share: reading answers, packing pictures, and counting what a call cost."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable
from datetime import date
from decimal import Decimal
from typing import Any

import anyio
import pytest
from tests.vendors.base import png

from editchain.errors import ProviderError
from editchain.http import FetchError, Reply
from editchain.models import Price
from editchain.providers import answers, bodies
from editchain.providers.costs import amount

LARGE = png(b"large") + bytes(range(256)) * 8192


def reply(document: Any, status: int = 200, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, named, document if isinstance(document, bytes) else json.dumps(document).encode())


def read(document: Any) -> Any:
    return anyio.run(answers.read, reply(document))


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


# Answers


def test_numbers_are_exact_and_what_is_no_object_is_nothing() -> None:
    assert answers.document(reply({"cost": 0.1}))["cost"] == Decimal("0.1")
    for body in (b"", b"<html>", b"[1]", b"[" * 100_000):
        assert answers.document(reply(body)) == {}


@pytest.mark.parametrize("more", [b"", b"!"])
def test_long_pictures_come_as_bytes_wherever_they_stand(more: bytes) -> None:
    said = {"a": 'say "x" \\', "data": [{"b64": text(LARGE)}, {"b64": text(LARGE + more)}], "n": 1.5}
    found = read(said)
    assert [answers.picture(one["b64"]) for one in found["data"]] == [LARGE, LARGE + more]
    assert all(isinstance(one["b64"], bytes) for one in found["data"])
    assert (found["a"], found["n"]) == ('say "x" \\', Decimal("1.5"))


@pytest.mark.parametrize("long", ["x y " * 40_000, '"\\' * 40_000, "é" * 40_000])
def test_long_texts_that_are_no_pictures_stay_texts(long: str) -> None:
    found = read({"text": long, "b64": text(LARGE)})
    assert found["text"] == long
    assert found["b64"] == LARGE


def test_a_text_like_a_place_holder_is_not_taken_for_one() -> None:
    found = read({"text": "\x007", "b64": text(LARGE)})
    assert (found["text"], found["b64"]) == ("\x007", LARGE)


def test_a_long_answer_that_is_cut_is_nothing() -> None:
    assert read(json.dumps({"b64": text(LARGE)}).encode()[:-2]) == {}


@pytest.mark.parametrize("value", [None, 7, "no base64", "é", "YWJ"])
def test_what_is_no_picture_in_an_answer(value: Any) -> None:
    assert answers.picture(value) is None


def test_a_short_picture_is_decoded() -> None:
    assert answers.picture(text(b"abc")) == b"abc"


@pytest.mark.parametrize(
    ("status", "error"),
    [(408, FetchError), (429, FetchError), (500, FetchError), (400, ProviderError), (404, ProviderError)],
)
def test_a_free_request_that_fails(status: int, error: type[Exception]) -> None:
    with pytest.raises(error, match=f"acme answered with status {status}: later"):
        answers.free("acme", reply({"error": {"message": "later"}}, status))
    with pytest.raises(FetchError, match="cannot be read"):
        answers.free("acme", reply(b"<html>"))


@pytest.mark.parametrize(
    "secret",
    ["Bearer abcdefgh1234", "sk-proj-abc123456", "AIzaSyA1234567890", "key_0123456789", "ya29.a0AfH6SM"],
)
def test_credentials_are_not_shown(secret: str) -> None:
    found = answers.shown(f"Wrong credential {secret}, see https://a.example/b?Signature=s3cret")
    assert secret.split()[-1] not in found
    assert "s3cret" not in found
    assert "https://a.example/b" in found


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({}, {}, 7.0),
        ({"retry_after": "3"}, {}, 3.0),
        ({"retry_after_ms": "1500", "retry_after": "9"}, {}, 1.5),
        ({"retry_after_ms": "soon", "retry_after": "9"}, {}, 9.0),
        ({"retry_after": "9"}, {"details": [{"wait": 4}]}, 4.0),
        ({"retry_after": "9"}, {"wait": True}, 9.0),
        ({"retry_after": "-9"}, {}, 0.0),
        ({"retry_after": "inf"}, {}, 7.0),
    ],
)
def test_when_to_ask_again(headers: dict[str, str], body: Any, seconds: float) -> None:
    assert answers.pause_seconds(reply(body, 429, **headers), "wait", otherwise=7.0) == seconds


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("34s", 34.0),
        ("6m0s", 360.0),
        ("500ms", 0.5),
        ("1.5s", 1.5),
        ("1h2m", 3720.0),
        ("", None),
        ("soon", None),
    ],
)
def test_lengths_of_time(said: str, seconds: float | None) -> None:
    assert answers.duration(said) == seconds


# Bodies


def pack(document: Any) -> bytes:
    return anyio.run(bodies.packed, document)


@pytest.mark.parametrize(
    "size", [0, 1, bodies.PIECE_BYTES - 1, bodies.PIECE_BYTES, 2 * bodies.PIECE_BYTES + 5]
)
def test_a_picture_is_packed_whole_whatever_its_size(size: int) -> None:
    data = (b"\0\xff\x10" * (size // 3 + 1))[:size]
    body = json.loads(
        pack({"a": [{"data": bodies.Packed(data)}, {"url": bodies.data_url(png(b"a"))}], "é": 1})
    )
    assert base64.b64decode(body["a"][0]["data"], validate=True) == data
    assert body["a"][1]["url"] == f"data:image/png;base64,{text(png(b'a'))}"
    assert body["é"] == 1
    assert bodies.decoded(body["a"][0]["data"]) == data


def test_what_is_no_json_is_not_packed() -> None:
    with pytest.raises(TypeError, match="set cannot stand"):
        pack({"a": {1}})


# Whoever else is at work meanwhile


async def turns_during(act: Callable[[], Awaitable[object]]) -> int:
    """How often others had a turn on the event loop while something went on."""
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await anyio.sleep(0)
            turns += 1

    async with anyio.create_task_group() as group:
        group.start_soon(count)
        await act()
        group.cancel_scope.cancel()
    return turns


def test_others_have_their_turns_while_large_pictures_are_packed_and_unpacked() -> None:
    large = LARGE * 12
    answer = reply({"data": [{"b64": text(large)}]})
    assert anyio.run(turns_during, lambda: bodies.packed({"data": bodies.Packed(large)})) > 3
    assert anyio.run(turns_during, lambda: answers.read(answer)) > 3


# Costs


def price(per: str, least: str, most: str | None = None) -> Price:
    return Price("acme", "USD", per, Decimal(least), Decimal(most or least), "a list", date(2026, 11, 22))


def test_tokens_and_credits_are_priced_exactly() -> None:
    prices = [price("picture", "1", "2"), price("million image tokens out", "30"), price("credit", "0.01")]
    assert amount(prices, {"million image tokens out": 1290}) == "0.0387"
    assert amount(prices, {"credit": Decimal("5"), "million image tokens out": 0}) == "0.05"
    assert amount(prices, {"credit": 1000}) == "10"


def test_what_has_no_price_or_was_not_counted_costs_nobody_knows_what() -> None:
    prices = [price("credit", "0.01"), price("megapixel", "1", "2")]
    assert amount(prices, {"credit": 5, "million text tokens in": 7}) is None
    assert amount(prices, {"megapixel": 1}) is None
    assert amount(prices, {"credit": 0}) is None
    assert amount(prices, {}) is None
