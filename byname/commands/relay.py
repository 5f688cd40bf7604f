"""``byname relay``: the process that brings changes from the store to the cache."""

import typer

from byname import invocation
from byname.exits import ExitCode
from byname.output import stop, warn


def relay(context: typer.Context) -> None:
    """Run the relay until SIGTERM. SIGHUP reads the settings again. Two of them, on two machines, do no harm.

    It brings every change from the store to the cache, keeps the lease by which the milters trust the cache, rebuilds a
    cache that was emptied or replaced, and compares all of it with the store every ten minutes.
    """
    from byname import telemetry, wiring_cache
    from conf.logs import set_up
    from store.cache.relay_watch import Watch
    from store.cache.service import serve

    run = invocation.of(context)
    settings = run.settings()
    set_up("relay", settings.log.format)
    for line in settings.warnings:
        warn(line)
    wiring_cache.relay_site(settings)  # a wrong setting is told before the store is asked
    with run.database(may_be_silent=True):
        pass  # it is there, and of this version
    registry = telemetry.new_registry()
    watch = Watch(registry)
    with telemetry.serving(settings, "relay", registry, watch.health):
        stop(ExitCode(serve(lambda: wiring_cache.relay_site(run.settings()), watch)))
