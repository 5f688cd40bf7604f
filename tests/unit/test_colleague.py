"""Names of colleagues in outside mail: what a display name comes down to, and whose it is."""

import hashlib
from collections.abc import Collection, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.address import Address
from routing.colleague import MOST_DOMAINS, OutsideMail, Shown, is_colleague, shown_name
from routing.memory_directory import MemoryDirectory, SilentDirectory
from routing.people import account_of, people, people_of
from routing.records import Alias, HostedDomain, Mailbox, Name
from store.wire_format.people import name_key, person_of, split_stored
from tests.unit.sample_site import NOW

JOHN, MARY = Address("j", "brand-a.test"), Address("m", "brand-b.test")
NAMES = [  # raw From value, the first local part that it would have
    (b' "John Doe" <x@outside.example>', "john.doe"),
    (b' "Doe, John" <x@outside.example>', "doe.john"),
    (" Jörg Weiß <x@outside.example>".encode(), "jorg.weiss"),
    (b" =?utf-8?q?J=C3=B6rg?= =?utf-8?q?_Doe?= <x@outside.example>", "jorg.doe"),
    (b" x@outside.example (John M. Doe)", "john.doe"),
    (b" John <x@outside.example>", None),
    (b" a b c d e f <x@outside.example>", None),
    (" 田中 明 <x@outside.example>".encode(), None),
    (b" =?utf-8?q?broken <x@outside.example>", None),
    (b"", None),
]


@pytest.mark.parametrize(("value", "first"), NAMES)
def test_likely_names(value: bytes, first: str | None) -> None:
    shown = shown_name(value, None)
    assert (shown.locals[0] if shown else None) == first


SAME = [  # a display name, and what a reader may take for it
    ("Mary Poe", "Mary Poe"),
    ("Mary Poe", "  mary   POE "),
    ("Mary Poe", "Poe, Mary"),
    ("Mary Poe", "Маry Рое"),
    ("Mary Poe", "Mary P0e"),
    ("Mary Poe", "Máry Pöe"),
    ("Mary Poe", "Ｍａｒｙ\u00a0Ｐｏｅ"),
    ("Mary Poe", "Ma\u200bry Po\u00ade"),
    ("Mary Poe", "\U0001d40c\U0001d41a\U0001d42b\U0001d432 Poe"),
    ("Mary Poe", "“Mary” (Poe)"),
    ("Ian Miller", "lan MiIIer"),
    ("Jörg Weiß", "Joerg Weiss".replace("oe", "o")),
    ("田中 明", "明 田中"),
    ("Иван Петров", "петров иван"),
    ("Mary Ann O'Neil", "mary ann o’neil"),
    ("Mary Poe", "Mary Poe 2"),
]
OTHER = [
    ("Mary Poe", "Mary Poem"),
    ("Mary Poe", "Mary Poe via List"),
    ("Mary Poe", "Marypoe"),
    ("Mary Poe", "Mary Mary Poe"),
    ("Modern Art", "Modem Art"),
]
NOBODY = ["", "John", "Info", "J. D.", "A. B. C.", "12 34", "Customer Service", "IT Support Team", "The Office",
          "Help-Desk", "no-reply", "a b c d e f g", "😀 !", "\ud800", "John 5"]  # fmt: skip


@pytest.mark.parametrize(("name", "twin"), SAME)
def test_one_name_to_a_reader(name: str, twin: str) -> None:
    assert name_key(name) == name_key(twin) is not None


@pytest.mark.parametrize(("name", "other"), OTHER)
def test_names_that_differ(name: str, other: str) -> None:
    assert name_key(name) != name_key(other)


@pytest.mark.parametrize("name", NOBODY)
def test_what_names_no_person(name: str) -> None:
    assert name_key(name) is None
    assert person_of(1, name) is None


@settings(deadline=None)
@given(st.text(max_size=300))
def test_any_text_has_a_key_of_one_form_or_none(text: str) -> None:
    key = name_key(text)
    assert key is None or (len(key) == 32 and set(key) <= set("0123456789abcdef"))
    assert name_key(text[:200]) == key
    assert name_key(text.swapcase() if text.isascii() else text) == key


@settings(deadline=None)
@given(st.integers(1, 2**31 - 1), st.sampled_from(["Mary Poe", "Иван Петров"]))
def test_what_is_kept_comes_back(account: int, name: str) -> None:
    person = person_of(account, name)
    assert person is not None
    assert len(person) == 40
    assert split_stored(person) == (account, name_key(name))
    assert account_of(people_of(account)) == account


