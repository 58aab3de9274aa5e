"""How two models differ, as their manifests tell: field by field, thresholds, channels, features, figures, sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from dvplug_registry.manifest import Manifest

_APART = ("schema_version", "files", "metrics", "feature_sets")
"""Fields that are told otherwise than as they are written."""


class Difference(NamedTuple):
    """A field that is not the same.

    Attributes
    ----------
    first, second
        Its values; None where a model has no such field. Of lists of names that differ by more than their order, those
        that only one of the models has.
    """

    field: str
    first: Any
    second: Any


def differences(first: Manifest, second: Manifest) -> list[Difference]:
    """Compare two manifests; fields come in the order of the manifest."""
    one, other = dict(_fields(first)), dict(_fields(second))
    found = [
        Difference(name, *_apart(one.get(name), other.get(name)))
        for name in {**one, **other}
        if one.get(name) != other.get(name)
    ]
    order = [name.partition(".")[0] for name in {**one, **other}]
    return sorted(found, key=lambda each: order.index(each.field.partition(".")[0]))


def _fields(manifest: Manifest) -> Iterator[tuple[str, Any]]:
    told = manifest.model_dump(mode="json")
    yield from _flat({name: value for name, value in told.items() if name not in _APART})
    for one in manifest.feature_sets:
        yield f"feature_sets.{one.name}", one.version
    for metric in manifest.metrics:
        for name in ("f1", "tp", "fp", "fn"):
            yield f"metrics.{metric.set}.{metric.type}.{name}", getattr(metric, name)
    yield "size", sum(entry.size for entry in manifest.files.values())
    for entry in manifest.files.values():
        yield f"size.{entry.role}", entry.size


def _flat(fields: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in fields.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _apart(first: Any, second: Any) -> tuple[Any, Any]:
    """Of two lists of names what only one of them has, if that tells them apart; anything else as it is."""
    if not all(isinstance(value, list) and set(map(type, value)) <= {str} for value in (first, second)):
        return first, second
    alone = [name for name in first if name not in second], [name for name in second if name not in first]
    return alone if any(alone) else (first, second)
