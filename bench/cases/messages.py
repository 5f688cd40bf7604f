"""The messages bench: what it costs to send through the Message API, beside smtplib straight to the same Postfix.

Four programs send messages of 4 kB to one recipient each, an SMTP session or an HTTP request for each; the programs of
the API keep their connection. Both ways end at the same internal listener, whose milter judges each message by its key,
and Postfix throws away what it took (discard(8)). The ways take turns in pairs; a figure is the median of the rounds. A
round ends when the queue is empty, and with the API when each message is ``sent``. CPU time is that of Postfix, the
milter, the API and the programs themselves; a ratio is that of one pair.
"""

import os
import smtplib
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial

from bench.cases.bench_postfix import BenchPostfix
from bench.load.api_client import ApiClient
from bench.load.cpu import Stopwatch
from bench.load.milter_client import opened
from bench.load.site import BenchSite, process_of
from bench.report.figures import Figure, Goal, Scale, median_of
from byname.sandbox.errors import SandboxError
from byname.sandbox.ports import LOOPBACK, free_port
from byname.sandbox.postfix_config import internal_options, listener
from byname.sandbox.processes import Daemon
from byname.sandbox.waiting import wait_until
from routing.handover import HANDOVER, Claim, handover_value
from store.services import accounts, domains, mailboxes, tokens
from store.services.scopes import MESSAGE
from store.services.sending.waiting import waiting

_PROGRAMS = 4
_SIZE = 4000  # bytes of the text
_LINE = "x" * 78 + "\n"
_SENDER, _RECIPIENT = "john@bench.test", "ann@outside.example"
_PREFIXES = ("bn_ops_", "bn_msg_", "bn_opr_")
_PATIENCE = 300.0  # seconds
_SETTINGS = """\
milter.internal = "{milter}"
sending.listener = "{host}:{port}"
sending.key = "{key}"
sending.per_day = 1_000_000
"""


@dataclass(slots=True)
class _InternalPostfix(BenchPostfix):
    """A Postfix with an internal listener, that throws away what goes outside too."""

    port: int = field(default_factory=free_port, kw_only=True)

    def master_cf(self) -> str:
        return BenchPostfix.master_cf(self) + listener(self.port, "internal", internal_options(self.milter))


@dataclass(frozen=True, slots=True)
class _Rig:
    """What both ways have in common."""

    site: BenchSite
    postfix: _InternalPostfix
    key: bytes
    secret: str  # of a message token
    parts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Round:
    per_second: float
    cpu_us: Mapping[str, float]  # for each message, by part

    @property
    def total(self) -> float:
        return sum(self.cpu_us.values())


