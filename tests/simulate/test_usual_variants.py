"""Variants where no truth says how a person varies: as those of a real one."""

from __future__ import annotations

import numpy as np
import pytest

from dvplug.genome.bed import read_bed
from dvplug.sequence.codes import encode_bases
from dvplug.simulate.drawn_variants import drawn_variants
from dvplug.simulate.genome import random_genome
from dvplug.simulate.sample import read_fasta, real_variants
from dvplug.simulate.usual_variants import usual_variants
from dvplug.simulate.variants import PhasedVariant, fits_both_haplotypes
from helpers.shared_data import SHARED, needs_shared

MAIN = SHARED / "reference/grch38.chr20_and_21_10M.fa.gz"
TRUTH = SHARED / "truth/HG002_GRCh38_v4.2.1.chr20_dev.vcf.gz"
REAL_END = 8_900_000


def is_snp(variant: PhasedVariant) -> bool:
    return {len(variant.ref), *map(len, variant.alts)} == {1}


def measured(variants: list[PhasedVariant], bp: float) -> dict[str, float]:
    snps = [v for v in variants if is_snp(v)]
    indels = [v for v in variants if not is_snp(v)]
    changes = np.array([len(alt) - len(v.ref) for v in indels for alt in v.alts])
    close = np.diff([v.start for v in variants])
    return {
        "snps": 1e6 * len(snps) / bp,
        "indels": 1e6 * len(indels) / bp,
        "heterozygous snps": float(np.mean([0 in v.genotype for v in snps])),
        "heterozygous indels": float(np.mean([0 in v.genotype for v in indels])),
        "of one bp": float((np.abs(changes) == 1).mean()),
        "of 4 bp or fewer": float((np.abs(changes) <= 4).mean()),
        "insertions": float((changes > 0).mean()),
        "within 200 bp": float((close < 200).mean()),
    }


@needs_shared
def test_they_are_as_many_and_as_varied_as_real_ones() -> None:
    codes = encode_bases(read_fasta(MAIN)["chr20"][:REAL_END].encode())
    bp = sum(r.end - r.start for r in read_bed(TRUTH.with_suffix("").with_suffix(".bed"), {"chr20": 10**8}))
    real = measured(real_variants(TRUTH, "chr20", np.random.default_rng(1)), bp)
    drawn = measured(drawn_variants(codes, usual_variants(), np.random.default_rng(3)), (codes < 4).sum())
    assert drawn == {name: pytest.approx(value, rel=0.22) for name, value in real.items()}


def test_they_fit_whatever_genome_they_are_drawn_on() -> None:
    codes = random_genome(300_000, np.random.default_rng(4))
    codes[100_000:120_000] = 4
    drawn = drawn_variants(codes, usual_variants(), np.random.default_rng(5))
    assert len(drawn) > 200
    assert fits_both_haplotypes(drawn) == drawn
    for variant in drawn:
        assert encode_bases(variant.ref.encode()).tolist() == codes[variant.start : variant.end].tolist()
        assert not (codes[variant.start : variant.end] == 4).any()
        assert variant.ref not in variant.alts


def test_they_are_the_same_each_time() -> None:
    usual_variants.cache_clear()
    first = usual_variants()
    usual_variants.cache_clear()
    assert usual_variants() == first
