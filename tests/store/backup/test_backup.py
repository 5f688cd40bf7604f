"""``byname backup`` and ``byname restore`` over each kind of database: all that was there comes back, and no more."""

import json
import os
import stat
import tarfile
import threading
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select

from store.backup import archive, sqlite
from store.clock import utc_now
from store.migrations import migrate
from store.services import aliases
from store.sql.outbox import read_clock
from store.sql.tables import AddressRow, MailboxRow, MessageRow, SessionRow
from tests.store.backup.site import Site


def test_there_and_back(site: Site) -> None:
    before, log = site.contents(["audit_log"]), site.actions()
    file = site.backed_up()
    site.add("later@brand-b.com")
    with site.database.write() as tx:
        aliases.remove(tx, "sales@brand-b.com")
    assert site.contents(["audit_log"]) != before
    site.restored(file)
    assert site.contents(["audit_log"]) == before
    assert site.actions() == [*log, "store.restore"]
    assert site("db", "check").code == 0


def test_into_an_empty_store(site: Site, spare: Site) -> None:
    """As on a new machine: there are not even tables."""
    before = site.contents(["audit_log"])
    done = spare("restore", site.backed_up(), "--json")
    assert (done.code, done.err, done.data["cache"]) == (0, "", None)
    assert spare.contents(["audit_log"]) == before
    assert migrate.schema_drift(spare.url) == []


def test_a_full_store_is_replaced_only_when_told(site: Site) -> None:
    file = site.backed_up()
    site.add("later@brand-b.com")
    before = site.contents()
    refused = site("restore", file)
    assert (refused.code, refused.out) == (65, "")
    assert refused.err == (
        "byname: confirmation-required: the store is not empty: a restore replaces all that is in it\n"
        "byname: hint: make a backup of it, then say --replace\n"
    )
    assert site.contents() == before


def test_the_file_is_private_and_opens_without_byname(site: Site) -> None:
    before = os.umask(0)
    try:
        file = site.backed_up()
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in site.folder.iterdir() if "backup" in path.name] == ["backup.tar"]
    with tarfile.open(file) as tar:
        data, manifest = tar.getmembers()
        assert {data.mode, manifest.mode} == {0o600}
        content = tar.extractfile(manifest)
        assert content is not None
        told = json.load(content)
    assert data.name == archive.data_name(told["database"])
    assert (told["format"], told["revision"], told["size"]) == (1, migrate.revision(site.url), data.size)


def test_what_must_not_act_again(site: Site) -> None:
    """Sessions, and messages of which nobody can tell whether they were sent since."""
    with site.database.write() as tx:
        john = tx.scalars(select(MailboxRow.id).order_by(MailboxRow.id)).first()
        now = utc_now()
        tx.execute(insert(SessionRow).values(sha256="a" * 64, mailbox_id=john, csrf="c", created_at=now, seen_at=now))
        message = {
            "mailbox_id": john,
            "sender": "john@brand-a.com",
            "login": "john@brand-a.com",
            "message_id": "<1@brand-a.com>",
            "recipients": "[]",
            "content": b"mail",
            "size": 4,
            "due_at": now,
        }
        tx.execute(insert(MessageRow).values(**message))
    site.restored(site.backed_up())
    with site.database.read() as tx:
        assert tx.scalar(select(func.count()).select_from(SessionRow)) == 0
        found = tx.execute(select(MessageRow.state, MessageRow.due_at, MessageRow.content)).one()
    assert tuple(found) == ("unknown", None, None)


def test_another_epoch_and_no_id_twice(site: Site) -> None:
    file = site.backed_up()
    site.add("a@brand-b.com", "b@brand-b.com")
    with site.database.read() as tx:
        clock, highest = read_clock(tx), tx.scalar(select(func.max(AddressRow.id)))
    site.restored(file)
    site.add("c@brand-b.com")
    with site.database.read() as tx:
        now, newest = read_clock(tx), tx.scalar(select(func.max(AddressRow.id)))
    assert clock
    assert now
    assert now.epoch != clock.epoch
    assert now.version > clock.version
    assert (newest or 0) > (highest or 0)


def test_a_copy_of_one_moment(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names come and go in pairs while backups are made; none holds half a pair."""
    monkeypatch.setattr(sqlite, "PAGES", 3)
    ended, made = threading.Event(), 0

    def write() -> None:
        nonlocal made
        while not ended.is_set():
            made += 1
            pair = f"left{made}@brand-b.com", f"right{made}@brand-b.com"
            site.add(*pair)
            if made % 2:
                with site.database.write() as tx:
                    for name in pair:
                        aliases.remove(tx, name)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        file = [site.backed_up(f"{number}.tar") for number in range(2)][-1]
    finally:
        ended.set()
        writer.join()
    assert made
    site.restored(file)
    names = site.names()
    assert {name[4:] for name in names if name.startswith("left")} == {
        name[5:] for name in names if name.startswith("right")
    }


def test_only_the_newest_are_kept(site: Site) -> None:
    folder = site.folder / "kept"
    folder.mkdir()
    for name in ("byname-20250101T000000Z.tar", "byname-20260101T000000Z.tar", "another.tar", "byname-1.tar"):
        (folder / name).touch()
    done = site("backup", folder, "--keep", "2", "--json")
    assert done.code == 0
    assert done.data["removed"] == [str(folder / "byname-20250101T000000Z.tar")]
    newest = Path(done.data["file"]).name
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        ["another.tar", "byname-1.tar", "byname-20260101T000000Z.tar", newest]
    )
    assert "removed" not in site("backup", folder).out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ["backup", "FOLDER/no/such.tar"],
            65,
            "byname: bad-backup: FOLDER/no: there is no such folder; create it first",
        ),
        (["backup", "FOLDER/a.tar", "--keep", "3"], 2, "--keep needs a folder"),
        (["restore", "FOLDER/no.tar"], 75, "byname: system-error: FOLDER/no.tar: No such file or directory"),
    ],
)
def test_refused(site: Site, arguments: list[str], code: int, message: str) -> None:
    done = site(*(word.replace("FOLDER", str(site.folder)) for word in arguments))
    assert (done.code, done.out) == (code, "")
    assert message.replace("FOLDER", str(site.folder)) in done.err


def test_a_store_without_tables(spare: Site) -> None:
    if spare.kind == "sqlite":
        Path(spare.url.removeprefix("sqlite:///")).touch()
    done = spare("backup", spare.folder / "a.tar")
    assert (done.code, list(spare.folder.glob("*.tar"))) == (78, [])
    assert "run: byname db upgrade" in done.err
