"""The table of ``byname doctor``: a site without fault, and one fault at a time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from byname.doctor.facts import (
    CacheFact,
    ClockFact,
    DatabaseFact,
    DiskFact,
    DomainFact,
    Facts,
    FileFact,
    MailStoreFact,
    MapFileFact,
    ProcessFact,
    SocketFact,
    SocketState,
    Unknown,
)
from byname.doctor.findings import Severity
from byname.doctor.table import CHECKS, exit_code, judge
from byname.exits import ExitCode
from byname.postfix.machine import Postfix, Service
from conf.settings import load
from tests.unit.postfix_values import QUEUE, postfix, service, settings

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
GIB = 1024**3
GOOD = {
    "virtual_mailbox_domains": "socketmap:unix:byname/maps.sock:domains",
    "virtual_transport": "lmtp:unix:private/dovecot-lmtp",
    "smtpd_milters": "inet:localhost:8891, unix:byname/inbound.sock",
    "non_smtpd_milters": "unix:byname/local.sock",
    "internal_mail_filter_classes": "bounce",
    "smtpd_forbid_bare_newline": "normalize",
    "smtpd_forbid_unauth_pipelining": "yes",
    "smtputf8_enable": "no",
}
SUBMISSION = service("submission", smtpd_milters="unix:byname/submission.sock", local_header_rewrite_clients="")
SOCKET = SocketFact(
    "milter.inbound", "byname-milter@inbound", f"unix:{QUEUE}/byname/inbound.sock", SocketState.LISTENING
)
CACHE = CacheFact(None, 4.0, is_built=True, policy="noeviction")


PROGRAMS = service(
    "127.0.0.1:10587", smtpd_authorized_xclient_hosts="127.0.0.1", smtpd_milters="unix:byname/internal.sock"
)
SENDING = {
    "sending__listener": "127.0.0.1:10587",
    "sending__key": "k" * 40,
    "milter__internal": f"unix:{QUEUE}/byname/internal.sock",
}


def beside(*listeners: Service, programs: Service | None = PROGRAMS, **main: str) -> Postfix:
    """The good Postfix with other lines, and perhaps with other listeners for people."""
    return postfix(GOOD | main, (*(listeners or (service(), SUBMISSION)), *([programs] if programs else [])))


HEALTHY = Facts(
    settings=settings(**SENDING),
    now=NOW,
    postfix=beside(),
    sockets=(SOCKET,),
    database=DatabaseFact(None),
    domains=(DomainFact("brand-a.test", last_checked_at=NOW), DomainFact("brand-b.test")),
    shadowed=MappingProxyType({"hash:/etc/postfix/virtual": ()}),
    cache=CACHE,
    clocks=(ClockFact("Redis", -0.5), ClockFact("PostgreSQL", 1.5)),
    disks=(DiskFact("the database", "/var/lib/byname", 10 * GIB, 20 * GIB),),
    files=(FileFact("/etc/byname/byname.toml", 0o640, holds_secret=True),),
    mail_store=MailStoreFact("unix:/run/dovecot/lmtp", None, frozenset({"8BITMIME"})),
    processes=(ProcessFact(7, "maps", 2000.0),),
    installed=1000.0,
)
FILE = f"lmdb:{QUEUE}/byname/domains"
FILED = settings(**SENDING, maps__export=FILE)
EDGE = settings(**SENDING, lmtp__listen=f"unix:{QUEUE}/byname/lmtp.sock")

# What is wrong, and how bad that is. The key is the check that must say so, and no other may say anything.
FAULTS: dict[str, list[tuple[Severity, dict[str, Any]]]] = {
    "settings": [],  # below: warnings come with files
    "disk-space": [
        (Severity.ERROR, {"disks": (DiskFact("the database", "/var", GIB // 64, 10 * GIB),)}),
        (Severity.WARNING, {"disks": (DiskFact("the database", "/var", GIB // 4, 10 * GIB),)}),
    ],
    "secrets-readable": [(Severity.WARNING, {"files": (FileFact("/x.toml", 0o644, holds_secret=True),)})],
    "settings-writable": [(Severity.ERROR, {"files": (FileFact("/x.toml", 0o662, holds_secret=False),)})],
    "old-version-running": [(Severity.WARNING, {"installed": 3000.0})],
    "database": [(Severity.ERROR, {"database": DatabaseFact("no answer")})],
    "database-revision": [(Severity.ERROR, {"database": DatabaseFact("old", is_behind=True)})],
    "no-domains": [(Severity.NOTICE, {"domains": ()})],
    "cache": [(Severity.WARNING, {"cache": CacheFact("Redis does not answer")})],
    "cache-lease": [(Severity.WARNING, {"cache": replace(CACHE, lease=None)})],
    "cache-lag": [(Severity.WARNING, {"cache": replace(CACHE, waiting=3, oldest_waiting=11.0)})],
    "cache-policy": [(Severity.WARNING, {"cache": replace(CACHE, policy="allkeys-lru")})],
    "cache-differs": [(Severity.ERROR, {"cache": replace(CACHE, compared=9, different=("sales@brand-b.test",))})],
    "map-file": [(Severity.WARNING, {"map_files": (MapFileFact("mx1:/domains", in_step=False),)})],
    "map-file-unkept": [
        (Severity.ERROR, {"settings": FILED, "postfix": beside(virtual_mailbox_domains=FILE)}),
    ],
    "clock": [
        (Severity.WARNING, {"clocks": (ClockFact("Redis", -3.0),)}),
        (Severity.WARNING, {"clocks": (ClockFact("PostgreSQL", 2.1),)}),
    ],
    "domain-proof": [
        (Severity.WARNING, {"domains": (DomainFact("x.test", proof_lapsed=True),)}),
        (Severity.NOTICE, {"domains": (DomainFact("x.test", missing_since=NOW),)}),
    ],
    "domain-records": [(Severity.NOTICE, {"domains": (DomainFact("x.test", wrong_records=("mx",)),)})],
    "domain-checks": [(Severity.NOTICE, {"domains": (DomainFact("x.test", last_checked_at=NOW - timedelta(days=4)),)})],
    "socket-missing": [(Severity.ERROR, {"sockets": (replace(SOCKET, state=SocketState.MISSING),)})],
    "socket-silent": [(Severity.ERROR, {"sockets": (replace(SOCKET, state=SocketState.SILENT),)})],
    "socket-permissions": [(Severity.ERROR, {"sockets": (replace(SOCKET, barred_by="/x (mode 700, group root)"),)})],
    "socket-chroot": [(Severity.ERROR, {"sockets": (replace(SOCKET, is_behind_chroot=True),)})],
    "socket-hidden": [(Severity.UNKNOWN, {"sockets": (replace(SOCKET, state=SocketState.HIDDEN),)})],
    "mail-store": [(Severity.ERROR, {"mail_store": MailStoreFact("unix:/run/dovecot/lmtp", "refused")})],
    "smtputf8": [(Severity.WARNING, {"postfix": beside(smtputf8_enable="yes")})],
    "api": [(Severity.NOTICE, {"api_listens": False})],
    "postfix": [],  # below: every check that needs Postfix says that it cannot tell
    "domains-map": [
        (Severity.ERROR, {"postfix": beside(virtual_mailbox_domains="")}),
        (Severity.ERROR, {"postfix": beside(virtual_mailbox_domains="socketmap:unix:byname/maps.sock:aliases")}),
        (Severity.ERROR, {"postfix": beside(virtual_mailbox_domains="socketmap:unix:other.sock:domains")}),
    ],
    "domains-of-others": [
        (Severity.WARNING, {"postfix": beside(virtual_mailbox_domains=f"x.test, {GOOD['virtual_mailbox_domains']}")}),
        (Severity.WARNING, {"postfix": beside(virtual_mailbox_domains=f"{GOOD['virtual_mailbox_domains']} hash:/y")}),
    ],
    "unknown-local-users": [(Severity.WARNING, {"postfix": beside(smtpd_reject_unlisted_recipient="no")})],
    "unlisted-recipients": [
        (Severity.ERROR, {"postfix": beside(virtual_mailbox_maps="hash:/x", smtpd_reject_unlisted_recipient="yes")}),
        (
            Severity.ERROR,
            {
                "postfix": beside(
                    virtual_mailbox_maps="hash:/x", smtpd_recipient_restrictions="reject_unlisted_recipient"
                )
            },
        ),
    ],
    "domain-elsewhere": [
        (Severity.ERROR, {"postfix": beside(mydestination="localhost, Brand-A.test")}),
        (Severity.ERROR, {"postfix": beside(relay_domains="brand-b.test")}),
    ],
    "alias-maps": [(Severity.ERROR, {"shadowed": {"hash:/etc/postfix/virtual": ("sales@brand-b.test",)}})],
    "open-relay": [(Severity.ERROR, {"postfix": beside(smtpd_relay_restrictions="permit_mynetworks")})],
    "recipient-delimiter": [
        (Severity.WARNING, {"postfix": beside(recipient_delimiter="-")}),
        (Severity.WARNING, {"postfix": beside(virtual_transport="virtual")}),
    ],
    "inbound-milter": [
        (Severity.ERROR, {"postfix": beside(smtpd_milters="inet:localhost:8891")}),
        (Severity.ERROR, {"postfix": beside(service(smtpd_milters="inet:localhost:8891"), SUBMISSION)}),
        (Severity.WARNING, {"postfix": beside(SUBMISSION)}),
    ],
    "submission-milter": [
        (
            Severity.ERROR,
            {"postfix": beside(service(), service("587", smtpd_milters="", local_header_rewrite_clients=""))},
        ),
        (Severity.ERROR, {"postfix": beside(service(), service("smtps", local_header_rewrite_clients=""))}),
    ],
    "internal-milter": [
        (Severity.ERROR, {"postfix": beside(programs=None)}),
        (Severity.ERROR, {"postfix": beside(programs=replace(PROGRAMS, options={}))}),
    ],
    "milter-order": [(Severity.WARNING, {"postfix": beside(smtpd_milters="unix:byname/inbound.sock, inet:h:1")})],
    "milter-default-action": [
        (Severity.ERROR, {"postfix": beside(smtpd_milters="{ unix:byname/inbound.sock, default_action=accept }")}),
        (
            Severity.ERROR,
            {
                "postfix": beside(
                    service(smtpd_milters="unix:byname/inbound.sock"),
                    service(
                        "submission",
                        smtpd_milters="{unix:byname/submission.sock,default_action=tempfail}",
                        local_header_rewrite_clients="",
                    ),
                    milter_default_action="quarantine",
                    non_smtpd_milters="{unix:byname/local.sock,default_action=tempfail}",
                )
            },
        ),
    ],
    "milter-protocol": [(Severity.ERROR, {"postfix": beside(milter_protocol="2")})],
    "smuggling": [
        (Severity.WARNING, {"postfix": beside(service(smtpd_forbid_bare_newline="no"), SUBMISSION)}),
        (Severity.WARNING, {"postfix": beside(smtpd_forbid_unauth_pipelining="no")}),
    ],
    "login-on-inbound": [(Severity.WARNING, {"postfix": beside(smtpd_sasl_auth_enable="yes")})],
    "sender-login-maps": [
        (
            Severity.WARNING,
            {
                "postfix": beside(
                    smtpd_sender_restrictions="reject_sender_login_mismatch", smtpd_sender_login_maps="hash:/x"
                )
            },
        ),
        (Severity.WARNING, {"postfix": beside(smtpd_sender_restrictions="reject_authenticated_sender_login_mismatch")}),
    ],
    "trusted-networks": [(Severity.WARNING, {"postfix": beside(mynetworks="127.0.0.0/8 [::1]/128 10.0.0.0/8")})],
    "header-rewriting": [
        (Severity.NOTICE, {"postfix": beside(service(), service("587", smtpd_milters="unix:byname/submission.sock"))})
    ],
    "mail-without-smtp": [
        (Severity.WARNING, {"postfix": beside(non_smtpd_milters="inet:localhost:8891")}),
        (Severity.WARNING, {"postfix": beside(internal_mail_filter_classes="notify")}),
        (Severity.ERROR, {"settings": EDGE}),
    ],
}
BROKEN = [(name, *fault) for name, faults in FAULTS.items() for fault in faults]


def said(facts: Facts) -> dict[str, set[Severity]]:
    """What is not as it should be, by check."""
    found: dict[str, set[Severity]] = {}
    for one in judge(facts):
        if one.severity is not Severity.OK:
            found.setdefault(one.check, set()).add(one.severity)
    return found


def test_all_is_well() -> None:
    assert said(HEALTHY) == {}
    assert {one.check for one in judge(HEALTHY)} == {check.name for check in CHECKS}
    assert exit_code(judge(HEALTHY)) is ExitCode.DONE


@pytest.mark.parametrize(("name", "severity", "changed"), BROKEN)
def test_one_fault(name: str, severity: Severity, changed: dict[str, Any]) -> None:
    facts = replace(HEALTHY, **changed)
    assert said(facts) == {name: {severity}}
    assert all(one.mend and one.what for one in judge(facts) if one.severity is not Severity.OK)


def test_warnings_of_the_settings_are_said(tmp_path: Path) -> None:
    secret, config = tmp_path / "key", tmp_path / "byname.toml"
    secret.write_text("k" * 40)
    secret.chmod(0o644)
    config.write_text(f'trace.key_file = "{secret}"\n[milter]\nlocal = "unix:{QUEUE}/byname/local.sock"\n')
    found = judge(replace(HEALTHY, settings=load(config, {})))
    assert [one.what for one in found if one.check == "settings"] == [
        f"{secret}: any user can read this secret; chmod o= is right"
    ]


def test_every_check_has_a_fault_here() -> None:
    assert FAULTS.keys() == {check.name for check in CHECKS}


# what is as good, and draws no word
FINE = [
    {"postfix": beside(milter_default_action="shutdown")},
    {"postfix": beside(virtual_mailbox_maps="hash:/x", smtpd_reject_unlisted_recipient="no")},
    {
        "settings": FILED,
        "postfix": beside(virtual_mailbox_domains=FILE),
        "map_files": (MapFileFact(f"mx1:{QUEUE}/byname/domains", in_step=True),),
    },
    {"postfix": beside(virtual_mailbox_domains="proxy:socketmap:unix:byname/maps.sock:domains")},
    {"postfix": beside(smtpd_milters="unix:/byname/inbound.sock")},
    {"postfix": beside(mynetworks_style="host")},
    {
        "postfix": beside(
            smtpd_sender_restrictions="reject_sender_login_mismatch",
            smtpd_sender_login_maps="socketmap:unix:byname/maps.sock:senders",
        )
    },
    {"settings": EDGE, "postfix": beside(virtual_transport="lmtp:unix:byname/lmtp.sock", non_smtpd_milters="")},
    {"cache": None, "mail_store": None, "installed": None},
    {"disks": (DiskFact("a small disk", "/x", GIB // 8, GIB),)},
    {"files": (FileFact("/x.toml", 0o644, holds_secret=False),)},
]


@pytest.mark.parametrize("changed", FINE)
def test_what_is_as_good(changed: dict[str, Any]) -> None:
    assert said(replace(HEALTHY, **changed)) == {}


def test_without_postfix_the_rest_is_judged_all_the_same() -> None:
    found = said(replace(HEALTHY, postfix=Unknown("not installed"), database=DatabaseFact("no answer")))
    assert found.pop("database") == {Severity.ERROR}
    assert set(found) >= {"postfix", "domains-map", "inbound-milter", "smuggling"}
    assert set(map(frozenset, found.values())) == {frozenset({Severity.UNKNOWN})}


WORST: list[tuple[dict[str, Any], ExitCode]] = [
    ({"api_listens": False}, ExitCode.DONE),
    ({"domains": Unknown("no answer")}, ExitCode.CANNOT_TELL),
    ({"domains": Unknown("no answer"), "installed": 3000.0}, ExitCode.WARNED),
    ({"domains": Unknown("no answer"), "installed": 3000.0, "database": DatabaseFact("gone")}, ExitCode.REFUSED),
]


@pytest.mark.parametrize(("changed", "code"), WORST)
def test_the_exit_code_is_that_of_the_worst(changed: dict[str, Any], code: ExitCode) -> None:
    found = judge(replace(HEALTHY, **changed))
    assert exit_code(found) is code
    order = [Severity.ERROR, Severity.WARNING, Severity.UNKNOWN, Severity.NOTICE, Severity.OK]
    assert [one.severity for one in found] == sorted((one.severity for one in found), key=order.index)
