"""`Pileup` and `ImageBatch`: what the channels draw, and what the network sees."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from dvplug.line.read_batch import ReadBatch
from dvplug.line.run_profile import RunProfile, usual_profile

# Values of `Pileup.cell` below zero.
EMPTY, DELETED, REFERENCE = -1, -2, -3
# Values of `Pileup.support`.
NO_READ, SUPPORTS_ALT, SUPPORTS_OTHER, SUPPORTS_REF, UNKNOWN_SUPPORT = range(5)
# Values of `Pileup.side`: which haplotype is called 1 and which 2 means nothing, so it is not drawn. Near is the one of
# whose reads more support the image's alts.
NO_SIDE, NEAR, FAR = range(3)
NO_ALT = -1  # second entry of an image's alts when it stands for one alt


@dataclass(frozen=True)
class Pileup:
    """What the channels draw: the layout of ``n`` images of ``h`` rows and ``w`` columns."""

    reads: ReadBatch
    cell: npt.NDArray[np.int32]  # [n, h, w]: index into reads.seq, or EMPTY, DELETED, REFERENCE
    insertion: npt.NDArray[np.bool_]  # [n, h, w]: bases are inserted after this cell
    row_read: npt.NDArray[np.int32]  # [n, h]: index of the read, EMPTY or REFERENCE
    support: npt.NDArray[np.uint8]  # [n, h]: NO_READ, SUPPORTS_ALT, ...
    side: npt.NDArray[np.uint8]  # [n, h]: haplotype of the row's read, NO_SIDE, NEAR or FAR
    reference: npt.NDArray[np.uint8]  # [n, w]: base codes, 4 beyond the contig
    run: RunProfile = field(default_factory=usual_profile)
    """How the reads of the run err, and what they are like."""
    settings: Any = None
    """What ``--set`` gave the plugin whose channel is drawn, of the class that it declares; None where it has none."""


@dataclass(frozen=True)
class ImageBatch:
    """Images and features of a region's candidates: one per alt and per pair of alts, by site, single alts first."""

    images: npt.NDArray[np.uint8]  # [n, h, w, c]
    features: npt.NDArray[np.float32]  # [n, f]
    site: npt.NDArray[np.int32]  # [n]: index into the candidates
    alt_set: npt.NDArray[np.int8]  # [n, 2]: indexes of the alts it stands for, NO_ALT when there is no second

    def __len__(self) -> int:
        return len(self.site)

    def at(self, rows: npt.NDArray[np.integer]) -> ImageBatch:
        """Return some of the images, by their numbers."""
        return ImageBatch(self.images[rows], self.features[rows], self.site[rows], self.alt_set[rows])

    def of_site(self, index: int) -> ImageBatch:
        """Return the images of one candidate, as those of a batch that has no other."""
        own = self.site == index
        return ImageBatch(
            self.images[own], self.features[own], np.zeros_like(self.site[own]), self.alt_set[own]
        )
