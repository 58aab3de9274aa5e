"""gVCF: counts and blocks against slow twins, cuts that do not show, and what bcftools makes of it."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvplug.calling.options import CallOptions
from dvplug.calling.run import call_variants
from dvplug.candidates.finder import find_candidates
from dvplug.errors import InputError
from dvplug.genome.reference import Reference
from dvplug.line.read_batch import ReadBatch
from dvplug.line.record import VcfRecord
from dvplug.line.reference_blocks import ReferenceBlocks, RegionGvcf
from dvplug.line.region import Region
from dvplug.records.block_text import GvcfLines, GvcfText, RecordLines
from dvplug.records.gvcf import BlockJoiner, region_gvcf
from dvplug.records.reference_confidence import GQ_BIN
from dvplug.records.reference_depths import ReferenceDepths, reference_depths
from dvplug.records.vcf import format_record
from dvplug.sequence.codes import encode_bases
from dvplug.simulate import SimulatedDataset
from dvplug.simulate.aligned_reads import READ_LENGTH, sequence_haplotype, write_bam
from dvplug.simulate.genome import random_genome
from dvplug.simulate.variants import apply_variants, draw_events, place_events
from dvplug.technology import CandidateThresholds
from helpers.read_batches import (
    random_reads,
    random_sequence,
    read_batch,
)
from oracles.gvcf import counted_slowly, slow_confidence

needs_bcftools = pytest.mark.skipif(shutil.which("bcftools") is None, reason="bcftools is not installed")
SYMBOL = "<*>"


@pytest.mark.parametrize("seed", range(5))
def test_reads_for_and_against_the_reference(seed: int) -> None:
    rng = random.Random(seed)
    reference = random_sequence(rng, 200)
    reads = sorted(random_reads(rng, reference, 60), key=lambda read: read.start)
    region = Region("c", 37, 160)
    found = reference_depths(read_batch(reads), encode_bases(reference[10:].encode()), 10, region, 20)
    agree, differ = counted_slowly(reads, reference, 20)
    inside = range(region.start, region.end)
    assert found.agree.tolist() == [agree[p] for p in inside]
    assert found.differ.tolist() == [differ[p] for p in inside]
    assert sum(agree.values()) > 200
    assert sum(differ.values()) > 20


@pytest.mark.parametrize("seed", range(5))
def test_what_the_finder_counted_is_what_would_be_counted(seed: int) -> None:
    """Of each read, though molecules count once in finding candidates; not of other reads, nor of other qualities."""
    rng = random.Random(seed)
    reference = random_sequence(rng, 200)
    reads = sorted(random_reads(rng, reference, 60), key=lambda read: read.start)
    codes, thresholds = encode_bases(reference.encode()), CandidateThresholds(min_base_quality=20)
    batch = replace(read_batch(reads), molecule=np.arange(60, dtype=np.int64) // 3)
    region = Region("c", 37, 160)
    counted = reference_depths(batch, codes, 0, region, 20)
    find_candidates(batch, codes, 0, region, thresholds)
    assert batch.against is not None
    kept = reference_depths(batch, codes, 0, region, 20)
    assert (kept.agree.tolist(), kept.differ.tolist()) == (counted.agree.tolist(), counted.differ.tolist())
    assert np.shares_memory(kept.differ, batch.against.differ)
    assert ReadBatch(**vars(batch)).against is None
    for other, least in ((batch, 10), (batch.part(0, 40), 20), (replace(batch), 20)):
        again = reference_depths(other, codes, 0, region, least)
        agree, differ = counted_slowly(reads[: len(other)], reference, least)
        assert again.agree.tolist() == [agree[p] for p in range(37, 160)]
        assert again.differ.tolist() == [differ[p] for p in range(37, 160)]


AGREEING = st.one_of(st.integers(0, 40), st.integers(250, 260))
RUNS = st.tuples(st.integers(1, 40), st.tuples(AGREEING, st.sampled_from([0, 0, 0, 1, 2, 7, 8, 9])))
DEPTHS = st.lists(RUNS, min_size=1, max_size=25).map(
    lambda runs: [counts for length, counts in runs for _ in range(length)]
)


def gvcf_of(
    counts: list[tuple[int, int]],
    first: int = 0,
    *,
    start: int = 0,
    records: tuple[VcfRecord, ...] = (),
    haploid: bool = False,
) -> RegionGvcf:
    """What is made of the part of the counts from `first` on, on a contig where all bases are A."""
    agree, differ = np.array(counts, np.int32).reshape(-1, 2).T
    region = Region("c", start + first, start + first + len(counts))
    depths = ReferenceDepths(region, np.zeros(len(counts), np.uint8), agree.copy(), differ.copy())
    inside = [record for record in records if region.start <= record.start < region.end]
    lines = [format_record(record, SYMBOL) for record in inside]
    return region_gvcf(inside, lines, depths, np.full(len(counts), haploid), 0.001)


def parsed(line: str) -> tuple[int, int, str, list[int], int]:
    """First position, last position, GT, PL and GQ of a line, positions 1-based."""
    fields = line.split("\t")
    position, values = int(fields[1]), dict(zip(fields[8].split(":"), fields[9].split(":"), strict=True))
    end = int(fields[7][4:]) if fields[7] != "." else position + len(fields[3]) - 1
    return position, end, values["GT"], [int(q) for q in values["PL"].split(",")], int(values["GQ"])


@given(DEPTHS, st.booleans())
def test_blocks_hold_the_least_confidence_of_their_bases(
    counts: list[tuple[int, int]], haploid: bool
) -> None:
    at = 0
    for line in map(parsed, joined([gvcf_of(counts, haploid=haploid)]).splitlines()):
        first, last, gt, pl, gq = line
        assert first == at + 1  # blocks follow each other without a gap
        confidences = [slow_confidence(*counts[k], haploid) for k in range(first - 1, last)]
        least = min(confidences)
        assert gq == least[0]
        assert pl == least[1]
        covered = sum(counts[first - 1]) > 0
        assert gt == "/".join(["0" if covered else "."] * (1 if haploid else 2))
        if covered:
            assert len({q // GQ_BIN for q, _ in confidences}) == 1
        at = last
    assert at == len(counts)


def deletion(start: int, length: int) -> VcfRecord:
    return VcfRecord(
        "c", start, "A" * (1 + length), ("A",), 30.0, "PASS", (0, 1), 30, 20, (9, 11), (0.5,), (30, 0, 30)
    )


@given(DEPTHS, st.sets(st.integers(1, 999)), st.sets(st.integers(0, 999), max_size=3), st.integers(1, 12))
def test_where_the_work_was_cut_does_not_show(
    counts: list[tuple[int, int]], cuts: set[int], starts: set[int], length: int
) -> None:
    records = tuple(deletion(start, length) for start in sorted(starts) if start < len(counts))
    edges = sorted({0, len(counts), *(cut for cut in cuts if cut < len(counts))})
    pieces = [gvcf_of(counts[a:b], a, records=records) for a, b in pairwise(edges)]
    assert joined(pieces) == joined([gvcf_of(counts, records=records)])


def joined(pieces: list[RegionGvcf]) -> str:
    joiner = BlockJoiner(AllA(), SYMBOL)  # type: ignore[arg-type]
    found = []
    for add in (*(partial(joiner.add, piece) for piece in pieces), joiner.end):
        for lines in add():
            found += lines_of(lines)
    return "".join(found)


def lines_of(lines: GvcfLines) -> list[str]:
    """The single lines, which lie where it says."""
    text = bytes(lines.text).decode()
    found = [text[a:b] for a, b in pairwise(lines.begin.tolist())]
    assert "".join(found) == text
    for line, start, end in zip(found, lines.start.tolist(), lines.end.tolist(), strict=True):
        assert (start + 1, end) == parsed(line)[:2]
    return found


class AllA:
    def codes(self, contig: str, start: int, end: int) -> np.ndarray:
        return np.zeros(end - start, np.uint8)


@given(
    st.lists(
        st.tuples(
            st.one_of(st.integers(0, 10_000), st.integers(0, 2**31 - 2_000_000)),
            st.integers(1, 1_000_000),
            st.integers(0, 4),
            st.booleans(),
            st.one_of(st.integers(0, 20), st.integers(0, 3_000_000)),
            st.integers(0, 40),
            st.tuples(*3 * [st.integers(0, 990)]),
        ),
        min_size=1,
        max_size=20,
    ),
    st.sampled_from(["1", "chr1", "HLA-DRB1*15:01:01:01"]),
)
def test_lines_say_what_blocks_are(blocks: list[tuple], contig: str) -> None:
    """Of numbers of any length; a record between each two keeps them apart."""
    start, length, base, haploid, min_dp, gq, pl = zip(*blocks, strict=True)
    first = np.array(start, np.int32)
    columns = ReferenceBlocks(
        first, first + np.array(length, np.int32), np.array(base, np.uint8), np.array(haploid),
        np.array(min_dp, np.int32), np.array(gq, np.uint8), np.array(pl, np.int16),
    )  # fmt: skip
    n = len(blocks)
    between = RecordLines(
        np.frombuffer(b"r\n" * n, np.uint8), np.arange(0, 2 * n + 1, 2), first, first, np.arange(n, dtype=np.int32)
    )  # fmt: skip
    lines, left = GvcfText(SYMBOL).lines(contig, columns, between, open_end=False)
    expected = ""
    for at, size, code, one_copy, depth, q, (a, b, c) in blocks:
        allele = "0" if depth else "."
        call = f"{allele}:{q}:{depth}:{a},{c}" if one_copy else f"{allele}/{allele}:{q}:{depth}:{a},{b},{c}"
        expected += f"r\n{contig}\t{at + 1}\t.\t{'ACGTN'[code]}\t<*>\t0\t.\tEND={at + size}\t"
        expected += f"GT:GQ:MIN_DP:PL\t{call}\n"
    assert bytes(lines.text).decode() == expected
    assert left is None


def test_n_is_in_no_block() -> None:
    depths = ReferenceDepths(
        Region("c", 5, 12),
        np.array([0, 0, 4, 4, 1, 2, 3], np.uint8),
        np.full(7, 30, np.int32),
        np.zeros(7, np.int32),
    )
    found = [parsed(line)[:2] for line in joined([region_gvcf([], [], depths, None, 0.001)]).splitlines()]
    assert found == [(6, 7), (10, 12)]


@pytest.fixture(scope="module")
def gvcfs(
    dataset: SimulatedDataset, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[Path, Path]]:
    """VCF and gVCF of three samples: the data set's, one with the same variants at 12x, one with others."""
    folder = tmp_path_factory.mktemp("gvcf")
    codes = random_genome(60_000, np.random.default_rng(7))
    with Reference.open(dataset.reference) as reference:
        assert np.array_equal(reference.codes("chrS", 0, 60_000), codes)
    made = {"one": dataset.reads}
    for name, depth, variants_seed in (("shallow", 12, 7), ("other", 25, 8)):
        rng = np.random.default_rng(variants_seed)
        if variants_seed == 7:
            random_genome(60_000, rng)  # the same random numbers as the data set's variants had
        variants = place_events(codes, draw_events(rng), rng)
        rng = np.random.default_rng(100 + depth)
        pairs = depth * 60_000 // (2 * READ_LENGTH) // 2
        tables = [
            sequence_haplotype(codes, apply_variants(codes, variants, which), pairs, which * pairs, rng)
            for which in (0, 1)
        ]
        made[name] = folder / f"{name}.bam"
        write_bam(made[name], tables, "chrS", 60_000, name)
    called = {}
    for name, reads in made.items():
        called[name] = folder / f"{name}.vcf.gz", folder / f"{name}.g.vcf.gz"
        call_variants(
            CallOptions(
                "illumina-wgs", dataset.reference, (reads,), str(called[name][0]), device="cpu", sample_name=name,
                gvcf=str(called[name][1]),
            )
        )  # fmt: skip
    return called


