"""`dvplug warm`."""

from __future__ import annotations


def warm(tech: tuple[str, ...] | None = None) -> None:
    """Compile what calling needs, ahead of time: for images of containers, and installations that many share.

    Parameters
    ----------
    tech
        Technologies; the default is every one that has an installed model.
    """
    from dvplug.system.rich_console import stdout
    from dvplug.warm import warm_up

    stdout.print(f"Compiled kernels: {warm_up(tech or ())}")
