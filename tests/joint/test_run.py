"""Joint genotyping of gVCFs written by hand: what becomes of alleles, likelihoods and genotypes."""

from __future__ import annotations

import gzip
import itertools
import os
import resource
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pysam
import pytest

from dvplug.errors import InputError, RefusedRun
from dvplug.joint import gvcfs
from dvplug.joint import run as joint_run
from dvplug.joint.run import JointSummary, joint_genotype
from dvplug.joint.written import CohortOutput
from helpers.bcftools import bcftools_stats
from helpers.gvcfs import FAR, Cohort, crowd, rows, values
from helpers.killed import Moment, killed_at


@pytest.fixture
def cohort(tmp_path: Path) -> Cohort:
    return Cohort(tmp_path)


def snp(cohort: Cohort, position: int, pl: str = "40,0,40", **more: object) -> str:
    return cohort.record(
        position, cohort.base(position), f"{cohort.other(position)},<*>", f"{pl},{FAR}", **more
    )


def joint(cohort: Cohort, *paths: Path, out: str = "joint.vcf", **more: object) -> Path:
    joint_genotype(paths, cohort.reference, cohort.folder / out, **more)
    return cohort.folder / out


def test_a_sample_without_the_variant_is_reference_by_its_block(cohort: Cohort) -> None:
    one = cohort.write("one", [cohort.block(1, 99), snp(cohort, 100, ad="14,16,0"), cohort.block(101, 2000)])
    two = cohort.write("two", [cohort.block(1, 2000, 20)])
    out = joint(cohort, one, two)
    assert [row[:5] for row in rows(out)] == [["chr1", "100", ".", cohort.base(100), cohort.other(100)]]
    first, second = values(out, 100, "one"), values(out, 100, "two")
    assert (first["GT"], first["PL"], first["AD"], first["DP"]) == ("0/1", "40,0,40", "14,16", "30")
    assert (second["GT"], second["PL"], second["AD"], second["DP"]) == ("0/0", "0,60,600", "20,0", "20")


def test_nothing_is_called_where_nothing_was_read(cohort: Cohort) -> None:
    paths = [
        cohort.write("has", [snp(cohort, 100), cohort.block(101, 2000)]),
        cohort.write("no_reads", [cohort.block(1, 2000, 0, "0,0,0")]),
        cohort.write("no_lines", []),
        cohort.write("says_ref", [cohort.block(1, 2000, 0, "0,0,0").replace("./.", "0/0")]),
        cohort.write("proposed", [snp(cohort, 100, "0,0,0", gt="./.", dp=0)]),
    ]
    out = joint(cohort, *paths)
    assert values(out, 100, "has")["GT"] == "0/1"
    for sample in ("no_reads", "no_lines", "says_ref", "proposed"):
        assert values(out, 100, sample)["GT"] == "./.", sample
    (row,) = rows(out)
    assert "AN=2" in row[7].split(";")


def test_one_variant_written_in_two_ways_is_one_site(tmp_path: Path) -> None:
    """A base of AAAA deleted: to the left, to the right, and padded."""
    cohort = Cohort(tmp_path, bases="GCAAAAGC")  # 1-based: G 101, C 102, A 103 to 106
    ways = {"left": (102, "CA", "C"), "right": (105, "AA", "A"), "padded": (101, "GCAAAAG", "GCAAAG")}
    paths = [
        cohort.write(name, [cohort.block(1, at - 1), cohort.record(at, ref, f"{alt},<*>", f"40,0,40,{FAR}")])
        for name, (at, ref, alt) in ways.items()
    ]
    out = joint(cohort, *paths)
    assert [row[1:5] for row in rows(out)] == [["102", ".", "CA", "C"]]
    assert [values(out, 102, name)["GT"] for name in ways] == ["0/1"] * 3


def test_alleles_of_one_place_are_one_record_with_likelihoods_of_all(tmp_path: Path) -> None:
    cohort = Cohort(tmp_path, bases="ACGTCC")  # 1-based: from 101 on
    ref, base, alt = "ACGT", "A", cohort.other(101)
    paths = [
        cohort.write("snp", [snp(cohort, 101, "45,0,50", dp=10), cohort.block(102, 2000)]),
        cohort.write(
            "deletion", [cohort.record(101, ref, f"{base},<*>", f"50,0,45,{FAR}"), cohort.block(105, 2000)]
        ),
        cohort.write("neither", [cohort.block(1, 2000, 10)]),
    ]
    out = joint(cohort, *paths)
    site = rows(out)[0]
    assert site[1:5] == ["101", ".", ref, f"{alt + ref[1:]},{base}"]
    assert values(out, 101, "deletion")["GT"] == "0/2"
    assert values(out, 101, "snp")["GT"] == "0/1"
    assert values(out, 101, "neither")["PL"] == "0,30,300,30,300,300"
    # Its own three stay; with the deletion, of which none of 10 reads tells, half to the tenth of 0/0, or of 2/2.
    assert values(out, 101, "snp")["PL"] == "45,0,50,75,80,990"


