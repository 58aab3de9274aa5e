"""Reads that do not fit the reference are refused, those that fit badly are warned of, all others pass in silence."""

import random
from pathlib import Path

import numpy as np
import pysam
import pytest

from dvplug.errors import InputError
from dvplug.genome.reference import Reference
from dvplug.inputs.preflight import check_call
from dvplug.inputs.read_evidence import gather
from dvplug.inputs.reference_fit import another_reference, doubtful_reference, mismatch_share
from dvplug.plugins.loading import installed_plugins
from helpers.read_batches import (
    Read,
    aligned_pairs,
    alignment_file,
    random_reads,
    random_sequence,
    write_fasta,
)
from helpers.shared_data import SHARED, needs_shared


def test_the_share_is_that_of_the_aligned_bases_that_differ(tmp_path: Path) -> None:
    rng = random.Random(5)
    sequence = random_sequence(rng, 1000)
    reads = random_reads(rng, sequence, 200)
    alignment_file(tmp_path / "r.bam", reads, {"c": sequence}).close()
    with Reference.open(tmp_path / "r.fa") as reference, pysam.AlignmentFile(str(tmp_path / "r.bam")) as file:
        shares = [mismatch_share(record, reference) for record in file]
    for read, share in zip(reads, shares, strict=True):
        compared = [
            read.seq[i] != sequence[p]
            for p, i in aligned_pairs(read)
            if "N" not in (read.seq[i], sequence[p])
        ]
        assert share == (pytest.approx(np.mean(compared)) if len(compared) >= 30 else None)


def good_reads(sequence: str, error: float = 0.0) -> list[Read]:
    rng = random.Random(6)
    out = []
    for start in range(0, len(sequence) - 150, 40):
        bases = [
            rng.choice("ACGT".replace(b, "")) if rng.random() < error else b
            for b in sequence[start : start + 100]
        ]
        out.append(Read(start, "100M", "".join(bases), name=f"r{start}"))
    return out


def check(folder: Path, sequence: str, *, force: bool = False) -> None:
    write_fasta(folder / "given.fa", {"c": sequence})
    suffix = "cram" if (folder / "r.cram").exists() else "bam"
    check_call(
        installed_plugins(),
        tech="illumina-wgs",
        reference=folder / "given.fa",
        reads=[folder / f"r.{suffix}"],
        force=force,
    )


WRONG = {
    "shifted by 1 kb": lambda s: s[1000:] + s[:1000],
    "reversed": lambda s: s[::-1],
    "of another contig": lambda s: random_sequence(random.Random(99), len(s)),
}


