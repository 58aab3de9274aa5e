"""Write a model's card from its manifest and from what `compare_callers.py --json` measured, and how it was chosen."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from dvplug.evaluate.judged import KINDS, LEAST_CALLS, CalibrationBand, within_factor
from dvplug.system.outputs import write_output
from dvplug.train.compare import JOINT, MIXED, TARGET_ONLY, WARM_START, StrategyComparison
from dvplug.train.measured import metrics_of
from dvplug_lab.comparison.peers import BCFTOOLS_PRESETS, FREEBAYES_OPTIONS
from dvplug_lab.comparison.pictures import draw_calibration, draw_precision_recall, pooled_calibration
from dvplug_lab.comparison.sets import REAL
from dvplug_registry.example_sources import same_sources, sources_in_words
from dvplug_registry.first_stage import FirstStage
from dvplug_registry.manifest import Lapses, Manifest, Metric, Training
from dvplug_registry.model_folder import load_manifest


def metrics(comparison: Path) -> tuple[Metric, ...]:
    """Return dvplug's counts on every set of a comparison, as a manifest has them."""
    found = []
    for one in json.loads(comparison.read_text()):
        name = f"{one['set']}, {one['depth']:g}x"
        found += metrics_of(name, one["callers"]["dvplug"])
    return tuple(found)


