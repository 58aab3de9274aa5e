"""What a model says of itself: `manifest.json`, the only file of a model that is trusted before its hash."""

from __future__ import annotations

from collections import Counter
from pathlib import PurePath
from typing import Annotated, Literal

from pydantic import (
    Field,
    PositiveFloat,
    StringConstraints,
    field_validator,
    model_validator,
)

from dvplug_registry.first_stage import FirstStage
from dvplug_registry.part import Part
from dvplug_registry.versions import NAME_PATTERN, Version

SCHEMA_VERSION = 2
MANIFEST_NAME = "manifest.json"

WEIGHTS, KNOWN_ANSWER, CARD, FIRST_STAGE = "weights", "known-answer", "card", "first-stage"
SUFFIX: dict[str, str] = {
    WEIGHTS: ".safetensors",
    KNOWN_ANSWER: ".npz",
    CARD: ".md",
    FIRST_STAGE: ".safetensors",
}
"""Of the roles that every model may have; all others are named by the genotyper that opens the model."""
CAN_CARRY_CODE = {
    *(
        ".bat",
        ".class",
        ".dll",
        ".dylib",
        ".exe",
        ".jar",
        ".js",
        ".py",
        ".pyc",
        ".pyd",
        ".pyz",
        ".sh",
        ".so",
        ".whl",
    ),
    *(
        ".ckpt",
        ".h5",
        ".hdf5",
        ".joblib",
        ".keras",
        ".mar",
        ".npy",
        ".pb",
        ".pickle",
        ".pkl",
        ".pt",
        ".pt2",
        ".pth",
    ),
    *(".ptl", ".tar", ".zip"),
}
"""Endings of programs, and of formats that hold or may hold pickled objects or code: no file of a model is one."""

ModelName = Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=64)]
Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=64)]
FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]
Setting = bool | int | float | str | list[int] | list[float] | list[str]
"""A setting of a network or of a genotyper, as JSON has it."""
Licence = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9.+-]+( (AND|OR|WITH) [A-Za-z0-9.+-]+)*$", max_length=200)
]


class ImageShape(Part):
    """Shape of the pileup images and their channels, in order."""

    height: int = Field(ge=1, le=4096)
    width: int = Field(ge=1, le=4096)
    reference_rows: int = Field(ge=0)
    channels: tuple[Identifier, ...] = Field(min_length=1)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        return self.height, self.width, len(self.channels)


class Versioned(Part):
    """Which image encoder or feature set made the training images; its version changes when a pixel or number would."""

    name: Identifier
    version: int = Field(ge=1)


class CallingStep(Versioned):
    """A part of the line, beside finder, encoder and feature sets, that the training images were made with."""

    kind: Literal["read transform", "phaser", "row order"]


class Calling(Part):
    """The settings that made the training images, by dvplug's field names for them."""

    read_filter: dict[str, bool | int | float]
    realign_reads: bool = False
    assembly: dict[str, int] = Field({}, description="what is absent is as usual")
    phase_reads: bool = False
    candidate_thresholds: dict[str, int | float]
    steps: tuple[CallingStep, ...] = Field(
        (), description="read transforms, row order, and a phaser other than dvplug's own, in order"
    )


class Training(Part):
    """Where the weights come from."""

    data: str = Field(min_length=1, description="what was trained on, for people")
    seed: int = Field(ge=0)
    n_examples: int = Field(ge=0)
    held_out: str = Field(min_length=1, description="what was kept out of training")


