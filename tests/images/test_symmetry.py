"""Which haplotype is called 1 and which 2 means nothing: nothing that is drawn or measured depends on it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dvplug.images import channels
from dvplug.images.features.length_errors import LengthErrors
from dvplug.images.features.length_likelihoods import likelihood_features
from dvplug.images.features.length_shares import share_features
from dvplug.images.features.length_summary import length_features
from dvplug.images.pileup import draw_pileups
from dvplug.line.scene import Scene
from dvplug.sequence.codes import encode_bases
from dvplug.technology import ImageLayout
from helpers.image_sites import random_candidates

_P = np.random.default_rng(7).random((2, 4, 9, 7)) + 5 * (np.arange(7) == 3)
ERRORS = LengthErrors(_P / _P.sum(axis=-1, keepdims=True), np.array([0.01]), slip_sd=0.8, tilt_sd=0.3)
SWAPPED = np.array([0, 2, 1], np.uint8)


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1))
def test_nothing_depends_on_which_haplotype_is_called_1(seed: int) -> None:
    reference, reads, batch, candidates = random_candidates(seed)
    haplotype = np.random.default_rng(seed).integers(0, 3, len(reads)).astype(np.uint8)
    codes = encode_bases(reference.encode())
    layout = ImageLayout(height=12, width=21, channels=("haplotype", "read_supports_variant", "read_base"))
    drawers = [channels.haplotype, channels.read_supports_variant, channels.read_base]

    def drawn(labels: np.ndarray) -> list[np.ndarray]:
        scene = Scene(replace(batch, haplotype=labels), candidates, codes, 0)
        measured = [length_features(scene), share_features(scene), likelihood_features(scene, ERRORS)]
        return [draw_pileups(scene, layout, drawers), *measured]

    for one, other in zip(drawn(haplotype), drawn(SWAPPED[haplotype]), strict=True):
        assert one.tobytes() == other.tobytes()
