"""Approving: a plan kept as a file, and a later run held to the calls, prices and pictures in it."""

from __future__ import annotations

import contextlib
import json
import os
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from editchain.classes import dataclass
from editchain.errors import ConfigurationError, Refused
from editchain.fetching import addresses
from editchain.journal.ledger import Ceiling
from editchain.lock import named
from editchain.plans.identity import meanings
from editchain.plans.purchasing import costs, purchases
from editchain.platform import DISK, disk_error, write_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from editchain.digests import Digests
    from editchain.plans.tasks import Plan

FORMAT = 1
MOST_NAMED = 10


class Purchase(NamedTuple):
    """A picture that a plan buys: for which task, under which key (None while it is open), of whom, at which price.

    `elsewhere` has the most, with its currency, at those of another currency that are asked where the first refuses it.
    `meaning` stands for what is asked for, also while the key is open; None where an input is yet to be fetched.
    """

    task: str
    key: str | None
    model: str
    provider: str
    least: str | None
    most: str | None
    currency: str | None
    elsewhere: Sequence[tuple[str, str]] = ()
    meaning: str | None = None

    @property
    def price(self) -> str:
        """The price for people."""
        if self.most is None:
            return "an unknown price"
        amounts = [self.most if self.least == self.most else f"{self.least}–{self.most}", self.currency]
        return " ".join([*map(str, amounts), *(f"or {most} {currency}" for most, currency in self.elsewhere)])


@dataclass(frozen=True, slots=True)
class KeptPlan:
    """What was approved. `folder` is what the paths among `options` are relative to; `texts` and `pictures` go by path,
    from where the plan lies, and hold SHA-256 (hex; None for what had not been fetched).
    """

    place: Path
    pipeline: Path
    folder: str
    options: tuple[str, ...]
    inputs_file: str | None
    texts: Mapping[str, str]
    pictures: Mapping[str, str | None]
    purchases: tuple[Purchase, ...]

    @property
    def ceilings(self) -> tuple[Ceiling, ...]:
        """The most that may be spent, by currency; none where a call has no known price."""
        sums: dict[str, Decimal] = {}
        for one in self.purchases:
            if one.most is None or one.currency is None:
                return ()
            for most, currency in ((one.most, one.currency), *one.elsewhere):
                sums[currency] = sums.get(currency, Decimal(0)) + Decimal(most)
        return tuple(Ceiling(most, currency, is_for_its_own=True) for currency, most in sums.items())

    def hold(self, plan: Plan, digests: Digests) -> None:
        """Raises Refused, naming what changed, where a plan of now is not within what was approved."""
        changes = list(
            _changes(self, kept(plan, digests, self.place, self.options, self.inputs_file, self.folder))
        )
        if not changes:
            return
        lines = [f"  {change}" for change in changes[:MOST_NAMED]]
        if len(changes) > MOST_NAMED:
            lines.append(f"  and {len(changes) - MOST_NAMED:,} more")
        raise Refused(
            "\n".join(
                [
                    f"{self.place} no longer holds:",
                    *lines,
                    "Nothing was sent. Plan again, and have that approved.",
                ]
            )
        )


def kept(
    plan: Plan, digests: Digests, place: Path, options: Sequence[str], inputs_file: str | None, folder: str
) -> KeptPlan:
    """A plan as it is kept at a place."""
    pipeline = plan.pipeline
    base = place.absolute().parent

    def shown(path: str) -> str:
        return os.path.relpath(path, base)

    pictures: dict[str, str | None] = {}
    for path in pipeline.evidence.images:
        file = digests.file(path)
        pictures[shown(path)] = None if file is None else file.digest.hex()
    for address, source in addresses(pipeline).items():
        digest = digests.digest(source)
        pictures[named(address)] = None if digest is None else digest.hex()
    return KeptPlan(
        place,
        pipeline.path,
        folder,
        tuple(options),
        inputs_file,
        {shown(path): _digest(path) for path in pipeline.evidence.texts},
        pictures,
        tuple(_purchases(plan)),
    )


def _digest(path: str) -> str:
    try:
        return sha256(Path(path).read_bytes()).hexdigest()
    except OSError as error:
        raise disk_error(error, path) from error


