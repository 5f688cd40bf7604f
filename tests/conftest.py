"""How all tests start Byname's processes."""

from collections.abc import Iterator

import pytest

from byname.sandbox import processes
from tests.forking.client import FORKS


@pytest.fixture(scope="session", autouse=True)
def fork_server() -> Iterator[None]:
    """Start ``byname`` by forking, wherever it is started by :func:`byname.sandbox.processes.launch`."""
    processes.launch = FORKS.start
    yield
    processes.launch = processes.start_program
    FORKS.stop()
