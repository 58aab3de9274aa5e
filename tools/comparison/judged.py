"""What was judged right or wrong, one by one: for curves, calibration and strata."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pysam

from comparison.errors import NOT_COUNTED
from dvplug.evaluate import Evaluation, wilson_interval
from dvplug.reference import Reference

KINDS = ("SNP", "INDEL")
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
LONGEST_RUN = 50
CURVE_POINTS = 60


@dataclass(frozen=True)
class Judged:
    """One record: a call that is TP or FP, or a truth variant that is FN.

    Attributes
    ----------
    homopolymer
        Longest run of one base that holds the record's first base or the one after it, bp.
    depth
        Reads over the first base, unfiltered but for flags.
    gq
        Of the call; None where the caller gives none.
    """

    status: str
    kind: str
    genotype: str
    homopolymer: int
    depth: int
    qual: float = 0.0
    gq: int | None = None


def read_judged(folder: Path, reads: Path, reference: Path) -> list[Judged]:
    """Read the tp, fp and fn.vcf.gz that `dvplug.evaluate` wrote into a folder."""
    found = []
    with (
        pysam.AlignmentFile(str(reads), reference_filename=str(reference)) as alignments,
        Reference.open(reference) as opened,
    ):
        for status in ("TP", "FP", "FN"):
            with pysam.VariantFile(str(folder / f"{status.lower()}.vcf.gz")) as records:
                found += [_judged(status, record, alignments, opened) for record in records]
    return found


def _judged(
    status: str, record: pysam.VariantRecord, alignments: pysam.AlignmentFile, reference: Reference
) -> Judged:
    sample, at = record.samples[0], record.start
    alleles = [allele for allele in sample["GT"] if allele is not None]
    low = max(0, at - LONGEST_RUN)
    around = reference.codes(record.chrom, low, at + LONGEST_RUN)
    depth = alignments.count(record.chrom, at, at + 1, read_callback=lambda read: not read.flag & NOT_COUNTED)
    return Judged(
        status,
        KINDS[any(len(allele) > 1 for allele in record.alleles)],
        GENOTYPES[0 not in alleles],
        max(_run_at(around, at - low), _run_at(around, at + 1 - low)),
        depth,
        record.qual or 0.0,
        sample["GQ"] if "GQ" in record.format and status != "FN" else None,
    )


def _run_at(codes: np.ndarray, at: int) -> int:
    """Length of the run of equal codes around ``at``."""
    if at >= len(codes):
        return 1
    breaks = np.flatnonzero(np.diff(codes)) + 1
    which = np.searchsorted(breaks, at, side="right")
    edges = np.concatenate(([0], breaks, [len(codes)]))
    return int(edges[which + 1] - edges[which])


def precision_recall(judged: list[Judged], result: Evaluation) -> dict[str, list[list[float]]]:
    """Per kind, [QUAL, recall, precision] as the least QUAL rises, in at most `CURVE_POINTS` points.

    The found share of the truth is taken to fall as that of the true calls does, as one truth variant may be two
    calls.
    """
    curves = {}
    for kind, counts in zip(KINDS, (result.snp, result.indel), strict=True):
        calls = sorted(
            (call for call in judged if call.kind == kind and call.status != "FN"), key=lambda c: c.qual
        )
        quals = np.array([call.qual for call in calls])
        true = np.array([call.status == "TP" for call in calls], bool)
        first = np.unique(quals, return_index=True)[1] if len(calls) else np.empty(0, np.int64)
        first = (
            first[np.unique(np.linspace(0, len(first) - 1, CURVE_POINTS).astype(int))]
            if len(first)
            else first
        )
        curves[kind] = [
            [
                float(quals[i]),
                (counts.recall or 0.0) * float(true[i:].sum()) / max(int(true.sum()), 1),
                float(true[i:].mean()),
            ]
            for i in first
        ]
    return curves


def calibration(judged: list[Judged]) -> list[dict[str, Any]]:
    """Per kind, genotype and band of GQ: calls, wrong ones, and how many the GQ would have."""
    bands = []
    for kind in KINDS:
        for genotype in GENOTYPES:
            calls = [
                call for call in judged
                if call.kind == kind and call.genotype == genotype and call.status != "FN" and call.gq is not None
            ]  # fmt: skip
            for low, high in itertools.pairwise(GQ_EDGES):
                inside = [call for call in calls if low <= (call.gq or 0) < high]
                if inside:
                    bands.append(
                        {
                            "type": kind,
                            "genotype": genotype,
                            "gq": [low, high],
                            "calls": len(inside),
                            "wrong": sum(call.status == "FP" for call in inside),
                            "expected": sum(10 ** (-(call.gq or 0) / 10) for call in inside),
                        }
                    )
    return bands


def within_factor(band: dict[str, Any], factor: float = 3.0) -> bool:
    """Whether a band's share of wrong calls may be within a factor of the expected one (95 % Wilson interval)."""
    low, high = wilson_interval(band["wrong"], band["calls"])
    expected = band["expected"] / band["calls"]
    return low <= factor * expected and high >= expected / factor


def strata(judged: list[Judged]) -> dict[str, dict[str, dict[str, list[int]]]]:
    """[TP, FP, FN] by kind, by length of the homopolymer and by depth; TP are calls."""
    by = {
        "homopolymer": (HOMOPOLYMERS, lambda one: one.homopolymer),
        "depth": (DEPTHS, lambda one: one.depth),
    }
    return {
        name: {
            label: {
                kind: _counts(one for one in judged if one.kind == kind and low <= of(one) < high)
                for kind in KINDS
            }
            for label, (low, high) in ranges.items()
        }
        for name, (ranges, of) in by.items()
    }


def _counts(judged: Iterator[Judged]) -> list[int]:
    statuses = [one.status for one in judged]
    return [statuses.count(status) for status in ("TP", "FP", "FN")]