@pytest.mark.parametrize("domain", ["brand-a.test", "@", "@l", "@c", "@0", "@01", "@-1", "@1x", "@99999999999", ""])
def test_no_domain_is_the_people_of_an_account(domain: str) -> None:
    assert account_of(domain) is None


def named(name: str) -> list[Shown]:
    shown = shown_name(f" {name} <x@outside.example>".encode(), name_key)
    return [shown] if shown else []


def outside(
    name: str, *domains: str, claimed: str = "x@outside.example", to: Collection[Address] = (JOHN,)
) -> OutsideMail:
    return OutsideMail(named(name), [Address.parse(claimed)], domains or ("brand-a.test",), to)


def site(**names: Name) -> MemoryDirectory:
    """Account 1 with brand-a.test and brand-b.test, where Mary Poe and John Doe are; account 2 with Jane Roe."""
    keys = {key: address for name, address in (("Mary Poe", MARY), ("John Doe", JOHN)) if (key := name_key(name))}
    other = {str(name_key("Jane Roe")): Address("jane", "other.test")}
    return MemoryDirectory(
        [
            HostedDomain("brand-a.test", names=names, account=1),
            HostedDomain("brand-b.test", account=1),
            HostedDomain("other.test", account=2),
            people(1, keys),
            people(2, other),
        ]
    )


CASES = [  # name, domains of the recipients, address in From, mailboxes, is it marked
    ("Mary Poe", ["brand-a.test"], "x@outside.example", [JOHN], True),
    ("Poe, Mary", ["brand-b.test"], "x@outside.example", [JOHN], True),
    ("Mary Poe", ["brand-a.test", "brand-b.test"], "x@outside.example", [JOHN], True),
    ("Mary Poe", ["brand-a.test"], "x@other.test", [JOHN], True),  # of another account here
    ("Mary Poe", ["brand-a.test"], "mary@brand-b.test", [JOHN], False),  # her account's
    ("Mary Poe", ["brand-b.test"], "x@outside.example", [MARY], False),  # she writes to herself
    ("Mary Poe", ["brand-b.test"], "x@outside.example", [MARY, JOHN], True),
    ("Jane Roe", ["brand-a.test"], "x@outside.example", [JOHN], False),  # of another account
    ("Mary Poe", ["other.test"], "x@outside.example", [JOHN], False),
    ("Jane Roe", ["other.test"], "x@outside.example", [JOHN], True),
    ("Mary Poe", ["brand-a.test", "other.test"], "x@outside.example", [JOHN], False),  # it would show to the other
    ("Mary Poe", ["elsewhere.test"], "x@outside.example", [JOHN], False),
    ("Mary", ["brand-a.test"], "x@outside.example", [JOHN], False),
    ("Mary Doe", ["brand-a.test"], "x@outside.example", [JOHN], False),
]


@pytest.mark.parametrize(("name", "domains", "claimed", "to", "marked"), CASES)
def test_people(name: str, domains: list[str], claimed: str, to: list[Address], *, marked: bool) -> None:
    assert is_colleague(site(), outside(name, *domains, claimed=claimed, to=to), NOW) is marked


@pytest.mark.parametrize("local", ["ann.lee", "annlee", "ann_lee", "ann-lee", "lee.ann", "leeann"])
@pytest.mark.parametrize(
    ("name", "found"),
    [
        (Mailbox(Address("x", "x.test")), True),
        (Mailbox(JOHN), False),
        (Alias(Mailbox(MARY)), True),
        (Alias(Mailbox(MARY), is_active=False), False),
    ],
)
def test_local_parts(local: str, name: Mailbox | Alias, *, found: bool) -> None:
    known = site(**{local: name})
    assert is_colleague(known, outside("Ann Lee"), NOW) is found
    assert is_colleague(known, outside("Ann Lee", "brand-a.test", "brand-b.test"), NOW) is found
    assert not is_colleague(known, outside("Jane Doe"), NOW)
    assert not is_colleague(known, outside("Ann Lee", "brand-b.test"), NOW)


