"""Which technology reads are recognised as, and which are refused: real files, and odd ones written as SAM."""

from __future__ import annotations

import random
import re
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dvplug.errors import InputError
from dvplug.genome.reference import Reference
from dvplug.inputs.read_evidence import Evidence, _covered, _depth_shape, _difference, depth_together, gather
from dvplug.inputs.recognition import (
    Findings,
    _excerpt,
    contradiction,
    describe,
    doubts,
    flat_qualities,
    judge,
    pick,
)
from dvplug.plugins.loading import installed_plugins
from dvplug.simulate import SimulatedDataset
from dvplug.technology import Recognition, Signs, TechnologyProfile
from dvplug_lab.technology_table import rows
from helpers.evidence import evidence_of
from helpers.places import ROOT
from helpers.read_batches import write_fasta
from helpers.shared_data import SHARED, needs_shared

INSTALLED = installed_plugins().technologies()
TECHNOLOGIES = {profile.name: profile for profile in INSTALLED}
CCS, CLR = "m64011_190901_095311/{}/ccs", "m64011_190901_095311/{}/0_9000"
UUID = "7172d9ec-6d87-4021-8133-758e570b8{:03}"


def refused(evidence: Evidence) -> set[str]:
    return {p.name for p in INSTALLED if judge(p, evidence, INSTALLED).contradictions}


HIFI = {"length": 12_000, "names": CCS, "quality": 40}
R10 = {"length": 9_000, "names": UUID, "mismatches": 0.01}


def test_nothing_known_contradicts_nothing(tmp_path: Path) -> None:
    for evidence in (Evidence(), evidence_of(tmp_path, reads=0)):
        assert not refused(evidence)
        with pytest.raises(InputError, match=r"finds nothing to tell by in x.bam.*--tech"):
            pick(INSTALLED, {"x.bam": evidence})


PACBIO = "@RG\tID:1\tPL:PACBIO\tDS:READTYPE={};BINDINGKIT=1\n"


MAPPED = {
    "@PG\tID:ngmlr\tPN:nextgenmap-lr": True,
    "@PG\tID:1\tPN:ngmlr\tVN:0.2.7": True,
    "@PG\tID:1\tCL:/opt/bin/ngmlr -x pacbio -r genome.fa -q reads.fq": True,
    "@PG\tID:minimap2\tPN:minimap2\tCL:minimap2 -ax map-hifi ngmlr.fa reads.fq": False,
    "@PG\tID:pbmm2\tPN:pbmm2\tCL:pbmm2 align --preset HIFI": False,
}


@pytest.mark.parametrize("header", MAPPED)
def test_hifi_reads_mapped_by_an_unfit_aligner_are_warned_of_once(tmp_path: Path, header: str) -> None:
    evidence = evidence_of(tmp_path, f"@RG\tID:1\tPL:PACBIO\n{header}", **HIFI)
    assert "pacbio" not in refused(evidence)
    lanes = {f"lane{i}.bam": evidence for i in range(3)}
    said = [line for line in doubts(TECHNOLOGIES["pacbio"], lanes, INSTALLED) if "ngmlr" in line]
    assert len(said) == MAPPED[header]
    assert all(line.startswith("lane0.bam and 2 more: @PG ") for line in said)


@pytest.mark.parametrize(
    ("header", "options", "why"),
    [
        (PACBIO.format("SUBREAD"), HIFI, "READTYPE=SUBREAD"),
        ("", HIFI | {"names": CLR}, "m64011_190901_095311/0/0_9000"),
        (
            PACBIO.format("CCS"),
            HIFI | {"tags": "rq:f:0.8"},
            r"the tag rq is 0.8 in the median read, not 0.99 to 1",
        ),
        (PACBIO.format("UNKNOWN"), HIFI | {"quality": 0}, "0 is the median base quality"),
        (PACBIO.format("UNKNOWN"), HIFI | {"mismatches": 0.13}, r"differ from the reference by 13.0%"),
        ("@PG\tID:pbmm2\tCL:pbmm2 align --preset SUBREAD --sort a.bam b.bam", HIFI, "--preset SUBREAD"),
    ],
    ids=["read type", "names", "rq", "quality", "errors", "preset"],
)
def test_continuous_long_reads_are_no_hifi_reads(
    tmp_path: Path, header: str, options: dict, why: str
) -> None:
    evidence = evidence_of(tmp_path, header, **options)
    error = contradiction(TECHNOLOGIES["pacbio"], {"clr.bam": evidence}, INSTALLED)
    assert error is not None
    assert why in str(error)
    assert "--force" in error.repair


