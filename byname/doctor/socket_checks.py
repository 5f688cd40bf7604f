"""Checks of Byname's own listeners: there, reachable for Postfix, and something behind them. Pure."""

from collections.abc import Iterator

from byname.doctor.facts import DoesNotApply, Facts, SocketFact, SocketState, known
from byname.doctor.findings import Check, Fault, Severity, Symptom

_ASKED = (Symptom.DEFERRED,)


def _missing(facts: Facts) -> Iterator[Fault]:
    for one in facts.sockets:
        if one.state is SocketState.MISSING:
            yield Fault(Severity.ERROR, f"[{_key(one)}: there is no socket {one.place}", f"systemctl start {one.unit}")


def _silent(facts: Facts) -> Iterator[Fault]:
    for one in facts.sockets:
        if one.state is SocketState.SILENT:
            yield Fault(Severity.ERROR, f"[{_key(one)}: nobody listens on {one.place}", f"systemctl restart {one.unit}")


def _permissions(facts: Facts) -> Iterator[Fault]:
    known(facts.postfix)
    for one in facts.sockets:
        if one.barred_by is not None:
            yield Fault(
                Severity.ERROR,
                f"[{_key(one)}: Postfix's user is kept out by {one.barred_by}",
                f"install -d -o byname -g postfix -m 2750 FOLDER; systemctl restart {one.unit} (its umask must be 007)",
            )


def _chroot(facts: Facts) -> Iterator[Fault]:
    postfix = known(facts.postfix)
    for one in facts.sockets:
        if one.is_behind_chroot:
            section, key = one.setting.split(".")
            name = section if key == "listen" else key
            yield Fault(
                Severity.ERROR,
                f"[{_key(one)}: {one.place} is outside the chroot {postfix.queue} of the services that ask it",
                f'in byname.toml: [{section}] {key} = "unix:{postfix.queue}/byname/{name}.sock"; '
                f"systemctl restart {one.unit}; byname setup",
            )


def _hidden(facts: Facts) -> Iterator[Fault]:
    hidden = [one.place for one in facts.sockets if one.state is SocketState.HIDDEN]
    if hidden:
        yield Fault(Severity.UNKNOWN, f"this user may not look at {', '.join(hidden)}", "run byname doctor as root")


def _api(facts: Facts) -> Iterator[Fault]:
    if facts.api_listens:
        return
    listen = facts.settings.api.listen
    yield Fault(Severity.NOTICE, f"[api] listen: nobody listens on {listen}", "systemctl enable --now byname-api")


def _mail_store(facts: Facts) -> Iterator[Fault]:
    store = known(facts.mail_store)
    if store.problem is not None:
        yield Fault(Severity.ERROR, f"{store.place}: {store.problem}", "systemctl restart dovecot; doveadm log errors")


def _smtputf8(facts: Facts) -> Iterator[Fault]:
    store, postfix = known(facts.mail_store), known(facts.postfix)
    if store.problem is not None:
        raise DoesNotApply
    if "SMTPUTF8" not in store.offers and postfix.value("smtputf8_enable") == "yes":
        yield Fault(
            Severity.WARNING,
            f"Postfix takes SMTPUTF8 mail, and the mailbox server at {store.place} does not",
            "postconf -e 'smtputf8_enable = no'",
        )


def _key(one: SocketFact) -> str:
    return one.setting.replace(".", "] ")


SOCKET_CHECKS = (
    Check(
        "socket-missing",
        (*_ASKED, Symptom.STARTING),
        "Postfix asks Byname there. While nobody answers, it answers every sender 451, and they try again later.",
        _missing,
    ),
    Check(
        "socket-silent",
        _ASKED,
        "The socket is left over from a daemon that ended, or hangs. Postfix answers 451 meanwhile.",
        _silent,
    ),
    Check(
        "socket-permissions",
        _ASKED,
        "Postfix runs as a user of its own, and that one may not go through a folder or write to the socket.",
        _permissions,
    ),
    Check(
        "socket-chroot",
        _ASKED,
        "Debian locks Postfix's services up in the queue directory: a socket elsewhere is not there for them.",
        _chroot,
    ),
    Check(
        "socket-hidden",
        _ASKED,
        "Byname's sockets are for Postfix's group only; who is not in it cannot see whether they are there.",
        _hidden,
    ),
    Check(
        "mail-store",
        (Symptom.DEFERRED,),
        "The mailbox server takes the mail in the end. Without it mail waits in Postfix's queue.",
        _mail_store,
    ),
    Check(
        "smtputf8",
        (Symptom.LOST,),
        "Mail with an address or header beyond ASCII is accepted first, and bounced when the mailbox server declines.",
        _smtputf8,
    ),
    Check(
        "api",
        (Symptom.DASHBOARD,),
        "The REST API, the dashboard and agents are served there. Mail does not need it.",
        _api,
    ),
)
