"""A route's field mapping: from what a step asks for to the body that the vendor takes."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

from editchain.errors import TaskError
from editchain.providers.base import Blob, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from editchain.models import Model, Route

SINGLES = frozenset({"image", "mask"})
"""The picture fields that hold one picture; every other one holds a list."""

SIZES = {
    "1:1": (1024, 1024),
    "3:2": (1536, 1024),
    "2:3": (1024, 1536),
    "4:3": (1152, 864),
    "3:4": (864, 1152),
    "5:4": (1120, 896),
    "4:5": (896, 1120),
    "16:9": (1280, 720),
    "9:16": (720, 1280),
    "21:9": (1344, 576),
    "9:21": (576, 1344),
}
"""Width and height in pixels, multiples of 16, that stand for a ratio where a vendor takes only these."""

_LAST = 1 << 30


class _CannotSend(Exception):
    """Why the route cannot send a field."""


class _Part(NamedTuple):
    """A value on its way to a place of the body; `at` orders those that go to one list. A default gives way."""

    path: tuple[str, ...]
    value: Any
    at: int = _LAST
    is_default: bool = False


def body(
    request: Request,
    route: Route,
    picture: Callable[[Blob], Any],
    *,
    fixed: Mapping[str, Any] | None = None,
    singles: frozenset[str] = SINGLES,
) -> dict[str, Any]:
    """The vendor's body for a request, as the route's document says; `picture` is how a picture is put into it.

    `fixed` goes with every call beside what the route sends. A default that the step does not say is left out
    where the route refuses it. Raises TaskError naming every field that the step says and the route cannot send.
    """
    parts, problems = _collected(request, route, picture, fixed or {})
    if problems:
        said = [f"{name}: {reason}" if name else reason for name, reason in problems]
        raise _error(request, route, said)
    return _joined(request, route, parts, singles)


def objections(
    model: Model, route: Route, said: Mapping[str, Any], options: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """What a step says that a route cannot send, by field, as far as that can be told before there are pictures.

    `said` has something in the place of each picture.
    """
    pictures = {*model.image_fields, *model.image_list_fields}
    images = {
        name: (_UNSEEN,) * (len(value) if isinstance(value, list) else 1)
        for name, value in said.items()
        if name in pictures
    }
    fields = {**model.defaults, **{name: value for name, value in said.items() if name not in pictures}}
    seed = fields.pop(model.seeded, 0) if model.seeded else None
    count = fields.pop("num_samples", 1)
    request = Request(
        model.name,
        route.id,
        {name: value for name, value in fields.items() if value is not None},
        images,
        seed if isinstance(seed, int) else None,
        min(count, route.samples) if isinstance(count, int) else 1,
        options,
        said=frozenset(said.keys() - pictures - {"num_samples"}),
    )
    parts, problems = _collected(request, route, lambda blob: blob, {})
    if not problems:
        try:
            _joined(request, route, parts, SINGLES)
        except TaskError as error:
            return [("", str(error))]
    return problems


def _collected(
    request: Request, route: Route, picture: Callable[[Blob], Any], fixed: Mapping[str, Any]
) -> tuple[list[_Part], list[tuple[str, str]]]:
    """The parts of a body, and by field what cannot be sent."""
    problems: list[tuple[str, str]] = []
    parts = [_Part(_path(name), value) for name, value in {**route.send, **fixed}.items()]
    for name in route.fields:
        try:
            found = list(_parts(request, route, name, picture))
            gives_way = not _is_said(request, name) or _value(request, name) == "auto"
            parts += [part._replace(is_default=gives_way) for part in found]
        except _CannotSend as reason:
            if _is_said(request, name):
                problems.append((name, str(reason)))
    problems += [
        (name, f"the route {route.id} does not say how it is sent") for name in _unknown(request, route)
    ]
    problems += [("provider_options", reason) for reason in _unknown_options(request.options, route)]
    for path, value in _leaves(request.options):
        if path in _paths(route):
            problems.append(("provider_options", f"{'.'.join(path)} is what a field of the step is sent as"))
        parts.append(_Part(path, value))
    return parts, problems


def _unseen() -> Any:
    """A picture of one pixel in the place of one that is not there yet: only its proportions are ever asked for."""
    return SimpleNamespace(size=(1, 1))


_UNSEEN = Blob(b"", bytes, _unseen)


def _error(request: Request, route: Route, problems: Sequence[str]) -> TaskError:
    return TaskError(
        f"{request.model} at {route.provider} cannot be asked for this, and nothing was sent: {'; '.join(problems)}."
    )


def _is_said(request: Request, name: str) -> bool:
    return (
        name in request.said
        or bool(request.images.get(name))
        or (name == "num_samples" and request.count > 1)
    )


def _unknown(request: Request, route: Route) -> list[str]:
    """Fields that the step says and the route's document does not speak of."""
    return sorted(
        (request.said | {name for name, found in request.images.items() if found}) - route.fields.keys()
    )


