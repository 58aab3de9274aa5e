"""Labels of candidate sites: right whatever the representation, and nothing invented."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvplug.evaluate import ConfidentRegions, TruthSet, Variant
from dvplug.evaluate.haplotypes import QUERY, TRUTH, Choice, Inclusion, best_match
from dvplug.evaluate.reference import ContigBases
from dvplug.genome.reference import Reference
from dvplug.train.labeler import OpenSites, label_candidates
from helpers.evaluate_files import TextReference
from helpers.shared_data import SHARED, needs_shared

TEXT = "GATTACAGGCTTAACGTCCATG" + "A" * 12 + "CGTACTTGCAGATCGCTAGCTAAGTC" + "CA" * 8 + "GGTACCTTAGATTC"
EVERYWHERE = ConfidentRegions([("c", 0, len(TEXT))])

Site = tuple[int, str, tuple[str, ...]]


def truth_of(*called: tuple[int, str, tuple[str, str]]) -> TruthSet:
    variants = [Variant.called(start, ref, texts, i) for i, (start, ref, texts) in enumerate(called)]
    return TruthSet({"c": [v for v in variants if v]})


def labels_of(
    truth: TruthSet,
    *sites: Site,
    confident: ConfidentRegions = EVERYWHERE,
    text: str = TEXT,
    lesser: Sequence[set[int]] = (),
    **limits: int,
) -> list[tuple[int, int]]:
    starts, refs, alts = zip(*sites, strict=True)
    reference = TextReference(c=text)
    labels = label_candidates(
        OpenSites("c", starts, refs, alts, lesser), truth, confident, reference, **limits
    )
    assert labels.dtype == np.int8
    assert labels.shape == (len(sites), 2)
    return [tuple(pair) for pair in labels.tolist()]


@pytest.mark.parametrize(
    ("called", "sites", "expected"),
    [
        ((3, "T", ("T", "C")), [(3, "T", ("C",))], [(0, 1)]),
        ((3, "T", ("C", "C")), [(3, "T", ("G", "C"))], [(2, 2)]),
        ((3, "T", ("C", "G")), [(3, "T", ("G", "C"))], [(1, 2)]),
        ((21, "GA", ("G", "G")), [(32, "AA", ("A",))], [(1, 1)]),
        ((21, "GA", ("GA", "G")), [(21, "GAAA", ("GAAAA", "GAA"))], [(0, 2)]),
        ((21, "G", ("GA", "GAA")), [(25, "A", ("AAA", "AA", "C"))], [(1, 2)]),
        ((59, "CCA", ("C", "CCA")), [(71, "ACA", ("A",))], [(0, 1)]),
        ((4, "AC", ("GT", "GT")), [(4, "A", ("G",)), (5, "C", ("T",))], [(1, 1), (1, 1)]),
        ((4, "AC", ("GC", "AT")), [(4, "A", ("G",)), (5, "C", ("T",))], [(0, 1), (0, 1)]),
        ((4, "AC", ("AC", "GT")), [(4, "A", ("G",)), (5, "C", ("A", "T"))], [(0, 1), (0, 2)]),
    ],
)
def test_label_is_right_whatever_the_representation(
    called: tuple[int, str, tuple[str, str]], sites: list[Site], expected: list[tuple[int, int]]
) -> None:
    assert labels_of(truth_of(called), *sites) == expected


def test_false_candidates_are_reference_and_order_is_kept() -> None:
    truth = truth_of((21, "GA", ("G", "G")), (40, "T", ("T", "G")))
    sites = [(40, "T", ("A", "G")), (22, "A", ("AA",)), (3, "T", ("C",)), (30, "AA", ("A",))]
    assert labels_of(truth, *sites) == [(0, 2), (0, 0), (0, 0), (1, 1)]


def test_false_candidates_that_cancel_each_other_are_reference() -> None:
    truth = truth_of((40, "T", ("T", "G")))
    sites = [(21, "G", ("GA",)), (30, "AA", ("A",)), (40, "T", ("G",))]
    assert labels_of(truth, *sites) == [(0, 0), (0, 0), (0, 1)]


def test_truth_without_candidate_does_not_disturb_its_neighbours() -> None:
    truth = truth_of((38, "C", ("C", "T")), (40, "T", ("T", "G")), (41, "G", ("GAC", "GAC")))
    assert labels_of(truth, (40, "T", ("G",))) == [(0, 1)]


def test_half_of_a_genotype_is_better_than_none() -> None:
    assert labels_of(truth_of((3, "T", ("C", "G"))), (3, "T", ("G",))) == [(0, 1)]


def test_sites_outside_the_confident_regions_are_unlabeled() -> None:
    confident = ConfidentRegions([("c", 0, 40)])
    truth = truth_of((3, "T", ("T", "C")), (40, "T", ("T", "G")))
    sites = [(3, "T", ("C",)), (40, "T", ("G",)), (38, "CTT", ("C",))]
    assert labels_of(truth, *sites, confident=confident) == [(0, 1), (-1, -1), (-1, -1)]


def test_crowded_stretch_is_unlabeled_and_its_neighbours_are_not() -> None:
    text, far = TEXT * 3, 2 * len(TEXT) + 50
    confident = ConfidentRegions([("c", 0, len(text))])
    truth = truth_of((59, "CCA", ("C", "CCA")), (63, "ACA", ("A", "A")), (far, "T", ("T", "C")))
    sites = [(far, "T", ("C",)), (65, "ACA", ("A",)), (71, "ACA", ("A",))]
    both = {"confident": confident, "text": text}
    assert labels_of(truth, *sites, **both) in ([(0, 1), (0, 1), (1, 1)], [(0, 1), (1, 1), (0, 1)])
    assert labels_of(truth, *sites, **both, max_states=1) == [(0, 1), (-1, -1), (-1, -1)]


def test_of_equal_candidates_the_one_written_like_the_truth_is_taken() -> None:
    truth = truth_of((25, "A", ("AA", "AA")), (62, "ACA", ("ACA", "A")))
    sites = [(24, "AA", ("AT", "AAA")), (25, "A", ("AA",)), (60, "CAC", ("C",)), (62, "ACA", ("A",))]
    assert labels_of(truth, *sites) == [(0, 0), (1, 1), (0, 0), (0, 1)]


def test_a_spelling_that_calling_proposes_is_taken_before_that_of_the_truth() -> None:
    truth = truth_of((25, "A", ("AA", "AA")), (62, "ACA", ("ACA", "A")))
    sites = [(24, "AA", ("AT", "AAA")), (25, "A", ("AA",)), (60, "CAC", ("C",)), (62, "ACA", ("A",))]
    assert labels_of(truth, *sites, lesser=[{1}, {1}, set(), {1}]) == [(2, 2), (-1, -1), (0, 1), (-1, -1)]
    assert labels_of(truth, *sites, lesser=[{1, 2}, set(), set(), set()]) == [
        (-1, -1),
        (1, 1),
        (0, 0),
        (0, 1),
    ]


def test_the_truth_is_reproduced_by_what_calling_would_not_propose_where_nothing_else_does() -> None:
    truth = truth_of((3, "T", ("C", "G")), (40, "T", ("T", "G")))
    sites = [(3, "T", ("G", "C")), (40, "T", ("G", "A"))]
    assert labels_of(truth, *sites, lesser=[{2}, {1, 2}]) == [(1, 2), (0, 1)]


def test_an_indel_that_calling_would_not_propose_is_known_as_false_only_far_from_the_truth() -> None:
    text = TEXT + "ACGGATTCATGCGAATCCGTTAGCA" * 8
    truth, far = truth_of((3, "T", ("T", "C"))), len(TEXT) + 120
    sites = [(3, "T", ("C",)), (9, "C", ("CT",)), (13, "C", ("CA", "CT")), (15, "T", ("A",))]
    sites.append((far, text[far], (text[far] + "G",)))
    lesser: list[set[int]] = [set(), {1}, {2}, {1}, {1}]
    everywhere = ConfidentRegions([("c", 0, len(text))])
    labels = labels_of(truth, *sites, confident=everywhere, text=text, lesser=lesser)
    assert labels == [(0, 1), (-1, -1), (0, 0), (0, 0), (0, 0)]


def test_genotype_of_the_truth_is_taken_when_neighbours_could_share_it() -> None:
    """Deleting an A and gaining AT beside it is the same as the T in place of A that the other allele is."""
    truth = truth_of((21, "GA", ("G", "GA")), (33, "A", ("AT", "T")))
    sites = [(21, "GA", ("G",)), (33, "A", ("AT", "T"))]
    assert labels_of(truth, *sites) == [(0, 1), (1, 2)]


def test_no_sites() -> None:
    labels = label_candidates(OpenSites("c", [], [], []), truth_of(), EVERYWHERE, TextReference(c=TEXT))
    assert labels.shape == (0, 2)


@st.composite
def truth_and_sites(draw: st.DrawFn) -> tuple[list[Variant], list[Site]]:
    """Truth variants, sites that write each of them with more bases around it, and false sites."""
    truth, sites, position = [], [], 2
    while position < len(TEXT) - 20:
        start = position + draw(st.integers(0, 6))
        ref = TEXT[start : start + draw(st.integers(1, 3))]
        alt = draw(st.sampled_from([ref[0], ref + ref, "ACGT".replace(ref[0], "")[:1] + ref[1:]]))
        variant = Variant.called(start, ref, draw(st.sampled_from([(ref, alt), (alt, alt)])))
        if variant:
            truth.append(variant)
            left, right = draw(st.integers(0, 2)), draw(st.integers(0, 5))
            before, after = TEXT[start - left : start], TEXT[start + len(ref) : start + len(ref) + right]
            sites.append((start - left, before + ref + after, (before + alt + after,)))
        position = start + len(ref) + draw(st.integers(6, 12))
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(TEXT) - 1))
        sites.append((start, TEXT[start], (TEXT[start] + "T",)))
    return truth, sites


@settings(max_examples=200)
@given(truth_and_sites())
def test_labels_reproduce_the_truth(case: tuple[list[Variant], list[Site]]) -> None:
    truth, sites = case
    if not sites:
        return
    labels = labels_of(TruthSet({"c": truth}), *sites)
    query = [
        Variant.called(start, ref, [(ref, *alts)[index] for index in pair])
        for (start, ref, alts), pair in zip(sites, labels, strict=True)
    ]
    sides = [(v, TRUTH) for v in truth] + [(v, QUERY) for v in query if v]
    sides.sort(key=lambda pair: (pair[0].changed_start, pair[0].changed_end, pair[1]))
    choices = [Choice(v.changed_start, side, (Inclusion(*v.alleles, 1),)) for v, side in sides]
    match = best_match(choices, ContigBases(TextReference(c=TEXT), "c"))
    assert min(match.chosen, default=0) == 0


@needs_shared
def test_a_real_genome_is_labeled_with_its_own_genotypes() -> None:
    """GIAB records without genotypes, among false ones: every label is the genotype taken away."""
    path = SHARED / "truth" / "HG002_GRCh38_v4.2.1.chr20_dev.vcf.gz"
    truth = TruthSet.from_vcf(path, only_contigs={"chr20"})
    assert len(TruthSet.from_vcf(path, only_contigs={"chr21"})) == 0
    reference = Reference.open(SHARED / "reference" / "grch38.chr20_and_21_10M.fa.gz")
    bed = path.with_name("HG002_GRCh38_v4.2.1.chr20_dev.bed")
    confident = ConfidentRegions.from_bed(bed, reference.lengths)
    start, end = 2_000_000, 3_000_000
    with pysam.VariantFile(str(path)) as records:
        real = {
            r.start: (r.ref, r.alts, tuple(sorted(r.samples[0]["GT"])))
            for r in records.fetch("chr20", start, end)
        }
    text = reference.sequence("chr20", start, end)
    false = {
        start + i: (text[i : i + 2], (text[i], text[i : i + 2] + text[i + 1]), (0, 0))
        for i in range(100, len(text) - 100, 500)
    }
    sites = sorted((false | real).items())
    open_sites = OpenSites(
        "chr20", [s for s, _ in sites], [site[0] for _, site in sites], [site[1] for _, site in sites]
    )
    labels = label_candidates(open_sites, truth, confident, reference)
    wrong = [
        (s, site, pair)
        for (s, site), pair in zip(sites, labels.tolist(), strict=True)
        if pair[0] >= 0 and tuple(pair) != site[2]
    ]
    assert wrong == []
    assert (labels[:, 0] >= 0).mean() > 0.9
    assert (labels[:, 1] > 0).sum() > 1000
