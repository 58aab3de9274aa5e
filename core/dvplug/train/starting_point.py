"""What a fit may start from: the weights of a model or of another fit, and the network that they are of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from dvplug.errors import InputError, ModelError
from dvplug.genotypes.binned_features import BINS_SETTING, PIECES, has_pieces
from dvplug.genotypes.networks import TYPES_SETTING, checked_settings
from dvplug.genotypes.weights import load_weights
from dvplug.models import load_model
from dvplug.plugins.loading import installed_plugins
from dvplug.system.console import warn
from dvplug.system.locations import StrPath
from dvplug.technology import ImageLayout
from dvplug.train.image_start import PREFIX, ImageStart, read_image_start
from dvplug.train.state import FIT_NAME, WEIGHTS_NAME, FitSettings, read_fit
from dvplug.train.store import ExampleHeader
from dvplug_registry.manifest import MANIFEST_NAME, Manifest

if TYPE_CHECKING:
    import keras


class StartingPoint(NamedTuple):
    """Weights, and what they take."""

    label: str
    """For people: ``name@version`` of a model, the folder of a fit."""
    weights: Path
    architecture: str
    architecture_settings: dict[str, Any]
    layout: ImageLayout
    features: tuple[str, ...]
    drawn_by: tuple[tuple[str, int], ...]
    """Name and version of the encoder, and of each feature set."""
    types: int
    """Sequencing types that the network is told; 0 where it is of one technology."""

    def settings_for(self, settings: FitSettings, header: ExampleHeader) -> FitSettings:
        """Give the settings of a fit this network.

        Channels and features of the examples may follow behind its own. Or its features, where it is told their values
        alone, may be told in pieces, too. What is new weighs zero.

        Raises
        ------
        ModelError
            The examples are drawn otherwise, or the settings name another network.
        """
        self._require_examples(header)
        named = "architecture" in settings.model_fields_set
        architecture = settings.architecture if named else self.architecture
        given: dict[str, Any] = dict(settings.architecture_settings)
        pieces = int(given.get(BINS_SETTING, self._pieces))
        told: dict[str, Any] = {BINS_SETTING: pieces} if pieces else {}
        built = self.architecture_settings | told
        others = {name: value for name, value in given.items() if name != BINS_SETTING}
        own = checked_settings(self.architecture, built)
        if (
            architecture != self.architecture
            or self._pieces not in (0, pieces)
            or (others and checked_settings(architecture, others | told) != own)
        ):
            raise ModelError(
                f"the settings are for another network than that of {self.label}",
                cause=f"{architecture} {settings.architecture_settings} "
                f"against {self.architecture} {self.architecture_settings}",
                repair="Leave architecture and settings out: they are those of what it starts from.",
            )
        if built.get(BINS_SETTING) and header.features != self.features:
            raise ModelError(
                f"features that follow behind those of {self.label} cannot be told in pieces",
                cause=f"it has {len(self.features)} features, and the examples have {len(header.features)}",
                repair="Leave the pieces out, start from a model of the same features, or from random weights.",
            )
        return settings.model_copy(update={"architecture": self.architecture, "architecture_settings": built})

    @property
    def _pieces(self) -> int:
        """In which its features are told, beside their values."""
        return int(self.architecture_settings.get(BINS_SETTING, 0))

    def load_into(self, model: keras.Model) -> None:
        """Give a network that was built by such settings these weights; raises ModelError.

        One that is told sequencing types may start from one that is not: what tells the type weighs nothing then.
        Edges of pieces that it has not stay as they are.
        """
        (image, features) = model.inputs[:2]
        channels = int(image.shape[-1]) - len(self.layout.channels)
        told = int(features.shape[-1]) - len(self.features) - self.types
        more = [channels, *range(1, told + 1)]
        if has_pieces(model) and not self._pieces:
            more += [int(model.get_layer(PIECES).units)]
        load_weights(model, self.weights, more=[n for n in more if n > 0], absent=[PIECES])

    def _require_examples(self, header: ExampleHeader) -> None:
        pairs: list[tuple[str, tuple[str, ...] | int, tuple[str, ...] | int]] = [
            ("image height", self.layout.height, header.layout.height),
            ("image width", self.layout.width, header.layout.width),
            ("channels", self.layout.channels, header.layout.channels[: len(self.layout.channels)]),
            ("features", self.features, header.features[: len(self.features)]),
        ]
        wrong = [
            f"{what}: {_text(mine)} against {_text(theirs)}" for what, mine, theirs in pairs if mine != theirs
        ]
        if wrong:
            raise ModelError(
                f"{self.label} does not fit the examples of {header.technology}",
                cause=f"its {'; its '.join(wrong)}",
                repair="Start from a model whose images and features are drawn alike, or from random weights.",
            )
        drawn_by = _drawn_by(header)
        if self.drawn_by != drawn_by:
            warn(
                f"{self.label} was trained on what {_versions(self.drawn_by)} made, "
                f"and the examples are of {_versions(drawn_by)}."
            )


def read_starting_point(given: StrPath) -> StartingPoint | ImageStart:
    """Open what a fit shall start from, and verify its files where they are a model's.

    Parameters
    ----------
    given
        Folder of a model or of a fit, the name of an installed model, such as ``illumina-wgs@1``, or a network of
        photographs, such as ``keras:InceptionV3`` (see `dvplug.train.image_start`).

    Raises
    ------
    InputError, ModelError
        There is neither, or it is damaged.
    """
    if isinstance(given, str) and given.startswith(PREFIX):
        return read_image_start(given)
    folder = Path(given)
    if folder.is_dir() and (folder / FIT_NAME).is_file():
        state = read_fit(folder)
        header, settings = state.header, state.settings
        # By its name alone: manifests are published, and say no folders of a machine.
        return StartingPoint(
            f"the fit '{folder.resolve().name}'", folder / WEIGHTS_NAME, settings.architecture,
            settings.architecture_settings, header.layout, header.features, _drawn_by(header),
            len(state.kept_types),
        )  # fmt: skip
    if folder.is_dir() and not (folder / MANIFEST_NAME).is_file():
        raise InputError(
            f"'{folder}' holds neither a model nor a fit",
            cause=f"there is neither {MANIFEST_NAME} nor {FIT_NAME} in it",
            repair="Name a model's folder, the folder that `dvplug train fit` made, or an installed model.",
        )
    model = load_model(installed_plugins(), folder if folder.is_dir() else given)
    manifest = model.manifest
    return StartingPoint(
        manifest.label, model.path("weights"), manifest.architecture, _without_types(manifest),
        ImageLayout(**manifest.image.model_dump()), manifest.features,
        tuple((one.name, one.version) for one in (manifest.encoder, *manifest.feature_sets)),
        len(manifest.sequencing_types),
    )  # fmt: skip


def _without_types(manifest: Manifest) -> dict[str, Any]:
    """A fit tells its own sequencing types, or has none; weights of others do not fit it."""
    return {name: n for name, n in manifest.architecture_settings.items() if name != TYPES_SETTING}


def _drawn_by(header: ExampleHeader) -> tuple[tuple[str, int], ...]:
    return ((header.encoder, header.encoder_version), *header.feature_sets)


def _versions(things: tuple[tuple[str, int], ...]) -> str:
    return ", ".join(f"{name} version {version}" for name, version in things)


def _text(value: tuple[str, ...] | int) -> str:
    """A number, or names; of a long list how many there are."""
    if isinstance(value, int):
        return str(value)
    return " ".join(value) if len(value) <= 12 else f"{len(value)} of them"
