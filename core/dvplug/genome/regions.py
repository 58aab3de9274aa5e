"""Where to call: literals and BED files, resolved against the contigs of the reference.

A `Region` is 0-based and half-open; only literals and messages are 1-based and inclusive.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from dvplug.errors import InputError
from dvplug.genome.bed import STDIN, read_bed
from dvplug.genome.contigs import require_contig, require_inside
from dvplug.genome.reference import Reference
from dvplug.line.region import Partition, PartitionRun, Region
from dvplug.system.console import info
from dvplug.system.htslib import isolated_htslib

CLOSE = 2000
"""bp: to begin with a region anew takes as long as to read on for about 4 kb at 30x."""
_INTERVAL = re.compile(r"(?P<first>\d[\d,]*)(?P<dash>-(?P<last>\d[\d,]*)?)?")

_SEVERAL = re.compile(r"[,\s]")
"""What stands between regions in other programs' options; no name of a contig has a comma or a space (SAM)."""


def parse_region(text: str, lengths: Mapping[str, int]) -> Region:
    """Parse ``chr20``, ``chr20:1,000`` (one base), ``chr20:1000-`` (to the end) or ``chr20:1000-2000``.

    Contig names may contain ``:`` and ``-``: a text that is a contig's name is that contig.

    Raises
    ------
    InputError
        The contig is unknown, or the interval is malformed, empty or outside the contig.
    """
    if text in lengths:
        return Region(text, 0, lengths[text])
    if _SEVERAL.search(text.rpartition(":")[0] or text):
        raise InputError(
            f"Region '{text}' cannot be read",
            cause="it seems to be several",
            repair="Give each as a word of its own, such as --regions chr20:1-500 chr20:700-900, or a BED file.",
        )
    contig, colon, interval = text.rpartition(":")
    match = _INTERVAL.fullmatch(interval)
    if not colon or match is None:
        require_contig(text if contig not in lengths else contig, text, lengths)
        raise InputError(
            f"Region '{text}' cannot be read",
            cause=f"'{interval}' is not an interval",
            repair="Write it as chr20, chr20:1000 or chr20:1000-2000 (1-based, both ends included).",
        )
    require_contig(contig, text, lengths)
    start = _integer(match["first"]) - 1
    open_end = lengths[contig] if match["dash"] else start + 1
    end = _integer(match["last"]) if match["last"] else open_end
    region = Region(contig, start, end)
    require_inside(region, f"Region '{text}'", lengths)
    return region


def resolve_regions(
    regions: Sequence[str],
    exclude: Sequence[Path],
    lengths: Mapping[str, int],
    *,
    left_out: Mapping[str, str] = MappingProxyType({}),
) -> list[Region]:
    """Return the bases to call, merged, without the excluded ones, in the order of the reference.

    Parameters
    ----------
    regions
        Literals (see `parse_region`) and paths of BED files, of which ``-`` is stdin; none means all contigs.
    exclude
        BED files to leave out.
    lengths
        Length of each contig of the reference, in its order.
    left_out
        Contigs that are only meant when they are named, and why; a status line says which were left out.

    Raises
    ------
    InputError
        See `parse_region` and `read_bed`; or nothing is left to call.
    """
    wanted: list[Region] = []
    for text in regions:
        if text not in lengths and _looks_like_file(text):
            wanted += read_bed(Path(text), lengths)
        else:
            wanted.append(parse_region(text, lengths))
    if not regions:
        wanted = [Region(c, 0, length) for c, length in lengths.items() if length and c not in left_out]
        _say_left_out(left_out, wanted)
    unwanted = [region for path in exclude for region in read_bed(Path(path), lengths)]
    left = subtract(merge(wanted, lengths), merge(unwanted, lengths))
    if not left:
        raise InputError(
            "No bases are left to call",
            cause="the excluded regions cover all regions",
            repair="Check --regions and the excluded BED files.",
        )
    return left


def _say_left_out(left_out: Mapping[str, str], wanted: Sequence[Region]) -> None:
    few = ", ".join(f"{contig} ({why})" for contig, why in list(left_out.items())[:4])
    few += f" and {len(left_out) - 4} more" if len(left_out) > 4 else ""
    if left_out and not wanted:
        raise InputError(
            f"No bases are left to call but those of {few}",
            cause="such contigs are only called when they are named",
            repair=f"Name them: --regions {next(iter(left_out))}",
        )
    if left_out:
        info(f"Not called, as only --regions would name them: {few}.")


