"""Ways to break a file: its bytes, the numbers and fields of a text, the values of a JSON document."""

from __future__ import annotations

import json
import random
import re
from array import array
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pysam

EDGE_NUMBERS = (b"0", b"-1", b"1", b"255", b"65536", b"2147483647", b"2147483648", b"4294967295", b"1.5", b"1e9",
                b"9223372036854775807", b"99999999999999999999999", b"nan", b"0x10", b"")  # fmt: skip
ODD_TEXTS = (b"", b".", b"*", b"N", b"<DEL>", b"chrS", b"chrX", b"\x00", b"\xff\xfe", b"\t", b"\r\n", b"#", b">",
             b"A" * 3000, "\u00e9".encode(), b"./.", b"1|0|1", b"9/9", b"A,C,<*>")  # fmt: skip
ODD_VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 2**31, 2**63, 1e308, "", "x", "../../etc/passwd", "1.0.0", [], {}, [1],
)  # fmt: skip


def _alike(**fields: Any) -> Callable[[pysam.AlignedSegment], None]:
    def change(read: pysam.AlignedSegment) -> None:
        for name, value in fields.items():
            setattr(read, name, value)

    return change


def _qualities(value: int | None) -> Callable[[pysam.AlignedSegment], None]:
    def change(read: pysam.AlignedSegment) -> None:
        read.query_qualities = None if value is None else array("B", [value] * read.query_length)

    return change


ALIKE: tuple[Callable[[pysam.AlignedSegment], None], ...] = (
    *(_alike(mapping_quality=value) for value in (0, 3, 42, 255)),
    *(_alike(template_length=value) for value in (0, -1, 400, 2**31 - 1)),
    *(_alike(flag=value) for value in (0, 16, 4, 256, 512, 1024, 2048, 0xFFFF)),
    *(_qualities(value) for value in (None, 0, 2, 20, 93)),
    _alike(query_name="one"),
    _alike(next_reference_id=-1, next_reference_start=-1),
)
"""What is set in all reads alike: unknown, usual and extreme values."""


