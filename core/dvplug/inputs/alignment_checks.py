"""The checks of one alignment file: that it can be read here, and fits the reference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pysam

from dvplug.errors import InputError
from dvplug.genome.contigs import and_more, contig_hint
from dvplug.genome.reference import Reference
from dvplug.inputs.read_evidence import Evidence, gather
from dvplug.line.region import Region
from dvplug.reads.alignments import BAM_INDEXES, CRAM_INDEXES, Header, header_of, no_index, open_alignments
from dvplug.reads.groups import EVERYTHING, ReadGroups
from dvplug.system.console import warn
from dvplug.system.htslib import isolated_htslib
from dvplug.system.indexes import belongs, cram_belongs
from dvplug.system.locations import Location, file_name, is_remote, shown
from dvplug.system.workers import attempted

FORCE = "--force"
TRIED_REGIONS = 1000  # at which reading is tried, until one has a read
MOST_READ_BYTES = (
    20_000_000  # of a file before the first read: the header of 1.5 million contigs has 7 MB, packed
)


def require_no_crash(
    path: Location, reference: Reference | None, regions: Sequence[Region] | None
) -> Evidence | None:
    """Try in a process of its own what a damaged file or index could crash, or keep busy for ever.

    Returns
    -------
    Evidence | None
        What the file told meanwhile, as `gathered` of all its reads would; None where it is yet to be asked.
    """
    if reference is None or regions is None or is_remote(path) or is_remote(reference.path):
        return None
    more_s = _seconds_to_read(Path(path), Path(reference.path))
    tried = attempted(_try, path, reference.path, regions[:TRIED_REGIONS], more_s=more_s)
    if tried.crash:
        raise InputError(
            f"Alignment file {shown(path)} cannot be read",
            cause=f"it was tried in a process of its own: {tried.crash}",
            repair="If memory did not run out, the file or its index is damaged: check it with `samtools quickcheck` "
            f"and make the index anew: samtools index {shown(path)}",
        )
    found: Evidence | None = tried.found
    return found


def _seconds_to_read(path: Path, reference: Path) -> int:
    """CPU seconds that header and indexes may take: one per megabyte, as references have up to millions of contigs."""
    indexes = (Path(f"{path}{suffix}") for suffix in (*BAM_INDEXES, *CRAM_INDEXES))
    files = [one for one in (path, Path(f"{reference}.fai"), *indexes) if one.is_file()]
    return sum(min(one.stat().st_size, MOST_READ_BYTES) for one in files) // 1_000_000


@isolated_htslib()
def _try(path: Location, reference: Location, regions: Sequence[Region]) -> Evidence | None:
    """Open a file with its index, look at its reads, and decode one of the regions; returns what the reads told."""
    evidence = None
    with open_alignments(path, reference) as alignments:
        # What is wrong will be told in earnest; what follows may crash all the same.
        with suppress(Exception):
            require_found(path, alignments, reference)
        with suppress(Exception):
            evidence = _gathered_anew(alignments, reference)
        with suppress(Exception):
            require_decodable(path, alignments, regions, header_of(path, alignments))
    return evidence


def _gathered_anew(alignments: pysam.AlignmentFile, reference: Location) -> Evidence:
    """What the file tells, with a reference that is opened again: where a process reads, its parent's file would be."""
    opened_again = Reference.open(reference)
    try:
        return gather(alignments, EVERYTHING, opened_again)
    finally:
        opened_again.close()


@contextmanager
def opened(path: Location, reference: Reference | None) -> Iterator[pysam.AlignmentFile]:
    """Open a file, and close it whatever is wrong with it."""
    alignments = open_alignments(path, reference.path if reference else None)
    try:
        yield alignments
    finally:
        with suppress(OSError):  # of a damaged file, which was reported by then
            alignments.close()


@isolated_htslib()
def gathered(
    path: Location,
    alignments: pysam.AlignmentFile,
    groups: ReadGroups = EVERYTHING,
    reference: Reference | None = None,
) -> Evidence:
    """Return what the file tells of its technology; raises InputError where it cannot be read."""
    try:
        return gather(alignments, groups, reference)
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Location, error: Exception) -> InputError:
    return InputError(
        f"cannot read {shown(path)}",
        cause=str(error),
        repair="The file or its index is damaged: check it with `samtools quickcheck` and make the index anew.",
    )


@isolated_htslib()
def require_found(path: Location, alignments: pysam.AlignmentFile, reference: Location) -> None:
    """The index must find the first read of the file: an empty or a damaged one finds none, and htslib is silent."""
    if is_remote(path):
        return
    try:
        with open_alignments(path, reference) as from_the_start:
            first = next(from_the_start.fetch(until_eof=True), None)
        if first is None or first.reference_id < 0:
            return
        contig, start = first.reference_name, first.reference_start
        found = next(alignments.fetch(contig, start, start + 1), None)
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from error
    if found is None:
        raise InputError(
            f"The index of {shown(path)} is damaged",
            cause=f"it knows of no read at {contig}:{start + 1}, where the first one lies",
            repair=f"Make it anew: samtools index {shown(path)}",
        )


