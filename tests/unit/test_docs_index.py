"""docs/README.md lists every page, and every link of a page leads to a file, and to a heading where it names one."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [*sorted(DOCS.glob("*.md")), *sorted(ROOT.glob("*.md")), ROOT / "conf" / "README.md"]
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def test_every_page_is_in_the_index() -> None:
    listed = {link for link in _LINK.findall((DOCS / "README.md").read_text()) if "/" not in link}
    assert listed == {page.name for page in DOCS.glob("*.md")} - {"README.md"}


def test_every_man_page_is_in_the_index() -> None:
    named = set(re.findall(r"\b(byname[a-z.-]*)\((\d)\)", (DOCS / "README.md").read_text()))
    assert {f"{name}.{section}" for name, section in named} == {page.name for page in (DOCS / "man").iterdir()}


def test_links_lead_somewhere() -> None:
    wrong = []
    for page in PAGES:
        for link in _LINK.findall(page.read_text()):
            target, _, heading = link.partition("#")
            there = page.parent / target if target else page
            if ":" not in target and not (there.exists() and (not heading or heading in headings(there))):
                wrong.append(f"{page.name}: {link}")
    assert wrong == []


def headings(page: Path) -> set[str]:
    """Return the headings of a page as links name them: in lower case, hyphens for blanks, nothing but words else."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
