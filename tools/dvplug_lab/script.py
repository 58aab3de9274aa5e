"""Run a script's command line as dvplug runs its own: a message instead of a traceback for what its user can mend."""

from __future__ import annotations

import sys

from cyclopts import App
from rich.markup import escape

from dvplug.errors import DvplugError
from dvplug.system.rich_console import stderr


def run(app: App) -> None:
    """Run the application; exits with 2 and the message where it raises a DvplugError."""
    try:
        app()
    except DvplugError as error:
        stderr.print(f"[red]error:[/] {escape(str(error))}")
        sys.exit(2)
