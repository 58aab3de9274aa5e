"""Assignment of reads to alleles: a slow twin, and reads whose allele is known."""

import random
from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvplug.candidates.site_layout import HAPLOTYPE_FLANK
from dvplug.candidates.support import (
    EXCLUDED,
    MIN_SCORE_MARGIN,
    assign_reads,
)
from dvplug.line.candidate_batch import OTHER, UNINFORMATIVE
from dvplug.sequence.codes import encode_bases
from helpers.read_batches import Read, gapped_read, random_reads, random_sequence, read_batch
from oracles.finder import alone, gap_runs
from oracles.support import (
    Site,
    twin_allele,
)


def assigned(
    reads: Sequence[Read], reference: str, site: Site, *, offset: int = 0, min_quality: int = 10
) -> list[int]:
    """The allele of each read, EXCLUDED where it is not listed."""
    start, ref, alts = site
    rows, index, allele = assign_reads(
        read_batch(reads), encode_bases(reference[offset:].encode()), offset, np.array([start], np.int32),
        [ref], [alts], min_base_quality=10,
    )  # fmt: skip
    assert rows.tolist() == [0, len(index)]
    assert np.all(np.diff(index) > 0)
    found = dict(zip(index.tolist(), allele.tolist(), strict=True))
    return [found.get(i, EXCLUDED) for i in range(len(reads))]


def random_site(rng: random.Random, reference: str) -> Site:
    """A SNP, an indel or a mixture, at an anchor with one reference base or more."""
    start = rng.randrange(10, len(reference) - 20)
    if rng.random() < 0.2:
        others = [b for b in "ACGT" if b != reference[start]]
        return start, reference[start], tuple(rng.sample(others, rng.randrange(1, 3)))
    ref = reference[start : start + rng.choice([1, 1, 2, 3, 7])]
    alts = {ref[0] + ref[1 + rng.randrange(len(ref)) :]}
    alts |= {ref[0] + random_sequence(rng, rng.randrange(1, 9)) + ref[1:] for _ in range(rng.randrange(1, 3))}
    if rng.random() < 0.3:
        alts.add(rng.choice("ACGT") + ref[1:])
    return start, ref, tuple(sorted(alts - {ref}))


@settings(max_examples=150)
@given(st.integers(0, 2**32 - 1))
def test_assignment_agrees_with_whole_haplotypes(seed: int) -> None:
    rng = random.Random(seed)
    reference = random_sequence(rng, 120)
    reads = random_reads(rng, reference, 40, 80)
    site = random_site(rng, reference)
    assert assigned(reads, reference, site) == [twin_allele(read, reference, site, 10) for read in reads]


def read_with_neighbours(rng: random.Random, reference: str, site: Site, allele: str) -> Read:
    """A read of one allele, its gap anywhere it can lie, with other variants around the site."""
    start, ref, _ = site
    change, begin, end = len(allele) - len(ref), start - rng.randrange(1, 40), start + rng.randrange(30, 70)
    made = reference[:start] + allele + reference[start + len(ref) :]
    inserted, deleted = max(0, change), max(0, -change)
    places = [
        place
        for place in range(start + 1, end - 10)
        if reference[:place] + made[place : place + inserted] + reference[place + deleted :] == made
    ]
    place = rng.choice(places) if places and change else start
    seq = [
        rng.choice("ACGT") if not start <= i <= place + abs(change) and rng.random() < 0.3 else base
        for i, base in enumerate(made[: end + change])
    ][begin:]
    gap = f"{place - begin}M{abs(change)}{'I' if change > 0 else 'D'}{end - place - deleted}M"
    return Read(begin, gap if places and change else f"{len(seq)}M", "".join(seq), 40)


@settings(max_examples=150)
@given(st.integers(0, 2**32 - 1))
def test_assignment_agrees_where_variants_lie_beside_each_other(seed: int) -> None:
    rng = random.Random(seed)
    reference = random_sequence(rng, 220)
    start, ref, alts = random_site(rng, reference[50:150])
    site = (start + 50, ref, alts)
    reads = [read_with_neighbours(rng, reference, site, rng.choice((ref, *alts))) for _ in range(30)]
    reads.sort(key=lambda read: read.start)
    assert assigned(reads, reference, site) == [twin_allele(read, reference, site, 10) for read in reads]


