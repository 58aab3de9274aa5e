"""VCF Zarr of a cohort: made by bio2zarr of a VCF beside it, which goes again, so that both formats have one source.

The layout is that of https://github.com/sgkit-dev/vcf-zarr-spec, in Zarr format 2, which every reader of it knows.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType

from dvplug.errors import InputError
from dvplug.records.vcf import VcfWriter
from dvplug.system.htslib import isolated_htslib
from dvplug.system.outputs import reserved_folder, told
from dvplug_registry.files import remove_unfinished, resolved

SUFFIX = ".vcz"
_SIGNS = (".zgroup", "zarr.json")
"""A file of each store: of Zarr format 2, and of 3."""


def is_store(path: Path) -> bool:
    """Whether the name asks for VCF Zarr."""
    return path.name.lower().endswith(SUFFIX)


@contextmanager
def reserved_store(path: Path) -> Iterator[None]:
    """Keep the place of a store for this command while the block runs; one that is there may be replaced.

    Raises
    ------
    InputError
        bio2zarr is not installed; something else than a store is there; the place cannot be written, or another process
        is writing it.
    """
    if find_spec("bio2zarr") is None or find_spec("cyvcf2") is None:
        raise InputError(
            f"--out {path} needs bio2zarr, which is not installed",
            cause="VCF Zarr is an extra, for Python 3.11 or newer",
            repair="pip install 'dvplug[zarr]', or end --out in .vcf.gz or .bcf.",
        )
    place = resolved(path)
    if place.exists() and not any((place / sign).is_file() for sign in _SIGNS):
        raise InputError(
            f"--out {path} is there and is no Zarr store",
            cause="what is there would be replaced",
            repair="Name another folder.",
        )
    if not place.parent.is_dir():
        raise InputError(
            f"Folder {place.parent} of --out does not exist", repair="Make it, or correct the path."
        )
    with reserved_folder(path, "--out"):
        remove_unfinished(place)
        yield


class StoreOutput:
    """Takes lines of a VCF; when the block ends well, the store appears in its place, and otherwise nothing does."""

    def __init__(self, path: Path, header: str) -> None:
        self._path, self._place = path, resolved(path)
        self._folder = self._place.with_name(f".{self._place.name}.{secrets.token_hex(4)}.part")
        self._vcf = self._folder / "cohort.vcf.gz"
        with told(f"Output {path}"):
            self._folder.mkdir()
        self._writer = VcfWriter(self._vcf, header)

    def add(self, text: str) -> None:
        """Write whole lines; raises InputError where the disk is full."""
        self._writer.write_text(text)

    def __enter__(self) -> StoreOutput:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._writer.__exit__(kind, error, trace)
            if kind is None:
                with told(f"Output {self._path}"):
                    self._move_in(self._converted())
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    @isolated_htslib()
    def _converted(self) -> Path:
        """Make the store of the VCF, without local alleles: their likelihoods are wrong from the 11th alt on."""
        from bio2zarr import vcf

        store = self._folder / "store"
        columns = self._folder / "columns"
        vcf.convert([str(self._vcf)], str(store), icf_path=str(columns), local_alleles=False, zarr_format=2)
        return store

    def _move_in(self, store: Path) -> None:
        before = self._folder / "before"
        if self._place.exists():
            self._place.rename(before)
        try:
            store.rename(self._place)
        except OSError:
            if before.exists():
                before.rename(self._place)
            raise
