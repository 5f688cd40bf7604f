"""The benches run: their short form, with real servers and processes. Its figures mean nothing."""

import json
import os
from pathlib import Path

import pytest

from bench.__main__ import BENCHES, main
from bench.report.figures import Figure, Goal, read_json, write_json
from bench.report.page import write as write_page

# Of each bench: figures that have a goal, or that others are compared by.
FIGURES = {
    "mta": ("mta.redis_over_sqlite", "mta.redis_cpu_us", "mta.redis_cpu_filter_us", "mta.reused_redis_cpu_us"),
    "peers": ("peers.plain_milter_cpu_filter_us", "peers.policy_cpu_us"),
    "milter": ("milter.paced_over_c", "milter.burst_50_over_c", "milter.paced_byname_rcpt_p99_ms"),
    "recipients": ("recipients.message_of_1_cpu_us", "recipients.extra_of_10_clock_us"),
    "counts": ("counts.message_counted_over_uncounted", "counts.relay_cpu_us"),
    "memory": ("memory.after_200_mib",),
    "scale": ("scale.bytes_per_alias", "scale.2000_stall_ms"),
    "propagation": tuple(f"propagation.sqlite_{state}_p99_ms" for state in ("idle", "api", "loaded")),
    "messages": ("messages.api_over_smtplib_cpu", "messages.api_messages_per_s", "messages.smtplib_cpu_milter_us"),
    "api": ("api.sqlite_create_cpu_us", "api.sqlite_bulk_items_per_s", "api.sqlite_mailboxes_page_p50_ms"),
    "pages": ("pages.mailboxes_p95_ms", "pages.aliases_over_healthz", "pages.account_bytes", "pages.cold_requests"),
    "lookups": ("lookups.redis_filter_cpu_us", "lookups.redis_server_cpu_us", "lookups.sql_filter_cpu_us"),
    "relay": ("relay.sqlite_change_cpu_us", "relay.sqlite_lag_p99_ms", "relay.sqlite_most_per_s"),
    "rebuild": ("rebuild.sqlite_aliases_per_s",),
}
NOTHING = ("rebuild.sqlite_lookups_refused", "scale.2000_refused")


@pytest.mark.parametrize("bench", BENCHES)
def test_it_runs(bench: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if bench in {"mta", "peers", "messages"} and os.geteuid() != 0 and not os.environ.get("CI"):
        pytest.skip("Postfix needs root to start: this bench cannot run")
    main([bench, "--short", "--output", str(tmp_path / "latest.json")])
    printed = capsys.readouterr().out
    flat = json.loads((tmp_path / "latest.json").read_text())
    assert {name.partition(".")[0] for name in flat} == {"machine", "text", bench}
    assert all(isinstance(value, int | float) for name, value in flat.items() if name.startswith(f"{bench}."))
    for name in FIGURES.get(bench, ()):
        assert f" {name} " in printed
        assert name in flat
    assert [flat[name] for name in NOTHING if name in flat] == [0] * (bench in {"rebuild", "scale"})
    assert "short: they run; the figures mean nothing" in printed


def test_an_unknown_bench_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["mtb"])
    assert f"there is no bench mtb; there are {', '.join(BENCHES)}" in capsys.readouterr().err


FOUND = [
    Figure("mta.lmdb_cpu_us", 2400.0, "us", spread="3%"),
    Figure("mta.c_cpu_us", 2910.0, "us"),
    Figure("mta.c_cpu_postfix_us", 2500.0, "us"),
    Figure("mta.c_cpu_filter_us", 400.0, "us"),
    Figure("peers.rspamd_cpu_us", 4321.0, "us"),
    Figure("mta.redis_over_lmdb", 1.7, "x", Goal(1.4), "2%"),
    Figure("rebuild.sqlite_aliases_per_s", 200_000.0, "1/s", Goal(100_000, at_least=True)),
]


def test_figures_come_back_as_they_were_written(tmp_path: Path) -> None:
    write_json(FOUND, {"cores": 2}, tmp_path / "latest.json")
    assert read_json(tmp_path / "latest.json") == (FOUND, {"cores": 2})


def test_the_page_says_what_was_found(tmp_path: Path) -> None:
    notes = {"mta": "The mta bench: what ``it`` is.\n\nThe ``method``."}
    write_page(FOUND, {"cores": 2, "load": 1.5}, notes, tmp_path)
    page, picture = ((tmp_path / f"performance.{end}").read_text() for end in ("md", "svg"))
    for line in (
        "**Beware: the machine was busy when this began (load 1.5 on 2 cores): times are too high, rates too low.**",
        "The goals are those that the project set itself before it measured. 1 of 2 goals are met in this run.",
        "| CPU time of a message, Byname over Redis as a multiple of Postfix with lmdb maps | 1.7 times | 2% |"
        " at most 1.4 | **not met** |",
        "| aliases a second into an empty Redis, from SQLite | 200,000 a second |  | at least 100,000 | met |",
        "## mta: what `it` is",
        "| `mta.redis_over_lmdb` | 1.7 | x | 2% | <= 1.4 | not met |",
        "| `rebuild.sqlite_aliases_per_s` | 200,000 | 1/s |  | >= 100,000 | met |",
        "| cores | 2 |",
        "The `method`.",
    ):
        assert line in page.splitlines()
    assert picture.startswith("<svg ")
    for text in ("Postfix, lmdb maps", "C filter over Redis", ">2,910<", "rspamd, one rule", ">4,321<"):
        assert text in picture
