"""The Python interface: `dvplug.call`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, overload

from dvplug.calling import CallOptions, call_variants, iterate_records
from dvplug.postprocess import VcfRecord

StrPath = str | os.PathLike[str]


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
    *,
    regions: Sequence[str] = (),
    exclude_regions: Sequence[StrPath] = (),
    proposed_variants: StrPath | None = None,
    model: str | None = None,
    workers: int = 1,
    device: Literal["auto", "cpu", "gpu"] = "auto",
    sample: str | None = None,
    min_qual: float = 1.0,
    keep_ref_calls: bool = False,
    haploid_contigs: Sequence[str] = (),
    par_bed: StrPath | None = None,
    sex: Literal["male", "female"] | None = None,
    offline: bool = False,
) -> Iterator[VcfRecord]: ...


@overload
def call(
    tech: str,
    ref: StrPath,
    reads: StrPath | Sequence[StrPath],
    out: StrPath,
    *,
    gvcf: StrPath | None = None,
    non_ref: bool = False,
    regions: Sequence[str] = (),
    exclude_regions: Sequence[StrPath] = (),
    proposed_variants: StrPath | None = None,
    model: str | None = None,
    workers: int = 1,
    device: Literal["auto", "cpu", "gpu"] = "auto",
    sample: str | None = None,
    min_qual: float = 1.0,
    keep_ref_calls: bool = False,
    haploid_contigs: Sequence[str] = (),
    par_bed: StrPath | None = None,
    sex: Literal["male", "female"] | None = None,
    offline: bool = False,
) -> CallSummary: ...


def call(
    tech: str,
    ref: StrPath,
    reads: StrPath | Sequence[StrPath],
    out: StrPath | None = None,
    *,
    gvcf: StrPath | None = None,
    non_ref: bool = False,
    regions: Sequence[str] = (),
    exclude_regions: Sequence[StrPath] = (),
    proposed_variants: StrPath | None = None,
    model: str | None = None,
    workers: int = 1,
    device: Literal["auto", "cpu", "gpu"] = "auto",
    sample: str | None = None,
    min_qual: float = 1.0,
    keep_ref_calls: bool = False,
    haploid_contigs: Sequence[str] = (),
    par_bed: StrPath | None = None,
    sex: Literal["male", "female"] | None = None,
    offline: bool = False,
) -> Iterator[VcfRecord] | CallSummary:
    """Call germline SNPs and indels of one sample, as `dvplug call` does.

    Parameters
    ----------
    tech, ref, reads
        Technology, reference FASTA, and one or several BAM or CRAM files of one sample.
    out
        VCF to write. Without it the records are yielded, in order, as regions are done.
    gvcf, non_ref, regions, exclude_regions, proposed_variants, model, device, sample, min_qual, keep_ref_calls
        As the options of the command; no regions means everywhere.
    haploid_contigs, par_bed, sex, offline
        As the options of the command.
    workers
        Processes. More than one is for scripts that guard their top level (``if __name__ == "__main__":``).

    Returns
    -------
    CallSummary, or an iterator of VcfRecord
        Positions of records are 0-based.

    Raises
    ------
    DvplugError
        What the user can mend, all of it before the first record; a file that breaks off, when it is read.
    """
    options = CallOptions(
        tech=tech,
        reference=Path(ref),
        reads=tuple(map(Path, [reads] if isinstance(reads, (str, os.PathLike)) else reads)),
        out=os.fspath(out) if out is not None else "",
        gvcf=os.fspath(gvcf) if gvcf is not None else None,
        non_ref=non_ref,
        regions=tuple(regions),
        exclude=tuple(map(Path, exclude_regions)),
        proposed_variants=None if proposed_variants is None else Path(proposed_variants),
        model=model,
        workers=workers,
        device=device,
        sample=sample,
        min_qual=min_qual,
        keep_ref_calls=keep_ref_calls,
        haploid_contigs=tuple(haploid_contigs),
        par_bed=None if par_bed is None else Path(par_bed),
        sex=sex,
        offline=offline,
    )
    if out is None:
        return iterate_records(options)
    total = call_variants(options)
    return CallSummary(dict(total.filters), total.candidates, total.images, total.reads, dict(total.seconds))
