"""Violations of Mendel's laws, counted by haplotype."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dvplug.errors import InputError, RefusedRun
from dvplug.evaluate import mendel
from dvplug.evaluate.mendel import MendelCounts, mendelian_violations
from dvplug.simulate.genome import random_genome, write_fasta
from dvplug.simulate.variants import apply_variants, draw_events, place_events
from helpers.command import run_captured

HEADER = (
    '##fileformat=VCFv4.2\n##FILTER=<ID=Low,Description="x">\n##contig=<ID=c,length=200>\n'
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="x">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t"
)
# 1-based: CACACA from 11 to 16, T from 17 on.
BASES = "G" * 10 + "CACACA" + "T" * 184
Row = tuple[int, str, str, str, str, str]


class Family:
    """A trio on a small reference; rows are position, REF, ALT, and genotypes of child, father and mother."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        codes = np.array(["ACGT".index(base) for base in BASES], np.uint8)
        self.reference = write_fasta(folder / "ref.fa", {"c": codes})
        self.pedigree = folder / "family.ped"
        self.pedigree.write_text("F kid dad mum 0 0\nF dad 0 0 1 0\nF mum 0 0 2 0\n")

    def write(self, rows: Sequence[Row], filter_: str = "PASS") -> Path:
        path = self.folder / "query.vcf"
        lines = [
            f"c\t{at}\t.\t{ref}\t{alt}\t9\t{filter_}\t.\tGT\t{'	'.join(gts)}\n"
            for at, ref, alt, *gts in rows
        ]
        path.write_text(f"{HEADER}kid\tdad\tmum\n{''.join(lines)}")
        return path

    def count(self, *rows: Row, **more: object) -> MendelCounts:
        return mendelian_violations(self.write(rows), self.pedigree, self.reference, **more)


@pytest.fixture
def family(tmp_path: Path) -> Family:
    return Family(tmp_path)


def test_the_order_of_records_does_not_matter(family: Family) -> None:
    rows = [
        (20, "T", "A", "0/1", "0/0", "0/0"),
        (100, "T", "C", "0/1", "0/1", "0/0"),
        (180, "T", "G", "1/1", "0/1", "0/0"),
    ]
    assert family.count(*rows[::-1]) == family.count(*rows) == MendelCounts(trios=1, regions=3, violations=2)


@pytest.mark.parametrize(
    ("genotypes", "wrong"),
    [
        (("0/1", "0/1", "0/0"), 0),
        (("0/1", "0/0", "0/0"), 1),
        (("1/1", "0/1", "0/0"), 1),
        (("1/1", "0/1", "0/1"), 0),
        (("0/0", "1/1", "0/1"), 1),
        (("0/0", "0/1", "0/1"), 0),
        (("0/1", "1/1", "1/1"), 1),
        (("0|1", "1|0", "0/0"), 0),
    ],
)
def test_single_snps_follow_mendel(family: Family, genotypes: tuple[str, str, str], wrong: int) -> None:
    assert family.count((60, "T", "A", *genotypes)) == MendelCounts(trios=1, regions=1, violations=wrong)


def test_two_ways_to_write_a_deletion_are_no_violation(family: Family) -> None:
    """CA deleted at the left of CACACA in the child, at its right in the father."""
    left, right = (10, "GCA", "G", "0/1", "0/0", "0/0"), (14, "ACA", "A", "0/0", "0/1", "0/0")
    assert family.count(left, right) == MendelCounts(trios=1, regions=1)
    assert family.count(left).violations == 1


def test_haplotypes_are_compared_and_not_positions(family: Family) -> None:
    """Each position alone follows Mendel; no phase of the three does: the child would need A of both parents."""
    first = (60, "T", "A", "1/1", "0/1", "0/1")
    second = (70, "T", "C", "0/1", "0/0", "1/1")
    assert family.count(first, second).violations == 0
    third = (70, "T", "C", "0/0", "0/1", "1/1")
    assert family.count(third).violations == 1
    linked = (60, "T", "A", "0/0", "1/1", "0/1"), (70, "T", "C", "1/1", "1/1", "0/1")
    assert family.count(*linked).violations == 1
    # The father's haplotypes are AT and TC or AC and TT, the mother's TT: the child's AC and TT come of that.
    assert (
        family.count((60, "T", "A", "0/1", "0/1", "0/0"), (70, "T", "C", "0/1", "0/1", "0/0")).violations == 0
    )
    # All of it from the father, in whom A and C are on both copies: the child cannot have A without C.
    alone = (60, "T", "A", "0/1", "1/1", "0/0"), (70, "T", "C", "0/0", "1/1", "0/0")
    assert family.count(*alone).violations == 1


