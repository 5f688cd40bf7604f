"""The sample configuration is valid as it is, complete, and tells the true defaults."""

import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from conf.settings import Settings, load

TEXT = (files("conf") / "byname.example.toml").read_text("utf-8")
OFF_BY_DEFAULT = re.compile(r"^#(?=\w+ = )", re.MULTILINE)  # "#key = value", where "# text" is a comment


def load_text(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "byname.toml"
    path.write_text(text)
    return load(path, {})


def test_it_loads_as_it_is_and_changes_nothing(tmp_path: Path) -> None:
    assert load_text(tmp_path, TEXT) == Settings()


def test_what_is_off_by_default_is_valid_when_switched_on(tmp_path: Path) -> None:
    key = tmp_path / "trace.key"
    key.write_text(32 * "k")
    text = OFF_BY_DEFAULT.sub("", TEXT).replace("/etc/byname/trace.key", str(key))
    for name in ("sending.key", "sent-copy.password", "filters.password"):
        text = text.replace(f"/etc/byname/{name}", str(key))
    settings = load_text(tmp_path, text)
    switched_on = {name for name, value in settings.shown(changed_only=True).items() if value is not None}
    assert switched_on == {name for name, value in Settings().shown().items() if value is None}


def blocks() -> Iterator[tuple[str, str]]:
    """Yield each ``section.key`` with the comment above it, which may stand for several keys."""
    for section, body in re.findall(r"^\[(\w+)\]\n(.*?)(?=^\[|\Z)", TEXT, re.MULTILINE | re.DOTALL):
        for comment, keys in re.findall(r"((?:^# .*\n)+)((?:^#?\w+ = .*\n)+)", body, re.MULTILINE):
            for key in re.findall(r"^#?(\w+?)(?:_file)? = ", keys, re.MULTILINE):
                yield f"{section}.{key}", comment


def test_every_setting_has_its_line_and_a_comment() -> None:
    assert sorted(name for name, _ in blocks()) == sorted(Settings().shown())