@settings(max_examples=50)
@given(st.integers(0, 2**32 - 1))
def test_assignment_agrees_where_indels_of_a_read_are_one_change(seed: int) -> None:
    rng = random.Random(seed)
    reference = random_sequence(rng, 90)
    reads = [gapped_read(rng, reference, rng.choice([2, 2, 3, 4])) for _ in range(12)]
    shown = {
        change
        for read in reads
        for gaps in gap_runs(read, reference)
        for change in alone(gaps, read, reference)
    }
    for start, ref, alt in sorted(shown):
        site = (start, ref, (alt,))
        assert assigned(reads, reference, site) == [twin_allele(read, reference, site, 10) for read in reads]


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_assignment_does_not_depend_on_where_the_reference_begins(seed: int) -> None:
    rng = random.Random(seed)
    reference = random_sequence(rng, 400)
    reads = [r._replace(start=r.start + 150) for r in random_reads(rng, reference[150:270], 30)]
    start, ref, alts = random_site(rng, reference[150:270])
    site = (start + 150, ref, alts)
    assert assigned(reads, reference, site) == assigned(reads, reference, site, offset=60)


# Anchor, deleted and inserted bases, and the rest of the tract.
LEFT = "GATTACCAGTGCATTCGAGCTTAACGCGTATTGACCTGAGTCCATGCAAGTCTGATCGGAC"[:59]
RIGHT = "GTCAGGTACCTTGACATCGGATTCAAGCGTTAGCCATGACTGGTACGATCTCCGTAGCATA"
CASES = {
    "deletion in unique sequence": ("T", "CAGA", ""),
    "insertion in unique sequence": ("T", "", "CAGA"),
    "insertion of 20": ("T", "", "CCATTGACGGATTCAGTACA"),
    "deletion of 25": ("T", "ACATTGACGGATTCAGTACATTCGC", ""),
    "homopolymer, one less": ("T", "A", "", "AAAAAAAA"),
    "homopolymer, one more": ("T", "", "A", "AAAAAAAA"),
    "homopolymer, three less": ("T", "AAA", "", "AAAAAA"),
    "dinucleotide, one unit more": ("T", "", "CA", "CACACACACA"),
    "dinucleotide, two units less": ("T", "CACA", "", "CACACA"),
    "tetranucleotide, one unit less": ("T", "AGAC", "", "AGACAGACAGAC"),
}


class Locus:
    """A site of one alt with its reference and both haplotypes."""

    def __init__(self, anchor: str, ref: str, alt: str, tract: str = "") -> None:
        self.reference = LEFT + anchor + ref + tract + RIGHT
        self.haplotypes = (self.reference, LEFT + anchor + alt + tract + RIGHT)
        self.site: Site = (len(LEFT), anchor + ref, (anchor + alt,))
        self.change = len(alt) - len(ref)


