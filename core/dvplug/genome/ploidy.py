"""Where the sample has one copy: contigs that the user names, the sex chromosomes of a male, mitochondria."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from dvplug.errors import InputError
from dvplug.genome.bed import read_bed
from dvplug.genome.contigs import contig_hint
from dvplug.genome.regions import merge
from dvplug.line.region import Region

Sex = Literal["male", "female"]
MITOCHONDRIA = ("chrM", "MT", "M", "chrMT")
# Pseudoautosomal regions, 0-based half-open, by the length of the contig (Genome Reference Consortium): the length
# tells the build, whatever the contig's name.
_PAR = {
    156_040_895: ("X", "GRCh38", ((10_000, 2_781_479), (155_701_382, 156_030_895))),
    57_227_415: ("Y", "GRCh38", ((10_000, 2_781_479), (56_887_902, 57_217_415))),
    155_270_560: ("X", "GRCh37", ((60_000, 2_699_520), (154_931_043, 155_260_560))),
    59_373_566: ("Y", "GRCh37", ((10_000, 2_649_520), (59_034_049, 59_363_566))),
}


@dataclass(frozen=True)
class Ploidy:
    """Contigs of which there is one copy, with the parts of which there are two all the same."""

    diploid: Mapping[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    """Haploid contig to its diploid intervals, in order; a contig that is not here is diploid."""

    def haploid(self, contig: str, positions: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_] | None:
        """Return bool[n] for 0-based positions; None where the contig is diploid."""
        if contig not in self.diploid:
            return None
        edges = np.array(self.diploid[contig], np.int64).ravel()
        return np.asarray(np.searchsorted(edges, positions, side="right") % 2 == 0)


DIPLOID = Ploidy()


def resolve_ploidy(
    lengths: Mapping[str, int],
    *,
    haploid_contigs: Sequence[str] = (),
    par_bed: Path | None = None,
    sex: Sex | None = None,
    regions: Iterable[Region] = (),
) -> Ploidy:
    """Work out what is haploid.

    Parameters
    ----------
    lengths
        Of the reference's contigs.
    haploid_contigs, par_bed
        Contigs of which there is one copy, and where on them there are two.
    sex
        Of a human sample: ``male`` makes X and Y haploid outside the pseudoautosomal regions of GRCh37 or GRCh38.
    regions
        Where variants are called: mitochondria among them are haploid.

    Raises
    ------
    InputError
        A contig is unknown, the build of X and Y is neither, or options contradict each other.
    """
    diploid = _as_named(lengths, haploid_contigs, par_bed)
    if sex == "male":
        for contig, _, parts in sex_chromosomes(lengths):
            diploid.setdefault(contig, parts)
    for contig, _, _ in regions:
        if contig in MITOCHONDRIA:
            diploid.setdefault(contig, ())
    return Ploidy(diploid)


def _as_named(
    lengths: Mapping[str, int], haploid_contigs: Sequence[str], par_bed: Path | None
) -> dict[str, tuple[tuple[int, int], ...]]:
    """Return the haploid contigs that the user names, each with its diploid intervals."""
    if par_bed is not None and not haploid_contigs:
        raise InputError(
            f"--par-bed {par_bed} has no haploid contigs to lie on",
            cause="it says where contigs that are else haploid have two copies",
            repair="Name them with --haploid-contigs, or leave it out: --sex male brings its own regions.",
        )
    for contig in haploid_contigs:
        if contig not in lengths:
            raise InputError(
                f"Haploid contig '{contig}' is not in the reference", repair=contig_hint(contig, lengths)
            )
    diploid: dict[str, tuple[tuple[int, int], ...]] = dict.fromkeys(haploid_contigs, ())
    for contig, start, end in merge(read_bed(par_bed, lengths), lengths) if par_bed is not None else ():
        if contig not in diploid:
            raise InputError(
                f"{par_bed} has a region on '{contig}', which is diploid anyway",
                cause="it is not among --haploid-contigs",
                repair="Add the contig there, or remove the line.",
            )
        diploid[contig] += ((start, end),)
    return diploid


def left_out_by_default(lengths: Mapping[str, int], sex: Sex | None = None) -> dict[str, str]:
    """Return the contigs that are only called when they are named, and why."""
    why = {contig: "mitochondrion" for contig in lengths if contig in MITOCHONDRIA}
    why |= {c: "decoy" for c in lengths if c == "hs37d5" or c.endswith("_decoy")}
    why |= {c: "virus" for c in lengths if c in ("chrEBV", "NC_007605")}
    if sex == "female":
        why |= {contig: "not in a female" for contig, name, _ in sex_chromosomes(lengths) if name == "Y"}
    return why


def sex_chromosomes(lengths: Mapping[str, int]) -> Sequence[tuple[str, str, tuple[tuple[int, int], ...]]]:
    """Return contig, X or Y, and the pseudoautosomal intervals; raises InputError where the build is neither."""
    found = [
        (contig, _PAR[length][0], _PAR[length][2])
        for contig, length in lengths.items()
        if length in _PAR and contig.removeprefix("chr") == _PAR[length][0]
    ]
    if not any(name == "X" for _, name, _ in found):
        raise InputError(
            "--sex needs GRCh37 or GRCh38",
            cause="the reference has no chromosome X of the length that those have",
            repair="Say it in full: --haploid-contigs X Y --par-bed PAR.bed",
        )
    return found