def test_what_cannot_be_judged_is_counted_apart(family: Family) -> None:
    missing = (60, "T", "A", "0/1", "./.", "0/0")
    haploid = (120, "T", "A", "1", "1", "0/1")
    crowded = [
        (1 + 2 * n, BASES[2 * n], "T" if BASES[2 * n] != "T" else "A", "0/1", "0/1", "0/0") for n in range(12)
    ]
    assert family.count(missing, haploid) == MendelCounts(trios=1, missing=1, haploid=1)
    assert family.count(*crowded) == MendelCounts(trios=1, crowded=1)


def test_a_parent_s_genotype_of_an_allele_that_is_not_there_is_refused(family: Family) -> None:
    with pytest.raises(InputError, match=r"has a genotype without its allele.*c:60 has GT 0/2 and ALT A"):
        family.count((60, "T", "A", "0/1", "0/0", "0/2"))


def test_filtered_records_count_if_asked(family: Family) -> None:
    path = family.write([(60, "T", "A", "0/1", "0/0", "0/0")], "Low")
    assert mendelian_violations(path, family.pedigree, family.reference).regions == 0
    assert mendelian_violations(path, family.pedigree, family.reference, all_filters=True).violations == 1


def test_a_simulated_child_of_its_parents_violates_nothing(tmp_path: Path) -> None:
    """Dense variants of two parents; the child has a haplotype of each, as its sequence says."""
    rng = np.random.default_rng(8)
    codes = random_genome(30_000, rng)
    reference = write_fasta(tmp_path / "ref.fa", {"c": codes})
    parents = [place_events(codes, draw_events(rng), rng) for _ in "12"]
    rows = {}
    for side, own in enumerate(parents):
        for v in own:
            if len(v.alts) == 1:
                gts = rows.setdefault((v.start, v.ref, v.alts[0]), [[0, 0], [0, 0], [0, 0]])
                gts[1 + side] = list(v.genotype)
                gts[0][side] = v.genotype[0]
    assert len(apply_variants(codes, parents[0], 0).codes) != len(codes)
    lines = [
        f"c\t{at + 1}\t.\t{ref}\t{alt}\t9\tPASS\t.\tGT\t"
        + "\t".join("/".join(map(str, sorted(g))) for g in gts)
        + "\n"
        for (at, ref, alt), gts in sorted(rows.items())
        if any(map(any, gts))
    ]
    query, pedigree = tmp_path / "q.vcf", tmp_path / "f.ped"
    query.write_text(HEADER.replace("200", "30000") + "kid\tdad\tmum\n" + "".join(lines))
    pedigree.write_text("F kid dad mum 0 0\n")
    found = mendelian_violations(query, pedigree, reference)
    assert found.regions > 20
    assert found.violations == 0


def test_the_command_prints_it(family: Family, capsys: pytest.CaptureFixture[str]) -> None:
    path = family.write([(60, "T", "A", "0/1", "0/0", "0/0"), (160, "T", "A", "0/1", "0/1", "0/0")])
    words = ["evaluate", "--pedigree", family.pedigree, "--query", path, "--ref", family.reference]
    code, out, err = run_captured(capsys, *words)
    assert code == 0
    assert "1 of 2 regions with variants (50.00%)" in out
    assert "warning" not in err
    _, out, _ = run_captured(capsys, *words, "--json")
    assert json.loads(out)["violations"] == 1
    code, _, err = run_captured(capsys, *words, "--truth", path)
    assert code == 2
    assert "--pedigree and --truth do not go together" in err
    code, _, err = run_captured(capsys, "evaluate", "--query", path, "--ref", family.reference)
    assert code == 2
    assert "--truth is missing" in err


def test_a_family_of_which_nothing_is_judged_is_warned_of(
    family: Family, capsys: pytest.CaptureFixture[str]
) -> None:
    path = family.write([(60, "T", "A", "0/1", "0/0", "0/0")], "Low")
    code, out, err = run_captured(
        capsys, "evaluate", "--pedigree", family.pedigree, "--query", path, "--ref", family.reference
    )
    assert code == 0
    assert "0 of 0 regions" in out
    assert f"warning: {path} has no region that could be judged" in err


def test_a_family_that_is_not_there_is_refused(family: Family) -> None:
    family.pedigree.write_text("F kid dad other 0 0\n")
    with pytest.raises(InputError, match=r"no child of .* together with both parents"):
        family.count((60, "T", "A", "0/1", "0/0", "0/0"))


def test_a_file_that_changes_meanwhile_is_told(family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    judge = mendel._judge

    def changing(*given: Any) -> None:
        family.pedigree.touch()
        judge(*given)

    monkeypatch.setattr(mendel, "_judge", changing)
    with pytest.raises(RefusedRun, match="changed while it was read"):
        family.count((60, "T", "A", "0/1", "0/1", "0/0"))
