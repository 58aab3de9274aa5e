"""Paired reads from haplotypes: whole quality strings of real pairs, errors by place, FASTQ bytes made in Numba.

`prepare` a haplotype, draw where its fragments start (`dvplug.simulate.fragments`), and take the text of
`fastq_batches` to a mapper. What the reads are like comes from a `dvplug.simulate.learn.profile.Profile`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dvplug.kernel import kernel, subkernel
from dvplug.sequence.codes import encode_bases
from dvplug.sequence.tracts import Tracts, find_tracts
from dvplug.simulate.after_runs import AfterRuns, after_runs, go_on, goes_on, passed_none
from dvplug.simulate.fastq import RECORD_BYTES, write_name, write_plus
from dvplug.simulate.fragments import Fragments
from dvplug.simulate.genome import Codes
from dvplug.simulate.joined_ends import joined_ends
from dvplug.simulate.learn.folds import Folds
from dvplug.simulate.learn.mates import SURE
from dvplug.simulate.learn.profile import LONGEST_TRACT, RATE_TRACTS, Profile
from dvplug.simulate.learn.states import BEHIND, FOREIGN, RANDOM, WRONG
from dvplug.simulate.locus_noise import LocusNoise, hash_around, normal_of, site_rates, uniform_of

ADAPTERS = np.stack(
    [
        encode_bases(b"AGATCGGAAGAGCACACGTCTGAACTCCAGTCACNNNNNNATCTCGTATGCCGTCTTCTGCTTGAAAA" + b"A" * 60),
        encode_bases(b"AGATCGGAAGAGCGTCGTGTAGGGAAAGAGTGTAGATCTCGGTGGTCGCCGTATCATTAAAAAAAAAA" + b"A" * 60),
    ]
)
"""What the first and the second reads of short fragments end in, uint8[2, bp]."""


class ShortSource(NamedTuple):
    """A haplotype ready to be sequenced in pairs: where it slips (tracts, from either side) and errs (sites)."""

    codes: Codes  # uint8[n]
    first: NDArray[np.int32]  # [n], the tract that begins at a base, -1 for none
    last: NDArray[np.int32]  # [n], the tract that ends with a base, -1 for none
    unit: NDArray[np.int64]  # [tracts], bp
    length: NDArray[np.int64]  # [tracts], bp
    slip_p: NDArray[np.float32]  # [tracts, 2], of a deletion and an insertion, per read
    site_p: NDArray[np.float32]  # [2, n], error rates by strand


class _Errors(NamedTuple):
    """What reads show in place of a base, of a `Profile`."""

    substitution: NDArray[np.float64]  # [4, 4], P(read as | true base), cumulative
    recurrent_q: NDArray[np.uint8]  # [m], qualities where several reads err alike
    adapters: NDArray[np.uint8]  # [2, bp]
    slips_shared: float
    wrong_shared: float
    folds: Folds
    after: AfterRuns


class _Templates(NamedTuple):
    """The real pairs that are copied, of a `Profile`."""

    length: NDArray[np.int64]  # [pairs, 2]
    quality: NDArray[np.uint8]  # [pairs, 2, longest], in sequencing order
    state: NDArray[np.uint8]  # [pairs, 2, longest]
    discordant_p: float
    trimmed: bool


class _Pairs(NamedTuple):
    """The pairs of one batch."""

    start: NDArray[np.int64]  # [k], of the fragment on the haplotype
    size: NDArray[np.int64]  # [k], bp of the fragment
    template: NDArray[np.int64]  # [k]
    original: NDArray[np.int64]  # [k], the template of the first pair of its molecule
    flip: NDArray[np.bool_]  # [k], the first read is of the reverse strand
    molecule: NDArray[np.int64]  # [k], of which one each is a copy


class _Read(NamedTuple):
    """One read: where its fragment lies, [low, high) of the haplotype, and what is copied."""

    low: int
    high: int
    reverse: bool
    mate: int
    quality: NDArray[np.uint8]  # [size], as the template's up to a repeat that it passes
    state: NDArray[np.uint8]  # [size]
    size: int
    molecule: int


class _Molecule(NamedTuple):
    """The template of the first pair of a molecule: what is wrong in the molecule is taken from it."""

    quality: NDArray[np.uint8]  # [2, longest]
    state: NDArray[np.uint8]  # [2, longest]
    size: NDArray[np.int64]  # [2], bp; 0 of a read that is of elsewhere


def prepare(codes: Codes, profile: Profile, noise: LocusNoise, salt: int) -> ShortSource:
    """Work out the error rates of a haplotype's places; ``salt`` stands for the sequencing run."""
    tracts = find_tracts(codes, RATE_TRACTS)
    order = np.argsort(tracts.unit, kind="stable")
    tracts = Tracts(tracts.start[order], tracts.length[order], tracts.unit[order])
    first = np.full(len(codes), -1, dtype=np.int32)
    last = np.full(len(codes), -1, dtype=np.int32)
    index = np.arange(len(tracts.start), dtype=np.int32)
    first[tracts.start] = index
    last[tracts.start + tracts.length - 1] = index
    slip_p = _slip_rates(codes, tracts, profile.deletion_p, profile.insertion_p, noise, salt)
    length = np.minimum(tracts.length, 10 * LONGEST_TRACT)
    return ShortSource(codes, first, last, tracts.unit, length, slip_p, site_rates(codes, noise, salt))


