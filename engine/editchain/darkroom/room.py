"""What an edit may look at beside its picture and its values."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import field

from PIL import Image, ImageChops

from editchain.classes import dataclass
from editchain.errors import OperationError


@dataclass(slots=True)
class Room:
    """References, chance, and what is known of the picture as it stands.

    `mask`, L of the picture's size, is white where the picture is kept. `regions` holds parts that were found, until
    the picture changes its shape.
    """

    references: Sequence[Image.Image]
    source: random.Random
    mask: Image.Image | None = None
    alpha: Image.Image | None = None
    regions: dict[object, Image.Image] = field(default_factory=dict)

    def reference(self, number: int) -> Image.Image:
        """A reference by its number, from 1; raises OperationError where there are fewer."""
        if number > len(self.references):
            count = {0: "there are no references", 1: "there is 1 reference"}.get(
                len(self.references), f"there are {len(self.references)} references"
            )
            raise OperationError(
                f"The prompt speaks of reference {number}, and {count}; give it under references."
            )
        return self.references[number - 1]

    def subject(self, image: Image.Image, box: Sequence[float] | None = None) -> Image.Image:
        """White where the subject is: by the mask or the picture's own alpha, else looked for; L."""
        from editchain.imaging.geometry import pixel_box
        from editchain.imaging.subject import subject

        if self.mask is not None:
            return self.mask
        if self.alpha is not None and _is_cut_out(self.alpha):
            return self.alpha
        key = ("subject", tuple(box) if box else None)
        if key not in self.regions:
            self.regions[key] = subject(image, pixel_box(list(box), image.size) if box else None)
        return self.regions[key]

    def sky(self, image: Image.Image) -> Image.Image:
        """White where the sky is: by the mask, else looked for; L."""
        from editchain.imaging.background import sky

        if self.mask is not None:
            return ImageChops.invert(self.mask)
        if "sky" not in self.regions:
            self.regions["sky"] = sky(image)
        return self.regions["sky"]


def _is_cut_out(alpha: Image.Image) -> bool:
    """Whether something stands on transparent ground, rather than a picture with round corners."""
    counts = alpha.histogram()
    clear = sum(counts[:16]) / max(1, sum(counts))
    return 0.02 < clear < 0.995
