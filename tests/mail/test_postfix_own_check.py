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
from byname.sandbox.site import PrivateSite
from store.sql.database import Database
from tests.mail.dialogue import logged_in, submit
from tests.mail.test_sender_matrix import IDENTITIES, switching
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


if __name__ == "__main__":
    main()
