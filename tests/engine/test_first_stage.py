"""The line with a first stage: which images are drawn, and what is called of those that are not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dvplug.calling.options import CallOptions
from dvplug.calling.run import call_variants
from dvplug.engine.draw import Drawn, RegionImages
from dvplug.engine.known_answers import verify_model
from dvplug.engine.pipeline import Pipeline
from dvplug.errors import ModelError
from dvplug.genotypes.first_stage import FeatureNetwork, OpenedFirstStage
from dvplug.hookspecs import Encode
from dvplug.images.encoders import encode_in_context
from dvplug.line.contexts import EncodeContext
from dvplug.line.image_batch import ImageBatch
from dvplug.line.region import Region
from dvplug.models import load_model
from dvplug.plugins.loading import installed_plugins
from dvplug.reads.groups import ReadSource
from dvplug.show.sites import show_positions
from dvplug.simulate import SimulatedDataset
from dvplug_registry.manifest import KNOWN_ANSWER
from dvplug_registry.model_folder import file_entry, open_folder, save_manifest
from helpers.staged_model import NEVER, staged_model, unstaged_model

SURE = 0.99


def drawn_of(
    dataset: SimulatedDataset, model: Path | None, every_image: bool = False, encode: Encode | None = None
) -> Drawn:
    """50 kb of the reads; with the first stage of a model, and an encoder in place of the technology's."""
    plugins = installed_plugins()
    pipeline = Pipeline.of(plugins, plugins.technology("illumina-wgs"))
    if model:
        pipeline = replace(pipeline, first_stage=OpenedFirstStage.of(open_folder(model), every_image))
    pipeline = replace(pipeline, encode=encode or pipeline.encode)
    images = RegionImages(pipeline, dataset.reference, [ReadSource(dataset.reads)])
    (drawn,) = images.draw(Region(next(iter(images.reference.lengths)), 0, 50_000))
    return drawn


def records(dataset: SimulatedDataset, out: Path, model: Path | None, workers: int = 1) -> list[str]:
    """Lines of the VCF below its header."""
    call_variants(
        CallOptions(
            "illumina-wgs", dataset.reference, (dataset.reads,), str(out), device="cpu", workers=workers,
            model=model and str(model), keep_ref_calls=True, gvcf=None,
        )
    )  # fmt: skip
    return [line for line in out.read_text().splitlines() if not line.startswith("##")]


def test_what_is_settled_is_not_drawn_and_the_rest_is_drawn_alike(
    dataset: SimulatedDataset, tmp_path: Path
) -> None:
    model = staged_model(tmp_path, SURE)
    whole, staged = drawn_of(dataset, None), drawn_of(dataset, model)
    settled = staged.settled
    assert settled is not None
    left = np.flatnonzero(~settled.taken)
    assert 0 < len(left) < len(whole.images)
    for name in ("images", "features", "site", "alt_set"):
        assert np.array_equal(getattr(staged.images, name), getattr(whole.images, name)[left])
    assert staged.counts.images == whole.counts.images
    assert staged.counts.settled == int(settled.taken.sum())
    assert (whole.counts.settled, whole.settled) == (0, None)
    p = FeatureNetwork.load(model / "first_stage.safetensors", whole.images.features.shape[1])
    assert np.array_equal(settled.probabilities, p.predict(whole.images.features))


def test_an_encoder_that_may_know_of_all_alone_is_asked_for_all(
    dataset: SimulatedDataset, tmp_path: Path
) -> None:
    asked: list[int] = []

    def encode(context: EncodeContext) -> ImageBatch:
        asked.append(len(context.scene.images.site))
        return encode_in_context(context)

    model = staged_model(tmp_path, SURE)
    drawn, others = drawn_of(dataset, model), drawn_of(dataset, model, encode=encode)
    assert asked == [drawn.counts.images]
    assert np.array_equal(others.images.images, drawn.images.images)
    assert np.array_equal(others.images.features, drawn.images.features)


def test_all_are_drawn_for_people(dataset: SimulatedDataset, tmp_path: Path) -> None:
    model = staged_model(tmp_path, SURE)
    every, whole = drawn_of(dataset, model, every_image=True), drawn_of(dataset, None)
    assert np.array_equal(every.images.images, whole.images.images)
    assert every.settled is not None
    assert every.settled.taken.any()


def test_a_first_stage_that_is_never_sure_changes_no_record(
    dataset: SimulatedDataset, tmp_path: Path
) -> None:
    plain = records(dataset, tmp_path / "plain.vcf", unstaged_model(tmp_path / "plain"))
    assert records(dataset, tmp_path / "staged.vcf", staged_model(tmp_path, NEVER)) == plain


def test_its_answers_are_called_whatever_the_workers(dataset: SimulatedDataset, tmp_path: Path) -> None:
    model = staged_model(tmp_path, SURE)
    one = records(dataset, tmp_path / "one.vcf", model)
    assert records(dataset, tmp_path / "two.vcf", model, workers=2) == one
    plain = records(dataset, tmp_path / "plain.vcf", None)
    assert one != plain  # it is surer than the network, or less sure
    alike = [
        a.split("\t")[9].split(":")[0] == b.split("\t")[9].split(":")[0]
        for a, b in zip(one[1:], plain[1:], strict=True)
    ]
    assert len(one) == len(plain)
    assert sum(alike) > 0.95 * len(alike)


def test_a_picture_shows_what_was_settled(dataset: SimulatedDataset, tmp_path: Path) -> None:
    model = staged_model(tmp_path, SURE)
    lines = records(dataset, tmp_path / "calls.vcf", model)[1:]
    chosen = next(line.split("\t") for line in lines if line.split("\t")[6] == "PASS")
    options = CallOptions(
        "illumina-wgs", dataset.reference, (dataset.reads,), "-", device="cpu", model=str(model)
    )
    shown = show_positions([f"{chosen[0]}:{chosen[1]}"], options)
    (site,) = shown.sites
    assert (site.record.qual, site.record.gq) == (float(chosen[5]), int(chosen[9].split(":")[1]))
    assert site.images[0].pixels.any()


def test_known_answers_are_of_the_first_stage_too(tmp_path: Path) -> None:
    plugins, folder = installed_plugins(), staged_model(tmp_path, SURE)
    verify_model(plugins, load_model(plugins, f"{folder}/"))
    opened = open_folder(folder)
    name = opened.manifest.file_name(KNOWN_ANSWER)
    arrays = dict(np.load(folder / name))
    arrays["first_stage"][0] = arrays["first_stage"][0][::-1] + np.float32(0.01)
    np.savez_compressed(folder / name, **arrays)
    files = opened.manifest.files | {name: file_entry(folder / name, KNOWN_ANSWER)}
    save_manifest(folder, opened.manifest.model_copy(update={"files": files}))
    with pytest.raises(
        ModelError, match=r"first stage of the model illumina-wgs@1\.0\.0 fails its known-answer"
    ):
        verify_model(plugins, load_model(plugins, f"{folder}/"))
