"""Reads that the aligner cut in two: the indel that lies between the pieces, and who has it."""

from __future__ import annotations

import random
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvplug.candidates.finder import find_candidates
from dvplug.candidates.split_reads import split_reads
from dvplug.line.candidate_batch import CandidateBatch
from dvplug.line.region import Region
from dvplug.sequence.codes import decode_bases, encode_bases
from dvplug.technology import CandidateThresholds
from helpers.read_batches import READ_OPS, REFERENCE_OPS, Read, operations, read_batch
from helpers.split_reads import Cut, split

LENGTH, AT = 12_000, 5000
THRESHOLDS = CandidateThresholds(min_fraction_indels=0.1)


def bases(rng: random.Random, length: int) -> str:
    return "".join(rng.choices("ACGT", k=length))


def found(reads: list[Read], reference: str, region: Region | None = None) -> CandidateBatch:
    region = region or Region("c", 1000, LENGTH - 1000)
    batch = read_batch(sorted(reads, key=lambda one: (one.start, one.name, one.flag)))
    return find_candidates(batch, encode_bases(reference.encode()), 0, region, THRESHOLDS)


def spread(rng: random.Random) -> tuple[int, int]:
    return rng.randrange(500, 1500), LENGTH - rng.randrange(500, 1500)


def called(batch: CandidateBatch, reference: str) -> tuple[str, list[int]]:
    """The haplotype of the one long allele, and the reads with the reference and with it."""
    ((site, number),) = [
        (site, number)
        for site, (ref, alts) in enumerate(zip(batch.refs, batch.alts, strict=True))
        for number, alt in enumerate(alts)
        if abs(len(alt) - len(ref)) >= 35
    ]
    start, ref = int(batch.start[site]), batch.refs[site]
    made = reference[:start] + batch.alts[site][number] + reference[start + len(ref) :]
    return made, batch.allele_depths[site, [0, 1 + number]].tolist()


CUTS = {
    "deletion of 60": Cut(AT, AT + 60),
    "deletion of 1,200": Cut(AT, AT + 1200),
    "deletion of 3,000": Cut(AT, AT + 3000),
    "deletion between like ends": Cut(AT, AT + 900, shared=12),
    "deletion, a base beside": Cut(AT, AT + 900, "T"),
    "copy of 300": Cut(AT, AT - 300),
    "copy of 1,500": Cut(AT, AT - 1500),
}


@pytest.mark.parametrize("primary", ["left", "right", "either"])
@pytest.mark.parametrize("what", CUTS)
def test_split_reads_alone_tell_of_it(what: str, primary: str) -> None:
    rng, cut = random.Random(what), CUTS[what]
    reference = bases(rng, LENGTH)
    alike = reference[cut.left : cut.left + cut.shared]
    reference = reference[: cut.right] + alike + reference[cut.right + cut.shared :]
    if cut.shared:  # the end of what both have
        reference = _with_other(reference, cut.right + cut.shared, reference[cut.left + cut.shared])
    reads = []
    for number in range(10):
        left = primary == "left" or (primary == "either" and number % 2 == 0)
        one = split(
            reference, cut, *spread(rng), left_is_primary=left, is_reverse=number % 3 == 0, name=str(number)
        )
        reads += one
    for number in range(8):
        start, end = spread(rng)
        reads.append(Read(start, f"{end - start}M", reference[start:end], name=f"whole {number}"))
    batch = found(reads, reference)
    made, depths = called(batch, reference)
    # A base beside a deletion is known where the left piece is the one with all bases; not where it is cut off.
    spared = [cut.haplotype(reference)]
    if cut.between:
        spared.append(reference[: cut.left] + reference[cut.right - 1 :])
        spared.append(reference[: cut.left] + reference[cut.right :])
    assert made in spared
    assert depths == [8, 10]
    assert batch.pooled is not None
    # What is left of it does not depend on how the contig is cut.
    start = int(batch.start[np.flatnonzero(batch.pooled.any(axis=1))[0]])
    rest = found(reads, reference, Region("c", start, LENGTH - 1000))
    assert called(rest, reference) == (made, depths)
    assert found(reads, reference, Region("c", 1000, start)).pooled is None


