"""Alleles that are trimmed and moved: what they mean stays, and they lie as far to the left as they can."""

from hypothesis import given
from hypothesis import strategies as st

from dvplug.sequence.alleles import left_aligned, moved_left, shared_suffix, trim
from dvplug.sequence.codes import decode_bases, encode_bases, plain_bases

dna = st.text("ACGT", min_size=1, max_size=12)
repetitive = st.lists(st.sampled_from(["A", "CA", "CAG", "T", "N"]), min_size=2, max_size=20).map("".join)


@given(repetitive, st.data())
def test_an_indel_that_is_moved_means_the_same_and_cannot_move_on(
    reference: str, data: st.DataObject
) -> None:
    inserted = data.draw(st.booleans())
    anchor = data.draw(st.integers(0, len(reference) - 2))
    if inserted:
        bases = data.draw(st.text("ACGT", min_size=1, max_size=6))
    else:
        bases = reference[anchor + 1 : anchor + 1 + data.draw(st.integers(1, 6))]
    codes = encode_bases(reference.encode())
    first, moved = moved_left(codes, anchor, encode_bases(bases.encode()), inserted=inserted)

    def edited(at: int, change: str) -> str:
        return (
            reference[: at + 1]
            + (change if inserted else "")
            + reference[at + 1 + (0 if inserted else len(change)) :]
        )

    assert first <= anchor
    assert edited(first, decode_bases(moved)) == edited(anchor, bases)
    # No place further to the left gives the same, unless an unknown base lies between.
    same = [at for at in range(anchor + 1) if "N" not in reference[at + 1 : anchor + 1]]
    if inserted:
        total = edited(anchor, bases)
        same = [at for at in same if edited(at, total[at + 1 : at + 1 + len(bases)]) == total]
    else:
        same = [at for at in same if edited(at, bases) == edited(anchor, bases)]
    assert first == min(same)
    assert (
        left_aligned(codes, first, encode_bases(decode_bases(moved).encode()), 0, len(bases), inserted)
        == first
    )


@given(st.integers(0, 99), st.lists(dna, min_size=2, max_size=4))
def test_trimmed_alleles_mean_the_same_and_share_nothing_more(start: int, alleles: list[str]) -> None:
    new_start, ref, alts = trim(start, alleles[0], alleles[1:])
    trimmed = [ref, *alts]
    before = new_start - start
    after = len(alleles[0]) - before - len(ref)
    for old, new in zip(alleles, trimmed, strict=True):
        assert old == alleles[0][:before] + new + alleles[0][len(alleles[0]) - after :]
    assert min(map(len, trimmed)) >= 1
    if min(map(len, trimmed)) > 1:
        assert len({allele[-1] for allele in trimmed}) > 1
        assert len({allele[0] for allele in trimmed}) > 1


@given(st.lists(dna, min_size=1, max_size=4))
def test_a_shared_suffix_leaves_one_base(alleles: list[str]) -> None:
    shared = shared_suffix(alleles)
    assert shared < min(map(len, alleles))
    assert len({allele[len(allele) - shared :] for allele in alleles}) == 1
    if shared < min(map(len, alleles)) - 1:
        assert len({allele[-1 - shared] for allele in alleles}) > 1


@given(st.text("acgtnACGTNRY", max_size=30))
def test_bases_are_decoded_as_they_were_encoded(text: str) -> None:
    plain = "".join(base if base in "ACGT" else "N" for base in text.upper())
    assert decode_bases(encode_bases(text.encode())) == plain == plain_bases(text.encode())
