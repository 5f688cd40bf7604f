"""The socketmap protocol and the three maps: what Postfix gets for each key."""

from collections.abc import Collection, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edges.maps import standard_maps
from edges.netstrings import LONGEST
from edges.socketmap import Found, NotFound, Temporary, answer
from routing.address import Address
from routing.memory_directory import MemoryDirectory, SilentDirectory
from routing.policy import Policy
from routing.records import Alias, HostedDomain, Mailbox

JOHN = Mailbox(Address("john", "brand-a.test"))
PAUSED = Mailbox(Address("paused", "brand-a.test"), is_active=False)
CARL = Mailbox(Address("carl", "late.test"), account_active=False)

BRAND_A = HostedDomain(
    "brand-a.test",
    oldest_mailbox=JOHN,
    names={
        "john": JOHN,
        "paused": PAUSED,
        "sales": Alias(JOHN, can_send=True),
        "quiet": Alias(JOHN),
        "deaf": Alias(JOHN, can_receive=False, can_send=True),
        "off": Alias(JOHN, is_active=False, can_send=True),
        "of-paused": Alias(PAUSED, can_send=True),
    },
)
SWITCHED_OFF = HostedDomain("off.test", is_active=False, names={"mike": Alias(JOHN, can_send=True)})
SUSPENDED = HostedDomain("late.test", account_active=False, names={"carl": CARL})
COVERED = HostedDomain("xn--mnchen-3ya.test", catch_all=JOHN)


class BrokenDirectory:
    """A directory with a bug."""

    def lookup(self, wanted: Collection[Address]) -> Mapping[str, HostedDomain]:
        raise ZeroDivisionError


MAPS = standard_maps(MemoryDirectory([BRAND_A, SWITCHED_OFF, SUSPENDED, COVERED]), Policy())


@pytest.mark.parametrize(
    ("key", "reply"),
    [
        ("brand-a.test", "OK brand-a.test"),
        ("BRAND-A.Test", "OK brand-a.test"),
        ("brand-a.test.", "OK brand-a.test"),
        ("xn--mnchen-3ya.test", "OK xn--mnchen-3ya.test"),
        ("m\u00fcnchen.test", "OK xn--mnchen-3ya.test"),
        ("off.test", "OK off.test"),  # stays hosted, so that the milter gives the reason
        ("late.test", "OK late.test"),
        ("other.test", "NOTFOUND "),
        ("sub.brand-a.test", "NOTFOUND "),
        (".brand-a.test", "NOTFOUND "),
        ("brand-a.test..", "NOTFOUND "),
        ("john@brand-a.test", "NOTFOUND "),
        ("brand-a.test x", "NOTFOUND "),
        ("[192.0.2.1]", "NOTFOUND "),
        ("*", "NOTFOUND "),
        ("", "NOTFOUND "),
        ("a" * 70 + ".test", "NOTFOUND "),
        ("\u212aelvin.test", "NOTFOUND "),
        ("bad\udcff.test", "NOTFOUND "),
    ],
)
def test_domains(key: str, reply: str) -> None:
    assert answer(MAPS, f"domains {key}".encode("utf-8", "surrogateescape")).encode().decode() == reply


@pytest.mark.parametrize(
    ("key", "reply"),
    [
        ("john@brand-a.test", "OK john@brand-a.test"),
        ("sales@brand-a.test", "OK john@brand-a.test"),
        ("SALES@Brand-A.test.", "OK john@brand-a.test"),
        ("sales+news@brand-a.test", "OK john+news@brand-a.test"),
        ("any@xn--mnchen-3ya.test", "OK john@brand-a.test"),
        ("postmaster@brand-a.test", "OK john@brand-a.test"),
        ("off@brand-a.test", "NOTFOUND "),
        ("deaf@brand-a.test", "NOTFOUND "),
        ("paused@brand-a.test", "NOTFOUND "),
        ("nobody@brand-a.test", "NOTFOUND "),
        ("mike@off.test", "NOTFOUND "),
        ("x@other.test", "NOTFOUND "),
        ("brand-a.test", "NOTFOUND "),
        ("@brand-a.test", "NOTFOUND "),
        ("", "NOTFOUND "),
        ("carl@late.test", "TEMP 451 4.7.1 <carl@late.test>: Account is suspended, please try again later"),
        (
            "postmaster@xn--mnchen-3ya.test",
            "TEMP 451 4.3.0 <postmaster@xn--mnchen-3ya.test>: No mailbox for this system address yet, please try again",
        ),
    ],
)
def test_aliases(key: str, reply: str) -> None:
    assert answer(MAPS, f"aliases {key}".encode()).encode().decode() == reply


