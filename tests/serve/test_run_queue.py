"""The queue: who is at work, whenever it is woken."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from dvplug.serve.places import new_id
from dvplug.serve.run_life import RunLife
from dvplug.serve.service import Service
from dvplug.serve.settings import ServiceSettings
from dvplug.serve.store import FINISHED, Run, State, now
from helpers.loops import in_own_loop


@pytest.mark.parametrize("turns", range(8))
def test_a_run_that_begins_as_its_check_ends_is_known_to_be_at_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, turns: int
) -> None:
    """Another run's arrival may wake the queue at any turn of the loop."""

    async def check(life: RunLife) -> None:
        service.queue.wake()
        for _ in range(turns):
            await asyncio.sleep(0)
        life.run = service.store.change(life.run.id, {State.CHECKING}, state=State.QUEUED) or life.run

    async def live(life: RunLife) -> None:
        await asyncio.sleep(0.02)
        at_work.append(service.queue.lives.get(life.run.id) is life)
        life.run = service.store.change(life.run.id, {State.FETCHING}, state=State.DONE) or life.run

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, told: faults.append(told))
        run = service.store.add(Run(new_id(), "", "plain", State.CHECKING, {}, now()))
        await service.start()
        found: Run | None = run
        while found and found.state not in FINISHED:
            await asyncio.sleep(0.01)
            found = service.store.get(run.id)
        while service.queue.lives:
            await asyncio.sleep(0.01)
        await service.stop()

    monkeypatch.setattr(RunLife, "check", check)
    monkeypatch.setattr(RunLife, "live", live)
    at_work: list[bool] = []
    faults: list[dict[str, Any]] = []
    service = Service(ServiceSettings(tmp_path / "data", least_free=0))
    in_own_loop(asyncio.wait_for(main(), 60))
    assert at_work == [True]
    assert not faults


@pytest.mark.parametrize("step", ["check", "live"])
def test_a_run_that_a_fault_left_is_taken_up_again_and_not_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """As where the disk is so full that not even the fault can be kept."""
    state = {"check": State.CHECKING, "live": State.QUEUED}[step]
    begun: list[float] = []

    async def work(life: RunLife) -> None:
        begun.append(time.monotonic())
        if len(begun) < 3:
            raise OSError("the disk is full")
        life.run = service.store.change(life.run.id, {life.run.state}, state=State.DONE) or life.run

    async def main() -> None:
        run = service.store.add(Run(new_id(), "", "plain", state, {}, now()))
        await service.start()
        found: Run | None = run
        while found and found.state not in FINISHED and len(begun) < 4:
            await asyncio.sleep(0.01)
            found = service.store.get(run.id)
        assert found
        assert found.state == State.DONE
        await service.stop()

    monkeypatch.setattr(RunLife, step, work)
    monkeypatch.setattr("dvplug.serve.run_queue.LOOK_S", 0.2)
    service = Service(ServiceSettings(tmp_path / "data", least_free=0))
    in_own_loop(asyncio.wait_for(main(), 60))
    assert len(begun) == 3
    assert begun[2] - begun[0] > 0.3


def test_a_fault_ends_a_run_also_where_it_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(life: RunLife) -> None:
        raise OSError("the disk is full")

    async def main() -> Run | None:
        run = service.store.add(Run(new_id(), "", "plain", State.FETCHING, {}, now()))
        await service.start()
        while (found := service.store.get(run.id)) and found.state not in FINISHED:
            await asyncio.sleep(0.01)
        await service.stop()
        return found

    monkeypatch.setattr(RunLife, "_live", fail)
    service = Service(ServiceSettings(tmp_path / "data", least_free=0))
    ended = in_own_loop(asyncio.wait_for(main(), 60))
    assert ended
    assert (ended.state, ended.problems[0]["cause"]) == (State.FAILED, "OSError")
