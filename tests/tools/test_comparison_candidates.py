"""Calls and candidates of a simulated sample, judged: depths, homopolymers, and what candidates allow."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pysam
import pytest

from dvplug.evaluate import evaluate
from dvplug.evaluate.judged import read_judged
from dvplug.line.region import Region
from dvplug.simulate import SimulatedDataset
from dvplug_lab.comparison.candidates import count_candidates
from dvplug_lab.comparison.errors import depth_at
from dvplug_lab.comparison.sets import ValidationSet


@pytest.fixture(scope="module")
def chosen(dataset: SimulatedDataset) -> ValidationSet:
    """The simulated sample as a validation set."""
    return ValidationSet(
        "simulated", "illumina-wgs", dataset.reference, dataset.reads, dataset.truth, dataset.confident
    )


def test_judged_calls_carry_what_the_reads_and_reference_show(chosen: ValidationSet, tmp_path: Path) -> None:
    """The truth itself as calls: all are TP; depth and homopolymer by an independent count."""
    evaluate(chosen.truth, chosen.truth, chosen.confident, chosen.reference, out_dir=tmp_path)
    with pysam.AlignmentFile(str(chosen.reads)) as alignments:
        judged = read_judged(tmp_path, chosen.reference, depth_of=partial(depth_at, alignments))
    with pysam.VariantFile(str(tmp_path / "tp.vcf.gz")) as found:
        records = list(found)
    assert len(judged) == len(records) > 20
    fasta, reads = pysam.FastaFile(str(chosen.reference)), pysam.AlignmentFile(str(chosen.reads))
    for one, record in zip(judged, records, strict=True):
        assert one.status == "TP"
        assert (one.kind == "SNP") == all(len(allele) == 1 for allele in record.alleles)
        assert (one.genotype == "het") == (0 in record.samples[0]["GT"])
        sequence = fasta.fetch(record.chrom)
        runs = []
        for at in (record.start, record.start + 1):
            length = 1
            while sequence[at - length] == sequence[at]:
                length += 1
            right = 1
            while sequence[at + right] == sequence[at]:
                right += 1
            runs.append(length + right - 1)
        assert one.homopolymer == max(runs)
        over = [r for r in reads.fetch(record.chrom, record.start, record.start + 1) if not r.flag & 0xF04]
        assert one.depth == len(over)


def test_candidates_find_nearly_all_and_more(chosen: ValidationSet, tmp_path: Path) -> None:
    contig = pysam.FastaFile(str(chosen.reference)).references[0]
    length = pysam.FastaFile(str(chosen.reference)).get_reference_length(contig)
    found = count_candidates(chosen, [Region(contig, 0, length)], tmp_path)
    for counts in found.values():
        assert counts.recall is not None
        assert counts.recall > 0.9
        assert counts.fp + counts.tp_query >= counts.tp_truth
    assert sum(counts.fp for counts in found.values()) > 0
