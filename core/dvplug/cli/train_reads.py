"""`dvplug train learn`, `simulate` and `model`: a model where there are reads and no truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from dvplug.cli.parameters import Number, Several, Whole
from dvplug.cli.plain_call import available_cores

if TYPE_CHECKING:
    from dvplug.inputs.samples import SampleChoice
    from dvplug.simulate.learn.reads import Way
    from dvplug.train.from_reads import ModelLabel
    from dvplug.train.simulated import WorldSettings

LearnBy = Literal["auto", "pairs", "single"]
Libraries = Annotated[list[Literal["whole", "captured", "amplicons"]] | None, Several]
Programs = Annotated[list[Literal["bwa", "minimap2", "hisat2"]] | None, Several]
Names = Annotated[list[str] | None, Several]
Depths = Annotated[tuple[Number, Number] | None, Parameter(negative=())]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class LearnOptions:
    """Options of learning.

    Parameters
    ----------
    way
        How to learn: short pairs are copied whole, qualities and all; single reads of any length are drawn by
        homopolymer, base and quality. By default as the reads are.
    sample
        The sample, where the reads are of several.
    read_group
        Read groups to use.
    """

    way: LearnBy = "auto"
    sample: str | None = None
    read_group: Names = None

    @property
    def learnt_as(self) -> Way | None:
        """The way that the user named."""
        return None if self.way == "auto" else self.way

    @property
    def choice(self) -> SampleChoice:
        """Whose reads are learnt from."""
        from dvplug.train.learn import LEARNT

        return LEARNT._replace(sample=self.sample, read_groups=tuple(self.read_group or ()))


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class WorldOptions:
    """Options of simulated worlds.

    Parameters
    ----------
    scale
        Times the usual 30 Mb of reads in each world.
    depths
        Lowest and highest depth of worlds; by default what is usual for such reads, or what the technology is for.
    library
        Kinds of libraries: whole, captured, amplicons. Whole genomes by default.
    aligner
        Aligners to map with: bwa, minimap2; hisat2 for reads of RNA. Those that are installed by default.
    contigs
        Contigs to take sequence from; all by default. Leave some for evaluation.
    truth
        Indexed VCF of a real sample on this genome: variants are drawn as it has them. By default as in a human genome.
    confident
        BED of where it is complete.
    """

    scale: Number = 1.0
    depths: Depths = None
    library: Libraries = None
    aligner: Programs = None
    contigs: Names = None
    truth: Path | None = None
    confident: Path | None = None

    def settings(self, worlds: int, seed: int) -> WorldSettings:
        """Check them; raises InputError where one is out of range."""
        from pydantic import ValidationError

        from dvplug.errors import InputError
        from dvplug.system.explain import explain
        from dvplug.train.simulated import WorldSettings

        try:
            return WorldSettings(
                worlds=worlds,
                scale=self.scale,
                libraries=tuple(self.library or ("whole",)),
                depths=self.depths,
                programs=tuple(self.aligner or ()),
                contigs=tuple(self.contigs or ()),
                seed=seed,
            )
        except ValidationError as error:
            raise InputError(
                "a setting of the worlds is out of range", cause=explain(error), repair="See `--help`."
            ) from error


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class LabelOptions:
    """What a model is called.

    Parameters
    ----------
    name
        The model's name; by default that of the folder, or of the technology.
    model_version
        Its semantic version; by default that of the folder, or 1.0.0.
    """

    name: str | None = None
    model_version: str | None = None

    def label(self, folder: Path, technology: str) -> ModelLabel:
        """Return it; raises as `dvplug.train.from_reads.label_of`."""
        from dvplug.train.from_reads import ModelLabel, label_of

        usual = label_of(folder, technology)
        return ModelLabel(self.name or usual.name, self.model_version or usual.version)


LEARN_AS_USUAL, WORLDS_AS_USUAL, LABEL_AS_USUAL = LearnOptions(), WorldOptions(), LabelOptions()


def learn(
    reads: Path,
    *,
    ref: Path,
    out: Path,
    of_reads: LearnOptions = LEARN_AS_USUAL,
) -> None:
    """Learn how a sequencer errs, from aligned reads; no truth is needed.

    Parameters
    ----------
    reads
        Aligned reads of one sample: a sorted, indexed BAM or CRAM. Of a large one a part is read.
    ref
        Reference FASTA, indexed, that they were aligned to.
    out
        Profile to write: .npz.
    """
    from dvplug.train.learn import learn as learn_profile

    learn_profile(reads, ref, out, of_reads.learnt_as, of_reads.choice)


def simulate(
    profile: Path,
    *,
    genome: Path,
    out: Path,
    worlds: Whole = 1,
    of_worlds: WorldOptions = WORLDS_AS_USUAL,
    seed: Whole = 1,
    threads: Whole | None = None,
) -> None:
    """Simulate labelled reads of a genome, by a profile; the same command goes on after an interruption.

    Needs bwa or minimap2, and samtools.

    Parameters
    ----------
    profile
        What `dvplug train learn` wrote, or a .json that states in numbers how single reads err, or the
        molecules of linked ones.
    genome
        Genome to take sequence from: FASTA, indexed.
    out
        Folder to make. It gets a folder for each world: ref.fa, reads.bam, truth.vcf.gz, confident.bed, tune.bed.
    worlds
        How many to make: each is another library of another person. With every second one the reads are as learnt.
    seed
        Of all that is drawn.
    threads
        Threads of the aligner; the default is one per core. The reads do not depend on it.
    """
    from dvplug.system.console import info
    from dvplug.system.outputs import reserved_folder
    from dvplug.train.simulated import WorldInputs, simulate_worlds

    settings = of_worlds.settings(worlds, seed)
    inputs = WorldInputs(genome, of_worlds.truth, of_worlds.confident)
    with reserved_folder(out, "--out"):
        made = simulate_worlds(
            profile, inputs, settings, out, available_cores() if threads is None else threads
        )
    info(f"{out}: {len(made)} worlds.")


def model(
    reads: Path,
    *,
    ref: Path,
    tech: str,
    out: Path,
    called: LabelOptions = LABEL_AS_USUAL,
    of_reads: LearnOptions = LEARN_AS_USUAL,
    worlds: Whole = 40,
    of_worlds: WorldOptions = WORLDS_AS_USUAL,
    architecture: str | None = None,
    start_from: str | None = None,
    seed: Whole = 1,
    workers: Whole | None = None,
) -> None:
    """Make a model from one file of reads: learn, simulate, examples, fit, export. Needs an aligner, and samtools.

    The same command goes on after an interruption.

    Parameters
    ----------
    reads
        Aligned reads of one sample: a sorted, indexed BAM or CRAM. Or in their place a profile: what `dvplug train
        learn` wrote, or a .json that states in numbers how single reads err.
    ref
        Reference FASTA, indexed, that they were aligned to; sequence to simulate is taken from it, too.
    tech
        The technology that the model is for, as `dvplug plugins list` names it: its thresholds, channels and features.
    out
        Model folder to make. What leads to it lies beside it, in a folder called as it and `.work`.
    worlds
        How many to simulate; with more the model gets better, and it takes longer.
    architecture
        The network, as `dvplug plugins list` names it; small-cnn by default.
    start_from
        A model or a fit to start from, as of `dvplug train fit`.
    seed
        Of all that is drawn, and of the fit.
    workers
        Worker processes, and threads of the aligner; the default is one per core.
    """
    from dvplug.system.outputs import reserved_folder
    from dvplug.train.from_reads import ModelInputs, ModelSettings, fit_settings, model_from_reads

    label = called.label(out, tech)
    settings = ModelSettings(
        technology=tech,
        name=label.name,
        version=label.version,
        way=of_reads.learnt_as,
        sample=of_reads.sample,
        read_groups=tuple(of_reads.read_group or ()),
        worlds=of_worlds.settings(worlds, seed),
        fit=fit_settings(seed, architecture),
        start_from=start_from,
    )
    inputs = ModelInputs(reads, ref, of_worlds.truth, of_worlds.confident)
    with reserved_folder(out, "--out"):
        model_from_reads(inputs, settings, out, available_cores() if workers is None else workers)