class Metric(Part):
    """One row of an evaluation: counts, and the F1 = 2TP / (2TP + FP + FN) that they give."""

    set: str = Field(min_length=1)
    type: Literal["SNP", "INDEL"]
    tp: int = Field(ge=0)
    fp: int = Field(ge=0)
    fn: int = Field(ge=0)
    f1: float = Field(ge=0, le=1)

    @classmethod
    def of_counts(cls, set_: str, type_: Literal["SNP", "INDEL"], tp: int, fp: int, fn: int) -> Metric:
        """Make the row of these counts; ``tp`` are of the truth."""
        total = 2 * tp + fp + fn
        return cls(set=set_, type=type_, tp=tp, fp=fp, fn=fn, f1=2 * tp / total if total else 0.0)

    @model_validator(mode="after")
    def _f1_follows_from_the_counts(self) -> Metric:
        total = 2 * self.tp + self.fp + self.fn
        expected = 2 * self.tp / total if total else 0.0
        if abs(self.f1 - expected) > 5e-4:  # half a unit of the third decimal
            raise ValueError(f"f1 is {self.f1}, but the counts give {expected:.4f}")
        return self


Lapses = tuple[tuple[Annotated[float, Field(ge=0, le=99)], Annotated[float, Field(ge=0, lt=1)]], ...]
"""Pairs of a phred quality and a rate: of answers that claim so much or more, the share that tells nothing."""


class LapseRates(Part):
    """Share of the sites at which the network's answer tells nothing, by type and by how sure it is."""

    snp: Lapses = ((0.0, 0.0),)
    indel: Lapses = ((0.0, 0.0),)

    @field_validator("snp", "indel")
    @classmethod
    def _ordered(cls, lapses: Lapses) -> Lapses:
        qualities, rates = zip(*lapses, strict=True) if lapses else ((), ())
        if not lapses or qualities[0] != 0 or [*qualities] != sorted({*qualities}):
            raise ValueError("qualities ascend from 0")
        if [*rates] != sorted(rates, reverse=True):
            raise ValueError("the surer answers lapse no more often than the others")
        return lapses


RunMeasure = Literal[
    "with_fragment_length",
    "read_length",
    "base_quality",
    "mapping_quality",
    "reverse_strand",
    "distinct_starts",
    "differing_positions",
]
"""What is measured of the reads of a run: see `dvplug.inputs.run_sample`."""


class Limits(Part):
    """From where to where, both included; None: no limit."""

    low: float | None = None
    high: float | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Limits:
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"low {self.low} is above high {self.high}")
        return self

    def hold(self, value: float) -> bool:
        """Whether a value lies within."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def __str__(self) -> str:
        """Such as `0.9 to 1`, `up to 3`, `2 or more`, `any`, or `1` where both are the same."""
        if self.low is None:
            return "any" if self.high is None else f"up to {self.high:g}"
        if self.high is None:
            return f"{self.low:g} or more"
        return f"{self.low:g}" if self.low == self.high else f"{self.low:g} to {self.high:g}"


class ModelRule(Part):
    """When a model is chosen, of several that a technology has: all of these are met by what the reads' files tell."""

    header: tuple[Annotated[str, StringConstraints(min_length=1, max_length=200)], ...] = Field(
        (), description="texts, in any case, each of which a field of @RG or @PG has"
    )
    captured: bool | None = Field(None, description="whether depth is that of a capture or amplicons")
    read_length: Limits | None = Field(None, description="of the median read, bases")

    @model_validator(mode="after")
    def _asks_something(self) -> ModelRule:
        if not self.conditions():
            raise ValueError("it has no condition")
        return self

    def conditions(self) -> list[str]:
        """Return them in words."""
        found = [f"@RG or @PG has '{text}'" for text in self.header]
        if self.captured is not None:
            found.append("depth of a capture" if self.captured else "depth of a whole genome")
        if self.read_length is not None:
            found.append(f"reads of {self.read_length} bases")
        return found


class RunLimits(Limits):
    """Of a measure of the reads that it was trained on."""

    refused: Limits | None = Field(
        None, description="outside of these a run is refused, whatever is done about it"
    )


