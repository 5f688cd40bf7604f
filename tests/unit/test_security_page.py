"""docs/security.md: every requirement of ASVS 5.0, levels 1 and 2, has its row; each test that is named is there."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "security.md").read_text()
CHAPTERS = PAGE.split("## OWASP ASVS")[1]
ROWS = re.findall(r"^\| (\d[\d., ]*?) \| (.*?) ?\| ([^|]+) \|$", CHAPTERS, re.MULTILINE)
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE)))

# The requirements of levels 1 and 2 by section, OWASP ASVS 5.0.0: how many come first, for those of level 3 stand last.
_OF_SECTION = {
    "1.1": 2, "1.2": 9, "1.3": 11, "1.4": 3, "1.5": 2, "2.1": 3, "2.2": 3, "2.3": 4, "2.4": 1,
    "3.2": 2, "3.3": 4, "3.4": 6, "3.5": 5, "3.7": 2, "4.1": 3, "4.2": 1, "4.3": 2, "4.4": 4,
    "5.1": 1, "5.2": 3, "5.3": 2, "5.4": 3, "6.1": 3, "6.2": 11, "6.3": 3, "6.4": 4, "6.5": 5, "6.6": 3, "6.8": 4,
    "7.1": 3, "7.2": 4, "7.3": 2, "7.4": 5, "7.5": 2, "7.6": 2, "8.1": 2, "8.2": 3, "8.3": 1, "8.4": 1,
    "11.1": 2, "11.2": 3, "11.3": 3, "11.4": 4, "11.5": 1, "11.6": 1, "12.1": 3, "12.2": 2, "12.3": 4,
    "13.1": 1, "13.2": 5, "13.3": 2, "13.4": 5, "14.1": 2, "14.2": 4, "14.3": 3,
    "15.1": 3, "15.2": 3, "15.3": 7, "16.1": 1, "16.2": 5, "16.3": 4, "16.4": 3, "16.5": 3,
}  # fmt: skip
NOT_OURS = ["9", "10", "17"]  # chapters as a whole


def test_every_requirement_has_one_row() -> None:
    listed = [number for numbers, _, _ in ROWS for number in numbers.split(", ")]
    asked = [f"{section}.{number}" for section, count in _OF_SECTION.items() for number in range(1, count + 1)]
    assert sorted(listed) == sorted(asked + NOT_OURS)


def test_each_test_that_is_named_is_there() -> None:
    absent = [
        f"{file}::{name}"
        for file, name in NAMED
        if not re.search(rf"^def {name}\(", (TESTS / file).read_text(), re.MULTILINE)
    ]
    assert absent == []
    assert len(NAMED) > 100


def test_each_row_names_a_test_or_says_why_not() -> None:
    words = re.findall(r"^- \*([a-z/]+):\*", CHAPTERS, re.MULTILINE)
    assert words == ["page", "n/a", "operator", "choice", "open"]
    for numbers, _, held in ROWS:
        said, colon, why = held.partition(": ")
        assert re.match(r"`[\w/]+\.py::\w+`", held) or (said in words and colon and why), numbers
