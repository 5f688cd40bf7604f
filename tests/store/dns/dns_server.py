"""A nameserver on loopback, UDP and TCP, that answers from a script and lies where the script says so."""

import socket
import struct
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Self

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from store.dns.nameserver import Nameserver

SOA = "ns.test. hostmaster.test. 1 7200 3600 1209600 300"
CLASS = dns.rdataclass.IN


@dataclass(frozen=True)
class Behaviour:
    """How a question is answered, beside what stands in the zone."""

    rcode: dns.rcode.Rcode | None = None
    silent: bool = False
    delay: float = 0.0  # seconds
    truncated: str = ""  # "udp": whole over TCP; "both"; "tcp-closes": nothing over TCP; "cut": in mid-record
    lame: str = ""  # "flags": neither AA nor RA; "referral": others are named
    no_soa: bool = False
    wrong_id: str = ""  # "only"; "first": a forged answer comes before the right one
    wrong_question: bool = False
    other_case: bool = False
    garbage: bool = False
    refuses_edns: bool = False
    recursive: bool = True  # RA beside AA


@dataclass
class Zone:
    """Records by name (no trailing dot) and type; ``*.name`` answers for what is not there."""

    records: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    chases: bool = True  # CNAMEs are followed within the answer

    def at(self, name: str, kind: str) -> list[str] | None:
        """The records, [] for a name without such records, None for no such name."""
        found = self.records.get((name, kind))
        if found is not None:
            return found
        if any(known == name or known.endswith(f".{name}") for known, _ in self.records):
            return []
        _, dot, parent = name.partition(".")
        while dot:
            if any(known == f"*.{parent}" for known, _ in self.records):
                return self.records.get((f"*.{parent}", kind), [])
            _, dot, parent = parent.partition(".")
        return None


