"""What users can set of linked reads."""

from __future__ import annotations

from pydantic import Field

from dvplug.hookspecs import Frozen


class LinkedSettings(Frozen):
    """How far molecules reach."""

    molecule_reach: int = Field(
        default=100_000,
        ge=0,
        description="bp beyond which few molecules reach: of copies that are nearer, barcodes say nothing",
    )
