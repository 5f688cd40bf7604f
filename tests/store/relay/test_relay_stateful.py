"""Any order of changes and of what two relays do, with faults between: the cache ends as SQL is, and while there is a
lease and nothing waits, it answers as SQL does."""

import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from routing.address import Address
from routing.people import people, people_of
from store.cache.directory import RedisDirectory
from store.errors import CacheUnavailable, ServiceError
from store.relay.source import Change
from store.relay.target import Lifetimes
from store.services import accounts, aliases, domain_settings, domains, mailboxes
from store.sql.database import Database
from store.sql.directory import SqlDirectory
from store.sql.tenant import Transaction
from store.wire_format import layout
from store.wire_format.people import name_key
from tests.store.redis_server import RedisServer
from tests.store.relay.relaying import Relaying

NAMES = ["a", "b", "c"]
DOMAINS = ["one.org", "two.org"]
ADDRESSES = [f"{name}@{domain}" for domain in DOMAINS for name in NAMES]

PATIENT = Lifetimes(lease=3600, grace=3600, sender_grace=3600)  # a busy machine must not end the lease

address, domain, flag = st.sampled_from(ADDRESSES), st.sampled_from(DOMAINS), st.booleans()
PEOPLE = ["Mary Poe", "John Doe"]
shown = st.sampled_from([*PEOPLE, ""])
Op = Callable[[Transaction], object]


OPS: st.SearchStrategy[Op] = st.one_of(
    st.builds(lambda at: lambda tx: mailboxes.add(tx, at, "correct horse"), address),
    st.builds(lambda at, on: lambda tx: mailboxes.update(tx, at, is_active=on), address, flag),
    st.builds(lambda at, name: lambda tx: mailboxes.update(tx, at, display_name=name), address, shown),
    st.builds(lambda at: lambda tx: mailboxes.remove(tx, at), address),
    st.builds(lambda at, to, send: lambda tx: aliases.add(tx, at, to, can_send=send), address, address, flag),
    st.builds(
        lambda at, on, take, send: lambda tx: aliases.update(tx, at, is_active=on, can_receive=take, can_send=send),
        address, flag, flag, flag,
    ),
    st.builds(lambda at: lambda tx: aliases.remove(tx, at), address),
    st.builds(lambda name: lambda tx: domains.add(tx, name, account="acme", verified=True), domain),
    st.builds(lambda name: lambda tx: domains.remove(tx, name, confirmed=True), domain),
    st.builds(lambda name, on: lambda tx: domain_settings.update(tx, name, is_active=on), domain, flag),
    st.builds(lambda name, to: lambda tx: domain_settings.update(tx, name, catch_all=to), domain, address),
    st.builds(lambda name: lambda tx: domain_settings.update(tx, name, no_catch_all=True), domain),
    st.builds(lambda name, to: lambda tx: domain_settings.update(tx, name, system_mailbox=to), domain, address),
    st.builds(lambda on: lambda tx: accounts.update(tx, "acme", is_active=on), flag),
)  # fmt: skip


class Site(RuleBasedStateMachine):
    """One store, one Redis, two relays, of which the second may be slow."""

    server: RedisServer
    template: Path

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="byname-relay-"))
        self.database = Database.open(f"sqlite:///{shutil.copy(self.template, self.folder / 'byname.db')}")
        self.server.admin.flushall()
        self.first, self.second = (Relaying(self.database, self.server, PATIENT) for _ in range(2))
        self.held: list[Change] = []
        self.cache, self.sql = RedisDirectory.open(self.server.url), SqlDirectory(self.database)

    @initialize()
    def begin(self) -> None:
        with self.database.write() as tx:
            accounts.create(tx, "acme", "agency")
            for name in DOMAINS:
                domains.add(tx, name, account="acme", verified=True)
            mailboxes.add(tx, ADDRESSES[0], "correct horse")
            aliases.add(tx, ADDRESSES[-1], ADDRESSES[0])
        self.first.settle()

    @rule(ops=st.lists(OPS, min_size=1, max_size=3))
    def change(self, ops: list[Op]) -> None:
        """One transaction; refused as a whole if one of its changes is."""
        with suppress(ServiceError), self.database.write() as tx:
            for op in ops:
                op(tx)

    @rule(second=flag)
    def step(self, second: bool) -> None:
        self._step(self.second if second else self.first)

    def _changes(self, ops: list[Op]) -> None:
        """Each in a transaction of its own."""
        for op in ops:
            with suppress(ServiceError), self.database.write() as tx:
                op(tx)

    def _step(self, relaying: Relaying) -> None:
        if relaying.relay.step().is_leased:
            self._same_answers()

    @rule(ops=st.lists(OPS, min_size=3, max_size=6), later=st.lists(OPS, min_size=3, max_size=6), forget=flag)
    def overtaken(self, ops: list[Op], later: list[Op], forget: bool) -> None:
        """The second relay reads and is stopped; the first goes on, and may have forgotten tombstones since."""
        self._changes(ops)
        self.held += self.second.source.pending(500, 0).changes
        self._step(self.first)
        self._changes(later)
        self._step(self.first)
        if forget:
            self.first.audit()

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def apply_late(self, data: st.DataObject) -> None:
        """It goes on, in whatever order, without marking."""
        rows = data.draw(st.permutations(self.held))
        self.held = []
        self.second.apply(rows)
        self._step(self.second)

    @rule(repairs=flag)
    def audit(self, repairs: bool) -> None:
        self.first.audit() if repairs else self.first.differences()

    @rule(what=st.sampled_from(["flush", "hash", "list", "lease", "state"]), name=domain)
    def damage(self, what: str, name: str) -> None:
        admin = self.server.admin
        keys = {"hash": layout.domain_key(name), "list": layout.HOSTED_KEY, "lease": layout.LEASE_KEY}
        if what == "flush":
            admin.flushall()
        else:
            admin.delete(keys.get(what, layout.STATE_KEY))

    @rule()
    def rebuild(self) -> None:
        with suppress(CacheUnavailable):
            self.second.rebuild()

    def _same_answers(self) -> None:
        wanted = [Address.parse(at) for at in [*ADDRESSES, "x@elsewhere.org"]]
        wanted += [Address(str(name_key(name)), people_of(1)) for name in PEOPLE]
        try:
            answer = self.cache.read(wanted)
        except Exception as error:  # noqa: BLE001 - damaged: then there must be no evidence, and there is none
            assert type(error).__name__ == "NoEvidence"
            return
        assert answer.is_fresh
        nobody = {people_of(1): people(1, {})}  # SQL leaves an account out of whom nobody was found
        assert nobody | dict(answer.facts) == nobody | dict(self.sql.lookup(wanted))

    def teardown(self) -> None:
        try:
            self.first.settle()
            self.first.audit()
            self.first.settle()
            assert self.second.differences() == []
            self._same_answers()
        finally:
            for part in (self.first, self.second, self.cache, self.database):
                part.close()
            shutil.rmtree(self.folder)


def test_any_order(sqlite_template: Path, one_redis: RedisServer) -> None:
    machine = type("OneSite", (Site,), {"server": one_redis, "template": sqlite_template})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=12, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
