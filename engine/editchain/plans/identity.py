"""Identity: the key of a task is the hash of a text with one line for each thing that counts. Pure."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from editchain.artifacts import ImageSource
from editchain.models import Model, OperationDocument
from editchain.pipeline import UNKNOWN
from editchain.plans.hashes import Digests, Keys
from editchain.plans.tasks import (
    AFTER,
    CACHED,
    KNOWN,
    REJECTED,
    RUN,
    Column,
    Edge,
    StepPlan,
    with_version,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from editchain.lock import Lock


class Elsewhere(NamedTuple):
    """A picture that is known by its digest and is not what the store has under the key; `is_here` where its bytes are."""

    digest: bytes
    is_here: bool


class Known(Protocol):
    """What is known already, asked for many at once."""

    lock: Lock
    """What the pipeline resolved to before."""

    remakes: bool
    """Whether what costs nothing is made again where it is not here, rather than fetched from where it is."""

    def results(self, keys: Sequence[bytes]) -> Mapping[bytes, bytes]:
        """The digest of the stored picture for each key that has one."""
        ...

    def elsewhere(self, keys: Sequence[bytes], stored: Mapping[bytes, bytes]) -> Mapping[bytes, Elsewhere]:
        """The pictures that are known of keys by the lock, or that are lost, where they are not those that are `stored`."""
        ...

    def refusals(self, keys: Sequence[bytes]) -> Mapping[bytes, str]:
        """What a vendor said for each key that it refused."""
        ...

    def identity(self, source: ImageSource) -> str | None:
        """How an input picture is known: by the digest of its bytes, or None before it was fetched."""
        ...


def identify(steps: list[StepPlan], known: Known, fresh: Callable[[StepPlan], bool]) -> None:
    """Keys and stored results, asked for in as few questions as the dependence of keys on pictures allows."""
    asked: list[StepPlan] = []

    def ask() -> None:
        keys = [key for one in asked for key in one.keys if key is not None]
        results = known.results(keys) if keys else {}
        missing = [key for key in keys if key not in results]
        refusals = known.refusals(missing) if missing else {}
        elsewhere = known.elsewhere(keys, results)
        for one in asked:
            _look_up(one, results, refusals, elsewhere, remakes=known.remakes)
        asked.clear()

    for one in steps:
        if any(not _is_deterministic(edge.producer) and edge.producer in asked for edge in one.edges):
            ask()
        one.is_fresh = fresh(one)
        one.segments = list(_segments(one, known))
        _set_keys(one)
        _take_versions(one, known.lock)
        asked.append(one)
    ask()


def _is_deterministic(one: StepPlan) -> bool:
    while one.is_check:
        one = one.edges[0].producer
    return all(not isinstance(way.document, Model) or way.document.deterministic for way in one.ways)


def _take_versions(one: StepPlan, lock: Lock) -> None:
    """Keys under the versions that the lock has them under: a new release of a document makes nothing anew by itself."""
    versions = [lock.versions.get(way.document.name, frozenset()) for way in one.ways]
    if not any(found - {version_of(way.document)} for found, way in zip(versions, one.ways, strict=True)):
        return
    for ordinal, key in enumerate(one.keys):
        if key is None or key in lock.by_key:
            continue
        text = one.identity(ordinal) or ""
        at = 0 if one.way_at is None else one.way_at[ordinal]
        for version in sorted(versions[at]):
            older = sha256(with_version(text, version).encode()).digest()
            if older in lock.by_key:
                one.keys[ordinal], one.versions[ordinal] = older, version
                break


def _is_free(one: StepPlan, ordinal: int) -> bool:
    """Whether a task gives the same picture for nothing as often as it is asked."""
    way = one.way(ordinal)
    return way.is_local and (not isinstance(way.document, Model) or way.document.deterministic)


def _look_up(
    one: StepPlan,
    results: Mapping[bytes, bytes],
    refusals: Mapping[bytes, str],
    elsewhere: Mapping[bytes, Elsewhere],
    *,
    remakes: bool,
) -> None:
    """What is stored of a step's tasks, and what is known of them. What costs nothing is made again, not fetched."""
    is_fresh = one.is_fresh
    states = bytearray(one.count)
    exists = one.exists
    for ordinal, key in enumerate(one.keys):
        if exists is not None and not exists[ordinal]:
            continue
        if key is None:
            states[ordinal] = AFTER
            continue
        found = None if is_fresh else elsewhere.get(key)
        if found and (found.is_here or one.is_check or not (remakes and _is_free(one, ordinal))):
            states[ordinal] = CACHED if found.is_here else KNOWN
            one.digests[ordinal] = found.digest
        elif key in results and not is_fresh:
            states[ordinal] = CACHED
            one.digests[ordinal] = results[key]
        else:
            states[ordinal] = REJECTED if key in refusals and not is_fresh else RUN
    one.states = states


