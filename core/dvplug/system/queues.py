"""Several queues of regions that are worked on at once: which region is handed out next, and whose turn it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Generic, NamedTuple, TypeVar

Part = TypeVar("Part")


class Ticket(NamedTuple):
    """A region that was handed out: the number of its queue, and its own in that."""

    queue: int
    number: int


class _Queue(Generic[Part]):
    """What of one queue was handed out, and how many results of it were given."""

    def __init__(self, parts: Iterable[Part]) -> None:
        self.parts: Iterator[Part] | None = iter(parts)
        self.handed_out, self.given = 0, 0


class Queues(Generic[Part]):
    """Regions of queues, handed out queue by queue, whose results are given in the order of each.

    A queue in which so many regions are under way, or wait for an earlier one, that it may have no more is passed
    over: the next one goes on. So a slow region holds up the results of its own queue alone. A queue is asked for its
    first region when those before it have none to hand out.
    """

    def __init__(self, queues: Iterable[Iterable[Part]]) -> None:
        self._left = enumerate(queues)
        self._open: dict[int, _Queue[Part]] = {}

    def next(self, ahead: int) -> tuple[Ticket, Part] | None:
        """Hand out a region; None where there is none, or each queue has ``ahead`` of which no result was given."""
        for index, queue in self._begun():
            if queue.parts is None or queue.handed_out - queue.given >= ahead:
                continue
            for part in queue.parts:
                queue.handed_out += 1
                return Ticket(index, queue.handed_out - 1), part
            queue.parts = None
            self._forget_if_done(index)
        return None

    def turns(self) -> list[Ticket]:
        """Of each queue that has regions under way, the one whose result is to be given next."""
        return [
            Ticket(index, queue.given)
            for index, queue in self._open.items()
            if queue.given < queue.handed_out
        ]

    def gave(self, ticket: Ticket) -> None:
        """Note that the result was given."""
        self._open[ticket.queue].given += 1
        self._forget_if_done(ticket.queue)

    def _begun(self) -> Iterator[tuple[int, _Queue[Part]]]:
        """Those that were begun, then those that were not, which this begins."""
        yield from list(self._open.items())
        for index, parts in self._left:
            self._open[index] = _Queue(parts)
            yield index, self._open[index]

    def _forget_if_done(self, index: int) -> None:
        queue = self._open[index]
        if queue.parts is None and queue.given == queue.handed_out:
            del self._open[index]
