"""What the tests of URLs do in new processes, which import it by this name."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

from dvplug.errors import InputError
from dvplug.genome.reference import Reference
from dvplug.reads.alignments import open_alignments
from dvplug.system.input_states import InputStates

CONTIG = "chrS"


def in_a_new_process(function: Callable[..., Any], *arguments: object) -> Any:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def starts(url: str, reference: Path) -> list[int]:
    with open_alignments(url, reference) as alignments:
        return [read.reference_start for read in alignments.fetch(CONTIG, 10_000, 20_000)]


def after_growing(url: str, on_server: Path) -> str:
    """What is said of a file on a server that has become longer."""
    states = InputStates.of([url])
    states.require_same_sizes()
    with on_server.open("ab") as file:
        file.write(b"more")
    try:
        states.require_same_sizes()
    except InputError as error:
        return str(error)
    return ""


def sequence(place: str) -> tuple[dict[str, int], str]:
    with Reference.open(place) as reference:
        return reference.lengths, reference.sequence(CONTIG, 5_000, 9_000)


def beside_tensorflow(url: str, reference: Path, first: bool) -> list[int]:
    found = starts(url, reference) if first else []
    sys.modules["tensorflow"] = ModuleType("tensorflow")  # stands for it: what counts is that it was loaded
    return found + starts(url, reference)
