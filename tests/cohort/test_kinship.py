"""Relatives by genotypes and by pedigree, against counts by hand and known coefficients."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dvplug.cohort.genotypes import MOST_COMPARED, compared_sites, copies_at, genotypes_at
from dvplug.cohort.kinship import FEWEST_HET, NO_CALL, degree_of, expected_kinship, relations
from dvplug.cohort.tally import MOST_SITES, SnpSite, site_hash
from helpers.gvcfs import Cohort


def by_hand(one: list[int], other: list[int]) -> tuple[int, int, float]:
    """SNPs, those without a common allele, and KING-robust, counted one by one."""
    pairs = [(a, b) for a, b in zip(one, other, strict=True) if a >= 0 and b >= 0]
    both = sum(a == b == 1 for a, b in pairs)
    apart = sum({a, b} == {0, 2} for a, b in pairs)
    hets = sum(a == 1 for a, _ in pairs), sum(b == 1 for _, b in pairs)
    few = min(hets)
    return len(pairs), apart, (both - 2 * apart) / (2 * few) + 0.5 - sum(hets) / (4 * few)


def test_pairs_are_as_counted_by_hand() -> None:
    rng = np.random.default_rng(1)
    genotypes = rng.choice([NO_CALL, 0, 1, 2], size=(5, 1500), p=[0.1, 0.4, 0.3, 0.2]).astype(np.int8)
    found = relations("abcde", genotypes, {("a", "c"): 0.25})
    assert [(one.one, one.other) for one in found] == [(a, b) for a in "abcde" for b in "abcde" if a < b]
    for one in found:
        i, j = "abcde".index(one.one), "abcde".index(one.other)
        snps, apart, kinship = by_hand(genotypes[i].tolist(), genotypes[j].tolist())
        assert (one.snps, one.ibs0) == (snps, apart / snps)
        assert one.kinship == pytest.approx(kinship)
        assert one.expected == (0.25 if (i, j) == (0, 2) else 0)


def drawn(rng: np.random.Generator, snps: int) -> np.ndarray:
    """Two haplotypes, of frequencies that all share."""
    return np.array([rng.random(snps) < FREQUENCIES[:snps] for _ in "12"], np.int8)


FREQUENCIES = np.random.default_rng(0).beta(0.8, 1.2, 20_000)


def child_of(rng: np.random.Generator, *parents: np.ndarray) -> np.ndarray:
    """At each SNP one allele of each parent: unlinked."""
    return np.array([np.where(rng.random(p.shape[1]) < 0.5, p[0], p[1]) for p in parents], np.int8)


def test_relatives_drawn_by_mendels_laws_are_told() -> None:
    rng = np.random.default_rng(2)
    father, mother, wife, stranger = (drawn(rng, 20_000) for _ in range(4))
    child, sister = child_of(rng, father, mother), child_of(rng, father, mother)
    grandchild = child_of(rng, child, wife)
    people = {
        "father": father, "mother": mother, "child": child, "sister": sister, "wife": wife,
        "grandchild": grandchild, "stranger": stranger, "again": stranger,
    }  # fmt: skip
    parents = {"child": ("father", "mother"), "sister": ("father", "mother"), "grandchild": ("child", "wife")}
    names = list(people)
    found = relations(
        names, np.array([p.sum(axis=0) for p in people.values()]), expected_kinship(names, parents)
    )
    wrong = [one for one in found if not one.is_as_expected]
    assert [(one.one, one.other, one.degree) for one in wrong] == [("stranger", "again", "same")]
    by_pair = {(one.one, one.other): one for one in found}
    assert by_pair["father", "child"].ibs0 == 0 < by_pair["child", "sister"].ibs0
    for one in found:
        if one not in wrong:
            assert one.kinship == pytest.approx(one.expected, abs=0.03)


def test_too_few_heterozygotes_tell_nothing() -> None:
    few = np.zeros((2, 500), np.int8)
    few[0, : FEWEST_HET - 1] = few[1, :400] = 1
    (pair,) = relations("ab", few, {("a", "b"): 0.5})
    assert (pair.kinship, pair.degree, pair.is_as_expected) == (None, "", True)
    few[0, :FEWEST_HET] = 1
    (pair,) = relations("ab", few, {})
    assert pair.kinship is not None


def test_the_kinship_of_a_pedigree_is_that_of_the_textbook() -> None:
    parents = {
        "a": ("gf", "gm"), "b": ("gf", "gm"), "half": ("gf", "other"),
        "cousin1": ("a", "x"), "cousin2": ("y", "b"),
        "inbred": ("cousin1", "cousin2"), "lone": ("gf", ""),
    }  # fmt: skip
    names = ["inbred", "cousin1", "cousin2", "a", "b", "half", "gf", "gm", "lone", "x"]
    found = expected_kinship(names, parents)
    known = {
        ("a", "gf"): 1 / 4, ("a", "b"): 1 / 4, ("a", "half"): 1 / 8, ("cousin1", "cousin2"): 1 / 16,
        ("cousin1", "b"): 1 / 8, ("cousin1", "gf"): 1 / 8, ("half", "lone"): 1 / 8, ("gf", "lone"): 1 / 4,
        # a child of cousins: half of what each parent has with itself (1/2) and with the other (1/16)
        ("inbred", "cousin1"): (1 / 2 + 1 / 16) / 2,
    }  # fmt: skip
    for pair, value in known.items():
        assert found[pair] == value
    assert ("gf", "gm") not in found
    assert ("x", "gf") not in found
    assert [degree_of(v) for v in (0.5, 0.25, 0.125, 0.0625, 0.0)] == [
        "same", "first degree", "second degree", "third degree", "unrelated",
    ]  # fmt: skip


def site(number: int) -> SnpSite:
    return SnpSite("chr1", number, "A", "C")


def test_sites_are_those_that_are_known_of_all_and_that_most_have() -> None:
    """A sample with more SNPs than are kept has left some out: what lies beyond is not compared in anyone."""
    by_hash = sorted((site(number) for number in range(1, MOST_SITES + 5_000)), key=site_hash)
    full, small = by_hash[:MOST_SITES], by_hash[::40]
    kept = {"full": full, "small": small, "some": small[:50], "others": small[25:75]}
    chosen = compared_sites(["full", "small"], kept.__getitem__)
    assert len(chosen) == MOST_COMPARED
    assert chosen == sorted(chosen)
    shared = {one for one in small if site_hash(one) <= site_hash(full[-1])}
    assert shared <= set(chosen)
    assert set(chosen) <= set(full)
    assert compared_sites(["small", "full"], kept.__getitem__) == chosen
    assert compared_sites(["some", "others"], kept.__getitem__) == sorted(small[:75])


LINE = "chr1\t{at}\t.\t{ref}\t{alts}\t30\tPASS\t{info}\t{keys}\t{values}"


def record(at: int = 100, ref: str = "A", alts: str = "C,<*>", values: str = "0/1:30") -> str:
    return LINE.format(at=at, ref=ref, alts=alts, info=".", keys="GT:GQ", values=values)


def block(values: str, symbol: str = "<*>") -> str:
    return LINE.format(at=50, ref="A", alts=symbol, info="END=200", keys="GT:GQ:MIN_DP:PL", values=values)


@pytest.mark.parametrize(
    ("lines", "copies"),
    [
        ([record()], 1),
        ([record(values="1|1:20")], 2),
        ([record(values="0/0:40")], 0),
        ([record(values="0/1:19")], NO_CALL),
        ([record(values="./.:.")], NO_CALL),
        ([record(values="1:50")], NO_CALL),
        ([record(alts="G,C,<*>", values="0/2:30")], 1),
        ([record(alts="G,C,<*>", values="1/2:30")], NO_CALL),
        ([record(alts="G,<*>", values="0/1:30")], NO_CALL),
        ([record(alts="G,<*>", values="0/0:30")], 0),
        ([record(at=98, ref="AAAA", alts="A,<*>", values="0/1:60")], NO_CALL),
        ([block("0/0:50:20:0,60,600")], 0),
        ([block("0/0:50:20:0,60,600", "<NON_REF>")], 0),
        ([block("0/0:19:6:0,19,190")], NO_CALL),
        ([block("./.:0:0:0,0,0")], NO_CALL),
        ([], NO_CALL),
    ],
)
def test_copies_are_those_of_the_lines_over_a_snp(lines: list[str], copies: int) -> None:
    assert copies_at(lines, SnpSite("chr1", 100, "A", "C")) == copies


def test_genotypes_are_read_from_gvcfs(tmp_path: Path) -> None:
    cohort = Cohort(tmp_path)
    base, other = cohort.base(100), cohort.other(100)
    snp = cohort.record(100, base, f"{other},<*>", "40,0,40,990,990,990")
    has = cohort.write("has", [cohort.block(1, 99), snp, cohort.block(101, 2000)])
    ref = cohort.write("ref", [cohort.block(1, 2000, 30)])
    sites = [
        SnpSite("chr1", 100, base, other),
        SnpSite("chr1", 150, cohort.base(150), cohort.other(150)),
        SnpSite("chr9", 5, "A", "C"),
    ]
    found = genotypes_at({"has": has, "ref": ref}, sites, 1)
    assert found.tolist() == [[1, 0, NO_CALL], [0, 0, NO_CALL]]
