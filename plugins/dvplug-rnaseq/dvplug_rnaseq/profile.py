"""How spliced reads of RNA are called: as pairs of Illumina, with what junctions say besides."""

from __future__ import annotations

from dvplug.hookspecs import Recognition
from dvplug_illumina.profile import ILLUMINA_WGS

_PAIRS = ILLUMINA_WGS.recognition or Recognition()
_SPLICERS = r"^@PG (ID|PN|CL):[^ ]*\b(STAR|hisat2?|tophat|gsnap|subjunc|olego|mapsplice)"
RNASEQ = ILLUMINA_WGS.model_copy(
    update={
        "name": "rnaseq",
        "aliases": ("rna-seq", "rna", "transcriptome"),
        "description": "Illumina short reads of RNA, spliced: N in the CIGAR",
        "model": "rnaseq@1",
        "recognition": _PAIRS.model_copy(
            update={
                "shown_by": _PAIRS.shown_by.model_copy(
                    update={
                        "header": (
                            *_PAIRS.shown_by.header,
                            _SPLICERS,
                            r"^@PG CL:.*minimap2 .*-\w*x ?splice",
                            r"^@RG (LB|DS):.*(RNA.?seq|mRNA|transcriptom)",
                        )
                    }
                ),
                "spliced": True,
                "captured": None,
            }
        ),
        "depth": (5, 300),
        # A read reaches over its introns; few are longer.
        "read_filter": ILLUMINA_WGS.read_filter.model_copy(update={"max_read_span": 60_000}),
        "partition_size": 50_000,
        "read_transforms": ("mask-overhangs",),
        "features": (*ILLUMINA_WGS.features, "transcripts"),
    }
)
