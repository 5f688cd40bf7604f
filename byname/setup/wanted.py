"""What Postfix should say for Byname: one function for each rule, in the order in which the lines are shown. Pure.

It is what README, "First use", says, made to fit what is there: other milters stay, before ours, and a listener that
has milters of its own gets ours there.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from byname.postfix.machine import Postfix, items
from byname.postfix.milters import (
    Milter,
    milter,
    milter_socket,
    parse_milters,
    place_in_postfix,
    role_of,
    write_milters,
)
from byname.postfix.versions import ACTIONS_THAT_DEFER, bare_newline, forbids_pipelining
from conf.listen import parse_socket
from conf.settings import Settings

SAFE = {"default_action": "tempfail", "command_timeout": "10s", "content_timeout": "30s"}
_MOST_NAMES = "1000"  # recipients that the LMTP edge takes at a time


@dataclass(frozen=True, slots=True)
class Wish:
    """A parameter and the value that it should have."""

    parameter: str
    value: str
    why: str
    service: str | None = None  # as ``postconf -P`` calls it; None: main.cf
    fine: frozenset[str] = frozenset()  # other values that are as good
    pinned: bool = False  # the line must stand there, for what holds without it differs from version to version


def wishes(postfix: Postfix, settings: Settings, *, replace_aliases: bool) -> Iterator[Wish]:
    """Yield what is wanted. The places of the sockets must be such as Postfix can write (``obstacles``)."""
    yield from _domains(postfix, settings)
    if replace_aliases:
        yield Wish("virtual_alias_maps", "", "Byname says where a name leads")
    yield from _delivery(postfix, settings)
    yield from _inbound(postfix, settings)
    yield from _no_smtp(postfix, settings)
    yield from _milters_in_general(postfix, settings)
    yield from _smuggling(postfix)
    yield from _logins(postfix, settings)


def domains_map(postfix: Postfix, settings: Settings) -> str | None:
    """Return the map of hosted domains as Postfix writes it; None when a chroot hides it."""
    if settings.maps.export is not None:  # opened before the chroot
        return settings.maps.export
    asking = tuple(postfix.of_program("smtpd", "trivial-rewrite", "cleanup"))
    place = place_in_postfix(parse_socket(settings.maps.listen), postfix, asking)
    return None if place is None else f"socketmap:{place}:domains"


def milter_place(postfix: Postfix, settings: Settings, role: str) -> str | None:
    """Return how Postfix writes the milter of a role; None when it has no place, or a chroot hides it."""
    socket = milter_socket(settings, role)
    asking = tuple(postfix.of_program("cleanup" if role == "local" else "smtpd"))
    return None if socket is None else place_in_postfix(socket, postfix, asking)


def edge_place(postfix: Postfix, settings: Settings) -> str | None:
    """Return how Postfix writes the LMTP edge; None when there is none, or a chroot hides it."""
    if settings.lmtp.listen is None:
        return None
    return place_in_postfix(parse_socket(settings.lmtp.listen), postfix, tuple(postfix.of_program("lmtp")))


def with_ours(value: str, postfix: Postfix, settings: Settings, role: str) -> str:
    """Return a list of milters with Byname's for that role at its end, and no other of Byname's."""
    others = [one for one in parse_milters(value) if role_of(one.place, postfix, settings) is None]
    return write_milters([*others, *our_milters(postfix, settings, role)])


def our_milters(postfix: Postfix, settings: Settings, role: str) -> list[Milter]:
    """Return Byname's milter of a role as Postfix should have it; nothing when it has no place.

    Beside other milters ours says for itself what to do without it: how they are treated is not ours to change.
    """
    place = milter_place(postfix, settings, role)
    return [] if place is None else [milter(place, SAFE if others_milters(postfix, settings) else {})]


def others_milters(postfix: Postfix, settings: Settings) -> list[Milter]:
    """Return the milters, anywhere in the settings, that are not Byname's."""
    values = [postfix.value("smtpd_milters"), postfix.value("non_smtpd_milters")]
    values += [service.options.get("smtpd_milters", "") for service in postfix.services]
    found = (one for value in values for one in parse_milters(value))
    return [one for one in found if role_of(one.place, postfix, settings) is None]


