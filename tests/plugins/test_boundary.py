"""What plugins give is looked at: what the engine's own parts give passes, and each fault is named with whose it is."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dvplug.calling.options import CallOptions
from dvplug.calling.run import call_variants
from dvplug.engine.draw import RegionImages
from dvplug.engine.pipeline import Pipeline
from dvplug.errors import DEBUG, LONGEST, PluginError, in_short
from dvplug.hookspecs import CandidateFinder, Channel, FeatureSet, Genotyper, ImageEncoder, Network
from dvplug.images.features.differences import NEARBY
from dvplug.line.candidate_batch import CandidateBatch
from dvplug.line.read_batch import ReadBatch
from dvplug.line.region import Region
from dvplug.plugins.checks import Around, wrong_candidates, wrong_images, wrong_probabilities
from dvplug.plugins.feature_sets import chosen_features
from dvplug.plugins.loading import load_plugins
from dvplug.reads.groups import ReadSource
from dvplug.sequence.codes import encode_bases
from dvplug.sequence.repeats import LONGEST_TRACT, SPANNED_FLANK
from dvplug.simulate import SimulatedDataset
from dvplug.technology import TechnologyProfile
from dvplug.testing import conformance
from helpers.command import run_captured
from helpers.image_sites import HEIGHT, WIDTH, draw, random_candidates
from helpers.read_batches import Read, alignment_file, random_sequence
from helpers.registry_fixtures import Site


@pytest.fixture
def toy(site: Site, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DVPLUG_PLUGINS", "toy")
    return site.toy()


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def found(seed: int) -> tuple[CandidateBatch, Around, ReadBatch, str]:
    reference, _, reads, candidates = random_candidates(seed)
    around = Around(reads, encode_bases(reference.encode()), 0, Region("c", 0, len(reference)))
    return candidates, around, reads, reference


@pytest.mark.parametrize("seed", range(20))
def test_what_the_engine_gives_passes(seed: int) -> None:
    candidates, around, reads, reference = found(seed)
    assert list(wrong_candidates(candidates, around)) == []
    _, images = draw(reads, candidates, reference)
    features = images.features.shape[1]
    assert list(wrong_images(images, candidates, (HEIGHT, WIDTH, 1), features)) == []
    rng = np.random.default_rng(seed)
    assert list(wrong_probabilities(rng.dirichlet([1, 1, 1], 9).astype(np.float32), 9)) == []


def put(array: np.ndarray, index: Any, value: int) -> np.ndarray:
    changed = array.copy()
    changed[index] = value
    return changed


Change = Callable[[CandidateBatch], object]
WRONG: list[tuple[Change, str]] = [
    (lambda b: {"start": b.start}, "a dict: it has to be a CandidateBatch"),
    (lambda b: replace(b, start=b.start.tolist()), r"start of type list: it has to be an array int32\["),
    (lambda b: replace(b, start=b.start.astype(np.int64)), r"start int64\[\d+\]: it has to be int32\["),
    (lambda b: replace(b, depth=b.depth[1:]), r"depth int32\[\d+\]: it has to be int32\["),
    (lambda b: replace(b, refs=tuple(b.refs)), r"refs, a tuple of \d+: it has to be a list"),
    (lambda b: replace(b, alts=[list(a) for a in b.alts]), r"alts \[\['.*: each has to be a tuple of text"),
    (lambda b: replace(b, contig="chrOther"), "candidates on chrOther: it was given c:1-60"),
    (lambda b: replace(b, start=b.start[::-1].copy()), r"a candidate at c:\d+ behind that at c:\d+"),
    (lambda b: replace(b, start=put(b.start, 1, b.start[0])), r"a candidate at c:(\d+) behind that at c:\1: "),
    (lambda b: replace(b, start=put(b.start, -1, 60)), "a candidate at c:61: it does not begin in the region"),
    (lambda b: replace(b, start=put(b.start, 0, -1)), "a candidate at c:0: it does not begin in the region"),
    (lambda b: replace(b, refs=["", *b.refs[1:]]), r"an empty REF at c:"),
    (lambda b: replace(b, alts=[(), *b.alts[1:]]), r"0 ALT alleles at c:"),
    (
        lambda b: replace(b, refs=["ACGT"["CGTA".index(b.refs[0][0])] + b.refs[0][1:], *b.refs[1:]]),
        r"the REF \w+ at c:\d+: the reference has other bases there",
    ),
    (lambda b: replace(b, refs=[b.refs[0].lower(), *b.refs[1:]]), r"the REF [acgt]+ at c:\d+: bases are"),
    (lambda b: replace(b, refs=[*b.refs[:-1], "A" * 99]), r"the REF A+ at c:\d+: it reaches beyond the contig"),
    (lambda b: replace(b, alts=[("<DEL>", *b.alts[0][1:]), *b.alts[1:]]), r"the ALT <DEL>.* at c:\d+: an ALT"),
    (lambda b: replace(b, alts=[("", *b.alts[0][1:]), *b.alts[1:]]), r"the ALT .*at c:\d+: an ALT"),
    (lambda b: replace(b, alts=[(b.refs[0], *b.alts[0][1:]), *b.alts[1:]]), "no allele may be there twice"),
    (lambda b: replace(b, alts=[b.alts[0] * 2, *b.alts[1:]]), "no allele may be there twice"),
    (lambda b: replace(b, read_offset=put(b.read_offset, -1, 0)), "read_offset from 0 to 0: it has to rise"),
    (lambda b: replace(b, read_index=put(b.read_index, 0, 30)), r"read 30 at c:\d+: there are 30 reads"),
    (lambda b: replace(b, read_index=put(b.read_index, 0, -1)), r"read -1 at c:\d+: there are 30 reads"),
    (
        lambda b: replace(b, read_index=put(b.read_index, 1, b.read_index[0])),
        r"read (\d+) behind read \1 at c:\d+: the reads of a site come in order",
    ),
    (lambda b: replace(b, read_allele=put(b.read_allele, 0, 9)), r"allele 9 of read \d+ at c:\d+: there are"),
    (lambda b: replace(b, read_allele=put(b.read_allele, 0, -3)), "allele -3 of read"),
    (lambda b: replace(b, allele_depths=b.allele_depths + 1), r"the allele depths \[.*: its reads give \["),
    (lambda b: replace(b, allele_depths=b.allele_depths[:, :1]), r"it needs a column for REF and for each"),
    (lambda b: replace(b, depth=b.depth + 1), r"the depth \d+ at c:\d+: \d+ of its reads tell an allele"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "message"), WRONG, ids=[message for _, message in WRONG])
def test_wrong_candidates_are_told(change: Change, message: str) -> None:
    candidates, around, _, _ = found(3)
    assert len(candidates) > 3
    assert len(candidates.read_index[: candidates.read_offset[1]]) > 1
    wrong = list(wrong_candidates(change(candidates), around))
    assert wrong
    assert re.search(message, ": ".join(wrong[0])), wrong
    assert len(": ".join(wrong[0])) < 2 * LONGEST + 100


def test_wrong_images_are_told() -> None:
    candidates, _, reads, reference = found(3)
    _, images = draw(reads, candidates, reference)
    n, features = images.features.shape
    for change, message in (
        (
            {"images": images.images[1:]},
            rf"images uint8\[{n - 1}, {HEIGHT}, {WIDTH}, 1\]: it has to be uint8",
        ),
        ({"images": images.images / 255}, r"images float64\["),
        ({"features": images.features.astype(float)}, r"features float64\["),
        (
            {"features": put(images.features, (2, 1), np.nan)},
            r"nan for feature 1 at c:\d+: features are finite",
        ),
        ({"features": put(images.features, (2, 1), np.inf)}, r"inf for feature 1"),
        ({"site": images.site[::-1].copy()}, r"an image of candidate \d+ of \d+ and its alts"),
        ({"site": put(images.site, 0, 999)}, r"an image of candidate 999 of"),
        ({"alt_set": put(images.alt_set, (0, 0), 5)}, r"alts \[5, -1\]: in its place .* alts \[0, -1\]"),
    ):
        wrong = list(wrong_images(replace(images, **change), candidates, (HEIGHT, WIDTH, 1), features))
        assert re.search(message, ": ".join(wrong[0])), wrong
    (wrong_kind,) = wrong_images(None, candidates, (HEIGHT, WIDTH, 1), features)
    assert wrong_kind == ("a NoneType", "it has to be an ImageBatch")


@pytest.mark.parametrize(
    ("p", "message"),
    [
        (None, "probabilities of type NoneType: it has to be an array float32[2, 3]"),
        (np.ones((2, 2), np.float32), "probabilities float32[2, 2]: it has to be float32[2, 3]"),
        (np.ones((1, 3), np.float32) / 3, "probabilities float32[1, 3]: it has to be"),
        (np.ones((2, 3)) / 3, "probabilities float64[2, 3]: it has to be float32[2, 3]"),
        (np.array([[0.2, 0.3, 0.5], [np.nan] * 3], np.float32), "the probabilities [nan, nan, nan]"),
        (np.array([[0.2, 0.3, 0.5], [-0.5, 1, 0.5]], np.float32), "the probabilities [-0.5, 1.0, 0.5]"),
        (np.array([[0.2, 0.3, 0.5], [0, 0, 0]], np.float32), "the probabilities [0.0, 0.0, 0.0]"),
    ],
)
def test_wrong_probabilities_are_told(p: object, message: str) -> None:
    (wrong,) = wrong_probabilities(p, 2)
    assert message in ": ".join(wrong)


FIND = "return find_in_context(replace(context, thresholds=context.thresholds.model_copy(update=stricter)))"
OF_FINDER = r"^the candidate finder 'toy-finder' of dvplug-toy 0\.3\.0 \(plugin 'toy'\) "
OF_CHANNEL = r"^the channel 'toy_stripes' of dvplug-toy 0\.3\.0 \(plugin 'toy'\) "
OF_GENOTYPER = r"^the genotyper 'toy-formula' of dvplug-toy 0\.3\.0 \(plugin 'toy'\) "
OF_FEATURES = r"^the feature set 'toy-counts' of dvplug-toy 0\.3\.0 \(plugin 'toy'\) "
BROKEN = {
    "shifted": ("finding.py", FIND,
        f"import dataclasses; found = {FIND[7:]}; return dataclasses.replace(found, start=found.start + 1)",
        OF_FINDER + r"gave the REF \w+ at chrS:\d+, at chrS:1-50000: the reference has other bases"),
    "raises": ("finding.py", FIND, "return context.reads.colour",
        OF_FINDER + r"failed, at chrS:1-50000: AttributeError: .*'colour' \(finding\.py, line \d+\)"),
    "exits": ("finding.py", FIND, "raise SystemExit(0)", OF_FINDER + "failed, at .*: SystemExit: 0"),
    "array in a message": ("finding.py", FIND, "raise ValueError(f'{list(context.reference)}')",
        OF_FINDER + r"failed, at chrS:1-50000: ValueError: \[.{1,157}\.\.\. \(finding.py, line"),
    "channel": ("drawing.py", "_stripes(pileup.cell, out)", "out[:, 99] = 1",
        OF_CHANNEL + r"failed, at chrS:\d+-\d+: IndexError"),
    "returned": ("drawing.py", "_stripes(pileup.cell, out)", "return out + 1",
        OF_CHANNEL + r"gave uint8\[\d+, 8, 11\], at chrS:\d+-\d+: a channel draws into `out`"),
    "features": ("measuring.py", "1)], axis=1)", "1)], axis=0)",
        OF_FEATURES + r"gave features float32\[2, (\d+)\], at chrS:\d+-\d+: it has to be float32\[\1, 2\]"),
    "doubles": ("measuring.py", '.astype("f4")', "",
        OF_FEATURES + r"gave features float64\[\d+, 2\], at chrS:\d+-\d+: it has to be float32"),
    "no number": ("measuring.py", "np.maximum(scene.candidates.depth[site], 1)", "(scene.candidates.depth[site] * 0.0)",
        OF_FEATURES + r"gave (inf|nan) for its feature 'vaf' at chrS:\d+, at chrS:\d+-\d+: features are finite"),
    "no features": ("measuring.py", "scene.candidates.allele_depths[site]", "scene.candidates.colour",
        OF_FEATURES + r"failed, at chrS:\d+-\d+: AttributeError: .*'colour' \(measuring\.py, line \d+\)"),
    "unnormalised": ("formula.py", "odds / odds.sum(axis=1, keepdims=True)", "odds",
        OF_GENOTYPER + r"gave the probabilities \[.*\] with the model toy@1\.0\.0, at chrS:\d+-\d+: they are no"),
    "transposed": ("formula.py", "np.asarray(odds / odds.sum(axis=1, keepdims=True), np.float32)", "odds.T",
        OF_GENOTYPER + r"gave probabilities float32\[3, \d+\] with the model toy@1\.0\.0, at chrS"),
    "finder that writes": ("finding.py", FIND, "context.reads.qual[:] = 9; " + FIND,
        OF_FINDER + "changed reads.qual, at chrS:1-50000: others go on with what it is given; it may change a copy"),
    "channel that writes": ("drawing.py", "_stripes(pileup.cell, out)", "pileup.support[:] = 0",
        OF_CHANNEL + r"changed support, at chrS:\d+-\d+: others go on"),
    "features that write": ("measuring.py", "of_alts = ", "scene.candidates.depth[:] = 1; of_alts = ",
        OF_FEATURES + r"changed candidates\.depth, at chrS:\d+-\d+: others go on"),
    "genotyper that writes": ("formula.py", "odds = ", "images[:] = 0; odds = ",
        OF_GENOTYPER + r"changed images, at chrS:\d+-\d+: others go on"),
    "no predictor": ("formula.py", "def predict", "def predicts",
        OF_GENOTYPER + "gave a Formula: what it gives has to have a method `predict`"),
}  # fmt: skip


@pytest.mark.parametrize("fault", BROKEN)
def test_a_plugin_s_fault_ends_the_run_with_its_name(
    toy: Path, dataset: SimulatedDataset, tmp_path: Path, fault: str
) -> None:
    name, old, new, message = BROKEN[fault]
    edit(toy / name, old, new)
    out = tmp_path / "calls.vcf"
    with pytest.raises(PluginError, match=message):
        call_variants(CallOptions("toy", dataset.reference, (dataset.reads,), str(out), workers=1))
    assert not out.exists()


@pytest.mark.parametrize("fault", ["raises", "exits", "shifted"])
def test_workers_and_the_command_line_tell_it_on_one_line(
    toy: Path,
    dataset: SimulatedDataset,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
) -> None:
    edit(toy / BROKEN[fault][0], *BROKEN[fault][1:3])
    words = (
        "call", "--tech", "toy", "--ref", dataset.reference, "--reads", dataset.reads, "--workers", 2,
        "--out", tmp_path / "calls.vcf",
    )  # fmt: skip
    code, _, err = run_captured(capfd, *map(str, words))
    assert code == 2
    (line,) = [line for line in err.splitlines() if line.startswith("error:")]
    assert "the candidate finder 'toy-finder' of dvplug-toy 0.3.0 (plugin 'toy')" in line
    assert "Traceback" not in err
    monkeypatch.setenv(DEBUG, "1")
    err = run_captured(capfd, *map(str, words))[2]
    assert ("Traceback" in err) == (fault != "shifted")


HAPLOTYPES = """
import numpy as np
from dvplug.hookspecs import Channel, hookimpl
DVPLUG_API = 2

