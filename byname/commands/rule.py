"""``byname rule``: how a mailbox sorts its mail (docs/filters.md)."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from byname import cli_context
from byname.cli_context import JsonOption
from byname.commands.choices import something_to_change
from byname.commands.rule_words import action_of, action_words, condition_of, condition_words
from byname.listing import Columns, show, show_all
from byname.output import complain, say, say_json, table

if TYPE_CHECKING:
    from admin_api.filtering.trying import Done
    from routing.filters.policy import FilterPolicy
    from store.services.filters.views import FilterRule, FilterScript

app = typer.Typer(help="The rules by which a mailbox sorts its mail.", no_args_is_help=True)

COLUMNS: "Columns[FilterRule]" = {
    "rule": lambda rule: rule.id,
    "place": lambda rule: rule.position,
    "name": lambda rule: rule.name,
    "if": lambda rule: f" {'and' if rule.match_type == 'all' else 'or'} ".join(map(condition_words, rule.conditions)),
    "then": lambda rule: ", ".join([*map(action_words, rule.actions), *(["stop"] if rule.stop else [])]),
    "enabled": lambda rule: rule.enabled,
}

Mailbox = Annotated[str, typer.Argument(metavar="MAILBOX", help="The mailbox, as local@domain.")]
RuleId = Annotated[int, typer.Argument(metavar="RULE", help="The number of the rule, as the list shows it.")]
Conditions = Annotated[
    list[str],
    typer.Option(
        "--if",
        metavar="CONDITION",
        help="FIELD OPERATOR VALUE, such as 'delivered_to is sales@brand-b.com'; may be given again.",
    ),
]
Actions = Annotated[
    list[str],
    typer.Option("--then", metavar="ACTION", help="ACTION [VALUE], such as 'move Sales'; may be given again."),
]
Any_ = Annotated[
    bool | None, typer.Option("--any/--all", help="One condition will do, or all are needed.", show_default=False)
]
Stop = Annotated[bool | None, typer.Option("--stop/--go-on", help="No later rule sees the mail.", show_default=False)]


@app.command(
    "add",
    epilog="Example: byname rule add john@brand-a.com Sales --if 'delivered_to is x@brand-b.com' --then 'move Sales'",
)
def add(
    context: typer.Context,
    mailbox: Mailbox,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What people call it.")],
    conditions: Conditions,
    actions: Actions = [],  # noqa: B006 - typer
    match_any: Any_ = None,
    stop: Stop = None,
    position: Annotated[int | None, typer.Option("--at", metavar="PLACE", help="From 1; else it is the last.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Add a rule. Fields and actions are listed in docs/filters.md."""
    from routing.filters.model import Rule
    from store.services.filters import rules

    run = cli_context.of(context)
    rule = Rule(
        name,
        "any" if match_any else "all",
        tuple(map(condition_of, conditions)),
        tuple(map(action_of, actions)),
        bool(stop),
    )
    with run.changing() as transaction:
        made = rules.add(transaction, mailbox, rule, _policy(run), position=position)
    show(made, COLUMNS, as_json=as_json, more=run.outcome)


