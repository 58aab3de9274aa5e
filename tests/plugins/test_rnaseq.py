"""dvplug-rnaseq: what junctions say of reads' ends and of alleles, and what looks edited."""

from __future__ import annotations

import importlib
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dvplug.candidates.finder import find_candidates
from dvplug.hookspecs import CandidateThresholds, Region, RegionContext, Scene
from dvplug.inputs.read_evidence import Evidence
from dvplug.inputs.recognition import contradiction, pick
from dvplug.plugins.loading import installed_plugins
from dvplug.sequence.codes import encode_bases
from helpers.places import ROOT
from helpers.read_batches import Read, aligned_pairs, read_batch, walk
from helpers.registry_fixtures import Site

INTRON = (200, 300)  # of every spliced read below


@pytest.fixture
def rnaseq(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The plugin, installed; gives a function that imports one of its modules."""
    (tmp_path / "site").mkdir()
    place = Site(tmp_path / "site", monkeypatch)
    place.first_party()
    place.project(ROOT / "plugins" / "dvplug-rnaseq")
    installed_plugins.cache_clear()
    yield lambda name: importlib.import_module(f"dvplug_rnaseq.{name}")
    place.forget()
    installed_plugins.cache_clear()


def transcript(seed: int, strand: str = "+") -> tuple[str, list[Read]]:
    """A contig of two exons and an intron, and reads: spliced ones, and some that run into the intron or lie in it."""
    rng = random.Random(seed)
    letters = rng.choices("ACGT", k=500)
    begins, ends = ("GT", "AG") if strand == "+" else ("CT", "AC")
    letters[INTRON[0] : INTRON[0] + 2], letters[INTRON[1] - 2 : INTRON[1]] = begins, ends
    reads = []
    for _ in range(60):
        start, kind = rng.randrange(100, 380), rng.random()
        left = INTRON[0] - start
        if 10 <= left <= 40 and kind < 0.7:
            seq = letters[start : INTRON[0]] + letters[INTRON[1] : INTRON[1] + 50 - left]
            reads.append(Read(start, f"{left}M{INTRON[1] - INTRON[0]}N{50 - left}M", "".join(seq)))
        else:
            clip = rng.choice([0, 0, 4])
            seq = "A" * clip + "".join(letters[start : start + 50])
            reads.append(Read(start, f"{clip}S50M" if clip else "50M", seq))
    return "".join(letters), sorted(reads, key=lambda read: read.start)


def test_it_is_not_picked_where_no_read_was_seen_to_skip_an_intron(rnaseq: Any) -> None:
    names = ("illumina-wgs", "rnaseq")
    profiles = [installed_plugins().technology(name) for name in names]
    header = {"header": ("@RG PL:ILLUMINA", "@PG PN:STAR"), "platforms": ("ILLUMINA",)}
    for reads, picked in (
        ({}, "illumina-wgs"),
        ({"reads": 100, "spliced": 0.01}, "illumina-wgs"),
        ({"reads": 100, "spliced": 0.02}, "rnaseq"),
    ):
        evidence = Evidence(**header, **reads, paired=1.0, read_length=100)
        assert pick(profiles, {"x": evidence}).profile.name == picked
    refused = contradiction(profiles[0], {"x": evidence}, profiles)
    assert refused is not None
    assert refused.cause == "2% of the reads skip introns"
    few = contradiction(profiles[1], {"x": Evidence(**header, reads=100, spliced=0.01)}, profiles)
    assert few is not None
    assert few.cause == "1% of the reads skip introns, not 2% or more"


@pytest.mark.parametrize("seed", range(4))
def test_ends_of_reads_that_run_past_a_junction_are_masked(rnaseq: Any, seed: int) -> None:
    reference, reads = transcript(seed)
    batch = read_batch(reads)
    context = RegionContext(
        reads=batch, reference=encode_bases(reference.encode()), reference_start=0, region=Region("c", 0, 500)
    )
    rnaseq("overhangs").mask_overhangs(context)
    masked = 0
    for i, read in enumerate(reads):
        low, high = batch.base_offset[i], batch.base_offset[i + 1]
        wrong = set()
        for position, base in aligned_pairs(read):
            runs_in = INTRON[0] < read.end <= INTRON[0] + 10 and position >= INTRON[0]
            runs_out = INTRON[1] - 10 <= read.start < INTRON[1] and position < INTRON[1]
            if runs_in or runs_out:
                wrong.add(base)
        found = set(np.flatnonzero(batch.seq[low:high] == 4).tolist())
        assert found == wrong
        assert set(np.flatnonzero(batch.qual[low:high] == 0).tolist()) == wrong
        masked += len(wrong)
    assert masked > 0


def test_one_read_alone_tells_no_junction(rnaseq: Any) -> None:
    reads = read_batch([Read(150, "50M100N50M", "A" * 100), Read(160, "45M", "C" * 45)])
    assert len(rnaseq("junctions").junctions_of(reads).start) == 0


@pytest.mark.parametrize(("strand", "sign"), [("+", 1), ("-", -1)])
def test_introns_tell_the_strand_by_either_end(rnaseq: Any, strand: str, sign: int) -> None:
    reference, reads = transcript(5, strand)
    codes, module = encode_bases(reference.encode()), rnaseq("junctions")
    junctions = module.junctions_of(read_batch(reads))
    assert list(zip(junctions.start.tolist(), junctions.end.tolist(), strict=True)) == [INTRON]
    for part in (slice(0, 500), slice(0, 250), slice(250, 500)):
        assert module.strands_of(junctions, codes[part], part.start).tolist() == [sign]
    assert module.strands_of(junctions, codes[220:260], 220).tolist() == [0]


@pytest.mark.parametrize("strand", ["+", "-"])
@pytest.mark.parametrize("seed", range(3))
def test_features_are_those_of_a_slow_count(rnaseq: Any, seed: int, strand: str) -> None:
    reference, reads = transcript(seed, strand)
    rng = random.Random(seed)
    reads = [read._replace(seq=mutated(read.seq, rng)) for read in reads]
    codes, batch = encode_bases(reference.encode()), read_batch(reads)
    thresholds = CandidateThresholds(min_count_snps=2, min_fraction_snps=0.0)
    candidates = find_candidates(batch, codes, 0, Region("c", 0, 500), thresholds)
    scene = Scene(batch, candidates, codes, 0)
    module = rnaseq("features")
    found = module.transcript_features(scene)
    assert found.shape == (len(scene.images.site), len(module.TRANSCRIPT_FEATURES))
    edits = 0
    for row, site, alts in zip(found, scene.images.site, scene.images.alt_set.tolist(), strict=True):
        named = dict(zip(module.TRANSCRIPT_FEATURES, row.tolist(), strict=True))
        position, change = int(candidates.start[site]), candidates.refs[site] + candidates.alts[site][alts[0]]
        with_alt = own_reads(candidates, int(site), alts)
        near = sum(near_junction(reads[i], position) for i in with_alt)
        assert named["alt_own_junction_share"] == pytest.approx(near / max(len(with_alt), 1))
        same = sum(changes(reads[i], reference, position).count(change) for i in with_alt)
        assert named["alt_same_changes"] == pytest.approx(
            min(same / max(len(with_alt), 1) / 4, 2.0), abs=1e-6
        )
        distance = min(abs(position - INTRON[0]), abs(position - INTRON[1] + 1))
        assert named["junction_distance"] == pytest.approx(np.log1p(distance) / np.log1p(2_000), abs=1e-6)
        skipping = sum("N" in read.cigar for read in reads) if INTRON[0] <= position < INTRON[1] else 0
        depth = int(candidates.depth[site])
        assert named["skipped_share"] == pytest.approx(skipping / max(skipping + depth, 1), abs=1e-6)
        assert named["edit_on_strand"] == (change == {"+": "AG", "-": "TC"}[strand])
        edits += named["edit_on_strand"] == 1
    assert edits > 0


def mutated(seq: str, rng: random.Random) -> str:
    return "".join({"A": "G", "T": "C"}.get(base, base) if rng.random() < 0.1 else base for base in seq)


def own_reads(candidates: Any, site: int, alts: list[int]) -> list[int]:
    """Reads that have the alts of an image."""
    over = candidates.support()
    entries = range(over.offset[site], over.offset[site + 1])
    return [int(over.read[k]) for k in entries if over.allele[k] > 0 and over.allele[k] - 1 in alts]


def near_junction(read: Read, position: int) -> bool:
    edges = [edge for op, at, _, length in walk(read) if op == "N" for edge in (at, at + length - 1)]
    return any(abs(edge - position) <= 8 for edge in edges)


def changes(read: Read, reference: str, position: int) -> list[str]:
    """Mismatches of a read within 150 bp of a position, other than there."""
    pairs = [(at, base) for at, base in aligned_pairs(read) if at != position and abs(at - position) <= 150]
    return [reference[at] + read.seq[base] for at, base in pairs if reference[at] != read.seq[base]]
