"""What a manifest says of a model's first stage: a small network that answers where the features are enough."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from dvplug_registry.part import Part

SettledAbove = Annotated[float, Field(ge=0.5, le=1)]
"""The answer is taken where its probability is above this; at 1 it never is."""


class SettledShare(Part):
    """What a first stage would settle of the tune examples, were all its answers taken above one probability."""

    above: SettledAbove
    settled: int = Field(ge=0, description="examples")
    disagreements: int = Field(ge=0, description="of those, whose genotype the network gives otherwise")
    wrong: int = Field(ge=0, description="of those, whose label is another")
    wrong_by_network: int = Field(ge=0, description="of those, which the network gives wrongly")


class FirstStage(Part):
    """When the features of an image alone give its genotype, and the image is not drawn."""

    snp: tuple[SettledAbove, SettledAbove, SettledAbove] = Field(
        description="for the answers hom-ref, het and hom-alt, of alts that change no length"
    )
    indel: tuple[SettledAbove, SettledAbove, SettledAbove] = Field(description="likewise, of others")
    data: str = Field("", description="what it was fitted to, for people")
    examples: int = Field(ge=1, description="tune examples that this was chosen by")
    settled: int = Field(ge=0, description="of them, by these thresholds")
    disagreements: int = Field(
        ge=0, description="of those settled, whose genotype the network gives otherwise"
    )
    curve: tuple[SettledShare, ...] = Field((), description="what one threshold for all would settle")
