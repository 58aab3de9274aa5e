"""The twin of `dvplug.images.features.site`: sums and means over lists of reads."""

import math

from dvplug.line.candidate_batch import UNINFORMATIVE, CandidateBatch
from dvplug.line.image_batch import NO_ALT
from dvplug.line.run_profile import RunProfile
from helpers.read_batches import (
    Read,
    aligned_pairs,
    operations,
    walk,
)


def mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def phred(run: RunProfile, quality: int) -> float:
    """How seldom bases of a quality are wrong."""
    return min(40.0, -10 * math.log10(float(run.mismatch_p[quality])))


def share(run: RunProfile, mapping_quality: int) -> float:
    """A mapping quality of the run's usual one."""
    return 1.0 if mapping_quality == 255 else min(1.0, mapping_quality / run.usual_mapping_quality)


def base_quality(read: Read, site: int, run: RunProfile) -> float:
    """Quality at a position; of the base before it where it is deleted, 0 where the read skips it."""
    aligned = dict(aligned_pairs(read))
    if site in aligned:
        return phred(run, read.qualities[aligned[site]])
    for op, position, index, length in walk(read):
        if op == "D" and position <= site < position + length and index:
            return phred(run, read.qualities[index - 1])
    return 0


def differences(read: Read, reference: str) -> float:
    """Per 100 bp."""
    wrong = sum(read.seq[index] != reference[position] for position, index in aligned_pairs(read))
    indels = sum(op in "ID" for _, op in operations(read.cigar))
    return min(10, 100 * (wrong + indels) / (read.end - read.start))


def nearby(reads: list[Read], reference: str, site: int) -> int:
    """Positions within 500 bp with three reads or more, and a fifth of those there, that show another base."""
    shown: dict[int, list[str]] = {}
    for read in reads:
        for position, index in aligned_pairs(read):
            shown.setdefault(position, []).append(read.seq[index])
    wrong = {p: sum(base != reference[p] for base in bases) for p, bases in shown.items()}
    return sum(n >= 3 and 5 * n >= len(shown[p]) for p, n in wrong.items() if abs(p - site) <= 500)


def fragment(read: Read, index: int) -> object:
    """Where the fragment lies; reads without a mate are fragments of their own."""
    first = read.end + read.tlen if read.tlen < 0 else read.start
    return (first, abs(read.tlen)) if read.tlen else index


def of_reads(prefix: str, reads: list[Read], reference: str, site: int, run: RunProfile) -> dict[str, float]:
    """The features that are counted for the alts and for the reference alike."""
    clips = [sum(n for n, op in operations(r.cigar) if op == "S") for r in reads]
    distance = [max(0, min(site - r.start, r.end - 1 - site)) for r in reads]
    return {
        f"{prefix}_fraction": 0.0,
        f"{prefix}_reverse_fraction": mean([bool(r.flag & 16) for r in reads]),
        f"{prefix}_mapping_quality": mean([share(run, r.mapq) for r in reads]),
        f"{prefix}_base_quality": mean([base_quality(r, site, run) / 40 for r in reads]),
        f"{prefix}_end_distance": mean([min(d, 75) / 75 for d in distance]),
        f"{prefix}_mismatches": mean([differences(r, reference) / 5 for r in reads]),
        f"{prefix}_clipped_fraction": mean([clip >= 4 for clip in clips]),
    }


def twin_features(
    reads: list[Read],
    candidates: CandidateBatch,
    reference: str,
    site: int,
    alts: tuple[int, int],
    run: RunProfile,
) -> dict[str, float]:
    rows = range(candidates.read_offset[site], candidates.read_offset[site + 1])
    listed = [(int(candidates.read_index[k]), int(candidates.read_allele[k])) for k in rows]
    supporting = {a + 1 for a in alts if a != NO_ALT}
    alt = [i for i, allele in listed if allele in supporting]
    ref = [i for i, allele in listed if allele == 0]
    unknown = sum(allele == UNINFORMATIVE for _, allele in listed)
    depth, start = len(listed) - unknown, int(candidates.start[site])
    expected = of_reads("alt", [reads[i] for i in alt], reference, start, run)
    expected |= of_reads("ref", [reads[i] for i in ref], reference, start, run)
    lengths = [len(a) - len(candidates.refs[site]) for a in candidates.alts[site]]
    change = lengths[alts[0]]
    expected |= {
        "depth": math.log1p(depth) / math.log1p(500),
        "alt_reads": math.log1p(len(alt)) / math.log1p(500),
        "alt_fraction": len(alt) / depth if depth else 0,
        "first_alt_fraction": sum(a == alts[0] + 1 for _, a in listed) / depth if depth else 0,
        "other_fraction": (depth - len(alt) - len(ref)) / depth if depth else 0,
        "ref_fraction": len(ref) / depth if depth else 0,
        "unknown_fraction": unknown / len(listed) if listed else 0,
        "alt_low_mapping_fraction": mean([share(run, reads[i].mapq) < 1 / 3 for i in alt]),
        "alt_starts": min(1, len({reads[i].start for i in alt}) / max(1, len(alt)) / run.distinct_starts),
        "alt_fragments": min(
            1, len({fragment(reads[i], i) for i in alt}) / max(1, len(alt)) / run.distinct_starts
        ),
        "nearby_differences": (
            math.log1p(nearby(reads, reference, start)) - math.log1p(run.differing_positions * 1.001)
        )
        / math.log1p(50),
        "is_snp": float(change == 0),
        "is_insertion": float(change > 0),
        "is_deletion": float(change < 0),
        "indel_length": math.log1p(abs(change)) / math.log1p(100),
        "alts": len(lengths) / 4,
        "is_pair": float(alts[1] != NO_ALT),
    }
    return expected
