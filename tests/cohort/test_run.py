"""Cohorts that are called: the same as sample by sample, whatever ends them; and what is wrong is told before."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pysam
import pytest

import dvplug
from dvplug.calling import run as run_module
from dvplug.calling.journal import Journal
from dvplug.calling.options import CallOptions
from dvplug.calling.run import call_variants
from dvplug.cohort import run as cohort_run
from dvplug.cohort.finished import FinishedSamples
from dvplug.errors import DvplugError, InputError, ManyProblems
from dvplug.models import opener_of
from dvplug.simulate.genome import random_genome, write_fasta
from dvplug_lab.cohorts.simulated import Person, SimulatedCohort, simulate_cohort
from helpers.cpu_gpus import OnCpu
from helpers.killed import Moment, killed_at, whole_files_of

PERSONS = [
    Person("dad", 8.0), Person("mum", 6.0), Person("kid", 7.0, "dad", "mum"),
    *(Person(f"s{number}", 5.0 + number) for number in range(3)),
]  # fmt: skip
LENGTH = 110_000
"""Three partitions."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> SimulatedCohort:
    return simulate_cohort(tmp_path_factory.mktemp("six"), PERSONS, length=LENGTH, new_mutations=0, seed=3)


def write_sheet(path: Path, data: SimulatedCohort, **more: str) -> Path:
    """The sheet of a simulated cohort; ``more`` are lines to add, or to put in the place of a sample's."""
    lines = {
        p.name: f"{p.name}\t{data.reads[p.name]}\tillumina-wgs\t{p.father}\t{p.mother}" for p in PERSONS
    } | more
    path.write_text("sample\treads\ttech\tfather\tmother\n" + "".join(f"{line}\n" for line in lines.values()))
    return path


def words(sheet: Path, data: SimulatedCohort, out: Path, *more: object) -> list[object]:
    return ["cohort", sheet, "--ref", data.reference, "--out", out, "--workers", 1, "--device", "cpu", *more]


@pytest.fixture(scope="module")
def sheet(tmp_path_factory: pytest.TempPathFactory, data: SimulatedCohort) -> Path:
    return write_sheet(tmp_path_factory.mktemp("sheet") / "samples.tsv", data)


@pytest.fixture(scope="module")
def called(tmp_path_factory: pytest.TempPathFactory, data: SimulatedCohort, sheet: Path) -> Path:
    """A run that nobody disturbs, by two workers."""
    out = tmp_path_factory.mktemp("cohort") / "out"
    done = dvplug.call_cohort(sheet, data.reference, out, workers=2, device="cpu")
    assert list(done.records) == [person.name for person in PERSONS]
    assert all(done.records.values())
    return out


def without_seconds(name: str, content: bytes) -> object:
    """A report without what a run took; of other files their bytes."""
    if not name.endswith(".html") or name == "cohort.html":
        return content
    found = re.search(rb'<script[^>]*id="data"[^>]*>(.*?)</script>', content, re.DOTALL)
    assert found
    page = json.loads(found[1])
    for section in page["sections"]:
        section["items"] = [item for item in section["items"] if item.get("id") != "stages"]
    return page


def comparable(folder: Path) -> dict[str, object]:
    return {name: without_seconds(name, content) for name, content in whole_files_of(folder).items()}


def test_each_sample_is_as_the_command_for_one_writes_it(
    data: SimulatedCohort, called: Path, tmp_path: Path
) -> None:
    for person in PERSONS[2:4]:
        name = person.name
        call_variants(
            CallOptions(
                "illumina-wgs", data.reference, (data.reads[name],), str(tmp_path / f"{name}.vcf.gz"), device="cpu",
                gvcf=str(tmp_path / f"{name}.g.vcf.gz"), report=tmp_path / f"{name}.html", workers=2,
            )
        )  # fmt: skip
    made, wanted = comparable(called), comparable(tmp_path)
    assert len(wanted) == 10
    assert {name: made[name] for name in wanted} == wanted
    assert len(made) == 5 * len(PERSONS) + 5


