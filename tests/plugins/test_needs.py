"""What parts ask of reads reaches them: tags and sources, from the file to the pixel."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pysam
import pytest

from dvplug.engine.draw import RegionImages
from dvplug.engine.pipeline import Pipeline
from dvplug.errors import PluginError
from dvplug.hookspecs import Channel, Network
from dvplug.line.region import Region
from dvplug.plugins.loading import installed_plugins, load_plugins
from dvplug.reads.groups import ReadSource
from dvplug.technology import AlsoRead, ReadTag, TechnologyProfile
from dvplug.testing import conformance
from helpers.read_batches import random_sequence, write_fasta
from helpers.registry_fixtures import Site

PLUGIN = """
import numpy as np
from dvplug.hookspecs import Channel, FeatureSet, hookimpl
DVPLUG_API = 3


@hookimpl
def dvplug_channels():
    return [Channel("barcode", "x", "dvplug_tags:draw", needs={needs})]


@hookimpl
def dvplug_feature_sets():
    return [FeatureSet("lanes", "x", "dvplug_tags:lanes", ("of_second",), needs=("source",))]


def draw(pileup, out):
    tag = pileup.reads.tags["BX"]
    pixel = np.where(tag.present, 10 + tag.values % 200, 1)
    row = pileup.row_read
    out[:] = np.where(row >= 0, pixel[np.maximum(row, 0)], 0)[:, :, None]


def lanes(scene):
    second = [origin.read_group == "two" for origin in scene.reads.origins]
    share = np.array(second, np.float32)[scene.reads.source].mean()
    return np.full((len(scene.images.site), 1), share, np.float32)
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    (tmp_path / "site").mkdir()
    place = Site(tmp_path / "site", monkeypatch)
    yield place
    place.forget()
    installed_plugins.cache_clear()


def profile(**more: object) -> TechnologyProfile:
    return TechnologyProfile.model_validate(
        {
            "name": "t", "description": "d", "model": "none", "features": ["lanes"],
            "image": {"height": 12, "width": 21, "channels": ["barcode"]}, **more,
        }
    )  # fmt: skip


def reads_with_a_snp(folder: Path) -> Path:
    """Eight reads over a SNP: barcodes 3 and 4 in turn, one without; a quarter of them of the second read group."""
    reference = random_sequence(random.Random(1), 200)
    alt = reference[:100] + "ACGT"["CGTA".index(reference[100])] + reference[101:]
    lines = ["@HD\tVN:1.6\tSO:coordinate", "@SQ\tSN:c\tLN:200", "@RG\tID:one\tSM:s", "@RG\tID:two\tSM:s"]
    for i in range(8):
        tags = f"RG:Z:{'two' if i < 2 else 'one'}" + ("" if i == 7 else f"\tBX:i:{3 + i % 2}")
        lines.append(f"r{i}\t0\tc\t{51 + i}\t60\t90M\t*\t0\t0\t{alt[50 + i : 140 + i]}\t{'I' * 90}\t{tags}")
    fasta = write_fasta(folder / "reads.fa", {"c": reference})
    (folder / "reads.sam").write_text("\n".join(lines) + "\n")
    pysam.view(
        "-b", "-T", str(fasta), "-o", str(folder / "reads.bam"), str(folder / "reads.sam"), catch_stdout=False
    )
    pysam.index(str(folder / "reads.bam"))
    return folder / "reads.bam"


def test_a_channel_draws_a_tag_and_features_know_the_read_group(site: Site, tmp_path: Path) -> None:
    site.plugin("dvplug-tags", PLUGIN.format(needs=("BX:integer",)), point="tags")
    plugins = load_plugins(["tags"])
    pipeline = Pipeline.of(plugins, profile())
    assert pipeline.also == AlsoRead((ReadTag("BX", "integer"),), source=True)
    drawer = RegionImages(pipeline, tmp_path / "reads.fa", [ReadSource(reads_with_a_snp(tmp_path))])
    (drawn,) = drawer.draw(Region("c", 0, 200))
    assert drawn.images.images.shape == (1, 12, 21, 1)
    rows = drawn.images.images[0, 1:, 10, 0]
    assert sorted(rows[rows > 0].tolist()) == [1, 13, 13, 13, 13, 14, 14, 14]
    assert drawn.images.features.tolist() == [[0.25]]
    assert set(dict(conformance("tags")).values()) == {None}


def test_what_is_not_asked_for_is_told_as_that(site: Site, tmp_path: Path) -> None:
    site.plugin("dvplug-tags", PLUGIN.format(needs=()), point="tags")
    plugins = load_plugins(["tags"])
    reads = reads_with_a_snp(tmp_path)
    drawer = RegionImages(Pipeline.of(plugins, profile()), tmp_path / "reads.fa", [ReadSource(reads)])
    with pytest.raises(
        PluginError, match=r"channel 'barcode' of dvplug-tags .* failed.*the tag BX was not asked for"
    ):
        list(drawer.draw(Region("c", 0, 200)))
    asked = Pipeline.of(plugins, profile(read_tags=["BX:integer"]))  # the profile can ask, too
    assert list(RegionImages(asked, tmp_path / "reads.fa", [ReadSource(reads)]).draw(Region("c", 0, 200)))


def test_a_tag_is_asked_for_as_one_kind(site: Site) -> None:
    site.plugin("dvplug-tags", PLUGIN.format(needs=("BX:hash",)), point="tags")
    plugins = load_plugins(["tags"])
    with pytest.raises(
        PluginError,
        match=r"the tag BX is asked for as 'integer' by the technology 't', and as 'hash' by the channel 'barcode'",
    ):
        Pipeline.of(plugins, profile(read_tags=["BX:integer"]))


def test_unknown_needs_are_refused() -> None:
    with pytest.raises(
        PluginError, match=r"channel 'x' needs BX: this dvplug can give .* haplotype source and tags"
    ):
        Channel("x", "d", "m:f", needs=("BX",))
    with pytest.raises(
        PluginError, match="network 'x' needs BX:hash: this dvplug can give a network nothing more"
    ):
        Network("x", "d", "m:f", needs=("BX:hash",))
    assert Channel("x", "d", "m:f", needs=("BX:hash", "source", "haplotype")).needs
    with pytest.raises(
        PluginError, match=r"channel 'x' needs BX:int: 'BX:int' is no tag: .*kinds are integer, float, hash"
    ):
        Channel("x", "d", "m:f", needs=("BX:int",))
    with pytest.raises(ValueError, match="is no tag"):
        profile(read_tags=["BX:Z"])
