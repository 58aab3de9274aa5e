"""Region parsing, and set algebra against plain sets of positions."""

import gzip
import itertools
import random

import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvplug.errors import InputError
from dvplug.genome.reference import Reference
from dvplug.genome.regions import (
    CLOSE,
    grouped,
    merge,
    parse_region,
    partitions,
    resolve_regions,
    runs,
    skip_n_runs,
    subtract,
)
from dvplug.line.region import Partition, Region

LENGTHS = {"chr20": 64_444_167, "chr2": 300, "HLA-A*01:01:01": 100, "HLA-A*01:01": 90, "chrM": 50, "a-1:5": 7}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("chr20", ("chr20", 0, 64_444_167)),
        ("chr20:1000", ("chr20", 999, 1000)),
        ("chr20:1,000-2,000", ("chr20", 999, 2000)),
        ("chr20:64444167-", ("chr20", 64_444_166, 64_444_167)),
        ("chr2:1-300", ("chr2", 0, 300)),
        ("HLA-A*01:01:01", ("HLA-A*01:01:01", 0, 100)),
        ("HLA-A*01:01", ("HLA-A*01:01", 0, 90)),
        ("HLA-A*01:01:01:5-6", ("HLA-A*01:01:01", 4, 6)),
        ("HLA-A*01:01:7", ("HLA-A*01:01", 6, 7)),
        ("a-1:5", ("a-1:5", 0, 7)),
        ("a-1:5:5", ("a-1:5", 4, 5)),
    ],
)
def test_literals(text, expected):
    assert parse_region(text, LENGTHS) == expected


@given(st.sampled_from(sorted(LENGTHS)), st.data())
def test_a_literal_survives_a_round_trip(contig, data):
    start = data.draw(st.integers(0, LENGTHS[contig] - 1))
    region = Region(contig, start, data.draw(st.integers(start + 1, LENGTHS[contig])))
    assert parse_region(str(region), LENGTHS) == region


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("20", r"Unknown contig '20': .*Did you mean 'chr20'\?"),
        ("20:5-6", r"Unknown contig '20' in 20:5-6: .*Did you mean 'chr20'\?"),
        ("MT", r"Unknown contig 'MT': .*Did you mean 'chrM'\?"),
        ("chr200", r"Unknown contig 'chr200': .*Did you mean 'chr20' or 'chr2'"),
        ("chr20:1_0-20", r"Region 'chr20:1_0-20' cannot be read: '1_0-20' is not an interval"),
        ("chr20:x-y", r"Region 'chr20:x-y' cannot be read: 'x-y' is not an interval"),
        ("chr20:5-6,chr2:7-9", r"'chr20:5-6,chr2:7-9' cannot be read: it seems to be several"),
        ("chr20 chr2:7-9", r"it seems to be several"),
        ("chr20:5-6-7", r"cannot be read: '5-6-7'"),
        ("chr20:-6", r"cannot be read: '-6'"),
        ("chr20:0-5", r"'chr20:0-5' is outside 'chr20'"),
        ("chr2:1-301", r"is outside 'chr2': the contig has 300 bp"),
        ("chr2:9-8", r"'chr2:9-8' is empty"),
        ("chr2:301-", r"'chr2:301-' is empty"),
        ("chr2:400", r"outside 'chr2'"),
        ("nowhere.bed", r"BED file nowhere.bed does not exist"),
    ],
)
def test_what_cannot_be_used_is_said(text, message):
    with pytest.raises(InputError, match=message):
        resolve_regions([text], [], LENGTHS)


def test_the_other_naming_style_is_found_without_the_prefix():
    with pytest.raises(InputError, match=r"Unknown contig 'chr20': .*Did you mean '20'\?"):
        parse_region("chr20", {"20": 5, "2": 5})


def test_bed_with_comments_tabs_and_spaces(tmp_path):
    comments = "track name=x\nbrowser position\n# c\n\n"
    text = f"{comments}chr2\t10\t20\tname with spaces\t0\t+\nchr20 5 9\r\nchr2\t20\t25\n"
    plain, packed = tmp_path / "a.bed", tmp_path / "a.bed.gz"
    plain.write_text(text)
    packed.write_bytes(gzip.compress(text.encode()))
    expected = [("chr20", 4, 9), ("chr2", 10, 25)]
    assert resolve_regions([str(plain), "chr20:5"], [], LENGTHS) == expected
    assert resolve_regions([str(packed), "chr20:5"], [], LENGTHS) == expected
    assert resolve_regions(["chr2"], [packed], LENGTHS) == [("chr2", 0, 10), ("chr2", 25, 300)]


def test_excluding_everything_is_refused(tmp_path):
    (tmp_path / "all.bed").write_text("chr2\t0\t300\n")
    with pytest.raises(InputError, match="No bases are left to call"):
        resolve_regions(["chr2:5-100"], [tmp_path / "all.bed"], LENGTHS)


