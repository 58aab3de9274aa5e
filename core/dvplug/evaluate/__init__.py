"""Compare calls with a truth set: `evaluate` counts, `compare` judges each variant."""

from dvplug.evaluate.compare import Comparison, compare
from dvplug.evaluate.counts import ClassCounts, wilson_interval
from dvplug.evaluate.evaluation import Also, evaluate
from dvplug.evaluate.regions import ConfidentRegions
from dvplug.evaluate.result import Evaluation
from dvplug.evaluate.variants import Callset, TruthSet, Variant, load_callset

__all__ = [
    "Also",
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
