"""Jobs, assets and uploads as Scenario's clients read them. Pure but for the addresses that are handed in."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from editchain.server.rows import Asset, Job, Upload

PROGRESS = {"queued": 0.0, "in-progress": 0.5, "success": 1.0, "failure": 1.0, "canceled": 1.0}
JOB_TYPES = {"prompt-editing": "image-prompt-editing"}


def date(moment: float) -> str:
    """A moment (unix seconds) as ISO 8601 in UTC, with milliseconds."""
    found = datetime.fromtimestamp(moment, UTC)
    return f"{found:%Y-%m-%dT%H:%M:%S}.{found.microsecond // 1000:03d}Z"


def job(one: Job) -> dict[str, Any]:
    """A job."""
    metadata: dict[str, Any] = {"input": json.loads(one.asked), "assetIds": json.loads(one.assets)}
    if one.error is not None:
        metadata["error"] = one.error
    if one.hint is not None:
        metadata["hint"] = one.hint
    return {
        "jobId": one.id,
        "jobType": JOB_TYPES.get(one.kind, one.kind),
        "status": one.status,
        "progress": PROGRESS[one.status],
        "statusHistory": json.loads(one.history),
        "metadata": metadata,
        "billing": {"cuCost": float(one.cost or 0), "cuDiscount": 0},
        "createdAt": date(one.created_at),
        "updatedAt": date(one.updated_at),
        "authorId": one.project,
        "ownerId": one.project,
    }


def costs(cost: str | None, currency: str | None, action: str) -> dict[str, Any]:
    """What a request costs at the most; the amounts are in `currency`, which is "CU" at Scenario."""
    amount = float(cost or 0)
    return {
        "creativeUnitsCost": amount,
        "creativeUnitsDiscount": 0,
        "costDetails": {action: amount},
        "currency": currency or "CU",
    }


def asset(one: Asset, url: str) -> dict[str, Any]:
    """An asset; `url` is where its bytes are, without credentials, for a while."""
    metadata = json.loads(one.metadata)
    made_by = metadata.get("type", "uploaded")
    more = {} if one.parent is None else {"parentId": one.parent}
    return {
        "id": one.id,
        "url": url,
        "mimeType": one.media_type,
        "kind": "image",
        "status": "success",
        "source": made_by,
        "privacy": "private",
        "properties": {"size": one.size, "width": one.width, "height": one.height},
        "metadata": {"kind": "image", "type": made_by, "name": one.name, **metadata, **more},
        "outputIndex": one.output_index,
        "tags": [],
        "collectionIds": [],
        "editCapabilities": ["PROMPT_EDITING"],
        "ownerId": one.project,
        "authorId": one.project,
        "createdAt": date(one.created_at),
        "updatedAt": date(one.created_at),
    }


def upload(one: Upload, address: Callable[[int], str], expires: str) -> dict[str, Any]:
    """An upload; `address` is where a part of it goes."""
    made: dict[str, Any] = {
        "id": one.id, "kind": "image", "status": one.status, "source": "multipart", "fileName": one.name,
        "fileSize": one.size, "contentType": one.media_type, "ownerId": one.project, "authorId": one.project,
        "createdAt": date(one.created_at), "updatedAt": date(one.created_at),
    }  # fmt: skip
    if one.status == "pending":
        numbers = range(1, json.loads(one.parts)["count"] + 1)
        made["parts"] = [{"number": number, "url": address(number), "expires": expires} for number in numbers]
    if one.error is not None:
        made["errorMessage"] = one.error
    return made if one.asset is None else made | {"entityId": one.asset}
