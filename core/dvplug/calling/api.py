"""The Python interface: `dvplug.call`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, overload

from typing_extensions import TypedDict, Unpack

from dvplug.calling.run import CallOptions, call_variants, iterate_records
from dvplug.line.record import VcfRecord
from dvplug.system.locations import location
from dvplug.system.memory import parse_size

StrPath = str | os.PathLike[str]


class CallKeywords(TypedDict, total=False):
    """What `call` takes by name: the options of the command, with the same defaults but for `workers`, which is 1."""

    gvcf: StrPath | None
    non_ref: bool
    report: StrPath | None
    regions: Sequence[str]
    exclude_regions: Sequence[StrPath]
    proposed_variants: StrPath | None
    model: str | None
    workers: int
    device: Literal["auto", "cpu", "gpu"]
    sample: str | None
    min_qual: float
    min_gq: int
    keep_ref_calls: bool
    haploid_contigs: Sequence[str]
    par_bed: StrPath | None
    sex: Literal["male", "female"] | None
    offline: bool
    force: bool
    resume: bool
    max_memory: int | str | None
    log_json: StrPath | None


@dataclass(frozen=True)
class CallSummary:
    """What a run wrote and how long it took."""

    records: dict[str, int]  # by FILTER
    candidates: int
    images: int
    reads: int
    cpu_seconds: dict[str, float]  # by stage


@overload
def call(
    tech: str,
    ref: StrPath,
    reads: StrPath | Sequence[StrPath],
    out: None = None,
    **options: Unpack[CallKeywords],
) -> Iterator[VcfRecord]: ...


@overload
def call(
    tech: str,
    ref: StrPath,
    reads: StrPath | Sequence[StrPath],
    out: StrPath,
    **options: Unpack[CallKeywords],
) -> CallSummary: ...


def call(
    tech: str,
    ref: StrPath,
    reads: StrPath | Sequence[StrPath],
    out: StrPath | None = None,
    **options: Unpack[CallKeywords],
) -> Iterator[VcfRecord] | CallSummary:
    """Call germline SNPs and indels of one sample, as `dvplug call` does.

    Parameters
    ----------
    tech, ref, reads
        Technology, reference FASTA, and one or several BAM or CRAM files of one sample.
    out
        VCF to write. Without it the records are yielded, in order, as regions are done, and no other file is written.
    options
        See `CallKeywords` and ``dvplug call --help``. More than one of `workers` is for scripts that guard their top
        level (``if __name__ == "__main__":``).

    Returns
    -------
    CallSummary, or an iterator of VcfRecord
        Positions of records are 0-based.

    Raises
    ------
    DvplugError
        What the user can mend, all of it before the first record; a file that breaks off, when it is read.
    TypeError
        An option is unknown.
    """
    several = (reads,) if isinstance(reads, (str, os.PathLike)) else reads
    known = {name: _plain(name, value) for name, value in options.items() if value is not None}
    prepared = CallOptions(
        tech,
        location(os.fspath(ref)),
        tuple(location(os.fspath(each)) for each in several),
        os.fspath(out) if out is not None else "",
        **known,
    )
    if out is None:
        return iterate_records(prepared)
    total = call_variants(prepared)
    return CallSummary(dict(total.filters), total.candidates, total.images, total.reads, dict(total.seconds))


def _plain(name: str, value: Any) -> Any:
    """An option as `CallOptions` keeps it."""
    match name:
        case "gvcf":
            return os.fspath(value)
        case "max_memory":
            return parse_size(value) if isinstance(value, str) else value
        case "proposed_variants" | "par_bed" | "report" | "log_json":
            return Path(value)
        case "exclude_regions":
            return tuple(map(Path, value))
        case "regions" | "haploid_contigs":
            return tuple(value)
    return value