def alignments(locus: Locus, allele: int, begin: int, end: int, gap: int) -> list[Read]:
    """A read of haplotype bases [begin, end) as aligners write it: gapped, ungapped or clipped.

    ``gap`` is how far from the left end of the tract the gap lies.
    """
    haplotype, start = locus.haplotypes[allele], locus.site[0] + 1 + gap
    seq, change = haplotype[begin:end], locus.change if allele else 0
    before, after = start - begin, end - start - max(0, change)
    if not change or before <= 0 or after <= 0:
        return [Read(begin if before > 0 or not change else begin - change, f"{len(seq)}M", seq)]
    symbol = f"{change}I" if change > 0 else f"{-change}D"
    reads = [Read(begin, f"{before}M{symbol}{after}M", seq)]
    rest = len(seq) - before
    if before > after:
        reads += [Read(begin, f"{len(seq)}M", seq), Read(begin, f"{before}M{rest}S", seq)]
    else:
        reads += [
            Read(begin - change, f"{len(seq)}M", seq),
            Read(locus.site[0] + 1 + gap + max(0, -change), f"{len(seq) - after}S{after}M", seq),
        ]
    return reads


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("allele", [0, 1])
def test_error_free_reads_go_to_their_allele_or_tell_nothing(case: str, allele: int) -> None:
    locus = Locus(*CASES[case])
    left, right = locus.site[0], len(locus.haplotypes[allele]) - len(RIGHT)
    slack = len(locus.reference) - len(RIGHT) - left - len(locus.site[1])  # how far the gap can move
    reads: dict[Read, bool] = {}
    for begin, gap in product(range(10, right + 5), {0, slack}):
        for end in range(max(begin + 30, left - 5), min(begin + 70, len(locus.haplotypes[allele]) - 10), 3):
            spans = begin + 3 <= left and right + 3 <= end
            reads |= dict.fromkeys(alignments(locus, allele, begin, end, gap), spans)
    ordered = sorted(
        (r for r in reads if r.start >= 0 and r.end <= len(locus.reference)), key=lambda r: r.start
    )
    found = list(zip(ordered, assigned(ordered, locus.reference, locus.site), strict=True))
    assert not [(r, a) for r, a in found if a not in (allele, UNINFORMATIVE, EXCLUDED)]
    assert not [(r, a) for r, a in found if reads[r] and a != allele]
    assert sum(map(reads.__getitem__, ordered)) > 200


@pytest.mark.parametrize("case", [name for name, parts in CASES.items() if len(parts) == 4])
@pytest.mark.parametrize("allele", [0, 1])
def test_reads_that_do_not_span_the_repeat_tell_nothing(case: str, allele: int) -> None:
    locus = Locus(*CASES[case])
    shorter = min(map(len, locus.haplotypes)) - len(RIGHT)
    ends_inside = Read(20, f"{shorter - 20}M", locus.haplotypes[allele][20:shorter])
    from_right = locus.haplotypes[allele][-(len(locus.reference) - len(LEFT) - 1 - abs(locus.change)) :]
    begins_inside = Read(len(locus.reference) - len(from_right), f"{len(from_right)}M", from_right)
    found = assigned([ends_inside, begins_inside], locus.reference, locus.site)
    assert found[0] == UNINFORMATIVE
    assert found[1] in (UNINFORMATIVE, EXCLUDED)


@pytest.mark.parametrize("case", CASES)
def test_a_third_allele_supports_neither(case: str) -> None:
    """A read with 7 bp more than the reference, with its gap or clipped."""
    locus = Locus(*CASES[case])
    start = locus.site[0] + 1
    seq = locus.reference[20:start] + "GGCGTCC" + locus.reference[start:-20]
    before, after = start - 20, len(locus.reference) - 20 - start
    reads = [Read(20, f"{before}M7I{after}M", seq), Read(20, f"{before}M{7 + after}S", seq)]
    reads.append(Read(start, f"{before + 7}S{after}M", seq))
    assert set(assigned(reads, locus.reference, locus.site)) <= {OTHER, UNINFORMATIVE, EXCLUDED}


