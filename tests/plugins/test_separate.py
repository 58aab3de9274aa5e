"""The distributions of plugins/ that are not dvplug's own: each as a stranger's, and which reads it is picked for."""

from __future__ import annotations

import configparser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pysam
import pytest

from dvplug.errors import InputError
from dvplug.inputs.recognition import judge, pick
from dvplug.plugins.loading import installed_plugins
from helpers.command import records, run, run_captured
from helpers.evidence import evidence_of
from helpers.places import ROOT
from helpers.read_batches import write_fasta
from helpers.registry_fixtures import Site

PROJECTS = {
    path.parent.name.removeprefix("dvplug-"): path.parent for path in ROOT.glob("plugins/*/pyproject.toml")
}
ILLUMINA = "A00123:12:HXXXXXXX:1:1101:1000:{}"
PAIRS: dict[str, Any] = {"length": 150, "paired": True}
NANOPORE = {
    "length": 12_000,
    "names": "{:08x}-1234-4abc-8def-0123456789ab",
    "tags": "ch:i:7 mx:i:2",
    "quality": 28,
}
HIFI, SUBREAD = "m64011_190901_095311/{}/ccs", "m54001_160101_010101/{}/0_9000"
SHORT = {"illumina-wgs", "illumina-wes", "element", "dnbseq", "linked-reads"}
NOISY = {"ont-hac", "ont-r9", "pacbio-clr"}
READS: dict[str, tuple[str, dict[str, Any], set[str]]] = {
    # technology: header, reads, and which technologies they are refused as
    "illumina-wgs": (
        "@RG\tID:1\tPL:ILLUMINA", {**PAIRS, "names": ILLUMINA},
        {"element", "dnbseq", "sbx", "ultima", *NOISY, "linked-reads", "amplicon-ion", "solid", "rnaseq"},
    ),
    "rnaseq": (
        "@RG\tID:1\tPL:ILLUMINA\n@PG\tID:hisat2\tPN:hisat2", {**PAIRS, "names": ILLUMINA, "spliced": 8},
        {*SHORT, "sbx", "ultima", "ion", "solid", "ont", "pacbio"},
    ),
    "linked-reads": (
        "@RG\tID:1\tPL:ILLUMINA\tPM:NovaSeq",
        {**PAIRS, "names": ILLUMINA, "tags": "BX:Z:ACGTTGCAACGTTGCA-1"},
        {"element", "dnbseq", "sbx", "ultima", "ion", "solid", "rnaseq"},
    ),
    "element": (
        "@RG\tID:1\tPL:ELEMENT\tPM:AVITI", {**PAIRS, "names": ILLUMINA, "quality": 44},
        {*SHORT - {"element"}, "sbx", "ultima", "ion", "solid", "rnaseq"},
    ),
    "dnbseq": (
        "@RG\tID:1\tPL:DNBSEQ", {**PAIRS, "names": "V350012345L1C001R00100{:06}"},
        {*SHORT - {"dnbseq"}, "sbx", "ultima", "ion", "solid", "rnaseq"},
    ),
    "sbx": ("@RG\tID:1\tPL:SBX", {"length": 240, "quality": 39}, {*SHORT, "ultima", "ion", "solid"}),
    "solid": (
        "@RG\tID:1\tPL:SOLID", {"length": 50, "names": "1{:03}_45_678_F3", "tags": "CS:Z:T0123 CQ:Z:!!!!"},
        {*SHORT, "sbx", "ultima", "ion", "rnaseq", "ont", "pacbio"},
    ),
    "amplicon": (
        "@RG\tID:1\tPL:ILLUMINA\n@PG\tID:x\tCL:ampliconclip", {**PAIRS, "names": ILLUMINA},
        {"amplicon-ion", "ion", "element", "dnbseq", "sbx", "ultima", "ont"},
    ),
    "amplicon-ion": (
        "@RG\tID:1\tPL:IONTORRENT\tDS:Ion AmpliSeq", {"length": 180, "tags": "ZM:B:s,1"},
        {*SHORT, "amplicon", "sbx", "ultima"},
    ),
    "ion": (
        "@RG\tID:1\tPL:IONTORRENT\tFO:TACG", {"length": 180, "tags": "ZM:B:s,1"},
        {*SHORT, "sbx", "ultima", "solid", "rnaseq"},
    ),
    "ultima": (
        "@RG\tID:1\tPL:ULTIMA\tFO:TGCA", {"length": 280, "tags": "tp:B:c,1 t0:Z:I"},
        {*SHORT, "sbx", "ion", *NOISY, "solid", "rnaseq"},
    ),
    "ont": (
        "@RG\tID:1\tPL:ONT\tDS:basecall_model=dna_r10.4.1_e8.2_400bps_sup@v5.0.0", NANOPORE,
        {*SHORT, "pacbio", *NOISY},
    ),
    "ont-hac": (
        "@RG\tID:1\tPL:ONT\tDS:basecall_model=dna_r10.4.1_e8.2_400bps_hac@v5.0.0", {**NANOPORE, "mismatches": 0.02},
        {*SHORT, "pacbio", "pacbio-clr", "ont-r9"},
    ),
    "ont-r9": (
        "@RG\tID:1\tPL:ONT\tDS:basecall_model=dna_r9.4.1_450bps_hac@v3.3", {**NANOPORE, "mismatches": 0.06},
        {*SHORT, "pacbio", "pacbio-clr", "ont", "ont-hac"},
    ),
    "pacbio": (
        "@RG\tID:1\tPL:PACBIO\tDS:READTYPE=CCS", {"length": 12_000, "names": HIFI, "tags": "np:i:9 zm:i:4 rq:f:0.999"},
        {*SHORT, "ont", *NOISY, "amplicon", "amplicon-ion"},
    ),
    "pacbio-clr": (
        "@RG\tID:1\tPL:PACBIO\tDS:READTYPE=SUBREAD",
        {"length": 9_000, "names": SUBREAD, "quality": 0, "mismatches": 0.13, "tags": "np:i:1 zm:i:4 rq:f:0.8"},
        {*SHORT, "ont", "pacbio", "ont-hac", "ont-r9", "amplicon", "amplicon-ion"},
    ),
}  # fmt: skip


