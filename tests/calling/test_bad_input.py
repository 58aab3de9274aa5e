"""Bad input of `dvplug call`: what is said of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pysam
import pytest

from dvplug.simulate import SimulatedDataset
from helpers.command import call_words, run
from helpers.shipped_model import copy_of_model


class TestBadInput:
    """Each is one line with the value, the cause and the repair, exit code 2, and no file left."""

    @pytest.fixture
    def refuses(self, dataset: SimulatedDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
        folder = tmp_path / "out"
        folder.mkdir()

        def check(*changes: object, says: tuple[str, ...]) -> None:
            options = dict(
                zip(
                    call_words(dataset, folder / "x.vcf.gz")[1::2],
                    call_words(dataset, folder / "x.vcf.gz")[2::2],
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
        return copy_of_model(tmp_path)

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
