"""What is shown of a site is what is called there."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pysam
import pytest

from dvplug.calling.options import CallOptions
from dvplug.calling.run import call_variants
from dvplug.records.vcf import format_record
from dvplug.show.sites import NoCandidate, show_positions
from dvplug.simulate import SimulatedDataset
from helpers.shared_data import SHARED, needs_shared


def unphased(line: str) -> str:
    """A record without its phase, which other sites decide."""
    *site, names, values = line.rstrip("\n").split("\t")
    if names.endswith(":PS"):
        names, values = names.removesuffix(":PS"), values.rpartition(":")[0]
        genotype, _, rest = values.partition(":")
        values = f"{'/'.join(sorted(genotype.split('|')))}:{rest}"
    return "\t".join((*site, names, values)) + "\n"


@pytest.mark.parametrize("tech", ["illumina-wgs", "pacbio"])
def test_what_is_shown_is_what_is_called(tech: str, dataset: SimulatedDataset, tmp_path: Path) -> None:
    """Every record of a VCF, RefCalls and all, with reads that are realigned and reads that are phased."""
    out = tmp_path / "calls.vcf"
    options = CallOptions(
        tech, dataset.reference, (dataset.reads,), str(out), keep_ref_calls=True, device="cpu", force=True
    )
    call_variants(options)
    lines = [unphased(line) for line in out.read_text().splitlines(keepends=True) if line[0] != "#"]
    positions = list(dict.fromkeys(":".join(line.split("\t")[:2]) for line in lines))
    shown = show_positions(positions, options)
    assert [format_record(site.record) for site in shown.sites] == lines
    assert {len(site.images) for site in shown.sites} > {1}
    for site in shown.sites:
        n = len(site.alts)
        assert len(site.images) == n + n * (n - 1) // 2
        assert all(sum(view.probabilities) == pytest.approx(1, abs=1e-5) for view in site.images)


@needs_shared
def test_what_is_shown_of_real_reads_is_what_is_called(tmp_path: Path) -> None:
    reference = SHARED / "reference" / "b37.chr20_regions.fa.gz"
    reads = SHARED / "illumina" / "HG002_b37.chr20_slices.2x150.60-96x.bam"
    out, where = tmp_path / "calls.vcf", ("20:18,784,000-18,790,000",)
    options = CallOptions(
        "illumina-wgs", reference, (reads,), str(out), where, keep_ref_calls=True, device="cpu"
    )
    call_variants(options)
    lines = [line for line in out.read_text().splitlines(keepends=True) if not line.startswith("#")]
    positions = [":".join(line.split("\t")[:2]) for line in lines]
    assert len(positions) > 10
    shown = show_positions(positions, options)
    assert [format_record(site.record) for site in shown.sites] == lines


def test_ploidy_and_proposals_are_those_of_a_call(dataset: SimulatedDataset, tmp_path: Path) -> None:
    """A haploid contig, and a variant that no read shows; near it are candidates that the reads show."""
    with pysam.FastaFile(str(dataset.reference)) as fasta:
        contig = fasta.references[0]
        start = next(i for i in range(20_000, 30_000) if fasta.fetch(contig, i, i + 1) == "A")
    sites = tmp_path / "sites.vcf"
    sites.write_text(
        f"##fileformat=VCFv4.2\n##contig=<ID={contig}>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        f"{contig}\t{start + 1}\t.\tA\tATTGCAT\t.\t.\t.\n"
    )
    proposed = pysam.tabix_index(str(sites), preset="vcf")
    options = CallOptions(
        "illumina-wgs", dataset.reference, (dataset.reads,), str(tmp_path / "calls.vcf"), device="cpu",
        keep_ref_calls=True, haploid_contigs=(contig,), proposed_variants=Path(proposed),
    )  # fmt: skip
    call_variants(options)
    lines = [line for line in Path(options.out).read_text().splitlines(keepends=True) if line[0] != "#"]
    assert any("PROPOSED" in line for line in lines)
    assert not any("0/1" in line or "1/1" in line for line in lines)
    positions = list(dict.fromkeys(":".join(line.split("\t")[:2]) for line in lines))
    shown = show_positions(positions, options)
    assert [format_record(site.record) for site in shown.sites] == lines


def test_proposals_elsewhere_are_no_mistake(dataset: SimulatedDataset, tmp_path: Path) -> None:
    with pysam.FastaFile(str(dataset.reference)) as fasta:
        contig = fasta.references[0]
    sites = tmp_path / "sites.vcf"
    sites.write_text(
        f"##fileformat=VCFv4.2\n##contig=<ID={contig}>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    )
    proposed = Path(pysam.tabix_index(str(sites), preset="vcf"))
    options = CallOptions("illumina-wgs", dataset.reference, (dataset.reads,), "", proposed_variants=proposed)
    (found,) = show_positions([f"{contig}:9"], options).found
    assert isinstance(found, NoCandidate)


def bases_at(data: SimulatedDataset, start: int, end: int) -> list[Counter[str]]:
    """Bases that reads show at each position, counted by pysam."""
    found = [Counter[str]() for _ in range(start, end)]
    with pysam.AlignmentFile(str(data.reads)) as reads:
        for column in reads.pileup(
            reads.references[0], start, end, truncate=True, stepper="nofilter", ignore_overlaps=False,
            min_base_quality=10, max_depth=10**6,
        ):  # fmt: skip
            for read in column.pileups:
                if not read.alignment.flag & 0xF04 and read.alignment.mapping_quality >= 5:
                    base = "*" if read.is_del else read.alignment.query_sequence[read.query_position]
                    found[column.reference_pos - start][base + "+" * (read.indel != 0)] += 1
    return found


def test_without_a_candidate_the_reads_are_counted(dataset: SimulatedDataset, called: Path) -> None:
    contig = pysam.FastaFile(str(dataset.reference)).references[0]
    with pysam.VariantFile(str(called)) as records:
        taken = [record.start for record in records]
    start, end = taken[3] - 150, taken[3]
    counted = bases_at(dataset, start, end)
    far = [i for i in range(start, end) if min(abs(i - t) for t in taken) > 20]
    options = CallOptions("illumina-wgs", dataset.reference, (dataset.reads,), "")
    shown = show_positions([f"{contig}:{i + 1}" for i in far], options)
    assert not shown.sites
    with_errors = 0
    for at, found in zip(far, shown.found, strict=True):
        assert isinstance(found, NoCandidate)
        bases = counted[at - start]
        if set(bases) == {found.ref}:
            assert found.counts == {}
            assert found.reads >= bases[found.ref]
        elif not any("+" in base or base == "*" for base in bases):
            expected = {base if base == found.ref else f"{found.ref}>{base}": n for base, n in bases.items()}
            assert found.counts == expected
            assert found.depth == sum(bases.values())
            with_errors += 1
        nearest = sorted(taken, key=lambda t: abs(t - at))[: len(found.nearest)]
        assert [site.record.start for site in found.nearest] == sorted(nearest)
    assert with_errors