def _with_other(reference: str, place: int, base: str) -> str:
    other = next(one for one in "ACGT" if one != base)
    return reference[:place] + other + reference[place + 1 :]


def test_novel_bases_between_the_pieces_are_inserted_where_they_are_known() -> None:
    rng = random.Random(3)
    reference, novel = bases(rng, LENGTH), bases(rng, 800)
    cut, reads = Cut(AT, AT, novel), []
    for number in range(10):
        reads += split(reference, cut, *spread(rng), left_is_primary=number < 6, name=str(number))
    made, depths = called(found(reads, reference), reference)
    assert made == cut.haplotype(reference)
    assert depths[1] == 6  # the others' are cut off


def test_whole_and_split_reads_have_one_allele() -> None:
    rng = random.Random(4)
    reference, cut, reads = bases(rng, LENGTH), Cut(AT, AT + 1000), []
    for number in range(6):
        reads += split(reference, cut, *spread(rng), name=f"split {number}")
        start, end = spread(rng)
        cigar = f"{AT - start}M1000D{end - AT - 1000}M"
        reads.append(
            Read(start, cigar, reference[start:AT] + reference[AT + 1000 : end], name=f"whole {number}")
        )
    made, depths = called(found(reads, reference), reference)
    assert made == cut.haplotype(reference)
    assert depths == [0, 12]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (r"^c,", "d,"),  # elsewhere
        (r",\+,", ",-,"),  # turned around
        (r",60,", ",3,"),  # perhaps elsewhere
        ("between", ""),  # something else lies between them
        (r"^.*$", "c,x,+,;"),  # no tag of a split read
        (r"^.*$", "c,7,+,1S2M"),
        (r"(\d+)M", r"\1Q"),  # no CIGAR
        (r"(\d+)M", r"18446744073709551616I\1M"),
        (r"(\d+)M", r"\1M1I"),  # of a longer read
        (r"^(.*)$", r"\1c,7,+,1S2Q,60,0;"),
    ],
)
def test_pieces_that_do_not_follow_each_other_tell_nothing(old: str, new: str) -> None:
    rng = random.Random(5)
    reference, reads = bases(rng, LENGTH), []
    for number in range(10):
        for read in split(reference, Cut(AT, AT + 1200), 600 + number, LENGTH - 900, name=str(number)):
            tag = _third_piece(read.sa) if old == "between" else re.sub(old, new, read.sa)
            reads.append(read._replace(sa=tag))
    assert found(reads, reference).pooled is None


def _third_piece(tag: str) -> str:
    """The tag with one piece more, which lies elsewhere, between those that are there on the read."""
    (one, two) = (length for length, _ in operations(tag.split(",")[3]))
    return f"d,77,+,{one - 200}S400M{two - 200}S,60,3;{tag}"


def test_pieces_beyond_the_longest_indel_are_of_something_else() -> None:
    rng = random.Random(6)
    reference, reads = bases(rng, 30_000), []
    for number in range(10):
        reads += split(reference, Cut(8000, 18_001), 6000 + number, 20_000, name=str(number))
    batch = read_batch(sorted(reads, key=lambda one: one.start))
    region = Region("c", 1000, 29_000)
    codes = encode_bases(reference.encode())
    assert find_candidates(batch, codes, 0, region, THRESHOLDS).pooled is None


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_pieces_are_joined_as_a_slow_twin_does(seed: int) -> None:
    rng = random.Random(seed)
    reads = sorted((_random_piece(rng) for _ in range(rng.randrange(1, 12))), key=lambda one: one.start)
    batch = read_batch(reads)
    split_there = split_reads(batch, "chr1", 1000, 100_000, 250, 35)
    twin = [
        (i, *one)
        for i, read in enumerate(reads)
        for is_left in (1, 0)
        if (one := _joined(read, is_left == 1)) is not None
    ]
    told = []
    for k, read in enumerate(split_there.read.tolist()):
        columns = [int(column[k]) for column in split_there]
        between = columns[4] - columns[3]
        known = decode_bases(batch.seq[columns[3] : columns[4]]) if columns[5] else between * "?"
        told.append((read, columns[1] + 1000, columns[2] + 1000, known))
    assert told == twin


