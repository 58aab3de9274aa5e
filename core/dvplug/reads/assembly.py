"""Haplotypes of a short window, assembled from its reads: a de Bruijn graph over the reference and the reads.

As in local assemblers of the field (DeepVariant's realigner, GATK's HaplotypeCaller): nodes are k-mers, an edge
is as heavy as the reads that show it, light edges beside the reference are cut, and each path from the window's
first k-mer to its last is a haplotype. k grows until the graph has no cycle.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dvplug.kernel import kernel, subkernel
from dvplug.sequence.arrays import Bools, Int32s, Int64s, UInt8s, UInt64s
from dvplug.sequence.codes import UNKNOWN_BASE
from dvplug.sequence.sorting import drop_repeats, place_of, radix_sort

K_MERS = (25, 35, 45, 55, 65, 75, 85)
MIN_BASE_QUALITY = 15  # of every base of a k-mer (DeepVariant's dbg_min_base_quality)
MIN_READS = 2  # of an edge (DeepVariant's dbg_min_edge_weight)
MIN_FRACTION = 0.05  # of an edge, of what one that all reads share weighs: keeps errors of deep data out
MAX_PATHS = 32  # more means noise: the next k, or no assembly
MAX_HAPLOTYPES = 6  # best supported; more cost time and gain nothing
MAX_GROWTH = 200  # bp by which a haplotype may be longer than the reference window
_PRIME = np.uint64(0x9E3779B97F4A7C15)
_REFERENCE_SUPPORT = 1 << 30
_SOURCE, _SINK = 0, 1  # nodes of the window's first and last k-mer
_NO_NODE = -1


class Stretches(NamedTuple):
    """Stretches of bases: the i-th are those from ``first[i]`` up to ``last[i]``; none overlaps another."""

    seq: UInt8s  # [bases]: base codes
    qual: UInt8s  # [bases]: phred
    first: Int64s  # [stretches]
    last: Int64s  # [stretches]


class KMers(NamedTuple):
    """The good k-mers of stretches, in order."""

    hash: UInt64s  # [k-mers]
    end: Int64s  # [k-mers]: index of the last base


class Graph(NamedTuple):
    """Edges from each node, by the base that follows its k-mer."""

    next_node: Int32s  # [nodes, 4]: `_NO_NODE` where there is none
    weight: Int64s  # [nodes, 4]: reads on the edge, or `_REFERENCE_SUPPORT`


def assemble(
    reference: UInt8s,
    seq: UInt8s,
    qual: UInt8s,
    first: Int64s,
    last: Int64s,
) -> list[UInt8s]:
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
        bases, offset, support = haplotype_paths(reference, Stretches(seq, qual, first, last), k, least)
        if len(offset) > 1:
            # Best supported first; of equals the first found, which depends on the sequence alone.
            best = np.argsort(-support, kind="stable")[:MAX_HAPLOTYPES]
            return [bases[offset[i] : offset[i + 1]] for i in best if support[i] < _REFERENCE_SUPPORT]
    return []


@kernel
def haplotype_paths(reference: UInt8s, reads: Stretches, k: int, least: int) -> tuple[UInt8s, Int64s, Int64s]:
    """Enumerate the paths of one graph.

    Parameters
    ----------
    reference
        uint8[l] base codes of the window.
    k, least
        Bases of a k-mer, and reads that an edge beside the reference must have.

    Returns
    -------
    bases, offset, support
        uint8 flat, int64[paths + 1], int64[paths]: path ``i`` is ``bases[offset[i]:offset[i + 1]]``; its support
        is that of its weakest edge beside the reference, `_REFERENCE_SUPPORT` for the reference itself. No path at
        all when there is a cycle or when there are too many.
    """
    none = np.zeros(0, np.uint8), np.zeros(1, np.int64), np.zeros(0, np.int64)
    graph = _graph(reference, reads, k, least)
    if len(graph.next_node) == 0:
        return none
    useful = _useful_nodes(graph.next_node)
    if len(useful) == 0:
        return none
    return _paths(reference[:k], graph, useful, len(reference) + MAX_GROWTH)


@subkernel
def _graph(reference: UInt8s, reads: Stretches, k: int, least: int) -> Graph:
    """Graph of the reference and the reads; without nodes when the reference repeats a k-mer or has a bad one."""
    whole = Stretches(reference, reference, np.zeros(1, np.int64), np.full(1, len(reference), np.int64))
    of_reference = _k_mers(whole, k, 0).hash
    n = len(of_reference)
    if n < 2 or len(drop_repeats(radix_sort(of_reference.copy(), 64))) < n or n < len(reference) - k + 1:
        return Graph(np.zeros((0, 4), np.int32), np.zeros((0, 4), np.int64))
    of_reads = _k_mers(reads, k, MIN_BASE_QUALITY)
    known = np.empty(n + len(of_reads.hash), np.uint64)
    for i in range(len(known)):
        known[i] = of_reference[i] if i < n else of_reads.hash[i - n]
    known = drop_repeats(radix_sort(known, 64))
    node_of = _numbered(known, of_reference[0], of_reference[-1])
    graph = Graph(np.full((len(known), 4), _NO_NODE, np.int32), np.zeros((len(known), 4), np.int64))
    _add_edges(graph, reads.seq, of_reads, known, node_of)
    for node in range(len(known)):
        for base in range(4):
            if graph.weight[node, base] < least:
                graph.next_node[node, base] = _NO_NODE
    previous = np.int64(_SOURCE)
    for i in range(1, n):
        node = node_of[place_of(known, of_reference[i])]
        base = reference[i + k - 1]
        graph.next_node[previous, base] = node
        graph.weight[previous, base] = _REFERENCE_SUPPORT
        previous = node
    return graph


@subkernel
def _k_mers(stretches: Stretches, k: int, min_quality: int) -> KMers:
    """K-mers of bases that are known and good enough; their hashes are polynomials, rolled from base to base."""
    seq, qual = stretches.seq, stretches.qual
    top = np.uint64(1)  # factor of the base that leaves
    for _ in range(k):
        top *= _PRIME
    total = 0
    for i in range(len(stretches.first)):
        total += max(0, stretches.last[i] - stretches.first[i] - k + 1)
    hashes, ends = np.empty(total, np.uint64), np.empty(total, np.int64)
    n = 0
    for s in range(len(stretches.first)):
        value, good = np.uint64(0), 0
        for i in range(stretches.first[s], stretches.last[s]):
            value = value * _PRIME + np.uint64(seq[i] + 1)
            if i >= stretches.first[s] + k:
                value -= top * np.uint64(seq[i - k] + 1)
            good = good + 1 if seq[i] < UNKNOWN_BASE and qual[i] >= min_quality else 0
            if good >= k:
                hashes[n], ends[n] = value, i
                n += 1
    return KMers(hashes[:n], ends[:n])


@subkernel
def _numbered(known: UInt64s, source: int, sink: int) -> Int32s:
    """Node of each hash, int32[nodes], by its place in ``known``: the ends of the window are the first two."""
    node_of = np.empty(len(known), np.int32)
    number = 2
    for i in range(len(known)):
        if known[i] == source:
            node_of[i] = _SOURCE
        elif known[i] == sink:
            node_of[i] = _SINK
        else:
            node_of[i] = number
            number += 1
    return node_of


@subkernel
def _add_edges(graph: Graph, seq: UInt8s, k_mers: KMers, known: UInt64s, node_of: Int32s) -> None:
    """Add an edge between k-mers that follow each other; ``node_of`` as `_numbered` gives it for ``known``."""
    previous = 0
    for i in range(len(k_mers.hash)):
        node = node_of[place_of(known, k_mers.hash[i])]
        if i > 0 and k_mers.end[i] == k_mers.end[i - 1] + 1:
            base = seq[k_mers.end[i]]
            graph.next_node[previous, base] = node
            graph.weight[previous, base] += 1
        previous = node


@subkernel
def _useful_nodes(next_node: Int32s) -> Bools:
    """Nodes on a way from source to sink, bool[nodes]; nothing when a cycle can be reached (depth-first search).

    ``next_node`` int32[nodes, 4] as in `Graph`.
    """
    nodes = len(next_node)
    white, grey, black = 0, 1, 2
    color = np.zeros(nodes, np.uint8)
    useful = np.zeros(nodes, np.bool_)
    useful[_SINK] = True
    stack = np.empty(nodes + 1, np.int64)
    branch = np.zeros(nodes + 1, np.int64)
    depth = 0
    stack[0] = _SOURCE
    color[_SOURCE] = grey
    while depth >= 0:
        node = stack[depth]
        if branch[depth] < 4 and node != _SINK:
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


@subkernel
def _paths(start: UInt8s, graph: Graph, useful: Bools, most: int) -> tuple[UInt8s, Int64s, Int64s]:
    """All paths from source to sink in an acyclic graph (depth-first search), as `haplotype_paths` gives them.

    Parameters
    ----------
    start
        uint8[k] base codes of the source.
    useful
        bool[nodes]: nodes on a way to the sink.
    most
        Longest path, in bases.
    """
    next_node, weight, k = graph.next_node, graph.weight, len(start)
    out = np.empty(MAX_PATHS * most, np.uint8)
    offset = np.zeros(MAX_PATHS + 1, np.int64)
    support = np.zeros(MAX_PATHS, np.int64)
    stack = np.zeros(most + 1, np.int64)
    branch = np.zeros(most + 1, np.int64)
    least = np.zeros(most + 1, np.int64)
    path = np.empty(most, np.uint8)
    for i in range(k):
        path[i] = start[i]
    found, depth = 0, 0
    least[0] = _REFERENCE_SUPPORT
    while depth >= 0:
        node = stack[depth]
        if node == _SINK:
            if found == MAX_PATHS:
                return out[:0].copy(), offset[:1].copy(), support[:0].copy()
            size = k + depth
            offset[found + 1] = offset[found] + size
            for i in range(size):
                out[offset[found] + i] = path[i]
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
