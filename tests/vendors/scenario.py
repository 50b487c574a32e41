"""A stand-in for Scenario: its protocol over real sockets, with a bill, and ways to misbehave."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tests.vendors.base import Answer, Asked, Charge, Server, png, said

KEY, SECRET = "api_stand_in", "s3cret-of-the-stand-in"
BASE = "/v1"


def _input(name: str, type_: str, required: bool = False, **more: Any) -> dict[str, Any]:
    made = {"name": name, "type": type_, "label": name, **more}
    return made | {"required": {"always": True}} if required else made


def _pictures(count: int | None, required: bool = False) -> dict[str, Any]:
    more = {} if count is None else {"maxLength": count}
    return _input("referenceImages", "file_array", required, kind="image", **more)


def _prompt(most: int | None = None) -> dict[str, Any]:
    return _input("prompt", "string", True, prompt=True, **({} if most is None else {"maxLength": most}))


def _choice(name: str, *values: str) -> dict[str, Any]:
    return _input(name, "string", allowedValues=list(values), default=values[0])


def _number(
    name: str, least: float, most: float, default: float | None = None, **more: Any
) -> dict[str, Any]:
    return _input(
        name, "number", min=least, max=most, **({} if default is None else {"default": default}), **more
    )


_SEED = _number("seed", 0, 2147483647, step=1)
_SIZES = [_number(name, 16, 3840, step=16) for name in ("width", "height")]
_FLUX_2_SHAPE = _choice(
    "aspectRatio", "1:1", "match_input_image", "16:9", "3:2", "4:3", "5:4", "4:5", "3:4", "2:3", "9:16"
)
_FLUX_2_AREA = _choice("resolution", "1 MP", "match_input_image", "0.5 MP", "2 MP", "4 MP")
_GOOGLE_RATIOS = ("21:9", "16:9", "4:3", "3:2", "5:4", "1:1", "4:5", "3:4", "2:3", "9:16")

MODELS: dict[str, tuple[Decimal, list[dict[str, Any]]]] = {
    "model_bytedance-seedream-4-editing": (
        Decimal(4),
        [
            _pictures(14),
            _prompt(),
            _choice("size", "4K", "2K", "1K"),
            _choice("aspectRatio", "auto", "1:1", "4:3", "3:4", "16:9", "9:16", "3:2", "2:3", "21:9"),
            _choice("sequentialImageGeneration", "disabled", "auto"),
            _number("maxImages", 1, 15, 1),
        ],
    ),
    "model_bytedance-seedream-4-5-editing": (
        Decimal(5),
        [
            _pictures(10),
            _prompt(),
            _choice("size", "4K", "2K"),
            _choice("aspectRatio", "auto", "1:1", "4:3", "3:4", "16:9", "9:16", "3:2", "2:3", "21:9"),
            _choice("sequentialImageGeneration", "disabled", "auto"),
            _number("maxImages", 1, 15, 1),
        ],
    ),
    "model_bytedance-seedream-5-0-pro": (
        Decimal(9),
        [_pictures(10), _prompt(), *(_number(name, 672, 3136, 2048) for name in ("width", "height"))],
    ),
    "model_flux-kontext-editing": (
        Decimal(11),
        [
            _pictures(10, True),
            _prompt(4096),
            _choice("aspectRatio", "auto", "21:9", "16:9", "3:2", "4:3", "1:1", "2:3", "3:4", "9:16", "9:21"),
            _choice("quality", "high", "medium"),
            _number("guidanceScale", 1, 10, 3.5),
            _number("numOutputs", 1, 4, 1),
            _input("loras", "model_array", maxLength=1, modelTypes=["flux.1-kontext-lora"]),
            _input("lorasScale", "number_array", min=0, max=2),
            _SEED,  # unconfirmed of the vendor
        ],
    ),
    "model_bfl-flux-2-pro-editing": (
        Decimal(7),
        [
            _pictures(None, True),
            _prompt(),
            _FLUX_2_SHAPE,
            _FLUX_2_AREA,
            _input("promptUpsampling", "boolean", default=False),
            _SEED,
        ],
    ),
    "model_bfl-flux-2-max-editing": (
        Decimal(12),
        [_pictures(None, True), _prompt(), _FLUX_2_SHAPE, _FLUX_2_AREA, _SEED],
    ),
    "model_bfl-flux-2-turbo-editing": (
        Decimal(2),
        [
            _pictures(None, True),
            _prompt(),
            _choice(
                "imageSize", "landscape_4_3", "landscape_16_9", "square_hd", "portrait_4_3", "portrait_16_9"
            ),
            _number("guidance", 1.5, 10, 2.5),
            _number("numOutputs", 1, 4, 1),
            _input("promptUpsampling", "boolean", default=False),
            _SEED,
        ],
    ),
    "model_google-gemini-2-5-flash-image-editing": (
        Decimal(5),
        [
            _pictures(None),
            _prompt(),
            _choice("aspectRatio", "auto", *_GOOGLE_RATIOS),
            _number("numOutputs", 1, 4, 1),
        ],
    ),
    "model_google-gemini-pro-image-editing": (
        Decimal(14),
        [
            _pictures(14),
            _prompt(),
            _choice("aspectRatio", "auto", *_GOOGLE_RATIOS),
            _choice("resolution", "2K", "1K", "4K"),
            _number("numOutputs", 1, 4, 1),
            _input("useGoogleSearch", "boolean", default=False),
        ],
    ),
    "model_google-gemini-3-1-flash": (
        Decimal(12),
        [
            _pictures(14),
            _prompt(250_000),
            _choice("aspectRatio", "auto", *_GOOGLE_RATIOS),
            _choice("resolution", "1K", "512", "2K", "4K"),
            _choice("thinkingLevel", "HIGH", "MEDIUM", "LOW", "MINIMAL"),
            _number("numOutputs", 1, 4, 1),
            _input("useGoogleSearch", "boolean", default=False),
        ],
    ),
    "model_openai-gpt-image-1-editing": (
        Decimal(8),
        [
            _pictures(10),
            _prompt(),
            _choice("aspectRatio", "auto", "1:1", "3:2", "2:3"),
            _choice("quality", "high", "medium", "low"),
            _choice("inputFidelity", "high", "low"),
            _choice("background", "auto", "transparent", "opaque"),
            _number("numOutputs", 1, 10, 1),
        ],
    ),
    "model_openai-gpt-image-1-5-editing": (
        Decimal(9),
        [
            _pictures(10),
            _prompt(),
            _choice("aspectRatio", "auto", "1:1", "3:2", "2:3"),
            _choice("quality", "high", "medium", "low"),
            _choice("inputFidelity", "high", "low"),
            _choice("background", "auto", "transparent", "opaque"),
            _number("numOutputs", 1, 10, 1),
        ],
    ),
    "model_openai-gpt-image-2": (
        Decimal("11.5"),
        [
            _pictures(10),
            _prompt(32000),
            _input("mask", "file", kind="image", maskFrom="referenceImages"),
            *_SIZES,
            _choice("quality", "auto", "high", "medium", "low"),
            _choice("background", "auto", "opaque", "transparent"),
            _number("numOutputs", 1, 10, 1),
        ],
    ),
    "model_qwen-image-edit": (
        Decimal(3),
        [
            _input("referenceImages", "file", True, kind="image"),
            _prompt(2048),
            _number("numOutputs", 1, 4, 1),
            _number("numInferenceSteps", 1, 100, 28),
            *(_number(name, 128, 2048, step=16) for name in ("width", "height")),
            _number("guidance", 1, 10, 4),
            _input("goFast", "boolean", default=False),
            _SEED,
            _input("modelId", "model"),
            _input("loras", "model_array", maxLength=6),
            _input("lorasScale", "number_array", min=0, max=2),
        ],
    ),
    "model_qwen-image-edit-2509": (
        Decimal(3),
        [
            _pictures(None, True),
            _prompt(2048),
            _number("numOutputs", 1, 4, 1),
            _number("numInferenceSteps", 1, 100, 28),
            *(_number(name, 128, 2048, step=16) for name in ("width", "height")),
            _number("guidance", 1, 10, 4),
            _input("goFast", "boolean", default=False),
            _SEED,
            _input("modelId", "model"),
            _input("loras", "model_array", maxLength=6),
            _input("lorasScale", "number_array", min=0, max=2),
        ],
    ),
    "model_runway-gen4-image-editing": (
        Decimal(9),
        [
            _pictures(3, True),
            _prompt(),
            _SEED,
            _choice(
                "aspectRatio",
                "1920:1080",
                "1440:1080",
                "1024:1024",
                "1080:1080",
                "1080:1440",
                "1080:1920",
                "720:720",
            ),
        ],
    ),
}
"""What each model takes, and its units for one picture."""

MODELS["model_qwen-image-edit-2511"] = MODELS["model_qwen-image-edit-2509"]

LORAS = {"model_style": "flux.1-kontext-lora", "model_other": "qwen-image-lora"}
LEGACY = (
    "gemini-2.0-flash",
    "gemini-2.5-flash",
    "gpt-image-1",
    "flux-kontext",
    "runway-gen4-image",
    "seedream-4",
)


@dataclass
class Ending:
    """How a job goes: the statuses that reads of it see, one after the other, and what it says at the end."""

    statuses: tuple[str, ...] = ("queued", "in-progress", "success")
    error: str | None = None
    is_charged: bool | None = None


@dataclass
class _Job:
    id: str
    model: str
    type: str
    input: dict[str, Any]
    count: int
    units: Decimal
    created: str
    ending: Ending
    reads: int = 0

    @property
    def status(self) -> str:
        return self.ending.statuses[min(self.reads, len(self.ending.statuses) - 1)]


@dataclass
class _Asset:
    id: str
    data: bytes
    media_type: str
    metadata: dict[str, Any]
    created: str
    status: str = "success"


@dataclass
class _Upload:
    id: str
    name: str
    media_type: str
    size: int
    parts: dict[int, bytes | None]
    created: str
    status: str = "pending"
    entity: str | None = None
    reads_left: int = 0


class _No(Exception):
    """The vendor says no: a status and what it says."""

    def __init__(self, status: int, reason: str, **more: Any) -> None:
        self.answer = said({"reason": reason, **more}, status)


@dataclass
class Scenario:
    """The stand-in. Switch its attributes to make it misbehave; `server.fault` does so for single exchanges.

    `endings` are those of the next jobs, `usual` is that of all others. `bill` has every job that was accepted; `leaked` the addresses that were sent credentials; `dropped` the inputs that
    were left out without an error, as the vendor does with a bare value for a list. `writes_into` puts metadata into pictures.
    """

    parallel: int = 100
    imports_after: int = 0
    endings: list[Ending] = field(default_factory=list)
    usual: Ending = field(default_factory=Ending)
    wrong_type: bytes | None = None
    writes_into: Callable[[bytes], bytes] = bytes
    stale_addresses: int = 0
    page_size: int = 50
    list_lags: int = 0
    bill: list[Charge] = field(default_factory=list)
    leaked: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    jobs: dict[str, _Job] = field(default_factory=dict)
    assets: dict[str, _Asset] = field(default_factory=dict)
    uploads: dict[str, _Upload] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.server = Server(self._handle)
        self.url = self.server.url + BASE
        self._signatures: set[str] = set()
        self._count = 0

    @contextmanager
    def running(self) -> Iterator[Scenario]:
        """Serves for as long as the context lasts."""
        with self.server.running():
            yield self

    @property
    def charged(self) -> Decimal:
        """What the account has to pay."""
        return sum((one.units for one in self.bill if not one.is_refunded), Decimal(0))

    # ------------------------------------------------------------------ routing

    def _handle(self, asked: Asked) -> Answer:
        if not asked.path.startswith(f"{BASE}/"):
            return self._deliver(asked)
        token = base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
        if asked.headers.get("authorization") != f"Basic {token}":
            return said({"reason": "Unauthorized"}, 401)
        path = asked.path.removeprefix(BASE)
        for method, pattern, name in _ROUTES:
            match = re.fullmatch(pattern, path)
            if match and method == asked.method:
                try:
                    answer: Answer = getattr(self, name)(asked, *match.groups())
                except _No as no:
                    return no.answer
                return answer
        return said({"message": "Not Found"}, 404)

    def _id(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_{self._count:08d}"

    def _date(self) -> str:
        moment = datetime.fromtimestamp(self.server.now(), UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"

    def _page(self, asked: Asked, name: str, rows: list[dict[str, Any]]) -> Answer:
        start = int(asked.query.get("paginationToken") or 0)
        end = start + min(int(asked.query.get("pageSize") or self.page_size), self.page_size)
        more = {"nextPaginationToken": str(end)} if end < len(rows) else {}
        return said({name: rows[start:end], **more})

    # ------------------------------------------------------------------ models

    def _model(self, name: str, *, whole: bool) -> dict[str, Any]:
        known = {
            "id": name,
            "name": name,
            "type": LORAS.get(name, "custom"),
            "custom": name in MODELS,
            "status": "trained",
            "privacy": "public",
            "capabilities": ["img2img"],
            "tags": [],
            "source": "scenario",
            "trainingImagesNumber": 0,
            "collectionIds": [],
            "exampleAssetIds": [],
            "createdAt": "2026-01-01T00:00:00.000Z",
            "updatedAt": "2026-01-01T00:00:00.000Z",
        }
        return known | {"inputs": MODELS[name][1]} if whole and name in MODELS else known

    def _list_models(self, asked: Asked) -> Answer:
        names = [*MODELS, *LORAS] if asked.query.get("privacy") == "public" else []
        return self._page(asked, "models", [self._model(name, whole=False) for name in names])

    def _read_model(self, asked: Asked, name: str) -> Answer:
        if name not in MODELS and name not in LORAS:
            raise _No(404, f"Model {name} not found")
        return said({"model": self._model(name, whole=True)})

    def _read_models(self, asked: Asked) -> Answer:
        wanted = asked.json.get("modelIds", [])
        return said({"models": [self._model(one, whole=False) for one in wanted if one in MODELS]})

    # ------------------------------------------------------------------ generating

    def _generate(self, asked: Asked, model: str) -> Answer:
        if model in LORAS:
            raise _No(400, "Custom models only are supported for this endpoint")
        if model not in MODELS:
            raise _No(404, f"Model {model} not found")
        units, inputs = MODELS[model]
        given = self._checked(inputs, asked.json)
        count = int(given.get("numOutputs") or given.get("maxImages") or 1)
        return self._run(asked, model, "custom", given, count, units * count, "custom-generation")

    def _edit(self, asked: Asked) -> Answer:
        given = asked.json
        for name in ("image", "prompt"):
            if not given.get(name):
                raise _No(400, f"Input {name} is required")
        model = given.get("modelId", "gemini-2.5-flash")
        if model not in LEGACY:
            raise _No(400, f"Invalid model(s): {model}.\nAllowed model types: {', '.join(LEGACY)}")
        self._check_assets([given["image"], *given.get("referenceImages", [])])
        count = int(given.get("numSamples") or 1)
        kind = "image-prompt-editing"
        return self._run(asked, model, kind, dict(given), count, Decimal(10) * count, kind)

    def _checked(self, inputs: list[dict[str, Any]], body: Mapping[str, Any]) -> dict[str, Any]:
        """The inputs that count; a bare value for a list is dropped, as the vendor does."""
        known = {one["name"]: one for one in inputs}
        given = {}
        for name, value in body.items():
            if name == "dryRun":
                continue  # ignored in a body: the job runs
            if name not in known:
                raise _No(400, f"Input {name} is not allowed")
            if known[name]["type"].endswith("_array") and not isinstance(value, list):
                self.dropped.append(name)
                continue
            self._check(known[name], value)
            given[name] = value
        for name, one in known.items():
            if one.get("required", {}).get("always") is True and given.get(name) in (None, "", []):
                raise _No(400, f"Input {name} is required")
        return given

    def _check(self, one: Mapping[str, Any], value: Any) -> None:
        name, kind = one["name"], one["type"].removesuffix("_array")
        types = {"string": str, "number": (int, float), "boolean": bool, "file": str, "model": str}
        values = value if isinstance(value, list) else [value]
        if isinstance(value, list) != one["type"].endswith("_array"):
            raise _No(400, f"Input {name} must be a {kind}")
        if not all(isinstance(item, types[kind]) for item in values):
            raise _No(400, f"Input {name} must be a {one['type']}")
        if "allowedValues" in one and value not in one["allowedValues"]:
            raise _No(400, f"Input {name} must be one of {', '.join(one['allowedValues'])}")
        for item in values if kind == "number" else []:
            if item < one.get("min", item):
                raise _No(400, f"Input {name} must be at least {one['min']}")
            if item > one.get("max", item):
                raise _No(400, f"Input {name} must be at most {one['max']}")
            if one.get("step") and item % one["step"]:
                raise _No(400, f"Input {name} must be a multiple of {one['step']}")
        if len(value if isinstance(value, (list, str)) else "") > one.get("maxLength", 1 << 30):
            raise _No(400, f"Input {name} must be at most {one['maxLength']} items long")
        if kind == "file":
            self._check_assets(values)
        wrong = [
            item
            for item in values
            if kind == "model" and LORAS.get(item) not in one.get("modelTypes", [None])
        ]
        if wrong and "modelTypes" in one:
            raise _No(
                400, f"Invalid model(s): {wrong[0]}.\nAllowed model types: {', '.join(one['modelTypes'])}"
            )

    def _check_assets(self, values: list[str]) -> None:
        for value in values:
            if value not in self.assets and not value.startswith("data:image/"):
                raise _No(404, f"Asset {value} not found")

    def _run(
        self,
        asked: Asked,
        model: str,
        kind: str,
        given: dict[str, Any],
        count: int,
        units: Decimal,
        action: str,
    ) -> Answer:
        cost = {
            "creativeUnitsCost": float(units),
            "creativeUnitsDiscount": 0,
            "costDetails": {action: float(units)},
        }
        if asked.query.get("dryRun"):
            return said(cost, 269)
        busy = [job for job in self.jobs.values() if job.status not in ("success", "failure", "canceled")]
        if len(busy) >= self.parallel:
            details = {"actionName": "parallel-custom-jobs", "actionLimit": self.parallel}
            raise _No(429, "Too many jobs at a time", details=details)
        ending = self.endings.pop(0) if self.endings else replace(self.usual)
        job = _Job(self._id("job"), model, kind, given, count, units, self._date(), ending)
        self.jobs[job.id] = job
        self.bill.append(Charge(job.id, units))
        return said({"job": self._shown(job), **cost}, x_should_retry="false")

    # ------------------------------------------------------------------ jobs

    def _shown(self, job: _Job) -> dict[str, Any]:
        metadata: dict[str, Any] = {"input": job.input}
        billing: dict[str, Any] = {"cuCost": float(job.units), "cuDiscount": 0}
        if job.status == "success":
            metadata["assetIds"] = self._results(job)
        if job.status == "failure":
            metadata["error"] = job.ending.error or "The generation failed"
            if job.ending.is_charged is not None:
                billing["disableRefund"] = job.ending.is_charged
            self._refund(job)
        steps = job.ending.statuses[: job.reads + 1]
        return {
            "jobId": job.id,
            "jobType": job.type,
            "status": job.status,
            "progress": 1 if job.status == "success" else 0.5,
            "statusHistory": [{"status": status, "date": job.created} for status in steps],
            "metadata": metadata,
            "billing": billing,
            "createdAt": job.created,
            "updatedAt": self._date(),
            "ownerId": "proj_1",
            "authorId": "key_1",
        }

    def _refund(self, job: _Job) -> None:
        for charge in self.bill:
            if charge.job == job.id:
                charge.is_refunded = not job.ending.is_charged

    def _results(self, job: _Job) -> list[str]:
        names = [f"asset_{job.id}_{number}" for number in range(job.count)]
        for number, name in enumerate(names):
            if name not in self.assets:
                picture = png(json.dumps([job.model, job.input, number], sort_keys=True).encode())
                picture = self.writes_into(picture)
                metadata = {"kind": "image", "type": "image-prompt-editing", "modelId": job.model}
                self.assets[name] = _Asset(name, picture, "image/png", metadata, job.created)
        return names

    def _read_job(self, asked: Asked, name: str) -> Answer:
        if name not in self.jobs:
            raise _No(404, f"Job {name} not found")
        job = self.jobs[name]
        shown = self._shown(job)
        job.reads += 1
        return said({"job": shown})

    def _list_jobs(self, asked: Asked) -> Answer:
        query = asked.query
        if "createdAfter" in query and query.keys() & {"status", "type", "types", "workflowId"}:
            raise _No(400, "createdAfter is not allowed with status, type, types or workflowId")
        if int(query.get("pageSize") or 1) > 100:
            raise _No(400, "Input pageSize must be at most 100")
        kinds = (
            query["types"].split(",") if "types" in query else [query["type"]] if "type" in query else None
        )
        found = [
            self._shown(job)
            for job in reversed(self.jobs.values())
            if job.created > query.get("createdAfter", "") and (kinds is None or job.type in kinds)
        ]
        if "status" in query:
            found = [one for one in found if one["status"] == query["status"]]
        if self.list_lags:
            self.list_lags -= 1
            found = []
        return self._page(asked, "jobs", found)

    def _act_on_job(self, asked: Asked, name: str) -> Answer:
        if name not in self.jobs:
            raise _No(404, f"Job {name} not found")
        raise _No(400, "Cannot cancel this type of job. Action not permitted.")

    # ------------------------------------------------------------------ assets

    def give(self, name: str, data: bytes) -> None:
        """Puts a picture among the assets, as if its owner had uploaded it."""
        metadata = {"kind": "image", "type": "uploaded", "name": name}
        self.assets[name] = _Asset(name, data, "image/png", metadata, self._date())

    def _address(self, place: str, name: str) -> str:
        signature = f"s{len(self._signatures) + 1}"
        if self.stale_addresses:
            self.stale_addresses -= 1
        else:
            self._signatures.add(signature)
        self._count += 1
        return f"{self.server.url}/{place}/{name}?Expires={self._count}&Signature={signature}"

    def _shown_asset(self, asset: _Asset, *, original: bool) -> dict[str, Any]:
        uploaded = asset.metadata["type"] == "uploaded"
        return {
            "id": asset.id,
            "url": self._address("assets" if original else "assets-transform", asset.id),
            "mimeType": asset.media_type,
            "kind": "image",
            "status": asset.status,
            "source": "uploaded" if uploaded else "image-prompt-editing",
            "privacy": "private",
            "properties": {"size": len(asset.data)},
            "metadata": asset.metadata,
            "outputIndex": 0,
            "tags": [],
            "collectionIds": [],
            "editCapabilities": ["PROMPT_EDITING"],
            "ownerId": "proj_1",
            "authorId": "key_1",
            "createdAt": asset.created,
            "updatedAt": asset.created,
        }

    def _add_asset(self, data: bytes, media_type: str, name: str) -> _Asset:
        metadata = {"kind": "image", "type": "uploaded", "name": name}
        asset = _Asset(self._id("asset"), data, media_type, metadata, self._date())
        self.assets[asset.id] = asset
        return asset

    def _upload_asset(self, asked: Asked) -> Answer:
        try:
            data = base64.b64decode(asked.json["image"], validate=True)
        except (KeyError, ValueError):
            raise _No(400, "Input image is required") from None
        if len(asked.body) > 6 * 1024 * 1024:
            raise _No(413, "Request entity too large")
        if not asked.json.get("name"):
            raise _No(400, "Input name is required")
        asset = self._add_asset(data, "image/png", asked.json["name"])
        return said({"asset": self._shown_asset(asset, original=False)})

    def _read_asset(self, asked: Asked, name: str) -> Answer:
        if name not in self.assets:
            raise _No(404, f"Asset {name} not found")
        original = asked.query.get("originalAssets") == "true"
        return said({"asset": self._shown_asset(self.assets[name], original=original)})

    def _list_assets(self, asked: Asked) -> Answer:
        return self._page(
            asked,
            "assets",
            [self._shown_asset(one, original=False) for one in reversed(self.assets.values())],
        )

    def _read_assets(self, asked: Asked) -> Answer:
        wanted = asked.json.get("assetIds", [])
        if len(wanted) > 200:
            raise _No(400, "Input assetIds must be at most 200 items long")
        found = [self.assets[one] for one in wanted if one in self.assets]
        return said({"assets": [self._shown_asset(one, original=False) for one in found]})

    def _delete_assets(self, asked: Asked) -> Answer:
        for name in asked.json.get("assetIds", []):
            self.assets.pop(name, None)
        return said({})

    def _ask_download(self, asked: Asked, name: str) -> Answer:
        if name not in self.assets:
            raise _No(404, f"Asset {name} not found")
        return said({"url": self._address("assets", name), "mimeType": self.assets[name].media_type})

    def expire(self) -> None:
        """Every address given so far is worth nothing any more."""
        self._signatures.clear()

    def _deliver(self, asked: Asked) -> Answer:
        if "authorization" in asked.headers:
            self.leaked.append(asked.path)
        if asked.query.get("Signature") not in self._signatures:
            return Answer(
                403, b"<Error><Code>AccessDenied</Code></Error>", {"Content-Type": "application/xml"}
            )
        _, place, name, *rest = asked.path.split("/")
        if place == "storage" and asked.method == "PUT":
            self.uploads[name].parts[int(rest[0])] = asked.body
            return Answer(200)
        if name not in self.assets:
            return Answer(404)
        asset = self.assets[name]
        if self.wrong_type is not None:
            return Answer(200, self.wrong_type, {"Content-Type": "image/png"})
        body = asset.data if place == "assets" else png(asset.data)
        return Answer(200, body, {"Content-Type": asset.media_type})

    # ------------------------------------------------------------------ uploads in parts

    def _start_upload(self, asked: Asked) -> Answer:
        asks = asked.json
        parts: dict[int, bytes | None] = dict.fromkeys(range(1, int(asks["parts"]) + 1))
        upload = _Upload(
            self._id("upload"), asks["fileName"], asks["contentType"], asks["fileSize"], parts, self._date()
        )
        self.uploads[upload.id] = upload
        return said({"upload": self._shown_upload(upload)})

    def _shown_upload(self, upload: _Upload) -> dict[str, Any]:
        made: dict[str, Any] = {
            "id": upload.id,
            "kind": "image",
            "status": upload.status,
            "source": "multipart",
            "fileName": upload.name,
            "fileSize": upload.size,
            "contentType": upload.media_type,
            "ownerId": "proj_1",
            "authorId": "key_1",
            "createdAt": upload.created,
            "updatedAt": upload.created,
        }
        if upload.status == "pending":
            # In no particular order: a client has to look at the numbers.
            made["parts"] = [
                {
                    "number": number,
                    "url": self._address("storage", f"{upload.id}/{number}"),
                    "expires": upload.created,
                }
                for number in reversed(upload.parts)
            ]
        if upload.status == "failed":
            made["errorMessage"] = "The file is not an image"
        return made if upload.entity is None else made | {"entityId": upload.entity}

    def _read_upload(self, asked: Asked, name: str) -> Answer:
        if name not in self.uploads:
            raise _No(404, f"Upload {name} not found")
        upload = self.uploads[name]
        if upload.status == "validating":
            if upload.reads_left:
                upload.reads_left -= 1
            else:
                self._import(upload)
        return said({"upload": self._shown_upload(upload)})

    def _import(self, upload: _Upload) -> None:
        data = b"".join(part or b"" for part in upload.parts.values())
        if len(data) != upload.size or not data.startswith(b"\x89PNG"):
            upload.status = "failed"
            return
        upload.status, upload.entity = "imported", self._add_asset(data, upload.media_type, upload.name).id

    def _act_on_upload(self, asked: Asked, name: str) -> Answer:
        if asked.json.get("action") != "complete":
            raise _No(400, "Unknown action")
        upload = self.uploads[name]
        sizes = [len(part or b"") for part in upload.parts.values()]
        if not all(sizes) or any(size < 5 * 1024 * 1024 for size in sizes[:-1]):
            raise _No(400, "Your proposed upload is smaller than the minimum allowed size")
        upload.status, upload.reads_left = "validating", self.imports_after
        return said({"upload": self._shown_upload(upload)})


_ROUTES = (
    ("GET", "/models", "_list_models"),
    ("POST", "/models/get-bulk", "_read_models"),
    ("GET", "/models/([^/]+)", "_read_model"),
    ("POST", "/generate/custom/([^/]+)", "_generate"),
    ("POST", "/generate/prompt-editing", "_edit"),
    ("GET", "/jobs", "_list_jobs"),
    ("GET", "/jobs/([^/]+)", "_read_job"),
    ("POST", "/jobs/([^/]+)/action", "_act_on_job"),
    ("POST", "/assets", "_upload_asset"),
    ("GET", "/assets", "_list_assets"),
    ("DELETE", "/assets", "_delete_assets"),
    ("POST", "/assets/get-bulk", "_read_assets"),
    ("GET", "/assets/([^/]+)", "_read_asset"),
    ("POST", "/assets/([^/]+)/download", "_ask_download"),
    ("POST", "/uploads", "_start_upload"),
    ("GET", "/uploads/([^/]+)", "_read_upload"),
    ("POST", "/uploads/([^/]+)/action", "_act_on_upload"),
)
