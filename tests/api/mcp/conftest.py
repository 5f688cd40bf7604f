"""One API and one agent's process for all tests here; each test makes its own account, and sessions as it needs."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from admin_api.http.rate_limit import RateLimit
from admin_api.site import Mcp
from store.sql.database import Database
from tests.api.mcp.agents import Agent, AgentProcess
from tests.api.running_api import RunningApi, site_over
from tests.api.tenants import Tenant, secret_of, tenant
from tests.store.new_store import make_store

OpenAgent = Callable[..., Agent]


@pytest.fixture(scope="session")
def mcp_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path_factory.mktemp('mcp') / 'byname.db'}"
    make_store(url)
    opened = Database.open(url)
    yield opened
    opened.close()


def serving(database: Database, buckets: RateLimit | None = None) -> RunningApi:
    """Start an API with tools for agents."""
    allowed = Mcp(("127.0.0.1:*", "names.example"), ("https://names.example",))
    return RunningApi(replace(site_over(database, buckets=buckets), mcp=allowed))


@pytest.fixture(scope="session")
def tools_api(mcp_database: Database) -> Iterator[RunningApi]:
    running = serving(mcp_database)
    yield running
    running.close()


@pytest.fixture(scope="session")
def process() -> Iterator[AgentProcess]:
    with AgentProcess() as started:
        yield started


@pytest.fixture
def owner(tools_api: RunningApi) -> Tenant:
    return tenant(tools_api, "agency")


@pytest.fixture
def open_agent(process: AgentProcess, tools_api: RunningApi) -> OpenAgent:
    """Open a session with a token of an account, of every scope unless some are named."""

    def opened(owner: Tenant, scopes: tuple[str, ...] | None = None, **how: str | None) -> Agent:
        secret = secret_of(tools_api.database, account=owner.id, scopes=scopes)
        return Agent(process, tools_api.url, secret, **how)  # type: ignore[arg-type]

    return opened
