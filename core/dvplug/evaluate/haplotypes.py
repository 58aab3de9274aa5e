"""Search for the variants of two callsets that give the same two haplotype sequences.

The idea is RTG vcfeval's (Cleary et al. 2015, doi:10.1101/023754): walk along the reference, let every
variant of either callset be included (in either orientation) or left out, and keep only choices whose
haplotypes agree base by base. Two representations of one haplotype are thus equal, and a wrong genotype is
not. Choices that lead to the same situation are merged, so that the search is a dynamic programme over the
situations still possible.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

#: Situations kept at once. Reached only inside long repeats that are crowded with variants.
MAX_STATES = 2000

#: bp to the next variant from which on a variant that both sides have, alike, is matched without a search.
LONE = 100

TRUTH, QUERY = 0, 1
BOTH_SIDES = 0b11


class TrimmedAllele(NamedTuple):
    """Replacement of reference bases [start, end) by `alt`; 0-based, half-open, trimmed of shared bases."""

    start: int
    end: int
    alt: str


class Inclusion(NamedTuple):
    """One way to include a variant: an allele (None: the reference) per haplotype, and what that is worth.

    `label` is the caller's own: the search passes it by.
    """

    first: TrimmedAllele | None
    second: TrimmedAllele | None
    gain: int
    label: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Choice:
    """A variant that the search decides on: `side` is TRUTH or QUERY; leaving it out is always possible."""

    start: int
    side: int
    options: tuple[Inclusion, ...]


@dataclass
class Match:
    """What the search decided.

    Attributes
    ----------
    chosen
        Index of the `Inclusion` that was chosen of each choice, -1 where it was left out.
    segment
        For an included choice the number of its stretch between two points where both haplotypes were in
        step; -1 where it was left out. Variants of one stretch explain each other.
    pruned
        Ranges [first, last) of choices in which more than `max_states` situations were possible and the least
        promising were dropped: what is included there still agrees, but more might have been.
    """

    chosen: list[int]
    segment: list[int]
    pruned: list[tuple[int, int]] = field(default_factory=list)


class Haplotype(NamedTuple):
    """How far truth and query have been written on one haplotype, and which bases only one of them has yet.

    `sides` has a bit for each side that put an allele here since both were last in step: two variants of one
    side that cancel each other are no match.
    """

    truth_position: int
    query_position: int
    truth_ahead: str
    query_ahead: str
    sides: int

    def in_step(self) -> bool:
        """Whether both have written the same bases from the same stretch of the reference."""
        return self.truth_position == self.query_position and not self.truth_ahead and not self.query_ahead


class _Step(NamedTuple):
    """A link of the chain of inclusions that led to a situation."""

    previous: _Step | None
    choice: int
    option: int
    opens: bool


Bases = Callable[[int, int], str]
Situation = tuple[Haplotype, Haplotype]
Situations = dict[Situation, tuple[int, "_Step | None"]]


def best_match(choices: Sequence[Choice], bases: Bases, max_states: int = MAX_STATES) -> Match:
    """Include variants so that truth and query haplotypes are equal and the sum of gains is greatest.

    Parameters
    ----------
    choices
        Variants of both sides on one contig, ordered by `start`.
    bases
        Upper-case reference bases of [start, end) of that contig.
    max_states
        Bound on the situations kept; see `Match.pruned`.
    """
    match = Match([-1] * len(choices), [-1] * len(choices))
    origin = Haplotype(0, 0, "", "", 0)
    situations: Situations = {(origin, origin): (0, None)}
    first = number = 0
    pruned = False
    while number < len(choices):
        situations = _advanced(situations, choices[number].start, bases)
        if len(situations) == 1:
            _settle(match, situations, (first, number) if pruned else None)
            first, pruned = number, False
            if _are_lone_twins(choices, number, situations):
                match.chosen[number : number + 2] = 0, 0
                match.segment[number : number + 2] = number + 1, number + 1
                number += 2
                continue
        situations = _branched(situations, number, choices[number], bases)
        number += 1
        if len(situations) > max_states:
            situations = _most_promising(situations, max_states)
            pruned = True
    furthest = max((position for pair in situations for h in pair for position in h[:2]), default=0)
    situations = _advanced(situations, furthest, bases)
    final = {pair: value for pair, value in situations.items() if pair[0].in_step() and pair[1].in_step()}
    _settle(match, final, (first, len(choices)) if pruned else None)
    return match


def _are_lone_twins(choices: Sequence[Choice], number: int, situations: Situations) -> bool:
    """Whether a variant and the next are one and the same on both sides, far from all others."""
    if number + 1 == len(choices):
        return False
    one, other = choices[number : number + 2]
    if one.side == other.side or one.start != other.start or len(one.options) + len(other.options) != 2:
        return False
    (first, second, *_), (third, fourth, *_) = one.options[0], other.options[0]
    if (first, second) not in ((third, fourth), (fourth, third)):
        return False
    if any(haplotype.truth_position > one.start for pair in situations for haplotype in pair):
        return False
    end = max(allele.end for allele in (first, second) if allele)
    return number + 2 == len(choices) or choices[number + 2].start >= end + LONE


def _advanced(situations: Situations, position: int, bases: Bases) -> Situations:
    """Write reference bases up to `position` on all haplotypes; drop the situations that then disagree."""
    advanced: Situations = {}
    for (a, b), value in situations.items():
        next_a = _written_to(a, position, bases)
        if next_a is None:
            continue
        next_b = _written_to(b, position, bases)
        if next_b is not None:
            _keep_better(advanced, next_a, next_b, value)
    return advanced


def _written_to(haplotype: Haplotype, position: int, bases: Bases) -> Haplotype | None:
    truth_position, query_position, truth, query, sides = haplotype
    if truth_position == query_position and not truth and not query:
        return haplotype if truth_position >= position else Haplotype(position, position, "", "", 0)
    if truth_position < position:
        truth += bases(truth_position, position)
        truth_position = position
    if query_position < position:
        query += bases(query_position, position)
        query_position = position
    return _compared(truth_position, query_position, truth, query, sides)


def _compared(
    truth_position: int, query_position: int, truth: str, query: str, sides: int
) -> Haplotype | None:
    """Drop the bases that both have; None when they differ or only one side's variants led back in step."""
    shared = min(len(truth), len(query))
    if truth[:shared] != query[:shared]:
        return None
    if truth_position == query_position and len(truth) == len(query):
        return Haplotype(truth_position, query_position, "", "", 0) if sides == BOTH_SIDES else None
    return Haplotype(truth_position, query_position, truth[shared:], query[shared:], sides)


