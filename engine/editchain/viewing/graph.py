"""The graph of a page, as SVG that its style sheet colours; the page puts pictures into the boxes."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from editchain.viewing.layers import Edge, Node, curve, draw

if TYPE_CHECKING:
    from collections.abc import Mapping

    from editchain.viewing.layers import Place
    from editchain.viewing.pages import Page, StepView

WIDTH, PICTURE, LINE = 148, 92, 17
"""Of a box: its width, the height of its picture, and that of a line, in pixels."""
LETTERS = 19
"""So many letters of a line fit into a box."""


def graph(page: Page) -> str:
    """Inputs and steps with what goes where; each step leads to its part of the page."""
    nodes = _nodes(page)
    edges = [Edge(one.start, one.end, one.label) for one in page.arrows]
    published = {step for _, step in page.outputs}
    pictures = _pictures(page)
    drawing = draw(nodes, edges, lambda node: _size(node, pictures))
    lines = [
        f'<svg viewBox="0 0 {drawing.width:.0f} {drawing.height:.0f}" width="{drawing.width:.0f}" '
        f'height="{drawing.height:.0f}" role="group" aria-label="Graph of {escape(page.pipeline, quote=True)}">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" '
        'orient="auto"><path d="M0 0 L8 4 L0 8 z"/></marker></defs>',
    ]
    for edge, way in drawing.ways:
        label = f"<title>{escape(edge.label)}</title>" if edge.label else ""
        lines.append(f'<path class="arrow" d="{curve(way)}" marker-end="url(#tip)">{label}</path>')
    steps = {f"step:{one.name}": one for one in page.steps}
    lines += [
        _box(
            node, drawing.places[node.id], steps.get(node.id), pictures.get(node.id), node.title in published
        )
        for node in nodes
    ]
    return "\n".join([*lines, "</svg>"])


def _nodes(page: Page) -> list[Node]:
    taken = {one.start for one in page.arrows}
    nodes = [
        Node(
            f"input:{one.name}", "input", one.name, f"{one.type} · {one.size:,}" if one.size > 1 else one.type
        )
        for one in page.inputs
        if f"input:{one.name}" in taken
    ]
    return nodes + [Node(f"step:{one.name}", "step", one.name, _note(one)) for one in page.steps]


def _note(one: StepView) -> str:
    by = ", ".join(one.by)
    shape = " × ".join(f"{name} {len(keys):,}" for name, keys in one.dimensions)
    return f"{by} · {shape}" if shape else by


def _pictures(page: Page) -> dict[str, str]:
    """A picture for each box that has one: of a step its first, of an input the first that a step took from it."""
    found: dict[str, str] = {}
    made = {task.digest for step in page.steps for task in step.tasks}
    for step in page.steps:
        digest = next((task.digest for task in step.tasks if task.digest is not None), None)
        if digest is not None:
            found[f"step:{step.name}"] = digest
        for arrow in page.arrows:
            if arrow.end == f"step:{step.name}" and arrow.start.startswith("input:") and step.tasks:
                taken = step.tasks[0].takes.get(arrow.label.split(", ")[0], ())
                given = next((one for one in taken if one not in made), None)
                if given is not None:
                    found.setdefault(arrow.start, given)
    return found


def _size(node: Node, pictures: Mapping[str, str]) -> tuple[float, float]:
    lines = 2 if node.note else 1
    return WIDTH, lines * LINE + 14 + (PICTURE + 6 if node.id in pictures else 0)


def _box(node: Node, place: Place, step: StepView | None, picture: str | None, is_published: bool) -> str:
    state = "" if step is None else worst(step)
    parts = [
        f'<rect x="{place.x:.0f}" y="{place.y:.0f}" width="{place.width:.0f}" height="{place.height:.0f}"/>'
    ]
    top = place.y + 7
    if picture is not None:
        parts.append(
            f'<image data-picture="{picture}" x="{place.x + 6:.0f}" y="{top:.0f}" width="{WIDTH - 12}" '
            f'height="{PICTURE}" preserveAspectRatio="xMidYMid slice"/>'
        )
        top += PICTURE + 6
    middle = place.x + place.width / 2
    for line, name in ((node.title, "title"), (node.note, "note")):
        if line:
            top += LINE
            parts.append(
                f'<text class="{name}" x="{middle:.0f}" y="{top - 4:.0f}">{escape(_cut(line))}</text>'
            )
    inner = f"<title>{escape(f'{node.title}: {node.note}' if node.note else node.title)}</title>" + "".join(
        parts
    )
    if step is None:
        return f'<g class="box {node.kind}">{inner}</g>'
    kind = "step published" if is_published else "step"
    return f'<a class="box {kind} {state}" href="#step-{escape(step.name, quote=True)}">{inner}</a>'


def worst(step: StepView) -> str:
    """The state of a step, by the one of its tasks that most needs a look."""
    states = {task.state for task in step.tasks}
    order = ("failed", "rejected", "waiting", "open", "stopped", "skipped", "done", "cached")
    return next((state for state in order if state in states), "")


def _cut(line: str) -> str:
    return line if len(line) <= LETTERS else line[: LETTERS - 1] + "…"
