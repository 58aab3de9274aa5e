"""Where a network runs, as `--device` says it."""

from __future__ import annotations

import re
from typing import NamedTuple

from dvplug.errors import InputError


class Device(NamedTuple):
    """``auto``, ``cpu`` or ``gpu``; and the numbers of the GPUs, where they are named."""

    kind: str
    gpus: tuple[int, ...] = ()


def parse_device(text: str) -> Device:
    """Read ``auto``, ``cpu``, ``gpu``, or GPUs by number such as ``gpu:0,1``; raises InputError."""
    if text in ("auto", "cpu", "gpu"):
        return Device(text)
    if not re.fullmatch(r"gpu:\d{1,3}(,\d{1,3})*", text):
        raise InputError(f"'{text}' is no device", repair="Use auto, cpu, gpu, or GPUs such as gpu:0,1.")
    gpus = tuple(map(int, text.partition(":")[2].split(",")))
    if len(set(gpus)) < len(gpus):
        raise InputError(f"device '{text}' names a GPU twice", repair="Name each once.")
    return Device("gpu", gpus)


def known_device(text: str) -> str:
    """Return what `parse_device` can read; raises as it does."""
    parse_device(text)
    return text
