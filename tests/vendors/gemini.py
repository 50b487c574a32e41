"""A stand-in for Google's generateContent, at the Gemini API and at Vertex AI, with a bill, and ways to misbehave.

Its name is not `google`, which is that of the vendor's own packages.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.vendors.base import Answer, Asked, Charge, Server, png, said

from editchain.imaging.probe import probe

KEY = "AIza-stand-in-0123456789"
TOKEN = "ya29.stand-in-0123456789"
BASE = "/v1beta"
VERTEX = "/v1beta1/projects/p/locations/global/publishers/google"

TEN = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
FOURTEEN = (*TEN, "1:4", "4:1", "1:8", "8:1")


@dataclass(frozen=True)
class Known:
    """What a model takes, and its prices for a million tokens: in, text out, pictures out."""

    prices: tuple[str, str, str]
    ratios: tuple[str, ...] = TEN
    sizes: dict[str, int] = field(default_factory=lambda: {"1K": 1120})
    pictures: int = 14
    thinks: bool = False


MODELS = {
    "gemini-2.5-flash-image": Known(("0.30", "2.50", "30"), sizes={"1K": 1290}, pictures=6),
    "gemini-3-pro-image": Known(("2", "12", "120"), sizes={"1K": 1120, "2K": 1120, "4K": 2000}),
    "gemini-3.1-flash-image": Known(
        ("0.50", "3", "60"), FOURTEEN, {"512": 747, "1K": 1120, "2K": 1680, "4K": 2520}, thinks=True
    ),
    "gemini-3.1-flash-lite-image": Known(("0.25", "1.50", "30")),
    "gemini-nano-banana-2.1": Known(
        ("1.50", "7.50", "30"), FOURTEEN, {"1K": 1120, "2K": 1680, "4K": 2520}, thinks=True
    ),
}
GONE = ("gemini-2.5-flash-image-preview", "gemini-3-pro-image-preview", "gemini-2.0-flash-exp")

_TOP = {"contents", "generationConfig", "safetySettings", "serviceTier", "tools", "systemInstruction"}
_CONFIG = {
    "responseModalities", "imageConfig", "seed", "candidateCount", "thinkingConfig", "temperature", "topP", "topK",
    "maxOutputTokens", "stopSequences",
}  # fmt: skip
_IMAGE = {"aspectRatio", "imageSize", "personGeneration", "imageOutputOptions"}


class _No(Exception):
    def __init__(self, message: str, status: int = 400, kind: str = "INVALID_ARGUMENT") -> None:
        self.answer = refusal(status, kind, message)


def _camel(found: Any) -> Any:
    """Names in snake_case, which the vendor takes as well, as it writes them itself."""
    if isinstance(found, dict):
        return {re.sub(r"_([a-z])", lambda m: m[1].upper(), name): _camel(one) for name, one in found.items()}
    return [_camel(one) for one in found] if isinstance(found, list) else found


def refusal(status: int, kind: str, message: str, *details: Mapping[str, Any], **headers: str) -> Answer:
    """An error as the vendor words it."""
    error: dict[str, Any] = {"code": status, "message": message, "status": kind}
    if details:
        error["details"] = list(details)
    return said({"error": error}, status, **headers)


def retry_info(delay: str) -> dict[str, Any]:
    """How long the vendor wants us to wait."""
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}


def quota_failure(quota: str, value: str = "10") -> dict[str, Any]:
    """Which quota is used up."""
    violation = {
        "quotaMetric": "generativelanguage.googleapis.com/generate_requests",
        "quotaId": quota,
        "quotaValue": value,
    }
    return {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]}


def error_info(reason: str) -> dict[str, Any]:
    """Why it is an error, in a word."""
    return {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com"}


@dataclass
class Ending:
    """How an answer of 200 goes: `blocked` before it began, or finished so, with these parts before its pictures."""

    finish: str = "STOP"
    message: str | None = None
    blocked: str | None = None
    parts: list[dict[str, Any]] = field(default_factory=list)
    pictures: int = 1
    candidates: bool = True
    has_usage: bool = True
    has_details: bool = True


@dataclass
class Gemini:
    """The stand-in. `endings` are those of the next answers; `bill` has every request that was carried out.

    `received` is the body of the last request, `pictures` are its pictures, `at` is the model's path.
    """

    endings: list[Ending] = field(default_factory=list)
    picture: bytes | None = None
    bill: list[Charge] = field(default_factory=list)
    received: dict[str, Any] = field(default_factory=dict)
    pictures: list[bytes] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.server = Server(self._handle)
        self.url = self.server.url + BASE
        self.vertex_url = self.server.url + VERTEX

    @contextmanager
    def running(self) -> Iterator[Gemini]:
        """Serves for as long as the context lasts."""
        with self.server.running():
            yield self

    @property
    def charged(self) -> Decimal:
        """What the account has to pay, in dollars."""
        return sum((one.units for one in self.bill), Decimal(0))

    def _handle(self, asked: Asked) -> Answer:
        is_vertex = asked.path.startswith(f"{VERTEX}/")
        if not self._is_allowed(asked, is_vertex):
            if is_vertex:
                return refusal(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
            return refusal(
                400,
                "INVALID_ARGUMENT",
                "API key not valid. Please pass a valid API key.",
                error_info("API_KEY_INVALID"),
            )
        path = asked.path.removeprefix(VERTEX) if is_vertex else re.sub(r"^/v1(beta)?(?=/)", "", asked.path)
        if asked.method == "GET" and path == "/models":
            listed = [
                {"name": f"models/{name}", "supportedGenerationMethods": ["generateContent"]}
                for name in MODELS
            ]
            return said({"models": listed[: int(asked.query.get("pageSize") or 50)]})
        match = re.fullmatch(r"/models/([^/:]+):generateContent", path)
        if match is None or asked.method != "POST":
            return refusal(404, "NOT_FOUND", "Requested entity was not found.")
        try:
            return self._generate(asked, match[1])
        except _No as no:
            return no.answer

    def _is_allowed(self, asked: Asked, is_vertex: bool) -> bool:
        if is_vertex:
            return asked.headers.get("authorization") == f"Bearer {TOKEN}"
        return asked.headers.get("x-goog-api-key") == KEY

    # ------------------------------------------------------------------ rules

    def _generate(self, asked: Asked, model: str) -> Answer:
        if model not in MODELS:
            raise _No(f"models/{model} is not found for API version v1beta.", 404, "NOT_FOUND")
        if len(asked.body) > 100_000_000:
            raise _No("Request payload size exceeds the limit.")
        body, known = _camel(asked.json), MODELS[model]
        self.received = body
        self._names(body, _TOP, "GenerateContentRequest")
        config = body.get("generationConfig", {})
        self._names(config, _CONFIG, "generation_config")
        self._check_image(config.get("imageConfig", {}), known)
        self._check_rest(config, known)
        self._read_parts(body, known)
        return self._answer(model, known, config)

    def _names(self, found: Mapping[str, Any], known: set[str], where: str) -> None:
        if wrong := sorted(found.keys() - known):
            raise _No(
                f"Invalid JSON payload received. Unknown name \"{wrong[0]}\" at '{where}': Cannot find field."
            )

    def _check_image(self, image: Mapping[str, Any], known: Known) -> None:
        self._names(image, _IMAGE, "generation_config.image_config")
        if image.get("aspectRatio", "1:1") not in known.ratios:
            raise _No(f"Invalid aspect ratio: {image['aspectRatio']}")
        if image.get("imageSize", "1K") not in known.sizes:
            raise _No(f"Invalid image size: {image['imageSize']}")

    def _check_rest(self, config: Mapping[str, Any], known: Known) -> None:
        if "IMAGE" not in config.get("responseModalities", ["TEXT"]):
            raise _No("The requested combination of response modalities is not supported by the model.")
        seed = config.get("seed", 0)
        if not isinstance(seed, int) or not -(1 << 31) <= seed < 1 << 31:
            raise _No("Invalid value at 'generation_config.seed' (TYPE_INT32)")
        if "thinkingConfig" in config and not known.thinks:
            raise _No("Thinking level is not supported for this model.")
        if config.get("thinkingConfig", {}).get("thinkingLevel", "LOW") not in (
            "MINIMAL",
            "LOW",
            "MEDIUM",
            "HIGH",
        ):
            raise _No("Invalid value at 'generation_config.thinking_config.thinking_level'")

    def _read_parts(self, body: Mapping[str, Any], known: Known) -> None:
        self.pictures, self.texts = [], []
        for turn in body.get("contents", []):
            if turn.get("role", "user") != "user":
                raise _No("Please use a valid role: user, model.")
            for part in turn["parts"]:
                self._names(part, {"text", "inlineData", "fileData"}, "contents.parts")
                if "text" in part:
                    self.texts.append(part["text"])
                if "inlineData" in part:  # in either alphabet of base64: the SDK uses the one for addresses
                    data = base64.b64decode(
                        part["inlineData"]["data"],
                        altchars=b"-_" if set("-_") & set(part["inlineData"]["data"]) else None,
                        validate=True,
                    )
                    found = probe(data)
                    if found is None or part["inlineData"]["mimeType"] != f"image/{found.format}":
                        raise _No("Provided image is not valid.")
                    self.pictures.append(data)
        if not self.texts or len(self.pictures) > known.pictures:
            raise _No("Unable to process input image. Please retry or report.")

    # ------------------------------------------------------------------ answering

    def _answer(self, model: str, known: Known, config: Mapping[str, Any]) -> Answer:
        ending = self.endings.pop(0) if self.endings else Ending()
        prompt = sum(len(text) // 4 + 1 for text in self.texts)
        given = 258 * len(self.pictures)
        usage: dict[str, Any] = {"promptTokenCount": prompt + given, "totalTokenCount": prompt + given}
        if ending.blocked:
            feedback = {"blockReason": ending.blocked}
            return said({"promptFeedback": feedback, "usageMetadata": usage, "modelVersion": model})
        made = known.sizes[config.get("imageConfig", {}).get("imageSize", "1K")] * ending.pictures
        words = sum(len(part.get("text", "")) // 4 + 1 for part in ending.parts)
        thoughts = 40 if known.thinks else 0
        units = [Decimal(one) / 1_000_000 for one in known.prices]
        job = f"response-{len(self.bill) + 1}"
        cost = (prompt + given) * units[0] + (words + thoughts) * units[1] + made * units[2]
        self.bill.append(Charge(job, cost))
        usage |= {
            "candidatesTokenCount": words + made,
            "totalTokenCount": prompt + given + words + made + thoughts,
        }
        if thoughts:
            usage["thoughtsTokenCount"] = thoughts
        if ending.has_details:
            usage["promptTokensDetails"] = [
                {"modality": "TEXT", "tokenCount": prompt}, {"modality": "IMAGE", "tokenCount": given}
            ]  # fmt: skip
            usage["candidatesTokensDetails"] = [{"modality": "IMAGE", "tokenCount": made}] if made else []
        parts = [*ending.parts, *(self._picture(f"{job} {number}") for number in range(ending.pictures))]
        candidate: dict[str, Any] = {
            "content": {"role": "model", "parts": parts},
            "finishReason": ending.finish,
            "index": 0,
        }
        if ending.message:
            candidate["finishMessage"] = ending.message
        answer: dict[str, Any] = {
            "candidates": [candidate] if ending.candidates else [],
            "modelVersion": model,
            "responseId": job,
        }
        return said(answer | ({"usageMetadata": usage} if ending.has_usage else {}))

    def _picture(self, of: str) -> dict[str, Any]:
        data = png(of.encode()) if self.picture is None else self.picture
        return inline(data)


def inline(data: bytes, **more: Any) -> dict[str, Any]:
    """A part with a picture."""
    return {"inlineData": {"mimeType": "image/png", "data": base64.b64encode(data).decode()}, **more}
