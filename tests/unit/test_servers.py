"""The order in which PostgreSQL's servers are tried: the one that served last first, the one that was lost last."""

import pytest

from store.sql.servers import Servers

A, B, C = ("10.0.0.1", "5432"), ("10.0.0.2", "5432"), ("/run/pg", "5433")
GIVEN = {"host": "10.0.0.1,10.0.0.2,/run/pg", "port": "5432,5432,5433", "target_session_attrs": "primary"}


def tried(servers: Servers, **more: str) -> list[tuple[str, str]]:
    found = servers.ordered(GIVEN | more)
    return list(zip(found["host"].split(","), found["port"].split(","), strict=True))


def test_the_order_follows_what_was_seen() -> None:
    servers = Servers()
    assert tried(servers) == [A, B, C]
    servers.served(B)
    assert tried(servers) == [B, A, C]
    servers.lost(B)
    assert tried(servers) == [A, C, B]
    servers.lost(B)  # a second connection to it
    assert tried(servers) == [A, C, B]
    servers.served(C)
    assert tried(servers) == [C, A, B]
    servers.lost(B)  # a third, which had been busy: what serves now does so still
    assert tried(servers) == [C, A, B]
    servers.served(B)
    assert tried(servers) == [B, A, C]


def test_a_port_that_is_not_named_is_the_usual_one() -> None:
    servers = Servers()
    servers.served(B)
    given = {"host": "10.0.0.1,10.0.0.2", "target_session_attrs": "primary"}
    assert servers.ordered(given)["host"] == "10.0.0.2,10.0.0.1"
    assert servers.ordered(given | {"port": "5433,"})["port"] == ",5433"


@pytest.mark.parametrize(
    "given",
    [
        {"host": "10.0.0.1,10.0.0.2", "port": "5432,5432"},  # the order is a wish
        {"host": "10.0.0.1,10.0.0.2", "port": "5432,5432", "target_session_attrs": "prefer-standby"},
        {"host": "10.0.0.1,10.0.0.2", "port": "5432", "target_session_attrs": "primary"},
        GIVEN | {"hostaddr": "10.0.0.1,10.0.0.2,"},
        {"host": "10.0.0.2", "target_session_attrs": "primary"},
        {"dbname": "byname"},
    ],
)
def test_nothing_is_put_in_order_that_cannot_be(given: dict[str, str]) -> None:
    servers = Servers()
    servers.served(B)
    assert servers.ordered(given) == given