def test_hifi_reads_without_qualities_or_header_are_hifi_reads(tmp_path: Path) -> None:
    for options in ({}, {"quality": None}, {"tags": "rq:f:0.9995 np:i:11"}):
        evidence = evidence_of(tmp_path, **(HIFI | options))
        assert pick(INSTALLED, {"x": evidence}).profile.name == "pacbio"
        assert refused(evidence) == set(TECHNOLOGIES) - {"pacbio"}


@pytest.mark.parametrize(
    ("header", "options"),
    [
        ("@RG\tID:a_dna_r9.4.1_e8_sup@v3.3\tPL:ONT\tDS:basecall_model=dna_r9.4.1_e8_sup@v3.3 runid=a", R10),
        ("@PG\tID:minimap2\tPN:minimap2\tCL:minimap2 -ax map-ont ref.fa reads_R941_guppy4.fastq.gz", R10),
        ("@PG\tID:guppy\tCL:guppy_basecaller -c dna_r9.5_450bps.cfg", R10),
        ("@RG\tID:1\tPL:ONT\tDS:basecall_model=dna_r10.3_450bps_hac", R10),
        ("@RG\tID:1\tPL:ONT\tDS:basecall_model=dna_r10.4.1_e8.2_400bps_fast@v4.2.0", R10),
        ("@RG\tID:1\tPL:ONT", R10 | {"mismatches": 0.06}),
        ("@RG\tID:1\tPL:ONT", R10 | {"quality": 11}),
    ],
    ids=["model", "file name", "config", "r10.3", "fast", "errors", "quality"],
)
def test_older_pores_and_fast_basecalls_are_no_r10_reads(tmp_path: Path, header: str, options: dict) -> None:
    evidence = evidence_of(tmp_path, header, **options)
    assert refused(evidence) == set(TECHNOLOGIES)
    with pytest.raises(InputError, match=r"finds no technology that fits old.bam"):
        pick(INSTALLED, {"old.bam": evidence})


def test_hac_basecalls_are_called_with_a_warning(tmp_path: Path) -> None:
    header = "@RG\tID:1\tPL:ONT\tDS:runid=4 basecall_model=dna_r10.4.1_e8.2_400bps_hac@v4.2.0"
    evidence = {"x.bam": evidence_of(tmp_path, header, **R10)}
    assert pick(INSTALLED, evidence).profile.name == "ont"
    assert "hac@v4.2.0" in " ".join(doubts(TECHNOLOGIES["ont"], evidence, INSTALLED))


@pytest.mark.parametrize("header", ["", "@RG\tID:1\tPL:unknown", "@RG\tID:1\tPL:DNBSEQ"])
def test_a_platform_that_nobody_names_is_doubted_and_never_picked(tmp_path: Path, header: str) -> None:
    evidence = {"x.bam": evidence_of(tmp_path, header, paired=True)}
    wgs = TECHNOLOGIES["illumina-wgs"]
    assert contradiction(wgs, evidence, INSTALLED) is None
    if not header:
        assert pick(INSTALLED, evidence).profile is wgs
        return
    assert "which is not a platform of illumina-wgs" in doubts(wgs, evidence, INSTALLED)[0]
    with pytest.raises(
        InputError, match=r"no technology that fits x.bam: @RG PL:\w+, reads of pairs of 150 bp"
    ):
        pick(INSTALLED, evidence)


def test_platforms_are_compared_in_any_case_and_whatever_follows(tmp_path: Path) -> None:
    for platform, name in {"illumina": "illumina-wgs", "ILLUMINA NovaSeq": "illumina-wgs"}.items():
        evidence = evidence_of(tmp_path, f"@RG\tID:1\tPL:{platform}", paired=True)
        assert pick(INSTALLED, {"x": evidence}).profile.name == name
    assert pick(INSTALLED, {"x": evidence_of(tmp_path, "@RG\tID:1\tPL:Ion_Torrent")}).profile.name == "ion"


