"""A service in a process of its own, to be asked, killed and started again."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FINISHED = ("done", "failed", "cancelled", "refused")
START_S = 180.0  # a demo that compiles first, on a machine with other work


@dataclass
class Answer:
    """What was answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


@dataclass
class ServiceProcess:
    """A service of a folder.

    Attributes
    ----------
    data
        Its folder.
    options
        More words of the command.
    url
        Where it answers, with a slash at its end.
    """

    data: Path
    options: Sequence[str] = ()
    url: str = ""
    token: str = ""
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> float:
        """Start it; returns after how many seconds it answered. Raises RuntimeError where it does not."""
        began = time.monotonic()
        port = () if "--port" in self.options else ("--port", "0")
        words = [sys.executable, "-m", "dvplug", "serve", "--data", str(self.data), *port, *self.options]
        log = self.data.parent / f"{self.data.name}.log"
        before = log.stat().st_size if log.exists() else 0
        with log.open("ab") as out:
            self.process = subprocess.Popen(words, stdout=out, stderr=out, start_new_session=True)
        while time.monotonic() - began < START_S:
            said = log.read_bytes()[before:].decode()
            if found := re.search(r"at (http://\S+/) until", said):
                self.url = found[1]
                with suppress(OSError):
                    if self.get("v1/health/live").status == 200:
                        return time.monotonic() - began
            if self.process.poll() is not None:
                raise RuntimeError(f"the service ended: {said}")
            time.sleep(0.01)
        raise RuntimeError(f"the service is not ready: {said}")

    def kill(self, *, children: bool = False) -> None:
        """Kill it by SIGKILL; its checker ends with it. With ``children``, kill the commands of its runs too."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if children:
            kill_commands(self.data)

    def end(self) -> int:
        """Tell it to end; returns its exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(60)

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 60,
    ) -> Answer:
        """Ask for a path; a body that is not bytes goes as JSON. Raises OSError where nobody answers."""
        given = dict(headers or {})
        if self.token:
            given.setdefault("authorization", f"Bearer {self.token}")
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        if data is not None and not isinstance(body, bytes):
            given.setdefault("content-type", "application/json")
        request = urllib.request.Request(self.url + path, data, given, method=method)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as found:
                return Answer(found.status, dict(found.headers), found.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, dict(error.headers), error.read())

    def get(self, path: str, **more: Any) -> Answer:
        """Ask for a path by GET."""
        return self.ask("GET", path, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> Answer:
        """Ask by POST."""
        return self.ask("POST", path, body, **more)

    def wait(self, run_id: str, states: Sequence[str] = FINISHED, seconds: float = 600) -> dict[str, Any]:
        """Wait until a run is in one of these states; returns it. Raises RuntimeError where that takes too long."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            run: dict[str, Any] = self.get(f"api/runs/{run_id}").json
            if run["state"] in states:
                return run
            time.sleep(0.05)
        raise RuntimeError(f"run {run_id} is {run['state']} after {seconds} s: {run}")


def kill_commands(data: Path) -> int:
    """Kill all processes that work in the folders of runs; returns how many."""
    killed = 0
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            with suppress(OSError):
                if Path(os.readlink(place / "cwd")).is_relative_to(data.resolve() / "runs"):
                    os.kill(int(place.name), signal.SIGKILL)
                    killed += 1
    return killed


@contextmanager
def served(data: Path, *options: str, token: str = "") -> Iterator[ServiceProcess]:
    """Give a service that is ready; it, and what it started, is killed at the end."""
    service = ServiceProcess(data, options, token=token)
    service.start()
    try:
        yield service
    finally:
        if service.process is not None and service.process.poll() is None:
            service.kill(children=True)
