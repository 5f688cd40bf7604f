"""The configuration of the private Dovecot: logins and mailboxes straight from Byname's store.

The two queries are all that ties Dovecot to the store's tables. An alias has no row in ``mailboxes``, so it cannot log
in. LMTP must know every mailbox, paused ones too: whether mail may come is Byname's to say, before delivery.
"""

from dataclasses import dataclass, field
from pathlib import Path

from byname.sandbox.certificate import Certificate
from byname.sandbox.ports import free_port

# Only an active mailbox of an active, proved domain of an active account logs in.
_LOGINS = """\
SELECT a.local_part || '@' || d.name AS user, m.password_hash AS password \
FROM mailboxes m JOIN addresses a ON a.id = m.id JOIN domains d ON d.id = a.domain_id \
JOIN accounts c ON c.id = d.account_id \
WHERE a.local_part = '%Ln' AND d.name = '%Ld' \
AND m.is_active AND d.is_active AND d.verified_at IS NOT NULL AND c.is_active"""

_MAILBOXES = """\
SELECT a.local_part || '@' || d.name AS user \
FROM mailboxes m JOIN addresses a ON a.id = m.id JOIN domains d ON d.id = a.domain_id \
WHERE a.local_part = '%Ln' AND d.name = '%Ld'"""


def sql_conf(database: Path) -> str:
    """Return dovecot-sql.conf.ext for the store's SQLite file. Hashes are PHC strings of argon2id."""
    return f"""\
driver = sqlite
connect = {database}
default_pass_scheme = ARGON2ID
password_query = {_LOGINS}
user_query = {_MAILBOXES}
"""


def apart(folder: Path, run: Path) -> str:
    """Return the lines that keep an instance below ``folder`` by itself, its sockets below ``run``.

    A wrong password costs nothing here: no delay, and no penalty for the address it came from, which is everybody's
    and grows with each failure.
    """
    return f"""\
listen = 127.0.0.1
base_dir = {run}
state_dir = {folder}/state
log_path = {folder}/dovecot.log
instance_name = byname-rig
auth_failure_delay = 0 secs
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service imap-login {{
  chroot =
}}
"""


def tls_conf(certificate: Certificate) -> str:
    """Return what lets the listeners that ask for it speak TLS."""
    return f"""\
ssl = yes
ssl_cert = <{certificate.certificate}
ssl_key = <{certificate.key}
"""


def master_conf(passwords: Path, port: int) -> str:
    """Return what lets one login act for every mailbox over TLS, and a mark for the folder of sent mail.

    ``passwords`` names that login, as a passwd-file. Nobody has the folder until somebody makes it.
    """
    return f"""\
passdb {{
  driver = passwd-file
  args = {passwords}
  master = yes
  result_success = continue
  override_fields = allow_nets=127.0.0.1/32,::1/128
}}
namespace inbox {{
  mailbox Gesendet {{
    special_use = \\Sent
  }}
}}
service imap-login {{
  inet_listener imaps {{
    address = 127.0.0.1
    port = {port}
    ssl = yes
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Filters:
    """What people's filters need: ManageSieve, and a way out for what they forward."""

    certificate: Certificate
    master_user: str
    master_password: str = field(repr=False)
    out_port: int  # of a Postfix that takes what a filter forwards
    port: int = field(default_factory=free_port)
    tls_port: int = field(default_factory=free_port)  # TLS from the start


def sieve_conf(folder: Path, filters: Filters) -> str:
    """Return what lets people write their own filters, over ManageSieve, and has LMTP run them.

    The master user is one for ManageSieve only, not for people's mail: its file is named after the service that asks.
    """
    return f"""\
protocols = $protocols sieve
passdb {{
  driver = passwd-file
  args = {folder}/masters.%s
  master = yes
}}
service managesieve-login {{
  chroot =
  inet_listener sieve {{
    address = 127.0.0.1
    port = {filters.port}
  }}
  inet_listener sieves {{
    address = 127.0.0.1
    port = {filters.tls_port}
    ssl = yes
  }}
}}
plugin {{
  sieve = file:~/sieve;active=~/.dovecot.sieve
}}
submission_host = 127.0.0.1:{filters.out_port}
protocol lmtp {{
  mail_plugins = sieve
}}
"""


def dovecot_conf(folder: Path, sql: Path, imap_port: int, sasl: Path, lmtp: Path) -> str:
    """Return dovecot.conf for an instance below ``folder``.

    No Delivered-To of Dovecot's own (``lmtp_hdr_delivery_address = none``): Byname writes it. Mail lies beside the
    home folders, not inside (docs/facts.md, "LMTP and Dovecot": a Maildir in ``~`` collides with Sieve's link).
    libsodium takes 64 MiB and more for one argon2id, above Dovecot's usual memory limit for a process that checks
    passwords.
    """
    return f"""\
{apart(folder, folder / "run")}protocols = imap lmtp
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_username_format = %Lu
auth_cache_size = 0
mail_uid = mail
mail_gid = mail
first_valid_uid = 1
first_valid_gid = 1
mail_home = {folder}/home/%Ld/%Ln
mail_location = maildir:{folder}/mail/%Ld/%Ln/Maildir
recipient_delimiter = +
postmaster_address = postmaster@byname.test
hostname = store.byname.test
lmtp_save_to_detail_mailbox = no
lmtp_hdr_delivery_address = none
lmtp_add_received_header = yes
passdb {{
  driver = sql
  args = {sql}
}}
userdb {{
  driver = sql
  args = {sql}
}}
namespace inbox {{
  inbox = yes
}}
service auth {{
  vsz_limit = 1G
  unix_listener {sasl} {{
    mode = 0666
  }}
}}
service auth-worker {{
  user = root
  vsz_limit = 1G
}}
service imap-login {{
  inet_listener imap {{
    address = 127.0.0.1
    port = {imap_port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service lmtp {{
  unix_listener {lmtp} {{
    mode = 0666
  }}
}}
"""
