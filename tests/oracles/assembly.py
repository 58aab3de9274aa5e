"""The twin of `dvplug.reads.assembly`: a graph of k-mers that are strings, walked path by path."""

from collections import Counter

from dvplug.reads import assembly


def twin_paths(
    reference: str, reads: list[tuple[str, list[int]]], k: int, least: int, min_base_quality: int
) -> dict[str, int] | None:
    """Haplotypes and the weight of each one's weakest edge beside the reference; None where there are none."""
    of_reference = [reference[i : i + k] for i in range(len(reference) - k + 1)]
    if len(set(of_reference)) < len(of_reference) or len(of_reference) < 2:
        return None
    weights: Counter[str] = Counter()  # by edge: k + 1 bases
    for seq, qual in reads:
        for i in range(len(seq) - k):
            good = min(qual[i : i + k + 1]) >= min_base_quality and "N" not in seq[i : i + k + 1]
            weights[seq[i : i + k + 1]] += good
    edges = {edge: weight for edge, weight in weights.items() if weight >= least}
    edges |= {reference[i : i + k + 1]: 1 << 30 for i in range(len(reference) - k)}
    reachable, waiting = set(), [of_reference[0]]
    while waiting:
        node = waiting.pop()
        if node not in reachable:
            reachable.add(node)
            if node != of_reference[-1]:
                waiting += [edge[1:] for edge in edges if edge[:-1] == node]
    inner = {edge for edge in edges if edge[:-1] in reachable - {of_reference[-1]}}
    if has_cycle(reachable, inner):
        return None
    found: dict[str, int] = {}
    partial = [(of_reference[0], 1 << 30)]
    while partial:
        path, weight = partial.pop()
        if path[-k:] == of_reference[-1]:
            found[path] = weight
        elif len(path) < len(reference) + assembly.MAX_GROWTH:
            node = path[-k:]
            partial += [(path + e[-1], min(weight, edges[e])) for e in inner if e[:-1] == node]
    return found if len(found) <= assembly.MAX_PATHS else None


def has_cycle(nodes: set[str], edges: set[str]) -> bool:
    """Kahn's algorithm: what is left when nodes without incoming edges are taken away again and again."""
    left, edges = set(nodes), set(edges)
    while left:
        free = left - {edge[1:] for edge in edges}
        if not free:
            return True
        left -= free
        edges = {edge for edge in edges if edge[:-1] not in free}
    return False
