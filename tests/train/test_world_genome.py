"""Pieces of a user's genome, the person on them, and how variants are learnt."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pysam
import pytest

from dvplug.errors import InputError
from dvplug.genome.reference import Reference
from dvplug.simulate.genome import Codes, N, random_genome, write_bed, write_fasta
from dvplug.simulate.locus_noise import LocusNoise
from dvplug.simulate.usual_variants import usual_variants
from dvplug.simulate.variants import draw_events, place_events, write_truth
from dvplug.simulate.world_reads import WorldRun, lay_out, write_labels
from dvplug.train.world_genome import (
    PIECE,
    SMALLEST,
    Piece,
    draw_person,
    draw_pieces,
    pieces_of,
    stretch_of,
    variant_model,
)
from helpers.worlds import world


def test_pieces_cover_long_contigs_and_leave_short_ones_out() -> None:
    lengths = {"a": 3_300_000, "b": 60_000, "tiny": SMALLEST - 1}
    pieces = pieces_of(lengths, (), 0.0)
    assert [piece.contig for piece in pieces] == ["a", "a", "a", "b"]
    assert [piece.name for piece in pieces[-2:]] == ["a_2200001-3300000", "b"]
    assert pieces[0].start == 0
    assert all(one.end == other.start for one, other in pairwise(pieces[:3]))
    assert pieces_of(lengths, ("b",), 0.0) == [Piece("b", 0, 60_000, "b")]


def test_pieces_are_long_enough_for_long_reads() -> None:
    lengths = {"a": 20 * PIECE, "b": PIECE}
    for piece in pieces_of(lengths, (), 200_000.0):
        assert piece.contig == "a"
        assert piece.end - piece.start >= 2_000_000


def test_genomes_that_will_not_do_are_refused() -> None:
    with pytest.raises(InputError, match="--contigs z: not in the genome: it has a"):
        pieces_of({"a": PIECE}, ("z",), 0.0)
    with pytest.raises(InputError, match="no contig has 40,000 bp: the longest has 16,569"):
        pieces_of({"chrM": 16_569}, (), 0.0)
    with pytest.raises(InputError, match="no contig has 1,200,000 bp"):
        pieces_of({"a": PIECE}, (), 100_000.0)


def test_unknown_sequence_is_passed_over(tmp_path: Path) -> None:
    known, unknown = random_genome(100_000, np.random.default_rng(1)), np.full(200_000, N, np.uint8)
    with Reference.open(write_fasta(tmp_path / "g.fa", {"n": unknown, "k": known})) as genome:
        pieces = pieces_of(genome.lengths, (), 0.0)
        chosen = draw_pieces(pieces, genome, np.random.default_rng(2))
        assert list(chosen) == ["k"]
        np.testing.assert_array_equal(chosen["k"], known)
        with pytest.raises(InputError, match=r"too much of .* is unknown"):
            draw_pieces(pieces[:1], genome, np.random.default_rng(2))


@pytest.mark.parametrize("sizes", [(40_003,), (50_000, 440_000), (300_000,), (999_999, 1_333_333)])
@pytest.mark.parametrize(("kind", "mean_length"), [("whole", 0.0), ("whole", 3000.0), ("amplicons", 0.0)])
def test_every_world_has_a_part_to_tune_on_and_one_to_train_on(
    sizes: tuple[int, ...], kind: str, mean_length: float, tmp_path: Path
) -> None:
    rng = np.random.default_rng(1)
    contigs: dict[str, Codes] = {f"c{n}": rng.integers(0, 4, n).astype(np.uint8) for n in sizes}
    one = world(kind=kind, read_length=100, depth=30.0)
    person = draw_person(contigs, usual_variants(), one, rng)
    stretch = stretch_of(contigs, one, mean_length)
    layouts = lay_out(person, WorldRun("s", one, LocusNoise(), 1.0, "", stretch), mean_length, rng)
    write_labels(tmp_path, person, layouts)
    last_quarter = {name: 3 * (len(codes) // 4) for name, codes in contigs.items()}
    tune, train = (
        [line.split() for line in (tmp_path / name).read_text().splitlines()]
        for name in ("tune.bed", "confident.bed")
    )
    assert tune
    assert train
    assert all(int(start) >= last_quarter[name] for name, start, _ in tune)
    assert all(int(end) <= last_quarter[name] for name, _, end in train)


@pytest.fixture
def genome(tmp_path: Path) -> Reference:
    codes = random_genome(900_000, np.random.default_rng(3))
    return Reference.open(write_fasta(tmp_path / "genome.fa", {"other": codes[:50_000], "x": codes}))


def a_truth(folder: Path, genome: Reference, name: str = "truth.vcf.gz", shift: int = 0) -> Path:
    codes = genome.codes("x", 0, genome.lengths["x"])
    rng = np.random.default_rng(4)
    drawn = place_events(np.roll(codes, shift), draw_events(rng), rng)
    return write_truth(folder / name, {"x": drawn}, {"x": len(codes)}, "s")


def test_variants_are_learnt_from_a_truth(genome: Reference, tmp_path: Path) -> None:
    truth = a_truth(tmp_path, genome)
    with pysam.VariantFile(str(truth)) as records:
        snps = sum(len(r.ref) == 1 and all(len(a) == 1 for a in r.alts) for r in records)
    whole = variant_model(genome, truth, None)
    assert sum(event.changes == (0,) for event in whole.others) == snps
    bed = write_bed(tmp_path / "x.bed", [("x", 100_000, 500_000), ("x", 600_000, 800_000)])
    part = variant_model(genome, truth, bed)
    assert 0.7 * len(whole.others) < len(part.others) < 0.85 * len(whole.others)  # 700 of 900 kb
    assert part.others[0].gap < 20_000  # not from the first base of the contig on
    assert variant_model(genome, None, None) == usual_variants()


def test_truths_that_will_not_do_are_refused(genome: Reference, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is not of the genome .*: REF differs from it at"):
        variant_model(genome, a_truth(tmp_path, genome, "shifted.vcf.gz", shift=1), None)
    truth = a_truth(tmp_path, genome)
    bed = write_bed(tmp_path / "x.bed", [("x", 100_000, 200_000)])
    with pytest.raises(InputError, match=r"has only .* variants on x"):
        variant_model(genome, truth, bed)
    with pytest.raises(InputError, match="--confident is given without --truth"):
        variant_model(genome, None, bed)
    other = write_bed(tmp_path / "other.bed", [("other", 1, 200)])
    with pytest.raises(InputError, match=r"--confident .* has no interval on the contigs of --truth"):
        variant_model(genome, truth, other)
    plain = tmp_path / "plain.vcf"
    with (
        pysam.VariantFile(str(truth)) as records,
        pysam.VariantFile(str(plain), "w", header=records.header) as out,
    ):
        for record in records:
            out.write(record)
    with pytest.raises(InputError, match=r"--truth .*plain\.vcf has no index"):
        variant_model(genome, plain, None)
    with pytest.raises(InputError, match=r"VCF .*absent\.vcf does not exist"):
        variant_model(genome, tmp_path / "absent.vcf", None)
