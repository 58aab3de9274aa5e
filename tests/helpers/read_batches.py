"""Reads for tests: written down one by one or made from a seed, as a `ReadBatch` or as an alignment file."""

import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pysam

from dvplug.line.read_batch import ReadBatch, ReadTags, TagValues
from dvplug.reads.decode import name_hash
from dvplug.sequence.codes import encode_bases

CIGAR_OPS = {op: code for code, op in enumerate("MIDNSHP=XB")}
READ_OPS, REFERENCE_OPS = "MIS=X", "MDN=X"


class Read(NamedTuple):
    """One alignment, its start 0-based; ``qual`` is one number for all bases, or a list."""

    start: int
    cigar: str
    seq: str
    qual: int | list[int] | None = 30
    flag: int = 0
    mapq: int = 60
    tlen: int = 0
    hp: int | None = None
    name: str = ""
    sa: str = ""  # the tag SA, where there is one

    @property
    def qualities(self) -> list[int]:
        return self.qual if isinstance(self.qual, list) else [self.qual or 0] * len(self.seq)

    @property
    def end(self) -> int:
        return self.start + sum(length for length, op in operations(self.cigar) if op in REFERENCE_OPS)


def operations(cigar: str) -> list[tuple[int, str]]:
    return [(int(length), op) for length, op in re.findall(r"(\d+)([MIDNSHP=X])", cigar)]


def walk(read: Read) -> Iterator[tuple[str, int, int, int]]:
    """Yield each operation as (operation, reference position, index in the read, length)."""
    position, index = read.start, 0
    for length, op in operations(read.cigar):
        yield op, position, index, length
        position += length * (op in REFERENCE_OPS)
        index += length * (op in READ_OPS)


def aligned_pairs(read: Read) -> list[tuple[int, int]]:
    """(reference position, index in the read) of every aligned base."""
    return [(p + i, r + i) for op, p, r, length in walk(read) if op in "M=X" for i in range(length)]


def read_batch(reads: Sequence[Read]) -> ReadBatch:
    """The batch of these reads, which must be in order of start."""
    packed = [[length << 4 | CIGAR_OPS[op] for length, op in operations(r.cigar)] for r in reads]
    return ReadBatch(
        start=np.array([r.start for r in reads], np.int32),
        end=np.array([r.end for r in reads], np.int32),
        flag=np.array([r.flag for r in reads], np.uint16),
        mapping_quality=np.array([r.mapq for r in reads], np.uint8),
        fragment_length=np.array([r.tlen for r in reads], np.int32),
        haplotype=np.array([r.hp or 0 for r in reads], np.uint8),
        name_hash=np.array([name_hash(r.name, r.start, r.flag) for r in reads], np.uint32),
        seq=encode_bases("".join(r.seq for r in reads).encode()),
        qual=np.array([q for r in reads for q in r.qualities], np.uint8),
        base_offset=np.cumsum([0, *(len(r.seq) for r in reads)], dtype=np.int64),
        cigar=np.array([op for cigar in packed for op in cigar], np.uint32),
        cigar_offset=np.cumsum([0, *map(len, packed)], dtype=np.int64),
        tags=ReadTags({"SA": _texts([r.sa for r in reads])} if any(r.sa for r in reads) else {}),
    )


def _texts(texts: Sequence[str]) -> TagValues:
    return TagValues(
        np.array([text != "" for text in texts], np.bool_),
        np.frombuffer("".join(texts).encode(), np.uint8),
        np.cumsum([0, *map(len, texts)], dtype=np.int64),
    )


def random_sequence(rng: random.Random, length: int) -> str:
    """Bases with many homopolymers and tandem repeats."""
    sequence = ""
    while len(sequence) < length:
        unit = "".join(rng.choices("ACGT", k=rng.choice([1, 1, 2, 3, 7])))
        sequence += unit * rng.choice([1, 1, 2, 5])
    return sequence[:length]


def random_reads(rng: random.Random, reference: str, count: int, span: int = 60) -> list[Read]:
    """Reads with every CIGAR operation, mismatches, Ns, and all kinds of qualities, flags and tags."""
    reads = [_random_read(rng, reference, rng.randrange(len(reference) - 2), span) for _ in range(count)]
    reads.sort(key=lambda r: r.start)
    return [read._replace(name=f"r{i}") for i, read in enumerate(reads)]


