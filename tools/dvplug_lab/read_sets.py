"""What reads are simulated: one `ReadSet` per folder, for each technology, to train on and to measure by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from dvplug.simulate.locus_noise import LocusNoise
from dvplug.simulate.mapping import Aligner
from dvplug.simulate.world_ranges import LONG, NOISY_LONG, PAIRS, SINGLE

MAIN = "reference/grch38.chr20_and_21_10M.fa.gz"
EXTRA = "reference/grch38.extra_20M.fa.gz"
TRUTH = "truth/HG002_GRCh38_v4.2.1.chr20_dev.vcf.gz"
TRUTHS = (TRUTH, "truth/HG001_GRCh38_lifted_v3.3.2.chr20_dev.vcf.gz")
"""HG002 and HG001; the second, which has its real phase, is for worlds alone."""
CONFIDENT = "truth/HG002_GRCh38_v4.2.1.chr20_dev.bed"
REAL_END = 8_900_000
"""Where the real variants of chr20 end; no reads are made beyond."""
NEVER = [("chr20", 60_000, 160_000), ("chr20", 5_020_000, 5_080_000)]
"""Kept for validation on real long reads: no labels here."""
TUNE = ("chr20", 7_900_000, 8_900_000)
"""Kept out of training, to choose the epoch and calibrate."""
HELD_OUT = ("chr13_32M", "chr17_43M", "chr21_37M")
"""Contigs of `EXTRA` that nothing but the final figures is made of: 3 Mb."""


@dataclass(frozen=True)
class ReadSet:
    """One folder of simulated reads."""

    name: str
    profile_bam: str
    fasta: str
    seed: int
    noise: LocusNoise
    clip_factor: float = 1.0
    indel_factor: float = 1.0
    copies_factor: float = 1.0
    scale: float = 1.0
    depths: tuple[float, float] = (8.0, 100.0)
    decoy_share: float = 0.03
    hidden_share: float = 0.0005
    imbalance_sd: float = 0.0
    """SD of the natural logarithm of either haplotype's depth, along the genome: an amplified library has more."""
    foreign_share: float = 0.0
    """Share of the reads that are of another person."""
    captured: bool = False
    """Only targets are sequenced, as in an exome; ``depths`` are theirs."""
    typical_depth: float | None = None
    """Around which those of an exome lie; without it all depths are equally likely, on a logarithmic scale."""
    aligner: Aligner = "bwa-mem"
    """As the reads that we learn from."""
    technology: str = "illumina-wgs"
    held_out: bool = False
    """Of the contigs `HELD_OUT` alone, for the final figures."""
    tune_only: bool = False
    """Of `TUNE` alone, of a person drawn for it: the surer answers are to be, the more of them calibration takes."""
    profile_fasta: str | None = "reference/b37.chr20_regions.fa.gz"
    """What ``profile_bam`` is aligned with; None where its reads have MD tags."""

    @property
    def paired(self) -> bool:
        """Learnt from short reads in pairs, whose quality strings are copied whole."""
        return PLATFORMS[self.technology] == "ILLUMINA"


PLATFORMS = {
    "illumina-wgs": "ILLUMINA",
    "illumina-wes": "ILLUMINA",
    "pacbio": "PACBIO",
    "ont": "ONT",
    "ion": "IONTORRENT",
}
HISEQX = "illumina/HG002_b37.chr20_slices.2x150.60-96x.bam"
HISEQ2000 = "illumina/NA12878_b37.chr20_10.0-10.1M.2x101.50x.bam"
EXOME = "illumina/NA12878_b37.exome_scrap.chr20_43.25M.76bp.10x.bam"
SEQUEL = "pacbio/HG003_GRCh38.hifi_sequel.chr20_9.0-9.1M.35x.bam"
SEQUEL2 = "pacbio/HG002_GRCh38.hifi_sequel2.chr20_60-160k.21x.bam"
R10_2022 = "ont/HG002_GRCh38.r10.4.1_sup.chr20_5.02-5.075M.bam"
R10_2024 = "ont/human.chr4.2024.profile_only.bam"
PGM = "ion/human_hg19.ion_pgm.chr21.panel.profile_only.bam"

# Noise from place to place, by the reads that we learn from.
HISEQX_NOISE = LocusNoise(  # real runs of 12 bp and more slip about alike
    indel_sd=0.3, short_indel_sd=1.0, site_p=0.005, site_median=0.012, site_sd=1.4
)
HISEQ2000_NOISE = PAIRS.noise
HIFI_NOISE, R10_NOISE, PGM_NOISE = LONG.noise, NOISY_LONG.noise, SINGLE.noise
HIDDEN = 0.01
"""False alleles of a hidden relative, per base, where a set has any: only some sets, as where every set had them the
network took clean heterozygotes of real reads for such alleles."""
FEWER_HIDDEN = 0.007
"""In short reads, where nothing else near a heterozygote of half the reads tells the two apart."""


