"""`dvplug call` read without cyclopts, and what it does without."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cyclopts import CycloptsError

from dvplug.calling.options import CallOptions, option_fields
from dvplug.cli.commands import app
from dvplug.cli.plain_call import read_plain
from dvplug.simulate import SimulatedDataset
from helpers.command import call_words

REQUIRED = ["--tech", "x", "--ref", "a.fa", "--reads", "b.bam", "--out", "c.vcf"]
WORDS = [
    "x.bam",
    "-",
    "--",
    "-1",
    "3",
    "2.5",
    "1e3",
    "male",
    "MALE",
    "20:1-2",
    "[1]",
    "{}",
    "",
    "a=b",
    "true",
    "4G",
]


def by_cyclopts(words: list[str]) -> dict[str, Any] | None:
    """The options as cyclopts reads them; None where it refuses."""
    try:
        _, bound, _ = app.parse_args(words, exit_on_error=False, print_error=False)
    except CycloptsError:
        return None
    return dict(bound.arguments)


def test_what_is_read_is_what_cyclopts_reads() -> None:
    rng, fields = random.Random(1), option_fields(CallOptions)
    flags = [*(field.flag for field in fields), "--no-force", "--min-gq=3", "--help", "--unknown"]
    plain = 0
    for _ in range(400):
        words = ["call", *(REQUIRED if rng.random() < 0.9 else REQUIRED[2:])]
        for flag in rng.sample(flags[4:] if rng.random() < 0.9 else flags, rng.randrange(3)):
            words += [flag, *(rng.choice(WORDS) for _ in range(rng.choice((0, 1, 1, 1, 2))))]
        found = read_plain(words)
        if found is not None:
            plain += 1
            assert found == by_cyclopts(words), words
            assert [type(value) for value in found.values()] == [type(by_cyclopts(words)[n]) for n in found]
    assert plain > 80


@pytest.mark.parametrize(
    "more",
    [
        ("--workers", "2", "--device", "cpu", "--regions", "20:1-200", "exome.bed", "--force"),
        ("--min-qual", "3", "--min-gq", "5", "--sex", "male", "--par-bed", "par.bed", "--max-memory", "4G"),
        ("--gvcf", "x.g.vcf.gz", "--report", "x.html", "--keep-ref-calls", "--read-group", "a", "b"),
    ],
)
def test_usual_lines_are_plain(more: tuple[str, ...]) -> None:
    words = ["call", *REQUIRED, *more]
    assert read_plain(words) == by_cyclopts(words)


def test_results_on_stdout_are_plain() -> None:
    assert (read_plain(["call", *REQUIRED[:-1], "-"]) or {})["out"] == "-"


@pytest.mark.parametrize(
    "words",
    [
        [], ["--help"], ["cohort", *REQUIRED], ["call"], ["call", "--help"], ["call", *REQUIRED[2:]],
        ["call", *REQUIRED, "--tech", "y"], ["call", *REQUIRED, "--workers=2"], ["call", *REQUIRED, "--workers", "two"],
        ["call", *REQUIRED, "--no-force"], ["call", *REQUIRED, "--sex", "MALE"], ["call", "x", *REQUIRED],
    ],
)  # fmt: skip
def test_other_lines_are_left_to_cyclopts(words: list[str]) -> None:
    assert read_plain(words) is None


def test_a_call_starts_without_what_it_does_not_need(dataset: SimulatedDataset, tmp_path: Path) -> None:
    words = call_words(dataset, tmp_path / "x.vcf", "--regions", "chrS:1-3000")
    code = (
        "import os, sys\nfrom dvplug.cli import main\nbefore = dict(os.environ)\n"
        f"try: main({words!r})\nexcept SystemExit as e: assert e.code == 0, e.code\n"
        "assert os.environ == before\nprint('MODULES', *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = {name.partition(".")[0] for name in done.stdout.rsplit("MODULES", 1)[1].split()}
    assert "numpy" in modules
    assert not modules & {"cyclopts", "rich", "tensorflow"}
    assert "Calling illumina-wgs" in done.stderr
