"""Checks of how Postfix asks Byname's milters. Pure."""

from collections.abc import Iterator

from byname.doctor.facts import Facts, known
from byname.doctor.findings import Check, Fault, Severity, Symptom
from byname.postfix.machine import Postfix, Service, items
from byname.postfix.milters import Milter, parse_milters, role_of, socket_of
from byname.postfix.versions import ACTIONS_THAT_DEFER
from conf.listen import parse_host_port, parse_socket

_SETUP = "byname setup, then byname setup --apply"
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


def _internal(facts: Facts) -> Iterator[Fault]:
    postfix, listener = known(facts.postfix), known(facts.settings.sending.listener)
    port = str(parse_host_port(listener).port)
    found = [one for one in postfix.services if one.takes_smtp and one.name.rpartition(":")[2] == port]
    if not found:
        yield Fault(Severity.ERROR, f"master.cf has no listener on {listener}, [sending] listener", _SETUP)
    for one in found:
        if "internal" not in _roles(one, facts):
            yield Fault(Severity.ERROR, f"{one.key}: smtpd_milters has no internal milter of Byname's", _SETUP)


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
        "internal-milter",
        (Symptom.SENDER, Symptom.BYPASSED),
        "Programs hand in mail there and say who sends. Without that listener nothing of theirs goes out; without its "
        "milter any program of this machine sends as anybody.",
        _internal,
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
        "mail-without-smtp",
        (Symptom.LOST,),
        "Bounces, and mail of this machine's programs, pass no SMTP listener. Those to an alias are lost unless Byname "
        "resolves them as well.",
        _not_by_smtp,
    ),
)
