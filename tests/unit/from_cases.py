"""From fields, legitimate and hostile, each with its verdict and the reason.

The login is john@brand-a.test, who owns that, sales@brand-a.test, sales@brand-b.test and john@bücher.test, here and in
``tests.mail.world``. The same columns run through the parser, the guard, ``byname explain`` and a real Postfix.
"""

import base64
from dataclasses import dataclass

from routing.header_refused import REASONS

JOHN = "john@brand-a.test"
OWN = b" <john@brand-a.test>"


@dataclass(frozen=True, slots=True)
class Case:
    """One value of a From field."""

    value: bytes
    rule: str  # of the verdict: "owned", a parser's reason, or a refusal of the sender table
    address: str = JOHN
    shows: tuple[str, ...] = ()  # for "owned" all mentions, for "display-name-address" the one that matters
    by_postfix: str | None = None  # the rule, where Postfix changes the header before it asks

    @property
    def id(self) -> str:
        """Return a name for the case, for people to find it by."""
        return f"{self.rule} {self.value[:50].decode('ascii', 'backslashreplace')!a}"


# What the reply of the MTA begins with, by rule.
_REPLIES = {
    "owned": "250 2.0.0 Ok: queued as ",
    "sender-not-owned": "550 5.7.1 <{address}>: Sender address rejected: not owned by user " + JOHN,
    "sender-detail": "550 5.1.7 <{address}>: Sender address rejected: a sub-address is plain ASCII without % ! @",
    **{slug: f"550 5.7.1 Sender address rejected: {text}" for slug, text in REASONS.items()},
}


def reply_to(rule: str, address: str) -> str:
    """Return what the reply to a message begins with."""
    return _REPLIES[rule].format(address=address)


def good(value: bytes | str, *shows: str, address: str = JOHN, by_postfix: str | None = None) -> Case:
    """Legitimate: allowed."""
    return Case(_raw(value), "owned", address, shows, by_postfix)


def foreign(value: bytes | str, address: str) -> Case:
    """Well written, with an address that is not the sender's."""
    return Case(_raw(value), "sender-not-owned", address)


def shows(value: bytes | str, mention: str) -> Case:
    """The address is owned, but the text beside it shows a foreign one."""
    return Case(_raw(value), "display-name-address", JOHN, (mention,))


def bad(value: bytes | str, reason: str, by_postfix: str | None = None) -> Case:
    """Refused for how it is written."""
    return Case(_raw(value), reason, by_postfix=by_postfix)


def _raw(value: bytes | str) -> bytes:
    return value.encode() if isinstance(value, str) else value


def b64(charset: str, octets: bytes) -> bytes:
    """Return an encoded word in base64."""
    return b"=?%s?b?%s?=" % (charset.encode(), base64.b64encode(octets))


