"""Submit many runs within a minute while many watch, and look whether any is lost, and how long others wait meanwhile.

    python tools/load_service.py --runs 500 --watchers 200

The runs are of 1,000 bp. Told are: runs that were answered for and did not end well; watchers that were not told of the
end of their run; the memory of the service; and how long `/v1/health/live` took, alone and meanwhile.
"""

from __future__ import annotations

import asyncio
import statistics
from pathlib import Path
from tempfile import TemporaryDirectory

from cyclopts import App
from rich.table import Table

from dvplug.errors import DvplugError
from dvplug.simulate import simulate_dataset
from dvplug.system.rich_console import stdout
from dvplug_lab.script import run
from dvplug_lab.service_load import live_seconds, loaded
from dvplug_lab.services import served

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
            idle = asyncio.run(live_seconds(service, 5.0, asyncio.Event()))
            told = asyncio.run(loaded(service, REQUEST, runs, watchers, seconds, end=end))
    _show(idle, told)
    if told["lost"] or told["unwatched"]:
        raise DvplugError(f"{told['lost']} runs and {told['unwatched']} ends of runs were lost")


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
