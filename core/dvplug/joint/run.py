"""`joint_genotype`: the gVCFs of many samples to one VCF of all."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pysam

from dvplug.errors import InputError, Problems
from dvplug.genome.contigs import and_more, contig_hint
from dvplug.genome.pedigree import Pedigree
from dvplug.genome.reference import Reference
from dvplug.genome.regions import partitions, resolve_regions
from dvplug.joint import DE_NOVO_RATE
from dvplug.joint.gvcfs import SYMBOLS, index_of
from dvplug.joint.region import JointJob, RegionGenotyper
from dvplug.joint.store import SUFFIX, StoreOutput, is_store, reserved_store
from dvplug.joint.text import header
from dvplug.joint.written import CohortOutput
from dvplug.system.console import warn
from dvplug.system.htslib import isolated_htslib
from dvplug.system.indexes import IndexEnd, ends_by_indexes, ends_there, unreadable_index
from dvplug.system.input_states import InputStates
from dvplug.system.locations import StrPath, require_file
from dvplug.system.outputs import Output, reserved
from dvplug.system.workers import map_in_order, require_processes

OUTPUTS = (".vcf.gz", ".vcf", ".bcf", SUFFIX)
_SAMPLE_BP = 50_000_000
"""bp of a region times samples: what is in memory of all of them at a time."""
_LEAST_BP, _MOST_BP = 5_000, 500_000
_FIRST = 100
"""Records of a file by which a gVCF is known."""


def region_bp(samples: int) -> int:
    """Size of the regions in which so many samples are genotyped: what is in memory does not grow with them."""
    return min(max(_SAMPLE_BP // samples, _LEAST_BP), _MOST_BP)


@dataclass(frozen=True)
class JointSummary:
    """What was written.

    Attributes
    ----------
    samples
        Names, in the order of the columns.
    sites
        Records.
    new
        Children that have a new mutation (hiConfDeNovo), to how many.
    """

    samples: tuple[str, ...]
    sites: int
    new: dict[str, int]


def joint_genotype(
    gvcfs: Sequence[StrPath],
    ref: StrPath,
    out: StrPath,
    *,
    pedigree: StrPath | None = None,
    de_novo_rate: float = DE_NOVO_RATE,
    regions: Sequence[str] = (),
    workers: int = 1,
    region_size: int | None = None,
) -> JointSummary:
    """Genotype samples together, from their gVCFs, as `dvplug joint` does.

    The output depends on neither the order of the files, nor the number of workers, nor the size of regions.

    Parameters
    ----------
    gvcfs
        gVCFs of one sample each, compressed with bgzip and indexed: of dvplug, DeepVariant or GATK.
    ref
        Reference FASTA, indexed, that all of them were called with.
    out
        What to write: ``.vcf.gz``, ``.bcf`` (both indexed), ``.vcf``, or ``.vcz``, VCF Zarr, which needs the
        extra ``dvplug[zarr]``.
    pedigree
        PED file: the genotypes of families are revised by Mendel's laws, and children's new mutations are told.
    de_novo_rate
        Chance of a new mutation in a gamete at a site of the cohort.
    regions
        Literals and BED files, as of `dvplug.call`; none is the whole genome. A site belongs to the region in which the
        sites that overlap it begin.
    workers
        Processes.
    region_size
        bp that are worked on at a time; the default goes by the number of samples.

    Raises
    ------
    InputError
        Inputs that do not fit, all that is wrong at once; a file that is damaged; an output that cannot be written.
    """
    require_processes(workers)
    paths = [os.fspath(path) for path in gvcfs]
    place = Path(out)
    inputs = [*map(Path, paths), Path(ref), *([Path(pedigree)] if pedigree else [])]
    with _reserved(place, inputs):
        states = InputStates.of(inputs)
        job, lengths = _job(paths, ref, pedigree, de_novo_rate, everywhere=not regions)
        size = region_size or region_bp(len(paths))
        wanted = partitions(resolve_regions(list(regions), [], lengths), size)
        head = header(lengths, job.samples, Path(ref).name, family_rate=de_novo_rate if pedigree else None)
        sites, new = 0, dict.fromkeys((job.samples[child] for child in job.children), 0)
        with _written(place, head) as written, states.watched():
            for found in map_in_order(RegionGenotyper, job, wanted, workers):
                written.add(found.text)
                sites += found.sites
                for child, count in found.new.items():
                    new[child] += count
    return JointSummary(job.samples, sites, new)


def _reserved(place: Path, inputs: Sequence[Path]) -> AbstractContextManager[None]:
    return reserved_store(place) if is_store(place) else reserved([Output("--out", place, OUTPUTS)], inputs)


def _written(place: Path, head: str) -> CohortOutput | StoreOutput:
    return StoreOutput(place, head) if is_store(place) else CohortOutput(place, head)


def _job(
    paths: Sequence[str], ref: StrPath, pedigree: StrPath | None, rate: float, *, everywhere: bool
) -> tuple[JointJob, dict[str, int]]:
    """Look at all inputs; raises InputError of everything that is wrong at once."""
    if not paths:
        raise InputError("No gVCF was given", repair="Name at least one.")
    if not 0 < rate < 0.5:
        raise InputError(f"--de-novo-rate {rate:g} is no such chance", repair="Give one between 0 and 0.5.")
    with Reference.open(ref) as reference:
        lengths = dict(reference.lengths)
    problems = Problems()
    named: dict[str, str] = {}
    for path in paths:
        with problems.collect():
            sample = _sample_of(path, lengths, ref, everywhere=everywhere)
            if sample in named:
                raise InputError(
                    f"gVCFs {named[sample]} and {path} are of one sample",
                    cause=f"both name it '{sample}'",
                    repair="Leave one out, or rename a sample with `bcftools reheader`.",
                )
            named[sample] = path
    samples = tuple(sorted(named))
    children: dict[int, tuple[int, int]] = {}
    if pedigree and named:
        with problems.collect():
            number = {name: index for index, name in enumerate(samples)}
            for child, father, mother in Pedigree.read(pedigree, samples).children:
                children[number[child]] = number.get(father, -1), number.get(mother, -1)
    problems.raise_all()
    files = tuple(named[sample] for sample in samples)
    return JointJob(files, samples, os.fspath(ref), children, rate), lengths


@isolated_htslib()
def _sample_of(path: str, lengths: dict[str, int], ref: StrPath, *, everywhere: bool) -> str:
    """Name of a gVCF's sample, once the file was looked at; raises InputError."""
    require_file(path, "gVCF")
    ends = ends_by_indexes(path)
    try:
        with pysam.VariantFile(path) as file:
            samples, contigs = list(file.header.samples), dict(_lengths(file))
            compressed = file.format == "VCF" and file.compression == "BGZF"
        alts = _first_alts(path) if compressed else []
    except (OSError, ValueError, NotImplementedError) as error:
        raise InputError(f"gVCF {path} is not a readable VCF", cause=str(error)) from error
    if not compressed:
        raise InputError(
            f"gVCF {path} is not compressed with bgzip",
            cause="it is read by position",
            repair=f"bgzip {path}, then bcftools index -t.",
        )
    _check_index(path, ends)
    if len(samples) != 1:
        raise InputError(
            f"gVCF {path} has {len(samples)} samples, one is needed",
            cause=", ".join(samples[:5]),
            repair="Give the gVCF of each sample.",
        )
    if not samples[0].isprintable():
        raise InputError(
            f"Sample name {samples[0]!r} of gVCF {path} cannot be written to VCF",
            cause="it has control characters",
            repair="Give the sample another name with `bcftools reheader -s`.",
        )
    if not alts:
        warn(f"gVCF {path} has no records: the genotypes of '{samples[0]}' are ./. everywhere.")
    elif not any(alt in (*SYMBOLS, ".") for each in alts for alt in each.split(",")):
        raise InputError(
            f"{path} is a VCF of variants, and no gVCF",
            cause=f"none of its first records has {' or '.join(SYMBOLS)}",
            repair="Give the gVCF of the same run, as `dvplug call --gvcf` writes it.",
        )
    _check_contigs(path, contigs, lengths, ref, everywhere=everywhere)
    return str(samples[0])


