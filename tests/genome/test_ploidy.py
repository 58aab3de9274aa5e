"""Where there is one copy, what follows for the calls, and what is not called unless it is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvplug.calling.options import CallOptions
from dvplug.calling.run import call_variants
from dvplug.errors import InputError
from dvplug.genome.ploidy import left_out_by_default, resolve_ploidy
from dvplug.line.region import Region
from dvplug.records.merge import genotypes
from dvplug.records.postprocess import PostprocessSettings
from dvplug.simulate import SimulatedDataset
from helpers.generated_sites import called_records, generated_sites

GRCH38 = {"chr1": 248_956_422, "chrX": 156_040_895, "chrY": 57_227_415, "chrM": 16_569, "chrEBV": 171_823}
GRCH37 = {"1": 249_250_621, "X": 155_270_560, "Y": 59_373_566, "MT": 16_569, "hs37d5": 35_477_943}


@pytest.mark.parametrize(
    ("lengths", "x", "y", "par_x", "par_y"),
    [
        # 1-based first and last positions of both pseudoautosomal regions, from the assembly's pages.
        (
            GRCH38, "chrX", "chrY",
            (10_001, 2_781_479, 155_701_383, 156_030_895), (10_001, 2_781_479, 56_887_903, 57_217_415),
        ),
        (
            GRCH37, "X", "Y",
            (60_001, 2_699_520, 154_931_044, 155_260_560), (10_001, 2_649_520, 59_034_050, 59_363_566),
        ),
    ],
)  # fmt: skip
def test_sex_chromosomes_of_a_male(
    lengths: dict[str, int], x: str, y: str, par_x: tuple[int, ...], par_y: tuple[int, ...]
) -> None:
    ploidy = resolve_ploidy(lengths, sex="male")
    for contig, edges in ((x, par_x), (y, par_y)):
        for first, last in (edges[:2], edges[2:]):
            positions = np.array(
                [first - 2, first - 1, last - 1, last]
            )  # 0-based: outside, both ends, outside
            assert ploidy.haploid(contig, positions).tolist() == [True, False, False, True]
    assert ploidy.haploid(next(iter(lengths)), np.array([5])) is None
    assert resolve_ploidy(lengths, sex="female").haploid(x, np.array([5_000_000])) is None


def test_the_user_names_contigs_and_where_they_are_diploid(tmp_path: Path) -> None:
    bed = tmp_path / "par.bed"
    bed.write_text("Z\t100\t200\nZ\t150\t300\n")
    ploidy = resolve_ploidy({"Z": 1000, "1": 500}, haploid_contigs=["Z"], par_bed=bed)
    assert ploidy.haploid("Z", np.array([99, 100, 299, 300])).tolist() == [True, False, False, True]


def test_mitochondria_that_are_called_are_haploid() -> None:
    assert resolve_ploidy(GRCH38, regions=[Region("chrM", 0, 100)]).haploid("chrM", np.array([3])).all()
    assert resolve_ploidy(GRCH38, regions=[Region("chr1", 0, 100)]).haploid("chr1", np.array([3])) is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"haploid_contigs": ["Y"]}, "Haploid contig 'Y' is not in the reference.*Did you mean 'chrY'"),
        ({"par": "chr1\t1\t5\n"}, "par.bed has no haploid contigs"),
        ({"haploid_contigs": ["chrX"], "par": "chr1\t1\t5\n"}, "a region on 'chr1', which is diploid anyway"),
    ],
)
def test_contradictions_are_refused(tmp_path: Path, options: dict, message: str) -> None:
    if "par" in options:
        (tmp_path / "par.bed").write_text(options["par"])
        options = {**options, "par_bed": tmp_path / "par.bed"}
        del options["par"]
    with pytest.raises(InputError, match=rf"(?s){message}"):
        resolve_ploidy(GRCH38, **options)


def test_sex_needs_a_known_build() -> None:
    with pytest.raises(InputError, match="--sex needs GRCh37 or GRCh38"):
        resolve_ploidy({"chrX": 1000}, sex="male")


def test_what_is_left_out_and_why() -> None:
    assert left_out_by_default(GRCH38) == {"chrM": "mitochondrion", "chrEBV": "virus"}
    assert left_out_by_default(GRCH37, "female") == {
        "MT": "mitochondrion", "hs37d5": "decoy", "Y": "not in a female",
    }  # fmt: skip


@given(st.integers(0, 2**32 - 1))
def test_haploid_calls(seed: int) -> None:
    """Among genotypes of two like alleles the likeliest is called; its odds are those of the diploid call."""
    _, sites = generated_sites(seed)
    settings = PostprocessSettings(prune_qual=0)
    diploid = called_records(sites, settings=settings)
    everywhere = np.ones(len(sites["refs"]), np.bool_)
    for two, one in zip(diploid, called_records(sites, settings=settings, haploid=everywhere), strict=True):
        assert (one.start, one.ref, one.alts, one.ad) == (two.start, two.ref, two.alts, two.ad)
        same = [q for q, (a, b) in zip(two.pl, genotypes(len(two.alts)), strict=True) if a == b]
        assert len(one.gt) == 1
        assert len(one.pl) == 1 + len(one.alts)
        assert one.pl[one.gt[0]] == 0
        if max(two.pl) < 90:  # where nothing was cut off at 99
            assert one.pl == pytest.approx([q - min(same) for q in same], abs=1.01)
        assert (one.filter == "RefCall") == (one.gt == (0,))
        p = 10 ** (-np.array(one.pl, float) / 10)
        assert one.gq == pytest.approx(-10 * np.log10(max(1.25e-10, 1 - p[one.gt[0]] / p.sum())), abs=1.5)


def test_calls_on_a_haploid_contig(dataset: SimulatedDataset, tmp_path: Path) -> None:
    """All of the contig but the part that the BED calls diploid, in VCF and gVCF."""
    bed, out, gvcf = tmp_path / "par.bed", tmp_path / "x.vcf", tmp_path / "x.g.vcf"
    bed.write_text("chrS\t20000\t40000\n")
    call_variants(
        CallOptions(
            "illumina-wgs", dataset.reference, (dataset.reads,), str(out), device="cpu", gvcf=str(gvcf),
            haploid_contigs=("chrS",), par_bed=bed,
        )
    )  # fmt: skip
    for path in (out, gvcf):
        seen = set()
        with pysam.VariantFile(str(path)) as records:
            for record in records:
                call = record.samples[0]
                diploid = 20_000 <= record.start < 40_000
                seen.add(diploid)
                assert len(call["GT"]) == 1 + diploid
                alleles = len(record.alleles)
                assert len(call["PL"]) == (alleles * (alleles + 1) // 2 if diploid else alleles)
        assert seen == {True, False}


def test_a_mitochondrion_is_called_when_named_and_said_to_be_left_out_when_not(
    dataset: SimulatedDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reference, reads = renamed(dataset, tmp_path, "chrM")
    with pytest.raises(InputError, match=r"No bases are left to call but those of chrM \(mitochondrion\)"):
        call_variants(CallOptions("illumina-wgs", reference, (reads,), str(tmp_path / "none.vcf")))
    for k, options in enumerate(({"regions": ("chrM",)}, {"haploid_contigs": ("chrM",)})):
        out = tmp_path / f"{k}.vcf"
        call_variants(CallOptions("illumina-wgs", reference, (reads,), str(out), device="cpu", **options))
        with pysam.VariantFile(str(out)) as records:
            genotypes = [record.samples[0]["GT"] for record in records]
        assert len(genotypes) > 20
        assert set(genotypes) == {(1,)}
    with reference.open("a") as file:
        file.write(">chr2\n" + "A" * 500 + "\n")
    pysam.faidx(str(reference))
    with pytest.raises(
        InputError, match="has no contig 'chr2'"
    ):  # so the other contig would have been called
        call_variants(CallOptions("illumina-wgs", reference, (reads,), str(tmp_path / "none.vcf")))
    assert "Not called, as only --regions would name them: chrM (mitochondrion)." in capsys.readouterr().err


def renamed(dataset: SimulatedDataset, folder: Path, contig: str) -> tuple[Path, Path]:
    """The data set with another name of its contig."""
    reference, reads = folder / "ref.fa", folder / "reads.bam"
    reference.write_text(dataset.reference.read_text().replace(">chrS", f">{contig}"))
    pysam.faidx(str(reference))
    with pysam.AlignmentFile(str(dataset.reads)) as old:
        header = old.header.to_dict()
        header["SQ"][0]["SN"] = contig
        with pysam.AlignmentFile(str(reads), "wb", header=header) as new:
            for read in old:
                new.write(read)
    pysam.index(str(reads))
    return reference, reads
