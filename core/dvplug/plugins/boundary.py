"""Plugins' functions as the engine calls them: whatever they raise or give wrongly becomes an error that names them.

An error says which function it is, whose (distribution and plugin), where in the genome (`located`), what was wrong
with which value, and why. DVPLUG_DEBUG prints the traceback, too. What dvplug's own functions raise is a fault of
dvplug, and stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from dvplug.errors import DvplugError, PluginError, in_short, raised
from dvplug.hookspecs import Draw, Encode, Find, Measure, OpenModel, Predictor
from dvplug.line.candidate_batch import CandidateBatch
from dvplug.line.contexts import EncodeContext, FindContext
from dvplug.line.image_batch import ImageBatch, Pileup
from dvplug.line.region import Region
from dvplug.line.scene import Scene
from dvplug.plugins.adapters import loaded
from dvplug.plugins.checks import (
    Around,
    Wrong,
    wrong_candidates,
    wrong_features,
    wrong_images,
    wrong_probabilities,
)
from dvplug.plugins.loading import PluginItem, Plugins
from dvplug.plugins.untouched import content_of, what_changed
from dvplug_registry.model_folder import LoadedModel

Given = TypeVar("Given")
_REPAIR = "Update the plugin, or tell its author. `dvplug plugins check` looks for such faults."


@contextmanager
def located(place: Region) -> Iterator[None]:
    """Add to a plugin's error where it came up."""
    try:
        yield
    except PluginError as error:
        raise PluginError(f"{error.problem}, at {place}", cause=error.cause, repair=error.repair) from error


def place_of(candidates: CandidateBatch) -> Region:
    """Where candidates lie."""
    if not len(candidates):
        return Region(candidates.contig, 0, 0)
    return Region(
        candidates.contig, int(candidates.start[0]), int(candidates.start[-1]) + len(candidates.refs[-1])
    )


@dataclass(frozen=True)
class Owner:
    """Whose a function is."""

    text: str  # "the channel 'x' of dvplug-x 1.0 (plugin 'x')"
    ours: bool

    @classmethod
    def of(cls, offer: PluginItem) -> Owner:
        """That of a thing that a plugin offers."""
        return cls(offer.whose, offer.plugin.is_ours)

    def call(
        self,
        function: Callable[..., Given],
        *arguments: object,
        untouched: object = None,
        but: Collection[str] = (),
    ) -> Given:
        """Call a function; raises PluginError for what a stranger's raises, and where it wrote into what it was given.

        Parameters
        ----------
        untouched
            What others go on with; of its arrays the function may change those that ``but`` names, and no other.
        """
        if self.ours:
            return function(*arguments)
        before = content_of(untouched, but)
        try:
            given = function(*arguments)
        except (DvplugError, MemoryError):
            raise
        except (Exception, SystemExit) as error:
            raise PluginError(f"{self.text} failed", cause=raised(error), repair=_REPAIR) from error
        if changed := what_changed(before, untouched):
            raise PluginError(
                f"{self.text} changed {changed}",
                cause="others go on with what it is given; it may change a copy",
                repair=_REPAIR,
            )
        return given

    def require(self, wrong: Iterable[Wrong]) -> None:
        """Raise PluginError for the first thing that is wrong; what is dvplug's own is checked by its tests.

        Parameters
        ----------
        wrong
            Looked for only where it is iterated over.
        """
        for problem, cause in () if self.ours else wrong:
            raise PluginError(f"{self.text} gave {problem}", cause=cause, repair=_REPAIR)


@dataclass(frozen=True)
class CheckedFind:
    """A candidate finder (see `dvplug.hookspecs.Find`) whose candidates are looked at."""

    owner: Owner
    find: Find
    settings: Any = None

    @classmethod
    def of(cls, offer: PluginItem, settings: Any = None) -> CheckedFind:
        """Import the function; its context has these settings."""
        return cls(Owner.of(offer), loaded(offer), settings)

    def __call__(self, context: FindContext) -> CandidateBatch:
        """Find the candidates of a region."""
        found = self.owner.call(self.find, replace(context, settings=self.settings), untouched=context)
        around = Around(context.reads, context.reference, context.reference_start, context.region)
        self.owner.require(wrong_candidates(found, around))
        return found


@dataclass(frozen=True)
class CheckedEncode:
    """An image encoder (see `dvplug.hookspecs.Encode`) whose images are looked at."""

    owner: Owner
    encode: Encode
    features: int
    settings: Any = None

    @property
    def takes_some(self) -> bool:
        """Whether it draws the images that a scene has, be they all of its candidates or not."""
        return self.owner.ours

    @classmethod
    def of(cls, offer: PluginItem, features: int, settings: Any = None) -> CheckedEncode:
        """Import the function; there are so many features beside its images, and its context has these settings."""
        return cls(Owner.of(offer), loaded(offer), features, settings)

    def __call__(self, context: EncodeContext) -> ImageBatch:
        """Draw the images of candidates."""
        drawn = self.owner.call(self.encode, replace(context, settings=self.settings), untouched=context)
        candidates, shape = context.scene.candidates, context.layout.shape
        self.owner.require(wrong_images(drawn, candidates, shape, self.features))
        return drawn


