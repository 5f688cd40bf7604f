"""Listen addresses: what is accepted, and the rule that a bad one breaks."""

import re

import pytest

from conf.listen import InetSocket, Socket, UnixSocket, parse_host_port, parse_socket


@pytest.mark.parametrize(
    ("text", "socket"),
    [
        ("unix:/run/byname/inbound.sock", UnixSocket("/run/byname/inbound.sock")),
        ("unix:/" + 106 * "x", UnixSocket("/" + 106 * "x")),
        ("inet:8891@127.0.0.1", InetSocket("127.0.0.1", 8891)),
        ("inet:65535@localhost", InetSocket("localhost", 65535)),
    ],
)
def test_a_socket_is_a_path_or_a_port(text: str, socket: Socket) -> None:
    assert parse_socket(text) == socket


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "must be unix:/path or inet:port@host"),
        ("local:/run/x", "must be unix:/path or inet:port@host"),
        ("inet:8891", "must be unix:/path or inet:port@host"),
        ("inet:x@localhost", "must be unix:/path or inet:port@host"),
        ("inet:8891@local host", "must be unix:/path or inet:port@host"),
        ("inet:8891@localhost\n", "must be unix:/path or inet:port@host"),
        ("inet:127.0.0.1:8891", "must have the port first, inet:8891@127.0.0.1"),
        ("inet:0@localhost", "must have a port from 1 to 65535"),
        ("inet:65536@localhost", "must have a port from 1 to 65535"),
        ("/run/x", "must start with unix: when it is a path"),
        ("unix:run/x", "must be unix: and the absolute path of a socket"),
        ("unix:/run/", "must be unix: and the absolute path of a socket"),
        ("unix:/run/\0x", "must be unix: and the absolute path of a socket"),
        ("unix:/" + 107 * "x", "must be a path of at most 107 bytes"),
        ("unix:/" + 54 * "ü", "must be a path of at most 107 bytes"),
    ],
)
def test_a_bad_socket_breaks_a_rule(text: str, rule: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(rule)}$"):
        parse_socket(text)


@pytest.mark.parametrize(
    ("text", "socket"),
    [
        ("127.0.0.1:8080", InetSocket("127.0.0.1", 8080)),
        ("localhost:1", InetSocket("localhost", 1)),
        ("[::1]:8080", InetSocket("::1", 8080)),
    ],
)
def test_an_http_address_is_host_and_port(text: str, socket: InetSocket) -> None:
    assert parse_host_port(text) == socket


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("8080", "must be host:port"),
        (":8080", "must be host:port"),
        ("::1:8080", "must be host:port"),
        ("localhost:http", "must be host:port"),
        ("localhost:0", "must have a port from 1 to 65535"),
    ],
)
def test_a_bad_http_address_breaks_a_rule(text: str, rule: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(rule)}$"):
        parse_host_port(text)
