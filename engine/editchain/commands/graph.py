"""editchain graph: inputs, steps and outputs of a pipeline, and what goes where."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from editchain.commands.checking import check
from editchain.commands.saying import write_json
from editchain.diagnostics import Problems, visible
from editchain.errors import ConfigurationError, PipelineError
from editchain.language.references import BadReference, references
from editchain.language.references import parse as parse_references
from editchain.language.syntax import MAX_BYTES, Map, parse
from editchain.platform import disk_error
from editchain.viewing.layers import Edge, Node, svg
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from editchain.pipeline import Dimension, Input, Pipeline, Step

FORMATS = ("mermaid", "dot", "svg")
_BY_EXTENSION = {".mmd": "mermaid", ".mermaid": "mermaid", ".dot": "dot", ".gv": "dot", ".svg": "svg"}


@click.command("graph", epilog="Example: editchain graph pipelines/hello.yaml --format svg -o hello.svg")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--format", "form", type=click.Choice(FORMATS), help="How the graph is written (mermaid by default)."
)
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), help="The file to write; its extension says the format."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def command(file: Path, form: str | None, out: Path | None, as_json: bool) -> int:
    """Draw a pipeline: inputs, steps with their dimensions, outputs, and which goes into which.

    GitHub and many editors show Mermaid; dot is for Graphviz; svg is drawn here.
    """
    with Workspace.of(file) as workspace:
        checked = check(workspace, file, needs_all=False)
    if checked.pipeline is None:
        raise PipelineError(checked.problems)
    nodes, edges = graph_of(checked.pipeline)
    if as_json:
        write_json(_as_json(checked.pipeline, nodes, edges))
        return 0
    form = form or (_BY_EXTENSION.get(out.suffix.lower()) if out else None) or "mermaid"
    text = {"mermaid": mermaid, "dot": dot, "svg": svg}[form](nodes, edges)
    if out is None:
        click.echo(text, nl=False)
        return 0
    if out.is_dir():
        raise ConfigurationError(f"-o {out} is a folder; name a file.")
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise disk_error(error, str(out)) from error
    return 0


def graph_of(pipeline: Pipeline) -> tuple[list[Node], list[Edge]]:
    """The boxes and arrows of a pipeline as its file has them; a sub-pipeline is one box."""
    root = _root(pipeline.path)
    steps, defaults = root["steps"], root.get("defaults") or {}
    made = _by_top(pipeline.steps)
    nodes = [Node(f"input_{name}", "input", name, _input_note(one)) for name, one in pipeline.inputs.items()]
    edges: list[Edge] = []
    for name, raw in steps.items():
        own = made.get(name, [])
        nodes.append(Node(f"step_{name}", "step", name, _step_note(raw, own)))
        edges += _edges_into(f"step_{name}", _fields(raw, defaults, own), pipeline.inputs, steps)
        edges += [
            Edge(f"step_{need}", f"step_{name}", "after", is_order=True)
            for need in _after(raw)
            if need in steps
        ]
    for output in pipeline.outputs:
        # An output of a sub-pipeline is named `sub/step`, which is no name for a box.
        box = f"output_{output.name.replace('/', '__')}"
        nodes.append(Node(box, "output", output.name, output.path or ""))
        edges.append(Edge(f"step_{output.picture.step.name.split('/')[0]}", box, ""))
    return nodes, edges


def _root(path: Path) -> Map:
    document = parse(path.read_bytes(), str(path), Problems(), max_bytes=MAX_BYTES)
    if document is None or not isinstance(document.root, Map):
        raise ConfigurationError(f"{path} changed while it was read; try again.")
    return document.root


def _by_top(steps: Iterable[Step]) -> dict[str, list[Step]]:
    """Steps by the name in the file that they come from."""
    found: dict[str, list[Step]] = {}
    for step in steps:
        found.setdefault(step.name.split("/")[0], []).append(step)
    return found


def _fields(
    raw: Mapping[str, Any], defaults: Mapping[str, Any], own: Sequence[Step]
) -> Iterator[tuple[str, Any]]:
    """The fields of a step that may hold references, those that it has from the defaults among them."""
    yield from ((name, value) for name, value in raw.items() if name != "after")
    if "pipeline" in raw:
        return  # the defaults of a caller do not reach into it
    taken = {name for step in own for name in (*step.fields, "model")}
    yield from ((name, value) for name, value in defaults.items() if name not in raw and name in taken)


def _edges_into(
    end: str, fields: Iterable[tuple[str, Any]], inputs: Mapping[str, Input], steps: Mapping[str, Any]
) -> Iterator[Edge]:
    labels: dict[str, list[str]] = {}
    for name, value in fields:
        for start in _names(value):
            if start in inputs or start in steps:
                found = labels.setdefault(f"{'input' if start in inputs else 'step'}_{start}", [])
                if name not in found:
                    found.append(name)
    yield from (Edge(start, end, ", ".join(names)) for start, names in labels.items())


def _names(value: Any) -> Iterator[str]:
    """The names that a value refers to, at any depth, in order."""
    if isinstance(value, str) and "$" in value:
        try:
            yield from (reference.name for reference in references(parse_references(value)))
        except BadReference:
            return
    elif isinstance(value, (dict, list)):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _names(one)


def _after(raw: Mapping[str, Any]) -> list[str]:
    after = raw.get("after") or []
    return [after] if isinstance(after, str) else list(after)


def _input_note(one: Input) -> str:
    return one.type if one.dimension is None else f"{one.type} · {_shape((one.dimension,))}"


def _step_note(raw: Mapping[str, Any], own: Sequence[Step]) -> str:
    if "pipeline" in raw:
        by = str(raw["pipeline"])
    else:
        by = ", ".join(dict.fromkeys(name for step in own for name in step.documents)) or "not needed"
    dimensions = own[0].dimensions if len(own) == 1 else ()
    return f"{by} · {_shape(dimensions)}" if dimensions else by


def _shape(dimensions: Iterable[Dimension]) -> str:
    return " × ".join(f"{one.name} {'?' if one.keys is None else f'{one.size:,}'}" for one in dimensions)


def _as_json(pipeline: Pipeline, nodes: Sequence[Node], edges: Sequence[Edge]) -> dict[str, Any]:
    return {
        "pipeline": pipeline.name,
        "nodes": [{"id": one.id, "kind": one.kind, "name": one.title, "note": one.note} for one in nodes],
        "edges": [{"from": one.start, "to": one.end, "field": one.label, "is_order": one.is_order} for one in edges],
    }  # fmt: skip


# ---------------------------------------------------------------------- Mermaid, dot

_MERMAID = {"input": ('(["', '"])'), "step": ('["', '"]'), "output": ('[/"', '"/]')}


def mermaid(nodes: Sequence[Node], edges: Sequence[Edge]) -> str:
    """The graph as a Mermaid flowchart."""
    lines = ["flowchart LR"]
    for one in nodes:
        opening, closing = _MERMAID[one.kind]
        note = f"<br>{_for_mermaid(one.note)}" if one.note else ""
        lines.append(f"  {one.id}{opening}{_for_mermaid(one.title)}{note}{closing}")
    for edge in edges:
        label = f"|{edge.label}|" if edge.label else ""
        lines.append(f"  {edge.start} {'-.->' if edge.is_order else '-->'}{label} {edge.end}")
    return "\n".join([*lines, ""])


def _for_mermaid(text: str) -> str:
    """Text between quotes in which nothing is a sign of the diagram or of HTML."""
    return re.sub(r'["<>#&]', lambda found: f"#{ord(found.group())};", visible(text))


_SHAPES = {"input": "ellipse", "step": "box", "output": "note"}


def dot(nodes: Sequence[Node], edges: Sequence[Edge]) -> str:
    """The graph in the language of Graphviz."""
    lines = ["digraph pipeline {", "  rankdir=LR;", '  node [fontname="sans-serif"];']
    for one in nodes:
        label = _for_dot(one.title) + (f"\\n{_for_dot(one.note)}" if one.note else "")
        lines.append(f'  {one.id} [shape={_SHAPES[one.kind]}, label="{label}"];')
    for edge in edges:
        style = ", style=dashed" if edge.is_order else ""
        lines.append(f'  {edge.start} -> {edge.end} [label="{_for_dot(edge.label)}"{style}];')
    return "\n".join([*lines, "}", ""])


def _for_dot(text: str) -> str:
    return visible(text).replace("\\", "\\\\").replace('"', '\\"')
