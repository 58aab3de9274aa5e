"""Data whose shape is unusual: genomes of very many contigs, and reads that are longer than many partitions."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pysam
from rich.table import Table

from dvplug.line.region import Region
from dvplug.sequence.arrays import UInt8s
from dvplug.system.console import info
from dvplug_lab.commands import require
from dvplug_lab.comparison import peers
from dvplug_lab.speed.processes import measure

READ_LENGTH, FRAGMENT = 150, 400
ERROR_P = 0.002
"""Share of the bases of short reads that are wrong."""
LONG_ERROR_P = 0.03
"""Share of the bases of long reads that are wrong; a third each are substituted, inserted before, and deleted."""
SNP_EVERY = 1000
"""bp between heterozygous SNPs."""
_BASES = np.frombuffer(b"ACGT", np.uint8)


def many_contigs(
    folder: Path, *, contigs: int, length: int, depth: float, seed: int, with_reads: int | None = None
) -> tuple[Path, Path]:
    """Make a random genome, heterozygous at every `SNP_EVERY` bp, with pairs of short reads.

    Parameters
    ----------
    contigs, length
        How many there are, and bp of each, at least twice `FRAGMENT`.
    depth
        Mean number of reads over a position.
    with_reads
        Contigs that reads lie on, spread over all; all by default.

    Returns
    -------
    reference, reads
        An indexed FASTA file and an indexed BAM file.
    """
    rng = np.random.default_rng(seed)
    chosen = set(range(contigs)[:: contigs // with_reads]) if with_reads else set(range(contigs))
    reference = folder / "reference.fa"
    sequences: dict[int, UInt8s] = {}
    with reference.open("wb") as file:
        for number in range(contigs):
            sequence = _BASES[rng.integers(0, 4, length)]
            file.write(b">contig%d\n%b\n" % (number, sequence.tobytes()))
            if number in chosen:
                sequences[number] = sequence
    pysam.faidx(str(reference))
    lines = (
        line
        for number, sequence in sequences.items()
        for line in _pairs(f"contig{number}", sequence, int(depth * length / READ_LENGTH / 2), rng)
    )
    names = ((f"contig{number}", length) for number in range(contigs))
    return reference, _write_bam(folder / "reads.bam", names, "ILLUMINA", lines)


def _pairs(contig: str, sequence: UInt8s, pairs: int, rng: np.random.Generator) -> Iterator[str]:
    """Yield the SAM lines of pairs of one contig, in order."""
    haplotypes = np.stack([sequence, sequence])
    haplotypes[1, SNP_EVERY // 2 :: SNP_EVERY] = _other(sequence[SNP_EVERY // 2 :: SNP_EVERY], rng)
    first = rng.integers(0, len(sequence) - FRAGMENT + 1, pairs)
    start = np.concatenate([first, first + FRAGMENT - READ_LENGTH])
    which = np.tile(rng.integers(0, 2, pairs), 2)
    bases = haplotypes[which[:, None], start[:, None] + np.arange(READ_LENGTH)]
    wrong = rng.random(bases.shape) < ERROR_P
    bases[wrong] = _other(bases[wrong], rng)
    qualities = (rng.choice([37, 25, 11], bases.shape, p=[0.85, 0.1, 0.05]) + 33).astype(np.uint8)
    qualities[wrong] = 11 + 33
    for i in np.argsort(start, kind="stable").tolist():
        mate = (i + pairs) % (2 * pairs)
        flag, span = (99, FRAGMENT) if i < pairs else (147, -FRAGMENT)
        yield (
            f"{contig}_{i % pairs}\t{flag}\t{contig}\t{start[i] + 1}\t60\t{READ_LENGTH}M\t=\t{start[mate] + 1}\t"
            f"{span}\t{bases[i].tobytes().decode()}\t{qualities[i].tobytes().decode()}\tRG:Z:a\n"
        )


def long_reads(folder: Path, *, contig: int, length: int, depth: float, seed: int) -> tuple[Path, Path]:
    """Make a random contig, heterozygous at every `SNP_EVERY` bp, with long reads of one length.

    Parameters
    ----------
    contig, length
        bp of the contig, and of the reference under each read.
    depth
        Mean number of reads over a position.

    Returns
    -------
    reference, reads
        An indexed FASTA file and an indexed BAM file.
    """
    rng = np.random.default_rng(seed)
    sequence = _BASES[rng.integers(0, 4, contig)]
    reference = folder / "reference.fa"
    reference.write_bytes(b">contig\n%b\n" % sequence.tobytes())
    pysam.faidx(str(reference))
    other = sequence.copy()
    other[SNP_EVERY // 2 :: SNP_EVERY] = _other(sequence[SNP_EVERY // 2 :: SNP_EVERY], rng)
    starts = np.sort(rng.integers(0, contig - length + 1, round(depth * contig / length)))
    lines = (
        _long_read(f"read{number}", (sequence, other)[number % 2][start : start + length], start, rng)
        for number, start in enumerate(starts.tolist())
    )
    return reference, _write_bam(folder / "reads.bam", [("contig", contig)], "ONT", lines)


def _long_read(name: str, truth: UInt8s, start: int, rng: np.random.Generator) -> str:
    """Return the SAM line of a read of these bases, aligned where they are."""
    kind = np.where(rng.random(len(truth)) < LONG_ERROR_P, rng.integers(0, 3, len(truth)), -1)
    kind[[0, -1]] = -1
    bases = truth.copy()
    bases[kind == 0] = _other(truth[kind == 0], rng)
    kept, inserted = np.flatnonzero(kind != 2), np.flatnonzero(kind == 1)
    order = np.argsort(np.concatenate([2 * kept + 1, 2 * inserted]), kind="stable")
    read = np.concatenate([bases[kept], _BASES[rng.integers(0, 4, len(inserted))]])[order]
    steps = np.zeros(2 * len(truth), np.int8)  # of each base: one inserted before it, and itself
    steps[1::2] = np.where(kind == 2, 2, 0)
    steps[0::2] = np.where(kind == 1, 1, -1)
    steps = steps[steps >= 0]
    firsts = np.flatnonzero(np.diff(steps, prepend=-1))
    lengths = np.diff(np.append(firsts, len(steps)))
    cigar = "".join(
        f"{n}{'MID'[step]}" for n, step in zip(lengths.tolist(), steps[firsts].tolist(), strict=True)
    )
    quality = (rng.integers(12, 35, len(read)) + 33).astype(np.uint8)
    return (
        f"{name}\t{16 * int(rng.integers(0, 2))}\tcontig\t{start + 1}\t60\t{cigar}\t*\t0\t0\t"
        f"{read.tobytes().decode()}\t{quality.tobytes().decode()}\tRG:Z:a\n"
    )


def _other(bases: UInt8s, rng: np.random.Generator) -> UInt8s:
    """Return another base for each of these letters."""
    return _BASES[(np.searchsorted(_BASES, bases) + rng.integers(1, 4, bases.shape)) % 4]


def _write_bam(path: Path, contigs: Iterable[tuple[str, int]], platform: str, lines: Iterable[str]) -> Path:
    """Write SAM lines, in order, as an indexed BAM file."""
    require("samtools")
    writer = subprocess.Popen(
        ["samtools", "view", "-b", "--no-PG", "-o", str(path), "-"], stdin=subprocess.PIPE, text=True
    )
    assert writer.stdin is not None
    with writer.stdin as text:
        text.write("@HD\tVN:1.6\tSO:coordinate\n")
        text.writelines(f"@SQ\tSN:{name}\tLN:{length}\n" for name, length in contigs)
        text.write(f"@RG\tID:a\tSM:sample\tPL:{platform}\n")
        text.writelines(lines)
    if writer.wait():
        raise subprocess.CalledProcessError(writer.returncode, writer.args)
    pysam.index(str(path))
    return path


def cost_table(chosen: Sequence[str], scale: float, seed: int) -> Table:
    """Make data of these shapes, as `SHAPES` names them, and call them with dvplug and with bcftools.

    Parameters
    ----------
    scale
        Of the numbers of contigs, and of the length of the contig under long reads.
    """
    table = Table("data", "CPU s of dvplug", "of bcftools", "peak MB of dvplug")
    for name in chosen:
        tech, make = SHAPES[name]
        with TemporaryDirectory(prefix="shapes-") as temporary:
            folder = Path(temporary)
            info(f"Making: {name}")
            reference, reads = make(folder, scale, seed)
            with pysam.FastaFile(str(reference)) as fasta:
                somewhere = Region(fasta.references[0], 0, READ_LENGTH)
            # Loads and compiles; the calls of one shape follow each other, so that the machine is alike.
            measure(peers.dvplug(tech, reference, reads, folder / "warm.vcf.gz", [somewhere]))
            ours = measure(peers.dvplug(tech, reference, reads, folder / "dvplug.vcf.gz"))
            theirs = measure(peers.bcftools(reference, reads, folder / "bcftools.vcf.gz", tech=tech))
        table.add_row(name, f"{ours.cpu_s:.1f}", f"{theirs.cpu_s:.1f}", f"{ours.peak_mb[0]:.0f}")
    return table


def _contigs(
    folder: Path, scale: float, seed: int, *, number: int, length: int, depth: float
) -> tuple[Path, Path]:
    return many_contigs(folder, contigs=max(1, int(number * scale)), length=length, depth=depth, seed=seed)


def _few_with_reads(folder: Path, scale: float, seed: int) -> tuple[Path, Path]:
    return many_contigs(
        folder, contigs=max(20, int(1_500_000 * scale)), length=1000, depth=30, seed=seed, with_reads=20
    )


def _long(folder: Path, scale: float, seed: int, *, length: int) -> tuple[Path, Path]:
    contig = max(int(2_200_000 * scale), 20_000)
    return long_reads(folder, contig=contig, length=min(length, contig), depth=11, seed=seed)


SHAPES: dict[str, tuple[str, Callable[[Path, float, int], tuple[Path, Path]]]] = {
    "contigs-1kb": ("illumina-wgs", partial(_contigs, number=20_000, length=1000, depth=30)),
    "contigs-1kb-6x": ("illumina-wgs", partial(_contigs, number=20_000, length=1000, depth=6)),
    "contigs-20kb": ("illumina-wgs", partial(_contigs, number=1000, length=20_000, depth=30)),
    "contigs-without-reads": ("illumina-wgs", _few_with_reads),
    "reads-2Mb": ("ont", partial(_long, length=2_000_000)),
    "reads-20kb": ("ont", partial(_long, length=20_000)),
}
"""Technology, and what makes the data in a folder."""
