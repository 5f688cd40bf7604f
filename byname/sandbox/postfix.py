"""The private Postfix of the demo and of most tests, configured from tables."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from byname.sandbox.certificate import Certificate
from byname.sandbox.ports import free_port
from byname.sandbox.postfix_config import (
    FORWARDING,
    SERVICES,
    byname_settings,
    internal_options,
    listener,
    place_settings,
    settings_text,
    submission_options,
    tls_settings,
)
from byname.sandbox.postfix_instance import PostfixInstance

NOTHING_LEAVES = "error:5.1.2 nothing leaves this private Postfix"


@dataclass(slots=True)
class PrivatePostfix(PostfixInstance):
    """A Postfix whose settings are the sandbox's own tables.

    Milters are written in Postfix's own way: ``inet:127.0.0.1:PORT`` or ``unix:PATH``; several are separated by
    commas. ``extra`` is added to main.cf last, so it can overrule every setting (``postfix_config`` explains them).
    """

    domains_map: str = field(kw_only=True)  # virtual_mailbox_domains
    inbound_milter: str | None = field(kw_only=True)
    submission_milter: str | None = field(kw_only=True)
    lmtp: str = field(kw_only=True)  # inet:HOST:PORT or unix:PATH
    certificate: Certificate = field(kw_only=True)
    sasl_socket: Path | None = field(kw_only=True, default=None)  # None: nobody can log in
    internal_milter: str | None = field(kw_only=True, default=None)  # None: no listener for the Message API
    internal_port: int = field(kw_only=True, default_factory=free_port)
    forwarding_port: int | None = field(kw_only=True, default=None)  # None: filters forward nothing
    outside: str = field(kw_only=True, default=NOTHING_LEAVES)  # transport for mail to everyone else
    smtputf8: bool = field(kw_only=True, default=False)
    extra: Mapping[str, str] = field(kw_only=True, default_factory=dict)

    def main_cf(self) -> str:
        """Return main.cf: our own place first, then what Byname needs, ``extra`` last."""
        settings = place_settings(self.folders) | tls_settings(self.certificate)
        settings |= byname_settings(self.domains_map, self.lmtp, self.outside, smtputf8=self.smtputf8)
        return settings_text(settings | dict(self.extra))

    def master_cf(self) -> str:
        """Return master.cf: the listeners and the services behind them."""
        return self._listeners() + SERVICES

    def _listeners(self) -> str:
        submission = submission_options(self.submission_milter, self.sasl_socket)
        return (
            listener(self.inbound_port, "inbound", {"smtpd_milters": self.inbound_milter or ""})
            + listener(self.submission_port, "submission", submission)
            + listener(self.submissions_port, "submissions", submission | {"smtpd_tls_wrappermode": "yes"})
            + self._internal()
            + ("" if self.forwarding_port is None else listener(self.forwarding_port, "forwarding", FORWARDING))
        )

    def _internal(self) -> str:
        if self.internal_milter is None:
            return ""
        return listener(self.internal_port, "internal", internal_options(self.internal_milter))