@pytest.fixture
def all_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    (tmp_path / "site").mkdir()
    place = Site(tmp_path / "site", monkeypatch)
    place.first_party()
    for project in PROJECTS.values():
        place.project(project)
    installed_plugins.cache_clear()
    yield place
    place.forget()
    installed_plugins.cache_clear()


@pytest.mark.parametrize("name", sorted(PROJECTS))
def test_its_own_check_passes(name: str, all_of_them: Site, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run_captured(capsys, "plugins", "check", name)
    assert code == 0, out + err


@pytest.mark.parametrize("name", sorted(PROJECTS))
def test_its_project_says_what_an_index_needs(name: str) -> None:
    project = configparser.ConfigParser()
    project.read(PROJECTS[name] / "pyproject.toml")
    about = {key: value.strip('"') for key, value in project["project"].items()}
    assert about["name"] == f"dvplug-{name}"
    assert "dvplug-hook-api-3" in about["keywords"]
    assert (PROJECTS[name] / about["readme"]).read_text().startswith(f"# dvplug-{name}\n")
    assert (PROJECTS[name] / about["name"].replace("-", "_") / "py.typed").exists()


@pytest.mark.parametrize("technology", READS)
def test_auto_picks_it_by_its_own_evidence_and_others_refuse_its_reads(
    technology: str, all_of_them: Site, tmp_path: Path
) -> None:
    header, reads, refused = READS[technology]
    installed = installed_plugins().technologies()
    evidence = evidence_of(tmp_path, header, **reads)
    assert pick(installed, {"reads": evidence}).profile.name == technology
    found = {profile.name for profile in installed if judge(profile, evidence, installed).contradictions}
    assert refused <= found
    assert technology not in found
    for profile in installed:
        reasons = judge(profile, evidence, installed).contradictions
        assert not any(other.startswith(f"{reason} (of") for reason in reasons for other in reasons)


BARE_NANOPORE, BARE_PACBIO = "@RG\tID:1\tPL:ONT", "@RG\tID:1\tPL:PACBIO"


@pytest.mark.parametrize(
    ("header", "reads", "picked"),
    [
        # Nothing but the reads: what SOLiD's file shows of itself, and what only RNA has.
        ("", {"length": 50, "names": "1{:03}_45_678_F3", "tags": "CS:Z:T0123 CQ:Z:!!!!"}, "solid"),
        ("", {**PAIRS, "names": ILLUMINA, "spliced": 8}, "rnaseq"),
        ("@PG\tID:STAR\tPN:STAR", {**PAIRS, "spliced": 8}, "rnaseq"),
        # Neither of the pore nor of the basecalls, nor of the passes, anything is told.
        (BARE_NANOPORE, NANOPORE, "ont"),
        (BARE_NANOPORE, {"length": 12_000}, "ont"),
        (BARE_NANOPORE, {**NANOPORE, "mismatches": 0.03}, "ont"),
        (BARE_PACBIO, {"length": 12_000}, "pacbio"),
        (BARE_PACBIO, {"length": 12_000, "mismatches": 0.04}, "pacbio"),
        # Errors tell, where they are too many for whatever is assumed otherwise.
        (BARE_NANOPORE, {**NANOPORE, "mismatches": 0.06}, "ont-r9"),
        ("", {**NANOPORE, "mismatches": 0.06}, "ont-r9"),
        (BARE_PACBIO, {"length": 9_000, "mismatches": 0.13, "quality": 0}, "pacbio-clr"),
        (BARE_PACBIO, {"length": 9_000, "mismatches": 0.13, "quality": None}, "pacbio-clr"),
    ],
)
def test_what_is_taken_where_the_header_says_little(
    header: str, reads: dict[str, Any], picked: str, all_of_them: Site, tmp_path: Path
) -> None:
    evidence = evidence_of(tmp_path, header, **reads)
    assert pick(installed_plugins().technologies(), {"reads": evidence}).profile.name == picked


@pytest.mark.parametrize(
    ("header", "reads"),
    [
        ("", {"length": 9_000, "mismatches": 0.13, "quality": 0}),
        (BARE_NANOPORE + "\tDS:dna_r10.4.1_e8.2_400bps_fast@v4.2.0", {**NANOPORE, "mismatches": 0.06}),
        (BARE_NANOPORE, {**NANOPORE, "mismatches": 0.2}),
        (BARE_PACBIO, {"length": 9_000, "mismatches": 0.13, "quality": 40}),
        (BARE_PACBIO + "\tDS:READTYPE=CCS", {"length": 9_000, "mismatches": 0.13, "quality": 0}),
    ],
)
def test_noisy_reads_of_which_no_rule_is_sure_stop_auto(
    header: str, reads: dict[str, Any], all_of_them: Site, tmp_path: Path
) -> None:
    evidence = evidence_of(tmp_path, header, **reads)
    with pytest.raises(InputError, match="finds no technology that fits"):
        pick(installed_plugins().technologies(), {"reads": evidence})


@pytest.mark.parametrize(
    ("header", "mismatches", "refused"),
    [
        (BARE_PACBIO, 0.002, {"pacbio-clr"}),
        (BARE_NANOPORE, 0.007, {"ont-r9"}),
        (BARE_NANOPORE, 0.06, {"ont"}),
        (BARE_PACBIO, 0.13, {"pacbio"}),
    ],
)
def test_errors_alone_refuse_what_reads_cannot_be(
    header: str, mismatches: float, refused: set[str], all_of_them: Site, tmp_path: Path
) -> None:
    installed = installed_plugins().technologies()
    evidence = evidence_of(tmp_path, header, length=9_000, quality=20, mismatches=mismatches)
    own = {"ont", "ont-r9"} if header == BARE_NANOPORE else {"pacbio", "pacbio-clr"}
    found = {profile.name for profile in installed if judge(profile, evidence, installed).contradictions}
    assert found & own == refused


class Panel:
    """One amplicon of 100 bp; the sample is homozygous for a SNP under a primer, and heterozygous for one between."""

    UNDER, BETWEEN = 1_010, 1_050  # 0-based

    def __init__(self, folder: Path) -> None:
        rng = np.random.default_rng(5)
        letters = rng.choice(list("ACGT"), 3_000)
        self.reference, self.reads = folder / "panel.fa", folder / "panel.bam"
        self.primers, self.out = folder / "primers.bed", folder / "calls.vcf"
        write_fasta(self.reference, {"c": "".join(letters)})
        self.primers.write_text("c\t1000\t1020\ta_LEFT\t1\r\n\nc\t1080\t1100\ta_RIGHT\t1\n")
        header = {
            "HD": {"VN": "1.6", "SO": "coordinate"},
            "SQ": [{"SN": "c", "LN": 3_000}],
            "RG": [{"ID": "1", "SM": "s"}],
        }
        with pysam.AlignmentFile(str(self.reads), "wb", header=header) as out:
            # A shorter amplicon, whose reads show the sample under the primer, and the longer one, whose do not.
            for start, end, count in ((960, 1_060, 12), (1_000, 1_100, 60)):
                for i in range(count):
                    out.write(self._read(letters.copy(), start, end, i))
        pysam.index(str(self.reads))

    def _read(self, letters: np.ndarray, start: int, end: int, number: int) -> pysam.AlignedSegment:
        if start < 1_000:
            letters[self.UNDER] = "ACGT"["CATG".index(letters[self.UNDER])]
        if number % 2:
            letters[self.BETWEEN] = "ACGT"["CATG".index(letters[self.BETWEEN])]
        read = pysam.AlignedSegment()
        read.query_name, read.flag = f"r{start}.{number}", 16 * (number % 4 > 1)
        read.reference_id, read.reference_start, read.mapping_quality = 0, start, 60
        read.cigarstring, read.query_sequence = f"{end - start}M", "".join(letters[start:end])
        read.query_qualities = pysam.qualitystring_to_array("I" * (end - start))
        read.set_tag("RG", "1")
        return read

    def call(self, *more: object) -> dict[int, str]:
        words = (
            "--ref",
            self.reference,
            "--reads",
            self.reads,
            "--out",
            self.out,
            "--device",
            "cpu",
            "--force",
        )
        assert run("call", "--tech", "amplicon", *words, *more) == 0
        lines = [line.split("\t") for line in records(self.out)]
        return {int(line[1]) - 1: line[9].partition(":")[0] for line in lines}


def test_what_primers_brought_along_is_no_evidence(all_of_them: Site, tmp_path: Path) -> None:
    panel = Panel(tmp_path)
    with_primers = panel.call("--set", f"amplicon.primers={panel.primers}")
    assert with_primers == {panel.UNDER: "1/1", panel.BETWEEN: "0/1"}
    assert panel.call().get(panel.UNDER) != "1/1"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("c\t5\t9\n", "line 1: a primer has at least contig, start, end and a name"),
        ("c\t5\t9\tp\t1\t+\nc\t9\t5\tp\t1\t+\n", "line 2: a primer cannot reach from 9 to 5"),
        ("c\tfive\t9\tp\t1\t+\n", "line 1: invalid literal"),
        ("c\t5\t9\tp\n", "neither column 6 nor the name tells its strand"),
        ("# nothing\n", "holds no primer"),
    ],
)
def test_a_file_of_primers_that_cannot_be_read_is_refused_by_line(
    text: str, said: str, all_of_them: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    panel = Panel(tmp_path)
    panel.primers.write_text(text)
    words = ("--ref", panel.reference, "--reads", panel.reads, "--out", panel.out)
    option = ("--set", f"amplicon.primers={panel.primers}")
    code, _, err = run_captured(capsys, "call", "--tech", "amplicon", *words, *option)
    assert code == 2
    assert said in " ".join(err.split())
    assert not panel.out.exists()
