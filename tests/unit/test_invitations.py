"""Invitations in submitted mail: how they may be packed, whom they name, what is said to it."""

import base64
import quopri

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from routing.calendar import Invitations, judge_invitations
from routing.memory_directory import SilentDirectory
from routing.mime_parts import DEEPEST, LONGEST_HEADER, MOST_MULTIPARTS, MOST_PARTS, MimeParts
from routing.policy import Policy
from routing.trust import MOST_CLAIMS
from routing.verdicts import Defer
from tests.unit.ordinary_mails import calendar
from tests.unit.sample_site import DIRECTORY, NOW

JOHN, CEO = "john@brand-a.test", "ceo@bank.test"
FOREIGN = calendar("REQUEST", CEO, JOHN)
MIXED = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
PART = b"Content-Type: text/calendar\r\n"
GOOD, BAD, MALFORMED = None, "foreign-organizer", "bad-mime"


def packed(part: bytes) -> bytes:
    return MIXED + b"--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b\r\n" + part + b"\r\n--b--\r\n"


def says(*lines: str, method: str = "REQUEST") -> bytes:
    return PART + b"\r\n" + f"METHOD:{method}\r\n".encode() + "".join(f"{line}\r\n" for line in lines).encode()


DEEP = b"".join(b"Content-Type: multipart/mixed; boundary=b%02d\r\n\r\n--b%02d\r\n" % (n, n) for n in range(DEEPEST))
CASES = [  # message, rule
    (PART + b"\r\n" + FOREIGN, BAD),
    (packed(PART + b"\r\n" + FOREIGN), BAD),
    (packed(PART + b"Content-Transfer-Encoding: BASE64 (x)\r\n\r\n" + base64.encodebytes(FOREIGN)), BAD),
    (packed(PART + b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.b64encode(FOREIGN * 40).rstrip(b"=")), BAD),
    (packed(PART + b"Content-Transfer-Encoding: base64\r\n\r\nA"), GOOD),
    (packed(PART + b"content-transfer-encoding : quoted-printable\r\n\r\n" + quopri.encodestring(FOREIGN)), BAD),
    (packed(b"Content-Type: application/ics\r\n\r\n" + FOREIGN), BAD),
    (packed(b"Content-Type: application/octet-stream;\r\n name=\"x.ICS\"\r\n\r\n" + FOREIGN), BAD),
    (packed(b"Content-Disposition: attachment; filename=x.ics\r\n\r\n" + FOREIGN), BAD),
    (packed(b"Content-Type: text/plain\r\n\r\n" + FOREIGN), GOOD),
    (packed(b"Content-Type: nonsense\r\n\r\n" + FOREIGN), GOOD),
    (packed(b"X-Other: x\r\n\r\n" + FOREIGN), GOOD),
    (packed(b"Content-Type: message/rfc822\r\n\r\nFrom: ceo@bank.test\r\n" + PART + b"\r\n" + FOREIGN), GOOD),
    (FOREIGN, GOOD),  # a header that says nothing
    (packed(says("ORGANIZER:mailto:john@brand-a.test")), GOOD),
    (packed(says("ORGANIZER:mailto:sales@brand-b.test")), GOOD),
    (packed(says("ORGANIZER:mailto:info@brand-a.test")), BAD),  # send is off
    (packed(says("organizer;CN=\"ceo@bank.test\":mailto:john@brand-a.test")), BAD),
    (packed(says("ORGANIZER;SENT-BY=\"mailto:john@brand-a.test\":mailto:ceo@bank.test")), BAD),
    (packed(says("ORGANIZER;CN=Boss", " :MAILTO:ceo@ba", "\tnk.test")), BAD),
    (packed(says("ORGANIZER:mailto:ceo%40bank.test")), BAD),
    (packed(says("SUMMARY:x\rORGANIZER:mailto:ceo@bank.test")), BAD),
    (packed(says("ORGANIZER:ceo@bank.test")), BAD),
    (packed(says("ORGANIZER:urn:uuid:1")), GOOD),
    (packed(says("ORGANIZER:mailto:ceo@[192.0.2.1]")), MALFORMED),
    (packed(says("ORGANIZER;X=" + "x" * 5000 + ":mailto:ceo@bank.test")), MALFORMED),
    (packed(says("SUMMARY:" + "x" * 5000, "ORGANIZER:mailto:ceo@bank.test")), BAD),
    (packed(says(*["ORGANIZER:mailto:john@brand-a.test"] * 99)), GOOD),  # an event that recurs
    (packed(says(*[f"ORGANIZER:mailto:john+{n}@brand-a.test" for n in range(MOST_CLAIMS)])), GOOD),
    (packed(says(*[f"ORGANIZER:mailto:john+{n}@brand-a.test" for n in range(MOST_CLAIMS + 1)])), MALFORMED),
    (packed(says(*[f"ATTENDEE:mailto:a{n}@bank.test" for n in range(99)])), GOOD),
    (packed(says(f"ORGANIZER:mailto:{CEO}", f"ATTENDEE:mailto:{JOHN}", method="REPLY")), GOOD),
    (packed(says(f"ORGANIZER:mailto:{JOHN}", f"ATTENDEE:mailto:{CEO}", method="REPLY")), BAD),
    (packed(says(f"ORGANIZER:mailto:{CEO}", f"ATTENDEE:mailto:{CEO}", method="COUNTER")), GOOD),
    (packed(says(f"ORGANIZER:mailto:{CEO}", "METHOD:REQUEST", method="REPLY")), BAD),
    (packed(b"Content-Type: text/calendar; method=\"REQUEST\"\r\n\r\n" + calendar("REPLY", CEO, JOHN)), BAD),
    (packed(PART + b"\r\n" + calendar("", CEO, JOHN)), BAD),
    (packed(PART + b"Content-Disposition: attachment\r\n\r\n" + calendar("", CEO, JOHN)), GOOD),
    (packed(PART + b"Content-Disposition: attachment\r\n\r\n" + calendar("PUBLISH", CEO, JOHN)), BAD),
    (packed(PART + b"Content-Transfer-Encoding: quoted-printable\r\n\r\nX:" + b"=41" * 3000 + b"\r\n" + FOREIGN), BAD),
    (packed(PART + b"Content-Transfer-Encoding: quoted-printable\r\n\r\nORGANIZER:mailto:ceo=40bank.test"), BAD),
    (PART + b"Content-Transfer-Encoding: quoted-printable\r\n\r\nORGANIZER:mailto:ceo=40bank.test", BAD),
    (packed(says("ORGANIZER;CN=@:mailto:john@brand-a.test")), GOOD),
    (packed(says("--x", "--", f"ORGANIZER:mailto:{CEO}")), BAD),
    # What a lenient program takes for a calendar, a name or an encoding.
    (packed(b"Content-Type: Text / (x) Calendar\r\n\r\n" + FOREIGN), BAD),
    (packed(b"Content-Type: x/y; name*=utf-8''x%2Eics\r\n\r\n" + FOREIGN), BAD),
    (packed(b"X: y\rContent-Type: text/calendar\r\n\r\n" + FOREIGN), BAD),
    (packed(PART + b'Content-Transfer-Encoding: "base64";\r\n\r\n' + base64.encodebytes(FOREIGN)), BAD),
    (packed(PART + b"Content-Transfer-Encoding: ;\r\n\r\n" + FOREIGN), BAD),
    (packed(PART.strip() + b"; charset=utf-16\r\n\r\n" + FOREIGN.decode().encode("utf-16-le")), BAD),
    (packed(PART.strip() + b"; method*=us-ascii''REQUEST\r\n\r\n" + calendar("REPLY", CEO, JOHN)), BAD),
    (packed(says('ORGANIZER:mailto:"ceo"@bank.test')), BAD),
    (packed(says("ORGANIZER:mailto:ceo＠bank.test")), BAD),
    # Two ways to take a message apart.
    (packed(PART + b"Content-Type: text/plain\r\n\r\n"), MALFORMED),
    (b"Content-Type: text/plain\r\nContent-Type: text/calendar\r\n\r\n", MALFORMED),
    (b"Content-Type: multipart/mixed; boundary=a; boundary=b\r\n\r\n", MALFORMED),
    (b"Content-Type: multipart/mixed; boundary*0=a; boundary*1=b\r\n\r\n", MALFORMED),
    (b"Content-Type: multipart/mixed; boundary*=us-ascii''b\r\n\r\n", MALFORMED),
    (b"Content-Type: multipart/mixed\r\n\r\n", MALFORMED),
    (MIXED + b"x\r--b\r" + PART + b"\r\r" + FOREIGN + b"\r\n--b--\r\n", MALFORMED),
    (MIXED + b"x\r--c\r\n--b--\r\n", GOOD),
    (packed(b"\r\n--bc\r\n"), MALFORMED),
    (packed(b"X: " + b"x" * LONGEST_HEADER + b"\r\n\r\n"), MALFORMED),
    (MIXED + b"--b\r\n\r\n" * (MOST_PARTS + 1), MALFORMED),
    (MIXED + (b"--b\r\n" + MIXED.replace(b"=b", b"=c")) * MOST_MULTIPARTS, MALFORMED),
    (DEEP + PART + b"\r\n" + FOREIGN, BAD),
    (b"Content-Type: multipart/mixed; boundary=z\r\n\r\n--z\r\n" + DEEP, MALFORMED),
    # Boundaries: quoted, escaped, in one another, at the end of the input.
    (MIXED.replace(b"=b", b'="b"; x=y') + b"--b\r\n" + PART + b"\r\n" + FOREIGN, BAD),
    (MIXED.replace(b"=b", b'="\\b"') + b"--b \t\r\n" + PART + b"\r\n" + FOREIGN + b"--b--", BAD),
    (MIXED + b"--b\r\n" + MIXED.replace(b"=b", b"=c") + b"--c\r\n\r\n--b\r\n" + PART + b"\r\n" + FOREIGN, BAD),
    (MIXED + b"--b--\r\n" + b"--b\r\n" + PART + b"\r\n" + FOREIGN, GOOD),  # behind the end
    (MIXED + b"x" * 9000 + b"--b\r\n" + PART + b"\r\n" + FOREIGN + b"\r\n--b--\r\n", GOOD),  # no beginning of a line
    (MIXED + b"-\r\n-x\r\n--x\r\n\r\n--b\r\n" + PART + b"\r\n" + FOREIGN, BAD),
    (packed(PART + b"\r\nX:" + b"x" * 9000 + b"--b\r\n" + FOREIGN), BAD),
]  # fmt: skip


