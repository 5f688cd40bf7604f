"""What Postfix's own ``reject_sender_login_mismatch`` says to the 7 x 7 matrix, over the same names, without Byname.

    python -m tests.mail.test_postfix_own_check

prints the comparison of docs/sender-guard.md.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

from byname.sandbox.folders import short_folder
from byname.sandbox.postfix import PrivatePostfix
from byname.sandbox.postfix_instance import PostfixInstance
from byname.sandbox.site import PrivateSite
from store.sql.database import Database
from tests.mail.dialogue import Dialogue, logged_in, submit
from tests.mail.test_sender_matrix import IDENTITIES, switching
from tests.mail.test_wall import SETTINGS, fill_with_a_colleague
from tests.mail.world import JOHN, fill

PAGE = Path(__file__).parents[2] / "docs" / "sender-guard.md"
OWN_RULE = "reject_sender_login_mismatch"
Matrix = dict[tuple[str, str], str]


class PostfixAlone(PrivatePostfix):
    """The same Postfix with its own check of the envelope sender on submission."""

    def master_cf(self) -> str:
        """Return master.cf with the restriction in it."""
        empty = "smtpd_sender_restrictions = "
        return super().master_cf().replace(f"{{ {empty} }}", f"{{ {empty}{OWN_RULE} }}")


@contextmanager
def postfix_alone(site: PrivateSite, folder: Path) -> Iterator[PostfixAlone]:
    """Start it beside a site, over that site's ``byname maps`` and logins."""
    ours = site.postfix
    senders = ours.domains_map.removesuffix("domains") + "senders"
    with PostfixAlone(
        folder / "alone",
        domains_map=ours.domains_map,
        inbound_milter=None,
        submission_milter=None,
        lmtp=ours.lmtp,
        sasl_socket=ours.sasl_socket,
        outside=ours.outside,
        certificate=ours.certificate,
        extra={"smtpd_sender_login_maps": senders},
    ) as alone:
        yield alone


def matrix(site: PrivateSite, port: int) -> Matrix:
    """Return the reply codes to every pair of envelope and header."""
    database = Database.open(f"sqlite:///{site.database}")
    try:
        with logged_in(site, JOHN, port=port) as client:
            found = {}
            for envelope, header in product(IDENTITIES, IDENTITIES):
                switching(database, envelope[1], envelope[3])
                switching(database, header[2], header[3])
                found[envelope[0], header[0]] = submit(client, f"<{envelope[1]}>", f"From: {header[2]}".encode())[:3]
            return found
    finally:
        database.close()


BESIDES = [  # envelope, header, Postfix's code, ours
    ("<>", "From: john@brand-a.test", "250", "250"),
    ("<>", "From: ceo@bank.test", "250", "550"),
    ("<john+x@brand-a.test>", "From: john@brand-a.test", "250", "250"),
    ("<john@brand-a.test>", "Subject: no From", "250", "550"),
    ("<john@brand-a.test>", 'From: "ceo@bank.test" <john@brand-a.test>', "250", "550"),
    ("<john@brand-a.test>", "From: john@brand-a.test\r\nSender: ceo@bank.test", "250", "550"),
]


def test_the_comparison(site: PrivateSite, folder: Path) -> None:
    with postfix_alone(site, folder) as alone:
        theirs = matrix(site, alone.submission_port)
        besides = [beside(site, alone.submission_port, row[0], row[1]) for row in BESIDES]
    ours = matrix(site, site.postfix.submission_port)
    page = PAGE.read_text()
    assert f"{OWN_RULE}: begin -->\n{table(theirs)}<!--" in page
    assert f"Byname: begin -->\n{table(ours)}<!--" in page
    owned = {"own", "send-on"}
    assert {pair for pair, code in theirs.items() if code == "250"} == {pair for pair in theirs if pair[0] in owned}
    assert {pair for pair, code in ours.items() if code == "250"} == set(product(owned, owned))
    assert besides == [row[2] for row in BESIDES]
    assert [beside(site, site.postfix.submission_port, row[0], row[1]) for row in BESIDES] == [
        row[3] for row in BESIDES
    ]


