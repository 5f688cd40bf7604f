"""A main.cf for postmap(1) and postconf(1) where the machine has none."""

import os
from pathlib import Path


def postmap_config(folder: Path, more: str = "") -> Path:
    """Write one into a folder, for the variable MAIL_CONFIG; return the folder."""
    folder.mkdir(exist_ok=True)
    settings = folder / "main.cf"
    settings.write_text(f"compatibility_level = 3.6\n{more}")
    os.utime(settings, (1, 1))  # Postfix waits seconds for a file that has just changed to be complete
    return folder
