"""A command of dvplug in a process of its own that kills itself, by SIGKILL, when it has come to a given moment."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from dvplug.cli import main


class Moment(NamedTuple):
    """Before, or after, the n-th time that something is called."""

    where: Any
    name: str
    times: int
    after: bool = False

    def __str__(self) -> str:
        """Say when."""
        return f"{'after' if self.after else 'before'} {self.name} {self.times}"


def killed_at(moment: Moment, words: Sequence[object]) -> bool:
    """Run a command, which ends itself at the moment; returns whether it came to it.

    The process is forked, so that nothing has to be imported or compiled again.
    """
    child = os.fork()
    if not child:
        for stream in (1, 2):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
        setattr(moment.where, moment.name, deadly(getattr(moment.where, moment.name), moment))
        try:
            main([str(word) for word in words])
        except SystemExit as end:
            os._exit(int(end.code or 0))
        os._exit(1)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, "the command ended with an error"
    return False


def deadly(function: Callable[..., Any], moment: Moment) -> Callable[..., Any]:
    """A function that kills the process when it is called so often."""
    times = 0

    def called(*given: Any, **named: Any) -> Any:
        nonlocal times
        times += 1
        if times == moment.times and not moment.after:
            os.kill(os.getpid(), signal.SIGKILL)
        found = function(*given, **named)
        if times == moment.times:
            os.kill(os.getpid(), signal.SIGKILL)
        return found

    return called


def whole_files_of(folder: Path) -> dict[str, bytes]:
    """What a folder shows, hidden files left out."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith(".")}