def require_index(path: Location, alignments: pysam.AlignmentFile, header: Header) -> None:
    """Refuse a file without an index, and an index of another file; one that is older is only warned of."""
    order = header.get("HD", {}).get("SO", "")
    index = None if is_remote(path) else _index(Path(path), cram=alignments.is_cram)
    if not alignments.has_index() or not (index or is_remote(path)):
        if index is None and order in ("queryname", "unsorted"):
            raise InputError(
                f"Alignment file {shown(path)} is not sorted by position and has no index",
                cause=f"its header says @HD SO:{order}",
                repair=f"Sort it: samtools sort --write-index -o sorted.{file_name(path)} {shown(path)}",
            )
        raise no_index(path, usable=index is not None)
    if order == "queryname":
        warn(f"{shown(path)} says that it is sorted by name (@HD SO:queryname), but it has an index.")
    if index is None:
        return
    own = (
        belongs(Path(path), index, alignments.nreferences)
        if alignments.is_bam
        else cram_belongs(Path(path), index)
    )
    if not own:
        raise InputError(
            f"The index {index} is not of {path}",
            cause="alignments lie elsewhere than it says: the file was changed since, or it is another file's",
            repair=f"Make it anew: samtools index {path}",
        )
    if index.stat().st_mtime < Path(path).stat().st_mtime:
        warn(f"The index of {path} is older than the file: if the reads changed, run samtools index.")


def _index(path: Path, *, cram: bool) -> Path | None:
    """The index that htslib takes: its order is .csi before .bai, beside the suffix before in its place."""
    suffixes = CRAM_INDEXES if cram else BAM_INDEXES
    places = [place for s in suffixes for place in (Path(f"{path}{s}"), path.with_suffix(s))]
    return next((place for place in places if place.is_file()), None)


def contig_problems(
    path: Location, header: Header, reference: Reference, contigs: Sequence[str]
) -> Iterator[InputError]:
    """Yield what differs in the names and lengths of these contigs; others may differ, and their order too."""
    lengths = {entry["SN"]: entry["LN"] for entry in header.get("SQ", [])}
    missing = [contig for contig in contigs if contig not in lengths]
    if missing:
        yield InputError(
            f"{shown(path)} has no contig '{missing[0]}', which the reference {shown(reference.path)} has"
            + and_more(missing),
            cause="the reads were aligned to another reference or to other contig names",
            repair=f"{contig_hint(missing[0], lengths)} Use the reference of the alignment, rename the "
            "contigs (samtools reheader), or leave this one out with --regions.",
        )
    other = [c for c in contigs if c in lengths and lengths[c] != reference.lengths[c]]
    if other:
        yield InputError(
            f"Contig '{other[0]}' has {lengths[other[0]]} bp in {shown(path)} "
            f"but {reference.lengths[other[0]]} bp in {shown(reference.path)}" + and_more(other),
            cause="the reads were probably aligned to another genome build",
            repair="Use the reference of the alignment, or align the reads again.",
        )


def require_same_sequence(
    path: Location,
    header: Header,
    reference: Reference,
    contigs: Sequence[str],
    digests: dict[str, str],
    *,
    force: bool,
) -> None:
    """The MD5 of each contig to be called must be that of @SQ M5, where there is one.

    ``digests`` holds those that were computed for other files. A remote reference would be downloaded for it, and is
    not checked.
    """
    if is_remote(reference.path):
        return
    entries = {entry["SN"]: entry for entry in header.get("SQ", [])}
    other: list[str] = []
    for contig in contigs:
        entry: Mapping[str, object] = entries.get(contig, {})
        if "M5" not in entry or entry["LN"] != reference.lengths[contig]:
            continue
        if contig not in digests:
            digests[contig] = reference.md5(contig)
        if digests[contig] != str(entry["M5"]).lower():
            other.append(contig)
    if not other:
        return
    error = InputError(
        f"Contig '{other[0]}' of {shown(reference.path)} is not the sequence that {shown(path)} was aligned to"
        + and_more(other),
        cause=f"its MD5 is {digests[other[0]]}, @SQ M5 says {entries[other[0]]['M5']}: another build, or a masked or "
        "patched version of it",
        repair=f"Use the reference of the alignment, or call with this one all the same with {FORCE}.",
    )
    if not force:
        raise error
    warn(f"{error.problem}. Called all the same ({FORCE}).")


@isolated_htslib()
def require_decodable(
    path: Location, alignments: pysam.AlignmentFile, regions: Iterable[Region], header: Header
) -> None:
    """Decode one read of the regions: CRAM stores differences from a reference that must be the same."""
    contigs = {entry["SN"] for entry in header.get("SQ", [])}
    try:
        for contig, start, end in regions:
            if contig in contigs and next(alignments.fetch(contig, start, end), None) is not None:
                return
    except (OSError, ValueError) as error:
        raise InputError(
            f"CRAM file {shown(path)} cannot be decoded with the given reference",
            cause=f"it is not what the reads were compressed with, or the file is damaged ({error})",
            repair="Use the reference of the alignment.",
        ) from error
