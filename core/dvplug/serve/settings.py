"""What whoever starts the service decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from dvplug.errors import InputError

GIB = 2**30
DEMO = "demo"
"""Folder of the simulated reads, among the files."""


@dataclass(frozen=True)
class ServiceSettings:
    """Where the service keeps things, whom it serves, and how much it takes on.

    Attributes
    ----------
    data
        Folder of all that it keeps.
    files
        Folder of what it offers to all runs, such as references; by default ``files`` in ``data``.
    host, port
        Where it listens.
    workers
        Worker processes of each run.
    runs
        Runs that are called at once.
    max_memory
        Bytes that all runs together may take; none is no limit.
    least_free
        Bytes of the disk that uploads, downloads and runs leave free.
    most_queued
        Runs that wait at most; more are refused.
    max_input
        Bytes of one input, uploaded or fetched.
    keep_days
        Days that a finished run, or an upload, is kept; 0 keeps all.
    tokens
        Name of whom by token. None has to be given where there are none.
    allow_private
        Let inputs come from, and outputs go to, private addresses: this machine and the networks around it.
    allowed_hosts
        Names by which browsers may call it besides the address it listens at.
    drain_s
        Seconds that runs are given to end when the service is told to.
    demo
        Offer simulated reads.
    """

    data: Path
    files: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    runs: int = 1
    max_memory: int | None = None
    least_free: int = 2 * GIB
    most_queued: int = 10_000
    max_input: int = 2_000 * GIB
    keep_days: float = 0
    tokens: Mapping[str, str] = field(default_factory=dict)
    allow_private: bool = False
    allowed_hosts: tuple[str, ...] = ()
    drain_s: float = 10
    demo: bool = False

    def check(self) -> None:
        """Refuse what is not safe, or cannot be; raises InputError."""
        if not self.tokens and not is_loopback(self.host):
            raise InputError(
                f"--host {self.host} lets others in without a token",
                cause="whoever reaches the service may read and start runs",
                repair="Give --token-file, or listen on 127.0.0.1 and forward the port by ssh.",
            )
        for name, least in (("workers", 1), ("runs", 1), ("least_free", 0), ("keep_days", 0), ("drain_s", 0)):
            if not getattr(self, name) >= least:  # which what is no number is not either
                raise InputError(
                    f"--{name.replace('_', '-')} {getattr(self, name)} is too little",
                    repair=f"Give {least} or more.",
                )


def is_loopback(host: str) -> bool:
    """Whether an address, or name, is that of this machine alone."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def read_tokens(path: Path) -> dict[str, str]:
    """Read ``NAME TOKEN`` lines; empty ones and those that begin with # say nothing. Returns names by token.

    Raises
    ------
    InputError
        The file cannot be read, others may read it, a line is of another form, or a token is short or there twice.
    """
    try:
        mode, text = path.stat().st_mode, path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"--token-file {path} cannot be read", cause=str(error), repair="Name a text file."
        ) from error
    if mode & 0o077:
        raise InputError(
            f"--token-file {path} can be read by other users",
            cause=f"its mode is {mode & 0o777:o}",
            repair=f"chmod 600 {path}",
        )
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) != 2 or len(words[1]) < LEAST_TOKEN or words[1] in found:
            raise InputError(
                f"Line {number} of --token-file {path} is not NAME TOKEN",
                cause=f"a token has {LEAST_TOKEN} characters or more, and is there once",
                repair="Make one by: python3 -c 'import secrets; print(secrets.token_urlsafe(24))'",
            )
        found[words[1]] = words[0]
    if not found:
        raise InputError(f"--token-file {path} has no token", repair="Write a line: NAME TOKEN.")
    return found


LEAST_TOKEN = 16
