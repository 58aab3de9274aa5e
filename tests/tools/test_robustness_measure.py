"""One command measures what a technology has data for, and says which model it was."""

from __future__ import annotations

import shutil
from pathlib import Path

import pysam
import pytest

import dvplug_illumina
from dvplug.errors import InputError, ModelError
from dvplug.simulate import SimulatedDataset
from dvplug_lab.comparison.sets import confident_regions, find_set, hard_sets
from dvplug_lab.read_sets import sets_of
from dvplug_lab.robustness import measure
from dvplug_lab.robustness.calling import MeasuredModel
from dvplug_lab.robustness.cases import SHIFTS_OF
from dvplug_lab.robustness.found import AS_IS
from dvplug_lab.robustness.measure import RobustnessRun, measure_robustness
from dvplug_lab.shifts.reads import PIECES, SHIFTS
from helpers.shared_data import SHARED, needs_shared

needs_peers = pytest.mark.skipif(
    not (shutil.which("bcftools") and shutil.which("freebayes")),
    reason="bcftools or freebayes is not installed",
)
MODELS = Path(dvplug_illumina.__file__).parent / "models"


def test_every_shift_that_is_measured_can_be_made() -> None:
    assert {shift for shifts in SHIFTS_OF.values() for shift in shifts} <= {*SHIFTS, *PIECES}
    assert all(len(set(shifts)) == len(shifts) for shifts in SHIFTS_OF.values())


@needs_peers
def test_an_unknown_technology_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no shifts for 'sanger'"):
        measure_robustness(RobustnessRun("sanger", None, tmp_path, tmp_path))


def test_models_of_one_label_have_names_of_their_own(tmp_path: Path) -> None:
    (folder,) = MODELS.glob("illumina-wgs-*")
    copied = tmp_path / folder.name
    shutil.copytree(folder, copied)
    manifest = copied / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"description": "', '"description": "Another. ', 1))
    shipped, other = MeasuredModel.of("illumina-wgs", None), MeasuredModel.of("illumina-wgs", copied)
    assert shipped.label == other.label
    assert shipped.key != other.key
    assert (shipped.option, other.option) == (None, str(copied))
    (copied / "weights.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match=r"weights\.safetensors"):
        MeasuredModel.of("illumina-wgs", copied)


def test_sets_held_out_are_measured_where_they_were_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held_out = [chosen.name for chosen in sets_of("ion") if chosen.held_out]
    monkeypatch.setattr(measure, "is_made", lambda chosen, reads: reads == tmp_path / "reads")
    run = RobustnessRun("ion", None, tmp_path, tmp_path, tmp_path / "reads")
    assert run.set_names() == [str(tmp_path / "reads" / name) for name in held_out]
    assert RobustnessRun("ion", None, tmp_path, tmp_path).set_names() == []
    assert RobustnessRun("ion", None, tmp_path, tmp_path, sets=("x",)).set_names() == ["x"]


@needs_peers
def test_a_folder_is_measured_under_each_shift(
    dataset: SimulatedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    for made, name in (
        (dataset.reference, "ref.fa"), (Path(f"{dataset.reference}.fai"), "ref.fa.fai"),
        (dataset.reads, "reads.bam"), (Path(f"{dataset.reads}.bai"), "reads.bam.bai"),
        (dataset.truth, "truth.vcf.gz"), (Path(f"{dataset.truth}.tbi"), "truth.vcf.gz.tbi"),
    ):  # fmt: skip
        shutil.copy(made, folder / name)
    contig = pysam.FastaFile(str(dataset.reference)).references[0]
    (folder / "confident.bed").write_text(f"{contig}\t2000\t14000\n")
    monkeypatch.setitem(SHIFTS_OF, "illumina-wgs", ("mapq-50",))
    run = RobustnessRun(
        "illumina-wgs", None, tmp_path / "out", tmp_path, sets=(str(folder),), parts=("shifts",), workers=1
    )
    found = measure_robustness(run)
    assert [one.reads for one in found.shifted] == [AS_IS, "mapq-50", "15x", "8x"]
    assert [round(one.depth) for one in found.shifted][:2] == [round(found.shifted[0].depth)] * 2
    assert found.shifted[3].depth == pytest.approx(8, rel=0.2)
    assert found.model.startswith("illumina-wgs@")
    with pysam.VariantFile(str(dataset.truth)) as records:
        truth = sum(1 for _ in records.fetch(contig, 2_000, 14_000))
    for one in found.shifted:
        for errors in one.errors.values():
            assert errors is not None
            counted = errors.snp_tp + errors.snp_fn + errors.indel_tp + errors.indel_fn
            assert counted == pytest.approx(truth, abs=1)
    of_this = next(one for one in found.shifted if one.reads == AS_IS).errors["dvplug"]
    assert of_this is not None
    assert sum(band.wrong for band in found.gq) == of_this.snp_fp + of_this.indel_fp


@needs_shared
@pytest.mark.parametrize("name", hard_sets("illumina-wgs"))
def test_truth_of_hard_sets_is_of_their_reference(name: str) -> None:
    chosen = find_set(name, SHARED)
    regions = confident_regions(chosen)
    checked = 0
    with pysam.FastaFile(str(chosen.reference)) as fasta, pysam.VariantFile(str(chosen.truth)) as records:
        for record in records:
            if any(region.start <= record.start and record.stop <= region.end for region in regions):
                assert fasta.fetch(record.contig, record.start, record.stop).upper() == record.ref
                checked += 1
    assert checked >= 10
