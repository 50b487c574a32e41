"""The lines of `records.jsonl`: results and calls as text, to rebuild a journal from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from editchain.entries import Call, CallTask, Refusal, Result

if TYPE_CHECKING:
    from collections.abc import Iterable

FORMAT = 1

Row = tuple[object, ...]

# The first line names the columns, so that the file explains itself.
HEADER = (
    json.dumps(
        {
            "records": FORMAT,
            "result": Result._fields,
            "call": Call._fields,
            "task": CallTask._fields,
            "refusal": Refusal._fields,
            "forget": ["table", "key"],
        }
    )
    + "\n"
)

_RESULT = '["result","%s","%s",%s,%d,%s,%s,%s,%s,%s,%s,%s,%s,%d,%s,%s,%s,%r]\n'


def result_lines(results: Iterable[Result]) -> str:
    """One line for each result; by one format string, as there may be ten thousand."""
    quoted: dict[str | None, str] = {None: "null"}

    def quote(text: str | None) -> str:
        found = quoted.get(text)
        if found is None:
            found = quoted[text] = json.dumps(text)
        return found

    return "".join(
        [
            _RESULT
            % (
                key.hex(),
                digest.hex(),
                quote(media_type),
                size,
                "null" if width is None else width,
                "null" if height is None else height,
                quote(kind),
                quote(name),
                quote(version),
                "null" if request_key is None else f'"{request_key.hex()}"',
                quote(route),
                "null" if seed is None else seed,
                take,
                quote(versions),
                quote(call),
                quote(run),
                made_at,
            )
            for (
                key,
                digest,
                media_type,
                size,
                width,
                height,
                kind,
                name,
                version,
                request_key,
                route,
                seed,
                take,
                versions,
                call,
                run,
                made_at,
            ) in results
        ]
    )


def line(kind: str, row: Row) -> str:
    """One line of any kind; digests and keys as hex."""
    return json.dumps([kind, *(value.hex() if isinstance(value, bytes) else value for value in row)]) + "\n"


def forget_line(table: str, key: bytes) -> str:
    """The line that takes back an earlier one."""
    return line("forget", (table, key))
