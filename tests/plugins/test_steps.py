"""Strangers' read transforms, row orders, annotations and phasers: what they do, and what they cannot."""

from __future__ import annotations

import pickle
import random
import runpy
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pysam
import pytest

import dvplug
from dvplug.engine.draw import Drawn, RegionImages
from dvplug.engine.pipeline import Pipeline
from dvplug.errors import PluginError
from dvplug.hookspecs import Annotation, RecordField
from dvplug.line.region import Region
from dvplug.line.result import RegionResult
from dvplug.plugins.loading import installed_plugins, load_plugins
from dvplug.plugins.run_settings import given_settings
from dvplug.reads.groups import ReadSource
from dvplug.simulate import SimulatedDataset
from dvplug.technology import TechnologyProfile
from dvplug.testing import PluginConformance, conformance
from helpers.places import THIRD_PARTY
from helpers.registry_fixtures import Site

WHOLE = Region("chrS", 0, 20_000)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    (tmp_path / "site").mkdir()
    place = Site(tmp_path / "site", monkeypatch)
    place.first_party()
    installed_plugins.cache_clear()
    yield place
    place.forget()
    installed_plugins.cache_clear()


def linked(site: Site) -> None:
    """Install the plugin of linked reads, with its model."""
    site.project(THIRD_PARTY / "dvplug_linked")
    script = site.path / "make_model.py"
    script.write_text((THIRD_PARTY / "dvplug_linked" / "make_model.py").read_text())
    runpy.run_path(str(script))


