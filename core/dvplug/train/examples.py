"""Training examples: the calling path up to the images, with labels from a truth callset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dvplug.engine.draw import Drawn, RegionImages
from dvplug.engine.pipeline import Pipeline
from dvplug.engine.usual import KnownRun
from dvplug.errors import InputError, Problems
from dvplug.evaluate import ConfidentRegions, TruthSet
from dvplug.evaluate.variants import open_vcf, trimmed
from dvplug.genome.reference import Reference
from dvplug.genome.regions import partitions, resolve_regions, skip_n_runs
from dvplug.inputs.preflight import preflight
from dvplug.inputs.run_profile import measure_run
from dvplug.inputs.run_sample import RunSample
from dvplug.inputs.samples import SampleChoice
from dvplug.line.candidate_batch import CandidateBatch
from dvplug.line.image_batch import NO_ALT, ImageBatch
from dvplug.line.region import Region
from dvplug.line.run_profile import RunProfile
from dvplug.plugins.feature_sets import chosen_features
from dvplug.plugins.loading import Plugins, installed_plugins
from dvplug.plugins.needs import steps_of
from dvplug.reads.groups import ReadSource
from dvplug.system.console import progress
from dvplug.system.input_states import InputStates
from dvplug.system.locations import StrPath
from dvplug.system.outputs import Output, reserved
from dvplug.system.workers import map_in_order, require_processes
from dvplug.technology import CandidateThresholds, TechnologyProfile
from dvplug.train.labeler import UNLABELED, OpenSites, label_candidates
from dvplug.train.store import SHARD_SUFFIX, VARIANT_TYPES, ExampleHeader, Examples, ExampleWriter

SNP, INSERTION, DELETION = (VARIANT_TYPES.index(name) for name in ("snp", "insertion", "deletion"))
# Training goes below the calling thresholds, so that calling never meets worse candidates than it was trained on.
THRESHOLD_FACTOR = 0.6
ANY_NAME = SampleChoice(name="training")  # there is no VCF that the sample's name could be in


class RegionLabeled(NamedTuple):
    """Labeled images of one region."""

    examples: Examples
    position: npt.NDArray[np.int32]  # [n]: 0-based
    variant_type: npt.NDArray[np.int8]  # [n]: SNP, INSERTION, DELETION


@dataclass(frozen=True)
class LabeledReads:
    """Reads of a sample whose variants are known."""

    reference: Path
    reads: tuple[Path, ...]
    truth: Path  # VCF
    confident: Path  # BED: where the truth is complete; candidates elsewhere are left out
    keep_fraction: float = 1.0  # of the fragments, so that one BAM gives examples of several depths
    choice: SampleChoice = ANY_NAME  # which of them

    @classmethod
    def of(
        cls,
        reference: StrPath,
        reads: Sequence[StrPath],
        truth: StrPath,
        confident: StrPath,
        keep_fraction: float = 1.0,
        choice: SampleChoice = ANY_NAME,
    ) -> LabeledReads:
        """Take what the user named."""
        files = tuple(map(Path, reads))
        return cls(Path(reference), files, Path(truth), Path(confident), keep_fraction, choice)

    @property
    def shown(self) -> str:
        """What it is, for people; bytes of names that are not UTF-8 are escaped."""
        names = ", ".join(path.name for path in self.reads)
        text = f"{names} x {self.keep_fraction:g}; truth {self.truth.name}"
        return text.encode("utf-8", "backslashreplace").decode()


@dataclass(frozen=True)
class ExamplesJob:
    """What a worker needs to make examples."""

    pipeline: Pipeline
    inputs: LabeledReads
    reads: tuple[ReadSource, ...]
    thresholds: CandidateThresholds
    files: InputStates
    run: RunProfile  # of these very reads, as of those that are called


class RegionExamples:
    """regions -> reads -> candidates -> images -> labels, in a worker process."""

    def __init__(self, job: ExamplesJob) -> None:
        inputs = job.inputs
        self.images = RegionImages(
            job.pipeline,
            inputs.reference,
            job.reads,
            keep_fraction=inputs.keep_fraction,
            inputs=job.files,
            run=KnownRun(job.run),
        )
        with job.files.watched():
            self.truth = TruthSet.from_vcf(inputs.truth)
            self.confident = ConfidentRegions.from_bed(inputs.confident, self.images.reference.lengths)
        self.thresholds = job.thresholds

    def __call__(self, region: Region) -> list[RegionLabeled]:
        """Make the labeled examples of one region."""
        return [self._labeled(drawn) for drawn in self.images.draw(region, self.thresholds)]

    def _labeled(self, drawn: Drawn) -> RegionLabeled:
        candidates = drawn.candidates
        sites = OpenSites(
            candidates.contig, candidates.start.tolist(), candidates.refs, candidates.alts,
            lesser_alts(candidates, drawn.called),
        )  # fmt: skip
        genotypes = label_candidates(sites, self.truth, self.confident, self.images.reference)
        return labeled(drawn.images, candidates, genotypes)


def lesser_alts(candidates: CandidateBatch, called: CandidateBatch | None) -> list[frozenset[int]]:
    """Return of each site the alts, counted from 1, that are none by the thresholds of calling."""
    if called is None:
        return [frozenset()] * len(candidates)
    rows = zip(called.start.tolist(), called.refs, called.alts, strict=True)
    known = {(start, trimmed(start, ref, alt)) for start, ref, alts in rows for alt in alts}
    rows = zip(candidates.start.tolist(), candidates.refs, candidates.alts, strict=True)
    return [
        frozenset(k for k, alt in enumerate(alts, 1) if (start, trimmed(start, ref, alt)) not in known)
        for start, ref, alts in rows
    ]


def labeled(images: ImageBatch, candidates: CandidateBatch, genotypes: npt.NDArray[np.int8]) -> RegionLabeled:
    """Give each image its label: how many of the site's two alleles are among the image's alts.

    Parameters
    ----------
    genotypes
        int8[sites, 2] allele indexes, UNLABELED where unknown; images of such sites are left out.
    """
    genotype = genotypes[images.site]
    known = (genotype != UNLABELED).all(axis=1)
    alts = np.where(images.alt_set == NO_ALT, -9, images.alt_set + 1)  # allele indexes
    copies = (genotype[:, :, None] == alts[:, None, :]).sum(axis=(1, 2))
    change = np.array(
        [
            len(candidates.alts[s][a]) - len(candidates.refs[s])
            for s, a in zip(images.site.tolist(), images.alt_set[:, 0].tolist(), strict=True)
        ],
        np.int64,
    )
    variant_type = np.where(change == 0, SNP, np.where(change > 0, INSERTION, DELETION))
    return RegionLabeled(
        Examples(images.images[known], images.features[known], copies[known].astype(np.int8)),
        candidates.start[images.site][known],
        variant_type[known].astype(np.int8),
    )


def training_thresholds(thresholds: CandidateThresholds) -> CandidateThresholds:
    """The calling thresholds with lower fractions."""
    return thresholds.model_copy(
        update={
            "min_fraction_snps": round(thresholds.min_fraction_snps * THRESHOLD_FACTOR, 4),
            "min_fraction_indels": round(thresholds.min_fraction_indels * THRESHOLD_FACTOR, 4),
            "further_indels": 1.0,
        }
    )


def make_examples(
    tech: str,
    inputs: LabeledReads,
    out: StrPath,
    *,
    regions: Sequence[str] = (),
    exclude: Sequence[StrPath] = (),
    workers: int = 1,
    source: str | None = None,
    as_called: bool = False,
) -> int:
    """Write labeled examples of aligned reads to one HDF5 shard; returns how many.

    Parameters
    ----------
    regions, exclude
        Where to take examples, everywhere by default, and BED files of where to take none.
    source
        What they are made of, for people; by default the names of the files.
    as_called
        Whether the candidates are those that calling proposes, as suits shards to tune on: what a model says of itself
        is measured on what it will be asked. To train on there are more, below the thresholds of calling.

    Raises
    ------
    DvplugError
        An input cannot be used, or ``out`` does not end in ``.h5``; no output is left behind.
    """
    require_processes(workers)
    if not 0 < inputs.keep_fraction <= 1:
        raise InputError(
            f"--keep-fraction {inputs.keep_fraction:g} is no share of the fragments",
            repair="Give one above 0, and up to 1.",
        )
    files = (inputs.reference, *inputs.reads, inputs.truth, inputs.confident, *map(Path, exclude))
    examine = partial(_checked, installed_plugins(), tech, inputs, regions, exclude)
    with reserved([Output("--out", Path(out), (SHARD_SUFFIX,))], files, examine):
        return _make_examples(tech, inputs, Path(out), regions, exclude, workers, source, as_called)


def _make_examples(
    tech: str,
    inputs: LabeledReads,
    out: Path,
    regions: Sequence[str],
    exclude: Sequence[StrPath],
    workers: int,
    source: str | None,
    as_called: bool,
) -> int:
    """Make them in a place that is reserved; see `make_examples`."""
    plugins = installed_plugins()
    files = InputStates.of(
        [inputs.reference, *inputs.reads, inputs.truth, inputs.confident, *map(Path, exclude)]
    )
    profile, sources, parts, digests = _checked(plugins, tech, inputs, regions, exclude)
    with files.watched():
        sample, run = measure_run(sources, inputs.reference, profile, inputs.keep_fraction)
    job = ExamplesJob(
        Pipeline.of(plugins, profile),
        inputs,
        sources,
        profile.candidate_thresholds if as_called else training_thresholds(profile.candidate_thresholds),
        files,
        run,
    )
    contigs = tuple(digests)
    header = _header(plugins, job, digests, source or inputs.shown, sample)
    with ExampleWriter(out, header) as writer, progress("Making examples", len(parts)) as advance:
        with files.watched():
            for region, made in zip(parts, map_in_order(RegionExamples, job, parts, workers), strict=True):
                for one in made:
                    contig = np.full(len(one.position), contigs.index(region.contig))
                    writer.append(one.examples, contig, one.position, one.variant_type)
                advance()
        return writer.count


def _checked(
    plugins: Plugins, tech: str, inputs: LabeledReads, regions: Sequence[str], exclude: Sequence[StrPath]
) -> tuple[TechnologyProfile, tuple[ReadSource, ...], list[Region], dict[str, str]]:
    """Look at all inputs.

    Returns
    -------
    tuple
        The technology, the files of reads, where to take examples, and the fingerprints of those contigs.
    """
    problems = Problems()
    profile, chosen = None, None
    sources: tuple[ReadSource, ...] = ()
    parts: list[Region] = []
    digests: dict[str, str] = {}
    with problems.collect():
        profile = plugins.technology(tech)
    with problems.collect():
        open_vcf(inputs.truth).close()
    with problems.collect(), Reference.open(inputs.reference) as opened:
        with problems.collect():
            ConfidentRegions.from_bed(inputs.confident, opened.lengths)
        with problems.collect():
            chosen = resolve_regions(regions, [Path(path) for path in exclude], opened.lengths)
        with problems.collect():
            sources = preflight(inputs.reads, opened, chosen or [], inputs.choice).sources
        if profile and chosen and not problems.found:
            parts = skip_n_runs(partitions(chosen, profile.partition_size), opened)
            digests = {
                contig: opened.fingerprint(contig) for contig in dict.fromkeys(p.contig for p in parts)
            }
    problems.raise_all()
    assert profile is not None
    return profile, sources, parts, digests


def _header(
    plugins: Plugins, job: ExamplesJob, digests: dict[str, str], source: str, run: RunSample
) -> ExampleHeader:
    """Say what the examples of a shard have in common; the digests are of its contigs."""
    profile = job.pipeline.profile
    encoder, features = (
        plugins.image_encoder(profile.image_encoder),
        chosen_features(plugins, profile.features),
    )
    return ExampleHeader(
        technology=profile.name,
        layout=profile.image,
        features=features.columns,
        feature_sets=features.versions,
        encoder=encoder.name,
        encoder_version=encoder.version,
        read_filter=profile.read_filter,
        realign_reads=profile.realign_reads,
        assembly=profile.assembly,
        phase_reads=profile.phase_reads,
        steps=steps_of(plugins, profile),
        candidate_thresholds=job.thresholds,
        contigs=tuple(digests),
        contig_digests=tuple(digests.values()),
        source=source,
        run=run,
    )
