"""How all tests start Byname's processes, and where their files are."""

import tempfile
from collections.abc import Iterator

import pytest

from byname.sandbox import processes
from tests.forking.client import FORKS
from tests.temporary import use_memory

use_memory()


def pytest_report_header() -> str:
    """Say where the files are."""
    return f"temporary folders: {tempfile.gettempdir()}"


@pytest.fixture(scope="session", autouse=True)
def fork_server() -> Iterator[None]:
    """Start ``byname`` by forking, wherever it is started by :func:`byname.sandbox.processes.launch`."""
    processes.launch = FORKS.start
    yield
    processes.launch = processes.start_program
    FORKS.stop()
