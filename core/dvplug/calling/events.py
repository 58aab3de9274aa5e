"""What a run notes of its results, and says of the reads that it did not use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dvplug.line.read_batch import LEFT_OUT
from dvplug.line.region import Partition
from dvplug.line.result import Counts, RegionResult
from dvplug.line.run_profile import RunProfile
from dvplug.reads.molecules import LEAST_DISTINCT
from dvplug.system.console import warn
from dvplug.system.run_log import log_event, log_is_kept

_SAID = {
    "other sample": "of another sample",
    "QC fail": "that failed QC",
    "duplicate": "duplicates",
    "mapping quality": "of low mapping quality",
    "no sequence": "without sequence or CIGAR",
    "sampling": "more than are used of one place",
}
"""Names in `LEFT_OUT` as a sentence has them, where they are not words themselves."""
MOST_LEFT_OUT = 0.9
"""Share of the reads that filters may take unsaid."""
MOST_COPIES = 0.05
"""Share of the fragments that may lie exactly as another unsaid; of 300x without copies some .3 % do by chance."""


def warn_of_tags(total: Counts, *, wanted: bool) -> None:
    """Say so where the user wanted haplotypes of the reads' tags, and none has any."""
    if wanted and total.reads and not total.tagged:
        warn(
            "no read has a haplotype in the tag HP (--use-hp): nothing was phased, and images show none. "
            "`whatshap haplotag`, longphase or --haplotagged write them."
        )


def warn_of_reads(total: Counts, *, chosen: bool) -> None:
    """Say which filters took the reads where there are none, or nearly none, left.

    Parameters
    ----------
    chosen
        The user chose a sample or read groups; that others were left out then needs no warning.
    """
    filtered = total.left_out.copy()
    del filtered["sampling"]
    said = ", ".join(
        f"{total.left_out[why]:,} {_SAID.get(why, why)}" for why in LEFT_OUT if total.left_out[why]
    )
    others = filtered.pop("other sample", 0)
    share = filtered.total() / max(1, total.reads + filtered.total())
    if not total.reads:
        warn(
            "no usable reads in these regions: the VCF has no records. "
            + (
                f"Left out were: {said}."
                if said
                else "There are none that were left out either: check --regions."
            )
        )
    elif share > MOST_LEFT_OUT:
        warn(f"the read filter left {total.reads:,} reads, {1 - share:.1%} of them. Left out were: {said}.")
    elif filtered["no sequence"]:
        warn(f"{filtered['no sequence']:,} alignments without sequence or CIGAR were left out.")
    if others and not chosen:
        warn(f"{others:,} reads of other samples, or of no read group, were left out.")


def warn_of_copies(run: RunProfile) -> None:
    """Say that many fragments are copies of others that nothing marks; not where they lie alike by design."""
    if LEAST_DISTINCT <= run.distinct_fragments < 1 - MOST_COPIES:
        warn(
            f"{1 - run.distinct_fragments:.0%} of the fragments lie exactly as another, and are not marked as "
            "duplicates. What copies show counts once in finding candidates, and the genotypes rest on fewer "
            "molecules than the depth says: run `samtools markdup` first."
        )


def log_result(partition: Partition, result: RegionResult) -> None:
    """Append what one partition gave."""
    if log_is_kept():
        where = {"region": str(partition), "contig": partition.region.contig}
        log_event("partition", **where, **_counts(result.counts), passed=_passed(result.lines))


def _passed(lines: Sequence[str]) -> dict[str, int]:
    """Count records with PASS, and of them transitions and transversions, and their depths (DP) added up."""
    found = dict.fromkeys(("records", "transitions", "transversions", "depth"), 0)
    for line in lines:
        _, _, _, ref, alts, _, why, _, keys, values = line.rstrip("\n").split("\t")
        if why != "PASS":
            continue
        found["records"] += 1
        found["depth"] += int(dict(zip(keys.split(":"), values.split(":"), strict=False)).get("DP", 0))
        if len(ref) == 1 and len(alts) == 1:
            found["transitions" if {ref, alts} in _TRANSITIONS else "transversions"] += 1
    return found


_TRANSITIONS = ({"A", "G"}, {"C", "T"})


def log_counts(total: Counts) -> None:
    """Append what the whole run gave."""
    stages = {stage: round(seconds, 3) for stage, seconds in total.seconds.items()}
    log_event("counts", **_counts(total), cpu_s_by_stage=stages)


def _counts(counts: Counts) -> dict[str, Any]:
    return {
        "reads": counts.reads,
        "left_out": {why: counts.left_out[why] for why in LEFT_OUT},
        "candidates": counts.candidates,
        "covered_bp": counts.covered,
        "images": counts.images,
        "settled": counts.settled,
        "records": dict(sorted(counts.filters.items())),
        "cpu_s": round(sum(counts.seconds.values()), 4),
    }