def test_short_single_reads_without_a_header_are_left_to_the_user(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot tell (illumina-wgs from ion|ion from illumina-wgs) in x"):
        pick(INSTALLED, {"x": evidence_of(tmp_path)})


@pytest.mark.parametrize(
    ("header", "picked"),
    [
        ("@RG\tID:1\tPL:ILLUMINA\tDS:2x100 exome", "illumina-wes"),
        ("@RG\tID:1\tPL:ILLUMINA\tLB:lib1_SureSelectV6", "illumina-wes"),
        ("@RG\tID:1\tPL:ILLUMINA\n@PG\tID:GATK\tCL:ApplyBQSR -L exome_v7.bed", "illumina-wes"),
        ("@RG\tID:1\tPL:ILLUMINA\tDS:the Wessex cohort", "illumina-wgs"),
        (
            "@RG\tID:1\tPL:ILLUMINA\n@PG\tID:GATK\tCL:RealignerTargetCreator -targetIntervals a",
            "illumina-wgs",
        ),
    ],
)
def test_an_exome_is_told_by_the_header(tmp_path: Path, header: str, picked: str) -> None:
    choice = pick(INSTALLED, {"x": evidence_of(tmp_path, header, paired=True)})
    assert choice.profile.name == picked
    assert (len(choice.doubts) == 1) is (picked == "illumina-wgs")
    if picked == "illumina-wgs":
        assert "neither the header nor the depth tells illumina-wgs from illumina-wes" in choice.doubts[0]


def test_neither_whole_genomes_nor_exomes_contradict_the_other(tmp_path: Path) -> None:
    captured = Evidence(
        platforms=("ILLUMINA",), reads=300, read_length=100, paired=1.0, concentration=0.05, depth=60.0
    )
    whole = Evidence(
        platforms=("ILLUMINA",), reads=300, read_length=100, paired=1.0, concentration=0.45, depth=60.0
    )
    for evidence, fits, other in (
        (captured, "illumina-wes", "illumina-wgs"),
        (whole, "illumina-wgs", "illumina-wes"),
    ):
        assert not refused(evidence) & {fits, other}
        assert pick(INSTALLED, {"x": evidence}).profile.name == fits
        assert "depth looks like that of a" in doubts(TECHNOLOGIES[other], {"x": evidence}, INSTALLED)[0]
        assert not doubts(TECHNOLOGIES[fits], {"x": evidence}, INSTALLED)


@pytest.mark.parametrize(
    ("per_megabase", "exons", "captured"), [(100_000, False, False), (300, False, None), (12_000, True, True)]
)
def test_the_shape_of_the_depth(per_megabase: int, exons: bool, captured: bool | None) -> None:
    """A whole genome at 15x, one at 0.05x, and exons of 300 bp every 30 kb with some reads beside them."""
    rng = np.random.default_rng(1)
    start = rng.integers(0, 1_000_000, per_megabase)
    if exons:
        near = rng.random(per_megabase) < 0.8
        start[near] = start[near] // 30_000 * 30_000 + rng.integers(0, 300, near.sum())
    start.sort()
    concentration, depth, _ = _depth_shape(np.zeros_like(start), start, start + 150)
    assert Evidence(concentration=concentration, depth=depth).captured is captured


@pytest.mark.parametrize("kind", ["wb", "wc"])
def test_reads_are_found_wherever_they_are(tmp_path: Path, kind: str) -> None:
    """Few reads, at the very beginning of the last of many contigs, in BAM and in CRAM."""
    fasta, path = tmp_path / "g.fa", tmp_path / ("x.bam" if kind == "wb" else "x.cram")
    fasta.write_text("".join(f">c{i}\n{'ACGT' * 500}\n" for i in range(9)))
    pysam.faidx(str(fasta))
    header = {"SQ": [{"SN": f"c{i}", "LN": 2000} for i in range(9)], "RG": [{"ID": "1", "PL": "ONT"}]}
    with pysam.AlignmentFile(str(path), kind, header=header, reference_filename=str(fasta)) as out:
        for i in range(10):
            read = pysam.AlignedSegment(out.header)
            read.query_name, read.reference_id, read.reference_start = f"r{i}", 8, 4 * i
            read.query_sequence, read.cigarstring, read.mapping_quality = "ACGT" * 20, "80M", 60
            read.query_qualities = pysam.qualitystring_to_array("I" * 80)
            out.write(read)
    pysam.index(str(path))
    with pysam.AlignmentFile(str(path), reference_filename=str(fasta)) as alignments:
        found = gather(alignments)
    assert (found.reads, found.read_length, found.platforms) == (10, 80, ("ONT",))


def test_a_cram_is_looked_at_in_each_of_its_contigs(tmp_path: Path) -> None:
    """An open CRAM has one place at which it is read: contigs have to be looked at one after the other."""
    fasta, path = tmp_path / "g.fa", tmp_path / "x.cram"
    write_fasta(fasta, dict.fromkeys("abc", "ACGT" * 500))
    header = {"SQ": [{"SN": name, "LN": 2000} for name in "abc"]}
    with pysam.AlignmentFile(str(path), "wc", header=header, reference_filename=str(fasta)) as out:
        for contig in range(3):
            for i in range(10):
                read = pysam.AlignedSegment(out.header)
                read.query_name, read.reference_id, read.reference_start = (
                    f"{contig}{i}",
                    contig,
                    1000 + 4 * i,
                )
                read.query_sequence, read.cigarstring, read.mapping_quality = "ACGT" * 20, "80M", 60
                read.query_qualities = pysam.qualitystring_to_array("I" * 80)
                out.write(read)
    pysam.index(str(path))
    with pysam.AlignmentFile(str(path), reference_filename=str(fasta)) as alignments:
        found = gather(alignments)
    assert sorted(found.names) == sorted(f"{contig}{i}" for contig in range(3) for i in range(10))


@needs_shared
def test_a_large_file_is_sampled_where_its_reads_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above a limit that is set low here, from one third of the fullest contigs on; the judgement is the same."""
    from dvplug.inputs import read_evidence

    path = SHARED / "illumina/HG002_b37.chr20_slices.2x150.60-96x.bam"
    monkeypatch.setattr(read_evidence, "_MOST_READS", 20_000)
    with pysam.AlignmentFile(str(path)) as alignments:
        sampled = gather(alignments)
        ((place, reads),) = read_evidence._reads_at(alignments, read_evidence._places(alignments))
        assert place == "20"
        assert next(reads).reference_start > alignments.get_reference_length("20") // 3 - 200
    assert sampled.captured is False
    assert sampled.reads == read_evidence.EXAMINED
    assert pick(INSTALLED, {"x": sampled}).profile.name == "illumina-wgs"


def test_files_of_several_technologies_are_named(tmp_path: Path) -> None:
    long = evidence_of(tmp_path, PACBIO.format("CCS"), **HIFI)
    short = evidence_of(tmp_path, "@RG\tID:1\tPL:ILLUMINA", paired=True)
    with pytest.raises(InputError, match=r"several technologies: l.bam: pacbio; s.bam: illumina-wgs"):
        pick(INSTALLED, {"l.bam": long, "s.bam": short})
    error = contradiction(TECHNOLOGIES["pacbio"], {"l.bam": long, "s.bam": short}, INSTALLED)
    assert error is not None
    assert error.problem == "--tech pacbio contradicts s.bam"
    assert "Use --tech illumina-wgs" in error.repair


def plugin(name: str, rule: Recognition | None) -> TechnologyProfile:
    return TECHNOLOGIES["illumina-wgs"].model_copy(update={"name": name, "aliases": (), "recognition": rule})


def test_a_technology_without_a_rule_is_never_picked_and_never_refused(tmp_path: Path) -> None:
    stranger = plugin("stranger", None)
    for evidence in (
        evidence_of(tmp_path, PACBIO.format("SUBREAD"), **HIFI),
        evidence_of(tmp_path, paired=True),
    ):
        assert contradiction(stranger, {"x": evidence}, [*INSTALLED, stranger]) is None
        assert judge(stranger, evidence, [*INSTALLED, stranger]) == Findings()
    assert (
        pick([stranger, *INSTALLED], {"x": evidence_of(tmp_path, paired=True)}).profile.name == "illumina-wgs"
    )


def test_a_plugin_cannot_have_another_technology_refused(tmp_path: Path) -> None:
    greedy = plugin(
        "greedy", Recognition(platforms=("ILLUMINA",), shown_by=Signs(header=(".",), read_names=(".",)))
    )
    evidence = {"x": evidence_of(tmp_path, "@RG\tID:1\tPL:ILLUMINA", paired=True)}
    assert contradiction(TECHNOLOGIES["illumina-wgs"], evidence, [*INSTALLED, greedy]) is None


def test_a_plugin_for_a_platform_is_picked_for_it_and_named_to_others(tmp_path: Path) -> None:
    mgi = plugin("mgi", Recognition(platforms=("DNBSEQ",)))
    evidence = {"x": evidence_of(tmp_path, "@RG\tID:1\tPL:DNBSEQ", paired=True)}
    assert pick([*INSTALLED, mgi], evidence).profile is mgi
    error = contradiction(TECHNOLOGIES["illumina-wgs"], evidence, [*INSTALLED, mgi])
    assert error is not None
    assert "@RG PL:DNBSEQ (of mgi)" in error.cause
    assert "Use --tech mgi" in error.repair


def test_depth_outside_of_what_a_model_is_for_is_warned_of(tmp_path: Path) -> None:
    deep = evidence_of(tmp_path, paired=True)
    assert deep.depth == pytest.approx(3, rel=0.2)  # 150 bp reads, 50 bp apart
    assert "has a depth of about 3, and illumina-wgs is for 8 to 100" in " ".join(
        doubts(TECHNOLOGIES["illumina-wgs"], {"x": deep}, INSTALLED)
    )


def lane(depths: dict[str, float]) -> Evidence:
    """A lane with these depths of contigs, 1000 bases looked at in each."""
    one = next(iter(depths.values()))
    return Evidence(reads=100, depth=one, contig_depths={contig: (1000.0, d) for contig, d in depths.items()})


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ([{"a": 4.0}] * 8, ""),  # 32 together
        ([{"a": 30.0}, {"b": 31.0}, {"c": 29.0}, {"d": 30.0}], ""),  # a file for each contig
        (
            [{"a": 60.0}] * 2,
            "these 2 files together have a depth of about 120, and illumina-wgs is for 8 to 100",
        ),
        ([{"a": 1.0, "b": 40.0}, {"a": 1.0, "c": 2.0}], "these 2 files together have a depth of about 2,"),
        ([{"a": 4.0}], "f0 has a depth of about 4,"),
    ],
)
def test_the_depth_is_that_of_the_sample(files: list[dict[str, float]], says: str) -> None:
    told = {f"f{number}": lane(depths) for number, depths in enumerate(files)}
    lines = doubts(TECHNOLOGIES["illumina-wgs"], told, INSTALLED)
    assert len(lines) == bool(says)
    assert says in " ".join(lines)


def test_lanes_have_the_depth_of_their_merge(dataset: SimulatedDataset, tmp_path: Path) -> None:
    lanes = [tmp_path / f"lane{k}.bam" for k in range(8)]
    with pysam.AlignmentFile(str(dataset.reads)) as reads:
        outs = [pysam.AlignmentFile(str(lane), "wb", template=reads) for lane in lanes]
        for read in reads:
            outs[zlib.crc32(read.query_name.encode()) % 8].write(read)
    told = []
    for path, out in zip(lanes, outs, strict=True):
        out.close()
        pysam.index(str(path))
        with pysam.AlignmentFile(str(path)) as file:
            told.append(gather(file))
    with pysam.AlignmentFile(str(dataset.reads)) as file:
        merged = gather(file).depth
    assert merged == pytest.approx(30, rel=0.1)
    assert depth_together(told) == pytest.approx(merged, rel=0.15)
    assert max(one.depth or 0 for one in told) < 8
    assert not doubts(TECHNOLOGIES["illumina-wgs"], {str(k): one for k, one in enumerate(told)}, INSTALLED)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"same_quality": 30}, "all bases have the quality 30"),
        ({"same_quality": -1}, "no base has a quality"),
        ({"same_mapping_quality": 255}, "all reads have the mapping quality 255, which means none"),
        ({"same_mapping_quality": 29}, "all reads have the mapping quality 29"),
        ({"same_mapping_quality": 60}, ""),
    ],
)
def test_qualities_that_tell_nothing_are_named_once(changed: dict[str, int], says: str) -> None:
    told = replace(Evidence(reads=100), **changed)
    files = {"a.bam": told, "b.bam": told, "c.bam": Evidence(reads=100)}
    measure = "base_quality" if "same_quality" in changed else "mapping_quality"
    said = {measure: f"a.bam and 1 more: {says}"} if says else {}
    usual = TECHNOLOGIES["illumina-wgs"]
    assert flat_qualities(usual, files) == said
    assert not doubts(usual, files, INSTALLED)
    assert usual.recognition is not None
    of_one = usual.recognition.model_copy(update={"one_quality": True})
    expected = {} if measure == "base_quality" else said
    assert flat_qualities(usual.model_copy(update={"recognition": of_one}), files) == expected


def test_several_values_of_flat_qualities_are_told_together() -> None:
    files = {f"{q}.bam": replace(Evidence(reads=100), same_quality=q) for q in (20, 30)}
    said = "20.bam: all bases have the quality 20; 30.bam: all bases have the quality 30"
    assert flat_qualities(TECHNOLOGIES["illumina-wgs"], files) == {"base_quality": said}


@needs_shared
def test_real_reads_without_information_are_told_from_the_others() -> None:
    flat = SHARED / "illumina/HG002_b37.chr1_0.64-1.5M.2x150.30x.flat_quality.bam"
    for path in (flat, SHARED / "illumina/HG002_b37.chr20_slices.2x150.60-96x.bam"):
        with pysam.AlignmentFile(str(path)) as file:
            found = flat_qualities(TECHNOLOGIES["illumina-wgs"], {path.name: gather(file)})
        assert found == (
            {}
            if path != flat
            else {
                "base_quality": f"{flat.name}: all bases have the quality 40",
                "mapping_quality": f"{flat.name}: all reads have the mapping quality 50",
            }
        )


def test_whether_qualities_are_all_the_same_is_measured(tmp_path: Path) -> None:
    told = evidence_of(tmp_path, quality=30)
    assert (told.same_quality, told.same_mapping_quality) == (30, 60)
    assert evidence_of(tmp_path, quality=None).same_quality == -1
    text = (
        (tmp_path / "reads.sam")
        .read_text()
        .replace("\t60\t", "\t255\t")
        .replace("*\tNM", f"{'?' * 149}@\tNM", 1)
    )
    (tmp_path / "reads.sam").write_text(text)
    with pysam.AlignmentFile(str(tmp_path / "reads.sam")) as alignments:
        told = gather(alignments)
    assert (told.same_quality, told.same_mapping_quality) == (None, 255)


def test_a_pattern_that_is_no_regular_expression_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"'\(' is no regular expression"):
        Signs(header=("(",))


@given(st.lists(st.tuples(st.integers(0, 20_000), st.integers(1, 3_000)), min_size=1, max_size=40))
def test_covered_bases_are_those_of_a_count_base_by_base(reads: list[tuple[int, int]]) -> None:
    first = min(start for start, _ in reads)
    start = np.array([start - first for start, _ in reads])
    end = start + np.array([length for _, length in reads])
    bases = np.zeros(-(-int(end.max()) // 500) * 500)
    for s, e in zip(start, end, strict=True):
        bases[s:e] += 1
    assert _covered(start, end).tolist() == bases.reshape(-1, 500).sum(axis=1).tolist()


@needs_shared
def test_differences_are_those_that_minimap2_counts() -> None:
    """Its tag de is what `_difference` computes of NM and CIGAR."""
    with pysam.AlignmentFile(
        str(SHARED / "ont/HG002_GRCh38.r10.4.1_sup.chr20_5.02-5.075M.bam")
    ) as alignments:
        pairs = [(_difference(read, None), read.get_tag("de")) for read in alignments if read.has_tag("de")]
    assert len(pairs) > 100
    assert max(abs(ours - theirs) for ours, theirs in pairs) < 0.002


def test_padding_is_no_base_of_a_read_whose_bases_are_the_reference_s() -> None:
    read = pysam.AlignedSegment()
    read.reference_start, read.query_sequence, read.cigarstring = 10, "===A=C", "3M2P1I2M"
    assert _difference(read, None) == (1 + 1) / (5 + 1)


def test_without_nm_the_reference_tells_what_nm_does(tmp_path: Path) -> None:
    """Of a planted reference, so that each read's mismatches and indels are known."""
    genome = "".join(random.Random(2).choices("ACGT", k=60_000))
    write_fasta(tmp_path / "r.fa", {"c": genome})
    lines = ["@HD\tVN:1.6\tSO:coordinate", f"@SQ\tSN:c\tLN:{len(genome)}"]
    for i in range(30):  # a mismatch every 100 bp, and an indel of two bases every 200
        bases = list(genome[50 * i : 50 * i + 1000])
        bases[49::100] = [{"A": "C", "C": "G", "G": "T", "T": "A"}[base] for base in bases[49::100]]
        for at in range(800, 0, -200):
            bases[at:at] = "AA"
        fields = [f"r{i}", 0, "c", 50 * i + 1, 60, "200M" + "2I200M" * 4, "*", 0, 0, "".join(bases)]
        lines.append("\t".join(map(str, [*fields, "I" * len(bases)])))
    path = tmp_path / "reads.sam"
    path.write_text("\n".join(lines) + "\n")
    with pysam.AlignmentFile(str(path)) as reads, Reference.open(tmp_path / "r.fa") as reference:
        told = gather(reads, reference=reference)
    assert told.difference == pytest.approx((10 + 4) / (1000 + 4))


@needs_shared
@pytest.mark.parametrize("tech", ["pacbio", "ont"])
def test_reads_that_err_beyond_a_technology_are_refused_without_nm_too(tech: str) -> None:
    """Every other operation of their second half is an insertion or a deletion; no read has the tag NM."""
    folder = SHARED / "small"
    with (
        pysam.AlignmentFile(str(folder / "cg_tag_ont.bam")) as reads,
        Reference.open(folder / "cg.fa") as reference,
    ):
        assert not any(read.has_tag("NM") for read in reads.fetch())
        told = gather(reads, reference=reference)
    error = contradiction(TECHNOLOGIES[tech], {"x.bam": told}, INSTALLED)
    assert error is not None
    assert "reads differ from the reference by 2" in (error.cause or "")


REAL = {
    "illumina/HG002_b37.chr1_0.64-1.5M.2x150.30x.flat_quality.bam": "illumina-wes",
    "illumina/HG002_b37.chr20_slices.2x150.60-96x.bam": "illumina-wgs",
    "illumina/NA12878_b37.chr20_10.0-10.19M.2x101.7x.bam": "illumina-wgs",
    "illumina/NA12878_b37.chr20_10.0-10.1M.2x101.50x.bam": "illumina-wgs",
    "illumina/NA12878_b37.chr20_10.000-10.009M.2x101.88x.bam": "illumina-wgs",
    "illumina/NA12878_b37.exome.chr20_6.0-6.1M.2x76.profile_only.bam": "illumina-wes",
    "illumina/NA12878_b37.exome_scrap.chr20_43.25M.76bp.10x.bam": "illumina-wes",
    "illumina/chrX_101.03M.2x101.NA12878.bam": "illumina-wgs",
    "illumina/chrX_101.03M.2x101.NA12889.bam": "illumina-wgs",
    "illumina/chrX_101.03M.2x101.NA12890.bam": "illumina-wgs",
    "illumina/trio_b37.chr20_10.00-10.01M.2x151.NA12878.bam": "illumina-wgs",
    "illumina/trio_b37.chr20_10.00-10.01M.2x151.NA12891.bam": "illumina-wgs",
    "illumina/trio_b37.chr20_10.00-10.01M.2x151.NA12892.bam": "illumina-wgs",
    "ion/human_hg19.ion_pgm.chr21.panel.profile_only.bam": "ion",
    "ont/HG002_GRCh38.r10.4.1_sup.chr20_5.02-5.075M.bam": "ont",
    "ont/HG008.r10_ul.profile_only.bam": "ont",
    "ont/human.chr4.2024.profile_only.bam": "ont",
    "pacbio/CHM13.chr20_100-200k.hifi_deepconsensus.11x.bam": "pacbio",
    "pacbio/HG002_GRCh38.hifi_revio.chr6_43.05-43.30M.bam": "pacbio",
    "pacbio/HG002_GRCh38.hifi_sequel2.chr20_60-160k.21x.bam": "pacbio",
    "pacbio/HG003_GRCh38.hifi_sequel.chr20_9.0-9.1M.35x.bam": "pacbio",
}


@needs_shared
def test_every_real_file_is_recognised_as_the_table_says() -> None:
    found = (path for path in SHARED.glob("*/*.bam") if path.parent.name != "small")  # those are simulated
    files = sorted(found, key=lambda path: path.relative_to(SHARED).as_posix())
    assert [path.relative_to(SHARED).as_posix() for path in files] == list(REAL)
    table = rows(files)
    assert [row.split(" | ")[3].strip("`") for row in table[2:]] == list(REAL.values())
    page = (ROOT / "docs/technologies.md").read_text()
    assert "\n".join(table) in page


@needs_shared
@pytest.mark.parametrize("file", REAL)
def test_real_reads_without_a_header_are_recognised_by_themselves(file: str) -> None:
    """What is left when @RG and @PG were lost on the way."""
    with pysam.AlignmentFile(str(SHARED / file)) as alignments:
        told = gather(alignments)
    bare = Evidence(**(vars(told) | {"header": (), "platforms": ()}))
    assert pick(INSTALLED, {file: bare}).profile.name == REAL[file]
    assert describe(bare) == describe(told)


WORDS = st.lists(
    st.text("aZ9_-=", min_size=1, max_size=30).map(lambda word: word + " ")
    | st.sampled_from(["/", ";", "--x=", " "]),
    max_size=12,
).map("".join)


@given(WORDS, WORDS)
def test_an_excerpt_is_the_word_of_the_match(before: str, after: str) -> None:
    line = f"@PG CL:{before}dorado{after}"
    excerpt = _excerpt("dorado", line)
    assert "dorado" in excerpt
    if len(line) > 70:
        found = re.compile(r"(-+\w+[ =])?[^\s;,/]*$").search(line, 7, 7 + line[7:].index("dorado") + 6)
        assert found is not None
        assert (
            excerpt.removeprefix("@PG CL:").removeprefix("...").startswith(line[found.start() : found.end()])
        )


def test_an_excerpt_of_a_long_word_is_found_without_trying_each_beginning() -> None:
    """From the beginning it would take a step for each pair of letters."""
    excerpt = _excerpt("dorado", f"@PG CL:{'a' * 2_000_000};x dorado")
    assert excerpt == "@PG CL:...dorado"


def test_a_rule_that_asks_for_a_sign_is_picked_with_it_alone_and_before_its_equals(tmp_path: Path) -> None:
    plain = TECHNOLOGIES["ont"]
    asking = Signs(header=("special",))
    assert plain.recognition is not None
    rule = plain.recognition.model_copy(update={"only_with": asking})
    special = plain.model_copy(update={"name": "special", "recognition": rule})
    for header, picked in (("@RG\tID:1\tPL:ONT", "ont"), ("@RG\tID:1\tPL:ONT\tDS:special", "special")):
        evidence = evidence_of(tmp_path, header, **R10)
        # Whatever the order: as many signs speak for both.
        for order in ([plain, special], [special, plain]):
            assert pick(order, {"x": evidence}).profile.name == picked
        # Named, it is refused by what contradicts it alone.
        assert not judge(special, evidence, [plain, special]).contradictions
    assert f"only_with header: {asking.header[0]}" in list(rule.lines())


def test_errors_stand_for_the_sign_that_a_rule_asks_for_where_nothing_else_fits(tmp_path: Path) -> None:
    plain = TECHNOLOGIES["ont"]
    assert plain.recognition is not None
    rule = plain.recognition.model_copy(
        update={"only_with": Signs(header=("special",)), "min_difference": 0.02, "max_difference": 0.1}
    )
    noisy = plain.model_copy(update={"name": "noisy", "recognition": rule})
    header = "@RG\tID:1\tPL:ONT"
    for mismatches, picked in ((0.01, "ont"), (0.03, "ont"), (0.06, "noisy")):
        evidence = evidence_of(tmp_path, header, **{**R10, "mismatches": mismatches})
        assert pick([noisy, plain], {"x": evidence}).profile.name == picked
        assert bool(judge(noisy, evidence, [plain, noisy]).contradictions) == (mismatches < 0.02)
    silent = replace(evidence, difference=None)
    assert pick([noisy, plain], {"x": silent}).profile.name == "ont"
    with pytest.raises(InputError, match="finds no technology that fits"):
        pick([noisy], {"x": silent})
    without = noisy.model_copy(update={"recognition": rule.model_copy(update={"min_difference": None})})
    with pytest.raises(InputError, match="finds no technology that fits"):
        pick([without, plain], {"x": evidence})
    assert "min_difference: 0.02" in list(rule.lines())
