"""Supplying: what a plan needs and is not here, brought from the remote store or from its address before anything runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from editchain.artifacts import ASSET_VENDOR
from editchain.errors import ConfigurationError, Refused
from editchain.fetching import fetch_all, used
from editchain.imaging.probe import HEAD_BYTES, probe
from editchain.journal.entries import Result
from editchain.plans.tasks import AFTER, KNOWN, RUN
from editchain.providers import variables_of
from editchain.runs.locking import is_paid

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from editchain.digests import Digests
    from editchain.lock import Line, Lock
    from editchain.plans.tasks import Plan, StepPlan
    from editchain.transferring import Transferred
    from editchain.workspace import Workspace

MOST_NAMED = 5


class Terms(Protocol):
    """What may be done for what is not here: looked for elsewhere unless `is_offline`, bought again with `rebuys`."""

    @property
    def is_offline(self) -> bool:
        """Whether nothing is looked for elsewhere."""
        ...

    @property
    def rebuys(self) -> bool:
        """Whether what cannot be had may be bought again."""
        ...


def supply(
    workspace: Workspace,
    plan: Plan,
    terms: Terms,
    watch: Callable[[Transferred], None] | None = None,
) -> frozenset[bytes]:
    """Brings the pictures that a plan needs and that are elsewhere.

    Gives the keys of those that cannot be had and may be made again: the plan has to be made anew without them. Raises
    Refused where a picture would have to be bought again, RemoteError, StoreError.
    """
    known = [(one, ordinal) for one in plan.steps if KNOWN in one.states for ordinal in _known(one)]
    lacking = _bring(workspace, {one.digests[ordinal] for one, ordinal in known}, terms, watch)
    gone = [(one, ordinal) for one, ordinal in known if one.digests[ordinal] in lacking]
    lost = [one.task_name(ordinal) for one, ordinal in gone if is_paid(one, ordinal)]
    if lost and not terms.rebuys:
        raise Refused(_lost(workspace, lost, terms))
    return frozenset(key for one, ordinal in gone if (key := one.keys[ordinal]) is not None)


def _known(one: StepPlan) -> Iterator[int]:
    return (ordinal for ordinal, state in enumerate(one.states) if state == KNOWN)


def _bring(
    workspace: Workspace,
    digests: Iterable[bytes],
    terms: Terms,
    watch: Callable[[Transferred], None] | None,
) -> frozenset[bytes]:
    """Pulls objects; gives those that cannot be had."""
    wanted = frozenset(digests)
    remote = None if terms.is_offline else workspace.remote
    if not wanted or remote is None:
        return wanted
    from editchain.transferring import pull

    _ = workspace.journal  # a new workspace's journal comes before its first object
    moved = pull(workspace.store, remote, sorted(wanted), watch=watch)
    return frozenset([*moved.missing, *moved.damaged])


def _lost(workspace: Workspace, lost: list[str], terms: Terms) -> str:
    named = ", ".join(lost[:MOST_NAMED]) + (
        f" and {len(lost) - MOST_NAMED:,} more" if len(lost) > MOST_NAMED else ""
    )
    many = f"{len(lost):,} pictures are" if len(lost) > 1 else "A picture is"
    if terms.is_offline:
        where = "--offline looks nowhere else"
    elif workspace.remote is None:
        where = "no [store] remote in editchain.toml says where else it may be"
    else:
        where = f"{workspace.remote} does not have {'them' if len(lost) > 1 else 'it'} either"
    return (
        f"{many} known and not here: {named}; {where}. Bring the store that has what was paid for, "
        "or buy it again: --rebuy."
    )


def adopt(workspace: Workspace, plan: Plan, lock: Lock, keys: Collection[bytes]) -> bool:
    """Notes in the journal what the lock says of pictures that are here; says whether there were any. Raises StoreError."""
    lines = {key: line for key in keys if (line := lock.by_key.get(key)) and workspace.store.has(line.digest)}
    if not lines:
        return False
    identities = {
        key: one.identity(ordinal)
        for one in plan.steps
        for ordinal, key in enumerate(one.keys)
        if key is not None and key in lines
    }
    for key, line in lines.items():
        workspace.journal.add_result(_result(workspace, line), identities.get(key))
    workspace.journal.commit()
    return True


def _result(workspace: Workspace, line: Line) -> Result:
    output = line.outputs[0]
    with open(workspace.store.path(output.digest), "rb") as file:
        found = probe(file.read(HEAD_BYTES))
    return Result(
        line.key,
        output.digest,
        output.type,
        output.size,
        found.width if found else None,
        found.height if found else None,
        line.kind,
        line.name,
        line.version,
        line.request_key,
        line.route,
        line.seed,
        line.take,
        "{}",
        None,
        None,
        workspace.now(),
    )


def fetch_needed(workspace: Workspace, plan: Plan, digests: Digests, terms: Terms) -> None:
    """Fetches the addresses that tasks take pictures from which are left to do, from the remote store where it has them.

    Raises Refused where that would need the network and may not, PipelineError where one cannot be fetched.
    """
    sources = {
        source.location: source
        for one in plan.steps
        if RUN in one.states or AFTER in one.states
        for source in used(one)
    }
    lacking = {
        location: digest
        for location, source in sources.items()
        if (digest := digests.digest(source)) is None or not workspace.store.has(digest)
    }
    missing = _bring(workspace, filter(None, lacking.values()), terms, None)
    wanted = [
        sources[location] for location, digest in lacking.items() if digest is None or digest in missing
    ]
    if wanted and terms.is_offline:
        raise Refused(f"--offline: {wanted[0].location.split('?', 1)[0]} would have to be fetched.")
    assets = [one for one in wanted if one.kind == "asset"]
    if assets and not workspace.is_usable(ASSET_VENDOR):
        raise ConfigurationError(
            f"{assets[0].location} is at {ASSET_VENDOR}, and its bytes are needed here, which takes a credential: "
            f"set {variables_of(ASSET_VENDOR)}, in the environment or in .env, or give a file."
        )
    fetch_all(workspace, plan.pipeline, digests, wanted)