def _random_piece(rng: random.Random) -> Read:
    sizes = [rng.choice([0, 40, 300, 900]), rng.choice([200, 260, 700]), rng.choice([0, 300, 900, 2000])]
    clips = [rng.choice("SH"), rng.choice("SH")]
    middle = f"{sizes[1] - 20}M10I5D10M"
    cigar = f"{sizes[0]}{clips[0]}" * (sizes[0] > 0) + middle + f"{sizes[2]}{clips[1]}" * (sizes[2] > 0)
    known = sum(length for length, op in operations(cigar) if op in READ_OPS)
    start, total = rng.randrange(2000, 50_000), sum(sizes)
    entries = []
    for _ in range(rng.choice([0, 1, 1, 2, 3])):
        first = rng.choice(
            [0, sizes[0] + sizes[1] + rng.choice([-40, 0, 0, 10, 25, 200]), rng.randrange(total)]
        )
        first = min(max(first, 0), total - 150)
        length = min(rng.choice([255, 300, 500]), total - first)
        behind = total - first - length + (rng.random() < 0.05)
        place = start + sizes[1] + rng.choice([-400, -40, 0, 20, 33, 500, 9000, 11_000])
        entries.append(
            f"{rng.choice(['chr1', 'chr1', 'chr10', 'chr'])},{place},{rng.choice('++-')},"
            f"{first}S{length}M{rng.choice([0, 7, 20])}D{behind}S,"
            f"{rng.choice([0, 4, 5, 60])},9;"
        )
    return Read(start, cigar, bases(rng, known), 30, rng.choice([0, 16]), sa="".join(entries))


def _joined(read: Read, is_left: bool) -> tuple[int, int, str] | None:
    """Where the left piece ends, where the read goes on, and the bases between: in plain Python.

    ``is_left`` says whether the read is the left one; if not, the bases are question marks.
    """
    own_ops = operations(read.cigar)
    lead = own_ops[0][0] if own_ops[0][1] in "SH" else 0
    aligned = sum(length for length, op in own_ops if op in READ_OPS and op != "S")
    own = (lead, lead + aligned, read.start, read.end)
    pieces = []
    for entry in filter(None, read.sa.split(";")):
        contig, position, strand, cigar, quality, _ = entry.split(",")
        ops = operations(cigar)
        clips = [sum(n for n, op in part if op in "SH") for part in (ops[:1], ops[1:])]
        turned = (strand == "-") != bool(read.flag & 16)
        first = clips[1] if turned else clips[0]
        length = sum(n for n, op in ops if op in READ_OPS and op != "S")
        if sum(clips) + length != sum(n for n, op in own_ops if op in READ_OPS or op == "H"):
            return None
        start = int(position) - 1
        span = sum(n for n, op in ops if op in REFERENCE_OPS)
        fits = contig == "chr1" and not turned and int(quality) >= 5
        pieces.append(((first, first + length, start, start + span), fits))
    beside = [one for one in pieces if (one[0][0] > lead if is_left else one[0][0] < lead)]
    if not beside:
        return None
    other, fits = min(beside, key=lambda one: abs(one[0][0] - lead))
    left, right = (own, other) if is_left else (other, own)
    go_on = right[2] + max(left[1] - right[0], 0)
    between, apart = max(right[0] - left[1], 0), go_on - left[3]
    known = own_ops[-1][1] == "S" if is_left else True
    if (
        not fits
        or right[1] <= left[1]
        or min(left[3] - left[2], right[3] - go_on) < 250
        or min(between, apart) > 30
        or (between > 30 and not known)
    ):
        return None
    seen = between if known else 0
    if not 35 <= abs(seen - apart) <= 10_000:
        return None
    index = left[1] - (lead if own_ops[0][1] == "H" else 0)
    return left[3], go_on, read.seq[index : index + seen] if is_left else seen * "?"
