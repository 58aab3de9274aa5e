"""`dvplug show` as a function: what the network sees at a position, and what it says of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from dvplug.calling.options import CallOptions
from dvplug.calling.run import call_job, check_options
from dvplug.calling.where import ploidy_of
from dvplug.candidates.proposals import count_proposed
from dvplug.engine.call import genotype
from dvplug.engine.draw import Drawn
from dvplug.engine.job import CallJob
from dvplug.errors import InputError
from dvplug.genome.ploidy import Ploidy
from dvplug.genome.reference import Reference
from dvplug.genome.regions import parse_region, skip_n_runs
from dvplug.inputs.preflight import Checked
from dvplug.line.candidate_batch import CandidateBatch
from dvplug.line.image_batch import NO_ALT
from dvplug.line.record import VcfRecord
from dvplug.line.region import Region
from dvplug.plugins.loading import Plugins
from dvplug.records.used_alts import with_used_alts
from dvplug.system.input_states import InputStates
from dvplug.technology import CandidateThresholds, ImageLayout

NEAREST = 4
"""Candidates that are named where there is none."""


@dataclass(frozen=True)
class ImageView:
    """One image, and the network's answer.

    Attributes
    ----------
    alts
        The one or two alternate alleles that it stands for.
    pixels
        uint8[h, w, c].
    probabilities
        Of no, one and two copies of these alts.
    """

    alts: tuple[str, ...]
    pixels: npt.NDArray[np.uint8]
    probabilities: tuple[float, float, float]


@dataclass(frozen=True)
class Site:
    """A candidate with all its images, and the record that they make together (which may be a RefCall)."""

    region: Region  # of REF as the candidate has it; `record` may be trimmed
    ref: str
    alts: tuple[str, ...]
    images: tuple[ImageView, ...]
    record: VcfRecord


@dataclass(frozen=True)
class NoCandidate:
    """A position without a candidate.

    Attributes
    ----------
    at
        The position, one base.
    ref
        The reference base.
    reads
        Reads over it that pass the read filter.
    depth
        Reads that tell an allele, where one reads another than the reference.
    counts
        Reads per allele, such as ``T>C``, however few; empty when all show the reference.
    thresholds
        What an allele would have needed.
    nearest
        Candidates close by, in order of position.
    """

    at: Region
    ref: str
    reads: int
    depth: int
    counts: dict[str, int]
    thresholds: CandidateThresholds
    nearest: tuple[Site, ...]


@dataclass(frozen=True)
class Shown:
    """What was found at the positions asked for, in their order."""

    model: str
    layout: ImageLayout
    found: list[Site | NoCandidate]

    @property
    def sites(self) -> list[Site]:
        """Those with a candidate."""
        return [one for one in self.found if isinstance(one, Site)]


def show_positions(positions: Sequence[str], options: CallOptions) -> Shown:
    """Draw and call the candidates at positions as `call_variants` does, the network on the CPU.

    Parameters
    ----------
    positions
        Such as ``chr20:10,002,470``: the POS of a record, 1-based.
    options
        Those of a call. Its regions and outputs do not matter; a technology that the reads contradict is warned of.

    Raises
    ------
    DvplugError
        Anything that the user can mend, as of `call_variants`; or a position is not one base.
    """
    options = replace(options, device="cpu", force=True, gvcf=None)
    inputs = InputStates.of(options.inputs())
    plugins, checked = check_positions(positions, options)
    job, *_ = call_job(options, plugins, checked, inputs)
    with Reference.open(options.ref) as reference:
        if options.proposed_variants:
            size = checked.profile.partition_size
            parts = dict.fromkeys(_partition(at, size, reference) for at in checked.regions)
            count_proposed(options.proposed_variants, reference, parts)
        viewer = _Viewer(job, reference)
        with job.inputs.watched():
            found = [one for at in checked.regions for one in viewer.look(at)]
    return Shown(job.model.manifest.label, checked.profile.image, found)


def check_positions(positions: Sequence[str], options: CallOptions) -> tuple[Plugins, Checked]:
    """Look at all inputs of `show_positions`; raises all that is wrong at once."""

    def where(lengths: Mapping[str, int]) -> tuple[list[Region], Ploidy]:
        wanted = [_one_base(text, lengths) for text in positions]
        return wanted, ploidy_of(options, lengths, wanted)

    # A name is not needed here, and proposed variants are counted by the partitions that are drawn.
    options = replace(options, sample_name="sample", proposed_variants=None)
    _, plugins, checked = check_options(options, where)
    return plugins, checked


def _one_base(text: str, lengths: Mapping[str, int]) -> Region:
    at = parse_region(text, lengths)
    if at.end - at.start != 1:
        raise InputError(
            f"--at {text} is {at.end - at.start:,} bases long",
            cause="a picture is of one site",
            repair="Give contig:position, such as chr20:10,002,470; --at can be given several times.",
        )
    return at


def _partition(at: Region, size: int, reference: Reference) -> Region:
    """Return the partition of a whole genome that a position lies in."""
    cut = at.start - at.start % size
    return Region(at.contig, cut, min(cut + size, reference.lengths[at.contig]))


class _Viewer:
    """Draws the partitions of the genome that `dvplug call` works on, one at a time, and picks sites from them."""

    def __init__(self, job: CallJob, reference: Reference) -> None:
        self.job, self.reference = job, reference
        self.drawer, self.predictor = job.open_drawer(every_image=True), job.open_model(job.model, job.device)
        self.profile = job.pipeline.profile
        # The partition that was drawn last, and its batches: sites are often asked for side by side.
        self._drawn_partition: Region | None = None
        self._drawn_batches: list[Drawn] = []

    def look(self, at: Region) -> list[Site | NoCandidate]:
        """Return the candidates at a position: usually one."""
        drawn = self._draw(at)
        # Trimming moves a record to the right within its REF.
        near = [s for d in drawn for s in self._sites(d, at.start - _longest_ref(d.candidates), at.start)]
        found: list[Site | NoCandidate] = [
            site for site in near if at.start in (site.region.start, site.record.start)
        ]
        return found or [self._nothing(at, drawn)]

    def _draw(self, at: Region) -> list[Drawn]:
        """Draw the whole partition, as calling does: reads are phased within it, and haplotypes are drawn."""
        partition = _partition(at, self.profile.partition_size, self.reference)
        if partition != self._drawn_partition:
            wanted = skip_n_runs([partition], self.reference)
            self._drawn_batches = [drawn for region in wanted for drawn in self.drawer.draw(region)]
            self._drawn_partition = partition
        return self._drawn_batches

    def _sites(self, drawn: Drawn, first: int, last: int) -> Iterator[Site]:
        """Call the candidates that start from ``first`` to ``last``, each by itself."""
        starts = drawn.candidates.start
        for index in range(int(np.searchsorted(starts, first)), int(np.searchsorted(starts, last, "right"))):
            yield self._site(drawn, index)

    def _site(self, drawn: Drawn, index: int) -> Site:
        of_site = drawn.site(index)
        one, images = of_site.candidates, of_site.images
        called = genotype(of_site, self.predictor, self.job)
        start, ref, alts = int(one.start[0]), one.refs[0], one.alts[0]
        views = tuple(
            ImageView(tuple(alts[alt] for alt in alt_set if alt != NO_ALT), image, tuple(p))
            for image, alt_set, p in zip(
                images.images, images.alt_set.tolist(), called.probabilities.tolist(), strict=True
            )
        )
        record = with_used_alts(called.records[0])
        return Site(Region(one.contig, start, start + len(ref)), ref, alts, views, record)

    def _nothing(self, at: Region, drawn: list[Drawn]) -> NoCandidate:
        thresholds = self.profile.candidate_thresholds
        # With these an allele of one read is a candidate: the finder itself counts.
        every = thresholds.model_copy(
            update={
                "min_count_snps": 1,
                "min_count_indels": 1,
                "min_fraction_snps": 0.0,
                "min_fraction_indels": 0.0,
            }
        )
        reads, depth, counts = 0, 0, {}
        for part in self.drawer.draw(at, every):
            reads += part.counts.reads
            for k in range(len(part.candidates)):
                one = part.candidates.part(k, k + 1)
                depth = int(one.depth[0])
                counts = allele_counts(one.refs[0], one.alts[0], one.allele_depths[0].tolist())
        return NoCandidate(
            at,
            self.reference.sequence(at.contig, at.start, at.end),
            reads,
            depth,
            counts,
            thresholds,
            self._nearest(at, drawn),
        )

    def _nearest(self, at: Region, drawn: list[Drawn]) -> tuple[Site, ...]:
        places = [
            (abs(int(s) - at.start), k, i)
            for k, d in enumerate(drawn)
            for i, s in enumerate(d.candidates.start)
        ]
        nearest = sorted(sorted(places)[:NEAREST], key=lambda place: place[1:])
        return tuple(self._site(drawn[k], index) for _, k, index in nearest)


def allele_counts(ref: str, alts: Sequence[str], depths: Sequence[int]) -> dict[str, int]:
    """Reads per allele: the reference's under REF, those of an alt under REF>ALT."""
    return dict(zip((ref, *(f"{ref}>{alt}" for alt in alts)), depths, strict=False))


def _longest_ref(candidates: CandidateBatch) -> int:
    return max(map(len, candidates.refs), default=0)