def _domains(postfix: Postfix, settings: Settings) -> Iterator[Wish]:
    asked = domains_map(postfix, settings)
    if asked is not None:
        why = "which domains are hosted is asked at each mail"
        if settings.maps.export is not None:
            why = "which domains are hosted: the file that byname maps keeps"
        yield Wish("virtual_mailbox_domains", asked, why)
    if postfix.value("virtual_transport").partition(":")[0] == "virtual" and not settings.edge_delivers:
        if items(postfix.value("virtual_mailbox_maps")):  # where virtual(8) finds each mailbox's folder
            yield Wish("smtpd_reject_unlisted_recipient", "no", "Byname says who exists")
    else:  # without a map Postfix takes every name there, and goes on refusing unknown local users (docs/facts.md)
        yield Wish("virtual_mailbox_maps", "", "Byname says who exists")


def _delivery(postfix: Postfix, settings: Settings) -> Iterator[Wish]:
    edge = edge_place(postfix, settings)
    if settings.edge_delivers and edge is not None:
        yield Wish("virtual_transport", f"lmtp:{edge}", "byname lmtp gives each mailbox its copy")
        yield Wish("lmtp_destination_recipient_limit", _MOST_NAMES, "names of one mailbox become one copy")


def _inbound(postfix: Postfix, settings: Settings) -> Iterator[Wish]:
    why = "mail from outside; Byname's milter last"
    own = [one for one in postfix.inbound_listeners if "smtpd_milters" in one.options]
    if len(own) < len(postfix.inbound_listeners):
        yield Wish("smtpd_milters", with_ours(postfix.value("smtpd_milters"), postfix, settings, "inbound"), why)
    for one in own:
        yield Wish("smtpd_milters", with_ours(one.options["smtpd_milters"], postfix, settings, "inbound"), why, one.key)


def _no_smtp(postfix: Postfix, settings: Settings) -> Iterator[Wish]:
    """Where ``byname lmtp`` resolves every name, mail that passed no milter needs none."""
    if settings.edge_delivers:
        return
    why = "mail that no SMTP client sent, bounces above all"
    yield Wish("non_smtpd_milters", with_ours(postfix.value("non_smtpd_milters"), postfix, settings, "local"), why)
    classes = items(postfix.value("internal_mail_filter_classes"))
    if "bounce" not in classes:
        yield Wish("internal_mail_filter_classes", ", ".join([*classes, "bounce"]), why)


def _milters_in_general(postfix: Postfix, settings: Settings) -> Iterator[Wish]:
    if others_milters(postfix, settings):
        return
    why = "without Byname: 451, never a wrong answer"
    yield Wish("milter_default_action", "tempfail", why, fine=ACTIONS_THAT_DEFER, pinned=True)
    yield Wish("milter_command_timeout", SAFE["command_timeout"], "no sender waits for minutes")
    yield Wish("milter_content_timeout", SAFE["content_timeout"], "no sender waits for minutes")


def _smuggling(postfix: Postfix) -> Iterator[Wish]:
    why = "no second message hidden in the first"
    best, fine = bare_newline(postfix)
    if best is not None:
        yield Wish("smtpd_forbid_bare_newline", best, why, fine=fine)
    if postfix.knows("smtpd_forbid_unauth_pipelining") and not forbids_pipelining(postfix):
        yield Wish("smtpd_forbid_unauth_pipelining", "yes", why)


def _logins(postfix: Postfix, settings: Settings) -> Iterator[Wish]:
    for one in postfix.login_listeners:
        value = postfix.value("smtpd_milters", one)
        why = "who logs in sends as themselves only"
        yield Wish("smtpd_milters", with_ours(value, postfix, settings, "submission"), why, one.key)
        yield Wish("local_header_rewrite_clients", "", "Byname judges From as it was sent", one.key)
