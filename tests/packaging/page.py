"""The lines of the pages, as a machine runs them."""

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def parts() -> dict[str, list[str]]:
    """Return the shell lines of docs/install.md between the page's marks, by the heading above them."""
    _, _, rest = (DOCS / "install.md").read_text("utf-8").partition("<!-- install: a test runs these lines -->")
    text, end, _ = rest.partition("<!-- install: end -->")
    assert end
    found: dict[str, list[str]] = {}
    heading = "1. The package"
    for line in text.splitlines():
        if line.startswith("## "):
            heading = line.removeprefix("## ")
        elif line.startswith("    "):
            found.setdefault(heading, []).append(line.strip())
    return found


def marked(page: str, name: str) -> list[str]:
    """Return the shell lines between the marks of that name, of those parts that only a machine runs."""
    (text,) = re.findall(
        rf"<!-- {name}: make test-deb runs these lines -->\n(.*?)<!-- {name}: end -->",
        (DOCS / page).read_text(),
        re.DOTALL,
    )
    return [line.strip() for line in text.splitlines() if line.startswith("    ")]
