"""The contract pages against the code: decision tables, settings and exit codes."""

import re
from pathlib import Path

import pytest

from byname.exits import ExitCode
from conf.settings import Settings
from routing.replies import REPLIES
from store.services.plans import PLANS, TRIAL_LIMIT

DOCS = Path(__file__).parents[2] / "docs"
TABLES, SETTINGS, COMMAND_LINE = ((DOCS / f"{name}.md").read_text() for name in ("design", "settings", "command-line"))
SHOWN = re.findall(r"\b([45]\d\d) ([45]\.\d\.\d+)\s+`([a-z-]+)`", TABLES)  # code, enhanced status code, slug


@pytest.mark.parametrize(("code", "enhanced", "slug"), SHOWN)
def test_a_reply_of_the_decision_tables_is_that_of_the_code(code: str, enhanced: str, slug: str) -> None:
    assert REPLIES[slug][:2] == (int(code), enhanced)


def test_every_reply_stands_there() -> None:
    assert {slug for _, _, slug in SHOWN} == REPLIES.keys()


def test_the_plans() -> None:
    assert re.findall(r"^\| (\w+) \| (\d+) \|$", TABLES, re.MULTILINE) == [
        (plan, str(limit)) for plan, limit in PLANS.items()
    ]
    assert f"at most {TRIAL_LIMIT} until its first payment" in TABLES


def test_every_setting_and_its_default() -> None:
    section, found = "", {}
    for named, key, default in re.findall(r"^\| (?:`\[(\w+)\]`)? ?\| `(\w+)` \| (.+?) \|", SETTINGS, re.MULTILINE):
        section = named or section
        found[f"{section}.{key}"] = default
    expected = {name: _shown(value) for name, value in Settings().shown().items()}
    chosen_by_rule = {"routing.delivery", "dns.nameservers"}
    assert found.keys() == expected.keys()
    assert {name: found[name] for name in expected.keys() - chosen_by_rule} == {
        name: expected[name] for name in expected.keys() - chosen_by_rule
    }


def test_the_exit_codes() -> None:
    assert re.findall(r"^\| (\d+) \|", COMMAND_LINE, re.MULTILINE) == [str(code.value) for code in ExitCode]


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(f"`{item}`" for item in value) or "none"
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, int) else f"`{value}`"
