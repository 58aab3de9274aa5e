"""A model from one file of reads: learn, simulate, examples, fit, export; each stage goes on where it was stopped."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import Field

from dvplug.engine.pipeline import Pipeline
from dvplug.errors import InputError, PluginError, Problems
from dvplug.genome.reference import Reference
from dvplug.genotypes.networks import require_tensorflow
from dvplug.inputs.samples import SampleChoice
from dvplug.plugins.loading import installed_plugins
from dvplug.reads.groups import ReadSource
from dvplug.simulate.learn.reads import LearntReads, Way
from dvplug.simulate.stated import STATED_SUFFIX, read_profile
from dvplug.system import console
from dvplug.system.workers import require_processes
from dvplug.technology import Frozen, TechnologyProfile
from dvplug.train.begun import Begun, remove_parts
from dvplug.train.examples import LabeledReads, make_examples
from dvplug.train.export import Description, export, require_good
from dvplug.train.fit import fit
from dvplug.train.fit_inputs import require_network
from dvplug.train.learn import LEARNT, PROFILE_SUFFIX, check_reads, described, learn_source
from dvplug.train.simulated import WorldInputs, WorldSettings, require_absent, simulate_worlds, worlds_in
from dvplug.train.starting_point import read_starting_point
from dvplug.train.state import SIMULATED, FitSettings
from dvplug.train.world_genome import pieces_of, variant_model

THINNED = 0.5
"""A second shard of each world has this share of the fragments: depths at which calling becomes hard."""
WORLDS = 40
PROFILE_SUFFIXES = (PROFILE_SUFFIX, STATED_SUFFIX)
"""What a profile is known by, given in place of reads."""
_LABEL = re.compile(r"(?P<name>.+)-(?P<version>\d+\.\d+\.\d+.*)")


class ModelSettings(Frozen):
    """What a model is made with."""

    technology: str
    name: str
    version: str
    way: Way | None = Field(default=None, description="how reads are learnt; None for what suits them")
    sample: str | None = None
    read_groups: tuple[str, ...] = ()
    worlds: WorldSettings = WorldSettings(worlds=WORLDS)
    fit: FitSettings = SIMULATED
    start_from: str | None = None

    @property
    def choice(self) -> SampleChoice:
        """Whose reads are learnt from."""
        return LEARNT._replace(sample=self.sample, read_groups=self.read_groups)


class ModelInputs(NamedTuple):
    """Files of a user."""

    reads: Path
    """Aligned reads, or a profile of some."""
    reference: Path
    truth: Path | None = None
    confident: Path | None = None


class _Checked(NamedTuple):
    """What may be worked with."""

    settings: ModelSettings
    source: ReadSource | None
    """None where a profile is there already."""


class ModelLabel(NamedTuple):
    """What a model is called."""

    name: str
    version: str


def label_of(folder: Path, technology: str) -> ModelLabel:
    """Return how a model is called that is to lie in a folder such as ``my-seq-1.0.0``."""
    found = _LABEL.fullmatch(folder.name)
    return ModelLabel(found["name"], found["version"]) if found else ModelLabel(technology, "1.0.0")


def fit_settings(seed: int, architecture: str | None = None) -> FitSettings:
    """Return how a model of simulated reads is fitted, with a seed; a network other than the usual has its defaults."""
    other = {"architecture": architecture, "architecture_settings": {}} if architecture else {}
    return SIMULATED.model_copy(update={"seed": seed, **other})


def model_from_reads(inputs: ModelInputs, settings: ModelSettings, out: Path, workers: int) -> Path:
    """Make a model folder; all that leads to it lies in ``<out>.work``, and stays.

    The same call after an interruption, at whatever place, goes on from there.

    Raises
    ------
    DvplugError
        All that is wrong is told before any work: see `dvplug.train.learn`, `dvplug.train.simulated`,
        `dvplug.train.examples`, `dvplug.train.fit` and `dvplug.train.export`.
    """
    require_processes(workers)
    require_tensorflow()  # which is used last, after hours
    checked = _check(inputs, settings, out)
    settings = checked.settings
    work = out.with_name(f"{out.name}.work")
    Begun.of(work, settings, filter(None, inputs)).enter()
    profile = work / "profile.npz"
    if not profile.exists():
        learn_stage(inputs, checked, profile)
    learnt = LearntReads.load(profile)
    console.info(f"{described(learnt)}.")
    reads = work / "reads"
    if not reads.exists():
        _stage(2, f"simulating {settings.worlds.worlds} worlds")
        world_inputs = WorldInputs(inputs.reference, inputs.truth, inputs.confident)
        simulate_worlds(profile, world_inputs, settings.worlds, reads, workers)
    _stage(3, "making examples")
    train, tune = _examples(settings.technology, worlds_in(reads), work / "examples", workers)
    fitted = work / "fit"
    if not fitted.exists():
        _stage(4, "fitting the network")
        fit(train, tune, settings.fit, fitted, settings.start_from)
    _stage(5, "exporting the model")
    remove_parts(out)
    export(fitted, tune, _description(inputs, settings, learnt), out)
    console.info(f"{out} is there; {work} may be removed, unless you want to export again with --metrics.")
    return out


def learn_stage(inputs: ModelInputs, checked: _Checked, out: Path) -> None:
    """Write how the reads err, learnt of them or taken from the profile that is given in their place."""
    _stage(1, f"how the reads of '{inputs.reads.name}' err")
    if checked.source is None:
        read_profile(inputs.reads).save(out)
    else:
        learn_source(checked.source, inputs.reference, checked.settings.way).save(out)


def _stage(number: int, what: str) -> None:
    console.info(f"{number} of 5: {what}")


def require_technology(name: str) -> TechnologyProfile:
    """Return an installed technology whose images can be drawn; raises PluginError that says how to make one."""
    plugins = installed_plugins()
    try:
        profile = plugins.technology(name)
    except PluginError as error:
        raise PluginError(
            error.problem,
            cause=error.cause,
            repair=f"{error.repair} To make one: dvplug plugins new {name}, then dvplug plugins install -e "
            f"./dvplug-{name}; or take one whose reads are alike.",
        ) from error
    Pipeline.of(plugins, profile)
    return profile


def _check(inputs: ModelInputs, settings: ModelSettings, out: Path) -> _Checked:
    """Look at all inputs; returns settings with what was left open."""
    problems = Problems()
    source = None
    with problems.collect():
        require_absent(out, "--out")
    with problems.collect():
        require_good(Description(name=settings.name, version=settings.version, description="", held_out=""))
    with problems.collect():
        depth = require_technology(settings.technology).depth
        if settings.worlds.depths is None and depth is not None:
            worlds = settings.worlds.model_copy(update={"depths": depth})
            settings = settings.model_copy(update={"worlds": worlds})
    with problems.collect():
        settings = settings.model_copy(update={"worlds": settings.worlds.resolved()})
    with problems.collect():
        require_network(settings.fit)
    if settings.start_from is not None:
        with problems.collect():
            read_starting_point(settings.start_from)
        network_of_start = settings.fit.model_copy(update={"architecture_settings": {}})
        settings = settings.model_copy(update={"fit": network_of_start})
    with problems.collect():
        if inputs.reads.suffix in PROFILE_SUFFIXES:
            read_profile(inputs.reads)
        else:
            source = check_reads(inputs.reads, inputs.reference, settings.choice)
    with problems.collect(), Reference.open(inputs.reference) as genome:
        with problems.collect():
            pieces_of(genome.lengths, settings.worlds.contigs, 0.0)
        variant_model(genome, inputs.truth, inputs.confident)
    problems.raise_all()
    return _Checked(settings, source)


def _examples(
    technology: str, worlds: Sequence[Path], folder: Path, workers: int
) -> tuple[list[Path], list[Path]]:
    """Make the shards that are not there; returns those to train and to tune on."""
    folder.mkdir(exist_ok=True)
    train, tune = [], []
    for world in worlds:
        for keep in (1.0, THINNED):
            shard = folder / f"train.{world.name}.{keep:g}.h5"
            train += _shard(technology, world, keep, shard, workers)
        shard = folder / f"tune.{world.name}.h5"
        tune += _shard(technology, world, 1.0, shard, workers, to_tune=True)
    for shards, part in ((train, "train"), (tune, "tune")):
        if not shards:
            raise InputError(
                f"no world has a place to {part} on",
                cause="reads are longer than the stretches of the genome, or hardly any sequence is known",
                repair="Give a genome with longer contigs, or more --worlds.",
            )
    return train, tune


def _shard(
    technology: str, world: Path, keep: float, out: Path, workers: int, *, to_tune: bool = False
) -> list[Path]:
    """Make a shard unless it is there; none where the world has no such place."""
    where = world / ("tune.bed" if to_tune else "confident.bed")
    if not where.stat().st_size:
        return []
    if not out.exists():
        inputs = LabeledReads(world / "ref.fa", (world / "reads.bam",), world / "truth.vcf.gz", where, keep)
        source = f"simulated {world.name} x {keep:g}"
        count = make_examples(technology, inputs, out, workers=workers, source=source, as_called=to_tune)
        console.info(f"{out.name}: {count:,} examples")
    return [out]


def _description(inputs: ModelInputs, settings: ModelSettings, learnt: LearntReads) -> Description:
    contigs = settings.worlds.contigs
    kept = "all real reads; the last quarter of each stretch of simulated sequence (to choose the epoch and calibrate)"
    return Description(
        name=settings.name,
        version=settings.version,
        description=f"{settings.technology}, {described(learnt)}",
        held_out=f"{kept}; contigs other than {', '.join(contigs)}" if contigs else kept,
    )
