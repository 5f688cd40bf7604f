"""``byname setup``: what Postfix needs for Byname, shown as lines of postconf; done, and taken back, when told."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from byname import cli_context
from byname.cli_context import JsonOption
from byname.commands.choices import at_most_one
from byname.exits import ExitCode
from byname.output import cell_text, members, say, say_json, stop, warn

if TYPE_CHECKING:
    from byname.postfix.machine import Postfix
    from byname.setup.plan import Plan
    from byname.setup.surroundings import Surroundings

PostfixFolder = Annotated[
    Path | None,
    typer.Option("--postfix-config", metavar="DIR", help="The folder of Postfix's main.cf, if not the system's."),
]


def setup(
    context: typer.Context,
    apply: Annotated[bool, typer.Option("--apply", help="Make the changes; without it nothing is changed.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Put back what was there before the last --apply.")] = False,
    replace_domains: Annotated[
        bool, typer.Option("--replace-domains", help="Domains that only Postfix knows may go.")
    ] = False,
    replace_aliases: Annotated[
        bool, typer.Option("--replace-aliases", help="Empty virtual_alias_maps, whose names are in Byname now.")
    ] = False,
    postfix_config: PostfixFolder = None,
    as_json: JsonOption = False,
) -> None:
    """Look at Postfix and show what to change so that it asks Byname. 0: done, or a plan; 1: something is in the way.

    Nothing is changed without --apply, and --undo puts back every line as it was. It works on the system's Postfix or
    on the instance whose folder is given. Postfix itself is not reloaded: do so when the milters run.
    """
    at_most_one(apply=apply, undo=undo)
    from byname.setup import doing
    from byname.setup.plan import plan
    from byname.setup.surroundings import surroundings

    run = cli_context.of(context)
    if undo:
        _undo(chosen_folder(postfix_config), as_json=as_json)
        return
    settings = run.settings()
    postfix = chosen(postfix_config)
    wanted = plan(postfix, settings, replace_domains=replace_domains, replace_aliases=replace_aliases)
    around = surroundings(postfix, settings)
    is_applied = apply and not wanted.is_done
    if is_applied:
        doing.apply(postfix.folder, wanted, settings)
    if as_json:
        say_json(_as_json(postfix, wanted, around, applied=is_applied))
    else:
        _show_surroundings(postfix, around)
        _show(postfix, wanted, applied=is_applied)
    stop(ExitCode.REFUSED if wanted.obstacles else ExitCode.DONE)


def chosen_folder(given: Path | None) -> Path:
    """Return the folder of the Postfix that is meant. Raises PostfixUnreadable."""
    from byname.postfix import postconf

    return postconf.default_folder() if given is None else given.absolute()


def chosen(given: Path | None) -> "Postfix":
    """Return the Postfix that is meant: the one in the folder, else the system's where that is the only one.

    Raises:
        PostfixUnreadable: it cannot be read.
        SetupRefused: there are several.
    """
    from byname.postfix import postconf
    from byname.setup.errors import SetupRefused

    postfix = postconf.read(chosen_folder(given))
    if given is None and (further := postconf.instances(postfix)):
        folders = " ".join(str(folder) for folder in (postfix.folder, *further))
        raise SetupRefused(
            "several-instances", f"there are several instances of Postfix: {folders}", "say which by --postfix-config"
        )
    return postfix


def _undo(folder: Path, *, as_json: bool) -> None:
    from byname.setup import doing
    from byname.setup.journal import steps_in

    step = doing.undo(folder)
    left = len(steps_in(folder))
    if as_json:
        say_json({"postfix": str(folder), "undone": step.when, "steps_left": left})
        return
    say(f"main.cf and master.cf in {folder} are as they were before {step.when}")
    if left:
        say(f"{left} earlier changes are left; --undo once more takes back the next")
    say(f"now: postfix -c {folder} reload")


def _as_json(postfix: "Postfix", wanted: "Plan", around: "Surroundings", *, applied: bool) -> dict[str, object]:
    return {
        "postfix": str(postfix.folder),
        "machine": around,
        "done": wanted.is_done or applied,
        "applied": applied,
        "changes": [{**members(one), "name": one.name, "command": one.command} for one in wanted.changes],
        "entry": wanted.entry,
        "obstacles": list(wanted.obstacles),
        "notes": list(wanted.notes),
    }


def _show_surroundings(postfix: "Postfix", around: "Surroundings") -> None:
    chroot = f"chrooted to {postfix.queue}" if around.chrooted else "not chrooted"
    say(f"Postfix {around.postfix}, {postfix.folder}, {chroot}")
    say(f"Dovecot {around.dovecot}" if around.dovecot else "Dovecot is not installed")
    say(f"Redis: {around.redis}")
    for one in around.sockets:
        barred = f"; Postfix's user is kept out by {one.barred_by}" if one.barred_by else ""
        say(f"{one.unit}: {one.place}, {one.state}{barred}")
    if any(one.state in {"missing", "silent"} for one in around.sockets):
        warn("Postfix answers 451 while a daemon that it asks does not run: start them before it is reloaded")


def _show(postfix: "Postfix", wanted: "Plan", *, applied: bool) -> None:
    for obstacle in wanted.obstacles:
        say(f"\n! {obstacle.code}: {cell_text(obstacle.what)}\n  to mend it: {cell_text(obstacle.mend)}")
    for note in wanted.notes:
        warn(note)
    if wanted.obstacles:
        return
    if wanted.is_done:
        say("nothing to do")
        return
    _show_lines(wanted)
    if applied:
        say(f"\ndone; byname setup --undo takes it back\nnow: postfix -c {postfix.folder} reload")
    else:
        say("\nnothing was changed; byname setup --apply does it")


def _show_lines(wanted: "Plan") -> None:
    """Print what changes as a difference: a minus before what goes, a plus before what comes."""
    for file in ("main.cf", "master.cf"):
        changes = [one for one in wanted.changes if (one.service is None) == (file == "main.cf")]
        if changes or (wanted.entry and file == "master.cf"):
            say(f"\n{file}")
        for one in changes:
            if one.before is not None:
                say(f"- {one.name} = {cell_text(one.before) if one.before else ''}".rstrip())
            say(f"+ {one.name} = {one.after}".rstrip() + f"    # {one.why}")
        if wanted.entry and file == "master.cf":
            say(f"+ {wanted.entry}")
