"""Reads that say "=" for the reference's base are called as the same reads in letters are."""

from __future__ import annotations

from pathlib import Path

import pysam
import pytest

from dvplug.calling.options import CallOptions
from dvplug.calling.run import call_variants
from dvplug.simulate import SimulatedDataset
from helpers.shared_data import SHARED, needs_shared


def with_equal_signs(data: SimulatedDataset, out: Path, mode: str) -> Path:
    """The reads with "=" wherever an aligned base is the reference's, clips and insertions in letters."""
    with (
        pysam.FastaFile(str(data.reference)) as fasta,
        pysam.AlignmentFile(str(data.reads)) as reads,
        pysam.AlignmentFile(
            str(out), mode, template=reads, reference_filename=str(data.reference)
        ) as written,
    ):
        for read in reads:
            bases, qualities = list(read.query_sequence), read.query_qualities
            sequence = fasta.fetch(read.reference_name, read.reference_start, read.reference_end)
            for base, position in read.get_aligned_pairs(matches_only=True):
                if bases[base] == sequence[position - read.reference_start]:
                    bases[base] = "="
            read.query_sequence = "".join(bases)
            read.query_qualities = qualities
            written.write(read)
    pysam.index(str(out))
    return out


def calls(data: SimulatedDataset, reads: Path, tech: str, folder: Path) -> list[str]:
    """Lines of the VCF and of the gVCF but for their headers."""
    vcf, gvcf = folder / f"{reads.name}.vcf", folder / f"{reads.name}.g.vcf"
    call_variants(
        CallOptions(
            tech,
            data.reference,
            (reads,),
            str(vcf),
            gvcf=str(gvcf),
            device="cpu",
            force=tech != "illumina-wgs",
        )
    )
    return [line for path in (vcf, gvcf) for line in path.read_text().splitlines() if line[:2] != "##"]


@pytest.mark.parametrize("tech", ["illumina-wgs", "ont"])
@pytest.mark.parametrize(("name", "mode"), [("equal.bam", "wb"), ("equal.cram", "wc")])
def test_they_are_called_as_the_same_reads_in_letters(
    tech: str, name: str, mode: str, dataset: SimulatedDataset, tmp_path: Path
) -> None:
    """By both decoders: reads of `ont` may be so long that pysam decodes them."""
    equal = with_equal_signs(dataset, tmp_path / name, mode)
    with pysam.AlignmentFile(str(equal), reference_filename=str(dataset.reference)) as reads:
        assert "====" in next(iter(reads)).query_sequence
    plain = calls(dataset, dataset.reads, tech, tmp_path)
    assert len(plain) > 50
    assert calls(dataset, equal, tech, tmp_path) == plain


@needs_shared
def test_those_that_samtools_wrote_are_called(tmp_path: Path) -> None:
    out = tmp_path / "calls.vcf"
    small = SHARED / "small"
    call_variants(
        CallOptions("illumina-wgs", small / "r.fa", (small / "eq_in_seq.bam",), str(out), device="cpu")
    )
    assert sum(line[0] != "#" for line in out.read_text().splitlines()) == 15
