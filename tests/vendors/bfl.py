"""A stand-in for Black Forest Labs: tasks at addresses of their own, with a bill in credits, and ways to misbehave.

No package holds the vendor's OpenAPI document, which it serves live; `ENDPOINTS` has what its pages say of each request.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import jsonschema
from tests.vendors.base import Answer, Asked, Charge, Server, png, said

from editchain.imaging.probe import probe

KEY = "bfl-key-of-the-stand-in"
TEXT = {"type": "string", "minLength": 1}
SEED = {"type": "integer"}
LIFE_SECONDS = 600


def _whole(low: int, high: int = 1 << 31) -> dict[str, Any]:
    return {"type": "integer", "minimum": low, "maximum": high}


def _number(low: float, high: float) -> dict[str, Any]:
    return {"type": "number", "minimum": low, "maximum": high}


def _pictures(most: int) -> dict[str, Any]:
    return {"input_image": TEXT, **{f"input_image_{number}": TEXT for number in range(2, most + 1)}}


def _takes(tolerance: int, required: tuple[str, ...] = ("prompt",), **own: Any) -> dict[str, Any]:
    formats = {"output_format": {"enum": ["jpeg", "png", "webp"]}}
    hooks = {"webhook_url": TEXT, "webhook_secret": TEXT}
    fields = {"prompt": TEXT, "safety_tolerance": _whole(0, tolerance), **formats, **hooks, **own}
    kept = {name: one for name, one in fields.items() if one is not None}
    return {"type": "object", "properties": kept, "required": list(required), "additionalProperties": False}


_SIDE = {"type": "integer", "minimum": 64, "multipleOf": 16}
_SIZED = {"width": _SIDE, "height": _SIDE, "seed": SEED}
_KONTEXT = _takes(6, **_pictures(4), aspect_ratio={"pattern": "^[0-9]+:[0-9]+$"}, prompt_upsampling={"type": "boolean"}, seed=SEED)  # fmt: skip
_PRO = _takes(5, **_pictures(8), **_SIZED, disable_pup={"type": "boolean"}, user=TEXT)
_KLEIN = _takes(5, **_pictures(4), **_SIZED)
_RATIOS = [
    *("auto", "21:9", "2:1", "16:9", "3:2", "7:5", "4:3", "5:4"),
    *("1:1", "4:5", "3:4", "5:7", "2:3", "9:16", "1:2", "9:21"),
]
ENDPOINTS: dict[str, dict[str, Any]] = {
    "flux-kontext-pro": _KONTEXT,
    "flux-kontext-max": _KONTEXT,
    "flux-2-pro": _PRO,
    "flux-2-pro-preview": _PRO,
    "flux-2-max": _PRO,
    "flux-2-flex": _takes(
        5, **_pictures(8), **_SIZED, prompt_upsampling={"type": "boolean"}, guidance=_number(1.5, 10), steps=_whole(1, 50)
    ),
    "flux-2-klein-4b": _KLEIN,
    "flux-2-klein-9b": _KLEIN,
    "flux-2-klein-9b-preview": _KLEIN,
    "flux-3-image": _takes(
        4,
        output_format=None,
        images={"type": "array", "minItems": 1, "maxItems": 10, "items": TEXT},
        aspect_ratio={"enum": _RATIOS},
        resolution={"enum": ["768sq", "1k", "1.5k", "2k", "4k"]},
        grounding={"type": "boolean"},
        version=TEXT,
    ),
    "flux-pro-1.0-fill": _takes(
        6, ("image",), image=TEXT, mask=TEXT, steps=_whole(15, 50), guidance=_number(1.5, 100),
        prompt_upsampling={"type": "boolean"}, seed=SEED,
    ),
}  # fmt: skip
"""What each path takes; anything else is refused with 422."""

CREDITS = {
    "flux-2-pro": ("3", "1.5"),
    "flux-2-pro-preview": ("3", "1.5"),
    "flux-2-max": ("7", "3"),
    "flux-2-flex": ("5", "5"),
    "flux-2-klein-4b": ("1.4", "0.1"),
    "flux-2-klein-9b": ("1.5", "0.2"),
    "flux-2-klein-9b-preview": ("1.5", "0.2"),
}
"""For the first megapixel of the result, and for each further one and each of the pictures given."""
FLAT = {"flux-kontext-pro": "4", "flux-kontext-max": "8", "flux-3-image": "4.8", "flux-pro-1.0-fill": "5"}


@dataclass
class Ending:
    """How a task goes: the statuses that polls see one after the other, and what it says at its end."""

    statuses: tuple[str, ...] = ("Pending", "Generating", "Ready")
    details: Any = None
    is_charged: bool = True
    http_status: int = 200
    has_cost: bool = True


@dataclass
class _Task:
    id: str
    model: str
    body: dict[str, Any]
    credits: Decimal
    ending: Ending
    reads: int = 0
    delivered: str | None = None

    @property
    def status(self) -> str:
        return self.ending.statuses[min(self.reads, len(self.ending.statuses) - 1)]


@dataclass
class Bfl:
    """The stand-in. Switch its attributes to make it misbehave; `server.fault` does so for single exchanges.

    `parallel` and `kontext_max` are how many tasks may be active at a time; `balance` is in credits. Tasks are found at
    the address that was given for them, below `regional`, and nowhere else unless `finds_anywhere`. `leaked` has the
    addresses that were sent the key and should not have been; `renews` whether a poll gives a fresh address.
    """

    parallel: int = 24
    kontext_max: int = 6
    balance: Decimal = Decimal(1000)
    regional: str = "/eu2"
    finds_anywhere: bool = False
    renews: bool = True
    endings: list[Ending] = field(default_factory=list)
    wrong_type: bytes | None = None
    bill: list[Charge] = field(default_factory=list)
    leaked: list[str] = field(default_factory=list)
    tasks: dict[str, _Task] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.server = Server(self._handle)
        self.url = self.server.url
        self._addresses = 0

    @contextmanager
    def running(self) -> Iterator[Bfl]:
        """Serves for as long as the context lasts."""
        with self.server.running():
            yield self

    @property
    def charged(self) -> Decimal:
        """What the account has to pay, in credits."""
        return sum((one.units for one in self.bill if not one.is_refunded), Decimal(0))

    def _handle(self, asked: Asked) -> Answer:
        if asked.path.startswith("/delivery/"):
            return self._deliver(asked)
        if asked.headers.get("x-key") != KEY:
            return said({"detail": "Not authenticated - Invalid Authentication"}, 403)
        if asked.name == "GET /v1/credits":
            return said({"credits": float(self.balance - self.charged)})
        if asked.method == "GET" and asked.path.endswith("/v1/get_result"):
            return self._read(asked)
        model = asked.path.removeprefix("/v1/")
        if asked.method != "POST" or model not in ENDPOINTS:
            return said({"detail": "Not Found"}, 404)
        return self._submit(asked, model)

    # ------------------------------------------------------------------ tasks

    def _submit(self, asked: Asked, model: str) -> Answer:
        wrong = list(jsonschema.Draft202012Validator(ENDPOINTS[model]).iter_errors(asked.json))
        if wrong:
            detail = [
                {"loc": ["body", *one.absolute_path], "msg": one.message[:200], "type": str(one.validator)}
                for one in wrong
            ]
            return said({"detail": detail}, 422)
        active = [one for one in self.tasks.values() if one.status in ("Pending", "Reasoning", "Generating")]
        same = [one for one in active if one.model == model]
        if len(active) >= self.parallel or (model == "flux-kontext-max" and len(same) >= self.kontext_max):
            return said({"detail": "Too many active tasks"}, 429)
        try:
            given, made = self._megapixels(model, asked.json)
        except ValueError:
            return said({"detail": [{"loc": ["body"], "msg": "Invalid image", "type": "value_error"}]}, 422)
        price = self._price(model, given, made)
        if self.balance - self.charged < price:
            return said({"detail": "Insufficient credits"}, 402)
        ending = self.endings.pop(0) if self.endings else Ending()
        task = _Task(f"task-{len(self.tasks) + 1:04d}", model, asked.json, price, ending)
        self.tasks[task.id] = task
        self.bill.append(Charge(task.id, price))
        if "webhook_url" in asked.json:
            return said({"id": task.id, "status": "Pending", "webhook_url": asked.json["webhook_url"]})
        address = f"{self.url}{self.regional}/v1/get_result?id={task.id}"
        costs = {"cost": float(price), "input_mp": given, "output_mp": made} if model in CREDITS else {}
        return said({"id": task.id, "polling_url": address, **costs})

    def _megapixels(self, model: str, body: dict[str, Any]) -> tuple[int, int]:
        """Of the pictures given and of the one made, each rounded up."""
        names = [name for name in body if name.startswith("input_image") or name in ("image", "mask")]
        packed = [*(body[name] for name in names), *body.get("images", [])]
        found = [probe(base64.b64decode(one, validate=True)) for one in packed]
        if None in found:
            raise ValueError
        areas = [one.width * one.height for one in found if one is not None]
        made = body["width"] * body["height"] if "width" in body else (areas or [1])[0]
        return sum(math.ceil(area / 1_000_000) for area in areas), math.ceil(made / 1_000_000)

    def _price(self, model: str, given: int, made: int) -> Decimal:
        if model in FLAT:
            return Decimal(FLAT[model])
        first, more = map(Decimal, CREDITS[model])
        return first + more * (made - 1) + more * given

    def _read(self, asked: Asked) -> Answer:
        task = self.tasks.get(asked.query.get("id", ""))
        is_here = self.finds_anywhere or asked.path == f"{self.regional}/v1/get_result"
        if task is None or not is_here:
            return said({"id": asked.query.get("id"), "status": "Task not found", "result": None}, 404)
        shown: dict[str, Any] = {"id": task.id, "status": task.status, "result": None, "progress": None}
        if task.status == "Ready":
            shown["result"] = {
                "sample": self._address(task),
                "seed": task.body.get("seed", 42),
                "prompt": "…",
            }
        elif task.reads >= len(task.ending.statuses) - 1 and task.status not in ("Pending", "Generating"):
            shown["details"] = task.ending.details
            for charge in self.bill:
                charge.is_refunded = charge.is_refunded or (
                    charge.job == task.id and not task.ending.is_charged
                )
        if task.ending.has_cost and task.model in CREDITS:
            shown["cost"] = float(task.credits) if task.ending.is_charged else 0
        is_last = task.reads >= len(task.ending.statuses) - 1
        task.reads += 1
        return said(shown, task.ending.http_status if is_last else 200)

    # ------------------------------------------------------------------ delivery

    def _address(self, task: _Task) -> str:
        if task.delivered is None or self.renews:
            self._addresses += 1
            until = datetime.fromtimestamp(self.server.now() + LIFE_SECONDS, UTC).strftime(
                "%Y-%m-%dT%H:%M:%SZ"
            )
            task.delivered = f"{self.url}/delivery/{task.id}?se={until}&sig=s{self._addresses}"
        return task.delivered

    def picture(self, task: _Task) -> bytes:
        """What a task makes: a pure function of what was asked for."""
        return png(repr((task.model, sorted(task.body.items()))).encode())

    def _deliver(self, asked: Asked) -> Answer:
        if "x-key" in asked.headers:
            self.leaked.append(asked.path)
        until = datetime.fromisoformat(asked.query["se"].replace("Z", "+00:00")).timestamp()
        if until < self.server.now():
            return Answer(403, b"<Error>AuthenticationFailed</Error>", {"Content-Type": "application/xml"})
        if self.wrong_type is not None:
            return Answer(200, self.wrong_type, {"Content-Type": "image/png"})
        task = self.tasks[asked.path.removeprefix("/delivery/")]
        return Answer(200, self.picture(task), {"Content-Type": "image/jpeg"})
