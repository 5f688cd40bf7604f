"""One command of ``byname``, as a fork of the server: ``python -I -S tests/forking/command.py FD ARGUMENT...``.

For shells, which cannot ask the server over its socket FD themselves. Their files, folder and environment become those
of the command, its exit code theirs. It imports little: the lines of Byname's pages are some dozen of commands.
"""

import array
import json
import os
import socket
import sys
from typing import NoReturn

_NUMBER = 4  # bytes, as tests.forking.server.NUMBER has it


def main() -> NoReturn:
    """End as the command does; with what a shell says of one that was killed."""
    reads, writes = os.pipe()
    request = {"arguments": sys.argv[2:], "environ": dict(os.environ), "folder": os.getcwd()}  # noqa: PTH109
    with socket.socket(fileno=int(sys.argv[1])) as control:
        network = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        files = array.array("i", [0, 1, 2, writes, network])
        control.sendmsg([json.dumps(request).encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, files)])
    os.close(writes)
    with os.fdopen(reads, "rb") as told:
        _, code = told.read(_NUMBER), told.read(_NUMBER)
    if not code:
        sys.exit("the fork server has ended")
    number = int.from_bytes(code, "big", signed=True)
    sys.exit(number if number >= 0 else 128 - number)


if __name__ == "__main__":
    main()
