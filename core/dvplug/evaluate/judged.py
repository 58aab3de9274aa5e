"""What was judged right or wrong, one by one: for curves, calibration and strata."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypedDict

import numpy as np
import numpy.typing as npt
import pysam

from dvplug.evaluate.counts import ClassCounts, wilson_interval
from dvplug.evaluate.result import Evaluation
from dvplug.evaluate.subsets import KINDS
from dvplug.evaluate.variants import Variant, variant_of
from dvplug.genome.reference import Reference
from dvplug.system.locations import StrPath

GENOTYPES = ("het", "hom_alt")
HOMOPOLYMERS = {"1-3": (1, 4), "4-6": (4, 7), "7-9": (7, 10), "10 or more": (10, 10_000)}
DEPTHS = {
    "under 10": (0, 10),
    "10-19": (10, 20),
    "20-29": (20, 30),
    "30-49": (30, 50),
    "50 or more": (50, 10**9),
}
GQ_EDGES = (0, 5, 10, 15, 20, 25, 30, 35, 40, 50, 100)
"""Of the bands of GQ; the last one has all above, too: other callers write up to 127."""
LEAST_CALLS = 100
"""Of a band of GQ, for it to say something."""
LONGEST_RUN = 50
CURVE_POINTS = 60


@dataclass(frozen=True, slots=True)
class Judged:
    """One record: a call that is TP or FP, or a truth variant that is FN.

    Attributes
    ----------
    kind
        SNP or INDEL, as `dvplug.evaluate` counts it.
    homopolymer
        Longest run of one base that holds the record's first base or the one after it, bp.
    depth
        Reads over the first base; None where they were not counted.
    qual, gq
        Of the call; None where the caller gives none.
    error
        Of a FP or FN, for people: (contig:position, alleles, genotype, depths of the alleles, why there is no match).
    """

    status: str
    kind: str
    genotype: str
    homopolymer: int
    depth: int | None = None
    qual: float | None = None
    gq: int | None = None
    error: tuple[str, str, str, str, str] | None = None


class CalibrationBand(TypedDict):
    """Calls of one type and genotype whose GQ lies in [low, high): how many, how many wrong, how many by their GQ.

    The last band of `GQ_EDGES` has all above, too.
    """

    type: str
    genotype: str
    gq: list[int]
    calls: int
    wrong: int
    expected: float


def read_judged(
    folder: StrPath, reference: StrPath, *, depth_of: Callable[[pysam.VariantRecord], int] | None = None
) -> list[Judged]:
    """Read the tp, fp and fn.vcf.gz that `dvplug.evaluate` wrote into a folder.

    Parameters
    ----------
    depth_of
        Counts the reads over a record's first base.
    """
    found = []
    with Reference.open(reference) as opened:
        for status in ("TP", "FP", "FN"):
            with pysam.VariantFile(str(Path(folder) / f"{status.lower()}.vcf.gz")) as records:
                found += [_judged(status, r, opened, depth_of(r) if depth_of else None) for r in records]
    return found


def _judged(status: str, record: pysam.VariantRecord, reference: Reference, depth: int | None) -> Judged:
    sample, at = record.samples[0], record.start
    low = max(0, at - LONGEST_RUN)
    around = reference.codes(record.chrom, low, at + LONGEST_RUN)
    variant = variant_of(record, 0, all_filters=True)
    called = status != "FN"
    return Judged(
        status,
        KINDS[not (isinstance(variant, Variant) and variant.is_snp)],
        GENOTYPES[0 not in [allele for allele in sample["GT"] if allele is not None]],
        max(_run_at(around, at - low), _run_at(around, at + 1 - low)),
        depth,
        record.qual if called else None,
        sample["GQ"] if called and "GQ" in record.format else None,
        None if status == "TP" else _error(record),
    )


def _error(record: pysam.VariantRecord) -> tuple[str, str, str, str, str]:
    sample = record.samples[0]
    depths = sample["AD"] if "AD" in record.format else ()
    return (
        f"{record.chrom}:{record.pos}",
        f"{record.ref}>{','.join(record.alts or ())}",
        ("|" if sample.phased else "/").join("." if a is None else str(a) for a in sample["GT"]),
        ",".join("." if n is None else str(n) for n in depths),
        record.info["EVAL_WHY"],
    )


def _run_at(codes: npt.NDArray[np.uint8], at: int) -> int:
    """Length of the run of equal codes around ``at``; in NumPy, as nothing of an evaluation is compiled."""
    if at >= len(codes):
        return 1
    breaks = np.flatnonzero(np.diff(codes)) + 1
    which = np.searchsorted(breaks, at, side="right")
    edges = np.concatenate(([0], breaks, [len(codes)]))
    return int(edges[which + 1] - edges[which])


def precision_recall(
    judged: Iterable[Judged], result: Evaluation, by: Literal["qual", "gq"] = "qual"
) -> dict[str, list[list[float]]]:
    """Per kind, [score, recall, precision] as the least score rises, in at most `CURVE_POINTS` points.

    The found share of the truth is taken to fall as that of the true calls does, as one truth variant may be two
    calls. Calls without the score are left out by any threshold, and so of the curve.

    Parameters
    ----------
    by
        The score.
    """
    calls = [(one.kind, getattr(one, by), one.status == "TP") for one in judged if one.status != "FN"]
    return {
        kind: _curve(
            sorted((score, true) for of, score, true in calls if of == kind and score is not None), counts
        )
        for kind, counts in zip(KINDS, (result.snp, result.indel), strict=True)
    }


def _curve(calls: list[tuple[float, bool]], counts: ClassCounts) -> list[list[float]]:
    """The curve of calls (score, whether true), ascending."""
    if not calls:
        return []
    scores, true = np.array([s for s, _ in calls]), np.array([t for _, t in calls])
    first = np.unique(scores, return_index=True)[1]
    first = first[np.unique(np.linspace(0, len(first) - 1, CURVE_POINTS).astype(int))]
    left = np.cumsum(true[::-1])[::-1]  # true calls from here on
    recall = (counts.recall or 0.0) / max(counts.tp_query, 1)
    return [
        [float(scores[i]), recall * float(left[i]), float(left[i]) / (len(calls) - int(i))]
        for i in first.tolist()
    ]


def calibration(judged: Iterable[Judged]) -> list[CalibrationBand]:
    """Per kind, genotype and band of GQ: calls, wrong ones, and how many the GQ would have."""
    calls = [one for one in judged if one.status != "FN" and one.gq is not None]
    bands: list[CalibrationBand] = []
    for kind, genotype in itertools.product(KINDS, GENOTYPES):
        of_both = [
            (one.gq or 0, one.status == "FP") for one in calls if (one.kind, one.genotype) == (kind, genotype)
        ]
        for low, high in itertools.pairwise(GQ_EDGES):
            inside = [(gq, wrong) for gq, wrong in of_both if low <= min(gq, GQ_EDGES[-1] - 1) < high]
            if inside:
                bands.append(
                    {
                        "type": kind,
                        "genotype": genotype,
                        "gq": [low, high],
                        "calls": len(inside),
                        "wrong": sum(wrong for _, wrong in inside),
                        "expected": sum(10 ** (-gq / 10) for gq, _ in inside),
                    }
                )
    return bands


def within_factor(band: CalibrationBand, factor: float = 3.0) -> bool:
    """Whether a band's share of wrong calls may be within a factor of the expected one (95 % Wilson interval)."""
    low, high = wilson_interval(band["wrong"], band["calls"])
    expected = band["expected"] / band["calls"]
    return low <= factor * expected and high >= expected / factor


def strata(judged: Iterable[Judged]) -> dict[str, dict[str, dict[str, list[int]]]]:
    """[TP, FP, FN] by kind, by length of the homopolymer and, where it was counted, by depth; TP are calls."""
    found: dict[str, dict[str, dict[str, list[int]]]] = {
        name: {label: {kind: [0, 0, 0] for kind in KINDS} for label in ranges}
        for name, ranges in (("homopolymer", HOMOPOLYMERS), ("depth", DEPTHS))
    }
    for one in judged:
        for name, ranges, value in (
            ("homopolymer", HOMOPOLYMERS, one.homopolymer),
            ("depth", DEPTHS, one.depth),
        ):
            for label, (low, high) in ranges.items():
                if value is not None and low <= value < high:
                    found[name][label][one.kind][("TP", "FP", "FN").index(one.status)] += 1
    return found