def test_samples_keep_their_phase_where_the_genotype_stays(cohort: Cohort) -> None:
    ref = cohort.bases[199:261]
    ways = {"first": ("1|0", "90"), "second": ("0|1", "77"), "whole": ("0|1", "."), "none": ("0/1", ".")}
    paths = [
        cohort.write(
            name,
            [
                snp(cohort, 100, gt=gt, ps=ps),
                cohort.record(200, ref, f"{ref[0]}{ref[-1]},<*>", f"50,0,50,{FAR}", gt=gt, ps=ps),
                snp(cohort, 300),
                cohort.block(301, 2000),
            ],
        )
        for name, (gt, ps) in ways.items()
    ]
    paths.append(cohort.write("revised", [snp(cohort, 100, "90,60,0", gt="0|1", ps="100")]))
    paths.append(cohort.write("other", [snp(cohort, 100, gt="0|2", ps="5")]))
    out = joint(cohort, *paths)
    for position in (100, 200):
        found = {
            name: (values(out, position, name)["GT"], values(out, position, name)["PS"]) for name in ways
        }
        assert found == ways
    assert (values(out, 100, "revised")["GT"], values(out, 100, "revised")["PS"]) == ("1/1", ".")
    assert (values(out, 100, "other")["GT"], values(out, 100, "other")["PS"]) == ("0/1", ".")
    assert "PS" not in values(out, 300, "first")
    info = {row[1]: row[7] for row in rows(out)}
    assert "SVTYPE=DEL;SVLEN=-60" in info["200"]
    assert "SV" not in info["100"]


def test_a_deletion_makes_the_sites_under_it_star(cohort: Cohort) -> None:
    ref = cohort.bases[99:110]
    paths = [
        cohort.write(
            "both",
            [
                cohort.record(100, ref, f"{ref[0]},<*>", f"50,0,50,{FAR}"),
                snp(cohort, 105, "60,30,0", gt="1/1", dp=15),
            ],
        ),
        cohort.write("deleted", [cohort.record(100, ref, f"{ref[0]},<*>", f"90,50,0,{FAR}", gt="1/1")]),
        cohort.write("snp", [cohort.block(1, 104), snp(cohort, 105), cohort.block(106, 2000)]),
        cohort.write("neither", [cohort.block(1, 2000)]),
    ]
    out = joint(cohort, *paths)
    assert [row[4] for row in rows(out)] == [ref[0], f"{cohort.other(105)},*"]
    told = {s: values(out, 105, s)["GT"] for s in ("both", "deleted", "snp", "neither")}
    assert told == {"both": "1/2", "deleted": "2/2", "snp": "0/1", "neither": "0/0"}


def test_star_goes_with_a_deletion_that_nobody_is_called_with(cohort: Cohort) -> None:
    ref = cohort.bases[99:110]
    weak = cohort.record(100, ref, f"{ref[0]},<*>", f"0,5,50,{FAR}", gt="0/0")
    paths = [
        cohort.write("weak", [weak]),
        *(cohort.write(f"ref{n}", [cohort.block(1, 2000)]) for n in range(4)),
    ]
    paths.append(cohort.write("snp", [cohort.block(1, 104), snp(cohort, 105), cohort.block(106, 2000)]))
    out = joint(cohort, *paths)
    assert [row[1] for row in rows(out)] == ["105"]
    assert rows(out)[0][4] == cohort.other(105)


def test_a_weak_call_follows_the_cohort(cohort: Cohort) -> None:
    """PL of 0/0 and 0/1 alike: 0/1 where half of the cohort is, 0/0 where nobody else is. PL stays its own."""
    weak = (
        snp(cohort, 100, "3,0,40")
        + cohort.block(101, 199)
        + snp(cohort, 200, "3,0,40")
        + cohort.block(201, 2000)
    )
    paths = [cohort.write("weak", [weak])]
    for n in range(10):
        line = snp(cohort, 200) if n < 8 else cohort.block(200, 200)
        paths.append(
            cohort.write(f"s{n}", [cohort.block(1, 99), snp(cohort, 100, "0,50,500", gt="0/0"), line])
        )
    out = joint(cohort, *paths)
    assert [row[1] for row in rows(out)] == ["200"]
    found = values(out, 200, "weak")
    assert (found["GT"], found["PL"]) == ("0/1", "3,0,40")


