"""The whole inputs that are broken, and the kinds of breaking: which file, how, and what it is then given to."""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from unittest.mock import patch

import pysam

import dvplug_illumina
from dvplug.calling.options import CallOptions
from dvplug.calling.run import call_variants
from dvplug.cohort.sheet import read_sheet
from dvplug.evaluate import evaluate
from dvplug.joint.run import joint_genotype
from dvplug.simulate import simulate_dataset
from dvplug_lab.fuzzing.mutations import (
    make_all_alike,
    mutate_bytes,
    mutate_json,
    mutate_records,
    mutate_text,
    mutate_vcf,
)
from dvplug_registry.sources import sources

TECHNOLOGY = "illumina-wgs"
LENGTH, DEPTH = 5_000, 14.0
ADDED_REGISTRY = [{"name": "mirror", "url": "https://models.example.org/"}]
ODD_HEADER = (
    "@RG\tID:other\tSM:simulated\tPL:ILLUMINA\tDS:of a library\n"
    "@PG\tID:aligner\tPN:aligner\tCL:aligner -t 2 ref reads\n@CO\ta comment\n"
)
Where = Literal["everywhere", "targets", "outside targets"]
Break = Callable[[bytes, random.Random], bytes]


@dataclass(frozen=True)
class Kind:
    """One way to break inputs.

    Attributes
    ----------
    file
        The file of the inputs' folder that is broken.
    broken
        How its content is.
    command
        What is run: ``call`` with BAM, CRAM, a BED file or proposed variants, ``evaluate``, ``joint``, or what reads.
    afterwards
        What is done to the broken file, such as to compress or to index it; may fail, as it is broken.
    same
        What holds the data is whole, so that there is only one right output.
    alignments
        It is a file of reads: what is called of it must be what is called of all the reads that samtools reads of it.
    """

    file: str
    broken: Break
    command: str
    afterwards: Callable[[Path], None] = lambda path: None
    same: bool = False
    alignments: bool = False


def make_inputs(folder: Path, seed: int) -> None:
    """Write small whole inputs: reference, BAM, CRAM 3.0 and 2.1, BED, VCFs, a gVCF, a sheet, a model's folder."""
    data = simulate_dataset(folder, length=LENGTH, depth=DEPTH, seed=seed)
    for name, version in (("reads", "3.0"), ("old", "2.1")):
        with (
            pysam.AlignmentFile(str(data.reads)) as reads,
            pysam.AlignmentFile(
                str(folder / f"{name}.cram"), "wc", template=reads, reference_filename=str(data.reference),
                format_options=[f"version={version}".encode()],
            ) as cram,
        ):  # fmt: skip
            for read in reads:
                cram.write(read)
        pysam.index(str(folder / f"{name}.cram"))
    (folder / "stored.unpacked").write_bytes(gzip.decompress(data.reads.read_bytes()))
    pack_bam(folder / "stored.unpacked")
    with pysam.AlignmentFile(str(data.reads)) as reads:
        (folder / "header.sam").write_text(str(reads.header) + ODD_HEADER)
    shutil.copyfile(data.reads, folder / "odd.unpacked")
    (folder / "registries.json").write_text(json.dumps(ADDED_REGISTRY))
    for name in ("odd", "headed"):
        shutil.copyfile(data.reads, folder / f"{name}.bam")
        pysam.index(str(folder / f"{name}.bam"))
    (folder / "reads.cram.crai.txt").write_bytes(gzip.decompress((folder / "reads.cram.crai").read_bytes()))
    (folder / "targets.bed").write_text("# where to call\nchrS\t100\t1500\nchrS\t1600\t1700\tname\t0\t+\n")
    (folder / "truth.vcf").write_bytes(gzip.decompress(data.truth.read_bytes()))
    models = Path(dvplug_illumina.__file__).parent / "models"
    shutil.copytree(next(models.glob(f"{TECHNOLOGY}-1.*")), folder / "model")
    run_call(folder, folder / "calls.vcf.gz", gvcf=str(folder / "calls.g.vcf.gz"))
    (folder / "calls.g.vcf").write_bytes(gzip.decompress((folder / "calls.g.vcf.gz").read_bytes()))
    (folder / "samples.tsv").write_text(f"sample\tbam\tsex\tfather\ns1\t{folder / 'reads.bam'}\tmale\t\n")
    (folder / "calls.vcf").write_bytes(gzip.decompress((folder / "calls.vcf.gz").read_bytes()))


