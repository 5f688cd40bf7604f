"""The file of hosted domains when something goes wrong: the old one stays, and the state says so."""

import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from conf.map_file import MapFile, read_list, write_list
from edges.map_file.exporter import Exporter
from edges.map_file.postmap import Postmap
from store.services import accounts, domains, map_files
from store.sql.database import Database
from store.unit_of_work.map_files import wait_for_files
from tests.mail.postmap_config import postmap_config
from tests.store.cli.command_line import run_here
from tests.store.new_store import make_store


class Kept:
    """A store with one domain, and a file beside it."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.folder, self.database_file = folder, folder / "byname.db"
        make_store(self.url)
        self.database = Database.open(self.url)
        self.place = MapFile(kind, folder / "maps" / "domains")
        self.place.path.parent.mkdir()
        with self.database.write() as tx:
            accounts.create(tx, "brands", "starter")
        self.add("one.test")

    @property
    def url(self) -> str:
        return f"sqlite:///{self.database_file}"

    def exporter(self) -> Exporter:
        return Exporter(self.database, self.place, "here", settled=0)

    def add(self, *names: str) -> None:
        with self.database.write() as tx:
            for name in names:
                domains.add(tx, name, account="brands", verified=True)

    @property
    def keys(self) -> set[str] | None:
        return Postmap(self.place).keys()

    @property
    def state(self) -> tuple[bool, str | None]:
        with self.database.read() as tx:
            (found,) = map_files.list_all(tx)
        return found.in_step, found.problem


@pytest.fixture(autouse=True)
def config(needs_root: None, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL_CONFIG", str(postmap_config(folder / "etc")))


@pytest.fixture(params=["lmdb", "cdb"])
def kept(folder: Path, request: pytest.FixtureRequest) -> Iterator[Kept]:
    made = Kept(folder, request.param)
    with closing(made.database):
        yield made


def test_whatever_an_earlier_writer_left_is_put_right(kept: Kept) -> None:
    """Killed in the middle of a change, or of a new file; somebody else's file; none; one that is damaged."""
    assert kept.exporter().step()
    assert (kept.keys, kept.state) == ({"one.test"}, (True, None))
    assert list(kept.place.path.parent.glob(".*")) == []
    kept.add("xn--bcher-kva.test")
    wanted = {"one.test", "xn--bcher-kva.test", "bücher.test"}
    Postmap(kept.place).replace(["one.test", "stranger.test"])
    kept.place.path.with_name(f".domains.new.{kept.place.kind}").write_text("half")
    write_list(kept.place, ["one.test"], {})
    for spoil in (lambda: None, kept.place.file.unlink, lambda: kept.place.file.write_text("damaged")):
        spoil()
        exporter = kept.exporter()
        assert exporter.step(), exporter.health()
        assert (kept.keys, kept.state) == (wanted, (True, None))
    hosted, left = read_list(kept.place)
    assert (set(hosted), set(left)) == (wanted, {"stranger.test"})


def test_the_old_file_stays_while_the_store_is_away(kept: Kept) -> None:
    exporter = kept.exporter()
    assert exporter.step()
    away = kept.database_file.with_suffix(".away")
    kept.database.close()
    kept.database_file.rename(away)
    assert not exporter.step()
    assert "the store does not say" in exporter.health()["map-file"]
    assert kept.keys == {"one.test"}
    away.rename(kept.database_file)
    assert exporter.step()
    assert exporter.health() == {"map-file": "in step"}


def test_a_full_disk_costs_no_mail(kept: Kept) -> None:
    at = kept.place.path.parent
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "byname-test", at], check=True)
    try:
        exporter = kept.exporter()
        assert exporter.step()
        filler = at / "filler"
        with pytest.raises(OSError, match="No space"):
            filler.write_bytes(b"x" * 1_000_000)
        kept.add(*(f"{number}.{'.'.join(['x' * 60] * 3)}.test" for number in range(40)))
        assert not exporter.step()
        assert "No space left" in exporter.health()["map-file"]
        in_step, problem = kept.state
        assert not in_step
        assert "No space left" in str(problem)
        assert kept.keys == {"one.test"}
        assert wait_for_files(kept.database, 2, timeout=0) == "pending"
        filler.unlink()
        assert exporter.step()
        assert (len(kept.keys or ()), kept.state) == (41, (True, None))
    finally:
        subprocess.run(["umount", at], check=True)


def test_settings_that_cannot_be_followed(folder: Path) -> None:
    config = folder / "byname.toml"
    make_store(f"sqlite:///{folder}/byname.db")
    (folder / "maps").mkdir()
    for export, environ, rule in (
        ("hash:/x", "", "maps.export: must be lmdb: or cdb: and the absolute path of a file without its ending"),
        (f"lmdb:{folder}/none/domains", "", f"maps.export: there is no folder {folder}/none"),
        ("lmdb:/proc/byname", "", "maps.export: the folder /proc cannot be written"),
        (f"lmdb:{folder}/maps/domains", "meta_directory = /none\n", "install postfix-lmdb"),
        (f"cdb:{folder}/maps/domains", "no such line\n", "Postfix cannot be asked which files it knows"),
    ):
        postmap_config(folder / "etc", environ)
        config.write_text(
            f'[store]\nurl = "sqlite:///{folder}/byname.db"\n[maps]\nlisten = "unix:{folder}/m.sock"\n'
            f'export = "{export}"\n'
        )
        done = run_here(config, "maps")
        assert (done.code, rule in done.err) == (78, True), done.err
        assert not (folder / "m.sock").exists()
