"""Open BAM and CRAM files, on this machine or on a server."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pysam

from dvplug.errors import InputError
from dvplug.system.htslib import isolated_htslib, prepare_for_urls
from dvplug.system.locations import (
    INDEX_MARK,
    Location,
    beside,
    file_name,
    is_remote,
    require_file,
    shown,
)

Header = Mapping[str, Any]
"""A SAM header as pysam's `to_dict` gives it: ``{"SQ": [{"SN": ..., "LN": ...}], "RG": [...], ...}``."""

BAM_INDEXES, CRAM_INDEXES = (".csi", ".bai"), (".crai",)  # in the order in which htslib looks for them
MOST_INDEX_BYTES = 1 << 28
# The last container of a whole CRAM file, versions 3 and 2.1 (CRAM specification, "End of file container").
_CRAM_ENDS = (
    bytes.fromhex("0f000000ffffffff0fe0454f4600000000010005bdd94f0001000606010001000100ee63014b"),
    bytes.fromhex("0b000000ffffffff0fe0454f460000000001000001000606010001000100"),
)


@isolated_htslib()
def open_alignments(path: str | Path, reference_path: Location | None) -> pysam.AlignmentFile:
    """Open a BAM or CRAM file for reading; CRAM is decoded with the given reference and nothing else.

    Parameters
    ----------
    path
        A file, or a URL (http, https, ftp, s3, gs) beside which the index is; ``URL##idx##URL`` names another.
    reference_path
        FASTA; None where there is no usable one, and then CRAM can be opened, not decoded.

    Raises
    ------
    InputError
        The file is missing, empty, truncated, or not BAM or CRAM, or a server does not give it.
    """
    reference = None if reference_path is None else str(reference_path)
    if is_remote(path):
        return _checked(path, _open_remote(str(path), reference))
    _require_file(Path(path))
    try:
        alignments = pysam.AlignmentFile(str(path), reference_filename=reference, check_sq=False)
    except (OSError, ValueError) as error:
        raise _not_readable(path, error) from error
    return _checked(path, alignments)


def _checked(path: Location, alignments: pysam.AlignmentFile) -> pysam.AlignmentFile:
    """Refuse a CRAM file that breaks off, and what is neither BAM nor CRAM."""
    if alignments.is_cram and not _has_cram_end(path):
        alignments.close()
        raise _truncated(path)
    if not (alignments.is_bam or alignments.is_cram):
        alignments.close()
        target = Path(file_name(path)).with_suffix(".bam")
        raise InputError(
            f"{shown(path)} is not BAM or CRAM",
            cause="reads are fetched by position, which needs a compressed, indexed file",
            repair=f"Convert it: samtools sort --write-index -o {target} {shown(path)}",
        )
    return alignments


def _open_remote(url: str, reference: str | None) -> pysam.AlignmentFile:
    """Open a URL. The index is read first, since htslib would leave a copy of it in the current folder."""
    prepare_for_urls()
    file, _, index = url.partition(INDEX_MARK)
    with tempfile.TemporaryDirectory(prefix="dvplug-index-") as folder:
        copy = Path(folder) / "index"
        for place in [index] if index else index_urls(file):
            content = _read_all(place)
            if content is not None:
                copy.write_bytes(content)
                break
        else:
            _require_reachable(file)
            raise no_index(url)
        try:
            return pysam.AlignmentFile(
                file, index_filename=str(copy), reference_filename=reference, check_sq=False
            )
        except (OSError, ValueError) as error:
            raise _not_readable(url, error) from error


def index_urls(url: str) -> Iterator[str]:
    """Yield where the index of a remote file may be: beside it, or in place of its suffix."""
    cram = file_name(url).endswith(".cram")
    file, mark, query = url.partition("?")
    for suffix in CRAM_INDEXES if cram else BAM_INDEXES[::-1]:  # .bai is what servers have
        yield beside(url, suffix)
        if file.endswith((".bam", ".cram")):
            yield file.rpartition(".")[0] + suffix + mark + query


