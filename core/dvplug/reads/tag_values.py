"""Values of tags: of BAM by kernels, of CRAM by pysam (SAM specification, sections 1.5 and 4.2.4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pysam

from dvplug.kernel import kernel, subkernel
from dvplug.line.read_batch import TagValues
from dvplug.reads.bam_records import tags_of
from dvplug.reads.tags import (
    ARRAY_HEAD,
    ARRAY_TYPE,
    NO_TAG,
    TAG_HEAD,
    UNREADABLE,
    array_count,
    find_tag,
    is_text,
    size_of_value,
    uint32_at,
)
from dvplug.sequence.arrays import Bools, Float32s, Int64s, UInt8s, UInt64s
from dvplug.sequence.fnv import FNV_BASIS, FNV_PRIME
from dvplug.technology import ReadTag

INTEGER, FLOAT, HASH, INTEGERS, FLOATS, LETTERS = range(6)
_NUMBER = {
    "integer": INTEGER,
    "float": FLOAT,
    "hash": HASH,
    "integers": INTEGERS,
    "floats": FLOATS,
    "letters": LETTERS,
}
_CHARACTER, _FLOAT32, _DOUBLE = ord("A"), ord("f"), ord("d")
_SIGNED = np.zeros(256, np.bool_)
_SIGNED[list(b"csi")] = True
_MOST_INT32 = 2**31 - 1


class TagTypeError(ValueError):
    """A tag is of another type than it was asked for as."""


class PlacedTags(NamedTuple):
    """Where values of one tag lie in BAM."""

    at: Int64s  # [k]: byte of the first value
    letter: UInt8s  # [k]: type of a value, one of an array's; 0 without the tag
    offset: Int64s  # [k + 1]: of each record's values among those of all
    wrong: int
    """The first record whose tag is of another type, -1 where none is; -2 - it where its tags cannot be read."""


@kernel
def place_tags(data: UInt8s, records: Int64s, one: int, two: int, kind: int) -> PlacedTags:
    """Find the values of a tag.

    Parameters
    ----------
    data, records
        uint8[n] of BAM, and int64[k] where records begin in it.
    one, two
        The letters of the tag.
    kind
        What it is asked for as.
    """
    at, letter = np.zeros(len(records), np.int64), np.zeros(len(records), np.uint8)
    offset = np.zeros(len(records) + 1, np.int64)
    for i in range(len(records)):
        first, last = tags_of(data, records[i])
        tag = find_tag(data, first, last, one, two)
        offset[i + 1] = offset[i]
        if tag == UNREADABLE:
            return PlacedTags(at, letter, offset, -2 - i)
        if tag == NO_TAG:
            continue
        value, found, count = tag + TAG_HEAD, np.int64(data[tag + 2]), 1
        is_array = found == ARRAY_TYPE
        if is_array:
            found, count = np.int64(data[value]), array_count(data, value)
            value += ARRAY_HEAD
        elif is_text(found):
            count = 0
            while data[value + count] != 0:  # `find_tag` has seen that it ends
                count += 1
        if not _fits(found, is_array, kind):
            return PlacedTags(at, letter, offset, i)
        at[i], letter[i] = value, found
        offset[i + 1] += count
    return PlacedTags(at, letter, offset, -1)


@subkernel
def _fits(letter: int, is_array: bool, kind: int) -> bool:
    """Whether a value of this type, or an array of such, can be what was asked for."""
    worded = is_text(letter) | (letter == _CHARACTER)
    real = (letter == _FLOAT32) | (letter == _DOUBLE)
    whole = (not worded) & (not real)
    if kind == INTEGER:
        return whole & (not is_array)
    if kind == FLOAT:
        return (whole | real) & (not is_array)
    if kind == HASH:
        return (whole | worded) & (not is_array)
    if kind == INTEGERS:
        return whole & is_array
    if kind == FLOATS:
        return (whole | real) & is_array
    return worded & (not is_array)


@subkernel
def _whole_number(data: UInt8s, at: int, letter: int) -> int:
    """The little-endian whole number of a type at this byte of uint8[n], as int64."""
    size = size_of_value(letter)
    value = np.int64(data[at])
    for k in range(1, size):
        value |= np.int64(data[at + k]) << (8 * k)
    sign = np.int64(1) << (8 * size - 1)
    return value - 2 * sign if _SIGNED[letter] and value & sign else value


@kernel
def whole_numbers(data: UInt8s, placed: PlacedTags) -> Int64s:
    """Return the values of a tag, int64, those of all records one behind the other."""
    out = np.empty(placed.offset[-1], np.int64)
    for i in range(len(placed.at)):
        size = size_of_value(np.int64(placed.letter[i]))
        for k in range(placed.offset[i + 1] - placed.offset[i]):
            out[placed.offset[i] + k] = _whole_number(
                data, placed.at[i] + k * size, np.int64(placed.letter[i])
            )
    return out


@kernel
def numbers(data: UInt8s, placed: PlacedTags) -> Float32s:
    """Return the values of a tag, float32, those of all records one behind the other."""
    out = np.empty(placed.offset[-1], np.float32)
    for i in range(len(placed.at)):
        letter = np.int64(placed.letter[i])
        size = size_of_value(letter)
        for k in range(placed.offset[i + 1] - placed.offset[i]):
            at = placed.at[i] + k * size
            if letter == _FLOAT32:
                bits = np.array([np.uint32(uint32_at(data, at))])
                out[placed.offset[i] + k] = bits.view(np.float32)[0]
            elif letter == _DOUBLE:
                low = np.uint64(uint32_at(data, at)) | np.uint64(uint32_at(data, at + 4)) << np.uint64(32)
                out[placed.offset[i] + k] = np.array([low]).view(np.float64)[0]
            else:
                out[placed.offset[i] + k] = _whole_number(data, at, letter)
    return out


@kernel
def letters(data: UInt8s, placed: PlacedTags) -> UInt8s:
    """Return the bytes of a tag, uint8, those of all records one behind the other."""
    out = np.empty(placed.offset[-1], np.uint8)
    for i in range(len(placed.at)):
        for k in range(placed.offset[i + 1] - placed.offset[i]):
            out[placed.offset[i] + k] = data[placed.at[i] + k]
    return out


@kernel
def hashes(data: UInt8s, placed: PlacedTags) -> UInt64s:
    """Return a hash of each record's value, uint64[k]: FNV-1a of its text, of a whole number written in decimals."""
    out = np.zeros(len(placed.at), np.uint64)
    text = np.empty(24, np.uint8)
    for i in range(len(placed.at)):
        letter, count = np.int64(placed.letter[i]), placed.offset[i + 1] - placed.offset[i]
        if letter == 0:
            continue
        if is_text(letter) or letter == _CHARACTER:
            out[i] = hash_of(data[placed.at[i] : placed.at[i] + count])
            continue
        value = _whole_number(data, placed.at[i], letter)
        left, at = abs(value), len(text)
        while at == len(text) or left > 0:
            at -= 1
            text[at] = 48 + left % 10
            left //= 10
        if value < 0:
            at -= 1
            text[at] = 45
        out[i] = hash_of(text[at:])
    return out


