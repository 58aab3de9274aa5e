"""Learn how the reads of a user err: inputs checked, of large files a part taken, the profile written whole."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pysam

from dvplug.errors import InputError, Problems
from dvplug.genome.reference import Reference
from dvplug.genome.regions import resolve_regions
from dvplug.inputs.alignment_checks import gathered
from dvplug.inputs.preflight import preflight
from dvplug.inputs.reference_fit import another_reference
from dvplug.inputs.samples import SampleChoice
from dvplug.line.region import Region
from dvplug.reads.alignments import open_alignments
from dvplug.reads.groups import ReadSource
from dvplug.simulate.learn.context import ContextProfile
from dvplug.simulate.learn.reads import LearntReads, Way, learn_reads
from dvplug.simulate.world_ranges import error_rate
from dvplug.system.console import info
from dvplug.system.htslib import isolated_htslib
from dvplug.system.input_states import InputStates
from dvplug.system.locations import StrPath, shown
from dvplug.system.outputs import Output, reserved, told
from dvplug.train.excerpt import SAME, write_excerpt

SMALL_FILE = 24 << 20
"""Bytes of a BAM up to which all of its reads are learnt from."""
PROFILE_SUFFIX = ".npz"
LEARNT = SampleChoice(name="learnt")  # there is no VCF that the sample's name could be in


def learn(
    reads: StrPath,
    reference: StrPath,
    out: StrPath,
    way: Way | None = None,
    choice: SampleChoice = LEARNT,
) -> LearntReads:
    """Learn how reads err and write that to ``out`` (.npz).

    Raises
    ------
    DvplugError
        An input cannot be used, or there is too little to learn from; no output is left behind.
    """
    reads, reference, out = Path(reads), Path(reference), Path(out)
    with reserved([Output("--out", out, (PROFILE_SUFFIX,))], (reads, reference)):
        source = check_reads(reads, reference, choice)
        learnt = learn_source(source, reference, way)
        with told(f"--out {out}"):
            learnt.save(out)
    info(f"{out}: {described(learnt)}.")
    return learnt


def check_reads(reads: Path, reference: Path, choice: SampleChoice) -> ReadSource:
    """Refuse reads that nothing can be learnt from, as far as can be told at once; raises InputError."""
    problems = Problems()
    source = None
    with Reference.open(reference) as opened:
        with problems.collect():
            (source,) = preflight([reads], opened, _where(reads, opened), choice).sources
        if source is not None:
            with open_alignments(reads, opened.path) as alignments:
                evidence = gathered(reads, alignments, source.groups, opened)
            if error := another_reference(shown(reads), evidence.mismatches, shown(reference)):
                repair = "Name the reference of the alignment with --ref, indexed anew with `samtools faidx`."
                problems.found.append(InputError(error.problem, cause=error.cause, repair=repair))
    problems.raise_all()
    assert source is not None
    return source


def _where(reads: Path, reference: Reference) -> list[Region]:
    """All of the contigs that reads and reference share; all of the reference where they share none."""
    with open_alignments(reads, reference.path) as alignments:
        shared = {name: n for name, n in reference.lengths.items() if name in alignments.references}
    return resolve_regions((), (), shared or reference.lengths)


@isolated_htslib()
def learn_source(source: ReadSource, reference: Path, way: Way | None) -> LearntReads:
    """Learn from reads that were checked; raises InputError where there is too little, or the file breaks off."""
    path = Path(source.path)
    files = InputStates.of([path, reference])
    with files.watched(), _read(path), Reference.open(reference) as opened:
        with open_alignments(path, opened.path) as alignments:
            known = set(alignments.references) <= opened.lengths.keys()
            small = alignments.is_bam and path.stat().st_size <= SMALL_FILE
            is_whole = small and known and source.groups.everything and _has_letters(alignments)
        if is_whole:
            return learn_reads(path, reference, way)
        with tempfile.TemporaryDirectory(prefix="dvplug-learn-") as folder:
            part = Path(folder) / "reads.bam"
            count = write_excerpt(source, opened, part)
            info(f"learning from {count:,} reads of '{path.name}', from all over the genome")
            return learn_reads(part, reference, way)


def _has_letters(reads: pysam.AlignmentFile) -> bool:
    """Whether no read says "=" in place of bases."""
    return not any(SAME in (read.query_sequence or "") for read in reads.fetch(until_eof=True))


@contextmanager
def _read(path: Path) -> Iterator[None]:
    """Tell of a file that cannot be read to its end."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"cannot read {shown(path)}", cause=str(error), repair="Check it with `samtools quickcheck`."
        ) from error


def described(learnt: LearntReads) -> str:
    """Say in a line what was learnt."""
    profile, count = learnt.profile, len(learnt.profile.length)
    what = f"{count:,} pairs" if learnt.way == "pairs" else f"{count:,} single reads"
    errors = f", {error_rate(profile):.2%} errors" if isinstance(profile, ContextProfile) else ""
    how = "stated, not learnt: single reads" if learnt.stated else f"learnt from {what}"
    return f"{how} of {learnt.read_length:,.0f} bp{errors}"
