"""The table of operations; the module of one is imported when it is first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, cast

from editchain import plugins

if TYPE_CHECKING:
    from editchain.operations.base import Operation

OPERATIONS: dict[str, str] = {
    "adjust": "editchain.operations.adjust",
    "animate": "editchain.operations.animate",
    "background": "editchain.operations.background",
    "blur": "editchain.operations.blur",
    "border": "editchain.operations.border",
    "compare": "editchain.operations.compare",
    "composite": "editchain.operations.composite",
    "contact_sheet": "editchain.operations.contact_sheet",
    "convert": "editchain.operations.convert",
    "crop": "editchain.operations.crop",
    "curves": "editchain.operations.curves",
    "decal": "editchain.operations.decal",
    "dehaze": "editchain.operations.dehaze",
    "denoise": "editchain.operations.denoise",
    "faces": "editchain.operations.faces",
    "flip": "editchain.operations.flip",
    "grain": "editchain.operations.grain",
    "inpaint": "editchain.operations.inpaint",
    "lut": "editchain.operations.lut",
    "mask": "editchain.operations.mask",
    "match_colours": "editchain.operations.match_colours",
    "measure": "editchain.operations.measure",
    "merge": "editchain.operations.merge",
    "neutral_table": "editchain.operations.neutral_table",
    "pad": "editchain.operations.pad",
    "perspective": "editchain.operations.perspective",
    "protect": "editchain.operations.protect",
    "recolour": "editchain.operations.recolour",
    "resize": "editchain.operations.resize",
    "rotate": "editchain.operations.rotate",
    "run_command": "editchain.operations.run_command",
    "select": "editchain.operations.select",
    "sharpen": "editchain.operations.sharpen",
    "sky": "editchain.operations.sky",
    "split": "editchain.operations.split",
    "straighten": "editchain.operations.straighten",
    "text": "editchain.operations.text",
    "trim": "editchain.operations.trim",
    "upscale": "editchain.operations.upscale",
    "vignette": "editchain.operations.vignette",
    "watermark": "editchain.operations.watermark",
}


def load(name: str) -> Operation:
    """The operation of this name, a plug-in's where it is in no table of ours; raises KeyError for one that is nowhere."""
    module = OPERATIONS[name] if name in OPERATIONS else plugins.operations()[name]
    return cast("Operation", importlib.import_module(module))
