"""Whether sets of examples share places of the genome: what was trained on measures nothing."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from dvplug.errors import InputError
from dvplug.train.store import ExampleReader, ShardSites


def refuse_shared_places(one: tuple[str, ExampleReader], other: tuple[str, ExampleReader]) -> None:
    """Refuse two sets of examples that have a place in common, whoever's reads they are of.

    A place is a contig and a position. Contigs of one name are different ones where their sequences differ.

    Parameters
    ----------
    one, other
        What the examples are for, such as "training", and they themselves.

    Raises
    ------
    InputError
        They share a file or places.
    """
    purposes = f"{one[0]} and {other[0]} examples"
    repair = "Keep them apart: make each with other --regions of `dvplug train examples`."
    same = {path.resolve() for path in one[1].paths} & {path.resolve() for path in other[1].paths}
    if same:
        raise InputError(f"'{sorted(same)[0].name}' is among both {purposes}", repair=repair)
    shared, first = 0, ""
    for (path, sites), (other_path, other_sites) in product(
        zip(one[1].paths, one[1].sites, strict=True), zip(other[1].paths, other[1].sites, strict=True)
    ):
        for contig, positions in common_places(sites, other_sites).items():
            shared += len(positions)
            first = first or f"{contig}:{positions[0] + 1} of '{path}' and '{other_path}'"
    if shared:
        raise InputError(
            f"{purposes} share {shared:,} places, such as {first}",
            cause="what a network was trained on does not tell how it does elsewhere",
            repair=repair,
        )


def common_places(one: ShardSites, other: ShardSites) -> dict[str, NDArray[np.int32]]:
    """Positions that two shards share, 0-based, by contig; only contigs that have some."""
    found = {}
    for contig, (digest, positions) in one.items():
        other_digest, other_positions = other.get(contig, ("", positions[:0]))
        if digest == other_digest or not (digest and other_digest):
            both = np.intersect1d(positions, other_positions)
            if len(both):
                found[contig] = both
    return found