def no_index(path: Location, *, usable: bool = False) -> InputError:
    """Return the error that a file has no index, or none that is usable."""
    return InputError(
        f"Alignment file {shown(path)} has no {'usable ' if usable else ''}index",
        cause="reads are fetched by position",
        repair=f"Make it: samtools index {shown(path)} (sort the file first if it is not sorted)"
        if not is_remote(path)
        else f"Put one beside it, or name it: 'https://.../{file_name(path)}{INDEX_MARK}https://.../{file_name(path)}.bai'.",
    )


def _read_all(url: str) -> bytes | None:
    """What a URL gives; None where it gives nothing. Raises InputError where it does not end."""
    try:
        with pysam.HFile(url, "rb") as file:
            content = bytes(file.read(MOST_INDEX_BYTES + 1))
    except OSError:
        return None
    if len(content) > MOST_INDEX_BYTES:
        raise InputError(
            f"The index {shown(url)} has more than {MOST_INDEX_BYTES:,} bytes",
            cause="it is kept in memory",
            repair="Check the URL, or download the files.",
        )
    return content


def _require_reachable(url: str) -> None:
    try:
        pysam.HFile(url, "rb").close()
    except OSError as error:
        raise _not_readable(url, error) from error


def _require_file(path: Path) -> None:
    require_file(path, "Alignment file", "--reads")
    if path.stat().st_size == 0:
        raise InputError(
            f"Alignment file {path} is empty", cause="it has no bytes", repair="Copy or make it again."
        )


def _not_readable(path: Location, error: Exception) -> InputError:
    if "EOF" in str(error):
        return _truncated(path)
    if is_remote(path):
        return InputError(
            f"Alignment file {shown(path)} cannot be read",
            cause=(os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)),
            repair="Check the URL, the network and your right to read it (https: CURL_CA_BUNDLE names the file of "
            "certificate authorities); or download the file.",
        )
    return InputError(
        f"Alignment file {path} cannot be opened",
        cause=str(error),
        repair="Give a BAM or CRAM file; samtools quickcheck tests it.",
    )


def _truncated(path: Location) -> InputError:
    return InputError(
        f"Alignment file {shown(path)} is truncated",
        cause="its end-of-file block is missing, so reads are probably missing too",
        repair="Copy or make it again; samtools quickcheck tests it.",
    )


def _has_cram_end(path: Location) -> bool:
    """Whether the file ends as CRAM must; pysam looks for the end of BAM only."""
    with (
        pysam.HFile(str(path).partition(INDEX_MARK)[0], "rb")
        if is_remote(path)
        else Path(path).open("rb") as file
    ):
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - len(_CRAM_ENDS[0])))
        return bytes(file.read()).endswith(_CRAM_ENDS)


def header_of(path: Location, alignments: pysam.AlignmentFile) -> Header:
    """Return the header, of which pysam asserts rather than checks that it follows the specification.

    Lines that are not UTF-8, which others do not mind, are taken for Latin-1.
    """
    try:
        try:
            header: Header = alignments.header.to_dict()
        except UnicodeDecodeError:
            header = _header_of_bytes(_header_bytes(path))
        for entry in header.get("SQ", []):
            entry["SN"], entry["LN"]
    except (AssertionError, KeyError, ValueError, pysam.SamtoolsError) as error:
        raise InputError(
            f"The header of {shown(path)} cannot be read",
            cause=str(error),
            repair="Look at it with `samtools view -H`, and mend it with `samtools reheader`.",
        ) from error
    return header


def _header_bytes(path: Location) -> bytes:
    with tempfile.TemporaryDirectory(prefix="dvplug-header-") as folder:
        copy = Path(folder) / "header.sam"
        pysam.view("-H", "--no-PG", "-o", str(copy), str(path), catch_stdout=False)
        return copy.read_bytes()


def _header_of_bytes(text: bytes) -> Header:
    """Read the lines of a SAM header as pysam's `to_dict` does; raises ValueError."""
    header: dict[str, Any] = {}
    for line in map(_decoded, text.splitlines()):
        kind, _, rest = line[1:].partition("\t")
        entry: Any = rest if kind == "CO" else {field[:2]: field[3:] for field in rest.split("\t")}
        if kind == "SQ":
            entry["LN"] = int(entry["LN"])
        if kind == "HD":
            header[kind] = entry
        else:
            header.setdefault(kind, []).append(entry)
    return header


def _decoded(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1")