LEGITIMATE = [
    good(" john@brand-a.test"),
    good("john@brand-a.test"),
    good(" John@Brand-A.TEST "),
    good("\tjohn@brand-a.test\t"),
    good(" <john@brand-a.test>"),
    good("<john@brand-a.test>"),
    good(" John<john@brand-a.test>"),
    good(" john+lists@brand-a.test", address="john+lists@brand-a.test"),
    good(" Sales <sales@brand-b.test>", address="sales@brand-b.test"),
    good(" <john@bücher.test>", address="john@xn--bcher-kva.test"),
    good(" <JOHN@XN--BCHER-KVA.TEST>", address="john@xn--bcher-kva.test"),
    good(' "Doe, John" <john@brand-a.test>'),
    good(" John D. Doe Jr. <john@brand-a.test>"),
    good(" Jörg <john@brand-a.test>"),
    good(" \U0001f600 John <john@brand-a.test>"),
    good(" \U0001f468\u200d\U0001f469\u200d\U0001f467 Doe <john@brand-a.test>"),  # joined by zero-width joiners
    good(" \u2764\ufe0f <john@brand-a.test>"),  # a variation selector
    good(
        " \U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f <john@brand-a.test>"
    ),  # tag characters
    good(" 山田太郎 <john@brand-a.test>"),
    good(" יוחנן <john@brand-a.test>"),
    good(" جون <john@brand-a.test>"),
    good(" Jo\u0308rg <john@brand-a.test>"),
    good(" \uf8ff Inc. <john@brand-a.test>"),  # private use: Apple's logo
    good(" John\u00adDoe <john@brand-a.test>"),
    good(" \u180eJohn <john@brand-a.test>"),  # Mongolian vowel separator
    good(" john@brand-a.test (John Doe)"),
    good(" john@brand-a.test (John (Jr.) Doe)"),
    good(" john@brand-a.test (a \\) in it)"),
    good(" john@brand-a.test (\\))"),
    good(" (John) <john@brand-a.test>"),
    good(" <john@brand-a.test> (John)"),
    good(" John(comment)Doe <john@brand-a.test>"),
    good(' "" <john@brand-a.test>'),
    good(' "a" <john@brand-a.test>'),
    good(' "Sales @ Brand" <john@brand-a.test>'),
    good(' "Sales @ Brand Inc." <john@brand-a.test>'),
    good(' "j.doe @ Brand" <john@brand-a.test>'),
    good(' "' + "@ " * 64 + '" <john@brand-a.test>'),
    good(' "@brand" <john@brand-a.test>'),
    good(' "@brand.test" <john@brand-a.test>'),
    good(' "John (@john.social.test)" <john@brand-a.test>'),
    good(' "john@" <john@brand-a.test>'),
    good(' "John [@john.social.test]" <john@brand-a.test>'),
    good(' "営業 @ ジョン・ドウ" <john@brand-a.test>'),
    good(' "Sales (@) Brand" <john@brand-a.test>'),
    good(' "R&D, Q&A &amp; 100%" <john@brand-a.test>'),
    good(' "what?=" <john@brand-a.test>'),
    good(" =?utf-8?q?what=3F=3D?= <john@brand-a.test>"),
    good(' "a \\"quoted\\" name" <john@brand-a.test>'),
    good(' "a, b; c: d <e> [f]" <john@brand-a.test>'),
    good(" =?utf-8?q?J=C3=B6rg?= <john@brand-a.test>"),
    good(" =?UTF-8?B?SsO2cmc=?=\r\n =?UTF-8?B?IERvZQ==?= <john@brand-a.test>"),
    good(" =?utf-8?Q?a?=\r\n =?utf-8?Q?b?=\r\n\t<john@brand-a.test>"),
    good(" =?utf-8?B?w7Y=?= =?utf-8?B?w7Y=?= <john@brand-a.test>"),
    good(" =?utf-8?B?4pg=?= =?utf-8?B?gw==?= <john@brand-a.test>"),  # a character split over two words
    good(" =?utf8?q?=E2?= =?utf8?q?=98=83?= <john@brand-a.test>"),
    good(" " + "=?utf-8?q?a?= " * 64 + "<john@brand-a.test>"),
    good(" =?utf-8?q?caf=C3?= =?utf-8?q?=A9_bar?= <john@brand-a.test>"),
    good(" =?utf-8?q??= <john@brand-a.test>"),
    good(" =?utf8?q?J=C3=B6rg?= <john@brand-a.test>"),
    good(" =?utf-8*en?q?John?= <john@brand-a.test>"),
    good(" =?us-ascii?q?John_Doe?= <john@brand-a.test>"),
    good(" =?iso-8859-1?q?J=F6rg?= <john@brand-a.test>"),
    good(" =?iso-8859-15?q?=A4?= <john@brand-a.test>"),
    good(" =?windows-1252?q?=93J=94?= <john@brand-a.test>"),
    good(" =?koi8-r?b?6dfBzg==?= <john@brand-a.test>"),
    good(b" " + b64("shift_jis", "山田太郎ァ".encode("shift_jis")) + OWN),  # ァ holds an octet 0x40, an @
    good(b" " + b64("iso-2022-jp", "山田太郎 世界".encode("iso2022_jp")) + OWN),  # 世 as well
    good(b" " + b64("euc-jp", "山田太郎".encode("euc_jp")) + OWN),
    good(b" " + b64("gbk", "张伟丂".encode("gbk")) + OWN),
    good(b" " + b64("gb18030", "张伟".encode("gb18030")) + OWN),
    good(b" " + b64("gb2312", "张伟".encode("gb2312")) + OWN),
    good(b" " + b64("big5", "陳大文一".encode("big5")) + OWN),
    good(b" " + b64("euc-kr", "홍길동".encode("euc_kr")) + OWN),
    good(
        b" "
        + b64("iso-2022-jp", "山".encode("iso2022_jp"))
        + b" "
        + b64("iso-2022-jp", "田".encode("iso2022_jp"))
        + OWN
    ),
    good(' "=?utf-8?q?J=C3=B6rg?=" <john@brand-a.test>'),  # Outlook
    good(" =?utf-8?q?Doe=2C_John?= <john@brand-a.test>"),
    good(" =?utf-8?q?Sales_=40_Brand?= <john@brand-a.test>"),
    good(' "Sales"\r\n\t<john@brand-a.test>'),
    good(" john@brand-a.test\r\n (John)"),
    good(' "john@brand-a.test" <john@brand-a.test>', JOHN),
    good(" \"'John@Brand-A.test'\" <john@brand-a.test>", JOHN),  # Outlook quotes what it found in an address book
    good(' "john@brand-a.test." <john@brand-a.test>', JOHN),
    good(' "John <john@brand-a.test>" <john@brand-a.test>', JOHN),
    good(' "john@brand-a.test, sales@brand-b.test" <john@brand-a.test>', JOHN, "sales@brand-b.test"),
    good(' "john@brand-a.test via list" <john@brand-a.test>', JOHN),
    good(" john@brand-a.test (john+x@brand-a.test)", "john+x@brand-a.test"),
    good(" =?utf-8?q?john?= =?utf-8?q?=40brand-a.test?= <john@brand-a.test>", JOHN),
    good(' "john@bücher.test" <john@brand-a.test>', "john@bücher.test"),
    good(" =?utf-8?q?john=40brand-a.test?= <john@brand-a.test>", JOHN),
    good(' "' + "x" * 961 + '" <john@brand-a.test>'),  # the longest line
    good(' "' + "\r\n ".join(["x" * 80] * 49) + "x" * 9 + '"' + OWN.decode()),  # the longest value
    good(' "' + " ".join(["x" * 60] * 8) + '"\r\n ' + "\r\n ".join(["y" * 70] * 40) + " <john@brand-a.test>"),
    good(f" <john+{'x' * 59}@brand-a.test>", address=f"john+{'x' * 59}@brand-a.test"),
    good(" <john@brand-a.test> "),
    good(" John < john@brand-a.test >"),  # RFC 5322 section 3.4.1: blanks may stand around the parts of an address
    good(" John <\r\n john@brand-a.test>"),
    good(" John <\tjohn@brand-a.test\r\n >"),
    good(" john@brand-a.test\t (John) "),
]