def test_an_address_of_ours_beside_the_name_does_not_hide_one_from_outside() -> None:
    claimed = [Address.parse("mary@brand-b.test"), Address.parse("x@outside.example")]
    assert is_colleague(site(), OutsideMail(named("Mary Poe"), claimed, ["brand-a.test"], [JOHN]), NOW)
    assert is_colleague(site(), OutsideMail(named("Mary Poe"), [], ["brand-a.test"], [JOHN]), NOW)


def test_where_no_account_is_known_local_parts_count_still() -> None:
    known = MemoryDirectory([HostedDomain("brand-a.test", names={"mary.poe": Mailbox(MARY)}), HostedDomain("b.test")])
    assert is_colleague(known, outside("Mary Poe"), NOW)
    assert not is_colleague(known, outside("Mary Poe", claimed="x@brand-a.test"), NOW)
    assert not is_colleague(known, outside("Mary Poe", "brand-a.test", "b.test"), NOW)


def test_nothing_known_is_no_mark() -> None:
    assert not is_colleague(SilentDirectory(), outside("Mary Poe"), NOW)
    assert not is_colleague(site(), OutsideMail([], [], ["brand-a.test"], [JOHN]), NOW)
    assert not is_colleague(site(), OutsideMail(named("Mary Poe"), [], [], [JOHN]), NOW)
    assert not is_colleague(
        site(), OutsideMail(named("Mary Poe"), [], ["brand-a.test"] * (MOST_DOMAINS + 1), [JOHN]), NOW
    )


class Counting:
    """A directory that notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[Collection[Address]] = []

    def lookup(self, wanted: Collection[Address]) -> Mapping[str, HostedDomain]:
        """Answer from the site above."""
        self.asked.append(wanted)
        return site().lookup(wanted)


@settings(deadline=None)
@given(st.lists(st.text(max_size=60), max_size=4), st.sets(st.sampled_from(["brand-a.test", "other.test"]), min_size=1))
def test_what_is_asked_is_bounded_and_of_the_recipients_account_alone(names: list[str], domains: set[str]) -> None:
    directory = Counting()
    shown = [each for name in [*names, "Mary Poe"] for each in named(name)]
    found = is_colleague(directory, OutsideMail(shown, [], domains, [JOHN]), NOW)
    assert len(directory.asked) <= 2
    assert sum(map(len, directory.asked)) <= 5 * 8 * len(domains) + 5 + len(domains)
    accounts = {account_of(each.domain) for wanted in directory.asked for each in wanted} - {None}
    assert accounts <= {{"brand-a.test": 1, "other.test": 2}[domain] for domain in domains}
    assert found is (domains == {"brand-a.test"})


def test_octets_that_are_no_text() -> None:
    shown = shown_name(b" Mary \xff Poe <x@outside.example>", name_key)
    assert shown == Shown(
        ("mary.poe", "marypoe", "mary_poe", "mary-poe", "poe.mary", "poemary", "poe_mary", "poe-mary"),
        name_key("Mary Poe"),
    )


@pytest.mark.parametrize(
    ("words", "is_local", "is_person"), [(2, True, True), (5, True, True), (6, False, True), (7, False, False)]
)
def test_how_many_words_a_name_may_have(words: int, is_local: bool, is_person: bool) -> None:
    shown = shown_name(b" ".join([b"Mary"] * words) + b" <x@outside.example>", name_key)
    assert bool(shown and shown.locals) is is_local
    assert bool(shown and shown.key) is is_person


def test_how_many_domains_the_recipients_may_be_in() -> None:
    names = [f"d{number}.test" for number in range(MOST_DOMAINS)]
    key = {str(name_key("Mary Poe")): MARY}
    known = MemoryDirectory([*(HostedDomain(name, account=1) for name in names), people(1, key)])
    assert is_colleague(known, outside("Mary Poe", *names), NOW)


def test_keys_stay_what_they_are() -> None:
    """They stand in databases: another fold would not find them again."""
    assert name_key("Mary Poe") == hashlib.sha256(b"mary poe").hexdigest()[:32]
    assert name_key("Ian O'Neil") == hashlib.sha256(b"lan nell o").hexdigest()[:32]


def test_a_name_receives_nothing_and_sends_nothing() -> None:
    found = people(7, {"k": MARY})
    assert (found.name, found.account) == ("@7", 7)
    assert found.names == {"k": Alias(Mailbox(MARY), can_receive=False, can_send=False)}
    assert found.names["k"] == Alias(Mailbox(MARY), is_active=True, can_receive=False)
