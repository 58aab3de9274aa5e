"""The real reads of each technology, called with the models of all: why technologies are plugins."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from dvplug_lab.comparison.callers import run_caller
from dvplug_lab.comparison.compared import OURS, Compared
from dvplug_lab.comparison.sets import REAL, as_long_as_aligned, confident_regions, find_set, mean_depth
from dvplug_lab.recipes import RECIPES


def cross_technology(shared: Path, workers: int) -> str:
    """Return, as Markdown, the errors (FP + FN) of every technology's model on every real set."""
    shipped = [tech for tech, recipe in RECIPES.items() if any(recipe.models.glob(f"{tech}-*"))]
    lines = [f"| reads | variants | {' | '.join(f'`{tech}`' for tech in shipped)} |"]
    lines.append(f"|---|--:|{'--:|' * len(shipped)}")
    with TemporaryDirectory(prefix="cross-technology-") as temporary:
        for name in REAL:
            found = as_long_as_aligned(find_set(name, shared), Path(temporary))
            depth = mean_depth(found.reads, confident_regions(found))
            cells = []
            for tech in shipped:
                compared = Compared(name, depth)
                folder = Path(temporary) / name / tech
                run_caller(compared, replace(found, tech=tech), OURS, folder, None, workers)
                errors = str(compared.wrong(OURS))
                cells.append(f"**{errors}**" if tech == found.tech else errors)
                result = compared.of[OURS]
            variants = sum(counts.tp_truth + counts.fn for counts in (result.snp, result.indel))
            lines.append(f"| {name}, {depth:.0f}x | {variants} | {' | '.join(cells)} |")
    return "\n".join(lines)
