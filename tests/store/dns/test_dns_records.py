"""Required records: what is to be published, and how what was found holds against it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.dns.answers import Absent, Answer, Found, Unknown
from store.dns.checking import check
from store.dns.judging import Purpose, State
from store.dns.nameserver import RetryPolicy
from store.dns.proof import Sighting
from store.dns.records import Expected, Requirement, Service, judge, judge_values, not_checked, requirements, sighting
from store.dns.resolvers import Resolvers
from tests.store.dns.dns_server import DnsServer

EXPECTED = Expected(("mx1.host.test", "MX2.host.test."), "spf.host.test", "s1")
REQUIRED = requirements("example.test", "abc123", EXPECTED)
OK, MISSING, WRONG, UNKNOWN = State.OK, State.MISSING, State.WRONG, State.UNKNOWN


def of(purpose: Purpose, number: int = 0) -> Requirement:
    return [one for one in REQUIRED if one.purpose is purpose][number]


def test_what_is_to_be_published() -> None:
    assert [(str(one.purpose), one.name, one.type, one.required) for one in REQUIRED] == [
        ("ownership", "_byname.example.test", "TXT", "byname-verify=abc123"),
        ("mx", "example.test", "MX", "10 mx1.host.test"),
        ("mx", "example.test", "MX", "20 mx2.host.test"),
        ("spf", "example.test", "TXT", "v=spf1 include:spf.host.test ~all"),
        ("dkim", "s1._domainkey.example.test", "TXT", "v=DKIM1; k=rsa; p=<the public key of the mail service>"),
        ("dmarc", "_dmarc.example.test", "TXT", "v=DMARC1; p=none"),
    ]


def test_servers_for_mail_programs() -> None:
    services = (Service("imaps", "Mail.host.test.", 993), Service("submission", "mail.host.test", 587))
    found = requirements("example.test", "abc", Expected(services=services))[-2:]
    assert [(str(one.purpose), one.name, one.type, one.required) for one in found] == [
        ("clients", "_imaps._tcp.example.test", "SRV", "0 1 993 mail.host.test"),
        ("clients", "_submission._tcp.example.test", "SRV", "0 1 587 mail.host.test"),
    ]
    assert judge_values(found[0], ["10 5 993 mail.host.test"]) == (OK, None)
    assert judge_values(found[0], []) == (MISSING, None)
    assert judge_values(found[0], ["0 1 143 old.test"]) == (WRONG, "mail programs are sent to 143 old.test")


def test_what_no_setting_names_is_not_required() -> None:
    assert [one.purpose for one in requirements("example.test", "abc", Expected())] == ["ownership", "dkim", "dmarc"]


JUDGED: list[tuple[Requirement, list[str], State, str]] = [
    (of(Purpose.OWNERSHIP), [], MISSING, ""),
    (of(Purpose.OWNERSHIP), ["byname-verify=abc123"], OK, ""),
    (of(Purpose.OWNERSHIP), ["other", " BYNAME-Verify=ABC123 "], OK, ""),
    (of(Purpose.OWNERSHIP), ["byname-verify=abc1234"], WRONG, "token of another account"),
    (of(Purpose.OWNERSHIP), ['"byname-verify=abc123"'], WRONG, "quotation marks"),
    (of(Purpose.OWNERSHIP), ["v=spf1 -all"], MISSING, ""),  # a wildcard
    (of(Purpose.OWNERSHIP), ["abc123"], MISSING, ""),
    (of(Purpose.MX), ["10 mx1.host.test"], OK, ""),
    (of(Purpose.MX, 1), ["10 mx1.host.test"], MISSING, ""),
    (of(Purpose.MX, 1), ["10 mx1.host.test", "10 mx2.host.test"], OK, ""),
    (of(Purpose.MX), [], MISSING, ""),
    (of(Purpose.MX), ["10 mx1.host.test", "99 old.example.net"], WRONG, "old.example.net"),
    (of(Purpose.MX, 1), ["10 mx1.host.test", "99 old.example.net"], MISSING, "old.example.net"),
    (of(Purpose.MX), ["0 "], MISSING, "null MX"),
    (of(Purpose.SPF), [], MISSING, ""),
    (of(Purpose.SPF), ["google-site-verification=x"], MISSING, ""),
    (of(Purpose.SPF), ["v=spf1 include:spf.host.test ~all"], OK, ""),
    (of(Purpose.SPF), ["V=SPF1 mx +Include:SPF.host.test -all", "x"], OK, ""),
    (of(Purpose.SPF), ["v=spf1 redirect=spf.host.test"], OK, ""),
    (of(Purpose.SPF), ["v=spf1 mx -include:spf.host.test ~all"], WRONG, "to: v=spf1 mx include:spf.host.test ~all"),
    (of(Purpose.SPF), ["v=spf1 -all include:spf.host.test"], WRONG, "to: v=spf1 include:spf.host.test -all"),
    (of(Purpose.SPF), ["v=spf1 include:spf.host.test.evil.test"], WRONG, "evil.test include:spf.host.test"),
    (of(Purpose.SPF), ["v=spf1 -all", "v=spf1 include:spf.host.test ~all"], WRONG, "several SPF records"),
    (of(Purpose.SPF), ["v=spf10 include:spf.host.test"], MISSING, ""),
    (of(Purpose.DKIM), ["v=DKIM1; k=rsa; p=MIIB"], OK, ""),
    (of(Purpose.DKIM), ["p=MII B"], OK, ""),
    (of(Purpose.DKIM), ["v=DKIM1; p="], WRONG, "revoked"),
    (of(Purpose.DKIM), ["v=spf1 -all"], WRONG, "no DKIM key"),
    (of(Purpose.DKIM), ["v=DKIM2; p=MIIB"], WRONG, "no DKIM key"),
    (of(Purpose.DKIM), ["p=a", "p=b"], WRONG, "several keys"),
    (of(Purpose.DKIM), [], MISSING, ""),
    (of(Purpose.DMARC), ["v=DMARC1; p=quarantine; rua=mailto:x@example.test"], OK, ""),
    (of(Purpose.DMARC), ["v=DMARC1;p=REJECT"], OK, ""),
    (of(Purpose.DMARC), ["v=DMARC1"], WRONG, "p= must be"),
    (of(Purpose.DMARC), ["v=DMARC1; p=none", "v=DMARC1; p=none"], WRONG, "several DMARC"),
    (of(Purpose.DMARC), ["v=spf1 -all"], MISSING, ""),
    (of(Purpose.DMARC), [], MISSING, ""),
]


@pytest.mark.parametrize(("requirement", "values", "state", "word"), JUDGED)
def test_judged(requirement: Requirement, values: list[str], state: State, word: str) -> None:
    found, note = judge_values(requirement, values)
    assert found is state, note
    assert word in (note or ""), note
    assert bool(word) == bool(note), note


RIGHT, OTHER = Found(("byname-verify=abc123",)), Found(("v=spf1 -all",))
NONE, UNPROVEN, SILENT = Absent("NXDOMAIN", proven=True), Absent("NODATA", proven=False), Unknown("timeout")

# What the nameservers say about the proof, the state shown, and how it counts: seen, absent, proven absent, unknown.
TOGETHER: list[tuple[list[Answer], State, Sighting]] = [
    ([], UNKNOWN, Sighting()),
    ([RIGHT, RIGHT], OK, Sighting(seen=2)),
    ([RIGHT, SILENT], OK, Sighting(seen=1, unknown=1)),
    ([RIGHT, NONE], UNKNOWN, Sighting(seen=1, absent=1, proven_absent=1)),
    ([RIGHT, OTHER], UNKNOWN, Sighting(seen=1, absent=1, proven_absent=1)),
    ([NONE, NONE], MISSING, Sighting(absent=2, proven_absent=2)),
    ([NONE, OTHER], MISSING, Sighting(absent=2, proven_absent=2)),
    ([UNPROVEN, NONE], MISSING, Sighting(absent=2, proven_absent=1)),
    ([NONE, SILENT], MISSING, Sighting(absent=1, proven_absent=1, unknown=1)),
    ([SILENT, SILENT], UNKNOWN, Sighting(unknown=2)),
]


@pytest.mark.parametrize(("answers", "state", "counted"), TOGETHER)
def test_several_nameservers(answers: list[Answer], state: State, counted: Sighting) -> None:
    by_server = {f"192.0.2.{number}": answer for number, answer in enumerate(answers, 1)}
    assert judge(of(Purpose.OWNERSHIP), by_server).state is state
    assert sighting(of(Purpose.OWNERSHIP), by_server) == counted


def test_notes_name_the_nameserver() -> None:
    judged = judge(of(Purpose.OWNERSHIP), {"192.0.2.1": RIGHT, "192.0.2.2": NONE})
    assert judged.note == (
        "the nameservers differ, a change may still be on its way (192.0.2.1: ok, 192.0.2.2: missing)"
    )
    assert judged.found == ("byname-verify=abc123",)
    assert judge(of(Purpose.OWNERSHIP), {"192.0.2.1": RIGHT, "192.0.2.2": SILENT}).note == "192.0.2.2: timeout"
    assert judge(of(Purpose.OWNERSHIP), {}).note == "no nameserver is known"
    assert not_checked(of(Purpose.MX)).state is UNKNOWN


def test_so_much_of_what_strangers_publish_is_kept() -> None:
    many = Found(tuple(f"{number:03} {'x' * 5000}" for number in range(100)))
    spf = Found(("google-site-verification=x", "v=spf1 -all"))
    shown = judge(of(Purpose.DKIM), {"192.0.2.1": many})
    assert (len(shown.found), {len(value) for value in shown.found}) == (10, {603})
    assert judge(of(Purpose.SPF), {"192.0.2.1": spf}).found == ("v=spf1 -all",)
    assert len(judge(of(Purpose.SPF), {"192.0.2.1": Found(("v=spf1 " + "a " * 9000,))}).note or "") == 603


@given(
    st.sampled_from(REQUIRED), st.lists(st.text() | st.sampled_from([values[0] for _, values, *_ in JUDGED if values]))
)
def test_whatever_is_published_is_judged(requirement: Requirement, values: list[str]) -> None:
    state, note = judge_values(requirement, values)
    assert state is not UNKNOWN
    assert judge_values(requirement, values) == (state, note)


def test_a_whole_check_with_one_server_down() -> None:
    with DnsServer() as one, DnsServer() as two:
        one.add("_byname.example.test", "TXT", "byname-verify=abc123")
        one.add("example.test", "MX", "10 mx1.host.test.", "20 mx2.host.test.")
        one.add("example.test", "TXT", "v=spf1 include:spf.host.test ~all")
        one.add("_dmarc.example.test", "TXT", "v=DMARC1; p=reject")
        two.behave(silent=True)
        resolvers = Resolvers([one.nameserver, two.nameserver], RetryPolicy(0.5, 1))
        report = check("example.test", "abc123", EXPECTED, resolvers)
        names = (str(one.nameserver), str(two.nameserver))
    assert [(str(record.purpose), str(record.state)) for record in report.records] == [
        ("ownership", "ok"),
        ("mx", "ok"),
        ("mx", "ok"),
        ("spf", "ok"),
        ("dkim", "missing"),
        ("dmarc", "ok"),
    ]
    assert report.sighting == Sighting(seen=1, unknown=1)
    assert report.nameservers == names