class DnsServer:
    """Use as a context manager. Scripts may change while it runs."""

    def __init__(self) -> None:
        self.zone = Zone()
        self.default = Behaviour()
        self.behaviours: dict[str, Behaviour] = {}  # by name
        self.asked: list[tuple[str, str, str]] = []  # transport, name, type
        self._tcp, self._udp = _same_port()
        self._closed = False

    @property
    def nameserver(self) -> Nameserver:
        host, port = self._udp.getsockname()
        return Nameserver(host, port)

    def add(self, name: str, kind: str, *values: str) -> None:
        """Put records into the zone, TXT values as bare text of one string."""
        texts = [f'"{value}"' if kind == "TXT" and not value.startswith('"') else value for value in values]
        self.zone.records.setdefault((name.lower(), kind), []).extend(texts)

    def drop(self, name: str, kind: str) -> None:
        self.zone.records.pop((name, kind), None)

    def behave(self, name: str | None = None, **how: object) -> None:
        """Script one name, or all that are not scripted."""
        if name is None:
            self.default = replace(Behaviour(), **how)  # type: ignore[arg-type]
        else:
            self.behaviours[name] = replace(Behaviour(), **how)  # type: ignore[arg-type]

    def __enter__(self) -> Self:
        threading.Thread(target=self._serve_udp, daemon=True).start()
        threading.Thread(target=self._serve_tcp, daemon=True).start()
        return self

    def __exit__(self, *ended: object) -> None:
        self._closed = True
        port = self.nameserver.port
        self._tcp.shutdown(socket.SHUT_RDWR)
        self._tcp.close()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", ("127.0.0.1", port))

    def _serve_udp(self) -> None:
        while not self._closed:
            wire, client = self._udp.recvfrom(4096)
            if wire:
                threading.Thread(target=self._by_udp, args=(wire, client), daemon=True).start()
        self._udp.close()

    def _by_udp(self, wire: bytes, client: tuple[str, int]) -> None:
        for answer in self._answers(wire, "udp"):
            with suppress(OSError):  # closed meanwhile
                self._udp.sendto(answer, client)

    def _serve_tcp(self) -> None:
        while not self._closed:
            try:
                client, _ = self._tcp.accept()
            except OSError:
                return
            threading.Thread(target=self._by_tcp, args=(client,), daemon=True).start()

    def _by_tcp(self, client: socket.socket) -> None:
        with suppress(OSError), client, client.makefile("rb") as stream:
            head = stream.read(2)
            if len(head) < 2:
                return
            for answer in self._answers(stream.read(struct.unpack("!H", head)[0]), "tcp"):
                client.sendall(struct.pack("!H", len(answer)) + answer)

    def _answers(self, wire: bytes, transport: str) -> list[bytes]:
        query = dns.message.from_wire(wire)
        asked = query.question[0]
        name = asked.name.to_text(omit_final_dot=True).lower()
        self.asked.append((transport, name, dns.rdatatype.to_text(asked.rdtype)))
        how = self.behaviours.get(name, self.default)
        time.sleep(how.delay)
        if how.silent or (transport == "tcp" and how.truncated == "tcp-closes"):
            return []
        if how.garbage:
            return [wire[:2] + b"\x84\x00" + b"\xff" * 20]
        return [_damaged(message, how, transport) for message in self._messages(query, how)]

    def _messages(self, query: dns.message.Message, how: Behaviour) -> list[dns.message.Message]:
        message = self._message(query, how)
        if how.wrong_id == "only":
            message.id ^= 1
        if how.wrong_id != "first":
            return [message]
        forged = dns.message.make_response(query)
        forged.id ^= 1
        forged.flags |= dns.flags.AA
        return [forged, message]

    def _message(self, query: dns.message.Message, how: Behaviour) -> dns.message.Message:
        message = dns.message.make_response(query)
        if how.refuses_edns and query.edns >= 0:
            message.use_edns(False)
            message.set_rcode(dns.rcode.FORMERR)
            return message
        if how.lame != "flags":
            message.flags |= dns.flags.AA | (dns.flags.RA if how.recursive else 0)
        if how.rcode is not None:
            message.set_rcode(how.rcode)
        elif how.lame == "referral":
            message.authority.append(dns.rrset.from_text("test.", 60, CLASS, "NS", "elsewhere.test."))
        elif how.lame != "flags":
            self._fill(message, how)
        if how.wrong_question:
            message.question[0].name = dns.name.from_text("other.test.")
        if how.other_case:
            _upper(message)
        return message

    def _fill(self, message: dns.message.Message, how: Behaviour) -> None:
        asked = message.question[0]
        kind = dns.rdatatype.to_text(asked.rdtype)
        name = asked.name.to_text(omit_final_dot=True).lower()
        found = self.zone.at(name, kind)
        for _ in range(20):
            target = self.zone.at(name, "CNAME")
            if found or not target:
                break
            message.answer.append(dns.rrset.from_text(f"{name}.", 60, CLASS, "CNAME", f"{target[0]}."))
            if not self.zone.chases:
                return
            name = target[0]
            found = self.zone.at(name, kind)
        if found:
            message.answer.append(dns.rrset.from_text(f"{name}.", 60, CLASS, kind, *found))
            return
        message.set_rcode(dns.rcode.NXDOMAIN if found is None else dns.rcode.NOERROR)
        if not how.no_soa:
            message.authority.append(dns.rrset.from_text(f"{name.rpartition('.')[2]}.", 60, CLASS, "SOA", SOA))


def _same_port() -> tuple[socket.socket, socket.socket]:
    """Listen on one free port with TCP and UDP."""
    while True:
        tcp = socket.create_server(("127.0.0.1", 0))
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            udp.bind(tcp.getsockname())
        except OSError:  # someone has it for UDP
            tcp.close()
            udp.close()
        else:
            return tcp, udp


def _upper(message: dns.message.Message) -> None:
    for section in (message.question, message.answer):
        for rrset in section:
            rrset.name = dns.name.from_text(rrset.name.to_text().upper())


def _damaged(message: dns.message.Message, how: Behaviour, transport: str) -> bytes:
    if not how.truncated or (transport == "tcp" and how.truncated != "both"):
        return message.to_wire(max_size=65535)
    message.flags |= dns.flags.TC
    if how.truncated == "cut":
        return message.to_wire(max_size=65535)[:-20]
    message.answer.clear()
    return message.to_wire(max_size=65535)
