"""The context of one run of ``byname``: the options before the command, and what commands open with them."""

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from byname.output import complain, warn

if TYPE_CHECKING:  # heavy, and --help needs none of it
    from conf.settings import Settings
    from store.cache.propagation import Propagation
    from store.sql.database import Database, Transaction
    from store.sql.tenant import Acting


@dataclass(slots=True)
class CliContext:
    """The context of one run: the options that stand for all commands, kept as Typer's context object."""

    config: Path | None = None
    as_json: bool = False
    outcome: dict[str, object] = field(default_factory=dict)  # what a change has to say beside its record

    def settings(self) -> "Settings":
        """Read the settings.

        Raises:
            ConfigError: they are wrong; the message names file, key and rule.
        """
        from conf.settings import load

        return load(self.config)

    @contextmanager
    def database(self, *, may_be_silent: bool = False, may_be_missing: bool = False) -> Iterator["Database"]:
        """Open the store for the length of a block, once it is known to be one of this version.

        ``may_be_silent``: a database that does not answer only causes a warning, because decisions over it are 451.
        ``may_be_missing``: so is one that is gone or of another version, because the cache may answer.

        Raises:
            StoreNotReady: it is missing, or of another version; the message says what to run.
            StoreUnavailable: it does not answer.
        """
        from byname import wiring
        from store.errors import StoreNotReady, StoreUnavailable

        tolerated = (*([StoreUnavailable] if may_be_silent else []), *([StoreNotReady] if may_be_missing else []))
        database = wiring.open_database(self.settings())
        try:
            try:
                database.check()
            except tolerated as error:
                warn(f"{error}; going on all the same")
            yield database
        finally:
            database.close()

    @contextmanager
    def changing(self) -> Iterator["Transaction"]:
        """Run a block in a transaction on the store. Wait then until the cache holds the change, where
        there is one, and the files of mail servers: at most 1 s each.

        Raises:
            StoreNotReady, StoreUnavailable: as :meth:`database`.
        """
        from store.unit_of_work.idempotency_lock import IdempotencyLock
        from store.unit_of_work.unit import UnitOfWork

        with self.database() as database:
            unit = UnitOfWork(database, acting(), partial(self._wait, database), IdempotencyLock())
            with unit.begin() as transaction:
                yield transaction
            self._tell(unit.propagation())

    def wait_for_cache(self, database: "Database", version: int | None) -> None:
        """With a cache, wait at most 1 s until it holds the change of that version, and report whether it does."""
        self._tell(self._wait(database, version))

    def _wait(self, database: "Database", version: int | None) -> "Propagation":
        url = self.settings().cache.url
        if url is None:
            return "live"
        from byname.wiring.cache import propagation

        return propagation(url, database, version)

    def _tell(self, found: "Propagation") -> None:
        """Say where a change is; without a cache only what is not usual: a mail server's file does not hold it yet."""
        if found == "live" and self.settings().cache.url is None:
            return
        self.outcome["propagation"] = found
        if not self.as_json:
            complain(f"byname: propagation: {found}")

    def system_names(self) -> frozenset[str]:
        """Return the local parts that this site keeps for itself."""
        return frozenset(self.settings().routing.system_addresses)


def acting() -> "Acting":
    """Return who runs this, as the audit log calls them; the command line acts on every account."""
    from store.sql.tenant import Acting

    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = str(os.getuid())
    return Acting(actor=f"command line ({name})")


def of(context: typer.Context) -> CliContext:
    """Return the run that ``context`` belongs to."""
    return cast("CliContext", context.obj)


def _remember_json(context: typer.Context, value: bool) -> bool:
    """Return whether ``--json`` was given, here or before the command."""
    run = of(context)
    run.as_json = run.as_json or value
    return run.as_json


JsonOption = Annotated[
    bool, typer.Option("--json", help="Print JSON for scripts.", callback=_remember_json, is_eager=True)
]
