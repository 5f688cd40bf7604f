"""``byname milter`` and ``byname maps``: the processes at which the mail server knocks."""

import signal
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from byname import invocation
from byname.exits import ExitCode
from byname.output import stop, warn

if TYPE_CHECKING:
    from byname.invocation import Invocation
    from conf.settings import Settings
    from edges.socketmap_server import SocketmapServer


class MilterRole(StrEnum):
    """The listeners that a milter process may serve."""

    INBOUND = "inbound"
    SUBMISSION = "submission"
    LOCAL = "local"


def milter(
    context: typer.Context,
    role: Annotated[MilterRole, typer.Option(help="Which of the mail server's listeners asks this process.")],
) -> None:
    """Run the milter for one kind of listener, until SIGTERM. SIGHUP reads the settings again."""
    from byname import wiring
    from byname_milter.server import serve
    from byname_milter.site import Site

    run = invocation.of(context)
    settings = _prepared(run, role.value)
    with run.database(may_be_silent=True) as database:

        def load() -> Site:
            now = run.settings()
            return Site(
                wiring.directory(database),
                wiring.policy(now),
                now.delivery,
                monitor=now.milter.mode == "monitor",
                trace_key=wiring.trace_key(now),
            )

        stop(ExitCode(serve(role.value, str(settings.value(f"milter.{role.value}")), load)))


def maps(context: typer.Context) -> None:
    """Run the Postfix socketmap server until SIGTERM. SIGHUP reads the settings again.

    Its maps: domains, for virtual_mailbox_domains; aliases and senders, for people with postmap -q.
    """
    from byname import wiring
    from edges.listen import open_listener
    from edges.maps import standard_maps
    from edges.socketmap import answer
    from edges.socketmap_server import SocketmapServer

    run = invocation.of(context)
    settings = _prepared(run, "maps")
    with run.database(may_be_silent=True) as database:

        def load() -> Callable[[bytes], bytes]:
            tables = standard_maps(wiring.directory(database), wiring.policy(run.settings()))
            return lambda request: answer(tables, request).encode()

        first = load()  # before the socket: wrong settings must leave nothing behind
        server = SocketmapServer(open_listener(settings.maps.listen), first)
        _obey_signals(server, load)
        server.serve()


def _prepared(run: "Invocation", role: str) -> "Settings":
    from conf.logs import set_up

    settings = run.settings()
    set_up(role, settings.log.format)
    for line in invocation.warnings(settings):
        warn(line)
    return settings


def _obey_signals(server: "SocketmapServer", load: "Callable[[], Callable[[bytes], bytes]]") -> None:
    """SIGTERM and SIGINT end; SIGHUP reads the settings again and keeps the old ones when the new ones are wrong."""
    from structlog import get_logger

    log = get_logger()

    def reload(number: int, frame: object) -> None:  # noqa: ARG001 - the signature of signal handlers
        try:
            server.answer = load()
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the new settings, the old ones still serve
            log.error("reload-failed", role="maps", reason=str(error))  # noqa: TRY400
        else:
            log.info("reloaded", role="maps")

    signal.signal(signal.SIGHUP, reload)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: server.stop())
