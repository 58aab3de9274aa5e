"""Two consoles: results go to stdout, everything else to stderr."""

from __future__ import annotations

from rich.console import Console

stdout = Console(highlight=False, soft_wrap=True)
stderr = Console(stderr=True, highlight=False, soft_wrap=True)


def warn(message: str) -> None:
    """Print one warning line on stderr."""
    stderr.print(f"[yellow]warning:[/] {message}")


def info(message: str) -> None:
    """Print one status line on stderr."""
    stderr.print(message)