def _purchases(plan: Plan) -> Iterator[Purchase]:
    said = meanings(plan.steps)
    for one, ordinal, ways in purchases(plan.steps):
        price, key = ways[0].price, one.keys[ordinal]
        routes = [other.route for way in ways for other in (way, *way.others) if other.route is not None]
        amounts = dict(costs(ways))
        least, most = (None, None) if price is None else amounts.pop(price.currency)
        yield Purchase(
            one.task_name(ordinal),
            None if key is None else key.hex(),
            ways[0].document.name,
            " or ".join(dict.fromkeys(route.provider for route in routes)),
            None if least is None else str(least),
            None if most is None else str(most),
            None if price is None else price.currency,
            tuple((str(high), currency) for currency, (_, high) in amounts.items()),
            meaning.hex() if (meaning := said.get((one.index, ordinal))) else None,
        )


def _changes(approved: KeptPlan, now: KeptPlan) -> Iterator[str]:
    """What is asked for now and was not approved, after the texts that it may come from.

    A text that changed and asks for nothing else is no change: a remark, a step's name, the path of an output.
    """
    texts = [
        f"{path} {'changed' if path in now.texts else 'is no longer read'}"
        for path, digest in approved.texts.items()
        if now.texts.get(path) != digest
    ]
    shown = set(now.pictures.values())
    found = [
        f"{path} {'is another picture' if path in now.pictures else 'is no longer used'}"
        for path, given in approved.pictures.items()
        if given is not None and given not in shown
    ]
    wanted = {one.task: one for one in approved.purchases}
    others: dict[str | None, Purchase | None] = {
        one.meaning: one for one in approved.purchases if one.meaning is not None
    }
    for one in now.purchases:
        was = wanted.get(one.task)
        if was is None or was.meaning != one.meaning:
            was = others.get(one.meaning, was)  # its step may have another name by now
        found += _differences(was, one)
    if found or (texts and any(one.meaning is None for one in approved.purchases)):
        yield from texts
        yield from found


def _differences(approved: Purchase | None, now: Purchase) -> Iterator[str]:
    """What a call of now has that was not approved; a key that was open then may be known by now."""
    if approved is None:
        yield f"{now.task} would call {now.model} at {now.provider}, which was not approved"
        return
    is_known = approved.meaning is not None and now.meaning is not None
    if approved.key not in (None, now.key) or (is_known and approved.meaning != now.meaning):
        yield f"{now.task} asks {now.model} for something else"
    if (approved.model, approved.provider) != (now.model, now.provider):
        yield f"{now.task} would go to {now.model} at {now.provider}, not to {approved.model} at {approved.provider}"
    elif approved.price != now.price:
        yield f"{now.task} would cost {now.price}, not {approved.price}"


# ---------------------------------------------------------------------- the file


def write(plan: KeptPlan) -> None:
    """Writes a kept plan under a temporary name, then renames it. Raises StoreError."""
    base = plan.place.absolute().parent
    document = {
        "plan": FORMAT,
        "by": "editchain",
        "pipeline": os.path.relpath(plan.pipeline, base),
        "folder": os.path.relpath(plan.folder, base),
        "options": list(plan.options),
        "inputs_file": plan.inputs_file,
        "texts": dict(plan.texts),
        "pictures": dict(plan.pictures),
        "purchases": [one._asdict() for one in plan.purchases],
    }
    temporary = f"{plan.place}.{os.getpid()}.tmp"
    text = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
    try:
        write_file(DISK, temporary, text.encode("utf-8", "surrogateescape"))
        os.replace(temporary, plan.place)
    except OSError as error:
        raise disk_error(error, str(plan.place)) from error
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def read(place: Path) -> KeptPlan:
    """The plan that was kept in a file; raises ConfigurationError where it is none."""
    try:
        said = json.loads(place.read_text(encoding="utf-8", errors="surrogateescape"))
    except FileNotFoundError:
        raise ConfigurationError(
            f"There is no plan {place}. `editchain plan FILE -o {place}` keeps one."
        ) from None
    except OSError as error:
        raise disk_error(error, str(place)) from error
    except (ValueError, RecursionError):
        said = None
    try:
        return _plan(place, said)
    except (KeyError, TypeError, ValueError, InvalidOperation):
        raise ConfigurationError(
            f"{place} is no plan that `editchain plan -o` of this version kept. Plan again."
        ) from None


def _plan(place: Path, said: Any) -> KeptPlan:
    if said["plan"] != FORMAT:
        raise ValueError(said["plan"])
    base = place.absolute().parent
    found = tuple(Purchase(**one) for one in said["purchases"])
    for one in found:
        _ = [Decimal(most) for most in (one.most or 0, *(most for most, _ in one.elsewhere))]
    return KeptPlan(
        place,
        Path(os.path.normpath(base / said["pipeline"])),
        os.path.normpath(base / said["folder"]),
        tuple(map(str, said["options"])),
        said["inputs_file"],
        dict(said["texts"]),
        dict(said["pictures"]),
        found,
    )
