"""Field names that no mail may have: refused when an MTA passes them on; and what Postfix passes on."""

import pytest

from bench.load.milter_client import ProtocolError, opened
from byname.sandbox.site import PrivateSite
from tests.mail.dialogue import Dialogue, logged_in, submit
from tests.mail.world import JOHN

MALFORMED = "550 5.6.0 The name of a header field is malformed"
ROLES = {"inbound": "a@x.test", "submission": JOHN, "local": "a@x.test"}
NAMES = [b"X-\xff", b"From\xa0", b"\xc3\xa4", b"\xff" * 3000, b"X\x01", b"X Y", b" ", b"X:Y", b"X\x7f", b"\xed\xa0\x80"]


def address(site: PrivateSite, role: str) -> str:
    place = site.place(role)
    assert isinstance(place, tuple)
    return f"inet:{place[1]}@{place[0]}"


def answer(site: PrivateSite, role: str, name: bytes) -> str:
    """Send a message with this field as an MTA would, and return the text of the refusal, empty for none."""
    with opened(address(site, role)) as mta:
        for _ in range(2):  # the connection goes on after a refusal
            mta.mail(ROLES[role], macros={"{auth_authen}": JOHN} if role == "submission" else None)
            mta.rcpt("sales@brand-b.test")
            mta.event("L", b"From\0 " + ROLES[role].encode() + b"\0")
            mta.event("L", name + b"\0 v\0")
            last = mta.event("N", b"")
            last = last if last.code != 250 else mta.event("E", b"")
            mta.abort()
        return last.text


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("role", ROLES)
def test_a_malformed_name_is_refused(site: PrivateSite, role: str, name: bytes) -> None:
    assert answer(site, role, name) == MALFORMED
    log = site.daemons[role].log()
    assert "rule=malformed-field-name" in log
    assert "Traceback" not in log


@pytest.mark.parametrize("name", [b"X", b"X-!#$%&'*+/=?^_`{|}~.", b"Subject \t", b"x" * 3000])
@pytest.mark.parametrize("role", ROLES)
def test_other_names_pass(site: PrivateSite, role: str, name: bytes) -> None:
    assert answer(site, role, name) == ""


def test_an_empty_name_ends_the_connection_inside_libmilter(site: PrivateSite) -> None:
    """Before any code of ours; an MTA then does as with a milter that is away. Postfix never sends such a name."""
    with pytest.raises((ProtocolError, ConnectionResetError, BrokenPipeError)):
        answer(site, "inbound", b"")


LINES = [b"X-\xff: v", b"From\xa0: ceo@bank.test", b": v", b"X\x01: v", b"X Y: v", b"\xff: v"]


@pytest.mark.parametrize("line", LINES)
def test_postfix_takes_such_a_line_for_the_end_of_the_header(site: PrivateSite, line: bytes) -> None:
    """It is no field for Postfix, which puts an empty line before it; so no milter ever sees such a name."""
    before = site.daemons["inbound"].log().count("malformed-field-name")
    with Dialogue(site.postfix.inbound_port) as smtp:
        assert smtp.mail([f"<{JOHN}>"], b"Subject: x\r\n" + line + b"\r\nX-After: 1\r\n\r\nx\r\n")[-1].startswith("250")
    with logged_in(site, JOHN) as client:
        header = b"From: john@brand-a.test\r\n" + line + b"\r\nX-After: 1"
        assert submit(client, f"<{JOHN}>", header).startswith("250")
    for sink in (site.mailboxes, site.outside):
        (copy,) = sink.wait_for(1)
        assert b"\n\n" + line in copy.content.replace(b"\r", b"")
    assert site.daemons["inbound"].log().count("malformed-field-name") == before
