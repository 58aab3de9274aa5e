"""The cohort's file, written as regions come: VCF as any of dvplug's, BCF by way of a VCF beside it."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import pysam

from dvplug.records.vcf import VcfWriter
from dvplug.system.htslib import isolated_htslib
from dvplug.system.outputs import VCF_INDEXES, Together, index_places, told
from dvplug_registry.files import remove_unfinished

_BCF = ".bcf"


class CohortOutput:
    """Writes lines; when the block ends well, the file and its index appear, and otherwise nothing does."""

    def __init__(self, path: Path, header: str) -> None:
        self._path, self._group = path, Together()
        self._is_bcf = path.name.lower().endswith(_BCF)
        if self._is_bcf:
            with told(f"Output {path}"):
                self._bcf = self._group.begin(path, _BCF)
            # The VCF is a file of its own group, which is never moved in.
            self._draft = Together()
            draft = path.with_name(f".{path.name}.draft.vcf.gz")
            with told(f"Output {path}"):
                for place in (draft, *index_places(draft, VCF_INDEXES)):
                    remove_unfinished(place)  # of runs that were killed
            self._writer = VcfWriter(draft, header, self._draft)
        else:
            self._writer = VcfWriter(path, header, self._group)

    def add(self, text: str) -> None:
        """Write whole lines; raises InputError where the disk is full."""
        self._writer.write_text(text)

    def __enter__(self) -> CohortOutput:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._writer.__exit__(kind, error, trace)
            if kind is None:
                if self._is_bcf:
                    with told(f"Output {self._path}"):
                        self._converted()
                self._group.keep()
        finally:
            self._group.discard()
            if self._is_bcf:
                self._draft.discard()

    @isolated_htslib()
    def _converted(self) -> None:
        assert self._writer.unfinished is not None
        with (
            pysam.VariantFile(str(self._writer.unfinished)) as lines,
            pysam.VariantFile(str(self._bcf), "wb", header=lines.header) as out,
        ):
            for record in lines:
                out.write(record)
        pysam.tabix_index(str(self._bcf), preset="bcf", force=True, csi=True)
        self._group.take_index(Path(f"{self._bcf}.csi"), self._path, ".csi")
