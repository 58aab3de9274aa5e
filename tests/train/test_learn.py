"""Learning from the files of users: large ones, CRAM, several samples, and those that will not do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pysam
import pytest

from dvplug.errors import InputError
from dvplug.genome.reference import Reference
from dvplug.reads.groups import ReadGroups, ReadSource
from dvplug.simulate import SimulatedDataset
from dvplug.simulate.genome import random_genome, write_fasta
from dvplug.simulate.learn.reads import LearntReads
from dvplug.train import learn as learn_module
from dvplug.train.excerpt import _in_letters, write_excerpt
from dvplug.train.learn import LEARNT, learn
from helpers.command import run_captured


def test_a_profile_is_written_whole(dataset: SimulatedDataset, tmp_path: Path) -> None:
    out = tmp_path / "p.npz"
    learnt = learn(dataset.reads, dataset.reference, out)
    assert [path.name for path in tmp_path.iterdir()] == ["p.npz"]
    again = LearntReads.load(out)
    assert again.way == "pairs"
    np.testing.assert_array_equal(again.profile.length, learnt.profile.length)
    single = learn(dataset.reads, dataset.reference, tmp_path / "s.npz", "single")
    assert single.way == "single"


def test_cram_teaches_what_bam_does(dataset: SimulatedDataset, tmp_path: Path) -> None:
    cram = tmp_path / "reads.cram"
    pysam.view("-C", "-T", str(dataset.reference), "-o", str(cram), str(dataset.reads), catch_stdout=False)
    pysam.index(str(cram))
    of_bam = learn(dataset.reads, dataset.reference, tmp_path / "b.npz")
    of_cram = learn(cram, dataset.reference, tmp_path / "c.npz")
    for name, value in vars(of_bam.profile).items():
        np.testing.assert_array_equal(getattr(of_cram.profile, name), value)


def test_of_a_large_file_parts_are_read(
    dataset: SimulatedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learn_module, "SMALL_FILE", 1000)
    part = learn(dataset.reads, dataset.reference, tmp_path / "p.npz")
    assert len(part.profile.length) > 1000


def test_an_excerpt_lies_evenly_and_is_as_large_as_asked_for(
    dataset: SimulatedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dvplug.train.excerpt.STRETCH", 1000)
    every = len(list(pysam.AlignmentFile(str(dataset.reads))))
    with Reference.open(dataset.reference) as reference:
        count = write_excerpt(ReadSource(dataset.reads), reference, tmp_path / "e.bam", 300_000)
        assert write_excerpt(ReadSource(dataset.reads), reference, tmp_path / "a.bam", 10**9) == every
        assert not write_excerpt(
            ReadSource(dataset.reads, ReadGroups(("none",), True)), reference, tmp_path / "n.bam"
        )
    with pysam.AlignmentFile(str(tmp_path / "e.bam")) as reads:
        starts = np.array([read.reference_start for read in reads.fetch()])
    assert len(starts) == count
    assert 300_000 <= 150 * count < 300_000 + 150 * 400
    assert (np.diff(starts) >= 0).all()
    thirds = np.bincount(starts // 20_000, minlength=3)
    assert thirds.min() > 0.4 * thirds.max()


def test_the_sample_is_chosen(dataset: SimulatedDataset, tmp_path: Path) -> None:
    both = tmp_path / "both.bam"
    with pysam.AlignmentFile(str(dataset.reads)) as reads:
        header = reads.header.to_dict()
        header["RG"] = [{"ID": "a", "SM": "ann"}, {"ID": "b", "SM": "bob"}]
        with pysam.AlignmentFile(str(both), "wb", header=header) as out:
            for read in reads:
                read.set_tag("RG", "a" if int(read.query_name[4:]) % 3 else "b")
                out.write(read)
    pysam.index(str(both))
    with pytest.raises(InputError, match="ann"):
        learn(both, dataset.reference, tmp_path / "p.npz")
    ann = learn(both, dataset.reference, tmp_path / "p.npz", choice=LEARNT._replace(sample="ann"))
    everyone = learn(dataset.reads, dataset.reference, tmp_path / "e.npz")
    assert len(ann.profile.length) == pytest.approx(len(everyone.profile.length) * 2 / 3, rel=0.1)


def test_what_will_not_do_is_refused(dataset: SimulatedDataset, tmp_path: Path) -> None:
    out = tmp_path / "p.npz"
    with pytest.raises(InputError, match=r"Reference .*no\.fa"):
        learn(dataset.reads, tmp_path / "no.fa", out)
    with pytest.raises(InputError, match=r"no\.bam"):
        learn(tmp_path / "no.bam", dataset.reference, out)
    with pytest.raises(InputError, match=r"--out .*p\.txt has an unknown format"):
        learn(dataset.reads, dataset.reference, tmp_path / "p.txt")
    with Reference.open(dataset.reference) as reference:
        ((name, length),) = reference.lengths.items()
    other = write_fasta(tmp_path / "other.fa", {name: random_genome(length, np.random.default_rng(9))})
    with pytest.raises(InputError, match=r"do not fit the reference .*other\.fa: .* with --ref"):
        learn(dataset.reads, other, out)
    assert not out.exists()


def test_unmapped_reads_are_told_of(dataset: SimulatedDataset, tmp_path: Path) -> None:
    unmapped = tmp_path / "u.bam"
    with pysam.AlignmentFile(str(dataset.reads)) as reads:
        header = reads.header
    with pysam.AlignmentFile(str(unmapped), "wb", header=header) as out:
        for number in range(50):
            lost = pysam.AlignedSegment(header)
            lost.query_name, lost.flag, lost.query_sequence = f"r{number}", 4, "ACGT" * 20
            out.write(lost)
    pysam.index(str(unmapped))
    with pytest.raises(InputError, match="no read in it is mapped"):
        learn(unmapped, dataset.reference, tmp_path / "p.npz")


def test_same_as_the_reference_is_its_base(dataset: SimulatedDataset, tmp_path: Path) -> None:
    """SAM, section 1.4.10: "=" in SEQ; the same is learnt as of letters, and not that all bases are wrong."""
    same = tmp_path / "same.bam"
    with Reference.open(dataset.reference) as reference, pysam.AlignmentFile(str(dataset.reads)) as reads:
        bases = reference.sequence("chrS", 0, reference.lengths["chrS"])
        with pysam.AlignmentFile(str(same), "wb", reads) as out:
            for read in reads:
                letters, qualities = list(read.query_sequence), read.query_qualities
                for at, position in read.get_aligned_pairs(matches_only=True):
                    if letters[at] == bases[position]:
                        letters[at] = "="
                read.query_sequence, read.query_qualities = "".join(letters), qualities
                out.write(read)
    pysam.index(str(same))
    for path, name in ((dataset.reads, "letters.npz"), (same, "same.npz")):
        learn(path, dataset.reference, tmp_path / name)
    letters, same_ones = (np.load(tmp_path / name) for name in ("letters.npz", "same.npz"))
    for name in letters.files:
        np.testing.assert_array_equal(letters[name], same_ones[name], err_msg=name)


def test_padding_is_no_base_of_the_reference(dataset: SimulatedDataset) -> None:
    with Reference.open(dataset.reference) as reference, pysam.AlignmentFile(str(dataset.reads)) as reads:
        read = pysam.AlignedSegment(reads.header)
        read.reference_id, read.reference_start = 0, 2_000
        read.query_sequence, read.cigarstring = "=NN==A=", "2S1M2P1I3M"
        bases = reference.sequence("chrS", 2_000, 2_004)
        assert _in_letters(read, reference).query_sequence == "NNN" + "N" + bases[1] + "A" + bases[3]


def test_a_file_that_breaks_off_is_told_of(dataset: SimulatedDataset, tmp_path: Path) -> None:
    cut = tmp_path / "cut.bam"
    content = dataset.reads.read_bytes()
    cut.write_bytes(content[: len(content) * 2 // 3])
    (tmp_path / "cut.bam.bai").write_bytes(dataset.reads.with_name(f"{dataset.reads.name}.bai").read_bytes())
    with pytest.raises(InputError, match=r"cut\.bam"):
        learn(cut, dataset.reference, tmp_path / "p.npz")
    assert not (tmp_path / "p.npz").exists()


def test_the_command_learns(
    dataset: SimulatedDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "p.npz"
    words = ["train", "learn", dataset.reads, "--ref", dataset.reference, "--out", out]
    code, _, err = run_captured(capsys, *words)
    assert (code, LearntReads.load(out).way) == (0, "pairs")
    assert "pairs of 150 bp" in err
    code, _, _ = run_captured(capsys, *words, "--way", "single")
    assert (code, LearntReads.load(out).way) == (0, "single")
    code, _, err = run_captured(capsys, *words, "--way", "both")
    assert code == 2
    assert "both" in err
