"""What the machine must have for the sandbox, checked before anything starts. Nothing is installed or changed here."""

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

# What is looked for below the root folder, and the Debian package that brings it.
RIG: Mapping[str, str] = MappingProxyType(
    {
        "usr/sbin/postfix": "postfix",
        "usr/bin/openssl": "openssl",
        "usr/sbin/dovecot": "dovecot-core",
        "usr/lib/dovecot/imap-login": "dovecot-imapd",
        "usr/lib/dovecot/lmtp": "dovecot-lmtpd",
        "usr/lib/dovecot/modules/auth/libdriver_sqlite.so": "dovecot-sqlite",
        "usr/bin/redis-server": "redis-server",
    }
)
SWAKS: Mapping[str, str] = MappingProxyType(
    {"usr/bin/swaks": "swaks", "usr/lib/*/perl5/*/Net/SSLeay.pm": "libnet-ssleay-perl"}  # the second for its --tls
)
RECIPES: Mapping[str, str] = MappingProxyType(
    {
        "usr/lib/dovecot/modules/lib90_sieve_plugin.so": "dovecot-sieve",
        "usr/lib/dovecot/modules/auth/libdriver_pgsql.so": "dovecot-pgsql",
        "usr/lib/postfix/postfix-sqlite.so": "postfix-sqlite",
    }
)
MANY: Mapping[str, str] = MappingProxyType(
    {"usr/sbin/ip": "iproute2", "usr/lib/postgresql/*/bin/postgres": "postgresql", "usr/sbin/nginx": "nginx-light"}
)
WEBMAIL: Mapping[str, str] = MappingProxyType(
    {
        "usr/share/roundcube/index.php": "roundcube-core",
        "usr/share/roundcube/plugins/managesieve/managesieve.php": "roundcube-plugins",
        "usr/bin/php": "php-cli",
        "usr/lib/php/*/pdo_sqlite.so": "php-sqlite3",
        "usr/lib/dovecot/modules/lib90_sieve_plugin.so": "dovecot-sieve",
        "usr/lib/dovecot/managesieve-login": "dovecot-managesieved",
    }
)
NEEDS_ROOT = "Postfix starts as root only"
_ROOT = Path("/")


def missing_packages(needed: Mapping[str, str] = RIG, root: Path = _ROOT) -> list[str]:
    """Return the Debian packages that are not there, in the order apt would be given them."""
    return [package for thing, package in needed.items() if not any(root.glob(thing))]


def other_mta(root: Path = _ROOT) -> str | None:
    """Return the program of an installed MTA that is not Postfix, None when there is none (or Postfix is there).

    Debian lets one MTA be installed at a time; each brings ``/usr/sbin/sendmail``.
    """
    sendmail = root / "usr/sbin/sendmail"
    if (root / "usr/sbin/postfix").exists() or not sendmail.exists():
        return None
    return f"/{sendmail.resolve().relative_to(root.resolve())}"


def obstacle(root: Path = _ROOT, *, webmail: bool = False, many: bool = False) -> str | None:
    """Return one line saying why the sandbox cannot start on this machine, None when it can."""
    if other := other_mta(root):
        return f"another mail server is installed ({other}); this needs Postfix, and replaces nothing"
    if missing := missing_packages({**RIG, **(WEBMAIL if webmail else {}), **(MANY if many else {})}, root):
        return f"not installed: {' '.join(missing)}; run: apt-get install -y {' '.join(missing)}"
    return NEEDS_ROOT if os.geteuid() != 0 else None
