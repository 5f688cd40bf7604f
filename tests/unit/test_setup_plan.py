"""``byname setup``: from a Postfix and settings to the lines that would change, as columns."""

import pytest

from byname.postfix.machine import Postfix, Service
from byname.setup.plan import Plan, plan
from tests.unit.postfix_values import DEFAULTS, LISTENERS, QUEUE, postfix, service, settings

PLAIN = {
    "virtual_mailbox_domains": "socketmap:unix:byname/maps.sock:domains",
    "smtpd_milters": "unix:byname/inbound.sock",
    "non_smtpd_milters": "unix:byname/local.sock",
    "internal_mail_filter_classes": "bounce",
    "milter_default_action": "tempfail",
    "milter_command_timeout": "10s",
    "milter_content_timeout": "30s",
    "smtpd_forbid_bare_newline": "normalize",
    "smtpd_forbid_unauth_pipelining": "yes",
    "submission/inet/smtpd_milters": "unix:byname/submission.sock",
    "submission/inet/local_header_rewrite_clients": "",
}
SAFE = ",default_action=tempfail,command_timeout=10s,content_timeout=30s}"


def lines(found: Plan) -> dict[str, str]:
    assert found.obstacles == ()
    return {change.name: change.after for change in found.changes}


def test_a_plain_postfix() -> None:
    assert lines(plan(postfix(), settings())) == PLAIN


def test_a_file_that_postfix_reads_itself() -> None:
    export = f"lmdb:{QUEUE}/byname/domains"
    found = lines(plan(postfix(), settings(maps__export=export)))
    assert found == PLAIN | {"virtual_mailbox_domains": export}


def test_nothing_is_left_to_do_after_that() -> None:
    """Idempotent: the plan's own lines, put into the Postfix, leave nothing to change."""
    assert plan(with_lines(postfix(), PLAIN), settings()).is_done


def with_lines(before: Postfix, changed: dict[str, str]) -> Postfix:
    main = {name: value for name, value in changed.items() if "/" not in name}
    services = []
    for one in before.services:
        own = {name.rpartition("/")[2]: value for name, value in changed.items() if name.startswith(f"{one.key}/")}
        services.append(
            Service(one.name, one.kind, one.chrooted, one.command, {**one.options, **own}, {**one.written, **own})
        )
    return Postfix(before.folder, {**before.parameters, **main}, {**before.written, **main}, tuple(services))


