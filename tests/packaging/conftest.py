"""What `make test-deb` says: the package to try. Without it only what takes no machine is tried."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.packaging.machine import Machine, is_possible, machine

HERE = Path(__file__).parent


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of ``make test-deb``."""
    group = parser.getgroup("deb")
    group.addoption("--deb", type=Path, help="the package to install in a machine that boots")
    group.addoption("--previous-deb", type=Path, help="the package to upgrade from; default: the same, as an older one")
    group.addoption("--site-root", type=Path, help="the root that the machine is a copy of")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out what boots a machine when no package is given."""
    boots = collection_path.name.startswith("test_machine")
    return True if boots and config.getoption("--deb", None) is None else None


@pytest.fixture(scope="session")
def deb(request: pytest.FixtureRequest) -> Path:
    found: Path = request.config.getoption("--deb")
    return found.absolute()


@pytest.fixture(scope="session")
def box(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    missing = is_possible()
    assert missing is None, f"a machine that boots needs {missing}"
    made = request.config.getoption("--site-root").absolute()
    with machine(made, tmp_path_factory.mktemp("machine")) as booted:
        booted.run((HERE / "existing_site.sh").read_text())
        yield booted


@pytest.fixture(scope="session")
def previous(request: pytest.FixtureRequest, deb: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release before: a true one where it is given, else this one under a lower number and with another setting."""
    given: Path | None = request.config.getoption("--previous-deb")
    if given is not None:
        return given.absolute()
    folder = tmp_path_factory.mktemp("previous")
    subprocess.run(["dpkg-deb", "--raw-extract", deb, folder / "tree"], check=True)
    control = folder / "tree/DEBIAN/control"
    control.write_text(re.sub(r"(?m)^Version: .*$", "Version: 0.0.1", control.read_text()))
    settings = folder / "tree/etc/byname/byname.toml"
    settings.write_text("# of the release before\n" + settings.read_text())
    built = folder / "byname_0.0.1.deb"
    command = ["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", str(folder / "tree"), str(built)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return built
