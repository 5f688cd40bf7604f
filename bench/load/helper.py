"""Helper processes that run beside a bench until their input ends, and then print their result.

A helper is a module of ours, run with ``python -m``. It prints one line as soon as it is at work, goes on until its
standard input ends, and prints its result last.
"""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from byname.sandbox.errors import SandboxError

_ROOT = Path(__file__).parents[2]  # where ``python -m bench...`` is understood


@dataclass(slots=True)
class Result:
    """A helper's output; empty until its end."""

    text: str = ""


@contextmanager
def helper(module: str, *args: str) -> Iterator[Result]:
    """Have a helper work for the length of a block, which begins when the helper is at work.

    Raises:
        SandboxError: it failed; standard error says why.
    """
    command = [sys.executable, "-m", module, *args]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_ROOT)
    result = Result()
    try:
        if process.stdout is not None:
            process.stdout.readline()
        yield result
    finally:
        result.text, _ = process.communicate()
    if process.returncode:
        raise SandboxError(f"{module} ended with {process.returncode}")


def at_work() -> threading.Event:
    """Report, in a helper, that the work has begun; return what is set when it is to end."""
    print("at work", flush=True)
    ended = threading.Event()
    threading.Thread(target=_wait_for_the_end, args=(ended,), daemon=True).start()
    return ended


def _wait_for_the_end(ended: threading.Event) -> None:
    sys.stdin.read()
    ended.set()
