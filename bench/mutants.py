"""``make mutants``: how many small mistakes in the sender guard the unit tests notice.

mutmut makes one mistake at a time in a copy of the tree, below ``mutants/``, and runs the tests against it. Exit code
1 when the tests notice fewer than nine of ten. docs/sender-guard.md says why the survivors may live.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

_STATISTICS = Path("mutants/mutmut-cicd-stats.json")
_NOTICED = ("killed", "timeout", "suspicious", "segfault")
_ENOUGH = 0.9


def main() -> int:
    """Run mutmut, print the survivors and the share of mistakes that were noticed."""
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("--processes", type=int, default=2, help="at a time (default: %(default)s)")
    parser.add_argument("--show", action="store_true", help="show the survivors as patches")
    options = parser.parse_args()
    subprocess.run([*_mutmut("run"), "--max-children", str(options.processes)], check=True)
    subprocess.run(_mutmut("export-cicd-stats"), check=True, stdout=subprocess.DEVNULL)
    for name in _survivors():
        print(name)
        if options.show:
            subprocess.run([*_mutmut("show"), name], check=True)
    share = _share_noticed(json.loads(_STATISTICS.read_text("utf-8")))
    print(f"noticed: {share:.1%}")
    return 0 if share >= _ENOUGH else 1


def _mutmut(command: str) -> list[str]:
    return [sys.executable, "-m", "mutmut", command]


def _survivors() -> list[str]:
    listed = subprocess.run(_mutmut("results"), check=True, capture_output=True, text=True).stdout
    return [line.split(":")[0].strip() for line in listed.splitlines() if line.endswith(": survived")]


def _share_noticed(counts: dict[str, int]) -> float:
    noticed = sum(counts[kind] for kind in _NOTICED)
    return noticed / counts["total"]


if __name__ == "__main__":
    sys.exit(main())
