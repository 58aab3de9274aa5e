"""Merging and trimming against slow, plain enumerations."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvplug.errors import ModelError
from dvplug.records.postprocess import PostprocessSettings, call_sites
from dvplug.sequence.alleles import trim
from helpers.generated_sites import batches, called_records, generated_sites
from oracles.merge import q, slow_genotypes

seeds = st.integers(0, 10_000)


def images_of(arguments, index):
    return {
        frozenset(1 + int(alt) for alt in alts if alt >= 0): image
        for site, alts, image in zip(
            arguments["site"], arguments["alt_set"], arguments["probabilities"], strict=True
        )
        if site == index
    }


NONE = ((0.0, 0.0),)
RARER = ((0.0, 0.3), (10.0, 0.02), (20.0, 0.001))
"""Lapse rates by what the network claims."""


@given(
    seeds,
    st.sampled_from([0.0, 1.0, 5.0, 99.0]),
    st.sampled_from([(NONE, NONE), (RARER, ((0.0, 0.02), (30.0, 1e-4))), (((0.0, 0.001),), RARER)]),
)
def test_genotypes_equal_an_enumeration(seed, prune_qual, lapses):
    _, arguments = generated_sites(seed)
    records = called_records(arguments, settings=PostprocessSettings(7, 5, prune_qual, *lapses))
    assert len(records) == len(arguments["refs"])
    starts = arguments["starts"].tolist()
    for record, index in zip(records, sorted(range(len(starts)), key=lambda i: starts[i]), strict=True):
        kept, p = slow_genotypes(len(arguments["alts"][index]), images_of(arguments, index), prune_qual)
        ref, alts = arguments["refs"][index], arguments["alts"][index]
        of_type = lapses[any(len(alt) != len(ref) for alt in alts)]
        claimed = q(sum(sorted(p.values())[:-1]))
        lapse = [rate for quality, rate in of_type if quality <= claimed][-1]
        told, p = p, {gt: (1 - lapse) * p[gt] + lapse / len(p) for gt in p}
        called = max(p, key=lambda gt: p[gt])
        depths = arguments["allele_depths"][index].tolist()
        assert len(record.alts) == len(kept)
        assert record.gt == tuple(0 if allele == 0 else 1 + kept.index(allele) for allele in called)
        assert record.qual == pytest.approx(q(p[0, 0]), abs=0.0501)
        gq = q(sum(p[gt] for gt in p if gt != called))
        assert record.gq == pytest.approx(gq, abs=0.501)
        share = min(1, gq / claimed) if claimed else 1
        assert record.pl == pytest.approx([share * (q(told[gt]) - q(told[called])) for gt in p], abs=0.501)
        assert record.pl[list(p).index(called)] == 0
        assert record.ad == (depths[0], *(depths[alt] for alt in kept))
        assert record.vaf == pytest.approx([depths[alt] / sum(depths) for alt in kept])
        low = [
            name
            for name, value, least in (("LowQual", record.qual, 7), ("LowGQ", record.gq, 5))
            if value < least
        ]
        assert record.filter == ("RefCall" if called == (0, 0) else ";".join(low) or "PASS")


@given(seeds)
def test_records_are_minimal_and_mean_the_same_haplotypes(seed):
    reference, arguments = generated_sites(seed)
    originals = dict(
        zip(arguments["starts"].tolist(), zip(arguments["refs"], arguments["alts"], strict=True), strict=True)
    )
    for record in called_records(arguments):
        alleles = [record.ref, *record.alts]
        assert reference.startswith(record.ref, record.start)
        assert min(map(len, alleles)) == 1 or len({allele[-1] for allele in alleles}) > 1
        ref, alts = originals[record.start]  # all are anchored at their first base
        ends = {alt + reference[record.start + len(ref) :] for alt in alts}
        assert {alt + reference[record.start + len(record.ref) :] for alt in record.alts} <= ends


bases = st.text("ACGT", min_size=1, max_size=6)


@given(bases, st.lists(bases, min_size=1, max_size=3), bases, bases)
def test_trim_keeps_the_haplotypes(ref, alts, before, after):
    start, short, shorts = trim(100, before + ref + after, [before + alt + after for alt in alts])
    moved = start - 100
    whole = before + ref + after
    for alt, trimmed in zip(alts, shorts, strict=True):
        assert whole[:moved] + trimmed + whole[moved + len(short) :] == before + alt + after
    alleles = [short, *shorts]
    if min(map(len, alleles)) > 1:
        assert len({allele[0] for allele in alleles}) > 1
        assert len({allele[-1] for allele in alleles}) > 1


@pytest.mark.parametrize(
    ("ref", "alts", "expected"),
    [
        ("ATT", ["CTT"], (7, "A", ("C",))),
        ("ATT", ["A", "CTT"], (7, "ATT", ("A", "CTT"))),
        ("ATT", ["AT"], (7, "AT", ("A",))),
        ("ACGT", ["ACTT"], (9, "G", ("T",))),
        ("AC", ["AG"], (8, "C", ("G",))),
        ("ACC", ["ACCC"], (7, "A", ("AC",))),
        ("ACGTA", ["AGGTCA"], (8, "CGT", ("GGTC",))),
    ],
)
def test_trim_examples(ref, alts, expected):
    assert trim(7, ref, alts) == expected


def one_site(images, alts=("C", "T"), **settings):
    """Call one site; `images` are rows of three probabilities in the order alts, then pairs."""
    sets = [[0, -1], [1, -1], [0, 1]] if len(alts) == 2 else [[0, -1]]
    (record,) = call_sites(
        *batches(
            np.array([10]),
            ["A"],
            [alts],
            np.array([20], np.int32),
            np.array([[2, 9, 9]], np.int32),
            np.zeros(len(images), np.int32),
            np.array(sets[: len(images)], np.int8),
            np.array(images, np.float32),
        ),
        PostprocessSettings(**settings),
    )
    return record


def test_two_heterozygous_alts_are_one_genotype():
    record = one_site([[0.01, 0.98, 0.01], [0.01, 0.98, 0.01], [0.001, 0.009, 0.99]])
    assert record.gt == (1, 2)
    assert record.ad == (2, 9, 9)
    assert record.vaf == (0.45, 0.45)


def test_an_unlikely_alt_is_pruned_with_its_numbers():
    record = one_site([[0.9, 0.05, 0.05], [0.01, 0.01, 0.98], [0.3, 0.3, 0.4]])
    assert (record.alts, record.gt, record.ad, record.vaf) == (("T",), (1, 1), (2, 9), (0.45,))
    assert record.gq == round(-10 * math.log10(0.02))  # the image of T alone
    assert record.pl == (20, 20, 0)
    assert len(one_site([[0.9, 0.05, 0.05], [0.01, 0.01, 0.98], [0.3, 0.3, 0.4]], prune_qual=0).alts) == 2


def test_certainty_ends_at_99_and_stays_finite():
    record = one_site([[0, 1, 0]], alts=("C",))
    assert (record.qual, record.gq, record.pl, record.filter) == (99.0, 99, (99, 0, 99), "PASS")
    contradiction = one_site([[0, 0, 1], [0, 0, 1], [1, 0, 0]])
    assert all(0 <= value <= 99 for value in (contradiction.qual, contradiction.gq, *contradiction.pl))
    record = one_site([[1, 0, 0]], alts=("C",))
    assert (record.qual, record.gt, record.filter) == (0.0, (0, 0), "RefCall")


def test_a_genotype_that_is_more_likely_wrong_than_right_does_not_pass():
    unsure = [[0.16, 0.41, 0.43]]
    assert (one_site(unsure, alts=("C",)).gt, one_site(unsure, alts=("C",)).filter) == ((1, 1), "LowGQ")
    assert one_site(unsure, alts=("C",), min_gq=0).filter == "PASS"
    assert one_site(unsure, alts=("C",), min_qual=20).filter == "LowQual;LowGQ"
    assert one_site([[0.14, 0.36, 0.5]], alts=("C",)).filter == "PASS"
    assert one_site([[0.44, 0.14, 0.42]], alts=("C",)).filter == "RefCall"


def test_a_site_without_depth_has_no_fraction():
    (record,) = call_sites(
        *batches(
            np.array([1]),
            ["A"],
            [("C",)],
            np.array([0], np.int32),
            np.zeros((1, 2), np.int32),
            np.array([0], np.int32),
            np.array([[0, -1]], np.int8),
            np.array([[0.2, 0.7, 0.1]], np.float32),
        )
    )
    assert record.vaf == (0.0,)


def test_no_sites_no_records():
    none = np.zeros(0, np.int32)
    assert (
        call_sites(
            *batches(none, [], [], none, none.reshape(0, 5), none, none.reshape(0, 2), none.reshape(0, 3))
        )
        == []
    )


@pytest.mark.parametrize("bad", [float("nan"), -0.1, 0.2, 1.5])
def test_broken_probabilities_are_a_model_error(bad):
    with pytest.raises(ModelError, match=r"gave the probabilities .*--device"):
        one_site([[0.5, bad, 0.6]], alts=("C",))


def test_images_must_stand_for_the_alts():
    _, arguments = generated_sites(1)
    for name, change in {
        "alt_set": lambda a: np.where(a == -1, 0, a),
        "site": lambda a: a[::-1].copy(),
    }.items():
        with pytest.raises(ValueError, match="one image per alt"):
            called_records({**arguments, name: change(arguments[name])})
    with pytest.raises(ValueError, match="one image per alt"):
        called_records({**arguments, **{k: arguments[k][1:] for k in ("site", "alt_set", "probabilities")}})


def test_two_sites_must_not_become_one_record():
    with pytest.raises(ValueError, match="two candidates became one record"):
        call_sites(
            *batches(
                np.array([4, 5]),
                ["AC", "C"],
                [("AG",), ("G",)],
                np.array([9, 9], np.int32),
                np.full((2, 2), 4, np.int32),
                np.array([0, 1], np.int32),
                np.array([[0, -1], [0, -1]], np.int8),
                np.array([[0.1, 0.8, 0.1]] * 2, np.float32),
            )
        )
