"""Asking nameservers: right answers, none, and every way in which a server lies, fails or is slow."""

import time
from collections.abc import Iterator
from itertools import pairwise

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.dns.answers import Absent, Answer, Found, Question, Unknown
from store.dns.nameserver import Nameserver, RetryPolicy
from store.dns.reading import read
from store.dns.resolvers import HOPS, Resolvers, ask, system_nameservers
from tests.store.dns.dns_server import DnsServer

NAME = "_byname.example.test"
TOKEN = "byname-verify=abc"
QUICK = RetryPolicy(timeout=0.3, tries=2)


@pytest.fixture
def server() -> Iterator[DnsServer]:
    with DnsServer() as running:
        yield running


def asked(server: DnsServer, name: str = NAME, kind: str = "TXT", retry_policy: RetryPolicy = QUICK) -> Answer:
    return ask(server.nameserver, Question(name, kind), retry_policy)


# How the server behaves while it holds the record, and what is learned. What is forged or damaged is never believed.
BEHAVIOURS: list[tuple[dict[str, object], Answer]] = [
    ({}, Found((TOKEN,))),
    ({"recursive": False}, Found((TOKEN,))),
    ({"other_case": True}, Found((TOKEN,))),
    ({"refuses_edns": True}, Found((TOKEN,))),
    ({"truncated": "udp"}, Found((TOKEN,))),
    ({"truncated": "cut"}, Found((TOKEN,))),
    ({"truncated": "both"}, Unknown("truncated, over TCP as well")),
    ({"truncated": "tcp-closes"}, Unknown("truncated, and no answer over TCP")),
    ({"wrong_id": "first"}, Found((TOKEN,))),
    ({"wrong_id": "only"}, Unknown("the answer does not belong to the question")),
    ({"wrong_question": True}, Unknown("the answer does not belong to the question")),
    ({"garbage": True}, Unknown("malformed answer")),
    ({"silent": True}, Unknown("timeout")),
    ({"delay": 0.7}, Unknown("timeout")),
    ({"delay": 0.02}, Found((TOKEN,))),
    ({"lame": "flags"}, Unknown("a lame server: it neither holds the zone nor asks others")),
    ({"lame": "referral"}, Unknown("a lame server: it refers to others")),
    ({"rcode": dns.rcode.SERVFAIL}, Unknown("SERVFAIL")),
    ({"rcode": dns.rcode.REFUSED}, Unknown("REFUSED")),
    ({"rcode": dns.rcode.NOTIMP}, Unknown("NOTIMP")),
    ({"rcode": dns.rcode.FORMERR}, Unknown("FORMERR")),
    ({"rcode": dns.rcode.NXDOMAIN}, Absent("NXDOMAIN", proven=False)),
]


@pytest.mark.parametrize(("behaviour", "learned"), BEHAVIOURS, ids=lambda value: str(value)[:60])
def test_behaviour(server: DnsServer, behaviour: dict[str, object], learned: Answer) -> None:
    server.add(NAME, "TXT", TOKEN)
    server.behave(**behaviour)  # type: ignore[arg-type]
    assert asked(server) == learned


@pytest.mark.parametrize(
    ("zone", "behaviour", "learned"),
    [
        ([], {}, Absent("NXDOMAIN", proven=True)),
        ([], {"no_soa": True}, Absent("NXDOMAIN", proven=False)),
        ([(NAME, "MX", "10 mx.test.")], {}, Absent("NODATA", proven=True)),
        ([(NAME, "MX", "10 mx.test.")], {"no_soa": True}, Absent("NODATA", proven=False)),
        ([(f"below.{NAME}", "TXT", "x")], {}, Absent("NODATA", proven=True)),  # an empty non-terminal
        ([("*.example.test", "TXT", "v=spf1 -all")], {}, Found(("v=spf1 -all",))),
        ([("*.example.test", "MX", "10 mx.test.")], {}, Absent("NODATA", proven=True)),
        ([(NAME, "TXT", "b"), (NAME, "TXT", "a")], {}, Found(("a", "b"))),
        ([(NAME, "TXT", '"one" " and " "two"')], {}, Found(("one and two",))),
        ([(NAME, "TXT", '"caf\\195\\169 \\255"')], {}, Found(("café \\xff",))),
        ([(NAME, "TXT", '""')], {}, Found(("",))),
    ],
)
def test_zone(
    server: DnsServer, zone: list[tuple[str, str, str]], behaviour: dict[str, object], learned: Answer
) -> None:
    for name, kind, value in zone:
        server.add(name, kind, value)
    server.behave(**behaviour)  # type: ignore[arg-type]
    assert asked(server) == learned


def test_mx_in_order_of_preference_in_lower_case(server: DnsServer) -> None:
    server.add("example.test", "MX", "20 B.Example.NET.", "10 a.example.net.", "5 b.example.net.")
    assert asked(server, "example.test", "MX") == Found(("5 b.example.net", "10 a.example.net", "20 b.example.net"))
    server.add("_imaps._tcp.example.test", "SRV", "0 1 993 Mail.Example.NET.")
    assert asked(server, "_imaps._tcp.example.test", "SRV") == Found(("0 1 993 mail.example.net",))


