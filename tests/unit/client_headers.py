"""How real mail programs write a header when they send from a second address, read from ``client_headers.txt``.

The login is john@brand-a.test, as everywhere in ``tests.unit.sample_site`` and ``tests.mail.world``. A shape is filled
in with an address to send from: his own alias, which must pass, or somebody else's, which must not.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from routing.domain import canonical_domain

JOHN = "john@brand-a.test"
OWN, OWN_IDN = "sales@brand-b.test", "john@bücher.test"
FOREIGN = (  # an address to send from, and one on the domain with letters
    ("team@brand-a.test", "ceo@bücher.test"),  # a colleague's alias; a name that nobody has
    ("ceo@other.test", "eve@bücher.test"),  # another tenant's
    ("ceo@bank.test", "ceo@bänk.test"),  # an outsider's
)
_TABLE = Path(__file__).with_suffix(".txt")


@dataclass(frozen=True, slots=True)
class Shape:
    """The header that a program writes, to be filled in with an address."""

    name: str
    source: str  # product; document or thread; date
    envelope: str  # who stands in MAIL FROM
    refused: str  # the rule by which it is refused whatever the address; empty when an own address passes
    header: str

    def sent_from(self, address: str = OWN, idn: str = OWN_IDN) -> tuple[str, bytes]:
        """Return the envelope sender and the header, lines ended by CRLF, of a mail from this address."""
        local, _, domain = idn.partition("@")
        values = {"own": address, "idn": idn, "idn_a": f"{local}@{canonical_domain(domain)}", "mailbox": JOHN}
        header = self.header.format(**values)
        return self.envelope.format(**values), header.replace("\n", "\r\n").encode()


def shapes() -> Iterator[Shape]:
    """Yield the records of the table."""
    for record in _TABLE.read_text(encoding="utf-8").split("\n=== ")[1:]:
        about, _, header = record.partition("\n\n")
        name, *facts = about.splitlines()
        told = dict(fact.split(": ", 1) for fact in facts)
        yield Shape(name, told["source"], told["envelope"], told.get("refused", ""), header.strip("\n"))


SHAPES = tuple(shapes())
