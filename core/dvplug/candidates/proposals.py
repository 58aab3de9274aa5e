"""Variants that the user proposes: genotyped whatever the reads show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pysam

from dvplug.candidates.changed_anchors import Allele
from dvplug.candidates.finder import candidates_at
from dvplug.errors import InputError
from dvplug.genome.reference import Reference
from dvplug.line.candidate_batch import CandidateBatch
from dvplug.line.read_batch import ReadBatch
from dvplug.line.region import Region
from dvplug.sequence.alleles import normalised, shared_suffix
from dvplug.sequence.arrays import UInt8s
from dvplug.sequence.codes import UNKNOWN_BASE, decode_bases
from dvplug.system.htslib import isolated_htslib
from dvplug.system.indexes import ends_by_indexes
from dvplug.system.locations import require_file
from dvplug.technology import CandidateThresholds

MAX_LENGTH = 200
"""bp of the longest allele: reads and images do not show more of it."""
_AMBIGUOUS = "at an ambiguous base"
_REACH = 1000
"""bp that a proposed indel may lie to the right of where it belongs."""


class ProposedVariants:
    """An indexed VCF of proposed variants, opened in the process that reads it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = _opened(path)
        self._contigs = set(self._file.header.contigs)

    @isolated_htslib()
    def at(self, region: Region, reference: UInt8s, reference_start: int) -> dict[int, list[Allele]]:
        """Return the alleles by 0-based start, left-aligned, of those that then begin in the region.

        Parameters
        ----------
        reference
            uint8[l], base codes from ``reference_start`` on; reaches far to both sides of the region.
        """
        found: dict[int, list[Allele]] = {}
        if region.contig not in self._contigs:
            return found
        bases = decode_bases(reference)
        with _told(self.path):
            records = list(self._file.fetch(region.contig, region.start, region.end + _REACH))
        for record in records:
            for alt in record.alts or ():
                if _why_not(record.ref, alt) is None:
                    start, ref, written = normalised(
                        record.start, record.ref.upper(), alt.upper(), bases, reference_start, len(bases)
                    )
                    allele = Allele(len(ref), written)
                    if _is_unknown(reference, start - reference_start, allele.ref_length):
                        continue
                    alleles = found.setdefault(start, []) if region.start <= start < region.end else []
                    if allele not in alleles:
                        alleles.append(allele)
        return found


def check_proposed(path: Path, reference: Reference, regions: Iterable[Region]) -> Counter[str]:
    """Read all proposed variants of the regions once, before any is called.

    Returns
    -------
    Counter
        As `count_proposed`.

    Raises
    ------
    InputError
        As `count_proposed`; or there is no variant in the regions.
    """
    counts = count_proposed(path, reference, regions)
    if not counts[""]:
        raise InputError(
            f"{path} proposes no variant in the regions to call",
            cause="its contigs or positions are others, or it has only symbolic alleles",
            repair="Check its contig names and --regions.",
        )
    return counts


@isolated_htslib()
def count_proposed(path: Path, reference: Reference, regions: Iterable[Region]) -> Counter[str]:
    """Count the proposed alleles of the regions.

    Returns
    -------
    Counter
        How many alleles there are (``""``), and how many cannot be genotyped, by reason.

    Raises
    ------
    InputError
        The file is no indexed VCF, or its REF is not the reference's.
    """
    counts: Counter[str] = Counter()
    with _read(path) as file:
        for region in regions:
            if region.contig not in file.header.contigs:
                continue
            for record in file.fetch(region.contig, region.start, region.end):
                if reference.is_ambiguous(record.contig, record.start, record.start + len(record.ref)):
                    counts[_AMBIGUOUS] += len(record.alts or ())
                    continue
                _require_reference(path, record, reference)
                counts.update(_why_not(record.ref, alt) or "" for alt in record.alts or ())
    return counts


@contextmanager
def _read(path: Path) -> Iterator[pysam.VariantFile]:
    """Open the file for this block; what goes wrong first is told, as closing a damaged file fails, too."""
    file = _opened(path)
    try:
        with _told(path):
            yield file
    except BaseException:
        with suppress(OSError):
            file.close()
        raise
    with _told(path):
        file.close()


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        raise InputError(
            f"Proposed variants {path} cannot be read",
            cause=str(error),
            repair="Check the file: bcftools view. Index it again: bcftools index -t",
        ) from error


def with_proposed(
    candidates: CandidateBatch,
    proposed: dict[int, list[Allele]],
    reads: ReadBatch,
    reference: UInt8s,
    reference_start: int,
    thresholds: CandidateThresholds,
) -> tuple[CandidateBatch, list[tuple[int, ...]]]:
    """Add proposed alleles to the candidates.

    Returns
    -------
    candidates
        Of all sites; at a site of both, the alts that were found come first.
    kept
        For each site, the indexes of its alts that were proposed.
    """
    sites: dict[int, list[Allele]] = {}
    for start, ref, alts in zip(candidates.start.tolist(), candidates.refs, candidates.alts, strict=True):
        sites[start] = [_minimal(ref, alt) for alt in alts]
    for start, alleles in proposed.items():
        known = sites.setdefault(start, [])
        known += [allele for allele in alleles if allele not in known]
    if not proposed:
        return candidates, [()] * len(candidates)
    batch = candidates_at(candidates.contig, sites, reads, reference, reference_start, thresholds)
    kept = [
        tuple(sites[start].index(allele) for allele in proposed.get(start, ())) for start in sorted(sites)
    ]
    return batch, kept


@isolated_htslib()
def _opened(path: Path) -> pysam.VariantFile:
    require_file(path, "File of proposed variants", "--proposed-variants")
    ends_by_indexes(str(path))
    try:
        file = pysam.VariantFile(str(path))
        if file.index is None:
            raise InputError(
                f"Proposed variants {path} have no index",
                cause="they are read by position",
                repair=f"bcftools index {path}"
                if file.compression == "BGZF"
                else f"bgzip {path}, then bcftools index {path}.gz",
            )
    except (OSError, ValueError) as error:
        raise InputError(
            f"Proposed variants {path} cannot be opened",
            cause=str(error),
            repair="Give a VCF, compressed with bgzip and indexed, or a BCF.",
        ) from error
    return file


def _require_reference(path: Path, record: pysam.VariantRecord, reference: Reference) -> None:
    bases = reference.sequence(record.contig, record.start, record.start + len(record.ref))
    if record.ref.upper() != bases:
        raise InputError(
            f"{path} has the REF {record.ref[:50]} at {record.contig}:{record.pos}",
            cause=f"the reference has {bases[:50] or 'no base'} there: the file belongs to another build",
            repair="Propose variants of this reference; bcftools norm --check-ref w lists those that differ.",
        )


def _why_not(ref: str, alt: str) -> str | None:
    """Why an allele cannot be genotyped."""
    if set(alt.upper()) - set("ACGT"):
        return "symbolic"
    if ref.upper() == alt.upper():
        return "the reference itself"
    if set(ref.upper()) - set("ACGT"):
        return _AMBIGUOUS
    return "too long" if max(len(ref), len(alt)) > MAX_LENGTH else None


def _is_unknown(reference: UInt8s, first: int, length: int) -> bool:
    """Whether the reference has no A, C, G or T at one of these bases: REF could not be written."""
    return bool((reference[first : first + length] >= UNKNOWN_BASE).any())


def _minimal(ref: str, alt: str) -> Allele:
    """Strip the bases at the end that both share, down to one."""
    shared = shared_suffix((ref, alt))
    return Allele(len(ref) - shared, alt[: len(alt) - shared])
