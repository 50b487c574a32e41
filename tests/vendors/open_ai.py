"""A stand-in for OpenAI's image edits: forms and JSON over real sockets, with a bill, and ways to misbehave.

Its name is not `openai`, which is that of the vendor's own package.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from email import message_from_bytes
from typing import Any

from tests.vendors.base import Answer, Asked, Charge, Server, png, said

from editchain.imaging.probe import probe

KEY = "sk-stand-in-0123456789"
BASE = "/v1"

FIXED = ("1024x1024", "1536x1024", "1024x1536", "auto")
QUALITIES = ("auto", "low", "medium", "high")
BEST = (*QUALITIES, "xhigh", "max")


@dataclass(frozen=True)
class Known:
    """What a model takes, and its prices for a million tokens: text in, pictures in, pictures out."""

    prices: tuple[str, str, str]
    qualities: tuple[str, ...] = QUALITIES
    has_free_sizes: bool = True
    fidelities: tuple[str, ...] = ()
    formats: tuple[str, ...] = ("png", "jpeg", "webp")


_NEWEST = ("5", "8", "30")
_FORMATS = ("png", "jpeg", "webp", "gif", "svg")
MODELS = {
    "gpt-image-1-mini": Known(("2", "2.5", "8"), has_free_sizes=False, fidelities=("low",)),
    "gpt-image-1.5": Known(("5", "8", "32"), has_free_sizes=False, fidelities=("low", "high")),
    "gpt-image-2": Known(_NEWEST),
    "gpt-image-2.5-flare": Known(_NEWEST, BEST),
    "gpt-image-2.5-sunburst": Known(_NEWEST, BEST),
    "gpt-image-2.6-flare": Known(_NEWEST, BEST, formats=_FORMATS),
    "gpt-image-2.6-sunburst": Known(_NEWEST, BEST, formats=_FORMATS),
}
GONE = ("gpt-image-1", "dall-e-2", "dall-e-3")

FORM = {
    "model", "prompt", "image", "mask", "n", "size", "quality", "background", "input_fidelity", "output_format",
    "output_compression", "stream", "partial_images", "user", "safety_identifier", "complexity",
}  # fmt: skip
OUT = {"auto": 1568, "low": 408, "medium": 1568, "high": 6208, "xhigh": 8000, "max": 12000}
"""Tokens of one picture. The vendor does not say how it counts; these are of the right size."""


@dataclass(frozen=True)
class Part:
    """A part of a form."""

    name: str
    data: bytes
    filename: str | None
    media_type: str


class _No(Exception):
    def __init__(self, message: str, code: str | None = None, param: str | None = None, status: int = 400, kind: str = "invalid_request_error") -> None:  # fmt: skip
        self.answer = refusal(status, message, kind, code, param)


def refusal(
    status: int, message: str, kind: str, code: str | None = None, param: str | None = None, **headers: str
) -> Answer:
    """An error as the vendor words it."""
    error = {"message": message, "type": kind, "param": param, "code": code}
    return said({"error": error}, status, x_request_id="req_1", **headers)


@dataclass
class OpenAI:
    """The stand-in. `blocks` are words of prompts that its moderation stops; `gives` takes the place of the pictures.

    `bill` has every request that was carried out; `received` the last request's fields and `pictures` its pictures.
    """

    blocks: tuple[str, ...] = ("forbidden",)
    gives: list[dict[str, Any]] | None = None
    has_usage: bool = True
    bill: list[Charge] = field(default_factory=list)
    received: dict[str, Any] = field(default_factory=dict)
    pictures: list[bytes] = field(default_factory=list)
    mask: bytes | None = None
    form: list[Part] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.server = Server(self._handle)
        self.url = self.server.url + BASE

    @contextmanager
    def running(self) -> Iterator[OpenAI]:
        """Serves for as long as the context lasts."""
        with self.server.running():
            yield self

    @property
    def charged(self) -> Decimal:
        """What the account has to pay, in dollars."""
        return sum((one.units for one in self.bill), Decimal(0))

    def _handle(self, asked: Asked) -> Answer:
        if asked.headers.get("authorization") != f"Bearer {KEY}":
            given = asked.headers.get("authorization", "").removeprefix("Bearer ")
            return refusal(
                401, f"Incorrect API key provided: {given}.", "invalid_request_error", "invalid_api_key"
            )
        if asked.name == f"GET {BASE}/models":
            listed = [{"id": name, "object": "model", "created": 1, "owned_by": "system"} for name in MODELS]
            return said({"object": "list", "data": listed})
        if asked.name != f"POST {BASE}/images/edits":
            return refusal(404, f"Invalid URL ({asked.name})", "invalid_request_error")
        try:
            fields = self._read(asked)
            return self._edit(fields, self._check(fields))
        except _No as no:
            return no.answer

    # ------------------------------------------------------------------ reading

    def _read(self, asked: Asked) -> dict[str, Any]:
        kind = asked.headers.get("content-type", "")
        self.form = []
        if kind.startswith("application/json"):
            return self._read_json(asked.json)
        if not kind.startswith("multipart/form-data"):
            raise _No(f"Unsupported content type: '{kind}'", "unsupported_content_type")
        return self._read_form(kind, asked.body)

    def _read_form(self, kind: str, body: bytes) -> dict[str, Any]:
        whole = message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
        fields: dict[str, Any] = {}
        self.pictures, self.mask = [], None
        for one in whole.get_payload():  # type: ignore[union-attr]
            name = str(one.get_param("name", header="content-disposition"))  # type: ignore[union-attr]
            data = one.get_payload(decode=True)  # type: ignore[union-attr]
            assert isinstance(data, bytes)
            part = Part(name, data, one.get_filename(), one.get_content_type())  # type: ignore[union-attr]
            self.form.append(part)
            if name in ("image", "image[]", "mask"):
                if part.media_type not in ("image/png", "image/jpeg", "image/webp"):
                    raise _No(f"Invalid file '{part.filename}': unsupported mimetype ('{part.media_type}').", "unsupported_file_mimetype", "image")  # fmt: skip
                if name == "mask":
                    self.mask = data
                else:
                    self.pictures.append(data)
                continue
            if name not in FORM:
                raise _No(f"Unknown parameter: '{name}'.", "unknown_parameter", name)
            text = data.decode()
            fields[name] = int(text) if re.fullmatch(r"-?\d+", text) else text
        return fields

    def _read_json(self, body: Mapping[str, Any]) -> dict[str, Any]:
        fields = dict(body)
        images, mask = fields.pop("images", None), fields.pop("mask", None)
        if not isinstance(images, list):
            raise _No("Missing required parameter: 'images'.", "missing_required_parameter", "images")
        self.pictures = [self._fetched(one) for one in images]
        self.mask = None if mask is None else self._fetched(mask)
        if unknown := sorted(fields.keys() - FORM - {"moderation"}):
            raise _No(f"Unknown parameter: '{unknown[0]}'.", "unknown_parameter", unknown[0])
        return fields

    def _fetched(self, one: Mapping[str, str]) -> bytes:
        if one.keys() not in ({"image_url"}, {"file_id"}) or len(one.get("image_url", "")) > 20_971_520:
            raise _No("Invalid image: give exactly one of image_url and file_id.", "invalid_value", "images")
        head, _, data = one.get("image_url", "").partition(",")
        if not re.fullmatch(r"data:image/(png|jpeg|webp);base64", head):
            raise _No("Invalid data URL.", "invalid_value", "images")
        return base64.b64decode(data, validate=True)

    # ------------------------------------------------------------------ rules

    def _check(self, fields: dict[str, Any]) -> Known:
        self.received = fields
        name = fields.get("model")
        if name in GONE:
            raise _No(f"The model `{name}` has been shut down.", "model_not_found", "model", 404)
        if name not in MODELS:
            raise _No(f"The model '{name}' does not exist or you do not have access to it.", "model_not_found", "model", 404)  # fmt: skip
        known = MODELS[name]
        if not 1 <= len(str(fields.get("prompt", ""))) <= 32_000:
            raise _No("Invalid 'prompt': string too long or empty.", "invalid_value", "prompt")
        self._check_pictures()
        self._choice(fields, "quality", known.qualities)
        self._choice(fields, "background", ("auto", "opaque", "transparent"))
        self._choice(fields, "output_format", known.formats)
        self._choice(fields, "moderation", ("auto", "low"))
        self._range(fields, "n", 1, 10)
        self._range(fields, "output_compression", 0, 100)
        if "input_fidelity" in fields and fields["input_fidelity"] not in known.fidelities:
            raise _No(f"The model '{name}' does not support the 'input_fidelity' parameter.", "invalid_input_fidelity_model", "input_fidelity", kind="image_generation_user_error")  # fmt: skip
        if fields.get("background") == "transparent" and fields.get("output_format") == "jpeg":
            raise _No(
                "Transparent background is not supported for JPEG output format",
                "invalid_value",
                "background",
            )
        if fields.get("output_compression", 100) != 100 and fields.get("output_format", "png") == "png":
            raise _No("Compression less than 100 is not supported for PNG output format", "invalid_png_output_compression", "output_compression")  # fmt: skip
        self._check_size(str(fields.get("size", "auto")), known)
        return known

    def _choice(self, fields: Mapping[str, Any], name: str, values: tuple[str, ...]) -> None:
        if name in fields and fields[name] not in values:
            raise _No(f"Invalid value: '{fields[name]}'. Supported values are: {', '.join(values)}.", "invalid_value", name)  # fmt: skip

    def _range(self, fields: Mapping[str, Any], name: str, least: int, most: int) -> None:
        if name in fields and (not isinstance(fields[name], int) or not least <= fields[name] <= most):
            raise _No(f"Invalid '{name}': integer out of range.", "invalid_value", name)

    def _check_pictures(self) -> None:
        if not 1 <= len(self.pictures) <= 16:
            raise _No("Invalid 'image': between 1 and 16 images.", "invalid_value", "image")
        found = [probe(one) for one in self.pictures]
        if any(one is None or one.format not in ("png", "jpeg", "webp") for one in found):
            raise _No(
                "Invalid image file or mode for image 1, please check your image file.", "invalid_image_file"
            )
        if self.mask is None:
            return
        mask, first = probe(self.mask), found[0]
        if mask is None or first is None or mask.format != "png" or len(self.mask) >= 4_000_000:
            raise _No("Invalid mask image: a PNG under 4 MB.", "invalid_image_file", "mask")
        if (mask.width, mask.height) != (first.width, first.height):
            raise _No(
                "Invalid mask image: its size has to be that of the image.", "invalid_mask_image_size", "mask"
            )
        if self.mask[25] not in (4, 6):  # the colour type of a PNG
            raise _No(
                "Invalid mask image format - mask image missing alpha channel.",
                "invalid_mask_image_format",
                "mask",
            )

    def _check_size(self, size: str, known: Known) -> None:
        if size in FIXED:
            return
        pair = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", size)
        width, height = (int(one) for one in pair.groups()) if pair and known.has_free_sizes else (0, 0)
        fits = (
            width % 16 == height % 16 == 0
            and 0 < max(width, height) <= 3840
            and max(width, height) <= 3 * min(width, height)
            and 655_360 <= width * height <= 8_294_400
        )
        if not fits:
            raise _No(f"Invalid size '{size}'.", "invalid_value", "size")

    # ------------------------------------------------------------------ editing

    def _edit(self, fields: Mapping[str, Any], known: Known) -> Answer:
        if any(word in fields["prompt"] for word in self.blocks):
            error = {
                "message": "Your request was rejected by the safety system.",
                "type": "image_generation_user_error",
                "param": None,
                "code": "moderation_blocked",
                "moderation_details": {"moderation_stage": "input", "categories": ["violence"]},
            }
            return said({"error": error}, 400, x_request_id="req_1")
        count = fields.get("n", 1)
        text, image = len(str(fields["prompt"])) // 4 + 1, 323 * len(self.pictures)
        out = OUT[fields.get("quality", "auto")] * count
        prices = [Decimal(one) / 1_000_000 for one in known.prices]
        job = f"img_{len(self.bill) + 1}"
        self.bill.append(Charge(job, text * prices[0] + image * prices[1] + out * prices[2]))
        made = [
            {"b64_json": base64.b64encode(png(f"{job} {number}".encode())).decode()}
            for number in range(count)
        ]
        answer: dict[str, Any] = {
            "created": 1_795_000_000,
            "background": "opaque",
            "output_format": fields.get("output_format", "png"),
            "quality": "low",
            "size": "1024x1024",
            "data": made if self.gives is None else self.gives,
        }
        if self.has_usage:
            answer["usage"] = {
                "input_tokens": text + image,
                "output_tokens": out,
                "total_tokens": text + image + out,
                "input_tokens_details": {"text_tokens": text, "image_tokens": image},
                "output_tokens_details": {"text_tokens": 0, "image_tokens": out},
            }
        return said(answer, x_request_id="req_1")
