"""Tags of reads as they are asked for: of BAM and CRAM, what the file was written with."""

from __future__ import annotations

import random
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import pysam
import pytest

from dvplug.errors import InputError
from dvplug.line.read_batch import ReadBatch, TagValues
from dvplug.line.region import Region
from dvplug.reads.fetch import fetch_reads
from dvplug.reads.groups import ReadSource
from dvplug.reads.long_reads import LONG
from dvplug.reads.opened import OpenedReads
from dvplug.technology import AlsoRead, ReadFilter, ReadTag
from helpers.read_batches import write_fasta

LENGTH, READS = 6000, 400
WANTED = tuple(
    map(
        ReadTag.parse,
        ("BX:hash", "MI:hash", "np:integer", "rq:float", "ec:float", "tp:integers", "ML:integers", "fv:floats",
         "fs:floats", "t0:letters", "ch:letters"),
    )
)  # fmt: skip
ASKED = AlsoRead(WANTED, source=True)
Written = dict[str, Any]
"""What a read has by tag: text, a number, or a list of numbers."""


def tags_of(rng: random.Random, bases: int) -> dict[str, tuple[str, Any]]:
    """Type and value of the tags of one read, in any order, some of them missing, others that nobody asks for."""
    molecule = rng.randrange(40)
    found = {
        "BX": ("Z", f"ACGT{molecule}-1"),
        "MI": rng.choice([("i", molecule * 7000 - 90), ("Z", str(molecule * 7000 - 90))]),
        "np": ("i", rng.choice([-(2**31), -1, 0, 3, 127, 128, 255, 256, 40_000, 2**31 - 1])),
        "rq": ("f", round(rng.random(), 5)),
        "ec": rng.choice([("f", 2.5), ("i", 17)]),
        "tp": ("B:c", [rng.randrange(-128, 128) for _ in range(bases)]),
        "ML": (rng.choice(["B:C", "B:S", "B:I"]), [rng.randrange(256) for _ in range(rng.randrange(4))]),
        "fv": ("B:f", [rng.choice([0.25, -1e9, 3.0]) for _ in range(rng.randrange(1, 5))]),
        "fs": ("B:s", [rng.randrange(-(2**15), 2**15) for _ in range(3)]),
        "t0": ("Z", "".join(chr(rng.randrange(33, 127)) for _ in range(bases))),
        "ch": ("A", rng.choice("xyz")),
        "XX": ("Z", "BXZ"),
        "YY": ("B:I", [2**32 - 1]),
    }
    names = [name for name in found if rng.random() < 0.8]
    rng.shuffle(names)
    return {name: found[name] for name in names}


def text_of(name: str, kind: str, value: Any) -> str:
    if kind.startswith("B"):
        return f"{name}:B:{','.join(map(str, [kind[-1], *value]))}"
    return f"{name}:{kind}:{value}"


def written(path: Path, seed: int) -> list[dict[str, tuple[str, Any]]]:
    """Write reads with tags; returns those of each read in order of start."""
    rng = random.Random(seed)
    reference = "".join(rng.choices("ACGT", k=LENGTH))
    fasta = write_fasta(path.with_suffix(".fa"), {"c": reference})
    head = [
        "@HD\tVN:1.6\tSO:coordinate",
        f"@SQ\tSN:c\tLN:{LENGTH}",
        "@RG\tID:one\tSM:s\tDS:x",
        "@RG\tID:two\tSM:s",
    ]
    tags, lines = [], []
    for number, start in enumerate(sorted(rng.randrange(LENGTH - 90) for _ in range(READS))):
        bases = rng.randrange(1, 80)
        tags.append(tags_of(rng, bases))
        group = rng.choice(["one", "two", "other", ""])
        tags[-1] |= {"RG": ("Z", group)} if group else {}
        extra = [text_of(name, *value) for name, value in tags[-1].items()]
        lines.append(
            "\t".join([f"r{number}", "0", "c", str(start + 1), "60", f"{bases}M", "*", "0", "0",
                       reference[start : start + bases], "I" * bases, *extra])
        )  # fmt: skip
    sam = path.with_suffix(".sam")
    sam.write_text("\n".join([*head, *lines]) + "\n")
    pysam.view(
        "-C" if path.suffix == ".cram" else "-b",
        "-T",
        str(fasta),
        "-o",
        str(path),
        str(sam),
        catch_stdout=False,
    )
    pysam.index(str(path))
    return tags


