"""Fields that annotations of plugins add to records: they must not be those of others, or dvplug's own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from dvplug.errors import PluginError

OWN = {
    "INFO": ("PROPOSED", "END", "SVTYPE", "SVLEN"),
    "FORMAT": ("GT", "GQ", "DP", "AD", "VAF", "PL", "MIN_DP", "PS"),
    "FILTER": ("PASS", "RefCall", "LowQual", "LowGQ", "NoCall"),
}
"""What dvplug writes, by column."""


class DeclaredField(Protocol):
    """What is asked of a `dvplug.hookspecs.RecordField`."""

    @property
    def column(self) -> str:
        """INFO, FORMAT or FILTER."""

    @property
    def id(self) -> str:
        """Its name."""


def require_own_fields(of_annotations: Iterable[tuple[str, Sequence[DeclaredField]]]) -> None:
    """Raise PluginError where two annotations, or one and dvplug, write the same field.

    Parameters
    ----------
    of_annotations
        Whose, and its fields.
    """
    taken = {(column, id_): "dvplug itself" for column, ids in OWN.items() for id_ in ids}
    for whose, fields in of_annotations:
        for field in fields:
            other = taken.setdefault((field.column, field.id), whose)
            if other != whose:
                raise PluginError(
                    f"{whose} adds {field.column} {field.id}, which {other} writes",
                    repair="Choose one of the two, or rename the field.",
                )
