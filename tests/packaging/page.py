"""The lines of docs/install.md, as a machine runs them."""

from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "install.md"


def parts() -> dict[str, list[str]]:
    """Return the shell lines between the page's marks, by the heading above them."""
    _, _, rest = PAGE.read_text("utf-8").partition("<!-- install: a test runs these lines -->")
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
