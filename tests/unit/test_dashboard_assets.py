"""The style of the pages: what is written in several files is sent as one."""

import re
from collections import defaultdict
from pathlib import Path

STYLE = Path("admin_api/dashboard/frame/static/style")
# Classes of the shared files that a page's own file may say more about.
SHARED = {"heading", "made", "unit"}


def test_no_two_pages_give_a_class_two_meanings() -> None:
    """All files are sent together: a class of one page (6-, 7-) must not dress the elements of another."""
    files: defaultdict[str, set[str]] = defaultdict(set)
    for path in STYLE.glob("[67]-*.css"):
        rules = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
        for selectors in re.findall(r"([^{}]+)\{", rules):
            for name in re.findall(r"(?:^|,)\s*\.([a-z-]+)", selectors):
                files[name].add(path.name)
    assert {name: sorted(found) for name, found in files.items() if len(found) > 1 and name not in SHARED} == {}
