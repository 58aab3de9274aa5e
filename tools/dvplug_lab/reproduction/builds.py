"""Table S1: one model on two builds of the human genome."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from dvplug.sequence.codes import encode_bases
from dvplug.simulate.drawn_variants import drawn_variants
from dvplug.simulate.sample import read_fasta
from dvplug.simulate.variants import PhasedVariant
from dvplug_lab.read_sets import MAIN
from dvplug_lab.reproduction.calls import CALLERS, call, counted, judged
from dvplug_lab.reproduction.people import variant_model
from dvplug_lab.reproduction.results import Row, Setting
from dvplug_lab.reproduction.samples import Genome, sequenced, write_genome

B37 = "reference/b37.chr20_regions.fa.gz"
START = 61_000
"""Of the stretch of b37's chr20 that is whole in the data at hand."""
WORD = 41
STEP = 50
LEAST = 2_000
"""bp of a block that both builds share."""
MARGIN = 200
"""bp at either end of a block that do not count."""

Block = tuple[int, int, int]


def shared_blocks(one: str, other: str) -> list[Block]:
    """Return (start in one, in the other, length) of stretches of `LEAST` bp or more that are the same in both."""
    words: dict[str, list[int]] = {}
    for at in range(0, len(other) - WORD, STEP):
        words.setdefault(other[at : at + WORD], []).append(at)
    blocks, at = [], 0
    while at <= len(one) - WORD:
        places = words.get(one[at : at + WORD], [])
        if len(places) != 1 or "N" in one[at : at + WORD]:
            at += 1
            continue
        back = _same(one[:at][::-1], other[: places[0]][::-1])
        length = back + _same(one[at:], other[places[0] :])
        if length >= LEAST:
            blocks.append((at - back, places[0] - back, length))
        at += length - back
    return blocks


def _same(one: str, other: str) -> int:
    """Length of the beginning that two texts share."""
    low, high = 0, min(len(one), len(other))
    while low < high:  # by halves: comparing long texts is fast, walking along them is not
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[:middle] == other[:middle] else (low, middle - 1)
    return low


def lifted(variants: list[PhasedVariant], blocks: list[Block]) -> list[PhasedVariant]:
    """Return the variants within blocks, by their places in the other build."""
    return [
        replace(variant, start=variant.start - start + other)
        for variant in variants
        for start, other, length in blocks
        if start <= variant.start and variant.end <= start + length
    ]


def two_builds(setting: Setting) -> tuple[Genome, Genome]:
    """Write one person on chr20 of GRCh38, and what of it lies on b37 alike; both count in the same bases."""
    b37 = read_fasta(setting.shared / B37)["20"].upper()[START : START + setting.sizes.stretch]
    grch38 = read_fasta(setting.shared / MAIN)["chr20"].upper()
    whole = shared_blocks(grch38[: START + setting.sizes.stretch + 100_000], b37)
    low, high = min(b[0] for b in whole), max(b[0] + b[2] for b in whole)
    blocks = [(start - low, other, length) for start, other, length in whole]
    codes = encode_bases(grch38[low:high].encode())
    variants = drawn_variants(codes, variant_model(setting.shared), np.random.default_rng(1))
    alike = [(s + MARGIN, o + MARGIN, n - 2 * MARGIN) for s, o, n in blocks]
    return (
        write_genome(
            setting.reads / "builds" / "GRCh38", {"chr20": codes}, {"chr20": variants},
            [("chr20", start, start + n) for start, _, n in alike],
        ),
        write_genome(
            setting.reads / "builds" / "b37", {"20": encode_bases(b37.encode())}, {"20": lifted(variants, blocks)},
            [("20", other, other + n) for _, other, n in alike],
        ),
    )  # fmt: skip


def measure(setting: Setting) -> list[Row]:
    """Call the reads of one person on both builds."""
    builds = two_builds(setting)
    to: dict[Path, Path] = {one.reference: one.folder / "reads.bam" for one in builds}
    if not all(reads.with_suffix(".bam.bai").exists() for reads in to.values()):
        sequenced(builds[0], to, setting.shared, setting.reads, seed=1, threads=setting.threads)
    rows: list[Row] = []
    for caller in CALLERS:
        for one in builds:
            out = one.folder / f"{caller}.vcf.gz"
            found = judged(one, call(caller, one.reference, to[one.reference], out, setting.threads))
            rows.append({"caller": caller, "build": one.folder.name, **counted(found)})
    return rows
