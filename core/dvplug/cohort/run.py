"""`call_cohort`: all samples of a sheet, their regions in one queue; then what is to be said of them together."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from typing_extensions import Unpack

from dvplug.calling.api import with_options
from dvplug.calling.keywords import SharedKeywords
from dvplug.calling.option_kinds import refuse_empty
from dvplug.calling.options import CallOptions
from dvplug.cohort.earlier import joint_made_of, refuse_other_joint, warn_of_others
from dvplug.cohort.finished import FinishedSamples
from dvplug.cohort.outputs import CohortFiles, write_cohort
from dvplug.cohort.plan import PlannedSample, plan_cohort
from dvplug.cohort.sample import SampleCalling
from dvplug.cohort.sheet import Sheet, read_sheet
from dvplug.cohort.tally import GenomeKinds
from dvplug.engine.samples import OneSampleCaller, SampleAnswer, call_samples
from dvplug.errors import InputError, Problems
from dvplug.executors.choice import LOCAL, open_pool
from dvplug.executors.node import packed
from dvplug.executors.spread import Load, spread_queues
from dvplug.genome.reference import Reference
from dvplug.hookspecs.executors import WorkersWanted
from dvplug.joint.run import joint_genotype
from dvplug.system.console import info, progress
from dvplug.system.locations import StrPath
from dvplug.system.outputs import Output, made_folder, require_writable, reserved
from dvplug.system.run_log import run_log


@dataclass(frozen=True)
class CohortSummary:
    """What a cohort's run wrote.

    Attributes
    ----------
    records
        Of each sample, in the order of the sheet: how many records pass.
    called_before
        Samples whose outputs were whole already.
    flagged
        What stands out, in words: sexes and relatives that are not as the sheet says, samples unlike the others.
    """

    records: dict[str, int]
    called_before: tuple[str, ...]
    flagged: tuple[str, ...]


@with_options(CallOptions, SharedKeywords.__annotations__)
def call_cohort(
    samples: StrPath,
    ref: StrPath,
    out: StrPath,
    *,
    tech: str = "auto",
    joint: bool = False,
    **options: Unpack[SharedKeywords],
) -> CohortSummary:
    """Call all samples of a sheet, as `dvplug cohort` does.

    Each sample's VCF, gVCF and report are those that `dvplug.call` writes with the same options. A run that was ended
    goes on where it was when it is repeated; samples that are whole are not called again.

    Parameters
    ----------
    samples
        Sample sheet, TSV or CSV.
    ref
        Reference FASTA, the one that the reads were aligned to.
    out
        Folder for the outputs; made if it is missing.
    tech
        Technology of samples of which the sheet says none.
    joint
        Genotype all samples together at the end, into ``cohort.vcf.gz``.
    options
        Those of `dvplug.call` that hold for all samples.

    Raises
    ------
    DvplugError
        What the user can mend, all of it before the first region. Samples that could not be called to their end are
        told when all others are done.
    TypeError
        An option is unknown.
    """
    if unknown := options.keys() - SharedKeywords.__annotations__.keys():
        raise TypeError(f"call_cohort() has no option '{sorted(unknown)[0]}': samples have it by the sheet")
    refuse_empty(options)
    base = CallOptions.of(tech=tech, ref=ref, reads=(), out="", **options)
    place = Path(out)
    with (
        made_folder(place, "--out"),
        run_log(base.log_json),
        reserved(CohortFiles.all_in(place, joint=joint), [Path(os.fspath(samples)), base.ref]),
    ):
        if joint:  # which is reserved when it is made
            require_writable(Output("--joint", CohortFiles(place).joint))
        return _run(read_sheet(samples), place, base, joint=joint)


def _run(sheet: Sheet, folder: Path, base: CallOptions, *, joint: bool) -> CohortSummary:
    """Check all samples, call what is not whole, and write what is to be said of them together."""
    if sheet.unused:
        info(f"Columns of {sheet.path} that mean nothing here: {', '.join(sheet.unused)}.")
    notes = FinishedSamples(folder)
    files = CohortFiles(folder)
    callings = _begun(plan_cohort(sheet, base, folder), base, notes)
    if not joint:
        refuse_other_joint(sheet, files, notes, [one.name for one in callings if not one.found])
    warn_of_others(sheet, files, notes)
    before = tuple(one.name for one in callings if one.found)
    if before:
        info(f"{len(before)} of {len(callings)} samples are whole already.")
    _call([one for one in callings if not one.found], base)
    _raise_failures(sheet, callings)
    found = {one.name: one.found for one in callings if one.found}
    flagged = write_cohort(files, sheet, found, notes.snps, base)
    if joint:
        _joint(sheet, files, base)
        notes.note_joint(files.joint, joint_made_of(sheet))
    return CohortSummary({name: one.records for name, one in found.items()}, before, tuple(flagged))


def _begun(
    planned: Sequence[PlannedSample], base: CallOptions, notes: FinishedSamples
) -> list[SampleCalling]:
    with Reference.open(base.ref) as reference:
        kinds = GenomeKinds.of(dict(reference.lengths))
    callings: list[SampleCalling] = []
    for one in planned:
        calling = SampleCalling(len(callings), one, kinds, notes)
        calling.is_whole()
        callings.append(calling)
    return callings


def _call(callings: Sequence[SampleCalling], base: CallOptions) -> None:
    """Call what is left of samples; what is wrong with one of them is noted in it."""
    if not callings:
        return
    for number, one in enumerate(callings):
        one.number = number
    total = sum(len(one.prepared.partitions) for one in callings)
    workers = callings[0].prepared.workers
    by = f"{workers} worker(s)" if base.executor == LOCAL else base.executor
    info(f"Calling {len(callings)} sample(s) with {by}.")
    with (
        _left_where_it_fails(callings),
        progress("Calling", total) as advance,
        closing(_answers(callings, base, workers)) as answers,
    ):
        done, whole = [0] * len(callings), 0
        for number, answer in answers:
            one = callings[number]
            one.add(answer)
            whole += one.found is not None and one.partitions_done > done[number]
            advance(one.partitions_done - done[number], f"{whole} of {len(callings)} samples")
            done[number] = one.partitions_done


@contextmanager
def _left_where_it_fails(callings: Sequence[SampleCalling]) -> Iterator[None]:
    """Leave the samples that are under way as they are where the block ends with an error, so that they can go on."""
    try:
        yield
    except BaseException:
        for one in callings:
            one.leave()
        raise


def _answers(
    callings: Sequence[SampleCalling], base: CallOptions, workers: int
) -> Generator[tuple[int, SampleAnswer], None, None]:
    """Yield the answers of all samples' regions, in the order of each sample."""
    jobs = [one.prepared.job for one in callings]
    if base.executor == LOCAL:
        queues = (one.regions(workers) for one in callings)
        yield from call_samples(jobs, queues, workers, base.max_memory)
        return
    with open_pool(base.executor, WorkersWanted(workers, base.max_memory)) as pool:
        info(f"Regions are called by {pool.described()}.")
        loads = [
            Load(one.prepared.facts, packed(OneSampleCaller, one.prepared.job), one.regions(workers))
            for one in callings
        ]
        yield from spread_queues(pool, loads)


def _raise_failures(sheet: Sheet, callings: Sequence[SampleCalling]) -> None:
    problems = Problems()
    for one in callings:
        if one.error:
            with problems.collect():
                raise InputError(
                    f"{sheet.where(one.planned.row)} was not called: {one.error.problem}",
                    cause=one.error.cause,
                    repair=one.error.repair,
                )
    if problems.found:
        whole = sum(one.found is not None for one in callings)
        info(f"{whole} of {len(callings)} samples are whole; the same command goes on with the others.")
    problems.raise_all()


def _joint(sheet: Sheet, files: CohortFiles, base: CallOptions) -> None:
    """Genotype all samples together."""
    done = joint_genotype(
        [files.folder / f"{sample.name}.g.vcf.gz" for sample in sheet.samples],
        str(base.ref),
        files.joint,
        pedigree=files.pedigree if sheet.has_parents else None,
        regions=base.regions,
        workers=base.workers,
    )
    info(f"{files.joint}: {done.sites:,} sites of {len(done.samples):,} samples.")
