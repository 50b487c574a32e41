"""A page of two revisions of a pipeline: what changed in its text, and its pictures before and after."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING, Any

from editchain import __version__
from editchain.differences import opened_pair
from editchain.viewing.html import asset, data_address, document
from editchain.viewing.picturing import QUALITY, small_pictures
from editchain.wording import changed_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from editchain.differences import Difference, EntryChange, FieldChange, Pair
    from editchain.lock import Line
    from editchain.store import Store

VIEW_SIDE, VIEW_SIDE_MANY, MANY = 1024, 512, 50
"""The longer side of a picture, and where more than so many pairs are shown, in pixels."""


def page(found: Difference, store: Store, said_of: Callable[[Pair], str], price: str) -> str:
    """The document, all pictures inside; `said_of` says in words what became of a pair, `price` what both cost."""
    shown = [pair for pair in found.pictures if pair.state != "same"]
    side = VIEW_SIDE if len(shown) <= MANY else VIEW_SIDE_MANY
    wanted = {line.digest.hex() for pair in shown for line in (pair.before, pair.after) if line is not None}
    views = {
        small.digest: data_address(small.view) for small in small_pictures(store, {}, sorted(wanted), side)
    }
    sections = "".join(_section(pair, views, _map(pair, store, side), said_of(pair)) for pair in shown)
    body = f"""<a class="skip" href="#pictures">To the pictures</a>
<header>
<h1>{escape(found.file)}</h1>
<dl class="facts">{"".join(f"<div><dt>{name}</dt><dd>{escape(value)}</dd></div>" for name, value in _facts(found, price))}</dl>
{"".join(f'<p class="notices">{escape(notice)}</p>' for notice in found.notices)}
</header>
<main>
<section aria-label="Recipe"><h2>Recipe</h2>
{"".join(map(_entry, found.recipe)) or "<p>The recipe is the same.</p>"}</section>
<div id="pictures" tabindex="-1"><h2>Pictures</h2>
{sections or "<p>No picture differs.</p>"}</div>
</main>
<footer>Made by editchain {__version__}. Everything that this page shows is in it.</footer>"""
    style = asset("page.css") + asset("diff.css")
    return document(
        f"{found.file} · {found.before} → {found.after}", body, style, asset("common.js") + asset("diff.js")
    )


def _facts(found: Difference, price: str) -> Iterator[tuple[str, str]]:
    for label, name, commit in zip(
        ("before", "after"), (found.before, found.after), found.commits, strict=True
    ):
        yield label, name if commit is None or commit.startswith(name) else f"{name} ({commit[:10]})"
    for state, count in found.counts.items():
        if count:
            yield state.replace("_", " "), f"{count:,}"
    yield "price to buy all of it anew", price


def _entry(entry: EntryChange) -> str:
    noun = entry.section.removesuffix("s") if entry.name else entry.section
    fields = "".join(f"<dt>{escape(one.field)}</dt><dd>{_field(one)}</dd>" for one in entry.fields)
    return (
        f'<div class="entry {entry.what}"><h3>{noun} {escape(entry.name)} <span class="soft">{entry.what}</span></h3>'
        f'<dl class="detail">{fields}</dl></div>\n'
    )


def _field(field: FieldChange) -> str:
    if field.texts is not None:
        return "".join(_piece(*piece) for piece in changed_words(*field.texts))
    before = "" if field.what == "added" else f"<del>{_text(field.before)}</del>"
    after = "" if field.what == "removed" else f"<ins>{_text(field.after)}</ins>"
    return " ".join(part for part in (before, after) if part)


def _piece(before: str, after: str) -> str:
    if before == after:
        return escape(before)
    return (f"<del>{escape(before)}</del>" if before else "") + (
        f"<ins>{escape(after)}</ins>" if after else ""
    )


def _text(value: Any) -> str:
    return escape(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _section(pair: Pair, views: Mapping[str, str], difference: str | None, said: str) -> str:
    head = f'<div class="head"><h2>{escape(pair.task)}</h2><span class="soft">{escape(said)}</span></div>'
    before, after = (_view(line, views) for line in (pair.before, pair.after))
    if before and after:
        shown = f"""<div class="pair"><figure>
<div class="compare"><img src="{after}" alt="the picture after"><img class="over" src="{before}" alt="the picture before"><span class="edge"></span></div>
<label class="slider">before<input type="range" min="0" max="100" value="50" aria-label="how much of the picture before is shown">after</label>
</figure>{_figure(difference, "where they differ: the brighter, the more")}</div>"""
    else:
        shown = f'<div class="pair">{_figure(before, "before")}{_figure(after, "after")}</div>'
    return f"<section>{head}{shown}</section>\n"


def _view(line: Line | None, views: Mapping[str, str]) -> str | None:
    return None if line is None else views.get(line.digest.hex())


def _figure(address: str | None, caption: str) -> str:
    if address is None:
        return ""
    return f'<figure><img src="{address}" alt="{caption}"><figcaption>{caption}</figcaption></figure>'


def _map(pair: Pair, store: Store, side: int) -> str | None:
    """A small map of where the pictures of a pair differ, made from them at their own size."""
    if pair.compared is None:
        return None
    from editchain.imaging import codec
    from editchain.imaging.difference import difference_map
    from editchain.imaging.geometry import scaled

    opened = opened_pair(pair, store)
    if opened is None:
        return None
    before, after = opened
    made = difference_map(before, scaled(after, before.size))
    made.thumbnail((side, side))
    return data_address(codec.encode(made, "webp", quality=QUALITY))
