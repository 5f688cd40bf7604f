"""Lists of Postfix's, places of sockets, and who can reach a file."""

import stat
from pathlib import Path

import pytest

from byname.postfix.machine import items
from byname.postfix.milters import Milter, milter, parse_milters, socket_of, write_milters
from byname.postfix.reach import Person, Step, barred_by
from conf.listen import InetSocket, Socket, UnixSocket

QUEUE = Path("/q")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", ()),
        ("a, b  c", ("a", "b", "c")),
        ("a,{ b, x = y }, c", ("a", "{ b, x = y }", "c")),
    ],
)
def test_items(value: str, expected: tuple[str, ...]) -> None:
    assert items(value) == expected


def test_milters() -> None:
    found = parse_milters("inet:h:1, { unix:x.sock, default_action=accept , connect_timeout=5s }")
    assert [one.place for one in found] == ["inet:h:1", "unix:x.sock"]
    assert dict(found[1].options) == {"default_action": "accept", "connect_timeout": "5s"}
    assert write_milters(found) == "inet:h:1,{unix:x.sock,default_action=accept,connect_timeout=5s}"
    assert parse_milters(write_milters(found)) == found
    assert milter("unix:y", {}) == Milter("unix:y", "unix:y")


@pytest.mark.parametrize(
    ("place", "chrooted", "expected"),
    [
        ("unix:byname/x.sock", False, UnixSocket("/q/byname/x.sock")),
        ("unix:/run/x.sock", False, UnixSocket("/run/x.sock")),
        ("unix:/byname/x.sock", True, UnixSocket("/q/byname/x.sock")),
        ("inet:127.0.0.1:26", False, InetSocket("127.0.0.1", 26)),
        ("inet:[::1]:26", False, InetSocket("::1", 26)),
        ("inet:26", False, None),
        ("", False, None),
    ],
)
def test_places(place: str, chrooted: bool, expected: Socket | None) -> None:
    assert socket_of(place, QUEUE, chrooted=chrooted) == expected


def step(mode: int, owner: int = 1, group: int = 2, *, is_end: bool = False) -> Step:
    return Step("/x", owner, group, mode | (stat.S_IFSOCK if is_end else stat.S_IFDIR), is_end)


# who, a step, and whether it lets them pass: a folder by its x, a socket by its w, the first class that fits alone
REACH = [
    (Person(1, frozenset()), step(0o700), True),
    (Person(1, frozenset({2})), step(0o070), False),
    (Person(9, frozenset({2})), step(0o750), True),
    (Person(9, frozenset({2})), step(0o705), False),
    (Person(9, frozenset()), step(0o755), True),
    (Person(9, frozenset()), step(0o750), False),
    (Person(9, frozenset({2})), step(0o660, is_end=True), True),
    (Person(9, frozenset({2})), step(0o750, is_end=True), False),
    (Person(9, frozenset()), step(0o660, is_end=True), False),
    (Person(0, frozenset()), step(0o000), True),
]


@pytest.mark.parametrize(("who", "one", "passes"), REACH)
def test_reach(who: Person, one: Step, passes: bool) -> None:
    assert barred_by([step(0o777), one], who) == (None if passes else one)
