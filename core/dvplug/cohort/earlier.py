"""What earlier runs left in the folder of a cohort that is not of this one: it would be taken for a part of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dvplug.cohort.finished import FinishedSamples
from dvplug.cohort.outputs import CohortFiles
from dvplug.cohort.sheet import Sheet
from dvplug.errors import InputError
from dvplug.system.console import warn

MOST_NAMED = 5
"""Samples that are named."""


def joint_made_of(sheet: Sheet) -> dict[str, Any]:
    """What the joint VCF depends on besides the samples' gVCFs: whose they are, and the pedigree, if it is used."""
    of_families = sorted(sheet.pedigree().splitlines()) if sheet.has_parents else []
    return {"samples": sorted(sample.name for sample in sheet.samples), "pedigree": of_families}


def refuse_other_joint(
    sheet: Sheet, files: CohortFiles, notes: FinishedSamples, to_call: Sequence[str]
) -> None:
    """Refuse to leave the joint VCF of an earlier run beside samples of which it is not; raises InputError.

    Parameters
    ----------
    to_call
        Samples that are not whole.
    """
    if not files.joint.exists():
        return
    repair = "Give --joint, which makes it anew, or move it away."
    made = notes.look_joint(files.joint)
    if made is None:
        raise InputError(
            f"{files.joint} is there, and may be of other samples, or of these as they were called before",
            cause="no note says what it was made of, or it is not as it was written",
            repair=repair,
        )
    if why := "; ".join(_why_other(made, sheet, notes, to_call)):
        raise InputError(
            f"{files.joint} is there, and not of these samples as they are called now",
            cause=why,
            repair=repair,
        )


def _why_other(
    made: Mapping[str, Any], sheet: Sheet, notes: FinishedSamples, to_call: Sequence[str]
) -> Iterator[str]:
    now = joint_made_of(sheet)
    had, has = set(made["samples"]), set(now["samples"])
    if more := sorted(has - had):
        yield f"it is without {named(more)}"
    if gone := sorted(had - has):
        yield f"it has {named(gone)}, which the sheet does not name"
    if anew := sorted(had.intersection(to_call)):
        yield f"called anew: {named(anew)}"
    elif changed := sorted(name for name in had & has if made["gvcfs"][name] != notes.gvcf(name)):
        yield f"called anew since: {named(changed)}"
    if made["pedigree"] != now["pedigree"]:
        yield "the pedigree is another"


def warn_of_others(sheet: Sheet, files: CohortFiles, notes: FinishedSamples) -> None:
    """Warn of files of samples that the sheet does not name."""
    known = {sample.name for sample in sheet.samples}
    others = [
        name for name in notes.names() if name not in known and (files.folder / f"{name}.vcf.gz").exists()
    ]
    if others:
        warn(
            f"{files.folder} has files of samples that the sheet does not name: {named(others)}. They stay as they "
            "are, and are no part of this cohort."
        )


def named(samples: Sequence[str]) -> str:
    """Name the first of some samples, and say how many more there are."""
    more = len(samples) - MOST_NAMED
    return ", ".join(samples[:MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")
