"""Schema revisions: which one a database has, and whether this version of Byname can work with it."""

from collections.abc import Sequence

from sqlalchemy import Connection, inspect, text

from store.errors import StoreNotReady

# Every revision in store/migrations/versions, oldest first; the last is the one this version works with. Kept here so
# that a daemon need not load Alembic to check; a test compares the two.
REVISIONS = (
    "0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", "0010", "0011", "0012", "0013", "0014",
    "0015", "0016", "0017", "0018",
)  # fmt: skip


def read_revision(connection: Connection) -> str | None:
    """Return the revision of a database, None when it was never migrated."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def require_current(found: str | None, known: Sequence[str] = REVISIONS) -> None:
    """Raise StoreNotReady unless ``found`` is the last of the ``known`` revisions; the message says what to do."""
    if found is None:
        raise StoreNotReady("the database has no tables yet; run: byname db upgrade")
    if found not in known:
        raise StoreNotReady(
            f"the database is at revision {found!a}, which this Byname does not know: this Byname is older than the"
            " database; install the newer version"
        )
    if found != known[-1]:
        raise StoreNotReady(f"the database is at revision {found}, older than {known[-1]}; run: byname db upgrade")
