"""Make the indexes that inputs lack, in a process of its own: `python -m dvplug.serve.indexing FILE ...`.

What cannot be done is told on stdout as JSON, since the process that asks reads it: problem, cause, repair.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from dvplug.errors import DvplugError, InputError
from dvplug.serve.errors import problems_of


def make_index(path: Path) -> None:
    """Index a FASTA, BAM or CRAM beside itself.

    Raises
    ------
    InputError
        It is none of those, damaged, or not sorted.
    """
    import pysam

    try:
        if ".fa" in path.suffixes:
            pysam.faidx(str(path))
        else:
            pysam.index(*(["-c"] if _is_long(path) else []), str(path))
    except (pysam.utils.SamtoolsError, OSError, ValueError) as error:
        kind = (
            "FASTA, plain or packed by bgzip" if ".fa" in path.suffixes else "BAM or CRAM sorted by position"
        )
        raise InputError(
            f"No index can be made of {path}",
            cause=_cause(error),
            repair=f"Give a {kind}, or its index too.",
        ) from error


def _cause(error: Exception) -> str:
    """What samtools said, without the words that pysam puts around it."""
    text = str(getattr(error, "value", error))
    return " ".join((text.partition("stderr=")[2] or text).split())


def _is_long(path: Path) -> bool:
    """Whether a contig is too long for a BAI (SAM specification, section 5.2: 2^29 - 1)."""
    import pysam

    if path.suffix != ".bam":
        return False
    with pysam.AlignmentFile(str(path), check_sq=False) as reads:
        return any(length >= 2**29 for length in reads.lengths)


def main(paths: list[str]) -> int:
    """Index all; returns the exit status."""
    problems = []
    for path in paths:
        try:
            make_index(Path(path))
        except DvplugError as error:
            problems += problems_of(error)
    sys.stdout.write(json.dumps(problems))
    return 2 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
