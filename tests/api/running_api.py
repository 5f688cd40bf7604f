"""The API under a real uvicorn on a loopback port, in a thread of the test process."""

import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any

import httpx
from prometheus_client import CollectorRegistry

from admin_api.http.rate_limit import RateLimit
from admin_api.http.turns import Turns
from admin_api.server import ApiServer
from admin_api.site import ApiSite, Clients, Dashboard, Dns, Explaining, Sending
from byname.sandbox.waiting import wait_until
from conf.clients import Server
from routing.directory import Directory
from routing.policy import SYSTEM_ADDRESSES, Policy
from store.dns.records import Expected
from store.sql.database import Database
from store.sql.directory import SqlDirectory
from store.unit_of_work.unit import Wait

PREFIXES = ("bn_ops_", "bn_msg_", "bn_opr_")
NO_LIMIT = 1_000_000


# Where the mail of the tests' domains is read and sent, as a setting says it.
CLIENTS = Clients(
    imap=Server("mail.host.example", 993, "SSL/TLS"),
    submission=Server("mail.host.example", 587, "STARTTLS"),
    submissions=Server("smtp.host.example", 465, "SSL/TLS"),
    webmail="https://webmail.host.example/",
)


# Messages are kept and nobody carries them away.
SENDING = Sending(per_day=1000, max_bytes=2_000_000, wake=lambda: None)


def site_over(
    database: Database,
    *,
    buckets: RateLimit | None = None,
    wait: Wait = lambda version: "live",
    cache: Directory | None = None,
    base_url: str | None = None,
    policy: Policy | None = None,
    dns: Dns | None = None,
    dashboard: Dashboard | None = None,
    clients: Clients = Clients(),  # noqa: B008 - frozen
    sending: Sending | None = SENDING,
    health: Callable[[], Mapping[str, str]] = lambda: {"sql": "ok"},
    waiting: Callable[[], int] = lambda: 0,
) -> ApiSite:
    """Return a site with the defaults of the settings, but no rate limit to speak of."""
    sql = SqlDirectory(database)
    return ApiSite(
        database=database,
        system_names=SYSTEM_ADDRESSES,
        token_prefixes=PREFIXES,
        rate_limit=buckets or RateLimit(NO_LIMIT, NO_LIMIT),
        base_url=base_url,
        wait=wait,
        explaining=Explaining(policy or Policy(), cache or sql, cache, sql),
        dns=dns or Dns(Expected(), 2, lambda check_id: None),
        health=health,
        waiting=waiting,
        registry=CollectorRegistry(),
        dashboard=dashboard,
        clients=clients,
        sending=sending,
        turns=None if database.writers is None else Turns(database.writers),
    )


class RunningApi:
    """One server. ``database`` is what it works on."""

    def __init__(self, site: ApiSite) -> None:
        self.database = site.database
        listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.server = ApiServer(site, listener)
        self._thread = threading.Thread(target=self.server.serve, daemon=True)
        self._thread.start()
        wait_until(lambda: self.server.is_up, 10, "the API")

    def serve(self, site: ApiSite) -> None:
        """Serve another site from now on: a new server works out each route anew, which takes a tenth of a second."""
        self.database = site.database
        self.server.replace_site(site)

    def client(self, secret: str | None = None, **headers: str) -> httpx.Client:
        """Return a client of ``/api/v1`` that shows a token; without certificates, whose reading takes time."""
        shown = {} if secret is None else {"Authorization": f"Bearer {secret}"}
        return httpx.Client(base_url=f"{self.url}/api/v1", headers=shown | headers, timeout=30, verify=False)

    def close(self) -> None:
        """Stop, and wait for it."""
        self.server.stop()
        self._thread.join(15)


def code_of(answer: httpx.Response) -> Any:
    """Return status and code of a refusal; a problem document it must be."""
    assert answer.headers["Content-Type"] == "application/problem+json", answer.text
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["request_id"] == answer.headers["X-Request-Id"]
    assert problem["message"] == problem["detail"]
    return answer.status_code, problem["code"]
