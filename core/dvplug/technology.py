"""A technology is data: everything the engine must know to call one kind of reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field, field_validator

TAG_KINDS = {
    "integer": "a whole number",
    "float": "a number",
    "hash": "text, or a whole number, as a hash by which equal ones are known",
    "integers": "an array of whole numbers",
    "floats": "an array of numbers",
    "letters": "text, as its bytes",
}
"""What values of a tag can become, with what they are in a file."""
_TAG = re.compile(r"([A-Za-z][A-Za-z0-9]):(\w+)")


class ReadTag(NamedTuple):
    """A tag of reads that is decoded.

    Attributes
    ----------
    name
        Such as "BX".
    kind
        One of `TAG_KINDS`.
    """

    name: str
    kind: str

    @classmethod
    def parse(cls, text: str) -> ReadTag:
        """Read one as it is declared, such as "BX:hash"; raises ValueError where it is none."""
        match = _TAG.fullmatch(text) if isinstance(text, str) else None
        if not match or match[2] not in TAG_KINDS:
            raise ValueError(
                f"{text!r} is no tag: write its name and kind, BX:hash; kinds are {', '.join(TAG_KINDS)}"
            )
        if match[1] == READ_GROUP.name:
            raise ValueError("the read group is asked for as 'source'")
        return cls(match[1], match[2])


class AlsoRead(NamedTuple):
    """What is read of a record besides what every batch has.

    Attributes
    ----------
    tags
        Each name once.
    source
        Whether the file and the read group of each read are told.
    """

    tags: tuple[ReadTag, ...] = ()
    source: bool = False

    def decoded(self) -> tuple[ReadTag, ...]:
        """The tags that have to be decoded: for the source, that of the read group, too."""
        return (*self.tags, READ_GROUP) if self.source else self.tags


READ_GROUP = ReadTag("RG", "hash")
NOTHING_ELSE = AlsoRead()


class Frozen(BaseModel):
    """Immutable, and unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ReadFilter(Frozen):
    """Which alignments are used. Qualities are phred."""

    min_mapping_quality: int = Field(default=5, ge=0, le=254)
    keep_duplicates: bool = False
    keep_secondary: bool = False
    keep_supplementary: bool = False
    keep_qc_fail: bool = False
    missing_base_quality: int = Field(default=20, ge=0, le=93, description="used for reads without qualities")
    sampling_window: int = Field(
        default=1000, ge=100, description="bp of read starts that share one read limit"
    )
    max_reads_per_window: int = Field(default=1500, ge=1)
    max_read_span: int = Field(default=1000, ge=1, description="longest usual reference span of a read, bp")


class CandidateThresholds(Frozen):
    """When an observed allele becomes a candidate (DeepVariant's very sensitive caller)."""

    min_base_quality: int = Field(default=10, ge=0, le=93)
    min_count_snps: int = Field(default=2, ge=1)
    min_count_indels: int = Field(default=2, ge=1)
    min_fraction_snps: float = Field(default=0.12, ge=0, le=1)
    min_fraction_indels: float = Field(default=0.06, ge=0, le=1)
    further_indels: float = Field(
        default=1,
        gt=0,
        le=1,
        description="part of min_fraction_indels that suffices for an indel of 2 bp or more, or beside another one",
    )
    max_alts: int = Field(
        default=4, ge=1, le=6, description="the best supported alts of a site that are kept"
    )


class Assembly(Frozen):
    """How the haplotypes are assembled along which reads are realigned."""

    min_base_quality: int = Field(
        default=15, ge=0, le=93, description="of every base of a k-mer (DeepVariant's dbg_min_base_quality)"
    )
    shortest_k: int = Field(
        default=25,
        ge=11,
        le=85,
        description="bases of a k-mer that are tried first: far fewer than a read has",
    )


class ImageLayout(Frozen):
    """Shape of a pileup image and its channels, in order."""

    height: int = Field(ge=8, le=512)
    width: int = Field(ge=11, le=1001, description="odd: the candidate is in the middle column")
    reference_rows: int = Field(default=1, ge=0)
    channels: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        return self.height, self.width, len(self.channels)


class Signs(Frozen):
    """What may be found in a file of reads; patterns are regular expressions, searched for in any case."""

    header: tuple[str, ...] = Field(
        default=(), description="patterns in one field of @RG or @PG, written as '@RG DS:READTYPE=CCS'"
    )
    read_names: tuple[str, ...] = Field(default=(), description="patterns in the names of most reads")
    tags: tuple[str, ...] = Field(default=(), description="tags that most reads have")

    @field_validator("header", "read_names")
    @classmethod
    def _compile(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"'{pattern}' is no regular expression: {error}") from error
        return patterns


class TagRange(Frozen):
    """Between what the median of a numeric tag lies, where reads have the tag."""

    tag: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9]$")
    low: float
    high: float


