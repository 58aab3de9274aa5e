"""`ReadBatch`: the reads of a region as flat arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dvplug.kernel import kernel, subkernel
from dvplug.line.against_reference import AgainstReference

REVERSE, FIRST_OF_PAIR = 0x10, 0x40  # SAM flags
ALONE = -1
"""Of `ReadBatch.molecule`: no other read is known to be of this one's."""
LEFT_OUT = (
    "other sample", "unmapped", "secondary", "supplementary", "QC fail", "duplicate", "mapping quality", "no sequence",
    "sampling", "transform",
)  # fmt: skip
"""What a read may be left out for, in the order in which it is looked at: "other sample" is another read group than
those chosen, or none; "no sequence" is neither that nor a CIGAR; "sampling" is of places with too many reads, and
"transform" by a read transform of a plugin."""


class ReadArrays(NamedTuple):
    """The arrays of a `ReadBatch` as kernels take them; see there for what each means."""

    start: npt.NDArray[np.int32]  # [reads]
    end: npt.NDArray[np.int32]  # [reads]
    flag: npt.NDArray[np.uint16]  # [reads]
    mapping_quality: npt.NDArray[np.uint8]  # [reads]
    fragment_length: npt.NDArray[np.int32]  # [reads]
    haplotype: npt.NDArray[np.uint8]  # [reads]
    seq: npt.NDArray[np.uint8]  # [bases]
    qual: npt.NDArray[np.uint8]  # [bases]
    base_offset: npt.NDArray[np.int64]  # [reads + 1]
    cigar: npt.NDArray[np.uint32]  # [operations]
    cigar_offset: npt.NDArray[np.int64]  # [reads + 1]


class OneRead(NamedTuple):
    """One read of a `ReadArrays` as kernels take it."""

    start: int  # 0-based reference position where the CIGAR begins, int64
    cigar: npt.NDArray[np.uint32]  # [operations]
    seq: npt.NDArray[np.uint8]  # [bases]: base codes
    qual: npt.NDArray[np.uint8]  # [bases]: phred
    first_base: int  # index of the base where the CIGAR begins, int64: 0 but where some of it was left out


@subkernel
def one_read(reads: ReadArrays, i: int) -> OneRead:
    """Read ``i`` of a batch, without a copy."""
    first, last = reads.base_offset[i], reads.base_offset[i + 1]
    return OneRead(
        np.int64(reads.start[i]),
        reads.cigar[reads.cigar_offset[i] : reads.cigar_offset[i + 1]],
        reads.seq[first:last],
        reads.qual[first:last],
        np.int64(0),
    )


@dataclass(frozen=True, eq=False)
class TagValues:
    """What the reads of a batch have in one tag.

    Attributes
    ----------
    present
        bool[reads]: whether a read has the tag.
    values
        Over reads: int64 of an "integer", float32 of a "float", uint64 of a "hash", 0 where there is none. Of the kinds
        with an ``offset``: int32 of "integers", float32 of "floats", uint8 of "letters", those of all reads one behind
        the other. As the file has them: of a read on the reverse strand, values by base are not turned around.
    offset
        int64[reads + 1]: read ``i`` owns ``values[offset[i] : offset[i + 1]]``. None of the other kinds.
    """

    present: npt.NDArray[np.bool_]
    values: npt.NDArray[Any]
    offset: npt.NDArray[np.int64] | None = None

    def take(self, reads: npt.NDArray[np.int64]) -> TagValues:
        """Return those of these reads, in this order."""
        if self.offset is None:
            return TagValues(self.present[reads], self.values[reads])
        offset, (values,) = gathered(self.offset, reads, self.values)
        return TagValues(self.present[reads], values, offset)

    def part(self, first: int, last: int) -> TagValues:
        """Return those of the reads from ``first`` up to ``last``, without a copy."""
        if self.offset is None:
            return TagValues(self.present[first:last], self.values[first:last])
        values = self.values[self.offset[first] : self.offset[last]]
        return TagValues(self.present[first:last], values, self.offset[first : last + 1] - self.offset[first])

    @classmethod
    def concatenate(cls, parts: Sequence[TagValues]) -> TagValues:
        """Join those of several batches, in order."""
        present = np.concatenate([one.present for one in parts])
        values = np.concatenate([one.values for one in parts])
        offsets = [one.offset for one in parts if one.offset is not None]
        if not offsets:
            return cls(present, values)
        lengths = np.concatenate([np.diff(offset) for offset in offsets])
        return cls(present, values, np.concatenate(([0], np.cumsum(lengths))).astype(np.int64))


class ReadTags(dict[str, TagValues]):
    """Tags of a batch by name: those that were asked for."""

    def __missing__(self, name: str) -> TagValues:
        raise KeyError(
            f"the tag {name} was not asked for: name it in `needs`, or in the profile's read_tags, as in 'BX:hash'"
        )