@subkernel
def hash_of(text: UInt8s) -> int:
    """FNV-1a of uint8[n], uint64."""
    found = FNV_BASIS
    for k in range(len(text)):
        found = (found ^ np.uint64(text[k])) * FNV_PRIME
    return found


def hash_of_text(text: str) -> int:
    """Return the hash that a tag with this text has."""
    found = int(FNV_BASIS)
    for byte in text.encode():
        found = (found ^ byte) * int(FNV_PRIME) & 0xFFFF_FFFF_FFFF_FFFF
    return found


def tags_in_bam(data: UInt8s, records: Int64s, wanted: Sequence[ReadTag]) -> dict[str, TagValues]:
    """Return values of tags of the records that begin at int64[k] in uint8[n] of BAM; raises `TagTypeError`."""
    found = {}
    for tag in wanted:
        one, two = tag.name.encode()
        placed = place_tags(data, records, one, two, _NUMBER[tag.kind])
        if placed.wrong < -1:
            raise OSError("a record is damaged or cut short")
        if placed.wrong >= 0:
            raise _wrong(tag)
        found[tag.name] = _values(tag, placed.letter != 0, placed.offset, _OF_BAM[tag.kind](data, placed))
    return found


_OF_BAM: dict[str, Callable[[UInt8s, PlacedTags], npt.NDArray[Any]]] = {
    "integer": whole_numbers, "float": numbers, "hash": hashes, "integers": whole_numbers, "floats": numbers,
    "letters": letters,
}  # fmt: skip


def tags_of_records(
    records: Sequence[pysam.AlignedSegment], wanted: Sequence[ReadTag]
) -> dict[str, TagValues]:
    """Return values of tags of pysam's records; raises `TagTypeError`."""
    return {tag.name: _tag_of_records(records, tag) for tag in wanted}


def _tag_of_records(records: Sequence[pysam.AlignedSegment], tag: ReadTag) -> TagValues:
    present = np.array([record.has_tag(tag.name) for record in records], np.bool_)
    given = [record.get_tag(tag.name) for record, has in zip(records, present, strict=True) if has]
    taken = [_taken(tag, value) for value in given]
    counts = np.zeros(len(records), np.int64)
    counts[present] = [len(each) for each in taken]
    offset = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    if tag.kind == "hash":
        flat: npt.NDArray[Any] = np.zeros(len(records), np.uint64)
        flat[present] = [hash_of_text(text) for text in taken]
    elif tag.kind == "letters":
        flat = np.frombuffer("".join(taken).encode(), np.uint8)
    else:
        kind = np.float32 if tag.kind in ("float", "floats") else np.int64
        flat = np.array([number for each in taken for number in each], kind)
    return _values(tag, present, offset, flat)


def _taken(tag: ReadTag, value: Any) -> Any:
    """A value of pysam's as text, or as a sequence of numbers; raises `TagTypeError` where it is no such."""
    is_array = not isinstance(value, (str, int, float))
    if tag.kind in ("hash", "letters"):
        if isinstance(value, str) or (tag.kind == "hash" and isinstance(value, int)):
            return str(value)
    elif is_array == tag.kind.endswith("s") and not isinstance(value, str):
        found = list(value) if is_array else [value]
        if tag.kind.startswith("float") or all(isinstance(number, int) for number in found):
            return found
    raise _wrong(tag)


def _values(tag: ReadTag, present: Bools, offset: Int64s, flat: npt.NDArray[Any]) -> TagValues:
    if tag.kind == "letters" or tag.kind == "floats":
        return TagValues(present, flat, offset)
    if tag.kind == "integers":
        if len(flat) and max(-int(flat.min()) - 1, int(flat.max())) > _MOST_INT32:
            raise TagTypeError(f"the tag {tag.name} has a number that no int32 can hold")
        return TagValues(present, flat.astype(np.int32), offset)
    if tag.kind == "hash":
        return TagValues(present, flat)
    values = np.zeros(len(present), flat.dtype)
    values[present] = flat
    return TagValues(present, values)


def _wrong(tag: ReadTag) -> TagTypeError:
    return TagTypeError(f"the tag {tag.name} of a read has a value of another type than '{tag.kind}'")
