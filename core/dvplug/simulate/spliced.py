"""How reads of transcripts are stated: genes, and how unevenly they are expressed, spliced and edited."""

from __future__ import annotations

from pydantic import Field

from dvplug.technology import Frozen


class SplicedLibrary(Frozen):
    """How genes lie, and how unevenly they are expressed, spliced and edited."""

    gene_spacing: float = Field(default=15_000, ge=2_000, description="mean bp from one gene to the next")
    exons: float = Field(default=8.0, ge=1, description="mean number, geometrically distributed")
    exon_median: float = Field(default=150, ge=50, description="bp; the last exon is five times as long")
    intron_median: float = Field(default=900, ge=100, description="bp")
    expression_sd: float = Field(default=1.3, ge=0, le=3, description="of ln(depth), from gene to gene")
    exon_skipped: float = Field(
        default=0.3, ge=0, le=1, description="share of genes with a transcript that lacks one"
    )
    unspliced: float = Field(
        default=0.03, ge=0, lt=0.5, description="share of molecules that are not spliced"
    )
    edited: float = Field(default=0.15, ge=0, le=1, description="share of genes in which A is read as G")
    edited_sites: float = Field(default=5.0, ge=1, description="mean number in such a gene")
    allele_sd: float = Field(
        default=0.08, ge=0, lt=0.5, description="of the share of one copy, from gene to gene"
    )
    one_sided: float = Field(
        default=0.05, ge=0, le=1, description="share of genes of which one copy has 2 to 20 %"
    )
