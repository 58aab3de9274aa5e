"""Services killed at any moment: the next one goes on with all runs, to the same bytes, and does none twice."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest

from dvplug_lab.service_kills import Trial, killed_at_random
from dvplug_lab.services import ServiceProcess, served

REQUEST = {"reads": ["reads.bam"], "ref": "reference.fa", "gvcf": True}
OPTIONS = ("--workers", "1", "--least-free", "1MB")


@pytest.mark.parametrize("children", [False, True])
def test_killed_at_random_moments_it_goes_on_with_all(own_data: Path, *, children: bool) -> None:
    trial: Trial = killed_at_random(
        own_data, REQUEST, kills=4, runs=2, children=children, random=random.Random(3)
    )
    assert not trial.problems
    assert trial.kills == 4


def test_a_child_that_outlives_its_service_is_not_started_again(own_data: Path) -> None:
    service = ServiceProcess(own_data, OPTIONS)
    service.start()
    taken = service.post("api/runs", REQUEST).json["id"]
    service.wait(taken, ["calling"])
    (command,) = _commands(own_data)
    os.kill(command, signal.SIGSTOP)  # so that it lives as long as is needed
    service.kill()
    service.start()
    try:
        assert service.get(f"api/runs/{taken}").json["state"] == "calling"
        time.sleep(0.5)  # in which a second one would begin
        assert _commands(own_data) == [command]
        os.kill(command, signal.SIGCONT)
        done = service.wait(taken)
        assert (done["state"], done["attempts"]) == ("done", 1)
    finally:
        service.kill(children=True)


def test_a_command_that_is_killed_goes_on(own_data: Path) -> None:
    with served(own_data, *OPTIONS) as service:
        taken = service.post("api/runs", REQUEST).json["id"]
        service.wait(taken, ["calling"])
        for command in _commands(own_data):
            os.kill(command, signal.SIGKILL)
        done = service.wait(taken)
        assert (done["state"], done["attempts"]) == ("done", 2)


def test_told_to_end_it_keeps_what_is_unfinished(own_data: Path) -> None:
    service = ServiceProcess(own_data, (*OPTIONS, "--drain", "0"))
    service.start()
    ids = [service.post("api/runs", REQUEST).json["id"] for _ in range(2)]
    service.wait(ids[0], ["calling"])
    assert service.end() == 0
    assert not _commands(own_data)
    with served(own_data, *OPTIONS) as service:
        assert [service.wait(one)["state"] for one in ids] == ["done", "done"]


def test_what_a_kill_left_of_checks_and_removals_goes_at_the_next_start(own_data: Path) -> None:
    left = own_data / "scratch" / "left" / "inputs"
    left.mkdir(parents=True)
    (left / "reads-1").write_bytes(b"x")
    with served(own_data, *OPTIONS) as service:
        assert not list((own_data / "scratch").iterdir())
        request = {"reads": ["reads.bam"], "ref": "reference.fa", "regions": ["chrS:1-3000"]}
        assert service.post("api/check", request).json["recognised"]
        run_id = service.post("api/runs?wait=60", request).json["id"]
        service.wait(run_id)
        assert [one.name for one in (own_data / "runs").iterdir()] == [run_id]
        assert service.ask("DELETE", f"api/runs/{run_id}").status == 204
        for folder in ("runs", "scratch"):
            assert not list((own_data / folder).iterdir())


def test_a_second_service_of_a_folder_is_refused(own_data: Path) -> None:
    with served(own_data), pytest.raises(RuntimeError, match="choose another folder"):
        ServiceProcess(own_data).start()


def _commands(data: Path) -> list[int]:
    """Processes that were started as the command of a run: those that lead their session."""
    found = []
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            try:
                inside = Path(os.readlink(place / "cwd")).is_relative_to(data.resolve() / "runs")
            except OSError:
                continue
            if inside and os.getsid(int(place.name)) == int(place.name):
                found.append(int(place.name))
    return found
