"""What else is on the machine, beside Postfix's settings: shown before a plan, and changed by nobody."""

import shutil
import subprocess
from contextlib import closing
from dataclasses import dataclass

from byname.doctor.facts import SocketFact
from byname.doctor.probes.sockets import sockets
from byname.postfix.machine import Postfix
from conf.settings import Settings
from store.cache.directory import NoEvidence, RedisDirectory
from store.errors import StoreNotReady

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The programs that Byname works with."""

    postfix: str  # its version
    chrooted: tuple[str, ...]  # services of Postfix that ask Byname, and are locked up in the queue directory
    dovecot: str | None  # its version; None: not installed
    redis: str  # not used, answers, or why not
    sockets: tuple[SocketFact, ...]


def surroundings(postfix: Postfix, settings: Settings) -> Surroundings:
    """Look around."""
    asking = postfix.of_program("smtpd", "cleanup", "trivial-rewrite", "lmtp")
    return Surroundings(
        postfix.value("mail_version"),
        tuple(service.key for service in asking if service.chrooted),
        _dovecot(),
        _redis(settings.cache.url),
        sockets(settings, postfix),
    )


def _dovecot() -> str | None:
    program = shutil.which("dovecot", path=_PATH)
    if program is None:
        return None
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return (done.stdout.split() or ["of unknown version"])[0]


def _redis(url: str | None) -> str:
    if url is None:
        return "not used"
    try:
        with closing(RedisDirectory.open(url)) as cache:
            return "answers, filled by a relay" if cache.lease_left() else "answers; no relay fills it (byname relay)"
    except StoreNotReady as error:
        return str(error)
    except NoEvidence as error:
        return f"no answer: {error.reason}"