@kernel
def _slip_rates(
    codes: Codes,
    tracts: Tracts,
    deletion_p: NDArray[np.float64],
    insertion_p: NDArray[np.float64],
    noise: LocusNoise,
    salt: int,
) -> NDArray[np.float32]:
    """Deletion and insertion rates of tracts, float32[tracts, 2], spread log-normally with the mean kept.

    ``deletion_p`` and ``insertion_p`` are those of a `Profile`, float64[units, lengths].
    """
    n = tracts.start.size
    out = np.empty((n, 2), dtype=np.float32)
    for i in range(n):
        unit, length = tracts.unit[i], tracts.length[i]
        sd = noise.indel_sd if length >= 6 else noise.short_indel_sd
        spread = np.exp(sd * normal_of(hash_around(codes, tracts.start[i], salt), 1) - sd * sd / 2)
        size = min(length, deletion_p.shape[1] - 1)
        out[i, 0] = min(deletion_p[unit, size] * spread, 0.35)
        out[i, 1] = min(insertion_p[unit, size] * spread, 0.25)
    return out


@subkernel
def _draw_of(molecule: int, place: int) -> Any:
    """A hash of a molecule's place, uint64, for `uniform_of`: what all its reads share."""
    return np.uint64(molecule + 1) * np.uint64(0xD1B54A32D192ED03) ^ np.uint64(place + 1) * np.uint64(
        0x8CB92BA72F3D8DD7
    )


@kernel
def _slip(
    rng: np.random.Generator, source: ShortSource, tract: int, molecule: int, shared: float
) -> tuple[int, int]:
    """How a read slips in a tract: bp passed over, and bp read twice; 0 and 0 where it does not.

    A share of the slips is the molecule's, and the same in all its reads.
    """
    deletion_p, total = source.slip_p[tract, 0], source.slip_p[tract, 0] + source.slip_p[tract, 1]
    early = uniform_of(_draw_of(molecule, tract), 0)
    if early < total * shared:
        draw, more = early / shared, uniform_of(_draw_of(molecule, tract), 1)
    else:
        late = rng.random()
        if late >= total * (1 - shared):
            return 0, 0
        draw, more = late / (1 - shared), rng.random()
    if draw >= deletion_p:
        return 0, source.unit[tract]
    units = 1
    while more < 0.15:
        units += 1
        more /= 0.15
    return min(units * source.unit[tract], source.length[tract]), 0


@subkernel
def _misread(draw: float, cumulative: NDArray[np.float64]) -> int:
    """The base that is read for one whose row of the spectrum is ``cumulative``, float64[4]."""
    shown = 0
    while shown < 3 and draw > cumulative[shown]:
        shown += 1
    return shown


@subkernel
def _wrong_in_molecule(molecule: _Molecule, read: _Read, position: int) -> bool:
    """Whether a template has a wrong base of sure quality at a position: its first read, where that lies there."""
    for mate in range(2):
        reverse = read.reverse if mate == read.mate else not read.reverse
        there = read.high - 1 - position if reverse else position - read.low
        if 0 <= there < molecule.size[mate]:
            return bool(molecule.state[mate, there] == WRONG and molecule.quality[mate, there] >= SURE)
    return False


