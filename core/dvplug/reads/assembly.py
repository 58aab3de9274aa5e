"""Haplotypes of a short window, assembled from its reads: a de Bruijn graph over the reference and the reads.

As in local assemblers of the field (DeepVariant's realigner, GATK's HaplotypeCaller): nodes are k-mers, an edge
is as heavy as the reads that show it, light edges beside the reference are cut, and each path from the window's
first k-mer to its last is a haplotype. k grows until the graph has no cycle.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

K_MERS = (25, 35, 45, 55, 65, 75, 85)
MIN_BASE_QUALITY = 15  # of every base of a k-mer (DeepVariant's dbg_min_base_quality)
MIN_READS = 2  # of an edge (DeepVariant's dbg_min_edge_weight)
MIN_FRACTION = 0.05  # of an edge, of what one that all reads share weighs: keeps errors of deep data out
MAX_PATHS = 32  # more means noise: the next k, or no assembly
MAX_HAPLOTYPES = 6  # best supported; more cost time and gain nothing
MAX_GROWTH = 200  # bp by which a haplotype may be longer than the reference window
_PRIME = np.uint64(0x9E3779B97F4A7C15)
_REFERENCE_SUPPORT = 1 << 30


def assemble(
    reference: npt.NDArray[np.uint8],
    seq: npt.NDArray[np.uint8],
    qual: npt.NDArray[np.uint8],
    first: npt.NDArray[np.int64],
    last: npt.NDArray[np.int64],
) -> list[npt.NDArray[np.uint8]]:
    """Assemble the haplotypes of a window; the reference is not among them.

    Parameters
    ----------
    reference
        uint8[l] base codes of the window.
    seq, qual
        uint8 over the bases of all reads.
    first, last
        int64[r]: read ``i`` gives the bases from ``first[i]`` up to ``last[i]``.

    Returns
    -------
    list of uint8[h]
        At most `MAX_HAPLOTYPES`, best supported first; none when no k gives a graph without cycles.
    """
    for k in K_MERS:
        if k + 2 > len(reference):
            break
        # What an edge weighs that all reads share. Of reads hardly longer than k it is far below the depth.
        usual = np.maximum(last - first - k, 0).sum() / (len(reference) - k)
        least = max(MIN_READS, int(np.ceil(MIN_FRACTION * usual)))
        bases, offset, support = haplotype_paths(reference, seq, qual, first, last, k, least)
        if len(offset) > 1:
            # Best supported first; of equals the first found, which depends on the sequence alone.
            best = np.argsort(-support, kind="stable")[:MAX_HAPLOTYPES]
            return [bases[offset[i] : offset[i + 1]] for i in best if support[i] < _REFERENCE_SUPPORT]
    return []


@njit(cache=True)
def haplotype_paths(reference: Any, seq: Any, qual: Any, first: Any, last: Any, k: int, least: int) -> Any:
    """Enumerate the paths of one graph.

    Returns
    -------
    bases, offset, support
        uint8 flat, int64[paths + 1], int64[paths]: path ``i`` is ``bases[offset[i]:offset[i + 1]]``; its support
        is that of its weakest edge beside the reference, `_REFERENCE_SUPPORT` for the reference itself. No path at
        all when there is a cycle or when there are too many.
    """
    none = np.zeros(0, np.uint8), np.zeros(1, np.int64), np.zeros(0, np.int64)
    nodes, next_node, weight = _graph(reference, seq, qual, first, last, k, least)
    if nodes == 0:
        return none
    useful = _useful_nodes(next_node, nodes)
    if len(useful) == 0:
        return none
    return _paths(reference, next_node, weight, useful, k, none)


@njit(cache=True)
def _graph(reference: Any, seq: Any, qual: Any, first: Any, last: Any, k: int, least: int) -> Any:
    """Edges by node and next base, int32[n, 4], -1 for none; nodes 0 and 1 are the window's first and last k-mer.

    The third array is int32[n, 4], reads on the edge, or `_REFERENCE_SUPPORT`. No nodes when the reference
    repeats a k-mer.
    """
    empty = 0, np.zeros((0, 4), np.int32), np.zeros((0, 4), np.int64)
    top = np.uint64(1)
    for _ in range(k):
        top *= _PRIME
    total = len(reference) - k + 1
    for i in range(len(first)):
        total += max(0, last[i] - first[i] - k + 1)
    hashes = np.empty(total, np.uint64)
    at = _hash_k_mers(reference, reference, 0, len(reference), k, 0, top, hashes, 0)
    of_reference = hashes[:at].copy()
    if at < 2 or len(np.unique(of_reference)) < at or at < len(reference) - k + 1:
        return empty
    for i in range(len(first)):
        at = _hash_k_mers(seq, qual, first[i], last[i], k, MIN_BASE_QUALITY, top, hashes, at)
    known = np.unique(hashes[:at])
    rank = np.empty(len(known), np.int32)  # node by place in `known`: the ends of the window first
    source, sink = np.searchsorted(known, of_reference[0]), np.searchsorted(known, of_reference[-1])
    number = 2
    for i in range(len(known)):
        if i == source:
            rank[i] = 0
        elif i == sink:
            rank[i] = 1
        else:
            rank[i] = number
            number += 1
    next_node = np.full((len(known), 4), -1, np.int32)
    weight = np.zeros((len(known), 4), np.int64)
    for i in range(len(first)):
        _add_edges(seq, qual, first[i], last[i], k, MIN_BASE_QUALITY, top, known, rank, next_node, weight)
    for node in range(len(known)):
        for base in range(4):
            if weight[node, base] < least:
                next_node[node, base] = -1
    previous = np.int64(0)
    for i in range(1, len(of_reference)):
        node = rank[np.searchsorted(known, of_reference[i])]
        base = reference[i + k - 1]
        next_node[previous, base] = node
        weight[previous, base] = _REFERENCE_SUPPORT
        previous = node
    return len(known), next_node, weight


@njit(cache=True)
def _hash_k_mers(
    seq: Any, qual: Any, begin: int, end: int, k: int, min_quality: int, top: Any, hashes: Any, at: int
) -> int:
    """Append the hashes of the good k-mers (polynomial, rolled from base to base); return the new length."""
    value, good = np.uint64(0), 0
    for i in range(begin, end):
        value = value * _PRIME + np.uint64(seq[i] + 1)
        if i >= begin + k:
            value -= top * np.uint64(seq[i - k] + 1)
        good = good + 1 if seq[i] < 4 and (min_quality == 0 or qual[i] >= min_quality) else 0
        if good >= k:
            hashes[at] = value
            at += 1
    return at


@njit(cache=True)
def _add_edges(
    seq: Any, qual: Any, begin: int, end: int, k: int, min_quality: int, top: Any, known: Any, rank: Any,
    next_node: Any, weight: Any,
) -> None:  # fmt: skip
    value, good, previous = np.uint64(0), 0, -1
    for i in range(begin, end):
        value = value * _PRIME + np.uint64(seq[i] + 1)
        if i >= begin + k:
            value -= top * np.uint64(seq[i - k] + 1)
        good = good + 1 if seq[i] < 4 and qual[i] >= min_quality else 0
        if good < k:
            previous = -1
            continue
        node = rank[np.searchsorted(known, value)]
        if previous >= 0:
            next_node[previous, seq[i]] = node
            weight[previous, seq[i]] += 1
        previous = node


@njit(cache=True)
def _useful_nodes(next_node: Any, nodes: int) -> Any:
    """Nodes on a way from node 0 to node 1, bool[n]; nothing when a cycle can be reached (depth-first search)."""
    white, grey, black = 0, 1, 2
    color = np.zeros(nodes, np.uint8)
    useful = np.zeros(nodes, np.bool_)
    useful[1] = True
    stack = np.empty(nodes + 1, np.int64)
    branch = np.zeros(nodes + 1, np.int64)
    depth = 0
    stack[0] = 0
    color[0] = grey
    while depth >= 0:
        node = stack[depth]
        if branch[depth] < 4 and node != 1:
            child = next_node[node, branch[depth]]
            branch[depth] += 1
            if child < 0:
                continue
            if color[child] == grey:
                return np.zeros(0, np.bool_)
            if color[child] == white:
                color[child] = grey
                depth += 1
                stack[depth] = child
                branch[depth] = 0
            elif useful[child]:
                useful[node] = True
        else:
            color[node] = black
            depth -= 1
            if depth >= 0 and useful[node]:
                useful[stack[depth]] = True
    return useful


@njit(cache=True)
def _paths(reference: Any, next_node: Any, weight: Any, useful: Any, k: int, none: Any) -> Any:
    """All paths from node 0 to node 1 in an acyclic graph (depth-first search)."""
    most = len(reference) + MAX_GROWTH
    out = np.empty(MAX_PATHS * most, np.uint8)
    offset = np.zeros(MAX_PATHS + 1, np.int64)
    support = np.zeros(MAX_PATHS, np.int64)
    stack = np.zeros(most + 1, np.int64)
    branch = np.zeros(most + 1, np.int64)
    least = np.zeros(most + 1, np.int64)
    path = np.empty(most, np.uint8)
    path[:k] = reference[:k]
    found, depth = 0, 0
    least[0] = _REFERENCE_SUPPORT
    while depth >= 0:
        node = stack[depth]
        if node == 1:
            if found == MAX_PATHS:
                return none
            size = k + depth
            offset[found + 1] = offset[found] + size
            out[offset[found] : offset[found + 1]] = path[:size]
            support[found] = least[depth]
            found += 1
            depth -= 1
        elif branch[depth] < 4 and k + depth < most:
            base = branch[depth]
            branch[depth] += 1
            child = next_node[node, base]
            if child >= 0 and useful[child]:
                path[k + depth] = base
                least[depth + 1] = min(least[depth], weight[node, base])
                depth += 1
                stack[depth] = child
                branch[depth] = 0
        else:
            depth -= 1
    return out[: offset[found]].copy(), offset[: found + 1].copy(), support[:found].copy()
