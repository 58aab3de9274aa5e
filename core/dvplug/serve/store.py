"""All state of the service: one SQLite file, of which every change is one transaction.

What a run is doing is never kept in memory alone, so that a service that is killed knows at its next start what to go
on with. A change of state names the states it may come from: of two that would take a run, one does.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from pathlib import Path
from typing import Any

from dvplug.errors import InputError


class State(str, Enum):
    """What a run is at."""

    CHECKING = "checking"
    QUEUED = "queued"
    FETCHING = "fetching"
    CALLING = "calling"
    DELIVERING = "delivering"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REFUSED = "refused"


FINISHED = frozenset({State.DONE, State.FAILED, State.CANCELLED, State.REFUSED})
ACTIVE = frozenset({State.FETCHING, State.CALLING, State.DELIVERING})
"""States of runs that take one of the places for runs."""
WAITING = frozenset({State.CHECKING, State.QUEUED})


@dataclass(frozen=True)
class Run:
    """A run, as it was when it was read. Times are seconds since 1970.

    Attributes
    ----------
    run_id, owner, interface
        Its id; the name of whose token it was submitted with, empty without; ``plain``, ``nvidia`` or ``wes``.
    request
        The `RunRequest`, as JSON. Its URLs may hold secrets: `RunRequest` of an answer is masked.
    original
        What a client of another interface sent, as it wants it back.
    problems
        Why it failed or was refused.
    pid
        Of its child process; it is that only while the run's lock is held, see `RunChild`.
    recognised
        The technology that was recognised, and why; empty before that.
    """

    id: str
    owner: str
    interface: str
    state: State
    request: dict[str, Any]
    created: float
    original: dict[str, Any] = field(default_factory=dict)
    problems: list[dict[str, str]] = field(default_factory=list)
    queued: float | None = None
    started: float | None = None
    ended: float | None = None
    attempts: int = 0
    cancel: bool = False
    exit_code: int | None = None
    pid: int | None = None
    recognised: str = ""
    progress: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    number: int = 0


_JSON = {"request", "original", "problems", "progress", "tags"}
_COLUMNS = [one.name for one in fields(Run) if one.name != "number"]
_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, owner TEXT NOT NULL, interface TEXT NOT NULL,
    state TEXT NOT NULL, request TEXT NOT NULL, created REAL NOT NULL, original TEXT NOT NULL, problems TEXT NOT NULL,
    queued REAL, started REAL, ended REAL, attempts INTEGER NOT NULL, cancel INTEGER NOT NULL, exit_code INTEGER,
    pid INTEGER, recognised TEXT NOT NULL, progress TEXT NOT NULL, tags TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS runs_of_state ON runs (state, number);
CREATE INDEX IF NOT EXISTS runs_of_owner ON runs (owner, number);
"""
_VERSION = 1


