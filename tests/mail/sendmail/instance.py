"""A Sendmail of one's own, of unpacked Debian packages and the sample file, beside any mail server of the system.

``conf/sendmail/sendmail.mc`` is taken as it stands: only the places and ports of the tables here differ, and what keeps
the instance by itself is added before its mailers: no name service, nothing that leaves but to ``outside``.
"""

import os
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Self

import conf
from byname.sandbox.certificate import Certificate
from byname.sandbox.errors import SandboxError
from byname.sandbox.ports import LOOPBACK, free_port
from byname.sandbox.processes import Daemon
from byname.sandbox.waiting import greets, wait_until

UNPACKED = Path(__file__).parents[3] / ".venv" / "sendmail"  # by bootstrap.sh
SENDMAIL = UNPACKED / "usr/libexec/sendmail/sendmail"
_RULES = UNPACKED / "usr/share/sendmail/cf"
_INCLUDE = "include(`/usr/share/sendmail/cf/m4/cf.m4')dnl\n"
_MAILERS = "MAILER(`local')dnl\n"

_NAME_SERVICE = {
    "hosts": "127.0.0.1 mail.byname.test localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\nservices: files\n",
    "resolv.conf": "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n",
}
_APART = """\
define(`QUEUE_DIR', `{folder}/queue')dnl
define(`ALIAS_FILE', `{folder}/aliases')dnl
define(`STATUS_FILE', `')dnl
define(`confHOST_STATUS_DIRECTORY', `')dnl
define(`confPID_FILE', `{folder}/sendmail.pid')dnl
define(`confCONTROL_SOCKET_NAME', `')dnl
define(`confTRUSTED_USER', `root')dnl
define(`confDOMAIN_NAME', `mail.byname.test')dnl
define(`confSERVICE_SWITCH_FILE', `{folder}/service.switch')dnl
define(`confTO_IDENT', `0')dnl
define(`confMIN_FREE_BLOCKS', `0')dnl
define(`confREFUSE_LA', `1000')dnl
define(`confQUEUE_LA', `1000')dnl
define(`confDELAY_LA', `0')dnl
define(`confBAD_RCPT_THROTTLE', `0')dnl
FEATURE(`accept_unresolvable_domains')dnl
define(`SMART_HOST', `esmtp:[{host}]')dnl
define(`ESMTP_MAILER_ARGS', `TCP $h {outside}')dnl
LOCAL_CONFIG
ESASL_PATH={plugins}
ESASL_CONF_PATH={folder}
"""