def _pairs(name: str, bam: str, seed: int, noise: LocusNoise, **more: Any) -> ReadSet:
    return replace(ReadSet(name, bam, MAIN, seed, noise), **more)


def _exome(name: str, bam: str, seed: int, noise: LocusNoise, **more: Any) -> ReadSet:
    exome = ReadSet(
        name, bam, MAIN, seed, noise,
        depths=(3.0, 300.0), imbalance_sd=0.1, technology="illumina-wes", captured=True,
    )  # fmt: skip
    return replace(exome, **more)


def _hifi(name: str, bam: str, seed: int, **more: Any) -> ReadSet:
    hifi = ReadSet(
        name, bam, MAIN, seed, HIFI_NOISE,
        depths=(8.0, 50.0), aligner="map-hifi", technology="pacbio", profile_fasta=MAIN,
    )  # fmt: skip
    return replace(hifi, **more)


def _ont(name: str, bam: str, seed: int, **more: Any) -> ReadSet:
    ont = ReadSet(
        name, bam, MAIN, seed, R10_NOISE,
        depths=(8.0, 60.0), aligner="map-ont", technology="ont",
        profile_fasta=MAIN if bam == R10_2022 else None,
    )  # fmt: skip
    return replace(ont, **more)


def _ion(name: str, seed: int, **more: Any) -> ReadSet:
    ion = ReadSet(
        name, PGM, MAIN, seed, PGM_NOISE,
        depths=(10.0, 200.0), aligner="bwa-mem-single", technology="ion", profile_fasta=None,
    )  # fmt: skip
    return replace(ion, **more)


def _extra(scale: float) -> dict[str, Any]:
    return {"fasta": EXTRA, "scale": scale}


def _measured(depth: float) -> dict[str, Any]:
    return {"fasta": EXTRA, "depths": (depth, depth), "held_out": True}


EVEN = (10.0, 0.0), (17.0, 0.005), (28.0, 0.0), (45.0, 0.02), (75.0, 0.01)
"""Depths of whole genomes, and shares of another person's reads in them."""


def _around(depth: float) -> tuple[float, float]:
    return 0.85 * depth, 1.2 * depth


def _even(*sets: ReadSet) -> Iterator[ReadSet]:
    """Yield each set in parts of one depth: only there does a depth tell of copies that the reference lacks."""
    for one in sets:
        for number, (depth, foreign) in enumerate(EVEN, 1):
            yield replace(
                one,
                name=f"{one.name}_{depth:g}x",
                seed=10 * one.seed + number,
                depths=_around(depth),
                scale=one.scale / len(EVEN),
                foreign_share=foreign,
            )


def _tuned(persons: int, *sets: ReadSet) -> Iterator[ReadSet]:
    for number in range(1, persons + 1):
        for one in sets:
            depths = one.depths
            if one.technology == "illumina-wgs":
                depths = _around(EVEN[number % len(EVEN)][0])
            yield replace(
                one,
                name=f"{one.name}_tune_{number}",
                seed=900 + number,
                tune_only=True,
                depths=depths,
            )


