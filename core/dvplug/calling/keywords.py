"""What `dvplug.call` and `dvplug.call_cohort` take by name, for type checkers: they cannot read `CallOptions`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from typing_extensions import TypedDict

from dvplug.system.locations import StrPath


class SharedKeywords(TypedDict, total=False):
    """Options that hold for one sample or for all of a cohort alike, for type checkers."""

    regions: StrPath | Sequence[StrPath]
    exclude_regions: StrPath | Sequence[StrPath]
    model: StrPath | None
    set: str | Sequence[str] | Mapping[str, object]
    workers: int
    device: str
    min_qual: float
    min_gq: int
    keep_ref_calls: bool
    force: bool
    offline: bool
    non_ref: bool
    use_hp: bool
    haploid_contigs: StrPath | Sequence[StrPath]
    par_bed: StrPath | None
    proposed_variants: StrPath | None
    executor: StrPath
    max_memory: int | str | None
    log_json: StrPath | None


class CallKeywords(SharedKeywords, total=False):
    """What `dvplug.call` takes by name, for type checkers, which cannot read it from `CallOptions`."""

    sample: str | None
    sample_name: str | None
    read_group: StrPath | Sequence[StrPath]
    gvcf: StrPath | None
    sex: Literal["male", "female"] | None
    report: StrPath | None
    haplotagged: StrPath | None
    resume: bool
