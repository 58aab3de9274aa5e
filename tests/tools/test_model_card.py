"""The model card says what the comparison measured, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import dvplug_illumina
from dvplug.train import compare
from dvplug_lab.model_card import metrics, strategies_page, write_card, write_strategies
from dvplug_registry.example_sources import same_sources, sources_in_words
from dvplug_registry.first_stage import FirstStage, SettledShare
from dvplug_registry.model_folder import load_manifest, save_manifest
from helpers.places import ROOT
from helpers.staged_model import staged_model


def counts(tp: int, fp: int, fn: int) -> dict[str, Any]:
    precision, recall = tp / (tp + fp), tp / (tp + fn)
    f1 = 2 * precision * recall / (precision + recall)
    return {
        "tp_truth": tp, "tp_query": tp, "fp": fp, "fn": fn, "precision": precision, "recall": recall, "f1": f1,
        "precision_interval": [0.5, 1.0], "recall_interval": [0.5, 1.0],
    }  # fmt: skip


@pytest.fixture
def comparison(tmp_path: Path) -> Path:
    ours = {"SNP": counts(90, 3, 7), "INDEL": counts(20, 0, 1), "errors": 11}
    theirs = {"SNP": counts(80, 13, 17), "INDEL": counts(10, 1, 11), "errors": 42}
    error = {
        "status": "FN", "variant": "SNP", "where": "20:77", "why": "absent", "calls": [], "truth": ["77 A>C 0/1"],
        "reads": {"A": 9, "C": 4},
    }  # fmt: skip
    path = tmp_path / "comparison.json"
    one = {
        "set": "hg002_illumina", "depth": 31.5, "callers": {"bcftools": theirs, "dvplug": ours},
        "ratio_to_better_peer": 11 / 42, "dvplug_errors": [error],
        "candidates": {"SNP": counts(95, 30, 2), "INDEL": counts(21, 40, 0)},
        "precision_recall": {
            name: {"SNP": [[3.0, 0.9, 0.8], [40.0, 0.5, 1.0]], "INDEL": []} for name in ("bcftools", "dvplug")
        },
        "calibration": [
            {"type": "SNP", "genotype": "het", "gq": [20, 25], "calls": 400, "wrong": 2, "expected": 2.4},
            {"type": "SNP", "genotype": "het", "gq": [40, 50], "calls": 300, "wrong": 30, "expected": 0.1},
            {"type": "INDEL", "genotype": "het", "gq": [40, 50], "calls": 30, "wrong": 3, "expected": 0.1},
        ],
        "strata": {
            name: {"depth": {"10-19": {"SNP": [90, 3, 7], "INDEL": [20, 0, 1]}}, "homopolymer": {}}
            for name in ("bcftools", "dvplug")
        },
    }  # fmt: skip
    path.write_text(json.dumps([one]))
    return path


def test_metrics_are_the_counts_of_dvplug(comparison: Path) -> None:
    snp, indel = metrics(comparison)
    assert (snp.set, snp.type, snp.tp, snp.fp, snp.fn) == ("hg002_illumina, 31.5x", "SNP", 90, 3, 7)
    assert snp.f1 == pytest.approx(180 / 190)
    assert (indel.type, indel.fn) == ("INDEL", 1)


def test_card_holds_every_caller_and_every_error(comparison: Path, tmp_path: Path) -> None:
    (model,) = (Path(dvplug_illumina.__file__).parent / "models").glob("illumina-wgs-*")
    tables = {"reads.bam": "| kind | real | simulated |"}
    robust = ["## Robustness", "", "Measured.", ""]
    card = tmp_path / "cards" / "card.md"
    write_card(model, comparison, card, limits=("Simulated.",), profiles=tables, robustness=robust)
    assert (tmp_path / "cards" / "card.calibration.png").exists()
    assert (tmp_path / "cards" / "card.precision_recall.png").exists()
    text = (tmp_path / "cards" / "card.md").read_text()
    assert text.startswith("# illumina-wgs@")
    assert (
        "| dvplug | SNP | 90 | 3 | 7 | 0.9677 [0.5000, 1.0000] | 0.9278 [0.5000, 1.0000] | 0.9474 |" in text
    )
    assert "| bcftools | INDEL | 10 | 1 | 11 |" in text
    assert "Errors of dvplug: 11, 26 % of the better peer's." in text
    assert "## Known limits\n\n- Simulated.\n" in text
    assert "| hg002_illumina, 31.5x | INDEL | candidates | 1.0000 | 0.3443 | 0.5122 | 21 | 40 | 0 |" in text
    assert "1 lie within it" in text.replace("\n", " ")
    assert "| SNP | het | 20-24 | 400 | 2 | 2.4 | yes |" in text
    assert "| SNP | het | 40-49 | 300 | 30 | 0.1 | no |" in text
    assert "| INDEL | het | 40-49" not in text
    assert "| SNP | 20 | 100.0 % | 32 |" in text
    assert "| SNP | 40 | 40.4 % | 30 |" in text  # 270 of 398 + 270
    assert "| INDEL | 40 | 100.0 % | 3 |" in text
    assert "| 10-19 | SNP | 90 / 3 / 7 | 90 / 3 / 7 |" in text
    assert "\n\n## Robustness\n\nMeasured.\n\n## Errors on real reads\n" in text
    assert "### reads.bam\n\n| kind | real | simulated |" in text
    assert "- FN SNP 20:77: called no call; truth 77 A>C 0/1; reads A 9, C 4" in text


def test_the_card_leads_to_how_its_model_was_chosen(comparison: Path, tmp_path: Path) -> None:
    (model,) = (Path(dvplug_illumina.__file__).parent / "models").glob("illumina-wgs-*")
    snp, indel = compare.GenotypeCounts(tp=90, fp=3, fn=7), compare.GenotypeCounts(tp=0, fp=0, fn=2)
    found = compare.StrategyComparison(
        steps=1200,
        tune_log_loss={compare.TARGET_ONLY: 0.5, compare.WARM_START: 0.25, compare.JOINT: 0.375},
        tested=(
            compare.Tested(
                strategy=compare.WARM_START, shard="test.exome_held_out.0.5", snp=snp, indel=indel
            ),
        ),
    )
    card = tmp_path / "card.md"
    write_card(model, comparison, card)
    assert "card.strategies.md" not in card.read_text()
    write_strategies(found, "wes", "wgs-1.0.0", strategies_page(card))
    write_card(model, comparison, card)
    assert "(card.strategies.md)" in card.read_text()
    page = strategies_page(card).read_text()
    assert "shown 1,200 batches" in page
    assert "**warm-start**" in page
    assert "| warm-start | 0.2500 | exome_held_out.0.5 | 0.9474 | 3 / 7 | 0.0000 | 0 / 2 |" in page


def test_the_card_tells_what_a_first_stage_settles(comparison: Path, tmp_path: Path) -> None:
    model = staged_model(tmp_path, 0.97)
    manifest = load_manifest(model)
    stage = FirstStage(
        snp=(0.97, 0.98, 1.0), indel=(0.99,) * 3, data="9 examples", examples=1000, settled=800, disagreements=3,
        curve=(SettledShare(above=0.97, settled=810, disagreements=4, wrong=7, wrong_by_network=6),),
    )  # fmt: skip
    save_manifest(model, manifest.model_copy(update={"first_stage": stage}))
    write_card(model, comparison, tmp_path / "card.md")
    page = (tmp_path / "card.md").read_text()
    assert "Fitted to 9 examples. It settles 800 of 1,000 tune examples (80.0%)" in page
    assert "above 0.97, 0.98, never (SNP); 0.99, 0.99, 0.99 (indel)" in page
    assert "| 0.97 | 810 | 4 | 7 | 6 |" in page
    training = manifest.training.model_copy(update={"data": "simulated a_1 x 1; simulated a_2 x 1"})
    of_one = stage.model_copy(update={"data": "9 examples: simulated a_2 x 1; simulated a_1 x 1"})
    save_manifest(model, manifest.model_copy(update={"first_stage": of_one, "training": training}))
    write_card(model, comparison, tmp_path / "card.md")
    page = (tmp_path / "card.md").read_text()
    assert ": simulated, x the share of reads that was kept: a_1, 2 (x 1) |" in page
    assert "Fitted to 9 examples of the same reads. It settles" in page


@pytest.mark.parametrize(
    "card", sorted((ROOT / "model_cards").glob("*-*.*.*.md")), ids=lambda card: card.stem
)
def test_the_cards_say_what_the_models_were_trained_on(card: Path) -> None:
    (model,) = (ROOT / "plugins").rglob(f"models/{card.stem}/manifest.json")
    manifest, text = load_manifest(model.parent), card.read_text()
    training, stage = manifest.training, manifest.first_stage
    of = sources_in_words(training.data)
    assert f"\n| trained on | {training.n_examples:,} examples, seed {training.seed}: {of} |\n" in text
    same = bool(stage) and same_sources(stage.data, training.data)
    assert ("examples of the same reads. It settles" in text) == same
    if stage and not same:
        assert f"\nFitted to {sources_in_words(stage.data)}. It settles" in text
