"""Measure the memory that `dvplug call` takes at several depths, over all its processes (Linux).

    python tools/memory_table.py --depths 30 300 3000

A contig is simulated and called at each depth. The process tree is looked at every 20 ms. Pages that forked
processes share count once in "all processes" (the proportional set sizes, summed), and for each in "one worker".
"""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from dvplug.system.rich_console import stdout
from dvplug_lab.script import run
from dvplug_lab.speed.memory import memory_table

app = App(help=__doc__, help_format="plaintext")


@app.default
def main(
    *,
    depths: Annotated[list[float], Parameter(consume_multiple=True)] = [30.0, 300.0, 3000.0],  # noqa: B006
    length: int = 100_000,
    workers: Annotated[list[int], Parameter(consume_multiple=True)] = [1, 2],  # noqa: B006
    seed: int = 1,
) -> None:
    """Measure the memory that calling takes at several depths.

    Parameters
    ----------
    depths
        Mean numbers of reads over a position.
    length
        bp of the contig.
    workers
        Numbers of worker processes.
    seed
        Of what is simulated.
    """
    stdout.print(memory_table(depths, workers, length, seed))


if __name__ == "__main__":
    run(app)