FOREIGN = [
    foreign(" ceo@bank.test", "ceo@bank.test"),
    foreign(' "John <john@brand-a.test>" <ceo@bank.test>', "ceo@bank.test"),
    foreign(" mary@brand-a.test", "mary@brand-a.test"),
    foreign(" eve@other.test", "eve@other.test"),
    Case(b" john+x%bank.test@brand-a.test", "sender-detail", "john+x%bank.test@brand-a.test"),
    Case(b" sales+bank.test!x@brand-b.test", "sender-detail", "sales+bank.test!x@brand-b.test"),
    foreign(" johm@brand-a.test", "johm@brand-a.test"),
    foreign(" john@brand-a.test.bank.test", "john@brand-a.test.bank.test"),
    foreign(
        f" <{'x' * 64}@{'x' * 61}.{'x' * 61}.{'x' * 60}.test>", f"{'x' * 64}@{'x' * 61}.{'x' * 61}.{'x' * 60}.test"
    ),
    foreign(" +john@brand-a.test", "+john@brand-a.test"),
    foreign(" 'john@brand-a.test", "'john@brand-a.test"),
    foreign(" john%brand-a.test@bank.test", "john%brand-a.test@bank.test"),
    foreign(" bank.test!john@brand-a.test", "bank.test!john@brand-a.test"),
    foreign(" <john@brаnd-a.test>", "john@xn--brnd-a-4nf.test"),  # a Cyrillic letter
    foreign(" <john@xn--80ak6aa92e.test>", "john@xn--80ak6aa92e.test"),
    foreign(" john@brand-a.test@bank.test".replace("@brand", "#brand"), "john#brand-a.test@bank.test"),
]

