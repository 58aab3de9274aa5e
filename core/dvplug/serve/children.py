"""RunChild processes that outlive this one, and are found again.

A child holds a lock as long as it lives: the file description that locks a file of the run's folder is opened here
and inherited (flock(2)). So a service that comes after one that was killed, at whatever moment, knows whether a child
of a run lives, and never starts a second.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

NICE = 5
"""By how much a child stands behind the service, which has to answer meanwhile."""
TERM_S = 20.0
"""Seconds that a child has to end once it is told to, before it is killed."""


@dataclass
class RunChild:
    """A process, ours by birth or adopted after a service that was killed.

    Attributes
    ----------
    lock
        The file that is locked while it lives.
    pid
        Its number, which is that of its session too; unknown of one whose service was killed as it was born.
    """

    lock: Path
    pid: int | None
    own: subprocess.Popen[bytes] | None = None

    @classmethod
    def start(cls, words: Sequence[str], folder: Path, lock: Path, stdout: Path, stderr: Path) -> RunChild:
        """Start a command in a folder, its outputs appended to two files.

        Raises
        ------
        BlockingIOError
            One that holds the lock still lives.
        OSError
            It cannot be started.
        """
        with stdout.open("ab") as out, stderr.open("ab") as err, lock.open("ab") as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            process = subprocess.Popen(
                words, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True,
                pass_fds=[held.fileno()],
            )  # fmt: skip
        with suppress(OSError):  # it has ended already
            os.setpriority(os.PRIO_PROCESS, process.pid, NICE)
        return cls(lock, process.pid, process)

    @classmethod
    def adopt(cls, lock: Path, pid: int | None) -> RunChild | None:
        """Find a process again by its lock; none where it has ended."""
        return cls(lock, pid) if is_held(lock) else None

    def running(self) -> bool:
        """Whether it has not ended."""
        if self.own is not None:
            return self.own.poll() is None
        return is_held(self.lock)

    @property
    def exit_code(self) -> int | None:
        """How it ended; unknown of one that was adopted."""
        return self.own.returncode if self.own is not None else None

    def send(self, number: signal.Signals) -> None:
        """Send a signal to it, and where it is to die to all that it started."""
        if self.pid is None or not self.running():
            return
        with suppress(ProcessLookupError, PermissionError):
            if number == signal.SIGKILL:
                os.killpg(self.pid, number)
            else:
                os.kill(self.pid, number)


def is_held(lock: Path) -> bool:
    """Whether a process holds a lock."""
    try:
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


@dataclass
class Ending:
    """A child that is told to end: first asked, then killed."""

    child: RunChild
    since: float | None = None

    def push(self) -> None:
        """Ask, or kill once it had its time."""
        if self.since is None:
            self.since = time.monotonic()
            self.child.send(signal.SIGTERM)
        elif time.monotonic() - self.since > TERM_S:
            self.child.send(signal.SIGKILL)
