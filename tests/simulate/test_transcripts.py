"""Transcripts: spliced out of a contig as their genes say, with its variants, edited, and mapped back to it."""

from __future__ import annotations

import json
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pysam
import pytest

from dvplug.errors import InputError
from dvplug.simulate.learn.reads import LearntReads
from dvplug.simulate.mapping import mapping
from dvplug.simulate.own_worlds import ranges_for
from dvplug.simulate.spliced import SplicedLibrary
from dvplug.simulate.stated import read_profile
from dvplug.simulate.transcripts import (
    FLANK,
    Gene,
    Transcript,
    draw_genes,
    draw_transcripts,
    labelled,
    transcribe,
)
from dvplug.simulate.variants import PhasedVariant, apply_variants
from helpers.read_batches import write_fasta
from helpers.short_profiles import make_profile

LIBRARY = SplicedLibrary()
LETTERS = np.array(list("ACGT"))


def text(codes: np.ndarray) -> str:
    return "".join(LETTERS[codes])


@pytest.fixture(scope="module")
def contig() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 4, 400_000).astype(np.uint8)


@pytest.fixture(scope="module")
def genes(contig: np.ndarray) -> list[Gene]:
    return list(draw_genes(contig, 0, len(contig), LIBRARY, np.random.default_rng(2)))


def test_introns_begin_and_end_as_spliceosomes_want_them(contig: np.ndarray, genes: list[Gene]) -> None:
    introns = {False: set[str](), True: set[str]()}
    for gene in genes:
        assert (np.diff(gene.exons.ravel()) > 0).all()
        for (_, stop), (start, _) in zip(gene.exons[:-1].tolist(), gene.exons[1:].tolist(), strict=True):
            introns[gene.reverse].add(text(contig[stop : stop + 2]) + text(contig[start - 2 : start]))
    assert introns == {False: {"GTAG"}, True: {"CTAC"}}
    assert all(a.exons[-1, 1] < b.exons[0, 0] for a, b in pairwise(genes))


def test_a_transcript_is_its_exons_with_the_variants_that_lie_within_them(contig: np.ndarray) -> None:
    exons = np.array([[100, 200], [300, 380]])
    base = text(contig[150:151])
    other = "ACGT"["CATG".index(base)]
    inside = PhasedVariant(150, base, (other,), (0, 1))
    deletion = PhasedVariant(310, text(contig[310:313]), (text(contig[310:311]),), (1, 1))
    intron = PhasedVariant(250, text(contig[250:251]), ("ACGT"["CATG".index(text(contig[250:251]))],), (1, 1))
    across = PhasedVariant(198, text(contig[198:204]), (text(contig[198:199]),), (1, 1))
    found = transcribe(
        contig, [inside, across, intron, deletion], [Transcript(exons, 30.0, 0.2)], np.random.default_rng(3)
    )
    assert found.ends.tolist() == [180]
    left, right = text(contig[100:200]), text(contig[300:380])
    second = left[:50] + other + left[51:] + right[:11] + right[13:]
    for which, expected in ((0, left + right[:11] + right[13:]), (1, second)):
        haplotype = apply_variants(found.codes, found.variants, which)
        assert text(haplotype.codes[: len(expected)]) == expected
        assert haplotype.codes[len(expected)] == 4
    assert [balance.factor_at(np.array([90]))[0] for balance in found.balance] == pytest.approx([0.4, 1.6])


def test_what_is_edited_reads_as_g_on_the_strand_and_is_no_variant(
    contig: np.ndarray, genes: list[Gene]
) -> None:
    library = LIBRARY.model_copy(update={"edited": 1.0, "exon_skipped": 0.0, "unspliced": 0.0})
    gene = next(gene for gene in genes if gene.reverse)
    plain, *edited = draw_transcripts(contig, [], [gene], 30.0, library, np.random.default_rng(4))
    assert plain.edits == ()
    assert sum(part.depth for part in edited) < plain.depth + sum(part.depth for part in edited)
    edits = {edit for part in edited for edit in part.edits}
    assert {(text(contig[e.start : e.start + 1]), e.ref, e.alts) for e in edits} == {("T", "T", ("C",))}
    assert all(gene.exons[0, 0] <= edit.start < gene.exons[0, 1] for edit in edits)


