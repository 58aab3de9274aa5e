"""One progress bar per download on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock

from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from dvplug.system.console import info
from dvplug.system.rich_console import stderr
from dvplug_registry.catalog import Offer


class DownloadBars:
    """Shows how far each offer is; `report` may be called from several threads."""

    def __init__(self, bars: Progress | None) -> None:
        self._bars, self._tasks, self._lock = bars, dict[str, TaskID](), Lock()
        self._told: set[str] = set()

    def begin(self, offers: Sequence[Offer]) -> None:
        """Show what will be downloaded."""
        for offer in offers:
            if self._bars is None:
                info(f"{offer.label}: {offer.size / 1e6:.1f} MB")
            else:
                self._tasks[offer.sha256] = self._bars.add_task(escape(offer.label), total=offer.size)

    def report(self, offer: Offer, done: int) -> None:
        """Say that so many bytes of an offer are here."""
        if self._bars is not None and offer.sha256 in self._tasks:
            self._bars.update(self._tasks[offer.sha256], completed=done)
        elif done == offer.size:
            with self._lock:
                if offer.sha256 not in self._told:
                    self._told.add(offer.sha256)
                    info(f"{offer.label}: here")


@contextmanager
def download_bars() -> Iterator[DownloadBars]:
    """Show bars until the block ends."""
    if not stderr.is_terminal:
        yield DownloadBars(None)
        return
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    with Progress(*columns, console=stderr) as bars:
        yield DownloadBars(bars)
