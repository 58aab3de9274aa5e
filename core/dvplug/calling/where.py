"""Where to call, and where the sample has one copy: what the options say, on a reference."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dvplug.calling.options import CallOptions
from dvplug.genome.ploidy import Ploidy, left_out_by_default, resolve_ploidy
from dvplug.genome.regions import resolve_regions
from dvplug.line.region import Region


def regions_and_ploidy(options: CallOptions, lengths: Mapping[str, int]) -> tuple[list[Region], Ploidy]:
    """The regions to call, and where the sample has one copy."""
    default_out = left_out_by_default(lengths, options.sex)
    left_out = {c: why for c, why in default_out.items() if c not in options.haploid_contigs}
    regions = resolve_regions(options.regions, options.exclude_regions, lengths, left_out=left_out)
    return regions, ploidy_of(options, lengths, regions)


def ploidy_of(options: CallOptions, lengths: Mapping[str, int], regions: Iterable[Region]) -> Ploidy:
    """Work out where the sample has one copy; the arguments as of `resolve_ploidy`."""
    return resolve_ploidy(
        lengths,
        haploid_contigs=options.haploid_contigs,
        par_bed=options.par_bed,
        sex=options.sex,
        regions=regions,
    )
