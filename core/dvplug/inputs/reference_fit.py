"""Do reads fit the reference that is given? A stale index, or another build of equal lengths, shifts every base.

The limits were measured on 17 files of real reads, each with its reference and with the same one shifted by 1 kb. With
the right one the median read differs at 0 to 1 % of its aligned bases, and at most 0.5 % of the reads at more than 20 %
(alignments in the wrong place, and sequence that is in no reference). With the shifted one the median read differs at
69 to 75 %, and all reads at more than 20 %.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import numpy as np
import pysam

from dvplug.errors import InputError
from dvplug.genome.reference import Reference

FAR_OFF = 0.3
"""Share of its aligned bases at which a read differs that does not lie here."""
MOST_FAR_OFF, MOST_DOUBTFUL = 0.5, 0.05
"""Share of the reads that are far off: beyond it the reference is another one; beyond it there is reason to doubt."""
USUAL_DIFFERENCE = 0.05
"""Share of its bases at which the median read may differ unsaid: a SNP every 30 bp gives 0.04."""
_FEWEST_READS, _FEWEST_BASES, _MOST_BASES = 5, 30, 2000
_ALIGNED, _READ, _REFERENCE = {0, 7, 8}, {0, 1, 4, 7, 8}, {0, 2, 3, 7, 8}  # BAM's codes of CIGAR operations
_UNKNOWN = b"N="  # in reads also what says "as the reference": it cannot differ


def mismatch_share(read: pysam.AlignedSegment, reference: Reference) -> float | None:
    """Share of the first 2,000 aligned bases that differ from the reference; None where fewer than 30 can be compared.

    N, of either side, is not compared. Raises InputError where the reference cannot be read.
    """
    contig, bases = str(read.reference_name), read.query_sequence or ""
    if contig not in reference.lengths:
        return None
    pairs: list[tuple[int, int, int]] = []
    at, place, left = 0, read.reference_start, _MOST_BASES
    for code, length in read.cigartuples or ():
        if code in _ALIGNED:
            pairs.append((at, place, min(length, left)))
            left -= pairs[-1][2]
        at += length * (code in _READ)
        place += length * (code in _REFERENCE)
        if left == 0:
            break
    if not pairs:
        return None
    first, last = pairs[0][1], pairs[-1][1] + pairs[-1][2]
    whole = np.frombuffer(reference.sequence(contig, first, last).encode(), np.uint8)
    if len(whole) < last - first:
        return None
    there = np.concatenate([whole[p - first : p - first + n] for _, p, n in pairs])
    own = np.frombuffer("".join(bases[a : a + n] for a, _, n in pairs).upper().encode(), np.uint8)
    known = there != ord("N")
    for unknown in _UNKNOWN:
        known &= own != unknown
    return float((own != there)[known].mean()) if known.sum() >= _FEWEST_BASES else None


def another_reference(file: str, shares: Sequence[float], reference: str) -> InputError | None:
    """Return the error that the reads were not aligned to this reference; None where most of them fit.

    Parameters
    ----------
    file, reference
        Their names.
    shares
        Of some reads, what `mismatch_share` says.
    """
    if len(shares) < _FEWEST_READS or _far_off(shares) < MOST_FAR_OFF:
        return None
    return InputError(
        f"The reads of {file} do not fit the reference {reference}",
        cause=f"the median read differs from it at {statistics.median(shares):.0%} of its aligned bases: it is "
        f"another build or another genome, or its index {reference}.fai is of another version of the file",
        repair="Use the reference of the alignment, indexed anew with `samtools faidx`, or call with this one all the "
        "same with --force.",
    )


def doubtful_reference(file: str, shares: Sequence[float], reference: str) -> str | None:
    """Return the warning that many reads differ much from the reference; None where they do not, or all too much."""
    if len(shares) < _FEWEST_READS or another_reference(file, shares, reference):
        return None
    far, median = _far_off(shares), statistics.median(shares)
    if far <= MOST_DOUBTFUL and median <= USUAL_DIFFERENCE:
        return None
    return (
        f"{file}: the median read differs from {reference} at {median:.1%} of its aligned bases, and {far:.0%} of the "
        "reads do not fit it at all: check that it is the reference of the alignment"
    )


def fit_in_words(shares: Sequence[float]) -> str:
    """Say how reads fit the reference; empty where none was compared."""
    if not shares:
        return ""
    return (
        f"the median of {len(shares):,} reads differs from it at {statistics.median(shares):.2%} of its aligned bases, "
        f"and {_far_off(shares):.1%} of the reads do not fit it at all"
    )


def _far_off(shares: Sequence[float]) -> float:
    return sum(share > FAR_OFF for share in shares) / len(shares)