class ReadOrigin(NamedTuple):
    """Where reads come from.

    Attributes
    ----------
    file
        Path or URL.
    read_group
        Of @RG; empty of reads without one, or with one that the header does not have.
    fields
        Those of its line in the header, such as ``{"ID": "1", "SM": "HG002", "DS": "..."}``.
    """

    file: str
    read_group: str = ""
    fields: Mapping[str, str] = {}


@dataclass(frozen=True)
class ReadBatch:
    """Alignments that reach a region, in order of start; all arrays are over reads unless said.

    Read ``i`` owns ``seq[base_offset[i]:base_offset[i + 1]]`` (soft clips included) and
    ``cigar[cigar_offset[i]:cigar_offset[i + 1]]``. As `fetch_reads` gives them, bases may also be `SAME_BASE` (5);
    `engine/draw.py` has the reference's put there, and no later step meets it.
    """

    start: npt.NDArray[np.int32]  # 0-based first aligned reference position
    end: npt.NDArray[np.int32]  # one past the last aligned reference position
    flag: npt.NDArray[np.uint16]  # SAM flag
    mapping_quality: npt.NDArray[np.uint8]  # phred, 255 missing
    fragment_length: npt.NDArray[np.int32]  # SAM TLEN
    haplotype: npt.NDArray[np.uint8]  # HP tag, 0 without one
    name_hash: npt.NDArray[np.uint32]  # of name, start and flag (see `decode.name_hash`), to sample by
    seq: npt.NDArray[np.uint8]  # over bases: A 0, C 1, G 2, T 3, other 4; see above
    qual: npt.NDArray[np.uint8]  # over bases: phred
    base_offset: npt.NDArray[np.int64]  # reads + 1
    cigar: npt.NDArray[np.uint32]  # over operations: length << 4 | BAM code
    cigar_offset: npt.NDArray[np.int64]  # reads + 1
    left_out: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(LEFT_OUT), np.int64))
    """How many were left out, by `LEFT_OUT`."""
    molecule: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    """Reads with the same number are of one molecule (see `dvplug.reads.molecules`); `ALONE` of each where none is
    given."""
    tags: ReadTags = field(default_factory=ReadTags)
    """By name, those that the technology or one of its parts asked for."""
    source: npt.NDArray[np.int32] | None = None
    """Which of the ``origins`` each read is from; None where nothing asked for it."""
    origins: tuple[ReadOrigin, ...] = ()
    against: AgainstReference | None = field(default=None, repr=False)
    """What these very reads show of the reference, once that was counted. A new batch has none, whatever it is given:
    its reads may be others."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "against", None)
        if len(self.molecule) != len(self.start):
            object.__setattr__(self, "molecule", np.full(len(self.start), ALONE))

    def __len__(self) -> int:
        return len(self.start)

    def arrays(self) -> ReadArrays:
        """Return the arrays for a kernel."""
        return ReadArrays(
            self.start, self.end, self.flag, self.mapping_quality, self.fragment_length, self.haplotype,
            self.seq, self.qual, self.base_offset, self.cigar, self.cigar_offset,
        )  # fmt: skip

    def keep_against(self, counted: AgainstReference | None) -> None:
        """Keep what was counted of these reads, so that it is not counted again."""
        object.__setattr__(self, "against", counted)

    def take(self, reads: npt.NDArray[np.int64]) -> ReadBatch:
        """Return these reads, in this order."""
        base_offset, (seq, qual) = gathered(self.base_offset, reads, self.seq, self.qual)
        return self._of_reads(reads, seq=seq, qual=qual, base_offset=base_offset)

    def reordered(self, order: npt.NDArray[np.int64]) -> ReadBatch:
        """Return all reads in another order; bases and qualities are moved within their arrays, which nobody may share.

        Where most reads stay near their place, that takes a small part of the time of `take`, which copies all.

        Parameters
        ----------
        order
            int64[reads], each once.
        """
        _move_rows(self.seq, self.base_offset, order)
        _move_rows(self.qual, self.base_offset, order)
        lengths = np.diff(self.base_offset)[order]
        return self._of_reads(order, base_offset=np.concatenate(([0], np.cumsum(lengths))).astype(np.int64))

    def _of_reads(self, reads: npt.NDArray[np.int64], **bases: Any) -> ReadBatch:
        """Return these reads, whose bases are given."""
        cigar_offset, (cigar,) = gathered(self.cigar_offset, reads, self.cigar)
        named: dict[str, Any] = {name: getattr(self, name)[reads] for name in _PER_READ}
        named |= self._also(lambda tag: tag.take(reads), reads) | bases
        return replace(self, **named, cigar=cigar, cigar_offset=cigar_offset)

    def part(self, first: int, last: int) -> ReadBatch:
        """Return the reads from ``first`` up to ``last``, without copying bases."""
        bases = slice(self.base_offset[first], self.base_offset[last])
        operations = slice(self.cigar_offset[first], self.cigar_offset[last])
        return replace(
            self,
            **{name: getattr(self, name)[first:last] for name in _PER_READ},
            **self._also(lambda tag: tag.part(first, last), slice(first, last)),
            seq=self.seq[bases],
            qual=self.qual[bases],
            base_offset=self.base_offset[first : last + 1] - self.base_offset[first],
            cigar=self.cigar[operations],
            cigar_offset=self.cigar_offset[first : last + 1] - self.cigar_offset[first],
        )

    def _also(self, of_tag: Callable[[TagValues], TagValues], reads: Any) -> dict[str, Any]:
        """What some batches alone have, of some reads."""
        found: dict[str, Any] = {}
        if self.tags:
            found["tags"] = ReadTags({name: of_tag(tag) for name, tag in self.tags.items()})
        if self.source is not None:
            found["source"] = self.source[reads]
        return found

    @classmethod
    def concatenate(cls, batches: Sequence[ReadBatch]) -> ReadBatch:
        """Join batches, in order."""
        if len(batches) == 1:
            return batches[0]

        def offsets(name: str) -> npt.NDArray[np.int64]:
            lengths = [np.diff(getattr(batch, name)) for batch in batches]
            return np.concatenate(([0], np.cumsum(np.concatenate(lengths)))).astype(np.int64)

        named: dict[str, Any] = {
            name: np.concatenate([getattr(batch, name) for batch in batches])
            for name in (*_PER_READ, "seq", "qual", "cigar")
        }
        if batches[0].tags:
            tags = {name: [batch.tags[name] for batch in batches] for name in batches[0].tags}
            named["tags"] = ReadTags({name: TagValues.concatenate(parts) for name, parts in tags.items()})
        if batches[0].source is not None:
            named["source"] = np.concatenate([batch.source for batch in batches])
        return replace(
            batches[0],
            **named,
            base_offset=offsets("base_offset"),
            cigar_offset=offsets("cigar_offset"),
            left_out=np.sum([batch.left_out for batch in batches], axis=0),
        )


_PER_READ = (
    "start", "end", "flag", "mapping_quality", "fragment_length", "haplotype", "name_hash", "molecule",
)  # fmt: skip


def gathered(
    offset: npt.NDArray[np.int64], reads: npt.NDArray[np.int64], *values: npt.NDArray[Any]
) -> tuple[npt.NDArray[np.int64], list[npt.NDArray[Any]]]:
    """Gather the rows of some reads from values that are flat over all reads.

    Parameters
    ----------
    offset
        int64[reads + 1]: read ``i`` owns ``values[offset[i] : offset[i + 1]]``.
    reads
        int64[n], which reads, in the order wanted.
    values
        Arrays over the same rows.

    Returns
    -------
    offset, values
        int64[n + 1], and each array in the new order.
    """
    lengths = offset[reads + 1] - offset[reads]
    taken = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    outs = []
    for flat in values:
        out = np.empty(taken[-1], flat.dtype)
        _copy_rows(flat, offset, reads, taken, out)
        outs.append(out)
    return taken, outs


@kernel(vectorised=True)
def _copy_rows(
    values: npt.NDArray[Any],
    offset: npt.NDArray[np.int64],
    reads: npt.NDArray[np.int64],
    taken: npt.NDArray[np.int64],
    out: npt.NDArray[Any],
) -> None:
    """Copy the rows of ``reads``, int64[n], into ``out``, where row ``i`` begins at ``taken[i]``, int64[n + 1].

    Rows that follow each other are copied as one: mostly almost all do.
    """
    i = 0
    while i < len(reads):
        begin = i
        while i + 1 < len(reads) and reads[i + 1] == reads[i] + 1:
            i += 1
        i += 1
        first, size = offset[reads[begin]], taken[i] - taken[begin]
        source, target = values[first : first + size], out[taken[begin] : taken[i]]
        for k in range(size):
            target[np.uint64(k)] = source[np.uint64(k)]  # vectorised, as no such index is below 0


@kernel(vectorised=True)
def _move_rows(
    values: npt.NDArray[np.uint8], offset: npt.NDArray[np.int64], order: npt.NDArray[np.int64]
) -> None:
    """Put the rows of uint8[offset[-1]] in another order, int64[rows], where they lie.

    Rows ``first`` up to ``end`` that change places among themselves are copied, and put back.
    """
    first = 0
    while first < len(order):
        end, last = first + 1, order[first]
        while end <= last:
            last = max(last, order[end])
            end += 1
        if end - first > 1:
            begin = offset[first]
            before, put = values[begin : offset[end]].copy(), values[begin : offset[end]]
            at = 0
            for i in range(first, end):
                row = before[offset[order[i]] - begin : offset[order[i] + 1] - begin]
                for k in range(len(row)):
                    put[np.uint64(at + k)] = row[np.uint64(k)]
                at += len(row)
        first = end
