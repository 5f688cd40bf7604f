"""All probes together."""

from pathlib import Path

from byname.doctor.facts import Facts, Unknown
from byname.doctor.probes import system
from byname.doctor.probes.sockets import listens, sockets
from byname.doctor.probes.store import stored
from byname.postfix import postconf
from byname.postfix.machine import Postfix
from conf.listen import parse_host_port
from conf.settings import Settings
from store.clock import utc_now


def gather(settings: Settings, config: Path | None, postfix_folder: Path | None) -> Facts:
    """Look at everything; nothing is changed.

    Args:
        settings: of the site.
        config: the file that they were read from, None for the usual one.
        postfix_folder: with Postfix's main.cf; None for the system's.
    """
    postfix, store = _postfix(postfix_folder), stored(settings)
    return Facts(
        settings=settings,
        now=utc_now(),
        postfix=postfix,
        sockets=sockets(settings, postfix),
        database=store.database,
        domains=store.domains,
        shadowed=system.shadowed(store.names, postfix),
        cache=store.cache,
        clocks=store.clocks,
        disks=tuple(system.disks(settings, postfix)),
        files=tuple(system.files(config)),
        mail_store=system.mail_store(settings, postfix),
        processes=tuple(system.processes()),
        installed=system.installed(),
        map_files=store.map_files,
        api_listens=listens(parse_host_port(settings.api.listen)),
    )


def _postfix(folder: Path | None) -> Postfix | Unknown:
    try:
        found = postconf.read(postconf.default_folder() if folder is None else folder.absolute())
    except postconf.PostfixUnreadable as error:
        return Unknown(str(error))
    if folder is None and (further := postconf.instances(found)):
        names = " ".join(str(one) for one in (found.folder, *further))
        return Unknown(f"there are several instances of Postfix; say which by --postfix-config: {names}")
    return found
