"""PostgreSQL's programs: the right version, and no password on a command line or in a message."""

import stat
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import make_url

from store.backup import pg_programs
from store.errors import StoreNotReady
from store.sql.database import Database
from tests.store.backup.site import Site


def test_the_place_goes_by_a_private_file_and_the_password_by_the_environment() -> None:
    url = make_url("postgresql://byname:s3%20cr%40t@db.test:5433/names?sslmode=require&options=-cgeqo%3Doff")
    with pg_programs.environment(url) as environ:
        place = Path(environ["PGSERVICEFILE"])
        assert place.read_text().splitlines() == [
            "[byname]", "host=db.test", "dbname=names", "user=byname", "port=5433", "sslmode=require",
            "options=-cgeqo=off",
        ]  # fmt: skip
        assert stat.S_IMODE(place.stat().st_mode) == 0o600
        assert environ["PGPASSWORD"] == "s3 cr@t"
    assert not place.exists()


def test_several_servers() -> None:
    url = make_url("postgresql://byname@/names?host=10.77.0.11:5432&host=10.77.0.12:5433&target_session_attrs=primary")
    with pg_programs.environment(url) as environ:
        assert sorted(Path(environ["PGSERVICEFILE"]).read_text().splitlines()) == [
            "[byname]", "dbname=names", "host=10.77.0.11,10.77.0.12", "port=5432,5433", "target_session_attrs=primary",
            "user=byname",
        ]  # fmt: skip


def test_a_backup_from_one_of_several_servers(postgres_url: str, tmp_path: Path) -> None:
    folder = make_url(postgres_url).query["host"]
    url = f"{postgres_url.partition('?')[0]}?host=127.0.0.1:1&host={folder}:5432"
    with closing(Database.open(url)) as database:
        done = Site(database, url, tmp_path)("backup", tmp_path / "a.tar")
    assert done.code == 0, done.err


def test_a_line_break_adds_no_setting() -> None:
    with pytest.raises(StoreNotReady, match="line break"), pg_programs.environment(make_url("postgresql://a%0Ab@/c")):
        pass


def test_too_old() -> None:
    with pytest.raises(StoreNotReady, match=r"pg_dump of PostgreSQL 99 or newer is needed, .* postgresql-client-99"):
        pg_programs.program("pg_dump", 99)


def test_failures_tell_no_secret(postgres_url: str, tmp_path: Path) -> None:
    """Nobody listens there; and a program that fails is told by its own words without the place."""
    url = "postgresql://byname:s3cret@127.0.0.1:1/names"
    with closing(Database.open(url)) as database:
        done = Site(database, url, tmp_path)("backup", tmp_path / "a.tar")
    assert done.code == 75
    assert done.err == "byname: unavailable: the database cannot be reached\n"
    program = pg_programs.program("pg_dump", 1)
    with pg_programs.environment(make_url(url)) as environ:  # noqa: SIM117 - the second one raises
        with pytest.raises(Exception, match=r"^the database cannot be reached$"):
            with pg_programs.output([program, "--no-password"], environ) as stream:
                stream.read()
    with pg_programs.environment(make_url(postgres_url)) as environ:  # noqa: SIM117
        with pytest.raises(Exception, match="pg_dump could not finish: pg_dump: error: no matching tables"):
            with pg_programs.output([program, "--table=nothing"], environ) as stream:
                stream.read()
