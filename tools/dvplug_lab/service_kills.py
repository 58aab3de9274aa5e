"""Kill a service at random moments while it has runs to do, and look at what comes of them."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from dvplug_lab.services import ServiceProcess

OPTIONS = ("--workers", "1", "--least-free", "1MB")


@dataclass
class Trial:
    """What came of it."""

    kills: int = 0
    met: dict[str, int] = field(default_factory=dict)
    """How often a kill met a run in this state."""
    attempts: list[int] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def killed_at_random(
    data: Path, request: Mapping[str, Any], *, kills: int, runs: int, children: bool, random: Random
) -> Trial:
    """Submit runs again and again, kill the service that has them, start it again, and wait for all to end.

    Parameters
    ----------
    data
        Folder of the service, with the files that the request names.
    runs
        That are submitted before each series of kills.
    children
        Kill the commands too.

    Returns
    -------
    Trial
        Its problems are runs that did not end well, or twice, or with other bytes than an undisturbed one.
    """
    service, trial = ServiceProcess(data, OPTIONS), Trial()
    service.start()
    began = time.monotonic()
    first = service.wait(service.post("api/runs", dict(request)).json["id"], seconds=300)
    length = time.monotonic() - began
    ids: list[str] = []
    try:
        while trial.kills < kills:
            ids += [service.post("api/runs", dict(request)).json["id"] for _ in range(runs)]
            for _ in range(min(runs + 1, kills - trial.kills)):
                time.sleep(random.uniform(0, length))
                for one in ids:
                    state = service.get(f"api/runs/{one}").json["state"]
                    trial.met[state] = trial.met.get(state, 0) + 1
                service.kill(children=children)
                trial.kills += 1
                service.start()
        for one in ids:
            _judge(trial, service, first, service.wait(one, seconds=300))
    finally:
        service.kill(children=True)
    return trial


def _judge(trial: Trial, service: ServiceProcess, first: dict[str, Any], run: dict[str, Any]) -> None:
    trial.attempts.append(run["attempts"])
    if run["state"] != "done":
        trial.problems.append(f"{run['id']} is {run['state']}: {run['problems']}")
        return
    for one in run["outputs"]:
        whole = next(each for each in first["outputs"] if each["name"] == one["name"])
        if one["sha256"] != whole["sha256"] and not one["name"].endswith(
            ".html"
        ):  # which says how long it took
            trial.problems.append(f"{one['name']} of {run['id']} differs from that of an undisturbed run")
    log = service.get(f"api/runs/{run['id']}/log").body.splitlines()
    ends = sum(_event(line) == "end" for line in log)
    if ends != 1:
        trial.problems.append(f"{run['id']} ended {ends} times")


def _event(line: bytes) -> str:
    try:
        return str(json.loads(line)["event"])
    except ValueError:  # cut short by a kill
        return ""