AUTHOR, INVITED = "From: john@brand-a.test", "Content-Type: text/calendar\r\n\r\n"
WALL = [  # what, envelope sender, message; "inbound" ones come to john from outside, the others he sends
    ("a name with `ceo(@)bank.test`", JOHN, 'From: "ceo(@)bank.test" <john@brand-a.test>'),
    ("a name with `ceo&commat;bank.test`", JOHN, 'From: "ceo&commat;bank.test" <john@brand-a.test>'),
    ("two From fields, the sender's own first", JOHN, AUTHOR + "\r\nFrom: ceo@bank.test"),
    ("two addresses in From, the sender's own first", JOHN, "From: <john@brand-a.test>, <ceo@bank.test>"),
    ("`From: ceo@bank.test\\,<john@brand-a.test>`", JOHN, "From: ceo@bank.test\\,<john@brand-a.test>"),
    ("a second From behind octet 0x85", JOHN, "Subject: x\x85From: ceo@bank.test\r\n" + AUTHOR),
    ("sender `john+x%bank.test@brand-a.test`", "john+x%bank.test@brand-a.test", AUTHOR),
    ("Authentication-Results under our name", JOHN, AUTHOR + "\r\nAuthentication-Results: mx.brand-a.test; dkim=pass"),
    ("ARC-Seal under our name", JOHN, AUTHOR + "\r\nARC-Seal: i=1; d=mx.brand-a.test"),
    ("X-Byname-Notice", JOHN, AUTHOR + "\r\nX-Byname-Notice: x"),
    ("Autocrypt key for somebody else", JOHN, AUTHOR + "\r\nAutocrypt: addr=ceo@bank.test; keydata=AAAA"),
    ("invitation from somebody else", JOHN, f"{AUTHOR}\r\n{INVITED}ORGANIZER:mailto:ceo@bank.test"),
    ("answer to somebody else's invitation", JOHN, f"{AUTHOR}\r\n{INVITED}METHOD:REPLY\r\nORGANIZER:mailto:x@y.test"),
    ("inbound: From in the recipient's domain", "x@outside.example", "From: ceo@brand-a.test"),
    ("inbound: From in a look-alike of it", "x@outside.example", "From: ceo@xn--brnd-a-4nf.test"),
    ("inbound: a colleague's name (marked)", "x@outside.example", "From: Mary Poe <mary77@outside.example>"),
    (
        "inbound: the same in Cyrillic letters (marked)",
        "x@outside.example",
        "From: =?utf-8?q?=D0=9Cary?= Poe <m@x.example>",
    ),
]


def wall(site: PrivateSite, postfix: PostfixInstance) -> dict[str, str]:
    """Return the codes to every row of WALL."""
    found = {}
    for what, sender, message in WALL:
        if what.startswith("inbound"):
            with Dialogue(postfix.inbound_port) as smtp:
                found[what] = smtp.mail([f"<{JOHN}>"], message.encode() + b"\r\n\r\nx\r\n", f"<{sender}>")[-1][:3]
        else:
            with logged_in(site, JOHN, port=postfix.submission_port) as client:
                found[what] = submit(client, f"<{sender}>", message.encode("latin-1"))[:3]
    return found


def wall_table(theirs: dict[str, str], ours: dict[str, str]) -> str:
    """Return both columns as a table in Markdown."""
    rows = "".join(f"| {what} | {theirs[what]} | {ours[what]} |\n" for what in theirs)
    return "| what | Postfix alone | Byname |\n| --- | --- | --- |\n" + rows


def compared_walls(folder: Path) -> str:
    """Run both over a site with every check on."""
    with (
        PrivateSite(fill_with_a_colleague, into_sink=True, settings=SETTINGS) as site,
        postfix_alone(site, folder) as alone,
    ):
        return wall_table(wall(site, alone), wall(site, site.postfix))


def test_the_checks_that_a_site_may_add(needs_root: None, folder: Path) -> None:
    assert f"Checks to add: begin -->\n{compared_walls(folder)}<!--" in PAGE.read_text()


def beside(site: PrivateSite, port: int, sender: str, header: str) -> str:
    with logged_in(site, JOHN, port=port) as client:
        return submit(client, sender, header.encode())[:3]


def table(found: Matrix) -> str:
    """Return a matrix as a table in Markdown: the envelope down, the header across."""
    names = [identity[0] for identity in IDENTITIES]
    rows = [["envelope \\ From", *names], ["---"] * (len(names) + 1)]
    rows += [[name, *(found[name, other] for other in names)] for name in names]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def main() -> None:
    """Run both and print."""
    with PrivateSite(fill, into_sink=True) as site, short_folder() as folder, postfix_alone(site, folder) as alone:
        for title, port in ((OWN_RULE, alone.submission_port), ("Byname", site.postfix.submission_port)):
            sys.stdout.write(f"{title}:\n\n{table(matrix(site, port))}\n")
    with short_folder() as folder:
        sys.stdout.write(f"Checks to add:\n\n{compared_walls(folder)}\n")


if __name__ == "__main__":
    main()
