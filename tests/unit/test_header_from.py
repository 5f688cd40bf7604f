"""The From parser: what passes with which address, and what is refused for which reason."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.header_from import LONGEST, parse_author
from routing.header_refused import REASONS, HeaderRefused

ADDRESS = "john@brand-a.test"

GOOD = [  # value, mentions
    (b" john@brand-a.test", ()),
    (b"john@brand-a.test", ()),
    (b" John@Brand-A.TEST ", ()),
    (b" <john@brand-a.test>", ()),
    (b"<john@brand-a.test>", ()),
    (b' "Doe, John" <john@brand-a.test>', ()),
    (b" John D. Doe Jr. <john@brand-a.test>", ()),
    (b" J\xc3\xb6rg <john@brand-a.test>", ()),
    (" \U0001f600 John <john@brand-a.test>".encode(), ()),
    (b" john@brand-a.test (John Doe)", ()),
    (b" john@brand-a.test (John (Jr.) Doe)", ()),
    (b' "a" <john@brand-a.test>', ()),
    (b' "Sales @ Brand" <john@brand-a.test>', ()),
    (b' "@brand" <john@brand-a.test>', ()),
    (b' "john@" <john@brand-a.test>', ()),
    (b' "a \\"quoted\\" name" <john@brand-a.test>', ()),
    (b" =?utf-8?q?J=C3=B6rg?= <john@brand-a.test>", ()),
    (b" =?UTF-8?B?SsO2cmc=?=\r\n =?UTF-8?B?IERvZQ==?= <john@brand-a.test>", ()),
    (b" =?utf-8?Q?a?=\n =?utf-8?Q?b?=\n\t<john@brand-a.test>", ()),
    (b" =?utf-8?B?w7Y=?= =?utf-8?B?w7Y=?= <john@brand-a.test>", ()),
    (b" =?utf-8?B?4pg=?= =?utf-8?B?gw==?= <john@brand-a.test>", ()),  # a character split over two words
    (b" =?iso-8859-1?q?J=F6rg?= <john@brand-a.test>", ()),
    (b" =?utf-8*en?q?John?= <john@brand-a.test>", ()),
    (b' "=?utf-8?q?J=C3=B6rg?=" <john@brand-a.test>', ()),  # Outlook
    (b" John(comment)Doe <john@brand-a.test>", ()),
    (b' "john@brand-a.test" <john@brand-a.test>', ("john@brand-a.test",)),
    (b' "John <john@brand-a.test>" <john@brand-a.test>', ("john@brand-a.test",)),
    (b' "CEO@Bank.test" <john@brand-a.test>', ("ceo@bank.test",)),
    (b' "ceo\\@bank.test" <john@brand-a.test>', ("ceo@bank.test",)),
    (b' "ceo""@bank.test" <john@brand-a.test>', ("ceo@bank.test",)),
    (b' "ceo"(x)"@bank.test" <john@brand-a.test>', ("ceo@bank.test",)),
    (b" =?utf-8?q?ceo=40bank.test?= <john@brand-a.test>", ("ceo@bank.test",)),
    (b' "=?utf-8?q?ceo=40bank.test?=" <john@brand-a.test>', ("ceo@bank.test",)),
    (b" =?utf-8?q?ceo?= =?utf-8?q?=40bank.test?= <john@brand-a.test>", ("ceo@bank.test",)),
    (" \"ceo＠bank.test\" <john@brand-a.test>".encode(), ("ceo@bank.test",)),  # fullwidth, by NFKC
    (" \"ceo\u00ad@bank.test\" <john@brand-a.test>".encode(), ("ceo@bank.test",)),  # soft hyphen
    (b" john@brand-a.test (ceo@bank.test)", ("ceo@bank.test",)),
    (b' "ceo@bank.test." <john@brand-a.test>', ("ceo@bank.test",)),
    (b' "a@b@c" <john@brand-a.test>', ("a@b@c",)),
]  # fmt: skip

BAD = [  # value, reason
    (b"", "empty"),
    (b" ", "empty"),
    (b" John", "no-address"),
    (b' "john@brand-a.test"', "no-address"),
    (b" <>", "no-address"),
    (b" <john>", "no-address"),
    (b" <@brand-a.test>", "no-address"),
    (b" john@", "no-address"),
    (b" (x) john@brand-a.test", "no-address"),
    (b" a@x.test, b@y.test", "list"),
    (b" <a@x.test>, <b@y.test>", "list"),
    (b" a@x.test b@y.test", "text-after-address"),
    (b" <a@x.test> <b@y.test>", "text-after-address"),
    (b" <a@x.test> b", "text-after-address"),
    (b" a@x.test (one) (two)", "text-after-address"),
    (b" group: a@x.test;", "group"),
    (b" a@x.test;", "group"),
    (b" <@r.test:a@x.test>", "route"),
    (b" b@y.test <a@x.test>", "at-in-phrase"),
    (b" @ <a@x.test>", "at-in-phrase"),
    (b' <"a"@x.test>', "quoted-local-part"),
    (b' "a"@x.test', "no-address"),
    (b" <a(x)@x.test>", "comment-in-address"),
    (b" <a b@x.test>", "bad-local-part"),
    (b" <a..b@x.test>", "bad-local-part"),
    (b" <.a@x.test>", "bad-local-part"),
    (b" <a@b@x.test>", "bad-local-part"),
    (" <jöhn@x.test>".encode(), "bad-local-part"),
    ("<\u212aelvin@x.test>".encode(), "bad-local-part"),
    (b" <a@[192.0.2.1]>", "domain-literal"),
    (b" a@[192.0.2.1]", "domain-literal"),
    (b" <a@x.test.>", "trailing-dot"),
    (b" <a@x_y.test>", "bad-domain"),
    (b" <a@ x.test>", "bad-domain"),
    (" <a@ｘ.test>".encode(), "bad-domain"),
    (b" <=?utf-8?q?a?=@x.test>", "encoded-word-in-address"),
    (b" (open <a@x.test>", "unclosed-comment"),
    (b" a@x.test )", "unclosed-comment"),
    (b" (a\\", "unclosed-comment"),
    (b' "open <a@x.test>', "unclosed-quote"),
    (b" <a@x.test", "unclosed-angle"),
    (b" a@x.test>", "unclosed-angle"),
    (b" <<a@x.test>>", "unclosed-angle"),
    (b" a\\b <a@x.test>", "stray-backslash"),
    (b" [x] <a@x.test>", "domain-literal"),
    (" a\u3000b <a@x.test>".encode(), "bad-character"),  # a space that is none of ours
    (b" J\xf6rg <a@x.test>", "not-utf8"),
    (b" a\x00b <a@x.test>", "control-character"),
    (b" a\r\nb <a@x.test>", "control-character"),
    (b" a\rb <a@x.test>", "control-character"),
    (" a\u0085b <a@x.test>".encode(), "control-character"),
    (b" =?utf-8?q?a=0Ab?= <a@x.test>", "control-character"),
    ("\"a\u202eb\" <a@x.test>".encode(), "bidi-character"),
    (b" =?utf-8?q?a=E2=80=AEb?= <a@x.test>", "bidi-character"),
    (b" =?utf-8?q?a <a@x.test>", "malformed-encoded-word"),
    (b" =?utf-8?x?a?= <a@x.test>", "malformed-encoded-word"),
    (b" =?utf-8?b?!!!?= <a@x.test>", "malformed-encoded-word"),
    (b" =?utf-8?b?YQ?= <a@x.test>", "malformed-encoded-word"),
    (b" =?utf-8?q?=zz?= <a@x.test>", "malformed-encoded-word"),
    (b" =?utf-8?q?=ff?= <a@x.test>", "malformed-encoded-word"),
    (b' "=?utf-8?q?a b?=" <a@x.test>', "malformed-encoded-word"),
    (b" =?utf-7?q?a?= <a@x.test>", "unknown-charset"),
    (b" =?utf-8?b?PT91dGYtOD9xP2E/PQ==?= <a@x.test>", "nested-encoded-word"),
    (b" " + b"x" * LONGEST + b" <a@x.test>", "too-long"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "mentioned"), GOOD)
def test_accepted(value: bytes, mentioned: tuple[str, ...]) -> None:
    author = parse_author(value)
    assert str(author.address) == ADDRESS
    assert author.mentions == mentioned


def test_international_domains_in_both_forms() -> None:
    for value in ("<john@bücher.test>".encode(), b"<john@xn--bcher-kva.test>"):
        assert str(parse_author(value).address) == "john@xn--bcher-kva.test"


@pytest.mark.parametrize(("value", "reason"), BAD)
def test_refused(value: bytes, reason: str) -> None:
    with pytest.raises(HeaderRefused) as caught:
        parse_author(value)
    assert caught.value.reason == reason
    assert str(caught.value) == REASONS[reason]


@given(st.binary(max_size=200))
def test_any_bytes_give_an_author_or_a_reason(value: bytes) -> None:
    try:
        author = parse_author(value)
    except HeaderRefused as error:
        assert error.reason in REASONS
    else:
        assert author.address.local.isascii()
        assert author.address.domain.isascii()