def mutate_bytes(data: bytes, rng: random.Random) -> bytes:
    """Break one to four places: bits, bytes, whole stretches zeroed, cut, doubled, moved or made up; or the end."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        if not out:
            break
        at = rng.randrange(len(out))
        length = min(rng.choice((1, 2, 4, 16, 200, 4000)), len(out) - at)
        edit = rng.randrange(9)
        if edit == 0:
            out[at] ^= 1 << rng.randrange(8)
        elif edit == 1:
            out[at : at + length] = rng.randbytes(length)
        elif edit == 2:
            out[at : at + length] = bytes(length)
        elif edit == 3:
            out[at : at + length] = b"\xff" * length
        elif edit == 4:
            del out[at : at + length]
        elif edit == 5:
            out[at:at] = out[at : at + length]
        elif edit == 6:
            out[at:at] = rng.randbytes(length)
        elif edit == 7:
            to = rng.randrange(len(out))
            out[at : at + length], out[to : to + length] = out[to : to + length], out[at : at + length]
        elif rng.random() < 0.3:
            del out[at:]
    return bytes(out)


def mutate_records(data: bytes, rng: random.Random) -> bytes:
    """Change numbers, CIGARs, bases or qualities of one to five BAM records, not how long they are (SAM, 4.2)."""
    out, records = bytearray(data), []
    at = 8 + int.from_bytes(data[4:8], "little")
    contigs = int.from_bytes(data[at : at + 4], "little")
    at += 4
    for _ in range(contigs):
        at += 8 + int.from_bytes(data[at : at + 4], "little")
    while at < len(data):
        records.append(at)
        at += 4 + int.from_bytes(data[at : at + 4], "little")
    for record in rng.sample(records, rng.randint(1, 5)):
        end = record + 4 + int.from_bytes(data[record : record + 4], "little")
        cigar = record + 36 + data[record + 12]
        low, high = rng.choice(
            ((record + 4, record + 36), (record + 8, record + 24), (cigar, cigar + 8), (record + 36, end))
        )
        place, size = rng.randrange(low, high), rng.choice((1, 2, 4))
        size = min(size, end - place)
        edge = rng.choice((0, 1, 255, (1 << 8 * size - 1) - 1, 1 << 8 * size - 1, (1 << 8 * size) - 1))
        value = edge if rng.random() < 0.5 else rng.randrange(1 << 8 * size)
        out[place : place + size] = (value % (1 << 8 * size)).to_bytes(size, "little")
    return bytes(out)


def make_all_alike(data: bytes, rng: random.Random) -> bytes:
    """Give all reads of a BAM one value of one to three fields, as odd instruments and programs do."""
    with TemporaryDirectory() as folder:
        whole, odd = Path(folder) / "whole.bam", Path(folder) / "odd.bam"
        whole.write_bytes(data)
        changes = rng.sample(ALIKE, rng.randint(1, 3))
        with (
            pysam.AlignmentFile(str(whole)) as reads,
            pysam.AlignmentFile(str(odd), "wb", template=reads) as out,
        ):
            for read in reads:
                for change in changes:
                    change(read)
                out.write(read)
        return odd.read_bytes()


def mutate_text(text: bytes, rng: random.Random) -> bytes:
    """Break a text of lines in one to three rounds: a number, a field, a line or the order of fields; or bytes."""
    for _ in range(rng.randint(1, 3)):
        edit = rng.randrange(6)
        lines = text.split(b"\n")
        at = rng.randrange(len(lines))
        if edit == 0 and (numbers := list(re.finditer(rb"\d+", text))):
            number = rng.choice(numbers)
            text = text[: number.start()] + rng.choice(EDGE_NUMBERS) + text[number.end() :]
        elif edit == 1:
            fields = lines[at].split(b"\t")
            fields[rng.randrange(len(fields))] = rng.choice(ODD_TEXTS)
            lines[at] = b"\t".join(fields)
            text = b"\n".join(lines)
        elif edit == 2:
            del lines[at]
            text = b"\n".join(lines)
        elif edit == 3:
            lines.insert(rng.randrange(len(lines)), lines[at])
            text = b"\n".join(lines)
        elif edit == 4:
            fields = lines[at].split(b"\t")
            rng.shuffle(fields)
            lines[at] = b"\t".join(fields[: rng.randint(1, len(fields))])
            text = b"\n".join(lines)
        else:
            text = mutate_bytes(text, rng)
    return text


def mutate_vcf(text: bytes, rng: random.Random) -> bytes:
    """Break the records of a VCF, or in one of four its header too, without which nothing would be read."""
    if rng.random() < 0.25:
        return mutate_text(text, rng)
    body = text.index(b"\n", text.index(b"#CHROM")) + 1
    return text[:body] + mutate_text(text[body:], rng)


def mutate_json(text: bytes, rng: random.Random) -> bytes:
    """Replace, remove or add one to three values anywhere in a document; sometimes break its text instead."""
    if rng.random() < 0.3:
        return mutate_text(text, rng)
    document = json.loads(text)
    for _ in range(rng.randint(1, 3)):
        places = list(_places(document))
        holder, key = rng.choice(places)
        edit = rng.randrange(4)
        if edit == 0 and isinstance(holder, dict):
            del holder[key]
        elif edit == 1 and isinstance(holder, dict):
            holder[rng.choice(("", "x", key + "2"))] = holder[key]
        elif edit == 2 and isinstance(holder[key], int | float):
            holder[key] = holder[key] * rng.choice((-1, 0, 2, 0.5, 1e6))
        else:
            holder[key] = rng.choice(ODD_VALUES)
    return json.dumps(document).encode()


def _places(value: Any) -> Any:
    """Yield (container, key) of everything in a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(items):
        yield value, key
        yield from _places(inner)
