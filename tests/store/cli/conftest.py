"""The sample site of the command line, made once."""

from pathlib import Path

import pytest

from tests.store.cli.command_line import SAMPLE, CommandLine


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """To be copied, never changed."""
    command_line = CommandLine(tmp_path_factory.mktemp("sample"))
    command_line.succeed(*SAMPLE)
    return command_line


@pytest.fixture
def byname(sample: CommandLine, tmp_path: Path) -> CommandLine:
    """A copy of it, of a test's own."""
    return sample.copied_to(tmp_path)
