"""A network of its own, and a technology to train it for; until then it borrows a model."""

from __future__ import annotations

from dvplug.hookspecs import Network, TechnologyProfile, hookimpl
from dvplug_illumina.profile import ILLUMINA_WGS

DVPLUG_API = 3


@hookimpl
def dvplug_networks() -> list[Network]:
    """Return the network; Keras is imported when it is built."""
    where = "dvplug_rows.network"
    return [
        Network(
            "row-set", "reads as a set: each row alone, then all", f"{where}:build", f"{where}:RowSetSettings"
        )
    ]


@hookimpl
def dvplug_technologies() -> list[TechnologyProfile]:
    """Return a technology that is drawn as illumina-wgs is."""
    changes = {
        "name": "rows",
        "aliases": (),
        "description": "Illumina short reads, for a network of rows",
        "model_technology": ILLUMINA_WGS.name,
        "recognition": None,
    }
    return [ILLUMINA_WGS.model_copy(update=changes)]
