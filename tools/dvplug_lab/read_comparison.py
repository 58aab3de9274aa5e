"""Errors of real and simulated reads side by side: by kind, base quality, length of homopolymer, and behind repeats.

Both are counted alike: primary alignments, sites masked where many reads agree on another allele, no truth.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
from rich.table import Table

from dvplug.simulate.learn.after_runs import all_passed
from dvplug.simulate.learn.error_counts import MOST_CHANGE, PLAIN, ErrorCounts, count_errors
from dvplug.simulate.learn.observed_alleles import covered_intervals
from dvplug.simulate.learn.reads import way_of
from dvplug.simulate.learn.states import is_elsewhere, is_misread
from dvplug.system.rich_console import stdout

QUALITY_EDGES = (0, 10, 15, 20, 25, 30, 35, 40, 50, 94)
RUNS = ((1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (6, 7), (7, 8), (8, 10), (10, 13), (13, 18), (18, 25))
UNITS = ((8, 10), (10, 13), (13, 17), (17, 25), (25, 100))
FEWEST_PASSED = 30
"""Reads of which a mean is told."""
FIRST_READS = 300_000
"""Of either side, that are looked at for what follows repeats."""


def compare_profiles(
    real: Path, simulated: Path, real_ref: Path | None = None, most: int = 20_000_000, out: Path | None = None
) -> None:
    """Print the tables of a real BAM and a simulated folder, and write them as Markdown to ``out``.

    ``real_ref`` is not needed where real reads have MD tags. About ``most`` aligned bases of either are counted.
    """
    sides = [
        count_errors(real, real_ref, most)[0],
        count_errors(simulated / "reads.bam", simulated / "ref.fa", most)[0],
    ]
    tables = [
        ("errors per 1,000 bases", "kind", [by_kind(side) for side in sides]),
        ("wrong bases per 1,000, by quality", "quality", [by_quality(side) for side in sides]),
        ("homopolymers read too short / too long, %", "length, bp", [by_run(side) for side in sides]),
    ]
    if way_of(real) == "pairs" and real_ref is not None:
        of_real, of_simulated = (
            behind_repeats(bam, fasta)
            for bam, fasta in ((real, real_ref), (simulated / "reads.bam", simulated / "ref.fa"))
        )
        tables.append(("behind a repeat: mean quality, misread %", "units", [of_real, of_simulated]))
    text = []
    for title, first, (of_real, of_simulated) in tables:
        table = Table(first, "real", "simulated", title=title, title_justify="left")
        text += [f"\n{title}\n", f"| {first} | real | simulated |", "|---|--:|--:|"]
        for name, value in of_real.items():
            table.add_row(name, value, of_simulated[name])
            text.append(f"| {name} | {value} | {of_simulated[name]} |")
        stdout.print(table)
    if out:
        out.write_text("\n".join(text).lstrip() + "\n")


def behind_repeats(bam: Path, fasta: Path) -> dict[str, str]:
    """Mean quality of the bases between a repeat and the read's end, and how many are wrong, by the repeat's units."""
    quality, wrong, bases = np.zeros((3, len(UNITS)))
    reads = np.zeros(len(UNITS), np.int64)
    for contig, start, end in covered_intervals(bam, most=FIRST_READS):
        for passed, of_read in all_passed(bam, fasta, contig, start, end):
            i = int(np.searchsorted([low for low, _ in UNITS], passed.units, side="right")) - 1
            known = ~is_elsewhere(passed.state)
            quality[i] += of_read[known].sum()
            wrong[i] += is_misread(passed.state).sum()
            bases[i] += known.sum()
            reads[i] += 1
    return {
        f"{low}-{high - 1}": f"{quality[i] / bases[i]:.1f}, {100 * wrong[i] / bases[i]:.1f}"
        if reads[i] >= FEWEST_PASSED
        else "-"
        for i, (low, high) in enumerate(UNITS)
    }


def by_kind(counts: ErrorCounts) -> dict[str, str]:
    """Errors by kind per 1,000 bases; the change of a homopolymer's length is one error."""
    bases = counts.bases.sum()
    changes = counts.run_change.sum(axis=(0, 1, 2))
    kinds = {
        "substitution": counts.substituted.sum(),
        "homopolymer too short": changes[:MOST_CHANGE].sum(),
        "homopolymer too long": changes[MOST_CHANGE + 1 :].sum(),
        "other insertion": counts.indels[:, 0].sum(),
        "other deletion": counts.indels[:, 1].sum(),
    }
    return {name: f"{1000 * number / bases:.3f}" for name, number in kinds.items()}


def by_quality(counts: ErrorCounts) -> dict[str, str]:
    """Share of bases that are misread, inserted or of a homopolymer of wrong length, and of all bases, by quality."""
    of = counts.quality.sum(axis=(0, 2, 3))  # [state, quality]
    found = {}
    for low, high in pairwise(QUALITY_EDGES):
        total = of[:, low:high].sum()
        wrong = total - of[PLAIN, low:high].sum()
        share = 100 * total / of.sum()
        found[f"{low}-{high - 1}"] = f"{1000 * wrong / total:.2f} ({share:.1f} % of bases)" if total else "-"
    return found


def by_run(counts: ErrorCounts) -> dict[str, str]:
    """How often a homopolymer is read too short and too long, by its length."""
    changes = counts.run_change.sum(axis=(0, 1))
    found = {}
    for low, high in RUNS:
        part = changes[low:high].sum(axis=0)
        short, long = part[:MOST_CHANGE].sum(), part[MOST_CHANGE + 1 :].sum()
        total = max(part.sum(), 1)
        name = str(low) if high == low + 1 else f"{low}-{high - 1}"
        found[name] = f"{100 * short / total:.2f} / {100 * long / total:.2f}" if part.sum() >= 20 else "-"
    return found