MENTIONS = [
    shows(' "ceo@bank.test" <john@brand-a.test>', "ceo@bank.test"),
    shows(' "CEO@Bank.test" <john@brand-a.test>', "ceo@bank.test"),
    shows(' "mary@brand-a.test" <john@brand-a.test>', "mary@brand-a.test"),
    shows(' "ceo\\@bank.test" <john@brand-a.test>', "ceo@bank.test"),
    shows(' "\\c\\e\\o@bank.test" <john@brand-a.test>', "ceo@bank.test"),
    shows(' "john+\\ceo@brand-a.test" <john@brand-a.test>', "john+\\ceo@brand-a.test"),
    shows(' "ceo""@bank.test" <john@brand-a.test>', "ceo@bank.test"),
    shows(' "ceo" "@bank.test" <john@brand-a.test>', "ceo@bank.test"),
    shows(' "ceo"(x)"@bank.test" <john@brand-a.test>', "ceo@bank.test"),
    shows(' "ceo"(x)"@bank" <john@brand-a.test>', "ceo@bank"),
    shows(' "ceo@"bank.test <john@brand-a.test>', "ceo@bank.test"),
    shows(' ceo"@"bank.test <john@brand-a.test>', "ceo@bank.test"),
    shows(' "ceo @ bank.test" <john@brand-a.test>', "ceo@bank.test"),
    shows(' "ceo@ bank.test" <john@brand-a.test>', "ceo@bank.test"),
    shows(' "ceo @bank.test" <john@brand-a.test>', "ceo@bank.test"),
    shows(' "ceo@\r\n bank.test" <john@brand-a.test>', "ceo@bank.test"),
    shows(' "\\"ceo\\"@bank.test" <john@brand-a.test>', "ceo\ufffd@bank.test"),
    shows(' "\\"x, john\\"@brand-a.test" <john@brand-a.test>', "john\ufffd@brand-a.test"),
    shows(' "<ceo>@bank.test" <john@brand-a.test>', "ceo\ufffd@bank.test"),
    shows(' "ceo@<bank.test>" <john@brand-a.test>', "ceo@\ufffdbank.test"),
    shows(' "ceo@(x)bank.test" <john@brand-a.test>', "ceo@bank.test"),
    shows(' "<ceo@bank.test>" <john@brand-a.test>', "ceo@bank.test"),
    shows(' "ceo(@)bank.test" <john@brand-a.test>', "ceo@bank.test"),
    shows(' "ceo (@) bank.test" <john@brand-a.test>', "ceo@bank.test"),
    shows(' "ceo[@]bank.test" <john@brand-a.test>', "ceo@bank.test"),
    shows(' "ceo <@> bank.test" <john@brand-a.test>', "ceo@bank.test"),
    shows(' "ceo {@} bank.test" <john@brand-a.test>', "{@\ufffdbank.test"),
    shows(' "ceo <@bank.test>" <john@brand-a.test>', "ceo\ufffd@bank.test"),
    shows(' "ceo@. bank.test" <john@brand-a.test>', "ceo@\ufffdbank.test"),
    shows(' "ceo@! bank.test" <john@brand-a.test>', "ceo@\ufffdbank.test"),
    shows(' "ceo @ - bank.test" <john@brand-a.test>', "ceo@\ufffdbank.test"),
    shows(' "ceo&commat;bank.test" <john@brand-a.test>', "ceo@bank.test"),
    shows(' "ceo&#64;bank&period;test" <john@brand-a.test>', "ceo@bank.test"),
    shows(' "ceo&#x40;bank.test" <john@brand-a.test>', "ceo@bank.test"),
    shows(" =?utf-8?q?ceo=26commat=3Bbank.test?= <john@brand-a.test>", "ceo@bank.test"),
    shows(' "Jörg ceo&commat;bank.test" <john@brand-a.test>', "ceo@bank.test"),
    shows(' "ceo%40bank.test" <john@brand-a.test>', "ceo@bank.test"),
    *(shows(f' "ceo @ bank{dot}test" <john@brand-a.test>', f"ceo@bank{dot}test") for dot in "\ua4f8\u0660\u06d4\u00b7"),
    shows(' "ceo @ bank・test" <john@brand-a.test>', "ceo@bank・test"),
    shows(' "john+x%bank.test@brand-a.test" <john@brand-a.test>', "john+x%bank.test@brand-a.test"),
    shows(' "a@b@c" <john@brand-a.test>', "a@b@c"),
    shows(' "ceo\'john@brand-a.test" <john@brand-a.test>', "ceo'john@brand-a.test"),
    shows(' "ceo`john@brand-a.test" <john@brand-a.test>', "ceo`john@brand-a.test"),
    shows(' "x|john@brand-a.test" <john@brand-a.test>', "x|john@brand-a.test"),
    shows(' "!john@brand-a.test" <john@brand-a.test>', "!john@brand-a.test"),
    shows(' "Xjohn@brand-a.test" <john@brand-a.test>', "xjohn@brand-a.test"),
    shows(' "john@brand-a.testX" <john@brand-a.test>', "john@brand-a.testx"),
    shows(' "X@X" <john@brand-a.test>', "x@x"),
    shows(' "=?iso-8859-1?q?3=22john=40brand-a.test?=" <john@brand-a.test>', "3john@brand-a.test"),
    shows(' "john@brand-a.test/ceo@bank.test" <john@brand-a.test>', "john@brand-a.test/ceo@bank.test"),
    shows(' "ceo@bank" <john@brand-a.test>', "ceo@bank"),
    shows(' "ceo@[192.0.2.1]" <john@brand-a.test>', "ceo@\ufffd192.0.2.1"),
    shows(" =?utf-8?q?ceo=40bank.test?= <john@brand-a.test>", "ceo@bank.test"),
    shows(' "=?utf-8?q?ceo=40bank.test?=" <john@brand-a.test>', "ceo@bank.test"),
    shows(" =?utf-8?q?ceo?= =?utf-8?q?=40bank.test?= <john@brand-a.test>", "ceo@bank.test"),
    shows(" =?utf-8?q?ceo?==?utf-8?q?=40bank.test?= <john@brand-a.test>", "ceo@bank.test"),
    shows(" =?utf-8?q?ceo?=(x)=?utf-8?q?=40bank.test?= <john@brand-a.test>", "ceo@bank.test"),
    shows(" =?utf-8?q?john+?= =?utf-8?q?ceo=40brand-a.test?= <john@brand-a.test>", "ceo@brand-a.test"),
    shows(" =?utf-8?q?=22ceo=22=40bank.test?= <john@brand-a.test>", "ceo\ufffd@bank.test"),
    shows(" =?utf-8?q?ceo=40bank.test=3E?= <john@brand-a.test>", "ceo@bank.test"),
    shows(" =?utf-8?q?ceo=40bank.test=2C?= <john@brand-a.test>", "ceo@bank.test"),
    shows(" =?utf-8?b?Y2VvQGJhbmsudGVzdA==?= <john@brand-a.test>", "ceo@bank.test"),
    shows(" (=?utf-8?q?ceo=40bank.test?=) <john@brand-a.test>", "ceo@bank.test"),
    shows(' "=?utf-8?q?john+?=x@brand-a.test" <john@brand-a.test>', "=?utf-8?q?john+?=x@brand-a.test"),
    shows(' "=?utf-8?q?john@brand-a.test=2Ebank.test?=" <john@brand-a.test>', "john@brand-a.test.bank.test"),
    shows(' "ceo＠bank.test" <john@brand-a.test>', "ceo@bank.test"),
    shows(" ceo＠bank.test <john@brand-a.test>", "ceo@bank.test"),
    shows(" ceo﹫bank.test <john@brand-a.test>", "ceo@bank.test"),
    shows(' "ｃｅｏ@bank.test" <john@brand-a.test>', "ceo@bank.test"),
    shows(' "ｊohn@brand-a.test" <john@brand-a.test>', "ｊohn@brand-a.test"),
    shows(' "ceo@bank。test" <john@brand-a.test>', "ceo@bank。test"),
    shows(' "ceo @ bank．test" <john@brand-a.test>', "ceo@bank.test"),
    shows(' "ceo\u00ad@bank.test" <john@brand-a.test>', "ceo@bank.test"),
    shows(' "john\u00ad@brand-a.test" <john@brand-a.test>', "john\u00ad@brand-a.test"),
    shows(' "john+x\u200bmary@brand-a.test" <john@brand-a.test>', "john+x\u200bmary@brand-a.test"),
    shows(' "ceo\u200b@\u200bbank.test" <john@brand-a.test>', "ceo@bank.test"),
    shows(' "ceo \u2060@\u200b bank.test" <john@brand-a.test>', "ceo@bank.test"),
    shows(' "ceo\u180e@bank.test" <john@brand-a.test>', "ceo@bank.test"),
    shows(' "ceo @\ufe0f bank.test" <john@brand-a.test>', "ceo@bank.test"),
    shows(' "ceo \u3164@ bank.test" <john@brand-a.test>', "ceo@bank.test"),
    shows(' "ceo @\u2800bank.test" <john@brand-a.test>', "ceo@bank.test"),
    shows(' "ceo@\u0338bank.test" <john@brand-a.test>', "ceo@\u0338bank.test"),
    shows(' "ceo\U000e0061@bank.test" <john@brand-a.test>', "ceo@bank.test"),
    shows(' "ceo\u00a0@\u00a0bank.test" <john@brand-a.test>', "ceo@bank.test"),
    shows(' "\u212aing@brand-a.test" <john@brand-a.test>', "king@brand-a.test"),  # KELVIN SIGN
    shows(' "jоhn@brand-a.test" <john@brand-a.test>', "jоhn@brand-a.test"),  # a Cyrillic o
    shows(' "john@brand-a.test\uf8ff" <john@brand-a.test>', "john@brand-a.test\uf8ff"),
    shows(' "john\u0378@brand-a.test" <john@brand-a.test>', "john\u0378@brand-a.test"),  # unassigned
    shows(" john@brand-a.test (ceo@bank.test)", "ceo@bank.test"),
    shows(" john@brand-a.test (ceo\\@bank.test)", "ceo@bank.test"),
    shows(" john@brand-a.test (a (ceo@bank.test) b)", "ceo@bank.test"),
    shows(" (ceo@bank.test) <john@brand-a.test>", "ceo@bank.test"),
    shows(' "' + ", ".join(f"john+{number}@brand-a.test" for number in range(17)) + '" <john@brand-a.test>', JOHN[4:]),
    shows(b" " + b64("shift_jis", b"ceo\x81\x97bank.test") + OWN, "ceo@bank.test"),  # its own fullwidth @
    shows(b" " + b64("iso-2022-jp", b"ceo\x1b$B!w\x1b(Bbank.test") + OWN, "ceo@bank.test"),
    shows(b" " + b64("iso-2022-jp", b"ceo\x1b(J@\x1b(Bbank.test") + OWN, "ceo@bank.test"),
]

