"""Aliases as other programs export them: what each row becomes, and what is told of those that cannot be held."""

import io
import json
from collections.abc import Callable, Iterator
from typing import IO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.transfer.alias_services import read_addy, read_simplelogin
from store.transfer.lines import LINE_CODES, AliasLine, CatchAllLine, DomainLine, Line, MailboxLine, Malformed
from store.transfer.mailcow import read_mailcow
from store.transfer.postfixadmin import read_dump

Reader = Callable[[IO[bytes]], Iterator[Line]]
JOHN = "john@brand-a.com"

MYSQL = r"""-- MySQL dump 10.19  Distrib 10.11.6-MariaDB
/*!40101 SET NAMES utf8mb4 */;
DROP TABLE IF EXISTS `alias`;
CREATE TABLE `alias` (
  `address` varchar(255) NOT NULL,
  `goto` text NOT NULL COMMENT 'where; to, (it) goes',
  `domain` varchar(255) NOT NULL,
  `created` datetime NOT NULL DEFAULT '2000-01-01 00:00:00',
  `modified` datetime NOT NULL DEFAULT '2000-01-01 00:00:00',
  `active` tinyint(1) NOT NULL DEFAULT '1',
  PRIMARY KEY (`address`),
  KEY `domain` (`domain`)
) ENGINE=InnoDB DEFAULT CHARSET=latin1 COMMENT='Postfix Admin - Virtual Aliases';
LOCK TABLES `alias` WRITE;
INSERT INTO `alias` VALUES
('sales@brand-a.com','john@brand-a.com','brand-a.com','2020-01-01','2020-01-01',1),
('old@brand-a.com','john@brand-a.com','brand-a.com','2020-01-01','2020-01-01',0),
('john@brand-a.com','john@brand-a.com','brand-a.com','2020-01-01','2020-01-01',1);
INSERT INTO `alias` VALUES
('o\'neil;x@brand-a.com',_latin1'a@x.example,\nb@x.example','brand-a.com','2020-01-01',NULL,1);
UNLOCK TABLES;
CREATE TABLE `mailbox` (`username` varchar(255), `password` varchar(255));
INSERT INTO `mailbox` VALUES ('john@brand-a.com','secret');
INSERT INTO `alias_domain` (`alias_domain`, `target_domain`, `active`) VALUES
  ('brand-c.com', 'brand-a.com', 1);
INSERT INTO `domain` (`domain`, `description`) VALUES ('ALL', ''), ('brand-a.com', 'it''s ours');
"""

POSTGRESQL = """--
-- PostgreSQL database dump
--
\\restrict abc
SET standard_conforming_strings = on;
CREATE TABLE public.alias (
    address character varying(255) NOT NULL,
    goto text NOT NULL,
    domain character varying(255) NOT NULL,
    active boolean DEFAULT true NOT NULL
);
COPY public.alias (address, goto, domain, active) FROM stdin;
sales@brand-a.com\tjohn@brand-a.com\tbrand-a.com\tt
old@brand-a.com\tjohn@brand-a.com\tbrand-a.com\tf
@brand-a.com\tjohn@brand-a.com\tbrand-a.com\tt
@brand-b.com\tjohn@brand-a.com\tbrand-b.com\tf
away@brand-a.com\taway@brand-a.com,away#brand-a.com@autoreply.brand-a.com\tbrand-a.com\tt
none@brand-a.com\t\\N\tbrand-a.com\tt
\\.


COPY public.domain (domain, description) FROM stdin;
brand-a.com\ta;b
\\.

INSERT INTO public.alias VALUES ('back\\slash@brand-a.com', 'it''s@x.example', 'brand-a.com', true);
"""


def read(reader: Reader, data: str) -> list[Line]:
    return list(reader(io.BytesIO(data.encode())))


