"""A conformance kit for plugin authors: one subclass in your own test suite, run by pytest.

    from dvplug.testing import PluginConformance

    class TestMyPlugin(PluginConformance):
        entry_point = "my-plugin"

The plugin has to be installed (`pip install -e .` will do) when the tests run.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

import numpy as np

from dvplug.engine.call import RegionCaller
from dvplug.engine.draw import RegionImages
from dvplug.engine.job import CallJob
from dvplug.engine.pipeline import Pipeline
from dvplug.errors import DvplugError
from dvplug.genome.reference import Reference
from dvplug.hookspecs import Extension
from dvplug.line.region import Partition, Region
from dvplug.models import check_fit, resolve_model, verify_model
from dvplug.plugins.loading import PluginInfo, Plugins, load_plugins
from dvplug.reads.groups import ReadSource
from dvplug.records.postprocess import PostprocessSettings
from dvplug.simulate import SimulatedDataset, simulate_dataset
from dvplug.technology import TechnologyProfile

__all__ = ["PluginConformance", "conformance"]


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
    for test in (attribute for attribute in dir(PluginConformance) if attribute.startswith("test_")):
        problem = None
        try:
            getattr(suite, test)()
        except (AssertionError, DvplugError) as error:
            problem = str(error)
        yield test.removeprefix("test_").replace("_", " "), problem


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
        """Return the finders, encoders, channels and genotypers that this plugin brings."""
        items = [offer.item for offer in self.plugins().offers_of(self.entry_point)]
        return [item for item in items if isinstance(item, Extension)]

    def own_technologies(self) -> list[TechnologyProfile]:
        """Return the technologies that this plugin brings, once each."""
        items = [offer.item for offer in self.plugins().offers_of(self.entry_point)]
        return list({item.name: item for item in items if isinstance(item, TechnologyProfile)}.values())

    def test_plugin_loads_without_a_problem(self) -> None:
        """Import, API version, hook signatures, kinds of the things returned, clashes, model sources."""
        info = self.info()
        assert info.status == "ok", info.reason
        assert info.provides, "the hooks return nothing"

    def test_functions_can_be_imported_and_called_as_specified(self) -> None:
        """Each import string leads to a function that takes exactly the specified arguments."""
        for item in self.own_extensions():
            wanted = list(inspect.signature(item.protocol.__call__).parameters)[1:]
            signature = inspect.signature(item.load())
            try:
                signature.bind(*wanted)
                signature.bind(**dict.fromkeys(wanted))
            except TypeError as error:
                raise AssertionError(
                    f"{item.kind} '{item.name}' has to take ({', '.join(wanted)}), not {signature}: {error}"
                ) from error

    def test_profiles_name_parts_that_exist(self) -> None:
        """Finder, encoder, genotyper and every channel of each technology can be chosen."""
        plugins = self.plugins()
        for profile in self.own_technologies():
            plugins.candidate_finder(profile.candidate_finder)
            plugins.image_encoder(profile.image_encoder)
            plugins.genotyper(profile.genotyper)
            for channel in profile.image.channels:
                plugins.channel(channel)

    def test_models_fit_and_verify(self) -> None:
        """The model of each technology is found, whole, fits the profile, and gives its known answers."""
        plugins = self.plugins()
        for profile in self.own_technologies():
            model = resolve_model(plugins, profile, offline=True)
            check_fit(model.manifest, profile, plugins.image_encoder(profile.image_encoder))
            verify_model(plugins, model)

    def test_images_are_as_declared_and_always_the_same(self) -> None:
        """Shapes and types of images and features, twice the same, on reads of a tiny simulated genome."""
        plugins = self.plugins()
        with _tiny_genome() as (data, region):
            for profile in self.own_technologies():
                pipeline = Pipeline.of(plugins, profile)
                names = plugins.image_encoder(profile.image_encoder).feature_names()
                runs = [
                    [
                        part.images
                        for part in RegionImages(pipeline, data.reference, [ReadSource(data.reads)]).draw(
                            region
                        )
                    ]
                    for _ in range(2)
                ]
                assert sum(map(len, runs[0])), f"{profile.name}: the finder finds nothing in simulated reads"
                for one, again in zip(*runs, strict=True):
                    expected = {
                        "images": ("uint8", profile.image.shape),
                        "features": ("float32", (len(names),)),
                    }
                    for what, (dtype, shape) in expected.items():
                        array = getattr(one, what)
                        found = f"{array.dtype}{list(array.shape)}"
                        assert (array.dtype, array.shape) == (dtype, (len(one), *shape)), (
                            f"{profile.name}: {what} are {found}, not {dtype}{[len(one), *shape]}"
                        )
                        assert np.isfinite(array).all(), f"{profile.name}: {what} are not all finite"
                        same = np.array_equal(array, getattr(again, what))
                        assert same, f"{profile.name}: {what} differ from run to run"

    def test_a_tiny_simulated_genome_is_called(self) -> None:
        """Each technology goes the whole line, from reads to VCF records."""
        plugins = self.plugins()
        with _tiny_genome() as (data, region):
            for profile in self.own_technologies():
                job = CallJob(
                    Pipeline.of(plugins, profile),
                    plugins.genotyper(profile.genotyper).load(),
                    resolve_model(plugins, profile, offline=True),
                    data.reference,
                    (ReadSource(data.reads),),
                    PostprocessSettings(),
                    keep_ref_calls=True,
                    device="cpu",
                )
                lines = RegionCaller(job)(Partition(region, (region,))).lines
                assert lines, f"{profile.name}: no record is written"
                assert {line.count("\t") for line in lines} == {9}, f"{profile.name}: a record is no VCF"


@contextmanager
def _tiny_genome() -> Iterator[tuple[SimulatedDataset, Region]]:
    """Yield 6 kb of a made-up genome with reads, and where they lie."""
    with TemporaryDirectory(prefix="dvplug-conformance-") as folder:
        data = simulate_dataset(Path(folder), length=6000, depth=20.0)
        with Reference.open(data.reference) as reference:
            ((contig, length),) = reference.lengths.items()
        yield data, Region(contig, 0, length)
