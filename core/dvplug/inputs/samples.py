"""Which sample is called, and which reads are its: by the read groups that headers name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from dvplug.errors import InputError
from dvplug.reads.alignments import Header
from dvplug.reads.groups import EVERYTHING, ReadGroups, ReadSource
from dvplug.system.console import info, warn
from dvplug.system.locations import Location, file_name, shown

EXCLUDED = "^"
"""In front of a read group that is left out."""
_NAMED = 10  # samples or read groups that a message names


class SampleChoice(NamedTuple):
    """What the user says of the sample.

    Attributes
    ----------
    sample
        The sample to call, as @RG SM names it; None where the files hold one.
    read_groups
        IDs of @RG: those to use, or each with ``^`` before it those to leave out; none for all.
    name
        The sample's name in the VCF; None for that of @RG SM.
    """

    sample: str | None = None
    read_groups: tuple[str, ...] = ()
    name: str | None = None


EVERY_READ = SampleChoice()


class ChosenReads(NamedTuple):
    """The sample's name, and the files that hold its reads."""

    sample: str
    sources: tuple[ReadSource, ...]


class FileGroups(NamedTuple):
    """A file and the read groups in its header."""

    path: Location
    samples: Mapping[str, str]
    """Sample by read group; empty text where @RG has no SM."""
    seen: Callable[[], Counter[str | None]]
    """Looks at reads and counts those of each read group, None of those without one."""

    @property
    def named(self) -> set[str]:
        """The samples that the header names."""
        return {sample for sample in self.samples.values() if sample}


def groups_of(header: Header) -> dict[str, str]:
    """Return the sample of each read group of a header, empty where it names none."""
    return {str(g["ID"]): str(g.get("SM") or "") for g in header.get("RG", []) if g.get("ID")}


def choose_reads(files: Sequence[FileGroups], choice: SampleChoice) -> ChosenReads:
    """Return the one sample of these files, and which of their reads are its.

    Where all headers together name one sample, or none, all reads count, with or without a read group. Where a file
    names several, only reads whose read group is of the chosen one do. If the user chooses none, and reads are of one
    alone, it is that one.

    Raises
    ------
    InputError
        The reads are of several samples, the sample or a read group is in no file, or its name cannot stand in a VCF.
    """
    asked = _asked(files, choice.read_groups)
    sample = _sample(files, asked, choice.sample)
    sources = []
    for file in files:
        groups = _groups(file, asked, sample, all_named={s for one in files for s in one.named})
        if groups is None:
            warn(f"{shown(file.path)} has no read group of {_what(sample, choice)}: it is not read.")
        else:
            sources.append(ReadSource(file.path, groups))
            if sample is not None and not file.named:
                warn(
                    f"{shown(file.path)} has no sample name (@RG SM): its reads are called as of '{sample}', which "
                    "the others name."
                )
    if not sources:
        raise InputError(
            f"No read group of {_what(sample, choice)} is left",
            cause="--sample and --read-group name none in common",
            repair="Choose with one of the two.",
        )
    return ChosenReads(_name(files, sample, choice.name), tuple(sources))


def _what(sample: str | None, choice: SampleChoice) -> str:
    return f"sample '{sample}'" if sample is not None else f"--read-group {' '.join(choice.read_groups)}"


def _asked(files: Sequence[FileGroups], given: Sequence[str]) -> ReadGroups:
    """The read groups that the user named, which must be there."""
    excluded = [text.startswith(EXCLUDED) for text in given]
    if any(excluded) and not all(excluded):
        raise InputError(
            f"--read-group {' '.join(given)} both chooses and leaves out",
            cause=f"those with {EXCLUDED} before them are left out, of all that there are",
            repair="Name those to use, or those to leave out.",
        )
    ids = tuple(dict.fromkeys(text.removeprefix(EXCLUDED) for text in given))
    known = list(dict.fromkeys(group for file in files for group in file.samples))
    for group in ids:
        if group not in known:
            raise InputError(
                f"No file has the read group '{group}'",
                cause=f"@RG names {_list(known)}",
                repair="Give one that is there.",
            )
    return ReadGroups(ids, wanted=bool(ids) and not any(excluded))


def _sample(files: Sequence[FileGroups], asked: ReadGroups, wanted: str | None) -> str | None:
    """The sample to call; None where no header names one."""
    left = [{s for group, s in file.samples.items() if s and asked.has(group)} for file in files]
    named = sorted(set().union(*left))
    if wanted is None:
        return _only_one(files, asked, named) if len(named) > 1 else (named[0] if named else None)
    if wanted in named or (not named and wanted == _stem(files)):
        return wanted if named else None
    whose = "@RG SM names" if asked.everything else "the read groups of --read-group are of"
    raise InputError(
        f"No reads are of sample '{wanted}' in {' and '.join(shown(file.path) for file in files[:3])}",
        cause=f"{whose} {_list(named)}" if named else "no @RG names a sample (SM)",
        repair="Give one that is there, or leave out --sample; --sample-name says what the VCF calls it.",
    )


def _only_one(files: Sequence[FileGroups], asked: ReadGroups, named: Sequence[str]) -> str:
    """The one of several samples that has reads; raises InputError where there is no such one."""
    found: Counter[str] = Counter()
    for file in files:
        for group, count in file.seen().items():
            sample = next(iter(file.named)) if len(file.named) == 1 else file.samples.get(group or "")
            if sample and asked.has(group):
                found[sample] += count
    if len(found) == 1:
        (sample,) = found
        info(f"The headers name {len(named)} samples ({_list(named)}), and reads are of {sample} alone.")
        return sample
    several = sorted(found) or list(named)
    raise InputError(
        f"The reads belong to {len(several)} samples: {_list(several)}",
        cause="one sample is called at a time",
        repair="Choose one with --sample.",
    )


def _groups(
    file: FileGroups, asked: ReadGroups, sample: str | None, all_named: Collection[str]
) -> ReadGroups | None:
    """Which reads of a file count; None where it has none of the sample."""
    if sample is None or file.named == {sample} or (not file.named and len(all_named) == 1):
        if not asked.wanted:
            left_out = tuple(group for group in asked.ids if group in file.samples)
            return ReadGroups(left_out) if left_out else EVERYTHING
        ids = tuple(group for group in asked.ids if group in file.samples)
    else:
        ids = tuple(g for g, name in file.samples.items() if name == sample and asked.has(g))
    return ReadGroups(ids, wanted=True) if ids else None


def _name(files: Sequence[FileGroups], sample: str | None, given: str | None) -> str:
    name = given if given is not None else sample
    if name is None:
        name = _stem(files)
        warn(
            f"{shown(files[0].path)} has no sample name (@RG SM): '{name}' is used, or what --sample-name says."
        )
    if not name.strip() or not name.isprintable():
        raise InputError(
            f"Sample name {name!r} cannot be written to VCF",
            cause="it is empty or has tabs or control characters",
            repair="Give another name with --sample-name.",
        )
    return name


def _stem(files: Sequence[FileGroups]) -> str:
    return Path(file_name(files[0].path)).stem


def _list(names: Iterable[str]) -> str:
    several = list(names)
    return ", ".join(several[:_NAMED]) + (", ..." if len(several) > _NAMED else "") or "none"
