"""Pairs of neighbouring variants of one sample, reads of it, and an oracle that applies a VCF to the reference."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pysam

from dvplug.line.record import REF_CALL, VcfRecord

BLOCK = 1000  # bp of reference for each pair, which lies in the middle
READ_LENGTH, PAIR_LENGTH = 150, 420
NEAR_END = 4  # bp: an aligner clips what is nearer to the end of a read


class Event(NamedTuple):
    """Bases of a copy that differ from the reference."""

    start: int  # 0-based, of the first base replaced, or of the base that follows an insertion
    removed: int
    put: str


class Pair(NamedTuple):
    """What the two copies of one block have, in order of start."""

    kind: str
    copies: tuple[tuple[Event, ...], tuple[Event, ...]]


def reference_of(blocks: int, rng: random.Random) -> str:
    """Random bases without runs longer than 3."""
    bases = rng.choices("ACGT", k=BLOCK * blocks)
    for i in range(3, len(bases)):
        while bases[i] == bases[i - 1] == bases[i - 2] == bases[i - 3]:
            bases[i] = rng.choice("ACGT")
    return "".join(bases)


def draw_pair(kind: str, reference: str, at: int, rng: random.Random) -> Pair:
    """Draw one pair of a kind near a position, its indels as far to the left as aligners put them."""
    while True:
        pair = _drawn(kind, reference, at, rng)
        moved = [tuple(sorted(leftmost(reference, event) for event in copy)) for copy in pair.copies]
        span = at - BLOCK // 4, at + BLOCK // 4
        if all(
            applied(reference, *span, one) == applied(reference, *span, other)
            for one, other in zip(pair.copies, moved, strict=True)
        ):
            return Pair(kind, (moved[0], moved[1]))


def leftmost(reference: str, event: Event) -> Event:
    """The same insertion or deletion as far to the left as it goes."""
    start, removed, put = event
    if removed and put:
        return event
    while reference[start - 1] == (put[-1] if put else reference[start + removed - 1]):
        start, put = start - 1, put[-1:] + put[:-1]
    return Event(start, removed, put)


def _drawn(kind: str, reference: str, at: int, rng: random.Random) -> Pair:
    if kind == "two deletions":  # on the two copies, over common bases
        size = rng.randint(2, 12)
        other = rng.choice([size, size, rng.randint(2, 12)])
        first, second = Event(at, size, ""), Event(at + rng.randint(1, size - 1), other, "")
        return Pair(kind, ((first,), (second,)))
    if kind == "a SNP in a deletion":
        size = rng.randint(2, 12)
        return Pair(kind, ((Event(at, size, ""),), (snp(reference, at + rng.randrange(size), rng),)))
    inserted, size = _inserted(reference, at, rng), rng.randint(1, 12)
    if kind == "an insertion at a deletion":  # of one copy, as aligners write 2I3D and 3D2I
        event = (Event(at, size, inserted),)
        return Pair(kind, rng.choice([(event, event), (event, ())]))
    insertion = Event(at, 0, inserted)
    gap = rng.randint(1, 12)
    deletion = rng.choice([Event(at + gap, size, ""), Event(at - gap - size, size, "")])
    both = tuple(sorted((insertion, deletion)))
    if kind == "an insertion of both copies":
        return Pair(kind, rng.choice([((insertion,), both), (both, both)]))
    if kind == "a deletion of both copies":
        return Pair(kind, ((deletion,), both))
    return Pair(kind, rng.choice([(both, ()), ((insertion,), (deletion,))]))


KINDS = (
    "two deletions",
    "a SNP in a deletion",
    "an insertion at a deletion",
    "an insertion of both copies",
    "a deletion of both copies",
    "an insertion and a deletion",
)


def snp(reference: str, at: int, rng: random.Random) -> Event:
    """Another base at a position."""
    return Event(at, 1, rng.choice([base for base in "ACGT" if base != reference[at]]))


def _inserted(reference: str, at: int, rng: random.Random) -> str:
    return "".join(rng.choices("ACGT", k=rng.randint(1, 12)))


def applied(reference: str, start: int, end: int, events: Iterable[Event]) -> str | None:
    """Bases of a copy between two positions of the reference; None where events overlap."""
    pieces, done = [], start
    for event in sorted(events):
        if event.start < done:
            return None
        pieces += [reference[done : event.start], event.put]
        done = event.start + event.removed
    return "".join([*pieces, reference[done:end]])


def called_events(record: VcfRecord) -> list[Event | None]:
    """What each copy has of a record, with the bases left out that an allele shares with REF, but an anchor."""
    events: list[Event | None] = []
    for allele in record.gt * (2 if len(record.gt) == 1 else 1):
        if not allele:
            events.append(None)
            continue
        start, ref, alt = record.start, record.ref, record.alts[allele - 1]
        while min(len(ref), len(alt)) > 1 and ref[-1] == alt[-1]:
            ref, alt = ref[:-1], alt[:-1]
        while min(len(ref), len(alt)) > 1 and ref[0] == alt[0]:
            start, ref, alt = start + 1, ref[1:], alt[1:]
        events.append(Event(start, len(ref), alt))
    return events


def haplotypes(
    reference: str, start: int, end: int, records: Sequence[VcfRecord]
) -> Iterator[tuple[str, str]]:
    """All pairs of sequences that the records can stand for, whatever their phase; none if they contradict."""
    called = [called_events(record) for record in records if record.filter != REF_CALL and any(record.gt)]
    for turned in product((False, True), repeat=len(called)):
        pairs = [pair[::-1] if turn else pair for pair, turn in zip(called, turned, strict=True)]
        copies = [
            applied(reference, start, end, [pair[copy] for pair in pairs if pair[copy] is not None])
            for copy in (0, 1)
        ]
        if copies[0] is not None and copies[1] is not None:
            yield copies[0], copies[1]


def write_sample(
    folder: Path, reference: str, pairs: Sequence[Pair], depth: float, rng: random.Random
) -> tuple[Path, Path]:
    """Write the reference and a BAM of pairs of reads, placed as drawn; return their paths."""
    fasta, bam = folder / "ref.fa", folder / "reads.bam"
    fasta.write_text(f">c\n{reference}\n")
    pysam.faidx(str(fasta))
    header = {
        "HD": {"VN": "1.6", "SO": "coordinate"},
        "SQ": [{"SN": "c", "LN": len(reference)}],
        "RG": [{"ID": "r", "SM": "s", "PL": "ILLUMINA"}],
    }
    reads = []
    for copy in (0, 1):
        events = sorted(event for pair in pairs for event in pair.copies[copy])
        bases, columns = _copy_of(reference, events)
        for k in range(int(depth / 2 * len(bases) / (2 * READ_LENGTH))):
            size = int(rng.gauss(PAIR_LENGTH, 40))
            first = rng.randrange(len(bases) - size)
            for number, begin in ((0, first), (1, first + size - READ_LENGTH)):
                reads.append(_read(f"{copy}.{k}", number, begin, bases, columns, reference, rng))
    with pysam.AlignmentFile(str(bam), "wb", header=header) as file:
        by_name: dict[str, list[pysam.AlignedSegment]] = {}
        for read in reads:
            by_name.setdefault(read.query_name, []).append(read)
        for one, other in by_name.values():
            low = min(one.reference_start, other.reference_start)
            span = max(one.reference_end, other.reference_end) - low
            for read, mate in ((one, other), (other, one)):
                read.next_reference_id, read.next_reference_start = 0, mate.reference_start
                read.template_length = span if read is one else -span
        for read in sorted(reads, key=lambda read: read.reference_start):
            file.write(read)
    pysam.index(str(bam))
    return fasta, bam


def _copy_of(reference: str, events: Iterable[Event]) -> tuple[str, list[int]]:
    """Bases of a copy, and where in the reference each lies; an inserted base has -1."""
    bases, columns, done = [], [], 0
    for event in events:
        bases.append(reference[done : event.start])
        columns += range(done, event.start)
        same = min(event.removed, len(event.put)) if event.removed == len(event.put) == 1 else 0
        columns += [event.start] * same + [-1] * (len(event.put) - same)
        bases.append(event.put)
        done = event.start + event.removed
    return "".join([*bases, reference[done:]]), [*columns, *range(done, len(reference))]


def _read(
    name: str,
    number: int,
    begin: int,
    bases: str,
    columns: Sequence[int],
    reference: str,
    rng: random.Random,
) -> pysam.AlignedSegment:
    """One read of a copy, aligned as drawn."""
    cells = list(columns[begin : begin + READ_LENGTH])
    operations: list[list[int]] = []  # code, length
    last = None
    for cell in cells:
        if cell >= 0 and last is not None and cell > last + 1:
            operations.append([2, cell - last - 1])
        code = 1 if cell < 0 else 0
        if operations and operations[-1][0] == code:
            operations[-1][1] += 1
        else:
            operations.append([code, 1])
        last = cell if cell >= 0 else last
    start = next(cell for cell in cells if cell >= 0)
    start = _clip(operations, start)
    seq = [
        rng.choice("ACGT") if rng.random() < 0.002 else base for base in bases[begin : begin + READ_LENGTH]
    ]
    read = pysam.AlignedSegment()
    read.query_name, read.flag = name, 99 if number == 0 else 147
    read.reference_id, read.reference_start, read.mapping_quality = 0, start, 60
    read.cigartuples = [tuple(operation) for operation in operations]
    read.query_sequence = "".join(seq)
    read.query_qualities = pysam.qualitystring_to_array(
        "".join(rng.choices("F:,", [0.9, 0.07, 0.03], k=len(seq)))
    )
    read.set_tag("RG", "r")
    return read


def _clip(operations: list[list[int]], start: int) -> int:
    """Clip what lies beyond a gap that is close to an end of the read; return the new start."""
    for end in (0, -1):
        clipped = 0
        while len(operations) > 1 and (operations[end][0] != 0 or operations[end][1] < NEAR_END):
            code, length = operations.pop(end)
            clipped += length if code != 2 else 0
            start += length if code != 1 and end == 0 else 0
        if clipped:
            operations.insert(0 if end == 0 else len(operations), [4, clipped])
    return start
