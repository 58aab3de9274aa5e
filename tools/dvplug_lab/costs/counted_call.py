"""`dvplug call`, twice in one process, counted: python -m dvplug_lab.costs.counted_call FIGURES.json call ...

The first time loads kernels and libraries, the second is what each further megabase costs. The process does all of it:
``--workers 1``.
"""

from __future__ import annotations

import json
import pickle
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any
from unittest.mock import patch

from dvplug.calling import journal as journals
from dvplug.calling.options import CallOptions
from dvplug.cli import main
from dvplug.engine.call import RunCaller
from dvplug.engine.job import CallJob
from dvplug.executors.node import facts_of, packed
from dvplug.line.region import Partition, PartitionRun
from dvplug.line.result import RegionResult
from dvplug.plugins.sources import RunCode


class Counted:
    """The figures of a run, as a JSON object can hold them: bytes, and CPU seconds of this process and of all."""

    def __init__(self) -> None:
        self.figures: dict[str, float] = {"answers": 0, "called_s": 0}

    def identity(
        self, options: CallOptions, job: CallJob, parts: Sequence[Partition], code: RunCode
    ) -> Mapping[str, Any]:
        """As `dvplug.calling.journal.identity`; counts what a worker of a cluster would be sent for each region."""
        facts = facts_of(code, job.pipeline.profile.name, [])
        run = pickle.dumps(PartitionRun(tuple(parts[:1])))
        self.figures["request"] = len(packed(RunCaller, job)) + len(pickle.dumps(facts)) + len(run)
        return _identity(options, job, parts, code)

    def add(self, journal: journals.Journal, result: RegionResult) -> None:
        """As `Journal.add`; counts what a worker would send back."""
        seconds = sum(result.counts.seconds.values())
        if "first_s" not in self.figures:
            self.figures |= {
                "first_s": time.process_time() - seconds,
                "journal": -journal.path.stat().st_size,
            }
        self.figures["called_s"] += seconds
        self.figures["answers"] += len(pickle.dumps([result]))
        _add(journal, result)

    def end(
        self,
        journal: journals.Journal,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """As the end of a `Journal`; counts its bytes, and the CPU seconds since the first result but for calling."""
        self.figures["journal"] += journal.path.stat().st_size
        self.figures["writer_s"] = time.process_time() - self.figures["first_s"] - self.figures["called_s"]
        self.figures["until_s"] = time.process_time()
        _end(journal, kind, error, trace)


_identity, _add, _end = journals.identity, journals.Journal.add, journals.Journal.__exit__


def _method(function: Callable[..., None]) -> Callable[..., None]:
    """As a method, which is given its object."""

    def called(*given: Any) -> None:
        function(*given)

    return called


def run(figures: Path, words: Sequence[str]) -> None:
    """Run a command twice and write its figures; exits as the command does where that is not well."""
    first, second = Counted(), Counted()
    for counted in (first, second):
        with (
            patch.object(journals, "identity", counted.identity),
            patch.object(journals.Journal, "add", _method(counted.add)),
            patch.object(journals.Journal, "__exit__", _method(counted.end)),
        ):
            try:
                main(list(words))
            except SystemExit as stop:
                if stop.code:
                    raise
    figures.write_text(json.dumps({**second.figures, "cpu_s": first.figures["until_s"]}))


if __name__ == "__main__":
    run(Path(sys.argv[1]), sys.argv[2:])
