"""A graph drawn in layers as SVG: left to right, without crossing more than it has to. Pure."""

from __future__ import annotations

import itertools
from html import escape
from typing import TYPE_CHECKING, Literal

from editchain.classes import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

NodeKind = Literal["input", "step", "output"]

LETTER, LINE, PADDING = 7.3, 18, 12
"""The width of a letter, the height of a line, and the room around text, in pixels."""
BETWEEN_LAYERS, BETWEEN_ROWS, MARGIN = 72, 22, 24
SWEEPS = 8


@dataclass(frozen=True, slots=True)
class Node:
    """A box of the graph: what it is called, and a line below that."""

    id: str
    kind: NodeKind
    title: str
    note: str


@dataclass(frozen=True, slots=True)
class Edge:
    """An arrow, with the field that it goes into; `is_order` where it carries no picture or value."""

    start: str
    end: str
    label: str
    is_order: bool = False


@dataclass(slots=True)
class Place:
    """Where a box, or the bend of an arrow through a layer, stands."""

    layer: int
    width: float
    height: float
    x: float = 0
    y: float = 0


@dataclass(frozen=True, slots=True)
class Drawing:
    """Where every box stands, the way of every arrow, and the size of the whole, in pixels."""

    places: Mapping[str, Place]
    ways: tuple[tuple[Edge, tuple[Place, ...]], ...]
    width: float
    height: float


def draw(
    nodes: Sequence[Node], edges: Sequence[Edge], size: Callable[[Node], tuple[float, float]] | None = None
) -> Drawing:
    """The graph in layers; `size` gives the width and height of a box. `edges` may not form a cycle."""
    places, chains = _placed(nodes, edges, size or _size)
    width = max((one.x + one.width for one in places.values()), default=0) + MARGIN
    height = max((one.y + one.height for one in places.values()), default=0) + MARGIN
    ways = tuple((edge, tuple(places[one] for one in chain)) for edge, chain in chains)
    return Drawing(places, ways, width, height)


def svg(nodes: Sequence[Node], edges: Sequence[Edge]) -> str:
    """The graph as an SVG document of its own; `edges` may not form a cycle."""
    drawing = draw(nodes, edges)
    width, height = drawing.width, drawing.height
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" font-family="system-ui, sans-serif" font-size="13">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" '
        'orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="#667085"/></marker></defs>',
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#ffffff"/>',
    ]
    lines += [_arrow(edge, way) for edge, way in drawing.ways]
    lines += [_box(node, drawing.places[node.id]) for node in nodes]
    return "\n".join([*lines, "</svg>", ""])


def _placed(
    nodes: Sequence[Node], edges: Sequence[Edge], size: Callable[[Node], tuple[float, float]]
) -> tuple[dict[str, Place], list[tuple[Edge, list[str]]]]:
    """Every box in its place, and for each arrow the places that it goes through."""
    depth = _depths(nodes, edges)
    places = {one.id: Place(depth[one.id], *size(one)) for one in nodes}
    chains = []
    for number, edge in enumerate(edges):
        bends = [f"\0{number}.{layer}" for layer in range(depth[edge.start] + 1, depth[edge.end])]
        places.update((bend, Place(depth[edge.start] + at, 0, 1)) for at, bend in enumerate(bends, 1))
        chains.append((edge, [edge.start, *bends, edge.end]))
    layers: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for name, place in places.items():
        layers[place.layer].append(name)
    _order(layers, [pair for _, chain in chains for pair in itertools.pairwise(chain)])
    _set(layers, places)
    return places, chains


def _size(node: Node) -> tuple[float, float]:
    letters = max(len(node.title), len(node.note))
    return letters * LETTER + 2 * PADDING, (2 if node.note else 1) * LINE + PADDING


def _depths(nodes: Sequence[Node], edges: Sequence[Edge]) -> dict[str, int]:
    """The layer of each box: one after the last of those it comes from; outputs stand in the last one."""
    depth = {one.id: 0 for one in nodes}
    for _ in nodes:
        moved = False
        for edge in edges:
            if depth[edge.end] <= depth[edge.start]:
                depth[edge.end] = depth[edge.start] + 1
                moved = True
        if not moved:
            break
    last = max(depth.values(), default=0)
    return {one.id: last if one.kind == "output" else depth[one.id] for one in nodes}


