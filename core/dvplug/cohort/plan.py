"""What is to be called for each sample of a sheet: options as of `dvplug call`, all checked before the first region."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from dvplug.calling.options import CallOptions
from dvplug.calling.run import Cuts, check_run, prepare_call
from dvplug.calling.written import PreparedCall, outputs_of
from dvplug.cohort.sheet import Sheet, SheetSample
from dvplug.errors import DvplugError, InputError, Problems
from dvplug.genome.ploidy import sex_chromosomes
from dvplug.genome.reference import Reference
from dvplug.inputs.samples import groups_of
from dvplug.reads.alignments import header_of, open_alignments
from dvplug.system.console import info, warn
from dvplug.system.htslib import isolated_htslib
from dvplug.system.locations import Location, is_remote, shown
from dvplug.system.outputs import require_apart
from dvplug.system.run_log import about
from dvplug.system.workers import crash_of


@dataclass(frozen=True)
class PlannedSample:
    """A sample that can be called."""

    row: SheetSample
    prepared: PreparedCall

    @property
    def options(self) -> CallOptions:
        """As of `dvplug call`."""
        return self.prepared.options


def plan_cohort(sheet: Sheet, base: CallOptions, folder: Path) -> list[PlannedSample]:
    """Check all that can be known of all samples, and prepare each.

    Parameters
    ----------
    base
        Options that all have in common.
    folder
        Where the outputs go.

    Raises
    ------
    DvplugError
        All that is wrong with any of them, each with its lines: the one error, or `ManyProblems`.
    """
    workers = check_run(base)
    with Reference.open(base.ref) as reference:
        lengths = dict(reference.lengths)
    by_sex = _has_sexes(lengths)
    if not by_sex and any(sample.sex for sample in sheet.samples):
        info(
            "The reference has no X of GRCh37 or GRCh38: the sexes of the sheet are compared with the depths, and say "
            "nothing of where there is one copy (--haploid-contigs does)."
        )
    problems, planned = Problems(), list[PlannedSample]()
    cuts: Cuts = {}
    for sample in sheet.samples:
        with told_of(sheet, sample, problems):
            options = replace(_options(sample, base, folder, by_sex=by_sex), workers=workers, max_memory=None)
            require_apart(outputs_of(options), [*options.inputs(), sheet.path])
            planned.append(PlannedSample(sample, prepare_call(options, cuts)))
    problems.found += _shared(sheet, planned)
    problems.raise_all()
    return planned


@contextmanager
def told_of(sheet: Sheet, sample: SheetSample, problems: Problems) -> Iterator[None]:
    """Have what is told in the block be of a sample, and keep what is raised in it, with the sample's lines."""
    own = Problems()
    with about(sample.name), own.collect():
        yield
    problems.found += [
        InputError(f"{sheet.where(sample)}: {one.problem}", cause=one.cause, repair=one.repair)
        for one in own.found
    ]


def _has_sexes(lengths: dict[str, int]) -> bool:
    """Whether the reference's X and Y are known, so that a sex says where there is one copy."""
    try:
        return bool(sex_chromosomes(lengths))
    except InputError:
        return False


def _options(sample: SheetSample, base: CallOptions, folder: Path, *, by_sex: bool) -> CallOptions:
    """The options of `dvplug call` for a sample: its name is that of @RG SM wherever that is so."""
    chosen, renamed = _whose(sample, base.ref)
    return replace(
        base,
        tech=sample.tech or base.tech,
        reads=sample.reads,
        out=str(folder / f"{sample.name}.vcf.gz"),
        gvcf=str(folder / f"{sample.name}.g.vcf.gz"),
        report=folder / f"{sample.name}.html",
        model=sample.model or base.model,
        sex=sample.sex if by_sex else None,
        sample=chosen,
        sample_name=renamed,
        resume=True,
        log_json=None,
    )


def _whose(sample: SheetSample, reference: Location) -> tuple[str | None, str | None]:
    """``--sample`` and ``--sample-name``: the one chooses among several, the other is where it is called otherwise."""
    named: set[str] = set()
    for path in sample.reads:
        if is_remote(path) or not crash_of(_samples_in, path, reference):
            with suppress(Exception):  # the checks tell what is wrong
                named |= _samples_in(path, reference)
    if sample.name in named:
        return (sample.name if len(named) > 1 else None), None
    if named:
        many = ", ".join(sorted(named)[:5])
        warn(f"the reads are of '{many}' by their @RG SM: is this the file that was meant?")
    return None, sample.name


@isolated_htslib()
def _samples_in(path: Location, reference: Location) -> set[str]:
    """The samples that a file's header names."""
    with open_alignments(path, reference) as alignments:
        return set(groups_of(header_of(path, alignments)).values()) - {""}


def _shared(sheet: Sheet, planned: Sequence[PlannedSample]) -> Iterator[DvplugError]:
    """Yield a problem for each file that two samples have, unless its read groups tell them apart."""
    first: dict[object, PlannedSample] = {}
    for one in planned:
        for place in one.row.reads:
            state = None if is_remote(place) else one.prepared.job.inputs.files.get(Path(place))
            other = first.setdefault(state.content if state else shown(place), one)
            if other is not one and not (one.options.sample and other.options.sample):
                yield InputError(
                    f"{sheet.where(one.row)} has the reads of sample '{other.row.name}': {shown(place)}",
                    cause="it is the same file, or a copy",
                    repair="Correct one of them.",
                )
