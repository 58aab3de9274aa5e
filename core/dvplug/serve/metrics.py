"""What Prometheus is told: worked out from the service when it asks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from dvplug.serve.service import Service
from dvplug.serve.store import ACTIVE, WAITING
from dvplug.system.memory import PAGE

RATES = {
    "regions_per_s": ("dvplug_regions_per_second", "Regions of runs that are being called."),
    "reads_per_s": ("dvplug_reads_per_second", "Reads of runs that are being called."),
}


def exposition(service: Service) -> bytes:
    """Return the metrics of a service in Prometheus' text format."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(_Collector(service))
    return generate_latest(registry)


class _Collector:
    """Tells what is so now."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics."""
        counts = self._service.counts()
        runs = GaugeMetricFamily("dvplug_runs", "Runs that are kept, by state.", labels=["state"])
        for state, count in counts.items():
            runs.add_metric([state.value], count)
        yield runs
        waiting = sum(counts[one] for one in WAITING)
        yield GaugeMetricFamily("dvplug_queue_length", "Runs that wait.", waiting)
        lives = [life for life in self._service.queue.lives.values() if life.run.state in ACTIVE]
        told = [life.progress.summary() for life in lives]
        for name, (metric, text) in RATES.items():
            yield GaugeMetricFamily(metric, text, sum(one[name] or 0 for one in told))
        yield from self._totals()
        pids = {life.run.pid for life in lives if life.run.pid}
        yield GaugeMetricFamily(
            "dvplug_runs_resident_memory_bytes", "Resident memory of the processes of runs.", resident(pids)
        )
        yield GaugeMetricFamily(
            "dvplug_disk_free_bytes",
            "Bytes of the disk that may still be taken.",
            self._service.queue.free_bytes(),
        )

    def _totals(self) -> Iterator[Metric]:
        totals = self._service.queue.totals
        seconds = CounterMetricFamily(
            "dvplug_stage_cpu_seconds", "CPU seconds of ended runs.", labels=["stage"]
        )
        for stage, value in totals.stage_seconds.items():
            seconds.add_metric([stage], value)
        yield seconds
        yield CounterMetricFamily("dvplug_reads", "Reads of ended runs.", totals.reads)
        yield CounterMetricFamily("dvplug_regions", "Regions of ended runs.", totals.regions)
        errors = CounterMetricFamily(
            "dvplug_errors", "Runs that ended by an error, by kind.", labels=["kind"]
        )
        for kind, count in totals.errors.items():
            errors.add_metric([kind], count)
        yield errors


def resident(sessions: set[int]) -> int:
    """Return the bytes of memory in which the processes of some sessions lie (Linux, proc(5)); 0 elsewhere."""
    found = 0
    for place in Path("/proc").iterdir() if sessions and Path("/proc").is_dir() else ():
        if place.name.isdigit():
            with suppress(OSError, ValueError, IndexError):
                if os.getsid(int(place.name)) in sessions:
                    found += int((place / "statm").read_text().split()[1]) * PAGE
    return found
