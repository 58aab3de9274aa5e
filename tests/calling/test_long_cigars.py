"""Calls of reads whose CIGAR lies in the tag CG, since it has too many operations for its field."""

from pathlib import Path

import pytest

from helpers.command import records, run, run_captured
from helpers.shared_data import SHARED, needs_shared

# Position and copies of each alt, as `samtools mpileup` shows them: all of 24 reads, or 12.
VARIANTS = {22980: 2, 26028: 1, 30767: 1, 35218: 1, 38606: 1, 42609: 1, 46899: 2}


@needs_shared
def test_all_variants_in_reads_with_the_tag_cg_are_called(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "x.vcf"
    small = SHARED / "small"
    given = ["--ref", str(small / "cg.fa"), "--reads", str(small / "cg_tag_ont.bam"), "--out", str(out)]
    command = ["call", "--tech", "ont", *given, "--regions", "c:20,000-50,000", "--workers", "1"]
    code, _, err = run_captured(capsys, *command)
    assert code == 2
    assert "reads differ from the reference by 2" in " ".join(err.split())
    assert run(*command, "--force") == 0
    found = [line.split("\t") for line in records(out)]
    assert {int(one[1]): one[9].split(":")[0].count("1") for one in found} == VARIANTS
