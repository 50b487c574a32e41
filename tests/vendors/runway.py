"""A stand-in for Runway: uploads for a day, tasks that are polled, with a bill in credits, and ways to misbehave."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from email import message_from_bytes
from typing import Any

import jsonschema
from tests.vendors.base import Answer, Asked, Charge, Server, png, said

from editchain.imaging.probe import probe

KEY = "key_stand_in_0123456789"
VERSION = "2024-11-06"
BASE = "/v1"

GEN4 = (
    "1024:1024 1080:1080 1168:880 1360:768 1440:1080 1080:1440 1808:768 1920:1080 1080:1920 2112:912 1280:720 "
    "720:1280 720:720 960:720 720:960 1680:720"
)
_3_1K = "1344:768 768:1344 1024:1024 1184:864 864:1184 1536:672 832:1248 1248:832 896:1152 1152:896"
_31_1K = "1024:1024 848:1264 1264:848 896:1200 1200:896 928:1152 1152:928 768:1376 1376:768 1584:672"
_2K = "2048:2048 1696:2528 2528:1696 1792:2400 2400:1792 1856:2304 2304:1856 1536:2752 2752:1536 3168:1344"
_4K = "4096:4096 3392:5056 5056:3392 3584:4800 4800:3584 3712:4608 4608:3712 3072:5504 5504:3072 6336:2688"
_PRO = f"{_3_1K} {_2K} {_4K}"
_FLASH = (
    f"512:512 416:624 624:416 432:592 592:432 448:576 576:448 384:672 672:384 768:336 {_PRO} "
    "256:1024 1024:256 176:1408 1408:176 512:2048 2048:512 352:2816 2816:352 1024:4096 4096:1024 704:5632 5632:704 "
    "2048:8192 8192:2048 1408:11264 11264:1408"
)
_NANO = (
    f"{_31_1K} {_2K} {_4K} 512:2064 2064:512 352:2928 2928:352 1024:4128 4128:1024 704:5856 5856:704 "
    "2048:8256 8256:2048 1408:11712 11712:1408"
)
_SEED_5 = (
    "1024:1024 1184:896 896:1184 1376:768 768:1376 1296:864 864:1296 2048:2048 2304:1728 1728:2304 2720:1530 1530:2720 "
    "2496:1664 1664:2496 auto_1k auto_2k"
)
_GPT = (
    "2048:880 1920:1088 1920:1280 1920:1440 1920:1536 1920:1920 1536:1920 1440:1920 1280:1920 1088:1920 2912:1248 "
    "2560:1440 2560:1712 2560:1920 2560:2048 2560:2560 2048:2560 1920:2560 1712:2560 1440:2560 3840:1648 3840:2160 "
    "3504:2336 3264:2448 3200:2560 2880:2880 2560:3200 2448:3264 2336:3504 2160:3840 auto"
)


def _takes(
    ratios: str, most: int, *, prompt: int = 32_000, least: int = 0, tags: bool = True, **own: Any
) -> dict[str, Any]:
    picture: dict[str, Any] = {"uri": {"type": "string", "minLength": 1, "maxLength": 5_242_880}}
    if tags:
        picture["tag"] = {"type": "string", "pattern": "^[a-z][a-z0-9_]{2,15}$"}
    item = {"type": "object", "properties": picture, "required": ["uri"], "additionalProperties": False}
    fields = {
        "model": {"type": "string"},
        "promptText": {"type": "string", "minLength": 1, "maxLength": prompt},
        "ratio": {"enum": ratios.split()},
        "referenceImages": {"type": "array", "minItems": least, "maxItems": most, "items": item},
        **own,
    }
    required = ["model", "promptText", "ratio", *(["referenceImages"] if least else [])]
    return {"type": "object", "properties": fields, "required": required, "additionalProperties": False}


_SEED = {"type": "integer", "minimum": 0, "maximum": 4294967295}
_MODERATION = {"type": "object", "properties": {"publicFigureThreshold": {"enum": ["auto", "low"]}}}
_GEN4 = {"seed": _SEED, "contentModeration": _MODERATION}
_ONE_OR_FOUR = {"outputCount": {"enum": [1, 4]}}
_UP_TO_TEN = {"type": "integer", "minimum": 1, "maximum": 10}


def _gpt(qualities: list[str], *backgrounds: str) -> dict[str, Any]:
    return {
        "quality": {"enum": qualities},
        "background": {"enum": list(backgrounds)},
        "outputCount": _UP_TO_TEN,
    }


_BYTEDANCE = {
    "grounding": {"type": "boolean"},
    "outputCount": {"type": "integer", "minimum": 1, "maximum": 4},
    "outputFormat": {"enum": ["png", "jpeg"]},
}
_ANY_SIZE = {"type": "string", "pattern": "^[1-9][0-9]{2,4}:[1-9][0-9]{2,4}$"}
_PLAIN = ("opaque", "auto")
_THINKING = {"enum": ["minimal", "medium", "high"]}
_BEST = ["low", "medium", "high", "xhigh", "max"]
MODELS: dict[str, tuple[int, dict[str, Any]]] = {
    "gen4_image": (8, _takes(GEN4, 3, prompt=1000, **_GEN4)),
    "gen4_image_turbo": (2, _takes(GEN4, 3, prompt=1000, least=1, **_GEN4)),
    "gemini_2.5_flash": (5, _takes(_3_1K, 3, prompt=5500)),
    "gemini_image3_pro": (20, _takes(_PRO, 14, prompt=5500, **_ONE_OR_FOUR)),
    "gemini_image3.1_flash": (10, _takes(_FLASH, 14, prompt=5500, **_ONE_OR_FOUR)),
    "gemini_image3.1_flash_lite": (5, _takes(_31_1K, 14, **_ONE_OR_FOUR)),
    "nano_banana_2.1": (7, _takes(_NANO, 14, outputCount=_UP_TO_TEN, thinkingLevel=_THINKING)),
    "seedream5_pro": (5, _takes(_SEED_5, 10, prompt=4000, tags=False, **_BYTEDANCE)),
    "seedream5_lite": (4, _takes("", 14, prompt=4000, tags=False, **_BYTEDANCE, ratio=_ANY_SIZE)),
    "gpt_image_2": (20, _takes(_GPT, 16, **_gpt(["low", "medium", "high", "auto"], "transparent", *_PLAIN))),
    "gpt_image_2_5_flare": (15, _takes(_GPT, 16, **_gpt(_BEST, *_PLAIN))),
    "gpt_image_2_5_sunburst": (20, _takes(_GPT, 16, **_gpt(_BEST, "transparent", *_PLAIN))),
}
"""What each model takes, and the credits for one picture of it."""


@dataclass
class Ending:
    """How a task goes: the statuses that reads of it see one after the other, and what it says at its end.

    `units` is what it cost in the end, where that is not what was estimated; `has_cost` whether it says so.
    """

    statuses: tuple[str, ...] = ("PENDING", "THROTTLED", "RUNNING", "SUCCEEDED")
    failure: str = "An unexpected error occurred."
    code: str | None = None
    units: int | None = None
    has_cost: bool = True
    outputs: int | None = None


@dataclass
class _Task:
    id: str
    body: dict[str, Any]
    units: int
    ending: Ending
    reads: int = 0

    @property
    def status(self) -> str:
        return self.ending.statuses[min(self.reads, len(self.ending.statuses) - 1)]


class _No(Exception):
    def __init__(self, status: int, error: str, issues: list[dict[str, Any]] | None = None) -> None:
        self.answer = said({"error": error, **({"issues": issues} if issues else {})}, status)


@dataclass
class Runway:
    """The stand-in. Switch its attributes to make it misbehave; `server.fault` does so for single exchanges.

    `bill` is in credits; `leaked` has the addresses that were sent the key and should not have been; `expire` ends the
    life of every address given so far.
    """

    balance: int = 1000
    daily: int | None = None
    endings: list[Ending] = field(default_factory=list)
    wrong_type: bytes | None = None
    bill: list[Charge] = field(default_factory=list)
    leaked: list[str] = field(default_factory=list)
    tasks: dict[str, _Task] = field(default_factory=dict)
    uploads: dict[str, bytes | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.server = Server(self._handle)
        self.url = self.server.url + BASE
        self._signatures: set[str] = set()
        self._count = 0

    @contextmanager
    def running(self) -> Iterator[Runway]:
        """Serves for as long as the context lasts."""
        with self.server.running():
            yield self

    @property
    def charged(self) -> Decimal:
        """What the account has to pay, in credits."""
        return sum((one.units for one in self.bill if not one.is_refunded), Decimal(0))

    def expire(self) -> None:
        """Every address given so far is worth nothing any more."""
        self._signatures.clear()

    # ------------------------------------------------------------------ routing

    def _handle(self, asked: Asked) -> Answer:
        if not asked.path.startswith(f"{BASE}/"):
            return self._storage(asked)
        if asked.headers.get("authorization") != f"Bearer {KEY}":
            return said({"error": "You did not provide a valid API key."}, 401)
        if asked.headers.get("x-runway-version") != VERSION:
            return said({"error": "The X-Runway-Version header is missing or not supported."}, 400)
        path = asked.path.removeprefix(BASE)
        task = re.fullmatch(r"/tasks/([^/]+)", path)
        try:
            if task is not None:
                return self._task(asked, task[1])
            name = {
                "POST /text_to_image": "_generate", "POST /uploads": "_start_upload", "GET /organization": "_organization",
            }.get(f"{asked.method} {path}")  # fmt: skip
            if name is None:
                return said({"error": "Not found"}, 404)
            answer: Answer = getattr(self, name)(asked)
        except _No as no:
            return no.answer
        return answer

    def _organization(self, asked: Asked) -> Answer:
        most = self.daily if self.daily is not None else 200
        tier = {name: {"maxConcurrentGenerations": 2, "maxDailyGenerations": most} for name in MODELS}
        usage = {name: {"dailyGenerations": self._made(name)} for name in MODELS}
        return said(
            {
                "creditBalance": self.balance,
                "tier": {"maxMonthlyCreditSpend": 10_000, "models": tier},
                "usage": {"models": usage},
            }
        )

    def _made(self, model: str) -> int:
        return sum(one.body["model"] == model for one in self.tasks.values())

    # ------------------------------------------------------------------ uploads

    def _start_upload(self, asked: Asked) -> Answer:
        if asked.json.get("type") != "ephemeral" or not asked.json.get("filename"):
            raise _No(400, "Validation of body failed")
        self._count += 1
        handle = f"runway://upload-{self._count}"
        self.uploads[handle] = None
        fields = {"key": handle, "policy": "p0licy"}
        return said(
            {"uploadUrl": f"{self.server.url}/storage/{self._count}", "fields": fields, "runwayUri": handle}
        )

    def _storage(self, asked: Asked) -> Answer:
        if "authorization" in asked.headers:
            self.leaked.append(asked.path)
        if asked.method == "POST":
            return self._take(asked)
        if asked.query.get("_jwt") not in self._signatures:
            return Answer(403, b"expired")
        if self.wrong_type is not None:
            return Answer(200, self.wrong_type, {"Content-Type": "image/png"})
        return Answer(200, png(asked.path.encode()), {"Content-Type": "image/png"})

    def _take(self, asked: Asked) -> Answer:
        head = b"Content-Type: " + asked.headers.get("content-type", "").encode()
        parts = message_from_bytes(head + b"\r\n\r\n" + asked.body).get_payload()
        names = [str(one.get_param("name", header="content-disposition")) for one in parts]  # type: ignore[union-attr]
        found = [one.get_payload(decode=True) for one in parts]  # type: ignore[union-attr]
        handle = found[0].decode() if found and isinstance(found[0], bytes) else ""
        if names != ["key", "policy", "file"] or handle not in self.uploads:
            return Answer(400, b"the file has to be last")
        self.uploads[handle] = found[-1]  # type: ignore[assignment]
        return Answer(204)

    # ------------------------------------------------------------------ tasks

    def _generate(self, asked: Asked) -> Answer:
        body = asked.json
        model = body.get("model")
        if model not in MODELS:
            issues = [{"code": "invalid_union", "path": ["model"], "message": "Invalid discriminator value"}]
            raise _No(400, "Validation of body failed", issues)
        units, rules = MODELS[model]
        issues = [
            {"code": "invalid", "path": list(one.path), "message": one.message.split("\n")[0]}
            for one in jsonschema.Draft202012Validator(rules).iter_errors(body)
        ]
        if len(body["promptText"].encode("utf-16-le")) // 2 > rules["properties"]["promptText"]["maxLength"]:
            issues.append({"code": "too_big", "path": ["promptText"], "message": "Too long"})
        tags = [one["tag"] for one in body.get("referenceImages", []) if "tag" in one]
        if len(tags) != len(set(tags)):
            issues.append({"code": "custom", "path": ["referenceImages"], "message": "Tags have to differ"})
        if issues:
            raise _No(400, "Validation of body failed", issues)
        for one in body.get("referenceImages", []):
            self._check_picture(one["uri"])
        units *= body.get("outputCount", 1)
        if self.balance < units:
            raise _No(400, "You do not have enough credits to run this task.")
        if self.daily is not None and self._made(model) >= self.daily:
            raise _No(429, "You have reached a limit on generations.")
        task = _Task(str(uuid.uuid5(uuid.NAMESPACE_URL, str(len(self.tasks)))), body, units, self.endings.pop(0) if self.endings else Ending())  # fmt: skip
        self.tasks[task.id] = task
        self.bill.append(Charge(task.id, Decimal(units)))
        return said({"id": task.id, "estimatedCost": {"credits": units}})

    def _check_picture(self, uri: str) -> None:
        if uri.startswith("https://"):
            return
        data = self.uploads.get(uri)
        found = None if data is None else probe(data)
        if found is None or found.format not in ("png", "jpeg", "webp"):
            raise _No(400, "Validation of body failed", [{"code": "custom", "path": ["referenceImages"], "message": "Invalid asset"}])  # fmt: skip

    def _task(self, asked: Asked, name: str) -> Answer:
        task = self.tasks.get(name)
        if task is None:
            raise _No(404, "Could not find task")
        if asked.method == "DELETE":
            if task.status not in ("SUCCEEDED", "FAILED"):
                self._charge(task, 0)
            del self.tasks[name]
            return Answer(204)
        shown = self._shown(task)
        task.reads += 1
        return said(shown)

    def _charge(self, task: _Task, units: int) -> None:
        for charge in self.bill:
            if charge.job == task.id:
                charge.units, charge.is_refunded = Decimal(units), units == 0

    def _shown(self, task: _Task) -> dict[str, Any]:
        made: dict[str, Any] = {
            "id": task.id,
            "createdAt": datetime.fromtimestamp(self.server.now(), UTC).isoformat(),
            "status": task.status,
        }
        if task.status in ("PENDING", "THROTTLED", "RUNNING"):
            progress: Mapping[str, Any] = {"progress": 0.5} if task.status == "RUNNING" else {}
            return made | {"estimatedCost": {"credits": task.units}, **progress}
        ending = task.ending
        units = task.units if task.status == "SUCCEEDED" else 0
        if ending.units is not None:
            units = ending.units
        self._charge(task, units)
        if ending.has_cost:
            made["cost"] = {"credits": units}
        if task.status == "SUCCEEDED":
            count = task.body.get("outputCount", 1) if ending.outputs is None else ending.outputs
            made["output"] = [self._address(task.id, number) for number in range(count)]
        if task.status == "FAILED":
            made["failure"] = ending.failure
            made |= {} if ending.code is None else {"failureCode": ending.code}
        return made

    def _address(self, task: str, number: int) -> str:
        self._count += 1
        signature = f"s{self._count}"
        self._signatures.add(signature)
        return f"{self.server.url}/output/{task}/{number}.png?_jwt={signature}"