def scanned(message: bytes, step: int) -> tuple[MimeParts, Invitations]:
    found = Invitations()
    parts = MimeParts(found.reader_for)
    for at in range(0, len(message), step):
        parts.feed(message[at : at + step])
    parts.end()
    return parts, found


@pytest.mark.parametrize("step", [1, 3, 100, 65_536])
@pytest.mark.parametrize(("message", "rule"), CASES)
def test_invitations(message: bytes, rule: str | None, step: int) -> None:
    verdict = judge_invitations(DIRECTORY, Policy(), JOHN, *scanned(message, step), NOW)
    assert (verdict.rule if verdict else None) == rule
    if rule == BAD and verdict:
        assert str(verdict.reply).endswith(f">: Sender address rejected: organizer not owned by user {JOHN}")
        assert str(verdict.reply).startswith("550 5.7.1 <")


def test_no_evidence_is_451() -> None:
    verdict = judge_invitations(SilentDirectory(), Policy(), JOHN, *scanned(packed(PART + b"\r\n" + FOREIGN), 100), NOW)
    assert isinstance(verdict, Defer)


def test_it_says_when_nothing_more_matters() -> None:
    for message, is_over in (
        (b"Content-Type: text/plain\r\n\r\n", True),
        (b"\r\n", True),
        (MIXED, False),
        (MIXED + b"--b--\r\n", True),
        (PART + b"\r\n", False),
        (b"Content-Type: multipart/mixed\r\n\r\n", True),
    ):
        parts = MimeParts(Invitations().reader_for)
        parts.feed(message)
        assert parts.is_over is is_over, message