@hookimpl
def dvplug_channels():
    return [Channel("phase", "x", "dvplug_phase:draw", needs={needs})]


def draw(pileup, out):
    table = np.append(pileup.reads.haplotype * 100, [0, 0, 0]).astype(np.uint8)
    out[:] = table[pileup.row_read][:, :, None]
"""


@pytest.mark.parametrize(("needs", "shown"), [(("haplotype",), {0, 100, 200}), ((), {0})])
def test_a_channel_gets_haplotypes_because_it_declares_them(
    site: Site, tmp_path: Path, needs: tuple[str, ...], shown: set[int]
) -> None:
    import random

    site.plugin("dvplug-phase", HAPLOTYPES.format(needs=needs), point="phase")
    reference = random_sequence(random.Random(1), 200)
    alt = "ACGT"["CGTA".index(reference[100])]
    reads = [
        Read(50 + i, "90M", (reference[:100] + alt + reference[101:])[50 + i : 140 + i], hp=1 + i % 2)
        for i in range(8)
    ]
    alignment_file(tmp_path / "reads.bam", reads, {"c": reference}).close()
    plugins = load_plugins(["phase"])
    profile = TechnologyProfile.model_validate(
        {
            "name": "t",
            "description": "d",
            "model": "none",
            "image": {"height": 12, "width": 21, "channels": ["phase"]},
        }
    )
    drawer = RegionImages(
        Pipeline.of(plugins, profile), tmp_path / "reads.fa", [ReadSource(tmp_path / "reads.bam")]
    )
    (drawn,) = drawer.draw(Region("c", 0, 200))
    assert len(drawn.candidates) == 1
    assert set(np.unique(drawn.images.images).tolist()) == shown
    told = dict(conformance("phase"))
    problem = told.pop("channels declare what they need")
    assert set(told.values()) == {None}
    assert (problem is None) == bool(needs)
    if problem:
        assert "channel 'phase' shows haplotypes and does not declare it" in problem


REACHING = """
import numpy as np
from dataclasses import replace
from dvplug.hookspecs import FeatureSet, ImageEncoder, hookimpl
DVPLUG_API = 2

