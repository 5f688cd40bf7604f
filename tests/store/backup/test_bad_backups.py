"""Files that are no backup, or none for this Byname, change nothing; a full disk leaves nothing behind."""

import io
import json
import os
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from store.sql.database import Database
from tests.store.backup.site import Site


@pytest.fixture
def backup(sqlite_database: Database, sqlite_url: str, tmp_path: Path) -> tuple[Site, Path]:
    site = Site(sqlite_database, sqlite_url, tmp_path)
    return site, site.backed_up()


def _rewritten(file: Path, **changes: object) -> None:
    """Write the backup anew with another manifest."""
    with tarfile.open(file) as tar:
        parts = {member.name: tar.extractfile(member).read() for member in tar.getmembers()}  # type: ignore[union-attr]
    parts["manifest.json"] = json.dumps(json.loads(parts["manifest.json"]) | changes).encode()
    with tarfile.open(file, "w") as tar:
        for name, content in parts.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


def _flipped(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[20_000] ^= 1
    file.write_bytes(content)


def _not_a_database(file: Path) -> None:
    from hashlib import sha256

    content = b"no database" * 1000
    with tarfile.open(file) as tar:
        manifest = json.loads(tar.extractfile("manifest.json").read())  # type: ignore[union-attr]
    manifest |= {"size": len(content), "sha256": sha256(content).hexdigest()}
    with tarfile.open(file, "w") as tar:
        for name, part in (("byname.db", content), ("manifest.json", json.dumps(manifest).encode())):
            info = tarfile.TarInfo(name)
            info.size = len(part)
            tar.addfile(info, io.BytesIO(part))


BAD: list[tuple[Callable[[Path], object], str]] = [
    (lambda file: file.write_bytes(b""), "it is no backup of Byname's, or only a part of one"),
    (lambda file: file.write_bytes(b"x" * 5000), "it is no backup of Byname's, or only a part of one"),
    (lambda file: file.write_bytes(file.read_bytes()[:50_000]), "it is no backup of Byname's, or only a part of one"),
    (_flipped, "what it holds is not what its manifest says: it is damaged"),
    (_not_a_database, "the database in it is damaged"),
    (lambda file: _rewritten(file, sha256="0" * 64), "what it holds is not what its manifest says: it is damaged"),
    (lambda file: _rewritten(file, size="1"), "its manifest is damaged"),
    (lambda file: _rewritten(file, format=2), "its format is 2, and this Byname knows format 1 only"),
    (lambda file: _rewritten(file, more=1), "its manifest has other fields than one of this format"),
    (lambda file: _rewritten(file, revision="0008"), "its database is of another revision than its manifest says"),
    (lambda file: _rewritten(file, revision="9999"), "this Byname is older than the backup; install the newer version"),
    (lambda file: _rewritten(file, database="oracle"), "a kind of database that Byname does not know: 'oracle'"),
    (
        lambda file: _rewritten(file, database="postgresql"),
        "it is of a store in postgresql, and store.url names one in sqlite",
    ),
]


@pytest.mark.parametrize(("spoil", "message"), BAD, ids=[str(number) for number in range(len(BAD))])
def test_refused(backup: tuple[Site, Path], spoil: Callable[[Path], object], message: str) -> None:
    site, file = backup
    spoil(file)
    before = site.contents()
    done = site("restore", file, "--replace")
    assert (done.code, done.out) == (65, "")
    assert done.err.startswith(f"byname: bad-backup: {file}: ")
    assert message in done.err
    assert site.contents() == before
    assert [path.name for path in Path(site.url.removeprefix("sqlite:///")).parent.glob(".byname-*")] == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk with room for one copy of the store, not for two."""
    if os.geteuid():
        pytest.skip("needs root: a disk is mounted")
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "byname-test", place], check=True)
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def test_a_full_disk(backup: tuple[Site, Path], small_disk: Path) -> None:
    site, _ = backup
    old = small_disk / "byname.tar"
    old.write_bytes(b"the one before")
    done = site("backup", old)
    assert (done.code, done.out) == (75, "")
    assert done.err == f"byname: system-error: {small_disk}: the disk is full; nothing was left behind\n"
    assert [(path.name, path.read_bytes()) for path in small_disk.iterdir()] == [("byname.tar", b"the one before")]


def test_a_damaged_store_is_not_backed_up(backup: tuple[Site, Path]) -> None:
    site, _ = backup
    site.database.close()
    place = Path(site.url.removeprefix("sqlite:///"))
    content = bytearray(place.read_bytes())
    content[8192:12288] = b"\xff" * 4096
    place.write_bytes(content)
    file = site.folder / "new.tar"
    done = site("backup", file)
    assert done.code in {65, 75}
    assert "damaged" in done.err
    assert not file.exists()
