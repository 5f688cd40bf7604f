"""PostfixAdmin's tables on PostgreSQL and the maps of its guide for Postfix, as its release 3.3 has them.

The columns are those that its own upgrade.php makes; looked at once with Debian's package postfixadmin 3.3.13.
"""

from collections.abc import Mapping
from pathlib import Path

_TIMES = "created timestamptz DEFAULT now(), modified timestamptz DEFAULT now()"
_TEXT = "varchar(255) NOT NULL DEFAULT ''"
TABLES = f"""
CREATE TABLE domain (domain varchar(255) PRIMARY KEY, description {_TEXT}, aliases integer NOT NULL DEFAULT 0,
  mailboxes integer NOT NULL DEFAULT 0, maxquota bigint NOT NULL DEFAULT 0, quota bigint NOT NULL DEFAULT 0,
  transport varchar(255) DEFAULT 'virtual', backupmx boolean NOT NULL DEFAULT false, {_TIMES},
  active boolean NOT NULL DEFAULT true, password_expiry integer DEFAULT 0);
CREATE TABLE alias (address varchar(255) PRIMARY KEY, goto text NOT NULL,
  domain varchar(255) NOT NULL REFERENCES domain, {_TIMES}, active boolean NOT NULL DEFAULT true);
CREATE TABLE alias_domain (alias_domain varchar(255) PRIMARY KEY REFERENCES domain,
  target_domain varchar(255) NOT NULL REFERENCES domain, {_TIMES}, active boolean NOT NULL DEFAULT true);
CREATE TABLE mailbox (username varchar(255) PRIMARY KEY, password {_TEXT}, name {_TEXT}, maildir {_TEXT},
  quota bigint NOT NULL DEFAULT 0, {_TIMES}, active boolean NOT NULL DEFAULT true,
  domain varchar(255) REFERENCES domain, local_part varchar(255) NOT NULL, phone varchar(30) NOT NULL DEFAULT '',
  email_other {_TEXT}, token {_TEXT}, token_validity timestamptz, password_expiry timestamptz);
CREATE TABLE vacation (email varchar(255) PRIMARY KEY, subject varchar(255) NOT NULL, body text NOT NULL DEFAULT '',
  {_TIMES}, active boolean NOT NULL DEFAULT true, domain varchar(255) REFERENCES domain,
  activefrom timestamptz, activeuntil timestamptz, interval_time integer NOT NULL DEFAULT 0);
"""

# What an administrator has made: a row of alias for each mailbox too, as PostfixAdmin does by itself.
ROWS = """
INSERT INTO domain (domain, backupmx, active) VALUES ('ALL', false, true), ('brand-a.test', false, true),
  ('brand-b.test', false, true), ('brand-c.test', false, true), ('backup.test', true, true), ('old.test', false, false);
INSERT INTO mailbox (username, password, maildir, domain, local_part, active) VALUES
  ('john@brand-a.test', '$1$c9809462$x', 'brand-a.test/john/', 'brand-a.test', 'john', true),
  ('mary@brand-a.test', '$1$c9809462$x', 'brand-a.test/mary/', 'brand-a.test', 'mary', true),
  ('left@brand-a.test', '$1$c9809462$x', 'brand-a.test/left/', 'brand-a.test', 'left', false);
INSERT INTO alias (address, goto, domain, active) VALUES
  ('john@brand-a.test', 'john@brand-a.test', 'brand-a.test', true),
  ('mary@brand-a.test', 'mary@brand-a.test,mary#brand-a.test@autoreply.brand-a.test', 'brand-a.test', true),
  ('left@brand-a.test', 'left@brand-a.test', 'brand-a.test', false),
  ('off@brand-a.test', 'john@brand-a.test', 'brand-a.test', false),
  ('abuse@brand-a.test', 'abuse@change-this-to-your.domain.tld', 'brand-a.test', true),
  ('sales@brand-b.test', 'john@brand-a.test', 'brand-b.test', true),
  ('both@brand-b.test', 'john@brand-a.test,mary@brand-a.test', 'brand-b.test', true),
  ('out@brand-b.test', 'someone@outside.example', 'brand-b.test', true),
  ('@brand-b.test', 'mary@brand-a.test', 'brand-b.test', true),
  ('gone@old.test', 'john@brand-a.test', 'old.test', true);
INSERT INTO alias_domain (alias_domain, target_domain) VALUES ('brand-c.test', 'brand-a.test');
INSERT INTO vacation (email, subject, domain) VALUES ('mary@brand-a.test', 'away', 'brand-a.test');
"""

_OF_TARGET = "alias_domain.alias_domain = '%d' AND {} AND alias_domain.active = 't'"
_SAME_NAME = "{} = '%u' || '@' || alias_domain.target_domain"
_CATCH_ALL = "alias.address = '@' || alias_domain.target_domain AND alias.active = 't'"
_QUERIES = {
    "domains": "SELECT domain FROM domain WHERE domain = '%s' AND backupmx = 'f' AND active = 't'",
    "aliases": "SELECT goto FROM alias WHERE address = '%s' AND active = 't'",
    "alias_domains": "SELECT goto FROM alias, alias_domain WHERE "
    + _OF_TARGET.format(_SAME_NAME.format("alias.address") + " AND alias.active = 't'"),
    "alias_domain_catchalls": f"SELECT goto FROM alias, alias_domain WHERE {_OF_TARGET.format(_CATCH_ALL)}",
    "mailboxes": "SELECT maildir FROM mailbox WHERE username = '%s' AND active = 't'",
    "alias_domain_mailboxes": "SELECT maildir FROM mailbox, alias_domain WHERE "
    + _OF_TARGET.format(_SAME_NAME.format("mailbox.username") + " AND mailbox.active = 't'"),
}


def postfix_settings(folder: Path, place: Path, user: str) -> Mapping[str, str]:
    """Write the files of the maps into ``folder``; return what main.cf says. ``place``: of PostgreSQL's socket."""
    at = {}
    for name, query in _QUERIES.items():
        path = folder / f"pgsql_{name}.cf"
        path.write_text(f"hosts = unix:{place}\nuser = {user}\ndbname = postfix\nquery = {query}\n")
        at[name] = f"proxy:pgsql:{path}"
    return {
        "virtual_mailbox_domains": at["domains"],
        "virtual_alias_maps": f"{at['aliases']}, {at['alias_domains']}, {at['alias_domain_catchalls']}",
        "virtual_mailbox_maps": f"{at['mailboxes']}, {at['alias_domain_mailboxes']}",
    }
