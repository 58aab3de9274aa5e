"""Figures 2B and 2C: independent reads of one genome, how calls of them spread, and whether GQ is true."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np

from dvplug.evaluate.callsets import MEASURES, compare_callsets
from dvplug.evaluate.judged import GQ_EDGES, CalibrationBand, Judged, calibration, read_judged
from dvplug.sequence.codes import encode_bases
from dvplug.simulate.drawn_variants import drawn_variants
from dvplug.simulate.sample import read_fasta
from dvplug_lab.read_sets import EXTRA
from dvplug_lab.reproduction.calls import CALLERS, call, judged
from dvplug_lab.reproduction.people import variant_model
from dvplug_lab.reproduction.results import Row, Setting
from dvplug_lab.reproduction.samples import Genome, sequenced, write_genome

CONTIG = "chr13_32M"
"""Sequence that no model was trained on."""
RATIOS = ("ti_tv", "het_hom", "ins_del")


def person(setting: Setting) -> Genome:
    """Write one person on held-out sequence."""
    text = read_fasta(setting.shared / EXTRA)[CONTIG][: setting.length]
    codes = encode_bases(text.encode())
    variants = drawn_variants(codes, variant_model(setting.shared), np.random.default_rng(2))
    return write_genome(setting.reads / "replicates", {CONTIG: codes}, {CONTIG: variants})


def called(setting: Setting) -> tuple[Genome, dict[str, list[Path]]]:
    """Sequence a person several times, and call each; what lies there already is not made again."""
    genome, calls = person(setting), defaultdict[str, list[Path]](list)
    for number in range(1, setting.sizes.replicates + 1):
        reads = genome.folder / f"reads{number}.bam"
        if not reads.with_suffix(".bam.bai").exists():
            to = {genome.reference: reads}
            sequenced(genome, to, setting.shared, setting.reads, seed=100 + number, threads=setting.threads)
        for caller in CALLERS:
            out = setting.made / caller / f"{number}.vcf.gz"
            if not out.exists():
                call(caller, genome.reference, reads, out, setting.threads)
            calls[caller].append(out)
    return genome, calls


def measure_spread(setting: Setting) -> list[Row]:
    """Return mean, SD and range of each measure, by caller."""
    genome, calls = called(setting)
    found = {
        caller: compare_callsets(
            calls[caller], genome.reference, truth=genome.truth, confident=genome.confident
        ).spread
        for caller in CALLERS
    }
    rows: list[Row] = []
    for name, measure in MEASURES.items():
        digits = 1 if name in ("snps", "indels") else 3 if name in RATIOS else 5
        row: Row = {"measure": measure}
        for caller in CALLERS:
            one = found[caller][name]
            row[f"{caller} mean"] = f"{one.mean:.{digits}f}"
            row[f"{caller} SD"] = f"{one.sd:.{digits + 1}f}"
            row[f"{caller} range"] = f"{one.least:.{digits}f} to {one.most:.{digits}f}"
        rows.append(row)
    return rows


def measure_calibration(setting: Setting) -> list[Row]:
    """Return, by type, genotype and band of GQ, calls, wrong ones, and how many the GQ has: all replicates together."""
    genome, calls = called(setting)
    bands: dict[tuple[str, str, int, int], dict[str, CalibrationBand]] = defaultdict(dict)
    for caller in CALLERS:
        pooled: list[Judged] = []
        for path in calls[caller]:
            folder = path.with_suffix("").with_suffix(".judged")
            judged(genome, path, folder)
            pooled += read_judged(folder, genome.reference)
        for band in calibration(pooled):
            low, high = band["gq"]
            bands[band["type"], band["genotype"], low, high][caller] = band
    rows: list[Row] = []
    for (kind, genotype, low, high), of in sorted(bands.items(), reverse=True):
        row: Row = {
            "type": kind,
            "genotype": genotype,
            "GQ": f"{low}-{high - 1}" if high < GQ_EDGES[-1] else f"{low} or more",
        }
        for caller in CALLERS:
            one = of.get(caller)
            row[f"{caller} calls"] = one["calls"] if one else 0
            row[f"{caller} wrong"] = one["wrong"] if one else 0
            row[f"{caller} wrong by GQ"] = round(one["expected"], 2) if one else 0
        rows.append(row)
    return rows