def run_call(
    folder: Path,
    out: Path,
    reads: str = "reads.bam",
    where: Where = "everywhere",
    gvcf: str | None = None,
    proposed: Path | None = None,
) -> None:
    """Call reads of a folder of inputs, in this process: everywhere, inside its targets.bed alone, or outside it."""
    targets = folder / "targets.bed"
    call_variants(
        CallOptions(
            TECHNOLOGY, folder / "reference.fa", (folder / reads,), str(out), device="cpu", offline=True,
            regions=(str(targets),) if where == "targets" else (),
            exclude_regions=(targets,) if where == "outside targets" else (),
            model=str(folder / "model"), gvcf=gvcf, proposed_variants=proposed,
        )
    )  # fmt: skip


def run_evaluate(folder: Path, out: Path, truth: str = "truth.vcf", query: str = "calls.vcf") -> None:
    """Evaluate the calls of a folder, with files of what is right and wrong."""
    evaluate(
        folder / truth,
        folder / query,
        folder / "confident.bed",
        folder / "reference.fa",
        out_dir=out.parent / "eval",
    )


def run_joint(folder: Path, out: Path) -> None:
    """Genotype a cohort of one."""
    joint_genotype([folder / "calls.g.vcf.gz"], folder / "reference.fa", out)


def list_samples(folder: Path, out: Path) -> None:
    """Read a sample sheet."""
    read_sheet(folder / "samples.tsv")


def list_registries(folder: Path, out: Path) -> None:
    """Read which registries the user added."""
    with patch.dict(os.environ, {"DVPLUG_HOME": str(folder)}):
        sources()


COMMANDS: dict[str, Callable[[Path, Path], None]] = {
    "call": run_call,
    "call stored BAM": lambda folder, out: run_call(folder, out, "stored.bam"),
    "call odd BAM": lambda folder, out: run_call(folder, out, "odd.bam"),
    "call headed BAM": lambda folder, out: run_call(folder, out, "headed.bam"),
    "list registries": list_registries,
    "call CRAM": lambda folder, out: run_call(folder, out, "reads.cram"),
    "call old CRAM": lambda folder, out: run_call(folder, out, "old.cram"),
    "call BED": lambda folder, out: run_call(folder, out, where="targets"),
    "call model": lambda folder, out: run_call(folder, out, where="outside targets"),
    "call proposed": lambda folder, out: run_call(folder, out, proposed=folder / "truth.vcf.gz"),
    "joint": run_joint,
    "sheet": list_samples,
    "evaluate": run_evaluate,
    "evaluate gz": lambda folder, out: run_evaluate(folder, out, "truth.vcf.gz", "calls.vcf.gz"),
}


def pack_bam(path: Path) -> None:
    """Pack broken BAM records as if they were whole, and index them if that can be done.

    They are stored, not compressed. So where they lie does not change, and the whole file's index leads to them.
    """
    bam = path.with_suffix(".bam")
    with pysam.BGZFile(str(bam), "wb0") as out:
        out.write(path.read_bytes())
    index(bam)


def make_odd(path: Path) -> None:
    """Sort and index reads of odd fields."""
    pysam.sort("-o", str(path.with_suffix(".bam")), str(path))
    index(path.with_suffix(".bam"))