@app.command("set", epilog="Example: byname rule set john@brand-a.com 3 --disable")
def update(
    context: typer.Context,
    mailbox: Mailbox,
    rule: RuleId,
    name: Annotated[str | None, typer.Option("--name", help="Another name.")] = None,
    conditions: Conditions = [],  # noqa: B006
    actions: Actions = [],  # noqa: B006
    match_any: Any_ = None,
    stop: Stop = None,
    enabled: Annotated[
        bool | None, typer.Option("--enable/--disable", help="Disabled: kept, but not run.", show_default=False)
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Change a rule. New conditions, or actions, take the place of all that it has."""
    from store.services.filters import rules

    given: dict[str, object] = {
        "name": name,
        "conditions": tuple(map(condition_of, conditions)) or None,
        "actions": tuple(map(action_of, actions)) or None,
        "match_type": None if match_any is None else "any" if match_any else "all",
        "stop": stop,
        "enabled": enabled,
    }
    something_to_change(*given.values())
    run = cli_context.of(context)
    with run.changing() as transaction:
        changes = {field: value for field, value in given.items() if value is not None}
        changed = rules.update(transaction, mailbox, rule, _policy(run), **changes)
    show(changed, COLUMNS, as_json=as_json, more=run.outcome)


@app.command("move", epilog="Example: byname rule move john@brand-a.com 3 --to 1")
def move(
    context: typer.Context,
    mailbox: Mailbox,
    rule: RuleId,
    place: Annotated[int, typer.Option("--to", metavar="PLACE", min=1, help="Its new place, from 1.")],
    as_json: JsonOption = False,
) -> None:
    """Put a rule in another place of the order."""
    from store.services.filters import rules

    run = cli_context.of(context)
    with run.changing() as transaction:
        mine = rules.get(transaction, mailbox, rule)
        others = [one.id for one in rules.list_all(transaction, mailbox) if one.id != mine.id]
        found = rules.reorder(transaction, mailbox, [*others[: place - 1], mine.id, *others[place - 1 :]])
    show_all(found, COLUMNS, as_json=as_json)


@app.command("remove", epilog="Example: byname rule remove john@brand-a.com 3")
def remove(context: typer.Context, mailbox: Mailbox, rule: RuleId, as_json: JsonOption = False) -> None:
    """Remove a rule."""
    from store.services.filters import rules

    run = cli_context.of(context)
    with run.changing() as transaction:
        gone = rules.remove(transaction, mailbox, rule)
    show(gone, COLUMNS, as_json=as_json, more=run.outcome)


@app.command("list", epilog="Example: byname rule list john@brand-a.com")
def list_all(context: typer.Context, mailbox: Mailbox, as_json: JsonOption = False) -> None:
    """List the rules of a mailbox in their order, and how far their script has come."""
    from store.services.filters import rules, scripts

    run = cli_context.of(context)
    with run.database() as database, database.read() as transaction:
        found = rules.list_all(transaction, mailbox)
        script = scripts.state(transaction, mailbox, _policy(run))
    if as_json:
        say_json({"data": found, "script": script})
    else:
        show_all(found, COLUMNS, as_json=False)
        _tell(script)


@app.command("preview", epilog="Example: byname rule preview john@brand-a.com")
def preview(context: typer.Context, mailbox: Mailbox, as_json: JsonOption = False) -> None:
    """Print the Sieve script that is written from the rules."""
    from store.services.filters import scripts

    run = cli_context.of(context)
    with run.database() as database, database.read() as transaction:
        written = scripts.write(transaction, mailbox, _policy(run))
    if as_json:
        say_json(written)
        return
    say(written.text.rstrip("\n"))
    for one in written.left_out:
        complain(f"byname: warning: left out of the rule {one.rule}: the address {one.reason}")


@app.command("test", epilog="Example: byname rule test john@brand-a.com message.eml")
def try_out(
    context: typer.Context,
    mailbox: Mailbox,
    message: Annotated[Path, typer.Argument(metavar="FILE", help="A raw message; - reads standard input.")],
    as_json: JsonOption = False,
) -> None:
    """Say what the rules would do with a message, by Dovecot's sieve-test. Nothing is filed or sent."""
    from admin_api.filtering.trying import try_script
    from store.services.filters import scripts

    run = cli_context.of(context)
    raw = sys.stdin.buffer.read() if str(message) == "-" else message.read_bytes()
    policy = _policy(run)
    with run.database() as database, database.read() as transaction:
        written = scripts.write(transaction, mailbox, policy, with_own=False)
    done = try_script(written.text, raw, policy.separator)
    if as_json:
        say_json({"data": list(done)})
    else:
        table(["does", "where", "flags"], [_done_words(one) for one in done])


@app.command("take-over", epilog="Example: byname rule take-over john@brand-a.com")
def take_over(context: typer.Context, mailbox: Mailbox, as_json: JsonOption = False) -> None:
    """Have the rules run, whatever script is active: that one is kept, and runs after them."""
    _decide(context, mailbox, enabled=True, as_json=as_json)


@app.command("give-back", epilog="Example: byname rule give-back john@brand-a.com")
def give_back(context: typer.Context, mailbox: Mailbox, as_json: JsonOption = False) -> None:
    """Have the rules run no longer, and the owner's own script instead. The rules are kept."""
    _decide(context, mailbox, enabled=False, as_json=as_json)


def _decide(context: typer.Context, mailbox: str, *, enabled: bool, as_json: bool) -> None:
    from store.services.filters import scripts

    run = cli_context.of(context)
    decide = scripts.take_over if enabled else scripts.give_back
    with run.changing() as transaction:
        script = decide(transaction, mailbox, _policy(run))
    if as_json:
        say_json(script)
    else:
        _tell(script)


def _policy(run: cli_context.CliContext) -> "FilterPolicy":
    from byname.wiring.filters import filter_policy

    return filter_policy(run.settings())


def _tell(script: "FilterScript") -> None:
    say(f"script: {script.state}{f': {script.reason}' if script.reason else ''}")


def _done_words(done: "Done") -> list[object]:
    return [done.type, done.folder or done.address, " ".join(done.flags)]
