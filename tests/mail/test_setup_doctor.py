"""``byname setup`` and ``byname doctor`` over a real Postfix: set up, broken in each way, put back."""

import io
import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from pwd import getpwnam
from typing import Any

import pytest

import conf
from byname.cli import main
from byname.doctor.facts import Facts
from byname.doctor.probes.store import stored
from byname.doctor.table import judge
from byname.postfix.postconf import postconf, read
from byname.sandbox.certificate import Certificate
from byname.sandbox.folders import short_folder
from byname.sandbox.postfix import PrivatePostfix
from byname.sandbox.processes import Daemon
from byname.sandbox.recipes import RECIPES, Recipe
from byname.sandbox.sink import Sink
from byname.sandbox.site import PrivateSite
from byname.sandbox.waiting import greets, wait_until
from byname.setup.files import look_old, texts_in
from byname.setup.plan import plan
from conf.settings import Settings, load
from store.clock import utc_now
from tests.mail.dialogue import Dialogue
from tests.mail.headers import delivered_to
from tests.mail.plain_postfix import (
    DAEMONS,
    answering,
    chroot,
    daemon_commands,
    plain_postfix,
    settings_file,
    socket_folder,
)
from tests.store.cli.command_line import Finished, run_here

PAGE = Path(__file__).parents[2] / "docs" / "troubleshoot.md"


@dataclass
class Machine:
    """A Postfix that knew nothing of Byname, and Byname's daemons on unix sockets below its queue."""

    postfix: PrivatePostfix
    config: Path
    sockets: Path
    daemons: dict[str, Daemon]
    commands: dict[str, list[str]]
    sink: Sink

    @property
    def etc(self) -> Path:
        return self.postfix.folders.config

    def byname(self, *arguments: str) -> Finished:
        look_old(self.etc)
        return run_here(self.config, *arguments, "--postfix-config", str(self.etc))

    def change(self, *lines: str) -> None:
        """Change main.cf, or master.cf where the name has a slash."""
        for line in (line.replace("INBOUND", self.inbound) for line in lines):
            look_old(self.etc)
            postconf(self.etc, "-P" if "/inet/" in line else "-e", line)

    @property
    def inbound(self) -> str:
        return f"127.0.0.1:{self.postfix.inbound_port}/inet"

    def faults(self) -> dict[str, str]:
        """What the doctor finds, by check, but for what was never so here."""
        found = json.loads(self.byname("doctor", "--json").out)["findings"]
        return {one["check"]: one["severity"] for one in found if one["severity"] != "ok" and one["check"] != "api"}

    def replies(self, *recipients: str) -> list[str]:
        """The code of each reply to MAIL and these RCPTs, over a new connection."""
        look_old(self.etc)
        before = answering(self.postfix)
        self.postfix.reload()
        wait_until(lambda: not before & answering(self.postfix), 20, "the end of the processes from before")
        with Dialogue(self.postfix.inbound_port) as smtp:
            return [reply[:9] for reply in smtp.mail([f"<{one}>" for one in recipients])]

    def start(self, name: str) -> None:
        self.daemons[name] = Daemon(self.commands[name], self.config.parent / f"{name}.log")
        self.daemons[name].start()
        wait_until(lambda: greets(self.sockets / f"{name}.sock", b""), 20, name)


@pytest.fixture(scope="module")
def machine(site: PrivateSite, certificate: Certificate) -> Iterator[Machine]:
    with ExitStack() as stack:
        folder = stack.enter_context(short_folder())
        sink = stack.enter_context(Sink(folder / "sink"))
        sockets = socket_folder(folder)
        config = settings_file(folder, f"sqlite:///{site.database}", sockets)
        postfix = plain_postfix(folder, sink, certificate)
        postfix.configure()
        found = Machine(postfix, config, sockets, {}, daemon_commands(config), sink)
        stack.callback(lambda: [daemon.stop() for daemon in found.daemons.values()])
        chroot(postfix, "y")
        for name in DAEMONS:
            found.start(name)
        yield found


@pytest.fixture(scope="module")
def before(machine: Machine) -> dict[str, str]:
    """Both files before anything was changed."""
    return texts_in(machine.etc)