def fnv(text: str) -> int:
    """FNV-1a of 64 bits, as its authors define it."""
    return reduce(lambda h, byte: ((h ^ byte) * 1099511628211) % 2**64, text.encode(), 14695981039346656037)


def of_read(values: TagValues, read: int) -> Any:
    if not values.present[read]:
        return None
    if values.offset is None:
        return values.values[read].item()
    return values.values[values.offset[read] : values.offset[read + 1]].tolist()


def expected(tag: ReadTag, kind: str, value: Any) -> Any:
    if tag.kind == "hash":
        return fnv(str(value))
    if tag.kind == "letters":
        return list(value.encode())
    if tag.kind == "float":
        return np.float32(value).item()
    return np.array(value, np.float32).tolist() if tag.kind == "floats" else value


def compare(batch: ReadBatch, tags: list[dict[str, tuple[str, Any]]], first: int = 0) -> None:
    assert set(batch.tags) == {tag.name for tag in WANTED}
    for tag in WANTED:
        values = batch.tags[tag.name]
        if values.offset is None:
            assert not values.values[~values.present].any()
        for read in range(len(batch)):
            of = tags[first + read].get(tag.name)
            assert of_read(values, read) == (None if of is None else expected(tag, *of)), (tag, read)
    assert batch.source is not None
    groups = [batch.origins[source].read_group for source in batch.source.tolist()]
    known = [of.get("RG", ("Z", ""))[1] for of in tags[first : first + len(batch)]]
    assert groups == [group if group in ("one", "two") else "" for group in known]


@pytest.mark.parametrize("suffix", [".bam", ".cram"])
@pytest.mark.parametrize("haplotypes", [False, True])
def test_values_are_those_in_the_file(tmp_path: Path, suffix: str, haplotypes: bool) -> None:
    for seed in range(3):
        path = tmp_path / f"reads{seed}{suffix}"
        tags = written(path, seed)
        file = OpenedReads.open(ReadSource(path), path.with_suffix(".fa"))
        whole = fetch_reads([file], Region("c", 0, LENGTH), ReadFilter(), haplotypes=haplotypes, also=ASKED)
        assert len(whole) == READS
        compare(whole, tags)
        assert whole.origins[1].fields["DS"] == "x"
        assert {origin.file for origin in whole.origins} == {str(path)}
        for start in range(0, LENGTH, 1000):  # each goes on from the one before it
            batch = fetch_reads(
                [file], Region("c", start, start + 1000), ReadFilter(), margin=100, also=ASKED
            )
            (first,) = np.flatnonzero(whole.name_hash == batch.name_hash[0])
            compare(batch, tags, int(first))
        file.close()


def test_reads_of_several_files_are_told_apart(tmp_path: Path) -> None:
    paths = [tmp_path / "a.bam", tmp_path / "b.bam"]
    tags = [written(path, seed) for seed, path in enumerate(paths)]
    files = [OpenedReads.open(ReadSource(path), path.with_suffix(".fa")) for path in paths]
    batch = fetch_reads(files, Region("c", 0, LENGTH), ReadFilter(), also=ASKED)
    assert batch.source is not None
    origin = np.array([batch.origins[source].file for source in batch.source])
    for path, own in zip(paths, tags, strict=True):
        compare(batch.take(np.flatnonzero(origin == str(path))), own)


def test_a_batch_is_cut_and_joined_with_its_tags(tmp_path: Path) -> None:
    tags = written(tmp_path / "a.bam", 5)
    file = OpenedReads.open(ReadSource(tmp_path / "a.bam"), tmp_path / "a.fa")
    batch = fetch_reads([file], Region("c", 0, LENGTH), ReadFilter(), also=ASKED)
    compare(ReadBatch.concatenate([batch.part(0, 90), batch.part(90, 90), batch.part(90, READS)]), tags)
    order = np.random.default_rng(1).permutation(READS)
    compare(batch.take(order), [tags[read] for read in order])


