"""The lock: what each task of a pipeline resolved to, as lines that git merges."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from urllib.parse import urlsplit

from editchain.errors import ConfigurationError, Unsettled

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

FORMAT = 1
ENDING = ".lock.jsonl"
_HEADER = json.dumps({"lock": FORMAT, "by": "editchain"})
_MARKS = ("<<<<<<< ", "||||||| ", ">>>>>>> ")
_MIDDLE = "======="


class Output(NamedTuple):
    """A picture of a task: the digest of its bytes, its media type, and how many bytes it has."""

    digest: bytes
    type: str
    size: int


class Line(NamedTuple):
    """A task and what it resolved to. `version` is that of the model, or of the operation, in the task's key."""

    task: str
    key: bytes
    kind: Literal["model", "operation"]
    name: str
    version: str
    take: int
    outputs: tuple[Output, ...]
    request_key: bytes | None = None
    route: str | None = None
    seed: int | None = None

    @property
    def digest(self) -> bytes:
        """The digest of the task's one picture."""
        return self.outputs[0].digest


class Held(NamedTuple):
    """An input that is an address, held to the bytes that it gave first."""

    address: str
    output: Output

    @property
    def digest(self) -> bytes:
        """The digest of those bytes."""
        return self.output.digest


class Conflict(NamedTuple):
    """Several pictures for one key, or for one address: a person has to say which counts.

    `what` is the task, or the address; `place` is the key, or the address.
    """

    what: str
    place: bytes | str
    choices: tuple[Output, ...]


@dataclass(frozen=True)
class Lock:
    """The lines of a lock file, in whatever order; several may be of one task."""

    lines: tuple[Line, ...] = ()
    inputs: tuple[Held, ...] = ()

    @cached_property
    def by_key(self) -> Mapping[bytes, Line]:
        """Key to the line that is the fact about it."""
        return {line.key: line for line in reversed(self.lines)}

    @cached_property
    def by_address(self) -> Mapping[str, Held]:
        """Address, as `named` spells it, to what it is held to."""
        return {held.address: held for held in self.inputs}

    @cached_property
    def versions(self) -> Mapping[str, frozenset[str]]:
        """Model or operation to the versions that the lock has tasks of."""
        found: dict[str, set[str]] = {}
        for line in self.lines:
            found.setdefault(line.name, set()).add(line.version)
        return {name: frozenset(versions) for name, versions in found.items()}

    @cached_property
    def conflicts(self) -> tuple[Conflict, ...]:
        """What a person has to settle, in the order of the file."""
        pictures: dict[bytes | str, dict[Output, str]] = {}
        for line in self.lines:
            pictures.setdefault(line.key, {}).setdefault(line.outputs[0], line.task)
        for held in self.inputs:
            pictures.setdefault(held.address, {}).setdefault(held.output, held.address)
        return tuple(
            Conflict(next(iter(found.values())), place, tuple(found))
            for place, found in pictures.items()
            if len(found) > 1
        )

    @property
    def outputs(self) -> Iterator[Output]:
        """Every picture that the lock names."""
        for line in self.lines:
            yield from line.outputs
        for held in self.inputs:
            yield held.output

    def settled(self, chosen: Mapping[bytes | str, bytes]) -> Lock:
        """The lock without the pictures that lost: `chosen` has the digest that counts, by the place of a conflict."""
        return Lock(
            tuple(line for line in self.lines if chosen.get(line.key, line.digest) == line.digest),
            tuple(held for held in self.inputs if chosen.get(held.address, held.digest) == held.digest),
        )


def place_of(pipeline: Path) -> Path:
    """Where the lock of a pipeline file lies."""
    return pipeline.with_name(pipeline.stem + ENDING)


def named(address: str) -> str:
    """How an address stands in a lock: without its query, which may hold a secret, but for a hash of it."""
    from hashlib import sha256

    parts = urlsplit(address)
    query = f"?{sha256(parts.query.encode()).hexdigest()[:16]}" if parts.query else ""
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}{query}"


# ---------------------------------------------------------------------- text


def text_of(lock: Lock) -> str:
    """The file: a header, inputs, then tasks, sorted so that each has one place; equal lines once."""
    inputs = sorted({_input_text(held) for held in lock.inputs})
    lines = dict.fromkeys(map(_line_text, sorted(lock.lines, key=_order)))
    return "\n".join([_HEADER, *inputs, *lines, ""])