def gapped_read(rng: random.Random, reference: str, gaps: int) -> Read:
    """A read of a haplotype with so many indels, a few bases apart, and nothing else."""
    position = rng.randrange(20, 30)
    cigar, seq = f"{position}M", reference[:position]
    for left in reversed(range(gaps)):
        length = rng.choice([1, 1, 2, 3, 5])
        if rng.random() < 0.5:
            cigar += f"{length}I"
            seq += reference[position:][:length] if rng.random() < 0.3 else random_sequence(rng, length)
        else:
            cigar += f"{length}D"
            position += length
        between = rng.choice([1, 1, 1, 2, 3, 4]) if left else len(reference) - position
        cigar += f"{between}M"
        seq += reference[position : position + between]
        position += between
    return Read(0, cigar, seq)


def _random_read(rng: random.Random, reference: str, start: int, span: int) -> Read:
    cigar, seq, position = [], "", start
    stop = min(len(reference), start + rng.randrange(2, span))
    clips = [(rng.randrange(1, 9), op) if rng.random() < 0.2 else (0, op) for op in "HSSH"]
    seq += _bases(rng, clips[1][0])
    while position < stop:
        op = rng.choice("MMM=X")
        length = 1 if op == "X" else min(rng.randrange(1, 20), stop - position)
        cigar.append((length, op))
        seq += "".join(_read_base(rng, op, base) for base in reference[position : position + length])
        position += length
        while position < stop - 12 and rng.random() < 0.6:
            op, length = rng.choice("IIIDDDNP"), rng.choice([1, 1, 2, 3, 6])
            cigar.append((length, op))
            if op == "I":
                copied = reference[position : position + length]
                seq += copied if rng.random() < 0.6 else _bases(rng, length)
            position += length * (op in "DN")
    seq += _bases(rng, clips[2][0])
    return Read(
        start, "".join(f"{n}{op}" for n, op in [*clips[:2], *cigar, *clips[2:]] if n), seq,
        [rng.choice([2, 9, 10, 11, 25, 37, 60]) for _ in seq], rng.choice([0, 16, 99, 147]),
        rng.choice([5, 19, 20, 60, 255]), rng.choice([0, 150, -150, 320, -5000]), rng.choice([None, 1, 2]),
    )  # fmt: skip


def _bases(rng: random.Random, length: int) -> str:
    return "".join(rng.choices("ACGT", k=length))


def _read_base(rng: random.Random, op: str, base: str) -> str:
    if op == "=" or (op == "M" and rng.random() < 0.9):
        return base
    return rng.choice([b for b in "ACGTN" if b != base])


def write_fasta(path: Path, contigs: dict[str, str]) -> Path:
    """Write and index a FASTA file."""
    path.write_text("".join(f">{name}\n{sequence}\n" for name, sequence in contigs.items()))
    pysam.faidx(str(path))
    return path


def alignment_file(path: Path, reads: Sequence[Read], contigs: dict[str, str]) -> pysam.AlignmentFile:
    """Write reads of the first contig as text SAM, make the BAM or CRAM at ``path``, index and open it."""
    fasta = write_fasta(path.with_suffix(".fa"), contigs)
    contig = next(iter(contigs))
    lines = ["@HD\tVN:1.6\tSO:coordinate", *(f"@SQ\tSN:{n}\tLN:{len(s)}" for n, s in contigs.items())]
    for i, r in enumerate(reads):
        qual = "*" if r.qual is None else "".join(chr(33 + q) for q in r.qualities) or "*"
        fields = [
            r.name or f"r{i}",
            r.flag,
            contig,
            r.start + 1,
            r.mapq,
            r.cigar,
            "*",
            0,
            r.tlen,
            r.seq or "*",
            qual,
        ]
        tags = [f"HP:i:{r.hp}"] * (r.hp is not None) + [f"SA:Z:{r.sa}"] * (r.sa != "")
        lines.append("\t".join(map(str, [*fields, *tags])))
    sam = path.with_suffix(".sam")
    sam.write_text("\n".join(lines) + "\n")
    kind = "-C" if path.suffix == ".cram" else "-b"
    pysam.view(kind, "-T", str(fasta), "-o", str(path), str(sam), catch_stdout=False)
    pysam.index(str(path))
    return pysam.AlignmentFile(str(path), reference_filename=str(fasta))