def test_very_long_reads_that_are_kept_keep_their_tags(tmp_path: Path) -> None:
    reference = "ACGTTGCA" * ((LONG + 60_000) // 8)
    fasta = write_fasta(tmp_path / "long.fa", {"c": reference})
    lines = [f"@SQ\tSN:c\tLN:{len(reference)}", "@HD\tVN:1.6\tSO:coordinate"][::-1]
    for number, length in enumerate((LONG + 20, 900, LONG + 50_000)):
        bases, start = reference[number : number + length], number + 1
        lines.append(
            f"r{number}\t0\tc\t{start}\t60\t{length}M\t*\t0\t0\t{bases}\t*\tBX:Z:b{number}\tmv:B:c,{number},-1"
        )
    (tmp_path / "long.sam").write_text("\n".join(lines) + "\n")
    also = AlsoRead((ReadTag("BX", "hash"), ReadTag("mv", "integers")))
    for suffix, kind in ((".bam", "-b"), (".cram", "-C")):
        path = tmp_path / f"long{suffix}"
        pysam.view(kind, "-T", str(fasta), "-o", str(path), str(tmp_path / "long.sam"), catch_stdout=False)
        pysam.index(str(path))
        file = OpenedReads.open(ReadSource(path), fasta)
        for start, numbers in ((0, [0, 1, 2]), (100_000, [0, 2]), (LONG + 30, [2])):
            batch = fetch_reads([file], Region("c", start, start + 20), ReadFilter(), also=also)
            over = [i for i in range(len(batch)) if batch.end[i] > start]
            assert [of_read(batch.tags["BX"], i) for i in over] == [fnv(f"b{n}") for n in numbers]
            assert [of_read(batch.tags["mv"], i) for i in over] == [[n, -1] for n in numbers]


def test_nothing_is_decoded_that_nobody_asks_for(tmp_path: Path) -> None:
    written(tmp_path / "a.bam", 5)
    file = OpenedReads.open(ReadSource(tmp_path / "a.bam"), tmp_path / "a.fa")
    plain = fetch_reads([file], Region("c", 0, LENGTH), ReadFilter())
    assert (dict(plain.tags), plain.source) == ({}, None)
    with pytest.raises(KeyError, match=r"the tag BX was not asked for: name it in `needs`"):
        plain.tags["BX"]
    asked = fetch_reads([file], Region("c", 0, LENGTH), ReadFilter(), also=ASKED)  # after reads that had none
    assert asked.tags["BX"].present.any()
    assert not fetch_reads([file], Region("c", 0, LENGTH), ReadFilter()).tags


@pytest.mark.parametrize("suffix", [".bam", ".cram"])
@pytest.mark.parametrize(
    "text",
    [
        "BX:integer",
        "BX:letters",
        "rq:hash",
        "rq:integer",
        "tp:floats",
        "ML:integer",
        "np:letters",
        "YY:integers",
    ],
)
def test_a_tag_of_another_type_is_an_error(tmp_path: Path, suffix: str, text: str) -> None:
    """Whatever the read; and what can be taken is: text as letters, whole numbers as floats."""
    path = tmp_path / f"a{suffix}"
    written(path, 5)
    file = OpenedReads.open(ReadSource(path), path.with_suffix(".fa"))
    also, region = AlsoRead((ReadTag.parse(text),)), Region("c", 0, LENGTH)
    if text in ("BX:letters", "tp:floats"):
        assert fetch_reads([file], region, ReadFilter(), also=also).tags[text[:2]].present.any()
        return
    with pytest.raises(
        InputError, match=rf"a tag in .*{path.name} at c:1-.* the tag {text[:2]} of a read|int32"
    ):
        fetch_reads([file], region, ReadFilter(), also=also)


@pytest.mark.parametrize("text", ["BX", "BX:text", "B:hash", "1X:hash", "BXX:hash", "", "RG:hash"])
def test_what_is_no_tag_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no tag: write its name and kind|asked for as 'source'"):
        ReadTag.parse(text)