class UsualReads(Part):
    """What is drawn of reads in runs in which the measure of the same matter lies outside of its limits."""

    fragment_length: int | None = Field(None, ge=1, description="bp, of reads without one")
    base_quality: tuple[float, ...] = Field(
        (),
        description="share of bases by phred, of the reads trained on, to which those of the run are mapped",
    )
    mapping_quality: tuple[float, ...] = Field((), description="likewise, share of reads")
    strand: tuple[RunMeasure, ...] = Field(
        (),
        description="strands are drawn by the reads' names in runs in which any of these measures is outside",
    )

    @field_validator("base_quality", "mapping_quality")
    @classmethod
    def _are_shares(cls, shares: tuple[float, ...]) -> tuple[float, ...]:
        if shares and (len(shares) > 255 or min(shares) < 0 or abs(sum(shares) - 1) > 1e-3):
            raise ValueError("up to 255 shares that sum to 1")
        return shares


class UsualNumber(Part):
    """The number that stands for a feature, or a pixel of a channel, that the network cannot judge by."""

    value: float
    outside: RunMeasure | None = Field(
        None, description="in runs in which this measure lies outside of its limits"
    )
    limits: Limits | None = Field(
        None, description="at each image where the feature itself lies outside of these"
    )
    unless: dict[Identifier, float] = Field(
        {},
        description="features above whose number an image keeps its own value, though it lies outside of the limits",
    )

    @model_validator(mode="after")
    def _says_when(self) -> UsualNumber:
        if self.outside is None and self.limits is None:
            raise ValueError("give 'outside', 'limits' or both")
        return self


class TrainedOn(Part):
    """Which reads the network has met, and what it is given in place of what it has not."""

    runs: dict[RunMeasure, RunLimits] = Field({})
    reads: UsualReads = UsualReads()
    features: dict[Identifier, UsualNumber] = Field({})
    channels: dict[Identifier, UsualNumber] = Field(
        {}, description="pixels of reads, in cells that are not empty"
    )

    @model_validator(mode="after")
    def _measures_have_limits(self) -> TrainedOn:
        needed: dict[str, RunMeasure | None] = {
            name: number.outside for name, number in (*self.features.items(), *self.channels.items())
        }
        for name, measure in _OF_READS.items():
            if getattr(self.reads, name):
                needed[name] = measure
        needed |= {f"strand by {measure}": measure for measure in self.reads.strand}
        if bare := sorted({m for m in needed.values() if m is not None and m not in self.runs}):
            raise ValueError(f"no limits of {', '.join(bare)}, on which something given as usual depends")
        if bare_guards := [
            name for name, number in self.features.items() if number.unless and not number.limits
        ]:
            raise ValueError(f"'unless' is of 'limits', which are not there: {', '.join(bare_guards)}")
        if of_image := [name for name, number in self.channels.items() if number.limits is not None]:
            raise ValueError(f"channels have no limits of their own: {', '.join(of_image)}")
        return self


_OF_READS: dict[str, RunMeasure] = {
    "fragment_length": "with_fragment_length",
    "base_quality": "base_quality",
    "mapping_quality": "mapping_quality",
}
"""By field of `UsualReads`: the measure outside of whose limits it is given."""


