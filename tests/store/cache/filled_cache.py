"""Filling a cache by its layout, without a relay: all at once, vouched for by a lease that lasts."""

from collections.abc import Iterable

from sqlalchemy import select

from routing.address import Address
from routing.people import people_of
from routing.records import HostedDomain
from store.sql.database import Database
from store.sql.directory import SqlDirectory
from store.sql.tables import AddressRow, DomainRow, MailboxRow
from store.wire_format import layout
from store.wire_format.lease import lease_text
from store.wire_format.people import split_stored
from tests.store.redis_server import RedisServer


def fill(server: RedisServer, domains: Iterable[HostedDomain], version: int = 1) -> None:
    """Put ``domains`` in, and nothing else, with lease and grace."""
    admin = server.admin
    admin.flushall()
    hosted = list(domains)
    for domain in hosted:
        admin.hset(layout.domain_key(domain.name), mapping=layout.fields(domain, version))
    admin.hset(layout.HOSTED_KEY, mapping=layout.hosted_fields([domain.name for domain in hosted], version))
    vouch(server)


def vouch(server: RedisServer, seconds: int = 600) -> None:
    """Give the lease and the graces, for long."""
    admin = server.admin
    admin.set(layout.LEASE_KEY, lease_text(server.run_id), ex=seconds)
    for key in (layout.GRACE_KEY, layout.SENDER_GRACE_KEY):
        admin.set(key, "1", ex=seconds)


def all_domains(database: Database) -> list[HostedDomain]:
    """Return everything that the SQL directory knows."""
    with database.read() as tx:
        rows = tx.execute(
            select(DomainRow.name, AddressRow.local_part).outerjoin(AddressRow, AddressRow.domain_id == DomainRow.id)
        ).all()
        persons = [split_stored(each) for each in tx.scalars(select(MailboxRow.person)) if each]
    wanted = {Address(local or "postmaster", domain) for domain, local in rows}
    wanted |= {Address(key, people_of(account)) for account, key in persons}
    return list(SqlDirectory(database).lookup(wanted).values())


def mirror(server: RedisServer, database: Database) -> None:
    """Make the cache say what SQL says now."""
    admin = server.admin
    version = int(admin.get("version") or 0) + 1
    fill(server, all_domains(database), version)
    admin.set("version", version)
