"""The private Dovecot of the demo and of most tests: SASL for Postfix, LMTP into Maildirs, IMAP for people to look."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from pwd import getpwnam

from byname.sandbox.certificate import Certificate
from byname.sandbox.dovecot_config import Filters, dovecot_conf, master_conf, sieve_conf, sql_conf, tls_conf
from byname.sandbox.dovecot_instance import DovecotInstance
from byname.sandbox.ports import free_port

_MAIL_USER = "mail"  # of every Debian; owns the Maildirs
MASTER = "byname"  # may act for every mailbox


@dataclass(slots=True)
class PrivateDovecot(DovecotInstance):
    """A Dovecot over the store in the SQLite file ``database``."""

    database: Path = field(kw_only=True)
    filters: Filters | None = field(kw_only=True, default=None)  # needs Debian's dovecot-sieve, dovecot-managesieved
    master_password: str = field(kw_only=True, default="")  # of ``MASTER``, over IMAP in TLS; empty: there is none
    certificate: Certificate | None = field(kw_only=True, default=None)  # for both
    imaps_port: int = field(kw_only=True, default_factory=free_port)

    @property
    def sasl_socket(self) -> Path:
        """Where Postfix asks about logins (``smtpd_sasl_path``)."""
        return self.folder / "sasl"

    @property
    def lmtp_socket(self) -> Path:
        """Where mail is handed over."""
        return self.folder / "lmtp"

    @property
    def lmtp(self) -> str:
        """The same as nexthop for Postfix's LMTP client."""
        return f"unix:{self.lmtp_socket}"

    @property
    def mail(self) -> Path:
        """Where the Maildirs lie."""
        return self.folder / "mail"

    def configure(self) -> None:
        """Write its configuration."""
        user = getpwnam(_MAIL_USER)
        for name in ("mail", "home"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
            os.chown(self.folder / name, user.pw_uid, user.pw_gid)
        sql = self.folder / "sql.conf"
        sql.write_text(sql_conf(self.database))
        conf = dovecot_conf(self.folder, sql, self.imap_port, self.sasl_socket, self.lmtp_socket)
        certificate = self.certificate if self.filters is None else self.filters.certificate
        conf += "" if certificate is None else tls_conf(certificate)
        (self.folder / "dovecot.conf").write_text(conf + self._sieve() + self._master())

    def _sieve(self) -> str:
        if self.filters is None:
            return ""
        masters = self.folder / "masters.sieve"
        masters.write_text(f"{self.filters.master_user}:{{PLAIN}}{self.filters.master_password}\n")
        return sieve_conf(self.folder, self.filters)

    def _master(self) -> str:
        if not self.master_password:
            return ""
        passwords = self.folder / "master"
        passwords.write_text(f"{MASTER}:{{PLAIN}}{self.master_password}\n")
        return master_conf(passwords, self.imaps_port)
