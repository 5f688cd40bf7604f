"""A process that plays whole SMTP sessions to a milter, as an MTA would: ``python -m bench.load.player ADDRESS ...``.

Each message has a connection of its own. One thread serves all of them, so that the times are the filter's and not
those of threads that wait for each other. Without ``--per-second`` it is a closed loop: the next session begins when
one of ``--connections`` ends. With it a session begins at its appointed time, or as soon as one of them is free, and
its time counts from the appointment. It prints what it saw as JSON.
"""

import argparse
import json
import selectors
import socket
import struct
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.load.milter_client import VERDICTS, MilterClient, connected, frame
from bench.load.names import PER_PAIR
from bench.load.script import RCPT, Script
from bench.report.percentiles import percentile

_HEAD = struct.Struct("!Ic")


@dataclass(slots=True)
class Played:
    """What was seen. Times are in milliseconds; those of a message count from its appointment."""

    messages: int = 0
    refused: int = 0  # steps that were answered otherwise than "go on"
    per_second: float = 0.0
    rcpt_p50_ms: float = 0.0
    rcpt_p99_ms: float = 0.0
    rcpt_p999_ms: float = 0.0
    message_p99_ms: float = 0.0


def play(
    address: str,
    aliases: int,
    messages: int,
    *,
    connections: int,
    per_second: float = 0,
    recipients: int = 1,
    per_pair: int = PER_PAIR,
) -> Played:
    """Have a process play ``messages`` sessions, and return what it saw."""
    sizes = {"aliases": aliases, "messages": messages, "connections": connections, "recipients": recipients}
    others = {"per-second": per_second, "per-pair": per_pair}
    options = [f"--{name}={value}" for name, value in {**sizes, **others}.items()]
    command = [sys.executable, "-m", "bench.load.player", address, *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=Path(__file__).parents[2])
    return Played(**json.loads(done.stdout))


@dataclass(slots=True)
class _Session:
    """One on its way."""

    socket: socket.socket
    portions: list[tuple[str, bytes]]
    due: float
    at: int = -1
    sent: float = 0.0
    received: bytes = b""

    def go_on(self) -> bool:
        """Send the next portion; return False at the end."""
        self.at += 1
        if self.at == len(self.portions):
            return False
        self.sent = time.perf_counter()
        self.socket.sendall(self.portions[self.at][1])
        return True

    def verdict(self) -> str | None:
        """Return the letter of the answer once it is there."""
        chunk = self.socket.recv(65536)
        if not chunk:
            raise ConnectionError("the filter hung up")
        self.received += chunk
        while len(self.received) >= _HEAD.size:
            length, raw = _HEAD.unpack_from(self.received)
            if len(self.received) < length + 4:
                return None
            self.received = self.received[length + 4 :]
            letter = str(raw, "latin-1")
            if letter in VERDICTS or letter == "O":
                return letter
        return None


@dataclass(slots=True)
class _Player:
    """Plays sessions until enough are over."""

    address: str
    script: Script
    messages: int
    connections: int
    per_second: float
    started: int = 0
    open: int = 0
    refused: int = 0
    rcpt: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)

    def run(self) -> Played:
        begun = time.perf_counter()
        while len(self.whole) < self.messages:
            wait = self._start_due(begun)
            for key, _ in self.selector.select(wait):
                self._receive_answer(key.data)
        took = time.perf_counter() - begun
        times = [percentile(self.rcpt, share) for share in (0.5, 0.99, 0.999)] + [percentile(self.whole, 0.99)]
        return Played(len(self.whole), self.refused, len(self.whole) / took, *(1000 * value for value in times))

    def _start_due(self, begun: float) -> float | None:
        """Begin what is due; return for how long there is nothing to begin."""
        while self.started < self.messages and self.open < self.connections:
            now = time.perf_counter()
            due = begun + self.started / self.per_second if self.per_second else now
            if due > now:
                return due - now
            self._start(due)
        return None

    def _start(self, due: float) -> None:
        session = _Session(connected(self.address), self.script.session(), due)
        self.selector.register(session.socket, selectors.EVENT_READ, session)
        self.started += 1
        self.open += 1
        session.go_on()

    def _receive_answer(self, session: _Session) -> None:
        letter = session.verdict()
        if letter is None:
            return
        now = time.perf_counter()
        if session.portions[session.at][0] == RCPT:
            self.rcpt.append(now - session.sent)
        self.refused += letter not in "Oca"
        if not session.go_on():
            self.whole.append(now - session.due)
            self._end(session)

    def _end(self, session: _Session) -> None:
        self.selector.unregister(session.socket)
        session.socket.sendall(frame("Q"))
        session.socket.close()
        self.open -= 1


def main() -> None:
    """Play as the command line says."""
    reader = argparse.ArgumentParser(prog="python -m bench.load.player", description=__doc__)
    reader.add_argument("address")
    for name in ("--aliases", "--messages", "--connections", "--recipients", "--per-pair"):
        reader.add_argument(name, type=int, required=True)
    reader.add_argument("--per-second", type=float, default=0.0)
    options = reader.parse_args()
    with MilterClient(options.address) as first:
        first.negotiate()
    script = Script(first, options.aliases, options.recipients, options.per_pair)
    player = _Player(options.address, script, options.messages, options.connections, options.per_second)
    print(json.dumps(asdict(player.run())))


if __name__ == "__main__":
    main()
