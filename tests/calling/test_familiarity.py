"""Reads that are unlike those that the model was trained on: said, and called as well as if they were alike."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvplug.calling.familiarity import compare_with_training, quality_table, reads_met, say_departures
from dvplug.engine.usual import AS_THEY_ARE
from dvplug.errors import InputError
from dvplug.evaluate import evaluate
from dvplug.inputs.run_sample import RunSample
from dvplug.simulate import SimulatedDataset
from dvplug_lab.shifts.libraries import stretches
from dvplug_lab.shifts.reads import shift_reads
from dvplug_registry.manifest import Manifest
from helpers.command import call_words, records, run, run_captured
from helpers.narrow_model import narrow_model
from helpers.read_batches import random_sequence, write_fasta
from helpers.registry_fixtures import fields
from helpers.shared_data import SHARED, needs_shared

HASH = "0" * 64
FILES = {
    "w.safetensors": {"sha256": HASH, "size": 1, "role": "weights"},
    "m.bin": {"sha256": HASH, "size": 1, "role": "formula"},
    "k.npz": {"sha256": HASH, "size": 1, "role": "known-answer"},
}
TRAINED_ON = {
    "runs": {
        "with_fragment_length": {"low": 0.9},
        "base_quality": {"low": 35},
        "read_length": {"low": 50, "high": 250, "refused": {"low": 30}},
    },
    "reads": {"fragment_length": 312, "base_quality": [0.0] * 37 + [0.5, 0.5]},
    "features": {
        "vaf": {"value": 0.5, "outside": "with_fragment_length"},
        "n_alt": {"value": 1, "limits": {"high": 9}},
    },
}


def manifest(**trained_on: object) -> Manifest:
    return Manifest(**fields(trained_on=trained_on), files=FILES)


def sample(**measures: float) -> RunSample:
    shares = tuple(np.eye(41)[int(measures.get("base_quality", 40))])
    return RunSample(reads=500, measures=measures, base_quality=shares)


def test_a_run_within_the_limits_is_as_it_is() -> None:
    found = compare_with_training(
        manifest(**TRAINED_ON | {"features": {}}), sample(with_fragment_length=0.9, base_quality=35)
    )
    assert found == ((), AS_THEY_ARE)


def test_what_is_outside_is_named_and_given_as_usual() -> None:
    found = compare_with_training(
        manifest(**TRAINED_ON), sample(with_fragment_length=0.1, base_quality=20, read_length=150)
    )
    assert [one.measure for one in found.departures] == ["with_fragment_length", "base_quality"]
    assert found.usual.fragment_length == 312
    assert found.usual.base_quality[20] == 37
    by_name = {one.name: one for one in found.usual.features}
    assert by_name["vaf"].everywhere
    assert (by_name["n_alt"].high, by_name["n_alt"].value) == (9, 1)
    line = found.departures[0].header_line()
    assert line.startswith(
        '##dvplugOutsideTraining=<ID=with_fragment_length,Measured=0.1,Trained="90% or more",'
    )
    assert "fragments of 312 bp" in line
    assert "feature vaf 0.5" in line


def test_a_measure_that_could_not_be_made_is_not_judged() -> None:
    found = compare_with_training(manifest(**TRAINED_ON), RunSample())
    assert not found.departures


def test_what_is_known_to_fail_is_refused_unless_forced(capsys: pytest.CaptureFixture[str]) -> None:
    short = compare_with_training(manifest(**TRAINED_ON), sample(read_length=25)).departures
    with pytest.raises(InputError, match=r"the median read has 25 bp.*trained on 50 to 250.*--force"):
        say_departures("toy@1.0.0", short, {}, force=False)
    say_departures("toy@1.0.0", short, {}, force=True)
    assert "accuracy may be lower" in " ".join(capsys.readouterr().err.split())
    shortish = compare_with_training(manifest(**TRAINED_ON), sample(read_length=40)).departures
    say_departures("toy@1.0.0", shortish, {}, force=False)


@pytest.mark.parametrize("flat", [{}, {"base_quality": "a.bam: all bases have the quality 20"}])
def test_a_flat_quality_that_was_not_trained_on_is_one_warning(
    flat: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    low = compare_with_training(manifest(**TRAINED_ON), sample(base_quality=20)).departures
    say_departures("toy@1.0.0", low, flat, force=False)
    said = " ".join(capsys.readouterr().err.split())
    assert said.count("warning:") == 1
    assert ("a.bam: all bases have the quality 20" in said) == bool(flat)
    assert "qualities are moved to those that as many bases had in training" in said
    say_departures("toy@1.0.0", (), flat, force=False)
    said = " ".join(capsys.readouterr().err.split())
    assert said.count("warning:") == said.count("toy@1.0.0 tells errors from variants by that") == len(flat)


def test_what_reads_are_like_is_told_beside_what_was_trained_on() -> None:
    run = sample(base_quality=20, read_length=150, reverse_strand=0.5)
    assert reads_met(manifest(**TRAINED_ON), run, [0.01, 0.5, 0.004]) == {
        "reference": "the median of 3 reads differs from it at 1.00% of its aligned bases, and 33.3% of the reads do "
        "not fit it at all",
        "base quality": "the median base quality is 20; trained on 35 or more",
        "read length": "the median read has 150 bp; trained on 50 to 250",
        "reverse strand": "50% of the reads are of the reverse strand; no limits are known",
    }
    assert "reference" not in reads_met(manifest(**TRAINED_ON), run, [])


shares = st.lists(st.integers(0, 50), min_size=41, max_size=41).filter(any)


@given(shares, shares)
def test_qualities_are_mapped_by_rank(run_counts: list[int], trained_counts: list[int]) -> None:
    own, trained = (np.array(counts) / sum(counts) for counts in (run_counts, trained_counts))
    table = quality_table(tuple(own), tuple(trained))
    assert len(table) == 256
    assert list(table) == sorted(table)
    for quality in np.flatnonzero(own):
        middle = own[:quality].sum() + own[quality] / 2
        mapped = table[quality]
        assert trained[:mapped].sum() <= middle + 1e-9
        assert trained[: mapped + 1].sum() >= middle - 1e-9


def test_equal_qualities_stay_and_one_for_all_becomes_the_median() -> None:
    trained = (0.0, 0.1, 0.2, 0.4, 0.3)
    assert quality_table(trained, trained)[:5] == (0, 1, 2, 3, 4)
    assert quality_table((0, 1.0), trained)[1] == 3
    assert quality_table(trained, ()) == ()


def _errors(
    name: str, reads: Path, dataset: SimulatedDataset, folder: Path, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str, str]:
    """False and missed calls, what the header says, and what was said."""
    out = folder / f"{name}.vcf"
    words = call_words(dataset, out, "--workers", 1)
    words[words.index("--reads") + 1] = str(reads)
    code, _, err = run_captured(capsys, *words)
    assert code == 0, err
    pysam.tabix_compress(str(out), f"{out}.gz")
    pysam.tabix_index(f"{out}.gz", preset="vcf")
    found = evaluate(dataset.truth, Path(f"{out}.gz"), dataset.confident, dataset.reference)
    errors = found.snp.fp + found.snp.fn + found.indel.fp + found.indel.fn
    return errors, out.read_text(), " ".join(err.split())


@pytest.mark.parametrize(
    "shift", ["single", "quality-flat20", "quality-none", "quality-8", "quality-nextseq"]
)
def test_shifted_reads_are_called_as_well(
    shift: str, dataset: SimulatedDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reads = shift_reads(shift, dataset.reads, tmp_path / "shifted.bam")
    plain, _, _ = _errors("plain", dataset.reads, dataset, tmp_path, capsys)
    shifted, header, said = _errors("shifted", reads, dataset, tmp_path, capsys)
    assert shifted <= 1.5 * plain + 2
    assert "##dvplugOutsideTraining" not in header
    assert "the model was trained on" not in said


SURE = {"base_quality": {"low": 36}}
"""Limits that the simulated reads keep, and those of 8 phred less do not."""


def _lower(dataset: SimulatedDataset, folder: Path) -> Path:
    return shift_reads("quality-8", dataset.reads, folder / "shifted.bam")


def test_what_lies_outside_is_told_once(
    dataset: SimulatedDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = narrow_model(tmp_path, **SURE)
    for name, reads in (("plain", dataset.reads), ("shifted", _lower(dataset, tmp_path))):
        out = tmp_path / f"{name}.vcf"
        words = call_words(dataset, out, "--workers", 1, "--model", model)
        words[words.index("--reads") + 1] = str(reads)
        code, _, err = run_captured(capsys, *words)
        assert code == 0, err
        assert ("##dvplugOutsideTraining=<ID=base_quality," in out.read_text()) == (name == "shifted")
        assert ("the model was trained on" in " ".join(err.split())) == (name == "shifted")
        assert err.count("warning:") == (name == "shifted")


def test_reads_too_short_to_trust_are_refused(
    dataset: SimulatedDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reads = shift_reads("length-36", dataset.reads, tmp_path / "short.bam")
    model = narrow_model(tmp_path, read_length={"low": 70, "refused": {"low": 60}})
    words = call_words(dataset, tmp_path / "calls.vcf", "--workers", 1, "--model", model)
    words[words.index("--reads") + 1] = str(reads)
    code, _, err = run_captured(capsys, *words)
    assert code == 2
    assert "the median read has 36 bp" in " ".join(err.split())
    assert not (tmp_path / "calls.vcf").exists()
    assert run(*words, "--force") == 0
    assert "ID=read_length,Measured=36" in (tmp_path / "calls.vcf").read_text()


def test_regions_and_workers_do_not_change_what_is_given(dataset: SimulatedDataset, tmp_path: Path) -> None:
    reads, model = _lower(dataset, tmp_path), narrow_model(tmp_path, **SURE)
    contig = pysam.FastaFile(str(dataset.reference)).references[0]
    found = []
    for name, more in (
        ("whole", ["--workers", 2]),
        ("part", ["--workers", 1, "--regions", f"{contig}:30,001-60,000"]),
    ):
        out = tmp_path / f"{name}.vcf"
        words = call_words(dataset, out, "--model", model, *more)
        words[words.index("--reads") + 1] = str(reads)
        assert run(*words) == 0
        found.append([line for line in records(out) if int(line.split("\t")[1]) > 30_000])
        assert "ID=base_quality,Measured=" in out.read_text()
    assert found[0] == found[1] != []


def test_lanes_are_measured_as_their_merge(dataset: SimulatedDataset, tmp_path: Path) -> None:
    reads, model = _lower(dataset, tmp_path), narrow_model(tmp_path, **SURE)
    rng = random.Random(1)
    lanes = [tmp_path / f"lane{k}.bam" for k in range(3)]
    with pysam.AlignmentFile(str(reads)) as given_reads:
        written = [pysam.AlignmentFile(str(lane), "wb", header=given_reads.header) for lane in lanes]
        for read in given_reads:
            rng.choice(written).write(read)
        for lane in written:
            lane.close()
    merged = tmp_path / "merged.bam"
    pysam.merge("-f", str(merged), *map(str, lanes))
    for bam in (*lanes, merged):
        pysam.index(str(bam))
    found = []
    for bams in (lanes, [merged]):
        out = tmp_path / f"{len(bams)}.vcf"
        words = call_words(dataset, out, "--workers", 1, "--model", model)
        at = words.index("--reads") + 1
        words[at : at + 1] = map(str, bams)
        assert run(*words) == 0
        found.append((records(out), [x for x in out.read_text().splitlines() if "OutsideTraining" in x]))
    assert found[0] == found[1]
    assert found[0][1]


SMALL = SHARED / "small"


@pytest.mark.parametrize("tech", ["illumina-wgs", "illumina-wes"])
def test_a_stretch_of_dense_variants_in_an_ordinary_genome_is_called(tech: str, tmp_path: Path) -> None:
    """Where a SNP lies every 55 bp, as in the most diverse genes: chance may hide some, not each tenth."""
    fasta = write_fasta(tmp_path / "extra.fa", {"chr13_32M": random_sequence(random.Random(6), 280_000)})
    made = stretches(tmp_path / "made", fasta, 55)
    out = tmp_path / "calls.vcf.gz"
    words = ["--ref", made / "ref.fa", "--reads", made / "reads.bam", "--out", out, "--workers", 1]
    assert run("call", "--tech", tech, *words, "--device", "cpu", "--force") == 0
    found = evaluate(made / "truth.vcf.gz", out, made / "confident.bed", made / "ref.fa")
    assert found.snp.tp_truth + found.snp.fn > 400
    assert found.snp.fp + found.snp.fn <= 3


def _called(bam: str, reference: str, out: Path) -> list[list[str]]:
    words = ["call", "--tech", "illumina-wgs", "--ref", SMALL / reference, "--reads", SMALL / bam]
    assert run(*words, "--out", out, "--device", "cpu", "--workers", 1, "--force") == 0
    return [line.split("\t") for line in records(out) if "\tPASS\t" in line]


@needs_shared
def test_single_reads_are_called_as_with_a_fragment_length(tmp_path: Path) -> None:
    found = [_called(f"se_tlen{n}.bam", "se.fa", tmp_path / f"{n}.vcf") for n in (0, 400)]
    calls = [[(*line[:5], line[9].split(":")[0]) for line in lines] for lines in found]
    assert len(calls[0]) == 63
    assert calls[0] == calls[1]


@needs_shared
@pytest.mark.parametrize(
    ("bam", "reference", "variants"),
    [("dens30.bam", "dens30.fa", 250), ("ampl_same_tlen250_30x.bam", "ampl.fa", 30)],
)
def test_dense_variants_and_amplicons(bam: str, reference: str, variants: int, tmp_path: Path) -> None:
    assert len(_called(bam, reference, tmp_path / "calls.vcf")) == variants
