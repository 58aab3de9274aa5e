"""`dvplug completion`."""

from __future__ import annotations

from typing import Literal


def completion(shell: Literal["bash", "zsh", "fish"]) -> None:
    """Print what makes a shell complete commands and options with the Tab key.

    Parameters
    ----------
    shell
        The shell that it is for.
    """
    from dvplug.cli.commands import app
    from dvplug.system.rich_console import stdout

    stdout.file.write(app.generate_completion(prog_name="dvplug", shell=shell) + "\n")  # a result, verbatim