EXOME_MEASURED: dict[str, Any] = {"fasta": EXTRA, "typical_depth": 80.0, "held_out": True}
SETS = (
    *_even(
        _pairs("hiseqx_2x150", HISEQX, 101, HISEQX_NOISE, scale=0.8, imbalance_sd=0.16),
        _pairs("hiseq2000_2x101", HISEQ2000, 202, HISEQ2000_NOISE, scale=0.8, aligner="bwa-aln"),
        # The HiSeq X library was amplified and is rich in chimeras: most others are less so, and some are not
        # amplified.
        _pairs(
            "hiseqx_2x150_extra",
            HISEQX,
            103,
            HISEQX_NOISE,
            clip_factor=0.25,
            indel_factor=0.4,
            copies_factor=0.25,
            hidden_share=FEWER_HIDDEN,
            **_extra(0.35),
        ),
        _pairs(
            "hiseq2000_2x101_extra",
            HISEQ2000,
            204,
            HISEQ2000_NOISE,
            hidden_share=FEWER_HIDDEN,
            **_extra(0.4),
        ),
    ),
    # Depths as uneven as those of captures, whose network it is, too.
    _pairs("hiseq2000_2x101_aln_extra", HISEQ2000, 206, HISEQ2000_NOISE, aligner="bwa-aln", **_extra(0.35)),
    _pairs(
        "pcr_free_2x150_extra",
        HISEQX,
        105,
        HISEQX_NOISE,
        clip_factor=0.25,
        indel_factor=0.1,
        copies_factor=0.0,
        **_extra(0.25),
    ),
    _pairs(
        "illumina_held_out",
        HISEQX,
        191,
        HISEQX_NOISE,
        clip_factor=0.25,
        indel_factor=0.4,
        copies_factor=0.0,
        **_measured(35.0),
    ),
    *_tuned(
        15,  # how often a sure answer is wrong is told by many
        _pairs("hiseqx", HISEQX, 0, HISEQX_NOISE, clip_factor=0.25, indel_factor=0.4, copies_factor=0.25),
        _pairs("hiseq2000", HISEQ2000, 0, HISEQ2000_NOISE),
    ),
    _exome("exome_2x76", EXOME, 701, HISEQ2000_NOISE, aligner="bwa-aln"),
    _exome("exome_2x101", HISEQ2000, 702, HISEQ2000_NOISE, hidden_share=FEWER_HIDDEN),
    _exome(
        "exome_2x150_extra",
        HISEQX,
        703,
        HISEQX_NOISE,
        clip_factor=0.25,
        indel_factor=0.4,
        copies_factor=0.25,
        fasta=EXTRA,
    ),
    _exome("exome_2x76_held_out", EXOME, 791, HISEQ2000_NOISE, aligner="bwa-aln", **EXOME_MEASURED),
    _exome("exome_2x101_held_out", HISEQ2000, 793, HISEQ2000_NOISE, **EXOME_MEASURED),
    _exome(
        "exome_2x150_held_out",
        HISEQX,
        792,
        HISEQX_NOISE,
        clip_factor=0.25,
        indel_factor=0.4,
        copies_factor=0.0,
        **EXOME_MEASURED,
    ),
    *_tuned(
        3,
        _exome("exome_2x101", HISEQ2000, 0, HISEQ2000_NOISE),
        _exome(
            "exome_2x150", HISEQX, 0, HISEQX_NOISE, clip_factor=0.25, indel_factor=0.4, copies_factor=0.25
        ),
    ),
    _ion("pgm", 601),
    _ion("pgm_extra", 602, hidden_share=HIDDEN, **_extra(0.4)),
    _ion("pgm_shallow_extra", 603, **_extra(0.5), depths=(10.0, 60.0)),
    _ion("pgm_more_extra", 604, **_extra(0.6)),
    _ion("pgm_held_out", 691, **_measured(60.0)),
    *_tuned(16, _ion("pgm", 0)),
    _ont("r10_2022", R10_2022, 501),
    _ont("r10_2024", R10_2024, 502, scale=0.6),
    _ont("r10_2022_extra", R10_2022, 503, hidden_share=HIDDEN, **_extra(0.7)),
    _ont("r10_2024_extra", R10_2024, 504, hidden_share=HIDDEN, **_extra(0.5)),
    _ont("r10_held_out", R10_2022, 591, **_measured(30.0)),
    *_tuned(12, _ont("r10_2022", R10_2022, 0), _ont("r10_2024", R10_2024, 0)),
    _hifi("hifi_sequel2", SEQUEL2, 401),
    _hifi("hifi_sequel", SEQUEL, 402, scale=0.7),
    _hifi("hifi_sequel2_extra", SEQUEL2, 403, hidden_share=HIDDEN, **_extra(0.5)),
    _hifi("hifi_sequel_extra", SEQUEL, 404, hidden_share=HIDDEN, **_extra(0.4)),
    _hifi("hifi_sequel2_more", SEQUEL2, 405, hidden_share=HIDDEN),
    _hifi("hifi_sequel2_more_extra", SEQUEL2, 406, **_extra(0.5)),
    _hifi("hifi_sequel_more_extra", SEQUEL, 407, **_extra(0.5)),
    *_tuned(12, _hifi("hifi_sequel2", SEQUEL2, 0), _hifi("hifi_sequel", SEQUEL, 0)),
    _hifi("hifi_held_out", SEQUEL2, 491, **_measured(30.0)),
)


def training_sets(technology: str) -> list[ReadSet]:
    """Return the sets of a technology that its network is fitted to."""
    return [chosen for chosen in sets_of(technology) if not chosen.held_out and not chosen.tune_only]


def sets_of(technology: str) -> list[ReadSet]:
    """Return the sets of a technology."""
    return [chosen for chosen in SETS if chosen.technology == technology]
