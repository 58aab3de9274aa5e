"""Reads of one region as flat arrays: pysam decodes, nothing is kept per read but numbers."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from dvplug.errors import InputError
from dvplug.reference import encode_bases
from dvplug.regions import Region
from dvplug.technology import ReadFilter

UNMAPPED, SECONDARY, QC_FAIL, DUPLICATE, SUPPLEMENTARY = 0x4, 0x100, 0x200, 0x400, 0x800
REVERSE = 0x10
_LARGEST_HASH = (1 << 32) - 1


@dataclass(frozen=True)
class ReadBatch:
    """Alignments that reach a region, in order of start; all arrays are over reads unless said.

    Read ``i`` owns ``seq[base_offset[i]:base_offset[i + 1]]`` (soft clips included) and
    ``cigar[cigar_offset[i]:cigar_offset[i + 1]]``.
    """

    start: npt.NDArray[np.int32]  # 0-based first aligned reference position
    end: npt.NDArray[np.int32]  # one past the last aligned reference position
    flag: npt.NDArray[np.uint16]  # SAM flag
    mapping_quality: npt.NDArray[np.uint8]  # phred, 255 missing
    fragment_length: npt.NDArray[np.int32]  # SAM TLEN
    haplotype: npt.NDArray[np.uint8]  # HP tag, 0 without one
    seq: npt.NDArray[np.uint8]  # over bases: A 0, C 1, G 2, T 3, other 4
    qual: npt.NDArray[np.uint8]  # over bases: phred
    base_offset: npt.NDArray[np.int64]  # reads + 1
    cigar: npt.NDArray[np.uint32]  # over operations: length << 4 | BAM code
    cigar_offset: npt.NDArray[np.int64]  # reads + 1
    skipped_no_sequence: int = 0

    def __len__(self) -> int:
        return len(self.start)


@dataclass
class _Columns:
    """What one pass over an alignment file collects, one entry per read."""

    start: list[int] = field(default_factory=list)
    end: list[int] = field(default_factory=list)
    flag: list[int] = field(default_factory=list)
    mapping_quality: list[int] = field(default_factory=list)
    fragment_length: list[int] = field(default_factory=list)
    haplotype: list[int] = field(default_factory=list)
    seq: list[str] = field(default_factory=list)
    qual: list[Any] = field(default_factory=list)
    cigar: list[bytes] = field(default_factory=list)
    name: list[str] = field(default_factory=list)

    def all(self) -> list[list[Any]]:
        return list(vars(self).values())

    def keep(self, first: int, kept: Sequence[int]) -> None:
        """Drop what lies at ``first`` or after it and is not in ``kept`` (ascending indexes)."""
        for column in self.all():
            column[first:] = [column[i] for i in kept]


def fetch_reads(
    alignments: Sequence[Any],
    region: Region,
    read_filter: ReadFilter,
    *,
    margin: int = 0,
    haplotypes: bool = False,
    keep_fraction: float = 1.0,
) -> ReadBatch:
    """Decode the reads that overlap ``region`` widened by ``margin`` bp on both sides.

    Parameters
    ----------
    alignments
        Open, indexed `pysam.AlignmentFile`s; their reads are merged by position.
    region, margin
        What the reads must reach.
    read_filter
        Which alignments count. Where more than ``max_reads_per_window`` reads start in one window of
        ``sampling_window`` bp (a grid fixed on the contig), those with the lowest hash stay, so that the
        choice depends neither on the region asked for nor on the number of workers.
    haplotypes
        Read the HP tag.
    keep_fraction
        Fraction of the fragments to use, chosen by name: a shallower run of the same sample.

    Raises
    ------
    InputError
        A file breaks off or cannot be decoded.
    """
    need_start, need_end = max(0, region.start - margin), region.end + margin
    window = read_filter.sampling_window
    fetch_start = max(0, need_start - read_filter.max_read_span) // window * window
    # Whole windows only: the sample of a window must not depend on where the region ends.
    fetch_end = -(-need_end // window) * window
    columns, without_sequence = _Columns(), 0
    for alignment_file in alignments:
        first = len(columns.start)
        without_sequence += _decode(
            alignment_file,
            Region(region.contig, fetch_start, fetch_end),
            read_filter,
            haplotypes,
            int(keep_fraction * (1 << 32)),
            columns,
        )
        if first:
            order = sorted(range(len(columns.start)), key=columns.start.__getitem__)
            columns.keep(0, order)
            _sample_windows(columns, read_filter)
    ends = columns.end
    kept = [i for i, start in enumerate(columns.start) if start < need_end and ends[i] > need_start]
    if len(kept) < len(ends):
        columns.keep(0, kept)
    return _flatten(columns, without_sequence)


def _decode(
    file: Any, region: Region, read_filter: ReadFilter, haplotypes: bool, below: int, columns: _Columns
) -> int:
    """Append the reads of one file whose name hashes below ``below``; return how many had no sequence."""
    excluded = _excluded_flags(read_filter)
    min_mapping_quality = read_filter.min_mapping_quality
    window, limit = read_filter.sampling_window, read_filter.max_reads_per_window
    missing = bytes([read_filter.missing_base_quality])
    window_end, first_of_window, without_sequence = -1, len(columns.start), 0
    cigars: dict[str, bytes] = {}
    start_, end_, flag_, mapq_, tlen_, hp_, seq_, qual_, cigar_, name_ = (c.append for c in columns.all())
    starts = columns.start
    try:
        for read in file.fetch(region.contig, region.start, region.end):
            flag = read.flag
            mapping_quality = read.mapping_quality
            if flag & excluded or mapping_quality < min_mapping_quality:
                continue
            name = read.query_name
            if below <= _LARGEST_HASH and zlib.crc32(name.encode()) >= below:
                continue
            seq, cigar = read.query_sequence, read.cigarstring
            if not seq or not cigar:
                without_sequence += 1
                continue
            start = read.reference_start
            if start >= window_end:
                _sample(columns, first_of_window, limit)
                window_end, first_of_window = (start // window + 1) * window, len(starts)
            elif len(starts) - first_of_window >= 4 * limit:
                _sample(columns, first_of_window, limit)
            start_(start)
            end_(read.reference_end)
            flag_(flag)
            mapq_(mapping_quality)
            tlen_(read.template_length)
            hp_(read.get_tag("HP") if haplotypes and read.has_tag("HP") else 0)
            seq_(seq)
            qualities = read.query_qualities
            qual_(missing * len(seq) if qualities is None else qualities)
            packed = cigars.get(cigar)
            if packed is None:
                packed = _pack_cigar(read.cigartuples)
                if len(cigar) < 16:
                    cigars[cigar] = packed
            cigar_(packed)
            name_(name)
    except (OSError, ValueError) as error:
        raise InputError(
            f"cannot read {_name(file)} at {region}",
            cause=str(error),
            repair="The file or its index is damaged: check it with `samtools quickcheck` and make the index anew.",
        ) from error
    _sample(columns, first_of_window, limit)
    return without_sequence


def _excluded_flags(read_filter: ReadFilter) -> int:
    return (
        UNMAPPED
        | (0 if read_filter.keep_secondary else SECONDARY)
        | (0 if read_filter.keep_qc_fail else QC_FAIL)
        | (0 if read_filter.keep_duplicates else DUPLICATE)
        | (0 if read_filter.keep_supplementary else SUPPLEMENTARY)
    )


def _name(file: Any) -> str:
    name = file.filename
    return name.decode() if isinstance(name, bytes) else str(name)


def _pack_cigar(operations: Sequence[tuple[int, int]]) -> bytes:
    return np.array([length << 4 | code for code, length in operations], np.uint32).tobytes()


def _sample(columns: _Columns, first: int, limit: int) -> None:
    """Keep ``limit`` of the reads from ``first`` on."""
    count = len(columns.start) - first
    if count > limit:
        columns.keep(first, _lowest_hashes(columns, range(first, first + count), limit))


def _sample_windows(columns: _Columns, read_filter: ReadFilter) -> None:
    """Sample every window of position-sorted reads again, after files were merged."""
    windows = np.array(columns.start, np.int64) // read_filter.sampling_window
    firsts = np.flatnonzero(np.diff(windows, prepend=-1)).tolist()
    kept: list[int] = []
    for first, stop in zip(firsts, [*firsts[1:], len(windows)], strict=True):
        kept.extend(_lowest_hashes(columns, range(first, stop), read_filter.max_reads_per_window))
    if len(kept) < len(windows):
        columns.keep(0, kept)


def _lowest_hashes(columns: _Columns, indexes: range, limit: int) -> Sequence[int]:
    """Bottom-k sample: a union's is that of its parts' samples, so it can be taken as reads stream by.

    Names are hashed, not bases: where amplicons make reads alike, an allele's reads would all stay or all go.
    """
    if len(indexes) <= limit:
        return indexes
    name, flag, start = columns.name, columns.flag, columns.start
    keys = [(zlib.crc32(name[i].encode(), start[i] ^ flag[i] << 16), name[i], i) for i in indexes]
    return sorted(i for *_, i in sorted(keys)[:limit])


def _flatten(columns: _Columns, without_sequence: int) -> ReadBatch:
    lengths = np.fromiter(map(len, columns.seq), np.int64, len(columns.seq))
    operations = np.fromiter(map(len, columns.cigar), np.int64, len(columns.cigar)) // 4
    return ReadBatch(
        start=np.array(columns.start, np.int32),
        end=np.array(columns.end, np.int32),
        flag=np.array(columns.flag, np.uint16),
        mapping_quality=np.array(columns.mapping_quality, np.uint8),
        fragment_length=np.array(columns.fragment_length, np.int32),
        haplotype=np.array(columns.haplotype, np.uint8),
        seq=encode_bases("".join(columns.seq).encode()),
        qual=np.frombuffer(b"".join(columns.qual), np.uint8),
        base_offset=np.concatenate(([0], np.cumsum(lengths))).astype(np.int64),
        cigar=np.frombuffer(b"".join(columns.cigar), np.uint32),
        cigar_offset=np.concatenate(([0], np.cumsum(operations))).astype(np.int64),
        skipped_no_sequence=without_sequence,
    )
