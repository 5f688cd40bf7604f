"""Canonical addresses: from what is typed to the one form that is compared."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.address import Address, AddressSyntaxError, is_null_path, parse_path, split_detail, without_route
from routing.domain import DomainSyntaxError, ascii_lower, canonical_domain, unicode_domain

SAME = "sales@a.test"
PATHS = [  # as typed, canonical
    ("<sales@a.test>", SAME),
    ("sales@a.test", SAME),
    (" <sales@a.test>\t", SAME),
    ("<SALES@A.TEST.>", SAME),
    ("<@r.test:sales@a.test>", SAME),
    ("<@r.test,@s.test:sales@a.test>", SAME),
    ('<"sales"@a.test>', SAME),
    ('<"sa\\les"@a.test>', SAME),
    ('<sal"e"s@a.test>', SAME),
    ("<sa\\les@a.test>", SAME),
    ('<"a b"@a.test>', '"a b"@a.test'),
    ('<"a@b"@a.test>', '"a@b"@a.test'),
    ('<"a\\"b\\\\"@a.test>', '"a\\"b\\\\"@a.test'),
    ("<a..b@a.test>", '"a..b"@a.test'),
    ("<jöhn@a.test>", "jöhn@a.test"),
    ("<john@bücher.test>", "john@xn--bcher-kva.test"),
    ("<john@XN--BCHER-KVA.test>", "john@xn--bcher-kva.test"),
    ("<a@b@a.test>", '"a@b"@a.test'),
    ("<\u212aelvin@a.test>", "\u212aelvin@a.test"),  # KELVIN SIGN is no k
]
NO_DOMAIN = [
    "<>",
    "",
    "<postmaster>",
    "<x@[192.0.2.1]>",
    "<x@a_b.test>",
    "<x@>",
    "<x@.>",
    "<x@a..test>",
    "<x@-a.test>",
    f"<x@{'a' * 64}.test>",
    f"<x@{'a.' * 130}test>",
    "<x@BÜCHER.test>",
    "<x@xn--99999999.test>",
    "<x@ａ.test>",
]
MALFORMED = [
    ("<sales@a.test", "unbalanced angle brackets"),
    ("sales@a.test>", "unbalanced angle brackets"),
    ('<"sales@a.test>', "a quote that does not close"),
    ("<sales\\", "unbalanced angle brackets"),
    ("sales@a.test\\", "a quote that does not close"),
    ("<sa\rles@a.test>", "control character"),
    ("<sa\x00les@a.test>", "control character"),
    ("<sa\x7fles@a.test>", "control character"),
    ("<sa\udcffles@a.test>", "not UTF-8"),
    ("<@a.test>", "nothing before the @"),
    ('<""@a.test>', "nothing before the @"),
]


@pytest.mark.parametrize(("typed", "canonical"), PATHS)
def test_paths(typed: str, canonical: str) -> None:
    assert str(parse_path(typed)) == canonical


@pytest.mark.parametrize("typed", NO_DOMAIN)
def test_paths_without_a_domain(typed: str) -> None:
    assert parse_path(typed) is None


@pytest.mark.parametrize(("typed", "reason"), MALFORMED)
def test_malformed_paths(typed: str, reason: str) -> None:
    with pytest.raises(AddressSyntaxError, match=f"^{reason}$"):
        parse_path(typed)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("john", "there is no @ in it"),
        ("john@", "what follows the @ is not a domain name"),
        ("john@a b", "what follows the @ is not a domain name"),
        ("@a.test", "nothing before the @"),
    ],
)
def test_addresses_that_people_mistype(text: str, reason: str) -> None:
    with pytest.raises(AddressSyntaxError, match=f"^{reason}$"):
        Address.parse(text)


@pytest.mark.parametrize(("raw", "null"), [("<>", True), ("", True), (" <> ", True), ("<a@b>", False)])
def test_null_path(raw: str, null: bool) -> None:
    assert is_null_path(raw) is null


@pytest.mark.parametrize(("path", "plain"), [("@a,@b:c@d", "c@d"), ("c@d", "c@d"), ("@a", "@a"), ("a:b@c", "a:b@c")])
def test_source_routes(path: str, plain: str) -> None:
    assert without_route(path) == plain


@pytest.mark.parametrize(
    ("local", "delimiter", "split"),
    [
        ("john+x", "+", ("john", "+x")),
        ("john+x+y", "+", ("john", "+x+y")),
        ("john+", "+", ("john", "+")),
        ("+x", "+", ("+x", None)),
        ("+x+y", "+", ("+x", "+y")),
        ("john", "+", ("john", None)),
        ("john+x", "", ("john+x", None)),
        ("john-x", "-", ("john", "-x")),
    ],
)
def test_sub_addresses(local: str, delimiter: str, split: tuple[str, str | None]) -> None:
    assert split_detail(local, delimiter) == split


@pytest.mark.parametrize(
    ("text", "name"), [("A.Test", "a.test"), ("a.test.", "a.test"), ("bücher.test", "xn--bcher-kva.test")]
)
def test_domains(text: str, name: str) -> None:
    assert canonical_domain(text) == name


@pytest.mark.parametrize("text", ["", ".", "a..b", "a b", "[1.2.3.4]", "-a", "a-", "a_b", "ａ.test", "a.test..", "a\n"])
def test_not_domains(text: str) -> None:
    with pytest.raises(DomainSyntaxError):
        canonical_domain(text)


def test_domains_for_people() -> None:
    assert unicode_domain("xn--bcher-kva.test") == "bücher.test"
    assert unicode_domain("a.test") == "a.test"


label = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True).filter(lambda text: text[2:4] != "--")
domain = st.lists(label, min_size=1, max_size=4).map(".".join)
local = st.text(
    st.characters(min_codepoint=0x20, exclude_characters="\x7f", exclude_categories=["Cs", "Cc"]), min_size=1
)


@given(local, domain)
def test_an_address_reads_itself(local_part: str, name: str) -> None:
    address = Address(ascii_lower(local_part), name)
    assert parse_path(f"<{address}>") == address
    assert Address.parse(str(address)) == address


@given(local, domain)
def test_case_and_a_trailing_dot_make_no_difference(local_part: str, name: str) -> None:
    address = Address(ascii_lower(local_part), name)
    shouted = "".join(char.upper() if char.isascii() else char for char in str(address))
    assert parse_path(f"<{shouted}.>") == address


@given(st.text())
def test_whatever_is_typed_gives_an_address_or_none_or_a_reason(typed: str) -> None:
    try:
        address = parse_path(typed)
    except AddressSyntaxError as error:
        assert str(error).isascii()
    else:
        assert address is None or parse_path(str(address)) == address


@given(st.text())
def test_a_canonical_domain_stays_as_it_is(text: str) -> None:
    try:
        name = canonical_domain(text)
    except DomainSyntaxError:
        return
    assert canonical_domain(name) == name
    assert name.isascii()
    assert name == name.lower()
