"""The queue: who is at work, whenever it is woken."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from dvplug.serve.places import new_id
from dvplug.serve.run_life import RunLife
from dvplug.serve.service import Service
from dvplug.serve.settings import ServiceSettings
from dvplug.serve.store import FINISHED, Run, State, now


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
        await asyncio.sleep(0.01)
        assert not service.queue.lives
        await service.stop()

    monkeypatch.setattr(RunLife, "check", check)
    monkeypatch.setattr(RunLife, "live", live)
    at_work: list[bool] = []
    faults: list[dict[str, Any]] = []
    service = Service(ServiceSettings(tmp_path / "data", least_free=0))
    asyncio.run(main())
    assert at_work == [True]
    assert not faults
