"""A page of a run as one HTML document: styles and script inside, nothing loaded from elsewhere."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from html import escape
from importlib import resources
from typing import TYPE_CHECKING, Any

from editchain import __version__
from editchain.viewing.graph import graph

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from editchain.viewing.pages import Page

Images = dict[str, Any]
"""Where the small pictures of a page are: `inline` has two addresses by digest, `beside` a folder for those in `there`, or
for those of which `signed` has the query of an address.
"""


def inline_images(pictures: Mapping[str, tuple[bytes, bytes]]) -> Images:
    """Small pictures inside of the page, by digest: thumbnail and view, as WebP."""
    inline = {
        digest: [data_address(thumbnail), data_address(view)]
        for digest, (thumbnail, view) in pictures.items()
    }
    return {"inline": inline, "beside": None, "there": []}


def images_beside(folder: str, digests: Iterable[str]) -> Images:
    """Small pictures in a folder, as `DIGEST.webp` and `DIGEST.view.webp`."""
    return {"inline": {}, "beside": folder, "there": list(digests)}


def images_signed(base: str, queries: Mapping[str, str]) -> Images:
    """Small pictures that a server gives, each under an address of its own that is signed; `queries` are by digest."""
    return {"inline": {}, "beside": base, "there": [], "signed": dict(queries)}


@dataclass(frozen=True, slots=True)
class Following:
    """How a page follows its pipeline: it looks at the picture `stamp` beside it, and loads itself again once that has
    another size than `mark`. `problems` are what is wrong with the pipeline meanwhile.
    """

    stamp: str
    mark: tuple[int, int]
    problems: str = ""


def stamp(mark: tuple[int, int]) -> str:
    """A picture of nothing that tells a mark by its size: all that a page may read from a disk."""
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="{mark[0]}" height="{mark[1]}"/>'


def html(page: Page, images: Images, following: Following | None = None) -> str:
    """The document."""
    data = {"page": page.document(), "images": images, "follows": asdict(following) if following else None}
    scripts = ("common.js", "page.js", *(("follow.js",) if following else ()))
    return document(
        f"{page.pipeline} · {page.run}",
        f"""{skip("steps", "steps")}
<header>
<h1>{escape(page.pipeline)}</h1>
<div id="following" role="status"></div>
{FACTS}
</header>
<main>
{shown(graph(page), f"Graph of {page.pipeline}")}
</main>
<footer>Made by editchain {__version__}. Everything that this page shows is in it or beside it.</footer>
{DIALOG}
{"".join(f'<script type="application/json" id="{name}">{_json(one)}</script>' for name, one in data.items())}""",
        asset("page.css"),
        "".join(map(asset, scripts)),
    )


FACTS = '<dl class="facts" id="facts"></dl>\n<div id="notices"></div>'
DIALOG = '<dialog id="task" aria-labelledby="task-name"></dialog>'


def skip(target: str, name: str) -> str:
    """The link by which a keyboard goes past the head of a page."""
    return f'<a class="skip" href="#{target}">To the {name}</a>'


def shown(drawing: str, label: str) -> str:
    """What the script of a page fills: around the graph, tools, steps with their tasks, times and calls."""
    return f"""<div class="graph" tabindex="0" role="region" aria-label="{escape(label, quote=True)}">
{drawing}
</div>
<div class="tools" id="tools" role="search"></div>
<div id="steps" tabindex="-1"></div>
<section id="time" aria-label="Time"></section>
<section id="calls" aria-label="Calls"></section>"""


def document(title: str, body: str, style: str, script: str) -> str:
    """A page that runs this style and script and loads nothing but pictures; `body` is HTML, `title` is text."""
    policy = (
        f"default-src 'none'; img-src data: file: 'self'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="generator" content="editchain {__version__}">
<title>{escape(title)}</title>
<style>{style}</style>
</head>
<body>
{body}
<script>{script}</script>
</body>
</html>
"""


def asset(name: str) -> str:
    """The text of a style or script that comes with editchain."""
    return resources.files("editchain.viewing").joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    """How a content policy names an inline style or script."""
    return f"sha256-{base64.b64encode(sha256(text.encode()).digest()).decode()}"


def _json(document: Any) -> str:
    """JSON inside of HTML: nothing in it ends the element that holds it."""
    return json.dumps(document, separators=(",", ":")).replace("<", "\\u003c")


def data_address(webp: bytes) -> str:
    """The address of a picture that is inside of the page."""
    return f"data:image/webp;base64,{base64.b64encode(webp).decode()}"