@subkernel
def _wrong_base(
    rng: np.random.Generator,
    errors: _Errors,
    read: _Read,
    molecule: _Molecule,
    i: int,
    position: int,
    base: int,
) -> int:
    """What a read shows at its base ``i`` if it is misread there, else -1.

    A share of the bases that are wrong though their quality is sure is the molecule's: all its reads have them wrong
    alike.
    """
    is_wrong = read.state[i] == WRONG
    is_sure = is_wrong and read.quality[i] >= SURE
    if is_wrong and not is_sure:
        return _misread(rng.random(), errors.substitution[base])
    of_molecule = _wrong_in_molecule(molecule, read, position)
    if not is_wrong and not of_molecule:
        return -1
    draws = _draw_of(read.molecule, -2 - position)
    if uniform_of(draws, 0) >= errors.wrong_shared:
        return _misread(rng.random(), errors.substitution[base]) if is_wrong else -1
    if not of_molecule:
        return -1
    shown = uniform_of(draws, 1)
    return (
        _misread(shown, errors.substitution[base])
        if read.mate == 0
        else 3 - _misread(shown, errors.substitution[3 - base])
    )


@subkernel
def _read_like_before(codes: Codes, base: int, before: int, step: int) -> int:
    """What many reads show in place of a base: the one before it, or another where that is the same."""
    neighbour = np.int64(codes[before]) if 0 <= before < codes.size else 4
    if step == -1 and neighbour < 4:
        neighbour = 3 - neighbour
    return neighbour if neighbour != base and neighbour < 4 else (base + 2) % 4


