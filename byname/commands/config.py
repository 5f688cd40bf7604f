"""``byname config``: the settings as they are read, in the manner of postconf(1)."""

import json
from typing import Annotated

import typer

from byname import cli_context
from byname.cli_context import JsonOption
from byname.commands.choices import at_most_one
from byname.output import say, say_json, warn

app = typer.Typer(help="The settings: check, show, print a sample file.", no_args_is_help=True)


@app.command("check", epilog="Example: byname --config ./byname.toml config check")
def check(context: typer.Context, as_json: JsonOption = False) -> None:
    """Read the settings as a daemon would, and say what is wrong. 0: usable; 78: not."""
    from byname import wiring
    from byname.wiring.filters import filter_policy

    settings = cli_context.of(context).settings()
    wiring.policy(settings)
    filter_policy(settings)
    if as_json:
        say_json({"ok": True, "warnings": list(settings.warnings)})
        return
    for line in settings.warnings:
        warn(line)
    say("the settings are good")


@app.command("show", epilog="Example: byname config show -n")
def show(
    context: typer.Context,
    changed: Annotated[bool, typer.Option("-n", help="Only settings that differ from their default.")] = False,
    defaults: Annotated[bool, typer.Option("-d", help="The defaults instead of the settings in use.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Print every setting with its value. Secrets are masked."""
    at_most_one(n=changed, d=defaults)
    from conf.settings import Settings

    settings = Settings() if defaults else cli_context.of(context).settings()
    values = settings.shown(changed_only=changed)
    if as_json:
        say_json(values)
        return
    for name, value in sorted(values.items()):
        say(f"{name} = {'' if value is None else json.dumps(value)}".rstrip())


@app.command("example", epilog="Example: byname config example > /etc/byname/byname.toml")
def example() -> None:
    """Print a settings file with every key, its meaning and its default."""
    from importlib.resources import files

    say(files("conf").joinpath("byname.example.toml").read_text("utf-8").rstrip("\n"))