def test_genes_are_expressed_very_unevenly_and_the_copies_not_alike(
    contig: np.ndarray, genes: list[Gene]
) -> None:
    library = LIBRARY.model_copy(update={"exon_skipped": 0.0, "unspliced": 0.0, "edited": 0.0})
    rng = np.random.default_rng(5)
    found = [t for _ in range(40) for t in draw_transcripts(contig, [], genes, 30.0, library, rng)]
    depth, share = np.array([t.depth for t in found]), np.array([t.first_share for t in found])
    assert np.median(depth) == pytest.approx(30, rel=0.15)
    assert np.log(depth).std() == pytest.approx(1.3, rel=0.1)
    assert ((share < 0.21) | (share > 0.79)).mean() == pytest.approx(library.one_sided, abs=0.02)


def test_only_what_is_read_is_labelled(contig: np.ndarray) -> None:
    exons = np.array([[100, 200], [300, 380]])
    across = PhasedVariant(198, text(contig[198:204]), (text(contig[198:199]),), (1, 1))
    plain = labelled(1_000, [], [Transcript(exons, 20.0, 0.5)])
    assert np.flatnonzero(np.diff(plain.astype(int))).tolist() == [
        99 - FLANK, 199 + FLANK, 299 - FLANK, 379 + FLANK,
    ]  # fmt: skip
    assert not labelled(1_000, [across], [Transcript(exons, 20.0, 0.5)])[197:212].any()
    assert not labelled(1_000, [], [Transcript(exons, 2.0, 0.5)]).any()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "either linked or spliced"),
        ({"spliced": {}, "linked": {"molecule_mean": 50_000, "coverage": 0.1}}, "either linked or spliced"),
        ({"spliced": {"edited": 2}}, "edited"),
    ],
)
def test_a_file_that_states_no_transcripts_is_refused(
    more: dict[str, Any], said: str, tmp_path: Path
) -> None:
    path = tmp_path / "rna.json"
    path.write_text(json.dumps({"source": "made up", "pairs": "pairs.npz"} | more))
    with pytest.raises(InputError, match="does not state how reads err") as told:
        read_profile(path)
    assert said in str(told.value)


def test_transcripts_are_kept_with_what_was_learnt_and_want_their_aligner(tmp_path: Path) -> None:
    learnt = LearntReads(make_profile(), "ILLUMINA", spliced=SplicedLibrary(exons=3))
    learnt.save(tmp_path / "rna.npz")
    again = LearntReads.load(tmp_path / "rna.npz")
    assert again.spliced == learnt.spliced
    worlds = ranges_for(again, ["whole"], None, ["bwa", "hisat2"])
    assert worlds.pair_aligners == ("hisat2",)
    with pytest.raises(InputError, match=r"such reads are mapped with hisat2 here\. Install hisat2"):
        ranges_for(again, ["whole"], None, ["bwa", "minimap2"])
    with pytest.raises(InputError, match="--library captured is not for reads of transcripts"):
        ranges_for(again, ["captured"], None, ["hisat2"])


@pytest.mark.skipif(not shutil.which("hisat2"), reason="hisat2 is not installed")
def test_pairs_of_a_transcript_skip_its_introns(contig: np.ndarray, tmp_path: Path) -> None:
    gene = next(draw_genes(contig, 0, len(contig), LIBRARY, np.random.default_rng(6)))
    write_fasta(tmp_path / "ref.fa", {"c": text(contig)})
    spliced = np.concatenate([contig[low:high] for low, high in gene.exons.tolist()])
    pairs = []
    for start in range(0, len(spliced) - 300, 20):
        first, second = spliced[start : start + 100], 3 - spliced[start + 200 : start + 300][::-1]
        pairs += [f"@r{start}\n{text(bases)}\n+\n{'I' * 100}\n" for bases in (first, second)]
    with mapping("hisat2", tmp_path / "ref.fa", tmp_path / "reads.bam", "s", "ILLUMINA", 1) as mapper:
        mapper.write(np.frombuffer("".join(pairs).encode(), np.uint8))
    with pysam.AlignmentFile(str(tmp_path / "reads.bam")) as reads:
        assert reads.header.to_dict()["RG"] == [{"ID": "s", "SM": "s", "PL": "ILLUMINA", "LB": "s"}]
        introns = {
            (block[1], following[0])
            for read in reads
            for block, following in zip(read.get_blocks()[:-1], read.get_blocks()[1:], strict=True)
        }
    expected = {(a, b) for a, b in zip(gene.exons[:-1, 1].tolist(), gene.exons[1:, 0].tolist(), strict=True)}
    assert len(introns & expected) > 0.8 * len(expected)
    assert not list(tmp_path.glob("mate_*"))
