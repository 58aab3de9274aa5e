"""Candidate sites to draw, and the drawing of them."""

import random

import numpy as np

from dvplug.candidates.finder import find_candidates
from dvplug.images.encoders import encode_pileups
from dvplug.images.features.site import site_features
from dvplug.line.candidate_batch import CandidateBatch
from dvplug.line.image_batch import (
    ImageBatch,
    Pileup,
)
from dvplug.line.read_batch import ReadBatch
from dvplug.line.region import Region
from dvplug.line.scene import Scene
from dvplug.sequence.codes import encode_bases
from dvplug.technology import CandidateThresholds, ImageLayout
from helpers.read_batches import Read, random_reads, random_sequence, read_batch

HEIGHT, WIDTH = 12, 21


def draw(
    reads: ReadBatch,
    candidates: CandidateBatch,
    reference: str,
    height: int = HEIGHT,
    reference_rows: int = 1,
) -> tuple[Pileup, ImageBatch]:
    """The pileup that channels are given, and the batch."""
    seen: list[Pileup] = []

    def channel(pileup: Pileup, out: np.ndarray) -> None:
        assert out.shape == pileup.cell.shape
        assert not out.any()
        seen.append(pileup)

    layout = ImageLayout(height=height, width=WIDTH, reference_rows=reference_rows, channels=("seen",))
    scene = Scene(reads, candidates, encode_bases(reference.encode()), 0)
    batch = encode_pileups(scene, layout, [channel], site_features)
    return seen[0], batch


def site_of(
    reads: ReadBatch, start: int, ref: str, alts: tuple[str, ...], alleles: list[int]
) -> CandidateBatch:
    """One site over which all reads lie, with the allele of each."""
    n = len(reads)
    return CandidateBatch(
        "c", np.array([start], np.int32), [ref], [alts], np.array([0, n]), np.arange(n, dtype=np.int32),
        np.array(alleles, np.int8), np.array([n], np.int32), np.zeros((1, 1 + len(alts)), np.int32),
    )  # fmt: skip


def random_candidates(seed: int) -> tuple[str, list[Read], ReadBatch, CandidateBatch]:
    """Candidates, at least one, with up to 3 alts over a short contig, so that windows reach beyond its ends."""
    rng = random.Random(seed)
    thresholds = CandidateThresholds(min_count_snps=2, min_count_indels=1, min_fraction_indels=0, max_alts=3)
    while True:  # one draw of some 3,000 has none
        reference = random_sequence(rng, 60)
        reads = random_reads(rng, reference, 30, 40)
        batch, codes = read_batch(reads), encode_bases(reference.encode())
        candidates = find_candidates(batch, codes, 0, Region("c", 0, len(reference)), thresholds)
        if len(candidates):
            return reference, reads, batch, candidates
