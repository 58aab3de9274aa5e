"""Training examples on disk: HDF5 shards that are written whole and read in shuffled batches."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from dvplug.errors import InputError
from dvplug.inputs.run_sample import RunSample
from dvplug.system.explain import explain
from dvplug.system.locations import StrPath
from dvplug.system.outputs import told
from dvplug.technology import Assembly, CandidateThresholds, Frozen, ImageLayout, ReadFilter
from dvplug_registry.files import UnfinishedFile
from dvplug_registry.manifest import CallingStep

VARIANT_TYPES = ("snp", "insertion", "deletion", "complex")
SHARD_SUFFIX = ".h5"
_FORMAT = "dvplug-examples-2"
_CHUNK = 64  # examples; 1.6 MB of 64x55x7 images, which gzip packs into a fifth of that
_CACHE_BYTES = 64 << 20  # holds a chunk of the largest layout, so that appending never packs one twice
_BUFFER_BYTES = 96 << 20  # raw images that are shuffled at a time
_COLUMNS = ("label", "contig", "position", "variant_type")
_KIND = (
    "layout",
    "features",
    "feature_sets",
    "encoder",
    "encoder_version",
)  # what a network's inputs depend on
_ALIKE = (*_KIND, "read_filter", "realign_reads", "assembly", "phase_reads", "steps", "candidate_thresholds")
_MOST_PACKED = 1100  # bytes of which gzip makes one, at most (RFC 1951: 258 of two bits)
_REPAIR = "Make the examples again with `dvplug train examples`."


class ExampleHeader(Frozen):
    """What a shard's examples have in common, and what a model made of them must say of itself."""

    technology: str
    layout: ImageLayout
    features: tuple[str, ...]
    feature_sets: tuple[tuple[str, int], ...] = Field(
        default=(), description="name and version of those whose columns the features are"
    )
    encoder: str
    encoder_version: int = Field(ge=1)
    read_filter: ReadFilter
    realign_reads: bool = False
    assembly: Assembly = Assembly()
    phase_reads: bool = False
    steps: tuple[CallingStep, ...] = ()
    candidate_thresholds: CandidateThresholds
    contigs: tuple[str, ...] = Field(description="names that the column `contig` points at")
    contig_digests: tuple[str, ...] = Field(
        default=(), description="of each of them `Reference.fingerprint`, or none where that is not known"
    )
    source: str = Field(description="reads, truth and regions, for people")
    run: RunSample = Field(RunSample(), description="what the reads are like")


@dataclass(frozen=True)
class Examples:
    """Labelled images: uint8[n,h,w,c], float32[n,f], int8[n] (0 hom_ref, 1 het, 2 hom_alt)."""

    images: NDArray[np.uint8]
    features: NDArray[np.float32]
    labels: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: NDArray[np.integer] | slice) -> Examples:
        """Return the examples of these rows."""
        return Examples(self.images[rows], self.features[rows], self.labels[rows])


def concatenate(parts: Sequence[Examples]) -> Examples:
    """Join examples, in order."""
    return Examples(
        np.concatenate([part.images for part in parts]),
        np.concatenate([part.features for part in parts]),
        np.concatenate([part.labels for part in parts]),
    )


ShardSites = dict[str, tuple[str, NDArray[np.int32]]]
"""Places of a shard's examples: per contig its fingerprint, and 0-based positions, ascending, each once."""