def with_variants(seq: str, first: int, last: int) -> str:
    """Four other bases right before ``first`` and from ``last`` on, 1 bp away."""
    other = str.maketrans("ACGT", "CATG")
    return (
        seq[: first - 5] + seq[first - 5 : first - 1].translate(other) + seq[first - 1 : last + 1]
        + seq[last + 1 : last + 5].translate(other) + seq[last + 5 :]
    )  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_variants_on_both_sides_do_not_hide_the_allele(case: str) -> None:
    """They make a read unlike every haplotype of the site, so that its alignment must tell."""
    locus = Locus(*CASES[case])
    site, tract = locus.site[0], len(locus.reference) - len(RIGHT)
    slack = tract - site - len(locus.site[1])  # how far the gap can move
    reads = [
        alignments(locus, 1, 20, len(locus.haplotypes[1]) - 20, gap)[0]
        for gap in sorted({0, slack // 2, slack})
    ]
    reads = [
        r._replace(seq=with_variants(r.seq, site - 20, tract + locus.change - 20), qual=40) for r in reads
    ]
    assert assigned(reads, locus.reference, locus.site) == [1] * len(reads)
    seq = with_variants(locus.reference, site, tract)
    whole = Read(20, f"{len(seq) - 40}M", seq[20:-20], 40)
    near_its_end = Read(20, f"{tract + HAPLOTYPE_FLANK - 21}M", seq[20 : tract + HAPLOTYPE_FLANK - 1], 40)
    assert assigned([whole, near_its_end], locus.reference, locus.site) == [0, OTHER]


def test_a_substitution_beside_an_insertion_is_told_where_other_variants_are_near() -> None:
    site = (len(LEFT), "G", ("A", "GTA"))
    reference = LEFT + "GTGTGTGTG" + RIGHT
    seqs = {1: LEFT + "ATGTGTGTG" + RIGHT, 2: LEFT + "GTATGTGTGTG" + RIGHT}
    for allele, seq in seqs.items():
        cigar = "40M" + "2I" * (allele == 2) + f"{len(reference) - 80}M"
        shown = with_variants(seq, len(LEFT), len(seq) - len(RIGHT))[20:-20]
        assert assigned([Read(20, cigar, shown, 40)], reference, site) == [allele]


def test_a_read_that_lacks_another_unit_is_other() -> None:
    locus = Locus(*CASES["tetranucleotide, one unit less"])
    seq = locus.reference[30:60] + locus.reference[68:110]
    assert assigned([Read(30, "30M8D42M", seq)], locus.reference, locus.site) == [OTHER]


def test_one_error_does_not_change_the_allele() -> None:
    locus = Locus(*CASES["homopolymer, one less"])
    for allele in (0, 1):
        haplotype = locus.haplotypes[allele][30:100]
        for at in [*range(29), *range(40, 70)]:
            seq = haplotype[:at] + ("A" if haplotype[at] != "A" else "C") + haplotype[at + 1 :]
            cigar = "30M1D40M" if allele else "70M"
            assert assigned([Read(30, cigar, seq)], locus.reference, locus.site)[0] in (allele, UNINFORMATIVE)


def test_low_qualities_leave_an_indel_open() -> None:
    locus = Locus(*CASES["homopolymer, one less"])
    end = locus.site[0] + 1 + 9 + 1  # one base beyond the tract
    seq = locus.reference[20:end]
    read = Read(20, f"{len(seq)}M", seq, MIN_SCORE_MARGIN)
    assert assigned([read], locus.reference, locus.site) == [0]
    barely = Read(20, f"{len(seq) - 1}M", seq[:-1], MIN_SCORE_MARGIN)
    poor = read._replace(qual=[MIN_SCORE_MARGIN] * (len(seq) - 2) + [4, 4])
    assert assigned([barely, poor], locus.reference, locus.site) == [0, UNINFORMATIVE]


@pytest.mark.parametrize(
    ("cigar", "seq", "qual", "allele"),
    [
        ("9M", "ACGTACGTA", 10, 0),
        ("9M", "ACGTCCGTA", 10, 1),
        ("9M", "ACGTGCGTA", 10, 2),
        ("9M", "ACGTTCGTA", 10, OTHER),
        ("9M", "ACGTNCGTA", 10, UNINFORMATIVE),
        ("9M", "ACGTCCGTA", 9, UNINFORMATIVE),
        ("4M1D4M", "ACGTCGTA", 30, OTHER),
        ("4M1N4M", "ACGTCGTA", 30, EXCLUDED),
        ("4M5S", "ACGTCCGTA", 30, EXCLUDED),
        ("4=1X4=", "ACGTCCGTA", 30, 1),
        ("2H4M2P1M2I4M", "ACGTCTTCGTA", 30, 1),
    ],
)
def test_a_substitution_is_read_off_the_alignment(cigar: str, seq: str, qual: int, allele: int) -> None:
    assert assigned([Read(3, cigar, seq, qual)], "TTTACGTACGTATTT", (7, "A", ("C", "G"))) == [allele]
