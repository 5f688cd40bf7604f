"""A private Postfix for the mta bench: what it takes in it throws away (discard(8)), so that no delivery counts."""

import subprocess
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


@dataclass(slots=True)
class BenchPostfix(PostfixInstance):
    """A Postfix with settings of a way to find recipients; ``milter`` as Postfix writes it."""

    settings: Mapping[str, str] = field(kw_only=True)
    milter: str = field(kw_only=True, default="")

    def main_cf(self) -> str:
        """Return main.cf: Byname's settings, which ``settings`` overrule."""
        known = place_settings(self.folders) | byname_settings("", "unix:none", "error:outside", smtputf8=False)
        known |= {"in_flow_delay": "0", "virtual_transport": "discard:", "smtpd_tls_security_level": "none"}
        return settings_text(known | dict(self.settings))

    def master_cf(self) -> str:
        """Return master.cf."""
        ports = (self.inbound_port, self.submission_port, self.submissions_port)
        return "".join(listener(port, "inbound", {"smtpd_milters": self.milter}) for port in ports) + SERVICES

    def take(self, messages: int, recipient: str) -> None:
        """Have smtp-source(1) bring messages, each in a session of its own, to ``1recipient``, ``2recipient``, ...

        Returns when the last one is out of the queue.

        Raises:
            SandboxError: a message was refused.
        """
        to, count = f"{LOOPBACK}:{self.inbound_port}", ("-s", str(_SESSIONS), "-m", str(messages), "-l", str(_SIZE))
        command = ["/usr/sbin/smtp-source", *count, "-N", "-f", "ann@outside.example", "-t", recipient, to]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode or done.stderr:
            raise SandboxError(f"smtp-source: {done.stderr}")
        wait_until(self.is_empty, _TIMEOUT, "an empty mail queue")

    def is_empty(self) -> bool:
        """Return whether nothing is in the queue."""
        return not any(any((self.folders.queue / name).iterdir()) for name in ("incoming", "active", "deferred"))