def test_what_is_kept_stays_small() -> None:
    """However long the lines, the blank lines or the properties are."""
    for filler in (b"x" * 65_536, b"\n" * 65_536, b"--", b"\n-"):
        parts = MimeParts(Invitations().reader_for)
        parts.feed(MIXED + b"--b\r\n" + PART + b"\r\nX:")
        for _ in range(50):
            parts.feed(filler)
        reader = parts._reader._calendar  # type: ignore[union-attr]
        assert len(parts._rest) + len(reader._line) < 10_000


@settings(deadline=None)
@example([b"\r", b"--b", FOREIGN, MIXED], 1)  # a delimiter before its boundary is told
@example([MIXED, b"x\r--b\r\n"], 3)
@given(
    st.lists(st.sampled_from([MIXED, PART, FOREIGN, b"--b", b"--b--", b"\r\n", b"\n", b"-", b"x", b"\r"])),
    st.integers(1, 50),
)
def test_pieces_do_not_matter(pieces: list[bytes], step: int) -> None:
    message = b"".join(pieces)
    whole, apart = scanned(message, max(1, len(message))), scanned(message, step)
    assert (whole[0].trouble, whole[1]) == (apart[0].trouble, apart[1])


LONG = b"X-LONG:" + b"=41" * 3000 + b"\r\n"  # beyond what is kept of a line, undecoded and decoded


@pytest.mark.parametrize("size", [1, 2, 3, 5, 64, 4095, 4096, 4097, 100_000])
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (b"quoted-printable", quopri.encodestring(FOREIGN)),
        (b"quoted-printable", LONG + FOREIGN.replace(b"bank", b"b=61nk") + LONG),
        (b"quoted-printable", FOREIGN.replace(b"ceo@", b"c=65=\r\no@").rstrip()),
        (b"quoted-printable", b"METHOD:REQUEST\r\nORGANIZER;CN=" + b"=41" * 1360 + b":mailto:ceo@bank=2Etest"),
        (b"base64", base64.b64encode(FOREIGN).replace(b"Q", b"Q-*\r\n")),
        (b"base64", base64.b64encode(b"METHOD:REQUEST\r\nORGANIZER:mailto:ceo@bank.test").rstrip(b"=")),
        (b"base64", base64.b64encode(b"METHOD:REQUEST\r\nORGANIZER:mailto:ceo@bank.tes").rstrip(b"=")),
        (b"base64", base64.b64encode(b"METHOD:REQUEST\r\nORGANIZER:mailto:ceo@bank.te").rstrip(b"=")),
    ],
)
def test_in_whatever_pieces_it_comes(kind: bytes, body: bytes, size: int) -> None:
    found = Invitations()
    parts = MimeParts(found.reader_for)
    parts.feed(b"Content-Type: text/calendar\r\nContent-Transfer-Encoding: " + kind + b"\r\n\r\n")
    for at in range(0, len(body), size):
        parts.feed(body[at : at + size])
    parts.end()
    assert [each.local for each in found.claimed] == ["ceo"]
    assert found.claimed[0].domain.startswith("bank.te")
