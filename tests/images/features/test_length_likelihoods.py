"""Odds of genotypes from the lengths of homopolymers against a slow twin, and what they tell that shares do not."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvplug.images.features.length_errors import LengthErrors
from dvplug.images.features.length_likelihoods import (
    LIKELIHOOD_FEATURES,
    likelihood_features,
    run_changes,
    run_likelihood_features,
    runs,
)
from dvplug.line.image_batch import NO_ALT
from dvplug.line.read_batch import ReadBatch
from dvplug.line.run_profile import MOST_CHANGE, MOST_UNITS, TRACTS, usual_profile
from dvplug.line.scene import Scene
from dvplug.sequence.codes import encode_bases
from dvplug_lab.homopolymers.length_errors import learn_length_errors
from helpers.image_sites import random_candidates, site_of
from helpers.places import ROOT
from helpers.read_batches import Read, read_batch
from helpers.shared_data import SHARED, needs_shared
from oracles.length_changes import changes_of
from oracles.length_likelihoods import LONGEST, MOST, twin_likelihood, twin_odds

SHIPPED = ROOT / "plugins" / "dvplug_ont" / "length_errors.npz"


def random_errors(rng: np.random.Generator) -> LengthErrors:
    p = rng.dirichlet(np.full(2 * MOST + 1, 0.7), (2, 4, LONGEST + 1)) + 1e-3
    return LengthErrors(p / p.sum(axis=-1, keepdims=True), np.array([0.01]), slip_sd=0.8, tilt_sd=0.3)


def test_a_run_s_own_table_is_of_weak_and_strong_bases() -> None:
    """By the rates of the run's profile: A and T alike, C and G alike, of reads of one class, at one tilt."""
    rng = np.random.default_rng(5)
    length_p = rng.dirichlet(np.full(2 * MOST_CHANGE + 1, 0.7), (len(TRACTS), MOST_UNITS + 1))
    run = replace(usual_profile(), length_p=length_p, length_spread=0.6)
    table = np.zeros((1, 4, MOST_UNITS + 1, 2 * MOST_CHANGE + 1))
    for base, kind in zip("ACGT", ("A/T", "C/G", "C/G", "A/T"), strict=True):
        table[0, "ACGT".index(base)] = length_p[TRACTS.index(kind)]
    expected = LengthErrors(table, np.zeros(0), slip_sd=0.6, tilt_sd=0.0)
    seen = 0
    for seed in range(8):
        reference, _, batch, candidates = random_candidates(seed)
        scene = Scene(batch, candidates, encode_bases(reference.encode()), 0, run)
        found = run_likelihood_features(scene)
        np.testing.assert_array_equal(found, likelihood_features(scene, expected))
        seen += int(found[:, 0].sum())
    assert seen > 5
    tables, weight = expected.by_place
    assert (len(tables), weight.sum()) == (3, pytest.approx(1))


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1))
def test_features_are_those_of_the_twin(seed: int) -> None:
    reference, reads, batch, candidates = random_candidates(seed)
    rng = np.random.default_rng(seed)
    errors = random_errors(rng)
    haplotype = rng.integers(0, 3, len(reads)).astype(np.uint8)
    batch = ReadBatch(**{**vars(batch), "haplotype": haplotype})
    codes = encode_bases(reference.encode())
    scene = Scene(batch, candidates, codes, 0)
    found, (site, alt_set) = likelihood_features(scene, errors), scene.images
    assert found.shape == (len(site), len(LIKELIHOOD_FEATURES))
    for row, i, chosen in zip(found, site.tolist(), alt_set.tolist(), strict=True):
        start, ref = int(candidates.start[i]), candidates.refs[i]
        after = reference[start + 1 :]
        length = len(after) - len(after.lstrip(after[:1])) if after[:1] in "ACGT" else 0
        alts = [candidates.alts[i][k] for k in chosen if k != NO_ALT]
        own = [len(alt) - len(ref) for alt in alts]
        told = [
            ref[:1] + after[:1] * d + ref[1:] if d > 0 else ref[:1] + ref[1 - d :] for d in own
        ]  # what a longer or shorter run looks like
        shortened = [d > 0 or ref[1 : 1 - d] == after[:1] * -d for d in own]
        if not (length and alts == told and all(0 < abs(d) <= MOST for d in own) and all(shortened)):
            assert not row.any()
            continue
        base = "ACGT".index(after[0])
        k = candidates.read_index[candidates.read_offset[i] : candidates.read_offset[i + 1]].tolist()
        of_read = [
            (int(np.mean([10 ** (-q / 10) for q in reads[r].qualities]) >= 0.01),
             3 - base if reads[r].flag & 16 else base)
            for r in k
        ]  # fmt: skip
        spanning = [
            (*pair, of)
            for r, of in zip(k, of_read, strict=True)
            for pair in changes_of([reads[r]], reference, haplotype[[r]], single(candidates, i), 0)
        ]
        assert row[0] == 1
        if not spanning:
            assert not row[1:].any()
            continue
        phased = twin_odds(errors, spanning, length, own)
        unphased = twin_odds(errors, [(c, 0, of) for c, _, of in spanning], length, own)
        best = max(
            twin_likelihood(errors, [(c, 0, of) for c, _, of in spanning], length, a, b)
            for a in range(-MOST, MOST + 1)
            for b in range(-MOST, MOST + 1)
        )
        surprise = min(-math.log(best) / len(spanning) / 5, 1)
        assert row[1:].tolist() == pytest.approx([*phased, *unphased, surprise], abs=1e-4)


