"""Checks of how Postfix asks Byname's milters, and of what gets past them. Pure."""

import ipaddress
from collections.abc import Iterator

from byname.doctor.facts import Facts, known
from byname.doctor.findings import Check, Fault, Severity, Symptom
from byname.postfix.machine import Postfix, Service, items
from byname.postfix.milters import Milter, parse_milters, role_of, socket_of
from byname.postfix.versions import ACTIONS_THAT_DEFER, bare_newline, forbids_pipelining
from conf.listen import parse_socket

_SETUP = "byname setup, then byname setup --apply"
_TRUSTING = "permit_mynetworks"
_LOGIN_CHECKS = frozenset({"reject_sender_login_mismatch", "reject_authenticated_sender_login_mismatch"})
_NEWEST_PROTOCOL = "6"


def _inbound(facts: Facts) -> Iterator[Fault]:
    postfix = known(facts.postfix)
    for one in postfix.inbound_listeners:
        if "inbound" not in _roles(one, facts):
            yield Fault(Severity.ERROR, f"{one.key}: smtpd_milters has no inbound milter of Byname's", _SETUP)
    if not postfix.inbound_listeners:
        yield Fault(Severity.WARNING, "master.cf has no listener for mail from outside", "see conf/postfix/master.cf")


def _submission(facts: Facts) -> Iterator[Fault]:
    for one in known(facts.postfix).login_listeners:
        roles = _roles(one, facts)
        if "inbound" in roles:
            yield Fault(Severity.ERROR, f"{one.key}: smtpd_milters has Byname's inbound milter", _SETUP)
        elif "submission" not in roles:
            yield Fault(Severity.ERROR, f"{one.key}: smtpd_milters has no submission milter of Byname's", _SETUP)


def _order(facts: Facts) -> Iterator[Fault]:
    postfix = known(facts.postfix)
    for where, milters in _lists(postfix):
        roles = [_role(one, facts) for one in milters]
        ours = [number for number, role in enumerate(roles) if role is not None]
        later = [one.place for one in milters[ours[-1] + 1 :]] if ours else []
        if later:
            yield Fault(Severity.WARNING, f"{where}: {', '.join(later)} comes after Byname's milter", _SETUP)


def _default_action(facts: Facts) -> Iterator[Fault]:
    postfix = known(facts.postfix)
    by_default = postfix.value("milter_default_action")
    for where, milters in _lists(postfix):
        for one in milters:
            action = one.options.get("default_action", by_default)
            if _role(one, facts) is not None and action not in ACTIONS_THAT_DEFER:
                yield Fault(
                    Severity.ERROR,
                    f"{where}: without Byname's milter the action is {action}",
                    "postconf -e 'milter_default_action = tempfail', or byname setup beside other milters",
                )


def _protocol(facts: Facts) -> Iterator[Fault]:
    protocol = known(facts.postfix).value("milter_protocol")
    if protocol != _NEWEST_PROTOCOL:
        yield Fault(Severity.ERROR, f"milter_protocol is {protocol}", "postconf -X milter_protocol")


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


def _not_by_smtp(facts: Facts) -> Iterator[Fault]:
    postfix, settings = known(facts.postfix), facts.settings
    if settings.edge_delivers:
        kind, _, place = postfix.value("virtual_transport").partition(":")
        listen = None if settings.lmtp.listen is None else parse_socket(settings.lmtp.listen)
        if kind != "lmtp" or listen not in {socket_of(place, postfix.queue, chrooted=c) for c in (False, True)}:
            yield Fault(Severity.ERROR, "virtual_transport does not lead to byname lmtp", _SETUP)
        return
    if "local" not in {_role(one, facts) for one in parse_milters(postfix.value("non_smtpd_milters"))}:
        yield Fault(Severity.WARNING, "non_smtpd_milters has no milter of Byname's", _SETUP)
    elif "bounce" not in items(postfix.value("internal_mail_filter_classes")):
        mend = "postconf -e 'internal_mail_filter_classes = bounce'"
        yield Fault(Severity.WARNING, "internal_mail_filter_classes has no bounce", mend)


def _roles(service: Service, facts: Facts) -> set[str | None]:
    value = known(facts.postfix).value("smtpd_milters", service)
    return {_role(one, facts) for one in parse_milters(value)}


def _role(milter: Milter, facts: Facts) -> str | None:
    return role_of(milter.place, known(facts.postfix), facts.settings)


def _lists(postfix: Postfix) -> Iterator[tuple[str, tuple[Milter, ...]]]:
    """Yield each list of milters that is in use, and where it stands."""
    for one in postfix.services:
        if one.takes_smtp:
            yield f"{one.key}: smtpd_milters", parse_milters(postfix.value("smtpd_milters", one))
    yield "non_smtpd_milters", parse_milters(postfix.value("non_smtpd_milters"))


def _is_senders_map(table: str, facts: Facts) -> bool:
    place, _, name = table.removeprefix("proxy:").removeprefix("socketmap:").rpartition(":")
    wanted, queue = parse_socket(facts.settings.maps.listen), known(facts.postfix).queue
    return name == "senders" and wanted in {socket_of(place, queue, chrooted=c) for c in (False, True)}


def _is_loopback(network: str) -> bool:
    try:
        return ipaddress.ip_network(network.replace("[", "").replace("]", ""), strict=False).is_loopback
    except ValueError:
        return False  # a table, or an exception with "!"


MILTER_CHECKS = (
    Check(
        "inbound-milter",
        (Symptom.REFUSED, Symptom.LOST),
        "Mail from outside is taken without asking Byname: every name of your domains, also ones that do not exist.",
        _inbound,
    ),
    Check(
        "submission-milter",
        (Symptom.SENDER, Symptom.BYPASSED),
        "Who logs in is judged by the milter of the role submission. Without it anybody sends as anybody; "
        "the inbound one refuses every login.",
        _submission,
    ),
    Check(
        "milter-order",
        (Symptom.LOST,),
        "A milter does not learn that a later one refused a recipient or changed the header: what Byname added for "
        "that recipient is delivered all the same.",
        _order,
    ),
    Check(
        "milter-default-action",
        (Symptom.BYPASSED, Symptom.LOST),
        "When Byname is away Postfix would let mail in unchecked (accept, quarantine) or refuse it for good (reject), "
        "in place of a 451. Versions of Postfix differ in what they do without this setting.",
        _default_action,
    ),
    Check(
        "milter-protocol",
        (Symptom.DEFERRED,),
        "Byname needs version 6 of the milter protocol, Postfix's own default.",
        _protocol,
    ),
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
    Check(
        "mail-without-smtp",
        (Symptom.LOST,),
        "Bounces, and mail of this machine's programs, pass no SMTP listener. Those to an alias are lost unless Byname "
        "resolves them as well.",
        _not_by_smtp,
    ),
)