def _branched(situations: Situations, number: int, choice: Choice, bases: Bases) -> Situations:
    """Every situation without the variant, and with it in each way that fits."""
    branched = dict(situations)
    for (a, b), (score, step) in situations.items():
        opens = a.in_step() and b.in_step()
        symmetric = a == b
        for index, option in enumerate(choice.options):
            value = (score + option.gain, _Step(step, number, index, opens))
            turns = [(option.first, option.second)]
            if option.first != option.second and not symmetric:
                turns.append((option.second, option.first))
            for on_a, on_b in turns:
                with_a = _with_allele(a, on_a, choice.side, bases)
                if with_a is None:
                    continue
                with_b = _with_allele(b, on_b, choice.side, bases)
                if with_b is not None:
                    _keep_better(branched, with_a, with_b, value)
    return branched


def _with_allele(
    haplotype: Haplotype, allele: TrimmedAllele | None, side: int, bases: Bases
) -> Haplotype | None:
    """Write one allele on one side; None when it overlaps what was written or the sides then differ."""
    if allele is None:
        return haplotype
    truth_position, query_position, truth, query, sides = haplotype
    start, end, alt = allele
    sides |= 1 << side
    if side == TRUTH:
        if start < truth_position:
            return None
        return _compared(end, query_position, truth + bases(truth_position, start) + alt, query, sides)
    if start < query_position:
        return None
    return _compared(truth_position, end, truth, query + bases(query_position, start) + alt, sides)


def _keep_better(situations: Situations, a: Haplotype, b: Haplotype, value: tuple[int, _Step | None]) -> None:
    """The two haplotypes have no names: (a, b) and (b, a) are one situation. The first of equals stays."""
    pair = (a, b) if a <= b else (b, a)
    known = situations.get(pair)
    if known is None or value[0] > known[0]:
        situations[pair] = value


def _most_promising(situations: Situations, max_states: int) -> Situations:
    """The best situations by score; one in step is always among them, so that the search cannot run dry."""
    ranked = sorted(situations.items(), key=lambda item: -item[1][0])
    kept = dict(ranked[:max_states])
    for pair, value in ranked:
        if pair[0].in_step() and pair[1].in_step():
            kept[pair] = value
            break
    return kept


def _settle(match: Match, situations: Situations, pruned: tuple[int, int] | None) -> None:
    """Write the best chain of inclusions into `match` and forget it."""
    if pruned:
        match.pruned.append(pruned)
    pair, (_, step) = max(situations.items(), key=lambda item: item[1][0])
    segment = 0 if step is None else step.choice  # unique: the last choice of the stretch
    while step is not None:
        match.chosen[step.choice] = step.option
        match.segment[step.choice] = segment
        if step.opens and step.previous is not None:
            segment = step.previous.choice
        step = step.previous
    if len(situations) == 1:
        situations[pair] = (0, None)