def test_every_base_is_in_one_block_or_record(gvcfs: dict[str, tuple[Path, Path]]) -> None:
    with pysam.VariantFile(str(gvcfs["one"][1])) as records:
        spans = [(record.start, record.stop, record.alts) for record in records]
    times = np.zeros(60_000, np.int64)
    for start, stop, alts in spans:
        assert alts[-1] == SYMBOL
        times[start:stop] += 1
    in_blocks = [(start, stop) for start, stop, alts in spans if alts == (SYMBOL,)]
    assert times.min() == 1
    assert all((times[start:stop] == 1).all() for start, stop in in_blocks)
    assert len(in_blocks) > 100


def test_records_are_those_of_the_vcf(gvcfs: dict[str, tuple[Path, Path]]) -> None:
    """Less the alts that the genotype does not use."""
    for vcf, gvcf in gvcfs.values():
        with pysam.VariantFile(str(vcf)) as one, pysam.VariantFile(str(gvcf)) as other:
            called = [called_record(r, r.alts) for r in one]
            kept = [
                called_record(r, r.alts[:-1]) for r in other if "RefCall" not in r.filter and len(r.alts) > 1
            ]
        assert kept == called != []


def called_record(r: pysam.VariantRecord, alts: Sequence[str]) -> tuple:
    """Where a record is, what each copy has there, and how sure that is."""
    gt, gq = r.samples[0]["GT"], r.samples[0]["GQ"]
    return r.pos, *(called_alleles(r.pos, r.ref, list(alts), str(allele)) for allele in gt), gq