def _set_keys(one: StepPlan) -> None:
    keys, segments = one.keys, one.segments
    if all(isinstance(segment, str) for segment in segments) and one.exists is None:
        keys.fill(sha256("".join(segments).encode()).digest())
        return
    for ordinal in one.ordinals():
        keys[ordinal] = key_of(one, ordinal)


def key_of(one: StepPlan, ordinal: int) -> bytes | None:
    """The key of a task as it can be known now, pictures that were made meanwhile included."""
    text = one.identity(ordinal)
    return None if text is None else sha256(text.encode()).digest()


def foretold(steps: Sequence[StepPlan]) -> dict[tuple[int, int], bytes]:
    """What stands for the keys that are open: equal where the tasks will be one piece of work, by step and ordinal.

    Every picture that is yet to be made is taken for one of its own, as if no vendor ever repeated itself.
    """
    found: dict[tuple[int, int], bytes] = {}
    lent: list[tuple[StepPlan, int]] = []
    try:
        for one in steps:
            for ordinal in one.ordinals():
                state = one.states[ordinal]
                if state not in (RUN, AFTER):
                    continue
                if state == AFTER:
                    key = key_of(one, ordinal) or sha256(f"{one.index} {ordinal}".encode()).digest()
                    found[one.index, ordinal] = one.keys[ordinal] = key
                if ordinal not in one.digests:
                    one.digests[ordinal] = sha256(b"to come " + (one.keys[ordinal] or b"")).digest()
                    lent.append((one, ordinal))
    finally:
        for index, ordinal in found:
            steps[index].keys[ordinal] = None
        for one, ordinal in lent:
            del one.digests[ordinal]
    return found


def meanings(steps: Sequence[StepPlan]) -> dict[tuple[int, int], bytes]:
    """What each task asks for, by step and ordinal, whichever pictures were made meanwhile: equal while nothing of it changes.

    Every picture that a task makes is known by what that task asks for. Tasks of inputs that are yet to be fetched have none.
    """
    kept = [(one, one.keys, one.digests) for one in steps]
    found: dict[tuple[int, int], bytes] = {}
    try:
        for one in steps:
            one.keys, one.digests = Keys(one.count), Digests(one.count)
            for ordinal in one.ordinals():
                key = key_of(one, ordinal)
                if key is not None:
                    found[one.index, ordinal] = one.keys[ordinal] = key
                    one.digests[ordinal] = sha256(b"made by " + key).digest()
    finally:
        for one, keys, digests in kept:
            one.keys, one.digests = keys, digests
    return found


def _segments(one: StepPlan, known: Known) -> Iterator[Any]:
    """The identity of a step's tasks as constant texts and functions of the ordinal."""
    lines: list[Any] = [_head(one)]
    for name in sorted(one.values):
        if name in ("num_samples",):
            continue
        lines.extend(_value_line(name, one))
    if one.step.provider_options and not (one.is_protect or one.is_check):
        lines.append(_spelt("provider_options", one.options, None))
    for name in sorted(one.images):
        lines.extend(_image_lines(name, one, known))
    merged = ""
    for line in lines:
        if isinstance(line, str):
            merged += line
            continue
        if merged:
            yield merged
            merged = ""
        yield line
    if merged:
        yield merged


def _head(one: StepPlan) -> Any:
    heads = [_document_line(way.document) for way in one.ways]
    way_at = one.way_at
    if way_at is None:
        return heads[0]
    return lambda ordinal: heads[way_at[ordinal]]


