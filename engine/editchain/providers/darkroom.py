"""The embedded model as a provider: edits by prompt on this machine, finished in `submit`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain.darkroom.grammar import compile, misfits, unused  # noqa: A004  (what a grammar does with a prompt)
from editchain.providers.base import Capabilities, Finished, Refused

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from editchain.models import Route
    from editchain.providers.base import Request, Session, Submitted

is_local = True
capabilities = Capabilities()


def check_prompt(
    prompt: str, fields: Collection[str] | None = None
) -> Iterable[tuple[int, int, str, str | None]]:
    """The clauses that are not understood, and those that do not go with the fields that a step gives."""
    compiled = compile(prompt)
    found = [*compiled.problems, *(misfits(compiled.edits, fields) if fields is not None else ())]
    return [(one.start, one.end, one.message, one.suggestion) for one in found]


def advise_prompt(prompt: str, fields: Collection[str]) -> Iterable[tuple[int, int, str, str | None]]:
    """What of the fields that a step gives no instruction uses; nothing where the prompt has problems."""
    compiled = compile(prompt)
    found = () if compiled.problems else unused(prompt, compiled.edits, fields)
    return [(one.start, one.end, one.message, one.suggestion) for one in found]


def prepared(request: Request, route: Route) -> Request:
    """As it is: pictures are read here."""
    _ = route
    return request


async def submit(session: Session | None, request: Request) -> Submitted:
    """The edited pictures, one for each sample; refused where the prompt is not understood."""
    _ = session
    from editchain.darkroom.edits import apply
    from editchain.operations.base import Picture

    compiled = compile(str(request.fields["prompt"]))
    if compiled.problems:
        return Refused("not-understood", " ".join(one.message for one in compiled.problems))
    images = request.images
    mask = images["mask"][0].decode() if images.get("mask") else None
    pictures = []
    for sample in range(request.count):
        edited = apply(
            compiled.edits,
            images["image"][0].decode(),
            references=[one.decode() for one in images.get("references", ())],
            mask=mask,
            seed=(request.seed or 0) + sample,
            strength=float(request.fields.get("strength", 1.0)),
            aspect_ratio=str(request.fields.get("aspect_ratio", "auto")),
        )
        pictures.append(Picture(edited))
    return Finished(tuple(pictures), seed=request.seed)
