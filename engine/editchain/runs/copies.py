"""Copies: which files the outputs of a plan want, each with the picture that it is made from."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from editchain.artifacts import ImageSource
from editchain.classes import dataclass
from editchain.imaging import containers
from editchain.language.publishing import FORMATS, path_of, template
from editchain.plans.dimensions import keys_at
from editchain.plans.planning import published_tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from editchain.imaging.marking import Mark
    from editchain.pipeline import Output
    from editchain.plans.tasks import Plan, StepPlan
    from editchain.runs.attesting import Attester
    from editchain.runs.crediting import Crediting

_EXTENSIONS = {"jpeg": "jpg", "tiff": "tif"}
_FORMAT_OF = {
    "image/png": "png",
    "image/jpeg": "jpeg",
    "image/webp": "webp",
    "image/avif": "avif",
    "image/tiff": "tiff",
    "image/gif": "gif",
}
_STORED = tuple(_FORMAT_OF.values())


@dataclass(frozen=True, slots=True)
class Copy:
    """One file to publish: where, from which result, and how its bytes are made from the result's.

    `mark` is what it is to say beside its pixels; None for what has no pixels. `sign` signs it in the end.
    """

    path: str
    digest: bytes
    format: str | None
    quality: int | None
    lossless: bool
    output: str
    task: str
    mark: Mark | None = None
    sign: Callable[[bytes], bytes] | None = None

    @property
    def is_plain(self) -> bool:
        """Whether its bytes are the result's own, whatever they are."""
        return self.format is None and self.mark is None

    @property
    def is_made(self) -> bool:
        """Whether its pixels are encoded, or its bytes signed: that takes long."""
        return self.format is not None or self.sign is not None

    @property
    def encoding(self) -> str:
        """How the bytes are made, in words that are the same for the same bytes."""
        said = (
            "copy"
            if self.format is None
            else f"{self.format} quality={self.quality} lossless={self.lossless}"
        )
        return said if self.mark is None else f"{said} metadata={self.mark.words}"


class Formats:
    """In which format the pictures of tasks are stored: a byte for each."""

    def __init__(self) -> None:
        self._numbers: dict[int, bytearray] = {}

    def note(self, one: StepPlan, at: int, media_type: str) -> None:
        """Says what a task's picture is stored as."""
        numbers = self._numbers.setdefault(one.index, bytearray(one.count))
        numbers[at] = 1 + _STORED.index(_FORMAT_OF[media_type])

    def of(self, one: StepPlan, at: int) -> str | None:
        """The format of a task's picture; None where there is none."""
        numbers = self._numbers.get(one.index)
        return _STORED[numbers[at] - 1] if numbers and numbers[at] else None


def copies(
    plan: Plan, formats: Formats, crediting: Crediting, attester: Attester | None = None
) -> Iterator[Copy]:
    """The files of every output whose pictures are there, as `formats` has them.

    Where they are to be signed, the `attester` does it; to look at them only, none is needed.
    """
    by_step = plan.by_step()
    fixed = _fixed(plan)
    for output in plan.pipeline.outputs:
        written = template(output.path) if output.path is not None else None
        wanted = _wanted(output, written.extension if written else None)
        dimensions = output.picture.dimensions
        for one, at in published_tasks(output, by_step):
            own = formats.of(one, at)
            if own is None:
                continue
            form = wanted or own
            keys = _keys(one, at, fixed)
            path = path_of(output.name, written, dimensions, keys, _EXTENSIONS.get(form, form))
            is_copy = form == own and output.quality is None and not output.lossless
            yield Copy(
                path,
                one.digests[at],
                None if is_copy else form,
                output.quality,
                output.lossless,
                output.name,
                one.task_name(at),
                crediting.mark(one, at) if form in containers.FORMATS else None,
                partial(attester.sign, one, at) if attester and form in containers.FORMATS else None,
            )


def unmade(plan: Plan, formats: Formats) -> Iterator[str]:
    """The paths of pictures that are not there, which outputs name all the same; `.*` where the format is open."""
    by_step = plan.by_step()
    fixed = _fixed(plan)
    for output in plan.pipeline.outputs:
        written = template(output.path) if output.path is not None else None
        wanted = _wanted(output, written.extension if written else None) or "*"
        for one, at in published_tasks(output, by_step):
            if formats.of(one, at) is None:
                keys = _keys(one, at, fixed)
                extension = _EXTENSIONS.get(wanted, wanted)
                yield path_of(output.name, written, output.picture.dimensions, keys, extension)


def _fixed(plan: Plan) -> dict[str, str]:
    """The keys of image inputs that are one image, which paths may name."""
    inputs = plan.pipeline.inputs.values()
    return {one.name: one.value.key for one in inputs if isinstance(one.value, ImageSource)}


def _wanted(output: Output, extension: str | None) -> str | None:
    return FORMATS[extension] if extension is not None else output.format


def _keys(one: StepPlan, at: int, fixed: Mapping[str, str]) -> dict[str, str]:
    return {**fixed, **keys_at(one.dimensions, at)} if one.dimensions else dict(fixed)