MALFORMED = [
    bad("", "empty"),
    bad(" ", "empty"),
    bad(" \r\n ", "empty"),
    bad(" John", "no-address"),
    bad(' "john@brand-a.test"', "no-address"),
    bad(" <>", "no-address"),
    bad(" John <>", "no-address"),
    bad(" <john>", "no-address"),
    bad(" <@brand-a.test>", "no-address"),
    bad(" john@", "no-address"),
    bad(" (x)", "no-address"),
    bad(" (x) john@brand-a.test", "no-address"),
    bad(' "john"@brand-a.test', "no-address"),
    bad(" <john＠brand-a.test>", "no-address"),
    bad(" a@x.test, b@y.test", "list"),
    bad(" john@brand-a.test, ceo@bank.test", "list"),
    bad(" <a@x.test>, <b@y.test>", "list"),
    bad(" , john@brand-a.test", "list"),
    bad(" john@brand-a.test,", "list"),
    bad(" Doe, John <john@brand-a.test>", "list"),
    bad(" a@x.test b@y.test", "text-after-address"),
    bad(" <a@x.test> <b@y.test>", "text-after-address"),
    bad(" <a@x.test> b", "text-after-address"),
    bad(" a@x.test (one) (two)", "text-after-address"),
    bad(' <a@x.test> "b"', "text-after-address"),
    bad(' a@x.test"b"', "text-after-address"),
    bad(" John <john@brand-a.test>ceo@bank.test", "text-after-address"),
    bad(" john@brand-a.test <ceo@bank.test>", "at-in-phrase"),
    bad(" group: a@x.test;", "group"),
    bad(" group:;", "group"),
    bad(" a@x.test;", "group"),
    bad(" <@r.test:a@x.test>", "route"),
    bad(" <@bank.test,@r.test:john@brand-a.test>", "route"),
    bad(" @r.test:a@x.test", "group"),
    bad(" ceo@bank.test <john@brand-a.test>", "at-in-phrase"),
    bad(" @ <john@brand-a.test>", "at-in-phrase"),
    bad(" @brand <john@brand-a.test>", "at-in-phrase"),
    bad(' <"a"@x.test>', "quoted-local-part"),
    bad(' <"john@brand-a.test"@bank.test>', "quoted-local-part"),
    bad(' "a"@x.test', "no-address"),
    bad(" <a(x)@x.test>", "comment-in-address"),
    bad(" <john@brand-a.test(.bank.test)>", "comment-in-address"),
    bad(" <john@(ceo@)brand-a.test>", "comment-in-address"),
    bad(" <a b@x.test>", "bad-local-part"),
    bad(" <john @brand-a.test>", "bad-local-part"),
    bad(" <a..b@x.test>", "bad-local-part"),
    bad(" <.a@x.test>", "bad-local-part"),
    bad(" <a.@x.test>", "bad-local-part"),
    bad(" <a@b@x.test>", "bad-local-part"),
    bad(" <ceo@bank.test,john@brand-a.test>", "bad-local-part"),
    bad(" <ceo@bank.test;john@brand-a.test>", "bad-local-part"),
    bad(" <ceo@bank.test\r\n john@brand-a.test>", "bad-local-part"),
    bad(" <a\\b@x.test>", "bad-local-part"),
    bad(" <jöhn@x.test>", "bad-local-part"),
    bad(" <\u212aelvin@x.test>", "bad-local-part"),
    bad(" <jоhn@brand-a.test>", "bad-local-part"),
    bad(" <john\u00ad@brand-a.test>", "bad-local-part"),
    bad(" <john\u200b@brand-a.test>", "bad-local-part"),
    bad(" <john\u202e@brand-a.test>", "bad-local-part"),
    bad(" <a@[192.0.2.1]>", "domain-literal"),
    bad(" <a@[IPv6:::1]>", "domain-literal"),
    bad(" a@[192.0.2.1]", "domain-literal"),
    bad(" [x] <a@x.test>", "domain-literal"),
    bad(" <a@x.test.>", "trailing-dot"),
    bad(" a@x.test.", "trailing-dot"),
    bad(" <a@x..test>", "bad-domain"),
    bad(" <a@.x.test>", "bad-domain"),
    bad(" <a@x_y.test>", "bad-domain"),
    bad(" <a@-x.test>", "bad-domain"),
    bad(" <a@ x.test>", "bad-domain"),
    bad(" <\u00a0john@brand-a.test>", "bad-local-part"),
    bad(" <john@brand-a.test\u00a0>", "bad-domain"),
    bad(" <  >", "no-address"),
    bad(" <a@ｘ.test>", "bad-domain"),
    bad(" <a@x。test>", "bad-domain"),
    bad(" <john@brand\u00ad-a.test>", "bad-domain"),
    bad(" <john@bu\u0308cher.test>", "bad-domain"),
    bad(" <john@Bücher.Test\u200d>", "bad-domain"),
    bad(" <john@xn--bcher-kv.test>", "bad-domain"),
    bad(" <a@" + "x" * 64 + ".test>", "bad-domain"),
    bad(f" <{'x' * 65}@x.test>", "address-too-long"),
    bad(f" <john@{'x' * 60}.{'x' * 60}.{'x' * 60}.{'x' * 60}.brand-a.test>", "bad-domain"),
    bad(f" <{'x' * 64}@{'x' * 61}.{'x' * 61}.{'x' * 61}.test>", "address-too-long"),
    bad(" <=?utf-8?q?john?=@brand-a.test>", "encoded-word-in-address"),
    bad(" =?utf-8?q?ceo=40bank.test?=", "encoded-word-in-address"),
    bad(" =?utf-8?q?=3Cceo=40bank.test=3E?=", "encoded-word-in-address"),
    bad(" =?utf-8?q?john?=@brand-a.test", "encoded-word-in-address"),
    bad(" (open <a@x.test>", "unclosed-comment"),
    bad(" a@x.test )", "unclosed-comment"),
    bad(" (a\\", "unclosed-comment"),
    bad(" " + "(" * 900 + ")" * 899 + " <a@x.test>", "line-too-long"),
    bad(" " + "(" * 400 + ")" * 399 + " <a@x.test>", "unclosed-comment"),
    bad(' "open <a@x.test>', "unclosed-quote"),
    bad(' "open\\" <a@x.test>', "unclosed-quote"),
    bad(" <a@x.test", "unclosed-angle"),
    bad(" a@x.test>", "unclosed-angle"),
    bad(" <<a@x.test>>", "unclosed-angle"),
    bad(" John <john@brand-a.test <ceo@bank.test>>", "unclosed-angle"),
    bad(" a\\b <a@x.test>", "stray-backslash"),
    bad(" a\u3000b <a@x.test>", "bad-character"),  # a space that is none of ours
    bad(" a\u00a0b <a@x.test>", "bad-character"),
    bad(b" J\xf6rg <a@x.test>", "not-utf8"),
    bad(b' "\xed\xa0\x80" <a@x.test>', "not-utf8"),  # a surrogate
    bad(b' "\xc0\xa2" <a@x.test>', "not-utf8"),  # a quotation mark, overlong
    bad(b" \xff\xfe <a@x.test>", "not-utf8"),
    bad("山田".encode("shift_jis") + OWN, "not-utf8"),
    # NUL: Postfix cuts the line there, for the milter and for everybody after it.
    bad(b" John\0 <john@brand-a.test>", "control-character", by_postfix="no-address"),
    Case(b" John <john@brand-a.test>\0, ceo@bank.test", "control-character", by_postfix="owned"),
    bad(b" <john@brand-a.test\0.bank.test>", "control-character", by_postfix="unclosed-angle"),
    # A bare CR: Postfix makes it a space.
    bad(b" John\rDoe <john@brand-a.test>", "control-character", by_postfix="owned"),
    bad(b" John <john@brand-a.test>\r", "control-character", by_postfix="owned"),
    bad(b" ceo@bank.test\r <john@brand-a.test>", "control-character", by_postfix="at-in-phrase"),
    bad(b" John\x0bDoe <john@brand-a.test>", "control-character"),
    bad(b" John\x0cDoe <john@brand-a.test>", "control-character"),
    bad(b" John\x1bDoe <john@brand-a.test>", "control-character"),
    bad(b" John\x7f <john@brand-a.test>", "control-character"),
    bad(" John\u0085 <john@brand-a.test>", "control-character"),
    bad(" John\u2028 <john@brand-a.test>", "control-character"),
    bad(" John\u2029 <john@brand-a.test>", "control-character"),
    bad(" John\uffff <john@brand-a.test>", "control-character"),
    bad(" John\ufdd0 <john@brand-a.test>", "control-character"),
    bad(" John\ufdef <john@brand-a.test>", "control-character"),
    bad(" =?utf-8?q?a=0Ab?= <a@x.test>", "control-character"),
    bad(" =?utf-8?q?a=0D=0AFrom=3A_ceo=40bank.test?= <a@x.test>", "control-character"),
    bad(" =?utf-8?q?a=00b?= <a@x.test>", "control-character"),
    bad(" =?utf-8?q?a=E2=80=A8b?= <a@x.test>", "control-character"),
    bad(" =?utf-8?q?a=E2=80=A9b?= <a@x.test>", "control-character"),
    bad(" =?utf-8?q?a=EF=BF=BE?= <a@x.test>", "control-character"),
    bad(" =?iso-8859-1?q?a=85b?= <a@x.test>", "control-character"),
    bad(' "tset.knab\u202e@oec" <john@brand-a.test>', "bidi-character"),
    bad(" John\u200f <john@brand-a.test>", "bidi-character"),
    bad(" John\u200e <john@brand-a.test>", "bidi-character"),
    bad(" John\u061c <john@brand-a.test>", "bidi-character"),
    bad(" \u2067John\u2069 <john@brand-a.test>", "bidi-character"),
    bad(" =?utf-8?q?a=E2=80=AEb?= <a@x.test>", "bidi-character"),
    bad(" john@brand-a.test (\u202e)", "bidi-character"),
    bad(" =?utf-8?q?a <a@x.test>", "malformed-encoded-word"),
    bad(" =?utf-8?x?a?= <a@x.test>", "malformed-encoded-word"),
    bad(" =?utf-8?b?!!!?= <a@x.test>", "malformed-encoded-word"),
    bad(" =?utf-8?b?YQ?= <a@x.test>", "malformed-encoded-word"),
    bad(" =?utf-8?q?=zz?= <a@x.test>", "malformed-encoded-word"),
    bad(" =?utf-8?q?=4?= <a@x.test>", "malformed-encoded-word"),
    bad(" =?utf-8?q?=ff?= <a@x.test>", "malformed-encoded-word"),
    bad(" =?us-ascii?q?=ff?= <a@x.test>", "malformed-encoded-word"),
    bad(" =?utf-8?q?a?b?= <a@x.test>", "malformed-encoded-word"),
    bad(' "=?utf-8?q?a b?=" <a@x.test>', "malformed-encoded-word"),
    bad(" =?utf-8?Q?ceo?=40bank.test?= <john@brand-a.test>", "malformed-encoded-word"),
    bad(" =?utf-8?q?a?= b?= <a@x.test>", "malformed-encoded-word"),
    bad(' "=?utf-8?q?ceo=40bank.test" <a@x.test>', "malformed-encoded-word"),
    bad(" =?utf-8?q?ceo=40(x)bank.test?= <a@x.test>", "malformed-encoded-word"),
    bad(" =?utf-8?=40?= <a@x.test>", "malformed-encoded-word"),
    bad(" " + "=?utf-8?q?a?= " * 65 + "<a@x.test>", "malformed-encoded-word"),
    bad(" =?utf-8?q?=E2?= =?utf-8?q?a?= <a@x.test>", "malformed-encoded-word"),
    # What comes right only when words are decoded together; apart, the second shows an address.
    bad(b" " + b64("shift_jis", b"ceo\x81") + b" =?shift_jis?q?=40bank.test?=" + OWN, "malformed-encoded-word"),
    bad(b" " + b64("iso-2022-jp", b"\x1b$B") + b" =?iso-2022-jp?q?ceo=40bank!.te!!?=" + OWN, "malformed-encoded-word"),
    bad(b" " + b64("iso-2022-jp", b"\x1b$B0!") + OWN, "malformed-encoded-word"),  # does not return to ASCII
    bad(b" " + b64("iso-2022-jp", b"\x1b(Ia") + OWN, "malformed-encoded-word"),
    # The second octet of a double-byte character is an @; a program that does not know the set shows an address.
    bad(b" " + b64("shift_jis", b"ceo\x83@bank.test") + OWN, "malformed-encoded-word"),
    bad(b" " + b64("gbk", b"ceo\x81@bank.test") + OWN, "malformed-encoded-word"),
    bad(b" " + b64("big5", b"ceo\xa4@bank.test") + OWN, "malformed-encoded-word"),
    bad(' "' + "@ " * 65 + '" <a@x.test>', "too-many-at-signs"),
    bad(" " + "=?utf-8?q?=40?= " * 60 + "(@@@@@) <a@x.test>", "too-many-at-signs"),
    bad(" =?utf-7?q?ceo+AEA-bank.test?= <a@x.test>", "unknown-charset"),
    bad(" =?utf-16?b?AGEA?= <a@x.test>", "unknown-charset"),
    bad(" =?cp037?q?a?= <a@x.test>", "unknown-charset"),
    bad(" =?iso-2022-kr?q?a?= <a@x.test>", "unknown-charset"),
    bad(" =?hz-gb-2312?q?a?= <a@x.test>", "unknown-charset"),
    bad(" =?x-unknown?q?a?= <a@x.test>", "unknown-charset"),
    bad(" =?utf-8?b?PT91dGYtOD9xP2E/PQ==?= <a@x.test>", "nested-encoded-word"),
    bad(" =?utf-8?q?=3D=3Futf-8=3Fq=3Fceo=3D40bank.test=3F=3D?= <a@x.test>", "nested-encoded-word"),
    bad(" " + "x" * 5000 + " <a@x.test>", "too-long"),
    bad(" " + "x" * 60_000 + " <a@x.test>", "too-long"),
    bad(' "' + "ﷺ" * 228 + '" <john@brand-a.test>', "too-long"),  # each is eighteen characters in compatibility form
    good(' "' + "ﷺ" * 227 + '" <john@brand-a.test>'),
    bad(' "' + "\r\n ".join(["x" * 70] * 80) + '" <john@brand-a.test>', "too-long"),
    # Postfix breaks a line at 998 octets, which would leave "ceo@brand-a.test" by itself.
    bad(b" <john+" + b"x" * 985 + b"ceo@brand-a.test>", "line-too-long"),
    bad(b' "' + b"x" * 985 + b' " <john@brand-a.test>', "line-too-long"),
]  # fmt: skip

