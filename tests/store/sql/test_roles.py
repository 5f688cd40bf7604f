"""The sample of roles on PostgreSQL: each part of Byname can do its work under its role, and nothing more."""

import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from importlib.resources import files
from pathlib import Path

import pytest
from sqlalchemy import text, update

from routing.address import Address
from store.clock import utc_now
from store.errors import StoreNotReady, StoreUnavailable
from store.migrations import migrate
from store.services import account_settings, accounts, aliases, audit, domains, kept_names, mailboxes, map_files
from store.services.statistics import merging
from store.services.upkeep import upkeep
from store.sql import map_files as held
from store.sql.database import Database
from store.sql.directory import SqlDirectory
from store.sql.tables import KeptNameRow
from store.wire_format.counts import Batch, NameCount, SenderCount
from tests.api.running_api import RunningApi, site_over
from tests.api.tenants import secret_of
from tests.store.cli.command_line import run_here
from tests.store.postgres_server import PostgresServer, programs
from tests.store.redis_server import RedisServer
from tests.store.relay.relaying import SALES, Relaying, known

SAMPLE = Path(str(files("conf"))) / "postgresql" / "roles.sql"
DATABASE = "roles"


class Roles:
    """A database made as the sample says."""

    def __init__(self, server: PostgresServer) -> None:
        self.server = server
        server.run_sql(f"CREATE DATABASE {DATABASE}")
        self.apply()
        migrate.upgrade(self.url("byname_owner"))
        self.apply()

    def url(self, role: str) -> str:
        return self.server.url(DATABASE).replace("//byname@", f"//{role}@")

    def apply(self) -> None:
        found = programs()
        assert found
        place = ["--host", str(self.server.folder), "--username", "byname", "--dbname", DATABASE]
        command = [str(found / "psql"), "--no-psqlrc", "--quiet", *place, f"--file={SAMPLE}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    def opened(self, role: str) -> Database:
        return Database.open(self.url(role))


@pytest.fixture(scope="module")
def roles(postgres: PostgresServer) -> Iterator[Roles]:
    made = Roles(postgres)
    with closing(made.opened("byname_owner")) as database, database.write() as tx:
        accounts.create(tx, "acme", "starter")
        for name in ("brand-a.com", "brand-b.com"):
            domains.add(tx, name, account="acme", verified=True)
        mailboxes.add(tx, "john@brand-a.com", "correct horse")
        aliases.add(tx, "sales@brand-b.com", "john@brand-a.com")
    yield made
    postgres.run_sql(f"DROP DATABASE {DATABASE} WITH (FORCE)")


def test_the_maps_can_keep_a_file(roles: Roles) -> None:
    with closing(roles.opened("byname_milter")) as database:
        clock, names = held.hosted(database)
        assert clock
        assert not held.has_changed(database, clock)
        for _ in range(2):
            held.note(database, "mx1:/domains", clock, len(names))
    with closing(roles.opened("byname_relay")) as database, database.read() as tx:
        assert [one.in_step for one in map_files.list_all(tx)] == [True]
    with closing(roles.opened("byname_api")) as database, database.write() as tx:
        map_files.forget(tx, "mx1:/domains")


def test_a_milter_can_decide(roles: Roles, tmp_path: Path) -> None:
    config = tmp_path / "byname.toml"
    config.write_text(f'store.url = "{roles.url("byname_milter")}"\n')
    for words, code in (("sales@brand-b.com", 0), ("nobody@brand-a.com", 1), ("x@elsewhere.com", 3)):
        assert run_here(config, "explain", words).code == code
    assert run_here(config, "explain", "--login", "john@brand-a.com", "--from", "john@brand-a.com").code == 0
    with closing(roles.opened("byname_milter")) as database:
        person = Address("x" * 32, "@1")  # the mark for names of colleagues
        assert SqlDirectory(database).lookup([person]) is not None


def test_the_relay_can_fill_and_mark(roles: Roles, redis_server: RedisServer) -> None:
    with closing(roles.opened("byname_relay")) as database, closing(Relaying(database, redis_server)) as relaying:
        assert relaying.settle().is_leased
        with closing(roles.opened("byname_owner")) as owner, owner.write() as tx:
            aliases.update(tx, str(SALES), is_active=False)
        assert relaying.settle().is_leased
        found = known(redis_server, SALES)
        assert found is not None
        assert [alias.is_active for alias in found.names.values()] == [False]
        relaying.audit()
        relaying.source.prune(1_000_000)
        assert relaying.differences() == []
        with closing(roles.opened("byname_owner")) as owner, owner.write() as tx:
            aliases.update(tx, str(SALES), is_active=True)


def test_the_relay_can_merge_counts_and_free_names(roles: Roles) -> None:
    with closing(roles.opened("byname_owner")) as owner, owner.write() as tx:
        account_settings.update(tx, "acme", keep_deleted_days=1, remember_senders_days=7)
        aliases.add(tx, "once@brand-b.com", "john@brand-a.com", expires_after=1)
        aliases.remove(tx, aliases.add(tx, "old@brand-b.com", "john@brand-a.com").id)
        tx.execute(update(KeptNameRow).values(deleted_at=utc_now() - timedelta(days=2)))
    moment = utc_now().timestamp()
    count = NameCount("once", "brand-b.com", "", int(moment // 86_400), 1, moment)
    writer = SenderCount("once", "brand-b.com", "<ann@shop.example>", 1, 0, moment)
    with closing(roles.opened("byname_relay")) as database:
        with database.write() as tx:
            assert [one.accepted for one in merging.merge(tx, Batch("b", (count,), (writer,)))] == [1]
        upkeep(database)
    with closing(roles.opened("byname_owner")) as owner, owner.read() as tx:
        assert aliases.get(tx, "once@brand-b.com").expired
        assert kept_names.list_all(tx) == []


def test_the_api_can_work(roles: Roles) -> None:
    with closing(roles.opened("byname_api")) as database:
        database.check()
        running = RunningApi(site_over(database))
        try:
            with running.client(secret_of(database)) as client:
                made = client.post("/mailboxes/1/aliases", json={"local_part": "shop", "domain_id": 1})
                assert made.status_code == 201, made.text
                place = f"/mailboxes/1/aliases/{made.json()['data']['id']}"
                assert client.patch(place, json={"note": "x"}, headers={"Idempotency-Key": "k"}).status_code == 200
                assert client.delete(place).status_code == 204
                assert client.get("/audit-log").json()["meta"]["total"] > 3
        finally:
            running.close()
        with database.write() as tx:
            audit.page(tx)


NOT_ALLOWED = [
    ("byname_milter", "SELECT password_hash FROM mailboxes"),
    ("byname_milter", "SELECT display_name FROM mailboxes"),
    ("byname_milter", "SELECT sha256 FROM tokens"),
    ("byname_milter", "SELECT secret FROM totp_secrets"),
    ("byname_milter", "SELECT content FROM messages"),
    ("byname_milter", "SELECT name FROM audit_log"),
    ("byname_milter", "UPDATE aliases SET is_active = true"),
    ("byname_milter", "DELETE FROM outbox"),
    ("byname_milter", "CREATE TABLE mine (x INTEGER)"),
    ("byname_relay", "SELECT password_hash FROM mailboxes"),
    ("byname_relay", "SELECT sha256 FROM sessions"),
    ("byname_relay", "UPDATE outbox SET value = 'x'"),
    ("byname_relay", "UPDATE aliases SET is_active = true"),
    ("byname_relay", "INSERT INTO accounts (name) VALUES ('x')"),
    ("byname_relay", "DROP TABLE outbox"),
    ("byname_api", "UPDATE audit_log SET actor = 'somebody else'"),
    ("byname_api", "DELETE FROM audit_log"),
    ("byname_api", "UPDATE alembic_version SET version_num = '0001'"),
    ("byname_api", "ALTER TABLE aliases ADD COLUMN mine INTEGER"),
    ("byname_api", "TRUNCATE accounts"),
    ("byname_api", "CREATE TABLE mine (x INTEGER)"),
]


@pytest.mark.parametrize("role", ["byname_milter", "byname_relay", "byname_api"])
def test_and_not_more(roles: Roles, role: str) -> None:
    with closing(roles.opened(role)) as database:
        for statement in [statement for name, statement in NOT_ALLOWED if name == role]:
            with pytest.raises((StoreUnavailable, StoreNotReady)) as refused, database.alone(writes=True) as connection:
                connection.execute(text(statement))
            assert "InsufficientPrivilege" in repr(refused.value.__cause__), statement


def test_what_an_upgrade_adds_is_the_apis_at_once(roles: Roles) -> None:
    with closing(roles.opened("byname_owner")) as owner, owner.alone(writes=True) as connection:
        connection.execute(text("CREATE TABLE later (id SERIAL PRIMARY KEY, x INTEGER)"))
    try:
        with closing(roles.opened("byname_api")) as database, database.alone(writes=True) as connection:
            connection.execute(text("INSERT INTO later (x) VALUES (1)"))
    finally:
        with closing(roles.opened("byname_owner")) as owner, owner.alone(writes=True) as connection:
            connection.execute(text("DROP TABLE later"))


def test_what_was_granted_outlives_a_restore(roles: Roles, tmp_path: Path) -> None:
    config = tmp_path / "byname.toml"
    config.write_text(f'store.url = "{roles.url("byname_owner")}"\n')
    file = str(tmp_path / "backup.tar")
    assert run_here(config, "backup", file).code == 0
    assert run_here(config, "restore", file, "--replace").code == 0
    with closing(roles.opened("byname_milter")) as database:
        assert "sales" in SqlDirectory(database).lookup([SALES])["brand-b.com"].names