def told(lines: list[Line]) -> list[tuple[str | None, str]]:
    """Of each line the address, and its target or its code."""
    found: list[tuple[str | None, str]] = []
    for line in lines:
        match line:
            case AliasLine():
                more = "".join(f" {name}={value}" for name, value in sorted(line.given.items()))
                found.append((line.address, line.mailbox + more))
            case CatchAllLine():
                found.append((f"@{line.domain}", line.mailbox))
            case DomainLine():
                found.append((line.domain, "domain"))
            case MailboxLine():
                found.append((line.address, "mailbox"))
            case Malformed():
                assert line.code in LINE_CODES
                found.append((line.address, line.code))
    assert [line.number for line in lines] == sorted({line.number for line in lines})
    return found


@pytest.mark.parametrize("prefix", ["", "pfa_"])
def test_a_dump_of_mysql(prefix: str) -> None:
    data = MYSQL
    for name in ("alias_domain", "alias", "domain"):
        data = data.replace(f"`{name}` (", f"`{prefix}{name}` (").replace(f"INTO `{name}`", f"INTO `{prefix}{name}`")
    assert told(read(read_dump, data)) == [
        ("sales@brand-a.com", f"{JOHN} is_active=True"),
        ("old@brand-a.com", f"{JOHN} is_active=False"),
        (JOHN, "mailbox"),
        ("o'neil;x@brand-a.com", "several-targets"),
        ("@brand-c.com", "alias-domain"),
        ("brand-a.com", "domain"),
    ]


def test_a_dump_of_postgresql() -> None:
    assert told(read(read_dump, POSTGRESQL)) == [
        ("sales@brand-a.com", f"{JOHN} is_active=True"),
        ("old@brand-a.com", f"{JOHN} is_active=False"),
        ("@brand-a.com", JOHN),
        ("@brand-b.com", "catch-all-off"),
        ("away@brand-a.com", "vacation"),
        (None, "invalid-file"),
        ("brand-a.com", "domain"),
        ("back\\slash@brand-a.com", "it's@x.example is_active=True"),
    ]


def test_what_is_no_dump() -> None:
    for data in ("", "hello", "INSERT INTO people VALUES (1);", "INSERT INTO alias VALUES ('a', 'b');"):
        assert told(read(read_dump, data)) == [(None, "invalid-file")]
    assert told(list(read_dump(io.BytesIO(b"\xff")))) == [(None, "invalid-encoding")]


MAILCOW = [
    ({"address": "sales@brand-a.com", "goto": JOHN, "active": 1, "sender_allowed": 1, "public_comment": "shop"},
     ("sales@brand-a.com", f"{JOHN} can_send=True is_active=True note=shop")),
    ({"address": "old@brand-a.com", "goto": JOHN, "active": "0", "private_comment": "a\nb", "public_comment": None},
     ("old@brand-a.com", f"{JOHN} can_send=False is_active=False note=a b")),
    ({"address": "@brand-b.com", "goto": JOHN, "active": 1, "is_catch_all": 1}, ("@brand-b.com", JOHN)),
    ({"address": "team@brand-a.com", "goto": f"{JOHN},ann@x.example"}, ("team@brand-a.com", "several-targets")),
    ({"address": "twice@brand-a.com", "goto": f"{JOHN}, {JOHN}"},
     ("twice@brand-a.com", f"{JOHN} can_send=False is_active=True")),
    ({"address": "out@brand-a.com", "goto": "ann@x.example"},
     ("out@brand-a.com", "ann@x.example can_send=False is_active=True")),
    ({"address": "junk@brand-a.com", "goto": "null@localhost"}, ("junk@brand-a.com", "mail-discarded")),
    ({"address": "spam@brand-a.com", "goto": "spam@localhost"}, ("spam@brand-a.com", "mail-discarded")),
    ({"address": "all@brand-a.com", "goto": JOHN, "internal": 1}, ("all@brand-a.com", "internal-only")),
    ({"address": "none@brand-a.com", "goto": ""}, ("none@brand-a.com", "no-target")),
    ({"address": "odd@brand-a.com", "goto": JOHN, "active": "maybe"}, ("odd@brand-a.com", "invalid-value")),
    ({"alias_domain": "brand-c.com", "target_domain": "brand-a.com"}, ("@brand-c.com", "alias-domain")),
    ({"goto": JOHN}, (None, "invalid-file")),
    (7, (None, "invalid-file")),
]  # fmt: skip


