"""Linked reads: fragments of a barcode are of few long molecules, each of one haplotype, and all its reads say so."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pysam
import pytest

from dvplug.errors import InputError
from dvplug.simulate.learn.reads import LearntReads
from dvplug.simulate.linked import NO_BARCODE, LinkedLibrary, barcode_text, draw_barcodes
from dvplug.simulate.own_worlds import own_world, ranges_for
from dvplug.simulate.sequencing import write_reads
from dvplug.simulate.stated import read_profile
from helpers.sequenced import QUIET, faultless, mapped, planned, programs
from helpers.stated_reads import STATED
from helpers.worlds import Kept, world

LINKED = LinkedLibrary(molecule_mean=20_000, molecule_sd=4_000, coverage=0.2, barcodes=1 << 31)
FRAGMENT = 300


def fragments(length: int = 2_000_000, count: int = 60_000) -> np.ndarray:
    return np.sort(np.random.default_rng(1).integers(0, length - FRAGMENT, count))


def barcodes(linked: LinkedLibrary, start: np.ndarray) -> np.ndarray:
    return draw_barcodes(start, start + FRAGMENT, 200.0, linked, np.random.default_rng(2))


def test_fragments_of_a_barcode_lie_on_molecules_as_long_and_as_covered_as_stated() -> None:
    start = fragments()
    barcode = barcodes(LINKED, start)
    order = np.lexsort((start, barcode))
    first = np.flatnonzero(np.diff(barcode[order], prepend=-2))
    count = np.diff(np.append(first, len(start)))
    extent = start[order][np.append(first[1:], len(start)) - 1] + FRAGMENT - start[order][first]
    assert extent.max() < 20_000 + 6 * 4_000
    # .2 x 20,000 bp of 200 a fragment
    assert count.mean() == pytest.approx(20, rel=0.05)
    many = count >= 10
    assert extent[many].mean() == pytest.approx(20_000 * (1 - 2 / 21), rel=0.06)  # the outermost of 20 draws
    assert start.tolist() == fragments().tolist()
    assert np.array_equal(barcode, barcodes(LINKED, start))


def test_droplets_have_several_molecules_and_some_barcodes_are_not_known() -> None:
    few = LINKED.model_copy(update={"barcodes": 500, "without": 0.3})
    barcode = barcodes(few, fragments())
    assert (barcode == NO_BARCODE).mean() == pytest.approx(0.3, abs=0.02)
    assert len(np.unique(barcode[barcode != NO_BARCODE])) == pytest.approx(499, abs=2)


def test_a_fragment_that_no_molecule_lies_over_is_alone() -> None:
    short = LINKED.model_copy(update={"molecule_mean": 2_000.0, "molecule_sd": 0.0, "coverage": 5.0})
    barcode = barcodes(short, np.array([0, 500_000, 1_000_000]))
    assert len(set(barcode.tolist())) == 3
    assert barcodes(LINKED, np.zeros(0, np.int64)).tolist() == []


def test_barcodes_are_written_apart_as_chromium_writes_them() -> None:
    texts = {barcode_text(number) for number in range(5_000)}
    assert len(texts) == 5_000
    assert all(len(text) == 18 and set(text[:16]) <= set("ACGT") and text[16:] == "-1" for text in texts)


def test_copies_of_a_fragment_have_its_barcode() -> None:
    chosen = world(duplicate_share=0.5, linked=LINKED)
    found = write_reads(Kept(), faultless(), chosen, QUIET, [planned(10)], np.random.default_rng(3))
    copies = np.flatnonzero(found.is_copy)
    assert len(copies) > 500
    assert np.array_equal(found.barcode[copies], found.barcode[copies - 1])
    plain = write_reads(Kept(), faultless(), world(), QUIET, [planned(10)], np.random.default_rng(3))
    assert set(plain.barcode.tolist()) == {NO_BARCODE}


@programs
def test_both_reads_of_a_pair_are_written_with_their_barcode_and_a_molecule_is_of_one_haplotype(
    tmp_path: Path,
) -> None:
    contig = planned(30)
    bam = mapped(tmp_path, world(linked=LINKED), contig)
    haplotypes: dict[str, set[int]] = {}
    of_pairs: dict[str, set[str]] = {}
    alts = {v.start: (v.alts[0], v.genotype.index(1)) for v in contig.variants}
    with pysam.AlignmentFile(str(bam)) as reads:
        for read in reads:
            barcode = str(read.get_tag("BX"))
            of_pairs.setdefault(read.query_name, set()).add(barcode)
            for at, position in read.get_aligned_pairs(matches_only=True):
                if position in alts:
                    alt, on = alts[position]
                    has = read.query_sequence[at] == alt
                    haplotypes.setdefault(barcode, set()).add(on if has else 1 - on)
    assert len(of_pairs) > 5_000
    assert all(len(found) == 1 for found in of_pairs.values())
    assert all(len(found) == 1 for found in haplotypes.values())
    assert len(haplotypes) > 200


def test_molecules_are_stated_of_learnt_pairs_and_of_single_reads(tmp_path: Path) -> None:
    LearntReads(faultless(), "ILLUMINA").save(tmp_path / "pairs.npz")
    stated = {"source": "made up", "linked": {"molecule_mean": 30_000, "coverage": 0.1}}
    (tmp_path / "pairs.json").write_text(json.dumps(stated | {"pairs": "pairs.npz"}))
    (tmp_path / "single.json").write_text(json.dumps(STATED | stated))
    learnt = read_profile(tmp_path / "pairs.json")
    assert (learnt.way, learnt.platform) == ("pairs", "ILLUMINA")
    learnt.save(tmp_path / "both.npz")
    for one in (learnt, read_profile(tmp_path / "both.npz"), read_profile(tmp_path / "single.json")):
        assert one.linked == LinkedLibrary(molecule_mean=30_000, coverage=0.1)
    as_learnt, drawn = (
        own_world(ranges_for(learnt, ("whole",), None, ("bwa",)), learnt, 5, number).library.linked
        for number in (0, 1)
    )
    assert as_learnt == learnt.linked
    assert drawn is not None
    assert drawn.coverage != 0.1
    with pytest.raises(InputError, match="not for linked reads"):
        ranges_for(learnt, ("amplicons",), None, ("bwa",))


@pytest.mark.parametrize(
    ("change", "said"),
    [({"coverage": 0}, "coverage"), ({"molecule_mean": 10}, "molecule_mean"), ({"droplets": 5}, "droplets")],
)
def test_molecules_that_cannot_be_are_refused(change: dict[str, float], said: str, tmp_path: Path) -> None:
    linked = {"molecule_mean": 30_000, "coverage": 0.1} | change
    path = tmp_path / "pairs.json"
    path.write_text(json.dumps({"source": "made up", "pairs": "absent.npz", "linked": linked}))
    with pytest.raises(InputError, match="does not state how reads err") as refused:
        read_profile(path)
    assert said in (refused.value.cause or "")
