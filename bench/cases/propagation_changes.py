"""The changes whose way to the milter is measured: past HTTP by the services, or through the API.

A change flips the milter's answer about one name; it returns when the clock starts, and the promise of the moment at
which its maker was told that the change is live.
"""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Protocol

from bench.load.api_client import ApiClient
from bench.load.site import BenchSite
from store.cache.propagation import PropagationWaiter
from store.services import aliases, tokens
from store.services.mailboxes import get as get_mailbox
from store.services.scopes import ACCOUNT
from store.sql import outbox

ACCOUNT_NAME, DOMAIN, MAILBOX = "changed", "changed.test", "mary@changed.test"
LATE = 30.0  # seconds after which a change is lost
_PREFIXES = ("bn_ops_", "bn_msg_", "bn_opr_")

Begun = tuple[float, Future[float]]


class Changing(Protocol):
    """Makes changes, one after the other."""

    def name(self, number: int) -> str:
        """Return the name that change ``number`` flips: known after an even one, unknown after an odd one."""
        ...

    def change(self, number: int) -> Begun:
        """Make change ``number``, from 0."""
        ...


class ByServices:
    """Adds an alias and takes it away. The clock starts at the commit; then the relay is woken and waited for."""

    def __init__(self, site: BenchSite, waiter: PropagationWaiter, pool: ThreadPoolExecutor) -> None:
        self._database, self._waiter, self._pool = site.database, waiter, pool

    def name(self, number: int) -> str:
        """Return the name of a pair of changes."""
        return f"fresh-{number // 2}@{DOMAIN}"

    def change(self, number: int) -> Begun:
        """Commit the change."""
        with self._database.write() as tx:
            if number % 2:
                aliases.remove(tx, self.name(number))
            else:
                aliases.add(tx, self.name(number), MAILBOX)
        committed = time.monotonic()
        return committed, self._pool.submit(self._live_at, outbox.version_of(tx))

    def _live_at(self, version: int | None) -> float:
        _require_live(self._waiter.wait_until_live(version, LATE))
        return time.monotonic()


class ByApi:
    """Makes an alias, disables, enables and deletes it. The clock starts when the request is sent."""

    def __init__(self, site: BenchSite, client: ApiClient, pool: ThreadPoolExecutor) -> None:
        self._client, self._pool = client, pool
        with site.database.read() as tx:
            mailbox = get_mailbox(tx, MAILBOX)
        self._domain, self._path = mailbox.domain_id, f"/mailboxes/{mailbox.id}/aliases"
        self._alias = 0  # the id of the latest

    def name(self, number: int) -> str:
        """Return the name of four changes."""
        return f"{self._local(number)}@{DOMAIN}"

    def change(self, number: int) -> Begun:
        """Send the request, and let the answer come."""
        return time.monotonic(), self._pool.submit(self._answered_at, number)

    def _local(self, number: int) -> str:
        return f"asked-{number // 4}"

    def _answered_at(self, number: int) -> float:
        one = f"{self._path}/{self._alias}"
        made = {"local_part": self._local(number), "domain_id": self._domain}
        steps = (
            ("POST", self._path, made),
            ("PATCH", one, {"is_active": False}),
            ("PATCH", one, {"is_active": True}),
            ("DELETE", one, None),
        )
        answer = self._client.ask(*steps[number % 4])
        answered = time.monotonic()
        _require_live(answer.propagation)
        if number % 4 == 0:
            self._alias = answer.data["id"]
        return answered


@contextmanager
def by_services(site: BenchSite) -> Iterator[Changing]:
    """Make changes in this process."""
    with closing(PropagationWaiter(site.database, site.redis.url)) as waiter, ThreadPoolExecutor(1) as pool:
        yield ByServices(site, waiter, pool)


@contextmanager
def by_api(site: BenchSite) -> Iterator[Changing]:
    """Make changes through the site's API, which is started for it and ended."""
    with site.database.write() as tx:
        secret = tokens.create(tx, name="bench", kind=ACCOUNT, account=ACCOUNT_NAME, prefixes=_PREFIXES).secret
    api = site.start_api()
    with closing(ApiClient(site.api, secret)) as client, ThreadPoolExecutor(1) as pool:
        yield ByApi(site, client, pool)
    api.stop()


def _require_live(propagation: str | None) -> None:
    if propagation != "live":
        raise RuntimeError(f"the change is not live: {propagation}")
