"""The sample files of each recipe, started as they stand: what arrives, what is refused, what comes back."""

import email
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import conf
from byname.sandbox.processes import session_members
from byname.sandbox.recipes import RECIPES, Recipe, moved, moved_path, names_set
from byname.sandbox.requirements import RECIPES as RECIPE_PACKAGES
from byname.sandbox.requirements import missing_packages
from conf.settings import load
from tests.mail.conftest import leave_out
from tests.mail.dialogue import MESSAGE, Dialogue, logged_in, submit
from tests.mail.recipes_site import RecipeSite
from tests.mail.world import JOHN, MARY

FORGED = b"Delivered-To: sales@brand-a.test\r\nDELIVERED-TO: john@brand-a.test\r\n" + MESSAGE
BY_NAME = {recipe.name: recipe for recipe in RECIPES}


@pytest.fixture(scope="module", params=[(name, how) for name in BY_NAME for how in ("chrooted", "not")], ids="-".join)
def started(request: pytest.FixtureRequest, needs_root: None) -> Iterator[RecipeSite]:
    if missing := missing_packages(RECIPE_PACKAGES):
        leave_out(f"not installed: {' '.join(missing)}")
    name, how = request.param
    with RecipeSite(BY_NAME[name], chrooted=how == "chrooted") as running:
        yield running


@pytest.fixture(autouse=True)
def fresh(request: pytest.FixtureRequest) -> None:
    if "started" in request.fixturenames:
        request.getfixturevalue("started").clear()


def shown(started: RecipeSite, mailbox: str) -> list[list[str]]:
    """Return the Delivered-To of each message in a mailbox, less the one that virtual(8) writes above ours."""
    found = [email.message_from_bytes(message).get_all("Delivered-To", []) for message in started.messages(mailbox)]
    if started.recipe.name == "virtual":
        assert all(re.fullmatch(rf"{mailbox.replace('@', '([+].*)?@')}", fields[0].lower()) for fields in found)
        return [fields[1:] for fields in found]
    return found


@pytest.mark.parametrize(
    ("typed", "mailbox", "fields"),
    [
        ("<sales@brand-b.test>", JOHN, ["sales@brand-b.test"]),
        ("<SALES+News@Brand-B.Test.>", JOHN, ["sales+news@brand-b.test"]),
        ("<anything@brand-b.test>", JOHN, ["anything@brand-b.test"]),
        ("<postmaster@brand-a.test>", JOHN, ["postmaster@brand-a.test"]),
        ("<team@brand-a.test>", MARY, ["team@brand-a.test"]),
        ("<john+news@brand-a.test>", JOHN, ["john+news@brand-a.test"]),
        ("<John@brand-a.test>", JOHN, []),
    ],
)
def test_a_name_arrives_with_its_one_delivered_to(
    started: RecipeSite, typed: str, mailbox: str, fields: list[str]
) -> None:
    with Dialogue(started.inbound_port) as smtp:
        assert smtp.mail([typed], FORGED)[-1].startswith("250")
    assert shown(started, mailbox) == [fields]
    assert started.dovecot.addresses() == [mailbox]


@pytest.mark.parametrize(
    ("typed", "reply"),
    [
        ("<nobody@brand-a.test>", "550 5.1.1 <nobody@brand-a.test>: user unknown"),
        ("<disabled@brand-b.test>", "550 5.1.1 <disabled@brand-b.test>: user unknown"),
        ("<paused@brand-a.test>", "550 5.2.1 <paused@brand-a.test>: mailbox disabled"),
        ("<old@off.test>", "550 5.7.1 <old@off.test>: Domain is switched off"),
        ("<x@outside.example>", "554 5.7.1 <x@outside.example>: Relay access denied"),
    ],
)
def test_refusals(started: RecipeSite, typed: str, reply: str) -> None:
    with Dialogue(started.inbound_port) as smtp:
        assert smtp.mail([typed])[1] == reply


def test_names_of_two_mailboxes(started: RecipeSite) -> None:
    with Dialogue(started.inbound_port) as smtp:
        smtp.mail(["<team@brand-a.test>", "<sales@brand-b.test>"], FORGED)
    agent = started.recipe.name != "virtual"  # the milter's Delivered-To would stand in both copies
    assert shown(started, JOHN) == [["sales@brand-b.test"] * agent]
    assert shown(started, MARY) == [["team@brand-a.test"] * agent]


