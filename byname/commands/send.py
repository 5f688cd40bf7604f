"""``byname send``: a message of a mailbox, by the rules of the Message API (docs/messages.md)."""

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from byname import cli_context
from byname.cli_context import JsonOption
from byname.commands.message import COLUMNS
from byname.exits import ExitCode
from byname.listing import show
from byname.output import complain, stop

if TYPE_CHECKING:
    from conf.settings import Settings
    from store.services.lookup import FoundMailbox
    from store.services.sending.accepting import Once, Outgoing
    from store.services.sending.kept import KeptMessage
    from store.sql.database import Database

_LOOK = 0.2  # seconds
_OF_STATUS = {"sent": ExitCode.DONE, "refused": ExitCode.REFUSED}  # else nobody can tell (yet)
_Addresses = list[str]


@dataclass(frozen=True, slots=True)
class _Given:
    """What the options and standard input say."""

    sender: str | None
    to: _Addresses
    cc: _Addresses
    bcc: _Addresses
    subject: str | None
    octets: bytes  # of the whole message, or of its text
    is_whole: bool


def send(
    context: typer.Context,
    mailbox: Annotated[str, typer.Option(metavar="MAILBOX", help="The mailbox that sends.")],
    to: Annotated[_Addresses, typer.Option(metavar="ADDRESS", help="A recipient; may be given again.")] = [],  # noqa: B006 - typer
    subject: Annotated[str | None, typer.Option(help="One line.")] = None,
    sender: Annotated[str | None, typer.Option("--from", metavar="ADDRESS", help="An alias of the mailbox.")] = None,
    cc: Annotated[_Addresses, typer.Option(metavar="ADDRESS", help="Recipients of a copy.")] = [],  # noqa: B006
    bcc: Annotated[_Addresses, typer.Option(metavar="ADDRESS", help="The same, not shown.")] = [],  # noqa: B006
    message: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A whole message, - for standard input; --to in place of its recipients."),
    ] = None,
    key: Annotated[
        str | None, typer.Option("--idempotency-key", metavar="KEY", help="Sends once, however often it is repeated.")
    ] = None,
    wait: Annotated[
        int, typer.Option(metavar="SECONDS", min=0, max=3600, help="Look for so long what becomes of it.")
    ] = 0,
    as_json: JsonOption = False,
) -> None:
    """Send a message whose text is read from standard input, or a whole one. `byname api` carries it on."""
    from byname import wiring

    given = _given(_Given(sender, to, cc, bcc, subject, b"", message is not None), message)
    run = cli_context.of(context)
    settings = run.settings()
    wiring.needed(settings, "sending.listener")
    with run.database() as database:
        made = _accepted(settings, database, mailbox, given, key)
        ended = _awaited(database, made, wait)
    show(ended, COLUMNS, as_json=as_json)
    if wait:
        stop(_OF_STATUS.get(ended.status, ExitCode.CANNOT_TELL))


def _given(options: _Given, message: Path | None) -> _Given:
    """Return the options with what they are about. Raises typer.BadParameter for options that do not go together."""
    fields = {"--from": options.sender, "--cc": options.cc, "--bcc": options.bcc, "--subject": options.subject}
    if message is not None and (named := [name for name, value in fields.items() if value]):
        raise typer.BadParameter(f"{' and '.join(named)}: a whole message says that in its header")
    if message is None and (not options.to or options.subject is None):
        raise typer.BadParameter("--to and --subject are needed, or --message with a whole message")
    octets = sys.stdin.buffer.read() if message is None or str(message) == "-" else _file(message)
    return _Given(options.sender, options.to, options.cc, options.bcc, options.subject, octets, message is not None)


def _file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"{path}: {error.strerror}") from error


def _accepted(
    settings: "Settings", database: "Database", mailbox: str, given: _Given, key: str | None
) -> "KeptMessage":
    from store.services import lookup
    from store.services.sending import accepting

    once = None if key is None else _once(key, given)
    with database.write(cli_context.acting()) as tx:  # a repeat is answered here, whatever has changed since
        found = lookup.mailbox(tx, mailbox)
        repeat = None if once is None else accepting.repeated(tx, found.mailbox.id, once)
    if repeat is None:
        ready = _prepared(settings, database, found, given)
        with database.write(cli_context.acting()) as tx:
            repeat = None if once is None else accepting.repeated(tx, found.mailbox.id, once)
            if repeat is None:
                limit, copies = settings.sending.per_day, settings.sent_copy.imap is not None
                return accepting.accept(
                    tx, accepting.Sender.of(found), ready, per_day=limit, wants_copy=copies, once=once
                )
    complain(f"byname: message {repeat.id} has this key already; nothing more is sent")
    return repeat


def _prepared(settings: "Settings", database: "Database", found: "FoundMailbox", given: _Given) -> "Outgoing":
    from admin_api.sending.deciding import check_sender
    from admin_api.sending.submit import prepared, prepared_raw
    from byname import wiring
    from byname.wiring.directory import decision_directory, sql_directory
    from routing import outgoing
    from store.errors import ServiceError

    if len(given.octets) > (most := settings.sending.max_bytes):
        raise ServiceError("invalid-request", f"a message must have at most {most} bytes ([sending] max_bytes)")
    directory, policy = decision_directory(settings, sql_directory(database)), wiring.policy(settings)
    try:
        to = outgoing.parties("to", given.to)
        if given.is_whole:
            return prepared_raw(directory, policy, found.text, given.octets, to)
        own = outgoing.Party(found.text, found.mailbox.display_name)
        author = own if given.sender is None else outgoing.party("from", given.sender)
        check_sender(directory, policy, found.text, author.address)
        draft = outgoing.Draft(
            sender=author,
            to=to,
            cc=outgoing.parties("cc", given.cc),
            bcc=outgoing.parties("bcc", given.bcc),
            subject=outgoing.plain_text("subject", given.subject or ""),
            text=outgoing.body_text("body", given.octets.decode("utf-8", "surrogateescape")),
        )
        return prepared(directory, policy, found.text, draft)
    except outgoing.DraftRefused as error:
        raise ServiceError("invalid-request", f"{error.place} {error}", field=error.place) from error


def _once(key: str, given: _Given) -> "Once":
    """Return the key with what makes this message the one it is for."""
    import json
    from hashlib import sha256

    from store.errors import ServiceError
    from store.services.sending.accepting import Once

    if not 0 < len(key) <= 255 or not (key.isascii() and key.isprintable()):
        raise ServiceError("invalid-request", "a key has 1 to 255 printable characters", field="idempotency-key")
    options = [given.sender, given.to, given.cc, given.bcc, given.subject, given.is_whole]
    return Once(key, sha256(json.dumps(options).encode() + b"\n" + given.octets).hexdigest())


def _awaited(database: "Database", made: "KeptMessage", seconds: int) -> "KeptMessage":
    """Return the message once it has come to its end, or as it is when the time is over."""
    from store.services.sending import kept

    give_up = time.monotonic() + seconds
    while made.ended_at is None and time.monotonic() < give_up:
        time.sleep(_LOOK)
        with database.read() as tx:
            made = kept.get_any(tx, made.id)
    return made
