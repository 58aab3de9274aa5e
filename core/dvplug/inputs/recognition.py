"""Compare what a file tells of its reads with the rules that technologies bring: pick one, or refuse the wrong one.

The rules are data (`dvplug.technology.Recognition`). Whether a technology is refused depends on its own rule, and for
@RG PL also on which platforms other installed technologies name.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from dvplug.errors import InputError
from dvplug.inputs.read_evidence import NO_QUALITY, Evidence, depth_together
from dvplug.technology import Recognition, Signs, TechnologyProfile
from dvplug_registry.manifest import RunMeasure

AUTO = "auto"
_MOST = 0.5  # share of the reads that "most" means
_SPLICED = 0.02
"""Share of reads with N from which on they are of transcripts, of which a third or so have some."""
_FEWEST = 5  # reads that are measured; fewer tell nothing
_LONGEST_WORD = 500  # that is looked for in one
_SHOWN = 70  # characters of a header field in a message
_USUAL_MAPPING_QUALITY = 60  # the highest of bwa and minimap2: that of all reads where they are easily placed


@dataclass(frozen=True)
class Findings:
    """What speaks for a technology, against it, and what makes one doubt; in words."""

    signs: tuple[str, ...] = ()
    contradictions: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True)
class PickedTechnology:
    """The technology that was picked, why, and what to warn of."""

    profile: TechnologyProfile
    why: str
    doubts: tuple[str, ...] = ()


def judge(
    profile: TechnologyProfile, evidence: Evidence, others: Iterable[TechnologyProfile] = ()
) -> Findings:
    """Compare one file with the rule of one technology.

    Parameters
    ----------
    profile
        The technology. Without a rule nothing speaks for it or against it.
    evidence
        What the file tells.
    others
        The installed technologies: a platform that one of them names, and this one does not, contradicts.
    """
    rule = profile.recognition
    if rule is None:
        return Findings()
    signs = list(_found(rule.shown_by, evidence))
    contradictions = list(_found(rule.denied_by, evidence))
    doubts = list(_found(rule.doubted_by, evidence))
    for platform in evidence.platforms if rule.platforms else ():
        text = f"@RG PL:{platform}"
        owners = [o.name for o in others if o.recognition and _names(o.recognition, platform)]
        if _names(rule, platform):
            signs.insert(0, text)
        elif owners:
            contradictions = [
                f"{text} (of {' and '.join(owners)})",
                *(c for c in contradictions if c != text),
            ]
        else:
            doubts.insert(0, f"{text}, which is not a platform of {profile.name}")
    if evidence.reads >= _FEWEST:
        contradictions += [
            f"most reads have no tag {tag}"
            for tag in rule.needed_tags
            if evidence.tags.get(tag, 0.0) <= _MOST
        ]
        for range_ in rule.tag_ranges:
            median = evidence.tag_medians.get(range_.tag)
            if median is not None:
                text = f"the tag {range_.tag} is {median:g} in the median read"
                if range_.low <= median <= range_.high:
                    signs.append(text)
                else:
                    contradictions.append(f"{text}, not {range_.low:g} to {range_.high:g}")
        if rule.spliced and (evidence.spliced or 0.0) >= _SPLICED:
            signs.append(_skipping(evidence))
        contradictions += _outside(rule, evidence)
    if None not in (rule.captured, evidence.captured) and rule.captured != evidence.captured:
        doubts.append(f"depth looks like that of {_LIBRARY[bool(evidence.captured)]}")
    return Findings(tuple(signs), tuple(contradictions), tuple(doubts))


_LIBRARY = {True: "a capture or of amplicons", False: "a whole genome"}


def contradiction(
    profile: TechnologyProfile, evidence: Mapping[str, Evidence], others: Sequence[TechnologyProfile]
) -> InputError | None:
    """Return the error that refuses a technology that the user named, or None where nothing contradicts it.

    Parameters
    ----------
    profile
        What the user named.
    evidence
        What each file tells, by the file's name.
    others
        The installed technologies, one of which may fit better.
    """
    found = {file: judge(profile, told, others).contradictions for file, told in evidence.items()}
    found = {file: reasons for file, reasons in found.items() if reasons}
    if not found:
        return None
    likely = {_likely(others, file, evidence[file]) for file in found}
    repair = (
        f"Use --tech {' and '.join(sorted(likely))}"
        if all(likely)
        else "Name the reads' technology with --tech"
    )
    return InputError(
        f"--tech {profile.name} contradicts {' and '.join(found)}",
        cause="; ".join(dict.fromkeys(reason for reasons in found.values() for reason in reasons)),
        repair=f"{repair}, or call them as {profile.name} all the same with --force.",
    )


def doubts(
    profile: TechnologyProfile, evidence: Mapping[str, Evidence], others: Sequence[TechnologyProfile]
) -> list[str]:
    """Return what to warn of when these files are called as this technology."""
    found: dict[str, list[str]] = {}
    for file, told in evidence.items():
        for doubt in judge(profile, told, others).doubts:
            found.setdefault(doubt, []).append(file)
    lines = [
        f"{_some(files)}: {doubt}; {profile.name} may call it less well" for doubt, files in found.items()
    ]
    low, high = profile.depth or (0, math.inf)
    depth = depth_together(list(evidence.values()))
    if depth is not None and not low <= depth <= high:
        have = (
            f"{next(iter(evidence))} has"
            if len(evidence) == 1
            else f"these {len(evidence)} files together have"
        )
        lines.append(f"{have} a depth of about {depth:.0f}, and {profile.name} is for {low:g} to {high:g}")
    return lines


def flat_qualities(profile: TechnologyProfile, evidence: Mapping[str, Evidence]) -> dict[RunMeasure, str]:
    """Say which qualities tell nothing, since they are all the same: by what a run is measured by, files and values.

    Base qualities of a technology of which none else are known (``Recognition.one_quality``) are not named.
    """
    found: dict[tuple[RunMeasure, str], list[str]] = {}
    usual = profile.recognition is not None and profile.recognition.one_quality
    for file, told in evidence.items():
        if told.reads < _FEWEST:
            continue
        if told.same_quality is not None and not usual:
            what = (
                "no base has a quality"
                if told.same_quality == NO_QUALITY
                else (f"all bases have the quality {told.same_quality}")
            )
            found.setdefault(("base_quality", what), []).append(file)
        if told.same_mapping_quality not in (None, _USUAL_MAPPING_QUALITY):
            what = f"all reads have the mapping quality {told.same_mapping_quality}"
            what += ", which means none" if what.endswith(" 255") else ""
            found.setdefault(("mapping_quality", what), []).append(file)
    said: dict[RunMeasure, str] = {}
    for (measure, what), files in found.items():
        before = f"{said[measure]}; " if measure in said else ""
        said[measure] = f"{before}{_some(files)}: {what}"
    return said


def _some(files: Sequence[str]) -> str:
    return f"{files[0]}{f' and {len(files) - 1} more' if len(files) > 1 else ''}"


def pick(profiles: Sequence[TechnologyProfile], evidence: Mapping[str, Evidence]) -> PickedTechnology:
    """Pick the technology of files of one sample.

    A technology is out where a file contradicts it, names another platform, or lacks what it is only picked with; where
    all are, reads that err as one of those that ask for a sign, and show another of its signs, are taken as its. Of
    the others, the one that most signs speak for is picked; of equals, one that asked for what was found. Technologies
    that differ only in ``captured`` are told apart by the depth's shape, and a whole genome is assumed where it shows
    none.

    Raises
    ------
    InputError
        Nothing fits, or several fit equally well, or there are no reads to tell by.
    """
    if not any(told.reads for told in evidence.values()) and not any(
        told.platforms for told in evidence.values()
    ):
        raise InputError(
            f"--tech {AUTO} finds nothing to tell by in {' and '.join(evidence)}",
            cause="neither usable reads nor @RG PL",
            repair="Name the technology with --tech.",
        )
    fitting, signs = _fitting(profiles, evidence)
    if not fitting:
        raise _nothing_fits(profiles, evidence)
    tied = [p for p in fitting if len(signs[p.name]) == len(signs[fitting[0].name])]
    tied = [p for p in tied if _asks(p.recognition)] or tied
    captured = next((told.captured for told in evidence.values() if told.captured is not None), None)
    left = _of_library(tied, captured)
    if len(left) > 1:
        raise InputError(
            f"--tech {AUTO} cannot tell {' from '.join(p.name for p in left)} in {' and '.join(evidence)}",
            cause=", ".join(signs[left[0].name]) or "; ".join(describe(told) for told in evidence.values()),
            repair="Name one of them with --tech.",
        )
    profile, told = left[0], next(iter(evidence.values()))
    why = ", ".join(signs[profile.name]) or f"nothing else fits {describe(told)}"
    rest = [p.name for p in tied if p is not profile]
    if not rest:
        return PickedTechnology(profile, why)
    if captured is not None:
        return PickedTechnology(profile, f"{why}, depth of {_LIBRARY[captured]}")
    unsure = (
        f"neither the header nor the depth tells {profile.name} from {' or '.join(rest)}: "
        f"name it with --tech if it is the other"
    )
    return PickedTechnology(profile, why, (unsure,))


def describe(evidence: Evidence) -> str:
    """Say in one line what was measured."""
    if not evidence.reads:
        return "no usable reads"
    kind = "reads of pairs" if evidence.paired and evidence.paired >= _MOST else "single reads"
    parts = [f"{kind} of {evidence.read_length:,} bp"]
    if evidence.base_quality is not None:
        parts.append(f"quality {evidence.base_quality}")
    if evidence.difference is not None:
        parts.append(f"{evidence.difference:.1%} differences")
    return ", ".join(parts)


def _fitting(
    profiles: Iterable[TechnologyProfile], evidence: Mapping[str, Evidence]
) -> tuple[list[TechnologyProfile], dict[str, list[str]]]:
    """Return the technologies with a rule that no file contradicts, best first, and the signs of each.

    Where none fits otherwise, errors as numerous as a rule says stand for the sign that it asks for.
    """
    profiles = [p for p in profiles if p.recognition]
    signs: dict[str, list[str]] = {}
    by_errors: dict[str, list[str]] = {}
    for profile in profiles:
        verdicts = [judge(profile, told, profiles) for told in evidence.values()]
        if any(verdict.contradictions for verdict in verdicts):
            continue
        found = list(dict.fromkeys(s for verdict in verdicts for s in verdict.signs))
        if all(_may_be(profile.recognition, told) for told in evidence.values()):
            signs[profile.name] = found
        elif found and all(_errs_as(profile.recognition, told) for told in evidence.values()):
            by_errors[profile.name] = found
    signs = signs or by_errors
    fitting = [p for p in profiles if p.name in signs]
    return sorted(fitting, key=lambda p: -len(signs[p.name])), signs


def _of_library(tied: list[TechnologyProfile], captured: bool | None) -> list[TechnologyProfile]:
    """Those for this kind of library; where none is for it in particular, all of them."""
    kinds = {p.recognition.captured for p in tied if p.recognition}
    if not kinds >= {True, False}:
        return tied
    return [p for p in tied if p.recognition and p.recognition.captured in (None, bool(captured))]


def _nothing_fits(profiles: Sequence[TechnologyProfile], evidence: Mapping[str, Evidence]) -> InputError:
    if len(evidence) > 1 and all(_fitting(profiles, {file: told})[0] for file, told in evidence.items()):
        kinds = "; ".join(f"{file}: {_likely(profiles, file, told)}" for file, told in evidence.items())
        return InputError(
            "the files are of several technologies", cause=kinds, repair="Call those of one at a time."
        )
    platforms = dict.fromkeys(f"@RG PL:{p}" for told in evidence.values() for p in told.platforms)
    told = [*platforms, *dict.fromkeys(describe(told) for told in evidence.values())]
    return InputError(
        f"--tech {AUTO} finds no technology that fits {' and '.join(evidence)}",
        cause=", ".join(told),
        repair="Name one with --tech, or install a plugin for these reads; see `dvplug plugins list`.",
    )


def _likely(profiles: Sequence[TechnologyProfile], file: str, evidence: Evidence) -> str:
    """Name what one file is; what it may be, where it does not tell."""
    try:
        return pick(profiles, {file: evidence}).profile.name
    except InputError:
        return " or ".join(p.name for p in _fitting(profiles, {file: evidence})[0])


def _may_be(rule: Recognition | None, evidence: Evidence) -> bool:
    """Whether the rule names all platforms that the file states, or none, and the file shows what it asks for."""
    if rule is None:
        return True
    if rule.spliced and (evidence.spliced or 0.0) < _SPLICED:
        return False
    return _is_named(rule, evidence) and (not _asks(rule) or any(_found(rule.only_with, evidence)))


def _errs_as(rule: Recognition | None, evidence: Evidence) -> bool:
    """Whether the rule says how much reads err at the least, which was seen, and the file names no other platform."""
    measured = rule is not None and rule.min_difference is not None and evidence.difference is not None
    return measured and evidence.reads >= _FEWEST and _is_named(rule, evidence)


def _is_named(rule: Recognition | None, evidence: Evidence) -> bool:
    """Whether the rule names all platforms that the file states, or none."""
    own = rule.platforms if rule else ()
    return not own or all(_names(rule, value) for value in evidence.platforms)


def _asks(rule: Recognition | None) -> bool:
    """Whether the rule has its technology picked only with some sign."""
    return rule is not None and rule.only_with != Signs()


def _names(rule: Recognition | None, platform: str) -> bool:
    """Whether a rule names the platform, in any case and whatever follows: 'ION_TORRENT S5' is 'IONTORRENT'."""
    return any(_plain(platform).startswith(_plain(own)) for own in (rule.platforms if rule else ()))


def _plain(text: str) -> str:
    return re.sub(r"[^A-Z0-9]", "", text.upper())


def _found(signs: Signs, evidence: Evidence) -> Iterator[str]:
    """Say which of the signs are there, the first place of each."""
    for pattern in signs.header:
        place = next((line for line in evidence.header if re.search(pattern, line, re.IGNORECASE)), None)
        if place:
            yield _excerpt(pattern, place)
    if evidence.reads < _FEWEST:
        return
    for pattern in signs.read_names:
        matching = [name for name in evidence.names if re.search(pattern, name, re.IGNORECASE)]
        if len(matching) > _MOST * evidence.reads:
            yield f"reads have names such as {matching[0]}"
    for tag in signs.tags:
        if evidence.tags.get(tag, 0) > _MOST:
            yield f"reads have the tag {tag}"


def _excerpt(pattern: str, line: str) -> str:
    """A header field; where it is long, the word in which the match ends."""
    found = re.search(pattern, line, re.IGNORECASE)
    if len(line) <= _SHOWN or not found:
        return line
    field = line.index(":") + 1
    # Not from the field's beginning: the time would grow with the square of a word's length.
    until = max(field, found.end())
    words = re.compile(r"(-+\w+[ =])?[^\s;,/]*$").search(line, max(field, until - _LONGEST_WORD), until)
    start = words.start() if words else field
    rest = re.compile(r"[^\s;,/\\]*").match(line, max(found.end(), field))
    end = min(rest.end() if rest else len(line), start + _SHOWN)
    before, after = "..." if start > field else "", "..." if end < len(line) else ""
    return f"{line[:field]}{before}{line[start:end]}{after}"


def _outside(rule: Recognition, evidence: Evidence) -> Iterator[str]:
    """Say which measurements are not those of the technology."""
    for label, value, limits in (
        ("bp is the median read's length", evidence.read_length, rule.read_length),
        ("is the median base quality", evidence.base_quality, rule.base_quality),
    ):
        if limits and value is not None and not limits[0] <= value <= limits[1]:
            yield f"{value:,} {label}, not {limits[0]:,} to {limits[1]:,}"
    most = 1 if rule.max_difference is None else rule.max_difference
    if evidence.difference is not None and evidence.difference > most:
        yield f"reads differ from the reference by {evidence.difference:.1%}, not up to {most:.1%}"
    least = rule.min_difference or 0
    if evidence.difference is not None and evidence.difference < least:
        yield f"reads differ from the reference by {evidence.difference:.1%}, not by {least:.1%} or more"
    if rule.paired is not None and evidence.paired is not None and (evidence.paired > _MOST) != rule.paired:
        yield f"reads are {'paired' if evidence.paired > _MOST else 'single'}"
    if (
        None not in (rule.spliced, evidence.spliced)
        and ((evidence.spliced or 0.0) >= _SPLICED) != rule.spliced
    ):
        too_few = (
            f"{_skipping(evidence)}, not {_SPLICED:.0%} or more"
            if evidence.spliced
            else "no read skips an intron"
        )
        yield too_few if rule.spliced else _skipping(evidence)


def _skipping(evidence: Evidence) -> str:
    """Say how many reads skip some of the reference."""
    return f"{evidence.spliced or 0:.0%} of the reads skip introns"
