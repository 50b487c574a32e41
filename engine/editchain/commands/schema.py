"""editchain schema: one JSON Schema of the language for editors, with the workspace's own models."""

from __future__ import annotations

from pathlib import Path

import click

from editchain.errors import ConfigurationError
from editchain.language.bundle import as_text, bundle
from editchain.workspace import Workspace


@click.command("schema", epilog="Example: editchain schema -o .editchain/pipeline.schema.json")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), help="The file to write; standard output when not given."
)
def command(out: Path | None) -> int:
    """Write one JSON Schema of pipeline files, with every model and operation of this workspace.

    An editor that knows YAML and JSON Schema checks and completes a pipeline by it, once the file begins with
    # yaml-language-server: $schema=.editchain/pipeline.schema.json
    """
    with Workspace.of(Path.cwd()) as workspace:
        text = as_text(bundle(workspace.catalogue))
    if out is None:
        click.echo(text, nl=False)
        return 0
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{out}: cannot be written: {error.strerror}.") from error
    return 0
