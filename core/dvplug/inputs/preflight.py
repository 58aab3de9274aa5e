"""Everything that can be known before the first read is decoded: all that is wrong is said at once.

Reference, regions, alignment files, sample, technology. `dvplug.inputs.alignment_checks` looks at a single file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pysam

from dvplug.candidates.proposals import check_proposed
from dvplug.errors import InputError, Problems
from dvplug.genome.contigs import require_names_of_vcf
from dvplug.genome.fasta_index import require_own_index
from dvplug.genome.ploidy import DIPLOID, Ploidy
from dvplug.genome.reference import Reference
from dvplug.genome.regions import resolve_regions
from dvplug.inputs.alignment_checks import (
    FORCE,
    contig_problems,
    gathered,
    opened,
    require_decodable,
    require_found,
    require_index,
    require_no_crash,
    require_same_sequence,
)
from dvplug.inputs.read_evidence import Evidence, read_groups_seen
from dvplug.inputs.recognition import AUTO, contradiction, doubts, flat_qualities, pick
from dvplug.inputs.reference_fit import another_reference, doubtful_reference
from dvplug.inputs.same_reads import OpenedFile, require_other_reads, same_files
from dvplug.inputs.samples import EVERY_READ, ChosenReads, FileGroups, SampleChoice, choose_reads, groups_of
from dvplug.line.region import Region
from dvplug.plugins.loading import Plugins
from dvplug.reads.alignments import Header, header_of
from dvplug.reads.groups import EVERYTHING, ReadSource
from dvplug.system.console import info, warn
from dvplug.system.locations import Location, is_remote, shown
from dvplug.technology import TechnologyProfile
from dvplug_registry.manifest import RunMeasure


class Checked(NamedTuple):
    """What `dvplug call` may work with.

    Attributes
    ----------
    profile, sample
        The technology, and the sample's name.
    reads
        The files that hold its reads.
    regions, ploidy
        Where to call, and where there is one copy.
    proposed
        How many variants the user proposes: see `check_proposed`.
    mismatches
        Of some reads, the share of aligned bases that differ from the reference: see `mismatch_share`.
    flat
        Qualities that are the same everywhere: see `flat_qualities`.
    evidence
        What each file tells, by its name.
    """

    profile: TechnologyProfile
    sample: str
    reads: tuple[ReadSource, ...]
    regions: list[Region]
    ploidy: Ploidy
    proposed: Counter[str]
    mismatches: tuple[float, ...]
    flat: Mapping[RunMeasure, str]
    evidence: Mapping[str, Evidence]


Where = Callable[[Mapping[str, int]], tuple[list[Region], Ploidy]]
"""Contig lengths of the reference in, regions and ploidy out."""


def everywhere(lengths: Mapping[str, int]) -> tuple[list[Region], Ploidy]:
    """All of a diploid genome."""
    return resolve_regions((), (), lengths), DIPLOID


@dataclass
class _File:
    """An alignment file that could be opened, and what it tells."""

    path: Location
    header: Header
    alignments: pysam.AlignmentFile
    told: Evidence | None = None
    """What all its reads told when it was tried, where it was."""
    evidence: Evidence | None = None
    """What the reads tell that will be called."""


def check_call(
    plugins: Plugins,
    *,
    tech: str,
    reference: Location,
    reads: Sequence[Location],
    where: Where = everywhere,
    choice: SampleChoice = EVERY_READ,
    proposed: Path | None = None,
    force: bool = False,
) -> Checked:
    """Check all inputs of `dvplug call`; the arguments are its options, of which `where` resolves some.

    Raises
    ------
    DvplugError
        All that is wrong: the one error, or `ManyProblems`.
    """
    problems = Problems()
    profile, wanted, opened, chosen = None, None, None, None
    ploidy, counts = DIPLOID, Counter[str]()
    if tech != AUTO:
        with problems.collect():
            profile = plugins.technology(tech)
    with problems.collect():
        opened = Reference.open(reference)
    with ExitStack() as open_files:
        if opened:
            open_files.enter_context(opened)
            with problems.collect():
                require_names_of_vcf(opened.lengths, shown(opened.path))
            with problems.collect():
                wanted, ploidy = where(opened.lengths)
            with problems.collect():
                require_fitting_index(opened, wanted or ())
            if proposed and wanted is not None:
                with problems.collect():
                    counts = check_proposed(proposed, opened, wanted)
        files = _examine(reads, opened, wanted, problems, open_files, force=force)
        if len(files) == len(reads):
            with problems.collect():
                chosen = _chosen(files, choice)
        _measure(files, chosen, opened, problems)
        if opened:
            _require_fitting_reads(files, opened, problems, force=force)
        with problems.collect():
            profile = _technology(plugins, tech, profile, files, force=force)
    problems.raise_all()
    assert profile is not None
    assert chosen is not None
    assert wanted is not None
    evidence = _evidence(files)
    mismatches = tuple(share for told in evidence.values() for share in told.mismatches)
    return Checked(
        profile, *chosen, wanted, ploidy, counts, mismatches, flat_qualities(profile, evidence), evidence
    )


def preflight(
    paths: Sequence[Location],
    reference: Reference,
    regions: Iterable[Region],
    choice: SampleChoice = EVERY_READ,
) -> ChosenReads:
    """Check that these files can be read at these regions, whatever their technology.

    Only contigs of the regions must agree between reads and reference. An index that is older than its
    file is only warned of, since copying files often changes their dates.

    Parameters
    ----------
    paths
        BAM and CRAM files.
    reference
        The reference that the reads were aligned to.
    regions
        Where variants will be called.
    choice
        The sample, where there are several, and its name.

    Raises
    ------
    InputError
        Files are missing, damaged, without index, or aligned to something else; or the sample is not one.
    """
    problems, chosen = Problems(), None
    with ExitStack() as open_files:
        wanted = list(regions)
        with problems.collect():
            require_fitting_index(reference, wanted)
        files = _examine(paths, reference, wanted, problems, open_files)
        if files and len(files) == len(paths):
            with problems.collect():
                chosen = _chosen(files, choice)
    problems.raise_all()
    assert chosen is not None
    return chosen


def _chosen(files: Sequence[_File], choice: SampleChoice) -> ChosenReads:
    groups = [
        FileGroups(file.path, groups_of(file.header), partial(read_groups_seen, file.alignments))
        for file in files
    ]
    chosen = choose_reads(groups, choice)
    counting = {source.path: source.groups for source in chosen.sources}
    require_other_reads(
        [
            OpenedFile(file.path, file.alignments, frozenset(groups_of(file.header)), counting[file.path])
            for file in files
            if file.path in counting
        ]
    )
    return chosen


def _measure(
    files: Sequence[_File], chosen: ChosenReads | None, reference: Reference | None, problems: Problems
) -> None:
    """Look at the reads that will be called; at all of them where those are not known."""
    groups = {source.path: source.groups for source in chosen.sources} if chosen else {}
    for file in files:
        if (chosen is None or file.path in groups) and (reference or file.alignments.is_bam):
            with problems.collect():
                local = reference if reference and not is_remote(reference.path) else None
                of_groups = groups.get(file.path, EVERYTHING)
                told = file.told if of_groups == EVERYTHING else None
                file.evidence = told or gathered(file.path, file.alignments, of_groups, local)


def require_fitting_index(reference: Reference, regions: Iterable[Region]) -> None:
    """Refuse an index of another version of the reference, as far as the regions' contigs tell; not of a URL."""
    if not is_remote(reference.path):
        require_own_index(Path(reference.path), {region.contig for region in regions})