@dataclass(frozen=True)
class CheckedMeasure:
    """A feature set (see `dvplug.hookspecs.Measure`) whose numbers are looked at."""

    owner: Owner
    measure: Measure
    columns: tuple[str, ...]
    settings: Any = None

    @classmethod
    def of(cls, offer: PluginItem, columns: tuple[str, ...], settings: Any = None) -> CheckedMeasure:
        """Import the function; its columns are called so, and its scene has these settings."""
        return cls(Owner.of(offer), loaded(offer), columns, settings)

    def __call__(self, scene: Scene) -> NDArray[np.float32]:
        """Measure the images of a scene, float32[n, columns]."""
        found = self.owner.call(self.measure, scene.set(self.settings), untouched=scene)
        self.owner.require(wrong_features(found, scene, self.columns))
        return found


@dataclass(frozen=True)
class JoinedMeasures:
    """Feature sets as one function (see `dvplug.hookspecs.Measure`)."""

    sets: tuple[CheckedMeasure, ...]

    def __call__(self, scene: Scene) -> NDArray[np.float32]:
        """Measure the images of a scene: the columns of all sets, in order."""
        if len(self.sets) == 1:
            return self.sets[0](scene)
        none = np.empty((len(scene.images.site), 0), np.float32)
        return np.hstack([none, *(measure(scene) for measure in self.sets)])


@dataclass(frozen=True)
class CheckedDraw:
    """A channel (see `dvplug.hookspecs.Draw`) that is heard when it fails."""

    owner: Owner
    draw: Draw
    settings: Any = None

    @classmethod
    def of(cls, offer: PluginItem, settings: Any = None) -> CheckedDraw:
        """Import the function; its pileup has these settings."""
        return cls(Owner.of(offer), loaded(offer), settings)

    def __call__(self, pileup: Pileup, out: NDArray[np.uint8]) -> None:
        """Draw the channel into uint8[n, h, w]."""
        if self.settings is not None:
            pileup = replace(pileup, settings=self.settings)
        given: object = self.owner.call(self.draw, pileup, out, untouched=pileup)
        if given is not None:
            self.owner.require([(in_short(given), "a channel draws into `out` and returns nothing")])


@dataclass(frozen=True)
class CheckedOpen:
    """A genotyper (see `dvplug.hookspecs.OpenModel`) whose probabilities are looked at."""

    owner: Owner
    open_model: OpenModel
    devices: tuple[str, ...]

    @classmethod
    def of(cls, plugins: Plugins, name: str) -> CheckedOpen:
        """Import a genotyper's function."""
        genotyper = plugins.genotyper(name)
        offer = plugins.offer(genotyper.kind, name)
        return cls(Owner.of(offer), loaded(offer), genotyper.devices)

    def require_device(self, device: str) -> None:
        """Raise PluginError where the genotyper does not run on such a device."""
        if device not in self.devices:
            raise PluginError(
                f"{self.owner.text} does not run on '{device}'",
                repair=f"Use --device {' or '.join(self.devices)}.",
            )

    def __call__(self, model: LoadedModel, device: str) -> CheckedPredictor:
        """Open a model."""
        self.require_device(device)
        opened = self.owner.call(self.open_model, model, device)
        if not callable(getattr(opened, "predict", None)):
            self.owner.require(
                [(f"a {type(opened).__name__}", "what it gives has to have a method `predict`")]
            )
        return CheckedPredictor(self.owner, opened, model.manifest.label)


@dataclass(frozen=True)
class CheckedPredictor:
    """An opened model (see `dvplug.hookspecs.Predictor`) whose probabilities are looked at."""

    owner: Owner
    predictor: Predictor
    model: str

    @property
    def runs_on(self) -> str:
        """Which GPU, and by what, for people; empty where the predictor does not say."""
        return str(getattr(self.predictor, "runs_on", ""))

    def predict(self, images: NDArray[np.uint8], features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return probabilities float32[n, 3]."""
        seen = {"images": images, "features": features}
        given = self.owner.call(self.predictor.predict, images, features, untouched=seen)
        for problem, cause in wrong_probabilities(given, len(images)):
            raise PluginError(
                f"{self.owner.text} gave {problem} with the model {self.model}",
                cause=cause,
                repair="Use another --device, or another version of the model or of the plugin.",
            )
        return given