def chain(server: DnsServer, length: int, *, closed: bool = False) -> None:
    names = [NAME, *(f"hop{number}.test" for number in range(1, length + 1))]
    for here, there in pairwise(names):
        server.add(here, "CNAME", there)
    if closed:
        server.add(names[-1], "CNAME", NAME)
    else:
        server.add(names[-1], "TXT", TOKEN)


@pytest.mark.parametrize("chases", [True, False], ids=["in one answer", "asked again"])
@pytest.mark.parametrize(
    ("length", "closed", "learned"),
    [
        (1, False, Found((TOKEN,))),
        (HOPS - 1, False, Found((TOKEN,))),
        (1, True, Unknown),
        (3, True, Unknown),
        (40, False, Unknown),
    ],
)
def test_cname_chain(server: DnsServer, chases: bool, length: int, closed: bool, learned: object) -> None:
    chain(server, length, closed=closed)
    server.zone.chases = chases
    answer = asked(server)
    assert answer == learned or (learned is Unknown and isinstance(answer, Unknown)), answer
    assert len(server.asked) <= HOPS


@pytest.mark.parametrize("chases", [True, False])
def test_cname_to_nothing(server: DnsServer, chases: bool) -> None:
    server.add(NAME, "CNAME", "gone.test")
    server.zone.chases = chases
    assert asked(server) == Absent("NXDOMAIN", proven=True)


def test_nobody_listens() -> None:
    with DnsServer() as server:
        gone = server.nameserver
    time.sleep(0.05)
    before = time.monotonic()
    assert ask(gone, Question(NAME, "TXT"), RetryPolicy(5, 2)) == Unknown("Connection refused")
    assert time.monotonic() - before < 1


def test_a_name_that_is_too_long(server: DnsServer) -> None:
    long = ".".join(["a" * 49] * 5)
    assert asked(server, f"_byname.{long}") == Unknown("the name is too long for DNS")
    assert server.asked == []


def test_tries_are_counted(server: DnsServer) -> None:
    server.behave(silent=True)
    asked(server, retry_policy=RetryPolicy(0.1, 3))
    assert [transport for transport, _, _ in server.asked] == ["udp"] * 3


def test_survey_asks_everyone_at_once(server: DnsServer) -> None:
    server.add(NAME, "TXT", TOKEN)
    server.behave(delay=0.1)
    questions = [Question(NAME, "TXT"), Question("example.test", "MX"), Question("example.test", "TXT")]
    with DnsServer() as other:
        other.behave(rcode=dns.rcode.REFUSED, delay=0.1)
        before = time.monotonic()
        survey = Resolvers([server.nameserver, other.nameserver], RetryPolicy(1, 1)).survey(questions)
        assert time.monotonic() - before < 0.55  # one after the other: 0.6
        both = [survey[questions[0]][one] for one in (server.nameserver, other.nameserver)]
    assert both == [Found((TOKEN,)), Unknown("REFUSED")]
    assert list(survey) == questions


def test_one_named_twice_is_one_witness(server: DnsServer) -> None:
    resolvers = Resolvers([server.nameserver, server.nameserver], QUICK)
    assert resolvers.servers == (server.nameserver,)


def test_no_nameserver_at_all() -> None:
    assert Resolvers([]).survey([Question(NAME, "TXT")]) == {Question(NAME, "TXT"): {}}


def test_the_nameservers_of_the_system_can_be_read() -> None:
    assert all(isinstance(server, Nameserver) for server in system_nameservers())


def wires() -> list[bytes]:
    """Answers as they come, from which hostile ones are made."""
    query = dns.message.make_query(NAME, "TXT")
    found = dns.message.make_response(query)
    found.answer = [
        dns.rrset.from_text(f"{NAME}.", 60, "IN", "CNAME", "hop.test."),
        dns.rrset.from_text("hop.test.", 60, "IN", "TXT", '"a" "b"', '"c"'),
    ]
    none = dns.message.make_response(query)
    none.set_rcode(dns.rcode.NXDOMAIN)
    none.authority = [dns.rrset.from_text("test.", 60, "IN", "SOA", "ns.test. h.test. 1 2 3 4 5")]
    mail = dns.message.make_response(dns.message.make_query(NAME, "MX"))
    mail.answer = [dns.rrset.from_text(f"{NAME}.", 60, "IN", "MX", "10 a.test.", "0 .")]
    for message in (found, none, mail):
        message.flags |= dns.flags.AA
    return [message.to_wire() for message in (found, none, mail)]


@given(st.sampled_from(wires()), st.lists(st.tuples(st.integers(2, 200), st.integers(0, 255)), max_size=4))
def test_damaged_answers_are_read_or_refused_and_nothing_else(wire: bytes, damage: list[tuple[int, int]]) -> None:
    damaged = bytearray(wire)
    for place, value in damage:
        damaged[place % len(damaged)] = value
    try:
        message = dns.message.from_wire(bytes(damaged))
    except (dns.exception.DNSException, ValueError):
        return
    assert isinstance(read(message), Found | Absent | Unknown | dns.name.Name)


@pytest.mark.parametrize(
    ("server", "text"),
    [
        (Nameserver("192.0.2.1"), "192.0.2.1"),
        (Nameserver("192.0.2.1", 5353), "192.0.2.1:5353"),
        (Nameserver("2001:db8::1", 5353), "[2001:db8::1]:5353"),
        (Nameserver("2001:db8::1"), "2001:db8::1"),
    ],
)
def test_shown(server: Nameserver, text: str) -> None:
    assert str(server) == text
