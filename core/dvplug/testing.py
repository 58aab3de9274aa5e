"""A conformance kit for plugin authors: one subclass in your own test suite, run by pytest.

    from dvplug.testing import PluginConformance

    class TestMyPlugin(PluginConformance):
        entry_point = "my-plugin"

The plugin has to be installed (`pip install -e .` will do) when the tests run.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from dvplug.engine.call import RegionCaller
from dvplug.engine.draw import RegionImages
from dvplug.engine.job import CallJob
from dvplug.engine.known_answers import verify_model
from dvplug.engine.pipeline import Pipeline
from dvplug.errors import DvplugError, raised
from dvplug.executors.choice import opened
from dvplug.genome.reference import Reference
from dvplug.genotypes.networks import quiet_backend
from dvplug.hookspecs import (
    HAPLOTYPE,
    Annotation,
    CandidateFinder,
    Channel,
    Executor,
    Extension,
    FeatureSet,
    Genotyper,
    ImageEncoder,
    Network,
    Phaser,
    ReadTransform,
    RowOrder,
    WorkersWanted,
)
from dvplug.line.image_batch import Pileup
from dvplug.line.region import Partition, Region
from dvplug.models import check_fit, opener_of, resolve_model
from dvplug.plugins.adapters import arguments_of
from dvplug.plugins.boundary import CheckedDraw, CheckedOpen
from dvplug.plugins.loading import PluginInfo, Plugins, load_plugins
from dvplug.plugins.needs import parts_of
from dvplug.plugins.network_checks import CheckedBuild
from dvplug.plugins.run_settings import NOTHING_SET, settings_of_offer
from dvplug.plugins.settings import settings_class, settings_of
from dvplug.reads.groups import ReadSource
from dvplug.records.postprocess import PostprocessSettings
from dvplug.simulate import SimulatedDataset, simulate_dataset
from dvplug.system.quiet import libraries_kept_quiet
from dvplug.technology import ImageLayout, TechnologyProfile

__all__ = ["PluginConformance", "conformance"]
_LOADS = "test_plugin_loads_without_a_problem"
_BENCH = "bench"  # name of what parts are tried in that no technology uses
_CUT = 1500  # bp, of a tiny genome


def conformance(name: str) -> Iterator[tuple[str, str | None]]:
    """Run the tests of `PluginConformance` on an installed plugin, beside all others that load.

    Yields
    ------
    tuple
        What was tested, and what is wrong, None where nothing is.
    """
    others = tuple(
        p.name for p in load_plugins().plugins if p.status == "ok" and p.name not in (name, "builtin")
    )
    # The built-in plugin is always loaded, and is no entry point.
    chosen = {"entry_point": name, "needs": others}
    suite = type("Installed", (PluginConformance,), chosen)()
    tests = [attribute for attribute in dir(PluginConformance) if attribute.startswith("test_")]
    for test in sorted(tests, key=lambda name: name != _LOADS):
        problem = None
        try:
            getattr(suite, test)()
        except (AssertionError, DvplugError) as error:
            problem = str(error) or "it failed"
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's code may raise anything
            problem = raised(error)
        yield test.removeprefix("test_").replace("_", " "), problem
        if test == _LOADS and suite.info().status == "failed":  # there is nothing to test
            return


class PluginConformance:
    """Tests that every plugin should pass. Set ``entry_point`` to the plugin's name in its entry points.

    Parameters
    ----------
    needs
        Names of other plugins' entry points that this one builds upon.
    """

    entry_point: ClassVar[str]
    needs: ClassVar[tuple[str, ...]] = ()

    def plugins(self) -> Plugins:
        """Load this plugin, those it needs and the built-in one, and no other."""
        return load_plugins(name for name in (self.entry_point, *self.needs) if name != "builtin")

    def info(self) -> PluginInfo:
        """Return what became of this plugin."""
        return next(p for p in self.plugins().plugins if p.name == self.entry_point)

    def own_extensions(self) -> list[Extension]:
        """Return the finders, encoders, feature sets, channels, networks and so on that this plugin brings."""
        items = [offer.item for offer in self.plugins().offers_of(self.entry_point)]
        return [item for item in items if isinstance(item, Extension)]

    def own_technologies(self) -> list[TechnologyProfile]:
        """Return the technologies that this plugin brings, once each."""
        items = [offer.item for offer in self.plugins().offers_of(self.entry_point)]
        return list({item.name: item for item in items if isinstance(item, TechnologyProfile)}.values())

    def profiles(self) -> list[TechnologyProfile]:
        """Return the technologies that this plugin brings, and one for each part that none of them uses."""
        own = self.own_technologies()
        used = {(kind, name) for profile in own for kind, name in parts_of(profile)}
        idle = [item for item in self.own_extensions() if (item.kind, item.name) not in used]
        return own + [_bench(item) for item in idle if not isinstance(item, (Executor, Genotyper, Network))]

    def test_plugin_loads_without_a_problem(self) -> None:
        """Import, API version, hook signatures, kinds of the things returned, clashes, model sources."""
        info = self.info()
        assert info.status == "ok", info.reason
        assert info.provides, "the hooks return nothing"

    def test_functions_can_be_imported_and_called_as_specified(self) -> None:
        """Each import string leads to a function that takes exactly the specified arguments."""
        for item in self.own_extensions():
            wanted = arguments_of(item, self.info().api)
            signature = inspect.signature(item.load())
            try:
                signature.bind(*wanted)
                signature.bind(**dict.fromkeys(wanted))
            except TypeError as error:
                raise AssertionError(
                    f"{item.kind} '{item.name}' has to take ({', '.join(wanted)}), not {signature}: {error}"
                ) from error

    def test_profiles_name_parts_that_exist(self) -> None:
        """Finder, encoder, feature sets, channels and genotyper can be chosen, and have what they need."""
        plugins = self.plugins()
        for profile in self.own_technologies():
            Pipeline.of(plugins, profile)
            if profile.genotyper is not None:
                CheckedOpen.of(plugins, profile.genotyper)

    def test_settings_are_declared_as_classes(self) -> None:
        """Networks and genotypers declare their settings as a class of pydantic's; those of networks have defaults."""
        plugins = self.plugins()
        for item in self.own_extensions():
            if isinstance(item, (Genotyper, Network)):
                offer = plugins.offer(item.kind, item.name)
                settings_class(offer)
                if isinstance(item, Network):
                    settings_of(offer, {})

    def test_settings_of_the_plugin_have_defaults(self) -> None:
        """What users can set with ``--set`` is a class of pydantic's whose fields have defaults."""
        plugins = self.plugins()
        for offer in plugins.offers_of(self.entry_point):
            settings_of_offer(plugins, NOTHING_SET, offer)

    def test_networks_can_be_built(self) -> None:
        """Each network takes images and features, gives logits, and calls its weights alike whenever it is built."""
        own = [item for item in self.own_extensions() if isinstance(item, Network)]
        if not own or find_spec("keras") is None:
            return
        plugins = self.plugins()
        with libraries_kept_quiet():
            quiet_backend()
            for network in own:
                settings = settings_of(plugins.offer(network.kind, network.name), {})
                for shape in ((32, 33, 3), (64, 55, 7)):
                    built = [CheckedBuild.of(plugins, network.name)(shape, 5, settings) for _ in range(2)]
                    names = [
                        {weight.path: tuple(weight.shape) for weight in model.weights} for model in built
                    ]
                    assert names[0] == names[1], (
                        f"network '{network.name}': weights are called otherwise each time that it is built"
                    )

    def test_executors_call_functions(self) -> None:
        """A pool that is opened where the executor says so calls what is handed in, in any order, and ends."""
        plugins = self.plugins()
        for item in self.own_extensions():
            if not isinstance(item, Executor) or item.tried_at is None:
                continue
            offer = plugins.offer(item.kind, item.name)
            with opened(offer, offer.load(), item.tried_at, WorkersWanted(2)) as pool:
                assert all(answer == ("x", b"ready") for answer in pool.everywhere(_echo, b"ready"))
                calls = [pool.submit(number, _echo, bytes([number])) for number in range(20)]
                pool.wait(calls)
                assert any(call.done() for call in calls), (
                    f"{offer.whose}: `wait` returned before any was done"
                )
                assert [call.result() for call in calls] == [("x", bytes([number])) for number in range(20)]
                assert pool.workers() >= 1, f"{offer.whose}: it says that it has no workers"
                assert pool.deaths(ValueError("no death")) == 0, (
                    f"{offer.whose}: any error is the death of a worker"
                )
                assert isinstance(pool.described(), str), f"{offer.whose}: `described` gives no text"

    def test_models_fit_and_verify(self) -> None:
        """The model of each technology is found, whole, fits the profile, and gives its known answers."""
        plugins = self.plugins()
        for profile in self.own_technologies():
            for request in (profile.model, *profile.models):
                model = resolve_model(plugins, profile, request, offline=True)
                check_fit(plugins, model.manifest, profile)
                verify_model(plugins, model, profile=profile)
                assert request == profile.model or model.manifest.chosen_for is not None, (
                    f"{model.manifest.label} is one of {profile.name}'s `models`, and has no `chosen_for`"
                )

    def test_images_are_as_declared_and_always_the_same(self) -> None:
        """Candidates, images and features pass the checks of a run, twice the same, on a tiny simulated genome."""
        plugins = self.plugins()
        with _tiny_genome() as (data, region):
            for profile in self.profiles():
                pipeline = Pipeline.of(plugins, profile)
                one, again = _drawn(pipeline, data, [region]), _drawn(pipeline, data, [region])
                assert len(one.images), f"{_label(profile)}: the finder finds nothing in simulated reads"
                for what in _Drawing._fields:
                    same = np.array_equal(getattr(one, what), getattr(again, what))
                    assert same, f"{_label(profile)}: {what} differ from run to run"

    def test_images_do_not_depend_on_where_the_genome_is_cut(self) -> None:
        """Finder, encoder and feature sets reach no farther than they declare: parts of a genome give what all does."""
        plugins = self.plugins()
        with _tiny_genome() as (data, region):
            cuts = [*range(region.start, region.end, _CUT), region.end]
            parts = [Region(region.contig, first, last) for first, last in pairwise(cuts)]
            for profile in self.profiles():
                pipeline = Pipeline.of(plugins, profile)
                whole, cut = _drawn(pipeline, data, [region]), _drawn(pipeline, data, parts)
                for what in _Drawing._fields:
                    assert np.array_equal(getattr(whole, what), getattr(cut, what)), (
                        f"{_label(profile)}: {what} change where the genome is cut, though reads and reference reach "
                        f"{pipeline.reach} bp beyond: declare a larger `reach`"
                    )

    def test_channels_declare_what_they_need(self) -> None:
        """A channel that shows haplotypes says so, else it would be given none."""
        plugins = self.plugins()
        own = [item for item in self.own_extensions() if isinstance(item, Channel)]
        if not own:
            return
        with _tiny_genome() as (data, region):
            for channel in own:
                offer = plugins.offer(channel.kind, channel.name)
                draw = CheckedDraw.of(offer, settings_of_offer(plugins, NOTHING_SET, offer))
                for pileup in _pileups(Pipeline.of(plugins, _bench(channel)), data, region):
                    plain, phased = (np.zeros(pileup.cell.shape, np.uint8) for _ in range(2))
                    draw(pileup, plain)
                    haplotypes = (np.arange(len(pileup.reads)) % 3).astype(np.uint8)
                    draw(replace(pileup, reads=replace(pileup.reads, haplotype=haplotypes)), phased)
                    assert HAPLOTYPE in channel.needs or np.array_equal(plain, phased), (
                        f"channel '{channel.name}' shows haplotypes and does not declare it: needs=('{HAPLOTYPE}',)"
                    )

    def test_a_tiny_simulated_genome_is_called(self) -> None:
        """Each technology goes the whole line, from reads to VCF records."""
        plugins = self.plugins()
        with _tiny_genome() as (data, region):
            for profile in self.own_technologies():
                model = resolve_model(plugins, profile, offline=True)
                opener = opener_of(plugins, model, profile)
                job = CallJob(
                    Pipeline.of(plugins, profile),
                    opener,
                    model,
                    data.reference,
                    (ReadSource(data.reads),),
                    PostprocessSettings(),
                    keep_ref_calls=True,
                    device=opener.devices[0],
                )
                lines = RegionCaller(job)(Partition(region, (region,))).lines
                assert lines, f"{profile.name}: no record is written"
                assert {line.count("\t") for line in lines} == {9}, f"{profile.name}: a record is no VCF"


