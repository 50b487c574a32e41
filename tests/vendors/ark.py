"""A stand-in for Ark: Seedream in one request, with a bill for each picture, and ways to misbehave."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import jsonschema
from tests.vendors.base import Answer, Asked, Charge, Server, png, said

from editchain.imaging.probe import probe

KEY = "ark-key-of-the-stand-in"
BASE = "/api/v3"
DAY_SECONDS = 86_400
TEXT = {"type": "string", "minLength": 1}
_DATA_URL = re.compile(r"data:image/(jpeg|png|webp|bmp|tiff|gif);base64,(.+)", re.DOTALL)


def _takes(pictures: int, tiers: list[str], **own: Any) -> dict[str, Any]:
    """What a model takes; the area of a size in pixels is checked apart."""
    fields = {
        "model": TEXT,
        "prompt": TEXT,
        "image": {"anyOf": [TEXT, {"type": "array", "minItems": 1, "maxItems": pictures, "items": TEXT}]},
        "size": {"anyOf": [{"enum": tiers}, {"type": "string", "pattern": "^[0-9]+x[0-9]+$"}]},
        "response_format": {"enum": ["url", "b64_json"]},
        "watermark": {"type": "boolean"},
        **own,
    }
    return {
        "type": "object",
        "properties": fields,
        "required": ["model", "prompt"],
        "additionalProperties": False,
    }


def _mode(*modes: str) -> dict[str, Any]:
    return {"optimize_prompt_options": {"type": "object", "properties": {"mode": {"enum": list(modes)}}}}


_SERIES = {
    "sequential_image_generation": {"enum": ["auto", "disabled"]},
    "sequential_image_generation_options": {
        "type": "object",
        "properties": {"max_images": {"type": "integer", "minimum": 1, "maximum": 15}},
    },
    "stream": {"type": "boolean"},
}
_FORMAT = {"output_format": {"enum": ["jpeg", "png"]}, "tools": {"type": "array"}}
_WIDE = (3_686_400, 16_777_216)


@dataclass(frozen=True)
class _Model:
    price: str
    area: tuple[int, int]
    takes: dict[str, Any]


MODELS = {
    "seedream-4-0-250828": _Model(
        "0.03", (921_600, 16_777_216), _takes(14, ["1K", "2K", "4K"], **_SERIES, **_mode("standard", "fast"))
    ),
    "seedream-4-5-251128": _Model(
        "0.04", _WIDE, _takes(14, ["2K", "4K"], **_SERIES, **_mode("standard"))
    ),
    "seedream-5-0-260128": _Model(
        "0.035", _WIDE, _takes(14, ["2K", "3K", "4K"], **_SERIES, **_FORMAT, **_mode("standard"))
    ),
    "seedream-5-0-pro-260628": _Model(
        "0.09",
        (921_600, 4_624_220),
        _takes(
            10, ["1K", "1.5K", "2K"], **_FORMAT, layer_decomposition={"type": "boolean"},
            background={"enum": ["opaque", "transparent"]},
        ),
    ),
}  # fmt: skip


@dataclass
class Ending:
    """How a request goes: what becomes of each picture, None for one that is made, else a code and what it says.

    `count` is how many a series has, where the model makes fewer than it may.
    """

    errors: tuple[tuple[str, str] | None, ...] = ()
    count: int | None = None
    is_charged_anyway: bool = False


@dataclass
class Ark:
    """The stand-in. Switch its attributes to make it misbehave; `server.fault` does so for single exchanges.

    `asks` has the bodies that were accepted; `leaked` the addresses that were sent the key and should not have been;
    `endpoints` the names of an account's own that stand for a model.
    """

    endings: list[Ending] = field(default_factory=list)
    wrong_type: bytes | None = None
    bill: list[Charge] = field(default_factory=list)
    asks: list[dict[str, Any]] = field(default_factory=list)
    leaked: list[str] = field(default_factory=list)
    traces: list[str] = field(default_factory=list)
    endpoints: dict[str, str] = field(default_factory=dict)
    files: dict[str, tuple[bytes, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.server = Server(self._handle)
        self.url = f"{self.server.url}{BASE}"

    @contextmanager
    def running(self) -> Iterator[Ark]:
        """Serves for as long as the context lasts."""
        with self.server.running():
            yield self

    @property
    def charged(self) -> Decimal:
        """What the account has to pay, in dollars."""
        return sum((one.units for one in self.bill if not one.is_refunded), Decimal(0))

    def _handle(self, asked: Asked) -> Answer:
        if asked.path.startswith("/tos/"):
            return self._deliver(asked)
        self.traces.append(asked.headers.get("x-client-request-id", ""))
        if asked.headers.get("authorization") != f"Bearer {KEY}":
            return no(401, "AuthenticationError", "The API key doesn't exist")
        if asked.name != f"POST {BASE}/images/generations":
            return no(404, "NotFound", "no such path")
        return self._generate({name: one for name, one in asked.json.items() if one is not None})

    # ------------------------------------------------------------------ generation

    def _generate(self, body: dict[str, Any]) -> Answer:
        name = self.endpoints.get(str(body.get("model")), str(body.get("model"))).removeprefix("doubao-")
        model = MODELS.get(name)
        if model is None:
            return no(404, "InvalidEndpointOrModel.NotFound", f"The model or endpoint {name} does not exist")
        wrong = next(iter(jsonschema.Draft202012Validator(model.takes).iter_errors(body)), None)
        if wrong is not None:
            place = ".".join(map(str, wrong.absolute_path))
            return no(
                400,
                "InvalidParameter",
                f"The parameter {place or 'body'} is not valid: {wrong.message[:120]}",
            )
        problem = self._area_problem(body, model) or self._picture_problem(body)
        if problem:
            return no(400, "InvalidParameter", problem)
        given = body["image"] if isinstance(body.get("image"), list) else [body.get("image")]
        is_series = body.get("sequential_image_generation") == "auto"
        most = body.get("sequential_image_generation_options", {}).get("max_images", 15) if is_series else 1
        if is_series and len(given) + most > 15:
            most = 15 - len(given)
        self.asks.append(body)
        return self._made(body, name, model, most)

    def _made(self, body: dict[str, Any], name: str, model: _Model, most: int) -> Answer:
        ending = self.endings.pop(0) if self.endings else Ending()
        count = min(most, ending.count or most)
        errors = (*ending.errors, *[None] * (count - len(ending.errors)))[:count]
        data = []
        for at, error in enumerate(errors):
            if error is not None:
                data.append({"error": {"code": error[0], "message": error[1]}})
                continue
            picture = self.picture(body, at)
            shown = {"size": "12x8"}
            if body.get("response_format", "url") == "url":
                data.append({"url": self._address(picture), **shown})
            else:
                data.append({"b64_json": base64.b64encode(picture).decode(), **shown})
        made = sum(error is None for error in errors) or (1 if ending.is_charged_anyway else 0)
        if made:
            self.bill.append(Charge(f"call-{len(self.bill) + 1}", Decimal(model.price) * made))
        usage = {"generated_images": made, "output_tokens": 4096 * made, "total_tokens": 4096 * made}
        answer = {"model": name, "created": 1, "data": data, "usage": usage}
        return said(answer, X_Request_Id="0217-stand-in", x_should_retry="false")

    def _area_problem(self, body: dict[str, Any], model: _Model) -> str | None:
        width, _, height = str(body.get("size", "")).partition("x")
        if not height:
            return None
        area = int(width) * int(height)
        if not model.area[0] <= area <= model.area[1]:
            return f"The parameter size must have between {model.area[0]} and {model.area[1]} pixels"
        if not 1 / 16 <= int(width) / int(height) <= 16:
            return "The parameter size must have a ratio between 1:16 and 16:1"
        return None

    def _picture_problem(self, body: dict[str, Any]) -> str | None:
        given = body["image"] if isinstance(body.get("image"), list) else [body.get("image")]
        for one in filter(None, given):
            match = _DATA_URL.fullmatch(one)
            try:
                found = probe(base64.b64decode(match[2], validate=True)) if match else None
            except ValueError:
                found = None
            if found is None or min(found.width, found.height) <= 14:
                return "The parameter image is not valid"
        return None

    def picture(self, body: dict[str, Any], at: int) -> bytes:
        """What a request makes: a pure function of what was asked for."""
        kept = {name: one for name, one in body.items() if name != "response_format"}
        return png(repr((sorted(kept.items(), key=lambda item: item[0]), at)).encode())

    # ------------------------------------------------------------------ delivery

    def _address(self, picture: bytes) -> str:
        name = f"{len(self.files) + 1:04d}.jpeg"
        self.files[name] = (picture, self.server.now() + DAY_SECONDS)
        return f"{self.server.url}/tos/{name}?X-Tos-Expires={DAY_SECONDS}&X-Tos-Signature=s1gn3d"

    def _deliver(self, asked: Asked) -> Answer:
        if "authorization" in asked.headers:
            self.leaked.append(asked.path)
        picture, until = self.files[asked.path.removeprefix("/tos/")]
        if until < self.server.now() or "X-Tos-Signature" not in asked.query:
            return Answer(
                403, b"<Error><Code>AccessDenied</Code></Error>", {"Content-Type": "application/xml"}
            )
        body = picture if self.wrong_type is None else self.wrong_type
        return Answer(200, body, {"Content-Type": "image/jpeg"})


def no(status: int, code: str, message: str, **headers: str) -> Answer:
    """The vendor says no, in its own form."""
    error = {"code": code, "message": message, "param": "", "type": "BadRequest"}
    return said({"error": error}, status, X_Request_Id="0217-stand-in", **headers)
