"""Every row of the recipient table (docs/design.md, section 3): what is written, verdict, rule, full reply."""

from typing import get_args

import pytest

from routing.address import parse_path
from routing.memory_directory import SilentDirectory
from routing.policy import Policy
from routing.recipient import resolve
from routing.verdicts import Defer, Deliver, NotOurs, RecipientVerdict, Reject
from tests.unit.sample_site import DIRECTORY, NOW

UNKNOWN = "550 5.1.1 <{}>: user unknown"

DELIVERED = [  # written, target, Delivered-To, rule
    ("john@brand-a.test", "john@brand-a.test", None, "mailbox"),
    ("JOHN@Brand-A.Test.", "john@brand-a.test", None, "mailbox"),
    ("john+lists@brand-a.test", "john+lists@brand-a.test", "john+lists@brand-a.test", "mailbox"),
    ("sales@brand-a.test", "john@brand-a.test", "sales@brand-a.test", "alias"),
    ("info@brand-a.test", "john@brand-a.test", "info@brand-a.test", "alias"),
    ("fair@brand-a.test", "john@brand-a.test", "fair@brand-a.test", "alias"),  # one second before it expires
    ("fair+x@brand-b.test", "john+x@brand-a.test", "fair+x@brand-b.test", "alias"),
    ("sales@brand-b.test", "john@brand-a.test", "sales@brand-b.test", "alias"),
    ("Sales+News@brand-b.test", "john+news@brand-a.test", "sales+news@brand-b.test", "alias"),
    ("sales+a+b@brand-b.test", "john+a+b@brand-a.test", "sales+a+b@brand-b.test", "alias"),
    ("anything@brand-b.test", "john@brand-a.test", "anything@brand-b.test", "catch-all"),
    ("anything+x@brand-b.test", "john@brand-a.test", "anything+x@brand-b.test", "catch-all"),
    ("+sales@brand-b.test", "john@brand-a.test", "+sales@brand-b.test", "catch-all"),
    ('"a b"@brand-b.test', "john@brand-a.test", '"a b"@brand-b.test', "catch-all"),
    ("abuse@brand-b.test", "john@brand-a.test", "abuse@brand-b.test", "catch-all"),  # row 9 finds no mailbox: go on
    ("john@xn--bcher-kva.test", "john@brand-a.test", "john@xn--bcher-kva.test", "alias"),
    ("john@bücher.test", "john@brand-a.test", "john@xn--bcher-kva.test", "alias"),
    ("postmaster@brand-a.test", "mary@brand-a.test", "postmaster@brand-a.test", "postmaster"),
    ("PostMaster+x@brand-a.test", "mary+x@brand-a.test", "postmaster+x@brand-a.test", "postmaster"),
    ("postmaster@drowsy.test", "mary@brand-a.test", "postmaster@drowsy.test", "postmaster"),  # system mailbox paused
    ("postmaster@off.test", "old@off.test", "postmaster@off.test", "postmaster"),  # row 3 comes before row 4
    ("abuse@brand-a.test", "mary@brand-a.test", "abuse@brand-a.test", "system-address"),
    ("mailer-daemon+x@brand-a.test", "mary+x@brand-a.test", "mailer-daemon+x@brand-a.test", "system-address"),
]

REFUSED = [  # written, rule, reply
    ("off@brand-a.test", "alias-disabled", UNKNOWN),
    ("outbox@brand-a.test", "alias-receive-off", UNKNOWN),
    ("off@brand-b.test", "alias-disabled", UNKNOWN),  # although the domain has a catch-all
    ("off+x@brand-b.test", "alias-disabled", UNKNOWN),
    ("outbox@brand-b.test", "alias-receive-off", UNKNOWN),
    ("gone@brand-a.test", "alias-expired", UNKNOWN),  # at the very moment
    ("gone@brand-b.test", "alias-expired", UNKNOWN),  # although the domain has a catch-all, and receiving is off too
    ("gone+x@brand-b.test", "alias-expired", UNKNOWN),
    ("gone-off@brand-a.test", "alias-disabled", UNKNOWN),
    ("deleted@brand-a.test", "name-kept", UNKNOWN),
    ("deleted@brand-b.test", "name-kept", UNKNOWN),  # although the domain has a catch-all
    ("Deleted+x@Brand-B.test", "name-kept", UNKNOWN),
    ("nobody@brand-a.test", "unknown", UNKNOWN),
    ("nobody+john@brand-a.test", "unknown", UNKNOWN),
    ("+john@brand-a.test", "unknown", UNKNOWN),
    ("x@sleepy.test", "unknown", UNKNOWN),  # the catch-all's mailbox is paused
    ("abuse@empty.test", "unknown", UNKNOWN),
    ("jöhn@brand-b.test", "unknown", UNKNOWN),  # no catch-all takes what only SMTPUTF8 can carry
    (f"{'x' * 256}@brand-b.test", "unknown", UNKNOWN),
    *(
        (f"{name}@{domain}", "detail-routes", "550 5.1.3 <{}>: a sub-address may not hold %, ! or @")
        for name in ("john+x%bank.test", "sales+bank.test!x", "nobody+%", "postmaster+x%y")
        for domain in ("brand-a.test", "brand-b.test", "off.test")
    ),
    ('"john+x@bank.test"@brand-a.test', "detail-routes", "550 5.1.3 <{}>: a sub-address may not hold %, ! or @"),
    ("paused@brand-a.test", "mailbox-paused", "550 5.2.1 <{}>: mailbox disabled"),
    ("paused+x@brand-a.test", "mailbox-paused", "550 5.2.1 <{}>: mailbox disabled"),
    ("sleeping@brand-a.test", "mailbox-paused", "550 5.2.1 <{}>: mailbox disabled"),
    ("old@off.test", "domain-off", "550 5.7.1 <{}>: Domain is switched off"),
    ("nobody@off.test", "domain-off", "550 5.7.1 <{}>: Domain is switched off"),
    ("moved@brand-a.test", "domain-off", "550 5.7.1 <{}>: Domain is switched off"),  # row 4 for the alias's mailbox
]