def _unknown_options(options: Mapping[str, Any], route: Route) -> list[str]:
    """Options that the vendor would refuse, as it does with every name that it does not know."""
    if route.options is None:
        return []
    known = f"it knows {', '.join(route.options)}" if route.options else "it knows none"
    return [
        f"the vendor has no {name} for this model; {known}" for name in options if name not in route.options
    ]


def _value(request: Request, name: str) -> Any:
    """What a field is to be, or None where there is nothing to send."""
    if name in request.images:
        return request.images[name] or None
    if name == "num_samples":
        return request.count
    if name == "seed" and name not in request.fields:
        return request.seed
    return request.fields.get(name)


# ---------------------------------------------------------------------- one field


def _parts(request: Request, route: Route, name: str, picture: Callable[[Blob], Any]) -> Iterator[_Part]:
    """What of a body a field makes; raises _CannotSend."""
    entry, value = route.fields[name], _value(request, name)
    if value is None or "ignored" in entry:
        return
    if "refused" in entry:
        raise _CannotSend(entry["refused"])
    if isinstance(value, (list, tuple)) and len(value) > entry.get("max_items", _LAST):
        raise _CannotSend(f"{len(value)} are more than the {entry['max_items']} of this route")
    if name in request.images:
        yield from _pictures(name, entry, [picture(blob) for blob in value])
        return
    value = _accepted(entry, value)
    if "emulated" in entry and not _is_plain(entry, value):
        yield from _emulated(request, route, name, value)
    elif "parts" in entry:
        yield from _in_parts(name, entry, value)
    else:
        yield from _plain(request, name, entry, value)


def _pictures(name: str, entry: Mapping[str, Any], pictures: Sequence[Any]) -> Iterator[_Part]:
    to, at = entry.get("to", name), entry.get("at", _LAST)
    for number, one in enumerate(pictures):
        if "{n}" in to:
            yield _Part(_path(to.replace("{n}", str(entry.get("at", 0) + number))), one)
        else:
            yield _Part(_path(to), one, at)


def _accepted(entry: Mapping[str, Any], value: Any) -> Any:
    """The value, or what stands in for it where the route does not know it."""
    accepts = entry.get("accepts")
    if accepts is None:
        return value
    import jsonschema_rs

    if jsonschema_rs.is_valid(accepts, value):
        return value
    if "otherwise" in entry:
        return entry["otherwise"]
    raise _CannotSend(_wanted(accepts, value))


def _wanted(accepts: Mapping[str, Any], value: Any) -> str:
    """What is wrong with a value, in words where the rule is a plain one."""
    shown = f'"{value}"' if isinstance(value, str) else str(value)
    if "enum" in accepts:
        return f"{shown} is none of {', '.join(map(str, accepts['enum']))}, which this route takes"
    if "maxLength" in accepts and isinstance(value, str):
        return f"{len(value)} characters are more than the {accepts['maxLength']} of this route"
    if "minimum" in accepts and value < accepts["minimum"]:
        return f"{shown} is less than the least of this route, {accepts['minimum']}"
    if "maximum" in accepts and value > accepts["maximum"]:
        return f"{shown} is more than the most of this route, {accepts['maximum']}"
    return f"{shown} is not taken by this route"


def _plain(request: Request, name: str, entry: Mapping[str, Any], value: Any) -> Iterator[_Part]:
    values = entry.get("values")
    if values is None and "by" in entry:
        return  # the other field chooses, and has the table
    if values is not None:
        value = _looked_up(request, entry, values, value)
    if "joined" in entry and isinstance(value, (list, tuple)):
        value = entry["joined"].join(map(str, value))
    if value is not None:
        yield _Part(_path(entry.get("to", name)), value, entry.get("at", _LAST))


def _looked_up(request: Request, entry: Mapping[str, Any], values: Mapping[str, Any], value: Any) -> Any:
    """The vendor's value for ours; one that is not in the table is sent as it is."""
    if value not in values and "otherwise" in entry:
        value = entry["otherwise"]
    found = values.get(value, value)
    if "by" not in entry or not isinstance(found, dict):
        return found
    other = request.fields.get(entry["by"])
    if other not in found:
        raise _CannotSend(f'there is no "{value}" for a {entry["by"]} of {other}')
    return found[other]


