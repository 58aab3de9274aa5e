"""Candidates that lie too dense end a run, or are warned of."""

import random
from pathlib import Path

import numpy as np
import pysam
import pytest

from dvplug.calling.candidate_density import CandidateDensity
from dvplug.engine.draw import _covered
from dvplug.errors import InputError
from dvplug.line.region import Region
from dvplug.line.result import Counts
from helpers.command import run_captured
from helpers.read_batches import Read, random_sequence, read_batch, write_fasta


def watched(*parts: tuple[str, int, int], force: bool = False) -> None:
    density = CandidateDensity("r.fa", force=force)
    for contig, found, covered in parts:
        density.add(contig, Counts(found=found, covered=covered))
    density.finish()


@pytest.mark.parametrize(
    "parts",
    [
        [("c", 90, 1000)] * 5,  # a SNP every 30 bp has a third of that
        [("c", 1999, 1999)],  # one odd place
        [("c", 50_000, 50_000), ("c", 0, 950_000)],
        [("c", 0, 0)],
    ],
)
def test_few_or_odd_candidates_pass_in_silence(
    parts: list[tuple[str, int, int]], capsys: pytest.CaptureFixture[str]
) -> None:
    watched(*parts)
    assert capsys.readouterr().err == ""


def test_a_contig_is_judged_at_its_end_and_a_long_one_before() -> None:
    with pytest.raises(InputError, match=r"do not fit contig 'a' of r\.fa.*35%"):
        watched(("a", 700, 2000), ("b", 0, 10**9))
    density = CandidateDensity("r.fa", force=False)
    density.add("c", Counts(found=20_000, covered=99_999))
    with pytest.raises(InputError, match="do not fit contig 'c'"):
        density.add("c", Counts(found=1000, covered=1000))


def test_force_warns_once_of_each_contig(capsys: pytest.CaptureFixture[str]) -> None:
    watched(*[("c", 50_000, 100_000)] * 3, ("d", 1000, 2000), force=True)
    assert capsys.readouterr().err.count("do not fit contig") == 2


def test_between_the_limits_it_is_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    watched(("c", 300, 2000))
    assert "15% of the bases under reads on contig 'c'" in " ".join(capsys.readouterr().err.split())


def test_covered_bases_are_those_under_reads_of_targets() -> None:
    rng = random.Random(3)
    for _ in range(50):
        starts = sorted(rng.randrange(300) for _ in range(rng.randrange(1, 12)))
        reads = [Read(s, f"{n}M", "A" * n) for s in starts if (n := rng.randrange(1, 40))]
        targets = (Region("c", 20, 90), Region("c", 90, 130), Region("c", 200, 310))
        under = np.zeros(400, np.bool_)
        for read in reads:
            under[read.start : read.end] = True
        assert _covered(read_batch(reads), targets) == sum(under[t.start : t.end].sum() for t in targets)


def test_a_wrong_contig_among_right_ones_ends_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Most reads fit, so that only calling shows it."""
    rng = random.Random(4)
    truth = {"good": random_sequence(rng, 12_000), "bad": random_sequence(rng, 3_000)}
    write_fasta(tmp_path / "given.fa", truth | {"bad": random_sequence(rng, 3_000)})
    lines = ["@HD\tVN:1.6\tSO:coordinate", *(f"@SQ\tSN:{n}\tLN:{len(s)}" for n, s in truth.items())]
    lines.append("@RG\tID:1\tSM:s\tPL:ILLUMINA")
    for name, sequence in truth.items():
        for at in range(0, len(sequence) - 150, 12):
            lines.append(
                f"{name}{at}\t0\t{name}\t{at + 1}\t60\t150M\t*\t0\t0\t{sequence[at : at + 150]}\t{'I' * 150}\tRG:Z:1"
            )
    (tmp_path / "r.sam").write_text("\n".join(lines) + "\n")
    pysam.view("-b", "-o", str(tmp_path / "r.bam"), str(tmp_path / "r.sam"), catch_stdout=False)
    pysam.index(str(tmp_path / "r.bam"))
    out = tmp_path / "out.vcf"
    words = [
        "call",
        "--tech",
        "illumina-wgs",
        "--ref",
        tmp_path / "given.fa",
        "--reads",
        tmp_path / "r.bam",
        "--out",
        out,
    ]
    code, _, err = run_captured(capsys, *words)
    assert code == 2
    assert "do not fit contig 'bad'" in " ".join(err.split())
    assert not list(tmp_path.glob("*out.vcf*"))  # nor a journal, which no run could go on with
    assert "--resume" not in err
    code, _, err = run_captured(capsys, *words, "--regions", "good")
    assert code == 0
    assert "fit contig" not in err