@pytest.mark.parametrize("tls_from_start", [False, True])
def test_a_login_sends_as_its_alias_only(started: RecipeSite, tls_from_start: bool) -> None:
    with logged_in(started, JOHN, tls_from_start=tls_from_start) as smtp:
        header = b"From: sales@brand-b.test\r\nSubject: hello"
        assert submit(smtp, "<sales@brand-b.test>", header).startswith("250 2.0.0")
        assert submit(smtp, "<team@brand-a.test>", b"From: team@brand-a.test").startswith("553 5.7.1")
    (sent,) = started.outside.wait_for(1)
    assert (sent.sender, sent.recipients) == ("sales@brand-b.test", ("friend@outside.example",))


def test_a_bounce_to_an_alias_arrives(started: RecipeSite) -> None:
    started.outside.refuse["gone@outside.example"] = "550 5.1.1 no such user"
    with logged_in(started, JOHN) as smtp:
        submit(smtp, "<sales@brand-b.test>", b"From: sales@brand-b.test", "gone@outside.example")
    started.postfix.wait_for_log(r"to=<gone@outside\.example>.*status=bounced")
    started.postfix.wait_until_idle()
    assert shown(started, JOHN) == [["sales@brand-b.test"]]
    assert b"no such user" in started.messages(JOHN)[0]


def test_mail_of_this_machine_arrives(started: RecipeSite) -> None:
    started.sendmail(b"Delivered-To: info@brand-a.test\nSubject: local\n\nx\n", "-f", "cron@mail.example.com",
                  "sales@brand-b.test")  # fmt: skip
    started.postfix.wait_for_log(r"from=<cron@mail\.example\.com>")
    assert shown(started, JOHN) == [["sales@brand-b.test"]]


def test_the_services_run_where_the_sample_says(started: RecipeSite) -> None:
    queue = started.postfix.folders.queue.resolve()
    with Dialogue(started.inbound_port):
        assert started.postfix.wait_for_log("connect from")
        roots = {Path(f"/proc/{process}/root").readlink() for process in processes(started, "smtpd")}
    assert roots == {queue if started.chrooted else Path("/")}


def processes(started: RecipeSite, program: str) -> list[int]:
    master = started.postfix.master()
    assert master is not None
    return [pid for pid in session_members(master) if Path(f"/proc/{pid}/exe").readlink().name == program]


def test_postfix_has_nothing_to_complain_of(started: RecipeSite) -> None:
    for command in (["postconf", "-n"], ["postconf", "-M"], ["postconf", "-P"], ["postfix", "check"]):
        done = subprocess.run([command[0], "-c", str(started.postfix.folders.config), *command[1:]],
                              check=True, capture_output=True, text=True)  # fmt: skip
        assert done.stderr == ""
    assert "warning" not in started.postfix.log()


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_every_place_that_a_sample_names_is_moved(recipe: Recipe) -> None:
    for text in recipe.files().values():
        lines = [line for line in moved(text, Path("/x")).splitlines() if not line.startswith("#")]
        named = re.findall(r"(?<![\w./~])/(?!x/)\w[\w./-]*", "\n".join(lines))
        assert [path for path in named if path not in {"/Maildir/"}] == []


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_no_setting_stands_twice_in_main_cf(recipe: Recipe) -> None:
    main_cf = recipe.files()["/etc/postfix/main.cf"]
    assert len(re.findall(r"^\w+ *=", main_cf, flags=re.MULTILINE)) == len(names_set(main_cf))


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_bynames_settings_are_valid(recipe: Recipe, tmp_path: Path) -> None:
    for installed, text in recipe.files().items():
        if installed.endswith(".toml"):
            path = moved_path(installed, tmp_path)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    settings = load(moved_path("/etc/byname/byname.toml", tmp_path), {})
    assert settings.delivery == ("milter" if recipe.name == "virtual" else "agent")
    assert settings.milter.inbound == "unix:/var/spool/postfix/byname/inbound.sock"


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_the_commands_of_the_readme_install_the_recipe(recipe: Recipe, tmp_path: Path) -> None:
    samples = Path(conf.__file__).parent
    commands = re.findall(r"^    ((?:mkdir|cat|cp) .*)$", (samples / "README.md").read_text(), flags=re.MULTILINE)
    others = {"dovecot-userdb", "virtual"} - {recipe.name}
    script = "\n".join(line for line in commands if not any(f"/{other}/" in line for other in others))
    for folder in ("postfix", "dovecot"):
        (tmp_path / "etc" / folder).mkdir(parents=True)
    script = f"recipe={recipe.name}\n{script}".replace("/etc/", f"{tmp_path}/etc/")
    subprocess.run(["bash", "-euc", script], cwd=samples, check=True)
    installed = {f"/{path.relative_to(tmp_path)}": path for path in tmp_path.rglob("*") if path.is_file()}
    assert {place: path.read_text() for place, path in installed.items()} == recipe.files()
