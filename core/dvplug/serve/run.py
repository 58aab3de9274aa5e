"""Serve until told to end."""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from dvplug.errors import InputError
from dvplug.serve.settings import DEMO, ServiceSettings
from dvplug.system.console import info

NEEDED = ("fastapi", "uvicorn", "sse_starlette", "prometheus_client", "jinja2", "python_multipart")


def run_service(settings: ServiceSettings) -> None:
    """Serve until SIGTERM or Ctrl-C; raises DvplugError where it cannot begin."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise InputError(
            "`dvplug serve` cannot run here",
            cause=f"{', '.join(missing)} is not installed",
            repair='Install it: pip install "dvplug[serve]"',
        )
    import uvicorn

    from dvplug.serve.app import create_app
    from dvplug.serve.service import Service

    with _listening(settings) as listener:
        service = Service(settings)
        if settings.demo:
            _offer_demo(service.places.files)
        port = listener.getsockname()[1]
        config = uvicorn.Config(
            create_app(service), log_level="warning", access_log=False, server_header=False, date_header=False,
            timeout_graceful_shutdown=5, limit_concurrency=2000, h11_max_incomplete_event_size=1 << 16,
        )  # fmt: skip
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        info(f"Serving {settings.data} at http://{host}:{port}/ until Ctrl-C.")
        if settings.demo:
            info(f"To call the demo: http://{host}:{port}/demo")
        with suppress(
            KeyboardInterrupt
        ):  # which it raises again once all has ended: that is how a service ends
            uvicorn.Server(config).run(sockets=[listener])
        info("Ended: runs that were not done go on at the next start.")


def _offer_demo(files: Path) -> None:
    """Simulate reads into the folder of files, once; by a process of its own, which has what this one does not."""
    if (files / DEMO / "reads.bam").is_file():
        return
    info("Simulating a genome and its reads for the demo.")
    try:
        subprocess.run([sys.executable, "-c", _SIMULATE, str(files / DEMO)], check=True)
    except subprocess.CalledProcessError as error:
        raise InputError(
            f"The demo cannot be made in {files}", cause=str(error), repair="Leave out --demo."
        ) from error


_SIMULATE = (
    "import sys; from dvplug.simulate import simulate_dataset; "
    "simulate_dataset(sys.argv[1], length=2_000_000, depth=30)"
)
"""Enough to watch for some seconds."""


def _listening(settings: ServiceSettings) -> socket.socket:
    """A socket that listens; raises InputError where the address cannot be had."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
        listener.listen(2048)
    except (OSError, OverflowError) as error:
        listener.close()
        raise InputError(
            f"Nothing can listen at {settings.host}, port {settings.port}",
            cause=str(error),
            repair="Choose another --port, or an address of this machine.",
        ) from error
    return listener
