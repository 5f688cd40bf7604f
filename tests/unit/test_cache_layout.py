"""The cache's layout: every record comes back as it went in, and whatever is not exactly that is no evidence."""

import string
from dataclasses import replace
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.crc import key_slot

from routing.address import Address
from routing.records import Alias, HostedDomain, Mailbox
from routing.sender_rules import SenderRules
from store.cache.cluster import SLOT
from store.wire_format import layout
from store.wire_format.counts import STREAM
from store.wire_format.values import Unreadable, field_of, local_of, read_version, split, stamped, version_text

HOME = "brand-a.com"
USUAL_LOCALS = st.text(string.ascii_lowercase + string.digits + "._-", min_size=1, max_size=20)
LOCALS = USUAL_LOCALS | st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
ELSEWHERE = st.sampled_from(["brand-b.com", "xn--bcher-kva.example"])
VERSIONS = st.integers(1, 2**53)
MOMENTS = st.none() | st.integers(1, 2**40)
ENTRIES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
RULES = st.none() | st.builds(
    SenderRules, st.sampled_from(["listed", "except"]), st.lists(ENTRIES, max_size=3).map(tuple), st.booleans()
)


@st.composite
def mailboxes(draw: st.DrawFn, is_active: bool, account_active: bool) -> Mailbox:
    local, flags = draw(LOCALS), st.booleans()
    if draw(flags):
        return Mailbox(Address(local, HOME), draw(flags), is_active, account_active)
    return Mailbox(Address(local, draw(ELSEWHERE)), draw(flags), draw(flags), draw(flags))


@st.composite
def domains(draw: st.DrawFn) -> HostedDomain:
    is_active, account_active = draw(st.booleans()), draw(st.booleans())
    targets = mailboxes(is_active, account_active)
    here = st.builds(lambda flag: (flag, is_active, account_active), st.booleans())
    aliases = st.builds(Alias, targets, st.booleans(), st.booleans(), st.booleans(), MOMENTS, RULES)
    drawn = draw(st.dictionaries(LOCALS, st.tuples(st.just(None), here) | st.tuples(aliases, here), max_size=5))
    names = {local: alias or Mailbox(Address(local, HOME), *states) for local, (alias, states) in drawn.items()}
    maybe = st.none() | targets
    return HostedDomain(HOME, is_active, account_active, draw(maybe), draw(maybe), draw(maybe), names)


def read_back(stored: dict[str, str], locals_: list[str]) -> HostedDomain:
    raw = {field: value.encode() for field, value in stored.items()}
    names = {local: raw.get(field_of(local)) for local in locals_}
    return layout.assemble(HOME, raw[layout.DOMAIN], raw[layout.CATCH_ALL], names)


@given(domains(), VERSIONS)
def test_a_domain_comes_back_as_it_went_in(domain: HostedDomain, version: int) -> None:
    stored = layout.fields(domain, version)
    assert read_back(stored, [*domain.names, "another"]) == domain
    assert {split(value.encode())[0] for value in stored.values()} == {version}
    assert len(stored) == 3 + len(domain.names)


@given(LOCALS)
def test_a_local_part_has_one_field_of_its_own(local: str) -> None:
    field = field_of(local)
    assert not field.startswith("@")
    assert field.isascii()
    assert " " not in field
    assert local_of(field) == local


@given(VERSIONS, VERSIONS)
def test_versions(one: int, other: int) -> None:
    assert read_version(version_text(one)) == one
    assert (int(version_text(one), 36) < int(version_text(other), 36)) == (one < other)


LISTED = SenderRules("listed", ("a@b.com", ".c.com"))
PROVED = SenderRules("except", (), require_authenticated=True)


@pytest.mark.parametrize(
    ("local", "value", "name"),
    [
        ("john", "1z m1", Mailbox(Address("john", HOME))),
        ("john", "1z m0", Mailbox(Address("john", HOME), is_active=False)),
        ("sales", "2 a3 1john", Alias(Mailbox(Address("john", HOME)))),
        ("sales", "2 a7 1john", Alias(Mailbox(Address("john", HOME)), can_send=True)),
        ("sales", "2 a3 5mary@b.com", Alias(Mailbox(Address("mary", "b.com"), domain_active=False))),
        ("sales", "2 a3 1john thzmw0", Alias(Mailbox(Address("john", HOME)), expires_at=1_783_735_200)),
        ("sales", "2 a3 1john =l:a@b.com,.c.com", Alias(Mailbox(Address("john", HOME)), senders=LISTED)),
        ("sales", "2 a3 1john 1 =x!:", Alias(Mailbox(Address("john", HOME)), expires_at=1, senders=PROVED)),
        ("sales", "2 x", None),
    ],
)
def test_the_values_of_names(local: str, value: str, name: Mailbox | Alias | None) -> None:
    found = layout.assemble(HOME, b"1 d3 - -", b"1 c -", {local: value.encode(), "other": None})
    assert found.names == ({} if name is None else {local: name})
    if name is not None:
        written = layout.fields(replace(found, names={local: name}), read_version(value.split()[0]))
        assert written[local] == value


