"""Byname's listeners: whether each is there, answers in its protocol, and can be reached by Postfix's user."""

import socket
import struct
from collections.abc import Iterator
from pathlib import Path

from byname.doctor.facts import SocketFact, SocketState, Unknown
from byname.postfix.machine import Postfix
from byname.postfix.milters import ROLES, place_in_postfix
from byname.postfix.reach import barred_by, name_of_group, person, steps_to
from conf.listen import InetSocket, Socket, parse_socket
from conf.settings import Settings

_PATIENCE = 3.0  # seconds for an answer

# The first words of each protocol, and how an answer begins: the milter protocol's negotiation (SMFIC_OPTNEG, version
# 6, all actions and all steps offered), a look-up in a socketmap, and the greeting of LMTP.
_NEGOTIATION = struct.pack("!IcIII", 13, b"O", 6, 0x1FF, 0x1FFFFF)
_LOOKUP = b"22:domains byname.invalid,"
_TALK = {"milter": (_NEGOTIATION, 4, b"O"), "maps": (_LOOKUP, 2, b":"), "lmtp": (b"", 0, b"220")}

# Which programs of Postfix ask there.
_ASKING = {
    "maps": ("smtpd", "trivial-rewrite", "cleanup"),
    "lmtp": ("lmtp",),
    "milter.local": ("cleanup",),
    "milter": ("smtpd",),
}


def sockets(settings: Settings, postfix: Postfix | Unknown) -> tuple[SocketFact, ...]:
    """Look at each listener that Postfix should ask."""
    return tuple(
        _look(setting, unit, parse_socket(str(text)), str(text), postfix)
        for setting, unit in _units(settings, postfix)
        if (text := settings.value(setting)) is not None
    )


def answers(at: Socket, talk: str) -> SocketState:
    """Say the first words of a protocol and see whether they are answered."""
    words, skipped, wanted = _TALK[talk]
    try:
        with _connected(at) as client:
            client.sendall(words)
            answer = b""
            while len(answer) < skipped + len(wanted) and (piece := client.recv(64)):
                answer += piece
    except FileNotFoundError:
        return SocketState.MISSING
    except PermissionError:
        return SocketState.HIDDEN
    except OSError:
        return SocketState.SILENT
    found = wanted in answer if talk == "maps" else answer[skipped:].startswith(wanted)
    return SocketState.LISTENING if found else SocketState.SILENT


def listens(at: InetSocket) -> bool:
    """Tell whether a TCP port takes connections."""
    try:
        _connected(at).close()
    except OSError:
        return False
    return True


def _units(settings: Settings, postfix: Postfix | Unknown) -> Iterator[tuple[str, str]]:
    """Yield the setting and the unit of each listener that somebody asks."""
    in_use = {
        "inbound": True,
        "submission": isinstance(postfix, Unknown) or postfix.login_listeners,
        "local": not settings.edge_delivers,
        "internal": settings.sending.listener is not None,
    }
    yield "maps.listen", "byname-maps"
    yield from ((f"milter.{role}", f"byname-milter@{role}") for role in ROLES if in_use[role])
    yield "lmtp.listen", "byname-lmtp"


def _look(setting: str, unit: str, at: Socket, text: str, postfix: Postfix | Unknown) -> SocketFact:
    section = setting.partition(".")[0]
    state = answers(at, section)
    if isinstance(postfix, Unknown):
        return SocketFact(setting, unit, text, state)
    asking = tuple(postfix.of_program(*_ASKING.get(setting, _ASKING[section])))
    hidden = place_in_postfix(at, postfix, asking) is None
    return SocketFact(setting, unit, text, state, None if hidden else _barred(at, postfix), hidden)


def _barred(at: Socket, postfix: Postfix) -> str | None:
    user = person(postfix.value("mail_owner") or "postfix")
    if isinstance(at, InetSocket) or user is None:
        return None
    path = Path(at.path)
    try:
        steps = steps_to(path, postfix.queue if path.is_relative_to(postfix.queue) else Path("/"))
    except OSError:
        return None  # not there, or hidden: other checks say so
    found = barred_by(steps, user)
    if found is None:
        return None
    return f"{found.path} (mode {found.mode & 0o7777:o}, group {name_of_group(found.group)})"


def _connected(at: Socket) -> socket.socket:
    if isinstance(at, InetSocket):
        return socket.create_connection((at.host, at.port), _PATIENCE)
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        client.settimeout(_PATIENCE)
        client.connect(at.path)
    except BaseException:
        client.close()
        raise
    return client
