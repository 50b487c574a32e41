"""XMP packets: put together, and taken apart again to keep of what others said only what may stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from xml.etree import ElementTree

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_BEGIN = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
_ABOUT = f"{{{RDF}}}about"
_DESCRIPTION = f"{{{RDF}}}Description"
_RIGHTS = (
    "http://purl.org/dc/elements/1.1/ creator rights",
    "http://ns.adobe.com/photoshop/1.0/ Credit Source AuthorsPosition CaptionWriter",
    "http://ns.adobe.com/xap/1.0/rights/ *",
    "http://ns.useplus.org/ldf/xmp/1.0/ *",
    "http://creativecommons.org/ns# *",
    "http://iptc.org/std/Iptc4xmpExt/2008-02-29/ CopyrightOwner Licensor",
)
_SAID_OF_RIGHTS = {line.split()[0]: frozenset(line.split()[1:]) for line in _RIGHTS}


def packet(descriptions: str) -> bytes:
    """A packet of RDF descriptions."""
    return (
        f'{_BEGIN}<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}">'
        f'{descriptions}</rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
    ).encode()


def joined(own: bytes, others: bytes | None, keep: Callable[[str, str], bool]) -> bytes:
    """Our packet with those properties of another's that are kept, by namespace and name, unless ours says them."""
    if others is None:
        return own
    said = {_split(name) for one in _descriptions(own) for name in one.attrib if name != _ABOUT}
    found = _kept(others, lambda space, name: keep(space, name) and (space, name) not in said)
    end = own.rindex(b"</rdf:RDF>")
    return own[:end] + found + own[end:] if found else own


def kept(others: bytes, keep: Callable[[str, str], bool]) -> bytes | None:
    """A packet with those properties that are kept; None where there are none, or it cannot be read."""
    found = _kept(others, keep)
    return packet(found.decode()) if found else None


def is_only(data: bytes, keep: Callable[[str, str], bool]) -> bool:
    """Whether a packet can be read and says nothing but what is kept."""
    found = _descriptions(data)
    names = [name for one in found for name in (*one.attrib, *(below.tag for below in one)) if name != _ABOUT]
    return bool(found) and all(_is_kept(name, keep) for name in names)


def is_of_rights(space: str, name: str) -> bool:
    """Whether a property says whose a picture is, and no more than that."""
    names = _SAID_OF_RIGHTS.get(space, frozenset())
    return name in names or "*" in names


def properties(data: bytes) -> dict[tuple[str, str], str]:
    """The properties that stand as attributes, by namespace and name; none where the packet cannot be read."""
    return {
        _split(name): value
        for one in _descriptions(data)
        for name, value in one.attrib.items()
        if name[0] == "{"
    }


def _kept(data: bytes, keep: Callable[[str, str], bool]) -> bytes:
    """The descriptions with what is kept of them; none of a packet that is nested without end."""
    try:
        return _written(data, keep)
    except RecursionError:
        return b""


def _written(data: bytes, keep: Callable[[str, str], bool]) -> bytes:
    from xml.etree import ElementTree

    found = []
    for one in _descriptions(data):
        attributes = {name: value for name, value in one.attrib.items() if _is_kept(name, keep)}
        below = [element for element in one if _is_kept(element.tag, keep)]
        if attributes or below:
            made = ElementTree.Element(_DESCRIPTION, {_ABOUT: "", **attributes})
            made.extend(below)
            found.append(ElementTree.tostring(made, encoding="unicode").encode())
    return b"".join(found)


def _is_kept(name: str, keep: Callable[[str, str], bool]) -> bool:
    space, local = _split(name)
    return space not in ("", RDF) and keep(space, local)


def _split(name: str) -> tuple[str, str]:
    space, _, local = name.rpartition("}")
    return space.removeprefix("{"), local


def _descriptions(data: bytes) -> list[ElementTree.Element]:
    # A document type could make a small packet expand beyond all bounds.
    if b"<!" in data:
        return []
    from xml.etree import ElementTree  # only where a picture brings a packet of its own

    try:
        tree = ElementTree.fromstring(data.decode().strip("\0\ufeff"))
    except (ElementTree.ParseError, UnicodeDecodeError, ValueError):
        return []
    found = tree.find(f".//{{{RDF}}}RDF") if tree.tag != f"{{{RDF}}}RDF" else tree
    return [] if found is None else found.findall(_DESCRIPTION)