class Store:
    """The runs. Its methods may be called by any thread; each takes well under a millisecond but for the disk's own."""

    def __init__(self, path: Path) -> None:
        """Open the file, or make it; raises InputError where it is no such file, or of a newer version."""
        self._lock = threading.Lock()
        try:
            self._base = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._base.row_factory = sqlite3.Row
            self._base.execute("PRAGMA journal_mode=WAL")
            self._base.execute("PRAGMA synchronous=NORMAL")
            version = self._base.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, _VERSION):
                raise sqlite3.DatabaseError(f"its version is {version}, and not {_VERSION}")
            self._base.executescript(_SCHEMA)
            self._base.execute(f"PRAGMA user_version={_VERSION}")
        except sqlite3.Error as error:
            raise InputError(
                f"The state in {path} cannot be used",
                cause=str(error),
                repair="Make room on its disk if that is full; or use the dvplug that wrote it, or move the file away "
                "to begin anew.",
            ) from error
        path.chmod(0o600)  # requests have URLs that open things

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._base.close()

    def add(self, run: Run) -> Run:
        """Keep a new run; it is on the disk when this returns, and outlives a power cut.

        Changes of state need not: a step that a power cut takes back is done again.
        """
        values = [_kept(name, getattr(run, name)) for name in _COLUMNS]
        marks = ", ".join("?" * len(_COLUMNS))
        with self._lock:
            self._base.execute("PRAGMA synchronous=FULL")
            try:
                self._base.execute(f"INSERT INTO runs ({', '.join(_COLUMNS)}) VALUES ({marks})", values)
            finally:
                self._base.execute("PRAGMA synchronous=NORMAL")
        found = self.get(run.id)
        assert found is not None
        return found

    def get(self, run_id: str) -> Run | None:
        """The run of this id, if there is one."""
        return next(iter(self._select("WHERE id = ?", [run_id])), None)

    def newest(
        self,
        *,
        owner: str | None = None,
        states: Collection[State] = (),
        before: int | None = None,
        limit: int = 50,
    ) -> list[Run]:
        """Runs, newest first: of an owner, in these states, with numbers below one."""
        where, values = _where(owner, states)
        if before is not None:
            where.append("number < ?")
            values.append(before)
        clause = f"WHERE {' AND '.join(where)} " if where else ""
        return self._select(f"{clause}ORDER BY number DESC LIMIT ?", [*values, limit])

    def oldest(self, states: Collection[State], *, limit: int = -1) -> list[Run]:
        """Runs in these states, in the order in which they were submitted."""
        where, values = _where(None, states)
        return self._select(f"WHERE {where[0]} ORDER BY number LIMIT ?", [*values, limit])

    def change(self, run_id: str, come_from: Iterable[State], **changed: Any) -> Run | None:
        """Change a run that is in one of these states; returns it as it is then, or None where it is in none."""
        states = list(come_from)
        values = [_kept(name, value) for name, value in changed.items()]
        sets = ", ".join(f"{name} = ?" for name in changed)
        marks = ", ".join("?" * len(states))
        with self._lock:
            done = self._base.execute(
                f"UPDATE runs SET {sets} WHERE id = ? AND state IN ({marks})",
                [*values, run_id, *(one.value for one in states)],
            ).rowcount
        return self.get(run_id) if done else None

    def take(self, run_id: str) -> Run | None:
        """Begin a run that waits; None where another did, or it is to be cancelled."""
        return self.change(run_id, {State.QUEUED}, state=State.FETCHING, started=now())

    def keep_progress(self, run_id: str, progress: dict[str, Any]) -> None:
        """Keep what a finished run did."""
        self.change(run_id, FINISHED, progress=progress)

    def first_of_owners(self, state: State) -> list[Run]:
        """The run in this state that each owner submitted first."""
        return self._select(
            "WHERE number IN (SELECT min(number) FROM runs WHERE state = ? GROUP BY owner)", [state.value]
        )

    def remove(self, run_id: str) -> bool:
        """Forget a finished run; returns whether there was one."""
        marks = ", ".join("?" * len(FINISHED))
        with self._lock:
            done = self._base.execute(
                f"DELETE FROM runs WHERE id = ? AND state IN ({marks})",
                [run_id, *(one.value for one in FINISHED)],
            ).rowcount
        return bool(done)

    def counts(self, owner: str | None = None) -> dict[State, int]:
        """How many runs are in each state; of an owner, or of all."""
        where, values = _where(owner, ())
        clause = f"WHERE {where[0]} " if where else ""
        with self._lock:
            rows = self._base.execute(
                f"SELECT state, count(*) FROM runs {clause}GROUP BY state", values
            ).fetchall()
        return dict.fromkeys(State, 0) | {State(state): count for state, count in rows}

    def ended_before(self, moment: float) -> list[Run]:
        """Finished runs that ended before a moment."""
        where, values = _where(None, FINISHED)
        return self._select(f"WHERE {where[0]} AND coalesce(ended, created) < ?", [*values, moment])

    def _select(self, clause: str, values: list[Any]) -> list[Run]:
        with self._lock:
            rows = self._base.execute(f"SELECT * FROM runs {clause}", values).fetchall()
        return [_run(row) for row in rows]


def _where(owner: str | None, states: Collection[State]) -> tuple[list[str], list[Any]]:
    where, values = [], list[Any]()
    if states:
        where.append(f"state IN ({', '.join('?' * len(states))})")
        values += [one.value for one in states]
    if owner is not None:
        where.append("owner = ?")
        values.append(owner)
    return where, values


def _kept(name: str, value: Any) -> Any:
    if name in _JSON:
        return json.dumps(value, separators=(",", ":"))
    return value.value if isinstance(value, State) else value


def _run(row: Mapping[str, Any]) -> Run:
    values = {name: row[name] for name in ("number", *_COLUMNS)}
    values |= {name: json.loads(values[name]) for name in _JSON}
    return Run(**values | {"state": State(values["state"]), "cancel": bool(values["cancel"])})


def now() -> float:
    """Seconds since 1970."""
    return time.time()
