"""Secrets: in the settings or in a file of their own, and never shown."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from conf.settings import ConfigError, Settings, load

Load = Callable[..., Settings]
KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "byname.toml"


@pytest.fixture
def load_text(file: Path) -> Load:
    def load_it(text: str, environ: Mapping[str, str] | None = None) -> Settings:
        file.write_text(text)
        return load(file, environ or {})

    return load_it


def problems(loading: Callable[[], Settings]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loading()
    return str(caught.value).splitlines()


def secret_file(folder: Path, text: str, mode: int = 0o640) -> Path:
    path = folder / "secret"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_secret_may_stand_in_a_file(tmp_path: Path, load_text: Load) -> None:
    path = secret_file(tmp_path, f"{KEY}\n")
    settings = load_text(f"[trace]\nkey_file = '{path}'\n")
    assert settings.trace.key == KEY
    assert settings.warnings == ()


def test_a_secret_that_anybody_can_read_is_a_warning(tmp_path: Path, load_text: Load) -> None:
    path = secret_file(tmp_path, "postgresql://u:hush@h/d", mode=0o644)
    settings = load_text("", {"BYNAME_STORE__URL_FILE": str(path)})
    assert settings.store.url == "postgresql://u:hush@h/d"
    assert settings.warnings == (f"{path}: any user can read this secret; chmod o= is right",)


def test_either_form_of_a_secret_overrides_the_other_of_an_earlier_source(tmp_path: Path, load_text: Load) -> None:
    path = secret_file(tmp_path, "postgresql://file/")
    assert load_text("[store]\nurl_file = '/none'\n", {"BYNAME_STORE__URL": "postgresql://e/"}).store.url.endswith(
        "/e/"
    )
    assert load_text("[store]\nurl = 'postgresql://f/'\n", {"BYNAME_STORE__URL_FILE": str(path)}).store.url.endswith(
        "/file/"
    )


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("missing", "{path} cannot be read: No such file or directory"),
        ("folder", "{path} cannot be read: Is a directory"),
        ("binary", "{path} cannot be read: it is not text"),
        ("empty", "{path} is empty"),
        ("short", "must have at least 32 characters"),
    ],
)
def test_a_bad_secret_file_is_named(tmp_path: Path, load_text: Load, file: Path, name: str, line: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "short").write_text("hush")
    path = tmp_path / name
    found = problems(lambda: load_text(f"[trace]\nkey_file = '{path}'\n"))
    assert found == [f"{file}: trace.key_file: {line.format(path=path)}"]


@pytest.mark.parametrize("value", ["'relative/key'", "7", "''"])
def test_a_secret_file_is_an_absolute_path(load_text: Load, file: Path, value: str) -> None:
    found = problems(lambda: load_text(f"[trace]\nkey_file = {value}\n"))
    assert found == [f"{file}: trace.key_file: must be the absolute path of a file"]


@pytest.mark.parametrize(
    ("variable", "text", "shown"),
    [
        ("BYNAME_STORE__URL", "postgresql://u:hush@h/d", "postgresql://u:***@h/d"),
        ("BYNAME_STORE__URL", "postgresql://u:hu@sh/hush@h:5432/d", "postgresql://u:***@h:5432/d"),
        ("BYNAME_STORE__URL", "postgresql:///d?user=u&password=hush&x=1", "postgresql:///d?user=u&password=***&x=1"),
        ("BYNAME_STORE__URL", "postgresql://u@h/d", "postgresql://u@h/d"),
        ("BYNAME_CACHE__URL", "redis://:hush@h", "redis://:***@h"),
        ("BYNAME_TRACE__KEY", "hush" * 8, "***"),
    ],
)
def test_secrets_are_masked_and_in_no_repr(load_text: Load, variable: str, text: str, shown: str) -> None:
    settings = load_text("", {variable: text})
    assert list(settings.shown(changed_only=True).values()) == [shown]
    assert "hush" not in repr(settings)
