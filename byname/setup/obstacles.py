"""What keeps ``byname setup`` from changing anything, each with what to do about it. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from byname.postfix.machine import Postfix, items
from byname.postfix.milters import milter_socket
from byname.postfix.versions import OLDEST
from byname.setup.wanted import domains_map, edge_place, milter_place
from conf.settings import Settings


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why nothing is changed."""

    code: str
    what: str
    mend: str


def obstacles(postfix: Postfix, settings: Settings, *, replace_domains: bool) -> Iterator[Obstacle]:
    """Yield what is in the way."""
    if postfix.version < OLDEST:
        version = postfix.value("mail_version")
        yield Obstacle("old-postfix", f"this is Postfix {version}; 3.0 is the oldest that will do", "upgrade Postfix")
    yield from _hidden(postfix, settings)
    yield from _missing(settings)
    if not replace_domains:
        yield from _domains_of_others(postfix, settings)


def _hidden(postfix: Postfix, settings: Settings) -> Iterator[Obstacle]:
    if domains_map(postfix, settings) is None:
        yield _behind_chroot(postfix, "maps", "listen", "maps")
    for role in _roles_in_use(postfix, settings):
        if milter_socket(settings, role) is not None and milter_place(postfix, settings, role) is None:
            yield _behind_chroot(postfix, "milter", role, role)
    if settings.edge_delivers and edge_place(postfix, settings) is None:
        yield _behind_chroot(postfix, "lmtp", "listen", "lmtp")


def _roles_in_use(postfix: Postfix, settings: Settings) -> Iterator[str]:
    yield "inbound"
    if postfix.login_listeners:
        yield "submission"
    if not settings.edge_delivers:
        yield "local"
    if settings.sending.listener is not None:
        yield "internal"


def _behind_chroot(postfix: Postfix, section: str, key: str, name: str) -> Obstacle:
    return Obstacle(
        "behind-chroot",
        f"Postfix's services are chrooted to {postfix.queue} and do not see the socket of [{section}] {key}",
        f'in byname.toml, [{section}] {key} = "unix:{postfix.queue}/byname/{name}.sock", then restart that daemon',
    )


def _missing(settings: Settings) -> Iterator[Obstacle]:
    if not settings.edge_delivers and settings.milter.local is None:
        yield Obstacle(
            "no-local-milter",
            "bounces and mail of this machine's programs pass no SMTP listener; without [milter] local those to an "
            "alias would be lost",
            "set [milter] local (and start byname-milter@local), or deliver through byname lmtp with [lmtp] listen",
        )
    if settings.sending.listener is not None and settings.milter.internal is None:
        yield Obstacle(
            "no-internal-milter",
            "[sending] listener is set, and the listener has no milter that asks for the key",
            "set [milter] internal (and start byname-milter@internal)",
        )


def _domains_of_others(postfix: Postfix, settings: Settings) -> Iterator[Obstacle]:
    ours = domains_map(postfix, settings)
    others = [one for one in items(postfix.value("virtual_mailbox_domains")) if one not in {ours, f"proxy:{ours}"}]
    if others:
        yield Obstacle(
            "domains-of-others",
            f"virtual_mailbox_domains has {', '.join(others)}: mail to domains that stand only there would be refused",
            "bring those domains into Byname first (byname domain add, byname import; docs/migrate.md), "
            "then say --replace-domains",
        )
