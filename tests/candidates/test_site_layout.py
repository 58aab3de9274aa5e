"""Haplotypes of sites against slices of text."""

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dvplug.candidates.site_layout import HAPLOTYPE_FLANK, lay_out
from dvplug.sequence.codes import decode_bases, encode_bases
from helpers.read_batches import random_sequence

START = 1000  # of the reference


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=200)
def test_haplotypes_are_alleles_between_their_flanks(seed: int) -> None:
    rng = random.Random(seed)
    reference = random_sequence(rng, rng.randrange(40, 300))
    at = sorted(rng.sample(range(len(reference) - 10), rng.randrange(5)))
    refs = [reference[i : i + rng.choice([1, 1, 3])] for i in at]
    alts = [
        tuple(random_sequence(rng, rng.choice([1, 1, 2, 5])) for _ in range(rng.randrange(1, 4))) for _ in at
    ]
    sites = lay_out(encode_bases(reference.encode()), START, np.array(at, np.int32) + START, refs, alts)
    texts = [decode_bases(sites.bases[a:b]) for a, b in zip(sites.offset[:-1], sites.offset[1:], strict=True)]
    for s, (start, ref, own) in enumerate(zip(at, refs, alts, strict=True)):
        alleles, lengths = (ref, *own), [len(ref), *map(len, own)]
        extra, rest = max(lengths) - min(lengths), reference[start + len(ref) :]
        end = start + len(ref)
        for alt in own:
            ends = zip(ref + rest, alt + rest, strict=False)
            same = next((i for i, (x, y) in enumerate(ends) if x != y), min(len(ref), len(alt)) + len(rest))
            end = max(end, start + same + max(0, len(ref) - len(alt)))
        left = max(0, start - HAPLOTYPE_FLANK - extra)
        right = reference[start + len(ref) : end + HAPLOTYPE_FLANK + 2 * extra]
        single = max(lengths) == 1
        found = texts[sites.first_haplotype[s] : sites.first_haplotype[s + 1]]
        assert found == [one if single else reference[left:start] + one + right for one in alleles]
        assert (sites.is_substitution[s], sites.extra[s]) == (single, extra)
        assert sites.tract_end[s] == START + (start + 1 if single else end)
        assert set(sites.allele_at[sites.first_haplotype[s] : sites.first_haplotype[s + 1]]) == {
            0 if single else start - left
        }
