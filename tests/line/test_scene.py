"""`Scene`: what several feature sets need of it is computed once, and nothing outlives it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dvplug.images.features import length_changes
from dvplug.images.features.length_shares import share_features
from dvplug.images.features.length_summary import length_features
from dvplug.line.candidate_batch import UNINFORMATIVE
from dvplug.line.image_batch import NO_ALT
from dvplug.line.scene import Scene, of_some_images
from dvplug.sequence.codes import encode_bases
from helpers.image_sites import random_candidates


def scene(seed: int) -> Scene:
    reference, _, reads, candidates = random_candidates(seed)
    return Scene(reads, candidates, encode_bases(reference.encode()), 0)


def test_what_sets_share_is_measured_once_for_each_scene(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    real = length_changes.spanning_changes
    monkeypatch.setattr(length_changes, "spanning_changes", lambda *a: (calls.append(1), real(*a))[1])
    one = scene(3)
    alone = length_features(one), share_features(one)
    assert len(calls) == 1
    other = replace(one, reads=replace(one.reads, haplotype=one.reads.haplotype * 0))
    np.testing.assert_array_equal(length_features(other)[:, :5], alone[0][:, :5])
    assert len(calls) == 2


def test_a_function_of_a_stranger_is_kept_by_itself() -> None:
    one, seen = scene(4), []

    def sites(given: Scene) -> int:
        seen.append(given)
        return len(given.candidates)

    def images(given: Scene) -> int:
        return len(given.images.site)

    assert (one.once(sites), one.once(images), one.once(sites)) == (
        len(one.candidates),
        sum(n + n * (n - 1) // 2 for n in map(len, one.candidates.alts)),
        len(one.candidates),
    )
    assert seen == [one]
    assert scene(5).once(sites) != one.once(sites)
    assert len(seen) == 2


@pytest.mark.parametrize("seed", range(8))
def test_the_reads_of_an_image_are_those_of_its_site_that_tell_an_allele(seed: int) -> None:
    whole = scene(seed)
    for one in (whole, of_some_images(whole, np.arange(len(whole.images.site))[::2])):
        told = one.image_reads
        expected = []
        for image, (site, alts) in enumerate(zip(*one.images, strict=True)):
            first, last = one.candidates.read_offset[site : site + 2]
            for read, allele in zip(
                one.candidates.read_index[first:last], one.candidates.read_allele[first:last], strict=True
            ):
                if allele != UNINFORMATIVE:
                    own = {alt + 1 for alt in alts.tolist() if alt != NO_ALT}
                    expected.append((image, int(read), int(allele) in own))
        assert list(zip(told.image.tolist(), told.read.tolist(), told.has.tolist(), strict=True)) == expected
