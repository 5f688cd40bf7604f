"""The locks are in step with pyproject.toml and tie every package to hashes. No network is asked."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
ASKED = {
    "requirements.txt": PROJECT["project"]["dependencies"],
    "requirements-dev.txt": PROJECT["dependency-groups"]["dev"],
}
PINNED = re.compile(
    r"(?P<name>[a-z0-9-]+)==(?P<version>[a-z0-9.]+)(?: ; [^\\]+)?(?P<hashes>(?: --hash=sha256:[0-9a-f]{64})+)"
)


def pins(lock: str) -> dict[str, Version]:
    """Return name and version of every line of a lock; each must be a version with hashes and nothing else."""
    found = {}
    for line in (ROOT / lock).read_text("utf-8").replace(" \\\n   ", "").splitlines():
        pin = PINNED.fullmatch(line)
        assert pin, f"{lock}: not a version with hashes: {line[:80]}"
        found[pin["name"]] = Version(pin["version"])
    return found


@pytest.mark.parametrize("lock", sorted(ASKED))
def test_every_dependency_is_locked_at_a_version_that_it_asks_for(lock: str) -> None:
    locked = pins(lock)
    for requirement in map(Requirement, ASKED[lock]):
        assert locked[canonicalize_name(requirement.name)] in requirement.specifier, f"{requirement}: run `make lock`"


def test_the_locks_agree_where_they_overlap() -> None:
    run, dev = pins("requirements.txt"), pins("requirements-dev.txt")
    assert {name: dev[name] for name in run.keys() & dev.keys()} == {
        name: run[name] for name in run.keys() & dev.keys()
    }


@pytest.mark.parametrize("lock", sorted(ASKED))
def test_a_lock_names_no_registry(lock: str) -> None:
    assert not re.search(r"://|--(?:extra-)?index|--find-links", (ROOT / lock).read_text("utf-8"))
