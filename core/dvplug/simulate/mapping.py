"""Map simulated reads with the aligners of the field, sort and index: needs bwa or minimap2, and samtools.

`mapping` starts the programs, gives what takes FASTQ text, and waits for them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from dvplug.errors import DvplugError

Aligner = Literal["bwa-mem", "bwa-aln", "bwa-mem-single", "sr", "map-hifi", "map-ont", "hisat2"]
"""`bwa mem` of pairs; BWA-backtrack (`bwa aln`, `bwa sampe`); `bwa mem` of single reads; minimap2 by its preset, of
which `sr` takes pairs and single reads; HISAT2 of pairs of transcripts."""


class Mapper(Protocol):
    """Takes FASTQ text, writes a sorted, indexed BAM."""

    def write(self, text: NDArray[np.uint8]) -> None:
        """Map these reads."""

    def close(self) -> None:
        """Wait for everything and index the BAM; raises DvplugError where a program failed."""

    def abandon(self) -> None:
        """End the programs."""


def program_of(aligner: Aligner) -> str:
    """Return what is to be on PATH."""
    return aligner if aligner == "hisat2" else "bwa" if aligner.startswith("bwa") else "minimap2"


def require_programs(aligners: Sequence[Aligner]) -> None:
    """Raise DvplugError unless all that these need can be run."""
    programs = dict.fromkeys([*map(program_of, aligners), "samtools"])
    if absent := [program for program in programs if not shutil.which(program)]:
        raise DvplugError(
            f"{' and '.join(absent)} cannot be found",
            cause="simulated reads are mapped with it",
            repair=f"Install it: apt-get install {' '.join(absent)}, or from bioconda.",
        )


@contextmanager
def mapping(
    aligner: Aligner, reference: Path, bam: Path, sample: str, platform: str, threads: int
) -> Iterator[Mapper]:
    """Map what the block writes, then wait and index; see `open_mapper`. Where the block fails, the programs end."""
    mapper = open_mapper(aligner, reference, bam, sample, platform, threads)
    try:
        yield mapper
    except BrokenPipeError:
        mapper.close()  # which says what the aligner said
        raise
    except BaseException:
        mapper.abandon()
        raise
    mapper.close()


def remove_indexes(reference: Path) -> None:
    """Remove what aligners wrote beside a FASTA file; its .fai stays."""
    for index in reference.parent.glob(f"{reference.name}.*"):
        if index.suffix != ".fai":
            index.unlink()


def open_mapper(
    aligner: Aligner, reference: Path, bam: Path, sample: str, platform: str, threads: int
) -> Mapper:
    """Start mapping to ``bam``; log and temporary files lie beside it.

    Parameters
    ----------
    aligner
        Which one, and how it is run.
    sample
        Name of the sample, of its library and of the read group.
    platform
        The read group's PL; none where it is empty.

    Raises
    ------
    DvplugError
        A program cannot be found; or, when the mapper is closed, one of them failed.
    """
    require_programs([aligner])
    group = f"@RG\\tID:{sample}\\tSM:{sample}" + (f"\\tPL:{platform}" if platform else "") + f"\\tLB:{sample}"
    name = os.path.relpath(reference, bam.parent)  # what @PG says is the same wherever the folder lies
    if aligner.startswith("bwa"):
        _index(name, bam)
    if aligner == "hisat2":
        return Spliced(name, bam, group, threads)
    if aligner == "bwa-aln":
        return Backtrack(name, bam, group, threads)
    if aligner.startswith("bwa-mem"):
        # -K: the same batches, and so the same mates' distances, with any number of threads
        pairs = ["-p"] if aligner == "bwa-mem" else []
        options = ["-t", str(threads), "-K", "10000000", *pairs, "-R", group]
        return Piped(["bwa", "mem", *options, name, "-"], bam)
    return Piped(["minimap2", "-t", str(threads), "-ax", aligner, "--MD", "-R", group, name, "-"], bam)


def _index(reference: str, bam: Path) -> None:
    with _log_beside(bam).open("wb") as log:
        done = subprocess.run(["bwa", "index", reference], cwd=bam.parent, stdout=log, stderr=log)
    if done.returncode:
        raise _failed(bam)


class Piped:
    """One program that reads FASTQ text and writes SAM."""

    def __init__(self, command: list[str], bam: Path) -> None:
        self._bam = bam
        with _log_beside(bam).open("wb") as log:
            self._align = subprocess.Popen(
                command, cwd=bam.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
            )
        self._sort = _sorting(self._align, bam)

    def write(self, text: NDArray[np.uint8]) -> None:
        """Map these reads; pairs are interleaved."""
        assert self._align.stdin is not None
        self._align.stdin.write(text.data)

    def close(self) -> None:
        """Wait for both programs and index the BAM."""
        assert self._align.stdin is not None
        with suppress(BrokenPipeError):  # how the program ended says more
            self._align.stdin.close()
        _finish(self._align, self._sort, self._bam)

    def abandon(self) -> None:
        """End both programs."""
        _end(self._align, self._sort)


class _Mates:
    """Keeps interleaved pairs in two files, for programs that want them so."""

    def __init__(self, reference: str, bam: Path, group: str, threads: int) -> None:
        self._reference, self._bam, self._group, self._threads = reference, bam, group, threads
        self._mates: list[BinaryIO] = [(bam.parent / f"mate_{mate}.fq").open("wb") for mate in (1, 2)]

    def write(self, text: NDArray[np.uint8]) -> None:
        """Keep these interleaved pairs."""
        lines = text.tobytes().splitlines(keepends=True)
        for mate, file in enumerate(self._mates):
            file.write(b"".join(b"".join(lines[i : i + 4]) for i in range(4 * mate, len(lines), 8)))

    def abandon(self) -> None:
        """Close the files; no program runs yet."""
        for file in self._mates:
            file.close()

    def _names(self) -> list[str]:
        """Close the files, and return what they are called."""
        for file in self._mates:
            file.close()
        return [Path(file.name).name for file in self._mates]

    def _map(self, command: list[str], log: BinaryIO, made: Sequence[str]) -> None:
        """Run what maps, sort and index; files that were made for it are removed."""
        here = self._bam.parent
        align = subprocess.Popen(command, cwd=here, stdout=subprocess.PIPE, stderr=log)
        _finish(align, _sorting(align, self._bam), self._bam)
        for name in made:
            (here / name).unlink()


class Backtrack(_Mates):
    """`bwa aln` on either mate, then `bwa sampe`."""

    def close(self) -> None:
        """Map everything and index the BAM."""
        names = self._names()
        found = [str(Path(name).with_suffix(".sai")) for name in names]
        here = self._bam.parent
        with _log_beside(self._bam).open("wb") as log:
            for name, sai in zip(names, found, strict=True):
                # -q 15: ends of low quality are trimmed, as in the reads that we learn from
                options = ["-t", str(self._threads), "-q", "15"]
                command = ["bwa", "aln", *options, self._reference, name]
                with (here / sai).open("wb") as out:
                    if subprocess.run(command, cwd=here, stdout=out, stderr=log).returncode:
                        raise _failed(self._bam)
            command = ["bwa", "sampe", "-r", self._group, self._reference, *found, *names]
            self._map(command, log, (*names, *found))


class Spliced(_Mates):
    """HISAT2, which finds where pairs skip what was spliced out."""

    def close(self) -> None:
        """Map everything and index the BAM."""
        names = self._names()
        with _log_beside(self._bam).open("wb") as log:
            index = ["hisat2-build", "-q", self._reference, self._reference]
            if subprocess.run(index, cwd=self._bam.parent, stdout=log, stderr=log).returncode:
                raise _failed(self._bam)
            name, *told = self._group.removeprefix("@RG\\t").split("\\t")
            groups = [word for field in told for word in ("--rg", field)]
            options = ["-p", str(self._threads), "--reorder", "--rg-id", name.removeprefix("ID:"), *groups]
            command = ["hisat2", *options, "-x", self._reference, "-1", names[0], "-2", names[1]]
            self._map(command, log, names)


def _log_beside(bam: Path) -> Path:
    return bam.parent / "mapping.log"


def _sorting(align: subprocess.Popen[bytes], bam: Path) -> subprocess.Popen[bytes]:
    """Start sorting what a program writes; it alone reads that, so that the program ends where sorting fails."""
    assert align.stdout is not None
    command = ["samtools", "sort", "-m", "700M", "-o", bam.name, "-"]
    with (bam.parent / "sorting.log").open("wb") as log:
        sort = subprocess.Popen(command, cwd=bam.parent, stdin=align.stdout, stderr=log)
    align.stdout.close()
    return sort


def _finish(align: subprocess.Popen[bytes], sort: subprocess.Popen[bytes], bam: Path) -> None:
    if align.wait() | sort.wait():
        raise _failed(bam)
    (bam.parent / "sorting.log").unlink()
    subprocess.run(["samtools", "index", str(bam)], check=True)


def _end(*programs: subprocess.Popen[bytes]) -> None:
    for program in programs:
        program.kill()
        program.wait()


def _failed(bam: Path) -> DvplugError:
    """Say what the programs said last: their logs may go with the folder."""
    logs = [_log_beside(bam), bam.parent / "sorting.log"]
    said = " ".join(log.read_bytes()[-500:].decode(errors="replace") for log in logs if log.exists())
    return DvplugError(
        f"mapping to {bam} failed",
        cause=" ".join(said.split()) or "the aligner said nothing",
        repair="Mend that, or take another aligner.",
    )
