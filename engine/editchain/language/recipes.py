"""A recipe of one edit, written as YAML text."""

from __future__ import annotations

import json
import re
from dataclasses import field
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from editchain.classes import dataclass
from editchain.imaging.letters import composed
from editchain.language.publishing import FORMATS
from editchain.language.syntax import scalar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_NAME = 48
"""How long the words may be that say in a file's name what was done."""

# The characters of a plain value that no reader of YAML could take for a sign.
_PLAIN = re.compile(r"[^\W\d_](?:[\w .,;'()/%+-]*[\w.%)])?")
_BEGINS_REFERENCE = re.compile(r"\$(?=[A-Za-z_{$])")
_FILLERS = frozenset(
    re.findall(
        r"\w+",
        "a add an and be by can it its make my of please the then this to turn with you picture photo image",
    )
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """One edit: what it is called, the fields of its step, and the template of its files.

    `pictures` maps a field that takes pictures to the name of its input; `defaults` has the paths of inputs
    as they are written into the file (where there is none it has to be given).
    """

    name: str
    model: str
    prompt: str
    path: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    pictures: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, str | Sequence[str]] = field(default_factory=dict)


def text_of(recipe: Recipe, *, comments: Sequence[str] = (), schema: str | None = None) -> str:
    """The recipe as a pipeline file; `schema` is the path of the schema that an editor completes it with."""
    lines = [f"# yaml-language-server: $schema={schema}"] if schema else []
    lines += [f"# {line}" for line in comments]
    lines += ["version: 1", f"name: {recipe.name}", "", "inputs:"]
    lines += [f"  photo: {_declared('image', recipe.defaults.get('photo'))}"]
    for name in recipe.pictures.values():
        kind = "images" if name == "references" else "image"
        lines.append(f"  {name}: {_declared(kind, recipe.defaults.get(name))}")
    lines += ["", "steps:", "  edit:", f"    model: {value_of(recipe.model)}", "    image: $photo"]
    for name, given in recipe.pictures.items():
        lines.append(f"    {name}: ${given}{'.*' if given == 'references' else ''}")
    lines.append(f"    prompt: {value_of(without_references(recipe.prompt))}")
    lines += [f"    {name}: {value_of(value)}" for name, value in recipe.fields.items()]
    path = json.dumps(recipe.path, ensure_ascii=False)
    lines += ["", "outputs:", f"  edited: {{from: $edit, path: {path}}}", ""]
    return "\n".join(lines)


def _declared(kind: str, default: str | Sequence[str] | None) -> str:
    if default is None:
        return f"{{type: {kind}}}"
    if isinstance(default, str):
        return f"{{type: {kind}, default: {json.dumps(default, ensure_ascii=False)}}}"
    return f"{{type: {kind}, default: {json.dumps(list(default), ensure_ascii=False)}}}"


def value_of(value: Any) -> str:
    """A value as YAML: text plain where it stays text that way, else in quotes; anything else as JSON."""
    if (
        isinstance(value, str)
        and len(value) <= 100
        and _PLAIN.fullmatch(value)
        and isinstance(scalar(value), str)
    ):
        return value
    return json.dumps(value, ensure_ascii=False)


def without_references(text: str) -> str:
    """Text in which every dollar sign means itself."""
    return _BEGINS_REFERENCE.sub("$$", text)


def words_of(prompt: str) -> str:
    """What was done, as a part of a file's name: `sepia-white-border` for "sepia with a white border"."""
    plain = composed(prompt.lower())
    words: list[str] = re.findall(r"[^\W_]+", plain.replace("'", "").replace("’", ""))
    said = [word for word in words if word not in _FILLERS] or words or ["edited"]
    name: str = said[0][:MAX_NAME]
    for word in said[1:]:
        if len(name) + 1 + len(word) > MAX_NAME:
            break
        name += f"-{word}"
    return name


def extension_of(photo: str) -> str:
    """The extension of an edited copy: that of the photo where it can be written, else png."""
    extension = PurePath(photo).suffix[1:].lower()
    return extension if extension in FORMATS and extension != "gif" else "png"


def as_template(path: str) -> str:
    """A path as a template that means just that path."""
    return path.replace("{", "{{").replace("}", "}}")
