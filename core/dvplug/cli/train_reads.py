"""`dvplug train learn`, `simulate` and `model`: a model where there are reads and no truth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from dvplug.cli.call import Several, available_cores
from dvplug.cli.parameters import Whole

if TYPE_CHECKING:
    from dvplug.train.simulated import WorldSettings

Way = Literal["auto", "pairs", "single"]
Libraries = Annotated[list[Literal["whole", "captured", "amplicons"]] | None, Several]
Programs = Annotated[list[Literal["bwa", "minimap2"]] | None, Several]
Names = Annotated[list[str] | None, Several]
Depths = Annotated[tuple[float, float] | None, Parameter(negative=())]


def learn(
    reads: Path,
    *,
    ref: Path,
    out: Path,
    way: Way = "auto",
    sample: str | None = None,
    read_group: Names = None,
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
    way
        How to learn: short pairs are copied whole, qualities and all; single reads of any length are drawn by
        homopolymer, base and quality. By default as the reads are.
    sample
        The sample, where the reads are of several.
    read_group
        Read groups to use.
    """
    from dvplug.train.learn import LEARNT
    from dvplug.train.learn import learn as learn_profile

    choice = LEARNT._replace(sample=sample, read_groups=tuple(read_group or ()))
    learn_profile(reads, ref, out, None if way == "auto" else way, choice)


def simulate(
    profile: Path,
    *,
    genome: Path,
    out: Path,
    worlds: Whole = 1,
    scale: float = 1.0,
    depths: Depths = None,
    library: Libraries = None,
    aligner: Programs = None,
    contigs: Names = None,
    truth: Path | None = None,
    confident: Path | None = None,
    seed: Whole = 1,
    threads: Whole | None = None,
) -> None:
    """Simulate labelled reads of a genome, by a profile; the same command goes on after an interruption.

    Needs bwa or minimap2, and samtools.

    Parameters
    ----------
    profile
        What `dvplug train learn` wrote.
    genome
        Genome to take sequence from: FASTA, indexed.
    out
        Folder to make. It gets a folder for each world: ref.fa, reads.bam, truth.vcf.gz, confident.bed, tune.bed.
    worlds
        How many to make: each is another library of another person. With every second one the reads are as learnt.
    scale
        Times the usual 30 Mb of reads in each world.
    depths
        Lowest and highest depth of worlds.
    library
        Kinds of libraries: whole, captured, amplicons. Whole genomes by default.
    aligner
        Aligners to map with: bwa, minimap2. Those that are installed by default.
    contigs
        Contigs to take sequence from; all by default. Leave some for evaluation.
    truth
        Indexed VCF of a real sample on this genome: variants are drawn as it has them. By default as in a human genome.
    confident
        BED of where it is complete.
    seed
        Of all that is drawn.
    threads
        Threads of the aligner; the default is one per core. The reads do not depend on it.
    """
    from dvplug.system.console import info
    from dvplug.system.outputs import reserved_folder
    from dvplug.train.simulated import WorldInputs, simulate_worlds

    settings = _world_settings(worlds, scale, library, depths, aligner, contigs, seed)
    with reserved_folder(out, "--out"):
        made = simulate_worlds(
            profile, WorldInputs(genome, truth, confident), settings, out, threads or available_cores()
        )
    info(f"{out}: {len(made)} worlds.")


def model(
    reads: Path,
    *,
    ref: Path,
    tech: str,
    out: Path,
    name: str | None = None,
    model_version: str | None = None,
    way: Way = "auto",
    sample: str | None = None,
    read_group: Names = None,
    worlds: Whole = 40,
    scale: float = 1.0,
    depths: Depths = None,
    library: Libraries = None,
    aligner: Programs = None,
    contigs: Names = None,
    truth: Path | None = None,
    confident: Path | None = None,
    start_from: str | None = None,
    seed: Whole = 1,
    workers: Whole | None = None,
) -> None:
    """Make a model from one file of reads: learn, simulate, examples, fit, export.

    The same command goes on after an interruption. Needs bwa or minimap2, and samtools.

    Parameters
    ----------
    reads
        Aligned reads of one sample: a sorted, indexed BAM or CRAM.
    ref
        Reference FASTA, indexed, that they were aligned to; sequence to simulate is taken from it, too.
    tech
        The technology that the model is for, as `dvplug plugins list` names it: its thresholds, channels and features.
    out
        Model folder to make. What leads to it lies beside it, in a folder called as it and `.work`.
    name
        The model's name; by default that of the folder, or of the technology.
    model_version
        Its semantic version; by default that of the folder, or 1.0.0.
    way
        As of `dvplug train learn`.
    sample
        The sample, where the reads are of several.
    read_group
        Read groups to use.
    worlds
        How many worlds to simulate; with more the model gets better, and it takes longer.
    scale
        Times the usual 30 Mb of reads in each world.
    depths
        Lowest and highest depth of worlds; by default those that the technology is for.
    library
        Kinds of libraries: whole, captured, amplicons. Whole genomes by default.
    aligner
        Aligners to map with: bwa, minimap2. Those that are installed by default.
    contigs
        Contigs to take sequence from; all by default. Leave some for evaluation.
    truth
        Indexed VCF of a real sample on this genome: variants are drawn as it has them. By default as in a human genome.
    confident
        BED of where it is complete.
    start_from
        A model or a fit to start from, as of `dvplug train fit`.
    seed
        Of all that is drawn, and of the fit.
    workers
        Worker processes, and threads of the aligner; the default is one per core.
    """
    from dvplug.system.outputs import reserved_folder
    from dvplug.train.from_reads import ModelInputs, ModelSettings, label_of, model_from_reads
    from dvplug.train.state import SIMULATED

    folder_name, folder_version = label_of(out, tech)
    settings = ModelSettings(
        technology=tech,
        name=name or folder_name,
        version=model_version or folder_version,
        way=None if way == "auto" else way,
        sample=sample,
        read_groups=tuple(read_group or ()),
        worlds=_world_settings(worlds, scale, library, depths, aligner, contigs, seed),
        fit=SIMULATED.model_copy(update={"seed": seed}),
        start_from=start_from,
    )
    with reserved_folder(out, "--out"):
        model_from_reads(
            ModelInputs(reads, ref, truth, confident), settings, out, workers or available_cores()
        )


def _world_settings(
    worlds: int,
    scale: float,
    library: list[Any] | None,
    depths: tuple[float, float] | None,
    aligner: list[Any] | None,
    contigs: list[str] | None,
    seed: int,
) -> WorldSettings:
    """Check the options of worlds; raises InputError where one is out of range."""
    from pydantic import ValidationError

    from dvplug.errors import InputError
    from dvplug.system.explain import explain
    from dvplug.train.simulated import WorldSettings

    try:
        return WorldSettings(
            worlds=worlds,
            scale=scale,
            libraries=tuple(library or ("whole",)),
            depths=depths,
            programs=tuple(aligner or ()),
            contigs=tuple(contigs or ()),
            seed=seed,
        )
    except ValidationError as error:
        raise InputError(
            "a setting of the worlds is out of range", cause=explain(error), repair="See `--help`."
        ) from error