@pytest.mark.parametrize("how", WRONG)
def test_another_sequence_is_refused_but_with_force(
    tmp_path: Path, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sequence = random_sequence(random.Random(7), 20_000)
    alignment_file(tmp_path / "r.bam", good_reads(sequence), {"c": sequence}).close()
    with pytest.raises(InputError, match=r"The reads of .*r\.bam do not fit the reference .*given\.fa"):
        check(tmp_path, WRONG[how](sequence))
    check(tmp_path, WRONG[how](sequence), force=True)
    assert "do not fit the reference" in capsys.readouterr().err
    check(tmp_path, sequence)
    assert "fit" not in capsys.readouterr().err


def test_cram_with_a_reference_of_its_own_is_compared_with_the_given_one(tmp_path: Path) -> None:
    sequence = random_sequence(random.Random(8), 20_000)
    alignment_file(tmp_path / "r.bam", good_reads(sequence), {"c": sequence}).close()
    pysam.view(
        "-C", "--output-fmt-option", "embed_ref=1", "-T", str(tmp_path / "r.fa"), "-o", str(tmp_path / "r.cram"),
        str(tmp_path / "r.bam"), catch_stdout=False,
    )  # fmt: skip
    pysam.index(str(tmp_path / "r.cram"))
    check(tmp_path, sequence)
    with pytest.raises(InputError, match=r"do not fit the reference|is not the sequence that"):
        check(tmp_path, WRONG["reversed"](sequence))


def test_a_stale_index_is_named(tmp_path: Path) -> None:
    sequence = random_sequence(random.Random(9), 20_000)
    alignment_file(tmp_path / "r.bam", good_reads(sequence), {"c": sequence}).close()
    index = (tmp_path / "r.fa.fai").read_text()
    (tmp_path / "r.fa").write_text(f">c and more\n{sequence}\n")
    (tmp_path / "r.fa.fai").write_text(index)
    with pytest.raises(InputError, match=r"The index .*r\.fa\.fai is not of .*r\.fa"):
        check_call(
            installed_plugins(), tech="illumina-wgs", reference=tmp_path / "r.fa", reads=[tmp_path / "r.bam"]
        )


def test_reads_that_differ_much_are_warned_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sequence = random_sequence(random.Random(10), 20_000)
    alignment_file(tmp_path / "r.bam", good_reads(sequence, error=0.1), {"c": sequence}).close()
    check(tmp_path, sequence, force=True)
    assert "check that it is the reference of the alignment" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(("far", "verdict"), [(0, ""), (5, ""), (6, "doubt"), (49, "doubt"), (50, "refused")])
def test_verdicts_by_the_share_of_reads_that_are_far_off(far: int, verdict: str) -> None:
    shares = [0.7] * far + [0.0] * (100 - far)
    refused, doubt = another_reference("f", shares, "r"), doubtful_reference("f", shares, "r")
    assert (bool(refused), bool(doubt)) == (verdict == "refused", verdict == "doubt")


def test_few_reads_tell_nothing() -> None:
    assert another_reference("f", [0.7] * 4, "r") is None
    assert doubtful_reference("f", [0.7] * 4, "r") is None


REAL = {
    "illumina/*b37.chr20*.bam": "b37.chr20_regions.fa.gz",
    "illumina/*exome*.bam": "b37.chr20_regions.fa.gz",
    "illumina/trio*.bam": "b37.chr20_regions.fa.gz",
    "illumina/*b37.chr1_*.bam": "b37.chr1_0.60-1.56M.fa.gz",
    "illumina/chrX*.bam": "hg19.chrX_101.03M.fa",
    "pacbio/HG00[23]_GRCh38.hifi_sequel*.bam": "grch38.chr20_and_21_10M.fa.gz",
    "pacbio/CHM13*.bam": "CHM13v2.chr20_100-200k.fa.gz",
    "ont/HG002_GRCh38*.bam": "grch38.chr20_and_21_10M.fa.gz",
}


@needs_shared
@pytest.mark.parametrize("pattern", REAL)
def test_real_reads_fit_their_reference_and_no_shifted_one(tmp_path: Path, pattern: str) -> None:
    files = sorted(SHARED.glob(pattern))
    assert files
    path = SHARED / "reference" / REAL[pattern]
    for file in files:
        with pysam.AlignmentFile(str(file)) as reads, Reference.open(path) as reference:
            shares = gather(reads, reference=reference).mismatches
            assert len(shares) > 20
            assert another_reference(file.name, shares, "r") is None
            assert doubtful_reference(file.name, shares, "r") is None
            shares = gather(reads, reference=Shifted(reference)).mismatches
            assert another_reference(file.name, shares, "r") is not None


class Shifted(Reference):
    """A reference that lies 1 kb further left."""

    def __init__(self, reference: Reference) -> None:
        self.reference, self.lengths = reference, reference.lengths

    def sequence(self, contig: str, start: int, end: int) -> str:
        return self.reference.sequence(contig, start + 1000, end + 1000)


@needs_shared
@pytest.mark.parametrize("name", ["dens30", "se_tlen0", "cg_tag_ont", "ampl_same_tlen250_30x"])
def test_dense_variation_passes(name: str) -> None:
    folder = SHARED / "small"
    with pysam.AlignmentFile(str(folder / f"{name}.bam")) as reads:
        contig = {"se_tlen0": "se", "cg_tag_ont": "cg", "ampl_same_tlen250_30x": "ampl"}.get(name, name)
        with Reference.open(folder / f"{contig}.fa") as reference:
            shares = gather(reads, reference=reference).mismatches
    assert shares
    assert another_reference(name, shares, "r") is None
    assert doubtful_reference(name, shares, "r") is None