@pytest.fixture(scope="module")
def running(machine: Machine, before: dict[str, str]) -> Iterator[Machine]:
    """The same, set up and started."""
    applied = machine.byname("setup", "--apply")
    assert applied.code == 0, applied
    look_old(machine.etc)
    machine.postfix._run("postfix", "start")
    try:
        wait_until(lambda: greets(("127.0.0.1", machine.postfix.inbound_port), b"220 "), 20, "Postfix")
        yield machine
    finally:
        machine.postfix.stop()


def test_setup_without_being_told_changes_nothing(machine: Machine, before: dict[str, str]) -> None:
    finished = machine.byname("setup")
    assert finished.code == 0
    assert finished.out.splitlines()[-1] == "nothing was changed; byname setup --apply does it"
    assert "+ smtpd_milters = unix:byname/inbound.sock    # mail from outside; Byname's milter last" in finished.out
    assert "- milter_default_action = accept" in finished.out
    found = machine.byname("setup", "--json").data
    assert (found["applied"], found["done"], found["obstacles"]) == (False, False, [])
    assert sum(line.startswith("+ ") for line in finished.out.splitlines()) == len(found["changes"]) > 0
    assert {one["unit"]: one["state"] for one in found["machine"]["sockets"]}["byname-maps"] == "listening"
    assert texts_in(machine.etc) == before
    assert {path.name for path in machine.etc.iterdir()} == {"main.cf", "master.cf"}


def test_undo_puts_back_every_byte(machine: Machine, before: dict[str, str]) -> None:
    modes = {name: (machine.etc / name).stat().st_mode for name in before}
    assert machine.byname("setup", "--apply").code == 0
    after = texts_in(machine.etc)
    assert after != before
    again = machine.byname("setup", "--apply", "--json").data
    assert (again["done"], again["applied"], again["changes"]) == (True, False, [])
    assert texts_in(machine.etc) == after
    assert (machine.etc / "byname-setup.json").stat().st_mode & 0o777 == 0o600
    undone = machine.byname("setup", "--undo")
    assert (undone.code, texts_in(machine.etc)) == (0, before)
    assert {name: (machine.etc / name).stat().st_mode for name in before} == modes
    assert not (machine.etc / "byname-setup.json").exists()
    nothing = machine.byname("setup", "--undo", "--json")
    assert (nothing.code, nothing.error["code"]) == (1, "nothing-to-undo")


def test_undo_refuses_what_was_changed_since_and_says_how(machine: Machine, before: dict[str, str]) -> None:
    machine.byname("setup", "--apply")
    after = texts_in(machine.etc)
    (machine.etc / "main.cf").write_text(after["main.cf"] + "mail_name = Mine\n")
    refused = machine.byname("setup", "--undo", "--json")
    assert (refused.code, refused.error["code"]) == (1, "changed-since")
    assert "+mail_name = Mine" in refused.error["message"]
    assert texts_in(machine.etc)["main.cf"] == after["main.cf"] + "mail_name = Mine\n"
    (machine.etc / "main.cf").write_text(before["main.cf"])  # as if the power had failed between the two files
    assert machine.byname("setup", "--undo").code == 0
    assert texts_in(machine.etc) == before


def test_each_step_is_undone_by_itself(machine: Machine, before: dict[str, str]) -> None:
    machine.byname("setup", "--apply")
    first = texts_in(machine.etc)
    machine.change("smtpd_milters = unix:byname/inbound.sock, inet:127.0.0.1:9")
    assert machine.byname("setup", "--apply").code == 0
    assert "inet:127.0.0.1:9,{unix:byname/inbound.sock,default_action=tempfail" in texts_in(machine.etc)["main.cf"]
    assert machine.byname("setup", "--undo", "--json").data["steps_left"] == 1
    assert "smtpd_milters = unix:byname/inbound.sock, inet:127.0.0.1:9" in texts_in(machine.etc)["main.cf"]
    assert machine.byname("setup", "--undo").code == 1
    (machine.etc / "main.cf").write_text(first["main.cf"])
    assert machine.byname("setup", "--undo").code == 0
    assert texts_in(machine.etc) == before


