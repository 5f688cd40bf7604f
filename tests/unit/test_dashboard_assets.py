"""The style of the pages: what is written in several files is sent as one."""

import re
from collections import defaultdict
from pathlib import Path

STYLE = Path("admin_api/dashboard/frame/static/style")
# Classes of the shared files that a page's own file may say more about.
SHARED = {"heading", "made", "unit"}


def test_no_two_pages_give_a_class_two_meanings() -> None:
    """The files of single pages (6-, 7-) share one page in the end: a class of one must not dress another's elements."""
    files: defaultdict[str, set[str]] = defaultdict(set)
    for path in STYLE.glob("[67]-*.css"):
        rules = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
        for selectors in re.findall(r"([^{}]+)\{", rules):
            for name in re.findall(r"(?:^|,)\s*\.([a-z-]+)", selectors):
                files[name].add(path.name)
    assert {name: sorted(found) for name, found in files.items() if len(found) > 1 and name not in SHARED} == {}