class ExampleWriter:
    """Writes one shard; it appears under its name only when the ``with`` block ends without an error.

    Parameters
    ----------
    path
        The shard, ending in ``.h5``.
    header
        What its examples have in common.
    """

    def __init__(self, path: StrPath, header: ExampleHeader) -> None:
        self.path = Path(path)
        self.header = header
        self.count = 0

    def __enter__(self) -> ExampleWriter:
        with told(f"Output {self.path}"):
            self._unfinished = UnfinishedFile(self.path)
            try:
                self._begin()
            except BaseException:
                self._discard()
                raise
        return self

    def _begin(self) -> None:
        self._disk = _Disk(self._unfinished.path)
        self._file = h5py.File(self._disk, "w", rdcc_nbytes=_CACHE_BYTES)
        self._file.attrs["format"] = _FORMAT
        self._file.attrs["header"] = self.header.model_dump_json()
        self._create("image", np.uint8, self.header.layout.shape)
        self._create("features", np.float32, (len(self.header.features),))
        for name, dtype in zip(_COLUMNS, (np.int8, np.int16, np.int32, np.int8), strict=True):
            self._create(name, dtype, ())
        self._disk.require_written()

    def append(
        self,
        examples: Examples,
        contig: NDArray[np.integer],
        position: NDArray[np.integer],
        variant_type: NDArray[np.integer],
    ) -> None:
        """Add examples.

        Parameters
        ----------
        examples
            Of the header's layout and features.
        contig, position, variant_type
            Per example: index into the header's contigs, 0-based position, index into `VARIANT_TYPES`.

        Raises
        ------
        InputError
            The shard cannot be written, as on a full disk.
        ValueError
            An array has another shape than the header says, a label is not 0, 1 or 2, or a feature is not
            finite.
        """
        n = len(examples)
        columns: dict[str, NDArray] = {
            "image": examples.images,
            "features": examples.features,
            "label": examples.labels,
            "contig": contig,
            "position": position,
            "variant_type": variant_type,
        }
        for name, values in columns.items():
            expected = (n, *self._file[name].shape[1:])
            if values.shape != expected:
                raise ValueError(f"{name} has shape {values.shape}, not {expected}")
        if n and not np.isin(examples.labels, (0, 1, 2)).all():
            raise ValueError("labels are 0, 1 or 2")
        if not np.isfinite(examples.features).all():  # ReLU would turn NaN into 0 and train on it unnoticed
            raise ValueError("features are not all finite")
        with told(f"Output {self.path}"):
            for name, values in columns.items():
                self._file[name].resize(self.count + n, axis=0)
                self._file[name][self.count :] = values
            self._disk.require_written()
        self.count += n

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                with told(f"Output {self.path}"):
                    self._file.close()
                    self._disk.require_written()
                    self._disk.close()
                    self._unfinished.keep()
        finally:
            self._discard()  # where it was kept, nothing is there any more

    def _discard(self) -> None:
        """Close and remove the file."""
        with suppress(AttributeError, OSError, RuntimeError):  # as where it was not opened
            self._file.close()
        with suppress(AttributeError, OSError):
            self._disk.close()
        with suppress(OSError):
            self._unfinished.discard()

    def _create(self, name: str, dtype: type[np.generic], shape: tuple[int, ...]) -> None:
        chunk = _CHUNK if name == "image" else 4096
        self._file.create_dataset(
            name,
            (0, *shape),
            dtype,
            maxshape=(None, *shape),
            chunks=(chunk, *shape),
            compression="gzip",
            compression_opts=1,  # on pileups it unpacks faster than lzf, and is smaller
        )


