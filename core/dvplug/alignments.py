"""Open BAM and CRAM files, and check before any work that they fit the reference and the regions."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pysam
from rich.markup import escape

from dvplug.console import warn
from dvplug.errors import InputError
from dvplug.reference import Reference
from dvplug.regions import Region, contig_hint
from dvplug.workers import crash_of

Header = Mapping[str, Any]
"""A SAM header as pysam's `to_dict` gives it: ``{"SQ": [{"SN": ..., "LN": ...}], "RG": [...], ...}``."""

# The last container of a whole CRAM file, versions 3 and 2.1 (CRAM specification, "End of file container").
_CRAM_ENDS = (
    bytes.fromhex("0f000000ffffffff0fe0454f4600000000010005bdd94f0001000606010001000100ee63014b"),
    bytes.fromhex("0b000000ffffffff0fe0454f460000000001000001000606010001000100"),
)

TRIED_REGIONS = 1000  # at which reading is tried, until one has a read


class Preflight(NamedTuple):
    """What was learnt from alignment files that passed all checks.

    Attributes
    ----------
    sample
        Name of the one sample that all reads belong to.
    headers
        The SAM header of each file, in the order given.
    """

    sample: str
    headers: tuple[Header, ...]


def open_alignments(path: str | Path, reference_path: str | Path) -> pysam.AlignmentFile:
    """Open a BAM or CRAM file for reading; CRAM is decoded with the given reference and nothing else.

    Raises
    ------
    InputError
        The file is missing, empty, truncated, or not BAM or CRAM.
    """
    path = Path(path)
    _require_file(path)
    # htslib would fetch an absent reference sequence from the network, or use a cache of unknown origin.
    os.environ["REF_PATH"] = os.devnull
    os.environ.pop("REF_CACHE", None)
    verbosity = pysam.set_verbosity(0)  # our message replaces the library's,
    hook, sys.unraisablehook = (
        sys.unraisablehook,
        lambda _: None,
    )  # and what it says when it closes a damaged file
    try:
        alignments = pysam.AlignmentFile(str(path), reference_filename=str(reference_path), check_sq=False)
    except (OSError, ValueError) as error:
        raise _not_readable(path, error) from error
    finally:
        pysam.set_verbosity(verbosity)
        sys.unraisablehook = hook
    if alignments.is_cram and not _has_cram_end(path):
        alignments.close()
        raise _truncated(path)
    if not (alignments.is_bam or alignments.is_cram):
        alignments.close()
        raise InputError(
            f"{path} is not BAM or CRAM",
            cause="reads are fetched by position, which needs a compressed, indexed file",
            repair=f"Convert it: samtools sort --write-index -o {path.with_suffix('.bam').name} {path}",
        )
    return alignments


def preflight(
    paths: Sequence[str | Path],
    reference: Reference,
    regions: Iterable[Region],
    sample: str | None = None,
) -> Preflight:
    """Check that these files can be called at these regions, before the first read is decoded.

    Only contigs of the regions must agree between reads and reference. An index that is older than its
    file is only warned of, since copying files often changes their dates.

    Parameters
    ----------
    paths
        BAM and CRAM files of one sample.
    reference
        The reference that the reads were aligned to.
    regions
        Where variants will be called.
    sample
        Name of the sample; by default the one that @RG SM gives.

    Raises
    ------
    InputError
        A file is missing, damaged, without index, or aligned to something else; or the sample is not one.
    """
    if not paths:
        raise InputError("No alignment files were given", repair="Name a BAM or CRAM file with --reads.")
    regions = list(regions)
    headers = []
    for path in map(Path, paths):
        if crash := crash_of(_try, path, reference.path, regions):
            raise InputError(
                f"Alignment file {path} cannot be read",
                cause=f"the file or its index is damaged such that it cannot even be tried: {crash}",
                repair=f"Check the file with `samtools quickcheck` and make the index anew: samtools index {path}",
            )
        try:
            with open_alignments(path, reference.path) as alignments:
                _require_index(path, alignments)
                header = _header(path, alignments)
                _require_same_contigs(path, header, reference, dict.fromkeys(r.contig for r in regions))
                if alignments.is_cram:
                    _require_decodable(path, alignments, regions)
        except OSError as error:  # a damaged file cannot even be closed
            raise _not_readable(path, error) from error
        headers.append(header)
    return Preflight(sample_name(headers, [Path(path) for path in paths], sample), tuple(headers))


def sample_name(headers: Sequence[Header], paths: Sequence[Path], override: str | None = None) -> str:
    """Return the one sample of these headers: `override`, else @RG SM, else the first file's stem.

    Raises
    ------
    InputError
        The read groups name several samples, or `override` cannot stand in a VCF header.
    """
    if override is not None:
        if not override.strip() or not override.isprintable():
            raise InputError(
                f"Sample name {override!r} cannot be written to VCF",
                cause="it is empty or has tabs or control characters",
                repair="Give another name with --sample.",
            )
        return override
    names = {group["SM"] for header in headers for group in header.get("RG", []) if group.get("SM")}
    if len(names) > 1:
        raise InputError(
            f"The reads belong to {len(names)} samples: {', '.join(sorted(names)[:10])}",
            cause="one sample is called at a time",
            repair="Split them (samtools split), or name them as one with --sample.",
        )
    if names:
        return str(names.pop())
    warn(escape(f"{paths[0]} has no sample name (@RG SM): '{paths[0].stem}' is used, or what --sample says."))
    return paths[0].stem


