"""``byname rule``, by the lines of docs/filters.md and beyond; and what ``byname alias`` says of rules."""

import shlex
from pathlib import Path

import pytest

from tests.store.cli.command_line import CommandLine

PAGE = Path(__file__).parents[3] / "docs" / "filters.md"
JOHN, SALES = "john@brand-a.com", "sales@brand-b.com"
SITE = (
    "db upgrade",
    "account create acme --plan starter",
    "domain add brand-a.com --account acme --verified",
    "domain add brand-b.com --account acme --verified",
    f"mailbox add {JOHN} --generate-password",
    "mailbox add mary@brand-a.com --generate-password",
    f"alias add {SALES} {JOHN}",
)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    made = CommandLine(tmp_path_factory.mktemp("site"))
    made.succeed(*SITE)
    return made


@pytest.fixture
def byname(empty: CommandLine, tmp_path: Path) -> CommandLine:
    return empty.copied_to(tmp_path)


def page_lines() -> list[str]:
    _, _, rest = PAGE.read_text().partition("<!-- rules: a test runs these lines -->")
    text, end, _ = rest.partition("<!-- rules: end -->")
    assert end
    return text.replace("\\\n", " ").strip().splitlines()


def test_the_lines_of_the_page(byname: CommandLine) -> None:
    printed = ""
    for line in page_lines():
        said, _, command = line.rpartition(" | ")
        stdin = shlex.split(said)[1].encode().decode("unicode_escape").encode() if said else b""
        finished = byname(*shlex.split(command)[1:], stdin=stdin)
        assert finished.code == 0, (line, finished)
        printed += finished.out
    assert "header:List-Id contains news or subject starts [news]  move Lists/News, mark read, stop" in printed
    assert "# rule:[Lists]" in printed
    assert 'fileinto :create "Lists.News";' in printed
    assert "# rule:[Press]" not in printed  # it was disabled
    assert "\nstore  Sales" in printed
    assert "actions: (move Lists/News) (mark read)" in byname("audit").out
    assert [rule["name"] for rule in byname("rule", "list", JOHN, "--json").data["data"]] == ["Lists", "Sales"]


def test_what_is_refused(byname: CommandLine) -> None:
    for options, says in (
        (
            ("--if", "size above 5M", "--then", "flag"),
            "the operator of condition 1 must be one of over, under for size",
        ),
        (("--if", "subject is x", "--then", "move a.b"), "must not hold ., which the mail store keeps"),
        (("--if", "subject is x", "--then", "forward x@outside.test"), "must be a mailbox or an alias"),
        (("--if", "subject is x"), "the actions must be one at least, unless the rule stops"),
    ):
        finished = byname("rule", "add", JOHN, "x", *options)
        assert (finished.code, says in finished.err) == (65, True), finished
    assert byname("rule", "set", JOHN, "1").code == 2
    assert byname("rule", "remove", JOHN, "1").code == 65
    assert byname("rule", "list", JOHN, "--json").data["data"] == []


def test_the_operator_lets_rules_out(byname: CommandLine) -> None:
    byname.configure('filters.forward = ["Outside.test"]', 'filters.separator = "/"')
    options = ("--if", "subject is x", "--then", "forward x@outside.test", "--then", "move a.b/c")
    assert byname("rule", "add", JOHN, "x", *options).code == 0
    assert 'fileinto :create "a.b/c";' in byname("rule", "preview", JOHN).out


def test_the_owners_word(byname: CommandLine) -> None:
    assert byname("rule", "take-over", JOHN, "--json").data["wanted_version"] == 1
    assert byname("rule", "give-back", JOHN).out.startswith("script: off: no mail server takes scripts here")


def test_an_alias_that_ends(byname: CommandLine) -> None:
    byname("rule", "add", JOHN, "Into Sales", "--if", f"delivered_to is {SALES}", "--then", "move Sales")
    byname("rule", "add", "mary@brand-a.com", "to John", "--if", "size over 1", "--then", f"forward {SALES}")
    said = [f"rule 1 (Into Sales) of {JOHN} names it", "rule 2 (to John) of mary@brand-a.com forwards to it"]
    assert "rule" not in byname("alias", "set", SALES, "--send").err
    for command in (("set", SALES, "--disable"), ("remove", SALES)):
        err = byname("alias", *command).err
        assert all(one in err for one in said)
    assert (
        "left out of the rule to John: the address must be a mailbox"
        in byname("rule", "preview", "mary@brand-a.com").err
    )