GOOD = {"domain": b"1 d3 - 1john", "catch_all": b"1 c -", "name": b"1 a7 1john"}


@pytest.mark.parametrize(
    ("part", "raw"),
    [
        *[(part, None) for part in ("domain", "catch_all")],
        *[
            (part, raw)
            for part in GOOD
            for raw in (b"", b" ", b"1", b"1 ", b"x", b"d3 - -", b"garbage", b"\xff\xfe", b"1 h",
                        b"1  " + GOOD[part][2:], GOOD[part] + b" ", GOOD[part] + b"\n",
                        b"01" + GOOD[part][1:], b"0" + GOOD[part][1:],
                        b"A" + GOOD[part][1:], b"-1" + GOOD[part][1:], b"9" * 13 + GOOD[part][1:])
        ],
        ("domain", b"1 x"),
        ("catch_all", b"1 x"),
        *[("domain", raw) for raw in (b"1 d4 - -", b"1 d3 -", b"1 d3 - - -", b"1 d3 john -", b"1 d3 2john -",
                                      b"1 d3 8j@b.com -")],
        *[("catch_all", raw) for raw in (b"1 c", b"1 c 1", b"1 c 1john mary", b"1 c 1john@brand-a.com",
                                         b"1 c 1j@@b.com")],
        *[("name", raw) for raw in (b"1 m", b"1 m2", b"1 m1 john", b"1 a8 1john", b"1 a7", b"1 a7 -", b"1 a7 1john@",
                                    b"1 a7 1jo%68n", b"1 a7 1john@brand-a.com", b"1 a7 4john", b"1 X", b"1 xx",
                                    b"1 m1 1", b"1 a7 1john 0",
                                    b"1 a7 1john 01", b"1 a7 1john =l", b"1 a7 1john =z:", b"1 a7 1john =l:%41",
                                    b"1 a7 1john =l: 1", b"1 a7 1john =l:,a@b.com", b"1 a7 1john  1")],
    ],
)  # fmt: skip
def test_anything_else_is_unreadable(part: str, raw: bytes | None) -> None:
    values = {**GOOD, part: raw}
    assert layout.assemble(HOME, GOOD["domain"], GOOD["catch_all"], {"sales": GOOD["name"]})
    with pytest.raises(Unreadable):
        layout.assemble(HOME, values["domain"], values["catch_all"], {"sales": values["name"]})


@given(st.binary(max_size=30))
def test_garbage_is_unreadable_or_exactly_what_we_write(raw: bytes) -> None:
    try:
        found = layout.assemble(HOME, b"1 d3 - -", b"1 c -", {"sales": raw})
    except Unreadable:
        return
    if found.names:
        assert layout.fields(found, split(raw)[0])["sales"].encode() == raw


@pytest.mark.parametrize(
    ("listed", "whole", "hosted"),
    [
        (b"1 h", b"5 h", True),
        (b"1 x", b"5 h", False),
        (None, b"5 h", False),
        (None, None, Unreadable),
        (b"1 h", None, Unreadable),
        (None, b"5", Unreadable),
        (b"1", b"5 h", Unreadable),
        (b"1 m1", b"5 h", Unreadable),
    ],
)
def test_the_list_of_hosted_domains(listed: bytes | None, whole: bytes | None, hosted: bool | type[Unreadable]) -> None:
    if isinstance(hosted, bool):
        assert layout.is_hosted(listed, whole) is hosted
        return
    with pytest.raises(hosted):
        layout.is_hosted(listed, whole)


def test_keys_carry_the_format_and_lie_in_one_slot() -> None:
    assert layout.domain_key("brand-a.com") == "byname:{cache}:3:d:brand-a.com"
    graces = (layout.GRACE_KEY, layout.SENDER_GRACE_KEY)
    keys = (
        layout.HOSTED_KEY,
        layout.LEASE_KEY,
        *graces,
        layout.STATE_KEY,
        layout.ABSENT_KEY,
        layout.domain_key("b{2}"),
    )
    assert all(key.startswith("byname:{cache}:3:") for key in keys)
    assert {key_slot(key.encode()) for key in (*keys, STREAM)} == {SLOT}


def test_what_the_relay_does_inside_redis_has_the_same_keys() -> None:
    script = files("store.relay").joinpath("operations.lua").read_text()
    assert f"local prefix = '{layout.PREFIX}'\n" in script


def test_values_carry_a_version() -> None:
    assert layout.hosted_fields(["b.com"], 71) == {"b.com": "1z h", "@l": "1z h"}
    assert stamped(71, "h") == "1z h"
    assert layout.tombstone(71) == "1z x"
