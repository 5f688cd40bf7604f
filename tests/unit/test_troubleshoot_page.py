"""docs/troubleshoot.md and the table of ``byname doctor`` name the same checks, below the same symptoms."""

import re
from pathlib import Path

from byname.doctor.findings import Symptom
from byname.doctor.table import CHECKS

PAGE = (Path(__file__).parents[2] / "docs" / "troubleshoot.md").read_text("utf-8")


def sections() -> dict[str, set[str]]:
    """The checks in the first cells of the tables, by heading."""
    parts = (part.partition("\n") for part in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:])
    return {heading: set(re.findall(r"^\| `([a-z0-9-]+)` \|", text, re.MULTILINE)) for heading, _, text in parts}


def test_each_check_stands_below_its_symptoms_and_no_other() -> None:
    expected = {str(symptom): {check.name for check in CHECKS if symptom in check.symptoms} for symptom in Symptom}
    assert {heading: checks for heading, checks in sections().items() if checks} == expected


def test_no_check_has_two_rows_in_the_table() -> None:
    names = [check.name for check in CHECKS]
    assert len(names) == len(set(names))
    assert all(check.symptoms and check.means.endswith(".") for check in CHECKS)


def test_every_obstacle_of_setup_stands_on_the_page() -> None:
    code = (Path(__file__).parents[2] / "byname" / "setup" / "obstacles.py").read_text("utf-8")
    codes = set(re.findall(r'Obstacle\(\s*"([a-z-]+)"', code))
    assert codes
    assert {name for name in codes if f"`{name}`" not in PAGE} == set()
