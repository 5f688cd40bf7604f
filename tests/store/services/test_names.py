"""The rules for names, as columns of names and the words that tell what is wrong with them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.address import Address
from store.errors import ServiceError
from store.services.names import check_local_part, domain_name, known_address, split_new_address

GOOD = [
    "info",
    "sales-team",
    "john.doe",
    "billing_dept",
    "contact.us",
    "a",
    "0",
    "-",
    "_",
    "-a-",
    "_a_",
    "a.b.c.d",
    "x--y",
    "1.2",
]


@pytest.mark.parametrize("name", [*GOOD, "x" * 64])
def test_good_local_part(name: str) -> None:
    check_local_part(name)
    assert str(Address(name, "brand-a.com")) == f"{name}@brand-a.com", "can be written without quotes"


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("", "nothing before the @"),
        ("x" * 65, "65 characters long; at most 64"),
        ("X" * 65, "65 characters long"),
        ("hello@world", "an @ is not allowed"),
        ("sales team", "spaces are not allowed"),
        ("Info", "upper case is not allowed; write it in lower case"),
        ("iNFO", "upper case is not allowed"),
        (".info", "must not begin with a dot"),
        (".", "must not begin with a dot"),
        ("info.", "must not end with a dot"),
        ("in..fo", "two dots in a row"),
        ("in+fo", "character '+' is not allowed"),
        ("in/fo", "character '/' is not allowed"),
        ("%", "character '%' is not allowed"),
        ('"x"', "character '\"' is not allowed"),
        ("jöhn", r"character '\xf6' is not allowed"),
        ("\u212aelvin", r"character '\u212a' is not allowed"),
        ("a\x00b", r"character '\x00' is not allowed"),
        ("a\nb", r"character '\n' is not allowed"),
        ("info\n", r"character '\n' is not allowed"),
        ("\udce9", r"character '\udce9' is not allowed"),
        ("\u0661", r"character '\u0661' is not allowed"),
    ],
)
def test_bad_local_part(name: str, rule: str) -> None:
    with pytest.raises(ServiceError) as refusal:
        check_local_part(name)
    assert (refusal.value.code, refusal.value.field) == ("invalid-local-part", "local_part")
    assert rule in refusal.value.message
    assert refusal.value.message.isascii()


@given(st.text(max_size=70) | st.text("ab.-_Z9@", max_size=70))
def test_a_local_part_is_good_or_refused_by_rule(name: str) -> None:
    try:
        check_local_part(name)
    except ServiceError as refusal:
        assert refusal.code in {"invalid-local-part", "address-reserved"}
    else:
        assert re.fullmatch("[a-z0-9._-]{1,64}", name)
        assert "" not in name.split(".")


@pytest.mark.parametrize("name", ["postmaster", "abuse", "hostmaster", "mailer-daemon"])
def test_system_names_are_reserved(name: str) -> None:
    with pytest.raises(ServiceError) as refusal:
        check_local_part(name)
    assert refusal.value.code == "address-reserved"
    check_local_part(name, frozenset())


def test_a_site_reserves_its_own_names() -> None:
    with pytest.raises(ServiceError) as refusal:
        check_local_part("support", frozenset({"support"}))
    assert refusal.value.code == "address-reserved"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("brand-a.com", "brand-a.com"),
        ("Brand-A.COM", "brand-a.com"),
        ("brand-a.com.", "brand-a.com"),
        ("münchen.example", "xn--mnchen-3ya.example"),
        ("xn--mnchen-3ya.example", "xn--mnchen-3ya.example"),
        ("a.b.c.example", "a.b.c.example"),
    ],
)
def test_good_domain(text: str, name: str) -> None:
    assert domain_name(text) == name


@pytest.mark.parametrize(
    "text",
    ["", ".", "com", "com.", "-a.com", "a_b.com", "a..com", "a b.com", "[192.0.2.1]", "xn--.com", "x" * 64 + ".com",
     "a.com\n", "\x00.com", "\udce9.com", "a@b.com", "x." * 130 + "com"],
)  # fmt: skip
def test_bad_domain(text: str) -> None:
    with pytest.raises(ServiceError) as refusal:
        domain_name(text)
    assert refusal.value.code == "invalid-domain"
    assert refusal.value.message.isprintable()
    assert len(refusal.value.message) < 200


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("info@brand-a.com", ("info", "brand-a.com")),
        ("Info@BRAND-A.com", ("Info", "brand-a.com")),
        ("a@b@brand-a.com", ("a@b", "brand-a.com")),
        ("@brand-a.com", ("", "brand-a.com")),
    ],
)
def test_an_address_to_be_made_is_only_split(text: str, parts: tuple[str, str]) -> None:
    assert split_new_address(text) == parts


@pytest.mark.parametrize(
    ("text", "code"), [("info", "invalid-request"), ("", "invalid-request"), ("a@", "invalid-domain")]
)
def test_what_is_no_address_to_be_made(text: str, code: str) -> None:
    with pytest.raises(ServiceError) as refusal:
        split_new_address(text)
    assert refusal.value.code == code


def test_a_known_address_is_read_like_any_address() -> None:
    assert known_address("John@Brand-A.com") == Address("john", "brand-a.com")


@pytest.mark.parametrize("text", ["", "john", "@brand-a.com", "john@", "jo\nhn@brand-a.com", '"john@brand-a.com'])
def test_what_is_no_known_address(text: str) -> None:
    with pytest.raises(ServiceError) as refusal:
        known_address(text)
    assert refusal.value.code == "invalid-request"
    assert refusal.value.message.isprintable()
