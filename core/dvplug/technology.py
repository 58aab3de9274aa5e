"""A technology is data: everything the engine must know to call one kind of reads."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Frozen(BaseModel):
    """Immutable, and unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ReadFilter(Frozen):
    """Which alignments are used. Qualities are phred."""

    min_mapping_quality: int = Field(5, ge=0, le=254)
    keep_duplicates: bool = False
    keep_secondary: bool = False
    keep_supplementary: bool = False
    keep_qc_fail: bool = False
    missing_base_quality: int = Field(20, ge=0, le=93, description="used for reads without qualities")
    sampling_window: int = Field(1000, ge=100, description="bp of read starts that share one read limit")
    max_reads_per_window: int = Field(1500, ge=1)
    max_read_span: int = Field(1000, ge=1, description="longest usual reference span of a read, bp")


class CandidateThresholds(Frozen):
    """When an observed allele becomes a candidate (DeepVariant's very sensitive caller)."""

    min_base_quality: int = Field(10, ge=0, le=93)
    min_count_snps: int = Field(2, ge=1)
    min_count_indels: int = Field(2, ge=1)
    min_fraction_snps: float = Field(0.12, ge=0, le=1)
    min_fraction_indels: float = Field(0.06, ge=0, le=1)
    max_alts: int = Field(4, ge=1, le=6, description="the best supported alts of a site that are kept")


class ImageLayout(Frozen):
    """Shape of a pileup image and its channels, in order."""

    height: int = Field(ge=8, le=512)
    width: int = Field(ge=11, le=1001, description="odd: the candidate is in the middle column")
    reference_rows: int = Field(1, ge=0)
    channels: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        return self.height, self.width, len(self.channels)


class TechnologyProfile(Frozen):
    """One sequencing technology, as its plugin describes it."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    aliases: tuple[str, ...] = ()
    description: str
    model: str = Field(description="requirement on the model, such as 'illumina-wgs@1'")
    model_technology: str | None = Field(
        None,
        description="technology whose models it borrows while it has none, since its reads are drawn alike",
    )
    partition_size: int = Field(50_000, ge=1000, description="bp that one unit of work covers")
    read_filter: ReadFilter = ReadFilter()
    realign_reads: bool = Field(False, description="assemble windows of clustered indels; for short reads")
    phase_reads: bool = Field(False, description="by the SNPs that reads share; for long reads")
    candidate_thresholds: CandidateThresholds = CandidateThresholds()
    base_error_rate: float = Field(
        0.001, gt=0, lt=0.5, description="of a read's base, for a gVCF's confidence in the reference"
    )
    image: ImageLayout
    candidate_finder: str = "allele-counter"
    image_encoder: str = "pileup"
    genotyper: str = "network"
