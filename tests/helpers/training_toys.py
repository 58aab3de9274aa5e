"""Toy examples that a small network learns in seconds, for the tests of training."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dvplug.technology import CandidateThresholds, ImageLayout, ReadFilter
from dvplug.train.store import ExampleHeader, Examples, ExampleWriter

LAYOUT = ImageLayout(height=16, width=13, channels=("read_base", "read_supports_variant"))
FEATURES = ("depth", "noise")
TINY = {"stem": 8, "filters": [8], "feature_units": 4, "head_units": 16, "dropout": 0.0}


def header(**changes: object) -> ExampleHeader:
    """Header of the toy examples."""
    fields: dict = {
        "technology": "toy",
        "layout": LAYOUT,
        "features": FEATURES,
        "feature_sets": (("toy-counts", 3),),
        "encoder": "pileup",
        "encoder_version": 1,
        "read_filter": ReadFilter(),
        "candidate_thresholds": CandidateThresholds(),
        "contigs": ("chr1",),
        "source": "toy reads",
    }
    return ExampleHeader(**fields | changes)


def toy_examples(n: int, seed: int) -> Examples:
    """Pileups whose middle column shows alt in about none, half or all of their rows: that is the label."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, n).astype(np.int8)
    depth = random.integers(8, LAYOUT.height + 1, n)
    images = np.zeros((n, *LAYOUT.shape), np.uint8)
    for image, label, rows in zip(images, labels, depth, strict=True):
        image[:rows, :, 0] = random.choice([40, 80, 120, 160], (rows, LAYOUT.width))
        alt = random.random(rows) < (0.03, 0.5, 0.97)[label]
        image[:rows, LAYOUT.width // 2, 1] = np.where(alt, 250, 60)
    features = np.stack([depth / LAYOUT.height, random.random(n)], axis=1).astype(np.float32)
    return Examples(images, features, labels)


def write_shard(path: Path, examples: Examples, **changes: object) -> Path:
    """Write examples at positions 0, 1, 2, ... of a contig called as the file, all of them SNPs."""
    n = len(examples)
    with ExampleWriter(path, header(**{"contigs": (path.stem,)} | changes)) as writer:
        writer.append(examples, np.zeros(n, np.int16), np.arange(n), np.zeros(n, np.int8))
    return path
