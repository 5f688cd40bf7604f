"""How all tests start Byname's processes, and where their files are."""

import gc
import tempfile
from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher

from byname.sandbox import processes
from store import passwords
from tests.forking.client import FORKS
from tests.temporary import use_memory

use_memory()


def pytest_report_header() -> str:
    """Say where the files are."""
    return f"temporary folders: {tempfile.gettempdir()}"


def pytest_collection_finish() -> None:
    """Leave out of garbage collections what stays to the end anyway, modules and some thousand tests.

    And look through all of the rest less often: that was an eighth of the CPU time of the workers.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*gc.get_threshold()[:2], 100)


@pytest.fixture(scope="session", autouse=True)
def quick_hashes() -> Iterator[PasswordHasher]:
    """Hash passwords quickly; yield what Byname hashes with otherwise. Hashes of either kind are verified by both."""
    usual = passwords.hasher
    passwords.hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    yield usual
    passwords.hasher = usual


@pytest.fixture
def usual_hashes(quick_hashes: PasswordHasher, monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that are about the hashes."""
    monkeypatch.setattr(passwords, "hasher", quick_hashes)


@pytest.fixture(scope="session", autouse=True)
def fork_server() -> Iterator[None]:
    """Start ``byname`` by forking, wherever it is started by :func:`byname.sandbox.processes.launch`."""
    processes.launch = FORKS.start
    yield
    processes.launch = processes.start_program
    FORKS.stop()