def test_obstacles_keep_apply_from_anything(machine: Machine, before: dict[str, str]) -> None:
    machine.change("virtual_mailbox_domains = mine.test")
    mine = texts_in(machine.etc)
    refused = machine.byname("setup", "--apply", "--json")
    assert (refused.code, refused.error["code"]) == (1, "domains-of-others")
    assert texts_in(machine.etc) == mine
    shown = machine.byname("setup")
    assert (shown.code, "! domains-of-others" in shown.out) == (1, True)
    assert machine.byname("setup", "--replace-domains").code == 0
    for name, text in before.items():
        (machine.etc / name).write_text(text)


def test_what_is_no_postfix(machine: Machine, tmp_path: Path) -> None:
    for command in ("setup", "doctor"):
        finished = run_here(machine.config, command, "--postfix-config", str(tmp_path), "--json")
        if command == "setup":
            assert (finished.code, finished.error["code"]) == (75, "postfix-unreadable")
        else:
            assert "cannot tell" in next(one["what"] for one in finished.data["findings"] if one["check"] == "postfix")


def test_the_lines_of_the_page(machine: Machine, before: dict[str, str]) -> None:
    """docs/troubleshoot.md, each line as it stands, but for which Postfix it is about."""
    lines = re.findall(r"^    byname (.+?)(?: +#.*)?$", PAGE.read_text(), re.MULTILINE)
    assert len(lines) == 7
    for line in lines:
        finished = machine.byname(*line.replace(" --postfix-config DIR", "").split())
        assert finished.code in ({0} if line.startswith("setup") else {0, 1, 4}), (line, finished)
    assert texts_in(machine.etc) == before


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_the_samples_are_what_setup_and_doctor_want(recipe: Recipe, tmp_path: Path) -> None:
    etc, config = installed(recipe, tmp_path)
    settings = load(config, {})
    postfix = read(etc)
    assert plan(postfix, settings).is_done
    nothing = stored(Settings.model_validate({"store": {"url": "sqlite:////nonexistent/byname.db"}}))
    facts = Facts(
        settings, utc_now(), postfix, (), nothing.database, (), {}, None, (), (), (), None, (), None, api_listens=True
    )  # fmt: skip
    assert {one.check for one in judge(facts) if one.severity not in {"ok", "notice"}} == {"database-revision"}


def test_the_internal_listener_is_that_of_the_sample(tmp_path: Path) -> None:
    etc, config = installed(RECIPES[0], tmp_path)
    key = "k" * 40
    config.write_text(
        config.read_text().replace("[milter]", '[milter]\ninternal = "unix:/var/spool/postfix/byname/internal.sock"')
        + f'\n[sending]\nlistener = "127.0.0.1:10587"\nkey = "{key}"\n'
    )
    applied = run_here(config, "setup", "--apply", "--postfix-config", str(etc), "--json")
    assert (applied.code, applied.data["changes"]) == (0, [])
    assert applied.data["entry"].startswith("127.0.0.1:10587 inet n - y - - smtpd ")
    made = listener_on(etc, "127.0.0.1:10587")
    sample = tmp_path / "sample"
    shutil.copytree(etc, sample)
    recipe = dict(RECIPES[0].files())
    internal = files(conf).joinpath("postfix/internal")
    (text,) = (one.read_text("utf-8") for one in internal.iterdir())
    (sample / "master.cf").write_text(recipe["/etc/postfix/master.cf"] + text)
    assert made == {**listener_on(sample, "127.0.0.1:10587"), "smtpd_sender_restrictions": ""}
    assert run_here(config, "setup", "--undo", "--postfix-config", str(etc)).code == 0
    assert (etc / "master.cf").read_text() == recipe["/etc/postfix/master.cf"]


def listener_on(etc: Path, name: str) -> dict[str, str]:
    look_old(etc)
    (found,) = (one for one in read(etc).services if one.name == name)
    return dict(found.options)


def installed(recipe: Recipe, folder: Path) -> tuple[Path, Path]:
    """Postfix's folder and Byname's settings of a recipe, as its README says."""
    for path, text in recipe.files().items():
        if path.startswith(("/etc/postfix/", "/etc/byname/")):
            place = folder / path.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
    look_old(folder / "etc" / "postfix")
    return folder / "etc" / "postfix", folder / "etc" / "byname" / "byname.toml"