@dataclass(slots=True)
class PrivateSendmail:
    """A Sendmail below ``folder``; start it with ``start()`` or as a context manager. Needs root."""

    folder: Path
    sockets: Path = field(kw_only=True)  # the folder of Byname's sockets
    outside: int = field(kw_only=True)  # the port of everybody else's mail server
    certificate: Certificate = field(kw_only=True)
    changes: Mapping[str, str] = field(kw_only=True, default_factory=dict)  # more texts of the sample that are replaced
    inbound_port: int = field(kw_only=True, default_factory=free_port)
    submission_port: int = field(kw_only=True, default_factory=free_port)
    submissions_port: int = field(kw_only=True, default_factory=free_port)
    _daemon: Daemon | None = field(init=False, default=None)

    @property
    def queue(self) -> Path:
        """Where messages wait: one ``qf`` file each."""
        return self.folder / "queue"

    @property
    def _log(self) -> Path:
        return self.folder / "sendmail.log"

    def configure(self) -> None:
        """Make sendmail.cf of the sample, with m4."""
        self.queue.mkdir(parents=True, exist_ok=True)
        self.queue.chmod(0o700)
        (self.folder / "aliases").touch()
        for name, text in {**_NAME_SERVICE, "service.switch": "hosts files\naliases files\n"}.items():
            (self.folder / name).write_text(text)
        source = self.folder / "sendmail.mc"
        source.write_text(self._source())
        rules = [_RULES / "m4/cf.m4", _RULES / "debian/autoconf.m4", source]
        command = [str(UNPACKED / "usr/bin/m4"), f"-D_CF_DIR_={_RULES}/", *map(str, rules)]
        done = subprocess.run(command, env=environ(), capture_output=True, text=True, check=True)
        if done.stderr:
            raise SandboxError(f"m4: {done.stderr}")
        (self.folder / "sendmail.cf").write_text(done.stdout)

    def _source(self) -> str:
        text = files(conf).joinpath("sendmail/sendmail.mc").read_text(encoding="utf-8")
        changes = {
            _INCLUDE: "",
            "/var/spool/postfix/byname": str(self.sockets),
            "Port=smtp": f"Addr={LOOPBACK}, Port={self.inbound_port}",
            "Port=submission,": f"Addr={LOOPBACK}, Port={self.submission_port},",
            "Port=submissions,": f"Addr={LOOPBACK}, Port={self.submissions_port},",
            "/etc/ssl/certs/ssl-cert-snakeoil.pem": str(self.certificate.certificate),
            "/etc/ssl/private/ssl-cert-snakeoil.key": str(self.certificate.key),
            _MAILERS: self._apart() + _MAILERS,
            **self.changes,
        }
        for old, new in changes.items():
            if old not in text:
                raise SandboxError(f"the sample has no {old!r}")
            text = text.replace(old, new)
        return text

    def _apart(self) -> str:
        (plugins,) = UNPACKED.glob("usr/lib/*/sasl2")
        return _APART.format(folder=self.folder, host=LOOPBACK, outside=self.outside, plugins=plugins)

    def command(self, *arguments: str) -> list[str]:
        """Return the command sendmail of this instance, with a host name and a name service of its own.

        Sendmail asks DNS for its own name before it reads its configuration, and waits a minute where that has no
        domain.
        """
        script = ["hostname mail.byname.test"]
        script += [
            f"if [ -e /etc/{name} ]; then mount --bind {self.folder / name} /etc/{name}; fi" for name in _NAME_SERVICE
        ]
        script.append(f"exec {shlex.join([str(SENDMAIL), '-C', str(self.folder / 'sendmail.cf'), *arguments])}")
        return ["unshare", "--mount", "--uts", "sh", "-c", " && ".join(script)]

    def run(self, *arguments: str, text: bytes = b"") -> None:
        """Run the command sendmail to its end, with ``text`` on its standard input.

        Raises:
            CalledProcessError: it failed; its output is in the exception.
        """
        subprocess.run(self.command(*arguments), env=environ(), input=text, capture_output=True, check=True)

    def run_queue(self) -> None:
        """Try everything in the queue once; the daemon itself leaves it alone.

        The exit code is that of the last thing that was put off, so it is not looked at.
        """
        subprocess.run(self.command("-qf"), env=environ(), capture_output=True, check=False)

    def start(self) -> None:
        """Start it and wait until its listeners answer.

        Raises:
            SandboxError: it did not start; the end of its log is in the message.
        """
        self.configure()
        self._daemon = Daemon(self.command("-bD"), self._log, environ())
        self._daemon.start()
        try:
            wait_until(self._answers, 20, "the private Sendmail")
        except BaseException as error:
            self.stop()
            if isinstance(error, Exception):
                raise SandboxError(f"Sendmail did not start: {error}\n{self._log.read_text()[-2000:]}") from error
            raise

    def _answers(self) -> bool:
        assert self._daemon is not None
        self._daemon.check_running()
        return all(greets((LOOPBACK, port), b"220 ") for port in (self.inbound_port, self.submission_port))

    def stop(self) -> None:
        """Stop it and all it started. Harmless when it does not run."""
        daemon, self._daemon = self._daemon, None
        if daemon is not None:
            daemon.stop()

    def waiting(self) -> int:
        """Return how many messages wait in the queue."""
        return len(list(self.queue.glob("qf*")))

    def wait_until_idle(self, timeout: float = 20) -> None:
        """Wait until the queue is empty."""
        wait_until(lambda: not any(self.queue.iterdir()), timeout, "an empty queue of Sendmail's")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


def environ() -> dict[str, str]:
    """The environment in which the unpacked programs find their libraries."""
    (libraries,) = {path.parent for path in UNPACKED.glob("usr/lib/*/liblockfile.so.1")}
    return dict(os.environ) | {"LD_LIBRARY_PATH": str(libraries)}
