"""A whole import: from its first line, or from where an earlier one with the same key stopped, to its report."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice

from store.services.importing import progress
from store.services.importing.chunks import Import, run
from store.services.importing.progress import Summary
from store.transfer.lines import Line
from store.transfer.report import Report


@dataclass(frozen=True, slots=True)
class Finished:
    """An import that came to its end.

    Attributes:
        summary: what stands beside the lines of the report: ``done_before`` (lines that earlier requests with the key
            had done), ``dry_run`` and ``finished``.
        version: of the last change, as of store.sql.outbox; None when nothing was changed.
        replayed: True when it had come to its end before, and this is what was answered then.
    """

    summary: Summary
    version: int | None = None
    replayed: bool = False


def complete(how: Import, lines: Iterable[Line], report: Report, on_progress: Callable[[int], None]) -> Finished:
    """Bring in what is not done yet of ``lines`` and put all of it into ``report``.

    Args:
        lines: of the whole file, also when a part is done.
        on_progress: called after each chunk with the number of lines done.

    Raises:
        ServiceError: ``request-in-progress``.
        StoreUnavailable: the chunks before it are kept; with a key, a repeat goes on there.
    """
    before = _done_before(how, report)
    if how.key is not None and how.key.answered is not None:
        return Finished(how.key.answered, replayed=True)
    done, version = before, None
    for chunk in run(how, islice(lines, before, None)):
        report.add(chunk.results)
        done += len(chunk.results)
        version = chunk.version or version
        on_progress(done)
    summary: Summary = {"done_before": before, "dry_run": how.dry_run, "finished": True}
    if how.key is not None:
        progress.finish(how.database, how.acting, how.key, summary)
    return Finished(summary, version)


def _done_before(how: Import, report: Report) -> int:
    if how.key is None:
        return 0
    for results in progress.reports(how.database, how.acting, how.key):
        report.add(results)
    return how.key.lines
