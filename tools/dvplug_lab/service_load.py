"""Many runs of a service at once, many who watch them, and how long others wait meanwhile."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import urllib3

from dvplug.system.console import info
from dvplug_lab.services import FINISHED, ServiceProcess


async def loaded(
    service: ServiceProcess,
    request: Mapping[str, Any],
    runs: int,
    watchers: int,
    seconds: float,
    *,
    end: bool,
) -> dict[str, float]:
    """Submit runs evenly over some seconds, while some are watched; returns what is told of it.

    Parameters
    ----------
    end
        Wait until all have ended.
    """
    done = asyncio.Event()
    pulse = asyncio.create_task(live_seconds(service, 3600, done))
    memory = asyncio.create_task(_memory(service, done))
    began, ids, watched = time.monotonic(), list[str](), list[asyncio.Task[bool]]()

    async def submit(number: int) -> None:
        await asyncio.sleep(number * seconds / runs)
        answer = await asyncio.to_thread(service.post, "api/runs?wait=0", request, timeout=120)
        if answer.status == 202:
            ids.append(answer.json["id"])
            if len(watched) < watchers:
                watched.append(asyncio.create_task(_watch(service, answer.json["id"])))

    await asyncio.gather(*(submit(number) for number in range(runs)))
    took = time.monotonic() - began
    info(f"{len(ids)} of {runs} runs were taken in {took:.0f} s.")
    kept = await asyncio.to_thread(_all_runs, service)
    while end and any(kept.get(one) not in FINISHED for one in ids):
        await asyncio.sleep(2)
        kept = await asyncio.to_thread(_all_runs, service)
    ended = await asyncio.gather(*watched) if end else []
    done.set()
    latencies = await pulse
    lost = sum(kept.get(one) != "done" if end else one not in kept for one in ids) + runs - len(ids)
    return {
        "taken": len(ids), "seconds": took, "lost": lost, "unwatched": sum(not one for one in ended),
        "median": statistics.median(latencies), "worst": max(latencies),
        "p99": sorted(latencies)[int(0.99 * len(latencies))],
        "memory": await memory, "all": time.monotonic() - began,
    }  # fmt: skip


def _all_runs(service: ServiceProcess) -> dict[str, str]:
    found, after = dict[str, str](), ""
    while True:
        page = service.get(f"api/runs?limit=100{after}").json
        found |= {one["id"]: one["state"] for one in page["runs"]}
        if page["next"] is None:
            return found
        after = f"&after={page['next']}"


async def _watch(service: ServiceProcess, run_id: str) -> bool:
    """Follow a run by server-sent events; returns whether its end was told."""
    host, _, port = service.url.removeprefix("http://").rstrip("/").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET /api/runs/{run_id}/events HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
    event = ""
    while line := await reader.readline():
        text = line.decode().strip()
        if text.startswith("event: "):
            event = text.removeprefix("event: ")
        elif event == "state" and text.startswith("data: ") and _state(text) in FINISHED:
            writer.close()
            return True
    return False


def _state(line: str) -> str:
    return str(json.loads(line.removeprefix("data: "))["state"])


async def live_seconds(service: ServiceProcess, seconds: float, done: asyncio.Event) -> list[float]:
    """Ask whether it lives, ten times a second; returns the seconds that each answer took."""
    pool, found, until = urllib3.PoolManager(), list[float](), time.monotonic() + seconds
    while time.monotonic() < until and not done.is_set():
        began = time.monotonic()
        await asyncio.to_thread(pool.request, "GET", f"{service.url}v1/health/live")
        found.append(time.monotonic() - began)
        await asyncio.sleep(0.1)
    return found


async def _memory(service: ServiceProcess, done: asyncio.Event) -> float:
    """The most memory that the process of the service took, in bytes."""
    assert service.process is not None
    most = 0
    while not done.is_set():
        status = Path(f"/proc/{service.process.pid}/status").read_text()
        most = max(most, int(status.partition("VmRSS:")[2].split()[0]) * 1024)
        await asyncio.sleep(0.5)
    return most
