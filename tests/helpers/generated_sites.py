"""Candidate sites and image probabilities as the engine would hand them on, made from a seed."""

import random
from itertools import combinations

import numpy as np

from dvplug.line.candidate_batch import CandidateBatch
from dvplug.line.image_batch import ImageBatch
from dvplug.records.postprocess import call_sites


def generated_sites(seed, n_sites=30, max_alts=3, apart=0):
    """Return a reference sequence and the arrays that `call_sites` takes, by name.

    Every alt is left-aligned on its own and anchored at the site's start; the site's REF spans the longest
    deletion, so that single alts of a site are not minimal. Sites do not overlap, unless they are to lie only ``apart``
    bp from each other, on average.
    """
    rng = random.Random(seed)
    reference = "".join(rng.choices("ACGT", k=50 * n_sites + 50))
    starts = sorted(5 + 10 * place for place in rng.sample(range(5 * n_sites), n_sites))
    if apart:
        starts = sorted(rng.sample(range(5, 5 + apart * n_sites), n_sites))
    refs, alts, images = [], [], []
    for index, start in enumerate(starts):
        edits = {_edit(rng, reference, start) for _ in range(rng.choice([1, 1, 2, max_alts]))}
        edits = sorted(edits - {None}) or [(1, other_base(rng, reference[start]))]
        span = max(removed for removed, _ in edits)
        refs.append(reference[start : start + span])
        alts.append(tuple(put + reference[start + removed : start + span] for removed, put in edits))
        images += [(index, alt, -1) for alt in range(len(edits))]
        images += [(index, a, b) for a, b in combinations(range(len(edits)), 2)]
    p = np.random.default_rng(seed).dirichlet([0.3, 0.3, 0.3], len(images)).astype(np.float32)
    sites, *sets = np.array(images, np.int32).T
    allele_depths = np.array([[rng.randrange(40) for _ in range(1 + max_alts)] for _ in starts], np.int32)
    return reference, {
        "starts": np.array(starts, np.int64),
        "refs": refs,
        "alts": alts,
        "depth": allele_depths.sum(axis=1, dtype=np.int32),
        "allele_depths": allele_depths,
        "site": sites,
        "alt_set": np.stack(sets, axis=1).astype(np.int8),
        "probabilities": p,
    }


def called_records(arguments, *more, **named):
    """Call sites of the arrays that `generated_sites` returns."""
    return call_sites(*batches(**arguments), *more, **named)


def batches(starts, refs, alts, depth, allele_depths, site, alt_set, probabilities):
    """What `call_sites` takes: candidates of contig c, images of them without pixels, and their probabilities."""
    none = np.zeros(0)
    offset = np.zeros(len(refs) + 1, np.int64)
    candidates = CandidateBatch("c", starts, refs, alts, offset, none, none, depth, allele_depths)
    images = np.zeros((len(probabilities), 1, 1, 1), np.uint8)
    return (
        candidates,
        ImageBatch(images, np.zeros((len(images), 0), np.float32), site, alt_set),
        probabilities,
    )


def other_base(rng, base):
    return rng.choice([other for other in "ACGT" if other != base])


def _edit(rng, reference, start):
    """Return (bases replaced from start on, what by), left-aligned, or None."""
    anchor, size = reference[start], rng.randrange(1, 9)
    kind = rng.choice(["snp", "insertion", "deletion"])
    if kind == "snp":
        return 1, other_base(rng, anchor)
    if kind == "insertion":
        return 1, anchor + "".join(rng.choices("ACGT", k=size - 1)) + other_base(rng, anchor)
    return (1 + size, anchor) if reference[start + size] != anchor else None
