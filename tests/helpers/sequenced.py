"""A contig of a made-up genome, sequenced without errors and mapped, for tests of what a world does to its reads."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from dvplug.simulate.amplicons import Amplicons
from dvplug.simulate.depths import DepthBlocks
from dvplug.simulate.genome import Codes, random_genome, write_fasta
from dvplug.simulate.learn.profile import LONGEST_TRACT, Profile
from dvplug.simulate.learn.states import RIGHT
from dvplug.simulate.locus_noise import LocusNoise
from dvplug.simulate.mapping import open_mapper
from dvplug.simulate.sequencing import PlannedContig, rewrite, write_reads
from dvplug.simulate.variants import PhasedVariant
from dvplug.simulate.world import World

GENOME = random_genome(60_000, np.random.default_rng(9))
QUIET = LocusNoise(indel_sd=0, short_indel_sd=0, site_p=0)
programs = pytest.mark.skipif(
    not (shutil.which("minimap2") and shutil.which("samtools")), reason="minimap2 or samtools is absent"
)


def faultless(size: int = 100) -> Profile:
    """Pairs that never err, of quality 30."""
    pairs = 300
    return Profile(
        quality=np.full((pairs, 2, size), 30, np.uint8),
        state=np.full((pairs, 2, size), RIGHT, np.uint8),
        length=np.full((pairs, 2), size),
        fragment=np.full(pairs, 300),
        substitution=np.tile([0.25, 0.5, 0.75, 1.0], (4, 1)),
        deletion_p=np.zeros((5, LONGEST_TRACT + 1)),
        insertion_p=np.zeros((5, LONGEST_TRACT + 1)),
        recurrent_q=np.array([20], np.uint8),
        discordant_p=0.0,
    )


def heterozygotes(codes: Codes, spacing: int) -> list[PhasedVariant]:
    return [
        PhasedVariant(p, "ACGT"[codes[p]], ("ACGT"[(codes[p] + 2) % 4],), (0, 1) if p % 2 else (1, 0))
        for p in range(1000, len(codes) - 3000, spacing)
    ]


def planned(depth: float, amplicons: Amplicons | None = None, spacing: int = 2001) -> PlannedContig:
    blocks = DepthBlocks(np.array([0]), np.array([0.0 if amplicons else depth]))
    return PlannedContig(GENOME, heterozygotes(GENOME, spacing), blocks, np.ones(68), amplicons)


def mapped(tmp_path: Path, chosen: World, contig: PlannedContig, profile: Profile | None = None) -> Path:
    fasta, bam = write_fasta(tmp_path / "ref.fa", {"c": GENOME}), tmp_path / "reads.bam"
    mapper = open_mapper("sr", fasta, bam, "s", "ILLUMINA", 1)
    written = write_reads(mapper, profile or faultless(), chosen, QUIET, [contig], np.random.default_rng(3))
    mapper.close()
    rewrite(bam, chosen, written)
    return bam
