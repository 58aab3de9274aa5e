"""The best possible caller of homopolymers: right where reads are, and never worse than the commonest lengths."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pysam
import pytest

from dvplug.simulate.learn.context import ContextProfile
from dvplug.simulate.learn.error_counts import CLASSES, LONGEST_RUN, MOST_CHANGE
from dvplug_lab.homopolymers.limits import FEWEST_READS, Run, best_genotypes, errors, find_runs

GENOTYPES = [(0, 0)] * 6 + [(-1, 0)] * 2 + [(-1, -1), (0, 1), (1, 1), (-2, 0)]
READS = 24


def profile_of(changes):
    """A profile of which only the changes of length matter: P(-MOST_CHANGE), ... of all bases and lengths."""
    nothing = np.zeros(1)
    run_change = np.broadcast_to(np.cumsum(changes), (CLASSES, 4, LONGEST_RUN + 1, len(changes)))
    return ContextProfile(
        nothing.astype(np.int64), nothing.astype(np.int64), nothing, nothing, run_change, nothing, nothing,
        nothing, nothing.astype(np.float32),
    )  # fmt: skip


def drawn_runs(rng, changes, count):
    for _ in range(count):
        truth = GENOTYPES[rng.integers(len(GENOTYPES))]
        alleles = np.array(truth)[np.arange(READS) % 2]
        read = alleles + rng.choice(np.arange(-MOST_CHANGE, MOST_CHANGE + 1), READS, p=changes)
        yield Run("c", 1, int(rng.integers(4)), 14, read, truth)


def commonest(run):
    """A plain caller: the commonest length, and the next if a quarter of the reads have it."""
    (one, _), *rest = Counter(run.changes.tolist()).most_common(2)
    other = rest[0][0] if rest and rest[0][1] >= READS / 4 else one
    return min(one, other), max(one, other)


def spread(sd):
    p = np.exp(-0.5 * (np.arange(-MOST_CHANGE, MOST_CHANGE + 1) / sd) ** 2)
    return p / p.sum()


def test_reads_without_errors_are_called_right():
    exact = np.eye(2 * MOST_CHANGE + 1)[MOST_CHANGE]
    runs = list(drawn_runs(np.random.default_rng(1), exact, 100))
    assert best_genotypes(runs, profile_of(exact)) == [run.truth for run in runs]


@pytest.mark.parametrize("sd", [0.7, 1.5])
def test_scattered_reads_are_called_better_than_by_the_commonest_length(sd):
    runs = list(drawn_runs(np.random.default_rng(2), spread(sd), 300))
    best = sum(map(errors, (run.truth for run in runs), best_genotypes(runs, profile_of(spread(sd)))))
    plain = sum(errors(run.truth, commonest(run)) for run in runs)
    assert 0 < best < plain


def test_a_wrong_genotype_is_a_false_and_a_missed_one():
    assert [errors((-1, 0), g) for g in [(-1, 0), (0, 0), (-1, -1)]] == [0, 1, 2]
    assert errors((0, 0), (0, 1)) == 1


SEQUENCE = "ACGTC" * 8 + "A" * 12 + "GCTGC" * 8 + "T" * 11 + "CGACG" * 8
RUN, OTHER = 40, 92
"""Where the homopolymers begin. Beside the second there is a SNP."""


@pytest.fixture
def folder(tmp_path):
    """Reads of a run that lost a base on one haplotype, as `build_training_reads.py` leaves them."""
    (tmp_path / "ref.fa").write_text(f">c\n{SEQUENCE}\n")
    pysam.faidx(str(tmp_path / "ref.fa"))
    header = pysam.AlignmentHeader.from_dict({"SQ": [{"SN": "c", "LN": len(SEQUENCE)}]})
    with pysam.AlignmentFile(str(tmp_path / "reads.bam"), "wb", header=header) as out:
        for number in range(2 * FEWEST_READS):
            read, lost = pysam.AlignedSegment(header), number % 2
            read.query_name, read.query_sequence = f"r{number}", SEQUENCE[:RUN] + SEQUENCE[RUN + lost :]
            read.cigarstring = f"{RUN}M1D{len(SEQUENCE) - RUN - 1}M" if lost else f"{len(SEQUENCE)}M"
            read.reference_id, read.reference_start, read.mapping_quality = 0, 0, 60
            read.query_qualities = pysam.qualitystring_to_array("?" * len(read.query_sequence))
            out.write(read)
    pysam.index(str(tmp_path / "reads.bam"))
    (tmp_path / "truth.vcf").write_text(
        f"##fileformat=VCFv4.2\n##contig=<ID=c,length={len(SEQUENCE)}>\n"
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts\n"
        f"c\t{RUN}\t.\tCA\tC\t.\tPASS\t.\tGT\t0|1\nc\t{OTHER - 4}\t.\tG\tA\t.\tPASS\t.\tGT\t1|1\n"
    )
    pysam.tabix_index(str(tmp_path / "truth.vcf"), preset="vcf")
    (tmp_path / "confident.bed").write_text(f"c\t0\t{len(SEQUENCE)}\n")
    return tmp_path


def test_runs_have_their_reads_lengths_and_truth_and_those_beside_variants_are_left_out(folder):
    (run,) = find_runs(folder)
    assert (run.contig, run.anchor, run.base, run.length, run.truth) == ("c", RUN, 0, 12, (-1, 0))
    assert sorted(run.changes.tolist()) == [-1] * FEWEST_READS + [0] * FEWEST_READS


def test_runs_at_the_edge_of_confidence_are_left_out(folder):
    (folder / "confident.bed").write_text(f"c\t{RUN}\t{len(SEQUENCE)}\n")
    assert find_runs(folder) == []