def _document_line(document: Model | OperationDocument) -> str:
    kind = "model" if isinstance(document, Model) else "operation"
    return f"editchain 1\n{kind}={document.name} {version_of(document)}\n"


def version_of(document: Model | OperationDocument) -> str:
    """The version of a model, or of what an operation does, as it stands in keys."""
    return document.version if isinstance(document, Model) else str(document.behaviour)


def _value_line(name: str, one: StepPlan) -> Iterator[Any]:
    """A field's line; none where its value is the default of its document, so that saying a default changes nothing."""
    value = one.values[name]
    lines = [
        _spelt(name, value, 1 if name == "take" else way.document.defaults.get(name)) for way in one.ways
    ]
    way_at = one.way_at
    if way_at is None:
        yield lines[0]
    else:
        yield lambda ordinal: _line_at(lines[way_at[ordinal]], ordinal)


def _spelt(name: str, value: Any, default: Any) -> str | Callable[[int], str]:
    if not isinstance(value, Column):
        return "" if value is None or _is_equal(value, default) else f"{name}={canonical(value)}\n"
    spelt = [
        ("" if one_value is None or _is_equal(one_value, default) else f"{name}={canonical(one_value)}\n")
        for one_value in value.values
    ]
    return Column(spelt, value.at).__getitem__


def _line_at(line: str | Callable[[int], str], ordinal: int) -> str:
    return line if isinstance(line, str) else line(ordinal)


def _is_equal(value: Any, default: Any) -> bool:
    return default is not None and isinstance(value, bool) == isinstance(default, bool) and value == default


def canonical(value: Any) -> str:
    """One spelling for equal values: sorted keys, no spaces, whole numbers without a point."""
    return json.dumps(_plain_numbers(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _plain_numbers(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _plain_numbers(one) for key, one in value.items()}
    return [_plain_numbers(one) for one in value] if isinstance(value, list) else value


def _image_lines(name: str, one: StepPlan, known: Known) -> Iterator[Any]:
    """A line for each picture, in order, however the list of them was written."""
    prefix = f"{name}="
    for part in one.images[name]:
        if isinstance(part, ImageSource):
            identity = known.identity(part)
            yield (lambda _ordinal: None) if identity is None else f"{prefix}{identity}\n"
        elif isinstance(part, Column):
            yield _sourcecolumn(prefix, part, known)
        else:
            yield _edge_line(prefix, part)


def _sourcecolumn(prefix: str, part: Column, known: Known) -> Any:
    """None stands where another part of the field has the picture; UNKNOWN where it is yet to be fetched."""
    spelt: list[str | None] = []
    for source in part.values:
        identity = None if source is UNKNOWN else "" if source is None else known.identity(source)
        spelt.append(identity and f"{prefix}{identity}\n")
    return Column(spelt, part.at).__getitem__


def _edge_line(prefix: str, edge: Edge) -> Callable[[int], str | None]:
    producer = edge.producer
    is_plain = _is_deterministic(producer) and not producer.is_check and producer.exists is None
    if edge.is_list or edge.only is not None or not is_plain:
        return lambda ordinal: _joined(
            prefix, (_picture_line(producer, need) for need in edge.present(ordinal))
        )
    base, offset = edge.base, edge.offsets[0]

    def single(ordinal: int) -> str | None:
        key = producer.keys[base[ordinal] + offset]
        return None if key is None else f"{prefix}task:{key.hex()}\n"

    return single


def _picture_line(producer: StepPlan, ordinal: int) -> str | None:
    """How a picture of another step is known: by its task's key where that tells its bytes, else by its digest."""
    made = producer
    while made.is_check:
        # a check gives the picture on, so what follows knows the picture itself
        made = made.edges[0].producer
    document = made.way(ordinal).document
    if isinstance(document, Model) and not document.deterministic:
        digest = producer.digests.get(ordinal)
        return None if digest is None else f"sha256:{digest.hex()}"
    key = made.keys[ordinal]
    return None if key is None else f"task:{key.hex()}"


def _joined(prefix: str, parts: Iterable[str | None]) -> str | None:
    found = list(parts)
    return None if None in found else "".join(f"{prefix}{part}\n" for part in found)
