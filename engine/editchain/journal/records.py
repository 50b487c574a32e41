"""The lines of `records.jsonl`: results and calls as text, to rebuild a journal from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from editchain.journal.entries import Call, CallTask, Refusal, Result

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


class _Quoted(dict[object, str]):
    """Value to its JSON text: the same few names stand in ten thousand lines."""

    def __missing__(self, value: object) -> str:
        text = self[value] = json.dumps(value)
        return text


def result_lines(results: Iterable[Result]) -> str:
    """One line for each result, as `line` would write it; spelt out, as there may be ten thousand."""
    text = _Quoted()
    return "".join(
        [
            f'["result","{key.hex()}","{digest.hex()}",{text[media_type]},{size},'
            f"{text[width]},{text[height]},{text[kind]},{text[name]},{text[version]},"
            f"{text[request_key and request_key.hex()]},{text[route]},{text[seed]},"
            f"{take},{text[versions]},{text[call]},{text[run]},{made_at!r}]\n"
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
