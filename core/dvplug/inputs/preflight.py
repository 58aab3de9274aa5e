"""Everything that can be known before the first read is decoded: all that is wrong is said at once.

Reference, regions, alignment files, sample, technology. `dvplug.inputs.alignment_checks` looks at a single file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from dvplug.candidates.proposals import check_proposed
from dvplug.errors import DvplugError, InputError
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
from dvplug.inputs.read_evidence import Evidence
from dvplug.inputs.recognition import AUTO, contradiction, doubts, pick
from dvplug.line.region import Region
from dvplug.plugins.loading import Plugins
from dvplug.reads.alignments import Header, header_of
from dvplug.system.console import info, warn
from dvplug.system.locations import Location, file_name, shown
from dvplug.technology import TechnologyProfile


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


class Checked(NamedTuple):
    """What `dvplug call` may work with.

    Attributes
    ----------
    profile, sample
        The technology, and the sample's name.
    regions, ploidy
        Where to call, and where there is one copy.
    proposed
        How many variants the user proposes: see `check_proposed`.
    """

    profile: TechnologyProfile
    sample: str
    regions: list[Region]
    ploidy: Ploidy
    proposed: Counter[str]


Where = Callable[[Mapping[str, int]], tuple[list[Region], Ploidy]]
"""Contig lengths of the reference in, regions and ploidy out."""


def everywhere(lengths: Mapping[str, int]) -> tuple[list[Region], Ploidy]:
    """All of a diploid genome."""
    return resolve_regions((), (), lengths), DIPLOID


class ManyProblems(InputError):
    """Several things are wrong, each with its repair."""

    def __init__(self, problems: Sequence[DvplugError]) -> None:
        self.problems = tuple(problems)
        lines = "".join(f"\n  {number}. {problem}" for number, problem in enumerate(problems, 1))
        super().__init__(f"{len(problems)} problems{lines}")


@dataclass
class Problems:
    """Errors that wait to be raised together."""

    found: list[DvplugError] = field(default_factory=list)

    @contextmanager
    def collect(self) -> Iterator[None]:
        """Keep the error that the block raises, and go on behind it."""
        try:
            yield
        except ManyProblems as error:
            self.found += error.problems
        except DvplugError as error:
            self.found.append(error)

    def raise_all(self) -> None:
        """Raise what was found: an error alone as it is, several as `ManyProblems`."""
        if len(self.found) > 1:
            raise ManyProblems(self.found)
        if self.found:
            raise self.found[0]


@dataclass
class _File:
    """An alignment file that could be opened, and what it tells."""

    path: Location
    header: Header
    evidence: Evidence | None = None


def check_call(
    plugins: Plugins,
    *,
    tech: str,
    reference: Location,
    reads: Sequence[Location],
    where: Where = everywhere,
    sample: str | None = None,
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
    profile, wanted, opened, found = None, None, None, None
    ploidy, counts = DIPLOID, Counter[str]()
    if tech != AUTO:
        with problems.collect():
            profile = plugins.technology(tech)
    with problems.collect():
        opened = Reference.open(reference)
    try:
        if opened:
            with problems.collect():
                wanted, ploidy = where(opened.lengths)
            if proposed and wanted is not None:
                with problems.collect():
                    counts = check_proposed(proposed, opened, wanted)
        files = _examine(reads, opened, wanted, problems, force=force, measure=True)
        if len(files) == len(reads):
            with problems.collect():
                found = sample_name([file.header for file in files], [file.path for file in files], sample)
        with problems.collect():
            profile = _technology(plugins, tech, profile, files, force=force)
    finally:
        if opened:
            opened.close()
    problems.raise_all()
    assert profile is not None
    assert found is not None
    assert wanted is not None
    return Checked(profile, found, wanted, ploidy, counts)


def preflight(
    paths: Sequence[Location],
    reference: Reference,
    regions: Iterable[Region],
    sample: str | None = None,
) -> Preflight:
    """Check that these files can be read at these regions, whatever their technology.

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
        Files are missing, damaged, without index, or aligned to something else; or the sample is not one.
    """
    problems = Problems()
    files = _examine(paths, reference, list(regions), problems)
    headers = [file.header for file in files]
    found = ""
    if files and len(files) == len(paths):
        with problems.collect():
            found = sample_name(headers, [file.path for file in files], sample)
    problems.raise_all()
    return Preflight(found, tuple(headers))


def sample_name(headers: Sequence[Header], paths: Sequence[Location], override: str | None = None) -> str:
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
    stem = Path(file_name(paths[0])).stem
    warn(f"{shown(paths[0])} has no sample name (@RG SM): '{stem}' is used, or what --sample says.")
    return stem


def _technology(
    plugins: Plugins, tech: str, profile: TechnologyProfile | None, files: Sequence[_File], *, force: bool
) -> TechnologyProfile | None:
    """Pick the technology, or refuse the one that the user named; None where nothing can be said yet."""
    evidence = {shown(file.path): file.evidence for file in files if file.evidence}
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
    *,
    force: bool = False,
    measure: bool = False,
) -> list[_File]:
    """Open each file and check it; those that can be opened are returned.

    ``reference`` and ``regions`` are None where they are wrong themselves: what needs them is not checked then.
    """
    if not paths:
        problems.found.append(
            InputError("No alignment files were given", repair="Name a BAM or CRAM file with --reads.")
        )
    files = []
    digests: dict[str, str] = {}
    for path in paths:
        can_be_tried = False
        with problems.collect():
            require_no_crash(path, reference, regions)
            can_be_tried = True
        if not can_be_tried:
            continue
        with problems.collect(), opened(path, reference) as alignments:
            file = _File(path, header_of(path, alignments))
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
            if measure and (reference or alignments.is_bam):
                file.evidence = gathered(path, alignments)
    return files