class _Disk(io.FileIO):
    """A file that HDF5 writes, which takes everything once its disk has not.

    What HDF5 cannot write it tries again and again, and it crashes the process at its end.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "w+")
        self._failed: OSError | None = None

    def write(self, content: Any) -> int:
        """Write all of it, or remember why not."""
        left = memoryview(content).cast("B")
        try:
            while left and self._failed is None:
                left = left[super().write(left) :]
        except OSError as error:
            self._failed = error
        return len(memoryview(content).cast("B"))

    def truncate(self, size: int | None = None) -> int:
        """Cut or lengthen the file, or remember why not."""
        try:
            return super().truncate(size)
        except OSError as error:
            self._failed = self._failed or error
            return size or 0

    def require_written(self) -> None:
        """Raise the OSError that was met first."""
        if self._failed is not None:
            raise self._failed


class ExampleReader:
    """Reads shards that were made alike, a bounded number of images at a time.

    Parameters
    ----------
    paths
        Shards of one layout, feature list, encoder and technology-independent settings.
    sequencing_types
        Technologies of the shards. Where there are any, so many features follow those of the header: 1 for the
        shard's own technology, 0 for the others.

    Attributes
    ----------
    sites
        Of each shard, where its examples lie.

    Raises
    ------
    InputError
        No shard, one that cannot be read, two that were made differently, or no example in any of them; a shard of
        another technology than the sequencing types.
    """

    def __init__(self, paths: Sequence[StrPath], sequencing_types: Sequence[str] = ()) -> None:
        if not paths:
            raise InputError("no examples were given", repair="Name one or more .h5 files.")
        self.paths = tuple(map(Path, paths))
        shards = [_read_columns(path) for path in self.paths]
        self.headers = tuple(header for header, _ in shards)
        for path, header in zip(self.paths, self.headers, strict=True):
            _check_alike(self.paths[0], self.headers[0], path, header)
            if sequencing_types and header.technology not in sequencing_types:
                raise InputError(
                    f"'{path}' has examples of {header.technology}",
                    cause=f"the sequencing types are {', '.join(sequencing_types)}",
                    repair="Name its technology too, or leave it out.",
                )
        kinds = [[header.technology == name for name in sequencing_types] for header in self.headers]
        self._kinds: NDArray[np.float32] = np.array(kinds, np.float32)  # [shards, types]
        self.sites = tuple(_sites(header, columns) for header, columns in shards)
        self._lengths = [len(columns["label"]) for _, columns in shards]
        self.labels: NDArray[np.int8] = np.concatenate([columns["label"] for _, columns in shards])
        self.variant_types: NDArray[np.int8] = np.concatenate([c["variant_type"] for _, c in shards])
        if not len(self.labels):
            raise InputError(f"no examples in {', '.join(map(str, self.paths))}", repair=_REPAIR)

    @property
    def header(self) -> ExampleHeader:
        """Header of the first shard; layout, features, encoder and settings are those of all."""
        return self.headers[0]

    def __len__(self) -> int:
        return len(self.labels)

    def class_counts(self) -> NDArray[np.int64]:
        """Examples per label, int64[3]."""
        return np.bincount(self.labels, minlength=3)

    def in_order(self) -> Iterator[Examples]:
        """Yield all examples once, as stored, in chunks of at most 64."""
        with self._opened() as files:
            for shard, start in self._chunks():
                yield _read(files[shard], start, self._kinds[shard])

    def some_features(self, n: int, seed: int) -> NDArray[np.float32]:
        """Return the features float32[m,f] of the header, without sequencing types, of about n random examples."""
        chunks = self._chunks()
        drawn = np.random.default_rng(seed).permutation(len(chunks))[: -(-n // _CHUNK)]
        with self._opened() as files:
            parts = [
                files[shard]["features"][start : start + _CHUNK]
                for shard, start in map(chunks.__getitem__, drawn)
            ]
        return np.concatenate(parts)

    def shuffled(
        self, batch_size: int, seed: int | Sequence[int], keep: Sequence[float] = (1.0, 1.0, 1.0)
    ) -> Iterator[Examples]:
        """Yield one epoch in random order, in full batches.

        Chunks of all shards are drawn in random order into a buffer of about 96 MB, whose examples are
        shuffled: neighbours on the genome are spread over the epoch, and memory stays bounded.

        Parameters
        ----------
        batch_size
            Examples per batch; fewer than that at the end of the epoch are left out.
        seed
            Same seed, same shards, same batches.
        keep
            Fraction of each class that is kept, drawn anew for every seed.
        """
        random = np.random.default_rng(seed)
        chunks = self._chunks()
        order = random.permutation(len(chunks))
        per_buffer = max(1, _BUFFER_BYTES // (_CHUNK * int(np.prod(self.header.layout.shape))))
        fractions = np.asarray(keep)
        rest: list[Examples] = []
        with self._opened() as files:
            for first in range(0, len(order), per_buffer):
                drawn = [chunks[i] for i in order[first : first + per_buffer]]
                parts = (_read(files[shard], start, self._kinds[shard]) for shard, start in drawn)
                buffer = concatenate([*rest, *(_thin(part, fractions, random) for part in parts)])
                rows = random.permutation(len(buffer))
                whole = len(rows) - len(rows) % batch_size
                for start in range(0, whole, batch_size):
                    yield buffer.take(rows[start : start + batch_size])
                rest = [buffer.take(rows[whole:])]

    def _chunks(self) -> list[tuple[int, int]]:
        return [
            (shard, start) for shard, length in enumerate(self._lengths) for start in range(0, length, _CHUNK)
        ]

    @contextmanager
    def _opened(self) -> Iterator[list[h5py.File]]:
        with ExitStack() as stack:
            yield [stack.enter_context(h5py.File(path, "r")) for path in self.paths]


def _read(file: h5py.File, start: int, kind: NDArray[np.float32]) -> Examples:
    """Read a chunk; ``kind`` float32[types] follows the features of each example."""
    rows = slice(start, start + _CHUNK)
    features = file["features"][rows]
    kinds = np.broadcast_to(kind, (len(features), len(kind)))
    return Examples(file["image"][rows], np.hstack([features, kinds]), file["label"][rows])


def _thin(examples: Examples, fractions: NDArray[np.float64], random: np.random.Generator) -> Examples:
    """Keep a random fraction of each class."""
    if (fractions >= 1).all():
        return examples
    return examples.take(np.flatnonzero(random.random(len(examples)) < fractions[examples.labels]))


def _read_columns(path: Path) -> tuple[ExampleHeader, dict[str, NDArray]]:
    if not path.exists():
        raise InputError(f"Examples '{path}' do not exist", repair="Make them: `dvplug train examples`.")
    try:
        if not h5py.is_hdf5(path):
            raise InputError(
                f"'{path}' cannot be read as examples", cause="it is no HDF5 file", repair=_REPAIR
            )
        with h5py.File(path, "r") as file:
            if file.attrs.get("format") != _FORMAT:
                raise InputError(f"'{path}' does not hold examples of this dvplug", repair=_REPAIR)
            header = ExampleHeader.model_validate_json(file.attrs["header"])
            _require_rows(file)
            return header, {name: file[name][:] for name in _COLUMNS}
    except (OSError, KeyError, ValidationError) as error:
        cause = explain(error) if isinstance(error, ValidationError) else str(error)
        raise InputError(f"'{path}' cannot be read as examples", cause=cause, repair=_REPAIR) from error


def _sites(header: ExampleHeader, columns: dict[str, NDArray]) -> ShardSites:
    digests = header.contig_digests or ("",) * len(header.contigs)
    return {
        contig: (digest, np.unique(columns["position"][columns["contig"] == i]))
        for i, (contig, digest) in enumerate(zip(header.contigs, digests, strict=True))
    }


def _require_rows(file: h5py.File) -> None:
    """Refuse columns that differ in length, or are longer than what is stored of them can be; raises OSError.

    HDF5 gives as many values as the head of a column says, and takes memory for them, whether they are there or not.
    """
    rows = {name: file[name].shape[0] for name in (*_COLUMNS, "image", "features")}
    stored = file["label"].id.get_storage_size() * _MOST_PACKED
    if len(set(rows.values())) > 1 or rows["label"] > stored:
        raise OSError(f"it says that it has {max(rows.values())} examples, and has fewer")


def require_same_kind(one: ExampleHeader, other: ExampleHeader, both: str, repair: str) -> None:
    """Refuse examples that one network cannot take both of; raises InputError, which calls the two ``both``."""
    field = _difference(one, other, _KIND)
    if field:
        raise InputError(
            f"{both} differ in {field}",
            cause=f"{getattr(one, field)} against {getattr(other, field)}",
            repair=repair,
        )


def _check_alike(first: Path, one: ExampleHeader, path: Path, other: ExampleHeader) -> None:
    field = _difference(one, other, _ALIKE)
    if field:
        raise InputError(
            f"'{path}' and '{first}' were made with different {field.replace('_', ' ')}",
            cause=f"{getattr(other, field)} against {getattr(one, field)}",
            repair="Train on examples that were made alike.",
        )


def _difference(one: ExampleHeader, other: ExampleHeader, fields: Sequence[str]) -> str | None:
    """Return the first of the fields in which two headers differ."""
    return next((field for field in fields if getattr(one, field) != getattr(other, field)), None)
