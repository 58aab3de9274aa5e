"""Measure a shipped model and write its card: all figures of model_cards/ in one command per technology.

    python tools/evaluate_model.py --tech pacbio --shared ../shared/data --work DIR

simulates the held-out reads (what is in the work folder is not made again), calls them and the real sets with dvplug,
bcftools and freebayes, at full depth and thinned to 15x, and writes the card, its pictures and the manifest's metrics.
"""

from __future__ import annotations

from pathlib import Path

from cyclopts import App

import build_training_reads
from compare_callers import compare_callers
from compare_profiles import compare_profiles
from dvplug.errors import InputError
from dvplug_lab.comparison.sets import real_sets
from dvplug_lab.model_card import metrics, write_card
from dvplug_lab.read_sets import ReadSet, sets_of
from dvplug_lab.recipes import HELD_OUT_TEXT, REPOSITORY, SHARED, recipe_of
from dvplug_lab.script import run
from dvplug_registry.model_folder import load_manifest, save_manifest

app = App(help=__doc__, help_format="plaintext")


@app.default
def evaluate_model(
    *,
    tech: str,
    shared: Path = SHARED,
    work: Path,
    model: Path | None = None,
    cards: Path = REPOSITORY / "model_cards",
    version: str = "1.0.0",
    workers: int = 2,
) -> None:
    """Measure a model and write its card.

    Parameters
    ----------
    tech
        The technology.
    shared
        The folder of real data.
    work
        Where reads and measurements go.
    model
        The model's folder; by default the shipped one of this version.
    cards
        Where the card and its pictures go.
    version
        Of the shipped model.
    workers
        Processes.
    """
    recipe = recipe_of(tech)
    model = (model or recipe.models / f"{tech}-{version}").resolve()
    manifest = load_manifest(model)
    if manifest.training.held_out != HELD_OUT_TEXT:
        raise InputError(
            f"{manifest.label} was trained on what is held out here",
            cause=f"it was kept from {manifest.training.held_out}",
            repair="Build it again with tools/build_model.py, or measure it with tools/compare_callers.py.",
        )
    held_out = [chosen for chosen in sets_of(tech) if chosen.held_out]
    simulate_reads(held_out, shared, work / "reads", workers)
    profiles = compare_reads(tech, shared, work)
    measured = work / "comparison.json"
    compare_callers(
        sets=[*real_sets(tech), *(str(work / "reads" / chosen.name) for chosen in held_out)],
        tech=tech,
        model=str(model),
        workers=workers,
        shared=shared,
        out=work / "comparison",
        json=measured,
    )
    save_manifest(model, manifest.model_copy(update={"metrics": metrics(measured)}))
    write_card(model, measured, cards / f"{model.name}.md", limits=recipe.limits, profiles=profiles)


def simulate_reads(sets: list[ReadSet], shared: Path, out: Path, threads: int) -> None:
    """Make the read sets that are not there; raises InputError when one was made by another recipe."""
    absent = tuple(chosen.name for chosen in sets if not is_made(chosen, out))
    if absent:
        build_training_reads.train(
            shared=shared, out=out, tech=sets[0].technology, only=absent, threads=threads
        )


def is_made(chosen: ReadSet, out: Path) -> bool:
    """Tell whether a read set is there; raises InputError when its folder was made by another recipe."""
    done = out / chosen.name / "done.txt"
    if not done.exists():
        return False
    if done.read_text().splitlines()[0] != str(chosen):
        raise InputError(
            f"the reads in {done.parent} were made by another recipe than the present one of '{chosen.name}'",
            cause="a model of a mixture of both could not be made again",
            repair="Give a new work folder, or remove that of the reads and what was made of them.",
        )
    return True


def compare_reads(tech: str, shared: Path, work: Path) -> dict[str, str]:
    """Compare each real BAM that errors were learnt from with one simulated set; tables by the BAM's name."""
    found: dict[str, str] = {}
    for chosen in sets_of(tech):
        simulated, name = work / "reads" / chosen.name, Path(chosen.profile_bam).stem
        if name in found or not is_made(chosen, work / "reads"):
            continue
        fasta = shared / chosen.profile_fasta if chosen.profile_fasta else None
        out = work / f"profile.{name}.md"
        compare_profiles(real=shared / chosen.profile_bam, simulated=simulated, real_ref=fasta, out=out)
        found[name] = f"Simulated: `{chosen.name}`.\n\n{out.read_text()}"
    return found


if __name__ == "__main__":
    run(app)
