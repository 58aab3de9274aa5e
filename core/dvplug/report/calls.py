"""The report of a callset: statistics of its VCF, and, from `dvplug call`, of the run."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dvplug.errors import DvplugError, InputError
from dvplug.line.read_batch import LEFT_OUT
from dvplug.line.result import Counts
from dvplug.report import statistics as s
from dvplug.report.page import Item, Page, Series, Tile, columns, facts, render, rows, table, text, tiles
from dvplug.report.run_profile import profile_items
from dvplug.report.statistics import CallStatistics, read_statistics
from dvplug.system.locations import StrPath
from dvplug.system.outputs import write_output
from dvplug_registry.example_sources import sources_in_words
from dvplug_registry.model_folder import ModelFolder
from dvplug_registry.safe_text import masked

STAGE_LABELS = {
    "decode": "decode reads",
    "realign": "realign reads",
    "count": "find candidates",
    "encode": "draw images",
    "infer": "run the network",
    "write": "format records",
}
TRANSITION, TRANSVERSION = "transition", "transversion"
MOST_CONTIGS = 40
LONGEST_INDEL = 30  # bp; longer ones are counted together
DEPTH_BINS = 60
_MODEL = re.compile(r'##dvplugModel=<ID=(?P<label>[^,>]+),SHA256="(?P<sha256>[0-9a-f]+)">')
_OUTSIDE = re.compile(
    r'##dvplugOutsideTraining=<ID=(?P<measure>\w+),Measured=(?P<value>[^,]+),Trained="(?P<trained>[^"]*)",'
    r'GivenAsUsual="(?P<given>[^"]*)">'
)
_PLUGIN = re.compile(r'##dvplugPlugin=<ID=(?P<name>[^,>]+),Version="(?P<version>[^"]*)">')


@dataclass(frozen=True)
class RunFacts:
    """What a run of `dvplug call` cost.

    Attributes
    ----------
    seconds
        CPU seconds by stage, over all workers.
    wall_seconds
        From the start to the finished VCF.
    """

    seconds: Mapping[str, float]
    wall_seconds: float
    workers: int
    regions: int
    reads: int
    candidates: int
    images: int
    left_out: Mapping[str, int]
    """Reads that do not count, by what they failed at first."""
    outside: Mapping[str, int] = field(default_factory=dict)
    """Images with a feature outside of what the model was trained on, by feature."""

    met: Mapping[str, str] = field(default_factory=dict)
    """What the reads are like, beside what the model was trained on."""

    @classmethod
    def of(cls, total: Counts, wall_seconds: float, workers: int, met: Mapping[str, str]) -> RunFacts:
        """Of what the engine counted, and what the reads are like."""
        return cls(
            dict(total.seconds),
            wall_seconds,
            workers,
            total.regions,
            total.reads,
            total.candidates,
            total.images,
            {why: total.left_out[why] for why in LEFT_OUT},
            dict(total.outside),
            met,
        )


def require_report_place(report: Path, vcf: str) -> None:
    """Refuse a report of what is no file; raises InputError."""
    if vcf == "-":
        raise InputError(
            f"--report {report} cannot be made of a VCF on stdout",
            cause="the report is made of the written file",
            repair="Write the VCF to a file with --out.",
        )


def write_call_report(
    vcf: StrPath, out: StrPath, *, run: RunFacts | None = None, model: ModelFolder | None = None
) -> CallStatistics:
    """Write the report of a VCF as one HTML page and return what it counts; see `call_report`.

    Raises
    ------
    InputError
        See `read_statistics`, and the page cannot be written.
    """
    page, found = call_report(Path(vcf), run=run, model=model)
    write_output(Path(out), page)
    return found


def call_report(
    vcf: Path, *, run: RunFacts | None = None, model: ModelFolder | None = None, name: str = ""
) -> tuple[bytes, CallStatistics]:
    """Return the report of a VCF as one HTML page, and what it counts; raises InputError as `read_statistics`.

    Parameters
    ----------
    run
        Left out where it is not known.
    model
        The model that called; if not given, the one that the VCF's header names is looked for among those that are
        installed.
    name
        What the VCF will be called; by default what it is called.
    """
    found = read_statistics(vcf)
    filters = found.filters or ["PASS"]
    sections = [
        ("", [_tiles(found, filters)]),
        ("Variants", _variant_charts(found, filters)),
        ("Genotypes and their certainty", _quality_charts(found, filters)),
        ("The run", _run_items(found, run)),
        ("The model", _model_items(found, model)),
    ]
    page = Page(
        f"Variant calls of {found.sample}",
        _subtitle(name or Path(vcf).name, found),
        sections,
        filters,
        [name for name in filters if name in ("PASS", ".")] or filters,
        "Records with FILTER",
    )
    return render(page), found


def _subtitle(file: str, found: CallStatistics) -> str:
    said = f"{file}: {sum(found.records.values()):,} records. Counts are of the called alternate alleles."
    if found.without_spelt_alt:
        said += (
            f" {found.without_spelt_alt:,} records without an alternate allele in letters are not counted."
        )
    return said


def _tiles(found: CallStatistics, filters: Sequence[str]) -> Item:
    types, genotypes, changes = Counter[Any](), Counter[Any](), Counter[Any]()
    for (name, type_, genotype, _), n in found.records.items():
        types[name, type_] += n
        genotypes[name, genotype] += n
    for (name, what), n in found.substitutions.items():
        changes[name, _change(what)] += n

    def count(of: Counter[Any], *keys: str) -> list[int]:
        return [sum(of[name, key] for key in keys) for name in filters]

    return tiles(
        [
            Tile("records", count(types, *s.TYPES)),
            *(Tile(f"{type_}s", count(types, type_)) for type_ in (s.SNP, s.INSERTION, s.DELETION)),
            Tile("transitions / transversions", count(changes, TRANSITION), count(changes, TRANSVERSION)),
            Tile("het / hom-alt", count(genotypes, s.HET, s.HET_ALTS), count(genotypes, s.HOM_ALT)),
            Tile("insertions / deletions", count(types, s.INSERTION), count(types, s.DELETION)),
        ]
    )


def _variant_charts(found: CallStatistics, filters: Sequence[str]) -> list[Item]:
    types, by_filter, by_contig = Counter[Any](), Counter[str](), Counter[Any]()
    contigs = found.contigs
    kept = contigs if len(contigs) <= MOST_CONTIGS else [*contigs[: MOST_CONTIGS - 1], "others"]
    for (name, type_, genotype, contig), count in found.records.items():
        types[name, genotype, type_] += count
        by_filter[name] += count
        by_contig[name, genotype, contig if contig in kept else "others"] += count
    changes = sorted({what for _, what in found.substitutions}, key=lambda w: (w not in s.TRANSITIONS, w))
    of_change = Counter({(f, _change(what), what): n for (f, what), n in found.substitutions.items()})
    charts = [
        rows("types", "Variant types", "type", s.TYPES, _series(types, filters, s.GENOTYPES, s.TYPES)),
        rows(
            "filters", "Records by FILTER", "FILTER", filters, [Series("records", [[by_filter[f] for f in filters]])],
            note="Of all records, whatever is chosen above.",
        ),
        rows(
            "substitutions", "Substitutions", "change", changes,
            _series(of_change, filters, (TRANSITION, TRANSVERSION), changes),
            note="Transitions are about twice as many as transversions in human genomes, and 3 times in exomes.",
        ),
        *_indel_lengths(found, filters),
        rows(
            "contigs", "Genotypes by contig", "contig", kept, _series(by_contig, filters, s.GENOTYPES, kept), wide=True
        ),
    ]  # fmt: skip
    return [chart for chart in charts if chart["labels"] and chart["series"]]


def _change(what: str) -> str:
    return TRANSITION if what in s.TRANSITIONS else TRANSVERSION


def _indel_lengths(found: CallStatistics, filters: Sequence[str]) -> list[Item]:
    longest = min(max((abs(length) for _, _, length in found.lengths), default=0), LONGEST_INDEL)
    if not longest:
        return []
    lengths = range(-longest, longest + 1)
    counts = Counter[Any]()
    for (name, genotype, length), count in found.lengths.items():
        counts[name, genotype, max(-longest, min(length, longest))] += count
    note = "Deleted bases are negative."
    if any(abs(length) > longest for _, _, length in found.lengths):
        note += f" The outermost bars hold all indels of {longest} bp or more."
    series = _series(counts, filters, s.GENOTYPES, lengths)
    return [
        columns("indels", "Indel lengths", "bp", list(map(str, lengths)), series, note=note, offset=-longest)
    ]


def _quality_charts(found: CallStatistics, filters: Sequence[str]) -> list[Item]:
    charts = []
    for name, title, counter, note in (
        (
            "gq",
            "GQ",
            found.gq,
            "Phred probability that the genotype is wrong: 20 is 1 in 100, 30 is 1 in 1,000.",
        ),
        ("qual", "QUAL", found.qual, "Phred probability that there is no variant, rounded down."),
    ):
        values = range(max((value for _, _, value in counter), default=-1) + 1)
        labels = [f"{value}+" if value == s.MOST else str(value) for value in values]
        charts.append(
            columns(name, title, title, labels, _series(counter, filters, s.TYPES, values), note=note)
        )
    charts += [_depths(found, filters), _fractions(found, filters)]
    return [chart for chart in charts if chart["series"]]


def _depths(found: CallStatistics, filters: Sequence[str]) -> Item:
    """Depth up to three times the median; the last bin holds the rest."""
    by_depth = Counter[int]()
    for (_, _, depth), count in found.depth.items():
        by_depth[depth] += count
    ordered = sorted(by_depth.items())
    half, seen, median = found.depth.total() / 2, 0, 0
    for depth, count in ordered:
        median, seen = depth, seen + count
        if seen >= half:
            break
    most = min(max(20, 3 * median), ordered[-1][0]) if ordered else 0
    width = most // DEPTH_BINS + 1
    bins = range(most // width + 1)
    counts = Counter[Any]()
    for (name, type_, depth), count in found.depth.items():
        counts[name, type_, min(depth // width, bins[-1])] += count
    labels = [str(k * width) if width == 1 else f"{k * width}-{(k + 1) * width - 1}" for k in bins]
    if ordered and ordered[-1][0] >= (bins[-1] + 1) * width:
        labels[-1] = f"{bins[-1] * width}+"
    note = f"Reads that tell an allele; the median is {median}."
    return columns("depth", "Depth", "DP", labels, _series(counts, filters, s.TYPES, bins), note=note)


def _fractions(found: CallStatistics, filters: Sequence[str]) -> Item:
    bins = range(s.VAF_BINS)
    labels = [f"{k / s.VAF_BINS:g}" for k in bins]
    note = (
        "Of each called alternate allele; bars are named by where they begin. Het calls should be around 0.5."
    )
    series = _series(found.vaf, filters, s.GENOTYPES, bins)
    return columns("vaf", "Fraction of reads with the alternate allele", "VAF", labels, series, note=note)


def _series(
    counts: Mapping[Any, int], filters: Sequence[str], names: Sequence[str], labels: Sequence[object]
) -> list[Series]:
    """One series per name that has any: counts are keyed by FILTER, name and label; colours stay with names."""
    made = [
        Series(name, [[counts.get((f, name, label), 0) for label in labels] for f in filters], colour)
        for colour, name in enumerate(names)
    ]
    return [one for one in made if any(map(any, one.counts))]


def _run_items(statistics: CallStatistics, run: RunFacts | None) -> list[Item]:
    """Items of the section on the run: amounts and CPU time by stage, if ``run`` is given; and what made the calls."""
    labelled = _provenance(statistics.header)
    reads = list(profile_items(statistics.header))
    if run is None:
        return [facts("provenance", "What made the calls", labelled), *reads]
    for name, number in sorted(run.outside.items()):
        if number:
            many = f"in {number:,} of {run.images:,} images, which got the usual value"
            labelled[f"unlike training: {name}"] = many
    provenance = facts("provenance", "What made the calls", labelled)
    amounts = ("regions", "reads", "candidates", "images")
    stages = [stage for stage in STAGE_LABELS if stage in run.seconds]
    seconds = Series("CPU", [[round(run.seconds[stage], 2) for stage in stages]])
    note = (
        f"{run.wall_seconds:,.1f} s from start to end with {run.workers} worker(s), their start-up included."
    )
    labels = [STAGE_LABELS[stage] for stage in stages]
    return [
        tiles([Tile(amount, [getattr(run, amount)]) for amount in amounts]),
        facts("left-out", "Reads that were left out", run.left_out),
        rows("stages", "Run time by stage", "stage", labels, [seconds], note=note, unit="CPU s"),
        *(
            [facts("reads-met", "The reads, and those that the model was trained on", run.met)]
            if run.met
            else []
        ),
        provenance,
        *reads,
    ]


def _provenance(header: Sequence[str]) -> dict[str, object]:
    """Return what the ``##`` lines of a VCF say of its origin, by label: program, reference, command, plugins.

    Also in what the reads were unlike those that the model was trained on.
    """
    labelled: dict[str, object] = {}
    for line in header:
        key, _, value = line.removeprefix("##").partition("=")
        plugin = _PLUGIN.fullmatch(line)
        if key in ("source", "reference"):
            labelled[key] = masked(value)
        elif key == "dvplugCommand":
            labelled["command"] = masked(value)
        elif plugin:
            labelled[f"plugin {plugin['name']}"] = plugin["version"]
        elif outside := _OUTSIDE.fullmatch(line):
            said = f"{outside['value']}, trained on {outside['trained']}; given as usual: {outside['given']}"
            labelled[f"unlike training: {outside['measure']}"] = said
    return labelled


def _model_items(found: CallStatistics, model: ModelFolder | None) -> list[Item]:
    named = next(filter(None, map(_MODEL.fullmatch, found.header)), None)
    if named is None:
        return []
    if model is None:
        model = _installed(named["label"])
    known: dict[str, object] = {"model": named["label"], "sha256 of its manifest": named["sha256"]}
    if model is None or model.manifest_sha256 != named["sha256"]:
        known["more"] = "This very model was not installed where the report was made."
        return [facts("model", named["label"], known)]
    manifest = model.manifest
    known |= {
        "what": manifest.description,
        "technology": manifest.technology,
        "trained on": sources_in_words(manifest.training.data),
        "held out": manifest.training.held_out,
        "licence": manifest.licence,
        "more": f"dvplug registry show {manifest.label}",
    }
    items = [facts("model", named["label"], known)]
    if manifest.metrics:
        items.append(
            table(
                "metrics", "Measured on reads that it was not trained on",
                ("set", "type", "TP", "FP", "FN", "F1"),
                [(m.set, m.type, m.tp, m.fp, m.fn, round(m.f1, 4)) for m in manifest.metrics],
            )
        )  # fmt: skip
    if any(entry.role == "card" for entry in manifest.files.values()):
        items.append(
            text("card", "Model card", model.path("card").read_text(encoding="utf-8", errors="replace"))
        )
    return items


def _installed(label: str) -> ModelFolder | None:
    """The model of this name and version, or None: a report does not need it."""
    from dvplug.models import find_model
    from dvplug.plugins.loading import installed_plugins

    try:
        return find_model(installed_plugins(), label, offline=True)
    except DvplugError:
        return None
