"""Reads of which none were at hand, drawn by the numbers of this repository's separate plugins, and these plugins."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from dvplug.errors import DvplugError, InputError
from dvplug.genome.reference import Reference
from dvplug.simulate.learn.profile import Profile
from dvplug.simulate.learn.reads import LearntReads
from dvplug.simulate.stated import STATED_SUFFIX, read_profile
from dvplug.train.simulated import BASES, WorldInputs, WorldSettings, make_world, plan_worlds
from dvplug_lab import commands
from dvplug_lab.comparison.sets import ValidationSet
from dvplug_lab.places import REPOSITORY
from dvplug_lab.plugin_measures import find_world, known_bed
from dvplug_lab.read_sets import ReadSet
from dvplug_lab.reproduction.results import Setting
from dvplug_lab.training_reads.build import profile_of

PLUGINS = REPOSITORY / "plugins"
NUMBERS = f"reads{STATED_SUFFIX}"


@dataclass(frozen=True)
class Stated:
    """Reads of a plugin that is a distribution of its own, by the numbers that its model was trained by.

    Attributes
    ----------
    plugin
        Name of the distribution, and of its folder.
    depth
        Mean.
    pairs
        Whose real reads pairs err as; None of single reads, which the numbers state.
    """

    plugin: str
    depth: float
    pairs: ReadSet | None = None


@contextmanager
def installed(plugins: Iterable[str], folder: Path) -> Iterator[None]:
    """Let processes that are started meanwhile find these plugins: pip puts those into a folder that are absent.

    Raises
    ------
    InputError
        pip could not install them.
    """
    there = {found.name for found in importlib.metadata.distributions()}
    wanted = {*plugins} - there
    absent = [str(PLUGINS / name) for name in sorted(wanted)]
    # Some may have been installed elsewhere when the folder was made, and be gone since.
    if wanted - {found.name for found in importlib.metadata.distributions(path=[str(folder)])}:
        part = folder.with_name(f".{folder.name}.partial")
        shutil.rmtree(part, ignore_errors=True)
        command = ["install", "--no-deps", "-q", "--target", str(part), *absent]
        if importlib.util.find_spec("hatchling"):  # what builds them is here, and need not be downloaded
            command.insert(1, "--no-build-isolation")
        try:
            commands.run([[sys.executable, "-m", "pip", *command]])
        except DvplugError as error:
            raise InputError(
                "Plugins of this repository are not installed, and pip could not do it",
                cause=str(error),
                repair=f"Run `pip install {' '.join(absent)}`.",
            ) from error
        shutil.rmtree(folder, ignore_errors=True)
        part.rename(folder)
    path = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(folder))))
    with patch.dict(os.environ, PYTHONPATH=path):
        yield


def sequenced_as_stated(
    name: str, tech: str, reads: Stated, genome: Path, seed: int, setting: Setting, place: Path
) -> ValidationSet:
    """Draw a person of a genome (FASTA with an index), and reads of it; what lies in the place is taken as it is.

    The person varies as people do (`plugin_measures.find_world`), and is another for each seed.
    """
    numbers = _numbers(reads, setting, place)
    settings = WorldSettings(
        scale=setting.length * reads.depth / BASES, depths=(reads.depth, reads.depth), seed=seed
    ).resolved()
    world = place / "world"
    with Reference.open(genome) as opened:
        learnt = read_profile(numbers)
        plan = plan_worlds(learnt, WorldInputs(genome), settings, opened, setting.threads)
        number, _ = find_world(plan, "ordinary")
        make_world(plan, opened, number, world)
    return ValidationSet(
        name, tech, world / "ref.fa", world / "reads.bam", world / "truth.vcf.gz", known_bed(world)
    )


def _numbers(reads: Stated, setting: Setting, place: Path) -> Path:
    """Return the plugin's file of numbers, beside the pairs that it names where there are any."""
    stated = PLUGINS / reads.plugin / NUMBERS
    if reads.pairs is None:
        return stated
    profile = profile_of(setting.shared, setting.reads, reads.pairs)
    assert isinstance(profile, Profile)
    LearntReads(profile).save(place / json.loads(stated.read_text())["pairs"])
    shutil.copyfile(stated, place / NUMBERS)
    return place / NUMBERS
