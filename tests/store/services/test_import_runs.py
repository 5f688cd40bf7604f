"""Imports as runs: repeated with a key, two at once, killed in the middle, and in little memory."""

import io
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable

import pytest
from sqlalchemy import func, select

from store.services import tokens
from store.services.importing import progress
from store.services.importing.chunks import CHUNK, Import, run
from store.services.importing.run import Finished, complete
from store.sql.database import Database
from store.sql.tables import AliasRow, AuditRow, ImportChunkRow
from store.sql.tenant import Acting
from store.transfer.csv_file import read_csv
from store.transfer.report import LineResult, Report
from tests.store.refusals import counts, refused
from tests.store.services.importing import HEADER, JOHN, add_boxes, csv, many, outcomes, state


@pytest.fixture
def acting(world: Database) -> Acting:
    """A token of acme's, and twelve mailboxes."""
    add_boxes(world, 40)
    with world.write() as tx:
        made = tokens.create(tx, name="import", kind="account", account="acme", prefixes=("a_", "m_", "o_"))
    return Acting(account_id=1, actor="a token", token_id=made.token.id)


def with_key(
    database: Database, acting: Acting, rows: Iterable[str], key: str = "k"
) -> tuple[Finished, list[LineResult]]:
    """Do what a request with an idempotency key does."""
    text = "\n".join(rows)
    how = Import(database, acting, key=progress.open_key(database, acting, key, str(len(text))))
    report = Report()
    finished = complete(how, csv(text), report, lambda _: None)
    results = list(report.lines())
    report.close()
    return finished, results


def test_a_key_makes_a_repeat_the_same_answer(world: Database, acting: Acting) -> None:
    rows = [*many(1200), "broken"]
    first, results = with_key(world, acting, rows)
    assert Counter(outcomes(results)) == {"created": 1200, "wrong-number-of-columns": 1}
    assert (first.summary, first.replayed) == ({"done_before": 0, "dry_run": False, "finished": True}, False)
    before = counts(world)
    again, repeated = with_key(world, acting, rows)
    assert (again.summary, again.replayed, repeated) == (first.summary, True, results)
    assert counts(world) == before
    with refused(world, "idempotency-key-reused"):
        with_key(world, acting, rows[:-1])
    assert with_key(world, acting, rows, key="another")[0].replayed is False


def test_two_at_once_with_one_key(world: Database, acting: Acting) -> None:
    """Whoever comes to a chunk second stops; nothing is done twice."""
    key = [progress.open_key(world, acting, "k", "x") for _ in range(2)]
    first, second = (run(Import(world, acting, key=one), csv(*many(1200))) for one in key)
    assert len(next(first).results) == CHUNK
    with refused(world, "request-in-progress"):
        next(second)
    assert [len(chunk.results) for chunk in first] == [CHUNK, 200]


_PROCESS = """
import sys, io
from store.services.importing import progress
from store.services.importing.run import complete
from store.services.importing.chunks import Import
from store.sql.database import Database
from store.sql.tenant import Acting
from store.transfer.csv_file import read_csv
from store.transfer.report import Report

database, text = Database.open(sys.argv[1]), sys.stdin.read()
acting = Acting(account_id=1, actor="a token", token_id=int(sys.argv[2]))
key = progress.open_key(database, acting, "k", str(len(text)))
lines = read_csv(io.BytesIO(text.encode()))
complete(Import(database, acting, key=key), lines, Report(), lambda done: print(done, flush=True))
"""


@pytest.mark.parametrize("chunks", [0, 2])
def test_killed_in_the_middle(world: Database, url: str, acting: Acting, chunks: int) -> None:
    """A process that dies by kill -9 loses nothing and doubles nothing; its repeat tells of every line."""
    rows = [*many(3900), f"Bad@brand-b.com,{JOHN},,,,"]
    command = [sys.executable, "-c", _PROCESS, url, str(acting.token_id)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(HEADER + "\n".join(rows))
        process.stdin.close()
        for _ in range(chunks):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    with world.read() as tx:
        kept = tx.scalars(select(func.count()).select_from(ImportChunkRow)).one()
        assert tx.scalars(select(func.count()).select_from(AliasRow)).one() == kept * CHUNK
    assert chunks <= kept < 8
    text = HEADER + "\n".join(rows)
    how = Import(world, acting, key=progress.open_key(world, acting, "k", str(len(text))))
    report = Report()
    finished = complete(how, read_csv(io.BytesIO(text.encode())), report, lambda _: None)
    assert finished.summary["done_before"] == kept * CHUNK
    results = list(report.lines())
    assert [result.line for result in results] == list(range(2, 3903))
    assert Counter(outcomes(results)) == {"created": 3900, "invalid-local-part": 1}
    assert len(state(world)) == 3900
    with world.read() as tx:
        made = select(func.count()).where(AuditRow.action == "alias.create")
        assert tx.scalars(made).one() == 3900


_MEASURED = """
import io, itertools, resource, sys
from store.services.importing.run import complete
from store.services.importing.chunks import Import
from store.sql.database import Database
from store.transfer.csv_file import read_csv
from store.transfer.report import Report

class Lines(io.RawIOBase):
    "A file of so many lines that is never in memory."
    def __init__(self, number):
        row = "n%d@brand-b.com,m%d@brand-a.com,,,,a note of some length to make the line longer\\n"
        rows = (row % (n, n // 100) for n in range(number))
        self.lines = itertools.chain(["address,mailbox,can_receive,can_send,is_active,note\\n"], rows)
    def readline(self, most):
        return next(self.lines, "").encode()

report = Report()
how = Import(Database.open(sys.argv[1]), dry_run=sys.argv[3] == "dry")
complete(how, read_csv(Lines(int(sys.argv[2]))), report, lambda _: None)
longest = sum(len(piece) for piece in report.as_json({}))
print(report.counts["created"] + report.counts["failed"], longest, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_file(world: Database, url: str) -> None:
    """100,000 lines need hardly more memory than 1,000, with a report of 15 MB; most are refused, which is quick."""
    if "sqlite" not in url:
        return
    add_boxes(world, 20)
    peak = {}
    for number in (1_000, 100_000):
        command = [sys.executable, "-c", _MEASURED, url, str(number), "real"]
        done, longest, kilobytes = map(int, subprocess.run(command, check=True, capture_output=True).stdout.split())
        assert done >= number - 1_000
        peak[number] = kilobytes
    assert longest > 10_000_000
    assert peak[100_000] - peak[1_000] < 10_000, peak