@hookimpl
def dvplug_{hook}():
    return [{offer}, reach={reach})]


def reads_around(scene):
    reads, starts = scene.reads, scene.candidates.start
    around = [int(((reads.end > at - 1200) & (reads.start < at + 1200)).sum()) for at in starts]
    return np.array(around, np.float32)[scene.images.site][:, None]


def encode(scene, layout, channels, measure):
    from dvplug.images.encoders import encode_pileups
    drawn = encode_pileups(scene, layout, channels, measure)
    pixel = reads_around(scene).astype(np.uint8)[:, :, None, None]
    return replace(drawn, images=drawn.images + pixel)
"""
FAR = {
    "image encoder": ("image_encoders", 'ImageEncoder("far", "x", "dvplug_far:encode"', "images"),
    "feature set": (
        "feature_sets",
        'FeatureSet("far", "x", "dvplug_far:reads_around", ("around",)',
        "features",
    ),
}


@pytest.mark.parametrize("kind", FAR)
@pytest.mark.parametrize(("reach", "passes"), [(1200, True), (300, False)])
def test_what_is_drawn_or_measured_reaches_as_far_as_it_declares(
    site: Site, kind: str, reach: int, passes: bool
) -> None:
    hook, offer, what = FAR[kind]
    source = REACHING.format(hook=hook, offer=offer, reach=reach)
    site.plugin("dvplug-far", source, point="far")
    told = dict(conformance("far"))
    problem = told.pop("images do not depend on where the genome is cut")
    assert set(told.values()) == {None}
    assert (problem is None) == passes
    if problem:
        assert f"{kind} 'far': {what} change where the genome is cut" in problem
        assert "declare a larger `reach`" in problem


def test_the_engine_s_feature_sets_declare_what_they_look_at() -> None:
    plugins = load_plugins(["ont"])
    assert plugins.names("image encoder") == ["pileup"]
    assert {name: plugins.feature_set(name).reach for name in plugins.names("feature set")} == {
        **dict.fromkeys(("site", "relative-site"), NEARBY),
        **dict.fromkeys(
            ("length-likelihoods", "length-summary", "length-shares", "read-odds", "r10-length-likelihoods"),
            LONGEST_TRACT + SPANNED_FLANK,
        ),
    }
    profile = plugins.technology("ont")
    assert Pipeline.of(plugins, profile).reach == NEARBY
    short = profile.model_copy(update={"features": ("length-shares",)})
    assert Pipeline.of(plugins, short).reach == LONGEST_TRACT + SPANNED_FLANK


def test_feature_sets_are_joined_in_the_order_of_the_profile(site: Site, dataset: SimulatedDataset) -> None:
    """Each is what it is alone, whatever stands beside it, and what several need is measured once."""
    site.first_party()
    plugins, region = load_plugins(["ont"]), Region("chrS", 0, 20_000)
    profile = plugins.technology("ont").model_copy(update={"phase_reads": False})
    names = ("length-shares", "r10-length-likelihoods", "site", "length-summary")
    drawn = {}
    for chosen in (names, *((name,) for name in names)):
        pipeline = Pipeline.of(plugins, profile.model_copy(update={"features": chosen}))
        drawer = RegionImages(pipeline, dataset.reference, [ReadSource(dataset.reads)])
        drawn[chosen] = np.concatenate([part.images.features for part in drawer.draw(region)])
        assert drawn[chosen].shape[1] == len(chosen_features(plugins, chosen).columns)
    assert len(drawn[names]) > 10
    np.testing.assert_array_equal(drawn[names], np.hstack([drawn[(name,)] for name in names]))


def test_two_feature_sets_cannot_have_one_column(toy: Path) -> None:
    edit(toy / "__init__.py", '("n_alt", "vaf")', '("n_alt", "depth")')
    plugins = load_plugins(["toy"])
    assert chosen_features(plugins, ("toy-counts",)).columns == ("n_alt", "depth")
    profile = plugins.technology("toy").model_copy(update={"features": ("site", "toy-counts")})
    with pytest.raises(
        PluginError,
        match=r"the feature 'depth' is one of the feature set 'site' of dvplug .*\(plugin 'builtin'\) and of the "
        r"feature set 'toy-counts' of dvplug-toy 0\.3\.0 \(plugin 'toy'\): a model knows features by .*Choose one",
    ):
        Pipeline.of(plugins, profile)
    with pytest.raises(ValueError, match="the feature set 'site' is named twice"):
        TechnologyProfile.model_validate(profile.model_dump() | {"features": ("site", "site")})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Channel("x", "d", "m:f", needs=("methylation",)), "needs methylation: this dvplug can give a ch"),
        (lambda: Channel("x", "d", "m:f", needs="haplotype"), r"needs is haplotype\. Write a tuple"),  # type: ignore[arg-type]
        (lambda: Genotyper("x", "d", "m:f", needs=("haplotype",)), "can give a genotyper nothing more"),
        (lambda: Genotyper("x", "d", "m:f", devices=("tpu",)), r"the devices \('tpu',\)"),
        (lambda: ImageEncoder("x", "d", "m:f", reach=-1), "a reach of -1"),
        (lambda: ImageEncoder("x", "d", "m:f", version=0), "image encoder 'x': version 0. Give 1, 2"),
        (lambda: FeatureSet("x", "d", "m:f", ("a", "a")).column_names(), "feature 'a' cannot be named"),
        (lambda: FeatureSet("x", "d", "m:f", ("a",), reach=10**6), "feature set 'x': a reach of 1000000"),
        (lambda: FeatureSet("x", "d", "m:f", ("a",), version="1"), "feature set 'x': version 1"),  # type: ignore[arg-type]
        (lambda: FeatureSet("x", "d", "m:f", ("a",), needs=("methylation",)), "this dvplug can give a feature set"),
        (lambda: Network("x", "d", "m:f", needs=("haplotype",)), "can give a network nothing more"),
        (lambda: Genotyper("x", "d", "m:f", files={"my file": ".onnx"}), r"the role 'my file' of a file '\.onnx'"),
        (lambda: Genotyper("x", "d", "m:f", files={"file": "onnx"}), "the role 'file' of a file 'onnx'"),
        (lambda: CandidateFinder("x", "d", "m:f", reach=10**6), "a reach of 1000000: .*Give 0 to 20,000"),
    ],
)  # fmt: skip
def test_declarations_that_cannot_be_met_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(PluginError, match=message):
        make()


def test_a_finder_cannot_need_what_phasing_gives_later(toy: Path) -> None:
    edit(
        toy / "__init__.py",
        '"dvplug_toy.finding:find_sites")',
        '"dvplug_toy.finding:find_sites", needs=("haplotype",))',
    )
    plugins = load_plugins(["toy"])
    profile = plugins.technology("toy")
    assert Pipeline.of(plugins, profile).haplotypes
    phased = profile.model_copy(update={"phase_reads": True})
    with pytest.raises(
        PluginError, match=r"'toy-finder' of dvplug-toy .* needs haplotype, which .*'toy' does not"
    ):
        Pipeline.of(plugins, phased)


def test_auto_takes_a_device_that_the_genotyper_runs_on(
    toy: Path, dataset: SimulatedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dvplug.calling.device.gpu_backend", lambda onnx: "tensorflow")
    out = tmp_path / "calls.vcf"
    call_variants(CallOptions("toy", dataset.reference, (dataset.reads,), str(out)))
    assert out.exists()
    with pytest.raises(PluginError, match=OF_GENOTYPER + r"does not run on 'gpu'\. Use --device cpu"):
        call_variants(CallOptions("toy", dataset.reference, (dataset.reads,), str(out), device="gpu"))


def test_check_goes_on_behind_whatever_a_test_raises(toy: Path) -> None:
    edit(
        toy / "drawing.py", "from numba import njit", "from numba import njit\nraise SystemExit('no licence')"
    )
    told = dict(conformance("toy"))
    assert told["plugin loads without a problem"] is None
    assert told["models fit and verify"] is None
    failed = {
        name for name, problem in told.items() if problem and "SystemExit: no licence (drawing.py" in problem
    }
    assert failed == {
        "a tiny simulated genome is called",
        "channels declare what they need",
        "functions can be imported and called as specified",
        "images are as declared and always the same",
        "images do not depend on where the genome is cut",
        "profiles name parts that exist",
    }


def test_check_of_a_plugin_that_does_not_load_says_why_and_no_more(site: Site) -> None:
    site.plugin("dvplug-broken", "import no_such_module_at_all", point="broken")
    ((test, problem),) = conformance("broken")
    assert test == "plugin loads without a problem"
    assert problem is not None
    assert (
        "ModuleNotFoundError: No module named 'no_such_module_at_all' (dvplug_broken.py, line 1)" in problem
    )


def test_values_are_told_in_short() -> None:
    assert in_short(np.zeros((3, 1000), np.int8)) == "int8[3, 1000]"
    assert in_short("a\n b") == "a b"
    told = in_short(list(range(10_000)))
    assert told.startswith("[0, 1, 2")
    assert len(told) == LONGEST
