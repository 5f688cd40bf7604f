"""A process that asks a milter about recipients without pause, for benches that want it busy.

``python -m bench.load.recipient_load ADDRESS --aliases N --connections C [--pause SECONDS]``: asks until its standard
input ends, then prints what it saw as JSON: how many answers, how many of them were not 250, and percentiles of the
time for one.
"""

import argparse
import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

from bench.load.helper import at_work, helper
from bench.load.milter_client import opened
from bench.load.names import PER_PAIR, alias
from bench.report.percentiles import percentile

_RECIPIENTS = 50  # of one message


@dataclass(slots=True)
class Load:
    """What an asking process saw. Times are in milliseconds."""

    asked: int = 0
    refused: int = 0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    max_ms: float = 0.0
    per_second: float = 0.0


@dataclass(slots=True)
class _Asker:
    """One connection's share."""

    address: str
    aliases: int
    pause: float
    per_pair: int
    times: list[float] = field(default_factory=list)
    refused: int = 0

    def run(self, stopped: threading.Event) -> None:
        with opened(self.address) as mta:
            while not stopped.is_set():
                mta.mail("ann@outside.example")
                for _ in range(_RECIPIENTS):
                    begun = time.monotonic()
                    self.refused += mta.rcpt(alias(random.randrange(self.aliases), self.per_pair)).code != 250
                    self.times.append(time.monotonic() - begun)
                    time.sleep(self.pause)
                mta.abort()


@contextmanager
def asking(
    address: str, aliases: int, *, connections: int, pause: float = 0.0, per_pair: int = PER_PAIR
) -> Iterator[Load]:
    """Have a process ask for the length of a block; the yielded value is filled at its end."""
    load = Load()
    args = [address, "--aliases", str(aliases), "--connections", str(connections), "--pause", str(pause)]
    args += ["--per-pair", str(per_pair)]
    with helper("bench.load.recipient_load", *args) as result:
        yield load
    for name, value in json.loads(result.text).items():
        setattr(load, name, value)


def _ask(askers: list[_Asker]) -> Load:
    """Ask until standard input ends."""
    stopped = threading.Event()
    threads = [threading.Thread(target=asker.run, args=(stopped,), daemon=True) for asker in askers]
    for thread in threads:
        thread.start()
    while not all(asker.times for asker in askers):
        if not all(thread.is_alive() for thread in threads):
            raise SystemExit("a connection to the milter failed")
        time.sleep(0.001)
    begun, before = time.monotonic(), _asked(askers)
    at_work().wait()
    per_second = (_asked(askers) - before) / (time.monotonic() - begun)
    stopped.set()
    for thread in threads:
        thread.join()
    times = [one for asker in askers for one in asker.times]
    p50, p99, most = (1000 * value for value in (percentile(times, 0.5), percentile(times, 0.99), max(times)))
    return Load(len(times), sum(asker.refused for asker in askers), p50, p99, most, per_second)


def _asked(askers: list[_Asker]) -> int:
    return sum(len(asker.times) for asker in askers)


def main() -> None:
    """Ask as the command line says."""
    reader = argparse.ArgumentParser(prog="python -m bench.load.recipient_load", description=__doc__)
    reader.add_argument("address")
    reader.add_argument("--aliases", type=int, required=True)
    reader.add_argument("--connections", type=int, required=True)
    reader.add_argument("--pause", type=float, default=0.0)
    reader.add_argument("--per-pair", type=int, default=PER_PAIR)
    options = reader.parse_args()
    askers = [
        _Asker(options.address, options.aliases, options.pause, options.per_pair) for _ in range(options.connections)
    ]
    print(json.dumps(asdict(_ask(askers))))


if __name__ == "__main__":
    main()
