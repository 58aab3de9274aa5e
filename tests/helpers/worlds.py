"""A world in which nothing is unusual, to change one axis of, and a mapper that keeps what it is given."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dvplug.simulate.world import World, Worlds, draw_world

RANGES = Worlds(
    depths=(5.0, 300.0), single_p=0.3, pair_aligners=("bwa-mem", "sr", "bwa-aln"), single_aligners=("sr",)
)
_PLAIN: dict[str, dict[str, object]] = {
    "person": {
        "dense_share": 0.0, "dense_spacing": (50.0, 50.0), "hidden_share": 0.0, "decoy_share": 0.01,
        "unusual_spacing": 1e9,
    },
    "library": {
        "kind": "whole", "depth": 30.0, "fragment_mean": 300.0, "fragment_sd": 30.0, "adapters_trimmed": False,
        "chimera_p": 0.0, "clip_factor": 1.0, "tail_share": 0.0, "duplicate_share": 0.0,
        "duplicates_marked": False, "imbalance_sd": 0.0, "alt_share": 0.5, "site_sd": 0.0, "skewed_share": 0.0,
        "reverse_kept": 1.0, "amplicon_length": (150.0, 400.0), "amplicon_overlap": -50, "primer": 20,
        "primers_trimmed": False, "linked": None,
    },
    "machine": {
        "paired": True, "read_length": 100, "length_factor": 1.0, "uneven_share": 0.0,
        "substitution_factor": 1.0, "run_factor": 1.0, "other_indel_factor": 1.0, "site_factor": 1.0,
        "indel_sd": 0.0, "after_run_share": 1.0,
    },
    "quality": {
        "shift": 0.0, "stretch": 1.0, "cycle_fall": 0.0, "bins": "none", "low": 12, "high": 30, "cap": 93,
        "recalibrated": 0.0, "absent": False,
    },
    "mapping": {"aligner": "sr", "scale": "as-mapped", "top": 60},
}  # fmt: skip


def world(**changes: object) -> World:
    """A plain world but for these fields, whichever part they are of."""
    drawn = draw_world(RANGES, 1)
    parts = {name: {k: changes.pop(k, v) for k, v in fields.items()} for name, fields in _PLAIN.items()}
    assert not changes
    machine = drawn.machine.model_copy(
        update=parts["machine"] | {"quality": drawn.machine.quality.model_copy(update=parts["quality"])}
    )
    return drawn.model_copy(
        update={
            "machine": machine,
            "person": drawn.person.model_copy(update=parts["person"]),
            "library": drawn.library.model_copy(update=parts["library"]),
            "mapping": drawn.mapping.model_copy(update=parts["mapping"]),
        }
    )


class Kept:
    """In place of an aligner: the reads as they were written, as (name, bases, qualities)."""

    def __init__(self) -> None:
        self._texts: list[bytes] = []

    def write(self, text: NDArray[np.uint8]) -> None:
        self._texts.append(text.tobytes())

    def close(self) -> None:
        pass

    @property
    def reads(self) -> list[tuple[str, str, NDArray[np.uint8]]]:
        lines = b"".join(self._texts).decode().splitlines()
        return [
            (name[1:], bases, np.frombuffer(quality.encode(), np.uint8) - 33)
            for name, bases, quality in zip(lines[::4], lines[1::4], lines[3::4], strict=True)
        ]
