"""``byname relay``: the process that brings changes from the store to the cache."""

import typer

from byname import cli_context
from byname.exits import ExitCode
from byname.output import stop, warn


def relay(context: typer.Context) -> None:
    """Run the relay until SIGTERM. SIGHUP reads the settings again. Two of them, on two machines, do no harm.

    It brings every change from the store to the cache, keeps the lease by which the milters trust the cache, rebuilds a
    cache that was emptied or replaced, and compares all of it with the store every ten minutes.
    """
    from byname import telemetry
    from byname.wiring.cache import relay_site
    from conf.logs import set_up
    from store.relay.service import serve
    from store.relay.status import RelayStatus

    run = cli_context.of(context)
    settings = run.settings()
    set_up("relay", settings.log.format)
    for line in settings.warnings:
        warn(line)
    relay_site(settings)  # a wrong setting is an error before the store is opened
    with run.database(may_be_silent=True):
        pass  # it is there, and of this version
    registry = telemetry.new_registry()
    status = RelayStatus(registry)
    with telemetry.serving(settings, "relay", registry, status.health):
        stop(ExitCode(serve(lambda: relay_site(run.settings()), status)))
