"""Two consoles: results go to stdout, everything else to stderr."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, cast

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from dvplug.system.run_log import log_event, sample_told_of
from dvplug.system.streams import ResultStream, StatusStream
from dvplug_registry.safe_text import masked, visible

if TYPE_CHECKING:
    from rich.progress import Progress

_FURTHER_LINE = re.compile(r"\n(?=\S)")
OFF_TERMINAL_WIDTH = 200  # of tables in files and pipes, where there is no width to ask for


class SafeConsole(Console):
    """Shows what could steer the terminal as escapes, in whatever text: names come from files. No emoji for `:100:`."""

    def __init__(self, file: ResultStream | StatusStream | None = None, **options: Any) -> None:
        super().__init__(file=cast(IO[str], file), highlight=False, soft_wrap=True, emoji=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """Make the text that is printed of a string, also of one in a table."""
        return super().render_str(visible(text, keep="\n\t"), **options)

    def on_broken_pipe(self) -> None:
        """Raise BrokenPipeError again where rich would exit; called where it was caught."""
        raise


_is_terminal = sys.stdout is not None and sys.stdout.isatty()
stdout = SafeConsole(ResultStream("stdout"), width=None if _is_terminal else OFF_TERMINAL_WIDTH)
stderr = SafeConsole(StatusStream("stderr"), stderr=True)


def warn(message: str) -> None:
    """Print one warning on stderr, and note it in the log of the run."""
    log_event("warning", message=message)
    stderr.print(f"[yellow]warning:[/] {_told(_of_sample() + message)}")


def info(message: str) -> None:
    """Print one status line on stderr, and note it in the log of the run."""
    log_event("info", message=message)
    stderr.print(_told(_of_sample() + message))


def complain(message: str) -> None:
    """Print the error that ends a command on stderr."""
    stderr.print(f"[red]error:[/] {_told(message)}")


def _of_sample() -> str:
    return f"{sample}: " if (sample := sample_told_of()) else ""


def _told(message: str) -> str:
    """A message without secrets and markup; no further line of it can be taken for another message."""
    return escape(_FURTHER_LINE.sub("\n  ", masked(message)))


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
            stderr.print(escape(", ".join(filter(None, (f"{self.label}: {10 * tenth} %", note)))))


@contextmanager
def progress(label: str, total: int, *, bar: bool = True) -> Iterator[Advance]:
    """A progress bar on a terminal, plain lines elsewhere; yields a function to advance it.

    Parameters
    ----------
    bar
        False where others print in between: it takes the terminal, and ``sys.stdout`` with it.
    """
    if not (bar and stderr.is_terminal):
        yield Advance(label, total, None)
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
    with Progress(*columns, console=stderr, transient=True) as drawn:
        yield Advance(label, total, drawn)
