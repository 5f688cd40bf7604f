"""What the log has of an outage of the database: its cause once, and its cost at the end."""

from pathlib import Path

from structlog.testing import capture_logs

from admin_api.http.outages import QUIET, OutageLog
from store.errors import StoreUnavailable
from store.sql.database import Database
from tests.api.running_api import RunningApi, code_of, site_over
from tests.api.tenants import secret_of


def test_one_outage_is_two_lines() -> None:
    now = [0.0]
    outages = OutageLog(lambda: now[0])
    with capture_logs() as logged:
        outages.worked()
        for second in range(4):
            now[0] = 10.0 + second
            outages.failed(StoreUnavailable("the database is locked"))
            outages.worked()  # of another request: it is not over
        now[0] += QUIET
        outages.worked()
        outages.worked()
    assert logged == [
        {"event": "unavailable", "log_level": "error", "cause": "the database is locked", "kind": "StoreUnavailable"},
        {"event": "available-again", "log_level": "info", "refused": 4, "seconds": 3.0},
    ]


def test_the_next_outage_is_logged_again() -> None:
    now = [0.0]
    outages = OutageLog(lambda: now[0])
    with capture_logs() as logged:
        for _ in range(2):
            outages.failed(StoreUnavailable("gone"))
            now[0] += QUIET
            outages.worked()
    assert [line["event"] for line in logged] == ["unavailable", "available-again"] * 2


def test_a_503_logs_its_cause(sqlite_api_file: Path, sqlite_api: Database) -> None:
    secret = secret_of(sqlite_api)
    running = RunningApi(site_over(sqlite_api))
    try:
        sqlite_api.close()
        for file in list(sqlite_api_file.parent.iterdir()):
            file.rename(file.with_suffix(".away" + file.suffix))
        with running.client(secret) as client, capture_logs() as logged:
            for _ in range(3):
                assert code_of(client.get("/domains")) == (503, "unavailable")
        (line,) = [line for line in logged if line["event"] == "unavailable"]
        assert line["cause"]
        assert secret not in str(line)
    finally:
        running.close()
