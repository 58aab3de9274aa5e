"""`dvplug serve`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from dvplug.cli.parameters import Number, Several, Whole

Switch = Annotated[bool, Parameter(negative=())]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class LimitOptions:
    """What a service may take.

    Parameters
    ----------
    max_memory
        What all runs together may take, such as 16G.
    max_input
        What one input may have, uploaded or fetched.
    least_free
        What uploads and runs leave free of the disk.
    keep_days
        Days that finished runs, and uploads, are kept; 0 keeps all.
    """

    max_memory: str | None = None
    max_input: str = "2TB"
    least_free: str = "2GB"
    keep_days: Number = 0

    @property
    def settings(self) -> dict[str, Any]:
        """Those of `ServiceSettings`."""
        from dvplug.system.memory import parse_size

        return {
            "max_memory": None if self.max_memory is None else parse_size(self.max_memory),
            "max_input": parse_size(self.max_input),
            "least_free": parse_size(self.least_free),
            "keep_days": self.keep_days,
        }


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class AccessOptions:
    """Who may use a service, and what it fetches for them.

    Parameters
    ----------
    token_file
        Lines of NAME TOKEN, of those who may use it. Each sees their own runs.
    allow_private
        Fetch from, and deliver to, private addresses too: of this machine and the networks around it.
    allow_host
        Names by which it is called, besides its address, as behind a proxy.
    """

    token_file: Path | None = None
    allow_private: Switch = False
    allow_host: Annotated[list[str] | None, Several] = None

    @property
    def settings(self) -> dict[str, Any]:
        """Those of `ServiceSettings`."""
        from dvplug.serve.settings import read_tokens

        return {
            "tokens": read_tokens(self.token_file) if self.token_file else {},
            "allow_private": self.allow_private,
            "allowed_hosts": tuple(self.allow_host or ()),
        }


LIMITS_AS_USUAL, ACCESS_AS_USUAL = LimitOptions(), AccessOptions()


def serve(
    *,
    data: Path,
    host: str = "127.0.0.1",
    port: Whole = 8000,
    workers: Whole | None = None,
    runs: Whole = 1,
    files: Path | None = None,
    limits: LimitOptions = LIMITS_AS_USUAL,
    access: AccessOptions = ACCESS_AS_USUAL,
    drain: Number = 10,
    demo: Switch = False,
) -> None:
    """Offer calling over HTTP: a page, and the interfaces of NVIDIA's DeepVariant service and of GA4GH.

    Parameters
    ----------
    data
        Folder of all that it keeps: state, uploads, runs.
    host
        Address to listen at. Any but this machine's own needs --token-file.
    port
        Port to listen at.
    workers
        Worker processes of each run; the default is one per core, shared by --runs.
    runs
        Runs that are called at once; others wait.
    files
        Folder of what all runs may read, such as references; the default is `files` in --data.
    drain
        Seconds that runs are given to end when the service is told to; they go on at its next start.
    demo
        Offer simulated reads to try, made at the first start, in the folder `demo` of the files.
    """
    from dvplug.cli.plain_call import available_cores
    from dvplug.serve.run import run_service
    from dvplug.serve.settings import ServiceSettings

    settings = ServiceSettings(
        data=data,
        files=files,
        host=host,
        port=port,
        workers=max(1, available_cores() // max(runs, 1)) if workers is None else workers,
        runs=runs,
        drain_s=drain,
        demo=demo,
        **limits.settings,
        **access.settings,
    )
    run_service(settings)