def test_after_setup_mail_goes_as_it_should(running: Machine) -> None:
    assert running.faults() == {}
    assert running.byname("doctor").out.splitlines()[-1].endswith(" ok")
    replies = running.replies("sales@brand-b.test", "disabled@brand-b.test", "x@outside.example")
    assert replies == ["250 2.1.0", "250 2.1.5", "550 5.1.1", "554 5.7.1", "250 2.0.0"]
    (delivery,) = running.sink.wait_for(1)
    assert (delivery.recipients, delivered_to(delivery.content)) == (("john@brand-a.test",), ["sales@brand-b.test"])
    assert running.byname("setup", "--json").data["done"]


@contextmanager
def broken(running: Machine, *lines: str) -> Iterator[None]:
    """Change lines for the length of a block."""
    good = texts_in(running.etc)
    running.change(*lines)
    try:
        yield
    finally:
        for name, text in good.items():
            (running.etc / name).write_text(text)
        look_old(running.etc)


# lines of Postfix's, the checks that speak up, and the reply to RCPT for an alias that should get its mail
LINES = [
    (["virtual_mailbox_domains ="], {"domains-map": "error"}, "554 5.7.1"),
    (
        ["virtual_mailbox_maps = inline:{x@brand-b.test=x}", "smtpd_reject_unlisted_recipient = yes"],
        {"unlisted-recipients": "error"},
        "550 5.1.1",
    ),
    (
        ["smtpd_reject_unlisted_recipient = no", "mydestination = mail.byname.test"],
        {"unknown-local-users": "warning"},
        "250 2.1.5",
    ),
    (["virtual_alias_maps = inline:{sales@brand-b.test=x@y.test}"], {"alias-maps": "error"}, "250 2.1.5"),
    (["mydestination = brand-b.test"], {"domain-elsewhere": "error"}, None),
    (["smtpd_milters ="], {"inbound-milter": "error"}, None),
    (["smtpd_milters = unix:byname/inbound.sock, inet:127.0.0.1:9"], {"milter-order": "warning"}, None),
    (["INBOUND/smtpd_milters=unix:byname/submission.sock"], {"inbound-milter": "error"}, "530 5.7.0"),
    (["smtpd_forbid_bare_newline = no"], {"smuggling": "warning"}, None),
    (["milter_protocol = 2"], {"milter-protocol": "error"}, None),
    (["smtpd_sasl_auth_enable = yes"], {"login-on-inbound": "warning"}, None),
    (
        ["mynetworks = 10.0.0.0/8", "smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination"],
        {"trusted-networks": "warning"},
        None,
    ),
    (["smtpd_relay_restrictions = permit_mynetworks"], {"open-relay": "error"}, None),
    (["recipient_delimiter = -"], {"recipient-delimiter": "warning"}, None),
    (["non_smtpd_milters ="], {"mail-without-smtp": "warning"}, None),
    (["virtual_transport = lmtp:inet:127.0.0.1:9"], {"mail-store": "error"}, None),
]


@pytest.mark.parametrize(("lines", "said", "reply"), LINES)
def test_a_line_is_wrong(running: Machine, lines: list[str], said: dict[str, str], reply: str | None) -> None:
    with broken(running, *lines):
        assert running.faults() == said
        if reply is not None:
            assert reply in running.replies("sales@brand-b.test")


def test_a_socket_that_postfix_may_not_reach(running: Machine) -> None:
    running.sockets.chmod(0o700)
    try:
        assert running.faults() == {"socket-permissions": "error"}
        assert running.replies("sales@brand-b.test")[0] == "451 4.7.1"
    finally:
        running.sockets.chmod(0o2750)


def test_a_socket_behind_the_chroot(running: Machine) -> None:
    text = running.config.read_text()
    running.config.write_text(text.replace(f"{running.sockets}/inbound", "/run/no-such-folder/inbound"))
    try:
        assert running.faults()["socket-chroot"] == "error"
        refused = running.byname("setup", "--apply", "--json")
        assert (refused.code, refused.error["code"]) == (1, "behind-chroot")
    finally:
        running.config.write_text(text)


