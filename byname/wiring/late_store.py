"""The store of a daemon that has a cache: opened once it serves, or when it is first asked.

What SQL needs (SQLAlchemy, the tables, the driver) takes as long to import as all the rest of such a daemon, and as
long as the cache is fresh nobody asks for it. So mail is answered after half the time, and the store is there soon
after.
"""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self

from byname.collector import seldom_collecting, settle
from conf.problems import ConfigError
from routing.address import Address
from routing.directory import Directory, LookupFailed
from routing.records import HostedDomain
from store.errors import StoreNotReady

if TYPE_CHECKING:
    from store.sql.database import Database

_TICK = 0.05  # seconds between looks whether the daemon serves


class LateStore:
    """A :class:`routing.directory.Directory` over a store that is yet to be opened; a context manager; thread-safe.

    Where there turns out to be no such store, or one of another version, the daemon is told to end (SIGTERM), and the
    end of the context raises StoreNotReady, as it would have at the start (ConfigError where the settings were broken
    meanwhile). What is asked until then has no evidence.
    """

    def __init__(self, opened: Callable[[], AbstractContextManager["Database"]], *, at_once: bool = False) -> None:
        """``opened`` opens the store and looks at its version; ``at_once``: first of all, as without a cache."""
        self._opened = opened
        self._at_once = at_once
        self._stack = ExitStack()
        self._opening = threading.Lock()
        self._directory: Directory | None = None
        self._failure: StoreNotReady | ConfigError | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._open_soon, name="late-store", daemon=True)

    def lookup(self, wanted: Collection[Address]) -> Mapping[str, HostedDomain]:
        """Answer from the store, once it is open.

        Raises:
            LookupFailed: it is none, or does not answer.
        """
        return self._open().lookup(wanted)

    def _open(self) -> Directory:
        with self._opening:
            if self._failure is not None:
                raise LookupFailed(str(self._failure)) from self._failure
            if self._directory is None:
                self._directory = self._first_opened()
            return self._directory

    def _first_opened(self) -> Directory:
        try:
            with seldom_collecting():
                directory = self._directory_in_store()
        except (StoreNotReady, ConfigError) as error:
            self._failure = error
            os.kill(os.getpid(), signal.SIGTERM)
            raise LookupFailed(str(error)) from error
        settle()
        return directory

    def _directory_in_store(self) -> Directory:
        from store.sql.directory import SqlDirectory

        return SqlDirectory(self._stack.enter_context(self._opened()))

    def _open_soon(self) -> None:
        while not self._ended.wait(_TICK):
            if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
                continue  # it does not serve yet, and would only get there later
            with contextlib.suppress(LookupFailed):  # then it ends, and says why
                self._open()
            return

    def __enter__(self) -> Self:
        """Begin. Raises StoreNotReady where it is opened at once."""
        if self._at_once:
            self._directory = self._directory_in_store()
        else:
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        if not self._at_once:
            self._thread.join()
        self._stack.close()
        if self._failure is not None:
            raise self._failure
