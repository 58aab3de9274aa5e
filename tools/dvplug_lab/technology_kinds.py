"""What `--tech` makes of usual reads of each technology: a Markdown table, technology by technology."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from dvplug.errors import InputError
from dvplug.inputs.read_evidence import Evidence
from dvplug.inputs.recognition import doubts, judge, pick
from dvplug.plugins.loading import Plugins
from dvplug.technology import TechnologyProfile

_READS = 400
_PAIRS = Evidence(
    platforms=("ILLUMINA",), reads=_READS, names=("A00744:46:HV3C3DSXX:2:1101:1000:2000",) * _READS, read_length=150,
    base_quality=37, difference=0.003, paired=1.0,
)  # fmt: skip
USUAL = {
    "illumina-wgs": replace(
        _PAIRS, header=("@RG PL:ILLUMINA", "@RG PM:NovaSeq6000"), concentration=0.45, depth=30.0
    ),
    "illumina-wes": replace(
        _PAIRS, header=("@RG PL:ILLUMINA", "@RG LB:exome"), concentration=0.05, depth=80.0
    ),
    "pacbio": Evidence(
        header=("@RG PL:PACBIO", "@RG DS:READTYPE=CCS"), platforms=("PACBIO",), reads=_READS,
        names=("m84011_220902_175841_s1/253035814/ccs",) * _READS, tags={"np": 1.0, "rq": 1.0},
        tag_medians={"rq": 0.9995}, read_length=15_000, base_quality=40, difference=0.002, paired=0.0, depth=30.0,
    ),
    "ont": Evidence(
        header=("@RG PL:ONT", "@RG DS:basecall_model=dna_r10.4.1_e8.2_400bps_sup@v4.2.0"), platforms=("ONT",),
        reads=_READS, names=("7172d9ec-6d87-4021-8133-758e570b827e",) * _READS, read_length=20_000, base_quality=37,
        difference=0.01, paired=0.0, depth=30.0,
    ),
    "ion": Evidence(
        header=("@RG PL:IONTORRENT", "@PG ID:tmap"), platforms=("IONTORRENT",), reads=_READS,
        names=("WY9V0:02338:03383",) * _READS, tags={"ZM": 1.0}, read_length=200, base_quality=30, difference=0.01,
        paired=0.0, depth=60.0,
    ),
}  # fmt: skip
"""What files tell of usual reads of each technology, as a sequencer's software and a usual aligner write them."""


def bare(told: Evidence) -> Evidence:
    """What is left of a file whose header and tags were lost, and whose reads were renamed."""
    return replace(told, header=(), platforms=(), names=(), tags={}, tag_medians={})


def rows(plugins: Plugins) -> list[str]:
    """Return the table: a row for usual reads of each technology, whole and bare, a column for each of `--tech`."""
    technologies = [plugins.technology(name) for name in USUAL]
    names = [f"`{name}`" for name in USUAL]
    lines = [f"| reads of | `auto` | {' | '.join(names)} |", f"|{'---|' * (2 + len(names))}"]
    for name, evidence in USUAL.items():
        for what, told in ((name, evidence), (f"{name}, bare", bare(evidence))):
            cells = [_picked(technologies, told), *_cells(technologies, told)]
            lines.append(f"| {what} | {' | '.join(cell.replace('|', ' ') for cell in cells)} |")
    return lines


def _picked(technologies: list[TechnologyProfile], told: Evidence) -> str:
    try:
        choice = pick(technologies, {"the file": told})
    except InputError as error:
        return f"stops: {error.problem.removeprefix('--tech auto ')}"
    return f"`{choice.profile.name}`" + (", warned" if choice.doubts else "")


def _cells(technologies: list[TechnologyProfile], told: Evidence) -> Iterator[str]:
    """What becomes of each technology that is named: the first reason is told."""
    for one in technologies:
        refused = judge(one, told, technologies).contradictions
        warned = doubts(one, {"the file": told}, technologies)
        if refused:
            yield f"refused: {refused[0]}"
        elif warned:
            yield f"warned: {warned[0].removeprefix('the file: ').partition(';')[0]}"
        else:
            yield "called"
