"""The milters of a protocol-level run: real processes over a store with the names of ``tests.mail.world``."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from byname.sandbox.folders import short_folder
from byname.sandbox.ports import LOOPBACK, free_port
from byname.sandbox.processes import Daemon
from byname.sandbox.waiting import greets, wait_until
from store.sql.database import Database
from tests.mail.fuzz.process import Watched
from tests.mail.fuzz.report import Limits, Report
from tests.mail.world import JOHN, fill
from tests.store.new_store import make_store

# Name: role, [senders] inbound_spoof, [routing] delivery.
KINDS = {
    "inbound": ("inbound", "off", "milter"),
    "inbound-header": ("inbound", "header", "milter"),
    "inbound-agent": ("inbound", "envelope", "agent"),
    "submission": ("submission", "off", "milter"),
    "local": ("local", "off", "milter"),
}
_SETTINGS = """\
[store]
url = "{url}"
[milter]
{role} = "inet:{port}@{host}"
[routing]
delivery = "{delivery}"
postmaster = "{postmaster}"
[senders]
inbound_spoof = "{spoof}"
[trace]
key = "0123456789abcdef0123456789abcdef"
"""


@contextmanager
def running_milters(report: Report, limits: Limits) -> Iterator[dict[str, tuple[str, Watched]]]:
    """Start a milter of each kind; yield its address and its process, by the kind's name."""
    with ExitStack() as stack:
        folder = stack.enter_context(short_folder())
        url = f"sqlite:///{folder}/byname.db"
        make_store(url)
        database = Database.open(url)
        fill(database)
        database.close()
        found = {kind: _started(stack, folder, url, kind) for kind in KINDS}
        for kind, (port, daemon) in found.items():
            wait_until(lambda port=port, daemon=daemon: _serves(port, daemon), 30, f"the milter {kind}")  # type: ignore[misc]
        yield {
            kind: (f"inet:{port}@{LOOPBACK}", Watched(kind, daemon, folder / f"{kind}.log", report, limits))
            for kind, (port, daemon) in found.items()
        }


def _started(stack: ExitStack, folder: Path, url: str, kind: str) -> tuple[int, Daemon]:
    role, spoof, delivery = KINDS[kind]
    port, config = free_port(), folder / f"{kind}.toml"
    values = {"url": url, "role": role, "port": port, "host": LOOPBACK, "postmaster": JOHN}
    config.write_text(_SETTINGS.format(spoof=spoof, delivery=delivery, **values))
    environ = {name: value for name, value in os.environ.items() if not name.startswith("BYNAME_")}
    command = [sys.executable, "-m", "byname", "--config", str(config), "milter", "--role", role]
    return port, stack.enter_context(Daemon(command, folder / f"{kind}.log", environ))


def _serves(port: int, daemon: Daemon) -> bool:
    daemon.check_running()
    return greets((LOOPBACK, port), b"")