def _in_parts(name: str, entry: Mapping[str, Any], value: Any) -> Iterator[_Part]:
    """An object or list whose parts are sent on their own: inside what it is sent as, else at the top."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        objects = [dict(_named(entry, one.items())) for one in value]
        if "to" in entry:
            yield _Part(_path(entry["to"]), objects)
        else:
            yield from _side_by_side(name, objects)
        return
    items = value.items() if isinstance(value, dict) else ((str(at), one) for at, one in enumerate(value))
    sent = dict(_named(entry, items))
    if "to" in entry:
        yield _Part(_path(entry["to"]), sent)
    else:
        yield from (_Part(_path(to), one) for to, one in sent.items())


def _named(entry: Mapping[str, Any], items: Any) -> Iterator[tuple[str, Any]]:
    for part, value in items:
        known = entry["parts"].get(part)
        if known is None or "refused" in known:
            reason = "no such part on this route" if known is None else known["refused"]
            raise _CannotSend(f"{part}: {reason}")
        yield known.get("to", part), value


def _side_by_side(name: str, objects: Sequence[Mapping[str, Any]]) -> Iterator[_Part]:
    """One list for each part. Vendors pair them up by place, so none may have gaps."""
    for to in dict.fromkeys(key for one in objects for key in one):
        if any(to not in one for one in objects):
            raise _CannotSend(f"{to} is said of some of the {name} only: say it of each or of none")
        yield _Part(_path(to), [one[to] for one in objects])


# ---------------------------------------------------------------------- emulations


def _is_plain(entry: Mapping[str, Any], value: Any) -> bool:
    """Whether the vendor knows this value, so that nothing has to be emulated."""
    choices = entry.get("values", entry.get("accepts", {}).get("enum"))
    return choices is not None and value != "auto" and value in choices


def _emulated(request: Request, route: Route, name: str, value: Any) -> Iterator[_Part]:
    entry = route.fields[name]
    if name == "num_samples":
        if request.count > 1:
            raise _CannotSend(f"{request.count} pictures in one call, and this route gives one")
        return
    choices = [one for one in entry.get("values", entry.get("accepts", {}).get("enum", ())) if one != "auto"]
    if name == "aspect_ratio" and choices:
        yield from _plain(request, name, entry, _nearest(request, choices))
    elif name == "aspect_ratio" and "parts" in route.fields.get("size", {}):
        if value == "auto":
            return
        if value not in SIZES:
            raise _CannotSend(f'there is no size for "{value}" on this route')
        yield from _in_parts("size", route.fields["size"], list(SIZES[value]))
    else:
        raise _CannotSend("this version does not bring it about on this route")


def _nearest(request: Request, ratios: Sequence[str]) -> str:
    """The ratio that is nearest to that of the edited picture."""
    if not request.images.get("image"):
        raise _CannotSend("it follows the edited picture, and there is none: name a ratio")
    width, height = request.images["image"][0].decode().size

    def distance(ratio: str) -> float:
        across, up = map(int, ratio.split(":"))
        return abs(math.log(across / up) - math.log(width / height))

    return min(ratios, key=distance)


# ---------------------------------------------------------------------- the whole body


def _path(name: str) -> tuple[str, ...]:
    return tuple(name.split("."))


def _paths(route: Route) -> set[tuple[str, ...]]:
    """Every place of the body that a field of the route can fill."""
    found = set()
    for name, entry in route.fields.items():
        if entry.keys() & {"ignored", "refused"} or (name == "num_samples" and "emulated" in entry):
            continue
        if "parts" in entry and "to" not in entry:
            found |= {
                _path(part.get("to", key)) for key, part in entry["parts"].items() if "refused" not in part
            }
        else:
            found.add(_path(entry.get("to", name)))
    return found


def _leaves(options: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in options.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, (*above, name))
        else:
            yield (*above, name), value


def _lists(request: Request, route: Route, singles: frozenset[str]) -> set[tuple[str, ...]]:
    """The places that hold a list, also where only one thing goes there: a vendor may drop what stands alone."""
    return {
        _path(entry.get("to", name))
        for name, entry in route.fields.items()
        if "{n}" not in entry.get("to", "")
        and ("at" in entry or (name in request.images and name not in singles))
    }


def _counting(parts: Sequence[_Part], lists: set[tuple[str, ...]]) -> list[_Part]:
    """The parts without the defaults that go where something goes that the step says."""
    taken = {part.path for part in parts if not part.is_default} - lists
    return [part for part in parts if not (part.is_default and part.path in taken)]


def _joined(
    request: Request, route: Route, parts: Sequence[_Part], singles: frozenset[str]
) -> dict[str, Any]:
    lists = _lists(request, route, singles)
    made: dict[str, Any] = {}
    for part in sorted(_counting(parts, lists), key=lambda part: part.at):
        inner = made
        for name in part.path[:-1]:
            inner = inner.setdefault(name, {})
        last = part.path[-1]
        if part.path in lists:
            inner.setdefault(last, []).append(part.value)
        elif last in inner:
            raise _error(request, route, [f"two fields are both sent as {'.'.join(part.path)}"])
        else:
            inner[last] = part.value
    return made
