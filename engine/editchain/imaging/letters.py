"""Letters: in composed form, and those that the fonts for text on pictures have; without Pillow, as checking a prompt needs none."""

from __future__ import annotations

from functools import cache

_RANGES = (
    "0020-007e 00a0-017f 0192 01fa-01ff 0218-021b 02c6-02c7 02d8-02dd 0384-038a 038c 038e-03a1 "
    "03a3-03ce 0400-045f 0490-0491 04ae-04af 04d8-04d9 04e8-04e9 1e80-1e85 1e9e 1ef2-1ef3 2010-2015 "
    "2018-201e 2020-2022 2026 202f-2030 2032-2033 2039-203a 203d 2044 2070 2074-2079 2080-2089 "
    "20a9-20ac 20b4 20b9-20ba 20bd 2116-2117 2120 2122 2126 2153-2154 215b-215e 2190-2195 2202 2206 "
    "220f 2211-2213 221a 221e 222b 2248 2260 2264-2265 25a0-25a1 25b2 25b6 25bc 25c0 25cb 25cf "
    "2605-2606 2660 2663 2665-2666 2713 2717 2764 fb01-fb02 "
)
_RIGHT_TO_LEFT = (
    "05be 05d0-05ea 05f3-05f4 060c 061b 061f 0621-063a 0640-064a 0660-066c 0679 067e 0686 0688 0691 0698 "
    "06a9 06af 06ba 06be 06cc 06f0-06f9"
)


def composed(text: str) -> str:
    """Text in Unicode's normal form C, in which an accent is a part of its letter."""
    if text.isascii():
        return text
    import unicodedata  # tables of a megabyte that most runs do without

    return unicodedata.normalize("NFC", text)


@cache
def letters() -> frozenset[str]:
    """All of them; a test holds this to the fonts."""
    return _set(_RANGES) | right_to_left()


@cache
def right_to_left() -> frozenset[str]:
    """Hebrew without points, and Arabic without vowel signs, with letters of Persian and Urdu."""
    return _set(_RIGHT_TO_LEFT)


def lacking(family: str) -> frozenset[str]:
    """What a family of fonts, sans, serif or mono, has not; text with one of these is drawn in sans."""
    own = _LACKS.get(family)
    return frozenset() if own is None else right_to_left().union(own)


_LACKS = {
    "serif": "\u2117\u2120\u20a9\u20aa\u20ab\u2605\u2606\u2713\u2717\u2764",
    "mono": "\u01fa\u01fb\u1e9e\u2044\u2120",
}


def _set(ranges: str) -> frozenset[str]:
    parts = (part.partition("-") for part in ranges.split())
    return frozenset(
        chr(code) for first, _, last in parts for code in range(int(first, 16), int(last or first, 16) + 1)
    )


def missing(text: str) -> str | None:
    """The first character of a text that cannot be drawn, or None; line breaks are not drawn at all."""
    return next((letter for letter in text if letter not in letters() and letter != "\n"), None)


def missing_message(letter: str) -> str:
    """What to say about a character that cannot be drawn."""
    return f'the font has no "{letter}": it has Latin, Greek, Cyrillic, Hebrew and Arabic letters, digits and the usual signs'
