"""What the tests see and do in the machine: units, the journal, john's mailbox, mail without pause."""

import json
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from byname.sandbox.waiting import wait_until
from tests.packaging import page
from tests.packaging.machine import Machine

HERE = Path(__file__).parent
JOHN = "/var/vmail/brand-a.test/john/new"
FIRST_MAIL = page.parts()["4. Look whether it works"][0]


def put(box: Machine, file: Path, name: str) -> None:
    """Lay a file into the machine's /srv."""
    (box.root / "srv" / name).write_bytes(file.read_bytes())


def empty_mailbox(box: Machine) -> None:
    """Remove john's mailbox; Dovecot makes it anew with the next mail, as long as nothing of it is left."""
    box.run("rm -rf /var/vmail/brand-a.test")


def mails(box: Machine) -> str:
    """Return all that lies in john's mailbox, once the queue is empty; what waits for a retry is tried at once."""
    wait_until(lambda: "is empty" in box.out("postqueue -f; sleep 1; postqueue -p"), 120, "an empty queue")
    return box.out(f"cat {JOHN}/* 2>/dev/null || true")


def ids(content: str) -> list[str]:
    """Return the Message-IDs of all mails in what :func:`mails` returned."""
    return re.findall(r"(?mi)^Message-ID: <(.+)>$", content)


def main_process(box: Machine, unit: str) -> int:
    """Return the number of the unit's process in the machine, 0 when it has none."""
    return int(box.shows(unit, "MainPID"))


def is_running(box: Machine, unit: str) -> bool:
    """Tell whether the unit has said that it is ready, and nothing else since."""
    return box.shows(unit, "SubState") == "running"


def wait_for_another(box: Machine, unit: str, process: int) -> None:
    """Wait until the unit runs as another process than that."""
    wait_until(lambda: is_running(box, unit) and main_process(box, unit) not in {0, process}, 120, f"another {unit}")


def journal(box: Machine, unit: str) -> str:
    """Return what the unit has written since the boot."""
    return box.out(f"journalctl --no-pager --boot --unit={unit}")


def wait_for_line(box: Machine, unit: str, words: str) -> None:
    """Wait until the unit has written that since the boot."""
    wait_until(lambda: words in journal(box, unit), 30, f"{words} in the journal of {unit}")


def report_that_they_are_ready(box: Machine, units: Sequence[str]) -> None:
    """Assert that each runs, has said so itself, and is watched."""
    for unit in units:
        assert box.shows(unit, "Type") == "notify"
        assert is_running(box, unit), journal(box, unit)
        assert box.shows(unit, "WatchdogTimestampMonotonic") != "0"


def may_do_little(box: Machine, units: Sequence[str], *, with_network: Sequence[str] = ()) -> None:
    """Assert what the kernel says of the processes, not what the units ask for."""
    for unit in units:
        status = box.out(f"cat /proc/{main_process(box, unit)}/status")
        assert "NoNewPrivs:\t1" in status
        assert "Seccomp:\t2" in status
        assert "CapBnd:\t0000000000000000" in status
        networks = box.out(f"readlink /proc/{main_process(box, unit)}/ns/net /proc/1/ns/net").split()
        assert len(set(networks)) == (1 if unit in with_network else 2)


def reload_without_end(box: Machine, units: Sequence[str]) -> None:
    """Assert that a mistake in the settings is logged and not taken, what is right is read, and the processes stay."""
    before = {unit: main_process(box, unit) for unit in units}
    assert all(before.values())
    mistake, named = "/etc/byname/conf.d/try.toml", " ".join(units)
    box.run(f"echo '[milter]\nmode = \"wrong\"' > {mistake}; systemctl reload {named}")
    for unit in units:
        wait_for_line(box, unit, "reload-failed")
    box.run(f"rm {mistake}; systemctl reload {named}")
    for unit, process in before.items():
        wait_for_line(box, unit, "reloaded")
        assert main_process(box, unit) == process
        assert box.shows(unit, "ActiveState") == "active"


def come_back_when_killed(box: Machine, units: Sequence[str]) -> None:
    """Assert that systemd starts each again, once."""
    for unit in units:
        before, count = main_process(box, unit), int(box.shows(unit, "NRestarts"))
        assert before, f"{unit} does not run"
        box.run(f"kill -KILL {before}")
        wait_for_another(box, unit, before)
        assert int(box.shows(unit, "NRestarts")) == count + 1


def come_back_when_they_hang(box: Machine, units: Sequence[str]) -> None:
    """Assert that the watchdog notices each that stands still, and that it is started again."""
    before = {unit: main_process(box, unit) for unit in units}
    assert all(before.values())
    box.run(f"kill -STOP {' '.join(map(str, before.values()))}")
    for unit, process in before.items():
        wait_for_another(box, unit, process)
        assert "Watchdog timeout" in journal(box, unit)


@dataclass
class Sent:
    """What became of the mails of :func:`traffic`, filled when it has ended."""

    accepted: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    deferred: int = 0
    longest_wait: float = 0.0


@contextmanager
def traffic(box: Machine, recipient: str) -> Iterator[Sent]:
    """Send mail from outside without pause during the block, which begins when twenty are in the emptied mailbox."""
    empty_mailbox(box)
    put(box, HERE / "traffic.py", "traffic.py")
    box.run(f"touch /run/traffic; (python3.11 /srv/traffic.py /run/traffic {recipient} >/run/sent 2>&1 &)")
    sent = Sent()
    try:
        wait_until(lambda: int(box.out(f"ls {JOHN} 2>/dev/null | wc -l")) > 20, 60, "some mail")
        yield sent
    finally:
        box.run("rm /run/traffic; while pgrep -f '[t]raffic.py'; do sleep 0.2; done")
    vars(sent).update(json.loads(box.out("cat /run/sent")))
    sys.stdout.write(
        f"\n{len(sent.accepted)} mails, {len(sent.refused)} refused, {sent.deferred} times 4xx, "
        f"the longest took {sent.longest_wait} s\n"
    )