def single(candidates, i):
    """The site ``i`` with one read, the first of a batch."""
    part = candidates.part(i, i + 1)
    return part.__class__(
        **{**vars(part), "read_index": np.zeros(1, np.int32), "read_offset": np.array([0, 1])}
    )


def test_only_runs_that_grow_or_shrink_are_told() -> None:
    batch = read_batch([Read(0, "20M", "ACGTACGCATTTTTTTTCGA")])
    reference = encode_bases(b"ACGTACGCATTTTTTTTCGA")
    alts = ("AT", "ATT", "AC", "A")
    candidates = site_of(batch, 8, "A", alts[:3], [0])
    base, length = runs(Scene(batch, candidates, reference, 0))
    assert (base.tolist(), length.tolist()) == ([3], [8])
    assert run_changes(candidates, base).tolist() == [True, True, False]
    # written with the bases that another alt deletes
    candidates = site_of(batch, 8, "ATT", ("A", "ATTT", "CTT", "AC"), [0])
    assert run_changes(candidates, base).tolist() == [True, True, False, False]


def test_reads_that_err_more_count_for_less_and_haplotypes_tell_alleles_apart() -> None:
    """Eight T; half of the reads have nine. Bad reads often show nine for eight, good ones never do."""
    reference = "ACGTACGCATTTTTTTTCGATCGTACG"
    p = np.full((2, 4, 25, 5), 1e-4)
    p[0, :, :, 2] = 0.999
    p[1, :, :, 2], p[1, :, :, 3] = 0.5, 0.49
    errors = LengthErrors(p / p.sum(axis=-1, keepdims=True), np.array([0.01]), slip_sd=0.8, tilt_sd=0.0)

    def told(qualities: tuple[int, int], haplotypes: list[int]) -> dict[str, float]:
        longer = reference[:9] + "T" + reference[9:]
        reads = [Read(0, "27M", reference, qualities[0], hp=hp) for hp in haplotypes[:6]]
        reads += [Read(0, "9M1I18M", longer, qualities[1], hp=hp) for hp in haplotypes[6:]]
        batch = read_batch(reads)
        candidates = site_of(batch, 8, "A", ("AT",), [0] * 6 + [1] * 6)
        codes = encode_bases(reference.encode())
        row = likelihood_features(Scene(batch, candidates, codes, 0), errors)[0]
        return dict(zip(LIKELIHOOD_FEATURES, row.tolist(), strict=True))

    good, bad = told((40, 40), [0] * 12), told((40, 10), [0] * 12)
    assert good["one_copy_odds"] > 1
    assert good["reference_odds"] < -1
    assert bad["one_copy_odds"] < 0 < bad["reference_odds"]
    apart = told((10, 10), [1] * 6 + [2] * 6)
    assert apart["one_copy_odds"] > apart["one_copy_odds_unphased"]
    mixed = told((10, 10), [1, 2] * 6)
    assert mixed["one_copy_odds"] < mixed["one_copy_odds_unphased"]


@needs_shared
def test_the_shipped_table_is_what_the_real_reads_give(tmp_path: Path) -> None:
    learn_length_errors("ont", SHARED).save(tmp_path / "made.npz")
    made, shipped = LengthErrors.load(tmp_path / "made.npz"), LengthErrors.load(SHIPPED)
    np.testing.assert_allclose(made.p, shipped.p, atol=1e-6)
    np.testing.assert_array_equal(made.edges, shipped.edges)
    assert (made.slip_sd, made.tilt_sd) == (shipped.slip_sd, shipped.tilt_sd)
    np.testing.assert_allclose(shipped.p.sum(axis=-1), 1, atol=1e-5)
