"""The layout that the owner fixed, and what would break it."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path, PurePath

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = [
    "admin_api",
    "bench",
    "byname",
    "conf",
    "edges",
    "milter/byname_milter",
    "routing",
    "store",
    "systemd",
    "tests",
]
PACKAGES = {"admin_api", "byname", "byname_milter", "conf", "edges", "routing", "store"}


def ours() -> list[PurePath]:
    """Return the files that are, or would be, committed."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    return [PurePath(name) for name in listed.split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_fixed_folders_stand_at_the_top(folder: str) -> None:
    assert any(path.is_relative_to(folder) for path in ours()), f"{folder}/ holds no file, so a clone would lack it"


def test_nothing_shadows_pymilter() -> None:
    assert not (ROOT / "milter" / "__init__.py").exists()
    assert not (ROOT / "tests" / "milter").exists()


def test_pymilter_can_be_imported_from_the_root() -> None:
    code = "import Milter, milter; print(milter.__file__)"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    assert not Path(found.strip()).is_relative_to(ROOT / "milter")


def test_no_folder_of_tests_is_a_package() -> None:
    """With pytest's importlib mode an ``__init__.py`` would make equal file names collide with packages of ours."""
    assert not list((ROOT / "tests").rglob("__init__.py"))


def built(folder: Path, umask: int = 0o022) -> Path:
    """Return a wheel that was built of the tree into a folder."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    environ = os.environ | {"SOURCE_DATE_EPOCH": "1700000000"}
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True, env=environ, umask=umask)
    (wheel,) = folder.glob("*.whl")
    return wheel


def test_a_wheel_that_is_built_twice_is_the_same(tmp_path: Path) -> None:
    first, second = built(tmp_path / "a"), built(tmp_path / "b", umask=0o077)
    assert first.name == second.name
    assert first.read_bytes() == second.read_bytes()
    assert {entry.date_time[:3] for entry in zipfile.ZipFile(first).infolist()} == {(2023, 11, 14)}


def test_the_wheel_holds_our_packages_and_their_data_and_nothing_else(tmp_path: Path) -> None:
    names = zipfile.ZipFile(built(tmp_path)).namelist()
    tops = {PurePath(name).parts[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == PACKAGES
    assert {
        "conf/byname.example.toml",
        "store/migrations/env.py",
        "admin_api/dashboard/frame/static/style/1-base.css",
    } <= set(names)
    assert not [name for name in names if "__pycache__" in name]


# Addresses of package registries and paths of the machines that Byname is written on. The brackets keep these
# patterns from finding themselves.
FORBIDDEN = [
    r"https?://[^ \"]*(?:/[s]imple|/[-]/|/[p]ackages/)",
    r"[p]ypi\.org|[p]ythonhosted|[r]egistry\.npmjs",
    r"(?:--[i]ndex-url|--[e]xtra-index-url|\"[r]esolved\":)",
    r"(?<![\w.])/(?:[w]ork|[r]oot|[f]arm)/",
]


@pytest.mark.parametrize("pattern", FORBIDDEN)
def test_no_file_names_a_registry_or_a_machine(pattern: str) -> None:
    found = [
        f"{path}:{number}: {line.strip()[:80]}"
        for path in ours()
        for number, line in enumerate((ROOT / path).read_text("utf-8", errors="replace").splitlines(), 1)
        if re.search(pattern, line)
    ]
    assert found == []