NOT_OURS = ["x@outside.test", "x@[127.0.0.1]", "x@not_a_domain.test", "postmaster", "x@xn--99999999.test", "x@-a.test"]


def verdict(written: str, policy: Policy | None = None) -> RecipientVerdict:
    return resolve(DIRECTORY, policy or Policy(), parse_path(written), NOW)


@pytest.mark.parametrize(("written", "target", "delivered_to", "rule"), DELIVERED)
def test_delivered(written: str, target: str, delivered_to: str | None, rule: str) -> None:
    found = verdict(written)
    assert isinstance(found, Deliver)
    assert (str(found.target), found.rule) == (target, rule)
    assert (None if found.delivered_to is None else str(found.delivered_to)) == delivered_to


@pytest.mark.parametrize(("written", "rule", "expected"), REFUSED)
def test_refused_for_good(written: str, rule: str, expected: str) -> None:
    found = verdict(written)
    assert isinstance(found, Reject)
    assert (found.rule, str(found.reply)) == (rule, expected.format(parse_path(written)))
    assert not found.reply.is_temporary


@pytest.mark.parametrize("written", NOT_OURS)
def test_not_ours(written: str) -> None:
    assert isinstance(verdict(written), NotOurs)


@pytest.mark.parametrize("local", ["john", "postmaster", "nobody", "sales+x"])
def test_no_evidence_is_451(local: str) -> None:
    found = resolve(SilentDirectory(), Policy(), parse_path(f"{local}@brand-a.test"), NOW)
    assert isinstance(found, Defer)
    expected = f"451 4.3.0 <{local}@brand-a.test>: Recipient lookup failed, please try again"
    assert (found.rule, str(found.reply)) == ("no-evidence", expected)
    assert found.reply.is_temporary


def test_postmaster_without_any_mailbox_is_deferred() -> None:
    found = verdict("postmaster@empty.test")
    assert isinstance(found, Defer)
    assert str(found.reply) == (
        "451 4.3.0 <postmaster@empty.test>: No mailbox for this system address yet, please try again"
    )


@pytest.mark.parametrize(
    ("site_postmaster", "expected"),
    [
        ("mary@brand-a.test", "mary@brand-a.test"),
        ("sales@brand-a.test", "john@brand-a.test"),  # an alias leads to its mailbox
        ("root@outside.test", "root@outside.test"),  # the operator's word
        ("off@brand-a.test", None),
        ("outbox@brand-a.test", None),
        ("paused@brand-a.test", None),
        ("nobody@brand-a.test", None),
    ],
)
def test_the_sites_postmaster_is_the_last_resort(site_postmaster: str, expected: str | None) -> None:
    found = verdict("postmaster+x@empty.test", Policy(postmaster=parse_path(site_postmaster)))
    if expected is None:
        assert isinstance(found, Defer)
    else:
        assert isinstance(found, Deliver)
        assert (str(found.target), found.rule) == (expected, "postmaster")


@pytest.mark.parametrize("local", ["sue", "both", "nobody"])
def test_suspended_account(local: str) -> None:
    deferred = verdict(f"{local}@suspended.test")
    assert isinstance(deferred, Defer)
    assert str(deferred.reply) == (f"451 4.7.1 <{local}@suspended.test>: Account is suspended, please try again later")
    rejected = verdict(f"{local}@suspended.test", Policy(suspended="reject"))
    assert isinstance(rejected, Reject)
    assert str(rejected.reply) == f"550 5.7.1 <{local}@suspended.test>: Account is suspended"


def test_another_delimiter_and_none() -> None:
    dash = verdict("sales-x@brand-a.test", Policy(recipient_delimiter="-"))
    assert isinstance(dash, Deliver)
    assert str(dash.target) == "john-x@brand-a.test"
    assert isinstance(verdict("sales+x@brand-a.test", Policy(recipient_delimiter="")), Reject)


def test_system_addresses_are_a_setting() -> None:
    named = verdict("security@brand-a.test", Policy(system_addresses=frozenset({"postmaster", "security"})))
    assert isinstance(named, Deliver)
    assert named.rule == "system-address"
    assert isinstance(verdict("abuse@brand-a.test", Policy(system_addresses=frozenset())), Reject)


def test_verdicts_are_told_apart_by_type() -> None:
    assert set(get_args(RecipientVerdict)) == {Deliver, Reject, Defer, NotOurs}