def bcftools(*words: object) -> list[str]:
    done = subprocess.run(["bcftools", *map(str, words)], check=True, capture_output=True, text=True)
    return [line for line in done.stdout.splitlines() if not line.startswith("#")]


def called_alleles(position: int, ref: str, alleles: list[str], gt: str) -> list[tuple[int, str, str]]:
    """The alleles of a genotype that are not the reference, trimmed of the bases that they share with it."""
    found = []
    for index in map(int, gt.replace("|", "/").split("/")):
        if index:
            one, alt = ref, alleles[index - 1]
            while len(one) > 1 and len(alt) > 1 and one[-1] == alt[-1]:
                one, alt = one[:-1], alt[:-1]
            found.append((position, one, alt))
    return sorted(found)


@needs_bcftools
def test_merged_gvcfs_have_the_genotypes_of_the_single_vcfs(
    gvcfs: dict[str, tuple[Path, Path]], dataset: SimulatedDataset
) -> None:
    lines = bcftools("merge", "--gvcf", dataset.reference, *(gvcf for _, gvcf in gvcfs.values()))
    merged: dict[str, dict[int, list[tuple[int, str, str]]]] = {name: {} for name in gvcfs}
    for line in lines:
        fields = line.split("\t")
        for name, sample in zip(gvcfs, fields[9:], strict=True):
            gt = sample.split(":")[0]
            if "." not in gt:
                position = int(fields[1])
                found = called_alleles(position, fields[3], fields[4].split(","), gt)
                merged[name].setdefault(position, []).extend(found)
    shared = 0
    for name, (vcf, _) in gvcfs.items():
        with pysam.VariantFile(str(vcf)) as records:
            single = {
                r.pos: called_alleles(r.pos, r.ref, list(r.alts), "/".join(map(str, r.samples[0]["GT"])))
                for r in records
            }
        sites = {position for position, alleles in merged[name].items() if alleles}
        assert sites == set(single)
        assert {position: merged[name][position] for position in single} == single
        others = [m for other, m in merged.items() if other != name]
        shared += sum(any(m.get(position) for m in others) for position in single)
    assert shared > 50


