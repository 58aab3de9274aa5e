"""Where the fragments of a library of short reads lie on a haplotype."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dvplug.simulate.balance import AlleleBalance
from dvplug.simulate.depths import DepthBlocks
from dvplug.simulate.genome import N
from dvplug.simulate.learn.profile import Profile
from dvplug.simulate.variants import HaplotypeSequence


class Fragments(NamedTuple):
    """Where fragments lie on a haplotype; what is None is drawn when they are read, as in the profile."""

    start: NDArray[np.int64]  # [k]
    length: NDArray[np.int64] | None = None  # [k], bp
    flip: NDArray[np.bool_] | None = None  # [k], the first read is of the reverse strand
    trimmed: bool = False  # reads end where their fragment ends, without the adapter behind
    molecule: NDArray[np.int64] | None = None
    """[k], ascending: of which one each is a copy; of one each when None."""


def fragment_starts(
    haplotype: HaplotypeSequence,
    profile: Profile,
    blocks: DepthBlocks,
    ripple: NDArray[np.float64],
    rng: np.random.Generator,
    balance: AlleleBalance | None = None,
    mates: int = 2,
) -> NDArray[np.int64]:
    """Draw where fragments start on one haplotype of two, sorted, int64[k].

    Parameters
    ----------
    blocks
        Planned depths of both haplotypes together.
    ripple
        float64[reference length // 1000 + 1], local factor on the depth.
    balance
        How much deeper or less deep this haplotype is sequenced than the mean of both; equally when None.
    mates
        Reads of a fragment: 2, or 1 of single reads.
    """
    grid = 100
    codes = haplotype.codes
    bins = np.arange(0, len(codes) - 2 * grid, grid)
    gc = np.add.reduceat((codes == 1) | (codes == 2), bins) / grid
    gc = np.convolve(gc, np.ones(4) / 4, mode="same")
    unknown = np.convolve(np.add.reduceat(codes == N, bins), np.ones(7), mode="same") > 0
    on_reference = haplotype.to_reference(bins)
    depth = blocks.depth_at(on_reference)
    bias = np.exp(-(((gc - 0.45) / 0.3) ** 2))
    weight = np.where(unknown, 0.0, bias * ripple[np.minimum(on_reference // 1000, len(ripple) - 1)])
    weight /= max(weight[~unknown].mean(), 1e-9) if (~unknown).any() else 1.0
    if balance is not None:
        weight *= balance.factor_at(on_reference + int(profile.fragment.mean()) // 2)
    per_pair = np.minimum(profile.length, profile.fragment[:, None])[:, :mates].sum(axis=1).mean()
    counts = rng.poisson(depth / 2 * grid / per_pair * weight)
    starts = np.repeat(bins, counts) + rng.integers(0, grid, counts.sum())
    return np.sort(starts[starts < len(codes) - 1600])
