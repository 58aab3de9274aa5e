"""`--out cohort.vcz`: that a store says what the VCF says, and that nothing is lost where it cannot be made."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dvplug.errors import InputError
from dvplug.joint import store
from dvplug.joint.run import joint_genotype
from helpers.gvcfs import FAR, Cohort, crowd, rows


@pytest.fixture
def cohort(tmp_path: Path) -> Cohort:
    return Cohort(tmp_path)


@pytest.fixture
def needs_extra() -> None:
    for name in ("bio2zarr", "cyvcf2", "vcztools"):
        pytest.importorskip(name, reason="the extra dvplug[zarr] is not installed")


def viewed(path: Path, *options: str) -> list[list[str]]:
    """Columns of what vcztools, a program of its own, reads."""
    done = subprocess.run(
        [sys.executable, "-m", "vcztools", "view", *options, str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    return [line.split("\t") for line in done.stdout.splitlines() if not line.startswith("#")]


def keyed(row: list[str]) -> list[dict[str, str]]:
    """Each sample's values that there are, by the names of their fields: their order is no part of a store."""
    return [
        {n: v for n, v in zip(row[8].split(":"), column.split(":"), strict=True) if v.strip(".,")}
        for column in row[9:]
    ]


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.usefixtures("needs_extra")
def test_cyvcf2_finds_no_reads_where_there_are_none(cohort: Cohort) -> None:
    """At a site of two alts it makes two reads of the alts of one dot."""
    import cyvcf2

    base = cohort.base(100)
    one, two = (letter for letter in "ACGT" if letter not in (base, cohort.other(100)))
    paths = [
        cohort.write("has_one", [cohort.record(100, base, f"{one},<*>", f"40,0,40,{FAR}", ad="14,16,0")]),
        cohort.write("has_two", [cohort.record(100, base, f"{two},<*>", f"40,0,40,{FAR}", ad="14,16,0")]),
        cohort.write("no_lines", []),
        cohort.write("no_reads", [cohort.block(1, 2000, 0, "0,0,0")]),
    ]
    joint_genotype(paths, cohort.reference, cohort.folder / "a.vcf")
    (record,) = cyvcf2.VCF(str(cohort.folder / "a.vcf"))
    assert len(record.ALT) == 2
    assert record.gt_depths.tolist()[:2] == [30, 30]
    assert [column.split(":")[3] for column in str(record).split()[11:]] == [".,.,.", "0,0,0"]
    assert max(record.gt_depths[2:]) <= 0
    assert max(record.gt_alt_depths[2:]) <= 0


@pytest.mark.usefixtures("needs_extra")
def test_a_store_says_what_the_vcf_says(cohort: Cohort) -> None:
    paths = crowd(cohort)
    vcf, vcz = cohort.folder / "a.vcf.gz", cohort.folder / "a.vcz"
    joint_genotype(paths, cohort.reference, vcf)
    joint_genotype(paths, cohort.reference, vcz)
    right, found = rows(vcf), viewed(vcz)
    assert len(right) > 100
    assert [[*row[:5], row[6]] for row in found] == [[*row[:5], row[6]] for row in right]
    assert [float(row[5]) for row in found] == pytest.approx([float(row[5]) for row in right], abs=0.06)
    for told, true in zip(found, right, strict=True):
        assert keyed(told) == keyed(true)
        assert {item for item in told[7].split(";") if not item.startswith("AF=")} == {
            item for item in true[7].split(";") if not item.startswith("AF=")
        }
    assert (vcz / ".zgroup").is_file()  # format 2
    assert [row[1] for row in viewed(vcz, "-r", "chr1:500-600")] == [
        row[1] for row in right if int(row[1]) <= 600 and int(row[1]) + len(row[3]) > 500
    ]