@subkernel
def _sequenced(
    rng: np.random.Generator,
    source: ShortSource,
    errors: _Errors,
    read: _Read,
    molecule: _Molecule,
    at: tuple[int, int, int, bool],
) -> tuple[int, int]:
    """The base and the quality that a read shows.

    ``at`` is its own base, the haplotype's, the step to the haplotype's next, and whether it is copied from elsewhere.
    """
    i, position, step, elsewhere = at
    base, quality = np.int64(source.codes[position]), np.int64(read.quality[i])
    if base > 3:
        return base, quality
    base = 3 - base if step == -1 else base
    if read.state[i] == BEHIND:
        return _read_like_before(source.codes, base, position - step, step), quality
    wrong = -1
    if not elsewhere:
        wrong = _wrong_base(rng, errors, read, molecule, i, position, base)
    elif read.state[i] == WRONG:
        wrong = _misread(rng.random(), errors.substitution[base])
    if wrong >= 0:
        return wrong, quality
    rate = source.site_p[(1 - step) // 2, position]
    if rate > 0 and rng.random() < rate:
        quality = np.int64(errors.recurrent_q[int(rng.random() * errors.recurrent_q.size)])
        return _read_like_before(source.codes, base, position - step, step), quality
    return base, quality


@kernel
def _write_read(
    rng: np.random.Generator,
    source: ShortSource,
    errors: _Errors,
    templates: _Templates,
    read: _Read,
    of: _Molecule,
    bases: NDArray[np.uint8],
    quals: NDArray[np.uint8],
) -> None:
    """Write one read's letters and qualities, uint8[size] each."""
    own_step = -1 if read.reverse else 1
    own = read.high - 1 if read.reverse else read.low
    draws = _draw_of(read.molecule, -2 - source.codes.size - read.mate)
    ends = joined_ends(source.codes, errors.folds, read.state, read.size, (own, own_step), draws)
    elsewhere, step, position = True, ends.head_step, ends.head_position
    low, high = 0, source.codes.size
    back_at, back_to, past = -1, 0, 0
    passed_at, passed_units = -1, 0
    of_pairs = (templates.length, templates.quality, templates.state)
    for i in range(read.size):
        if i == ends.head:
            elsewhere = False
            low, high = read.low, read.high
            step, position = own_step, own + own_step * i
        if i == ends.tail:
            elsewhere = True
            low, high = 0, source.codes.size
            step, position = ends.tail_step, ends.tail_position
        if i == back_at:
            position, back_at = back_to, -1
        elif back_at < 0 and low <= position < high:
            tract = source.first[position] if step == 1 else source.last[position]
            if tract >= 0:
                passed, again = _slip(rng, source, tract, read.molecule, errors.slips_shared)
                position += step * passed
                if again > 0:
                    back_at, back_to = i + again, position
                units = source.length[tract] // source.unit[tract]
                if not elsewhere and goes_on(rng, errors.after, units):
                    passed_at, passed_units = i + source.length[tract] - passed + again, units
        if i == passed_at:
            go_on(rng, errors.after, passed_units, i, read.quality, read.state, of_pairs)
        q = np.int64(read.quality[i])
        if low <= position < high:
            base, q = _sequenced(rng, source, errors, read, of, (i, position, step, elsewhere))
        else:
            base = np.int64(errors.adapters[read.mate, min(past, errors.adapters.shape[1] - 1)])
            past += 1
        if read.state[i] == RANDOM:
            base = int(rng.random() * 4)
        bases[i] = b"ACGTN"[base]
        quals[i] = q + 33
        position += step


@kernel
def _fastq(
    rng: np.random.Generator,
    source: ShortSource,
    errors: _Errors,
    templates: _Templates,
    pairs: _Pairs,
    serial: int,
    mates: int,
) -> NDArray[np.uint8]:
    """Interleaved FASTQ text of the pairs, uint8[bytes], named from ``serial`` on; of the first reads alone where
    ``mates`` is 1."""
    total = 0
    for k in range(pairs.start.size):
        t = pairs.template[k]
        total += 2 * (templates.length[t, 0] + templates.length[t, 1] + RECORD_BYTES)
    out = np.empty(total, dtype=np.uint8)
    at = 0
    for k in range(pairs.start.size):
        t, original = pairs.template[k], pairs.original[k]
        low = pairs.start[k]
        draws = _draw_of(pairs.molecule[k], -4 - source.codes.size)
        apart = uniform_of(draws, 0) < templates.discordant_p
        sizes = np.minimum(templates.length[original], pairs.size[k])
        for mate in range(mates):
            if apart and mate == 1:
                low = int(uniform_of(draws, 1) * (source.codes.size - pairs.size[k]))
            size, reverse = templates.length[t, mate], (mate == 1) != pairs.flip[k]
            if templates.trimmed:
                size = min(size, pairs.size[k])
            quality, state = templates.quality[t, mate, :size].copy(), templates.state[t, mate, :size].copy()
            molecule = pairs.molecule[k] if mate == 0 or not apart else -1 - pairs.molecule[k]
            read = _Read(low, low + pairs.size[k], reverse, mate, quality, state, size, molecule)
            if apart:
                sizes[1 - mate], sizes[mate] = 0, min(templates.length[original, mate], pairs.size[k])
            of = _Molecule(templates.quality[original], templates.state[original], sizes)
            first = write_name(out, at, serial + k)
            second = write_plus(out, first + size)
            at = second + size
            _write_read(rng, source, errors, templates, read, of, out[first : first + size], out[second:at])
            out[at] = 10
            at += 1
    return out[:at]


def fastq_batches(
    source: ShortSource,
    fragments: Fragments,
    profile: Profile,
    rng: np.random.Generator,
    serial: int,
    batch: int = 50_000,
    mates: int = 2,
) -> Iterator[NDArray[np.uint8]]:
    """Yield interleaved FASTQ text (uint8[bytes]) of the fragments' pairs, ``batch`` of them at a time.

    Pairs are named by numbers from ``serial`` on. With one of ``mates`` only their first reads are written.
    """
    errors = _Errors(
        profile.substitution,
        profile.recurrent_q,
        ADAPTERS,
        profile.slips_shared,
        profile.wrong_shared,
        profile.folds,
        after_runs(profile),
    )
    start, length, flip, trimmed, molecule = fragments
    if molecule is None:
        molecule = np.arange(len(start))
    chosen, original = _chosen(profile, molecule, rng)
    if length is None:
        length = profile.fragment[original]
    templates = _Templates(profile.length, profile.quality, profile.state, profile.discordant_p, trimmed)
    for begin in range(0, len(start), batch):
        part = slice(begin, begin + batch)
        pairs = _Pairs(
            start[part],
            length[part],
            chosen[part],
            original[part],
            rng.random(len(start[part])) < 0.5 if flip is None else flip[part],
            molecule[part] + serial,
        )
        yield _fastq(rng, source, errors, templates, pairs, serial + begin, mates)


def _chosen(
    profile: Profile, molecule: NDArray[np.int64], rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Choose the template of each pair, int64[k], and say that of the first pair of its molecule, int64[k].

    Copies of a molecule whose ends are of elsewhere have such ends too: they are copied from the same template.
    """
    usable = passed_none(profile)
    chosen = usable[rng.integers(0, len(usable), len(molecule))]
    original = chosen[np.searchsorted(molecule, molecule)]
    joined = (profile.state == FOREIGN).any(axis=(1, 2))
    whole = usable[~joined[usable]]
    other = joined[chosen] & ~joined[original]
    if len(whole):
        chosen[other] = whole[rng.integers(0, len(whole), int(other.sum()))]
    return np.where(joined[original], original, chosen), original
