"""Time per read, site or image of each step, in this process, kernels compiled."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dvplug.candidates.finder import count_alleles, find_candidates
from dvplug.candidates.site_layout import HAPLOTYPE_FLANK
from dvplug.candidates.support import assign_reads
from dvplug.engine.draw import RegionImages
from dvplug.engine.pipeline import Pipeline
from dvplug.images.features.site import site_features
from dvplug.line.region import Region
from dvplug.line.scene import Scene
from dvplug.models import opener_of, resolve_model
from dvplug.plugins.loading import installed_plugins
from dvplug.reads.fetch import fetch_reads
from dvplug.reads.groups import ReadSource
from dvplug.reads.realign import REALIGN_MARGIN, realign_reads
from dvplug.records.postprocess import call_sites
from dvplug.records.vcf import format_record

REPEATS = 3


@dataclass
class KernelTime:
    """CPU time of one step over some regions, the least of `REPEATS`."""

    name: str
    unit: str
    count: int = 0
    seconds: float = 0.0

    @property
    def each_us(self) -> float:
        """Microseconds per unit."""
        return 1e6 * self.seconds / max(self.count, 1)


class Steps:
    """Runs the steps of a pipeline one by one and keeps their times."""

    def __init__(self, tech: str, model: str | None, reference: Path, reads: Path) -> None:
        plugins = installed_plugins()
        self.profile = plugins.technology(tech)
        self.pipeline = Pipeline.of(plugins, self.profile)
        self.open = RegionImages(self.pipeline, reference, [ReadSource(reads)])
        found = resolve_model(plugins, self.profile, model)
        self.genotyper = opener_of(plugins, found, self.profile)(found, "cpu")
        self.times: dict[str, KernelTime] = {}

    def timed(self, name: str, unit: str, step: Callable[[], Any], count: Callable[[Any], int]) -> Any:
        """Run a step `REPEATS` times; add the least CPU time and the number of units."""
        least = float("inf")
        for _ in range(REPEATS):
            began = time.process_time()
            result = step()
            least = min(least, time.process_time() - began)
        total = self.times.setdefault(name, KernelTime(name, unit))
        total.seconds += least
        total.count += count(result)
        return result

    def region(self, region: Region) -> None:
        """Time every step on one region."""
        profile = self.profile
        margin = (
            profile.image.width // 2 + 10 * HAPLOTYPE_FLANK + (REALIGN_MARGIN if profile.realign_reads else 0)
        )
        reads = self.timed(
            "decode", "read",
            lambda: fetch_reads(self.open.reads, region, profile.read_filter, margin=margin), len,
        )  # fmt: skip
        reach = margin + profile.read_filter.max_read_span
        start, end = max(0, region.start - reach), region.end + reach
        codes = self.timed(
            "reference", "base", lambda: self.open.reference.codes(region.contig, start, end), len
        )
        if profile.realign_reads:
            original = reads
            reads = self.timed(
                "realign_reads", "read",
                lambda: realign_reads(original, codes, start, profile.assembly), len,
            )  # fmt: skip
        thresholds = profile.candidate_thresholds
        self.timed(
            "count_alleles", "read",
            lambda: count_alleles(reads.arrays(), codes, start, thresholds.min_base_quality),
            lambda _: len(reads),
        )  # fmt: skip
        found = self.timed(
            "find_candidates (all)", "read",
            lambda: find_candidates(reads, codes, start, region, thresholds), lambda _: len(reads),
        )  # fmt: skip
        self.timed(
            "assign_reads", "site",
            lambda: assign_reads(
                reads, codes, start, found.start, found.refs, found.alts,
                min_base_quality=thresholds.min_base_quality,
            ),
            lambda _: len(found),
        )  # fmt: skip
        drawn = self.timed(
            "encode_pileups (all)", "image",
            lambda: self.pipeline.draw(Scene(reads, found, codes, start)), len,
        )  # fmt: skip
        self.timed(
            "site_features", "image",
            lambda: site_features(Scene(reads, found, codes, start)), len,
        )  # fmt: skip
        p = self.timed("predict", "image", lambda: self.genotyper.predict(drawn.images, drawn.features), len)
        self.timed("call and format", "site", lambda: _lines(found, drawn, p), lambda _: len(found))


def _lines(found: Any, drawn: Any, probabilities: Any) -> list[str]:
    return [format_record(record) for record in call_sites(found, drawn, probabilities)]


def time_kernels(
    tech: str, model: str | None, reference: Path, reads: Path, regions: Sequence[Region]
) -> list[KernelTime]:
    """Time every step on these regions, the first of which is run once before to load the kernels."""
    steps = Steps(tech, model, reference, reads)
    steps.region(regions[0])
    steps.times.clear()
    for region in regions:
        steps.region(region)
    return list(steps.times.values())