def measure(scale: Scale) -> list[Figure]:
    """Return CPU microseconds for each message and messages a second, for each way, and the ratio."""
    each, rounds = scale.of(3, 75, 250), scale.of(1, 5, 7)
    found: dict[str, list[_Round]] = {"api": [], "smtplib": []}
    ways: Mapping[str, Callable[[_Rig, int, int], None]] = {"api": _by_api, "smtplib": _by_smtplib}
    with _rig() as rig:
        for way in () if scale.short else ways.values():
            _round(rig, way, each // 4)  # warm
        for _ in range(rounds):
            for name, way in ways.items():
                found[name].append(_round(rig, way, each))
    ratios = [a.total / b.total for a, b in zip(found["api"], found["smtplib"], strict=True)]
    speeds = [a.per_second / b.per_second for a, b in zip(found["api"], found["smtplib"], strict=True)]
    return [
        *(figure for name, taken in found.items() for figure in _of_way(name, taken)),
        median_of("messages.api_over_smtplib_cpu", "x", ratios, Goal(2)),
        median_of("messages.api_over_smtplib_rate", "x", speeds),
    ]


def _of_way(name: str, rounds: list[_Round]) -> Iterator[Figure]:
    yield median_of(f"messages.{name}_cpu_us", "us", [one.total for one in rounds])
    for part in rounds[0].cpu_us:
        yield median_of(f"messages.{name}_cpu_{part}_us", "us", [one.cpu_us[part] for one in rounds])
    yield median_of(f"messages.{name}_messages_per_s", "1/s", [one.per_second for one in rounds])


def _round(rig: _Rig, way: Callable[[_Rig, int, int], None], each: int) -> _Round:
    messages = _PROGRAMS * each
    watch, own, begun = Stopwatch(rig.parts), time.process_time(), time.monotonic()
    with ThreadPoolExecutor(_PROGRAMS) as pool:
        list(pool.map(partial(way, rig, each), range(_PROGRAMS)))
    programs = time.process_time() - own
    wait_until(lambda: waiting(rig.site.database).messages == 0, _PATIENCE, "the courier")
    wait_until(rig.postfix.is_empty, _PATIENCE, "an empty mail queue")
    took, seconds = time.monotonic() - begun, {**watch.seconds(), "programs": programs}
    if rig.postfix.master() is None:
        raise SandboxError("Postfix ended by itself")
    return _Round(messages / took, {part: 1e6 * one / messages for part, one in seconds.items()})


def _by_api(rig: _Rig, each: int, program: int) -> None:
    body = {"to": [_RECIPIENT], "subject": f"from {program}", "body": {"text": _LINE * (_SIZE // len(_LINE))}}
    with closing(ApiClient(rig.site.api, rig.secret)) as client:
        for _ in range(each):
            client.ask("POST", "/messages/send", body, **{"Idempotency-Key": str(uuid.uuid4())})


def _by_smtplib(rig: _Rig, each: int, program: int) -> None:
    text = (_LINE * (_SIZE // len(_LINE))).replace("\n", "\r\n")
    for _ in range(each):
        message_id = f"<{uuid.uuid4().hex}@bench.test>"
        key = handover_value(rig.key, Claim(_SENDER, _SENDER, message_id), int(time.time()))
        fields = f"{HANDOVER}: {key}\r\nFrom: {_SENDER}\r\nTo: {_RECIPIENT}\r\nSubject: from {program}\r\n"
        with smtplib.SMTP(LOOPBACK, rig.postfix.port, "localhost", timeout=60) as smtp:
            smtp.ehlo()
            smtp.docmd("XCLIENT", f"LOGIN={_SENDER}")
            smtp.ehlo()
            smtp.sendmail(_SENDER, [_RECIPIENT], f"{fields}Message-ID: {message_id}\r\n\r\n{text}")


@contextmanager
def _rig() -> Iterator[_Rig]:
    key, port = os.urandom(32).hex(), free_port()
    with BenchSite("sqlite", for_postfix=True) as whole:
        milter = f"unix:{whole.sockets}/internal.sock"
        settings = _SETTINGS.format(milter=milter, host=LOOPBACK, port=port, key=key)
        site = whole.another("sending", cached=False, settings=settings)
        secret = _mailbox(site)
        internal = site.start("milter", "--role", "internal")
        wait_until(lambda: _greets(milter, internal), _PATIENCE, "the internal milter")
        parts = {"milter": process_of(internal), "api": process_of(site.start_api())}
        hosted = {
            "virtual_mailbox_domains": "bench.test",
            "relay_transport": "discard:",
            "default_transport": "discard:",
        }
        with _InternalPostfix(whole.folder / "postfix", settings=hosted, milter=milter, port=port) as postfix:
            master = postfix.master()
            if master is None:
                raise SandboxError("Postfix has no master")
            yield _Rig(site, postfix, key.encode(), secret, {"postfix": master, **parts})


def _mailbox(site: BenchSite) -> str:
    with site.database.write() as tx:
        accounts.create(tx, "bench", "agency")
        domains.add(tx, "bench.test", account="bench", verified=True)
        made = mailboxes.add(tx, _SENDER, "correct horse battery")
        return tokens.create(tx, name="bench", kind=MESSAGE, mailbox=made.id, prefixes=_PREFIXES).secret


def _greets(place: str, milter: Daemon) -> bool:
    milter.check_running()
    try:
        opened(place).close()
    except OSError:
        return False
    return True