def test_mailcow() -> None:
    given_, expected = zip(*MAILCOW, strict=True)
    assert told(read(read_mailcow, json.dumps(given_))) == list(expected)
    for data in ("", "{", "{}", "[[[[", '"x"'):
        assert told(read(read_mailcow, data))[0] == (None, "invalid-file")


SIMPLELOGIN = (
    "alias,note,enabled,mailboxes\r\n"
    f'shop@brand-a.com,"two\nlines",True,{JOHN}\r\n'
    f"old@brand-a.com,,False,{JOHN}\r\n"
    f"both@brand-a.com,,True,{JOHN} ann@x.example\r\n"
    "nobody@brand-a.com,,True,\r\n"
    f"odd@brand-a.com,,maybe,{JOHN}\r\n"
    "short@brand-a.com,\r\n"
    '"bad"x,,True,\r\n'
    f"last@brand-a.com,,True,{JOHN}"
)


def test_simplelogin() -> None:
    assert told(read(read_simplelogin, SIMPLELOGIN)) == [
        ("shop@brand-a.com", f"{JOHN} is_active=True note=two lines"),
        ("old@brand-a.com", f"{JOHN} is_active=False"),
        ("both@brand-a.com", "several-targets"),
        ("nobody@brand-a.com", "no-mailbox-named"),
        (None, "invalid-value"),
        (None, "wrong-number-of-columns"),
        (None, "invalid-quoting"),
        ("last@brand-a.com", f"{JOHN} is_active=True"),
    ]
    all_to_one = list(read_simplelogin(io.BytesIO(SIMPLELOGIN.encode()), "ann@brand-a.com"))
    assert [line.mailbox for line in all_to_one if isinstance(line, AliasLine)] == ["ann@brand-a.com"] * 5
    assert told(read(read_simplelogin, "address,mailbox\n")) == [(None, "invalid-header")]


ADDY = (
    "id,user_id,aliasable_id,aliasable_type,local_part,extension,domain,email,active,description,deleted_at\n"
    "1,u,,,shop,,brand-a.com,shop@brand-a.com,1,Website: shop.example,\n"
    "2,u,,,old,,brand-a.com,old@brand-a.com,,,\n"
    "3,u,,,gone,,brand-a.com,gone@brand-a.com,1,,2024-01-01 10:00:00\n"
)


def test_addy() -> None:
    assert told(list(read_addy(io.BytesIO(ADDY.encode()), JOHN))) == [
        ("shop@brand-a.com", f"{JOHN} is_active=True note=Website: shop.example"),
        ("old@brand-a.com", f"{JOHN} is_active=False"),
        ("gone@brand-a.com", "deleted-there"),
    ]
    assert [code for _, code in told(read(read_addy, ADDY))] == ["no-mailbox-named"] * 2 + ["deleted-there"]


PIECES = st.sampled_from(
    ["INSERT INTO `alias` VALUES ", "(", ")", "'a@b.c'", "'", ",", ";", "\n", "\\", "NULL",
     "COPY alias (address, goto)", " FROM stdin;", "\t", "\\.", "/*", "*/", "--", "CREATE TABLE alias (",
     '"', "[", "{", "alias,enabled\n", "x"]
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(PIECES | st.text(max_size=5), max_size=30).map("".join))
def test_nothing_that_a_file_holds_raises(data: str) -> None:
    for reader in (read_dump, read_mailcow, read_simplelogin, read_addy):
        told(list(reader(io.BytesIO(data.encode("utf-8", "surrogatepass")))))
