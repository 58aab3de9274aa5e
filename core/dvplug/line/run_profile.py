"""`RunProfile`: how the reads of one run err, and what they are like. No two runs err alike."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

NO_QUALITY = 255
"""Base quality of reads without QUAL, and the mapping quality that says that it is not known (SAM, section 1.4)."""
MOST_QUALITY = 93
"""The highest base quality that SAM can write; higher ones count as this."""
TRACTS = ("A/T", "C/G", "dinucleotide", "longer unit")
"""Kinds of tracts: homopolymers by their bases, and tandem repeats whose unit is 2, or 3 to 6 bp long."""
HOMOPOLYMERS = 2
"""How many of `TRACTS` are, the first."""
MOST_UNITS = 20
"""Tracts of more units count as of so many."""
MOST_CHANGE = 3
"""Units; larger changes of length count as of so many."""


USUAL_CHANGES = np.array([0.01, 0.06, 0.48, 0.0, 0.38, 0.05, 0.02])
"""Of tracts that are misread, how many change by -3 or less to +3 or more: deletions are somewhat commoner."""

MOST_BELIEVED, UNCLAIMED = 50, 20
"""Phred: no base is believed to be better unless the run shows it; and what bases without a quality are taken as."""
MOST_MISREAD = 0.9
"""Share of the reads of a tract."""
PARTS = ("qualities", "lengths", "insertions and deletions")
"""What of a profile can be the technology's."""


@dataclass(frozen=True, eq=False)
class RunProfile:
    """How the reads of a run err, and what they are like: measured before the first region is called.

    Of a small share of the reads, the same wherever one calls (`dvplug.inputs.run_profile` measures it). Tables are
    smoothed, and hold sane values for what the sample has not shown; ``by_default`` names those that rest on it least.
    Errors are of reads of a usual mapping quality, at places where the sample is plainly as the reference.

    Attributes
    ----------
    mismatch_p
        float64[256]: P(base is not the reference's), by reported base quality; of quality 255 that of reads without
        QUAL, and from 94 to 254 that of 93. It never rises with the quality from 0 to 93.
    base_counts
        int64[256, 2]: bases that it rests on, and mismatches among them.
    length_p
        float64[4, 21, 7]: P(change of length | kind, units of the reference), by `TRACTS`, by whole units from 0 to
        `MOST_UNITS` and more, and by change in units from -3 (or less) over 0 to +3 (or more). A homopolymer of 8 bp
        has 8 units. Each sums to 1.
    length_counts
        int64[4, 21, 7]: reads that it rests on.
    length_spread
        SD, from place to place, of the log-odds that a tract is misread.
    insertion_p, deletion_p
        Per aligned base: those that change no tract's length.
    soft_clipped_reads, soft_clipped_bases
        Shares of all reads, and of their bases.
    read_length
        float64[5]: quantiles 0.05, 0.25, 0.5, 0.75, 0.95 of the bases of a read.
    depth, depth_spread
        Median of the depth where there are reads, x; and its SD, told by the median absolute deviation.
    fragment_length, fragment_spread
        Median |TLEN| and its SD, told likewise, bp, of reads that have one; 0 where none has.
    with_fragment_length, paired, inward
        Shares of reads: that have a TLEN; that are of a pair; of those with both, that face their mate.
    reverse_strand, distinct_starts
        Share of reads; positions at which reads start, of the number of reads.
    distinct_fragments
        Fragments that lie exactly as no other, or are the first of those that do, of their number; 0 where it is not
        known.
    mapping_quality
        float64[256]: share of the reads; 255 says that it is not known.
    low_mapping_quality, low_mapping_quality_mismatch_p
        Share of the reads that were set apart, and P(mismatch) of their bases.
    differing_positions
        Per 1,000 positions with reads: those where three reads or more, and a fifth of all, differ from the reference.
    left_out
        By `dvplug.line.read_batch.LEFT_OUT`: share of all alignments that the read filter takes.
    reads, bases, places
        What it rests on: reads, their bases, windows of the genome.
    by_default
        Those of `PARTS` of which too little was seen, so that they are what the technology says.
    """

    mismatch_p: npt.NDArray[np.float64]
    base_counts: npt.NDArray[np.int64]
    length_p: npt.NDArray[np.float64]
    length_counts: npt.NDArray[np.int64]
    length_spread: float
    insertion_p: float
    deletion_p: float
    soft_clipped_reads: float = 0.0
    soft_clipped_bases: float = 0.0
    read_length: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(5))
    depth: float = 0.0
    depth_spread: float = 0.0
    fragment_length: float = 0.0
    fragment_spread: float = 0.0
    with_fragment_length: float = 0.0
    paired: float = 0.0
    inward: float = 0.0
    reverse_strand: float = 0.5
    distinct_starts: float = 1.0
    distinct_fragments: float = 0.0
    mapping_quality: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(256))
    low_mapping_quality: float = 0.0
    low_mapping_quality_mismatch_p: float = 0.0
    differing_positions: float = 0.0
    left_out: dict[str, float] = field(default_factory=dict)
    reads: int = 0
    bases: int = 0
    places: int = 0
    by_default: tuple[str, ...] = ()

    def misread_p(self, kind: int, units: int) -> float:
        """P(a read shows a tract longer or shorter than it is); ``kind`` is an index in `TRACTS`."""
        return 1.0 - float(self.length_p[kind, min(units, MOST_UNITS), MOST_CHANGE])

    @property
    def usual_mapping_quality(self) -> float:
        """The mapping quality that three quarters of the reads do not exceed; 60 where none is known."""
        known = np.cumsum(self.mapping_quality[:NO_QUALITY])
        return max(1.0, float(np.searchsorted(known, 0.75 * known[-1]))) if known[-1] > 0 else 60.0

    @cached_property
    def mapping_shares(self) -> npt.NDArray[np.float64]:
        """Mapping qualities as shares of the usual one, float64[256], 1 at most; 1 where they are not known."""
        shares = np.minimum(np.arange(256) / self.usual_mapping_quality, 1)
        shares[NO_QUALITY] = 1
        return shares

    @cached_property
    def empirical_qualities(self) -> npt.NDArray[np.float64]:
        """What base qualities mean, phred, float64[256]."""
        return np.asarray(-10 * np.log10(self.mismatch_p))

    def empirical_quality(self, quality: int) -> float:
        """What a reported base quality means, phred."""
        return float(self.empirical_qualities[quality])

    def counted_qualities(self) -> list[int]:
        """The qualities that bases of the sample have, ascending; `NO_QUALITY` is that of reads without QUAL."""
        found: list[int] = np.flatnonzero(self.base_counts[:, 0]).tolist()
        return found

    def counted_units(self, kind: int) -> list[int]:
        """The lengths, in units, of which the sample has tracts of a kind, ascending."""
        found: list[int] = np.flatnonzero(self.length_counts[kind].sum(axis=-1)).tolist()
        return found

    def summary(self) -> dict[str, Any]:
        """Return what was measured, without what is only inferred, as JSON can hold it."""
        plain = {
            one.name: value
            for one in fields(self)
            for value in [getattr(self, one.name)]
            if not isinstance(value, np.ndarray)
        }
        shown = np.flatnonzero(self.mapping_quality).tolist()
        return plain | {
            "by_default": list(self.by_default),
            "read_length": self.read_length.tolist(),
            "mapping_quality": {str(q): round(float(self.mapping_quality[q]), 6) for q in shown},
            "qualities": [
                {
                    "reported": None if q == NO_QUALITY else q,
                    "empirical": round(self.empirical_quality(q), 2),
                    "bases": int(self.base_counts[q, 0]),
                    "mismatches": int(self.base_counts[q, 1]),
                }
                for q in self.counted_qualities()
            ],
            "lengths": [
                {
                    "tract": name,
                    "units": units,
                    "reads": int(self.length_counts[kind, units].sum()),
                    "change_p": [float(f"{p:.4g}") for p in self.length_p[kind, units]],
                }
                for kind, name in enumerate(TRACTS)
                for units in self.counted_units(kind)
            ],
        }

    def __eq__(self, other: object) -> bool:
        """Whether all fields are the same, arrays by their values: what a dataclass makes cannot compare arrays."""
        return isinstance(other, RunProfile) and all(
            np.array_equal(getattr(self, each.name), getattr(other, each.name)) for each in fields(self)
        )

    __hash__ = None  # type: ignore[assignment]


