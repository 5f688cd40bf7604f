"""``byname explain``: what would happen to a mail, and why, by the code that decides about mail."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from byname import invocation
from byname.exits import OF_VERDICT
from byname.invocation import JsonOption
from byname.output import cell_text, say, say_json, stop

if TYPE_CHECKING:
    from routing.directory import Directory
    from routing.explain import Explanation
    from routing.policy import Policy

# What the MTA says when we let an address pass, by verdict.
_MTA_REPLY = {
    "deliver": "250, the mail server's own",
    "allow": "250, the mail server's own",
    "not-ours": "left to the mail server, which refuses relaying or passes it on",
}


def explain(
    context: typer.Context,
    address: Annotated[
        str | None, typer.Argument(metavar="ADDRESS", help="A recipient, as an SMTP client may write it.")
    ] = None,
    login: Annotated[str | None, typer.Option(metavar="L", help="Who is logged in; with --from or --message.")] = None,
    sender: Annotated[str | None, typer.Option("--from", metavar="A", help="The envelope sender to judge.")] = None,
    message: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A raw message whose author fields to judge; - for stdin.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Explain what happens to mail for ADDRESS, or whether a login may send as an address, and why.

    Prints every step looked at, the rule that decided, and the reply that an SMTP client would see. Exit code: 0
    delivered or allowed, 1 refused, 3 not ours, 75 cannot tell.
    """
    _check_usage(address, login, sender, message)
    from byname import wiring

    run = invocation.of(context)
    policy = wiring.policy(run.settings())
    with run.database(may_be_silent=True) as database:
        found = _explanation(wiring.directory(database), policy, address, login, sender, message)
    if as_json:
        say_json(_as_object(found))
    else:
        _print(found)
    stop(OF_VERDICT[found.verdict])


def _check_usage(address: str | None, login: str | None, sender: str | None, message: Path | None) -> None:
    """Allow one address alone, or a login with one thing to judge."""
    if address is not None and login is None and sender is None and message is None:
        return
    if address is None and login is not None and (sender is None) != (message is None):
        return
    raise typer.BadParameter("give ADDRESS, or --login with --from or --message")


def _explanation(
    directory: "Directory",
    policy: "Policy",
    address: str | None,
    login: str | None,
    sender: str | None,
    message: Path | None,
) -> "Explanation":
    from routing import explain as core

    if address is not None:
        return core.explain_recipient(directory, policy, address)
    if message is None:
        return core.explain_sender(directory, policy, login or "", sender or "")
    return _of_message(directory, policy, login or "", _read(message))


def _of_message(directory: "Directory", policy: "Policy", login: str, raw: bytes) -> "Explanation":
    from byname.raw_message import header_fields
    from routing.explain import Step, explanation
    from routing.guard import check_header, is_author_field

    fields = header_fields(raw)
    steps = tuple(
        Step(f"field {field.name}", field.value.decode("utf-8", "backslashreplace").strip())
        for field in fields
        if is_author_field(field.name)
    )
    return explanation(check_header(directory, policy, login, fields), steps)


def _read(message: Path) -> bytes:
    return sys.stdin.buffer.read() if str(message) == "-" else message.read_bytes()


def _print(found: "Explanation") -> None:
    lines = [(f"looked up {cell_text(step.looked_up)}", step.found) for step in found.steps]
    lines += [("rule", found.rule), ("verdict", found.verdict)]
    lines += [("reply", str(found.reply) if found.reply else _MTA_REPLY[found.verdict])]
    if found.mailbox is not None:
        lines += [("mailbox", str(found.mailbox)), ("Delivered-To", str(found.delivered_to or "none added"))]
    width = max(len(name) for name, _ in lines)
    for name, text in lines:
        say(f"{name.ljust(width)}  {cell_text(text)}")


def _as_object(found: "Explanation") -> dict[str, object]:
    """Return the explanation object of API section 1. There is no cache yet that SQL could agree with."""
    return {
        "verdict": found.verdict,
        "rule": found.rule,
        "reply": found.reply,
        "mailbox": None if found.mailbox is None else str(found.mailbox),
        "delivered_to": None if found.delivered_to is None else str(found.delivered_to),
        "steps": found.steps,
        "cache": None,
        "sql": found.verdict,
        "agree": None,
    }
