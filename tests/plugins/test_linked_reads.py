"""dvplug-linked-reads: what barcodes say of where reads belong, of haplotypes, and of the molecules of alleles."""

from __future__ import annotations

import importlib
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dvplug.hookspecs import CandidateBatch, PhaseContext, ReadBatch, Region, RegionContext, Scene
from dvplug.inputs.recognition import contradiction, pick
from dvplug.line.read_batch import ReadTags, TagValues
from dvplug.plugins.loading import installed_plugins
from dvplug.simulate.linked import LinkedLibrary
from helpers.command import records, run
from helpers.evidence import evidence_of
from helpers.image_sites import random_candidates
from helpers.places import ROOT
from helpers.read_batches import Read, read_batch
from helpers.registry_fixtures import Site
from helpers.sequenced import GENOME, heterozygotes, mapped, planned, programs
from helpers.worlds import world

PROJECT = ROOT / "plugins" / "dvplug-linked-reads"


@pytest.fixture
def linked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The plugin, installed; gives a function that imports one of its modules."""
    (tmp_path / "site").mkdir()
    place = Site(tmp_path / "site", monkeypatch)
    place.first_party()
    place.project(PROJECT)
    installed_plugins.cache_clear()
    yield lambda name: importlib.import_module(f"dvplug_linked_reads.{name}")
    place.forget()
    installed_plugins.cache_clear()


def with_barcodes(reads: ReadBatch, barcodes: list[int], places: list[str] | None = None) -> ReadBatch:
    """Give reads these barcodes, none where it is 0, and these other places, none where it is empty."""
    values, texts = np.array(barcodes, np.uint64), places or [""] * len(barcodes)
    present = np.array([text != "" for text in texts], np.bool_)
    letters = np.frombuffer("".join(texts).encode(), np.uint8).copy()
    elsewhere = TagValues(present, letters, np.cumsum([0, *map(len, texts)], dtype=np.int64))
    return replace(reads, tags=ReadTags({"BX": TagValues(values != 0, values), "XA": elsewhere}))


def random_pairs(seed: int) -> tuple[list[Read], list[int]]:
    """Pairs of few barcodes that lie near each other and far away, some of them unsurely."""
    rng = random.Random(seed)
    found = []
    for number in range(60):
        start, length = (
            rng.choice([100, 15_000, 30_000, 90_000]) + rng.randrange(6_000),
            rng.randrange(90, 400),
        )
        barcode, mapq = rng.choice([0, 1, 2, 3]), rng.choice([0, 19, 20, 60, 60])
        for at, tlen, flag in ((start, length, 99), (start + length - 50, -length, 147)):
            found.append((Read(at, "50M", "A" * 50, 30, flag, mapq, tlen, name=f"r{number}"), barcode))
    found.sort(key=lambda one: one[0].start)
    return [read for read, _ in found], [barcode for _, barcode in found]


@pytest.mark.parametrize("seed", range(4))
def test_a_molecule_lies_where_other_fragments_of_its_barcode_surely_do(linked: Any, seed: int) -> None:
    placement = linked("placement")
    reads, barcodes = random_pairs(seed)
    rng = random.Random(seed)
    apart = [rng.choice([None, None, 400, 99_999, 100_000, 100_001, "d"]) for _ in reads]
    places = [
        ""
        if at is None
        else "d,+5,50M,1;"
        if at == "d"
        else f"d,-9,50M,0;c,-{read.start + 1 + int(at)},50M,1;"
        for read, at in zip(reads, apart, strict=True)
    ]
    batch = with_barcodes(read_batch(reads), barcodes, places)
    expected = []
    for read, barcode in zip(reads, barcodes, strict=True):
        first = read.start if read.tlen > 0 else read.end + read.tlen
        own = range(first, first + abs(read.tlen))
        others = [
            other
            for other, its in zip(reads, barcodes, strict=True)
            if its == barcode and other.mapq >= 20 and abs(other.start - read.start) <= 20_000
        ]
        count = sum(other.start not in own for other in others)
        expected.append(count if barcode else -1)
    assert placement.others_here(batch).tolist() == expected
    context = RegionContext(
        reads=batch, reference=np.zeros(1, np.uint8), reference_start=0, region=Region("c", 0, 200_000)
    )
    placed = [
        count >= 3 and at is not None and (at == "d" or int(at) > 100_000)
        for count, at in zip(expected, apart, strict=True)
    ]
    kept = placement.leave_out_unplaced(context)
    assert kept.tolist() == [read.mapq >= 5 or here for read, here in zip(reads, placed, strict=True)]
    assert 0 < kept.sum() < len(kept)
    assert any(here and read.mapq < 5 for read, here in zip(reads, placed, strict=True))
    nearer = replace(context, settings=linked("settings").LinkedSettings(molecule_reach=300))
    assert placement.leave_out_unplaced(nearer).sum() > kept.sum()
    assert placement.placed_here(batch, "c", 100_000).tolist() == placed
    quality = placement.placed_qualities(batch, np.array(placed), 42.0)
    for read, count, here, found in zip(reads, expected, placed, quality.tolist(), strict=True):
        raised = max(read.mapq, 42) if here else read.mapq
        assert found == (min(read.mapq, 10) if count == 0 else raised)


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("", -1),
        ("chr1,+1301,50M,2;", 300),
        ("chr1,-701,50M,2;", 300),
        ("chr1,-701,20S30M,2;chr1,+951,50M,2;chr2,+1001,50M,0;", 50),
        ("chr2,+1001,50M,0;", 1 << 40),
        ("chr10,+1001,50M,0;chr,+1001,50M,0;", 1 << 40),
        ("HLA;x,+5,50M,0;chr1,+90001,50M,0;", 89_000),
        ("chr1", -1),
        ("chr1,+,50M,0;", -1),
        ("chr1,+99999999999999999999,50M,0;", -1),
    ],
)
def test_the_nearest_other_place_is_that_on_the_contig(linked: Any, text: str, nearest: int) -> None:
    reads = read_batch([Read(1000, "50M", "A" * 50), Read(1000, "50M", "A" * 50)])
    batch = with_barcodes(reads, [1, 1], [text, "chr1,+1011,50M,0;"])
    assert linked("elsewhere").nearest_elsewhere(batch, "chr1").tolist() == [nearest, 10]


def molecules(apart: int, sites: int = 8) -> tuple[ReadBatch, CandidateBatch, np.ndarray]:
    """Reads of molecules of two haplotypes, each read over one of several heterozygous sites, and their haplotypes."""
    rng, rows = random.Random(1), []
    for number in range(24):
        haplotype = number % 2
        for site in sorted(rng.sample(range(sites), 4)):
            rows.append((1_000 + apart * site + number, site, (haplotype + site) % 2, number + 1, haplotype))
    rows.sort()
    reads = [Read(start, "100M", "A" * 100, name=f"{barcode}.{start}") for start, _, _, barcode, _ in rows]
    batch = with_barcodes(read_batch(reads), [barcode for *_, barcode, _ in rows])
    over = [[i for i, row in enumerate(rows) if row[1] == site] for site in range(sites)]
    alleles = [[rows[i][2] for i in of_site] for of_site in over]
    offset = np.cumsum([0, *map(len, over)])
    depths = np.array([[of.count(0), of.count(1)] for of in alleles], np.int32)
    candidates = CandidateBatch(
        "c", np.array([1_050 + apart * site for site in range(sites)], np.int32), ["A"] * sites, [("C",)] * sites,
        offset, np.concatenate(over).astype(np.int32), np.concatenate(alleles).astype(np.int8),
        np.diff(offset).astype(np.int32), depths,
    )  # fmt: skip
    return batch, candidates, np.array([row[-1] for row in rows])


def test_reads_are_phased_by_the_other_sites_of_their_molecule(linked: Any) -> None:
    reads, candidates, haplotype = molecules(4_000)
    context = PhaseContext(
        reads=reads,
        reference=np.zeros(1, np.uint8),
        reference_start=0,
        region=Region("c", 0, 50_000),
        candidates=candidates,
    )
    module = linked("molecules")
    found = module.phase_by_barcode(context)
    assert {tuple(pair) for pair in zip(found.haplotype.tolist(), haplotype.tolist(), strict=True)} in (
        {(1, 0), (2, 1)},
        {(1, 1), (2, 0)},
    )
    assert np.array_equal(found.unit, reads.tags["BX"].values)
    alone = with_barcodes(reads, [0] * len(reads))
    assert len(set(module.phase_by_barcode(replace(context, reads=alone)).unit.tolist())) == len(reads)


def test_a_gap_ends_a_molecule(linked: Any) -> None:
    starts = [100, 40_000, 90_000, 140_001, 150_000]
    reads = read_batch([Read(start, "50M", "A" * 50) for start in starts])
    number = linked("molecules").molecules_of(with_barcodes(reads, [7] * 4 + [8])).tolist()
    assert number[0] == number[1] == number[2] != number[3]
    assert number[4] not in number[:4]


@pytest.mark.parametrize("seed", range(3))
def test_molecules_are_counted_by_allele_and_haplotype(linked: Any, seed: int) -> None:
    reference, _, reads, candidates = random_candidates(seed)
    rng = random.Random(seed)
    barcodes = [rng.choice([0, 1, 2, 3, 4]) for _ in range(len(reads))]
    side = {barcode: rng.choice([0, 1, 2]) for barcode in range(5)}
    reads = with_barcodes(replace(reads, haplotype=np.array([side[b] for b in barcodes], np.uint8)), barcodes)
    scene = Scene(reads, candidates, np.zeros(len(reference), np.uint8), 0)
    features = linked("features")
    found = features.molecule_features(scene)
    units = linked("molecules").units_of(reads).tolist()
    over, names = candidates.support(), features.MOLECULE_FEATURES
    for row, site, alts in zip(found, scene.images.site, scene.images.alt_set.tolist(), strict=True):
        has: dict[int, set[bool]] = {}
        for k in range(over.offset[site], over.offset[site + 1]):
            if over.allele[k] != -2:
                own = over.allele[k] > 0 and over.allele[k] - 1 in alts
                has.setdefault(units[over.read[k]], set()).add(bool(own))
        with_alts = sum(True in shown for shown in has.values())
        torn = sum(len(shown) == 2 for shown in has.values())
        told = dict(zip(names, row.tolist(), strict=True))
        assert told["alt_molecules"] == pytest.approx(np.log1p(with_alts) / np.log1p(100), abs=1e-6)
        assert told["alt_molecule_share"] == pytest.approx(with_alts / max(len(has), 1))
        assert told["torn_molecule_share"] == pytest.approx(torn / max(with_alts, 1))
        of_sides = [[True in has[u] for u in has if side.get(u) == s and u in (1, 2, 3, 4)] for s in (1, 2)]
        if not any(u not in (1, 2, 3, 4) and side[0] for u in has):
            shares = sorted((np.mean(of) if of else 0.0 for of in of_sides), reverse=True)
            assert (told["near_alt_share"], told["far_alt_share"]) == pytest.approx(tuple(shares))
    assert np.array_equal(
        linked("molecules").rank(scene)[over.offset[:-1][np.diff(over.offset) > 0]],
        np.zeros((np.diff(over.offset) > 0).sum(), np.uint16),
    )


def test_reads_without_barcodes_are_refused_and_barcodes_alone_do_not_refuse_illumina(
    linked: Any, tmp_path: Path
) -> None:
    technologies = installed_plugins().technologies()
    by_name = {profile.name: profile for profile in technologies}
    header, pairs = "@RG\tID:1\tPL:ILLUMINA", {"length": 150, "paired": True}
    plain = evidence_of(tmp_path, header, **pairs)
    error = contradiction(by_name["linked-reads"], {"x": plain}, technologies)
    assert error is not None
    assert "most reads have no tag BX" in str(error)
    barcoded = evidence_of(tmp_path, header, tags="BX:Z:ACGTACGTACGTACGT-1", **pairs)
    assert contradiction(by_name["illumina-wgs"], {"x": barcoded}, technologies) is None
    assert pick(technologies, {"x": barcoded}).why.endswith("reads have the tag BX")


@programs
def test_calls_far_apart_are_phased_by_barcodes(linked: Any, tmp_path: Path) -> None:
    contig = planned(30)
    library = LinkedLibrary(molecule_mean=30_000, coverage=0.2, without=0.1)
    bam = mapped(tmp_path, world(linked=library), contig)
    out = tmp_path / "calls.vcf"
    words = ("--ref", tmp_path / "ref.fa", "--reads", bam, "--out", out, "--device", "cpu", "--workers", "1")
    assert run("call", "--tech", "auto", *words) == 0
    truth = {variant.start: "|".join(map(str, variant.genotype)) for variant in heterozygotes(GENOME, 2001)}
    blocks: dict[str, list[bool]] = {}
    for line in records(out):
        fields = line.split("\t")
        told = dict(zip(fields[8].split(":"), fields[9].split(":"), strict=True))
        if int(fields[1]) - 1 in truth and "|" in told["GT"]:
            blocks.setdefault(told["PS"], []).append(told["GT"] == truth[int(fields[1]) - 1])
    assert sum(map(len, blocks.values())) >= 0.9 * len(truth)
    assert max(map(len, blocks.values())) >= 0.8 * len(truth)
    assert all(len(set(alike)) == 1 for alike in blocks.values())
