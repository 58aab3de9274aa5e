"""The index that is made while a gVCF is written: what htslib makes of the same file."""

from __future__ import annotations

import gzip
import re
import struct
from itertools import accumulate, groupby
from pathlib import Path

import numpy as np
import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvplug.records.block_text import GvcfLines
from dvplug.records.tabix import TabixIndex
from dvplug.system.bgzf import BlockWriter

LENGTHS = {"a": 1 << 29, "b": 100, "c": 40_000_000}
HEADER = "##fileformat=VCFv4.2\n" + "".join(
    f"##contig=<ID={name},length={length}>\n" for name, length in LENGTHS.items()
)
HEADER += (
    '##INFO=<ID=END,Number=1,Type=Integer,Description="">\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n'
)


def decoded(path: Path) -> tuple[bytes, list[tuple[dict[int, list[tuple[int, int]]], tuple[int, ...]]]]:
    """What a .tbi holds: how the file is laid out and its names, and of each contig bins and windows."""
    data = gzip.decompress(path.read_bytes())
    assert data[:4] == b"TBI\1"
    contigs, names = struct.unpack_from("<i", data, 4)[0], struct.unpack_from("<i", data, 32)[0]
    at = 36 + names
    found = []
    for _ in range(contigs):
        (count,) = struct.unpack_from("<i", data, at)
        at += 4
        bins = {}
        for _ in range(count):
            number, chunks = struct.unpack_from("<Ii", data, at)
            at += 8
            bins[number] = [struct.unpack_from("<QQ", data, at + 16 * k) for k in range(chunks)]
            at += 16 * chunks
        (windows,) = struct.unpack_from("<i", data, at)
        found.append((bins, struct.unpack_from(f"<{windows}Q", data, at + 4)))
        at += 4 + 8 * windows
    assert data[at:] in (b"", bytes(8))
    return data[4 : 36 + names], found


def as_columns(contig: str, lines: list[str]) -> GvcfLines:
    """The lines with where they lie in the text and on the contig."""
    fields = [line.split("\t") for line in lines]
    told = [re.search(r"(?:^|;)END=(\d+)", of_line[7]) for of_line in fields]
    start = np.array([int(of_line[1]) - 1 for of_line in fields], np.int32)
    ends = [first + len(of_line[3]) for first, of_line in zip(start.tolist(), fields, strict=True)]
    end = np.array([max(a, int(b[1]) if b else 0) for a, b in zip(ends, told, strict=True)], np.int32)
    begin = np.array([0, *accumulate(map(len, lines))], np.int64)
    return GvcfLines(contig, np.frombuffer("".join(lines).encode(), np.uint8), begin, start, end)


def indexed(folder: Path, pieces: list[str]) -> tuple[Path, Path]:
    """Write a VCF of these lines; returns it with our index, and that of htslib's."""
    path = folder / "one.vcf.gz"
    index, file = TabixIndex(HEADER), BlockWriter(path)
    file.write(HEADER.encode())
    for piece in pieces:
        for contig, lines in groupby(piece.splitlines(keepends=True), lambda line: line.partition("\t")[0]):
            index.add(as_columns(contig, list(lines)))
        file.write(piece.encode())
    file.close()
    index.write(folder / "one.vcf.gz.tbi", file.places)
    theirs = folder / "theirs.tbi"
    pysam.tabix_index(str(path), preset="vcf", force=True, index=str(theirs))
    return path, theirs


lines = st.lists(
    st.tuples(
        st.integers(0, 400_000),  # to the next one
        st.text("ACGT", min_size=1, max_size=60),
        st.one_of(st.none(), st.integers(1, 3_000_000)),
        st.sampled_from([".", "SVTYPE=DEL;SVLEN=-60", "XEND=7", "PROPOSED;BEND=3"]),
        st.integers(0, 9_000),  # bytes behind it
    ),
    max_size=60,
)


def text_of(contig: str, made: list[tuple[int, str, int | None, str, int]]) -> list[str]:
    position, found = 1, []
    for step, ref, length, info, padding in made:
        position += step if contig != "b" else 0
        if length is not None:
            end = min(position + length, LENGTHS[contig])
            info = f"END={end}" if info == "." else f"{info};END={end}"
        found.append(f"{contig}\t{position}\t.\t{ref}\t<*>\t0\t.\t{info}\tGT\t{'0' * padding}\n")
    return found


@given(first=lines, second=lines, third=lines, together=st.integers(1, 9))
def test_the_index_is_that_of_htslib(
    first: list[tuple[int, str, int | None, str, int]],
    second: list[tuple[int, str, int | None, str, int]],
    third: list[tuple[int, str, int | None, str, int]],
    together: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("tabix")
    text = [*text_of("a", first), *text_of("b", second), *text_of("c", third)]
    pieces = ["".join(text[i : i + together]) for i in range(0, len(text), together)]
    path, theirs = indexed(folder, pieces)
    ours, expected = decoded(folder / "one.vcf.gz.tbi"), decoded(theirs)
    assert ours[0] == expected[0]
    for (bins, windows), (bins_there, windows_there) in zip(ours[1], expected[1], strict=True):
        assert bins == bins_there
        assert windows == windows_there
    with pysam.TabixFile(str(path)) as opened:
        for contig in opened.contigs:
            assert list(opened.fetch(contig)) == [
                line.rstrip("\n") for line in text if line.startswith(f"{contig}\t")
            ]
