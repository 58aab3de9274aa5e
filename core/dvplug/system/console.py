"""What is told on stderr: status lines, warnings, errors, progress.

Where stderr is no terminal it is text as it is, and `dvplug.system.rich_console` need not be loaded.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING

from dvplug.system.run_log import log_event, sample_told_of
from dvplug.system.streams import StatusStream
from dvplug_registry.safe_text import masked, visible

if TYPE_CHECKING:
    from rich.progress import Progress

_FURTHER_LINE = re.compile(r"\n(?=\S)")
_ASK_FOR_A_TERMINAL = ("FORCE_COLOR", "TTY_COMPATIBLE")  # of rich
_RICH = "dvplug.system.rich_console"


_is_kept_to_itself = ContextVar("_is_kept_to_itself", default=False)


@contextmanager
def kept_to_itself() -> Iterator[None]:
    """Print nothing of this block on stderr: it works on what is not the user's."""
    before = _is_kept_to_itself.set(True)
    try:
        yield
    finally:
        _is_kept_to_itself.reset(before)


def warn(message: str) -> None:
    """Print one warning on stderr, and note it in the log of the run."""
    log_event("warning", message=message)
    _print("yellow", "warning: ", _of_sample() + message)


def info(message: str) -> None:
    """Print one status line on stderr, and note it in the log of the run."""
    log_event("info", message=message)
    _print("", "", _of_sample() + message)


def complain(message: str) -> None:
    """Print the error that ends a command on stderr."""
    _print("red", "error: ", message)


def _of_sample() -> str:
    return f"{sample}: " if (sample := sample_told_of()) else ""


def _print(style: str, label: str, message: str) -> None:
    """Print a message without secrets; no further line of it can be taken for another message."""
    if _is_kept_to_itself.get():
        return
    message = _FURTHER_LINE.sub("\n  ", masked(message))
    if _is_plain(message):
        stream = StatusStream("stderr")
        stream.write(f"{label}{visible(message, keep=chr(10))}\n")
        stream.flush()
        return
    from rich.text import Text

    from dvplug.system.rich_console import stderr

    stderr.print(Text.assemble((label, style), visible(message, keep="\n\t")))


def _is_plain(message: str) -> bool:
    """Whether rich would print it as it is, and has printed nothing before."""
    if _RICH in sys.modules or "\t" in message or any(os.environ.get(name) for name in _ASK_FOR_A_TERMINAL):
        return False
    with suppress(ValueError):  # it was closed
        return not StatusStream("stderr").isatty()
    return True


class Advance:
    """Counts work done; off a terminal it prints a line at each tenth, but not more than one in ten seconds."""

    def __init__(self, label: str, total: int, bar: Progress | None) -> None:
        self.label, self.total, self.done, self.bar = label, max(total, 1), 0, bar
        self.task = bar.add_task(label, total=self.total) if bar else None
        self.printed, self.next_line, self.next_event = 0, time.monotonic() + 10, 0.0

    def __call__(self, amount: int = 1, note: str = "") -> None:
        """Report that ``amount`` more is done, with a word on how, such as by how many workers."""
        self.done += amount
        if time.monotonic() >= self.next_event or self.done == self.total:
            self.next_event = time.monotonic() + 1
            noted = {"note": note} if note else {}
            log_event("progress", step=self.label, done=self.done, total=self.total, **noted)
        if self.bar and self.task is not None:
            self.bar.update(
                self.task, advance=amount, description=", ".join(filter(None, (self.label, note)))
            )
            return
        tenth = 10 * self.done // self.total
        if tenth > self.printed and time.monotonic() >= self.next_line:
            self.printed, self.next_line = tenth, time.monotonic() + 10
            _print("", "", ", ".join(filter(None, (f"{self.label}: {10 * tenth} %", note))))


@contextmanager
def progress(label: str, total: int, *, bar: bool = True) -> Iterator[Advance]:
    """A progress bar on a terminal, plain lines elsewhere; yields a function to advance it.

    Parameters
    ----------
    bar
        False where others print in between: it takes the terminal, and ``sys.stdout`` with it.
    """
    if not bar or _is_kept_to_itself.get() or _is_plain(label):
        yield Advance(label, total, None)
        return
    from dvplug.system.rich_console import stderr

    if not stderr.is_terminal:
        yield Advance(label, total, None)
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
    with Progress(*columns, console=stderr, transient=True) as drawn:
        yield Advance(label, total, drawn)
