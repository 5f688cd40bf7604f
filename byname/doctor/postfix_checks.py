"""Checks of Postfix's settings beside Byname's: who is asked about recipients. Pure."""

from collections.abc import Iterator

from byname.doctor.facts import Facts, known
from byname.doctor.findings import Check, Fault, Severity, Symptom
from byname.postfix.machine import Postfix, items
from byname.postfix.milters import socket_of
from byname.setup.wanted import domains_map
from conf.listen import parse_socket

_REJECTING = frozenset({"reject_unauth_destination", "defer_unauth_destination", "reject", "defer", "defer_if_permit"})


def _readable(facts: Facts) -> Iterator[Fault]:
    known(facts.postfix)
    yield from ()


def _domains_map(facts: Facts) -> Iterator[Fault]:
    postfix = known(facts.postfix)
    asked = items(postfix.value("virtual_mailbox_domains"))
    if not any(_is_ours(one, postfix, facts) for one in asked):
        ours = domains_map(postfix, facts.settings) or "socketmap:...:domains"
        yield Fault(
            Severity.ERROR,
            f"virtual_mailbox_domains does not ask Byname: {', '.join(asked) or 'it is empty'}",
            f"postconf -e 'virtual_mailbox_domains = {ours}'",
        )


def _other_domains(facts: Facts) -> Iterator[Fault]:
    postfix = known(facts.postfix)
    asked = items(postfix.value("virtual_mailbox_domains"))
    others = [one for one in asked if not _is_ours(one, postfix, facts)]
    if others and len(others) < len(asked):
        before = _is_ours(asked[-1], postfix, facts)
        yield Fault(
            Severity.WARNING,
            f"virtual_mailbox_domains has {', '.join(others)} {'before' if before else 'beside'} Byname's map",
            "byname domain add NAME for each of them, then byname setup --replace-domains",
        )


def _unlisted(facts: Facts) -> Iterator[Fault]:
    postfix = known(facts.postfix)
    if not items(postfix.value("virtual_mailbox_maps")):
        return  # then Postfix takes every name, and Byname is asked
    if postfix.value("virtual_transport").partition(":")[0] == "virtual":
        mend = "postconf -e 'smtpd_reject_unlisted_recipient = no'"
    else:
        mend = "postconf -e 'virtual_mailbox_maps ='"
    for one in postfix.inbound_listeners:
        checks = items(postfix.value("smtpd_recipient_restrictions", one))
        if postfix.value("smtpd_reject_unlisted_recipient", one) == "yes" or "reject_unlisted_recipient" in checks:
            yield Fault(Severity.ERROR, f"{one.key}: Postfix looks names up in virtual_mailbox_maps itself", mend)


def _local_users(facts: Facts) -> Iterator[Fault]:
    postfix = known(facts.postfix)
    if items(postfix.value("virtual_mailbox_maps")) or not items(postfix.value("mydestination")):
        return
    for one in postfix.inbound_listeners:
        checks = items(postfix.value("smtpd_recipient_restrictions", one))
        if postfix.value("smtpd_reject_unlisted_recipient", one) == "no" and "reject_unlisted_recipient" not in checks:
            yield Fault(
                Severity.WARNING,
                f"{one.key}: mail to unknown users of {postfix.value('mydestination')} is taken in",
                "postconf -e 'smtpd_reject_unlisted_recipient = yes'",
            )


def _elsewhere(facts: Facts) -> Iterator[Fault]:
    postfix, hosted = known(facts.postfix), {domain.name for domain in known(facts.domains)}
    for parameter in ("mydestination", "virtual_alias_domains", "relay_domains"):
        both = sorted(hosted & {name.lower() for name in items(postfix.value(parameter))})
        if both:
            yield Fault(
                Severity.ERROR,
                f"{parameter} has {', '.join(both)}, hosted in Byname",
                f"take {both[0]} out of {parameter} in {postfix.folder}/main.cf, then postfix reload",
            )