def test_gvcfs_of_deepvariant_and_gatk_are_read(cohort: Cohort) -> None:
    base, alt = cohort.base(100), cohort.other(100)
    deepvariant = cohort.write(
        "dv",
        [
            cohort.block(1, 99),
            f"chr1\t100\t.\t{base}\t{alt},<*>\t40\tPASS\t.\tGT:GQ:DP:AD:VAF:PL\t1/1:40:20:0,20,0:1,0:50,45,0,{FAR}\n",
            cohort.block(101, 2000),
        ],
    )
    names = "GT:AD:DP:GQ:PGT:PID:PL:PS:SB"
    gatk = cohort.write(
        "gatk",
        [
            f"chr1\t1\t.\t{cohort.base(1)}\t<NON_REF>\t.\t.\tEND=99\tGT:DP:GQ:MIN_DP:PL\t0/0:30:81:27:0,81,1215\n",
            f"chr1\t100\t.\t{base}\t{alt},<NON_REF>\t600.6\t.\tBaseQRankSum=1;DP=30\t{names}\t"
            "0|1:15,14,0:29:99:0|1:100_A_C:608,0,700,650,720,1400:100:7,8,7,7\n",
            f"chr1\t101\t.\t{cohort.base(101)}\t<NON_REF>\t.\t.\tEND=2000\tGT:DP:GQ:MIN_DP:PL\t0/0:3:0:2:0,0,10\n",
        ],
    )
    other = cohort.write(
        "other", [cohort.block(1, 299), snp(cohort, 300, "90,30,0", gt="1/1"), cohort.block(301, 2000)]
    )
    out = joint(cohort, deepvariant, gatk, other)
    assert values(out, 100, "dv")["PL"] == "50,45,0"
    assert values(out, 100, "gatk") | {"GQ": ""} == {
        "GT": "0|1",
        "GQ": "",
        "DP": "29",
        "AD": "15,14",
        "PL": "608,0,700",
        "PS": "100",
    }
    assert values(out, 300, "gatk")["PL"] == "0,0,10"
    assert values(out, 300, "dv")["GT"] == "0/0"


def test_one_copy_stays_one(cohort: Cohort) -> None:
    base, alt = cohort.base(100), cohort.other(100)
    son = cohort.write(
        "son",
        [
            cohort.block(1, 99, pl="0,600", gt="0"),
            cohort.record(100, base, f"{alt},<*>", "50,0,990", gt="1", ad="0,15,0"),
            cohort.block(101, 2000, pl="0,600", gt="0"),
        ],
    )
    mother = cohort.write("mother", [cohort.block(1, 299), snp(cohort, 300), cohort.block(301, 2000)])
    out = joint(cohort, son, mother)
    assert (values(out, 100, "son")["GT"], values(out, 100, "son")["PL"]) == ("1", "50,0")
    assert (values(out, 300, "son")["GT"], values(out, 300, "son")["PL"]) == ("0", "0,600")
    assert values(out, 100, "mother")["GT"] == "0/0"
    assert "AN=3" in rows(out)[0][7]


def test_order_workers_and_cuts_leave_the_bytes_unchanged(cohort: Cohort) -> None:
    paths = crowd(cohort)
    whole = joint(cohort, *paths, out="whole.vcf.gz").read_bytes()
    assert len(rows(cohort.folder / "whole.vcf.gz")) > 100
    for number, order in enumerate(itertools.islice(itertools.permutations(paths), 0, 720, 150)):
        size = (50, 97, 333, 1000, 2000)[number]
        out = joint(cohort, *order, out=f"{number}.vcf.gz", region_size=size, workers=1 + number % 2)
        assert out.read_bytes() == whole, size
    parts = [
        joint(cohort, *paths, out=f"part{n}.vcf", regions=[f"chr1:{1 + 400 * n}-{400 * n + 400}"])
        for n in range(5)
    ]
    assert [row for part in parts for row in rows(part)] == rows(cohort.folder / "whole.vcf.gz")


