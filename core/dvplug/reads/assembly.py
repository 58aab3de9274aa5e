"""Haplotypes of a short window, assembled from its reads: a de Bruijn graph over the reference and the reads.

As in local assemblers of the field (DeepVariant's realigner, GATK's HaplotypeCaller): nodes are k-mers, an edge
is as heavy as the reads that show it, light edges beside the reference are cut, and each path from the window's
first k-mer to its last is a haplotype. k grows until the graph has no cycle.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dvplug.kernel import subkernel
from dvplug.sequence.arrays import Bools, Int32s, Int64s, UInt8s, UInt64s
from dvplug.sequence.codes import UNKNOWN_BASE
from dvplug.sequence.comparison import is_known_base, next_unlike

LONGEST_K, K_STEP = 85, 10
MIN_READS = 2  # of an edge (DeepVariant's dbg_min_edge_weight)
MIN_FRACTION = 0.05  # of an edge, of what one that all reads share weighs: keeps errors of deep data out
MAX_PATHS = 32  # more means noise: the next k, or no assembly
MAX_HAPLOTYPES = 6  # best supported; more cost time and gain nothing
MAX_GROWTH = 200  # bp by which a haplotype may be longer than the reference window
_PRIME = np.uint64(0x9E3779B97F4A7C15)
_REFERENCE_SUPPORT = 1 << 30
_SOURCE, _SINK = 0, 1  # nodes of the window's first and last k-mer
_NO_NODE = np.int32(-1)
_FEWEST = 512  # k-mers that a graph has room for to begin with


class Stretches(NamedTuple):
    """Stretches of bases: the i-th are those from ``first[i]`` up to ``last[i]``; none overlaps another.

    Most bases are the reference's. Where they may be, by the alignment, is said only to spare time: what is assembled
    does not depend on it.
    """

    seq: UInt8s  # [bases]: base codes
    qual: UInt8s  # [bases]: phred
    first: Int64s  # [stretches]
    last: Int64s  # [stretches]
    place: Int64s  # [stretches]: which base of ``along`` the first one may be; outside of it, none
    along: UInt8s  # [l]: base codes of the reference around the window
    begin: int  # which of these is the window's first
    min_base_quality: int  # of every base of a k-mer


class Graph(NamedTuple):
    """Edges from each node, by the base that follows its k-mer."""

    next_node: Int32s  # [nodes, 4]: `_NO_NODE` where there is none
    weight: Int64s  # [nodes, 4]: reads on the edge, and `_REFERENCE_SUPPORT` on one of the reference


class KMerTable(NamedTuple):
    """A hash table of k-mers: open addressing, at most half full."""

    used: Int64s  # [1]: how many there are
    key: UInt64s  # [slots], a power of two: hash
    node: Int32s  # [slots]: number, `_NO_NODE` where the slot is free


class Assembled(NamedTuple):
    """Haplotypes of a window, best supported first; the reference is not among them."""

    bases: UInt8s  # base codes, flat
    offset: Int64s  # [haplotypes + 1] into ``bases``


@subkernel
def assemble(reference: UInt8s, reads: Stretches, shortest_k: int) -> Assembled:
    """Assemble the haplotypes of a window: `MAX_HAPLOTYPES` at most, none when no k gives a graph without cycles.

    Parameters
    ----------
    reference
        uint8[l] base codes of the window.
    reads
        What the reads show of it.
    shortest_k
        Bases of a k-mer that are tried first.
    """
    for k in range(shortest_k, LONGEST_K + 1, K_STEP):
        if k + 2 > len(reference):
            break
        # What an edge weighs that all reads share. Of reads hardly longer than k it is far below the depth.
        total = 0
        for i in range(len(reads.first)):
            total += max(reads.last[i] - reads.first[i] - k, 0)
        least = max(MIN_READS, np.int64(np.ceil(MIN_FRACTION * (total / (len(reference) - k)))))
        bases, offset, support = haplotype_paths(reference, reads, k, least)
        if len(support) > 0:
            return _best_supported(bases, offset, support)
    return Assembled(np.zeros(0, np.uint8), np.zeros(1, np.int64))


@subkernel
def _best_supported(bases: UInt8s, offset: Int64s, support: Int64s) -> Assembled:
    """Paths as `haplotype_paths` gives them, those with most support; of equals the first found, as sequences go."""
    left, most = support.copy(), min(len(support), MAX_HAPLOTYPES)
    out, ends, n = np.empty(len(bases), np.uint8), np.zeros(most + 1, np.int64), 0
    for _ in range(most):
        best = 0
        for i in range(len(left)):
            if left[i] > left[best]:
                best = i
        if support[best] < _REFERENCE_SUPPORT:
            size = offset[best + 1] - offset[best]
            for i in range(size):
                out[ends[n] + i] = bases[offset[best] + i]
            ends[n + 1] = ends[n] + size
            n += 1
        left[best] = -1
    return Assembled(out[: ends[n]], ends[: n + 1])


@subkernel
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
    graph = _graph(reference, reads, k)
    if len(graph.next_node) == 0:
        return none
    _drop_light_edges(graph, least)
    useful = _useful_nodes(graph.next_node)
    if len(useful) == 0:
        return none
    return _paths(reference[:k], graph, useful, len(reference) + MAX_GROWTH)


@subkernel
def _graph(reference: UInt8s, reads: Stretches, k: int) -> Graph:
    """Graph of the reference and the reads; without nodes when the reference repeats a k-mer or has a bad one."""
    table = _with_room(
        KMerTable(np.zeros(1, np.int64), np.zeros(1, np.uint64), np.full(1, _NO_NODE, np.int32)),
        max(_FEWEST, len(reference)),
    )
    graph = _with_nodes(Graph(np.zeros((0, 4), np.int32), np.zeros((0, 4), np.int64)), len(table.node) // 2)
    if not _add_reference(reference, k, table, graph):
        return Graph(graph.next_node[:0], graph.weight[:0])
    steps = np.zeros(len(reads.along) + 1, np.int32)
    for i in range(len(reads.first) + 1):
        more = len(reads.along) if i == len(reads.first) else reads.last[i] - reads.first[i]
        if 2 * (table.used[0] + more) > len(table.node):
            table = _with_room(table, table.used[0] + more)
            graph = _with_nodes(graph, len(table.node) // 2)
        if i < len(reads.first):
            _add_read(reads, i, k, steps, table, graph)
    _add_counted(reads, len(reference), k, steps, table, graph)
    return Graph(graph.next_node[: table.used[0]], graph.weight[: table.used[0]])


@subkernel
def _add_reference(reference: UInt8s, k: int, table: KMerTable, graph: Graph) -> bool:
    """Add the reference, first and last k-mer first; tell whether there are two at least, each good and alone."""
    n = len(reference) - k + 1
    hashes = np.empty(max(n, 0), np.uint64)
    value, top = np.uint64(0), _power(k)
    for i in range(len(reference)):
        if reference[i] >= UNKNOWN_BASE:
            return False
        value = value * _PRIME + np.uint64(reference[i] + 1)
        if i >= k:
            value -= top * np.uint64(reference[i - k] + 1)
        if i >= k - 1:
            hashes[i - k + 1] = value
    for i in range(n):
        key = hashes[0 if i == 0 else n - 1 if i == 1 else i - 1]
        slot = _slot_of(table, key)
        if table.node[slot] != _NO_NODE:
            return False
        _add(table, slot, key)
    for i in range(n - 1):
        node = 0 if i == 0 else i + 1
        graph.next_node[node, reference[i + k]] = i + 2 if i + 2 < n else _SINK
        graph.weight[node, reference[i + k]] = _REFERENCE_SUPPORT
    return n >= 2


@subkernel
def _add_read(reads: Stretches, read: int, k: int, steps: Int32s, table: KMerTable, graph: Graph) -> None:
    """Add the edges between k-mers that follow each other in one read, whose bases are known and good enough.

    Where all of an edge's bases are the reference's, it is counted in ``steps``, int32[l + 1]: by how much the number
    of such edges changes from each base of ``reads.along``, with which they begin, to the next.
    """
    at, last = reads.first[read], reads.last[read]
    shift = reads.place[read] - at
    seq, qual, along, least = reads.seq, reads.qual, reads.along, reads.min_base_quality
    if at + shift < 0 or last + shift > len(along):
        _add_edges(reads, at, last, k, table, graph)
        return
    while at < last:  # what lies before is done, and here good bases may begin
        unlike = next_unlike(seq, qual, along, least, shift, at, last)
        if unlike - at > k:
            steps[at + shift] += 1
            steps[unlike + shift - k] -= 1
        first, end = max(at, unlike - k), unlike
        at = unlike + 1
        while at < last and qual[at] < least:  # they come in runs
            at += 1
        # As it is another base, the edges over it are others.
        while end < last and is_known_base(seq[end], qual[end], least):
            at, stop = end + 1, min(end + 1 + k, last)
            end = next_unlike(seq, qual, along, least, shift, at, stop)
            if end == stop:
                break
        if end > unlike:
            _add_edges(reads, first, end, k, table, graph)


@subkernel
def _add_edges(reads: Stretches, first: int, last: int, k: int, table: KMerTable, graph: Graph) -> None:
    """Add the edges within the bases from ``first`` up to ``last``.

    An edge that is known leads to its k-mer: only what no read before it showed is looked up.
    """
    seq, qual = reads.seq[first:last], reads.qual[first:last]
    next_node, weight = graph.next_node, graph.weight
    value, good, node, top = np.uint64(0), 0, np.int64(_NO_NODE), _power(k)
    for i in range(len(seq)):
        base = np.int64(seq[i])
        value = value * _PRIME + np.uint64(base + 1)
        if i >= k:
            value -= top * np.uint64(seq[i - k] + 1)
        good = good + 1 if base < UNKNOWN_BASE and qual[i] >= reads.min_base_quality else 0
        if good < k:
            continue
        child = np.int64(_NO_NODE)
        if good > k:
            child = np.int64(next_node[node, base])
        if child == _NO_NODE:
            child = _node_of(table, value)
        if good > k:
            next_node[node, base] = child
            weight[node, base] += 1
        node = child


@subkernel
def _add_counted(
    reads: Stretches, window: int, k: int, steps: Int32s, table: KMerTable, graph: Graph
) -> None:
    """Add the edges that were counted in ``steps``; those within the ``window``, of so many bases, are there.

    See `_add_read`.
    """
    along, begin = reads.along, reads.begin
    value, before, top = np.uint64(0), np.uint64(0), _power(k)
    here, node = np.int64(0), np.int64(_NO_NODE)
    for i in range(len(along)):
        value = value * _PRIME + np.uint64(along[i] + 1)
        if i >= k:
            first = i - k  # of the edge from the k-mer that ended before this base
            value -= top * np.uint64(along[first] + 1)
            here += steps[first]
            if here > 0 and not begin <= first <= begin + window - k - 1:
                if node == _NO_NODE:
                    node = _node_of(table, before)
                child = _node_of(table, value)
                graph.next_node[node, along[i]] = child
                graph.weight[node, along[i]] += here
                node = child
            else:
                node = np.int64(_NO_NODE)
        before = value


@subkernel
def _node_of(table: KMerTable, key: int) -> int:
    """The number of a k-mer, which is new or not."""
    slot = _slot_of(table, key)
    if table.node[slot] == _NO_NODE:
        _add(table, slot, key)
    return np.int64(table.node[slot])


@subkernel
def _power(k: int) -> int:
    """What the base that leaves a k-mer is multiplied with: hashes are polynomials, rolled from base to base."""
    top = np.uint64(1)
    for _ in range(k):
        top *= _PRIME
    return top


@subkernel
def _slot_of(table: KMerTable, key: int) -> int:
    """Where a k-mer lies in the table, or would: linear probing, from the highest bits of its hash on."""
    mask = len(table.node) - 1
    slot = np.int64((key * _PRIME) >> np.uint64(32)) & mask
    while table.node[slot] != _NO_NODE and table.key[slot] != key:
        slot = (slot + 1) & mask
    return slot


@subkernel
def _add(table: KMerTable, slot: int, key: int) -> None:
    """Give a k-mer the next number."""
    table.key[slot], table.node[slot] = key, table.used[0]
    table.used[0] += 1


@subkernel
def _with_room(table: KMerTable, most: int) -> KMerTable:
    """The same k-mers in a table that so many fill to a half at most."""
    size = 1
    while size < 2 * most:
        size *= 2
    larger = KMerTable(table.used, np.zeros(size, np.uint64), np.full(size, _NO_NODE, np.int32))
    for i in range(len(table.node)):
        if table.node[i] != _NO_NODE:
            slot = _slot_of(larger, table.key[i])
            larger.key[slot], larger.node[slot] = table.key[i], table.node[i]
    return larger


@subkernel
def _with_nodes(graph: Graph, n: int) -> Graph:
    """The same edges with room for ``n`` nodes."""
    next_node, weight = np.full((n, 4), _NO_NODE, np.int32), np.zeros((n, 4), np.int64)
    for node in range(len(graph.next_node)):
        for base in range(4):
            next_node[node, base], weight[node, base] = graph.next_node[node, base], graph.weight[node, base]
    return Graph(next_node, weight)


@subkernel
def _drop_light_edges(graph: Graph, least: int) -> None:
    """Cut the edges that fewer reads show; the reference's are heavier than any."""
    for node in range(len(graph.next_node)):
        for base in range(4):
            if graph.weight[node, base] < least:
                graph.next_node[node, base] = _NO_NODE


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
