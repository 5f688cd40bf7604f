"""The style of the pages: what is written in several files is sent as one."""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

STYLE = Path("admin_api/dashboard/frame/static/style")
# Classes of the shared files that a page's own file may say more about.
SHARED = {"heading", "made", "unit"}


def of_pages() -> Iterator[tuple[Path, str]]:
    """Return the selectors of each rule in the files of single pages."""
    for path in sorted(STYLE.glob("[67]-*.css")):
        rules = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
        for selectors in re.findall(r"([^{}]+)\{", rules):
            yield path, selectors


def test_no_page_says_how_an_element_looks_everywhere() -> None:
    """A field, say, is dressed in the shared files."""
    bare = r"(?:^|,)\s*((?:[a-z]+|::[a-z-]+)(?:\[[^]]*\]|::?[a-z-]+)*)\s*(?=,|$)"
    assert [(path.name, found) for path, selectors in of_pages() for found in re.findall(bare, selectors)] == []


def test_no_two_pages_give_a_class_two_meanings() -> None:
    """All files are sent together: a class of one page (6-, 7-) must not dress the elements of another."""
    files: defaultdict[str, set[str]] = defaultdict(set)
    for path, selectors in of_pages():
        for name in re.findall(r"(?:^|,)\s*\.([a-z-]+)", selectors):
            files[name].add(path.name)
    assert {name: sorted(found) for name, found in files.items() if len(found) > 1 and name not in SHARED} == {}