@pytest.mark.parametrize(("number", "check"), [(signal.SIGTERM, "socket-missing"), (signal.SIGKILL, "socket-silent")])
def test_a_daemon_that_is_gone(running: Machine, number: signal.Signals, check: str) -> None:
    """Without ``tempfail`` that would let a name in that does not exist: the doctor says so."""
    running.daemons["inbound"].send(number)
    running.daemons["inbound"].stop()
    try:
        assert running.faults() == {check: "error"}
        assert running.replies("sales@brand-b.test")[0] == "451 4.7.1"
        with broken(running, "milter_default_action = accept"):
            assert running.faults() == {check: "error", "milter-default-action": "error"}
            assert "250 2.1.5" in running.replies("nobody@brand-b.test")
    finally:
        running.start("inbound")


def test_settings_that_cannot_be_read(running: Machine) -> None:
    text = running.config.read_text()
    running.config.write_text(f"{text}unknown = 1\n")
    try:
        finished = running.byname("doctor", "--json")
        assert (finished.code, [one["check"] for one in finished.data["findings"]]) == (1, ["settings"])
        assert "milter.unknown" in finished.data["findings"][0]["what"]
    finally:
        running.config.write_text(text)


def test_what_another_user_can_tell(running: Machine) -> None:
    """Not the sockets, and not the store; Postfix's settings all the same."""
    look_old(running.etc)
    found = as_nobody(running)
    assert found["postfix"] == found["inbound-milter"] == "ok"
    assert found["socket-hidden"] == "unknown"
    assert found["database"] == "unknown"


def as_nobody(running: Machine) -> dict[str, str]:
    """What ``byname doctor`` finds as the user nobody, by check."""
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        with os.fdopen(into, "w") as pipe, redirect_stdout(pipe), redirect_stderr(io.StringIO()):
            os.setgroups([])
            os.setgid(getpwnam("nobody").pw_gid)
            os.setuid(getpwnam("nobody").pw_uid)
            main(["--config", str(running.config), "doctor", "--json", "--postfix-config", str(running.etc)])
        os._exit(0)
    os.close(into)
    with os.fdopen(out) as pipe:
        found: list[dict[str, Any]] = json.loads(pipe.read())["findings"]
    os.waitpid(child, 0)
    return {one["check"]: one["severity"] for one in found}


def test_several_instances(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's Postfix is never touched here: a program in its place says where its settings are."""
    programs = machine.config.parent / "bin"
    programs.mkdir()
    real = shutil.which("postconf", path=f"{os.environ['PATH']}:/usr/sbin")
    script = programs / "postconf"
    script.write_text(f'#!/bin/sh\n[ "$1" = -dh ] && exec echo {machine.etc}\nexec {real} "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    good = texts_in(machine.etc)
    machine.change("multi_instance_directories = /etc/postfix-out")
    look_old(machine.etc)
    try:
        refused = run_here(machine.config, "setup", "--json")
        assert (refused.code, refused.error["code"]) == (1, "several-instances")
        assert f"{machine.etc} /etc/postfix-out" in refused.error["message"]
    finally:
        (machine.etc / "main.cf").write_text(good["main.cf"])
        look_old(machine.etc)


def test_the_commands_of_a_plan_do_the_same(machine: Machine, before: dict[str, str], tmp_path: Path) -> None:
    """Who would rather type them finds them in the JSON."""
    for name, text in before.items():
        (tmp_path / name).write_text(text)
    look_old(tmp_path)
    plan = run_here(machine.config, "setup", "--postfix-config", str(tmp_path), "--json").data
    for change in plan["changes"]:
        look_old(tmp_path)
        typed = change["command"].replace("postconf ", f"postconf -c {tmp_path} ", 1)
        subprocess.run(["bash", "-c", typed], check=True, env={"PATH": f"{os.environ['PATH']}:/usr/sbin"})
    look_old(tmp_path)
    assert run_here(machine.config, "setup", "--postfix-config", str(tmp_path), "--json").data["done"]
