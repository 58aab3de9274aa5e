"""The path search against brute force, and re-representations of one diploid sequence."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from dvplug.evaluate.haplotypes import QUERY, TRUTH, Choice, Inclusion, TrimmedAllele, best_match
from dvplug.evaluate.reference import ContigBases
from dvplug.evaluate.variants import Variant
from dvplug.evaluate.verdicts import leftmost
from helpers.evaluate_files import TextReference
from oracles.haplotypes import brute_force


def bases_of(text: str) -> ContigBases:
    return ContigBases(TextReference(c=text), "c", block=16)


def choice(variant: Variant, side: int) -> Choice:
    return Choice(variant.changed_start, side, (Inclusion(*variant.alleles, 1),))


def ordered(truth: Sequence[Variant], query: Sequence[Variant]) -> list[Choice]:
    sides = [(v, TRUTH) for v in truth] + [(v, QUERY) for v in query]
    sides.sort(key=lambda pair: (pair[0].changed_start, pair[0].changed_end, pair[1]))
    return [choice(v, side) for v, side in sides]


@st.composite
def variants_on(draw: st.DrawFn, text: str, most: int) -> list[Variant]:
    found = []
    for _ in range(draw(st.integers(1, most))):
        start = draw(st.integers(1, len(text) - 6))
        ref = text[start : start + draw(st.integers(1, 3))]
        alts = [draw(st.text("AC", min_size=1, max_size=3)) for _ in range(2)]
        genotype = draw(st.sampled_from([(0, 1), (1, 1), (1, 2)]))
        variant = Variant.called(start, ref, [[ref, *alts][index] for index in genotype])
        if variant:
            found.append(variant)
    return found


@st.composite
def contest(draw: st.DrawFn) -> tuple[str, list[Variant], list[Variant]]:
    text = draw(st.sampled_from(["ACACACACACAC", "AAAAAAAAAAAA", "AACCAAACCAAC", "ACCCCCAAAACA"]))
    return text, draw(variants_on(text, 3)), draw(variants_on(text, 3))


@settings(max_examples=300)
@given(contest())
def test_search_includes_as_many_as_brute_force(case: tuple[str, list[Variant], list[Variant]]) -> None:
    text, truth, query = case
    choices = ordered(truth, query)
    match = best_match(choices, bases_of(text))
    least, most = brute_force(text, choices)
    assert least <= sum(chosen >= 0 for chosen in match.chosen) <= most
    included = [c for c, chosen in zip(choices, match.chosen, strict=True) if chosen >= 0]
    assert brute_force(text, included)[1] == len(included), "what is included does not agree"
    assert not match.pruned


def shifted_right(allele: TrimmedAllele, text: str) -> TrimmedAllele:
    """The rightmost representation of an insertion or deletion."""
    start, end, alt = allele
    while (alt == "") != (start == end) and end < len(text) - 1:
        changed = alt or text[start:end]
        if text[end] != changed[0]:
            break
        start, end, alt = start + 1, end + 1, (changed[1:] + changed[0]) if alt else ""
    return TrimmedAllele(start, end, alt)


def one_by_one(variant: Variant, text: str) -> list[Variant]:
    """The same two haplotypes, an allele per record, indels shifted right, substitutions base by base."""
    pieces: list[tuple[TrimmedAllele, bool]] = []
    first, second = variant.alleles
    for allele in {first, second} - {None}:
        start, end, alt = allele
        width = end - start
        singles = (
            [
                TrimmedAllele(start + i, start + i + 1, alt[i])
                for i in range(width)
                if alt[i] != text[start + i]
            ]
            if (width == len(alt))
            else [shifted_right(allele, text)]
        )
        pieces += [(piece, first == second) for piece in singles]
    return [Variant(p.start, text[p.start : p.end], (p if hom else None, p), False) for p, hom in pieces]


@st.composite
def isolated(draw: st.DrawFn) -> tuple[str, Variant]:
    unit = draw(st.sampled_from(["A", "CA", "GAT", "TTTC"]))
    flank = "GTCATGCTAGCATCGGATCT"
    text = flank + unit * draw(st.integers(3, 8)) + flank[::-1]
    start = draw(st.integers(len(flank) - 2, len(text) - len(flank) - 2))
    ref = text[start : start + draw(st.integers(1, 5))]
    alt = draw(
        st.sampled_from([ref[0], ref[0] + unit + ref[1:], unit * 2 + ref])
        | st.text("ACGT", min_size=len(ref), max_size=len(ref))
    )
    variant = Variant.called(start, ref, [alt if draw(st.booleans()) else ref, alt])
    return text, variant or Variant.called(start, ref, ["ACGT".replace(ref[0], "")[0] + ref[1:]] * 2)


@settings(max_examples=300)
@given(isolated())
def test_other_representation_matches_and_other_genotype_does_not(case: tuple[str, Variant]) -> None:
    text, variant = case
    query = one_by_one(variant, text)
    assert min(best_match(ordered([variant], query), bases_of(text)).chosen) == 0
    first, second = variant.alleles
    other = (second, second) if first is None else (None, second)
    wrong = one_by_one(Variant(variant.start, variant.ref, other, False), text)
    assert max(best_match(ordered([variant], wrong), bases_of(text)).chosen) == -1


def test_two_hets_may_lie_on_different_haplotypes() -> None:
    text = "GATTACAGATTACA"
    both = Variant.called(4, "AC", ["GC", "AT"])
    apart = [Variant.called(4, "A", ["A", "G"]), Variant.called(5, "C", ["C", "T"])]
    together = Variant.called(4, "AC", ["AC", "GT"])
    for truth in (both, together):
        assert min(best_match(ordered([truth], apart), bases_of(text)).chosen) == 0
    assert max(best_match(ordered([both], [together]), bases_of(text)).chosen) == -1


def test_variants_that_cancel_each_other_are_no_match() -> None:
    text = "GCTAAAAAAGCT"
    gain, loss = Variant.called(2, "T", ["TA"] * 2), Variant.called(7, "AA", ["A"] * 2)
    assert best_match(ordered([], [gain, loss]), bases_of(text)).chosen == [-1, -1]


def test_left_alignment() -> None:
    assert leftmost(TrimmedAllele(8, 9, ""), bases_of("GCTAAAAAAGCT")) == TrimmedAllele(3, 4, "")
    assert leftmost(TrimmedAllele(9, 9, "CA"), bases_of("GTCACACAGT")) == TrimmedAllele(9, 9, "CA")
    assert leftmost(TrimmedAllele(8, 8, "CA"), bases_of("GTCACACAGT")) == TrimmedAllele(2, 2, "CA")


def test_crowded_stretch_is_reported_and_stays_consistent() -> None:
    text = "GCT" + "CA" * 30 + "GGTC"
    truth = [Variant.called(3 + 6 * i, text[3 + 6 * i : 6 + 6 * i], [text[3 + 6 * i]] * 2) for i in range(6)]
    query = [Variant.called(5 + 6 * i, text[5 + 6 * i : 8 + 6 * i], [text[5 + 6 * i]] * 2) for i in range(6)]
    choices = ordered(truth, query)
    full = best_match(choices, bases_of(text))
    assert full.pruned == []
    assert min(full.chosen) == 0
    cut = best_match(choices, bases_of(text), max_states=1)
    assert cut.pruned
    included = [c for c, chosen in zip(choices, cut.chosen, strict=True) if chosen >= 0]
    assert min(best_match(included, bases_of(text)).chosen, default=0) == 0
