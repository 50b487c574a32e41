"""editchain serve: the viewer and the HTTP API on this workspace, and the keys to it."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from editchain.commands import showing
from editchain.commands.saying import say, write_json
from editchain.commands.shared import nearest_workspace
from editchain.errors import ConfigurationError
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from socket import socket
    from types import FrameType

    from editchain.server.rows import Key
    from editchain.server.shelf import Shelf

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@click.group("serve", invoke_without_command=True, epilog="Example: editchain serve --port 8500")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option(
    "--port",
    default=8500,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="The port; 0 takes a free one.",
)
@click.option(
    "--name", "names", multiple=True, metavar="HOST", help="A name that this server goes by, beside --host."
)
@click.option(
    "--processes", type=click.IntRange(1, 256), help="How many local jobs run at a time (one for each core)."
)
@click.option(
    "--memory",
    metavar="MB",
    type=click.IntRange(256),
    default=4096,
    show_default=True,
    help="The most memory that one of them may take.",
)
@click.pass_context
def command(
    context: click.Context, host: str, port: int, names: tuple[str, ...], processes: int | None, memory: int
) -> int:
    """Serve this workspace over HTTP: a viewer for the browser, its pipelines, and Scenario's API for prompted edits, on its models and limits.

    Without keys it answers this machine alone. `editchain serve keys new PROJECT` makes one.
    """
    if context.invoked_subcommand is not None:
        return 0
    _need_extra()
    import uvicorn

    from editchain.server.app import application
    from editchain.server.desk import Settings
    from editchain.server.patience import PatientProtocol

    root = nearest_workspace(Path.cwd())
    with _shelf() as shelf:
        has_keys = shelf.has_keys()
    if host not in LOOPBACK and not has_keys:
        raise ConfigurationError(
            f"Without keys the server answers this machine alone, and --host {host} would let others in. "
            "Make a key first: editchain serve keys new PROJECT."
        )
    _log_lines()
    hosts = frozenset({host, *names}) - {"0.0.0.0", "::"}  # noqa: S104  (names, not addresses)
    settings = Settings(root, hosts, processes, memory * 1024 * 1024)
    app = application(settings)
    configuration = uvicorn.Config(
        app, host=host, port=port, http=PatientProtocol, log_config=None, access_log=False, server_header=False,
        timeout_graceful_shutdown=35, lifespan="on",
    )  # fmt: skip

    class Server(uvicorn.Server):
        """One that says where it listens, and at once that it is about to stop: streams of events would hold it up."""

        async def startup(self, sockets: list[socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                found = self.servers[0].sockets[0].getsockname()[1]
                shown = f"[{host}]" if ":" in host else host
                say(
                    f"editchain serves {showing.path(root)} at http://{shown}:{found}/ (its API under /v1)"
                    + ("" if has_keys else ", to this machine alone")
                )

        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            app.state.stop()
            super().handle_exit(sig, frame)

    server = Server(configuration)
    with contextlib.suppress(SystemExit):
        server.run()
    if not server.started:
        raise ConfigurationError(
            f"The server cannot listen at {host}:{port}. Another --port may be free, and 0 takes one that is."
        )
    return 0


def _need_extra() -> None:
    missing = [
        name
        for name in ("starlette", "uvicorn", "httptools", "python_multipart")
        if importlib.util.find_spec(name) is None
    ]
    if missing:
        raise ConfigurationError(
            f"The server needs {' and '.join(missing)}, which the extra brings: pip install 'editchain[server]'."
        )


def _log_lines() -> None:
    """One JSON object a line, on standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    logging.getLogger("editchain.server").addHandler(handler)
    logging.getLogger("editchain.server").setLevel(logging.INFO)


@contextlib.contextmanager
def _shelf() -> Iterator[Shelf]:
    """What the server of this workspace keeps."""
    from editchain.server.shelf import Shelf

    with (
        Workspace(nearest_workspace(Path.cwd())) as workspace,
        contextlib.closing(Shelf(workspace.folder / "server" / "server.db")) as shelf,
    ):
        yield shelf


# ---------------------------------------------------------------------- keys


@command.group(
    "keys", invoke_without_command=True, epilog="Example: editchain serve keys new shop --spending '20 USD'"
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
@click.pass_context
def keys(context: click.Context, as_json: bool) -> int:
    """List the keys, by project. Assets, jobs and runs of one project are invisible to another."""
    if context.invoked_subcommand is not None:
        return 0
    with _shelf() as shelf:
        found = shelf.keys()
    if as_json:
        write_json({"keys": [_document(one) for one in found]})
    elif not found:
        say("There are no keys: the server answers this machine alone.")
    else:
        rows = [(one.id, one.project, showing.moment(one.created_at), _state(one)) for one in found]
        click.echo("\n".join(showing.table(("key", "project", "made", "state"), rows)))
    return 0


def _state(one: Key) -> str:
    return "good" if one.revoked_at is None else f"revoked {showing.moment(one.revoked_at)}"


def _document(one: Key) -> dict[str, object]:
    from dataclasses import asdict

    from editchain.server.keys import limits_of

    return {
        "id": one.id, "project": one.project, "limits": asdict(limits_of(one)),
        "created_at": showing.timestamp(one.created_at), "revoked_at": showing.timestamp(one.revoked_at),
    }  # fmt: skip


@keys.command("new", epilog="Example: editchain serve keys new shop --spending '20 USD'")
@click.argument("project")
@click.option(
    "--per-minute", type=click.IntRange(1), default=1200, show_default=True, help="Requests a minute."
)
@click.option("--jobs", type=click.IntRange(1), default=100, show_default=True, help="Jobs at a time.")
@click.option(
    "--body-mb", type=click.IntRange(1), default=64, show_default=True, help="The largest body, in MB."
)
@click.option("--spending", metavar="AMOUNT", help="What its jobs may cost in all, such as '20 USD'.")
@click.option("--stored-mb", type=click.IntRange(1), help="How much its assets may take in all, in MB.")
def new(
    project: str, per_minute: int, jobs: int, body_mb: int, spending: str | None, stored_mb: int | None
) -> int:
    """Make a key for a project. Its secret is shown once and kept as a hash alone."""
    from editchain.server.keys import Limits, make

    amount, _, currency = (spending or "").partition(" ")
    stored = None if stored_mb is None else stored_mb * 1024 * 1024
    limits = Limits(per_minute, jobs, body_mb * 1024 * 1024, amount or None, currency.strip() or None, stored)
    with _shelf() as shelf:
        key, secret = make(shelf, project, limits, time.time())
    click.echo(f"key     {key.id}\nsecret  {secret}")
    say("The secret is shown this once. Clients send both as HTTP Basic credentials.")
    return 0


@keys.command("revoke", epilog="Example: editchain serve keys revoke api_0123")
@click.argument("key")
def end(key: str) -> int:
    """End a key at once; what was accepted under it goes on."""
    from editchain.server.keys import revoke

    with _shelf() as shelf:
        ended = revoke(shelf, key, time.time())
    click.echo(f"{ended.id} of {ended.project} is revoked.")
    return 0
