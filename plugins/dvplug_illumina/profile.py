"""How Illumina reads are called, of whole genomes and of exomes."""

from __future__ import annotations

from dvplug.hookspecs import ImageLayout, Recognition, Signs, TechnologyProfile, UsualErrors

_SHOWN_BY = Signs(
    header=(r"^@RG PM:.*(HiSeq|NovaSeq|NextSeq|MiSeq|MiniSeq|iSeq|Genome ?Analyzer)",),
    # instrument:run:flowcell:lane:tile:x:y, and what it was before
    read_names=(r"^[A-Z0-9_-]+:\d+:[A-Z0-9-]+:\d:\d{4,5}:\d+:\d+", r"^[A-Z0-9_-]+:\d:\d+:\d+:\d+(#|/|$)"),
)
_WGS = Recognition(
    platforms=("ILLUMINA", "SOLEXA"),
    shown_by=_SHOWN_BY,
    denied_by=Signs(
        # Flow orders and other platforms that read short: their errors are not those that the models know.
        header=(
            r"^@RG (FO|KS):",
            r"^@RG PL:(ION|ULTIMA|LS454|SOLID|HELICOS|CAPILLARY)",
            r"^@PG (ID|PN):tmap",
        ),
        tags=("ZM", "FZ", "t0", "CS"),
    ),
    read_length=(30, 400),
    max_difference=0.1,
    spliced=False,
    captured=False,
)
_CAPTURE = r"exome|(exon|hybrid).?capture|sureselect|seqcap|(?<![a-z])(wes|wxs|xgen)(?![a-z])"


ILLUMINA_WGS = TechnologyProfile(
    name="illumina-wgs",
    aliases=("illumina", "wgs", "novaseq", "hiseq"),
    description="Illumina short reads, whole genome, paired or single, 75 to 250 bp",
    model="illumina-wgs@1",
    recognition=_WGS,
    depth=(8, 100),
    realign_reads=True,
    features=("relative-site", "length-summary", "length-shares", "length-likelihoods", "read-odds"),
    # As `dvplug profile` measures HiSeq reads.
    usual_errors=UsualErrors(length_error=1e-5, length_growth=1.9, insertion=2e-6, deletion=2e-6),
    image=ImageLayout(
        height=64,
        width=55,
        reference_rows=2,
        channels=(
            "read_base",
            "base_error",
            "relative_mapping_quality",
            "strand",
            "read_supports_variant",
            "base_differs_from_ref",
            "relative_insert_size",
        ),
    ),
)

ILLUMINA_WES = ILLUMINA_WGS.model_copy(
    update={
        "name": "illumina-wes",
        "aliases": ("wes", "exome"),
        "description": "Illumina short reads, exome or other capture, paired or single, 75 to 250 bp",
        "model": "illumina-wes@1",
        "recognition": _WGS.model_copy(
            update={
                "shown_by": _SHOWN_BY.model_copy(update={"header": (*_SHOWN_BY.header, _CAPTURE)}),
                "captured": True,
            }
        ),
        "depth": (3, 300),
    }
)