def test_no_regions_means_every_contig_in_the_order_of_the_reference():
    assert resolve_regions([], [], LENGTHS) == [(name, 0, length) for name, length in LENGTHS.items()]
    assert [r.contig for r in resolve_regions(["chrM", "chr2", "chr20:7"], [], LENGTHS)] == [
        "chr20",
        "chr2",
        "chrM",
    ]


SMALL = {"b": 40, "a": 25}


@st.composite
def small_regions(draw):
    contig = draw(st.sampled_from(sorted(SMALL)))
    start = draw(st.integers(0, SMALL[contig] - 1))
    return Region(contig, start, draw(st.integers(start + 1, SMALL[contig])))


def positions(regions):
    return {(contig, position) for contig, start, end in regions for position in range(start, end)}


@given(st.lists(small_regions(), max_size=12), st.lists(small_regions(), max_size=12))
def test_merge_and_subtract_equal_sets_of_positions(regions, unwanted):
    left = subtract(merge(regions, SMALL), merge(unwanted, SMALL))
    assert positions(left) == positions(regions) - positions(unwanted)
    assert left == merge(left, SMALL)  # disjoint, not touching, in order


@given(st.lists(small_regions(), max_size=8), st.integers(1, 50))
def test_partitions_tile_the_regions_on_the_grid_of_the_contig(regions, size):
    regions = merge(regions, SMALL)
    cut = partitions(regions, size)
    assert sum(r.end - r.start for r in cut) == len(positions(cut))
    assert positions(cut) == positions(regions)
    assert all(r.start // size == (r.end - 1) // size for r in cut)
    assert cut == sorted(cut, key=lambda r: (list(SMALL).index(r.contig), r.start))


@given(st.text("NACn", min_size=1, max_size=60), st.integers(1, 20))
def test_n_runs_at_the_ends_are_skipped(tmp_path_factory, bases, size):
    path = tmp_path_factory.mktemp("n") / "a.fa"
    path.write_text(f">c\n{bases}\n")
    pysam.faidx(str(path))
    with Reference.open(path) as reference:
        whole = partitions([Region("c", 0, len(bases))], size)
        kept = skip_n_runs(whole, reference)
    assert {p for _, p in positions(kept)} >= {i for i, base in enumerate(bases) if base not in "Nn"}
    assert all(bases[r.start] not in "Nn" and bases[r.end - 1] not in "Nn" for r in kept)
    assert positions(kept) <= positions(whole)


def test_targets_are_grouped_within_cells_and_where_little_lies_between() -> None:
    rng = random.Random(4)
    lengths = {"a": 400_000, "b": 30_000}
    targets = merge(
        [
            Region(contig, start, start + rng.randrange(1, 300))
            for contig, length in lengths.items()
            for start in rng.sample(range(length - 300), 150)
        ],
        lengths,
    )
    cut = partitions(targets, 50_000)
    groups = list(grouped(cut, 50_000))
    assert [target for group in groups for target in group.targets] == cut
    assert 4 < len(groups) < len(cut)
    for group in groups:
        first, last = group.targets[0], group.targets[-1]
        assert group.region == Region(first.contig, first.start, last.end)
        assert first.start // 50_000 == (last.end - 1) // 50_000
        gaps = [other.start - one.end for one, other in itertools.pairwise(group.targets)]
        assert max(gaps, default=0) <= CLOSE
    for group, other in itertools.pairwise(groups):
        apart = other.region.start - group.region.end
        same_cell = group.region.start // 50_000 == other.region.start // 50_000
        assert group.region.contig != other.region.contig or not same_cell or apart > CLOSE


@given(st.lists(st.integers(1, 120), max_size=40), st.integers(1, 12))
def test_small_partitions_are_handed_out_together_in_order(lengths: list[int], most: int) -> None:
    parts = [
        Partition(Region(f"c{i}", 5, 5 + n), (Region(f"c{i}", 5, 5 + n),)) for i, n in enumerate(lengths)
    ]
    handed_out = [run.partitions for run in runs(parts, 100, most)]
    assert [part for run in handed_out for part in run] == parts
    size = [sum(part.region.end - 5 for part in run) for run in handed_out]
    assert all(bp <= 100 or len(run) == 1 for bp, run in zip(size, handed_out, strict=True))
    assert all(len(run) <= most for run in handed_out)
    for one, other in itertools.pairwise(handed_out):  # none is shorter than it need be
        together = sum(part.region.end - 5 for part in (*one, other[0]))
        assert together > 100 or len(one) == most


def test_a_run_says_from_where_to_where() -> None:
    a, b = (Partition(Region(c, 0, 9), (Region(c, 0, 9),)) for c in "ab")
    assert [str(run) for run in runs([a, b], 18, 2)] == ["a:1-9 to b:1-9"]
    assert [str(run) for run in runs([a, b], 18, 1)] == ["a:1-9", "b:1-9"]