def test_several_gpus_give_the_same_records(
    data: SimulatedCohort, called: Path, sheet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CPUs stand for them."""
    monkeypatch.setattr(run_module, "opener_of", lambda *given: OnCpu(opener_of(*given)))
    dvplug.call_cohort(sheet, data.reference, tmp_path / "out", workers=2, device="gpu:0,1")
    made, wanted = whole_files_of(tmp_path / "out"), whole_files_of(called)
    names = [name for name in wanted if name.endswith((".vcf.gz", ".tbi"))]
    assert len(names) == 4 * len(PERSONS)
    assert {name: made[name] for name in names} == {name: wanted[name] for name in names}


MOMENTS = [
    Moment(Journal, "add", 1, after=True),
    Moment(Journal, "add", 2),
    Moment(Path, "replace", 1),
    Moment(Path, "replace", 3, after=True),
    Moment(FinishedSamples, "note", 1),
    Moment(FinishedSamples, "note", 1, after=True),
    Moment(Journal, "add", 4),
    Moment(FinishedSamples, "note", 2, after=True),
    Moment(cohort_run, "write_cohort", 1),
    Moment(Path, "replace", 2),
]
"""One after the other in one folder: in the middle of samples, while files are moved in, and between that and the note
that they are whole; at last when only the cohort's own files are left to be written."""


def test_killed_ten_times_and_gone_on_with_it_has_the_same_bytes(
    data: SimulatedCohort, sheet: Path, called: Path, tmp_path: Path
) -> None:
    out, wanted = tmp_path / "out", comparable(called)
    for number, moment in enumerate(MOMENTS):
        assert killed_at(moment, words(sheet, data, out)), f"it never came to {moment}"
        for name, content in comparable(out).items():
            assert content == wanted[name], f"{name} is not whole after kill {number}, {moment}"
    assert not killed_at(Moment(Journal, "add", 100), words(sheet, data, out))
    assert comparable(out) == wanted
    hidden = [path.name for path in out.iterdir() if path.name.startswith(".")]
    assert hidden == [".dvplug-cohort"]


def test_what_is_whole_is_not_called_again_and_what_changed_is(
    data: SimulatedCohort, called: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reads = tmp_path / "s1.bam"
    shutil.copy(data.reads["s1"], reads)
    shutil.copy(f"{data.reads['s1']}.bai", f"{reads}.bai")
    sheet = write_sheet(tmp_path / "samples.tsv", data, s1=f"s1\t{reads}\tillumina-wgs\t\t")
    out = tmp_path / "out"
    shutil.copytree(called, out)
    names = [person.name for person in PERSONS]

    def again(**more: Any) -> tuple[str, ...]:
        done = dvplug.call_cohort(sheet, data.reference, out, device="cpu", **more)
        assert list(done.records) == names
        return done.called_before

    assert again() == tuple(name for name in names if name != "s1")
    assert re.search(r"s1: It is called anew: reads .*s1\.bam", capsys.readouterr().err)
    assert again() == tuple(names)
    (out / "dad.vcf.gz.tbi").unlink()
    assert again() == tuple(name for name in names if name != "dad")
    assert "dad: It is called anew: dad.vcf.gz.tbi is not there" in capsys.readouterr().err
    assert again(min_gq=5) == ()
    assert "kid: It is called anew: option min_gq was 3, is 5" in capsys.readouterr().err


@pytest.fixture
def nothing_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*given: object, **named: object) -> None:
        raise AssertionError("a region was called")

    monkeypatch.setattr(cohort_run, "call_samples", refuse)


@pytest.mark.usefixtures("nothing_is_called")
def test_all_wrong_files_are_told_before_any_region_is_called(data: SimulatedCohort, tmp_path: Path) -> None:
    alone, other = tmp_path / "alone.bam", tmp_path / "other.bam"
    shutil.copy(data.reads["s0"], alone)
    write_fasta(
        tmp_path / "other.fa", {"chrZ": random_genome(5_000, __import__("numpy").random.default_rng(1))}
    )
    header = {"SQ": [{"SN": "chrZ", "LN": 5_000}], "HD": {"VN": "1.6", "SO": "coordinate"}}
    with pysam.AlignmentFile(str(other), "wb", header=header):
        pass
    pysam.index(str(other))
    sheet = write_sheet(
        tmp_path / "samples.tsv", data,
        absent="absent\tabsent.bam\tillumina-wgs\t\t",
        alone=f"alone\t{alone}\tillumina-wgs\t\t",
        other=f"other\t{other}\tillumina-wgs\t\t",
        tech=f"tech\t{data.reads['s1']}\tillumnia\t\t",
        wrong=f"wrong\t{data.reads['s2']}\tpacbio\t\t",
        twice=f"twice\t{data.reads['dad']}\tillumina-wgs\t\t",
    )  # fmt: skip
    with pytest.raises(ManyProblems, match=r"\d+ problems") as caught:
        dvplug.call_cohort(sheet, data.reference, tmp_path / "out", device="cpu")
    told = str(caught.value)
    for line, sample, says in (
        (8, "absent", "absent.bam"),
        (9, "alone", "index"),
        (10, "other", "contig"),
        (11, "tech", "illumnia"),
        (12, "wrong", "pacbio"),
        (13, "twice", "has the reads of sample 'dad'"),
    ):
        assert re.search(rf"Line {line} of \S*samples\.tsv, sample '{sample}'[^\n]*{says}", told), (
            sample,
            told,
        )
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("nothing_is_called")
def test_options_that_are_wrong_are_told_once(data: SimulatedCohort, sheet: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^--workers 0 is not a number of processes"):
        dvplug.call_cohort(sheet, data.reference, tmp_path / "out", workers=0)
    with pytest.raises(DvplugError, match=r"absent\.fa"):
        dvplug.call_cohort(sheet, tmp_path / "absent.fa", tmp_path / "out")
    (tmp_path / "taken" / "cohort.vcf.gz").mkdir(parents=True)
    with pytest.raises(InputError, match=r"--joint \S*cohort\.vcf\.gz is a folder"):
        dvplug.call_cohort(sheet, data.reference, tmp_path / "taken", joint=True)
    with pytest.raises(TypeError, match="resume"):
        dvplug.call_cohort(sheet, data.reference, tmp_path / "out", resume=True)


def test_a_sample_that_fails_is_told_and_the_others_are_called(
    data: SimulatedCohort, called: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file changes once it is begun; the next run goes on with it alone."""
    reads = tmp_path / "mum.bam"
    shutil.copy(data.reads["mum"], reads)
    shutil.copy(f"{data.reads['mum']}.bai", f"{reads}.bai")
    sheet = write_sheet(tmp_path / "samples.tsv", data, mum=f"mum\t{reads}\tillumina-wgs\t\t")
    out, add = tmp_path / "out", Journal.add

    def touching(journal: Journal, result: object) -> None:
        add(journal, result)  # type: ignore[arg-type]
        if "mum" in journal.path.name:
            os.utime(reads, (1, 1))

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "add", touching)
        with pytest.raises(InputError, match=r"sample 'mum' was not called: \S*mum\.bam changed while"):
            dvplug.call_cohort(sheet, data.reference, out, device="cpu")
    assert not (out / "mum.vcf.gz").exists()
    assert not (out / "cohort.html").exists()
    assert (out / "s2.vcf.gz").read_bytes() == (called / "s2.vcf.gz").read_bytes()
    done = dvplug.call_cohort(sheet, data.reference, out, device="cpu")
    assert done.called_before == tuple(person.name for person in PERSONS if person.name != "mum")
    assert records_of(out / "mum.g.vcf.gz") == records_of(called / "mum.g.vcf.gz")


def records_of(path: Path) -> list[str]:
    """Lines of a VCF without its header, which names the files that were read."""
    return [line for line in gzip.decompress(path.read_bytes()).decode().splitlines() if line[0] != "#"]


def test_files_of_one_name_choose_their_sample_and_files_of_another_are_renamed(
    data: SimulatedCohort, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both = tmp_path / "both.bam"
    pysam.merge("-f", str(both), str(data.reads["s0"]), str(data.reads["s1"]))
    pysam.index(str(both))
    lines = [f"s0\t{both}", f"s1\t{both}", f"renamed\t{data.reads['s2']}"]
    sheet = tmp_path / "samples.tsv"
    sheet.write_text("sample\tbam\n" + "".join(f"{line}\n" for line in lines))
    out = tmp_path / "out"
    dvplug.call_cohort(sheet, data.reference, out, tech="illumina-wgs", device="cpu")
    assert "renamed: the reads are of 's2' by their @RG SM" in capsys.readouterr().err.replace(
        "warning: ", ""
    )
    for sample, option in (
        ("s0", "--sample s0"),
        ("s1", "--sample s1"),
        ("renamed", "--sample-name renamed"),
    ):
        with pysam.VariantFile(str(out / f"{sample}.vcf.gz")) as vcf:
            assert list(vcf.header.samples) == [sample]
            assert option in str(vcf.header)
            assert next(iter(vcf), None) is not None


def test_a_log_names_the_sample_of_what_it_tells(data: SimulatedCohort, sheet: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.json"
    dvplug.call_cohort(sheet, data.reference, tmp_path / "out", device="cpu", log_json=log)
    events = [json.loads(line) for line in log.read_text().splitlines()]
    regions = {(event["sample"], event["region"]) for event in events if event["event"] == "partition"}
    assert len(regions) == 3 * len(PERSONS)
    assert [event["sample"] for event in events if event["event"] == "counts"] == [p.name for p in PERSONS]


def test_a_cohort_is_genotyped_together_if_asked_for(
    data: SimulatedCohort, sheet: Path, called: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(called, out)
    dvplug.call_cohort(sheet, data.reference, out, device="cpu", joint=True)
    with pysam.VariantFile(str(out / "cohort.vcf.gz")) as vcf:
        assert list(vcf.header.samples) == sorted(person.name for person in PERSONS)
        assert "DNP" in vcf.header.formats
        assert sum(1 for _ in vcf) > 50
    pedigree = (out / "cohort.ped").read_text().splitlines()
    assert "dad\tkid\tdad\tmum\t0\t-9" in pedigree


def test_a_joint_vcf_of_other_samples_does_not_stay_beside_them(
    data: SimulatedCohort, sheet: Path, called: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It stays where it is of the very samples; one of others is refused, before anything is called."""
    out = tmp_path / "out"
    shutil.copytree(called, out)

    def again(sheet: Path, **more: Any) -> dict[str, bytes]:
        dvplug.call_cohort(sheet, data.reference, out, device="cpu", **more)
        return whole_files_of(out)

    made = again(sheet, joint=True)
    assert again(sheet) == made
    fewer = tmp_path / "fewer.tsv"
    fewer.write_text("".join(sheet.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(
        InputError, match=r"cohort\.vcf\.gz is there.*it has s2, which the sheet.*Give --joint"
    ):
        again(fewer)
    with pytest.raises(
        InputError, match=r"not of these samples as they are called now.*called anew: dad, kid, mum, s0"
    ):
        again(sheet, min_gq=5)
    assert whole_files_of(out) == made
    capsys.readouterr()
    again(fewer, joint=True)
    err = capsys.readouterr().err
    assert "out has files of samples that the sheet does not name: s2. They stay as they are" in err
    with pysam.VariantFile(str(out / "cohort.vcf.gz")) as vcf:
        assert "s2" not in vcf.header.samples
    with pytest.raises(InputError, match=r"it is without s2"):
        again(sheet)
    again(sheet, joint=True)
    assert "that the sheet does not name" not in capsys.readouterr().err


def test_a_joint_vcf_that_the_command_did_not_write_is_not_taken_for_its_own(
    data: SimulatedCohort, sheet: Path, called: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(called, out)
    (out / "cohort.vcf.gz").write_bytes(b"another")  # as of a run that was ended before its note
    with pytest.raises(
        InputError, match=r"is there, and may be of other samples.*no note says what it was made of, or"
    ):
        dvplug.call_cohort(sheet, data.reference, out, device="cpu")
    assert (out / "cohort.vcf.gz").read_bytes() == b"another"


def test_options_of_one_sample_are_none_of_a_cohort() -> None:
    shared = set(CallOptions.__dataclass_fields__) - {"tech", "ref"}
    help_text = dvplug.call_cohort.__doc__
    assert help_text
    for name in ("min_gq", "executor", "workers"):
        assert f"\n    {name}\n" in help_text
    for name in ("sample", "gvcf", "resume", "sex"):
        assert name in shared
        assert f"\n    {name}\n" not in help_text
