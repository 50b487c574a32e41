"""Watching: the files that a pipeline was read from, looked at again until one of them changes."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from editchain.language.reading import listing, stat_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from editchain.language.reading import Evidence, Stat

LOOK_SECONDS = 0.25
"""How long it is from one look to the next; with many files longer, so that looking takes a tenth of the time."""
SETTLED_SECONDS = 0.15
"""Once something changed, nothing more may change for so long: editors write a file in several goes."""


@dataclass(frozen=True, slots=True)
class Scene:
    """How files and listings were at one time; a file that was not there has no stat."""

    files: Mapping[str, Stat | None] = field(default_factory=dict)
    listings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def over(self, other: Scene) -> Scene:
        """This scene, with what only another has."""
        return Scene({**other.files, **self.files}, {**other.listings, **self.listings})

    def changes(self, other: Scene) -> list[str]:
        """The paths that are otherwise in another scene."""
        files = {one for one in {*self.files, *other.files} if self.files.get(one) != other.files.get(one)}
        listings = {
            one
            for one in {*self.listings, *other.listings}
            if self.listings.get(one) != other.listings.get(one)
        }
        return sorted(files | listings)


def scene_of(evidence: Evidence) -> Scene:
    """What was read, as it was when it was read."""
    absent: dict[str, Stat | None] = dict.fromkeys(evidence.absent)
    return Scene({**absent, **evidence.texts, **evidence.images}, dict(evidence.listings))


def surroundings(root: str) -> Scene:
    """The files of a workspace that change what its pipelines mean, as they are now."""
    models = f"{root}/models"
    try:
        names = sorted(name for name in os.listdir(models) if name.endswith(".json"))
    except OSError:
        names = []
    paths = [f"{root}/editchain.toml", f"{root}/.env", *(f"{models}/{name}" for name in names)]
    return Scene({path: _stat(path) for path in paths})


def as_it_is(scene: Scene, root: str, ignored: str | None = None) -> Scene:
    """A scene as it is now; in its listings what lies below the folder `ignored` stays as it was."""
    listings = {
        place: tuple(sorted({*_outside(place, listing(place), ignored), *_inside(place, before, ignored)}))
        for place, before in scene.listings.items()
    }
    return Scene({**{path: _stat(path) for path in scene.files}, **surroundings(root).files}, listings)


def _outside(place: str, names: tuple[str, ...], ignored: str | None) -> list[str]:
    return [name for name in names if not _is_below(os.path.join(place, name), ignored)]


def _inside(place: str, names: tuple[str, ...], ignored: str | None) -> list[str]:
    return [name for name in names if _is_below(os.path.join(place, name), ignored)]


def _is_below(path: str, folder: str | None) -> bool:
    return folder is not None and path.startswith(folder + os.sep)


def _stat(path: str) -> Stat | None:
    try:
        return stat_of(os.stat(path))
    except OSError:
        return None


def changed(
    before: Scene,
    look: Callable[[], Scene],
    pause: Callable[[float], None],
    clock: Callable[[], float],
) -> Scene:
    """Waits until a scene is no longer as it was, and then until it has settled; gives what it is then."""
    while True:
        began = clock()
        now = look()
        if not before.changes(now):
            pause(max(LOOK_SECONDS, 9 * (clock() - began)))
            continue
        pause(SETTLED_SECONDS)
        while now.changes(later := look()):
            now = later
            pause(SETTLED_SECONDS)
        return now
