"""docs/data-flow.md names what the code has, in its order, and shows the numbers that it has."""

from __future__ import annotations

import re
from dataclasses import fields

import numpy as np
import pytest
from pydantic import BaseModel

from dvplug.images import channels
from dvplug.images.features.length_likelihoods import LIKELIHOOD_FEATURES
from dvplug.images.features.length_shares import SHARE_FEATURES
from dvplug.images.features.length_summary import LENGTH_FEATURES
from dvplug.images.features.site import FEATURES
from dvplug.line.candidate_batch import CandidateBatch
from dvplug.line.image_batch import (
    DELETED,
    EMPTY,
    NEAR,
    NO_SIDE,
    REFERENCE,
    SUPPORTS_ALT,
    SUPPORTS_REF,
    ImageBatch,
    Pileup,
)
from dvplug.line.read_batch import ReadBatch
from dvplug.line.result import STAGES
from dvplug.plugins.builtin import CHANNELS
from dvplug.records.vcf import PHASE_LINE, header
from dvplug.technology import CandidateThresholds, ImageLayout, ReadFilter
from helpers.pages import table
from helpers.places import ROOT


@pytest.mark.parametrize(
    ("heading", "settings"), [("The read filter", ReadFilter), ("The thresholds", CandidateThresholds)]
)
def test_settings_are_listed_with_their_defaults(heading: str, settings: type[BaseModel]) -> None:
    defaults = settings().model_dump()
    shown = {name.strip("`"): value for name, value, *_ in table("data-flow.md", heading)}
    assert shown == {
        name: {False: "no", True: "yes"}.get(value, str(value)) if isinstance(value, bool) else f"{value:,}"
        for name, value in defaults.items()
    }


@pytest.mark.parametrize(
    ("heading", "batch", "apart"),
    [
        ("Reads", ReadBatch, {"left_out", "tags", "source", "origins", "against"}),
        ("Sites", CandidateBatch, {"contig"}),
        ("Images", ImageBatch, set()),
    ],
)
def test_arrays_are_listed_in_order_with_their_types(heading: str, batch: type, apart: set[str]) -> None:
    listed = {}
    for names, kind, _ in table("data-flow.md", heading):
        listed |= dict.fromkeys(re.findall(r"`(\w+)`", names), kind)
    of_code = {field.name: str(field.type) for field in fields(batch) if field.name not in apart}
    assert list(listed) == list(of_code)
    for name, kind in of_code.items():
        dtype = re.search(r"np\.(\w+)", kind)
        assert listed[name].startswith(f"{dtype[1]}[" if dtype else "lists")


def test_stages_are_listed_in_order() -> None:
    assert [row[0].strip("`") for row in table("data-flow.md", "What is counted and timed")] == list(STAGES)


def test_fields_and_filters_of_a_record_are_explained() -> None:
    rows = {row[0]: row[1] for row in table("data-flow.md", "Records")}
    text = header({}, "s", reference="r", command="c", model="m", model_sha256="0", plugins={}) + PHASE_LINE
    assert list(rows) == ["QUAL", "FILTER", *re.findall(r"##FORMAT=<ID=(\w+)", text)]
    assert set(re.findall(r"`(\w+)`(?::|$)", rows["FILTER"])) == set(re.findall(r"##FILTER=<ID=(\w+)", text))
    for name in re.findall(r"##INFO=<ID=(\w+)", text):
        assert f"`{name}`" in (ROOT / "docs" / "data-flow.md").read_text()


def test_features_are_listed_in_order() -> None:
    assert [row[0].strip("`") for row in table("data-flow.md", "The features")] == list(FEATURES)
    assert [row[0].strip("`") for row in table("data-flow.md", "The features of lengths")] == list(
        LENGTH_FEATURES
    )
    shares = [row[0].strip("`") for row in table("data-flow.md", "The features of length shares")]
    assert [name for cell in shares for name in spelt_out(cell)] == list(SHARE_FEATURES)
    likelihoods = table("data-flow.md", "The features of length likelihoods")
    assert [row[0].strip("`") for row in likelihoods] == list(LIKELIHOOD_FEATURES)


def spelt_out(cell: str) -> list[str]:
    """`name_-1..1` stands for name_-1, name_0 and name_1."""
    name, _, reach = cell.partition("..")
    if not reach:
        return [name]
    return [f"{name.removesuffix(f'-{reach}')}{change}" for change in range(-int(reach), int(reach) + 1)]


def one_read() -> Pileup:
    """A reference row of C, a row with the first base of a reverse read, a deletion and nothing, an empty row."""
    reads = ReadBatch(
        start=np.array([10], np.int32),
        end=np.array([12], np.int32),
        flag=np.array([16], np.uint16),
        mapping_quality=np.array([30], np.uint8),
        fragment_length=np.array([-400], np.int32),
        haplotype=np.array([1], np.uint8),
        name_hash=np.array([1], np.uint32),
        seq=np.array([0], np.uint8),
        qual=np.array([20], np.uint8),
        base_offset=np.array([0, 1]),
        cigar=np.array([1 << 4, 1 << 4 | 2], np.uint32),
        cigar_offset=np.array([0, 2]),
    )
    return Pileup(
        reads,
        cell=np.array([[[REFERENCE] * 3, [0, DELETED, EMPTY], [EMPTY] * 3]], np.int32),
        insertion=np.zeros((1, 3, 3), np.bool_),
        row_read=np.array([[REFERENCE, 0, EMPTY]], np.int32),
        support=np.array([[SUPPORTS_REF, SUPPORTS_ALT, 0]], np.uint8),
        side=np.array([[NO_SIDE, NEAR, NO_SIDE]], np.uint8),
        reference=np.array([[1, 1, 1]], np.uint8),
    )


def test_channels_are_listed_in_order() -> None:
    assert [row[0].strip("`") for row in table("data-flow.md", "The channels")] == list(CHANNELS)


@pytest.mark.parametrize("row", table("data-flow.md", "The channels"), ids=lambda row: row[0].strip("`"))
def test_pixels_are_as_listed(row: list[str]) -> None:
    name, of_read, of_deletion, of_reference = row
    out = np.zeros((1, 3, 3), np.uint8)
    getattr(channels, name.strip("`"))(one_read(), out)
    base, deleted, empty = out[0, 1].tolist()
    scaled = re.fullmatch(r".*up to ([\d,]+).*, times 254/\1", of_read)
    if scaled:
        value = {"base_quality": 20, "mapping_quality": 30, "insert_size": 400, "homopolymer_length": 1}[
            name.strip("`")
        ]
        assert base == 254 * value // int(scaled[1].replace(",", ""))
    else:
        assert re.search(rf"\b{base}\b", of_read)
    assert deleted == (base if of_deletion == "as the read" else int(of_deletion))
    assert (
        out[0, 0].tolist()
        == [{"as the base": 30, "as the run": 254 * 3 // 20}.get(of_reference) or int(of_reference)] * 3
    )
    assert not empty
    assert not out[0, 2].any()


def test_the_image_shape_of_illumina_is_as_shown() -> None:
    from dvplug_illumina.profile import ILLUMINA_WGS

    layout: ImageLayout = ILLUMINA_WGS.image
    assert (
        f"`illumina-wgs` {' x '.join(map(str, layout.shape))}" in (ROOT / "docs" / "data-flow.md").read_text()
    )
