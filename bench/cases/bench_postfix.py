"""A private Postfix for the mta bench: what it takes in it throws away (discard(8)), so that no delivery counts.

Its submission port is that of the checks: what comes in there is like the rest, but held in the queue, to be looked at.
"""

import re
import subprocess
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from byname.sandbox.errors import SandboxError
from byname.sandbox.ports import LOOPBACK
from byname.sandbox.postfix_config import SERVICES, byname_settings, listener, place_settings, settings_text
from byname.sandbox.postfix_instance import PostfixInstance
from byname.sandbox.waiting import wait_until

_SESSIONS = 10  # at once
_SIZE = 4000  # bytes of a message
_TIMEOUT = 120.0  # seconds
_HOLD = {"smtpd_client_restrictions": "check_client_access static:HOLD"}
_DELIVERED = re.compile(r" to=<([^>]*)>, .* status=sent ")


@dataclass(slots=True)
class BenchPostfix(PostfixInstance):
    """A Postfix with settings of a way to find recipients; ``milter`` as Postfix writes it."""

    settings: Mapping[str, str] = field(kw_only=True)
    milter: str = field(kw_only=True, default="")
    _read: int = field(init=False, default=0)  # characters of the log

    def main_cf(self) -> str:
        """Return main.cf: Byname's settings, which ``settings`` overrule."""
        known = place_settings(self.folders) | byname_settings("", "unix:none", "error:outside", smtputf8=False)
        known |= {"in_flow_delay": "0", "virtual_transport": "discard:", "smtpd_tls_security_level": "none"}
        return settings_text(known | dict(self.settings))

    def master_cf(self) -> str:
        """Return master.cf."""
        milter = {"smtpd_milters": self.milter}
        checked = listener(self.submission_port, "inbound", milter | _HOLD)
        ports = (self.inbound_port, self.submissions_port)
        return "".join(listener(port, "inbound", milter) for port in ports) + checked + SERVICES

    def take(self, messages: int, recipient: str, *, reuse: bool = False) -> None:
        """Have smtp-source(1) bring messages to ``1recipient``, ``2recipient``, ...: each in a session of its own.

        With ``reuse`` they share ten sessions. Returns when the last one is out of the queue.

        Raises:
            SandboxError: a message was refused.
        """
        to, count = f"{LOOPBACK}:{self.inbound_port}", ("-s", str(_SESSIONS), "-m", str(messages), "-l", str(_SIZE))
        ways, ends = ["-d"] if reuse else [], ("-f", "ann@outside.example", "-t", recipient)
        command = ["/usr/sbin/smtp-source", *count, *ways, "-N", *ends, to]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode or done.stderr:
            raise SandboxError(f"smtp-source: {done.stderr}")
        wait_until(self.is_empty, _TIMEOUT, "an empty mail queue")

    def deliveries(self, awaited: int = 0) -> "Counter[str]":
        """Return the recipients of what was delivered since the last call; wait until there are so many."""
        found: Counter[str] = Counter()

        def look() -> bool:
            text = self.log()
            found.update(_DELIVERED.findall(text[self._read :]))
            self._read = len(text)
            return found.total() >= awaited

        wait_until(look, _TIMEOUT, f"{awaited} deliveries in the log of Postfix")
        return found

    def held(self) -> str:
        """Return envelope and header of the one message that is held, and throw it away."""
        (path,) = (path for path in (self.folders.queue / "hold").rglob("*") if path.is_file())
        command = ["/usr/sbin/postcat", "-c", str(self.folders.config), "-eh", str(path)]
        shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        path.unlink()
        return shown

    def is_empty(self) -> bool:
        """Return whether nothing is in the queue."""
        return not any(any((self.folders.queue / name).iterdir()) for name in ("incoming", "active", "deferred"))