def _alias_maps(facts: Facts) -> Iterator[Fault]:
    for table, names in known(facts.shadowed).items():
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            yield Fault(
                Severity.ERROR,
                f"virtual_alias_maps: {table} has {', '.join(names[:3])}{more}",
                f"take them out of {table}: postmap -q {names[0]} {table} shows where they lead; or all maps: "
                "byname setup --replace-aliases",
            )


def _relay(facts: Facts) -> Iterator[Fault]:
    postfix = known(facts.postfix)
    for one in postfix.inbound_listeners:
        rules = {
            rule
            for parameter in ("smtpd_relay_restrictions", "smtpd_recipient_restrictions")
            for rule in items(postfix.value(parameter, one))
        }
        if not rules & _REJECTING:
            yield Fault(
                Severity.ERROR,
                f"{one.key}: nothing refuses mail to foreign domains",
                "postconf -e 'smtpd_relay_restrictions = reject_unauth_destination'",
            )


def _delimiter(facts: Facts) -> Iterator[Fault]:
    postfix, ours = known(facts.postfix), facts.settings.routing.recipient_delimiter
    theirs = postfix.value("recipient_delimiter")
    is_needed = theirs != "" or postfix.value("virtual_transport").partition(":")[0] == "virtual"
    if theirs != ours and is_needed:
        yield Fault(
            Severity.WARNING,
            f'recipient_delimiter is "{theirs}" in Postfix, and "{ours}" in Byname',
            f"postconf -e 'recipient_delimiter = {ours}', or [routing] recipient_delimiter = \"{theirs[:1]}\"",
        )


def _is_ours(item: str, postfix: Postfix, facts: Facts) -> bool:
    """Tell whether a map is Byname's ``domains``, under whichever name of its socket."""
    if item == facts.settings.maps.export:
        return True
    kind, _, rest = item.removeprefix("proxy:").partition(":")
    place, _, table = rest.rpartition(":")
    wanted = parse_socket(facts.settings.maps.listen)
    found = (socket_of(place, postfix.queue, chrooted=chrooted) for chrooted in (False, True))
    return kind == "socketmap" and table == "domains" and wanted in found


POSTFIX_CHECKS = (
    Check(
        "postfix",
        (Symptom.STARTING,),
        "Postfix's settings are read by postconf; without them little can be said.",
        _readable,
    ),
    Check(
        "domains-map",
        (Symptom.RELAY,),
        "Postfix refuses mail to your domains as somebody else's (554 Relay access denied), before Byname is asked.",
        _domains_map,
    ),
    Check(
        "domains-of-others",
        (Symptom.LOST,),
        "Byname knows nothing of domains that only that map has: whatever name is written to there is accepted.",
        _other_domains,
    ),
    Check(
        "unlisted-recipients",
        (Symptom.REFUSED,),
        "Postfix refuses every name that its own map lacks, aliases above all, and asks Byname only about the rest.",
        _unlisted,
    ),
    Check(
        "unknown-local-users",
        (Symptom.LOST,),
        "Such mail bounces, mostly to a forged sender. Without virtual_mailbox_maps Byname needs no such setting.",
        _local_users,
    ),
    Check(
        "domain-elsewhere",
        (Symptom.REFUSED, Symptom.LOST),
        "Postfix delivers or relays mail for that domain by other rules, and Byname's names there mean nothing.",
        _elsewhere,
    ),
    Check(
        "alias-maps",
        (Symptom.REFUSED, Symptom.LOST),
        "Postfix rewrites these names after Byname has answered: mail goes where that table says.",
        _alias_maps,
    ),
    Check(
        "open-relay",
        (Symptom.BYPASSED,),
        "Anybody may send to anybody through this server, and it will soon be on every block list.",
        _relay,
    ),
    Check(
        "recipient-delimiter",
        (Symptom.REFUSED, Symptom.LOST),
        "What follows the delimiter in john+shop@ is a detail. Two programs that divide names differently lose mail.",
        _delimiter,
    ),
)
