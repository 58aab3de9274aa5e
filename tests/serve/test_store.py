"""The state of the service: a run is taken once, and what was answered for is there after a kill."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dvplug.errors import InputError
from dvplug.serve.store import FINISHED, Run, State, Store


def _run(name: str, owner: str = "", state: State = State.QUEUED) -> Run:
    return Run(name, owner, "plain", state, {"reads": [name]}, 1.0, tags={"a": "ü"})


def test_a_run_comes_back_as_it_was(tmp_path: Path) -> None:
    store = Store(tmp_path / "state")
    added = store.add(_run("one"))
    store.close()
    again = Store(tmp_path / "state").get("one")
    assert again == added
    assert again is not None
    assert (again.request, again.tags, again.number) == ({"reads": ["one"]}, {"a": "ü"}, 1)
    assert (tmp_path / "state").stat().st_mode & 0o077 == 0


def test_of_many_that_would_take_a_run_one_does(tmp_path: Path) -> None:
    store = Store(tmp_path / "state")
    for n in range(20):
        store.add(_run(str(n)))
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda n: store.take(str(n % 20)), range(160)))
    assert sum(one is not None for one in taken) == 20


def test_a_change_names_the_states_that_it_may_come_from(tmp_path: Path) -> None:
    store = Store(tmp_path / "state")
    store.add(_run("one"))
    assert store.change("one", FINISHED, state=State.QUEUED) is None
    assert store.change("other", {State.QUEUED}, state=State.DONE) is None
    assert not store.remove("one")
    changed = store.change("one", {State.QUEUED}, state=State.DONE, problems=[{"problem": "x"}], exit_code=2)
    assert changed is not None
    assert (changed.state, changed.problems, changed.exit_code) == (State.DONE, [{"problem": "x"}], 2)
    assert store.remove("one")
    assert store.get("one") is None


def test_runs_are_found_by_owner_and_state_newest_first(tmp_path: Path) -> None:
    store = Store(tmp_path / "state")
    for n, owner in enumerate(["a", "b", "a", "b", "a"]):
        store.add(_run(str(n), owner, State.DONE if n == 2 else State.QUEUED))
    assert [one.id for one in store.newest(owner="a")] == ["4", "2", "0"]
    assert [one.id for one in store.newest(owner="a", states={State.QUEUED})] == ["4", "0"]
    assert [one.id for one in store.newest(before=3, limit=1)] == ["1"]
    assert [one.id for one in store.first_of_owners(State.QUEUED)] == ["0", "1"]
    assert store.counts()[State.QUEUED] == 4
    assert store.counts("b")[State.DONE] == 0


def test_a_file_that_is_none_or_of_another_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database " * 100)
    with pytest.raises(InputError, match="cannot be used: file is not a database"):
        Store(tmp_path / "text")
    base = sqlite3.connect(tmp_path / "newer")
    base.execute("PRAGMA user_version=99")
    base.commit()
    base.close()
    with pytest.raises(InputError, match="its version is 99"):
        Store(tmp_path / "newer")
