"""What a plugin's functions give is looked at before the engine believes it: shapes, types, places, alleles, sums.

Each check yields what is wrong as (problem, cause), or nothing. All are a few passes over arrays, and cost little
beside one image.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import chain, combinations
from typing import NamedTuple

import numpy as np

from dvplug.errors import in_short
from dvplug.line.candidate_batch import UNINFORMATIVE, CandidateBatch
from dvplug.line.image_batch import NO_ALT, ImageBatch
from dvplug.line.read_batch import ReadBatch
from dvplug.line.region import Region
from dvplug.line.scene import Scene
from dvplug.sequence.arrays import Bools, Float32s, Int8s, Int64s, UInt8s
from dvplug.sequence.codes import BASES, encode_bases

Wrong = tuple[str, str]
"""What is wrong, as "an ALT 'X'", and why it cannot be."""
MOST_ALTS = 127  # of a site, as `CandidateBatch.read_allele` is int8
SUM_TOLERANCE = 0.05  # of probabilities: quantised networks sum to a little more or less than 1


class Around(NamedTuple):
    """What a finder was given."""

    reads: ReadBatch
    reference: UInt8s  # [l]: base codes
    start: int  # 0-based position of the first
    region: Region


def wrong_array(name: str, array: object, dtype: type[np.generic], shape: tuple[int, ...]) -> list[Wrong]:
    """Look at the type and the shape of an array; -1 is any length."""
    if (
        isinstance(array, np.ndarray)
        and not isinstance(array, np.ma.MaskedArray)
        and array.dtype == np.dtype(dtype)
        and array.ndim == len(shape)
        and all(n in (-1, found) for n, found in zip(shape, array.shape, strict=True))
    ):
        return []
    wanted = f"{np.dtype(dtype)}[{', '.join('any' if n < 0 else str(n) for n in shape)}]"
    if not isinstance(array, np.ndarray) or isinstance(array, np.ma.MaskedArray):
        return [(f"{name} of type {type(array).__name__}", f"it has to be an array {wanted}")]
    return [(f"{name} {in_short(array) if array.ndim else array.dtype}", f"it has to be {wanted}")]


def wrong_candidates(batch: object, around: Around) -> Iterator[Wrong]:
    """Look at what a finder found; the first fault makes the others moot."""
    if not isinstance(batch, CandidateBatch):
        yield f"a {type(batch).__name__}", "it has to be a CandidateBatch"
        return
    for check in (_wrong_types, _wrong_places, _wrong_alleles, _wrong_support):
        found = list(check(batch, around))
        if not found and not len(batch) and not len(batch.read_index):  # many regions have no candidate
            return
        yield from found
        if found:
            return


def _wrong_types(batch: CandidateBatch, around: Around) -> Iterator[Wrong]:
    n, entries = len(batch.start), len(batch.read_index)
    for name, dtype, shape in (
        ("start", np.int32, (n,)),
        ("read_offset", np.int64, (n + 1,)),
        ("read_index", np.int32, (entries,)),
        ("read_allele", np.int8, (entries,)),
        ("depth", np.int32, (n,)),
        ("allele_depths", np.int32, (n, -1)),
    ):
        yield from wrong_array(name, getattr(batch, name), dtype, shape)
    for name, given in (("refs", batch.refs), ("alts", batch.alts)):
        if not isinstance(given, list) or len(given) != n:
            length = f" of {len(given)}" if isinstance(given, (list, tuple)) else ""
            yield (
                f"{name}, a {type(given).__name__}{length}",
                f"it has to be a list of {n}, one for each start",
            )
            return
    if set(map(type, batch.refs)) - {str}:
        yield f"refs {in_short(batch.refs)}", "each has to be text"
    elif set(map(type, batch.alts)) - {tuple} or set(map(type, chain.from_iterable(batch.alts))) - {str}:
        yield f"alts {in_short(batch.alts)}", "each has to be a tuple of text"


def _wrong_places(batch: CandidateBatch, around: Around) -> Iterator[Wrong]:
    region, start = around.region, batch.start
    if batch.contig != region.contig:
        yield f"candidates on {in_short(batch.contig)}", f"it was given {region}"
    for index in _first(np.diff(start) <= 0):
        yield (
            f"a candidate at {_at(batch, index + 1)} behind that at {_at(batch, index)}",
            "candidates come sorted by position, one for each",
        )
    for index in _first((start < region.start) | (start >= region.end)):
        yield f"a candidate at {_at(batch, index)}", f"it does not begin in the region {region}"


def _wrong_alleles(batch: CandidateBatch, around: Around) -> Iterator[Wrong]:
    lengths, counts = _lengths(batch.refs), _lengths(batch.alts)
    for index in _first(lengths == 0):
        yield f"an empty REF at {_at(batch, index)}", "a candidate has one REF base or more"
        return
    for index in _first((counts == 0) | (counts > MOST_ALTS)):
        yield f"{counts[index]} ALT alleles at {_at(batch, index)}", f"a candidate has 1 to {MOST_ALTS}"
        return
    first = batch.start.astype(np.int64) - around.start
    for index in _first(first + lengths > len(around.reference)):
        yield f"the REF {in_short(batch.refs[index])} at {_at(batch, index)}", "it reaches beyond the contig"
        return
    given = encode_bases("".join(batch.refs).encode("ascii", "replace"))
    site = np.repeat(np.arange(len(lengths)), lengths)
    begins = np.cumsum(lengths) - lengths
    places = first[site] + np.arange(len(site)) - begins[site]
    differs = given != around.reference[places]
    if not set("".join(batch.refs)) <= {*BASES, "N"}:
        bad = next(i for i, ref in enumerate(batch.refs) if set(ref) - {*BASES, "N"})
        yield f"the REF {in_short(batch.refs[bad])} at {_at(batch, bad)}", "bases are A, C, G, T and N"
        return
    for k in _first(differs):
        index = int(site[k])
        yield (
            f"the REF {in_short(batch.refs[index])} at {_at(batch, index)}",
            "the reference has other bases there",
        )
    yield from _wrong_alts(batch)


def _wrong_alts(batch: CandidateBatch) -> Iterator[Wrong]:
    for index, (ref, alts) in enumerate(zip(batch.refs, batch.alts, strict=True)):
        if len({ref, *alts}) != 1 + len(alts):
            shown = in_short(", ".join(alts))
            yield (
                f"the alleles {in_short(ref)} > {shown} at {_at(batch, index)}",
                "no allele may be there twice",
            )
            return
    flat = list(chain.from_iterable(batch.alts))
    if not all(flat) or not set("".join(flat)) <= set(BASES):
        index = next(
            i for i, own in enumerate(batch.alts) if not all(own) or not set("".join(own)) <= set(BASES)
        )
        yield (
            f"the ALT {in_short(', '.join(batch.alts[index]))} at {_at(batch, index)}",
            "an ALT is one base of A, C, G, T or more",
        )


def _wrong_support(batch: CandidateBatch, around: Around) -> Iterator[Wrong]:
    offset, read, allele = batch.support()
    reads, n = len(around.reads), len(batch)
    if offset[0] != 0 or offset[-1] != len(read) or (np.diff(offset) < 0).any():
        yield (
            f"read_offset from {offset[0]} to {offset[-1]}",
            f"it has to rise from 0 to the number of entries, {len(read):,}",
        )
        return
    site = np.repeat(np.arange(n), np.diff(offset))
    for k in _first((read < 0) | (read >= reads)):
        yield f"read {read[k]} at {_at(batch, int(site[k]))}", f"there are {reads:,} reads"
        return
    behind: Bools = (np.diff(read) <= 0) & (np.diff(site) == 0)
    for k in _first(behind):
        yield (
            f"read {read[k + 1]} behind read {read[k]} at {_at(batch, int(site[k]))}",
            "the reads of a site come in order, each once",
        )
        return
    counts = _lengths(batch.alts)
    for k in _first((allele < UNINFORMATIVE) | (allele > counts[site])):
        yield (
            f"allele {allele[k]} of read {read[k]} at {_at(batch, int(site[k]))}",
            f"there are {counts[site[k]]} ALT alleles",
        )
        return
    yield from _wrong_depths(batch, site, counts)


def _wrong_depths(batch: CandidateBatch, site: Int64s, counts: Int64s) -> Iterator[Wrong]:
    n, alleles = batch.allele_depths.shape
    if n and alleles <= counts.max():
        yield (
            f"allele_depths {in_short(batch.allele_depths)}",
            f"it needs a column for REF and for each of up to {counts.max()} ALT alleles",
        )
        return
    known = batch.read_allele >= 0
    flat = np.bincount(site[known] * alleles + batch.read_allele[known], minlength=n * alleles)
    depths = flat.reshape(n, alleles)
    for index in _first((depths != batch.allele_depths).any(axis=1)):
        yield (
            f"the allele depths {in_short(batch.allele_depths[index].tolist())} at {_at(batch, index)}",
            f"its reads give {in_short(depths[index].tolist())}",
        )
        return
    informative = np.bincount(site[batch.read_allele != UNINFORMATIVE], minlength=n)
    for index in _first(informative != batch.depth):
        yield (
            f"the depth {batch.depth[index]} at {_at(batch, index)}",
            f"{informative[index]} of its reads tell an allele",
        )


def wrong_images(
    batch: object, candidates: CandidateBatch, shape: tuple[int, int, int], features: int
) -> Iterator[Wrong]:
    """Look at what an encoder drew.

    Parameters
    ----------
    shape, features
        Height, width and channels of the layout; how many features the technology's feature sets have.
    """
    if not isinstance(batch, ImageBatch):
        yield f"a {type(batch).__name__}", "it has to be an ImageBatch"
        return
    n, (site, alt_set) = len(candidates), _image_alts(candidates)
    wrong = [
        *wrong_array("images", batch.images, np.uint8, (len(site), *shape)),
        *wrong_array("features", batch.features, np.float32, (len(site), features)),
        *wrong_array("site", batch.site, np.int32, (len(site),)),
        *wrong_array("alt_set", batch.alt_set, np.int8, (len(site), 2)),
    ]
    yield from wrong
    if wrong or not len(site):
        return
    for k in _first((batch.site != site) | (batch.alt_set != alt_set).any(axis=1)):
        yield (
            f"an image of candidate {batch.site[k]} of {n} and its alts {batch.alt_set[k].tolist()}",
            f"in its place belongs that of candidate {site[k]} and its alts {alt_set[k].tolist()}: one per alt, then "
            "one per pair, by candidate",
        )
    bad: Bools = ~np.isfinite(batch.features)
    for k in np.flatnonzero(bad.any(axis=1))[:1].tolist():
        column = int(np.flatnonzero(bad[k])[0])
        yield (
            f"{batch.features[k, column]} for feature {column} at {_at(candidates, int(site[k]))}",
            "features are finite numbers",
        )


def wrong_features(features: object, scene: Scene, columns: tuple[str, ...]) -> Iterator[Wrong]:
    """Look at what a feature set measured of a scene; the columns are those that it declares."""
    site = scene.images.site
    wrong = wrong_array("features", features, np.float32, (len(site), len(columns)))
    yield from wrong
    if wrong or not isinstance(features, np.ndarray):
        return
    bad: Bools = ~np.isfinite(features)
    for k in np.flatnonzero(bad.any(axis=1))[:1].tolist():
        column = int(np.flatnonzero(bad[k])[0])
        at = _at(scene.candidates, int(site[k]))
        yield (
            f"{features[k, column]} for its feature '{columns[column]}' at {at}",
            "features are finite numbers",
        )


def _image_alts(candidates: CandidateBatch) -> tuple[Int64s, Int8s]:
    """What the images of candidates have to stand for: their sites int64[n], and alts int8[n, 2]."""
    counts = list(map(len, candidates.alts))
    if set(counts) == {1}:
        return np.arange(len(counts)), np.broadcast_to(_alts_of_site(1), (len(counts), 2))
    tables = [_alts_of_site(count) for count in counts]
    site = np.repeat(np.arange(len(counts)), [len(table) for table in tables])
    return site, np.concatenate(tables) if tables else np.zeros((0, 2), np.int8)


@lru_cache
def _alts_of_site(count: int) -> Int8s:
    single = [(alt, NO_ALT) for alt in range(count)]
    return np.array(single + list(combinations(range(count), 2)), np.int8).reshape(-1, 2)


def wrong_probabilities(p: object, images: int) -> Iterator[Wrong]:
    """Look at what a genotyper says of so many images."""
    wrong = wrong_array("probabilities", p, np.float32, (images, 3))
    yield from wrong
    if wrong or not images or not isinstance(p, np.ndarray):
        return
    for k in _first(~are_distributions(p)):
        yield (
            f"the probabilities {in_short(p[k].tolist())}",
            "they are no distribution: none is below 0, and they sum to 1",
        )


def are_distributions(p: Float32s) -> Bools:
    """Tell which rows of float32[n, 3] are probabilities that sum to 1; NaN are none."""
    return (p >= 0).all(axis=1) & (abs(p.sum(axis=1) - 1) < SUM_TOLERANCE)


def _lengths(things: list[str] | list[tuple[str, ...]]) -> Int64s:
    return np.fromiter(map(len, things), np.int64, len(things))


def _first(bad: Bools) -> list[int]:
    """The first index that is bad, as a list, or none."""
    return [int(bad.argmax())] if bad.any() else []


def _at(batch: CandidateBatch, index: int) -> str:
    """A candidate's place, 1-based."""
    return f"{in_short(batch.contig)}:{int(batch.start[index]) + 1}"
