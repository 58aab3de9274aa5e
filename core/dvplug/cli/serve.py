"""`dvplug serve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from dvplug.cli.parameters import whole_number

WholeNumber = Annotated[int, Parameter(converter=whole_number)]


def serve(
    *,
    data: Path,
    host: str = "127.0.0.1",
    port: WholeNumber = 8000,
    workers: Annotated[int | None, Parameter(converter=whole_number)] = None,
    runs: WholeNumber = 1,
    files: Path | None = None,
    token_file: Path | None = None,
    max_memory: str | None = None,
    max_input: str = "2TB",
    least_free: str = "2GB",
    keep_days: float = 0,
    allow_private: Annotated[bool, Parameter(negative=())] = False,
    allow_host: Annotated[list[str] | None, Parameter(consume_multiple=True, negative=())] = None,
    drain: float = 10,
    demo: Annotated[bool, Parameter(negative=())] = False,
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
    token_file
        Lines of NAME TOKEN, of those who may use it. Each sees their own runs.
    max_memory
        What all runs together may take, such as 16G.
    max_input
        What one input may have, uploaded or fetched.
    least_free
        What uploads and runs leave free of the disk.
    keep_days
        Days that finished runs, and uploads, are kept; 0 keeps all.
    allow_private
        Fetch from, and deliver to, private addresses too: of this machine and the networks around it.
    allow_host
        Names by which it is called, besides its address, as behind a proxy.
    drain
        Seconds that runs are given to end when the service is told to; they go on at its next start.
    demo
        Offer simulated reads to try, made at the first start, in the folder `demo` of the files.
    """
    from dvplug.cli.plain_call import available_cores
    from dvplug.serve.run import run_service
    from dvplug.serve.settings import ServiceSettings, read_tokens
    from dvplug.system.memory import parse_size

    settings = ServiceSettings(
        data=data,
        files=files,
        host=host,
        port=port,
        workers=max(1, available_cores() // max(runs, 1)) if workers is None else workers,
        runs=runs,
        max_memory=None if max_memory is None else parse_size(max_memory),
        max_input=parse_size(max_input),
        least_free=parse_size(least_free),
        keep_days=keep_days,
        tokens=read_tokens(token_file) if token_file else {},
        allow_private=allow_private,
        allowed_hosts=tuple(allow_host or ()),
        drain_s=drain,
        demo=demo,
    )
    run_service(settings)
