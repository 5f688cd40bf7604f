"""docs/filters.md: its lines set a recipe's Dovecot up as they stand, and its tables name what there is."""

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from admin_api.filtering import installer as installing
from admin_api.filtering import planning
from byname.sandbox.certificate import make_certificate
from byname.sandbox.folders import short_folder
from byname.sandbox.ports import free_port
from byname.sandbox.recipe_daemons import RecipeDovecot
from byname.sandbox.recipes import RECIPES, moved, moved_path
from byname.wiring.installer import installer
from conf.settings import load
from store.services import accounts, aliases, domains, mailboxes
from store.sql.database import Database
from tests.filters.world import Person, install_all
from tests.forking.shell import run_lines
from tests.mail.conftest import needs_root
from tests.store.new_store import make_store

__all__ = ["needs_root"]

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "filters.md"
JOHN = "john@brand-a.com"

# The lines are run as they stand, but for places, the name of the server, and what only a whole machine has.
PREAMBLE = """\
apt-get() { :; }
systemctl() { :; }
runuser() { shift 3; "$@"; }
chown() { [[ $1 == byname ]] || command chown "$@"; }
"""


@dataclass(slots=True)
class SetUpDovecot(RecipeDovecot):
    """The Dovecot of the recipe byname-lmtp, set up by the lines of the page."""

    sieve_port: int = field(kw_only=True, default_factory=free_port)

    def configure(self) -> None:
        RecipeDovecot.configure(self)  # super() does not find its class in a dataclass with slots
        run(self.site, lines("setting up").replace("mail.example.com:4190", f"localhost:{self.sieve_port}"))
        conf = self.folder / "byname-filters.conf"
        conf.write_text(moved(conf.read_text(), self.site).replace("port = 4190", f"port = {self.sieve_port}"))


@pytest.fixture(scope="module")
def set_up(needs_root: None) -> Iterator[SetUpDovecot]:
    with short_folder() as site:
        make_certificate(site)
        for folder in ("byname/conf.d", "postfix/queue/private", "dovecot"):
            (site / folder).mkdir(parents=True)
        config, url = site / "byname" / "byname.toml", f"sqlite:///{site}/byname/byname.db"
        config.write_text(f'[store]\nurl = "{url}"\n[filters]\nca = "{site}/certificate.pem"\n')
        make_store(url)
        database = Database.open(url)
        with database.write() as tx:
            accounts.create(tx, "brands", "agency")
            domains.add(tx, "brand-a.com", account="brands", verified=True)
            mailboxes.add(tx, JOHN, "a good password")
            aliases.add(tx, "sales@brand-a.com", JOHN)
        database.close()
        with SetUpDovecot(site / "dovecot", recipe=RECIPES[0], site=site) as dovecot:
            yield dovecot


def test_the_lines_of_the_page_set_it_up_and_show_the_states(set_up: SetUpDovecot) -> None:
    site, config = set_up.site, moved_path("/etc/byname/byname.toml", set_up.site)
    settings = load(config, {})
    database = Database.open(settings.store.url)
    installs = installer(settings, database, CollectorRegistry())
    assert installs is not None
    john = Person(installs._site.server, JOHN)
    shown = {}
    for line in lines("states").splitlines():
        shown[line.split()[2]] = run(site, line)
        install_all(installs)
        if " add " in line:
            assert (list(john.scripts()[0]), john.scripts()[1]) == (["byname"], "byname")
        if " give-back " in line:
            assert john.scripts() == ({}, None)
    assert "installed" in shown["list"]
    assert john.scripts()[1] == "byname"
    secret = moved_path("/etc/byname/filters.password", site)
    assert secret.stat().st_mode & 0o077 == 0
    database.close()


def test_the_tables_name_every_state_and_code() -> None:
    table = PAGE.read_text().partition("## States")[2].partition("\n## ")[0]
    named = set(re.findall(r"^\| `([a-z]+)` \| (?:`([a-z-]+)`)? ?\|", table, re.MULTILINE))
    sources = "".join(map(inspect.getsource, (planning, installing)))
    codes = set(re.findall(r'"([a-z]+(?:-[a-z]+)+|unreachable|changed|replaced)"', sources)) - {"own-script"}
    assert {code for _, code in named if code} == {code for code in codes if not code.startswith("installer")}
    assert {state for state, _ in named} == {"off", "pending", "installed", "refused", "foreign"}


def lines(part: str) -> str:
    """Return the code between two marks."""
    _, _, rest = PAGE.read_text().partition(f"<!-- {part}: a test runs these lines -->")
    text, end, _ = rest.partition(f"<!-- {part}: end -->")
    assert end
    return "\n".join(line[4:] for line in text.splitlines() if line.startswith("    "))


def run(site: Path, script: str) -> str:
    """Run lines in a shell, in the tree, with every place below ``site``."""
    config = moved_path("/etc/byname/byname.toml", site)
    done = run_lines(moved(script, site), folder=ROOT, config=config, preamble=PREAMBLE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stderr
    return done.stdout
