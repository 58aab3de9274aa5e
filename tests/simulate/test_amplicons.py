"""Amplicons: where they lie, and what their molecules are made of."""

from __future__ import annotations

import numpy as np
import pytest

from dvplug.sequence.codes import decode_bases
from dvplug.simulate.amplicons import Amplicons, amplify, draw_amplicons, without_unknown
from dvplug.simulate.genome import N, random_genome
from dvplug.simulate.variants import PhasedVariant, apply_variants
from helpers.worlds import world

GENOME = random_genome(60_000, np.random.default_rng(5))


def test_rows_of_amplicons_overlap_by_what_is_asked_for() -> None:
    library = world(
        kind="amplicons", amplicon_length=(150.0, 400.0), amplicon_overlap=40, depth=500.0
    ).library
    found = draw_amplicons(500_000, library, np.random.default_rng(1))
    length = found.end - found.start
    assert 150 <= length.min() < 170 < 380 < length.max() <= 400
    shared = found.end[:-1] - found.start[1:]
    assert (shared[shared > 0] == 40).all()
    assert (shared > 0).mean() > 0.7
    assert np.median(found.depth) == pytest.approx(500, rel=0.1)
    assert found.depth.std() > 100


def test_nothing_is_amplified_over_unknown_bases() -> None:
    codes = GENOME.copy()
    codes[20_000:20_010] = N
    plan = Amplicons(np.array([100, 19_900]), np.array([300, 20_005]), np.array([9.0, 9.0]), 20)
    assert without_unknown(plan, codes).start.tolist() == [100]


@pytest.mark.parametrize("trimmed", [False, True])
def test_molecules_are_primer_genome_primer(trimmed: bool) -> None:
    """A deletion between the primers is there; a SNP under one is not, and costs molecules."""
    snp_base = decode_bases((GENOME[[1005]] + 1) % 4)
    variants = [
        PhasedVariant(300, decode_bases(GENOME[300:310]), (decode_bases(GENOME[[300]]),), (1, 0)),
        PhasedVariant(1005, decode_bases(GENOME[[1005]]), (snp_base,), (1, 0)),
    ]
    plan = Amplicons(np.array([200, 1000]), np.array([400, 1250]), np.array([10.0, 10.0]), 20)
    library = world(kind="amplicons", primers_trimmed=trimmed).library
    text, cut = decode_bases(GENOME), 20 if trimmed else 0
    with_deletion = text[200 + cut : 301] + text[310 : 400 - cut]
    for which, expected in ((0, with_deletion), (1, text[200 + cut : 400 - cut])):
        molecules = amplify(
            GENOME, apply_variants(GENOME, variants, which), plan, library, np.array([0.5, 0.5]),
            np.random.default_rng(1),
        )  # fmt: skip
        made = [
            decode_bases(molecules.codes[start : start + length])
            for start, length in zip(molecules.start, molecules.length, strict=True)
        ]
        assert made == [expected, text[1000 + cut : 1250 - cut]]
        assert molecules.share[0] == 0.5
        assert (molecules.share[1] < 0.5) == (which == 0)
