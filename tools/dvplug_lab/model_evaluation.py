"""Measure a model and write its card: held-out reads, all callers, other reads, real against simulated reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dvplug.errors import InputError
from dvplug_lab.comparison.callers import CallerComparison
from dvplug_lab.comparison.compared import write_json
from dvplug_lab.comparison.sets import real_sets
from dvplug_lab.model_card import metrics, write_card
from dvplug_lab.model_run import ModelRun
from dvplug_lab.read_comparison import compare_profiles
from dvplug_lab.read_sets import sets_of
from dvplug_lab.recipes import HELD_OUT_TEXT
from dvplug_lab.robustness.measure import RobustnessRun, measure_robustness
from dvplug_lab.robustness.page import section
from dvplug_lab.training_reads.build import build_absent, is_made
from dvplug_registry.model_folder import load_manifest, save_manifest


def evaluate_model(options: ModelRun, model: Path | None = None) -> None:
    """Measure the model in a folder, by default the shipped one, and write its card and its manifest's metrics."""
    model = (model or options.recipe.models / options.label).resolve()
    manifest = load_manifest(model)
    if manifest.training.held_out != HELD_OUT_TEXT:
        raise InputError(
            f"{manifest.label} may have been trained on what is held out here",
            cause=f"it was kept from {manifest.training.held_out}",
            repair="Build it again with tools/build_model.py, or measure it with tools/compare_callers.py.",
        )
    held_out = [chosen for chosen in sets_of(options.tech) if chosen.held_out]
    build_absent(held_out, options.shared, options.reads, options.workers)
    profile_tables = compare_simulated_with_real(options)
    # Names, or folders of sets, as `find_set` takes them.
    sets = [*real_sets(options.tech), *(str(options.reads / chosen.name) for chosen in held_out)]
    comparison = CallerComparison(options.tech, model=str(model), workers=options.workers)
    comparison_json = options.work / "comparison.json"
    write_json(comparison.run(sets, options.shared, options.work / "comparison"), comparison_json)
    save_manifest(model, manifest.model_copy(update={"metrics": metrics(comparison_json)}))
    write_card(
        model,
        comparison_json,
        options.cards / f"{model.name}.md",
        limits=options.recipe.limits,
        profiles=profile_tables,
        robustness=robustness_section(options, model),
    )


def robustness_section(run: ModelRun, model: Path) -> Iterator[str]:
    """Measure how the model bears other reads; lines for its card, and all figures in robustness.json."""
    kept = run.work / "robustness"
    found = measure_robustness(
        RobustnessRun(run.tech, model, kept, run.shared, run.reads, workers=run.workers)
    )
    found.write(run.work / "robustness.json")
    return section(found)


def compare_simulated_with_real(run: ModelRun) -> dict[str, str]:
    """Compare each real BAM that errors were learnt from with one simulated set; tables by the BAM's name."""
    found: dict[str, str] = {}
    for chosen in sets_of(run.tech):
        name = Path(chosen.profile_bam).stem
        if name in found or not is_made(chosen, run.reads):
            continue
        fasta = run.shared / chosen.profile_fasta if chosen.profile_fasta else None
        out = run.work / f"profile.{name}.md"
        compare_profiles(run.shared / chosen.profile_bam, run.reads / chosen.name, fasta, out=out)
        found[name] = f"Simulated: `{chosen.name}`.\n\n{out.read_text()}"
    return found
