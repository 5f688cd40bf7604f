"""Waiting for something to become true, in short steps."""

import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from byname.sandbox.errors import SandboxTimeout

Found = TypeVar("Found")
_STEP = 0.02  # seconds


def wait_until(look: Callable[[], Found | None], timeout: float, what: str) -> Found:
    """Call ``look`` until it returns something true, and return that.

    Args:
        look: the question; a false answer means "not yet".
        timeout: seconds to go on asking.
        what: completes "waited ... s for" in the error.

    Raises:
        SandboxTimeout: the answer stayed false.
    """
    deadline = time.monotonic() + timeout
    while not (found := look()):
        if time.monotonic() > deadline:
            raise SandboxTimeout(f"waited {timeout:g} s for {what}")
        time.sleep(_STEP)
    return found


def greets(address: tuple[str, int] | Path, greeting: bytes) -> bool:
    """Tell whether a server at a TCP address or unix socket answers, beginning with ``greeting``.

    With an empty greeting, that it takes the connection is enough.
    """
    family = socket.AF_UNIX if isinstance(address, Path) else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.settimeout(5)
        try:
            client.connect(str(address) if isinstance(address, Path) else address)
            return not greeting or client.recv(512).startswith(greeting)
        except OSError:
            return False
