"""Named migrations in order. sqlite-utils, a third of a second to load, is loaded only when one is to be done."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_utils import Database

Step = Callable[["Database"], None]


class Migrations:
    """A set of them; `@migrations()` above a function adds it under its name."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._steps: dict[str, Step] = {}

    def __call__(self) -> Callable[[Step], Step]:
        def added(step: Step) -> Step:
            assert step.__name__ not in self._steps, f"two migrations are called {step.__name__}"
            self._steps[step.__name__] = step
            return step

        return added

    @property
    def names(self) -> list[str]:
        return list(self._steps)

    def apply(self, conn: sqlite3.Connection, *, stop_before: str = "") -> None:
        """Do what this database lacks, each in a transaction with the record of it."""
        if self._steps.keys() <= self._done(conn):
            return
        import sqlite_utils

        known = sqlite_utils.Migrations(self._name)
        for step in self._steps.values():
            known()(step)
        known.apply(sqlite_utils.Database(conn), stop_before=stop_before or None)

    def _done(self, conn: sqlite3.Connection) -> set[str]:
        """As sqlite-utils keeps it."""
        sought = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '_sqlite_migrations'"
        if conn.execute(sought).fetchone() is None:
            return set()
        found = conn.execute("SELECT name FROM _sqlite_migrations WHERE migration_set = ?", (self._name,))
        return {row[0] for row in found}