CASES = [*LEGITIMATE, *FOREIGN, *MENTIONS, *MALFORMED]

# Whole headers, from the first octet on: the lines, the rule, and the rule where Postfix makes something else of it.
HEADERS: list[tuple[bytes, str, str | None]] = [
    (b"From: john@brand-a.test", "owned", None),
    (b"FROM: john@brand-a.test", "owned", None),
    (b"Subject: x\r\nfrom:john@brand-a.test", "owned", None),
    (b"From: john@brand-a.test\r\nReply-To: ceo@bank.test", "owned", None),
    (b"From: john@brand-a.test\r\nSender: sales@brand-b.test", "owned", None),
    (b"Resent-From: john@brand-a.test\r\nResent-From: sales@brand-b.test\r\nFrom: john@brand-a.test", "owned", None),
    (b"From: john@brand-a.test\r\n\r\nFrom: ceo@bank.test", "owned", None),
    (b"From: john@brand-a.test\r\nno field\r\nFrom: ceo@bank.test", "owned", None),  # body, behind an empty line
    ("From: john@brand-a.test\r\nFrom\u00a0: ceo@bank.test".encode(), "owned", None),  # the same
    (b"From: john@brand-a.test\r\nFr\xf6m: ceo@bank.test", "owned", None),
    (b"From: john@brand-a.test\r\nSubject: Re:\r\n From: the boss", "owned", None),
    (b"Subject: From: ceo@bank.test\r\nFrom: john@brand-a.test", "owned", None),
    (b"From ceo@bank.test Mon Nov 23\r\nFrom: john@brand-a.test", "owned", None),  # becomes X-Mailbox-Line
    (b"From : ceo@bank.test\r\nFrom: john@brand-a.test", "owned", None),  # the same, as the first line only
    (b">From ceo@bank.test\r\nFrom: john@brand-a.test", "owned", None),
    (b"Subject: x", "no-from", None),
    (b"", "no-from", None),
    (b"Sender: john@brand-a.test", "no-from", None),
    (b"no field\r\nFrom: john@brand-a.test", "no-from", None),
    (b" From: ceo@bank.test\r\nFrom: john@brand-a.test", "no-from", None),
    (b"\r\nFrom: john@brand-a.test", "no-from", None),
    (b"From: john@brand-a.test\r\nFrom: john@brand-a.test", "several-from", None),
    (b"From: john@brand-a.test\r\nfrom: ceo@bank.test", "several-from", None),
    (b"Subject: x\nFrom: ceo@bank.test\r\nFrom: john@brand-a.test", "several-from", None),
    # Postfix takes the blanks before the colon away.
    (b"Subject: x\r\nFrom : john@brand-a.test", "malformed-field-name", "owned"),
    (b"Subject: x\r\nFrom\t: ceo@bank.test", "malformed-field-name", "sender-not-owned"),
    (b"From: john@brand-a.test\r\nFrom : ceo@bank.test", "malformed-field-name", "several-from"),
    (b"From: john@brand-a.test\r\nSender: sales@brand-b.test\r\nSender: john@brand-a.test", "several-sender", None),
    (b"From: john@brand-a.test\r\nSender: ceo@bank.test", "sender-not-owned", None),
    (b"From: john@brand-a.test\r\nSender: a@x.test, b@y.test", "list", None),
    (b"From: john@brand-a.test\r\nResent-From: ceo@bank.test", "sender-not-owned", None),
    (b"From: john@brand-a.test\r\nResent-Sender: ceo@bank.test", "sender-not-owned", None),
    (b'From: john@brand-a.test\r\nSender: "ceo@bank.test" <john@brand-a.test>', "display-name-address", None),
    (b"From: john@brand-a.test\r\n" + b"Resent-From: john@brand-a.test\r\n" * 16, "too-many-author-fields", None),
    (b"Subject: x\rFrom: ceo@bank.test\r\nFrom: john@brand-a.test", "hidden-field", "owned"),  # Postfix: a space
    (b"Subject: x\r\rFrom: ceo@bank.test\r\nFrom: john@brand-a.test", "hidden-field", "owned"),
    (b"Subject: x\x0bSENDER : ceo@bank.test\r\nFrom: john@brand-a.test", "hidden-field", None),
    (b"Subject: x\x85From: ceo@bank.test\r\nFrom: john@brand-a.test", "hidden-field", None),
    ("Subject: x\u0085From: ceo@bank.test\r\nFrom: john@brand-a.test".encode(), "hidden-field", None),
    ("Subject: Å From: ceo@bank.test\r\nFrom: john@brand-a.test".encode(), "hidden-field", None),
    ("Subject: Å, From\r\nFrom: john@brand-a.test".encode(), "owned", None),
    ("Subject: x\u2028Resent-From: ceo@bank.test\r\nFrom: john@brand-a.test".encode(), "hidden-field", None),
]