def merge(regions: Iterable[Region], lengths: Mapping[str, int]) -> list[Region]:
    """Return the same bases as disjoint, non-touching regions in the order of the reference."""
    order = {contig: index for index, contig in enumerate(lengths)}
    merged: list[Region] = []
    for region in sorted(regions, key=lambda r: (order[r.contig], r.start, r.end)):
        if merged and merged[-1].contig == region.contig and region.start <= merged[-1].end:
            merged[-1] = merged[-1]._replace(end=max(merged[-1].end, region.end))
        else:
            merged.append(region)
    return merged


def subtract(regions: Iterable[Region], unwanted: Iterable[Region]) -> list[Region]:
    """Return the bases of `regions` that are not in `unwanted`; both as `merge` returns them."""
    holes: dict[str, list[Region]] = {}
    for hole in unwanted:
        holes.setdefault(hole.contig, []).append(hole)
    left: list[Region] = []
    first = dict.fromkeys(holes, 0)  # the first hole of a contig that can still reach the next region
    for contig, start, end in regions:
        there = holes.get(contig, [])
        while there and first[contig] < len(there) and there[first[contig]].end <= start:
            first[contig] += 1
        for hole in there[first.get(contig, 0) :]:
            if hole.start >= end:
                break
            if start < hole.start:
                left.append(Region(contig, start, hole.start))
            start = hole.end
        if start < end:
            left.append(Region(contig, start, end))
    return left


def partitions(regions: Iterable[Region], size: int) -> list[Region]:
    """Cut regions at multiples of `size` bp of the contig, so that cuts do not depend on the regions."""
    return [
        Region(contig, max(start, cut), min(end, cut + size))
        for contig, start, end in regions
        for cut in range(start - start % size, end, size)
    ]


@isolated_htslib()  # once for all, as there may be many
def skip_n_runs(regions: Iterable[Region], reference: Reference) -> list[Region]:
    """Return regions without the N at their ends; those that are all N are left out.

    Nothing is ever called at N. Cheap on partitions (about 5 ns per base), where it may run in workers.
    """
    found = []
    for contig, start, end in regions:
        bases = reference.sequence(contig, start, end)
        left = len(bases) - len(bases.lstrip("N"))
        right = len(bases) - len(bases.rstrip("N"))
        if left < len(bases):
            found.append(Region(contig, start + left, end - right))
    return found


def grouped(regions: Iterable[Region], size: int) -> Iterator[Partition]:
    """Group regions, each within a cell of ``size`` bp as `partitions` cuts them, that lie close together in one.

    What lies between two of them is read, too: no more than `CLOSE` bp each time.
    """
    group: list[Region] = []
    for region in regions:
        if group and not (
            region.contig == group[-1].contig
            and region.start // size == group[0].start // size
            and region.start - group[-1].end <= CLOSE
        ):
            yield _partition(group)
            group = []
        group.append(region)
    if group:
        yield _partition(group)


def runs(partitions: Iterable[Partition], size: int, most: int) -> Iterator[PartitionRun]:
    """Put partitions that follow each other together, as long as they have no more than ``size`` bp.

    A worker that gets contigs one behind the other need not look for the reads of each, and answers once.

    Parameters
    ----------
    most
        How many at most, so that there are enough runs for all workers.
    """
    run: list[Partition] = []
    bp = 0
    for partition in partitions:
        own = partition.region.end - partition.region.start
        if run and (bp + own > size or len(run) >= most):
            yield PartitionRun(tuple(run))
            run, bp = [], 0
        run.append(partition)
        bp += own
    if run:
        yield PartitionRun(tuple(run))


def _partition(group: Sequence[Region]) -> Partition:
    return Partition(Region(group[0].contig, group[0].start, group[-1].end), tuple(group))


def _integer(digits: str) -> int:
    return int(digits.replace(",", ""))


def _looks_like_file(text: str) -> bool:
    """Whether a text that is no contig is meant as a file: it exists (if as a pipe), or only a path looks like that."""
    path = Path(text)
    if path == STDIN or text.endswith((".bed", ".bed.gz", ".bed.bgz")):
        return True
    return path.exists() and not path.is_dir()
