"""The other release is another one indeed, or there is none."""

from pathlib import Path

import pytest

from store.wire_format import layout
from tests.faults.release import make_release, replace


def test_it_is_another_one(tmp_path: Path) -> None:
    made = make_release(tmp_path / "other", has_tables=True)  # which asks it
    assert made.lease_key != layout.LEASE_KEY
    assert layout.PREFIX not in (made.folder / "store/relay/operations.lua").read_text()


@pytest.mark.parametrize("content", ["FORMAT = 33", "FORMAT = 3\nFORMAT = 3\n", ""])
def test_a_place_that_is_not_the_only_one(tmp_path: Path, content: str) -> None:
    file = tmp_path / "layout.py"
    file.write_text(content)
    with pytest.raises(AssertionError, match=r"layout.py has 'FORMAT = 3\\n' in [02] places, not in one"):
        replace(file, "FORMAT = 3\n", "FORMAT = 4\n")
    assert file.read_text() == content
