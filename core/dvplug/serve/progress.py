"""What a run is doing, followed through the log that the command appends to: docs/running.md, "A log for programs"."""

from __future__ import annotations

import json
from collections import Counter, deque
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

KEPT_MESSAGES = 200
READ_AT_ONCE = 1 << 22


class Message(NamedTuple):
    """A line of the log that is for people."""

    number: int
    kind: str  # info or warning
    text: str


class Progress:
    """Reads a log as it grows; cheap to ask often.

    Attributes
    ----------
    version
        Grows with each change that `summary` shows.
    last
        The last event of the newest attempt that ended it, ``end`` or ``error``; none while it runs.
    pid
        Of the newest attempt's process.
    messages
        The newest lines for people.
    """

    def __init__(self, log: Path) -> None:
        self._log, self._offset, self._rest = log, 0, b""
        self.version = 0
        self.messages: deque[Message] = deque(maxlen=KEPT_MESSAGES)
        self._numbered = 0
        self.attempts = 0
        self._reset()

    def _reset(self) -> None:
        self.last: dict[str, Any] | None = None
        self.pid: int | None = None
        self.technology = self.model = ""
        self._step, self._done, self._total, self._resumed = "", 0, 0, 0
        self._began: float | None = None
        self._now = 0.0
        self._of_contig: dict[str, int] = {}
        self._of_sample = False
        self._done_of: Counter[str] = Counter()
        self._reads = self._reads_resumed = self._variants = self._variants_resumed = 0
        self._passed: Counter[str] = Counter()
        self.stage_seconds: dict[str, float] = {}

    def read(self) -> bool:
        """Read what came since; returns whether there was something."""
        try:
            with self._log.open("rb") as file:
                file.seek(self._offset)
                new = file.read(READ_AT_ONCE)
        except OSError:
            return False
        if not new:
            return False
        self._offset += len(new)
        *lines, self._rest = (self._rest + new).split(b"\n")
        for line in lines:
            try:
                event = json.loads(line)
            except ValueError:  # a line that a kill cut short, to which the next attempt's first was appended
                continue
            if isinstance(event, dict):
                self._take(event)
        self.version += 1
        return True

    def read_all(self) -> None:
        """Read to the end of what is there."""
        while self.read():
            pass

    def _take(self, event: dict[str, Any]) -> None:
        kind = event.get("event")
        self._now = _seconds(event) or self._now
        if kind == "start":
            self._reset()
            self.attempts += 1
            self.pid = event.get("pid")
        elif kind in ("info", "warning"):
            self._numbered += 1
            text = str(event.get("message", ""))
            if sample := event.get("sample"):
                text = f"{sample}: {text}"
            self.messages.append(Message(self._numbered, kind, text))
        elif kind == "calling":
            self._calling(event)
        elif kind == "progress" and self._of_sample and event.get("step") == "Calling":
            self._total = event["total"]
        elif kind == "partition":
            self._partition(event)
        elif kind == "counts":
            self.stage_seconds = event.get("cpu_s_by_stage", {})
        elif kind in ("end", "error"):
            self.last = event

    def _calling(self, event: dict[str, Any]) -> None:
        """Take what is called; of a cohort, each sample comes in turn, and has a bar as contigs have."""
        self._step, self.technology, self.model = "Calling", event["technology"], event["model"]
        if sample := event.get("sample"):
            self._of_sample = True
            self._of_contig[sample] = event["partitions"]
            self._resumed += event["resumed"]
            self._total = max(self._total, sum(self._of_contig.values()))
            return
        self._total, self._resumed = event["partitions"], event["resumed"]
        self._of_contig = event.get("contigs", {})

    def _partition(self, event: dict[str, Any]) -> None:
        self._done += 1
        self._done_of[event.get("sample") or event.get("contig", "")] += 1
        self._reads += event["reads"]
        passed = event.get("passed", {})
        self._variants += passed.get("records", 0)
        self._passed.update(passed)
        if self._done == self._resumed:
            self._reads_resumed, self._variants_resumed = self._reads, self._variants
        if self._done >= self._resumed and self._began is None:
            self._began = self._now

    def summary(self) -> dict[str, Any]:
        """What is known, as JSON has it: see docs/service.md."""
        since = self._now - self._began if self._began is not None else 0.0
        new = self._done - max(self._resumed, 1)
        per = since / new if new > 0 and since > 0 else None
        ti, tv = self._passed["transitions"], self._passed["transversions"]
        return {
            "step": self._step,
            "done": self._done,
            "total": self._total,
            "fraction": round(self._done / self._total, 4) if self._total else 0.0,
            "eta_s": None if per is None else round(per * (self._total - self._done), 1),
            "reads": self._reads,
            "reads_per_s": None if per is None else round((self._reads - self._reads_resumed) / since),
            "variants": self._variants,
            "variants_per_s": None
            if per is None
            else round((self._variants - self._variants_resumed) / since, 1),
            "regions_per_s": None if per is None else round(1 / per, 2),
            "ti_tv": round(ti / tv, 2) if tv else None,
            "mean_depth": round(self._passed["depth"] / self._variants, 1) if self._variants else None,
            "contigs": [
                {"name": name, "done": self._done_of[name], "total": total}
                for name, total in self._of_contig.items()
            ],
            "technology": self.technology,
            "model": self.model,
            "warnings": [one.text for one in self.messages if one.kind == "warning"],
        }


def _seconds(event: dict[str, Any]) -> float | None:
    try:
        return datetime.fromisoformat(event["time"]).timestamp()
    except (KeyError, ValueError, TypeError):
        return None
