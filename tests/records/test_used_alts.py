"""Alts that a genotype does not use leave the record, and nothing that is left changes its meaning."""

from itertools import combinations_with_replacement

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvplug.line.record import REF_CALL, VcfRecord
from dvplug.records.used_alts import with_used_alts
from helpers.generated_sites import called_records, generated_sites


def made(record: VcfRecord, reference: str) -> list[str]:
    """The sequence of each copy."""
    alleles = (record.ref, *record.alts)
    end = record.start + len(record.ref)
    return [reference[: record.start] + alleles[number] + reference[end:] for number in record.gt]


def by_genotype(record: VcfRecord) -> dict[tuple[str, ...], int]:
    """PL by the alleles of each genotype, each written as REF and alt without what they share at their ends."""
    alleles = ["", *(_shortest(record.ref, alt) for alt in record.alts)]
    numbers = sorted(combinations_with_replacement(range(len(alleles)), 2), key=lambda pair: pair[::-1])
    if len(record.pl) == len(alleles):
        numbers = [(a, a) for a in range(len(alleles))]
    return {(alleles[a], alleles[b]): q for (a, b), q in zip(numbers, record.pl, strict=True)}


def _shortest(ref: str, alt: str) -> str:
    while ref and alt and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    return f"{ref}>{alt}"


@given(st.integers(0, 10_000), st.booleans(), st.booleans())
def test_only_what_no_copy_has_goes(seed: int, haploid: bool, asked: bool) -> None:
    reference, arguments = generated_sites(seed)
    sites = np.full(len(arguments["refs"]), haploid)
    proposed = [(len(alts) - 1,) if asked else () for alts in arguments["alts"]]
    for record in called_records(arguments, haploid=sites, proposed=proposed):
        short = with_used_alts(record)
        if not any(record.gt):
            assert short == record
            continue
        assert made(short, reference) == made(record, reference)
        asked_for = {short.alts[alt] for alt in short.proposed}
        assert {short.alts[number - 1] for number in short.gt if number} | asked_for == set(short.alts)
        assert len(asked_for) == len(record.proposed)
        whole, left = by_genotype(record), by_genotype(short)
        assert left.items() <= whole.items()
        assert (
            len(left) == len(short.alts) + 1
            if haploid
            else (len(short.alts) + 1) * (len(short.alts) + 2) // 2
        )
        depth = dict(zip([_shortest(record.ref, alt) for alt in record.alts], record.ad[1:], strict=True))
        assert short.ad == (record.ad[0], *(depth[_shortest(short.ref, alt)] for alt in short.alts))
        assert (short.qual, short.gq, short.dp, short.filter) == (
            record.qual,
            record.gq,
            record.dp,
            record.filter,
        )
        assert min(short.pl) == 0
        alleles = [short.ref, *short.alts]
        assert min(map(len, alleles)) == 1 or len({allele[-1] for allele in alleles}) > 1


RECORD = VcfRecord(
    "c",
    9,
    "ATTT",
    ("A", "CTTT"),
    30.0,
    "PASS",
    (0, 2),
    20,
    9,
    (4, 0, 5),
    (0.0, 0.5556),
    (30, 40, 50, 0, 41, 42),
)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, ("A", ("C",), (0, 1), (4, 5), (30, 0, 42))),
        ({"gt": (0, 1)}, ("ATTT", ("A",), (0, 1), (4, 0), (30, 40, 50))),
        ({"gt": (1, 2)}, ("ATTT", ("A", "CTTT"), (1, 2), (4, 0, 5), RECORD.pl)),
        ({"gt": (2,), "pl": (30, 40, 0)}, ("A", ("C",), (1,), (4, 5), (30, 0))),
        ({"gt": (0, 0), "filter": REF_CALL}, ("ATTT", ("A", "CTTT"), (0, 0), (4, 0, 5), RECORD.pl)),
        ({"gt": (), "filter": "NoCall"}, ("ATTT", ("A", "CTTT"), (), (4, 0, 5), RECORD.pl)),
        ({"proposed": (0,)}, ("ATTT", ("A", "CTTT"), (0, 2), (4, 0, 5), RECORD.pl)),
        ({"proposed": (1,)}, ("A", ("C",), (0, 1), (4, 5), (30, 0, 42))),
    ],
)
def test_examples(change: dict, expected: tuple) -> None:
    short = with_used_alts(RECORD._replace(**change))
    assert (short.ref, short.alts, short.gt, short.ad, short.pl) == expected
    assert short.start == 9


def test_a_shared_prefix_goes_and_the_position_follows() -> None:
    record = RECORD._replace(ref="ACGT", alts=("ATTT", "C"), gt=(0, 1), pl=(30, 0, 40, 50, 50, 50))
    short = with_used_alts(record)
    assert (short.start, short.ref, short.alts) == (10, "CG", ("TT",))
