"""The section "Robustness" says what was measured, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

from dvplug_lab.robustness.found import (
    AS_IS,
    Counted,
    Errors,
    GqBand,
    ReadsMeasured,
    Robustness,
    TruthFree,
)
from dvplug_lab.robustness.page import section


def _measured(name: str, reads: str, ours: Errors | None) -> ReadsMeasured:
    theirs = Errors(3, 1, 2, 1, 100, 20)
    errors = {"bcftools": theirs, "freebayes": theirs, "dvplug": ours}
    return ReadsMeasured(name, reads, 31.6, errors, {"SNP": 0.914, "INDEL": None})


def _found() -> Robustness:
    found = Robustness("ion", "ion@2.0.0")
    found.shifted = [
        _measured("a_set", AS_IS, Errors(1, 1, 0, 0, 100, 20)),
        _measured("a_set", "quality-8", Errors(1, 4, 0, 1, 97, 19)),
        _measured("a_set", "single", None),
    ]
    found.libraries = [_measured("a SNP every 30 bp", AS_IS, Errors(25, 50, 0, 0, 75, 0))]
    found.flow = [_measured("2 % of flows wrong, own qualities", AS_IS, Errors(9, 0, 0, 0, 100, 20))]
    found.truth_free = [
        TruthFree(
            "alleles that must be found", "alleles",
            {"dvplug": Counted(38, 40), "bcftools": Counted(40, 40), "freebayes": Counted(37, 40)},
            more_is_better=True,
        ),
        TruthFree(
            "calls of one copy", "bp",
            {"dvplug": Counted(1, 50_000), "bcftools": Counted(2, 50_000), "freebayes": Counted(0, 50_000)},
        ),
    ]  # fmt: skip
    found.gq = [GqBand("SNP", 20, 30, 200, 1, 0.8)]
    return found


def test_every_figure_is_told() -> None:
    text = "\n".join(section(_found()))
    assert text.startswith("## Robustness\n\nOf ion@2.0.0, by")
    row = "| a_set | as they are | 32x | 1/1; 0/0; 2 | 3/1; 2/1; 7 | 3/1; 2/1; 7 | 91 %, - | pass |"
    assert row in text
    assert "| a_set | quality-8 | 32x | 1/4; 0/1; 6 |" in text
    assert "**fails**: more than 1.5 x 2 + 2 |" in text
    assert "| a_set | single | 32x | not called |" in text
    assert "**1 of 3 pass.**" in text
    recall, precision = 75 / 125, 75 / 100
    assert (
        f"| a SNP every 30 bp | 32x | 125 | {recall:.3f} | {precision:.3f} | 0.914 | 0.990 | 0.971 |" in text
    )
    assert (
        "own qualities | 32x | 9/0; 0/0; 9 | 3/1; 2/1; 7 | 3/1; 2/1; 7 | 91 %, - | **fails**: above bcftools |"
        in text
    )
    assert "| alleles that must be found | 38 of 40 | 40 of 40 | 37 of 40 | **fails** |" in text
    assert (
        "| calls of one copy | 1 (2.0 per 100 kb) | 2 (4.0 per 100 kb) | 0 (0.0 per 100 kb) | pass |" in text
    )
    assert "| SNP | 20-29 | 200 | 1 | 0.0040 | 0.0050 [" in text


def test_what_was_not_measured_has_no_heading() -> None:
    found = Robustness("ion", "ion@2.0.0", notes=["Nothing to shift."])
    text = "\n".join(section(found))
    assert "Nothing to shift." in text
    assert "###" not in text


def test_json_has_everything(tmp_path: Path) -> None:
    _found().write(tmp_path / "found.json")
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["shifted"][1]["errors"]["dvplug"]["snp_fn"] == 4
    assert found["shifted"][2]["errors"]["dvplug"] is None
    assert found["truth_free"][0]["counts"]["freebayes"] == {"count": 37, "of": 40}
    assert found["gq"][0]["claimed"] == 0.8
