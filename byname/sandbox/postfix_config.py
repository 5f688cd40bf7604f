"""The two configuration files of the private Postfix, as tables.

postconf(5) and master(5) describe each parameter; what was measured stands in docs/facts.md, "Milter and Postfix".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from byname.sandbox.certificate import Certificate
from byname.sandbox.ports import LOOPBACK


@dataclass(frozen=True, slots=True)
class PostfixFolders:
    """Where the private Postfix keeps its things, all below one folder."""

    root: Path

    @property
    def config(self) -> Path:
        """Holds main.cf and master.cf."""
        return self.root / "etc"

    @property
    def queue(self) -> Path:
        """The spool, and the working directory of every Postfix process."""
        return self.root / "queue"

    @property
    def data(self) -> Path:
        """Caches and locks of user postfix."""
        return self.root / "data"

    @property
    def log(self) -> Path:
        """The mail log."""
        return self.root / "mail.log"


def settings_text(settings: Mapping[str, str]) -> str:
    """Return the lines of main.cf for these settings."""
    return "".join(f"{name} = {value}\n" for name, value in settings.items())


def place_settings(folders: PostfixFolders) -> dict[str, str]:
    """Keep the instance by itself: own folders, own log, loopback, no name service, no limits made for strangers."""
    return {
        "compatibility_level": "3.6",
        "queue_directory": str(folders.queue),
        "data_directory": str(folders.data),
        "maillog_file": str(folders.log),
        "maillog_file_prefixes": str(folders.root),
        "inet_interfaces": LOOPBACK,
        "inet_protocols": "ipv4",
        "disable_dns_lookups": "yes",
        "smtpd_peername_lookup": "no",
        "myhostname": "mail.byname.test",
        "myorigin": "byname.test",
        "mynetworks": "",
        "local_header_rewrite_clients": "",  # we all come from loopback, but are no local users
        "mydestination": "",
        "alias_maps": "",
        "alias_database": "",
        "biff": "no",
        "notify_classes": "",
        "soft_bounce": "no",
        "minimal_backoff_time": "2s",
        "maximal_backoff_time": "10s",
        "queue_run_delay": "2s",
        "smtpd_error_sleep_time": "0",
        "smtpd_soft_error_limit": "1000",
        "smtpd_hard_error_limit": "1000",
        "smtpd_recipient_limit": "2000",
        "smtpd_recipient_overshoot_limit": "2000",
        "smtpd_junk_command_limit": "1000",
        "smtpd_client_connection_count_limit": "0",
        "smtpd_client_connection_rate_limit": "0",
        "smtpd_client_message_rate_limit": "0",
        "smtpd_client_recipient_rate_limit": "0",
        "smtpd_client_auth_rate_limit": "0",
    }


def byname_settings(domains_map: str, lmtp: str, outside: str, *, smtputf8: bool) -> dict[str, str]:
    """The part an existing Postfix needs for Byname: who is hosted is asked, who exists is left to the milter.

    Args:
        domains_map: lookup table of hosted domains, e.g. ``socketmap:inet:127.0.0.1:2600:domains``.
        lmtp: where mail for mailboxes goes: ``inet:HOST:PORT`` or ``unix:PATH``.
        outside: transport for everyone else's mail.
        smtputf8: announce SMTPUTF8; only for a store that takes it (docs/facts.md, "Milter and Postfix": Dovecot 2.3
        bounces 5.6.7).
    """
    return {
        "virtual_mailbox_domains": domains_map,
        "virtual_mailbox_maps": "",
        "virtual_alias_maps": "",
        "virtual_transport": f"lmtp:{lmtp}",
        "smtpd_relay_restrictions": "reject_unauth_destination",
        "smtpd_recipient_restrictions": "",
        "recipient_delimiter": "",
        "default_transport": outside,
        "milter_default_action": "tempfail",
        "milter_command_timeout": "10s",
        "milter_content_timeout": "30s",
        "smtpd_forbid_bare_newline": "normalize",
        "smtpd_forbid_bare_newline_exclusions": "",
        "smtpd_forbid_unauth_pipelining": "yes",
        "smtputf8_enable": "yes" if smtputf8 else "no",
    }


def tls_settings(certificate: Certificate) -> dict[str, str]:
    """TLS offered everywhere, demanded for logging in. Sender restrictions stay empty: Byname answers at MAIL."""
    return {
        "smtpd_tls_chain_files": f"{certificate.key}, {certificate.certificate}",
        "smtpd_tls_security_level": "may",
        "smtpd_tls_auth_only": "yes",
        "smtpd_sasl_auth_enable": "no",
    }


def listener(port: int, name: str, options: Mapping[str, str]) -> str:
    """Return the master.cf entry of one smtpd listener, not chrooted."""
    lines = [f"{LOOPBACK}:{port} inet n - n - - smtpd", f"  -o syslog_name=postfix/{name}"]
    lines += [f"  -o {{ {key} = {value} }}" for key, value in options.items()]
    return "\n".join(lines) + "\n"


def submission_options(milter: str | None, sasl: Path | None) -> dict[str, str]:
    """What sets a submission listener apart: a login may send anywhere, nobody else may send at all."""
    options = {
        "smtpd_milters": milter or "",
        "smtpd_relay_restrictions": "permit_sasl_authenticated, reject",
        "smtpd_client_restrictions": "",
        "smtpd_sender_restrictions": "",
    }
    if sasl is None:
        return options
    return options | {
        "smtpd_sasl_auth_enable": "yes",
        "smtpd_sasl_type": "dovecot",
        "smtpd_sasl_path": str(sasl),
        "smtpd_sasl_security_options": "noanonymous",
    }


def internal_options(milter: str) -> dict[str, str]:
    """What sets the listener of the Message API apart: it says who sends (XCLIENT LOGIN), and its milter asks a key."""
    return {
        "smtpd_milters": milter,
        "smtpd_authorized_xclient_hosts": LOOPBACK,
        "mynetworks": f"{LOOPBACK}/32",
        "smtpd_client_restrictions": "permit_mynetworks, reject",
        "smtpd_relay_restrictions": "permit_mynetworks, reject",
        "smtpd_sender_restrictions": "",
        "smtpd_tls_security_level": "none",
    }


# What sets the listener apart that Dovecot hands mail to which a filter forwards: it came through a milter before.
FORWARDING: Mapping[str, str] = MappingProxyType(
    {
        "smtpd_milters": "",
        "mynetworks": f"{LOOPBACK}/32",
        "smtpd_relay_restrictions": "permit_mynetworks, reject",
        "smtpd_tls_security_level": "none",
    }
)

# The services beside the listeners (master(5)): as Debian ships them, none chrooted, plus the log daemon.
SERVICES = """\
pickup    unix        n  -  n  60     1  pickup
cleanup   unix        n  -  n  -      0  cleanup
qmgr      unix        n  -  n  300    1  qmgr
tlsmgr    unix        -  -  n  1000?  1  tlsmgr
rewrite   unix        -  -  n  -      -  trivial-rewrite
bounce    unix        -  -  n  -      0  bounce
defer     unix        -  -  n  -      0  bounce
trace     unix        -  -  n  -      0  bounce
verify    unix        -  -  n  -      1  verify
flush     unix        n  -  n  1000?  0  flush
proxymap  unix        -  -  n  -      -  proxymap
smtp      unix        -  -  n  -      -  smtp
relay     unix        -  -  n  -      -  smtp
showq     unix        n  -  n  -      -  showq
error     unix        -  -  n  -      -  error
retry     unix        -  -  n  -      -  error
discard   unix        -  -  n  -      -  discard
lmtp      unix        -  -  n  -      -  lmtp
anvil     unix        -  -  n  -      1  anvil
scache    unix        -  -  n  -      1  scache
postlog   unix-dgram  n  -  n  -      1  postlogd
"""
