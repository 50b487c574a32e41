"""Credits: what a picture file says of how editchain made it, as XMP."""

from __future__ import annotations

import re

from editchain.classes import dataclass
from editchain.imaging import containers, xmp

SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
TRAINED, COMPOSITE, ENHANCED, ALGORITHMIC = (
    "trainedAlgorithmicMedia",
    "compositeWithTrainedAlgorithmicMedia",
    "algorithmicallyEnhanced",
    "algorithmicMedia",
)
"""What IPTC calls a picture that a model made, a photo that a model edited, a photo that functions edited, and a picture
that functions made of nothing that was photographed or learned."""

MOST_PROMPT_CHARACTERS = 8000
"""Of a longer prompt a file has the beginning: JPEG has room for 64 kB of XMP."""

_NAMESPACES = {
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "editchain": "https://editchain.dev/ns/1.0/",
}
# What XML 1.0 cannot hold.
_UNWRITABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# What an attribute cannot hold as it is; lines and tabs too, as readers would turn them into spaces.
_REFERENCES = {ord(one): f"&#{ord(one)};" for one in "\t\n\r"} | {
    ord("&"): "&amp;",
    ord("<"): "&lt;",
    ord(">"): "&gt;",
    ord('"'): "&quot;",
    ord("'"): "&#x27;",
}


@dataclass(frozen=True, slots=True)
class Credit:
    """What a file says of how it was made. `source_type` is IPTC's word, `recipe` the SHA-256 of the recipe's text, in hex."""

    source_type: str | None = None
    tool: str | None = None
    models: tuple[str, ...] = ()
    key: bytes | None = None
    step: str | None = None
    prompt: str | None = None
    seed: int | None = None
    recipe: str | None = None

    def packet(self) -> bytes:
        """The XMP packet; the same bytes for the same credit."""
        prompt = self.prompt
        if prompt is not None and len(prompt) > MOST_PROMPT_CHARACTERS:
            prompt = f"{prompt[: MOST_PROMPT_CHARACTERS - 1]}…"
        said = {
            "xmp:CreatorTool": self.tool,
            "Iptc4xmpExt:DigitalSourceType": self.source_type and SOURCE_TYPES + self.source_type,
            "editchain:models": ", ".join(self.models) or None,
            "editchain:key": self.key and self.key.hex(),
            "editchain:step": self.step,
            "editchain:prompt": prompt,
            "editchain:seed": None if self.seed is None else str(self.seed),
            "editchain:recipe": self.recipe,
        }
        names = "".join(f' xmlns:{name}="{address}"' for name, address in _NAMESPACES.items())
        values = "".join(f' {name}="{_escaped(value)}"' for name, value in said.items() if value)
        return xmp.packet(f'<rdf:Description rdf:about=""{names}{values}/>')


def _escaped(value: str) -> str:
    return _UNWRITABLE.sub("", value).translate(_REFERENCES)


def read(data: bytes) -> Credit | None:
    """What a file says of how editchain made it; None where it says nothing of that, or cannot be read."""
    container = containers.of(data)
    try:
        packet = None if container is None else container.read(data).xmp
    except containers.DAMAGED:
        return None
    found = {} if packet is None else xmp.properties(packet)
    said = {
        f"{prefix}:{name}": value
        for prefix, address in _NAMESPACES.items()
        for (space, name), value in found.items()
        if space == address
    }
    key, seed = said.get("editchain:key", ""), said.get("editchain:seed", "")
    if not re.fullmatch("[0-9a-f]{64}", key):
        return None
    return Credit(
        said.get("Iptc4xmpExt:DigitalSourceType", "").removeprefix(SOURCE_TYPES) or None,
        said.get("xmp:CreatorTool"),
        tuple(filter(None, said.get("editchain:models", "").split(", "))),
        bytes.fromhex(key),
        said.get("editchain:step"),
        said.get("editchain:prompt"),
        int(seed) if re.fullmatch("-?[0-9]{1,20}", seed) else None,
        said.get("editchain:recipe"),
    )