@pytest.mark.parametrize(
    ("key", "reply"),
    [
        ("john@brand-a.test", "OK john@brand-a.test"),
        ("John+x@brand-a.test", "OK john@brand-a.test"),
        ("sales@brand-a.test", "OK john@brand-a.test"),
        ("sales+x@brand-a.test", "OK john@brand-a.test"),
        ("deaf@brand-a.test", "OK john@brand-a.test"),
        ("quiet@brand-a.test", "NOTFOUND "),
        ("off@brand-a.test", "NOTFOUND "),
        ("paused@brand-a.test", "NOTFOUND "),
        ("of-paused@brand-a.test", "NOTFOUND "),
        ("mike@off.test", "NOTFOUND "),
        ("carl@late.test", "NOTFOUND "),
        ("any@xn--mnchen-3ya.test", "NOTFOUND "),  # a catch-all lends no right to send
        ("postmaster@brand-a.test", "NOTFOUND "),
        ("x@other.test", "NOTFOUND "),
        ("brand-a.test", "NOTFOUND "),
        ("<>", "NOTFOUND "),
        ("", "NOTFOUND "),
    ],
)
def test_senders(key: str, reply: str) -> None:
    assert answer(MAPS, f"senders {key}".encode()).encode().decode() == reply


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        ("domains brand-a.test", "TEMP lookup failed, please try again"),
        (
            "aliases sales@brand-a.test",
            "TEMP 451 4.3.0 <sales@brand-a.test>: Recipient lookup failed, please try again",
        ),
        ("senders sales@brand-a.test", "TEMP lookup failed, please try again"),
        ("domains not a domain", "NOTFOUND "),  # evident without asking
    ],
)
def test_no_evidence_is_temporary(request_: str, reply: str) -> None:
    assert answer(standard_maps(SilentDirectory(), Policy()), request_.encode()).encode().decode() == reply


@pytest.mark.parametrize("request_", ["domains a.test", "aliases x@a.test", "senders x@a.test"])
def test_a_bug_is_temporary(request_: str) -> None:
    found = answer(standard_maps(BrokenDirectory(), Policy()), request_.encode())
    assert found == Temporary("internal error, please try again")


@pytest.mark.parametrize("request_", [b"", b"domains", b"Domains a.test", b"other a.test", b" a.test", b"\xff\x00 x"])
def test_unknown_map_is_permanent(request_: bytes) -> None:
    reply = answer(MAPS, request_).encode()
    assert reply == b"PERM there is no such map; there are: domains, aliases, senders"


@given(st.sampled_from(["domains", "aliases", "senders"]), st.binary(max_size=80))
def test_any_key_gets_a_reply_postfix_takes(name: str, key: bytes) -> None:
    reply = answer(MAPS, name.encode() + b" " + key).encode()
    assert reply.split(b" ")[0] in {b"OK", b"NOTFOUND", b"TEMP"}
    assert reply != b"TEMP internal error, please try again"
    assert len(reply) <= LONGEST


@pytest.mark.parametrize(
    ("found", "wire"),
    [
        (Found("a" * (LONGEST - 3)), b"OK " + b"a" * (LONGEST - 3)),
        (Found("a" * (LONGEST - 2)), b"TEMP the result is too long"),
        (NotFound(), b"NOTFOUND "),
        (Temporary("na\u00efve"), b"TEMP na?ve"),
    ],
)
def test_reply_on_the_wire(found: Found | NotFound | Temporary, wire: bytes) -> None:
    assert found.encode() == wire
