"""Compare calls with a truth set: `evaluate` counts, `compare` judges each variant."""

from dvplug.evaluate.compare import Comparison, Evaluation, compare, evaluate
from dvplug.evaluate.counts import ClassCounts, wilson_interval
from dvplug.evaluate.regions import ConfidentRegions
from dvplug.evaluate.variants import Callset, TruthSet, Variant, load_callset

__all__ = [
    "Callset",
    "ClassCounts",
    "Comparison",
    "ConfidentRegions",
    "Evaluation",
    "TruthSet",
    "Variant",
    "compare",
    "evaluate",
    "load_callset",
    "wilson_interval",
]
