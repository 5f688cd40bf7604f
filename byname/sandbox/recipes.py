"""The sample files below conf/, as whole recipes, and as a private instance uses them.

A recipe is what its README says: the common files, those of the recipe's folder over them, delivery.cf at the end of
main.cf. A private instance takes the text as it stands; only the places and ports of the tables here differ, and what
keeps the instance by itself is added at the end.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

import conf
from byname.sandbox.ports import LOOPBACK

# Sample below conf/, and the file that it becomes. A later sample of one file replaces an earlier one, APPENDED adds.
_COMMON = (
    ("postfix/main.cf", "/etc/postfix/main.cf"),
    ("postfix/master.cf", "/etc/postfix/master.cf"),
    ("postfix/byname.toml", "/etc/byname/byname.toml"),
    ("dovecot/dovecot.conf", "/etc/dovecot/dovecot.conf"),
    ("dovecot/byname-sql.conf.ext", "/etc/dovecot/byname-sql.conf.ext"),
)
_OF_A_RECIPE = (
    ("postfix/{}/delivery.cf", "/etc/postfix/main.cf"),
    ("postfix/{}/delivery.toml", "/etc/byname/conf.d/delivery.toml"),
    ("postfix/{}/byname-maildirs.cf", "/etc/postfix/byname-maildirs.cf"),
    ("dovecot/{}/delivery.conf", "/etc/dovecot/delivery.conf"),
    ("dovecot/{}/byname-sql.conf.ext", "/etc/dovecot/byname-sql.conf.ext"),
    ("dovecot/{}/byname.sieve", "/etc/dovecot/sieve/byname.sieve"),
)
_APPENDED = "postfix/{}/delivery.cf"

# A folder or file as the samples name it, and where a private instance has it below its own folder.
PLACES: Mapping[str, str] = MappingProxyType(
    {
        "/etc/postfix": "postfix/etc",
        "/var/spool/postfix": "postfix/queue",
        "/etc/dovecot": "dovecot",
        "/run/dovecot": "dovecot/run",
        "/var/mail/vhosts": "mail",
        "/var/vmail": "home",
        "/etc/byname": "byname",
        "/var/lib/byname": "byname",
        "/etc/ssl/certs/ssl-cert-snakeoil.pem": "certificate.pem",
        "/etc/ssl/private/ssl-cert-snakeoil.key": "key.pem",
    }
)
_PLACE = re.compile("|".join(map(re.escape, PLACES)))
SIEVE = "/etc/dovecot/sieve/byname.sieve"
VMAIL = 5000  # the user and group of all mail in the samples, by number


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way to deliver: the name of its folders below conf/postfix and conf/dovecot."""

    name: str
    daemons: tuple[str, ...]  # of Byname, as rig.byname_daemons names them
    dovecot_lmtp: str | None  # the socket at which Dovecot takes mail, as installed

    def files(self) -> dict[str, str]:
        """Return the text of each file of the recipe by the path where it is installed."""
        found: dict[str, str] = {}
        for sample, path in (*_COMMON, *_OF_A_RECIPE):
            source = files(conf).joinpath(sample.format(self.name))
            if source.is_file():
                before = found.get(path, "") if sample == _APPENDED else ""
                found[path] = before + source.read_text(encoding="utf-8")
        return found


INBOUND, SUBMISSION, MAPS = "inbound", "submission", "maps"
RECIPES = (
    Recipe("byname-lmtp", (INBOUND, SUBMISSION, MAPS, "lmtp"), "/run/dovecot/lmtp"),
    Recipe("dovecot-userdb", (INBOUND, SUBMISSION, MAPS, "local"), "/var/spool/postfix/private/dovecot-lmtp"),
    Recipe("virtual", (INBOUND, SUBMISSION, MAPS, "local"), None),
)


def moved(text: str, folder: Path) -> str:
    """Return a sample's text with every place below ``folder``."""
    return _PLACE.sub(lambda found: str(folder / PLACES[found.group()]), text)


def moved_path(installed: str, folder: Path) -> Path:
    """Return where a file with that installed path is in a private instance."""
    return Path(moved(installed, folder))


def listening_on(master_cf: str, ports: Mapping[str, int]) -> str:
    """Return master.cf with each listener, as ``smtp`` or ``submission``, on its loopback port."""
    for service, port in ports.items():
        master_cf = re.sub(rf"^{service}( +inet )", rf"{LOOPBACK}:{port}\1", master_cf, flags=re.MULTILINE)
    return master_cf


def not_chrooted(master_cf: str) -> str:
    """Return master.cf with ``n`` in every chroot column."""
    return re.sub(r"^(\S+(?: +\S+){3} +)y ", r"\1n ", master_cf, flags=re.MULTILINE)


def names_set(main_cf: str) -> set[str]:
    """Return the parameters that a main.cf sets."""
    return set(re.findall(r"^(\w+) *=", main_cf, flags=re.MULTILINE))
