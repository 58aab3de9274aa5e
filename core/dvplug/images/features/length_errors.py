"""`LengthErrors`: how often a sequencer's reads show a homopolymer longer or shorter than it is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from dvplug.line.run_profile import TRACTS, RunProfile
from dvplug.sequence.arrays import Float64s

# Of HG002's homopolymers of 20 bp and more in GIAB's benchmark v4.2.1 about half vary, at 12 bp a quarter, at 8 bp
# 3 %, at 6 bp 0.4 %; of the alleles three quarters differ by 1 bp, a fifth by 2 bp. A network need not take the odds
# as they are, so no more than their order of size matters.
MOST_VARIED, HALF_VARIED_BP, STEEPNESS_BP = 0.5, 11.5, 1.2
PER_BP = 0.25
"""How much rarer an allele is that is 1 bp farther from the reference."""
_WEAK, _STRONG = TRACTS.index("A/T"), TRACTS.index("C/G")
UNTOLD = 0.01
"""Of the reads, those that show any length: what the table does not know of."""


@dataclass(frozen=True)
class LengthErrors:
    """How often reads show a homopolymer longer or shorter than it is.

    Parameters
    ----------
    p
        float64[classes, 4, longest + 1, 2 * most + 1]: P(change of length | class of the read, base as sequenced, bp
        of the true run). Longer runs count as the longest, larger changes as the largest.
    edges
        float64[classes - 1], ascending: mean error probability, by its base qualities, from which on a read is of the
        next class.
    slip_sd
        SD, from place to place, of the log-odds that a run is misread (where it always is, places cannot differ).
    tilt_sd
        SD, from place to place, of what a bp more adds to the log-odds of each length that reads show.
    """

    p: Float64s
    edges: Float64s
    slip_sd: float
    tilt_sd: float

    @property
    def most(self) -> int:
        """Largest change, bp."""
        return self.p.shape[-1] // 2

    def save(self, path: Path) -> None:
        """Write as .npz."""
        np.savez_compressed(
            path, p=self.p.astype(np.float32), edges=self.edges, slip_sd=self.slip_sd, tilt_sd=self.tilt_sd
        )

    @classmethod
    def of_run(cls, run: RunProfile) -> LengthErrors:
        """Take a run's own table: reads of one class, of A and T alike, and of C and G."""
        by_base = run.length_p[[_WEAK, _STRONG, _STRONG, _WEAK]]
        return cls(by_base[None], np.zeros(0), slip_sd=run.length_spread, tilt_sd=0.0)

    @classmethod
    def load(cls, path: Path) -> LengthErrors:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as data:
            return cls(
                data["p"].astype(np.float64), data["edges"], float(data["slip_sd"]), float(data["tilt_sd"])
            )

    @cached_property
    def by_place(self) -> tuple[Float64s, Float64s]:
        """Tables of places that differ in how often reads err, and in whether they are rather too long or too short.

        Returns
        -------
        float64[k, *p.shape], float64[k]
            One table for each pair of nodes of the quadratures of two normal distributions, and its weight.
        """
        if not self.tilt_sd:
            return self.at_tilt(0.0)
        nodes, p_node = _standard_normal()
        tables, p_slip = zip(*(self.at_tilt(tilt) for tilt in nodes * self.tilt_sd), strict=True)
        return np.concatenate(tables), (p_node[:, None] * p_slip).ravel()

    def at_tilt(self, tilt: float) -> tuple[Float64s, Float64s]:
        """Tables of places where reads err less often than usual, as often, and more.

        Parameters
        ----------
        tilt
            What a bp more adds there to the log-odds of each length that reads show.

        Returns
        -------
        float64[3, *p.shape], float64[3]
            The tables and their weights.
        """
        tilted = self.p * np.exp(tilt * np.arange(-self.most, self.most + 1))
        tilted /= tilted.sum(axis=-1, keepdims=True)
        right = tilted[..., self.most]
        nodes, p_node = _standard_normal()
        tables = []
        for slip in nodes * self.slip_sd:
            wrong = (1 - right) / (1 - right + right * np.exp(-right * slip))
            table = tilted * (wrong / np.maximum(1 - right, 1e-12))[..., None]
            table[..., self.most] = 1 - wrong
            tables.append(table * (1 - UNTOLD) + UNTOLD / self.p.shape[-1])
        return np.array(tables), p_node

    @cached_property
    def prior(self) -> Float64s:
        """ln P(genotype), up to a constant: float64[longest + 1, alleles, alleles], symmetric, by bp of the run.

        Alleles are changes of length from -most to +most. Of those that vary, heterozygotes with the reference are
        twice as many as homozygotes, as in HG002.
        """
        bp = np.arange(self.p.shape[2])
        varied = MOST_VARIED / (1 + np.exp((HALF_VARIED_BP - bp) / STEEPNESS_BP))
        distance = np.abs(np.arange(-self.most, self.most + 1))
        share = np.where(distance > 0, PER_BP**distance, 0.0)
        share /= share.sum()
        of_allele = varied[:, None] * share
        table = of_allele[:, :, None] * of_allele[:, None, :]  # two different alts
        allele = np.arange(2 * self.most + 1)
        table[:, allele, allele] = of_allele / 2
        table[:, self.most, :] = table[:, :, self.most] = of_allele
        table[:, self.most, self.most] = 1 - varied
        return np.log(table)


def _standard_normal() -> tuple[Float64s, Float64s]:
    """Nodes and weights, float64[3], of the Gauss-Hermite quadrature of the normal distribution."""
    # To their last bits those of `numpy.polynomial.hermite_e.hermegauss`, which takes 7 ms to import.
    nodes = np.array([-1.7320508075688774, 0.0, 1.7320508075688774])
    return nodes, np.array([0.1666666666666666, 0.6666666666666669, 0.1666666666666666])
