"""The reference genome: an indexed FASTA file, read by contig and 0-based half-open interval."""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt
import pysam

from dvplug.errors import InputError
from dvplug.genome.fasta_index import is_packed
from dvplug.sequence.codes import encode_bases, plain_bases
from dvplug.system.htslib import isolated_htslib, prepare_for_urls
from dvplug.system.locations import Location, StrPath, is_remote, location, require_file, shown

_AT_ONCE = 1 << 23  # bases in memory while a contig is hashed
_STRETCHES, _STRETCH = 64, 200  # of a fingerprint; bases


class Reference:
    """An open FASTA file. Pickles by path, so that each worker process has its own file handle.

    Attributes
    ----------
    path
        The FASTA file, or its URL.
    lengths
        Contig name to length in bp, in the order of the file.
    """

    def __init__(self, path: Location, fasta: pysam.FastaFile) -> None:
        self.path = path
        self.lengths: dict[str, int] = dict(zip(fasta.references, fasta.lengths, strict=True))
        self._fasta = fasta

    @classmethod
    @isolated_htslib()
    def open(cls, path: StrPath) -> Reference:
        """Open a FASTA file, plain or compressed with bgzip, that has its index beside it; or the URL of one.

        Raises
        ------
        InputError
            The file or its index is missing, not readable or not FASTA.
        """
        place = location(os.fspath(path))
        if isinstance(place, str):
            prepare_for_urls()
        else:
            _require_files(place)
        try:
            fasta = pysam.FastaFile(str(place))
        except (OSError, ValueError) as error:
            if is_remote(place):
                raise _not_readable(str(place), error) from error
            raise InputError(
                f"Reference {place} cannot be opened",
                cause=str(error),
                repair=f"Check that it is FASTA (plain or bgzip) and index it again: samtools faidx {place}",
            ) from error
        if isinstance(place, Path):
            _require_sound_index(place)
        reference = cls(place, fasta)
        if not reference.lengths:
            raise InputError(
                f"Reference {shown(place)} has no contigs",
                cause="its index is empty",
                repair=f"Check the file and index it again: samtools faidx {shown(place)}",
            )
        return reference

    def sequence(self, contig: str, start: int, end: int) -> str:
        """Return bases [start, end), cut at the ends of the contig, as upper-case A, C, G, T and N.

        Raises
        ------
        ValueError
            The contig is unknown.
        InputError
            The file holds less than its index says.
        """
        return plain_bases(self._fetch(contig, start, end))

    def codes(self, contig: str, start: int, end: int) -> npt.NDArray[np.uint8]:
        """Return bases [start, end) as uint8[l], coded by `encode_bases`; raises as `sequence`."""
        return encode_bases(self._fetch(contig, start, end))

    def is_ambiguous(self, contig: str, start: int, end: int) -> bool:
        """Whether a base of [start, end) is an IUPAC code other than N: VCF has no letter for it that all agree on."""
        return bool(self._fetch(contig, start, end).translate(None, b"ACGTNacgtn"))

    def md5(self, contig: str) -> str:
        """Return the MD5 of a contig's sequence as @SQ M5 has it: in upper case, without spaces (SAM, 1.3.2)."""
        digest = hashlib.md5(usedforsecurity=False)
        for start in range(0, self.lengths[contig], _AT_ONCE):
            digest.update(self._fetch(contig, start, start + _AT_ONCE).upper())
        return digest.hexdigest()

    def fingerprint(self, contig: str) -> str:
        """Return an MD5 that tells a contig from others of its name: of its length, and of stretches all over it."""
        length = self.lengths[contig]
        digest = hashlib.md5(str(length).encode(), usedforsecurity=False)
        for start in sorted({length * i // _STRETCHES for i in range(_STRETCHES)}):
            digest.update(self._fetch(contig, start, start + _STRETCH).upper())
        return digest.hexdigest()

    def close(self) -> None:
        """Close the file."""
        self._fasta.close()

    @isolated_htslib()
    def _fetch(self, contig: str, start: int, end: int) -> bytes:
        if contig not in self.lengths:
            raise ValueError(f"'{contig}' is not in the reference")
        start, end = max(0, start), min(end, self.lengths[contig])
        if end <= start:
            return b""
        try:
            bases = self._fasta.fetch(contig, start, end).encode("latin-1")
        except (OSError, ValueError) as error:
            raise self._damaged(contig, start, end) from error
        if len(bases) != end - start or b">" in bases:  # the latter is of a header
            raise self._damaged(contig, start, end)
        return bases

    def _damaged(self, contig: str, start: int, end: int) -> InputError:
        return InputError(
            f"Reference {shown(self.path)} cannot be read at {contig}:{start + 1}-{end}",
            cause="the file is damaged, or its index belongs to another version of it",
            repair=f"Check the file and index it again: samtools faidx {shown(self.path)}",
        )

    def __reduce__(self) -> tuple[object, tuple[Location]]:
        return Reference.open, (self.path,)

    def __enter__(self) -> Reference:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _not_readable(url: str, error: Exception) -> InputError:
    return InputError(
        f"Reference {shown(url)} cannot be read",
        cause=f"the server does not give it, or not its index .fai (and .gzi, of bgzip) ({error})".replace(
            url, shown(url)
        ),
        repair="Check the URL and the network; or download the file and its indexes.",
    )


def _require_sound_index(path: Path) -> None:
    """Refuse an index whose numbers cannot be: htslib reads what it can of them, and other bases then."""
    now = Path(f"{path}.fai").stat()
    _require_sound_lines(path, now.st_mtime_ns, now.st_size, now.st_ino)


@lru_cache(maxsize=8)  # a run opens its reference several times, and an index may have millions of lines
def _require_sound_lines(path: Path, changed_ns: int, size: int, inode: int) -> None:
    """Look at each line: the contig's name, its bases, the offset of the first, bases per line, and bytes per line.

    ``changed_ns``, ``size`` and ``inode`` are those of the index: as long as they stay, it need not be looked at again.
    """
    for line in filter(None, Path(f"{path}.fai").read_text("latin-1").split("\n")):
        try:
            length, offset, bases, width = map(int, line.split("\t")[1:5])
        except ValueError:
            length, offset, bases, width = 0, 0, 0, -1
        # Lines end with a byte at least; a contig of one line may have none.
        if min(length, offset, bases) < 0 or width < bases or (width == bases and length > bases):
            raise InputError(
                f"Index {path}.fai is damaged",
                cause=f"its line '{line}' cannot be of a FASTA file",
                repair=f"Make it anew: samtools faidx {path}",
            )


def _require_files(path: Path) -> None:
    """Name what is missing: the library would build an index itself, or say nothing useful."""
    require_file(path, "Reference", "--ref")
    for suffix in (".fai", ".gzi") if is_packed(path) else (".fai",):
        if not Path(f"{path}{suffix}").is_file():
            raise InputError(
                f"Reference {path} has no index {path.name}{suffix}",
                cause="bases are read by position",
                repair=f"Make it: samtools faidx {path}",
            )
