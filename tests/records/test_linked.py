"""Neighbours genotyped together: against an enumeration of all pairs of copies, and whatever the network says."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvplug.line.candidate_batch import OTHER, UNINFORMATIVE, CandidateBatch
from dvplug.records.linked import consistent_genotypes, fit, possible_copies, ref_span
from dvplug.records.merge import genotypes
from dvplug.records.postprocess import call_sites
from helpers.generated_sites import batches, generated_sites
from helpers.neighbouring_events import haplotypes

seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=200)
@given(seeds, st.booleans(), st.sampled_from([2, 3, 6]))
def test_no_record_contradicts_another(seed: int, haploid: bool, apart: int) -> None:
    reference, arguments = generated_sites(seed, n_sites=12, apart=apart)
    records = call_sites(*batches(**arguments), haploid=np.full(12, haploid))
    pairs = haplotypes(reference, 0, len(reference), records)
    one, other = next(pairs)
    assert not haploid or one == other


@settings(max_examples=50)
@given(seeds)
def test_sites_without_a_contradiction_stay_as_they_are(seed: int) -> None:
    candidates = batches(**generated_sites(seed, n_sites=12, apart=12)[1])[0]
    p = np.random.default_rng(seed).dirichlet([0.3, 0.3, 0.3], len(candidates))
    first = [(0,)] * len(candidates)
    changed = consistent_genotypes(candidates, first, p, np.zeros(len(p), np.bool_))
    called = [genotypes(1)[n] for n in p.argmax(axis=1)]
    spans = [
        [ref_span(start, ref, alts[0])]
        for start, ref, alts in zip(candidates.start.tolist(), candidates.refs, candidates.alts, strict=True)
    ]
    if fit(list(zip(called, spans, strict=True))):
        assert changed is p


def site_batch(
    sites: list[tuple[int, str, tuple[str, ...]]], alleles_of_reads: list[tuple[int, ...]]
) -> CandidateBatch:
    """Sites, and what each read has at each of them."""
    n, most = len(alleles_of_reads), 1 + max(len(alts) for _, _, alts in sites)
    by_site = np.array(alleles_of_reads, np.int8).T
    depths = np.array([[(row == a).sum() for a in range(most)] for row in by_site], np.int32)
    return CandidateBatch(
        "c", np.array([s for s, _, _ in sites], np.int32), [r for _, r, _ in sites], [a for _, _, a in sites],
        np.arange(len(sites) + 1) * n, np.tile(np.arange(n, dtype=np.int32), len(sites)), by_site.ravel(),
        (by_site != UNINFORMATIVE).sum(axis=1).astype(np.int32), depths,
    )  # fmt: skip


TWO_DELETIONS = [(10, "ACATACCT", ("A",)), (14, "ACCTAAAC", ("A",))]
SNP_IN_DELETION = [(10, "ACATACCT", ("A",)), (14, "A", ("G",))]
SURE = [[0.01, 0.01, 0.98], [0.01, 0.01, 0.98]]


@pytest.mark.parametrize(
    ("sites", "reads", "p", "expected"),
    [
        (TWO_DELETIONS, [(1, OTHER)] * 10 + [(OTHER, 1)] * 10, SURE, [1, 1]),
        (TWO_DELETIONS, [(1, OTHER)] * 20 + [(OTHER, 1)], SURE, [2, 0]),
        (TWO_DELETIONS, [(1, UNINFORMATIVE)] + [(OTHER, 1)] * 20, SURE, [0, 2]),
        (SNP_IN_DELETION, [(1, OTHER)] * 12 + [(0, 1)] * 9, [[0.01, 0.98, 0.01], [0.01, 0.01, 0.98]], [1, 1]),
        (SNP_IN_DELETION, [(1, OTHER)] * 12 + [(0, 1)] * 9, SURE, [1, 1]),
        (SNP_IN_DELETION, [(1, OTHER)] * 20, SURE, [2, 0]),
    ],
)
def test_reads_tell_which_of_two_goes(sites: list, reads: list, p: list, expected: list[int]) -> None:
    batch = site_batch(sites, reads)
    changed = consistent_genotypes(batch, [(0,), (0,)], np.array(p), np.zeros(2, np.bool_))
    assert changed.argmax(axis=1).tolist() == expected
    assert np.allclose(changed.sum(axis=1), 1)


@settings(max_examples=60)
@given(seeds)
def test_the_best_pair_is_that_of_an_enumeration(seed: int) -> None:
    """Two sites, and every pair of copies written out: what each lacks, what the network and the reads say of it."""
    rng = np.random.default_rng(seed)
    sites = TWO_DELETIONS if rng.random() < 0.5 else SNP_IN_DELETION
    reads = [
        tuple(row) for row in rng.choice([0, 1, OTHER, UNINFORMATIVE], (rng.integers(1, 12), 2)).tolist()
    ]
    p = np.array(SURE) * 0.6 + 0.4 * rng.dirichlet([1, 1, 1], 2)
    batch = site_batch(sites, reads)
    changed = consistent_genotypes(batch, [(0,), (0,)], p.copy(), np.zeros(2, np.bool_))
    lacks = OTHER
    copies = [(0, 0), (1, lacks), (lacks, 1)]

    def of_site(row: np.ndarray, one: int, other: int) -> float:
        number = one + other
        if one == other == lacks:
            return row[0]
        if lacks in (one, other):
            return row[0] if max(one, other) == 0 else row[1] + row[2]
        return row[number]

    def of_read(read: tuple[int, ...], copy: tuple[int, ...]) -> float:
        known = [(a, b) for a, b in zip(read, copy, strict=True) if a != UNINFORMATIVE]
        return 0.95 if all(a == b or (a == 0 and b == lacks) for a, b in known) else 0.05

    weights = {
        (one, other): np.prod([of_site(p[k], one[k], other[k]) for k in (0, 1)])
        * np.prod([(of_read(read, one) + of_read(read, other)) / 2 for read in reads])
        for one, other in product(copies, copies)
    }
    for k in (0, 1):
        profile = np.zeros(3)
        for (one, other), weight in weights.items():
            number = max(one[k], 0) + max(other[k], 0)
            profile[number] = max(profile[number], weight)
        assert changed[k] == pytest.approx(profile / profile.sum(), rel=1e-4)


@settings(max_examples=100)
@given(
    st.lists(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 5)), min_size=1, max_size=2), max_size=3)
)
def test_copies_hold_alleles_that_do_not_overlap(sites: list[list[tuple[int, int]]]) -> None:
    spans = [[(start, start + length) for start, length in site] for site in sites]
    spans.sort(key=lambda site: min(site))
    expected = set()
    for copy in product(*(range(len(site) + 1) for site in spans)):
        taken = [site[a - 1] for site, a in zip(spans, copy, strict=True) if a]
        if all(one[1] <= other[0] for k, one in enumerate(taken) for other in taken[k + 1 :]):
            expected.add(copy)
    assert set(possible_copies(spans)) == expected
