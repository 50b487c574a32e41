"""What a workspace's pipelines are checked against besides their own text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editchain import providers
from editchain.language.loading import Surroundings

if TYPE_CHECKING:
    from collections.abc import Callable

    from editchain.language.reading import Stat
    from editchain.workspace import Workspace


def surroundings(
    workspace: Workspace, is_unchanged: Callable[[str, Stat], bool] | None = None
) -> Surroundings:
    """The models, the day, and what the providers say of prompts and fields.

    `is_unchanged(path, stat)` says that an image was looked into before. Raises ConfigurationError.
    """
    return Surroundings(
        workspace.checked_catalogue,
        workspace.today,
        providers.check_prompt,
        providers.advise_prompt,
        providers.objections,
        is_unchanged,
    )
