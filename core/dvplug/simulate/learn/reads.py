"""Learn how the reads of a file err, whichever way they are of: short pairs, or single reads of any length.

Short pairs are copied whole, qualities and all (`profile`); single reads, and long ones, are drawn by context
(`context`).
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pysam
from pydantic import ValidationError

from dvplug.errors import InputError
from dvplug.simulate.learn.context import ContextProfile, learn_context_profile
from dvplug.simulate.learn.observed_alleles import NOT_COUNTED
from dvplug.simulate.learn.profile import Profile, learn_profile
from dvplug.simulate.linked import LinkedLibrary
from dvplug.simulate.spliced import SplicedLibrary
from dvplug.system.explain import explain
from dvplug_registry.files import UnfinishedFile

Way = Literal["pairs", "single"]
"""How reads are learnt: as short pairs, or as single reads."""
MOST_IN_PAIRS = 1_000
"""bp of the longest reads that are learnt as pairs; a whole template is kept of each."""
FEWEST_SINGLE = 100
"""Reads of which tables of homopolymers and qualities tell something."""
_LOOKED_AT = 2_000
_LIBRARIES: dict[str, type[LinkedLibrary] | type[SplicedLibrary]] = {
    "linked": LinkedLibrary,
    "spliced": SplicedLibrary,
}


@dataclass(frozen=True)
class LearntReads:
    """How reads err.

    Attributes
    ----------
    profile
        What was learnt.
    platform
        What their header names (@RG PL); empty where it names none.
    stated
        Where numbers are from that took the place of reads; empty where there were reads.
    linked
        Long molecules that they are of, where barcodes tell them; stated.
    spliced
        How genes are transcribed, where they are of transcripts; stated.
    """

    profile: Profile | ContextProfile
    platform: str = ""
    stated: str = ""
    linked: LinkedLibrary | None = None
    spliced: SplicedLibrary | None = None

    @property
    def way(self) -> Way:
        """How they were learnt."""
        return "pairs" if isinstance(self.profile, Profile) else "single"

    @property
    def read_length(self) -> float:
        """Median, bp."""
        return float(np.median(self.profile.length))

    def save(self, path: Path) -> None:
        """Write as .npz, whole or not at all; raises OSError."""
        arrays = {field.name: getattr(self.profile, field.name) for field in fields(self.profile)}
        with UnfinishedFile(path) as unfinished, unfinished.open("wb") as file:
            named = {"platform": self.platform, "stated": self.stated}
            for name in _LIBRARIES:
                if (library := getattr(self, name)) is not None:
                    named[name] = library.model_dump_json()
            np.savez_compressed(file, **arrays | {name: np.array(text) for name, text in named.items()})

    @classmethod
    def load(cls, path: Path) -> LearntReads:
        """Read what `save` wrote; raises InputError where it is no such file."""
        try:
            with np.load(path, allow_pickle=False) as data:
                arrays = {name: data[name] for name in data.files}
                columns: dict[str, Any] = {n: a if a.ndim else a.item() for n, a in arrays.items()}
        except FileNotFoundError:
            raise InputError(
                f"Profile '{path}' does not exist", repair="Make it: `dvplug train learn`."
            ) from None
        except (OSError, EOFError, ValueError, TypeError, AttributeError, zipfile.BadZipFile) as error:
            raise _no_profile(path, "it is no .npz file, or damaged") from error
        platform, stated = (str(columns.pop(name, "")) for name in ("platform", "stated"))
        texts = {name: str(columns.pop(name, "")) for name in _LIBRARIES}
        try:
            libraries: dict[str, Any] = {
                name: _LIBRARIES[name].model_validate_json(text) for name, text in texts.items() if text
            }
        except ValidationError as error:
            raise _no_profile(path, explain(error)) from error
        for kind in (Profile, ContextProfile):
            named = {field.name: field for field in fields(kind)}
            needed = {n for n, f in named.items() if f.default_factory is MISSING and f.default is MISSING}
            if needed <= columns.keys() <= named.keys():
                return cls(kind(**columns), platform, stated, **libraries)
        raise _no_profile(path, "it holds something else")


def _no_profile(path: Path, cause: str) -> InputError:
    return InputError(
        f"'{path}' is no profile of reads", cause=cause, repair="Make one: `dvplug train learn`."
    )


def learn_reads(bam: Path, fasta: Path, way: Way | None = None) -> LearntReads:
    """Learn how the primary alignments of a sorted, indexed BAM err.

    Parameters
    ----------
    fasta
        Its reference, indexed.
    way
        How to learn; None for what suits the reads, by `way_of`.

    Raises
    ------
    InputError
        There are too few reads, or none that is mapped, or they have no qualities.
    """
    way = way or way_of(bam)
    with pysam.AlignmentFile(str(bam)) as reads:
        platform = _platform(reads.header.to_dict())
    if way == "pairs":
        return LearntReads(learn_profile(bam, fasta), platform)
    profile = learn_context_profile(bam, fasta)
    if len(profile.length) < FEWEST_SINGLE:
        raise InputError(
            f"no profile can be learnt from the {len(profile.length)} reads of {bam}",
            cause=f"it takes {FEWEST_SINGLE} primary alignments of mapping quality 20 or more, with base qualities",
            repair="Give more reads.",
        )
    return LearntReads(profile, platform)


def way_of(bam: Path) -> Way:
    """Tell how reads are to be learnt, by the first ones; raises InputError where none is mapped.

    As pairs where most of them are of pairs that map together, and nine in ten are at most `MOST_IN_PAIRS` long.
    """
    proper, lengths = 0, []
    with pysam.AlignmentFile(str(bam)) as reads:
        for read in reads:
            if read.flag & NOT_COUNTED or not read.query_length:
                continue
            proper += read.is_paired and read.is_proper_pair
            lengths.append(read.query_length)
            if len(lengths) == _LOOKED_AT:
                break
    if not lengths:
        raise InputError(
            f"nothing can be learnt from {bam}",
            cause="no read in it is mapped",
            repair="Map the reads first, such as with minimap2 or bwa, and sort and index them.",
        )
    short = np.quantile(lengths, 0.9) <= MOST_IN_PAIRS
    return "pairs" if proper > len(lengths) / 2 and short else "single"


def _platform(header: Mapping[str, Any]) -> str:
    """The platform of the read groups, where they name one."""
    named = {str(group["PL"]) for group in header.get("RG", []) if group.get("PL")}
    return named.pop() if len(named) == 1 else ""
