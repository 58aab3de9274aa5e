"""Making examples: what is refused before anything is read, and which candidates there are."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path

import h5py
import pysam
import pytest

from dvplug.errors import InputError
from dvplug.evaluate import ConfidentRegions
from dvplug.genome.reference import Reference
from dvplug.simulate import SimulatedDataset
from dvplug.train.examples import LabeledReads, make_examples
from helpers.evaluate_files import write_vcf
from helpers.read_batches import Read, alignment_file


@pytest.mark.parametrize("share", [math.nan, 0.0, -1.0, 1.5])
def test_a_share_of_the_fragments_is_one(dataset: SimulatedDataset, tmp_path: Path, share: float) -> None:
    inputs = LabeledReads(dataset.reference, (dataset.reads,), dataset.truth, dataset.confident, share)
    with pytest.raises(InputError, match=r"--keep-fraction \S+ is no share of the fragments"):
        make_examples("illumina-wgs", inputs, tmp_path / "x.h5")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["exA", "exA.hdf5", "exA.h5.gz"])
def test_a_shard_that_does_not_say_its_format_is_refused(
    dataset: SimulatedDataset, tmp_path: Path, name: str
) -> None:
    inputs = LabeledReads.of(dataset.reference, [dataset.reads], dataset.truth, dataset.confident)
    with pytest.raises(InputError, match=r"--out \S+ has an unknown format.*End it in \.h5"):
        make_examples("illumina-wgs", inputs, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


Labels = dict[tuple[str, int], int]


@pytest.fixture(scope="module")
def labels(dataset: SimulatedDataset, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Labels]:
    """The highest label of each site, by contig and position, of examples to train on and as called."""
    inputs = LabeledReads.of(dataset.reference, [dataset.reads], dataset.truth, dataset.confident)
    made: dict[str, Labels] = {}
    for how in ("to train on", "as called"):
        shard = tmp_path_factory.mktemp("shard") / "x.h5"
        make_examples("illumina-wgs", inputs, shard, as_called=how == "as called")
        highest: Labels = {}
        with h5py.File(shard) as file:
            contigs = json.loads(file.attrs["header"])["contigs"]
            columns = [file[name][:].tolist() for name in ("contig", "position", "label")]
        for contig, position, label in zip(*columns, strict=True):
            site = contigs[contig], position
            highest[site] = max(highest.get(site, 0), label)
        made[how] = highest
    return made


def test_examples_as_called_are_the_sites_that_a_call_writes(
    dataset: SimulatedDataset, called: Path, labels: dict[str, Labels]
) -> None:
    with Reference.open(dataset.reference) as reference, pysam.VariantFile(str(called)) as records:
        confident = ConfidentRegions.from_bed(dataset.confident, reference.lengths)
        written = {
            (record.contig, record.start)
            for record in records
            if confident.contain(record.contig, record.start, record.stop)
        }
    assert set(labels["as called"]) == written
    assert len(written) > 50


def test_another_spelling_of_a_deletion_is_no_example_of_the_reference(tmp_path: Path) -> None:
    """Of 40 reads half lack an A, and fit the lack of the T before, which two show, better than the reference.

    Far from there two reads have an insertion, which is an example of the reference.
    """
    rng = random.Random(4)
    before, after = ("".join(rng.choices("ACGT", k=150)) + end for end in ("GAATT", ""))
    text, run = before + "A" * 12 + "C" + after, len(before)
    alone = run + 120
    reads = []
    for i in range(40):
        end, at = len(text) - 40 + i, i
        cigar, seq = "", ""
        if i % 2 == 0 or i in (3, 5):
            cut = run if i % 2 == 0 else run - 1
            cigar, seq, at = f"{cut - at}M1D", text[at:cut], cut + 1
        if i in (20, 21):
            cigar, seq, at = f"{cigar}{alone - at}M2I", f"{seq}{text[at:alone]}GT", alone
        reads.append(Read(i, f"{cigar}{end - at}M", seq + text[at:end], qual=35))
    alignment_file(tmp_path / "x.bam", reads, {"c": text}).close()
    truth = write_vcf(tmp_path / "truth.vcf", [(run - 1, "TA", "T", "0/1", "PASS")], contig="c")
    (tmp_path / "all.bed").write_text(f"c\t0\t{len(text)}\n")
    inputs = LabeledReads.of(tmp_path / "x.fa", [tmp_path / "x.bam"], truth, tmp_path / "all.bed")
    labels = {}
    for as_called in (True, False):
        shard = tmp_path / f"{as_called}.h5"
        make_examples("illumina-wgs", inputs, shard, as_called=as_called)
        with h5py.File(shard) as file:
            labels[as_called] = dict(
                zip(file["position"][:].tolist(), file["label"][:].tolist(), strict=True)
            )
    assert labels == {True: {run - 1: 1}, False: {run - 1: 1, alone - 1: 0}}
