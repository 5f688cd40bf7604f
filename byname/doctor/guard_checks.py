"""Checks of what gets past Byname's milters, and of what of Postfix's own stands in their way. Pure."""

import ipaddress
from collections.abc import Iterator

from byname.doctor.facts import Facts, known
from byname.doctor.findings import Check, Fault, Severity, Symptom
from byname.postfix.machine import items
from byname.postfix.milters import socket_of
from byname.postfix.versions import bare_newline, forbids_pipelining
from conf.listen import parse_socket

_TRUSTING = "permit_mynetworks"
_LOGIN_CHECKS = frozenset({"reject_sender_login_mismatch", "reject_authenticated_sender_login_mismatch"})


def _smuggling(facts: Facts) -> Iterator[Fault]:
    postfix = known(facts.postfix)
    best, good = bare_newline(postfix)
    if best is None:
        version = postfix.value("mail_version")
        yield Fault(Severity.WARNING, f"Postfix {version} knows no smtpd_forbid_bare_newline", "upgrade Postfix")
        return
    for one in (*postfix.inbound_listeners, *postfix.login_listeners):
        now = postfix.value("smtpd_forbid_bare_newline", one)
        if now not in good:
            mend = f"postconf -e 'smtpd_forbid_bare_newline = {best}'"
            yield Fault(Severity.WARNING, f"{one.key}: smtpd_forbid_bare_newline is {now}", mend)
    if not forbids_pipelining(postfix):
        mend = "postconf -e 'smtpd_forbid_unauth_pipelining = yes'"
        yield Fault(Severity.WARNING, "smtpd_forbid_unauth_pipelining is not yes", mend)


def _login_on_inbound(facts: Facts) -> Iterator[Fault]:
    postfix = known(facts.postfix)
    for one in postfix.inbound_listeners:
        if postfix.value("smtpd_sasl_auth_enable", one) == "yes":
            mend = f"postconf -P '{one.key}/smtpd_sasl_auth_enable = no'; people log in on submission"
            yield Fault(Severity.WARNING, f"{one.key}: smtpd_sasl_auth_enable is yes", mend)


def _login_maps(facts: Facts) -> Iterator[Fault]:
    postfix = known(facts.postfix)
    for one in postfix.login_listeners:
        rules = [
            rule
            for stage in ("client", "helo", "sender", "relay", "recipient")
            for rule in items(postfix.value(f"smtpd_{stage}_restrictions", one))
            if rule in _LOGIN_CHECKS
        ]
        tables = items(postfix.value("smtpd_sender_login_maps", one))
        if rules and not all(_is_senders_map(table, facts) for table in tables or ("",)):
            where = ", ".join(tables) or "which is empty"
            yield Fault(
                Severity.WARNING,
                f"{one.key}: {rules[0]} goes by smtpd_sender_login_maps, {where}",
                f"take {rules[0]} out: Byname's submission milter checks the sender",
            )


def _trusted(facts: Facts) -> Iterator[Fault]:
    postfix = known(facts.postfix)
    if "mynetworks" not in postfix.written and postfix.value("mynetworks_style") == "host":
        return  # then it is this machine's own addresses
    for one in postfix.inbound_listeners:
        outside = [net for net in items(postfix.value("mynetworks", one)) if not _is_loopback(net)]
        rules = [
            rule
            for parameter in ("smtpd_relay_restrictions", "smtpd_recipient_restrictions")
            for rule in items(postfix.value(parameter, one))
        ]
        if outside and _TRUSTING in rules:
            yield Fault(
                Severity.WARNING,
                f"{one.key}: {_TRUSTING} lets {', '.join(outside[:3])} send without a login",
                "postconf -e 'smtpd_relay_restrictions = reject_unauth_destination', or mynetworks with loopback only",
            )


def _rewriting(facts: Facts) -> Iterator[Fault]:
    postfix = known(facts.postfix)
    for one in postfix.login_listeners:
        if postfix.value("local_header_rewrite_clients", one):
            mend = f"postconf -P '{one.key}/local_header_rewrite_clients='"
            yield Fault(Severity.NOTICE, f"{one.key}: Postfix completes addresses before Byname judges them", mend)


def _is_senders_map(table: str, facts: Facts) -> bool:
    place, _, name = table.removeprefix("proxy:").removeprefix("socketmap:").rpartition(":")
    wanted, queue = parse_socket(facts.settings.maps.listen), known(facts.postfix).queue
    return name == "senders" and wanted in {socket_of(place, queue, chrooted=c) for c in (False, True)}


def _is_loopback(network: str) -> bool:
    try:
        return ipaddress.ip_network(network.replace("[", "").replace("]", ""), strict=False).is_loopback
    except ValueError:
        return False  # a table, or an exception with "!"


GUARD_CHECKS = (
    Check(
        "smuggling",
        (Symptom.BYPASSED,),
        "Inside one message a second one can be hidden that no milter sees. Debian 12's own default lets it through.",
        _smuggling,
    ),
    Check(
        "login-on-inbound",
        (Symptom.SENDER,),
        "A login on port 25 would pass the sender guard by, so Byname refuses it at MAIL: 550 5.7.1.",
        _login_on_inbound,
    ),
    Check(
        "sender-login-maps",
        (Symptom.SENDER,),
        "Postfix refuses senders that its own table lacks, aliases made in Byname among them, before Byname is asked.",
        _login_maps,
    ),
    Check(
        "trusted-networks",
        (Symptom.BYPASSED,),
        "These machines send under any address, and no sender guard is asked.",
        _trusted,
    ),
    Check(
        "header-rewriting",
        (Symptom.SENDER,),
        "An incomplete From is completed by Postfix first, so what Byname judges is not what the person wrote.",
        _rewriting,
    ),
)
