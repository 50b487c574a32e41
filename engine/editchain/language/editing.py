"""Editing: changes of single values and keys in a YAML text, everything else left as it was written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from editchain.classes import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable


_ALIAS = re.compile(r"\*[^\s,\[\]{}]+")


class CannotEdit(Exception):
    """Why a place of a text cannot be changed by itself."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A piece of a text, from one offset to another, and what takes its place."""

    start: int
    end: int
    text: str


class Text:
    """A YAML text that has been read before, so that its depth is known to be bounded."""

    def __init__(self, text: str) -> None:
        import yaml

        self.text = text
        self._yaml: Any = yaml
        self._root: Any = yaml.compose(text, Loader=yaml.CSafeLoader)

    def replace_value(self, path: tuple[str, ...], value: str, *, keeps_quotes: bool = False) -> Edit:
        """Puts a plain text in the place of a scalar, within its quotes where they are kept. Raises CannotEdit."""
        pair = self._pair(path)
        node = pair[1]
        if not isinstance(node, self._yaml.ScalarNode) or self._is_alias(pair):
            raise CannotEdit(f"{'.'.join(path)} stands elsewhere, by an alias")
        quote = node.style if keeps_quotes and node.style in ("'", '"') else ""
        return Edit(node.start_mark.index, self._end(node), f"{quote}{value}{quote}")

    def rename_key(self, path: tuple[str, ...], name: str) -> Edit:
        """Gives a key another name."""
        key, _ = self._pair(path)
        return Edit(key.start_mark.index, key.end_mark.index, name)

    def remove(self, path: tuple[str, ...]) -> Edit:
        """Takes a key and its value out: its lines, or its part of a mapping in braces. Raises CannotEdit."""
        parent, pairs = self._mapping(path[:-1]), self._pairs(path[:-1])
        at = next(at for at, (key, _) in enumerate(pairs) if key.value == path[-1])
        if len(pairs) == 1:
            raise CannotEdit("nothing would be left of its mapping")
        start, end = pairs[at][0].start_mark.index, self._pair_end(pairs[at])
        if parent.flow_style:
            if at + 1 < len(pairs):
                return Edit(start, pairs[at + 1][0].start_mark.index, "")
            return Edit(self._pair_end(pairs[at - 1]), end, "")
        begin = self.text.rfind("\n", 0, start) + 1
        if self.text[begin:start].strip():
            raise CannotEdit("something else stands on its line")
        stop = self.text.find("\n", end)
        return Edit(begin, len(self.text) if stop < 0 else stop + 1, "")

    def edited(self, edits: Iterable[Edit]) -> str:
        """The text with changes, of which no two overlap."""
        made, at = [], 0
        for edit in sorted(edits, key=lambda edit: edit.start):
            if edit.start < at:
                raise CannotEdit("two changes are at the same place")
            made += [self.text[at : edit.start], edit.text]
            at = edit.end
        return "".join([*made, self.text[at:]])

    # ------------------------------------------------------------------ nodes

    def _mapping(self, path: tuple[str, ...]) -> Any:
        node = self._root
        for name in path:
            node = next(value for key, value in node.value if key.value == name)
        return node

    def _pairs(self, path: tuple[str, ...]) -> list[tuple[Any, Any]]:
        pairs: list[tuple[Any, Any]] = self._mapping(path).value
        return pairs

    def _pair(self, path: tuple[str, ...]) -> tuple[Any, Any]:
        return next(pair for pair in self._pairs(path[:-1]) if pair[0].value == path[-1])

    @staticmethod
    def _is_alias(pair: tuple[Any, Any]) -> bool:
        """Whether a value stands earlier in the text and is only repeated here."""
        return bool(pair[1].start_mark.index < pair[0].start_mark.index)

    def _pair_end(self, pair: tuple[Any, Any]) -> int:
        if not self._is_alias(pair):
            return max(int(pair[0].end_mark.index), self._end(pair[1]))
        found = _ALIAS.search(self.text, pair[0].end_mark.index)
        if found is None:
            raise CannotEdit("its alias is not found")
        return found.end()

    def _end(self, node: Any) -> int:
        """Where what is written of a node ends: a block goes on to the next one, comments between them included."""
        if isinstance(node, self._yaml.ScalarNode):
            start, end = node.start_mark.index, node.end_mark.index
            return int(start + len(self.text[start:end].rstrip()) if node.style in ("|", ">") else end)
        if node.flow_style or not node.value:
            return int(node.end_mark.index)
        last = node.value[-1]
        return self._end(last[1] if isinstance(last, tuple) else last)