def write_card(
    folder: Path,
    comparison: Path,
    out: Path,
    *,
    limits: tuple[str, ...] = (),
    profiles: dict[str, str] | None = None,
    robustness: Iterable[str] = (),
) -> None:
    """Write the card of the model in ``folder`` to ``out`` (Markdown), with its pictures beside it.

    Parameters
    ----------
    comparison
        The JSON file of `compare_callers.py`, run with this model.
    limits
        What a user must know before relying on the model.
    profiles
        Tables of real against simulated reads, by the name of the real ones.
    robustness
        Lines of the section of this name (`dvplug_lab.robustness.page`).
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    manifest = load_manifest(folder)
    measured = json.loads(comparison.read_text())
    lines = [
        *_about(manifest),
        *_limits(limits),
        *_accuracy(measured, manifest.technology),
        *_candidates(measured),
    ]
    lines += [*_curves(measured, out), *_calibration(measured, out), *_least_gq(measured)]
    lines += list(_strata(measured))
    lines += [*robustness, *_errors(measured), *_profiles(profiles or {})]
    if strategies_page(out).exists():
        lines += [
            "",
            "## How it was trained",
            "",
            f"[Four ways were compared]({strategies_page(out).name}).",
        ]
    if out.with_suffix(".png").exists():
        lines += ["", "## Fit", "", f"![Training loss and tune log-loss]({out.stem}.png)"]
    _write(lines, out)


def strategies_page(card: Path) -> Path:
    """Where `write_strategies` writes, beside a card."""
    return card.with_name(f"{card.stem}.strategies.md")


def write_strategies(found: StrategyComparison, tech: str, start: str, out: Path) -> None:
    """Write the table of a comparison of ways to train ``tech``, one of which starts from the model ``start``."""
    losses = {name: f"{loss:.4f}" for name, loss in found.tune_log_loss.items()}
    lines = [
        f"# Four ways to train {tech}",
        "",
        f"Each was shown {found.steps:,} batches: the technology's own examples from random weights (`{TARGET_ONLY}`),",
        f"the same from the weights of {start} (`{WARM_START}`), and both technologies' examples together from random",
        f"weights, without (`{MIXED}`) and with a vector that tells which is which (`{JOINT}`). The one with the",
        "lowest log-loss on the tune",
        f"examples is shipped: **{found.best}**. Test examples, at full depth, half and a quarter of the reads, are",
        "of the sets held out: genotypes of candidates, so variants that are no candidate are not counted.",
        "",
        "| way | tune log-loss | test examples | SNP F1 | FP / FN | INDEL F1 | FP / FN |",
        "|---|--:|---|--:|--:|--:|--:|",
    ]
    for one in sorted(found.tested, key=lambda one: one.shard):
        cells = [one.strategy, losses[one.strategy], one.shard.removeprefix("test.")]
        for counts in (one.snp, one.indel):
            cells += [f"{counts.f1:.4f}", f"{counts.fp} / {counts.fn}"]
        lines.append(f"| {' | '.join(cells)} |")
    _write(lines, out)


def _write(lines: list[str], out: Path) -> None:
    write_output(out, ("\n".join(lines) + "\n").encode())


def _about(manifest: Manifest) -> Iterator[str]:
    image, training = manifest.image, manifest.training
    yield f"# {manifest.label}"
    yield ""
    yield f"{manifest.description}. This page is written by `tools/evaluate_model.py`."
    yield ""
    yield "| | |"
    yield "|---|---|"
    yield f"| technology | {manifest.technology} |"
    yield f"| network | {manifest.architecture} |"
    yield f"| image | {image.height} x {image.width}, {', '.join(image.channels)} |"
    yield f"| features | {len(manifest.features)} |"
    precision = manifest.genotyper_settings.get("precision", "float32")
    yield f"| inference on a CPU | {precision}, within {manifest.tolerance:.3f} of float32 |"
    yield f"| temperatures | {', '.join(f'{t:.2f}' for t in manifest.temperatures)} (hom-ref, het, hom-alt) |"
    rates = manifest.lapse_rates
    yield f"| lapse rates, from phred on | {_lapses(rates.snp)} (SNP); {_lapses(rates.indel)} (indel) |"
    yield _trained_on(training)
    yield f"| held out | {training.held_out} |"
    yield f"| licence | {manifest.licence} |"
    yield ""
    if manifest.first_stage:
        yield from _first_stage(manifest.first_stage, training)


def _trained_on(training: Training) -> str:
    of = sources_in_words(training.data)
    return f"| trained on | {training.n_examples:,} examples, seed {training.seed}: {of} |"


def _first_stage(stage: FirstStage, training: Training) -> Iterator[str]:
    yield "## First stage"
    yield ""
    yield (
        f"Fitted to {_fitted_to(stage, training)}. It settles {stage.settled:,} of {stage.examples:,} tune examples "
        f"({stage.settled / stage.examples:.1%}) by their features, {stage.disagreements} of them otherwise than the "
        "network. An answer hom-ref, het, hom-alt is taken above "
        f"{_above(stage.snp)} (SNP); {_above(stage.indel)} (indel). Were all taken above one probability:"
    )
    yield ""
    yield "| above | settled | otherwise than the network | wrong | wrong by the network |"
    yield "|--:|--:|--:|--:|--:|"
    for one in stage.curve:
        numbers = (one.settled, one.disagreements, one.wrong, one.wrong_by_network)
        yield f"| {one.above:g} | {' | '.join(f'{number:,}' for number in numbers)} |"
    yield ""


def _fitted_to(stage: FirstStage, training: Training) -> str:
    if same_sources(stage.data, training.data):
        return f"{stage.data.partition(':')[0]} of the same reads"
    return sources_in_words(stage.data) or "the same"


def _above(thresholds: tuple[float, ...]) -> str:
    return ", ".join("never" if above == 1 else f"{above:g}" for above in thresholds)


def _lapses(lapses: Lapses) -> str:
    return ", ".join(f"{quality:g}: {rate:.2g}" for quality, rate in lapses)


def _limits(limits: tuple[str, ...]) -> Iterator[str]:
    if limits:
        yield "## Known limits"
        yield ""
        yield from (f"- {limit}" for limit in limits)
        yield ""


def _accuracy(measured: list[dict[str, Any]], technology: str) -> Iterator[str]:
    yield "## Accuracy"
    yield ""
    yield "All callers on the same reads and regions, counted by `dvplug evaluate` (genotype-aware, by haplotype)."
    yield "bcftools is not filtered, freebayes is by QUAL > 20. In brackets: 95 % Wilson intervals."
    for caller, options in (("bcftools mpileup", BCFTOOLS_PRESETS), ("freebayes", FREEBAYES_OPTIONS)):
        if technology in options:
            yield f"Option of {caller}: `{' '.join(options[technology])}`."
    yield ""
    if any(one["set"] in REAL for one in measured):
        yield "The real sets are not independent of the model: qualities and errors of the simulated"
        yield "training reads were learnt from these same reads, without their truth; the simulator's noise was set,"
        approximation = any(one["set"].startswith("na12878") for one in measured)
        more = " The confident regions of NA12878 are an approximation." if approximation else ""
        yield f"and the fit chosen, by looking at these sets.{more}"
    yield "Sets named held_out are simulated, of sequence, variants and seeds that nothing was trained on;"
    yield "stretches that are duplicated within them, and 2 kb at the ends of contigs, are left out."
    for one in measured:
        yield ""
        yield f"### {one['set']}, mean depth {one['depth']:g}"
        yield ""
        yield "| caller | class | TP | FP | FN | precision | recall | F1 |"
        yield "|---|---|--:|--:|--:|---|---|--:|"
        for caller, result in one["callers"].items():
            for kind in ("SNP", "INDEL"):
                yield _row(caller, kind, result[kind])
        ratio = one["ratio_to_better_peer"]
        if ratio is not None:
            yield ""
            yield f"Errors of dvplug: {one['callers']['dvplug']['errors']}, {100 * ratio:.0f} % of the better peer's."
    yield ""


def _row(caller: str, kind: str, counts: dict[str, Any]) -> str:
    cells = [caller, kind, *(str(counts[name]) for name in ("tp_truth", "fp", "fn"))]
    for name in ("precision", "recall"):
        low, high = counts[f"{name}_interval"]
        cells.append("-" if counts[name] is None else f"{counts[name]:.4f} [{low:.4f}, {high:.4f}]")
    cells.append("-" if counts["f1"] is None else f"{counts['f1']:.4f}")
    return f"| {' | '.join(cells)} |"


def _candidates(measured: list[dict[str, Any]]) -> Iterator[str]:
    yield "## Candidates and calls"
    yield ""
    yield "What the candidate sites would give with perfect genotypes, beside the calls made of them: the network must"
    yield "remove the false ones and can find nothing that is not among them."
    yield ""
    yield "| set | class | of | sensitivity | PPV | F1 | TP | FP | FN |"
    yield "|---|---|---|---|---|---|--:|--:|--:|"
    for one in measured:
        for kind in KINDS:
            for of, counts in (
                ("candidates", one["candidates"][kind]),
                ("calls", one["callers"]["dvplug"][kind]),
            ):
                cells = [f"{one['set']}, {one['depth']:g}x", kind, of]
                for name in ("recall", "precision", "f1"):
                    cells.append("-" if counts[name] is None else f"{counts[name]:.4f}")
                cells += [str(counts[name]) for name in ("tp_truth", "fp", "fn")]
                yield f"| {' | '.join(cells)} |"
    yield ""


def _curves(measured: list[dict[str, Any]], out: Path) -> Iterator[str]:
    picture = out.with_suffix(".precision_recall.png")
    draw_precision_recall(measured, picture)
    yield "## Precision and recall"
    yield ""
    yield "As the least QUAL rises; freebayes begins at 20."
    yield ""
    yield f"![Precision against recall]({picture.name})"
    yield ""


def _calibration(measured: list[dict[str, Any]], out: Path) -> Iterator[str]:
    picture, bands = out.with_suffix(".calibration.png"), pooled_calibration(measured)
    draw_calibration(bands, picture)
    large = [band for band in bands if band["calls"] >= LEAST_CALLS]
    outside = [band for band in large if not within_factor(band)]
    yield "## Is GQ true?"
    yield ""
    yield "Share of wrong calls against the one that GQ promises, all sets together; grey: a factor of three."
    yield f"Of {len(large)} bands with {LEAST_CALLS} calls or more, {len(large) - len(outside)} lie within it"
    yield "(95 % intervals)."
    yield ""
    yield f"![Observed error by GQ]({picture.name})"
    yield ""
    yield "| class | genotype | GQ | calls | wrong | by GQ | within a factor of 3 |"
    yield "|---|---|---|--:|--:|--:|---|"
    for band in large:
        low, high = band["gq"]
        cells = [band["type"], band["genotype"], f"{low}-{high - 1}", str(band["calls"]), str(band["wrong"])]
        yield f"| {' | '.join(cells)} | {band['expected']:.1f} | {'yes' if within_factor(band) else 'no'} |"
    yield ""


def _least_gq(measured: list[dict[str, Any]]) -> Iterator[str]:
    """What `--min-gq` keeps, of the sets as deep as they are."""
    full: dict[str, dict[str, Any]] = {}
    for one in sorted(measured, key=lambda one: float(one["depth"])):
        full[str(one["set"]).removesuffix("_15x")] = one
    bands = pooled_calibration(list(full.values()))
    yield "## What a least GQ costs"
    yield ""
    yield f"With `--min-gq` of so much: right calls that are kept, and wrong ones. Of {', '.join(sorted(full))}."
    yield ""
    yield "| class | GQ of at least | right | wrong |"
    yield "|---|--:|--:|--:|"
    for kind in KINDS:
        of_kind = [band for band in bands if band["type"] == kind]
        right = sum(band["calls"] - band["wrong"] for band in of_kind)
        for least in sorted({band["gq"][0] for band in of_kind}):
            kept = [band for band in of_kind if band["gq"][0] >= least]
            still_right, wrong = (sum(counts) for counts in zip(*map(_right_and_wrong, kept), strict=True))
            share = f"{100 * still_right / right:.1f} %" if right else "-"
            yield f"| {kind} | {least} | {share} | {wrong} |"
    yield ""


def _right_and_wrong(band: CalibrationBand) -> tuple[int, int]:
    return band["calls"] - band["wrong"], band["wrong"]


def _strata(measured: list[dict[str, Any]]) -> Iterator[str]:
    yield "## By homopolymer and depth"
    yield ""
    yield "TP / FP / FN of each caller, all sets together. Homopolymer: the longest run of one base at the variant, bp."
    for name in ("homopolymer", "depth"):
        callers = list(measured[0]["strata"])
        yield ""
        yield f"| {name} | class | {' | '.join(callers)} |"
        yield f"|---|---|{'---|' * len(callers)}"
        for label in measured[0]["strata"][callers[0]][name]:
            for kind in KINDS:
                cells = []
                for caller in callers:
                    parts = [one["strata"][caller][name][label][kind] for one in measured]
                    cells.append(" / ".join(str(sum(column)) for column in zip(*parts, strict=True)))
                yield f"| {label} | {kind} | {' | '.join(cells)} |"
    yield ""


def _profiles(profiles: dict[str, str]) -> Iterator[str]:
    if profiles:
        yield ""
        yield "## Real reads and simulated ones"
        yield ""
        yield "How reads err, counted alike on the real reads that errors were learnt from and on simulated ones."
    for name, tables in profiles.items():
        yield ""
        yield f"### {name}"
        yield ""
        yield tables.rstrip()


def _errors(measured: list[dict[str, Any]]) -> Iterator[str]:
    """List every error on real reads at full depth: those few can be looked at one by one."""
    if not any(one["set"] in REAL for one in measured):
        return
    yield "## Errors on real reads"
    yield ""
    yield "Counts of reads are an independent pileup's, by CIGAR. Where a false heterozygote shares fragments with the"
    yield "truth's, `linked` says in how many pairs of a fragment and a true heterozygote the two fit to one haplotype:"
    yield "if in all of many, the reads show a variant that the truth lacks."
    for one in measured:
        if one["set"] not in REAL:
            continue
        yield ""
        yield f"{one['set']}:"
        yield ""
        for error in one["dvplug_errors"]:
            calls = "; ".join(error["calls"]) or "no call"
            truth = "; ".join(error["truth"]) or "nothing"
            reads = ", ".join(f"{allele} {count}" for allele, count in error["reads"].items())
            what = f"{error['status']} {error['variant']} {error['where']}"
            fits = f"; linked {error['linked'][0]} of {error['linked'][1]}" if error.get("linked") else ""
            yield f"- {what}: called {calls}; truth {truth}; reads {reads}{fits}"
        if not one["dvplug_errors"]:
            yield "- none"
