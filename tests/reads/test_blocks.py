"""Blocks of BGZF, inflated one by one: pysam's reader is the oracle, of whole files and of broken ones."""

import random
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pysam
import pytest

from dvplug.reads.blocks import MOST_INFLATED, Blocks
from dvplug.system.htslib import isolated_htslib

END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


def block(content: bytes, *, level: int = 6, behind: bytes = b"", extra: bytes = b"BC") -> bytes:
    """A block of BGZF that holds this, with other bytes behind its packed data."""
    packer = zlib.compressobj(level, zlib.DEFLATED, -15)
    packed = packer.compress(content) + packer.flush() + behind
    head = struct.pack("<4s6xH2sHH", b"\x1f\x8b\x08\x04", 6, extra, 2, len(packed) + 25)
    return head + packed + struct.pack("<II", zlib.crc32(content), len(content))


def changed(data: bytes, at: int, new: bytes) -> bytes:
    at %= len(data)
    return data[:at] + new + data[at + len(new) :]


def text(seed: int, length: int) -> bytes:
    return bytes(random.Random(seed).choices(b"ACGT", k=length))


def oracle(path: Path) -> bytes | str:
    """What pysam reads, or what it says."""
    file = pysam.BGZFile(str(path))
    try:
        return bytes(file.read())
    except OSError as error:
        return str(error)
    finally:
        with suppress(OSError):
            file.close()


def read_all(path: Path) -> bytes | str:
    blocks, found = Blocks(path), []
    try:
        while one := blocks.read():
            found.append(bytes(one))
    except OSError as error:
        return str(error)
    finally:
        blocks.close()
    return b"".join(found)


MIDDLE = block(text(2, 50_000))
WHOLE = {
    "plain": MIDDLE,
    "stored": block(text(2, 50_000), level=0),
    "full": block(text(2, MOST_INFLATED)),
    "empty": END,
    "empty ones": END * 3,
    "one byte": block(b"A"),
    "of much": block(bytes(MOST_INFLATED)),
    "bytes behind the packed data": block(text(2, 50_000), behind=b"junk"),
    "another length": changed(MIDDLE, -4, b"\x01\x00\x00\x00"),
    "length 0": changed(MIDDLE, -4, b"\x00\x00\x00\x00"),
}
BROKEN = {
    "too much": block(bytes(MOST_INFLATED + 1)),
    "another CRC": changed(MIDDLE, -8, b"\x00\x01\x02\x03"),
    "changed": changed(MIDDLE, 1000, b"abcdefgh"),
    "no GZIP": changed(MIDDLE, 0, b"x"),
    "of another method": changed(MIDDLE, 2, b"\x07"),
    "shorter than a head": changed(MIDDLE, 16, b"\x05\x00"),
    "too short": changed(MIDDLE, 16, b"\x20\x00"),
    "too long": changed(MIDDLE, 16, b"\xff\xff"),
    "an empty one with a CRC": changed(END, -8, b"\x01\x00\x00\x00"),
}


@pytest.mark.parametrize("name", [*WHOLE, *BROKEN])
def test_blocks_are_read_as_htslib_reads_them(tmp_path: Path, name: str) -> None:
    path = tmp_path / "x.gz"
    middle = (WHOLE | BROKEN)[name]
    path.write_bytes(block(text(1, 60_000)) + middle + block(text(3, 60_000)) + END)
    with isolated_htslib():
        expected, found = oracle(path), read_all(path)
    assert found == expected
    assert isinstance(found, str) == (name in BROKEN)


CUTS: dict[str, Callable[[bytes], bytes]] = {
    "in a head": lambda data: data[: len(MIDDLE) + 9],
    "in a block": lambda data: data[:-1000],
    "in a foot": lambda data: data[: len(MIDDLE) - 3],
    "between blocks": lambda data: data[: len(MIDDLE)],
    "before all": lambda data: b"",
    "bytes behind": lambda data: data + b"more",
    "many bytes behind": lambda data: data + b"more" * 50,
}


@pytest.mark.parametrize("name", CUTS)
def test_files_that_break_off_are_told_as_htslib_tells_them(tmp_path: Path, name: str) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(CUTS[name](MIDDLE + block(text(3, 60_000))))
    with isolated_htslib():
        assert read_all(path) == oracle(path)


def test_a_member_of_gzip_without_its_size_is_refused(tmp_path: Path) -> None:
    """htslib inflates it, and could not seek behind it: no program writes such files."""
    path = tmp_path / "x.gz"
    path.write_bytes(MIDDLE + block(text(3, 60_000), extra=b"XY") + END)
    assert read_all(path) == "Error reading from BGZFile"


def test_every_place_can_be_gone_to(tmp_path: Path) -> None:
    rng = random.Random(4)
    contents = [text(i, rng.randrange(1, MOST_INFLATED)) for i in range(40)]
    packed = [block(content) for content in contents]
    places = [sum(map(len, packed[:i])) for i in range(len(packed))]
    path = tmp_path / "x.gz"
    path.write_bytes(b"".join(packed) + END)
    blocks = Blocks(path)
    for i in [0, 39, 38, *rng.choices(range(40), k=60), 5, 6, 5]:
        blocks.seek(places[i])
        assert blocks.next == places[i]
        assert blocks.read() == contents[i]
        assert blocks.next == [*places, path.stat().st_size - len(END)][i + 1]
    blocks.close()
