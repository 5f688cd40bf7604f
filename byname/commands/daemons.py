"""The processes that answer: ``byname milter``, ``maps`` and ``lmtp`` the mail server, ``byname api`` everyone else."""

import gc
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from byname import cli_context
from byname.exits import ExitCode
from byname.output import stop, warn

if TYPE_CHECKING:
    from byname.cli_context import CliContext
    from conf.settings import Settings
    from routing.directory import Directory
    from store.sql.database import Database


class MilterRole(StrEnum):
    """The listeners that a milter process may serve."""

    INBOUND = "inbound"
    SUBMISSION = "submission"
    LOCAL = "local"
    INTERNAL = "internal"


def milter(
    context: typer.Context,
    role: Annotated[MilterRole, typer.Option(help="Which of the mail server's listeners asks this process.")],
) -> None:
    """Run the milter for one kind of listener, until SIGTERM. SIGHUP reads the settings again."""
    from byname import telemetry, wiring
    from byname.wiring.counting import counting
    from byname.wiring.lookalikes import name_key, skeleton
    from byname.wiring.map_file import listed
    from byname_milter.handovers import Handovers
    from byname_milter.server import serve
    from byname_milter.site import Site

    run = cli_context.of(context)
    settings = _prepared(run, role.value)
    registry = telemetry.new_registry()
    handovers = Handovers(wiring.needed(settings, "sending.key").encode()) if role is MilterRole.INTERNAL else None
    with (
        _evidence(run, settings) as (sql, database),
        telemetry.observed_directory(settings, sql, role.value, registry) as directory,
        counting(settings, database) as counts,
    ):

        def load() -> Site:
            now = run.settings()
            return Site(
                directory,
                wiring.policy(now),
                now.delivery,
                monitor=now.milter.mode == "monitor",
                strips=not now.edge_delivers,
                trace_key=wiring.trace_key(now),
                name_key=name_key(now),
                skeleton=skeleton(now),
                handovers=handovers,
                counts=counts,
                counts_accepted=not now.edge_delivers,
                listed=listed(now),
            )

        if handovers is not None:
            handovers.settle()
        stop(ExitCode(serve(role.value, wiring.needed(settings, f"milter.{role.value}"), load, registry)))


def maps(context: typer.Context) -> None:
    """Run the Postfix socketmap server until SIGTERM. SIGHUP reads the settings again, but for listen and export.

    Its maps: domains, for virtual_mailbox_domains; aliases and senders, for people with postmap -q. With [maps] export
    it also keeps a file of the hosted domains, which Postfix reads without asking.
    """
    from byname import telemetry, wiring
    from byname.wiring import map_file
    from edges.listen import open_listener
    from edges.maps import standard_maps
    from edges.running import serve_until_signalled
    from edges.socketmap import answer
    from edges.socketmap_server import SocketmapServer

    run = cli_context.of(context)
    settings = _prepared(run, "maps")
    with (
        _evidence(run, settings, stores=settings.maps.export is not None) as (sql, database),
        ExitStack() as stack,
    ):
        kept = map_file.exporter(settings, database)
        observed = telemetry.observed_directory(settings, sql, "maps", also=map_file.health(kept))
        directory = stack.enter_context(observed)

        def load() -> Callable[[bytes], bytes]:
            tables = standard_maps(directory, wiring.policy(run.settings()))
            return lambda request: answer(tables, request).encode()

        def reload() -> None:
            server.answer = load()

        first = load()  # before the socket: wrong settings must leave nothing behind
        server = SocketmapServer(open_listener(settings.maps.listen), first)
        stack.enter_context(map_file.keeping(kept))  # after the socket, which a second process does not get
        stop(_ended(asked=serve_until_signalled(server, "maps", reload)))


def lmtp(context: typer.Context) -> None:
    """Run the LMTP server in front of the mail store until SIGTERM. SIGHUP reads the settings again.

    It takes mail from the MTA on [lmtp] listen and hands each mailbox its copy, with Delivered-To, on [lmtp] backend.
    """
    from byname import telemetry, wiring
    from byname.wiring.counting import counting
    from byname.wiring.lmtp import lmtp_site
    from edges.listen import open_listener
    from edges.lmtp.server import LmtpServer
    from edges.running import serve_until_signalled

    run = cli_context.of(context)
    settings = _prepared(run, "lmtp")
    with (
        _evidence(run, settings) as (sql, database),
        telemetry.observed_directory(settings, sql, "lmtp") as directory,
        counting(settings, database) as counts,
    ):
        site = lmtp_site(settings, directory, counts)
        server = LmtpServer(open_listener(wiring.needed(settings, "lmtp.listen")), site)

        def reload() -> None:
            server.replace_site(lmtp_site(run.settings(), directory, counts))

        stop(_ended(asked=serve_until_signalled(server, "lmtp", reload)))


def api(context: typer.Context) -> None:
    """Run the REST API on [api] listen until SIGTERM. SIGHUP reads the settings again, but for listen."""
    from admin_api.server import ApiServer, serve_until_signalled, sign_of_life
    from admin_api.site import ApiSite
    from byname import telemetry
    from byname.allocator import return_large_blocks
    from byname.wiring.api import api_site, couriers
    from byname.wiring.directory import sql_directory
    from byname.wiring.installer import installer
    from conf.listen import parse_host_port
    from edges.listen import open_listener

    run = cli_context.of(context)
    settings = _prepared(run, "api")
    return_large_blocks()
    registry = telemetry.new_registry()
    with (
        run.database(may_be_silent=True) as database,
        telemetry.observed_directory(settings, sql_directory(database), "api", registry) as directory,
        ExitStack() as stack,
    ):
        carrying, installs = couriers(settings, database, registry), installer(settings, database, registry)
        wake = carrying[0].wake if carrying else None
        wake_filters = (lambda: None) if installs is None else installs.wake

        def load(now: "Settings") -> ApiSite:
            return api_site(now, database, directory, registry, wake, wake_filters)

        site, at = load(settings), parse_host_port(settings.api.listen)
        server = ApiServer(site, open_listener(f"inet:{at.port}@{at.host}").socket, sign_of_life)
        for worker in (*carrying, installs):
            if worker is not None:
                stack.enter_context(worker)
        gc.freeze()  # what is there by now stays: to look through it each time took 90 ms of a call of 1,000 items
        stop(_ended(asked=serve_until_signalled(server, lambda: server.replace_site(load(run.settings())))))


@contextmanager
def _evidence(
    run: "CliContext", settings: "Settings", *, stores: bool = False
) -> Iterator[tuple["Directory", "Database | None"]]:
    """Open the store for the length of a block; yield the directory in it, and itself where there is no cache.

    ``stores``: the daemon needs it for more than decisions, so it is opened first, and yielded, in any case.

    Raises:
        StoreNotReady: it is missing, or of another version. Where a cache can answer for now, that is found out in
            the block, which SIGTERM ends then.
    """
    from byname.wiring.directory import is_vouched_for, sql_directory
    from byname.wiring.late_store import LateStore

    if settings.cache.url is None or stores:
        with run.database(may_be_silent=True) as database:
            yield sql_directory(database), database
    else:
        with LateStore(lambda: run.database(may_be_silent=True), at_once=not is_vouched_for(settings)) as late:
            yield late, None


def _ended(*, asked: bool) -> ExitCode:
    return ExitCode.DONE if asked else ExitCode.REFUSED


def _prepared(run: "CliContext", role: str) -> "Settings":
    from conf.logs import set_up

    settings = run.settings()
    set_up(role, settings.log.format)
    for line in settings.warnings:
        warn(line)
    return settings
