"""What comments and pages cite: each page, numbered section and heading is there, and nothing else is cited."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SUFFIXES = {".py", ".pyi", ".lua", ".md", ".toml", ".cf", ".conf", ".service", ".timer", ".sql", ".ext", ".sieve", ".c"}
NOT_OURS = {"dist", "mutants", "__pycache__"}

_BREAK = re.compile(r"\s*\n\s*(?:#|--|\*|//)?\s*")  # between two lines of a comment, docstring or paragraph
_CITED = re.compile(r"(docs/[a-z-]+\.md)`?(?:, sections? (\d+)(?: (?:and|to) (\d+))?|, \"([^\"]+)\")?")
_BARE = re.compile(r"\b(?:DESIGN|FACTS)\b|\bAPI,? sections? \d|\bAPI\.md")  # pages that the repository does not have
_HEADING = re.compile(r"^#+ (?:(\d+)\. )?(.+)$", re.MULTILINE)


def texts(folder: Path) -> Iterator[Path]:
    """Yield the text files below ``folder``, without hidden ones and this one."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name in NOT_OURS:
            continue
        if path.is_dir():
            yield from texts(path)
        elif path.suffix in SUFFIXES and path != Path(__file__):
            yield path


def faults(text: str) -> list[str]:
    """Return the citations in ``text`` that lead nowhere."""
    joined = _BREAK.sub(" ", text)
    found = [f"{bare}: not a page of docs/" for bare in _BARE.findall(joined)]
    for page, first, last, heading in _CITED.findall(joined):
        path = ROOT / page
        if not path.is_file():
            found.append(page)
            continue
        known = {part for pair in _HEADING.findall(path.read_text()) for part in pair}
        found += [f"{page}: {wanted}" for wanted in (first, last, heading) if wanted and wanted not in known]
    return found


def test_what_is_cited_is_there() -> None:
    assert {str(path.relative_to(ROOT)): wrong for path in texts(ROOT) if (wrong := faults(path.read_text()))} == {}


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("docs/design.md", []),
        ("(docs/design.md, section 6)", []),
        ("docs/design.md, sections 6 and 7", []),
        ('`docs/facts.md`, "Milter and\n    # Postfix"', []),
        ('docs/facts.md, "From"', []),
        ("docs/none.md", ["docs/none.md"]),
        ("docs/design.md, section 10", ["docs/design.md: 10"]),
        ("docs/design.md,\n# sections 6 and 12", ["docs/design.md: 12"]),
        ('docs/facts.md, "Weather"', ["docs/facts.md: Weather"]),
        ("DESIGN section 3", ["DESIGN: not a page of docs/"]),
        ('FACTS, "From"', ["FACTS: not a page of docs/"]),
        ("(API, section 6)", ["API, section 6: not a page of docs/"]),
        ("API.md", ["API.md: not a page of docs/"]),
    ],
)
def test_what_is_found_wrong(text: str, wrong: list[str]) -> None:
    assert faults(text) == wrong


def test_the_pages_that_comments_cite_are_cited() -> None:
    """A walk that finds nothing would find nothing wrong."""
    cited = {page for path in texts(ROOT) for page, *_ in _CITED.findall(path.read_text())}
    assert {"docs/design.md", "docs/facts.md", "docs/api.md", "docs/settings.md", "docs/command-line.md"} <= cited
