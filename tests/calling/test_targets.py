"""Many small targets: the records of the whole that begin in them, and of a gVCF nothing beside them."""

from __future__ import annotations

import random
from pathlib import Path

import pysam
import pytest

from dvplug.line.region import Region
from dvplug.simulate import SimulatedDataset
from helpers.command import call_words, records, run


def random_targets(contig: str, length: int, seed: int) -> list[Region]:
    """Disjoint targets of 1 to 400 bp, some side by side, some far from the next."""
    rng, targets, at = random.Random(seed), list[Region](), 0
    while True:
        at += rng.choice((0, 1, 8, 100, 1500, 2000, 2001, 6000))
        end = at + rng.choice((1, 8, 8, 120, 400))
        if end > length:
            return targets
        targets.append(Region(contig, at, end))
        at = end


def inside(targets: list[Region], position: int) -> bool:
    return any(target.start < position <= target.end for target in targets)


@pytest.mark.parametrize("seed", [1, 3])
def test_targets_give_the_records_of_the_whole(dataset: SimulatedDataset, tmp_path: Path, seed: int) -> None:
    with pysam.FastaFile(str(dataset.reference)) as fasta:
        contig, length = fasta.references[0], fasta.lengths[0]
    targets = random_targets(contig, length, seed)
    bed = tmp_path / "targets.bed"
    bed.write_text("".join(f"{contig}\t{start}\t{end}\n" for _, start, end in targets))
    for name, more in (("whole", ()), ("targets", ("--regions", bed))):
        out, gvcf = tmp_path / f"{name}.vcf", tmp_path / f"{name}.g.vcf"
        assert run(*call_words(dataset, out), "--gvcf", gvcf, "--workers", 2, *more) == 0
    wanted = [line for line in records(tmp_path / "whole.vcf") if inside(targets, int(line.split("\t")[1]))]
    assert records(tmp_path / "targets.vcf") == wanted
    assert len(wanted) > 3
    with pysam.VariantFile(str(tmp_path / "targets.g.vcf")) as gvcf:
        covered = [
            position
            for record in gvcf
            if record.alts == ("<*>",)
            for position in range(record.start, record.stop)
        ]
    assert len(covered) == len(set(covered))
    assert all(inside(targets, position + 1) for position in covered)
    of_records = {
        position
        for fields in (line.split("\t") for line in records(tmp_path / "targets.g.vcf"))
        if fields[4] != "<*>"
        for position in range(int(fields[1]) - 1, int(fields[1]) - 1 + len(fields[3]))
    }
    missing = {p for _, start, end in targets for p in range(start, end)} - set(covered) - of_records
    assert not missing
