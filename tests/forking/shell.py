"""Lines of a page in a real shell, where ``byname`` is a fork: a start of its own takes most of a second."""

import os
import subprocess
import sys
from pathlib import Path

from tests.forking import command
from tests.forking.client import FORKS

_BYNAME = 'byname() { "$PYTHON" -I -S "$FORKED" "$FORKS" --config "$CONFIG" "$@"; }\n'


def run_lines(script: str, *, folder: Path, config: Path, preamble: str) -> "subprocess.CompletedProcess[str]":
    """Run a script with bash, which ends with the first error.

    Args:
        script: the lines as they stand on the page.
        folder: where the shell begins.
        config: Byname's settings file.
        preamble: functions in place of programs that only a whole machine has.
    """
    control = FORKS.control().fileno()
    environ = {"PYTHON": sys.executable, "FORKED": command.__file__, "FORKS": str(control), "CONFIG": str(config)}
    return subprocess.run(
        ["bash", "-c", f"set -euo pipefail\n{_BYNAME}{preamble}{script}"],
        cwd=folder,
        env=os.environ | environ,
        pass_fds=[control],
        capture_output=True,
        text=True,
        check=False,
    )
