"""Candidates with the best genotypes: against brute force over all genotypes, and on a real slice."""

from __future__ import annotations

import random
from itertools import combinations_with_replacement, product

import pytest

from dvplug.errors import InputError
from dvplug.evaluate import Also, ClassCounts, ConfidentRegions, Variant, evaluate
from dvplug.evaluate.candidates import Candidate, count_candidates
from dvplug.evaluate.haplotypes import TrimmedAllele
from dvplug.evaluate.variants import Callset, trimmed
from helpers.evaluate_files import Files, TextReference, row
from oracles.haplotypes import cancels, written

Pair = tuple[TrimmedAllele | None, TrimmedAllele | None]
NONE: Pair = (None, None)


def most_found(text: str, truth: list[Variant], candidates: list[Candidate]) -> int:
    """Most truth variants whose haplotypes some genotypes of the candidates make: every choice is tried."""
    genotypes = [[*combinations_with_replacement((None, *one.alts), 2)] for one in candidates]
    turned = [sorted({*pairs, *((b, a) for a, b in pairs)}, key=str) for pairs in genotypes]
    made = set()
    for chosen in product(*turned):
        alleles = [sorted(pair[h] for pair in chosen if pair[h]) for h in (0, 1)]
        if not any(cancels(text, one) for one in alleles):
            made.add(tuple(written(text, one) for one in alleles))
    best = 0
    for chosen in product(*([NONE, one.alleles, one.alleles[::-1]] for one in truth)):
        alleles = [sorted(pair[h] for pair in chosen if pair[h]) for h in (0, 1)]
        texts = tuple(written(text, one) for one in alleles)
        if None not in texts and texts in made and not any(cancels(text, one) for one in alleles):
            best = max(best, sum(pair != NONE for pair in chosen))
    return best


def candidate(rng: random.Random, text: str, start: int) -> Candidate | None:
    ref = text[start : start + rng.randint(1, 2)]
    alts = {trimmed(start, ref, "".join(rng.choices("AC", k=rng.randint(1, 2)))) for _ in range(2)}
    kept = sorted(alt for alt in alts if alt)
    return Candidate(start, ref, tuple(kept)) if kept else None


@pytest.mark.parametrize("seed", range(80))
def test_as_much_of_the_truth_is_found_as_by_trying_everything(seed: int) -> None:
    rng = random.Random(seed)
    text = rng.choice(["ACACACACACAC", "AAAAAAAAAAAA", "AACCAAACCAAC", "ACCCCCAAAACA"])
    candidates = [c for start in rng.sample(range(1, 10), 3) if (c := candidate(rng, text, start))]
    truth = []
    for start in rng.sample(range(1, 10), rng.randint(1, 2)):
        near = candidate(rng, text, start)
        if near:
            pair = rng.choice([(None, near.alts[0]), (near.alts[0], near.alts[-1])])
            truth.append(Variant(near.start, near.ref, pair, False))
    truth.sort(key=lambda v: (v.changed_start, v.changed_end))
    callset = Callset(None, ("c",), {"c": truth}, {})  # type: ignore[arg-type]
    confident = ConfidentRegions([("c", 0, len(text))])
    found = count_candidates(callset, {"c": candidates}, confident, TextReference(c=text))
    total = found.snp.tp_truth + found.indel.tp_truth
    assert total + found.snp.fn + found.indel.fn == len(truth)
    assert total == most_found(text, truth, candidates)
    of_candidates = [n for c in (found.snp, found.indel) for n in (c.tp_query, c.fp)]
    assert sum(of_candidates) == len(candidates)


def test_what_was_weighed_is_told_from_what_was_called(files: Files) -> None:
    truth = [
        row(3, "T", "C", "0/1"),
        row(9, "C", "T", "1/1"),
        row(21, "GA", "G", "1/1"),
        row(40, "T", "G", "0/1"),
    ]
    query = [
        row(3, "T", "C", "0/1"),
        row(9, "C", "T", "0/0", "RefCall"),  # weighed, and taken for the reference
        row(28, "AA", "A,<*>", "0/1"),  # another genotype, written elsewhere
        row(45, "G", "A", "0/0", "RefCall"),  # rightly so
        row(47, "A", "<*>", "0/0"),  # no candidate
        row(57, "C", "CA", "./.", "NoCall"),
    ]
    found = evaluate(*files.write(truth, query), also=Also(candidates=True))
    assert found.candidates
    assert (found.snp, found.indel) == (ClassCounts(1, 1, 0, 2), ClassCounts(0, 0, 1, 1))
    assert found.candidates.snp == ClassCounts(2, 2, 1, 1)
    assert found.candidates.indel == ClassCounts(1, 1, 1, 0)
    assert found.as_dict()["candidates"] == found.candidates.as_dict()


def test_calls_alone_are_no_candidates(files: Files) -> None:
    paths = files.write([row(3, "T", "C", "0/1")], [row(3, "T", "C", "0/1"), row(5, "C", "<*>", "0/0")])
    with pytest.raises(InputError, match=r"has calls, and no candidates.*--keep-ref-calls"):
        evaluate(*paths, also=Also(candidates=True))
