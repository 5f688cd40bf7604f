"""Machines on one machine: network namespaces on a bridge, each with its own address, cables that can be cut.

The bridge has a namespace of its own too, so nothing of the machine's own network is touched (ip-netns(8), veth(4)).
All namespaces are called ``bn<process id>-...``; those that a killed process has left are removed by the next one.
Only the network is apart: files and unix sockets are everybody's. Needs root.
"""

import contextlib
import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from byname.sandbox.errors import SandboxError
from byname.sandbox.folders import short_folder
from byname.sandbox.processes import Daemon
from byname.sandbox.waiting import wait_until

_NAMESPACES = Path("/run/netns")
OWN = Path("/proc/thread-self/ns/net")  # the namespace of the thread that looks
_NEWNET = 0x40000000  # CLONE_NEWNET, setns(2)
_PREFIX = "bn"
_NUMBERS = count()
_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine: its name, its IPv4 address and its namespace."""

    name: str
    address: str
    namespace: str

    def inside(self) -> AbstractContextManager[None]:
        """Let this thread be on the machine for the length of a block: what it starts, and its sockets, stay there."""
        return _inside(self.namespace)


@dataclass(slots=True)
class Network:
    """A network of machines; a context manager. Who starts something on them ends it before."""

    addresses: Mapping[str, str]  # by name of the machine, all of one /24
    machines: dict[str, Machine] = field(init=False, default_factory=dict)
    _stack: ExitStack = field(init=False, default_factory=ExitStack)
    _hub: str = field(init=False, default="")

    def cut(self, name: str) -> None:
        """Cut a machine off: what it sends is lost, and connections hear nothing any more."""
        self._set(name, "down")

    def mend(self, name: str) -> None:
        """Connect it again."""
        self._set(name, "up")

    @contextmanager
    def apart(self, name: str) -> Iterator[None]:
        """Cut a machine off for the length of a block."""
        self.cut(name)
        try:
            yield
        finally:
            self.mend(name)

    @contextmanager
    def split(self, *names: str) -> Iterator[None]:
        """Let some machines reach one another and nobody else, for the length of a block."""
        _ip("-n", self._hub, "link", "add", "br1", "type", "bridge")
        _ip("-n", self._hub, "link", "set", "br1", "up")
        for name in names:
            self._plug(name, "br1")
        try:
            yield
        finally:
            for name in names:
                self._plug(name, "br0")
            _ip("-n", self._hub, "link", "delete", "br1")

    @contextmanager
    def slow(self, name: str, milliseconds: int, loss: float) -> Iterator[None]:
        """Let all that a machine sends and hears be late by so much each way, and a part of it be lost, for a block."""
        machine = self.machines[name]
        with short_folder() as folder, self._pairs(machine) as ports:
            command = [sys.executable, "-m", "byname.sandbox.slow_line", *ports, str(milliseconds), str(loss)]
            line = Daemon(command, folder / "log")
            with _inside(self._hub):
                line.start()
            try:
                wait_until(lambda: "ready" in line.log(), 20, "a slow line")
                self._move(machine, "eth0", "slow0")
                try:
                    yield
                finally:
                    self._move(machine, "slow0", "eth0")
            finally:
                line.stop()

    @contextmanager
    def _pairs(self, machine: Machine) -> Iterator[tuple[str, str]]:
        """Make two pairs of devices for a block, the machine's and the bridge's, and return their ends in between.

        The kernel cuts what goes into them to the size of frames, and so one is lost by itself.
        """
        near, far, port = (f"{letter}-{machine.name}" for letter in "nfs")
        hub = ("-n", self._hub)
        try:
            _ip(*hub, "link", "add", near, "type", "veth", "peer", "name", "slow0", "netns", machine.namespace)
            _ip(*hub, "link", "add", far, "type", "veth", "peer", "name", port)
            _ip(*hub, "link", "set", port, "master", "br0")
            for place, device in ((machine.namespace, "slow0"), (self._hub, port)):
                _ip("-n", place, "link", "set", device, "gso_max_segs", "1")
            for device in (near, far, port):
                _ip(*hub, "link", "set", device, "up")
            yield near, far
        finally:
            for device in (near, far):
                with contextlib.suppress(SandboxError):  # it was never made
                    _ip(*hub, "link", "delete", device)

    def _move(self, machine: Machine, before: str, after: str) -> None:
        """Move a machine's address, with that of the network card, from one device to another: connections live on."""
        with machine.inside():
            card = json.loads(_ip("-json", "link", "show", "dev", before))[0]["address"]
        place, address = ("-n", machine.namespace), f"{machine.address}/24"
        _ip(*place, "address", "flush", "dev", before)
        _ip(*place, "link", "set", before, "down")
        if after != "eth0":
            _ip(*place, "link", "set", after, "address", card)
        _ip(*place, "link", "set", after, "up")
        _ip(*place, "address", "add", address, "dev", after)

    def _plug(self, name: str, bridge: str) -> None:
        _ip("-n", self._hub, "link", "set", f"p-{name}", "master", bridge)

    def _set(self, name: str, state: str) -> None:
        _ip("-n", self._hub, "link", "set", f"p-{name}", state)

    def _start(self) -> None:
        _remove_leftovers()
        number = next(_NUMBERS)
        self._hub = self._namespace(f"{number}-hub")
        _ip("-n", self._hub, "link", "add", "br0", "type", "bridge")
        _ip("-n", self._hub, "link", "set", "br0", "up")
        for name, address in self.addresses.items():
            machine = Machine(name, address, self._namespace(f"{number}-{name}"))
            self._connect(machine)
            self.machines[name] = machine

    def _namespace(self, name: str) -> str:
        made = f"{_PREFIX}{os.getpid()}-{name}"
        _ip("netns", "add", made)
        self._stack.callback(_remove, made)
        return made

    def _connect(self, machine: Machine) -> None:
        there, port = ("-n", machine.namespace), f"p-{machine.name}"
        peer = ("peer", "name", "eth0", "netns", machine.namespace)
        _ip("-n", self._hub, "link", "add", port, "type", "veth", *peer)
        self._plug(machine.name, "br0")
        _ip("-n", self._hub, "link", "set", port, "up")
        _ip(*there, "address", "add", f"{machine.address}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            _ip(*there, "link", "set", device, "up")

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()


def _ip(*arguments: str) -> str:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SandboxError(f"ip {' '.join(arguments)} ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def _remove(namespace: str) -> None:
    with contextlib.suppress(SandboxError):  # it is gone either way
        _ip("netns", "delete", namespace)


def _remove_leftovers() -> None:
    for path in _NAMESPACES.glob(f"{_PREFIX}[0-9]*-*"):
        owner = path.name.removeprefix(_PREFIX).partition("-")[0]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            _remove(path.name)


@contextmanager
def _inside(namespace: str) -> Iterator[None]:
    with _opened(OWN) as before, _opened(_NAMESPACES / namespace) as there:
        enter(there)
        try:
            yield
        finally:
            enter(before)


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def enter(namespace: int) -> None:
    """Let this thread be in the network namespace of an open descriptor. Raises SandboxError."""
    if _LIBC.setns(namespace, _NEWNET) != 0:
        number = ctypes.get_errno()
        raise SandboxError(f"setns: {os.strerror(number)}")