class Recognition(Frozen):
    """How to tell that reads are of a technology, and that they are not; see `dvplug.inputs.recognition`.

    Whatever a file does not tell counts neither way.
    """

    platforms: tuple[str, ...] = Field(default=(), description="@RG PL; 'ABC' is also 'abc' and 'ABC 2000'")
    shown_by: Signs = Field(default=Signs(), description="each that is found speaks for the technology")
    denied_by: Signs = Field(default=Signs(), description="any that is found contradicts it")
    doubted_by: Signs = Field(default=Signs(), description="any that is found is warned of")
    needed_tags: tuple[str, ...] = Field(
        default=(), description="tags that most of its reads have: a file without them contradicts"
    )
    only_with: Signs = Field(
        default=Signs(),
        description="one of these has to be found for it to be picked; none named: nothing has",
    )
    tag_ranges: tuple[TagRange, ...] = Field(
        default=(), description="a tag within speaks for it, outside contradicts"
    )
    read_length: tuple[int, int] | None = Field(default=None, description="of the median read, bases")
    base_quality: tuple[int, int] | None = Field(default=None, description="of the median base, phred")
    one_quality: bool = Field(
        default=False,
        description="all bases have one quality, or none, as its sequencer writes it: no warning",
    )
    max_difference: float | None = Field(
        default=None, ge=0, le=1, description="mismatches and indels per aligned base, of the median read"
    )
    min_difference: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="as many at the least; shown where nothing else fits, they stand for what only_with asks for",
    )
    paired: bool | None = Field(default=None, description="None: either")
    spliced: bool | None = Field(
        default=None, description="whether some of its reads skip introns, as N in the CIGAR; None: either"
    )
    captured: bool | None = Field(
        default=None, description="whether depth is that of a capture or amplicons; None: either"
    )

    def lines(self) -> Iterator[str]:
        """Write the rule for people, a line for each thing in it."""
        if self.platforms:
            yield f"@RG PL: {', '.join(self.platforms)}"
        for label in ("shown_by", "denied_by", "doubted_by", "only_with"):
            for where, found in getattr(self, label):
                if found:
                    yield f"{label} {where}: {', '.join(found)}"
        if self.needed_tags:
            yield f"needed tags: {', '.join(self.needed_tags)}"
        for tag in self.tag_ranges:
            yield f"tag {tag.tag}: {tag.low:g} to {tag.high:g}"
        yield from self._measured_lines()

    def _measured_lines(self) -> Iterator[str]:
        for label in ("read_length", "base_quality"):
            if limits := getattr(self, label):
                yield f"{label}: {limits[0]:,} to {limits[1]:,}"
        for label in ("max_difference", "min_difference"):
            if (share := getattr(self, label)) is not None:
                yield f"{label}: {share:g}"
        for label in ("paired", "spliced", "captured"):
            if (wanted := getattr(self, label)) is not None:
                yield f"{label}: {'yes' if wanted else 'no'}"


class UsualErrors(Frozen):
    """How reads of a technology err as a rule: what a run is believed to do of which too little is seen.

    See `dvplug.line.run_profile`: `usual_profile` makes a profile of these numbers.
    """

    length_error: float = Field(
        default=1e-5,
        gt=0,
        lt=0.5,
        description="share of reads that show a single base as none, or as several",
    )
    length_growth: float = Field(
        default=1.7,
        ge=1,
        le=4,
        description="how much more often a repeat is misread per unit that it is longer",
    )
    length_spread: float = Field(
        default=0.5, ge=0, description="SD from place to place, of the log-odds that a repeat is misread"
    )
    insertion: float = Field(default=1e-6, gt=0, lt=0.5, description="per base, those of repeats left out")
    deletion: float = Field(default=1e-6, gt=0, lt=0.5, description="per base, those of repeats left out")


class TechnologyProfile(Frozen):
    """One sequencing technology, as its plugin describes it."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    aliases: tuple[str, ...] = ()
    description: str
    model: str = Field(description="requirement on the model, such as 'illumina-wgs@1'")
    models: tuple[str, ...] = Field(
        default=(),
        description="requirements on models that are chosen in its place where the rule in their manifest is met",
    )
    model_technology: str | None = Field(
        default=None,
        description="technology whose models it borrows while it has none, since its reads are drawn alike",
    )
    recognition: Recognition | None = Field(
        default=None, description="None: never picked, and nothing is refused"
    )
    depth: tuple[float, float] | None = Field(
        default=None, description="mean depth that it is for; outside is warned of"
    )
    partition_size: int = Field(default=50_000, ge=1000, description="bp that one unit of work covers")
    read_filter: ReadFilter = ReadFilter()
    read_tags: tuple[str, ...] = Field(
        default=(), description="tags of reads that are decoded, by name and kind, such as BX:hash"
    )
    realign_reads: bool = Field(
        default=False, description="assemble windows of clustered indels; for short reads"
    )
    assembly: Assembly = Field(default=Assembly(), description="where reads are realigned")
    phase_reads: bool = Field(default=False, description="by the SNPs that reads share; for long reads")
    candidate_thresholds: CandidateThresholds = CandidateThresholds()
    base_error_rate: float = Field(
        default=0.001, gt=0, lt=0.5, description="of a read's base, for a gVCF's confidence in the reference"
    )
    usual_errors: UsualErrors = Field(
        default=UsualErrors(), description="of a run that shows too little of its own"
    )
    image: ImageLayout
    candidate_finder: str = "allele-counter"
    image_encoder: str = "pileup"
    read_transforms: tuple[str, ...] = Field(
        default=(), description="in order: what changes or drops reads before anything is found in them"
    )
    phaser: str = Field(default="shared-snps", description="where reads are phased")
    row_order: str | None = Field(default=None, description="of images; None: by position")
    annotations: tuple[str, ...] = Field(
        default=(), description="what is added to records once they are called"
    )
    features: tuple[str, ...] = Field(
        default=("site",), description="feature sets, in order: their columns are what a network is given"
    )
    genotyper: str | None = Field(default=None, description="None: the one that the model names")

    @field_validator("read_tags")
    @classmethod
    def _are_tags(cls, tags: tuple[str, ...]) -> tuple[str, ...]:
        for tag in tags:
            ReadTag.parse(tag)
        return tags

    @field_validator("features")
    @classmethod
    def _are_unique(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if twice := [name for index, name in enumerate(names) if name in names[:index]]:
            raise ValueError(f"the feature set '{twice[0]}' is named twice")
        return names