@pytest.fixture(scope="module")
def barcoded(dataset: SimulatedDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reads with barcodes: a molecule is what begins in the same 5 kb with the same last digit of its name."""
    path = tmp_path_factory.mktemp("linked") / "linked.bam"
    with pysam.AlignmentFile(str(dataset.reads)) as given, pysam.AlignmentFile(str(path), "wb", given) as out:
        for number, read in enumerate(given):
            if number % 10:
                first = min(read.reference_start, read.next_reference_start) // 5000
                read.set_tag("BX", f"{first}-{sum(read.query_name.encode()) % 8}", "Z")
            out.write(read)
    pysam.index(str(path))
    return path


class TestAncient(PluginConformance):
    """As its author would test it."""

    entry_point = "ancient"
    needs = ("illumina",)

    @pytest.fixture(autouse=True)
    def _installed(self, site: Site) -> None:
        site.project(THIRD_PARTY / "dvplug_ancient")


class TestLinked(PluginConformance):
    """As its author would test it."""

    entry_point = "linked"

    @pytest.fixture(autouse=True)
    def _installed(self, site: Site) -> None:
        linked(site)


def drawn(
    tech: str, reference: Path, reads: Path, *given: str, regions: tuple[Region, ...] = (WHOLE,)
) -> list[Drawn]:
    plugins = load_plugins(None)
    pipeline = Pipeline.of(plugins, plugins.technology(tech), given_settings(plugins, given))
    drawer = RegionImages(pipeline, reference, [ReadSource(reads)])
    return [part for region in regions for part in drawer.draw(region)]


def test_a_transform_masks_and_drops_before_anything_is_found(site: Site, dataset: SimulatedDataset) -> None:
    site.project(THIRD_PARTY / "dvplug_ancient")
    site_of, pixels_of = {}, {}
    for name, tech, given in (
        ("none", "illumina-wgs", ()),
        ("nothing", "ancient", ("ancient.ends=0",)),
        ("all", "ancient", ("ancient.ends=75",)),
        ("ends", "ancient", ("ancient.ends=20",)), ("short", "ancient", ("ancient.ends=0", "ancient.shortest=1000")),
    ):  # fmt: skip
        parts = drawn(tech, dataset.reference, dataset.reads, *given)
        counts = parts[0].counts
        depth = sum(int(part.candidates.depth.sum()) for part in parts)
        pixels = [part.images.images for part in parts]
        site_of[name] = (len(pixels[0]), depth, counts.left_out["transform"], counts.reads)
        pixels_of[name] = np.concatenate(pixels)
    np.testing.assert_array_equal(pixels_of["none"], pixels_of["nothing"])
    assert site_of["none"] == site_of["nothing"]
    assert site_of["none"][0] > 20
    assert site_of["all"][:3] == (0, 0, 0)
    # Of 150 bases 40 are masked: reads that tell an allele are fewer by about so much.
    assert 0.55 < site_of["ends"][1] / site_of["none"][1] < 0.85
    assert site_of["short"][:2] == (0, 0)
    assert site_of["short"][2] == site_of["none"][3] > 1000


def test_what_is_masked_in_one_region_is_whole_for_the_next(site: Site, dataset: SimulatedDataset) -> None:
    """A file keeps the reads of one region for the next: those are not changed."""
    site.project(THIRD_PARTY / "dvplug_ancient")
    parts = tuple(Region("chrS", start, start + 2000) for start in range(0, 20_000, 2000))
    whole, cut = (
        drawn("ancient", dataset.reference, dataset.reads, regions=regions) for regions in ((WHOLE,), parts)
    )
    for what in ("images", "features"):
        np.testing.assert_array_equal(
            *(np.concatenate([getattr(p.images, what) for p in of]) for of in (whole, cut))
        )
    starts = [np.concatenate([part.candidates.start for part in of]).tolist() for of in (whole, cut)]
    assert starts[0] == starts[1]


def test_rows_of_a_molecule_lie_together(site: Site, dataset: SimulatedDataset, barcoded: Path) -> None:
    """Within what supports the same, by molecule in the order in which they begin, then by position."""
    linked(site)
    plugins, seen = load_plugins(["linked"]), []
    pipeline = Pipeline.of(plugins, plugins.technology("linked"))
    pipeline.channels[1] = lambda pileup, out: seen.append(pileup)  # type: ignore[call-overload]
    RegionImages(pipeline, dataset.reference, [ReadSource(barcoded)])
    list(RegionImages(pipeline, dataset.reference, [ReadSource(barcoded)]).draw(WHOLE))
    several = 0
    for pileup in seen:
        reads = pileup.reads
        barcode = reads.tags["BX"]
        molecule = np.where(barcode.present, barcode.values, reads.name_hash).tolist()
        for rows, support in zip(pileup.row_read.tolist(), pileup.support.tolist(), strict=True):
            shown = [(s, r) for s, r in zip(support, rows, strict=True) if r >= 0]
            begins: dict[int, int] = {}
            for _, read in sorted(shown, key=lambda one: one[1]):
                begins.setdefault(molecule[read], read)
            assert [s for s, _ in shown] == sorted(s for s, _ in shown)
            for kind in {s for s, _ in shown}:
                own = [r for s, r in shown if s == kind]
                runs = [molecule[r] for r in own]
                changes = 1 + sum(a != b for a, b in pairwise(runs))
                assert changes == len(set(runs))  # each molecule is one run of rows
                several += len(set(runs)) < len(runs)
                for one in set(runs):
                    of_one = [r for r in own if molecule[r] == one]
                    assert of_one == sorted(of_one)
    assert several > 20


def test_an_annotation_is_in_header_and_records_of_vcf_and_gvcf(
    site: Site, dataset: SimulatedDataset, barcoded: Path, tmp_path: Path
) -> None:
    linked(site)
    plugins = load_plugins(["linked"])
    out, gvcf = tmp_path / "calls.vcf.gz", tmp_path / "calls.g.vcf.gz"
    given: Any = {
        "regions": "chrS:1-20000",
        "device": "cpu",
        "gvcf": gvcf,
        "workers": 2,
        "keep_ref_calls": True,
    }
    dvplug.call("linked", dataset.reference, barcoded, out, **given)
    head = pysam.VariantFile(str(out)).header
    assert (head.info["MOL"].number, head.info["MOL"].type) == ("R", "Integer")
    assert head.filters["OneMolecule"].description == "Each alternate allele rests on one molecule"
    counted, several = 0, 0
    with pysam.AlignmentFile(str(barcoded)) as reads, pysam.VariantFile(str(out)) as records:
        for record in records:
            molecules = record.info["MOL"]
            assert len(molecules) == 1 + len(record.alts)
            one = max(molecules[1:]) <= 1
            assert ("OneMolecule" in record.filter) == (one and "RefCall" not in record.filter)
            ad = record.samples[0]["AD"]
            assert all((m > 0) == (d > 0) and m <= d for m, d in zip(molecules, ad, strict=True))
            counted += 1
            if len(record.ref) == len(record.alts[0]) == 1 == len(record.alts):
                seen = _molecules(reads, record.pos - 1, (record.ref, record.alts[0]))
                several += tuple(map(len, seen)) == molecules
    assert counted > 20
    assert several > 0.8 * counted * 0.7  # but for what realignment, filters and qualities change
    with pysam.VariantFile(str(gvcf)) as records:
        noted = [record for record in records if "MOL" in record.info]
        assert len(noted) >= counted
        assert all(len(record.info["MOL"]) == 1 + len(record.alts) for record in noted)
    more = {"gvcf": None, "workers": 1}
    said = list(dvplug.call("linked", dataset.reference, barcoded, **given | more))
    assert all([note.id for note in record.notes] == ["MOL"] for record in said)
    assert plugins.annotation("molecules").fields[0].header_line() in str(head)


def _molecules(reads: pysam.AlignmentFile, position: int, alleles: tuple[str, str]) -> list[set[str]]:
    """Molecules of the reads that show each of two bases, by pysam."""
    found: list[set[str]] = [set(), set()]
    for read in reads.fetch("chrS", position, position + 1):
        if read.flag & 0xF04 or read.mapping_quality < 5:
            continue
        at = {r: q for q, r in read.get_aligned_pairs(matches_only=True)}.get(position)
        if at is not None and read.query_qualities[at] >= 10 and read.query_sequence[at] in alleles:
            barcode = read.get_tag("BX") if read.has_tag("BX") else f"{read.query_name} {read.flag}"
            found[alleles.index(read.query_sequence[at])].add(barcode)
    return found


ODD = """
import numpy as np
from dvplug.hookspecs import (
    Annotation, ImageLayout, Notes, Phased, Phaser, ReadTransform, RecordField, RowOrder, TechnologyProfile, hookimpl,
)
DVPLUG_API = 3
FIELDS = (
    RecordField("INFO", "ODD", "x", number="A", type="Float"), RecordField("INFO", "IS", "x", "0", "Flag"),
    RecordField("FORMAT", "WHY", "x", type="String"), RecordField("FILTER", "Bad", "x"),
    RecordField("INFO", "MANY", "x", type="Integer"),
)


@hookimpl
def dvplug_read_transforms():
    return [ReadTransform("odd", "x", "dvplug_odd:transform")]


@hookimpl
def dvplug_phasers():
    return [Phaser("odd", "x", "dvplug_odd:phase")]


@hookimpl
def dvplug_row_orders():
    return [RowOrder("odd", "x", "dvplug_odd:rank")]


@hookimpl
def dvplug_annotations():
    return [Annotation("odd", "x", "dvplug_odd:annotate", FIELDS)]


def transform(context):
    keep = None
    # transform
    return keep


def phase(context):
    found = np.array(context.reads.name_hash % 3, np.uint8)
    # phase
    return found


def rank(scene):
    ranks = np.zeros(len(scene.candidates.read_index), np.uint16)
    # rank
    return ranks


def annotate(context):
    several = [len(record.alts) for record in context.records]
    notes = [Notes({"ODD": [0.25] * n, "IS": n > 1}, {"WHY": "so"}, ("Bad",)) for n in several]
    # annotate
    return notes
"""
FAULTS = {
    "transform: context.reads.start[0] = 5": "read transform 'odd' .* failed.*read-only",
    "transform: context.reads.seq[3] = 9": "read transform 'odd' .* gave 9 in seq, at chrS:1-20000: bases are A, C, G",
    "transform: context.reads.qual[3] = 200": "gave 200 in qual, at chrS:1-20000: qualities are 0 to 93",
    "transform: keep = np.ones(3, np.bool_)": r"gave which reads stay, bool\[3\], at .*: it has to be bool\[\d+\]",
    "transform: raise ValueError('no')": r"transform 'odd' of dvplug-odd 1\.0 \(plugin 'odd'\) failed.*ValueError: no",
    "phase: found = found.astype(int)": r"phaser 'odd' .* gave haplotypes int64\[\d+\].*: it has to be uint8",
    "phase: found = found + np.uint8(2)": "phaser 'odd' .* gave the haplotype 4, at chrS.*: it is 1 or 2, and 0",
    "rank: ranks = ranks[1:]": r"row order 'odd' .* gave ranks uint16\[\d+\], at chrS.*: it has to be uint16",
    "annotate: notes = notes[1:]": "annotation 'odd' .* gave a list of .*: it has to be a list of .*, one for each",
    "phase: found = Phased(found, np.zeros(3, np.uint64))": r"phaser 'odd' .* gave units uint64\[3\], at .*: it has",
    "annotate: notes[0] = 3": r"annotation 'odd' .* gave a int at chrS:\d+, .*: it has to be Notes",
    "annotate: notes[0] = Notes({'OTHER': 1})": r"gave INFO OTHER at chrS:\d+.*does not declare it",
    "annotate: notes[0] = Notes(filters=('Worse',))": r"gave FILTER Worse at chrS:\d+.*does not declare it",
    "annotate: notes[0] = Notes({'ODD': [1.0] * 9})": "gave INFO ODD=.*: it has 9 values, not 1",
    "annotate: notes[0] = Notes({'ODD': float('nan')})": "gave INFO ODD=nan at .*: numbers are finite",
    "annotate: notes[0] = Notes({'ODD': 'x'})": "gave INFO ODD=x at .*: it is no Float",
    "annotate: notes[0] = Notes({}, {'WHY': 'a;b'})": "gave FORMAT WHY=a;b at .*: text is printable",
    "annotate: notes[0] = Notes({'IS': 1})": "gave INFO IS=1 at .*: a flag is True or False",
    "annotate: notes[0] = Notes({'ODD': 1e39})": r"gave INFO ODD=1e\+39 at .*: numbers are finite, and up to 3.4e",
    "annotate: notes[0] = Notes({'ODD': 10**400})": "gave INFO ODD=10000.* at .*: numbers are finite",
    "annotate: notes[0] = Notes({'ODD': np.ma.masked})": "gave INFO ODD=masked at .*: it is no Float",
    "annotate: notes[0] = Notes({'MANY': 1 << 31})": "gave INFO MANY=2147483648 at .*: integers of a VCF have 32",
    "annotate: notes[0] = Notes(None)": r"gave info None at chrS:\d+, .*: it has to be a value by each ID",
    "annotate: notes[0] = Notes({}, [])": r"gave format \[\] at chrS:\d+, .*: it has to be a value by each ID",
    "annotate: notes[0] = Notes(filters='Bad')": "gave filters Bad at .*: it has to be a tuple of IDs",
    "annotate: notes[0] = Notes(filters=([],))": r"gave filters \(\[\],\) at .*: it has to be a tuple of IDs",
    "annotate: del context.records[0], notes[0]": "annotation 'odd' .* changed records, at chrS.*: others go on",
    "annotate: context.probabilities[:] = 0": "annotation 'odd' .* changed probabilities, at chrS",
    "annotate: context.images.images[:] = 0": "annotation 'odd' .* changed images.images, at chrS",
    "annotate: context.scene.reads.seq[:] = 0": "annotation 'odd' .* changed scene.reads.seq, at chrS",
    "transform: context.reference[:] = 0": "read transform 'odd' .* changed reference, at chrS:1-20000",
    "phase: context.reads.start[:] = 0": "phaser 'odd' .* changed reads.start, at chrS:1-20000: .* may change a copy",
    "phase: context.candidates.refs[0] += 'A'": "phaser 'odd' .* changed candidates.refs, at chrS",
    "phase: found = np.ma.array(found)": "phaser 'odd' .* gave haplotypes of type MaskedArray",
    "rank: scene.candidates.read_allele[:] = 1": "row order 'odd' .* changed candidates.read_allele, at chrS",
}


def odd_profile(plugins: Any) -> TechnologyProfile:
    """The technology of genomes with a part of each kind of the odd plugin."""
    changes = {
        "read_transforms": ("odd",),
        "phaser": "odd",
        "phase_reads": True,
        "row_order": "odd",
        "annotations": ("odd",),
    }
    return plugins.technology("illumina-wgs").model_copy(update=changes)


def odd_records(site: Site, dataset: SimulatedDataset, fault: str = "") -> list[str]:
    """Lines of 20 kb that the plugin had its hands in, with a line of its source that is a fault."""
    return odd_result(site, dataset, fault).lines


def odd_result(site: Site, dataset: SimulatedDataset, fault: str = "") -> RegionResult:
    """What the 20 kb give."""
    from dvplug.engine.call import RegionCaller
    from dvplug.engine.job import CallJob
    from dvplug.line.region import Partition
    from dvplug.models import opener_of, resolve_model
    from dvplug.records.postprocess import PostprocessSettings

    where, _, line = fault.partition(": ")
    site.plugin("dvplug-odd", ODD.replace(f"# {where}\n", f"{line}\n") if fault else ODD, point="odd")
    plugins = load_plugins(["odd", "illumina"])
    profile = odd_profile(plugins)
    model = resolve_model(plugins, profile, offline=True)
    job = CallJob(
        Pipeline.of(plugins, profile), opener_of(plugins, model, profile), model, dataset.reference,
        (ReadSource(dataset.reads),), PostprocessSettings(), keep_ref_calls=False, device="cpu",
    )  # fmt: skip
    return RegionCaller(job)(Partition(WHOLE, (WHOLE,)))


def test_molecules_that_a_phaser_tells_are_what_calls_are_phased_by(
    site: Site, dataset: SimulatedDataset
) -> None:
    molecules = "phase: found = Phased(found, context.reads.name_hash.astype(np.uint64) % np.uint64(5))"
    found = odd_result(site, dataset, molecules).phase
    assert found is not None
    assert set(found.unit.tolist()) == set(range(5))


def test_each_part_is_called(site: Site, dataset: SimulatedDataset) -> None:
    lines = [line.rstrip("\n").split("\t") for line in odd_records(site, dataset)]
    assert len(lines) > 20
    for line in lines:
        alts = line[4].split(",")
        assert line[6] == "Bad" or line[6].endswith(";Bad")
        assert line[7] == ";".join(
            [f"ODD={','.join(['0.25'] * len(alts))}", *(["IS"] if len(alts) > 1 else [])]
        )
        assert (line[8], line[9].split(":")[-1]) == ("GT:GQ:DP:AD:VAF:PL:WHY", "so")


def test_what_annotations_look_at_goes_from_process_to_process(
    site: Site, dataset: SimulatedDataset, barcoded: Path
) -> None:
    """As to the one that runs the network on a GPU."""
    linked(site)
    for part in drawn("linked", dataset.reference, barcoded):
        assert part.scene is not None
        scene = pickle.loads(pickle.dumps(part)).scene
        np.testing.assert_array_equal(scene.reads.tags["BX"].values, part.scene.reads.tags["BX"].values)
        np.testing.assert_array_equal(scene.images.site, part.images.site)
    assert all(part.scene is None for part in drawn("illumina-wgs", dataset.reference, barcoded))


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("# nothing", "", None),
        (
            "# transform",
            "keep = context.reads.start > context.region.start + 20",
            "change where the genome is cut",
        ),
        ("# phase", "found = found[1:]", "phaser 'odd' of dvplug-odd 1.0 (plugin 'odd') gave haplotypes"),
        (
            "# rank",
            "ranks[:] = np.random.default_rng().integers(0, 99, len(ranks))",
            "images differ from run to run",
        ),
    ],
)
def test_the_conformance_tests_try_each_part(site: Site, old: str, new: str, problem: str | None) -> None:
    """None of them is of a technology of the plugin: each is tried with the engine's other parts."""
    site.plugin("dvplug-odd", ODD.replace(old, new), point="odd")
    told = dict(conformance("odd"))
    wrong = [text for text in told.values() if text]
    assert bool(wrong) == bool(problem), told
    assert not problem or any(problem in text for text in wrong), told


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_wrong_is_told_with_the_plugin(site: Site, dataset: SimulatedDataset, fault: str) -> None:
    with pytest.raises(PluginError, match=FAULTS[fault]):
        odd_records(site, dataset, fault)


@pytest.mark.parametrize(
    ("field", "message"),
    [
        (("QUAL", "X", "d"), "a column is INFO, FORMAT or FILTER"),
        (("INFO", "1X", "d"), "an ID is letters"),
        (("INFO", "X", 'a "b"'), "a description is one line, without quotes"),
        (("INFO", "X", "d", "G"), "a number is 0 to 999, A, R or ."),
        (("INFO", "X", "d", "1", "Flag"), "a type is one of"),
        (("FORMAT", "X", "d", "0", "Flag"), "a flag is of INFO"),
    ],
)
def test_fields_that_cannot_be_written_are_refused(field: Any, message: str) -> None:
    with pytest.raises(PluginError, match=message):
        RecordField(*field)


def test_fields_have_one_owner(site: Site) -> None:
    one = RecordField("INFO", "X", "d")
    with pytest.raises(PluginError, match="it adds some, each once"):
        Annotation("a", "d", "m:f", (one, one))
    site.plugin("dvplug-odd", ODD.replace('"FORMAT", "WHY"', '"FORMAT", "GQ"'), point="odd")
    plugins = load_plugins(["odd", "illumina"])
    with pytest.raises(PluginError, match=r"annotation 'odd' .* adds FORMAT GQ, which dvplug itself writes"):
        Pipeline.of(plugins, odd_profile(plugins))


def test_values_follow_the_alts_that_stay() -> None:
    from dvplug.line.record import Note, VcfRecord
    from dvplug.records.used_alts import with_used_alts
    from dvplug.records.vcf import format_record

    rng = random.Random(3)
    for _ in range(30):
        alts = tuple(rng.sample(["C", "G", "T", "AT"], rng.randrange(1, 4)))
        called = rng.randrange(len(alts))
        notes = (
            Note("INFO", "PER", "A", tuple(alts)),
            Note("FORMAT", "ALL", "R", ("A", *alts)),
            Note("INFO", "ONE", "1", ("x",)),
        )
        n = 1 + len(alts)
        record = VcfRecord(
            "c", 5, "A", alts, 30.0, "PASS", (0, 1 + called), 20, 9, (1,) * n, (0.5,) * len(alts),
            tuple(range(n * (n + 1) // 2)), (), notes,
        )  # fmt: skip
        kept = with_used_alts(record)
        assert kept.alts == (alts[called],)
        fields = format_record(kept).rstrip("\n").split("\t")
        assert fields[7] == f"PER={alts[called]};ONE=x"
        assert fields[9].split(":")[-1] == f"A,{alts[called]}"
        with_symbol = format_record(kept, "<*>").rstrip("\n").split("\t")
        assert with_symbol[7] == f"PER={alts[called]},.;ONE=x"
        assert with_symbol[9].split(":")[-1] == f"A,{alts[called]},."