class FileEntry(Part):
    """One file of the model folder."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(ge=0, le=2**31, description="bytes")
    role: Identifier


class Manifest(Part):
    """Everything the engine must know of a model before it opens a read."""

    schema_version: Literal[2] = 2
    name: ModelName
    version: str
    technology: ModelName
    description: str
    architecture: Identifier = Field(description="a network that a plugin builds, such as 'small-cnn'")
    architecture_settings: dict[str, Setting] = Field({})
    image: ImageShape
    features: tuple[Identifier, ...] = ()
    sequencing_types: tuple[ModelName, ...] = Field(
        (),
        description="technologies of one network, which is told by as many inputs after the features which it is",
    )
    feature_sets: tuple[Versioned, ...] = Field((), description="whose columns the features are, in order")
    encoder: Versioned
    calling: Calling
    training: Training
    trained_on: TrainedOn = TrainedOn()
    temperatures: tuple[PositiveFloat, PositiveFloat, PositiveFloat] = Field(
        default=(1.0, 1.0, 1.0),
        description="what the logits of hom-ref, het and hom-alt were divided by; the weights have it",
    )
    lapse_rates: LapseRates = LapseRates()
    first_stage: FirstStage | None = Field(
        None, description="of models with a file in the role 'first-stage': when that answers for the network"
    )
    metrics: tuple[Metric, ...] = ()
    chosen_for: ModelRule | None = Field(
        None, description="when it is chosen, where a technology names it among several"
    )
    licence: Licence = Field(description="SPDX expression")
    genotyper: Identifier = Field(
        description="which opens the model, such as 'litert', and names roles of its files"
    )
    genotyper_settings: dict[str, Setting] = Field({})
    tolerance: float = Field(
        ge=0, le=1, description="largest absolute difference of a probability from the known answer"
    )
    files: dict[FileName, FileEntry]

    @property
    def label(self) -> str:
        """``name@version``."""
        return f"{self.name}@{self.version}"

    @field_validator("version")
    @classmethod
    def _is_semantic(cls, version: str) -> str:
        return str(Version.parse(version))

    @model_validator(mode="after")
    def _names_are_unique(self) -> Manifest:
        set_names = [one.name for one in self.feature_sets]
        for what, names in (
            ("channels", self.image.channels), ("features", self.features), ("feature sets", set_names),
        ):  # fmt: skip
            if repeated := [name for name, count in Counter(names).items() if count > 1]:
                raise ValueError(f"{what} are named twice: {', '.join(repeated)}")
        return self

    @model_validator(mode="after")
    def _is_of_its_types(self) -> Manifest:
        types = self.sequencing_types
        if types and (len(set(types)) != len(types) or len(types) < 2 or self.technology not in types):
            raise ValueError(f"sequencing_types are two or more technologies, {self.technology} among them")
        return self

    @property
    def technologies(self) -> tuple[str, ...]:
        """Those whose reads it was made for."""
        return self.sequencing_types or (self.technology,)

    @model_validator(mode="after")
    def _usual_values_have_a_place(self) -> Manifest:
        for what, named, known in (
            ("features", self.trained_on.features, self.features),
            (
                "features",
                [other for n in self.trained_on.features.values() for other in n.unless],
                self.features,
            ),
            ("channels", self.trained_on.channels, self.image.channels),
        ):
            if unknown := sorted(set(named) - set(known)):
                raise ValueError(f"trained_on names {what} that the model lacks: {', '.join(unknown)}")
        return self

    @model_validator(mode="after")
    def _files_fit_their_roles(self) -> Manifest:
        roles = Counter(entry.role for entry in self.files.values())
        for role, count in ((KNOWN_ANSWER, roles[KNOWN_ANSWER]), *roles.items()):
            if count != 1:
                raise ValueError(f"a model has one file in the role {role}, not {count}")
        for name, entry in self.files.items():
            suffix = PurePath(name).suffix
            if entry.role in SUFFIX and suffix != SUFFIX[entry.role]:
                raise ValueError(f"{name}: a file in the role {entry.role} ends in {SUFFIX[entry.role]}")
            if not suffix or suffix.lower() in CAN_CARRY_CODE:
                raise ValueError(f"{name}: a model holds data alone, of which '{suffix}' is no sign")
        if (roles[FIRST_STAGE] > 0) != (self.first_stage is not None):
            raise ValueError(f"a file in the role {FIRST_STAGE} and the field first_stage come together")
        if self.first_stage and self.sequencing_types:
            raise ValueError("a network of several sequencing types has no first stage")
        if len({name.lower() for name in self.files}) < len(self.files):
            raise ValueError("file names differ only in case")
        return self

    def file_name(self, role: str) -> str:
        """Name of the file in this role; raises KeyError when there is none ('known-answer' is always there)."""
        for name, entry in self.files.items():
            if entry.role == role:
                return name
        raise KeyError(role)