def _order(layers: list[list[str]], pairs: Sequence[tuple[str, str]]) -> None:
    """Orders every layer by the middle of its neighbours, there and back a few times."""
    before: dict[str, list[str]] = {}
    after: dict[str, list[str]] = {}
    for start, end in pairs:
        before.setdefault(end, []).append(start)
        after.setdefault(start, []).append(end)
    for sweep in range(SWEEPS):
        forward = sweep % 2 == 0
        neighbours = before if forward else after
        for at in range(1, len(layers)) if forward else range(len(layers) - 2, -1, -1):
            fixed = {name: row for row, name in enumerate(layers[at - 1 if forward else at + 1])}
            layers[at].sort(key=_middle(layers[at], neighbours, fixed).__getitem__)


def _middle(
    layer: list[str], neighbours: Mapping[str, list[str]], fixed: Mapping[str, int]
) -> dict[str, float]:
    middles = {}
    for row, name in enumerate(layer):
        rows = [fixed[other] for other in neighbours.get(name, ()) if other in fixed]
        middles[name] = sum(rows) / len(rows) if rows else float(row)
    return middles


def _set(layers: list[list[str]], places: Mapping[str, Place]) -> None:
    """Gives every box its coordinates; layers are centred on each other."""
    heights = [sum(places[one].height + BETWEEN_ROWS for one in layer) - BETWEEN_ROWS for layer in layers]
    tallest = max(heights, default=0)
    x: float = MARGIN
    for layer, height in zip(layers, heights, strict=True):
        widest = max(places[one].width for one in layer)
        y = MARGIN + (tallest - height) / 2
        for name in layer:
            place = places[name]
            place.x, place.y = x + (widest - place.width) / 2, y
            y += place.height + BETWEEN_ROWS
        x += widest + BETWEEN_LAYERS


def curve(way: Sequence[Place]) -> str:
    """The path of an arrow from the right of its first place to the left of its last."""
    x, y = way[0].x + way[0].width, way[0].y + way[0].height / 2
    path = f"M{x:.0f} {y:.0f}"
    for place in way[1:]:
        to_x, to_y = place.x, place.y + place.height / 2
        half = (to_x - x) / 2
        path += f" C{x + half:.0f} {y:.0f} {to_x - half:.0f} {to_y:.0f} {to_x:.0f} {to_y:.0f}"
        x, y = to_x + place.width, to_y
    return path


def _arrow(edge: Edge, way: Sequence[Place]) -> str:
    dashes = ' stroke-dasharray="5 4"' if edge.is_order else ""
    title = f"<title>{escape(edge.label)}</title>" if edge.label else ""
    return (
        f'<path d="{curve(way)}" fill="none" stroke="#667085"{dashes} marker-end="url(#tip)">{title}</path>'
    )


_LOOKS: Mapping[NodeKind, str] = {
    "input": 'fill="#f2f4f7" stroke="#98a2b3" rx="16"',
    "step": 'fill="#eef4ff" stroke="#6172f3" rx="5"',
    "output": 'fill="#ecfdf3" stroke="#32a467" rx="16"',
}


def _box(node: Node, place: Place) -> str:
    middle, top = place.x + place.width / 2, place.y + LINE + 1
    text = f'<text x="{middle:.0f}" y="{top:.0f}" text-anchor="middle" font-weight="600">{escape(node.title)}</text>'
    if node.note:
        text += (
            f'<text x="{middle:.0f}" y="{top + LINE:.0f}" text-anchor="middle" fill="#475467">'
            f"{escape(node.note)}</text>"
        )
    box = f'<rect x="{place.x:.0f}" y="{place.y:.0f}" width="{place.width:.0f}" height="{place.height:.0f}"'
    return f"<g>{box} {_LOOKS[node.kind]}/>{text}</g>"
