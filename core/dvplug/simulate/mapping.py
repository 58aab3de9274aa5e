"""Map simulated reads with the aligners of the field, sort and index: needs bwa or minimap2, and samtools.

`open_mapper` starts the programs; write FASTQ text to what it returns, and close it.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import BinaryIO, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from dvplug.errors import DvplugError

Aligner = Literal["bwa-mem", "bwa-aln", "bwa-mem-single", "sr", "map-hifi", "map-ont"]
"""`bwa mem` of pairs; BWA-backtrack (`bwa aln`, `bwa sampe`); `bwa mem` of single reads; minimap2 by its preset, of
which `sr` takes pairs and single reads."""


class Mapper(Protocol):
    """Takes FASTQ text, writes a sorted, indexed BAM."""

    def write(self, text: NDArray[np.uint8]) -> None:
        """Map these reads."""

    def close(self) -> None:
        """Wait for everything and index the BAM."""


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
        The read group's PL.

    Raises
    ------
    DvplugError
        A program cannot be found; or, when the mapper is closed, one of them failed.
    """
    programs = ["bwa" if aligner.startswith("bwa") else "minimap2", "samtools"]
    if absent := [program for program in programs if not shutil.which(program)]:
        raise DvplugError(
            f"{' and '.join(absent)} cannot be found",
            cause="simulated reads are mapped with it",
            repair=f"Install it: apt-get install {' '.join(absent)}, or from bioconda.",
        )
    group = f"@RG\\tID:{sample}\\tSM:{sample}\\tPL:{platform}\\tLB:{sample}"
    if aligner.startswith("bwa"):
        subprocess.run(["bwa", "index", str(reference)], check=True, capture_output=True)
    if aligner == "bwa-aln":
        return Backtrack(reference, bam, group, threads)
    if aligner.startswith("bwa-mem"):
        # -K: the same batches, and so the same mates' distances, with any number of threads
        pairs = ["-p"] if aligner == "bwa-mem" else []
        options = ["-t", str(threads), "-K", "10000000", *pairs, "-R", group]
        return Piped(["bwa", "mem", *options, str(reference), "-"], bam)
    return Piped(
        ["minimap2", "-t", str(threads), "-ax", aligner, "--MD", "-R", group, str(reference), "-"], bam
    )


class Piped:
    """One program that reads FASTQ text and writes SAM."""

    def __init__(self, command: list[str], bam: Path) -> None:
        self._bam = bam
        with (bam.parent / "mapping.log").open("wb") as log:
            self._align = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        self._sort = _sorting(self._align, bam)

    def write(self, text: NDArray[np.uint8]) -> None:
        """Map these reads; pairs are interleaved."""
        assert self._align.stdin is not None
        self._align.stdin.write(text.data)

    def close(self) -> None:
        """Wait for both programs and index the BAM."""
        assert self._align.stdin is not None
        self._align.stdin.close()
        _finish(self._align, self._sort, self._bam)


class Backtrack:
    """`bwa aln` on either mate, then `bwa sampe`."""

    def __init__(self, reference: Path, bam: Path, group: str, threads: int) -> None:
        self._reference, self._bam, self._group, self._threads = reference, bam, group, threads
        self._mates: list[BinaryIO] = [(bam.parent / f"mate_{mate}.fq").open("wb") for mate in (1, 2)]

    def write(self, text: NDArray[np.uint8]) -> None:
        """Keep these interleaved pairs."""
        lines = text.tobytes().splitlines(keepends=True)
        for mate, file in enumerate(self._mates):
            file.write(b"".join(b"".join(lines[i : i + 4]) for i in range(4 * mate, len(lines), 8)))

    def close(self) -> None:
        """Map everything and index the BAM."""
        names = [file.name for file in self._mates]
        found = [str(Path(name).with_suffix(".sai")) for name in names]
        with (self._bam.parent / "mapping.log").open("wb") as log:
            for file, sai in zip(self._mates, found, strict=True):
                file.close()
                # -q 15: ends of low quality are trimmed, as in the reads that we learn from
                options = ["-t", str(self._threads), "-q", "15"]
                command = ["bwa", "aln", *options, str(self._reference), file.name]
                with Path(sai).open("wb") as out:
                    subprocess.run(command, check=True, stdout=out, stderr=log)
            command = ["bwa", "sampe", "-r", self._group, str(self._reference), *found, *names]
            align = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
        _finish(align, _sorting(align, self._bam), self._bam)
        for name in (*names, *found):
            Path(name).unlink()


def _sorting(align: subprocess.Popen[bytes], bam: Path) -> subprocess.Popen[bytes]:
    command = ["samtools", "sort", "-m", "700M", "-o", str(bam), "-"]
    return subprocess.Popen(command, stdin=align.stdout, stderr=subprocess.DEVNULL)


def _finish(align: subprocess.Popen[bytes], sort: subprocess.Popen[bytes], bam: Path) -> None:
    if align.wait() or sort.wait():
        raise DvplugError(
            f"mapping to {bam} failed", repair=f"See what the aligner said in {bam.parent / 'mapping.log'}."
        )
    subprocess.run(["samtools", "index", str(bam)], check=True)
