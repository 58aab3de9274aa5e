"""An index of another version of a FASTA is refused, its own never."""

import random
import shutil
from pathlib import Path

import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvplug.errors import InputError
from dvplug.genome.fasta_index import require_own_index
from dvplug.genome.reference import Reference
from helpers.shared_data import SHARED, needs_shared

NAMES = ("chr1", "chr2", "chr3")


def fasta(path: Path, lengths: tuple[int, ...], width: int, newline: str = "\n", blank: int = 0) -> Path:
    rng = random.Random(4)
    text = ""
    for name, length in zip(NAMES, lengths, strict=True):
        bases = "".join(rng.choices("ACGTN", k=length))
        lines = [bases[i : i + width] for i in range(0, length, width)]
        text += newline.join([f">{name} of a genome", *lines]) + newline * (1 + blank)
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize("packed", [False, True])
@given(
    st.tuples(*[st.integers(1, 700)] * 3),
    st.integers(1, 90),
    st.sampled_from(["\n", "\r\n"]),
    st.integers(0, 2),
)
@settings(max_examples=60)
def test_an_index_of_its_own_fits(
    tmp_path_factory: pytest.TempPathFactory,
    packed: bool,
    lengths: tuple[int, ...],
    width: int,
    newline: str,
    blank: int,
) -> None:
    path = fasta(tmp_path_factory.mktemp("f") / "r.fa", lengths, width, newline, blank)
    if packed:
        pysam.tabix_compress(str(path), f"{path}.gz")
        path = Path(f"{path}.gz")
    pysam.faidx(str(path))
    require_own_index(path, NAMES)


def insert(text: str) -> str:
    return text[:400] + "A" + text[400:]


def drop_line(text: str) -> str:
    lines = text.split("\n")
    return "\n".join(lines[:5] + lines[6:])


def longer_lines(text: str) -> str:
    head, *parts = text.split(">")
    joined = [part.split("\n", 1) for part in parts]
    return head + "".join(f">{name}\n" + "".join(rest.split()) + "\n" for name, rest in joined)


CHANGES = {
    "a base more": insert,
    "a line less": drop_line,
    "other lines": longer_lines,
    "another name": lambda text: text.replace(">chr2", ">chrX"),
    "a longer header": lambda text: text.replace(">chr1 of", ">chr1 out of"),
    "cut off": lambda text: text[:-100],
    "more bases at the end": lambda text: text + "ACGT\n",
    "Windows line ends": lambda text: text.replace("\n", "\r\n"),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("change", CHANGES)
def test_a_stale_index_is_refused(tmp_path: Path, change: str, packed: bool) -> None:
    old = fasta(tmp_path / "old.fa", (600, 500, 433), 60)
    new = tmp_path / "new.fa"
    new.write_bytes(CHANGES[change](old.read_text()).encode())
    if packed:
        for path in (old, new):
            pysam.tabix_compress(str(path), f"{path}.gz")
        old, new = Path(f"{old}.gz"), Path(f"{new}.gz")
        Path(f"{new}.gzi").write_bytes(bytes(8))  # one block, which is not listed
    pysam.faidx(str(old))
    shutil.copy(f"{old}.fai", f"{new}.fai")
    with pytest.raises(InputError, match=r"The index .*new\.fa.*\.fai is not of .*contig 'chr[123]'"):
        require_own_index(new, NAMES)


@pytest.mark.parametrize("value", [-1, -(1 << 70), 1 << 40, 1 << 63, 1 << 70])
@pytest.mark.parametrize("column", [1, 2, 3, 4])
@pytest.mark.parametrize("packed", [False, True])
def test_numbers_that_no_file_has_are_refused(tmp_path: Path, packed: bool, column: int, value: int) -> None:
    path = fasta(tmp_path / "r.fa", (600, 500, 433), 60)
    if packed:
        pysam.tabix_compress(str(path), f"{path}.gz")
        path = Path(f"{path}.gz")
    pysam.faidx(str(path))
    index = Path(f"{path}.fai")
    lines = [line.split("\t") for line in index.read_text().splitlines()]
    lines[1][column] = str(value)
    index.write_text("".join("\t".join(line) + "\n" for line in lines))
    with pytest.raises(InputError, match=r"The index .*\.fai is not of .*contig 'chr2'"):
        require_own_index(path, NAMES)


@pytest.mark.parametrize(("name", "packed"), [("r.fa.gz", False), ("r.fa", True)])
def test_whether_it_is_packed_is_seen_by_its_content(tmp_path: Path, name: str, packed: bool) -> None:
    plain = fasta(tmp_path / "plain", (600, 500, 433), 60)
    path = tmp_path / name
    if packed:
        pysam.tabix_compress(str(plain), str(path))
    else:
        shutil.copy(plain, path)
    pysam.faidx(str(path))
    with Reference.open(path) as reference, Reference.open(_indexed(plain)) as other:
        assert reference.sequence("chr2", 0, 500) == other.sequence("chr2", 0, 500)
    require_own_index(path, NAMES)
    if packed:
        Path(f"{path}.gzi").unlink()
        with pytest.raises(InputError, match=r"has no index r\.fa\.gzi"):
            Reference.open(path)


def _indexed(path: Path) -> Path:
    pysam.faidx(str(path))
    return path


@needs_shared
def test_real_references_have_their_own_index() -> None:
    for path in sorted((SHARED / "reference").glob("*.fa*")):
        if path.suffix in (".fa", ".gz"):
            with Reference.open(path) as reference:
                require_own_index(path, reference.lengths)
