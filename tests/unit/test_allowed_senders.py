"""From whom an alias takes mail: every case over memory, and over facts under grace."""

from collections.abc import Collection, Mapping

import pytest

from routing.address import Address
from routing.allowed_senders import EntrySyntaxError, canonical_entry
from routing.directory import AffirmedFacts
from routing.memory_directory import MemoryDirectory
from routing.records import Alias, HostedDomain, Mailbox
from routing.sender_rules import SenderRules
from store.services.sender_lists import from_line, row_text
from store.wire_format.sender_rules import read_rules
from tests.unit.sender_cases import ALIASES, AT_END, AT_RCPT, CASES, DOMAIN, Case, alias_address, expected, judged

JOHN = Mailbox(Address("john", DOMAIN))


def _rules(line: str) -> SenderRules | None:
    text = row_text(from_line(line))
    return None if text is None else read_rules(text)


NAMES = {local: Alias(JOHN, can_send=sends, senders=_rules(line)) for local, (line, sends) in ALIASES.items()}
DIRECTORY = MemoryDirectory([HostedDomain(DOMAIN, names=NAMES)])


class Grace:
    """The same facts, affirmed only."""

    def lookup(self, wanted: Collection[Address]) -> Mapping[str, HostedDomain]:
        return AffirmedFacts(DIRECTORY.lookup(wanted), may_send=True)


@pytest.mark.parametrize("case", CASES)
def test_memory(case: Case) -> None:
    assert judged(DIRECTORY, case) == (case.outcome, expected(case))


@pytest.mark.parametrize("case", CASES)
def test_under_grace_nothing_is_refused_for_good(case: Case) -> None:
    outcome, reply = judged(Grace(), case)
    if case.outcome in {AT_RCPT, AT_END}:
        assert reply == f"451 4.3.0 <{case.alias}@{DOMAIN}>: Recipient lookup failed, please try again"
    else:
        assert (outcome, (reply or "")[:3]) == (case.outcome, (expected(case) or "")[:3])


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Ann@Shop.Example", "ann@shop.example"),
        ("ann@bücher.test", "ann@xn--bcher-kva.test"),
        ("BÜCHER.test", None),  # IDNA 2008 maps nothing
        ("bücher.test.", "xn--bcher-kva.test"),
        (".Shop.example", ".shop.example"),
        (".bücher.test", ".xn--bcher-kva.test"),
        ("localhost", "localhost"),
        ("", None),
        (".", None),
        ("*.shop.example", None),
        ("@shop.example", None),
        ("ann@", None),
        ("..shop.example", None),
        ("[192.0.2.1]", None),
        ("a b.example", None),
    ],
)
def test_entries(text: str, kept: str | None) -> None:
    if kept is None:
        with pytest.raises(EntrySyntaxError):
            canonical_entry(text)
    else:
        assert canonical_entry(text) == kept


def test_the_world_holds_what_the_cases_ask() -> None:
    assert {case.alias.partition("+")[0] for case in CASES} == set(ALIASES)
    assert alias_address("listed").domain == DOMAIN
