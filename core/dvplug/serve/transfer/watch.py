"""An eye on the connections of a transfer: it cuts them when the time is up, or nobody wants the transfer any more.

Timeouts of sockets cannot do that, as each byte makes them begin anew: within a head, between two chunks, anywhere.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

LOOK_S = 0.1


class Watch:
    """Cuts connections from a thread of its own, which is there from the first of them on.

    Parameters
    ----------
    total_s
        Seconds from now on for all that is done.
    cancelled
        Asked every tenth of a second.

    Attributes
    ----------
    began
        When that was, by `time.monotonic`.
    why
        Why connections were cut; empty while they were not: ``cancelled``, ``late``, or, until something else is
        expected, ``slow``.
    """

    def __init__(self, total_s: float, cancelled: Callable[[], bool]) -> None:
        self.began, self.why = time.monotonic(), ""
        self._until, self._cancelled = self.began + total_s, cancelled
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._sockets: list[socket.socket] = []
        self._thread: threading.Thread | None = None
        self._slow: Callable[[], bool] = _never

    def add(self, connected: socket.socket) -> None:
        """Watch a connection."""
        with self._lock:
            self._sockets = [one for one in self._sockets if one.fileno() >= 0]
            self._sockets.append(connected)
            if self.why:
                _shut(connected)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._keep_looking, daemon=True, name="watch of a transfer"
                )
                self._thread.start()

    @contextmanager
    def expecting(self, slow: Callable[[], bool]) -> Iterator[None]:
        """Cut as ``slow`` where this function says so, until the block ends."""
        with self._lock:
            self.why = "" if self.why == "slow" else self.why
            self._slow = slow
        try:
            yield
        finally:
            self._slow = _never

    def pause(self, seconds: float) -> None:
        """Wait, unless it is cancelled, or the time is up."""
        until = min(time.monotonic() + seconds, self._until)
        while time.monotonic() < until and not self._cancelled():
            time.sleep(min(LOOK_S, seconds))

    def end(self) -> None:
        """Watch no longer."""
        self._ended.set()

    def look(self) -> str:
        """Look at once; returns `why`."""
        why = "late" if time.monotonic() > self._until else "slow" if self._slow() else ""
        why = "cancelled" if self._cancelled() else why
        with self._lock:
            if why and self.why in ("", "slow"):
                self.why = why
                for one in self._sockets:
                    _shut(one)
        return self.why

    def _keep_looking(self) -> None:
        while not self._ended.wait(LOOK_S):
            self.look()


def _never() -> bool:
    return False


def _shut(connected: socket.socket) -> None:
    """Shut the connection below TLS, whose own shutdown would have a thread that still writes go on without it."""
    with suppress(OSError):
        socket.socket.shutdown(connected, socket.SHUT_RDWR)