def claimed_p() -> npt.NDArray[np.float64]:
    """P(mismatch) that qualities claim, float64[256]: 10^(-q / 10) (SAM, section 1.4.11), within what can be believed.

    3/4 at most, as of a guess; and as of `MOST_BELIEVED` at least. Without QUAL it is that of `UNCLAIMED`.
    """
    quality = np.minimum(np.arange(256), MOST_BELIEVED)
    quality[NO_QUALITY] = UNCLAIMED
    return np.asarray(np.minimum(0.75, 10.0 ** (-quality / 10)))


def usual_lengths(length_error: float, length_growth: float) -> npt.NDArray[np.float64]:
    """P(change of length), float64[4, 21, 7] as of `RunProfile.length_p`, where little is known.

    Parameters
    ----------
    length_error
        P(a single base is read as none, or as several).
    length_growth
        How much more often a tract is misread per unit: the logarithm of how often it is rises along a straight line.
    """
    units = np.arange(MOST_UNITS + 1)
    wrong = np.minimum(MOST_MISREAD, length_error * length_growth ** np.maximum(units - 1, 0))
    table = np.tile(wrong[:, None] * USUAL_CHANGES, (len(TRACTS), 1, 1))
    table[..., MOST_CHANGE] = 1 - wrong
    table[:, 0] = np.eye(2 * MOST_CHANGE + 1)[MOST_CHANGE]
    return table


def usual_profile(
    length_error: float = 1e-5,
    length_growth: float = 1.7,
    length_spread: float = 0.5,
    insertion: float = 1e-6,
    deletion: float = 1e-6,
) -> RunProfile:
    """Return what is believed of a run of which nothing is known: qualities mean what they say.

    The parameters are those of `usual_lengths`, and what `RunProfile` has under such names.
    """
    return RunProfile(
        mismatch_p=claimed_p(),
        base_counts=np.zeros((256, 2), np.int64),
        length_p=usual_lengths(length_error, length_growth),
        length_counts=np.zeros((len(TRACTS), MOST_UNITS + 1, 2 * MOST_CHANGE + 1), np.int64),
        length_spread=length_spread,
        insertion_p=insertion,
        deletion_p=deletion,
        by_default=PARTS,
    )
