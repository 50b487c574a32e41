"""A stand-in for fal: its queue, its storage and its CDN, with a bill, and ways to misbehave."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import jsonschema
from tests.vendors.base import Answer, Asked, Charge, Server, png, said

KEY = "f4l-key-id:f4l-s3cret-of-the-stand-in"
TEXT = {"type": "string", "minLength": 1}
PRESETS = ["square_hd", "square", "portrait_4_3", "portrait_16_9", "landscape_4_3", "landscape_16_9"]
NINE = ["21:9", "16:9", "4:3", "3:2", "1:1", "2:3", "3:4", "9:16", "9:21"]


def _number(low: float, high: float, kind: str = "number") -> dict[str, Any]:
    return {"type": kind, "minimum": low, "maximum": high}


def _takes(pictures: int | None, **own: Any) -> dict[str, Any]:
    """What an endpoint takes: one picture where `pictures` is None, else up to so many."""
    if pictures is None:
        image: dict[str, Any] = {"image_url": TEXT}
    else:
        image = {"image_urls": {"type": "array", "minItems": 1, "maxItems": pictures, "items": TEXT}}
    shared = {
        "prompt": TEXT,
        "num_images": _number(1, 4, "integer"),
        "sync_mode": {"type": "boolean"},
        "seed": {"type": "integer"},
        "output_format": {"enum": ["jpeg", "png"]},
    }
    fields = {name: one for name, one in {**shared, **image, **own}.items() if one is not None}
    return {"type": "object", "properties": fields, "required": ["prompt", *image]}


def _size(low: int, high: int, *named: str) -> dict[str, Any]:
    side = _number(low, high, "integer")
    sides = {"type": "object", "properties": {"width": side, "height": side}, "required": ["width", "height"]}
    return {"anyOf": [{"enum": [*named, *PRESETS]}, sides]}


_LORAS = {
    "type": "array",
    "maxItems": 3,
    "items": {"type": "object", "properties": {"path": TEXT, "scale": _number(0, 4)}, "required": ["path"]},
}
_KONTEXT = {
    "aspect_ratio": {"enum": NINE},
    "guidance_scale": _number(1, 20),
    "safety_tolerance": {"enum": list("123456")},
    "enhance_prompt": {"type": "boolean"},
}
_DEV = {
    "num_inference_steps": _number(10, 50, "integer"),
    "guidance_scale": _number(1, 20),
    "resolution_mode": {"enum": ["auto", "match_input", *NINE, "5:4", "4:5"]},
    "acceleration": {"enum": ["none", "regular", "high"]},
    "enable_safety_checker": {"type": "boolean"},
}
_FLUX_2_PRO = {
    "image_size": _size(64, 14142, "auto"),
    "safety_tolerance": {"enum": list("12345")},
    "enable_safety_checker": {"type": "boolean"},
}
_WEBP = {"output_format": {"enum": ["jpeg", "png", "webp"]}}
_OPEN_2 = {
    **_WEBP,
    "guidance_scale": _number(0, 20),
    "image_size": _size(512, 2048),
    "enable_prompt_expansion": {"type": "boolean"},
    "enable_safety_checker": {"type": "boolean"},
}
_KLEIN = {"image_size": _size(64, 4096), "output_format": {"enum": ["jpeg", "png", "webp"]}}
_SEEDREAM = {
    "output_format": None,
    "max_images": _number(1, 6, "integer"),
    "enable_safety_checker": {"type": "boolean"},
}
_QWEN = {
    "negative_prompt": {"type": "string"},
    "guidance_scale": _number(0, 20),
    "num_inference_steps": _number(2, 50, "integer"),
    "acceleration": {"enum": ["none", "regular", "high"]},
    "image_size": _size(64, 4096),
}
ENDPOINTS: dict[str, tuple[str, dict[str, Any]]] = {
    "fal-ai/flux-pro/kontext": ("0.04", _takes(None, **_KONTEXT)),
    "fal-ai/flux-pro/kontext/max": ("0.08", _takes(None, **_KONTEXT)),
    "fal-ai/flux-pro/kontext/multi": ("0.04", _takes(4, **_KONTEXT)),
    "fal-ai/flux-pro/kontext/max/multi": ("0.08", _takes(4, **_KONTEXT)),
    "fal-ai/flux-kontext/dev": ("0.025", _takes(None, **_DEV)),
    "fal-ai/flux-kontext-lora": ("0.035", _takes(None, **_DEV, loras=_LORAS)),
    "fal-ai/flux-pro/v1/fill": (
        "0.05",
        _takes(None, mask_url=TEXT, safety_tolerance=_KONTEXT["safety_tolerance"], enhance_prompt={"type": "boolean"}),
    ),
    "fal-ai/flux-2-pro/edit": ("0.045", _takes(9, **_FLUX_2_PRO)),
    "fal-ai/flux-2-max/edit": ("0.1", _takes(8, **_FLUX_2_PRO)),
    "fal-ai/flux-2-flex/edit": (
        "0.1",
        _takes(
            10, **_FLUX_2_PRO, guidance_scale=_number(1.5, 10), num_inference_steps=_number(2, 50, "integer"),
            enable_prompt_expansion={"type": "boolean"},
        ),
    ),
    "fal-ai/flux-2/edit": ("0.012", _takes(4, **_OPEN_2, num_inference_steps=_number(4, 50, "integer"))),
    "fal-ai/flux-2/turbo/edit": ("0.008", _takes(4, **_OPEN_2)),
    "fal-ai/flux-2/klein/4b/edit": ("0.009", _takes(4, **_KLEIN)),
    "fal-ai/flux-2/klein/9b/edit": ("0.011", _takes(4, **_KLEIN)),
    "fal-ai/bytedance/seedream/v4/edit": ("0.03", _takes(10, **_SEEDREAM, image_size=_size(1024, 4096, "auto", "auto_2K", "auto_4K"), enhance_prompt_mode={"enum": ["standard", "fast"]})),
    "fal-ai/bytedance/seedream/v4.5/edit": ("0.04", _takes(10, **_SEEDREAM, image_size=_size(1920, 4096, "auto_2K", "auto_4K"))),
    "fal-ai/bytedance/seedream/v5/lite/edit": ("0.035", _takes(10, **_SEEDREAM, image_size=_size(1920, 4096, "auto_2K", "auto_3K"))),
    "fal-ai/qwen-image-edit": ("0.03", _takes(None, **_QWEN)),
    "fal-ai/qwen-image-edit-lora": ("0.035", _takes(None, **_QWEN, loras=_LORAS)),
    "fal-ai/qwen-image-edit-plus": ("0.03", _takes(10, **_QWEN)),
    "fal-ai/qwen-image-edit-plus-lora": ("0.035", _takes(10, **_QWEN, loras=_LORAS)),
    "fal-ai/gpt-image-1/edit-image": (
        "0.2",
        _takes(
            16, seed=None, image_size={"enum": ["auto", "1024x1024", "1536x1024", "1024x1536"]}, quality={"enum": ["auto", "low", "medium", "high"]},
            background={"enum": ["auto", "transparent", "opaque"]}, input_fidelity={"enum": ["low", "high"]}, output_format={"enum": ["jpeg", "png", "webp"]},
        ),
    ),
    "fal-ai/gemini-25-flash-image/edit": (
        "0.039",
        _takes(
            10, seed=None, aspect_ratio={"enum": ["auto", "21:9", "16:9", "3:2", "4:3", "5:4", "1:1", "4:5", "3:4", "2:3", "9:16"]},
            output_format={"enum": ["jpeg", "png", "webp"]}, limit_generations={"type": "boolean"},
        ),
    ),
}  # fmt: skip
"""The price of a unit, and what each endpoint takes; what it does not know, it leaves out without a word."""


@dataclass
class Ending:
    """How a request goes: the statuses that reads see one after the other, and what its result is.

    `error` is the answer to a read of the result; `says_error` whether the status says so too.
    """

    statuses: tuple[str, ...] = ("IN_QUEUE", "IN_PROGRESS", "COMPLETED")
    error: Answer | None = None
    says_error: bool = True
    is_charged: bool = True
    is_black: bool = False
    units: str | None = "1"


@dataclass
class _Request:
    id: str
    app: str
    endpoint: str
    input: dict[str, Any]
    ending: Ending
    reads: int = 0

    @property
    def status(self) -> str:
        return self.ending.statuses[min(self.reads, len(self.ending.statuses) - 1)]


@dataclass
class Fal:
    """The stand-in. Switch its attributes to make it misbehave; `server.fault` does so for single exchanges.

    `dropped` has the inputs that an endpoint did not know; `leaked` the addresses that were sent the key and should not
    have been; `uploads` the bytes in its storage by address.
    """

    has_balance: bool = True
    says_addresses: bool = True
    endings: list[Ending] = field(default_factory=list)
    wrong_type: bytes | None = None
    bill: list[Charge] = field(default_factory=list)
    leaked: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    requests: dict[str, _Request] = field(default_factory=dict)
    uploads: dict[str, bytes | None] = field(default_factory=dict)
    lifecycles: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.server = Server(self._handle)
        self.url = self.server.url

    @contextmanager
    def running(self) -> Iterator[Fal]:
        """Serves for as long as the context lasts."""
        with self.server.running():
            yield self

    @property
    def charged(self) -> Decimal:
        """What the account has to pay, in dollars."""
        return sum((one.units for one in self.bill if not one.is_refunded), Decimal(0))

    def _handle(self, asked: Asked) -> Answer:
        if asked.path.startswith(("/files/", "/put/")):
            return self._on_the_cdn(asked)
        if asked.headers.get("authorization") not in (f"Key {KEY}", "Bearer cdn-token"):
            return said({"detail": "Cannot access application. Authentication is required"}, 401)
        if asked.path.startswith("/storage/"):
            return self._in_storage(asked)
        head, _, tail = asked.path[1:].partition("/requests/")
        if tail:
            return self._of_request(asked, head, tail)
        if asked.method != "POST" or head not in ENDPOINTS:
            return said({"detail": f"Application '{head}' not found"}, 404)
        return self._submit(asked, head)

    # ------------------------------------------------------------------ the queue

    def _submit(self, asked: Asked, endpoint: str) -> Answer:
        if not self.has_balance:
            return said({"detail": "User is locked. Reason: Exhausted balance."}, 403)
        if not asked.json:
            return said({"detail": [{"loc": ["body"], "msg": "no JSON", "type": "value_error"}]}, 422)
        price, schema = ENDPOINTS[endpoint]
        given = {name: one for name, one in asked.json.items() if name in schema["properties"]}
        self.dropped += [name for name in asked.json if name not in given]
        ending = self._checked(given, schema) or (self.endings.pop(0) if self.endings else Ending())
        app = "/".join(endpoint.split("/")[:2])
        request = _Request(f"req-{len(self.requests) + 1:04d}", app, endpoint, given, ending)
        self.requests[request.id] = request
        count = Decimal(given.get("num_images", 1))
        self.bill.append(Charge(request.id, Decimal(price) * count, is_refunded=not ending.is_charged))
        return said({"status": "IN_QUEUE", "queue_position": 0, **self._addresses(request)})

    def _checked(self, given: dict[str, Any], schema: dict[str, Any]) -> Ending | None:
        """Input is checked where the model runs: what is wrong with it is the result."""
        wrong = [
            {"loc": ["body", *one.absolute_path], "msg": one.message[:200], "type": "value_error"}
            for one in jsonschema.Draft202012Validator(schema).iter_errors(given)
        ]
        pictures = [one for name in ("image_url", "mask_url") if (one := given.get(name))]
        gone = {"loc": ["body", "image_url"], "msg": "Failed to download", "type": "file_download_error"}
        wrong += [gone for one in [*pictures, *given.get("image_urls", [])] if not self.uploads.get(str(one))]
        return Ending(("COMPLETED",), said({"detail": wrong}, 422), is_charged=False) if wrong else None

    def _addresses(self, request: _Request) -> dict[str, str]:
        base = f"{self.url}/{request.app}/requests/{request.id}"
        return {
            "request_id": request.id,
            "response_url": base,
            "status_url": f"{base}/status",
            "cancel_url": f"{base}/cancel",
        }

    def _of_request(self, asked: Asked, app: str, tail: str) -> Answer:
        name, _, what = tail.partition("/")
        request = self.requests.get(name)
        if request is None or request.app != app:
            return said({"detail": "Request not found"}, 404)
        if what == "cancel":
            if request.status == "COMPLETED":
                return said({"status": "ALREADY_COMPLETED"}, 400)
            if request.status == "IN_QUEUE":
                gone = said({"detail": "Request was cancelled", "error_type": "client_cancelled"}, 499)
                request.ending = Ending(("COMPLETED",), gone, is_charged=False)
                self._refund(request)
            return said({"status": "CANCELLATION_REQUESTED"}, 202)
        if what == "status":
            return self._status(request)
        return self._result(request)

    def _status(self, request: _Request) -> Answer:
        status = request.status
        request.reads += 1
        found: dict[str, Any] = {"status": status, "logs": None}
        if self.says_addresses:
            found |= self._addresses(request)
        if status == "IN_QUEUE":
            found["queue_position"] = 0
        if status == "COMPLETED":
            found["metrics"] = {"inference_time": 1.5}
            error = request.ending.error
            if error is not None and request.ending.says_error:
                body = json.loads(error.body)
                found |= {
                    "error": "Request failed",
                    "error_type": body.get("error_type", "unprocessable_entity"),
                }
        return said(found)

    def _refund(self, request: _Request) -> None:
        for charge in self.bill:
            charge.is_refunded = charge.is_refunded or charge.job == request.id

    def _result(self, request: _Request) -> Answer:
        if request.status != "COMPLETED":
            return said({"detail": "Request is still in progress"}, 400)
        units = {} if request.ending.units is None else {"X-Fal-Billable-Units": request.ending.units}
        if request.ending.error is not None:
            charged = units if request.ending.is_charged else {}
            error = request.ending.error
            return Answer(error.status, error.body, {**error.headers, **charged})
        count = request.input.get("num_images", 1)
        pictures = [
            {
                "url": f"{self.url}/files/{request.id}/{at}.png",
                "content_type": "image/png",
                "width": 12,
                "height": 8,
            }
            for at in range(count)
        ]
        seed = {"seed": request.input.get("seed", 42)} if "seedream" not in request.endpoint else {}
        black = {"has_nsfw_concepts": [request.ending.is_black] * count}
        answer = said({"images": pictures, **seed, **black, "prompt": request.input["prompt"]})
        return Answer(200, answer.body, {**answer.headers, **units})

    # ------------------------------------------------------------------ storage and delivery

    def _in_storage(self, asked: Asked) -> Answer:
        if asked.path == "/storage/auth/token":
            until = "2099-01-01T00:00:00+00:00"
            token = {"token": "cdn-token", "token_type": "Bearer", "base_url": self.url, "expires_at": until}
            return said(token)
        if not {"content_type", "file_name"} <= asked.json.keys():
            return said({"detail": "content_type and file_name are needed"}, 422)
        self.lifecycles.append(asked.headers.get("x-fal-object-lifecycle-preference", ""))
        name = f"{len(self.uploads) + 1:04d}-{asked.json['file_name']}"
        self.uploads[f"{self.url}/files/in/{name}"] = None
        return said(
            {"upload_url": f"{self.url}/put/{name}?signature=s", "file_url": f"{self.url}/files/in/{name}"}
        )

    def picture(self, request: _Request, at: int) -> bytes:
        """What a request makes: a pure function of what was asked for."""
        asked = {
            name: self.uploads[one].hex() if isinstance(one, str) and self.uploads.get(one) else one  # type: ignore[union-attr]
            for name, one in request.input.items()
        }
        return png(repr((request.endpoint, sorted(asked.items(), key=str), at)).encode())

    def _on_the_cdn(self, asked: Asked) -> Answer:
        parts = asked.path.split("/")
        if asked.name == "POST /files/upload":
            address = f"{self.url}/files/in/sdk-{len(self.uploads) + 1:04d}"
            self.uploads[address] = asked.body
            return said({"access_url": address})
        if "authorization" in asked.headers:
            self.leaked.append(asked.path)
        if parts[1] == "put":
            self.uploads[f"{self.url}/files/in/{parts[2]}"] = asked.body
            return Answer(200)
        if parts[2] == "in":
            data = self.uploads.get(f"{self.url}{asked.path}")
            return Answer(404) if data is None else Answer(200, data)
        if self.wrong_type is not None:
            return Answer(200, self.wrong_type, {"Content-Type": "image/png"})
        picture = self.picture(self.requests[parts[2]], int(parts[3].split(".")[0]))
        return Answer(200, picture, {"Content-Type": "image/png"})
