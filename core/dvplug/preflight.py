"""Everything that can be known before the first read is decoded: all that is wrong is said at once.

Reference, regions, alignment files and their indexes, contigs, sample, technology. `dvplug.alignments` opens files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pysam

from dvplug.alignment_index import belongs
from dvplug.alignments import BAM_INDEXES, CRAM_INDEXES, Header, header_of, no_index, open_alignments
from dvplug.console import info, warn
from dvplug.errors import DvplugError, InputError
from dvplug.locations import Location, file_name, is_remote, shown
from dvplug.ploidy import DIPLOID, Ploidy
from dvplug.plugins import Plugins
from dvplug.proposals import check_proposed
from dvplug.read_evidence import Evidence, gather
from dvplug.recognition import AUTO, contradiction, doubts, pick
from dvplug.reference import Reference
from dvplug.regions import Region, contig_hint, resolve_regions
from dvplug.technology import TechnologyProfile
from dvplug.workers import crash_of

FORCE = "--force"
TRIED_REGIONS = 1000  # at which reading is tried, until one has a read


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
        with problems.collect():
            _require_no_crash(path, reference, regions)
        with problems.collect(), _opened(path, reference) as alignments:
            file = _File(path, header_of(path, alignments))
            files.append(file)
            indexed = False
            with problems.collect():
                _require_index(path, alignments, file.header)
                indexed = True
            if reference and regions is not None:
                contigs = list(dict.fromkeys(region.contig for region in regions))
                problems.found += _contig_problems(path, file.header, reference, contigs)
                with problems.collect():
                    _require_same_sequence(path, file.header, reference, contigs, digests, force=force)
                if alignments.is_cram and indexed:
                    _require_decodable(path, alignments, regions, file.header)
            if measure and (reference or alignments.is_bam):
                file.evidence = _gathered(path, alignments)
    return files


def _require_no_crash(path: Location, reference: Reference | None, regions: Sequence[Region] | None) -> None:
    """Try in a process of its own what a damaged file or index could crash, or keep busy for ever."""
    if reference is None or regions is None or is_remote(path) or is_remote(reference.path):
        return
    if crash := crash_of(_try, path, reference.path, regions[:TRIED_REGIONS]):
        raise InputError(
            f"Alignment file {shown(path)} cannot be read",
            cause=f"the file or its index is damaged such that it cannot even be tried: {crash}",
            repair=f"Check it with `samtools quickcheck` and make the index anew: samtools index {shown(path)}",
        )


def _try(path: Location, reference: Location, regions: Sequence[Region]) -> None:
    """Open a file with its index, and decode one read."""
    with open_alignments(path, reference) as alignments:
        _require_decodable(path, alignments, regions, alignments.header.to_dict())


@contextmanager
def _opened(path: Location, reference: Reference | None) -> Iterator[pysam.AlignmentFile]:
    alignments = open_alignments(path, reference.path if reference else None)
    try:
        yield alignments
    finally:
        with suppress(OSError):  # of a damaged file, which was reported by then
            alignments.close()


def _gathered(path: Location, alignments: pysam.AlignmentFile) -> Evidence:
    verbosity = pysam.set_verbosity(0)
    try:
        return gather(alignments)
    except (OSError, ValueError) as error:
        raise InputError(
            f"cannot read {shown(path)}",
            cause=str(error),
            repair="The file or its index is damaged: check it with `samtools quickcheck` and make the index anew.",
        ) from error
    finally:
        pysam.set_verbosity(verbosity)


def _require_index(path: Location, alignments: pysam.AlignmentFile, header: Header) -> None:
    order = header.get("HD", {}).get("SO", "")
    index = None if is_remote(path) else _index(Path(path), cram=alignments.is_cram)
    if not alignments.has_index() or not (index or is_remote(path)):
        if index is None and order in ("queryname", "unsorted"):
            raise InputError(
                f"Alignment file {shown(path)} is not sorted by position and has no index",
                cause=f"its header says @HD SO:{order}",
                repair=f"Sort it: samtools sort --write-index -o sorted.{file_name(path)} {shown(path)}",
            )
        raise no_index(path, usable=index is not None)
    if order == "queryname":
        warn(f"{shown(path)} says that it is sorted by name (@HD SO:queryname), but it has an index.")
    if index is None:
        return
    if alignments.is_bam and not belongs(Path(path), index):
        raise InputError(
            f"The index {index} is not of {path}",
            cause="alignments end elsewhere than it says: the file was changed since, or it is another file's",
            repair=f"Make it anew: samtools index {path}",
        )
    if index.stat().st_mtime < Path(path).stat().st_mtime:
        warn(f"The index of {path} is older than the file: if the reads changed, run samtools index.")


def _index(path: Path, *, cram: bool) -> Path | None:
    """The index that htslib takes: its order is .csi before .bai, beside the suffix before in its place."""
    suffixes = CRAM_INDEXES if cram else BAM_INDEXES
    places = [place for s in suffixes for place in (Path(f"{path}{s}"), path.with_suffix(s))]
    return next((place for place in places if place.is_file()), None)


def _contig_problems(
    path: Location, header: Header, reference: Reference, contigs: Sequence[str]
) -> Iterator[InputError]:
    """Yield what differs in the names and lengths of these contigs; others may differ, and their order too."""
    lengths = {entry["SN"]: entry["LN"] for entry in header.get("SQ", [])}
    missing = [contig for contig in contigs if contig not in lengths]
    if missing:
        yield InputError(
            f"{shown(path)} has no contig '{missing[0]}', which the reference {shown(reference.path)} has"
            + _and_more(missing),
            cause="the reads were aligned to another reference or to other contig names",
            repair=f"{contig_hint(missing[0], lengths)} Use the reference of the alignment, rename the "
            "contigs (samtools reheader), or leave this one out with --regions.",
        )
    other = [c for c in contigs if c in lengths and lengths[c] != reference.lengths[c]]
    if other:
        yield InputError(
            f"Contig '{other[0]}' has {lengths[other[0]]} bp in {shown(path)} "
            f"but {reference.lengths[other[0]]} bp in {shown(reference.path)}" + _and_more(other),
            cause="the reads were probably aligned to another genome build",
            repair="Use the reference of the alignment, or align the reads again.",
        )


def _and_more(contigs: Sequence[str]) -> str:
    """Say that the same is wrong with other contigs."""
    rest = contigs[1:]
    if not rest:
        return ""
    named = ", ".join(f"'{contig}'" for contig in rest[:5]) + (", ..." if len(rest) > 5 else "")
    return f" (and {len(rest)} more alike: {named})"


def _require_same_sequence(
    path: Location,
    header: Header,
    reference: Reference,
    contigs: Sequence[str],
    digests: dict[str, str],
    *,
    force: bool,
) -> None:
    """The MD5 of each contig to be called must be that of @SQ M5, where there is one.

    ``digests`` holds those that were computed for other files. A remote reference would be downloaded for it, and is
    not checked.
    """
    if is_remote(reference.path):
        return
    entries = {entry["SN"]: entry for entry in header.get("SQ", [])}
    other: list[str] = []
    for contig in contigs:
        entry: Mapping[str, object] = entries.get(contig, {})
        if "M5" not in entry or entry["LN"] != reference.lengths[contig]:
            continue
        if contig not in digests:
            digests[contig] = reference.md5(contig)
        if digests[contig] != str(entry["M5"]).lower():
            other.append(contig)
    if not other:
        return
    error = InputError(
        f"Contig '{other[0]}' of {shown(reference.path)} is not the sequence that {shown(path)} was aligned to"
        + _and_more(other),
        cause=f"its MD5 is {digests[other[0]]}, @SQ M5 says {entries[other[0]]['M5']}: another build, or a masked or "
        "patched version of it",
        repair=f"Use the reference of the alignment, or call with this one all the same with {FORCE}.",
    )
    if not force:
        raise error
    warn(f"{error.problem}. Called all the same ({FORCE}).")


def _require_decodable(
    path: Location, alignments: pysam.AlignmentFile, regions: Iterable[Region], header: Header
) -> None:
    """Decode one read of the regions: CRAM stores differences from a reference that must be the same."""
    contigs = {entry["SN"] for entry in header.get("SQ", [])}
    verbosity = pysam.set_verbosity(0)
    try:
        for contig, start, end in regions:
            if contig in contigs and next(alignments.fetch(contig, start, end), None) is not None:
                return
    except (OSError, ValueError) as error:
        raise InputError(
            f"CRAM file {shown(path)} cannot be decoded with the given reference",
            cause=f"it is not what the reads were compressed with, or the file is damaged ({error})",
            repair="Use the reference of the alignment.",
        ) from error
    finally:
        pysam.set_verbosity(verbosity)