@needs_bcftools
def test_bcftools_expands_the_blocks(gvcfs: dict[str, tuple[Path, Path]], dataset: SimulatedDataset) -> None:
    gvcf = gvcfs["one"][1]
    lines = bcftools("convert", "--gvcf2vcf", "--fasta-ref", dataset.reference, gvcf)
    positions = [int(line.split("\t")[1]) for line in lines]
    with pysam.VariantFile(str(gvcf)) as records:
        expected = sorted(
            position
            for r in records
            for position in (range(r.pos, r.stop + 1) if r.alts == (SYMBOL,) else [r.pos])
        )
    assert positions == expected


def test_gatk_knows_the_other_symbol(dataset: SimulatedDataset, tmp_path: Path) -> None:
    out = tmp_path / "x.g.vcf"
    call_variants(
        CallOptions(
            "illumina-wgs", dataset.reference, (dataset.reads,), str(tmp_path / "x.vcf"), regions=("chrS:1-9000",),
            device="cpu", gvcf=str(out), non_ref=True,
        )
    )  # fmt: skip
    text = out.read_text()
    assert "##ALT=<ID=NON_REF," in text
    assert "<*>" not in text
    assert all(line.split("\t")[4].endswith("<NON_REF>") for line in text.splitlines() if line[0] != "#")


def test_workers_and_regions_do_not_show(dataset: SimulatedDataset, tmp_path: Path) -> None:
    texts = []
    for k, (workers, regions) in enumerate(((1, ()), (3, ()), (2, ("chrS:1-31,234", "chrS:31,235-60,000")))):
        out = tmp_path / f"{k}.g.vcf"
        call_variants(
            CallOptions(
                "illumina-wgs", dataset.reference, (dataset.reads,), str(tmp_path / f"{k}.vcf"), regions,
                workers=workers, device="cpu", gvcf=str(out),
            )
        )  # fmt: skip
        texts.append([line for line in out.read_text().splitlines() if line[0] != "#"])
    assert texts[0] == texts[1] == texts[2]


def test_nothing_is_left_when_the_gvcf_cannot_be_written(dataset: SimulatedDataset, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"Folder .*missing of --gvcf does not exist"):
        call_variants(
            CallOptions(
                "illumina-wgs", dataset.reference, (dataset.reads,), str(tmp_path / "x.vcf"), device="cpu",
                gvcf=str(tmp_path / "missing" / "x.g.vcf"),
            )
        )  # fmt: skip
    assert list(tmp_path.iterdir()) == []