def _require_fitting_reads(
    files: Sequence[_File], reference: Reference, problems: Problems, *, force: bool
) -> None:
    """Refuse reads that differ from the reference wherever they lie; warn of those that differ much."""
    name = shown(reference.path)
    for file in files:
        shares = file.evidence.mismatches if file.evidence else ()
        error = another_reference(shown(file.path), shares, name)
        if error and not force:
            problems.found.append(error)
        elif error:
            warn(f"{error.problem}: {error.cause}. Called all the same ({FORCE}).")
        elif doubt := doubtful_reference(shown(file.path), shares, name):
            warn(doubt + ".")


def _evidence(files: Sequence[_File]) -> dict[str, Evidence]:
    """What the files tell, by their names."""
    return {shown(file.path): file.evidence for file in files if file.evidence}


def _technology(
    plugins: Plugins, tech: str, profile: TechnologyProfile | None, files: Sequence[_File], *, force: bool
) -> TechnologyProfile | None:
    """Pick the technology, or refuse the one that the user named; None where nothing can be said yet."""
    evidence = _evidence(files)
    installed = plugins.technologies()
    if not evidence:
        return profile
    if tech == AUTO:
        choice = pick(installed, evidence)
        info(f"--tech {AUTO} is {choice.profile.name}: {choice.why}.")
        warnings, profile = list(choice.doubts), choice.profile
    elif profile is None:
        return None
    else:
        error = contradiction(profile, evidence, installed)
        if error and not force:
            raise error
        warnings = [f"{error.problem}: {error.cause}. Called all the same ({FORCE})."] if error else []
    for line in dict.fromkeys([*warnings, *doubts(profile, evidence, installed)]):
        warn(line)
    return profile


def _examine(
    paths: Sequence[Location],
    reference: Reference | None,
    regions: Sequence[Region] | None,
    problems: Problems,
    open_files: ExitStack,
    *,
    force: bool = False,
) -> list[_File]:
    """Open each file and check it; those that can be opened are returned, open until ``open_files`` ends.

    ``reference`` and ``regions`` are None where they are wrong themselves: what needs them is not checked then.
    """
    if not paths:
        problems.found.append(
            InputError("No alignment files were given", repair="Name a BAM or CRAM file with --reads.")
        )
    problems.found += same_files(paths)
    files = []
    digests: dict[str, str] = {}
    for path in paths:
        can_be_tried, told = False, None
        with problems.collect():
            told = require_no_crash(path, reference, regions)
            can_be_tried = True
        if not can_be_tried:
            continue
        with problems.collect():
            alignments = open_files.enter_context(opened(path, reference))
            file = _File(path, header_of(path, alignments), alignments, told)
            files.append(file)
            indexed = False
            with problems.collect():
                require_index(path, alignments, file.header)
                indexed = True
            if reference and regions is not None:
                contigs = list(dict.fromkeys(region.contig for region in regions))
                problems.found += contig_problems(path, file.header, reference, contigs)
                with problems.collect():
                    require_same_sequence(path, file.header, reference, contigs, digests, force=force)
                if alignments.is_cram and indexed:
                    require_decodable(path, alignments, regions, file.header)
                if indexed:
                    require_found(path, alignments, reference.path)
    return files