def test_bcf_holds_the_same(cohort: Cohort) -> None:
    paths = crowd(cohort)
    vcf, bcf = joint(cohort, *paths, out="a.vcf.gz"), joint(cohort, *paths, out="a.bcf")
    assert rows(bcf) == rows(vcf)
    with pysam.VariantFile(str(bcf)) as file:
        assert len(list(file.fetch("chr1", 500, 600))) > 3
    assert sorted(p.name for p in cohort.folder.iterdir() if "a." in p.name and not p.name.startswith("genome")) == [
        "a.bcf", "a.bcf.csi", "a.vcf.gz", "a.vcf.gz.tbi",
    ]  # fmt: skip


def test_bcftools_takes_it(cohort: Cohort) -> None:
    out = joint(cohort, *crowd(cohort), out="a.vcf.gz")
    stats = bcftools_stats(out, "PASS,LowQual")
    assert int(stats["SN"][1][1]) == len(rows(out))
    checked = subprocess.run(
        ["bcftools", "norm", "-c", "e", "-f", str(cohort.reference), str(out)], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stderr
    assert f"{len(rows(out))}/0/0/0" in checked.stderr  # none of them realigned


def test_more_samples_than_files_may_be_open(cohort: Cohort) -> None:
    """In a process that may have 40 files open."""
    paths = []
    lines = [cohort.block(1, 99), snp(cohort, 100), cohort.block(101, 2000)]
    for n in range(60):
        paths.append(str(cohort.write(f"s{n:02d}", lines)))
    script = (
        "import resource, sys\nfrom dvplug.joint.run import joint_genotype\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))\n"
        "joint_genotype(sys.argv[3:], sys.argv[1], sys.argv[2])\n"
    )
    out = cohort.folder / "many.vcf"
    done = subprocess.run(
        [sys.executable, "-c", script, str(cohort.reference), str(out), *paths],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "AN=120" in rows(out)[0][7]


def test_files_beyond_the_bound_are_read_as_others(cohort: Cohort, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = crowd(cohort)
    whole = joint(cohort, *paths, out="a.vcf").read_bytes()
    monkeypatch.setattr(gvcfs, "OPEN_FILES", 2)
    assert joint(cohort, *paths, out="b.vcf", region_size=300).read_bytes() == whole
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 0


def test_a_sample_without_records_is_told(cohort: Cohort, capsys: pytest.CaptureFixture[str]) -> None:
    joint(cohort, cohort.write("one", [cohort.block(1, 2000)]), cohort.write("none", []))
    told = capsys.readouterr().err
    assert told.count("has no records") == 1
    assert "none.g.vcf.gz has no records: the genotypes of 'none' are ./. everywhere" in told


def test_what_is_wrong_is_told_at_once(cohort: Cohort) -> None:
    good = cohort.write("one", [cohort.block(1, 2000)])
    twin = cohort.write("one", [cohort.block(1, 2000)], name="twin")
    bare = cohort.write("bare", [cohort.block(1, 2000)], index=False)
    text = cohort.folder / "text.vcf"
    text.write_text("no VCF")
    with pytest.raises(
        InputError, match=r"(?s)3 problems.*are of one sample.*has no index.*not a readable VCF"
    ):
        joint(cohort, good, twin, bare, text)
    variants = cohort.write("variants", [cohort.record(100, cohort.base(100), cohort.other(100), "40,0,40")])
    with pytest.raises(InputError, match=r"variants\.g\.vcf\.gz is a VCF of variants, and no gVCF"):
        joint(cohort, good, variants)
    with pytest.raises(InputError, match="--workers 0 is not a number of processes"):
        joint(cohort, good, workers=0)
    with pytest.raises(InputError, match="does not exist"):
        joint(cohort, cohort.folder / "absent.g.vcf.gz")
    with pytest.raises(InputError, match="unknown format"):
        joint(cohort, good, out="cohort.txt")
    with pytest.raises(InputError, match="are one file"):
        joint(cohort, good, out=good.name)
    longer = Cohort(cohort.folder)
    longer.length = 3_000
    with pytest.raises(InputError, match=r"another reference.*3,000 bp there, and 2,000 here"):
        joint(cohort, longer.write("long", [cohort.block(1, 2000)]))


def test_a_damaged_file_leaves_no_output(cohort: Cohort) -> None:
    broken = cohort.write("broken", [cohort.record(100, cohort.base(100), "T,<*>", "40,0")])
    with pytest.raises(
        InputError, match=r"broken.g.vcf.gz cannot be read at chr1.*PL of position 100 has 2 values"
    ):
        joint(cohort, broken, out="never.vcf.gz")
    assert not list(cohort.folder.glob("*never*"))


def test_a_record_of_another_reference_is_refused(cohort: Cohort) -> None:
    there, here = cohort.other(100), cohort.base(100)
    odd = cohort.write("odd", [cohort.record(100, there, f"{here},<*>", f"40,0,40,{FAR}")])
    with pytest.raises(
        InputError, match=rf"odd.g.vcf.gz is of another reference.*chr1:100 is {there} there, and {here} here"
    ):
        joint(cohort, odd, out="never.vcf.gz")
    assert not list(cohort.folder.glob("*never*"))
    unknown = cohort.write("unknown", [cohort.record(100, "N", f"{there},<*>", f"40,0,40,{FAR}")])
    assert [row[3:5] for row in rows(joint(cohort, unknown))] == [[here, there]]


def test_contigs_that_the_reference_has_not_are_refused_unless_regions_are_named(cohort: Cohort) -> None:
    here = [cohort.block(1, 99), snp(cohort, 100), cohort.block(101, 2000)]
    there = [line.replace("chr1\t", f"chr{number}\t", 1) for number in (2, 3) for line in here]
    wide = cohort.write("wide", [*here, *there])
    with pytest.raises(
        InputError,
        match=r"wide\.g\.vcf\.gz has records on contig 'chr2', which \S*genome\.fa has not "
        r"\(and 1 more alike: 'chr3'\).*left out.*--regions",
    ):
        joint(cohort, wide, out="never.vcf.gz")
    assert not list(cohort.folder.glob("*never*"))
    narrow = cohort.write("wide", here, name="narrow")
    wanted = rows(joint(cohort, narrow))
    assert len(wanted) == 1
    assert rows(joint(cohort, wide, regions=["chr1"])) == wanted


def test_an_index_that_names_contigs_without_records_is_no_reason(cohort: Cohort) -> None:
    one = cohort.write("one", [snp(cohort, 100), cohort.block(101, 2000)])
    index = Path(f"{one}.tbi")
    content = bytearray(gzip.decompress(index.read_bytes()))
    count, length = struct.unpack_from("<i", content, 4)[0], struct.unpack_from("<i", content, 32)[0]
    struct.pack_into("<i", content, 4, count + 1)
    struct.pack_into("<i", content, 32, length + len(b"decoy\0"))
    content[36 + length : 36 + length] = b"decoy\0"
    content += struct.pack("<ii", 0, 0)
    with pysam.BGZFile(str(index), "wb") as file:
        file.write(bytes(content))
    with pysam.TabixFile(str(one)) as file:
        assert file.contigs == ["chr1", "decoy"]
    assert len(rows(joint(cohort, one))) == 1


@pytest.mark.parametrize(("quality", "likelihoods"), [("inf", "."), ("9", f"0,9,{2**32}")])
def test_numbers_without_bounds_are_damage(cohort: Cohort, quality: str, likelihoods: str) -> None:
    line = (
        f"{cohort.contig}\t1\t.\t{cohort.base(1)}\t<*>\t.\t.\tEND=9\tGT:GQ:PL\t0/0:{quality}:{likelihoods}\n"
    )
    with pytest.raises(InputError, match=r"odd.g.vcf.gz cannot be read at chr1"):
        joint(cohort, cohort.write("odd", [line]))


@pytest.mark.parametrize("csi", [False, True])
def test_an_index_that_breaks_off_is_refused(cohort: Cohort, *, csi: bool) -> None:
    """Before htslib opens it, which can end the process by it; one that is not used is opened, too."""
    one = cohort.write("one", [snp(cohort, 100), cohort.block(101, 2000)])
    index = Path(f"{one}.{'csi' if csi else 'tbi'}")
    if csi:
        pysam.tabix_index(str(one), preset="vcf", force=True, csi=True)
    content = gzip.decompress(index.read_bytes())
    with pysam.BGZFile(str(index), "wb") as file:
        file.write(content[:20])
    with pytest.raises(
        InputError, match=rf"The index \S+\.{index.suffix[1:]} cannot be read.*bcftools index -f "
    ):
        joint(cohort, one)


@pytest.mark.parametrize("csi", [False, True])
def test_the_index_of_another_file_is_refused(
    cohort: Cohort, capsys: pytest.CaptureFixture[str], *, csi: bool
) -> None:
    """htslib would be silent, and records be missing."""
    lines = [snp(cohort, position) for position in range(100, 1900)]
    path = cohort.write("one", [*lines[:2], cohort.block(1900, 2000)], index=False)
    pysam.tabix_index(str(path), preset="vcf", csi=csi)
    cohort.write("one", lines, index=False)
    with pytest.raises(InputError, match=r"The index \S*one\.g\.vcf\.gz\.(tbi|csi) is not of"):
        joint(cohort, path)
    pysam.tabix_index(str(path), preset="vcf", csi=csi, force=True)
    index = Path(f"{path}.{'csi' if csi else 'tbi'}")
    assert len(rows(joint(cohort, path))) == 1800
    assert "older" not in capsys.readouterr().err
    os.utime(index, (1, 1))
    assert len(rows(joint(cohort, path))) == 1800
    assert "is older than the file" in capsys.readouterr().err


def test_what_a_killed_run_left_of_a_bcf_goes(cohort: Cohort) -> None:
    path, out = cohort.write("one", [snp(cohort, 100)]), cohort.folder / "joint.bcf"
    words = ["joint", path, "--ref", cohort.reference, "--out", out, "--workers", 1]
    before = set(cohort.folder.iterdir())
    assert killed_at(Moment(CohortOutput, "_converted", 1), words)
    assert len(set(cohort.folder.iterdir()) - before) == 4  # BCF, VCF, its index, and a lock
    assert not killed_at(Moment(CohortOutput, "_converted", 2), words)
    assert set(cohort.folder.iterdir()) - before == {out, Path(f"{out}.csi")}


def test_new_mutations_of_children_are_told(cohort: Cohort) -> None:
    pedigree = cohort.folder / "family.ped"
    pedigree.write_text("F dad 0 0 1 1\nF mum 0 0 2 1\nF kid dad mum 1 1\n")
    new = [cohort.block(1, 99), snp(cohort, 100, "45,0,45"), cohort.block(101, 199)]
    kid = cohort.write("kid", [*new, snp(cohort, 200, "20,0,45"), cohort.block(201, 2000)])
    dad = cohort.write("dad", [cohort.block(1, 199), snp(cohort, 200), cohort.block(201, 2000)])
    mum = cohort.write("mum", [cohort.block(1, 2000)])
    out = cohort.folder / "family.vcf"
    done = joint_genotype([kid, dad, mum], cohort.reference, out, pedigree=pedigree)
    assert done == JointSummary(("dad", "kid", "mum"), 2, {"kid": 1})
    first, second = rows(out)
    assert "hiConfDeNovo=kid" in first[7].split(";")
    assert "DeNovo" not in second[7]
    assert float(values(out, 100, "kid")["DNP"]) > 0.5
    assert float(values(out, 200, "kid")["DNP"]) < 0.05
    assert values(out, 100, "mum")["DNP"] == "."
    rare = cohort.folder / "rare.vcf"
    assert joint_genotype(
        [kid, dad, mum], cohort.reference, rare, pedigree=pedigree, de_novo_rate=1e-9
    ).new == {"kid": 0}


def test_names_that_would_end_a_field_are_encoded(cohort: Cohort) -> None:
    pedigree = cohort.folder / "family.ped"
    pedigree.write_text("F a;b,c dad mum 1 1\n")
    kid = cohort.write("a;b,c", [snp(cohort, 100, "45,0,45")], name="kid")
    parents = [cohort.write(name, [cohort.block(1, 2000)]) for name in ("dad", "mum")]
    (row,) = rows(joint(cohort, kid, *parents, pedigree=pedigree))
    assert row[7].split(";")[3:] == ["hiConfDeNovo=a%3Bb%2Cc"]


def test_a_name_that_would_steer_the_terminal_is_refused(cohort: Cohort) -> None:
    red = cohort.write("a\x1b[31m", [cohort.block(1, 2000)], name="red")
    with pytest.raises(
        InputError, match=r"Sample name 'a\\x1b\[31m' of gVCF .*red.* cannot be written to VCF"
    ):
        joint(cohort, red)


def test_a_gvcf_that_changes_meanwhile_ends_the_run(cohort: Cohort, monkeypatch: pytest.MonkeyPatch) -> None:
    one = cohort.write("one", [snp(cohort, 100, "45,0,45")])

    whole = joint_run.map_in_order

    def changing(*given: Any) -> Iterator[Any]:
        yield from whole(*given)
        one.write_bytes(one.read_bytes() + b"\0")

    monkeypatch.setattr(joint_run, "map_in_order", changing)
    with pytest.raises(RefusedRun, match=r"one\.g\.vcf\.gz changed while it was read: it had"):
        joint(cohort, one)
    assert not (cohort.folder / "joint.vcf").exists()
