"""editchain models import: a vendor's live record of a model as a document of this workspace."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any

import click

from editchain.commands.saying import say, write_json
from editchain.errors import ConfigurationError, StoreError
from editchain.misfits import dotted
from editchain.providers import load
from editchain.rules import meta_problems
from editchain.store import make_folder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from editchain.workspace import Workspace

PROVIDER = "scenario"
"""The one vendor here whose records say what each of its models takes."""

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]*")


def import_model(
    workspace: Workspace, words: Sequence[str], name: str | None, *, overwrite: bool, as_json: bool
) -> int:
    """Writes the document of a vendor's model into the workspace's own models/. Raises ConfigurationError."""
    if len(words) != 2:
        raise ConfigurationError("Write editchain models import scenario MODEL_ID.")
    provider, model = words
    if provider != PROVIDER:
        raise ConfigurationError(
            f"Models can be imported from {PROVIDER}, whose records say what they take, not from {provider}."
        )
    name = name or _spelt(model)
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f'"{name}" is no name of a model: it has a-z, 0-9, - and . only. Give one with --name.'
        )
    path = workspace.root / "models" / f"{name}.json"
    if name in workspace.catalogue.models and not (overwrite and path.is_file()):
        advice = (
            "--overwrite replaces yours, --name gives another name."
            if path.is_file()
            else "Give another with --name."
        )
        raise ConfigurationError(f'There is a model "{name}" already. {advice}')
    if not workspace.is_usable(provider):
        wanted = " and ".join(names[0] for names in load(provider).capabilities.credentials)
        raise ConfigurationError(
            f"{provider} needs a credential: set {wanted}, in the environment or in .env."
        )
    found = _imported(workspace, model, name)
    problems = meta_problems(found.document, "model")
    if problems:
        listed = "; ".join(f"{dotted(problem.path)}: {problem.message}" for problem in problems)
        raise ConfigurationError(f"The record of {model} gives no document that is right: {listed}.")
    _write(path, found.document)
    for one in found.left_out:
        say(f"left out: {one}")
    if as_json:
        write_json(
            {
                "imported": name,
                "file": str(path),
                "left_out": list(found.left_out),
                "document": found.document,
            }
        )
    else:
        click.echo(f"{path}: {name}, at {provider} {model}. `editchain models {name}` shows it.")
    return 0


def _spelt(model: str) -> str:
    return re.sub(r"[^a-z0-9.-]+", "-", model.removeprefix("model_").lower()).strip("-.")


def _imported(workspace: Workspace, model: str, name: str) -> Any:
    import anyio

    from editchain.providers.scenario_models import fetch, imported

    async def ask() -> Mapping[str, Any]:
        client = workspace.client(PROVIDER, load(PROVIDER))
        try:
            return await fetch(client, model)
        finally:
            await client.close()

    return imported(anyio.run(ask), name)


def _write(path: Path, document: Mapping[str, Any]) -> None:
    """The document in its place, whole or not at all."""
    make_folder(str(path.parent))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StoreError(f"{path} cannot be written: {error.strerror}.") from error
