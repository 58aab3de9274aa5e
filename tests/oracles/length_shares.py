"""The twin of `dvplug.images.features.length_shares`: shares counted in lists."""

from __future__ import annotations

from dvplug.images.features.length_shares import SHARE_FEATURES


def twin_shares(of_reads: list[tuple[int, int]], alt: int, second_alt: int | None) -> dict[str, float]:
    """What `SHARE_FEATURES` say, by name."""
    out = dict.fromkeys(SHARE_FEATURES, 0.0)

    def tell(name: str, changes: list[int], allele: int | None, reach: int) -> None:
        if changes and allele is not None:
            for d in range(-reach, reach + 1):
                out[f"{name}_{d}"] = changes.count(allele + d) / len(changes)

    every = [change for change, _ in of_reads]
    tell("share_reference", every, 0, 3)
    tell("share_alt", every, alt, 2)
    tell("share_second_alt", every, second_alt, 2)
    known = [haplotype for _, haplotype in of_reads if haplotype]
    order = sorted((1, 2), key=lambda haplotype: known[:1] != [haplotype])
    sides = [[change for change, of in of_reads if of == haplotype] for haplotype in order]
    sides.sort(key=lambda changes: (-changes.count(alt) / max(len(changes), 1), -len(changes)))
    for name, changes in zip(("near", "far"), sides, strict=True):
        out[f"{name}_fraction"] = len(changes) / max(len(every), 1)
        tell(f"{name}_reference", changes, 0, 2)
        tell(f"{name}_alt", changes, alt, 1)
        tell(f"{name}_second_alt", changes, second_alt, 1)
    return out