def _echo(content: bytes) -> tuple[str, bytes]:
    """What executors are tried with."""
    return "x", content


class _Drawing(NamedTuple):
    """What was drawn of some regions, joined."""

    positions: npt.NDArray[np.int32]  # of the candidates
    images: npt.NDArray[np.uint8]
    features: npt.NDArray[np.float32]


def _drawn(pipeline: Pipeline, data: SimulatedDataset, regions: Sequence[Region]) -> _Drawing:
    drawer = RegionImages(pipeline, data.reference, [ReadSource(data.reads)])
    parts = [part for region in regions for part in drawer.draw(region)]
    return _Drawing(
        np.concatenate([part.candidates.start for part in parts]),
        np.concatenate([part.images.images for part in parts]),
        np.concatenate([part.images.features for part in parts]),
    )


def _pileups(pipeline: Pipeline, data: SimulatedDataset, region: Region) -> list[Pileup]:
    """What the channels of a pipeline are given."""
    pileups: list[Pileup] = []
    _drawn(replace(pipeline, channels=[lambda pileup, out: pileups.append(pileup)]), data, [region])
    return pileups


def _label(profile: TechnologyProfile) -> str:
    return profile.description if profile.name == _BENCH else profile.name


def _bench(item: Extension | None = None) -> TechnologyProfile:
    """Return a technology of the engine's parts, and of this one."""
    names = {item.kind: item.name} if item else {}
    shown = ("read_base", names[Channel.kind]) if Channel.kind in names else ("read_base",)
    return TechnologyProfile(
        name=_BENCH,
        description=f"{item.kind} '{item.name}'" if item else "the engine's own parts",
        model="none",
        image=ImageLayout(height=32, width=33, channels=tuple(dict.fromkeys(shown))),
        read_transforms=tuple(names[kind] for kind in names if kind == ReadTransform.kind),
        candidate_finder=names.get(CandidateFinder.kind, "allele-counter"),
        phase_reads=Phaser.kind in names,
        phaser=names.get(Phaser.kind, "shared-snps"),
        row_order=names.get(RowOrder.kind),
        annotations=tuple(names[kind] for kind in names if kind == Annotation.kind),
        image_encoder=names.get(ImageEncoder.kind, "pileup"),
        features=(names.get(FeatureSet.kind, "site"),),
    )


@contextmanager
def _tiny_genome() -> Iterator[tuple[SimulatedDataset, Region]]:
    """Yield 6 kb of a made-up genome with reads, and where they lie."""
    with TemporaryDirectory(prefix="dvplug-conformance-") as folder:
        data = simulate_dataset(Path(folder), length=6000, depth=20.0)
        with Reference.open(data.reference) as reference:
            ((contig, length),) = reference.lengths.items()
        yield data, Region(contig, 0, length)
