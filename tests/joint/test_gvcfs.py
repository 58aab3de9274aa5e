"""Lines of gVCFs: what is a number there, and what is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from dvplug.errors import InputError
from dvplug.joint.gvcfs import MOST_PHRED, parsed
from dvplug.joint.run import joint_genotype
from helpers.command import records
from helpers.gvcfs import Cohort


@pytest.fixture
def cohort(tmp_path: Path) -> Cohort:
    return Cohort(tmp_path)


def joint(cohort: Cohort, *paths: Path) -> list[str]:
    out = cohort.folder / "joint.vcf"
    joint_genotype(paths, cohort.reference, out)
    return records(out)


def line(keys: str, values: str, alt: str = "A,<*>") -> str:
    return f"c\t10\t.\tG\t{alt}\t5\t.\t.\t{keys}\t{values}"


@pytest.mark.parametrize(
    ("keys", "values", "told"),
    [
        ("GT:PL", "0/1:-30,0,30,990,990,990", "PL or GQ of -30,0,30"),
        ("GT:DP:PL", "0/1:-3:30,0,30,990,990,990", "a depth of -3"),
        ("GT:DP:PL", "0/1:99999999999:30,0,30,990,990,990", "a depth of 99999999999"),
        ("GT:PL", "0/1:99999999999,0,30,990,990,990", "PL or GQ of 99999999999,0"),
        ("GT:GQ", "0/1:99999999999", "PL or GQ of 99999999999"),
        ("GT:AD:PL", "0/1:5,-1,0:30,0,30,990,990,990", "a depth of -1"),
        ("GT:GQ", "0/5:30", "GT of position 10 is 0/5, of 3 alleles"),
        ("GT:PL", "5|0:30,0,30,990,990,990", "GT of position 10 is 5/0, of 3 alleles"),
        ("GT:GQ", "0/1/1:30", "GT of position 10 is 0/1/1, of 3 alleles"),
        ("GT:GQ", "x/1:30", "invalid literal"),
    ],
)
def test_what_is_no_number_is_refused(keys: str, values: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        parsed([line(keys, values)])


@pytest.mark.parametrize("alt", ["<*>", "."])
@pytest.mark.parametrize(("keys", "values"), [("GT:MIN_DP", "0/0:-1"), ("GT:PL", "0/0:0,-3,30")])
def test_nor_is_a_block_with_one(keys: str, values: str, alt: str) -> None:
    with pytest.raises(ValueError, match=r"a depth of -1|PL or GQ of 0,-3,30"):
        parsed([line(keys, values, alt)])


def test_what_is_missing_is_not_refused() -> None:
    for values in ("./.:.:.:.:.", ".:.:.:.:.", "0/.:.:.:.,.,.:.", "./."):
        (record,), _ = parsed([line("GT:GQ:DP:AD:PL", values)])
        assert not any(record.pl)
        assert not any(record.ad)


def test_a_large_likelihood_is_the_largest(cohort: Cohort) -> None:
    most = 2**31 - 1
    lines = [line("GT:PL", f"0/1:{most},0,30,0,0,0"), line("GT:PL", f"0/0:0,9,{most}", "<*>")]
    (record,), blocks = parsed(lines)
    assert record.pl[0] == blocks.pl[0, 2] == MOST_PHRED
    (record,), _ = parsed([line("GT:GQ", f"0/1:{most}")])  # which GATK's gVCFs may have
    assert record.pl[0] == MOST_PHRED
    likely = f"{most},0,{most}"
    record_line = cohort.record(100, cohort.base(100), cohort.other(100), likely)
    lines = [cohort.block(1, 99), record_line, cohort.block(101, 2000)]
    sites = joint(cohort, *(cohort.write(name, lines) for name in ("a", "b")))
    assert [[one[:3] for one in site.split("\t")[9:]] for site in sites] == [["0/1", "0/1"]]


def test_the_file_and_the_place_are_named(cohort: Cohort) -> None:
    wrong = cohort.record(100, cohort.base(100), cohort.other(100), "40,0,40", gt="0/3")
    path = cohort.write("one", [cohort.block(1, 99), wrong, cohort.block(101, 2000)])
    with pytest.raises(InputError, match=r"one\.g\.vcf\.gz cannot be read at .*: GT of position 100 is 0/3"):
        joint(cohort, path)