# what main.cf has, and what becomes of some of its lines (None: no change)
CASES: dict[str, tuple[dict[str, str], dict[str, str | None]]] = {
    "another milter stays, before ours, and keeps its treatment": (
        {"smtpd_milters": "inet:localhost:8891", "milter_default_action": "accept"},
        {
            "smtpd_milters": "inet:localhost:8891,{unix:byname/inbound.sock" + SAFE,
            "submission/inet/smtpd_milters": "inet:localhost:8891,{unix:byname/submission.sock" + SAFE,
            "milter_default_action": None,
            "milter_command_timeout": None,
        },
    ),
    "ours goes to the end": (
        {"smtpd_milters": "unix:byname/inbound.sock, unix:x.sock"},
        {"smtpd_milters": "unix:x.sock,{unix:byname/inbound.sock" + SAFE},
    ),
    "an absolute path of a chrooted service is recognised": (
        {"smtpd_milters": "unix:/byname/inbound.sock"},
        {"smtpd_milters": "unix:byname/inbound.sock"},
    ),
    "filters of internal mail stay": (
        {"internal_mail_filter_classes": "notify"},
        {"internal_mail_filter_classes": "notify, bounce"},
    ),
    "what is as good stays": (
        {"smtpd_forbid_bare_newline": "reject", "milter_default_action": "shutdown"},
        {"smtpd_forbid_bare_newline": None, "milter_default_action": None},
    ),
    "the default of today is written down: 3.11 has another": ({}, {"milter_default_action": "tempfail"}),
    "virtual(8) keeps its map": (
        {"virtual_mailbox_maps": "hash:/etc/postfix/boxes"},
        {"virtual_mailbox_maps": None, "smtpd_reject_unlisted_recipient": "no"},
    ),
    "no other transport keeps it": (
        {"virtual_mailbox_maps": "hash:/etc/postfix/boxes", "virtual_transport": "lmtp:unix:private/dovecot-lmtp"},
        {"virtual_mailbox_maps": "", "smtpd_reject_unlisted_recipient": None},
    ),
    "blanks and commas are the same": (
        {"internal_mail_filter_classes": "bounce", "milter_command_timeout": "10s"},
        {"internal_mail_filter_classes": None, "milter_command_timeout": None},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_lines(name: str) -> None:
    main, expected = CASES[name]
    found = lines(plan(postfix(main), settings()))
    assert {line: found.get(line) for line in expected} == expected


def test_maps_of_aliases_go_when_that_is_said() -> None:
    before = postfix({"virtual_alias_maps": "proxy:pgsql:/etc/postfix/aliases.cf"})
    assert "virtual_alias_maps" not in lines(plan(before, settings()))
    assert lines(plan(before, settings(), replace_aliases=True)) == PLAIN | {"virtual_alias_maps": ""}
    assert lines(plan(postfix(), settings(), replace_aliases=True)) == PLAIN


def test_a_listener_with_milters_of_its_own_gets_ours_there() -> None:
    listeners = (service("smtp", smtpd_milters="unix:x.sock"), service("10.0.0.1:26"))
    found = lines(plan(postfix(listeners=listeners), settings()))
    assert found["smtp/inet/smtpd_milters"] == "unix:x.sock,{unix:byname/inbound.sock" + SAFE
    assert found["smtpd_milters"] == "{unix:byname/inbound.sock" + SAFE


def test_a_listener_on_loopback_without_milters_is_left_alone() -> None:
    """Filters hand mail back there."""
    back = service("127.0.0.1:10025", smtpd_milters="")
    assert not [name for name in lines(plan(postfix(listeners=(*LISTENERS, back)), settings())) if "10025" in name]


def test_the_lmtp_edge() -> None:
    found = lines(plan(postfix(), settings(lmtp__listen=f"unix:{QUEUE}/byname/lmtp.sock", milter__local="")))
    assert found["virtual_transport"] == "lmtp:unix:byname/lmtp.sock"
    assert found["lmtp_destination_recipient_limit"] == "1000"
    assert "non_smtpd_milters" not in found


@pytest.mark.parametrize("chrooted", [True, False])
def test_inet_sockets_are_seen_from_a_chroot(chrooted: bool) -> None:
    found = lines(plan(postfix(chrooted=chrooted), settings(maps__listen="inet:2600@127.0.0.1")))
    assert found["virtual_mailbox_domains"] == "socketmap:inet:127.0.0.1:2600:domains"


def test_without_a_chroot_a_socket_may_be_anywhere() -> None:
    found = lines(plan(postfix(chrooted=False), settings(milter__inbound="unix:/run/byname/inbound.sock")))
    assert found["smtpd_milters"] == "unix:/run/byname/inbound.sock"


def test_the_internal_listener() -> None:
    wanted = settings(
        sending__listener="127.0.0.1:10587",
        sending__key="k" * 40,
        milter__internal=f"unix:{QUEUE}/byname/internal.sock",
    )
    entry = plan(postfix(), wanted).entry
    assert entry is not None
    assert entry.startswith("127.0.0.1:10587 inet n - y - - smtpd -o syslog_name=postfix/internal")
    assert "-o smtpd_milters=unix:byname/internal.sock" in entry
    there = service("127.0.0.1:10587", smtpd_authorized_xclient_hosts="127.0.0.1")
    assert plan(postfix(listeners=(*LISTENERS, there)), wanted).entry is None


# what main.cf has, what the settings have, and what is in the way
OBSTACLES = [
    ({"mail_version": "2.11.3"}, {}, "old-postfix"),
    ({}, {"maps__listen": "unix:/run/byname/maps.sock"}, "behind-chroot"),
    ({}, {"milter__submission": "unix:/run/byname/submission.sock"}, "behind-chroot"),
    ({}, {"lmtp__listen": "unix:/run/byname/lmtp.sock"}, "behind-chroot"),
    ({}, {"milter__local": ""}, "no-local-milter"),
    ({}, {"sending__listener": "127.0.0.1:10587", "sending__key": "k" * 40}, "no-internal-milter"),
    ({"virtual_mailbox_domains": "hash:/etc/postfix/domains"}, {}, "domains-of-others"),
]


@pytest.mark.parametrize(("main", "changed", "code"), OBSTACLES)
def test_obstacles(main: dict[str, str], changed: dict[str, str], code: str) -> None:
    found = plan(postfix(main), settings(**changed))
    assert [one.code for one in found.obstacles] == [code]
    assert (found.changes, found.is_done) == ((), False)
    assert found.obstacles[0].mend


def test_other_domains_may_go_when_told() -> None:
    main = {"virtual_mailbox_domains": "hash:/etc/postfix/domains"}
    (change,) = (one for one in plan(postfix(main), settings(), replace_domains=True).changes if one.parameter in main)
    assert (change.before, change.after) == ("hash:/etc/postfix/domains", PLAIN["virtual_mailbox_domains"])
    assert change.command == "postconf -e 'virtual_mailbox_domains = socketmap:unix:byname/maps.sock:domains'"


# a version, whether it knows the setting, and what it is set to
NEWLINES = [
    ("3.7.9", True, "yes"),
    ("3.7.10", True, "normalize"),
    ("3.8.4", True, "yes"),
    ("3.9.0", True, "normalize"),
    ("3.11-20260101", True, "normalize"),
    ("3.7.8", False, None),
]


@pytest.mark.parametrize(("version", "knows", "value"), NEWLINES)
def test_smuggling_by_version(version: str, knows: bool, value: str | None) -> None:
    before = postfix({"mail_version": version})
    if not knows:
        parameters = {name: DEFAULTS[name] for name in DEFAULTS if not name.startswith("smtpd_forbid")}
        before = Postfix(before.folder, parameters | {"mail_version": version}, {}, before.services)
    assert lines(plan(before, settings())).get("smtpd_forbid_bare_newline") == value


def test_no_listener_for_logins_is_said() -> None:
    assert "no listener for logins" in plan(postfix(listeners=(service(),)), settings()).notes[0]
