"""A process that has imported all of Byname and forks for each command: ``python -m tests.forking.server FD``.

Requests come over the socket FD, one datagram each: JSON with the arguments, the environment and the folder, and with
it five file descriptors: the standard three of the command, a pipe, and the network namespace that it is to be in. Into
the pipe goes the process id, and when the command has ended its exit code as :mod:`subprocess` gives it, four bytes
each.
"""

import atexit
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import struct
import sys
import threading
from typing import Any, NoReturn

from byname.cli import command_tree, main
from byname.sandbox.network import OWN, enter

LONGEST = 256 * 1024  # bytes of a request
NUMBER = struct.Struct("!i")
_PACKAGES = ("admin_api", "byname", "byname_milter", "conf", "edges", "routing", "store")
_NOT = ("byname.__main__", "store.migrations.env", "store.migrations.versions")


def import_all() -> None:
    """Import every module and make the tree of commands, so that no child has to."""
    for name in _PACKAGES:
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            if not module.name.startswith(_NOT):
                importlib.import_module(module.name)
    command_tree()


def serve(control: socket.socket) -> dict[str, Any] | None:
    """Fork for each request until nobody can ask any more; return the request in a child, None in the parent."""
    wakes, wakened = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakened, warn_on_full_buffer=False)
    running: dict[int, int] = {}  # the pipe of each child
    while True:
        ready = select.select([control.fileno(), wakes], [], [])[0]
        if wakes in ready:
            os.read(wakes, 4096)
            _reap(running)
        if control.fileno() not in ready:
            continue
        content, files, _, _ = socket.recv_fds(control, LONGEST, 5)
        if not content:
            return None
        child = os.fork()
        if child == 0:
            for each in (wakes, wakened, *running.values()):
                os.close(each)
            control.close()
            request: dict[str, Any] = json.loads(content)
            _become(request, files)
            return request
        for each in (*files[:3], files[4]):
            os.close(each)
        running[child] = files[3]


def _reap(running: dict[int, int]) -> None:
    """Say how children ended."""
    while running:
        child, status = os.waitpid(-1, os.WNOHANG)
        if child == 0:
            return
        pipe = running.pop(child)
        os.write(pipe, NUMBER.pack(os.waitstatus_to_exitcode(status)))
        os.close(pipe)


def _become(request: dict[str, Any], files: list[int]) -> None:
    """Be as a process is that was started for this request."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    os.umask(0o022)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environ"])
    for target, each in enumerate(files[:3]):
        os.dup2(each, target)
        os.close(each)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - open as long as the process is
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
    if not os.path.sameopenfile(files[4], network := os.open(OWN, os.O_RDONLY)):
        enter(files[4])
    os.close(network)
    os.close(files[4])
    os.write(files[3], NUMBER.pack(os.getpid()))
    os.close(files[3])


def end(code: int) -> NoReturn:
    """End as an interpreter does, but for taking its objects apart: that would copy the server's memory."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    import_all()
    gc.freeze()
    with socket.socket(fileno=int(sys.argv[1])) as listening:
        asked = serve(listening)
    if asked is not None:
        sys.argv = ["byname", *asked["arguments"]]
        end(main(asked["arguments"]))
