"""The feature sets that a technology names, and the columns that they are joined to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from dvplug.errors import PluginError
from dvplug.hookspecs import FeatureSet
from dvplug.plugins.loading import PluginItem, Plugins


class ChosenFeatures(NamedTuple):
    """Feature sets in order, and the names of what each of them measures."""

    offers: tuple[PluginItem, ...]
    of_sets: tuple[tuple[str, ...], ...]

    @property
    def sets(self) -> tuple[FeatureSet, ...]:
        """The sets."""
        return tuple(offer.item for offer in self.offers)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of all sets, in order: those of `ImageBatch.features`."""
        return tuple(name for columns in self.of_sets for name in columns)

    @property
    def versions(self) -> tuple[tuple[str, int], ...]:
        """Name and version of each set."""
        return tuple((item.name, item.version) for item in self.sets)


def chosen_features(plugins: Plugins, names: Sequence[str]) -> ChosenFeatures:
    """Look up feature sets.

    Raises
    ------
    PluginError
        A name is unknown, columns cannot be imported, or two sets have one of the same name.
    """
    offers = tuple(plugins.offer(FeatureSet.kind, name) for name in names)
    found: dict[str, PluginItem] = {}
    of_sets = []
    for offer in offers:
        columns = offer.item.column_names()
        for column in columns:
            if column in found:
                raise PluginError(
                    f"the feature '{column}' is one of {found[column].whose} and of {offer.whose}",
                    cause="a model knows features by their names alone",
                    repair="Choose one of the two sets, or rename its column.",
                )
            found[column] = offer
        of_sets.append(columns)
    return ChosenFeatures(offers, tuple(of_sets))
