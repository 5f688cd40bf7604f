"""What ``byname setup`` has changed, kept beside main.cf: for each time both files as they were, and as they are since.

It lies with Postfix's settings, not with Byname's data: who may write it decides what root puts back.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from byname.setup.errors import SetupRefused
from byname.setup.files import Texts, replace

NAME = "byname-setup.json"


@dataclass(frozen=True, slots=True)
class Step:
    """One time that Postfix was changed."""

    when: str  # RFC 3339
    before: Texts
    after: Texts


def steps_in(folder: Path) -> list[Step]:
    """Return what was changed, the oldest first; nothing without a journal.

    Raises:
        SetupRefused: the journal is damaged.
        OSError: it cannot be read.
    """
    try:
        text = (folder / NAME).read_text("utf-8")
    except FileNotFoundError:
        return []
    try:
        return [Step(**step) for step in json.loads(text)["steps"]]
    except (ValueError, TypeError, KeyError):
        raise SetupRefused("journal-damaged", f"{folder / NAME} is damaged: what was changed is not known") from None


def keep(folder: Path, steps: list[Step]) -> None:
    """Write the journal anew; without steps it is removed. Raises OSError."""
    if steps:
        replace(folder / NAME, json.dumps({"steps": [asdict(step) for step in steps]}, indent=1) + "\n")
    else:
        (folder / NAME).unlink(missing_ok=True)
