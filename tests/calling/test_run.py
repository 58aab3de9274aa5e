"""`dvplug call` end to end: what comes out, that it is always the same bytes, and what bad input says."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pysam
import pytest

from dvplug.evaluate import evaluate
from dvplug.reads.alignments import open_alignments
from dvplug.simulate import SimulatedDataset
from dvplug.system import workers
from helpers.command import call_words, records, run

TECH = "illumina-wgs"


def test_calls_are_right_on_simulated_reads(dataset: SimulatedDataset, called: Path) -> None:
    found = evaluate(dataset.truth, called, dataset.confident, dataset.reference)
    assert found.snp.f1 >= 0.97
    assert found.indel.f1 >= 0.9


def test_bytes_do_not_depend_on_workers_or_repeats(dataset: SimulatedDataset, tmp_path: Path) -> None:
    outputs = []
    for k, number in enumerate((1, 2, 40, 2)):
        out = tmp_path / f"{k}.vcf.gz"
        assert run(*call_words(dataset, out, "--workers", number)) == 0
        outputs.append((out.read_bytes(), Path(f"{out}.tbi").read_bytes()))
    assert all(output == outputs[0] for output in outputs[1:])


def test_no_more_processes_begin_than_have_something_to_do(
    dataset: SimulatedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = []

    class Counted(workers._Worker):
        def __init__(self, *words: object) -> None:
            begun.append(self)
            super().__init__(*words)

    monkeypatch.setattr(workers, "_Worker", Counted)
    out = tmp_path / "x.vcf"
    assert run(*call_words(dataset, out, "--workers", 40)) == 0
    assert 2 <= len(begun) < 10  # of 60 kb


def test_regions_give_the_same_records_as_the_whole(dataset: SimulatedDataset, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole.vcf", tmp_path / "parts.vcf"
    contig = pysam.FastaFile(str(dataset.reference)).references[0]
    cuts = [f"{contig}:1-20,123", f"{contig}:20,124-41,007", f"{contig}:41,008-60,000"]
    assert run(*call_words(dataset, whole, "--workers", 1)) == 0
    assert run(*call_words(dataset, parts, "--workers", 1, "--regions", *cuts)) == 0
    assert records(parts) == records(whole) != []


def test_stdout_takes_the_vcf(dataset: SimulatedDataset, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*call_words(dataset, "-", "--workers", 1)) == 0
    captured = capsys.readouterr().out
    assert captured.startswith("##fileformat=VCFv4.")
    assert "\tPASS\t" in captured


def test_bcftools_accepts_the_output(called: Path, dataset: SimulatedDataset) -> None:
    bcftools = shutil.which("bcftools")
    if not bcftools:
        pytest.skip("bcftools is absent")
    for words in (["view"], ["norm", "-c", "e", "-f", str(dataset.reference)], ["stats"]):
        done = subprocess.run([bcftools, *words, str(called)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "[W::" not in done.stderr


def test_no_record_moves_when_normalised(called: Path, dataset: SimulatedDataset) -> None:
    bcftools = shutil.which("bcftools")
    if not bcftools:
        pytest.skip("bcftools is absent")
    words = [bcftools, "norm", "-f", str(dataset.reference), str(called)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    summary = next(line for line in done.stderr.splitlines() if line.startswith("Lines"))
    total, *changed = (int(n) for n in summary.split(":")[1].split("\t")[1].strip().split("/"))
    assert total > 0
    assert changed[1] == 0  # realigned


def test_snp_depths_agree_with_a_count_of_bases(called: Path, dataset: SimulatedDataset) -> None:
    with (
        open_alignments(dataset.reads, dataset.reference) as reads,
        pysam.VariantFile(str(called)) as calls,
    ):
        checked = 0
        for record in calls:
            if any(len(allele) != 1 for allele in record.alleles):
                continue
            bases: Counter[str] = Counter()
            for column in reads.pileup(
                record.chrom, record.start, record.stop, truncate=True, stepper="nofilter",
                ignore_overlaps=False, min_base_quality=0, max_depth=10**6,
            ):  # fmt: skip
                for read in column.pileups:
                    a = read.alignment
                    if a.flag & 0xF04 or a.mapping_quality < 5 or read.is_refskip:
                        continue
                    if read.is_del:
                        bases["*"] += 1
                    elif a.query_qualities[read.query_position] >= 10:
                        bases[a.query_sequence[read.query_position]] += 1
            sample = record.samples[0]
            assert sample["AD"] == tuple(bases[allele] for allele in record.alleles)
            assert sample["DP"] == sum(bases.values()) - bases["N"]
            checked += 1
    assert checked > 20


def test_tensorflow_is_not_imported_to_call_on_a_cpu(dataset: SimulatedDataset, tmp_path: Path) -> None:
    code = (
        "import sys\nfrom dvplug.cli import main\n"
        f"try:\n    main({call_words(dataset, tmp_path / 'x.vcf', '--workers', 1)!r})\n"
        "except SystemExit as stop:\n    assert not stop.code, stop.code\n"
        "assert not {'tensorflow', 'keras', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_recognised_technology_is_called_and_named_in_the_header(
    dataset: SimulatedDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    named, recognised = tmp_path / "named.vcf", tmp_path / "recognised.vcf"
    assert run(*call_words(dataset, named, "--workers", 1)) == 0
    words = ["auto" if word == TECH else word for word in call_words(dataset, recognised, "--workers", 1)]
    assert run(*words) == 0
    assert f"--tech auto is {TECH}: @RG PL:ILLUMINA" in capsys.readouterr().err
    assert recognised.read_bytes() == named.read_bytes()
    assert f"##dvplugCommand=dvplug call --tech {TECH} " in named.read_text()


def test_a_technology_that_the_reads_contradict_is_called_with_force_only(
    dataset: SimulatedDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "x.vcf"
    contig = pysam.FastaFile(str(dataset.reference)).references[0]
    words = call_words(dataset, out, "--workers", 1, "--regions", f"{contig}:1-5000")
    words = ["ion" if word == TECH else word for word in words]
    assert run(*words) == 2
    error = capsys.readouterr().err
    assert "error: --tech ion contradicts" in error
    assert "Use --tech illumina-wgs, or call them as ion all the same with --force" in error
    assert not out.exists()
    assert run(*words, "--force") == 0
    assert "warning: --tech ion contradicts" in capsys.readouterr().err
    assert " --force\n" in out.read_text()


@pytest.mark.parametrize(
    "first", [2_000_000, 40_100], ids=["no reads at all", "reads beyond the region only"]
)
def test_no_reads_give_an_empty_vcf_and_a_warning(
    dataset: SimulatedDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str], first: int
) -> None:
    sparse, out = tmp_path / "sparse.bam", tmp_path / "x.vcf.gz"
    with (
        pysam.AlignmentFile(str(dataset.reads)) as reads,
        pysam.AlignmentFile(str(sparse), "wb", template=reads) as kept,
    ):
        contig = reads.references[0]
        for read in reads:
            if read.reference_start >= first:
                kept.write(read)
    pysam.index(str(sparse))
    words = call_words(dataset, out, "--workers", 1, "--regions", f"{contig}:20,001-40,000")
    assert run(*(str(sparse) if word == str(dataset.reads) else word for word in words)) == 0
    assert "no usable reads" in capsys.readouterr().err
    with pysam.VariantFile(str(out)) as calls:
        assert list(calls) == []
