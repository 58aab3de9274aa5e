"""`dvplug call` end to end: what comes out, that it is always the same bytes, and what bad input says."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pysam
import pytest

import dvplug_illumina
from dvplug.cli import main
from dvplug.evaluate import evaluate
from dvplug.reads.alignments import open_alignments
from dvplug.simulate import SimulatedDataset

TECH = "illumina-wgs"


def arguments(data: SimulatedDataset, out: object, *more: object) -> list[str]:
    words = [
        "call",
        "--tech",
        TECH,
        "--ref",
        data.reference,
        "--reads",
        data.reads,
        "--out",
        out,
        "--device",
        "cpu",
    ]
    return [str(word) for word in (*words, *more)]


def run(*words: object) -> int:
    with pytest.raises(SystemExit, match=r"^[012]$") as stop:
        main([str(word) for word in words])
    return int(stop.value.code or 0)


def test_calls_are_right_on_simulated_reads(dataset: SimulatedDataset, called: Path) -> None:
    found = evaluate(dataset.truth, called, dataset.confident, dataset.reference)
    assert found.snp.f1 >= 0.97
    assert found.indel.f1 >= 0.9


def test_bytes_do_not_depend_on_workers_or_repeats(dataset: SimulatedDataset, tmp_path: Path) -> None:
    outputs = []
    for k, workers in enumerate((1, 2, 4, 2)):
        out = tmp_path / f"{k}.vcf.gz"
        assert run(*arguments(dataset, out, "--workers", workers)) == 0
        outputs.append((out.read_bytes(), Path(f"{out}.tbi").read_bytes()))
    assert all(output == outputs[0] for output in outputs[1:])


def test_regions_give_the_same_records_as_the_whole(dataset: SimulatedDataset, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole.vcf", tmp_path / "parts.vcf"
    contig = pysam.FastaFile(str(dataset.reference)).references[0]
    cuts = [f"{contig}:1-20,123", f"{contig}:20,124-41,007", f"{contig}:41,008-60,000"]
    assert run(*arguments(dataset, whole, "--workers", 1)) == 0
    assert run(*arguments(dataset, parts, "--workers", 1, "--regions", *cuts)) == 0
    assert records(parts) == records(whole) != []


def records(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines() if not line.startswith("#")]


def test_stdout_takes_the_vcf(dataset: SimulatedDataset, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*arguments(dataset, "-", "--workers", 1)) == 0
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
        f"try:\n    main({arguments(dataset, tmp_path / 'x.vcf', '--workers', 1)!r})\n"
        "except SystemExit as stop:\n    assert not stop.code, stop.code\n"
        "assert not {'tensorflow', 'keras', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_recognised_technology_is_called_and_named_in_the_header(
    dataset: SimulatedDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    named, recognised = tmp_path / "named.vcf", tmp_path / "recognised.vcf"
    assert run(*arguments(dataset, named, "--workers", 1)) == 0
    words = ["auto" if word == TECH else word for word in arguments(dataset, recognised, "--workers", 1)]
    assert run(*words) == 0
    assert f"--tech auto is {TECH}: @RG PL:ILLUMINA" in capsys.readouterr().err
    assert recognised.read_bytes() == named.read_bytes()
    assert f"##dvplugCommand=dvplug call --tech {TECH} " in named.read_text()


def test_a_technology_that_the_reads_contradict_is_called_with_force_only(
    dataset: SimulatedDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "x.vcf"
    contig = pysam.FastaFile(str(dataset.reference)).references[0]
    words = arguments(dataset, out, "--workers", 1, "--regions", f"{contig}:1-5000")
    words = ["ion" if word == TECH else word for word in words]
    assert run(*words) == 2
    error = capsys.readouterr().err
    assert "error: --tech ion contradicts" in error
    assert "Use --tech illumina-wgs, or call them as ion all the same with --force" in error
    assert not out.exists()
    assert run(*words, "--force") == 0
    assert "warning: --tech ion contradicts" in capsys.readouterr().err
    assert " --force\n" in out.read_text()


class TestBadInput:
    """Each is one line with the value, the cause and the repair, exit code 2, and no file left."""

    @pytest.fixture
    def refuses(self, dataset: SimulatedDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
        folder = tmp_path / "out"
        folder.mkdir()

        def check(*changes: object, says: tuple[str, ...]) -> None:
            options = dict(
                zip(
                    arguments(dataset, folder / "x.vcf.gz")[1::2],
                    arguments(dataset, folder / "x.vcf.gz")[2::2],
                    strict=True,
                )
            )
            options.update(zip(map(str, changes[::2]), map(str, changes[1::2]), strict=True))
            capsys.readouterr()
            assert run("call", *(word for pair in options.items() for word in pair)) == 2
            captured = capsys.readouterr()
            assert captured.out == ""
            *status, error = captured.err.splitlines()
            assert all(line.startswith(("warning:", "Calling")) for line in status), captured.err
            assert error.startswith("error:")
            for text in says:
                assert text in error
            assert list(folder.iterdir()) == []

        return check

    @pytest.fixture
    def copied(self, dataset: SimulatedDataset, tmp_path: Path) -> Path:
        """A BAM of one's own to break, with its index."""
        for suffix in ("", ".bai"):
            shutil.copy(f"{dataset.reads}{suffix}", tmp_path / f"mine.bam{suffix}")
        return tmp_path / "mine.bam"

    def test_unknown_technology(self, refuses) -> None:
        refuses("--tech", "ilumina-wgs", says=("ilumina-wgs", "illumina-wgs"))

    def test_missing_index(self, refuses, copied: Path) -> None:
        Path(f"{copied}.bai").unlink()
        refuses("--reads", copied, says=("mine.bam", "index", "samtools index"))

    def test_truncated_bam(self, refuses, copied: Path) -> None:
        data = copied.read_bytes()
        copied.write_bytes(data[: len(data) // 2])
        refuses("--reads", copied, says=("mine.bam", "truncated"))

    def test_bam_that_breaks_in_the_middle(self, refuses, copied: Path) -> None:
        data = bytearray(copied.read_bytes())
        middle = len(data) // 2
        data[middle : middle + 2000] = bytes(2000)
        copied.write_bytes(data)
        refuses("--reads", copied, says=("mine.bam",))

    def test_contig_of_another_name(self, refuses, dataset: SimulatedDataset, tmp_path: Path) -> None:
        contig = pysam.FastaFile(str(dataset.reference)).references[0]
        other = contig.removeprefix("chr") if contig.startswith("chr") else f"chr{contig}"
        refuses("--ref", rewritten_reference(dataset, tmp_path, name=other), says=(other, contig))

    def test_contig_of_another_length(self, refuses, dataset: SimulatedDataset, tmp_path: Path) -> None:
        refuses("--ref", rewritten_reference(dataset, tmp_path, extra="A" * 100), says=("60000", "60100"))

    def test_region_beyond_the_contig(self, refuses, dataset: SimulatedDataset) -> None:
        contig = pysam.FastaFile(str(dataset.reference)).references[0]
        refuses("--regions", f"{contig}:900000-900100", says=("900000", "60000"))

    def test_region_that_is_empty(self, refuses, dataset: SimulatedDataset) -> None:
        contig = pysam.FastaFile(str(dataset.reference)).references[0]
        refuses("--regions", f"{contig}:500-400", says=("500-400",))

    def test_malformed_bed(self, refuses, tmp_path: Path) -> None:
        bed = tmp_path / "targets.bed"
        bed.write_text("chr1\t10\tmany\n")
        refuses("--regions", bed, says=("targets.bed", "line 1"))

    def test_output_folder_that_is_missing(self, refuses, tmp_path: Path) -> None:
        refuses("--out", tmp_path / "nowhere" / "x.vcf.gz", says=("nowhere",))

    def test_model_that_is_unknown(self, refuses) -> None:
        refuses("--model", "illumina-wsg@1", says=("illumina-wsg", "illumina-wgs"))

    @pytest.fixture
    def model(self, tmp_path: Path) -> Path:
        """The shipped model, to break."""
        bundled = Path(dvplug_illumina.__file__).parent / "models"
        return Path(shutil.copytree(next(bundled.glob("illumina-wgs-1.*")), tmp_path / "illumina-wgs-1.0.0"))

    def test_model_with_a_changed_byte(self, refuses, model: Path) -> None:
        network = model / "network.tflite"
        data = bytearray(network.read_bytes())
        data[len(data) // 2] ^= 1
        network.write_bytes(data)
        refuses("--model", model, says=("network.tflite", "sha256"))

    def test_model_cut_short(self, refuses, model: Path) -> None:
        network = model / "network.tflite"
        network.write_bytes(network.read_bytes()[:-100])
        refuses("--model", model, says=("network.tflite", "bytes"))

    def test_model_that_does_not_fit(self, refuses, model: Path) -> None:
        manifest = json.loads((model / "manifest.json").read_text())
        manifest["image"]["channels"].reverse()
        manifest["image"]["width"] = 99
        (model / "manifest.json").write_text(json.dumps(manifest))
        refuses("--model", model, says=("image width: the model has 99, the profile 55", "channels"))

    def test_gpu_that_is_not_there(self, refuses) -> None:
        if Path("/dev/nvidia0").exists():
            pytest.skip("this machine has a GPU")
        refuses("--device", "gpu", says=("gpu", "--device cpu"))

    def test_sample_cannot_hold_a_tab(self, refuses) -> None:
        refuses("--sample", "a\tb", says=("--sample",))


def rewritten_reference(
    data: SimulatedDataset, folder: Path, name: str | None = None, extra: str = ""
) -> Path:
    with pysam.FastaFile(str(data.reference)) as fasta:
        contig = fasta.references[0]
        path = folder / "other.fa"
        path.write_text(f">{name or contig}\n{fasta.fetch(contig)}{extra}\n")
    pysam.faidx(str(path))
    return path


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
    words = arguments(dataset, out, "--workers", 1, "--regions", f"{contig}:20,001-40,000")
    assert run(*(str(sparse) if word == str(dataset.reads) else word for word in words)) == 0
    assert "no usable reads" in capsys.readouterr().err
    with pysam.VariantFile(str(out)) as calls:
        assert list(calls) == []