def give_header(path: Path) -> None:
    """Give the reads a header's text, whatever it is; the binary list of contigs stays."""
    data = gzip.decompress((path.parent / "reads.bam").read_bytes())
    end = 8 + int.from_bytes(data[4:8], "little")
    text = path.read_bytes()
    with pysam.BGZFile(str(path.parent / "headed.bam"), "wb") as out:
        out.write(data[:4] + len(text).to_bytes(4, "little") + text + data[end:])
    index(path.parent / "headed.bam")


def pack_crai(path: Path) -> None:
    """Compress a CRAM index."""
    path.with_suffix("").write_bytes(gzip.compress(path.read_bytes()))


def index(path: Path) -> None:
    """Index a BAM; keep the old index where it cannot be."""
    try:
        pysam.index(str(path))
    except pysam.SamtoolsError:
        return


def pack_vcf(path: Path) -> None:
    """Compress a VCF by bgzip and index it; keep the old file where it cannot be indexed."""
    packed = path.with_name(f"{path.name}.gz")
    with pysam.BGZFile(str(packed), "wb") as out:
        out.write(path.read_bytes())
    try:
        pysam.tabix_index(str(packed), preset="vcf", force=True)
    except (OSError, ValueError):
        return


def index_fasta(path: Path) -> None:
    """Index a FASTA; keep the old index where it cannot be."""
    try:
        pysam.faidx(str(path))
    except pysam.SamtoolsError:
        return


KINDS: dict[str, Kind] = {
    "BAM, compressed bytes": Kind("reads.bam", mutate_bytes, "call", alignments=True),
    "BAM, records": Kind("stored.unpacked", mutate_bytes, "call stored BAM", pack_bam, alignments=True),
    "BAM, fields of records": Kind(
        "stored.unpacked", mutate_records, "call stored BAM", pack_bam, alignments=True
    ),
    "BAM, fields of all reads": Kind(
        "odd.unpacked", make_all_alike, "call odd BAM", make_odd, alignments=True
    ),
    "BAM, header": Kind("header.sam", mutate_text, "call headed BAM", give_header),
    "BAM index": Kind("reads.bam.bai", mutate_bytes, "call", same=True),
    "CRAM 3.0": Kind("reads.cram", mutate_bytes, "call CRAM", alignments=True),
    "CRAM 2.1 (no checksums)": Kind("old.cram", mutate_bytes, "call old CRAM"),
    "CRAM index": Kind("reads.cram.crai.txt", mutate_text, "call CRAM", pack_crai, same=True),
    "list of registries": Kind("registries.json", mutate_json, "list registries"),
    "FASTA": Kind("reference.fa", mutate_text, "call"),
    "FASTA, indexed anew": Kind("reference.fa", mutate_text, "call", index_fasta),
    "FASTA index": Kind("reference.fa.fai", mutate_text, "call", same=True),
    "BED of regions": Kind("targets.bed", mutate_text, "call BED"),
    "BED of exclusions, model's manifest": Kind("model/manifest.json", mutate_json, "call model"),
    "truth VCF": Kind("truth.vcf", mutate_vcf, "evaluate"),
    "query VCF": Kind("calls.vcf", mutate_vcf, "evaluate"),
    "truth VCF, compressed bytes": Kind("truth.vcf.gz", mutate_bytes, "evaluate gz"),
    "query VCF, compressed bytes": Kind("calls.vcf.gz", mutate_bytes, "evaluate gz"),
    "gVCF": Kind("calls.g.vcf", mutate_vcf, "joint", pack_vcf),
    "gVCF, compressed bytes": Kind("calls.g.vcf.gz", mutate_bytes, "joint"),
    "gVCF index": Kind("calls.g.vcf.gz.tbi", mutate_bytes, "joint", same=True),
    "proposed variants": Kind("truth.vcf", mutate_vcf, "call proposed", pack_vcf),
    "sample sheet": Kind("samples.tsv", mutate_text, "sheet"),
    "BED of confident regions": Kind("confident.bed", mutate_text, "evaluate"),
}
