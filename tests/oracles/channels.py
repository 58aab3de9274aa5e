"""The twin of `dvplug.images.channels`: one pixel at a time, by its formula."""

import math

from dvplug.line.image_batch import (
    DELETED,
    EMPTY,
    FAR,
    NEAR,
    NO_SIDE,
    REFERENCE,
    SUPPORTS_ALT,
    SUPPORTS_OTHER,
    SUPPORTS_REF,
    Pileup,
)

BASE = {0: 40 + 70 * 3, 2: 40 + 70 * 2, 3: 30 + 70 * 1, 1: 30 + 70 * 0, 4: 0}
SUPPORT = {SUPPORTS_ALT: 254, SUPPORTS_OTHER: 180, SUPPORTS_REF: 60}


def run_length(codes: list[int], at: int) -> int:
    """Length of the run of equal codes around ``at``."""
    first = last = at
    while first > 0 and codes[first - 1] == codes[at]:
        first -= 1
    while last + 1 < len(codes) and codes[last + 1] == codes[at]:
        last += 1
    return last - first + 1


def pixel(channel: str, pileup: Pileup, image: int, row: int, column: int) -> int:
    """One pixel by its formula."""
    cell, read = int(pileup.cell[image, row, column]), int(pileup.row_read[image, row])
    base, reads = int(pileup.reference[image, column]), pileup.reads
    if cell == EMPTY:
        return 0
    if cell == REFERENCE:
        full = {"base_quality": 254, "mapping_quality": 254, "strand": 70, "insert_size": 254, "haplotype": 0}
        full |= dict.fromkeys(("base_error", "relative_mapping_quality", "relative_insert_size"), 254)
        own = {"read_base": BASE[base], "read_supports_variant": 60, "base_differs_from_ref": 50}
        own["homopolymer_length"] = min(254, 254 * run_length(pileup.reference[image].tolist(), column) // 20)
        return (full | own)[channel]
    of_read = {
        "mapping_quality": int(254 * min(int(reads.mapping_quality[read]), 60) / 60),
        "strand": 240 if reads.flag[read] & 0x10 else 70,
        "insert_size": int(254 * min(abs(int(reads.fragment_length[read])), 1000) / 1000),
        "haplotype": {NO_SIDE: 0, NEAR: 127, FAR: 254}[int(pileup.side[image, row])],
        "read_supports_variant": SUPPORT.get(int(pileup.support[image, row]), 120),
    }
    if channel == "relative_mapping_quality":
        quality = int(reads.mapping_quality[read])
        return 25 if quality == 255 else int(50 + 204 * min(1, quality / pileup.run.usual_mapping_quality))
    if channel == "relative_insert_size":
        length, run = abs(int(reads.fragment_length[read])), pileup.run
        z = max(-3.0, min(3.0, (length - run.fragment_length) / max(run.fragment_spread, 1)))
        return 25 if not length or not run.fragment_length else int(50 + 204 * (z / 3 + 1) / 2)
    if channel in of_read:
        return of_read[channel]
    if cell == DELETED:
        return 180 if channel == "base_differs_from_ref" else 0
    if channel == "read_base":
        return BASE[int(reads.seq[cell])]
    if channel == "homopolymer_length":
        first, end = reads.base_offset[read], reads.base_offset[read + 1]
        return min(254, 254 * run_length(reads.seq[first:end].tolist(), cell - int(first)) // 20)
    if channel == "base_error":
        p = float(pileup.run.mismatch_p[reads.qual[cell]])
        return int(50 + 204 * max(0, min(40, -10 * math.log10(p))) / 40)
    if channel == "base_quality":
        return int(254 * min(int(reads.qual[cell]), 40) / 40)
    if reads.seq[cell] != base:
        return 254
    return 120 if pileup.insertion[image, row, column] else 50
