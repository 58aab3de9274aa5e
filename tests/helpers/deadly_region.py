"""Loaded by workers of Dask before they work (``distributed.worker.preload``): at one region, one dies or waits.

So the moment does not depend on how fast anything is. Beside the order, a file ``called`` gets the first base of each
region that is begun.
"""

from __future__ import annotations

import os
import pickle
import signal
import time
from pathlib import Path

from dvplug.executors import node
from dvplug.hookspecs.executors import Answer

ORDER = "DVPLUG_TEST_ORDER"
"""Environment: a file of a word, ``die`` or ``wait``, and of the base (0-based) from which on a region is the one. The
worker that comes to it first appends its process to the file's name, and waits until that is removed. With ``swell``,
all that come to it take memory until they are ended."""

work_on_node = node.work_on_node


def obey(facts: node.Facts, work: bytes, region: bytes) -> Answer:
    """As `dvplug.executors.node.work_on_node`, unless an order is for this region."""
    order = Path(os.environ[ORDER])
    taken = order.with_suffix(f".{os.getpid()}")
    try:
        begun = pickle.loads(region).partitions[0].region.start if region else -1
        if region:
            with (order.parent / "called").open("a") as called:
                called.write(f"{begun}\n")
        word, start = order.read_text().split()
        if begun >= int(start):
            if word == "swell":
                swell()
            order.rename(taken)  # fails for all but one
            if word == "die":
                os.kill(os.getpid(), signal.SIGKILL)
            while taken.exists():
                time.sleep(0.05)
    except FileNotFoundError:
        pass
    return work_on_node(facts, work, region)


def swell() -> None:
    """Take memory, as much as no machine here should be without."""
    taken = []
    while len(taken) < 200:
        taken.append(os.urandom(20_000_000))
        time.sleep(0.05)


def dask_setup(_worker: object) -> None:
    """What Dask calls."""
    node.work_on_node = obey
