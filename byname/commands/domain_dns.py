"""``byname domain check, verify, move``: domains as the DNS shows them, and names that two accounts have proved."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from byname import cli_context
from byname.cli_context import JsonOption
from byname.commands.choices import agreed, utf8
from byname.commands.domain_columns import COLUMNS, Name
from byname.exits import ExitCode
from byname.listing import Columns, show, show_all
from byname.output import cell_text, complain, members, say, say_json, stop, table

if TYPE_CHECKING:
    from store.dns.checking import Report
    from store.dns.records import CheckedRecord
    from store.services.domain_checks.checks import DnsCheck
    from store.services.views import Domain

_TICKS = {"ok": "\u2713", "missing": "\u2717", "wrong": "\u2717", "unknown": "?"}

# What the events of a check mean, for people.
_EVENTS = {
    "proved": "proved: active now",
    "parked": "proved, but another account has this domain proved: a person must decide (byname domain move)",
    "warned": "the proof is missing; it will lapse",
    "lapsed": "the proof has lapsed: no new names, mail keeps arriving",
    "found-again": "the proof is back",
    "restored": "the proof is back: new names are possible again",
}

CHECKS: "Columns[DnsCheck]" = {
    "domain": lambda done: done.domain,
    "proof": lambda done: f"{_TICKS[done.records[0].state]} {done.records[0].state}",
    "event": lambda done: _EVENTS.get(done.event or ""),
    "note": lambda done: done.records[0].note,
}

Account = Annotated[str | None, typer.Option(metavar="NAME", help="Whose, when several accounts have it pending.")]


def check(context: typer.Context, name: Name, account: Account = None, as_json: JsonOption = False) -> None:
    """Look at a domain's DNS records now, and change nothing. 0: all right; 1: not; 75: could not be determined."""
    from byname.wiring.dns import domain_checker
    from store.services.domain_checks.requirements import warnings

    run = cli_context.of(context)
    with run.database() as database:
        domain, report = domain_checker(run.settings(), database).look(name, account=account)
    found_warnings = warnings(domain, len(report.nameservers))
    if as_json:
        say_json({"domain": domain, **members(report), "warnings": found_warnings})
    else:
        _show_report(domain, report, found_warnings)
    stop(_exit_code(report.records))


def verify(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="The domain to check.")] = None,
    due: Annotated[bool, typer.Option("--due", help="All domains whose check is due; for the timer.")] = False,
    account: Account = None,
    as_json: JsonOption = False,
) -> None:
    """Check a domain, or all that are due; what is found takes effect. 1: not proved; 75: could not be determined."""
    if due == (name is not None):
        raise typer.BadParameter("give a domain, or --due")
    from byname.wiring.dns import domain_checker
    from conf.logs import set_up

    run = cli_context.of(context)
    settings = run.settings()
    set_up("domains", settings.log.format)
    with run.database() as database:
        checker = domain_checker(settings, database)
        if name is not None:
            found = [done for done in [checker.verify(name, account=account)] if done is not None]
        else:
            found = list(checker.verify_due(timedelta(hours=settings.dns.recheck_hours)))
    shown = found if name is not None else [done for done in found if done.event is not None]
    if as_json or shown:
        show_all(shown, CHECKS, as_json=as_json)
    if name is None:
        stop(_summary(found))
    stop(ExitCode.REFUSED if any(done.code for done in found) else _exit_code([done.records[0] for done in found]))


def move(
    context: typer.Context,
    name: Name,
    account: Annotated[str, typer.Option(metavar="NAME", help="Who gets it.", callback=utf8)],
    yes: Annotated[bool, typer.Option("--yes", help="Do it; what the domain holds is deleted.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Give a domain to an account that proved it while another one has it. The first one's names in it are deleted."""
    from store.errors import ServiceError
    from store.services.domain_checks import proof

    run = cli_context.of(context)
    try:
        with run.changing() as transaction:
            domain = proof.move(transaction, name, account=account, confirmed=yes)
    except ServiceError as error:
        if error.code != "domain-not-empty" or not agreed(error.message):
            raise
        with run.changing() as transaction:
            domain = proof.move(transaction, name, account=account, confirmed=True)
    show(domain, COLUMNS, as_json=as_json, more=run.outcome)


def called(name: str, unicode_name: str) -> str:
    """Return a domain's name for people, with its A-labels when these are others."""
    return name if name == unicode_name else f"{unicode_name} ({name})"


def _show_report(domain: "Domain", report: "Report", found_warnings: tuple[str, ...]) -> None:
    lapsed = ", proof lapsed" if domain.proof_lapsed else ""
    say(f"{called(domain.name, domain.unicode_name)}: {domain.status}{lapsed}\n")
    table(
        ("", "record", "type", "name", "to publish", "found"),
        [
            (_TICKS[one.state], one.purpose, one.type, one.name, one.required, " | ".join(one.found))
            for one in report.records
        ],
    )
    notes = [f"{one.purpose}: {one.note}" for one in report.records if one.note]
    for line in dict.fromkeys([*notes, *found_warnings]):
        say(f"! {cell_text(line)}")  # it may hold what a stranger put into the DNS
    _show_zone_lines([one for one in report.records if _is_to_be_pasted(one)])
    if domain.verified_at is None and report.records[0].state == "ok":
        complain(f"byname: hint: to let it take effect: byname domain verify {domain.name}")


def _is_to_be_pasted(record: "CheckedRecord") -> bool:
    """False for what is right, and for what is to be changed, as its note says: no second record beside it."""
    return record.state in {"missing", "unknown"} or (record.purpose == "ownership" and record.state == "wrong")


def _show_zone_lines(records: "list[CheckedRecord]") -> None:
    if records:
        say("\nTo paste at the DNS host:\n")
    for one in records:
        value = f'"{one.required}"' if one.type == "TXT" else f"{one.required}."
        say(f"{one.name}. IN {one.type} {value}")


def _exit_code(records: "list[CheckedRecord] | tuple[CheckedRecord, ...]") -> ExitCode:
    states = {str(one.state) for one in records}
    if states & {"missing", "wrong"} or not states:
        return ExitCode.REFUSED
    return ExitCode.CANNOT_TELL if "unknown" in states else ExitCode.DONE


def _summary(found: "list[DnsCheck]") -> ExitCode:
    """Tell how many were checked. When nothing at all could be learned, the timer's unit is to show it."""
    silent = [done for done in found if done.records[0].state == "unknown"]
    complain(f"byname: {len(found)} domains checked, {len(silent)} could not be determined")
    return ExitCode.CANNOT_TELL if found and len(silent) == len(found) else ExitCode.DONE
