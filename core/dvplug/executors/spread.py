"""Regions over the workers of a pool: results in order, lost workers made up for."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple, TypeVar

from dvplug.errors import DvplugError, Problems
from dvplug.executors.node import Facts, Job, NodeState, packed, result_of, work_on_node
from dvplug.hookspecs.executors import Pending, Pool
from dvplug.system.console import info, warn
from dvplug.system.queues import Queues, Ticket

RESULTS_PER_WORKER = 4  # that may wait for an earlier one
AHEAD_AT_LEAST = 32  # regions handed in, that a pool which grows by what waits has something to grow by
MOST_DEATHS = 3  # of workers at one region, before it is named
OneJob = TypeVar("OneJob", bound=Job)
Part = TypeVar("Part")
Result = TypeVar("Result")


class Load(NamedTuple):
    """A queue of regions, and what workers need for them.

    Attributes
    ----------
    facts
        What every worker must have in common with this process.
    work
        As `dvplug.executors.node.packed` returns it.
    regions
        In order.
    """

    facts: Facts
    work: bytes
    regions: Iterable[object]


@dataclass
class _Given:
    """A region that was handed in."""

    number: int
    load: Load
    region: object
    pending: Pending
    deaths: int = 0


def spread(
    pool: Pool,
    facts: Facts,
    make: Callable[[OneJob], Callable[[Part], Result]],
    job: OneJob,
    regions: Iterable[Part],
) -> Iterator[Result]:
    """Yield ``make(job)(region)`` for every region, in order, computed by the workers of a pool.

    All workers that are there are compared with this process first; one that comes later does it before its first
    region. A region whose worker died is given to another; where that happens again, to one while no other works, so
    that it is known which region it was.

    Parameters
    ----------
    facts
        What every worker must have in common with this process.
    make, job, regions
        As of `dvplug.system.workers.map_in_order`.

    Raises
    ------
    DvplugError
        A worker differs; a region killed `MOST_DEATHS` of them; and what a worker met.
    """
    for _, result in spread_queues(pool, [Load(facts, packed(make, job), regions)]):
        yield result


def spread_queues(pool: Pool, loads: Sequence[Load]) -> Iterator[tuple[int, Any]]:
    """Yield the results of several queues, each with the number of its queue, in the order of each.

    As `spread`, and as `dvplug.system.workers.map_queues`: the queues are worked on one after the other, but for what
    is left of one while a slow region of it lasts.
    """
    yield from _HandedIn(pool, loads).results()


class _HandedIn:
    """The regions of one run that were handed in."""

    def __init__(self, pool: Pool, loads: Sequence[Load]) -> None:
        self.pool, self.loads = pool, loads
        self.given: dict[Ticket, _Given] = {}
        self.numbers = count()

    def results(self) -> Iterator[tuple[int, Any]]:
        """Compare the workers, then yield the result of each region."""
        for load in self.loads:
            self._get_ready(load)
        under_way = Queues(load.regions for load in self.loads)
        while True:
            ahead = max(AHEAD_AT_LEAST, RESULTS_PER_WORKER * self.pool.workers())
            while self._unfinished() < ahead and (item := under_way.next(ahead)) is not None:
                ticket, region = item
                number, load = next(self.numbers), self.loads[ticket.queue]
                self.given[ticket] = _Given(number, load, region, self._submit(number, load, region))
            turns = under_way.turns()
            if not turns:
                return
            ticket = turns[0] if len(turns) == 1 else self._first(turns)
            result = self._result(self.given[ticket])
            del self.given[ticket]
            yield ticket.queue, result
            under_way.gave(ticket)

    def _unfinished(self) -> int:
        return sum(not one.pending.done() for one in self.given.values())

    def _first(self, turns: Sequence[Ticket]) -> Ticket:
        """Wait for the first of several regions whose turn it is."""
        while True:
            for ticket in turns:
                if self.given[ticket].pending.done():
                    return ticket
            self.pool.wait([self.given[ticket].pending for ticket in turns])

    def _get_ready(self, load: Load) -> None:
        problems, ready = Problems(), list[NodeState]()
        for answer in self.pool.everywhere(work_on_node, load.facts, load.work, b""):
            with problems.collect():
                ready.append(result_of(answer))
        problems.raise_all()
        for node in sorted({state.node for state in ready if not state.keeps_kernels}):
            warn(
                f"{node} can keep compiled kernels nowhere: each of its workers compiles them, about 15 s. Set "
                "DVPLUG_HOME there to a folder that can be written."
            )
        if cold := sorted({state.node for state in ready if state.keeps_kernels and not state.has_kernels}):
            info(f"The first regions compile the kernels, about 15 s, on {', '.join(cold)}.")

    def _submit(self, number: int, load: Load, region: object) -> Pending:
        return self.pool.submit(number, work_on_node, load.facts, load.work, pickle.dumps(region))

    def _result(self, one: _Given) -> Any:
        """Wait for a region, however many workers are lost; raises what is not that."""
        alone = False
        while True:
            try:
                answer = one.pending.result()
            except Exception as error:
                deaths = self.pool.deaths(error)
                if not deaths:
                    raise
                one.deaths += deaths
                if alone and one.deaths >= MOST_DEATHS:
                    raise _deadly(one) from error
                alone = one.deaths >= MOST_DEATHS - 1
                if alone:
                    self._wait_for_others(one)
                warn(f"a worker was lost at {one.region}, which is called again.")
                one.pending = self._submit(one.number, one.load, one.region)
            else:
                return result_of(answer)

    def _wait_for_others(self, one: _Given) -> None:
        """Have no other region worked on; how those end is told when it is their turn."""
        for other in self.given.values():
            if other is not one:
                try:
                    other.pending.result()
                except Exception as error:
                    if not self.pool.deaths(error):
                        raise


def _deadly(one: _Given) -> DvplugError:
    return DvplugError(
        f"{one.deaths} workers died at {one.region}, the last while no other region was worked on",
        cause="most likely memory ran out there, or the reads are damaged",
        repair="Give the workers more memory (--max-memory, or in the settings of the cluster), check the reads with "
        "`samtools quickcheck`, or leave the region out with --exclude-regions; --resume goes on from there.",
    )
