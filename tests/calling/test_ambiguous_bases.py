"""IUPAC codes in the reference: no record has such a base in its REF, whatever letter VCF would want there."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pysam
import pytest

import dvplug
from dvplug.genome.reference import Reference
from dvplug.simulate import SimulatedDataset

CODES = "RYKMSWBDHV"


@pytest.fixture(scope="module")
def coded(dataset: SimulatedDataset, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[int], Path]:
    """The reference with codes where variants are, their 0-based places, and a VCF that proposes variants there."""
    folder = tmp_path_factory.mktemp("iupac")
    with pysam.FastaFile(str(dataset.reference)) as fasta, pysam.VariantFile(str(dataset.truth)) as truth:
        (contig,) = fasta.references
        bases = list(fasta.fetch(contig))
        variants = [(record.start, record.ref, record.alts[0]) for record in truth]
    snps = [v for v in variants if len(v[1]) == len(v[2]) == 1][5:15]
    indels = [v for v in variants if len(v[1]) != len(v[2])][2:12]
    rows, places = [], set()
    for i, (start, ref, alt) in enumerate([*snps, *indels]):
        at = start + len(ref) - 1  # the last base of a deletion, the anchor of an insertion
        bases[at] = CODES[i % len(CODES)] if i % 2 else CODES[i % len(CODES)].lower()
        places.add(at)
        rows.append((start, ref, alt))
        rows.append((at, bases[at].upper(), "A" if bases[at].upper() != "A" else "C"))
    reference = folder / "reference.fa"
    reference.write_text(f">{contig}\n{''.join(bases)}\n")
    pysam.faidx(str(reference))
    plain = folder / "proposed.vcf"
    lines = [f"{contig}\t{p + 1}\t.\t{ref}\t{alt}\t.\t.\t.\n" for p, ref, alt in sorted(rows)]
    start, ref, alt = next(v for v in variants if not any(abs(v[0] - p) < 100 for p in places))
    lines.append(f"{contig}\t{start + 1}\t.\t{ref}\t{alt}\t.\t.\t.\n")
    lines.sort(key=lambda line: int(line.split("\t")[1]))
    plain.write_text(
        f"##fileformat=VCFv4.2\n##contig=<ID={contig},length={len(bases)}>\n"
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n" + "".join(lines)
    )
    proposed = Path(pysam.tabix_index(str(plain), preset="vcf", force=True))
    return reference, places, proposed


@pytest.mark.parametrize("propose", [False, True])
def test_no_record_covers_an_ambiguous_base(
    dataset: SimulatedDataset,
    coded: tuple[Path, set[int], Path],
    tmp_path: Path,
    propose: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    reference, places, proposed = coded
    out, gvcf = tmp_path / "x.vcf.gz", tmp_path / "x.g.vcf.gz"
    options = {"proposed_variants": proposed} if propose else {}
    dvplug.call("illumina-wgs", reference, dataset.reads, out, gvcf=gvcf, device="cpu", **options)
    if propose:
        said = capsys.readouterr().err
        assert "1 proposed alleles are genotyped" in said
        assert f"{2 * len(places)} at an ambiguous base" in said
    with Reference.open(reference) as opened:
        for path in (out, gvcf):
            with pysam.VariantFile(str(path)) as records:
                covered = [
                    (r.start, r.ref) for r in records if opened.is_ambiguous(r.contig, r.start, r.stop)
                ]
            assert covered == []
    if shutil.which("bcftools"):
        for path in (out, gvcf):
            command = ["bcftools", "norm", "--check-ref", "e", "-f", reference, "-o", "/dev/null", path]
            checked = subprocess.run(command, capture_output=True, text=True, check=False)
            assert checked.returncode == 0, checked.stderr


def test_which_bases_are_ambiguous(tmp_path: Path) -> None:
    path = tmp_path / "x.fa"
    path.write_text(f">c\nACGTNacgtn{CODES}\n")
    pysam.faidx(str(path))
    with Reference.open(str(path)) as reference:
        assert [reference.is_ambiguous("c", i, i + 1) for i in range(20)] == [False] * 10 + [True] * 10
        assert not reference.is_ambiguous("c", 0, 10)
        assert reference.is_ambiguous("c", 9, 11)
