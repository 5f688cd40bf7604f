"""The manifest of a backup: what is in it, who made it, and how to know that it is whole."""

import json
import re
from dataclasses import asdict, dataclass

from store.errors import BadBackup
from store.sql.revisions import REVISIONS

FORMAT = 1
SQLITE, POSTGRESQL = "sqlite", "postgresql"
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What stands in ``manifest.json``."""

    format: int  # of the backup
    byname: str  # version of the Byname that made it
    revision: str  # of the schema
    database: str  # "sqlite" or "postgresql"
    made_at: str  # RFC 3339, UTC
    size: int  # of the data, in bytes
    sha256: str  # of the data, hexadecimal
    tool: int | None = None  # major version of the pg_dump that wrote it


def to_json(manifest: Manifest) -> bytes:
    """Return the manifest as it stands in a backup."""
    return json.dumps(asdict(manifest), indent=2).encode() + b"\n"


def from_json(text: bytes) -> Manifest:
    """Read a manifest and hold it against what this Byname can restore.

    Raises:
        BadBackup: it is damaged, of another format, or from a newer Byname; the message says which.
    """
    try:
        found = json.loads(text)
    except ValueError:
        raise BadBackup("its manifest cannot be read") from None
    number = found.get("format") if isinstance(found, dict) else None
    if number != FORMAT:
        raise BadBackup(f"its format is {number!a}, and this Byname knows format {FORMAT} only")
    try:
        manifest = Manifest(**found)
    except TypeError:
        raise BadBackup("its manifest has other fields than one of this format") from None
    _check(manifest)
    return manifest


def _check(manifest: Manifest) -> None:
    if not _SHA256.fullmatch(str(manifest.sha256)) or not isinstance(manifest.size, int):
        raise BadBackup("its manifest is damaged")
    if manifest.database not in {SQLITE, POSTGRESQL}:
        raise BadBackup(f"it is of a kind of database that Byname does not know: {manifest.database!a}")
    if manifest.revision not in REVISIONS:
        raise BadBackup(
            f"it was made by Byname {manifest.byname} at revision {manifest.revision!a}, which this Byname does not"
            " know: this Byname is older than the backup; install the newer version"
        )