def _order(line: Line) -> tuple[Any, ...]:
    return line.task, line.key, line.digest, line.request_key or b"", line.route or "", line.seed or 0


def _line_text(line: Line) -> str:
    said: dict[str, Any] = {"task": line.task, "key": line.key.hex()}
    if line.request_key is not None:
        said["request_key"] = line.request_key.hex()
    said[line.kind] = line.name
    said["version"] = line.version
    if line.route is not None:
        said["route"] = line.route
    if line.seed is not None:
        said["seed"] = line.seed
    said["take"] = line.take
    said["outputs"] = [_output_fields(output) for output in line.outputs]
    return _json(said)


def _input_text(held: Held) -> str:
    return _json({"input": held.address, **_output_fields(held.output)})


def _output_fields(output: Output) -> dict[str, Any]:
    return {"digest": output.digest.hex(), "type": output.type, "size": output.size}


def _json(said: dict[str, Any]) -> str:
    text = json.dumps(said, ensure_ascii=False)
    # A name that is no UTF-8 is escaped, so that the file always is.
    return text if text.isascii() or _is_text(text) else json.dumps(said)


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


# ---------------------------------------------------------------------- reading


@dataclass(slots=True)
class _Reading:
    name: str
    lines: list[Line] = field(default_factory=list)
    inputs: list[Held] = field(default_factory=list)

    def take(self, row: Any, number: int) -> None:
        try:
            if not isinstance(row, dict):
                raise TypeError  # noqa: TRY301  (as if a field were missing)
            if "task" in row:
                self.lines.append(_line(row))
            elif "input" in row:
                self.inputs.append(Held(str(row["input"]), _output(row)))
            elif row["lock"] > FORMAT:
                raise ConfigurationError(
                    f"{self.name}:{number}  This lock was written by a newer editchain: upgrade editchain."
                )
        except (KeyError, TypeError, ValueError, IndexError):
            raise self.unreadable(number) from None

    def unreadable(self, number: int) -> ConfigurationError:
        return ConfigurationError(
            f"{self.name}:{number}  This is no line of a lock. Take it out, or take the file from git again."
        )


def parse(text: str, name: str, *, merging: bool = False) -> Lock:
    """The lock of a text; `name` is the file in messages. Raises ConfigurationError with file and line.

    While `merging`, the marks of a merge that git could not finish are passed over, and what both sides say is taken.
    """
    found = _Reading(name)
    numbered = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if any(line.startswith(_MARKS) for _, line in numbered):
        if not merging:
            raise Unsettled(
                f"{name} holds a merge that git could not finish: `editchain lock merge` finishes it."
            )
        numbered = list(_both_sides(numbered))
    rows = _at_once(numbered) or [_row(found, number, line) for number, line in numbered]
    for (number, _), row in zip(numbered, rows, strict=True):
        found.take(row, number)
    return Lock(tuple(found.lines), tuple(found.inputs))


def _at_once(numbered: list[tuple[int, str]]) -> list[Any] | None:
    """All lines read as one document, which is several times faster; None where one of them is no JSON."""
    try:
        rows: list[Any] = json.loads("[" + ",".join(line for _, line in numbered) + "]")
    except (ValueError, RecursionError):
        return None
    return rows if len(rows) == len(numbered) else None


def _row(found: _Reading, number: int, line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        raise found.unreadable(number) from None


def _both_sides(numbered: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    is_base = False
    for number, line in numbered:
        if line.startswith(_MARKS) or line == _MIDDLE:
            is_base = line.startswith("|||||||")
        elif not is_base:
            yield number, line


def _line(row: Mapping[str, Any]) -> Line:
    kind: Literal["model", "operation"] = "model" if "model" in row else "operation"
    request_key = row.get("request_key")
    outputs = tuple(_output(output) for output in row["outputs"])
    _ = outputs[0]
    return Line(
        str(row["task"]),
        _digest(row["key"]),
        kind,
        str(row[kind]),
        str(row["version"]),
        int(row["take"]),
        outputs,
        None if request_key is None else _digest(request_key),
        row.get("route"),
        row.get("seed"),
    )


def _output(row: Mapping[str, Any]) -> Output:
    return Output(_digest(row["digest"]), str(row["type"]), int(row["size"]))


def _digest(text: str) -> bytes:
    digest = bytes.fromhex(text)
    if len(digest) != 32:
        raise ValueError
    return digest
