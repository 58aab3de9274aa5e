"""What a client asks for, and what it is answered: the plain interface's JSON. Numbers are numbers, never texts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from dvplug.serve.errors import ServiceError

_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(@[0-9][0-9.]*)?")


def _with_host(text: str) -> str:
    """Refuse a URL without a host; what is no URL is a name."""
    if "://" in text:
        try:
            host = urlsplit(text).hostname
        except ValueError:
            host = None
        if not host or not text.isprintable():
            raise ValueError("this is no URL with a host")
    return text


def _a_requirement(text: str) -> str:
    """Never a path: a folder of this machine is not a client's to name."""
    if not _MODEL.fullmatch(text):
        raise ValueError("a model is name, name@1 or name@1.0.0")
    return text


def _no_path(value: SettingValue) -> SettingValue:
    """A plugin may open what it is told; a file of this machine is not a client's to name."""
    texts = value if isinstance(value, list) else [value]
    for text in texts:
        if isinstance(text, str) and (".." in text or any(sign in text for sign in "/\\\0")):
            raise ValueError("a setting is no path: / and \\ cannot be in it")
    return value


Input = Annotated[str, StringConstraints(min_length=1, max_length=4000), AfterValidator(_with_host)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Model = Annotated[str, StringConstraints(max_length=200), AfterValidator(_a_requirement)]
Url = Annotated[
    str, StringConstraints(min_length=8, max_length=8000, pattern=r"^https?://"), AfterValidator(_with_host)
]

SettingWord = Annotated[str, StringConstraints(max_length=1000)]
SettingNumber = Annotated[float, Field(allow_inf_nan=False)]
SettingValue: TypeAlias = (
    "bool | int | SettingNumber | SettingWord | list[bool | int | SettingNumber | SettingWord]"
)
SettingName = Annotated[str, StringConstraints(max_length=200, pattern=r"^[A-Za-z0-9][\w-]*\.[A-Za-z]\w*$")]
PluginSetting = Annotated[SettingValue, AfterValidator(_no_path)]

What = Literal["vcf", "vcf_index", "gvcf", "gvcf_index", "report", "stdout", "stderr", "log"]


class Strict(BaseModel):
    """Nothing unknown is taken, and nothing for what it is not."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


_OF_ONE = ("indexes", "sex", "sample", "sample_name", "read_group", "deliver")
"""Fields of a call of one sample that mean nothing for a cohort."""


class Delivery(Strict):
    """Where an output is to be PUT: one URL, or several for its parts of equal size, in order."""

    what: What
    urls: list[Url] = Field(min_length=1, max_length=10_000)
    manifest: Url | None = Field(
        default=None, description="Where the list of the parts, as JSON, is to be PUT, last."
    )
    unpacked: bool = Field(default=False, description="Of a VCF or gVCF: send it as text, not as BGZF.")

    @model_validator(mode="after")
    def _can_be_unpacked(self) -> Delivery:
        if self.unpacked and self.what not in ("vcf", "gvcf"):
            raise ValueError("only vcf and gvcf can be unpacked")
        return self


class SampleRequest(Strict):
    """A sample of a cohort."""

    sample: Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\s/\\.#-][^\s/\\]*$")]
    reads: list[Input] = Field(min_length=1, max_length=1000)
    indexes: list[Input] = Field(default=[], max_length=1000, description="Of `reads`, in their order.")
    tech: Word | None = None
    model: Model | None = None
    sex: Literal["male", "female"] | None = None
    father: Word | None = None
    mother: Word | None = None


class RunRequest(Strict):
    """A call of one sample, by `reads`; or of a cohort, by `samples`.

    Inputs are `upload:ID`, URLs (https, drs, htsget), or paths within the folder of files.
    """

    reads: list[Input] = Field(default=[], max_length=1000, examples=[["hg002.bam"]])
    samples: list[SampleRequest] = Field(
        default=[], max_length=10_000, description="In place of `reads`: called in one queue, and compared."
    )
    joint: bool = Field(default=False, description="Of a cohort: genotype all samples together, too.")
    ref: Input | None = Field(default=None, examples=["GRCh38.fa"])
    ref_tarball: Input | None = Field(
        default=None, description="In place of `ref`: a tar of a FASTA and its index."
    )
    indexes: list[Input] = Field(default=[], max_length=1000, description="Of `reads`, in their order.")
    tech: Word = Field(default="auto", examples=["pacbio"])
    model: Model | None = Field(default=None, examples=["illumina-wgs@1"])
    regions: list[Word] = Field(default=[], max_length=10_000, examples=[["chr20:1-100000"]])
    regions_bed: Input | None = None
    gvcf: bool = False
    report: bool = True
    sex: Literal["male", "female"] | None = None
    sample: Word | None = None
    sample_name: Word | None = None
    read_group: list[Word] = Field(default=[], max_length=1000)
    haploid_contigs: list[Word] = Field(default=[], max_length=1000)
    set: dict[SettingName, PluginSetting] = Field(
        default={}, max_length=100, description="Settings of plugins: see `/api/settings`.", examples=[{}]
    )
    min_qual: float | None = Field(default=None, ge=0, le=1e6)
    min_gq: int | None = Field(default=None, ge=0, le=1000)
    keep_ref_calls: bool = False
    non_ref: bool = False
    force: bool = False
    deliver: list[Delivery] = Field(default=[], max_length=50)
    name: str = Field(default="", max_length=200)
    tags: dict[Word, Annotated[str, StringConstraints(max_length=1000)]] = Field(default={}, max_length=100)

    @field_validator("min_qual", mode="before")
    @classmethod
    def _whole_is_a_number(cls, value: object) -> object:
        """JSON writes 2 for 2.0."""
        return float(value) if type(value) is int else value

    @field_validator("regions", "haploid_contigs", "read_group")
    @classmethod
    def _no_paths(cls, value: list[str]) -> list[str]:
        """The command takes a region that is a file for a BED."""
        for one in value:
            if "/" in one or "\\" in one or one.startswith(".") or "\0" in one:
                raise ValueError("these are names, not files: give a BED as regions_bed")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> RunRequest:
        if (self.ref is None) == (self.ref_tarball is None):
            raise ValueError("give one of ref and ref_tarball")
        if bool(self.reads) == bool(self.samples):
            raise ValueError("give one of reads and samples")
        pairs = [(self.reads, self.indexes), *((one.reads, one.indexes) for one in self.samples)]
        if any(indexes and len(indexes) != len(reads) for reads, indexes in pairs):
            raise ValueError("indexes are as many as reads, in their order, or none")
        if self.samples and (given := [name for name in _OF_ONE if getattr(self, name)]):
            raise ValueError(
                f"of a cohort, {', '.join(given)} mean nothing: say it in samples, or leave it out"
            )
        if self.joint and not self.samples:
            raise ValueError("joint is of a cohort: give samples")
        if self.non_ref and not self.gvcf and not self.samples:
            raise ValueError("non_ref is of a gVCF: give gvcf as true, too")
        for what in {one.what.removesuffix("_index") for one in self.deliver} & {"gvcf", "report"}:
            if not getattr(self, what):
                raise ValueError(f"{what} is to be delivered, and not asked for: give it as true")
        return self

    @classmethod
    def shown(cls, kept: Mapping[str, Any]) -> RunRequest:
        """A kept request, to be shown: not checked again, since masks lengthen it, and what is taken may change."""
        samples = [SampleRequest.model_construct(**one) for one in kept.get("samples", ())]
        orders = [Delivery.model_construct(**one) for one in kept.get("deliver", ())]
        return cls.model_construct(**{**kept, "samples": samples, "deliver": orders})

    def all_reads(self) -> list[Input]:
        """The reads of all samples, in their order."""
        return [*self.reads, *(one for sample in self.samples for one in sample.reads)]

    def title(self) -> str:
        """What to call it."""
        many = f"{len(self.samples)} samples"
        return self.name or (self.reads[0] if self.reads else many)


def request_of(**given: Any) -> RunRequest:
    """Make a request of what another interface was given; raises ServiceError (422) with all that is wrong."""
    try:
        return RunRequest(**given)
    except ValidationError as error:
        told = [problem_of(dict(one)) for one in error.errors(include_url=False)]
        raise ServiceError(422, told[0]["problem"], several=told) from error


def problem_of(error: Mapping[str, Any]) -> dict[str, str]:
    """Say what pydantic found wrong with a field."""
    where = [str(part) for part in error["loc"] if part not in ("body", "query", "path", "header")]
    said, name, cause = str(error["msg"]).removeprefix("Value error, "), ".".join(where), ""
    repair = "See /openapi.json for what is taken."
    if error["type"] == "json_invalid":
        said, name, cause = "The body is no JSON", "", f"at byte {name}: {error['ctx']['error']}"
    elif error["type"] == "model_attributes_type" and not name:
        said, repair = (
            "The body is no JSON object",
            "Send one, with the header Content-Type: application/json.",
        )
    problem = f"'{name}': {said}" if name else said
    return {"problem": problem[:500], "cause": cause, "repair": repair, "field": name}


class SettingView(BaseModel):
    """A setting that an installed plugin has."""

    name: str = Field(examples=["umi.least"])
    default: str
    description: str


class ProblemView(BaseModel):
    """What is wrong, why, and what to do."""

    problem: str
    cause: str = ""
    repair: str = ""
    field: str = ""


class ProblemsView(BaseModel):
    """All that is wrong."""

    problems: list[ProblemView]


class CheckView(BaseModel):
    """What the checks of `dvplug call` found."""

    problems: list[ProblemView]
    recognised: str = Field(description="The technology that was recognised, and why.")
    warnings: list[str]


class OutputView(BaseModel):
    """A file that a run wrote."""

    name: str = Field(examples=["calls.vcf.gz"])
    url: str
    size: int
    sha256: str
    media_type: str


class RunView(BaseModel):
    """A run, as it is now. Times are seconds since 1970, UTC."""

    id: str
    name: str
    interface: str
    state: Literal[
        "checking", "queued", "fetching", "calling", "delivering", "done", "failed", "cancelled", "refused"
    ]
    request: RunRequest
    problems: list[ProblemView]
    created: float
    queued: float | None
    started: float | None
    ended: float | None
    attempts: int
    exit_code: int | None
    recognised: str = Field(description="The technology that was recognised, and why.")
    progress: dict[str, object]
    outputs: list[OutputView]
    tags: dict[str, str]


class RunPage(BaseModel):
    """Some runs, newest first; `next` asks for older ones."""

    runs: list[RunView]
    next: str | None
