"""The layout of pileup images: a slow twin, and what each rule means."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvplug.candidates.finder import find_candidates
from dvplug.images.encoders import encode_pileups
from dvplug.images.features.site import site_features
from dvplug.line.candidate_batch import OTHER, UNINFORMATIVE
from dvplug.line.image_batch import (
    EMPTY,
    FAR,
    NEAR,
    NO_READ,
    NO_SIDE,
    REFERENCE,
    SUPPORTS_ALT,
    SUPPORTS_REF,
)
from dvplug.line.region import Region
from dvplug.line.scene import Scene, image_alts
from dvplug.sequence.codes import encode_bases
from dvplug.technology import CandidateThresholds, ImageLayout
from helpers.image_sites import HEIGHT, WIDTH, draw, random_candidates, site_of
from helpers.read_batches import Read, read_batch
from oracles.pileup import twin_near, twin_row, twin_support


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.sampled_from([8, 12, 60]), st.integers(0, 3))
def test_layout_agrees_with_a_row_at_a_time(seed: int, height: int, reference_rows: int) -> None:
    reference, reads, batch, candidates = random_candidates(seed)
    pileup, images = draw(batch, candidates, reference, height, reference_rows)
    hashes = batch.name_hash
    for image, (site, alts) in enumerate(
        zip(images.site.tolist(), map(tuple, images.alt_set.tolist()), strict=True)
    ):
        rows = (int(candidates.read_offset[site]), int(candidates.read_offset[site + 1]))
        order = sorted(range(*rows), key=lambda k: (hashes[candidates.read_index[k]], k))[
            : height - reference_rows
        ]
        seen = [
            (r, twin_support(a, alts), reads[r].hp or 0)
            for r, a in zip(
                candidates.read_index[slice(*rows)], candidates.read_allele[slice(*rows)], strict=True
            )
        ]
        sides = {0: NO_SIDE, (near := twin_near(seen)): NEAR, 3 - near: FAR}
        of_rows = [(twin_support(candidates.read_allele[k], alts), candidates.read_index[k]) for k in order]
        drawn = sorted(of_rows, key=lambda row: (row[0], sides[reads[row[1]].hp or 0], row[1]))
        window_start = int(candidates.start[site]) - WIDTH // 2
        cells = [([REFERENCE] * WIDTH, [False] * WIDTH)] * reference_rows
        cells += [twin_row(reads[r], int(batch.base_offset[r]), window_start) for _, r in drawn]
        cells += [([EMPTY] * WIDTH, [False] * WIDTH)] * (height - len(cells))
        blank = height - reference_rows - len(drawn)
        assert pileup.cell[image].tolist() == [c for c, _ in cells]
        assert pileup.insertion[image].tolist() == [i for _, i in cells]
        expected_rows = [REFERENCE] * reference_rows + [r for _, r in drawn] + [EMPTY] * blank
        assert pileup.row_read[image].tolist() == expected_rows
        expected_sides = (
            [NO_SIDE] * reference_rows + [sides[reads[r].hp or 0] for _, r in drawn] + [NO_SIDE] * blank
        )
        assert pileup.side[image].tolist() == expected_sides
        expected_support = [SUPPORTS_REF] * reference_rows + [s for s, _ in drawn] + [NO_READ] * blank
        assert pileup.support[image].tolist() == expected_support
        padded = "N" * WIDTH + reference + "N" * WIDTH
        window = padded[window_start + WIDTH :][:WIDTH]
        assert pileup.reference[image].tolist() == encode_bases(window.encode()).tolist()


def test_one_image_per_alt_and_then_per_pair() -> None:
    site, alts = image_alts([1, 3, 0, 2])
    assert site.tolist() == [0, *[1] * 6, *[3] * 3]
    three = [(0, -1), (1, -1), (2, -1), (0, 1), (0, 2), (1, 2)]
    assert [tuple(a) for a in alts.tolist()] == [(0, -1), *three, (0, -1), (1, -1), (0, 1)]


def test_no_candidates_give_no_images() -> None:
    reads = read_batch([Read(0, "10M", "ACGTACGTAC")])
    region = Region("c", 0, 10)
    none = find_candidates(reads, encode_bases(b"ACGTACGTAC"), 0, region, CandidateThresholds())
    layout = ImageLayout(height=HEIGHT, width=WIDTH, channels=())
    scene = Scene(reads, none, encode_bases(b"ACGTACGTAC"), 0)
    batch = encode_pileups(scene, layout, [], site_features)
    assert batch.images.shape == (0, HEIGHT, WIDTH, 0)
    assert batch.features.shape[0] == len(batch) == 0


def test_rows_are_sorted_by_support_and_then_position() -> None:
    reference = "ACGTACGTACGTACGTACGTACGTA"
    reads = read_batch([Read(s, "16M", reference[s : s + 16]) for s in range(8)])
    candidates = site_of(reads, 10, "G", ("A", "C"), [0, 2, UNINFORMATIVE, 1, OTHER, 1, 0, 2])
    pileup, images = draw(reads, candidates, reference)
    assert images.alt_set.tolist() == [[0, -1], [1, -1], [0, 1]]
    assert pileup.row_read[:, 1:9].tolist() == [
        [3, 5, 1, 4, 7, 0, 6, 2],
        [1, 7, 3, 4, 5, 0, 6, 2],
        [1, 3, 5, 7, 4, 0, 6, 2],
    ]
    assert pileup.support[2, :10].tolist() == [3, 1, 1, 1, 1, 2, 3, 3, 4, 0]


def test_the_candidate_is_in_the_middle_column() -> None:
    reference = "A" * 30 + "C" + "A" * 30
    reads = read_batch([Read(0, "61M", reference)])
    pileup, _ = draw(reads, site_of(reads, 30, "C", ("G",), [0]), reference)
    assert pileup.reference[0].tolist() == [0] * 10 + [1] + [0] * 10
    assert pileup.cell[0, 1].tolist() == list(range(20, 41))


@pytest.mark.parametrize("start", [0, 24])
def test_windows_end_with_the_contig(start: int) -> None:
    reference = "ACGTACGTACGTACGTACGTACGTA"
    reads = read_batch([Read(0, "25M", reference)])
    pileup, _ = draw(reads, site_of(reads, start, "A", ("C",), [1]), reference)
    inside = pileup.reference[0] < 4
    assert inside.tolist() == [0 <= start - 10 + i < 25 for i in range(WIDTH)]
    assert ((pileup.cell[0, 1] != EMPTY) == inside).all()


def test_all_images_of_a_crowded_site_show_the_same_reads() -> None:
    reference = "ACGTACGTACGTACGTACGTACGTA"
    reads = read_batch([Read(2, "20M", reference[2:22], [i % 40 + 1] * 20) for i in range(200)])
    candidates = site_of(reads, 10, "G", ("A", "C"), [1, 2, 0, OTHER] * 50)
    pileup, _ = draw(reads, candidates, reference, height=40)
    shown = [sorted(rows[1:]) for rows in pileup.row_read.tolist()]
    assert len(set(shown[0])) == 39
    assert shown[0] == shown[1] == shown[2]


def test_reads_that_are_alike_keep_the_fractions_of_their_alleles() -> None:
    """Amplicons: every read has the same start, flag and qualities."""
    reference = "ACGTACGTACGTACGTACGTACGTA"
    seq = {0: reference[2:22], 1: reference[2:10] + "A" + reference[11:22]}
    alleles = [int(i % 4 == 0) for i in range(400)]
    reads = read_batch([Read(2, "20M", seq[a]) for a in alleles])
    pileup, _ = draw(reads, site_of(reads, 10, "G", ("A",), alleles), reference, height=41)
    assert np.count_nonzero(pileup.support[0, 1:] == SUPPORTS_ALT) == 10
    assert np.count_nonzero(pileup.support[0, 1:] == SUPPORTS_REF) == 30
