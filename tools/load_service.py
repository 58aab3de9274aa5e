"""Submit many runs within a minute while many watch, and look whether any is lost, and how long others wait meanwhile.

    python tools/load_service.py --runs 500 --watchers 200

The runs are of 1,000 bp. Told are: runs that were answered for and did not end well; watchers that were not told of the
end of their run; the memory of the service; and how long `/v1/health/live` took, alone and meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import urllib3
from cyclopts import App
from rich.table import Table

from dvplug.errors import DvplugError
from dvplug.simulate import simulate_dataset
from dvplug.system.console import info, stdout
from dvplug_lab.script import run
from dvplug_lab.services import FINISHED, ServiceProcess, served

app = App(help=__doc__, help_format="plaintext")
REQUEST = {"reads": ["reads.bam"], "ref": "reference.fa", "regions": ["chrS:1-1000"], "report": False}


@app.default
def main(
    *, runs: int = 500, watchers: int = 200, seconds: float = 60, at_once: int = 1, end: bool = True
) -> None:
    """Submit, watch and count.

    Parameters
    ----------
    runs
        That are submitted, evenly over the time.
    watchers
        That follow runs, each one of them, at the same time.
    seconds
        In which all are submitted.
    at_once
        Runs that the service calls at once.
    end
        Wait until all runs have ended.
    """
    with TemporaryDirectory(prefix="load-") as temporary:
        data = Path(temporary, "data")
        simulate_dataset(data / "files", length=20_000, depth=20, seed=1)
        with served(data, "--runs", str(at_once), "--workers", "1", "--least-free", "1MB") as service:
            service.wait(service.post("api/runs", REQUEST).json["id"])  # all is loaded and compiled
            idle = asyncio.run(_live(service, 5.0, asyncio.Event()))
            told = asyncio.run(_load(service, runs, watchers, seconds, end=end))
    _show(idle, told)
    if told["lost"] or told["unwatched"]:
        raise DvplugError(f"{told['lost']} runs and {told['unwatched']} ends of runs were lost")


async def _load(
    service: ServiceProcess, runs: int, watchers: int, seconds: float, *, end: bool
) -> dict[str, float]:
    done = asyncio.Event()
    pulse = asyncio.create_task(_live(service, 3600, done))
    memory = asyncio.create_task(_memory(service, done))
    began, ids, watched = time.monotonic(), list[str](), list[asyncio.Task[bool]]()

    async def submit(number: int) -> None:
        await asyncio.sleep(number * seconds / runs)
        answer = await asyncio.to_thread(service.post, "api/runs?wait=0", REQUEST, timeout=120)
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


async def _live(service: ServiceProcess, seconds: float, done: asyncio.Event) -> list[float]:
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


def _show(idle: list[float], told: dict[str, float]) -> None:
    table = Table("what", "measured")
    for name, value in (
        ("runs taken", f"{told['taken']:.0f} in {told['seconds']:.0f} s, all ended after {told['all']:.0f} s"),
        ("runs lost", f"{told['lost']:.0f}"),
        ("watchers that were not told of the end", f"{told['unwatched']:.0f}"),
        ("memory of the service", f"{told['memory'] / 1e6:.0f} MB"),
        ("/v1/health/live, idle", f"{1000 * statistics.median(idle):.1f} ms (median)"),
        ("the same under load", f"{1000 * told['median']:.1f} ms (median), {1000 * told['p99']:.0f} ms (99 %), "
                                f"{1000 * told['worst']:.0f} ms (worst)"),
    ):  # fmt: skip
        table.add_row(name, value)
    stdout.print(table)


if __name__ == "__main__":
    run(app)
