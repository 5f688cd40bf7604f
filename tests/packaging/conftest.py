"""What `make test-deb` says: the package to try. Without it only what takes no machine is tried."""

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of ``make test-deb``."""
    group = parser.getgroup("deb")
    group.addoption("--deb", type=Path, help="the package to install in a machine that boots")
    group.addoption("--previous-deb", type=Path, help="the package to upgrade from; default: the same, as an older one")
    group.addoption("--site-root", type=Path, help="the root that the machine is a copy of")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out what boots a machine when no package is given."""
    boots = collection_path.name == "test_machine.py"
    return True if boots and config.getoption("--deb", None) is None else None