def _check_contigs(
    path: str, contigs: dict[str, int | None], lengths: dict[str, int], ref: StrPath, *, everywhere: bool
) -> None:
    """Raise InputError where contigs are of another reference, or where records of some would not be read."""
    for contig, length in contigs.items():
        if length and lengths.get(contig, length) != length:
            raise InputError(
                f"gVCF {path} is of another reference than {ref}",
                cause=f"contig '{contig}' has {length:,} bp there, and {lengths[contig]:,} here",
                repair="Give the reference that it was called with.",
            )
    if contigs and not contigs.keys() & lengths.keys():
        raise InputError(
            f"gVCF {path} and {ref} have no contig in common",
            cause=contig_hint(next(iter(contigs)), lengths),
            repair="Give the reference that it was called with.",
        )
    if everywhere and (beyond := _contigs_beyond(path, lengths)):
        hint = contig_hint(beyond[0], lengths)
        raise InputError(
            f"gVCF {path} has records on contig '{beyond[0]}', which {ref} has not{and_more(beyond)}",
            cause="they would be left out",
            repair=f"{hint} Give the reference that it was called with, or the contigs that are wanted by "
            "--regions.".strip(),
        )


def _contigs_beyond(path: str, lengths: dict[str, int]) -> list[str]:
    """Contigs with records that are not among these; an index may name others, too. Raises InputError."""
    index = index_of(path)
    assert index
    try:
        with pysam.TabixFile(path, index=str(index)) as file:
            return [contig for contig in file.contigs if contig not in lengths and _has_records(file, contig)]
    except (OSError, ValueError) as error:
        raise unreadable_index(path, index, error) from error


def _has_records(file: pysam.TabixFile, contig: str) -> bool:
    try:
        return next(file.fetch(contig), None) is not None
    except (OSError, ValueError):  # damaged, and there
        return True


def _check_index(path: str, ends: Sequence[IndexEnd]) -> None:
    """Raise InputError where the index is missing, or another file's; warn where it may be."""
    index = index_of(path)
    if index is None:
        raise InputError(
            f"gVCF {path} has no index", cause="it is read by position", repair=f"bcftools index -t {path}"
        )
    if not ends_there(Path(path), ends[0]):
        raise InputError(
            f"The index {index} is not of {path}",
            cause="records lie elsewhere than it says: the file was changed since, or it is another file's",
            repair=f"Make it anew: bcftools index -f -t {path}",
        )
    if index.stat().st_mtime < Path(path).stat().st_mtime:
        warn(f"The index of {path} is older than the file: if its records changed, run bcftools index -f -t.")


def _first_alts(path: str) -> list[str]:
    """ALT of the first records."""
    with pysam.BGZFile(path) as file:
        records = islice((line for line in file if not line.startswith(b"#")), _FIRST)
        return [alt for line in records for alt in line.decode().split("\t", 5)[4:5]]


def _lengths(file: pysam.VariantFile) -> Iterator[tuple[str, int | None]]:
    for name, contig in file.header.contigs.items():
        yield name, contig.length