def _try(path: Path, reference_path: Path, regions: Sequence[Region]) -> None:
    """Open a file with its index, and decode one read."""
    with open_alignments(path, reference_path) as alignments:
        _require_decodable(path, alignments, regions[:TRIED_REGIONS])


def _require_file(path: Path) -> None:
    if not path.exists():
        raise InputError(f"Alignment file {path} does not exist", repair="Check the path.")
    if not path.is_file():
        raise InputError(
            f"Alignment file {path} is not a file", repair="Give the path of a BAM or CRAM file."
        )
    if path.stat().st_size == 0:
        raise InputError(
            f"Alignment file {path} is empty", cause="it has no bytes", repair="Copy or make it again."
        )


def _not_readable(path: Path, error: Exception) -> InputError:
    if "EOF" in str(error):
        return _truncated(path)
    return InputError(
        f"Alignment file {path} cannot be opened",
        cause=str(error),
        repair="Give a BAM or CRAM file; samtools quickcheck tests it.",
    )


def _truncated(path: Path) -> InputError:
    return InputError(
        f"Alignment file {path} is truncated",
        cause="its end-of-file block is missing, so reads are probably missing too",
        repair="Copy or make it again; samtools quickcheck tests it.",
    )


def _has_cram_end(path: Path) -> bool:
    """Whether the file ends as CRAM must; pysam looks for the end of BAM only."""
    with path.open("rb") as file:
        file.seek(-min(len(_CRAM_ENDS[0]), path.stat().st_size), os.SEEK_END)
        return file.read().endswith(_CRAM_ENDS)


def _header(path: Path, alignments: Any) -> Header:
    """Return the header, of which pysam asserts rather than checks that it follows the specification."""
    try:
        header: Header = alignments.header.to_dict()
        for entry in header.get("SQ", []):
            entry["SN"], entry["LN"]
    except (AssertionError, KeyError, ValueError) as error:
        raise InputError(
            f"The header of {path} cannot be read",
            cause=str(error),
            repair="Look at it with `samtools view -H`, and mend it with `samtools reheader`.",
        ) from error
    return header


def _require_index(path: Path, alignments: pysam.AlignmentFile) -> None:
    suffixes = (".crai",) if alignments.is_cram else (".bai", ".csi")
    beside = [Path(f"{path}{suffix}") for suffix in suffixes] + [path.with_suffix(s) for s in suffixes]
    indexes = [index for index in beside if index.is_file()]
    if not indexes or not alignments.has_index():
        raise InputError(
            f"Alignment file {path} has no {'usable ' if indexes else ''}index",
            cause="reads are fetched by position",
            repair=f"Make it: samtools index {path} (sort the file first if it is not sorted)",
        )
    if max(index.stat().st_mtime for index in indexes) < path.stat().st_mtime:
        warn(escape(f"The index of {path} is older than the file: if the reads changed, run samtools index."))


def _require_same_contigs(path: Path, header: Header, reference: Reference, contigs: Iterable[str]) -> None:
    """Names and lengths of the contigs must be the reference's; others may differ."""
    lengths = {entry["SN"]: entry["LN"] for entry in header.get("SQ", [])}
    for contig in contigs:
        if contig not in lengths:
            raise InputError(
                f"{path} has no contig '{contig}', which the reference {reference.path} has",
                cause="the reads were aligned to another reference or to other contig names",
                repair=f"{contig_hint(contig, lengths)} Use the reference of the alignment, rename the "
                "contigs (samtools reheader), or leave this one out with --regions.",
            )
        if lengths[contig] != reference.lengths[contig]:
            raise InputError(
                f"Contig '{contig}' has {lengths[contig]} bp in {path} "
                f"but {reference.lengths[contig]} bp in {reference.path}",
                cause="the reads were probably aligned to another genome build",
                repair="Use the reference of the alignment, or align the reads again.",
            )


def _require_decodable(path: Path, alignments: pysam.AlignmentFile, regions: Iterable[Region]) -> None:
    """Decode one read of the regions: CRAM stores differences from a reference that must be the same."""
    verbosity = pysam.set_verbosity(0)
    try:
        for contig, start, end in regions:
            if next(alignments.fetch(contig, start, end), None) is not None:
                return
    except (OSError, ValueError) as error:
        raise InputError(
            f"CRAM file {path} cannot be decoded with the given reference",
            cause=f"it is not what the reads were compressed with, or the file is damaged ({error})",
            repair="Use the reference of the alignment.",
        ) from error
    finally:
        pysam.set_verbosity(verbosity)