@pytest.mark.usefixtures("needs_extra")
def test_likelihoods_of_many_alts_and_of_one_copy_are_whole(tmp_path: Path) -> None:
    """Eight alts, 45 genotypes; and a sample with one copy of them."""
    cohort = Cohort(tmp_path, bases="ACGTCC")  # 1-based: from 101 on
    alts = ["A" + "G" * n for n in range(3, 11)]
    paths = [
        cohort.write(
            f"s{n}", [cohort.block(1, 100), cohort.record(101, "A", f"{alt},<*>", f"4{n},0,50,{FAR}")]
        )
        for n, alt in enumerate(alts)
    ]
    one = [cohort.block(1, 100, gt="0", pl="0,600"), cohort.record(101, "A", "AGGG,<*>", "45,0,990", gt="1")]
    paths.append(cohort.write("son", one))
    vcf, vcz = cohort.folder / "a.vcf", cohort.folder / "a.vcz"
    joint_genotype(paths, cohort.reference, vcf)
    joint_genotype(paths, cohort.reference, vcz)
    (right,), (found,) = rows(vcf), viewed(vcz)
    assert len(right[4].split(",")) == 8
    assert len(keyed(right)[0]["PL"].split(",")) == 45
    assert keyed(found) == keyed(right)


@pytest.mark.usefixtures("needs_extra")
def test_order_and_workers_leave_a_store_unchanged(cohort: Cohort) -> None:
    paths = crowd(cohort)
    one, other = cohort.folder / "one.vcz", cohort.folder / "other.vcz"
    joint_genotype(paths, cohort.reference, one)
    joint_genotype(paths[::-1], cohort.reference, other, workers=2, region_size=300)
    assert files(one) == files(other)


@pytest.mark.usefixtures("needs_extra")
def test_a_store_is_replaced_whole_or_not_at_all(cohort: Cohort, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = crowd(cohort)
    place = cohort.folder / "a.vcz"
    joint_genotype(paths[:2], cohort.reference, place)
    before = files(place)
    left = cohort.folder / ".a.vcz.0123abcd.part"
    left.mkdir()
    (left / "of a killed process").write_text("")
    broken = cohort.write("broken", [cohort.record(100, cohort.base(100), "T,<*>", "40,0")])
    with pytest.raises(InputError, match="PL of position 100 has 2 values"):
        joint_genotype([paths[0], broken], cohort.reference, place)
    assert files(place) == before

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("bio2zarr.vcf.convert", full)
        with pytest.raises(InputError, match=r"(?s)a\.vcz.*No space left"):
            joint_genotype(paths, cohort.reference, place)
    assert files(place) == before
    joint_genotype(paths, cohort.reference, place)
    assert len(viewed(place)[0]) == 9 + 6
    assert [path.name for path in cohort.folder.iterdir() if "a.vcz" in path.name] == ["a.vcz"]


@pytest.mark.usefixtures("needs_extra")
def test_no_sites_are_a_store_too(cohort: Cohort) -> None:
    place = cohort.folder / "a.vcz"
    joint_genotype([cohort.write("one", [cohort.block(1, 2000)])], cohort.reference, place)
    assert viewed(place) == []


@pytest.mark.usefixtures("needs_extra")
def test_what_is_no_store_is_not_replaced(cohort: Cohort) -> None:
    gvcf = cohort.write("one", [cohort.block(1, 2000)])
    place = cohort.folder / "mine.vcz"
    place.mkdir()
    (place / "work").write_text("of years")
    with pytest.raises(InputError, match="is there and is no Zarr store"):
        joint_genotype([gvcf], cohort.reference, place)
    assert (place / "work").read_text() == "of years"


def test_the_folder_of_a_store_has_to_be_there(cohort: Cohort) -> None:
    gvcf = cohort.write("one", [cohort.block(1, 2000)])
    with pytest.raises(InputError, match=r"Folder .*nothere of --out does not exist"):
        joint_genotype([gvcf], cohort.reference, cohort.folder / "nothere" / "a.vcz")
    assert not (cohort.folder / "nothere").exists()


def test_without_the_extra_it_says_what_to_install(cohort: Cohort, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"needs bio2zarr(?s:.*)pip install 'dvplug\[zarr\]'"):
        joint_genotype([cohort.folder / "absent.g.vcf.gz"], cohort.reference, cohort.folder / "a.vcz")
