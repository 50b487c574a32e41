"""Checking: a pipeline is checked once for as long as nothing changes that it was read from."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from editchain.language import loading
from editchain.server import finding
from editchain.snapshots import RACY_NS
from editchain.surroundings import surroundings
from editchain.watching import Scene, as_it_is, scene_of
from editchain.watching import surroundings as around

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from editchain.workspace import Workspace


@dataclass(frozen=True, slots=True)
class _Known:
    """What was found, on which day, and how all that it was read from was then."""

    document: dict[str, Any]
    day: date
    scene: Scene


@dataclass(slots=True)
class Checks:
    """What is known of the pipelines of a workspace, in the memory of one process. `now_ns` is the time of files."""

    now_ns: Callable[[], int] = time.time_ns
    _known: dict[Path, _Known] = field(default_factory=dict)

    def listed(self, workspace: Workspace) -> list[dict[str, Any]]:
        """The pipelines, each with how many errors are in it."""
        places = finding.places(workspace.root).values()
        found = [self._one(workspace, place) for place in places]
        self._known = {place.path: self._known[place.path] for place in places if place.path in self._known}
        return found

    def _one(self, workspace: Workspace, place: finding.Place) -> dict[str, Any]:
        known = self._known.get(place.path)
        root = str(workspace.root)
        if (
            known is not None
            and known.day == workspace.today
            and not known.scene.changes(as_it_is(known.scene, root))
        ):
            return known.document
        scene = around(root)
        checked = loading.check(place.path, surroundings(workspace))
        said = finding.head(place.path).get("description")
        document = {
            "name": place.name,
            "file": place.file,
            "description": said if isinstance(said, str) else None,
            "problems": sum(one.severity == "error" for one in checked.problems),
        }
        scene = scene_of(checked.evidence).over(scene)
        if not self._is_fresh(scene):
            self._known[place.path] = _Known(document, workspace.today, scene)
        return document

    def _is_fresh(self, scene: Scene) -> bool:
        """Whether a file was written so recently that it may change again without its times telling."""
        moment = self.now_ns() - RACY_NS
        return any(
            one is not None and max(one.mtime_ns, one.ctime_ns) > moment for one in scene.files.values()
        )
