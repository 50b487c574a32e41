"""A client that speaks to a YAML language server over standard input and output, as an editor does."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

TIMEOUT_SECONDS = 60


class LanguageServer:
    """A running yaml-language-server in an editor that has a folder open; `schemas` is its setting `yaml.schemas`."""

    def __init__(self, program: Path, folder: Path, schemas: Mapping[str, Any]) -> None:
        self._schemas = dict(schemas)
        self._folder = folder
        self._count = 0
        self._incoming: queue.Queue[dict[str, Any]] = queue.Queue()
        self._process = subprocess.Popen(
            ["node", str(program), "--stdio"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> LanguageServer:
        self._reader.start()
        capabilities = {
            "workspace": {"configuration": True},
            "textDocument": {"completion": {}, "publishDiagnostics": {}},
        }
        self._call(
            "initialize",
            {
                "processId": None,
                "rootUri": self._folder.as_uri(),
                "workspaceFolders": [{"uri": self._folder.as_uri(), "name": self._folder.name}],
                "capabilities": capabilities,
            },
        )
        self._notify("initialized", {})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def problems(self, text: str, name: str | None = None) -> list[tuple[int, str]]:
        """What is wrong in a text, in a file of some name: the line, from 0, and the message."""
        address = self._open(text, name)
        while True:
            message = self._next()
            if (
                message.get("method") == "textDocument/publishDiagnostics"
                and message["params"]["uri"] == address
            ):
                found = message["params"]["diagnostics"]
                return [(one["range"]["start"]["line"], one["message"]) for one in found]

    def completions(self, text: str, name: str | None = None) -> dict[str, str]:
        """What is offered at the `|` in a text, in a file of some name, with its description."""
        before, _, after = text.partition("|")
        address = self._open(before + after, name)
        line, column = before.count("\n"), len(before) - before.rfind("\n") - 1
        position = {"textDocument": {"uri": address}, "position": {"line": line, "character": column}}
        offered = self._call("textDocument/completion", position)["items"]
        return {one["label"]: _text(one.get("documentation")) for one in offered}

    def _open(self, text: str, name: str | None) -> str:
        self._count += 1
        address = (self._folder / (name or f"{self._count}.yaml")).as_uri()
        document = {"uri": address, "languageId": "yaml", "version": 1, "text": text}
        self._notify("textDocument/didOpen", {"textDocument": document})
        return address

    def _call(self, method: str, parameters: dict[str, Any]) -> Any:
        self._count += 1
        number = self._count
        self._send({"id": number, "method": method, "params": parameters})
        while True:
            message = self._next()
            if message.get("id") == number and "method" not in message:
                return message["result"]

    def _notify(self, method: str, parameters: dict[str, Any]) -> None:
        self._send({"method": method, "params": parameters})

    def _next(self) -> dict[str, Any]:
        return self._incoming.get(timeout=TIMEOUT_SECONDS)

    def _send(self, message: dict[str, Any]) -> None:
        data = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(data) + data)
        self._process.stdin.flush()

    def _read(self) -> None:
        assert self._process.stdout is not None
        while line := self._process.stdout.readline():
            length = 0
            while line.strip():
                if line.lower().startswith(b"content-length"):
                    length = int(line.split(b":")[1])
                line = self._process.stdout.readline()
            message = json.loads(self._process.stdout.read(length))
            if "id" in message and "method" in message:
                self._answer(message)
            else:
                self._incoming.put(message)

    def _answer(self, message: dict[str, Any]) -> None:
        """Gives the server the settings that it asks an editor for."""
        result = None
        if message["method"] == "workspace/configuration":
            yaml = {
                "schemas": self._schemas,
                "validate": True,
                "completion": True,
                "schemaStore": {"enable": False},
            }
            result = [yaml if item.get("section") == "yaml" else {} for item in message["params"]["items"]]
        self._send({"id": message["id"], "result": result})


def _text(documentation: Any) -> str:
    return documentation["value"] if isinstance(documentation, dict) else documentation or ""
