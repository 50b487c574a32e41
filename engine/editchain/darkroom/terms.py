"""The words that fill the gaps of a phrase: degrees, colours, places; as data."""

from __future__ import annotations

from editchain.imaging.colours import NAMES

LITTLE = frozenset((
    "little", "bit", "touch", "tad", "slightly", "slight", "subtle", "subtly", "gently", "gentle", "lightly",
    "light", "mild", "mildly", "somewhat", "hint", "faint", "faintly", "softly", "weak", "weakly", "delicate",
    "delicately", "smidge", "slighter",
))  # fmt: skip
LOT = frozenset((
    "much", "lot", "lots", "very", "strongly", "strong", "heavily", "heavy", "really", "significantly",
    "considerably", "far", "way", "dramatically", "dramatic", "intense", "intensely", "deeply", "extra",
    "extremely", "massively", "hugely", "super", "drastically", "thick", "dense",
))  # fmt: skip
LEAST = frozenset(("very", "ever", "so"))
"""What may stand before a word for little without making it much: a very subtle vignette."""

_MORE_COLOURS = {
    "cream": "#fff5dc", "burgundy": "#800020", "charcoal": "#36454f", "mint": "#98ff98", "peach": "#ffdab9",
    "mustard": "#e1ad01", "rose": "#ff66a3", "amber": "#ffbf00", "emerald": "#50c878", "ruby": "#9b111e",
    "sapphire": "#0f52ba", "off white": "#faf9f6", "navy blue": "#000080", "golden": "#ffd700",
    "blood red": "#8a0303", "bright red": "#ff0000", "sand": "#c2b280", "terracotta": "#e2725b",
    "copper": "#b87333", "bronze": "#cd7f32", "lilac": "#c8a2c8", "mauve": "#e0b0ff", "ochre": "#cc7722",
    "sage": "#9caf88", "sage green": "#9caf88", "rust": "#b7410e", "blush": "#de9aa4", "taupe": "#8b7d6b",
    "mint green": "#98ff98", "olive green": "#6b7c2c", "lime green": "#32cd32", "emerald green": "#50c878",
    "baby blue": "#89cff0", "sky blue": "#87ceeb", "royal blue": "#4169e1", "electric blue": "#0892d0", "baby pink": "#f4c2c2",
    "dusty pink": "#d8a1a1", "hot pink": "#ff69b4", "champagne": "#f7e7ce", "eggshell": "#f0ead6",
}  # fmt: skip
_PARTS = (
    "dark", "light", "medium", "deep", "pale", "hot", "dim", "dodger", "cadet", "steel", "slate", "sky", "sea", "spring",
    "forest", "lawn", "lime", "olive", "midnight", "royal", "powder", "cornflower", "rosy", "sandy", "saddle", "navajo",
    "misty", "mint", "antique", "ghost", "yellow", "blue", "green", "rebecca", "white",
)  # fmt: skip
"""What the names of colours begin with that are written as one word."""


def _spaced(name: str) -> str:
    for part in _PARTS:
        name = name.replace(part, f"{part} ")
    return " ".join(name.split())


# British words, as prompts are read with them
COLOURS = {name: f"#{value:06x}" for name, value in NAMES.items()} | _MORE_COLOURS
COLOURS |= {_spaced(name): value for name, value in COLOURS.items()}

POSITIONS = {
    ("top", "left"): "top_left", ("top", "right"): "top_right", ("top", "centre"): "top", ("top",): "top",
    ("bottom", "left"): "bottom_left", ("bottom", "right"): "bottom_right", ("bottom", "centre"): "bottom",
    ("bottom",): "bottom", ("left",): "left", ("right",): "right", ("centre",): "centre",
}  # fmt: skip
LETTERING = {
    "tiny": 0.03,
    "small": 0.05,
    "medium": 0.08,
    "large": 0.14,
    "big": 0.14,
    "huge": 0.22,
    "giant": 0.22,
}
"""Height of a line as a part of the picture's height."""
SAME_PLACE = {"upper": "top", "lower": "bottom", "middle": "centre", "centred": "centre"}
HUES = {
    "reds": "#d62028", "oranges": "#f08c1e", "yellows": "#f0d228", "greens": "#3ca03c", "cyans": "#28bec8",
    "blues": "#285ad2", "purples": "#803cb4", "magentas": "#d232b4", "pinks": "#f078aa",
}  # fmt: skip
"""What is called by a colour, and the colour in the midst of it."""
REGIONS = {
    "subject": "subject", "background": "background", "sky": "sky", "face": "faces", "faces": "faces",
    "centre": "centre", "middle": "centre", "shadows": "shadows", "highlights": "highlights", "midtones": "midtones",
    **{name: name for name in HUES},
}  # fmt: skip
PIECES = {"half": "half", "side": "half", "third": "third", "quarter": "quarter"}
SHARES = {"half": 0.5, "third": 0.333333, "quarter": 0.25}
ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5}
SHADOWS = {
    "soft": 0.35, "subtle": 0.3, "light": 0.3, "slight": 0.3, "faint": 0.25, "strong": 0.8, "dark": 0.8, "hard": 0.8,
    "heavy": 0.8, "drop": None, "natural": None, "contact": None,
}  # fmt: skip
IMAGE = ("image", "picture", "photo")

STOPS_IN_WORDS = {"half": 0.5, "third": 0.333333, "quarter": 0.25, "one": 1}
CORNERS = ("corner", "quarter", "quadrant", "part", "area", "side", "section")
REST = {"subject": "background", "background": "subject"}

OTHERS = (
    "/", "everything", "all", "but", "except", "for", "only", "hand", "box", "area", "reference", "other", "image",
    "picture", "photo", "px", "%", "x", ":", "main", "times", "shadow", "matching", "matched", "match", "colours",
)  # fmt: skip
"""Words that belong to no table and that some gap reads."""
