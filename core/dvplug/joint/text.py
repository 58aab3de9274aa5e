"""The VCF of a cohort: its header, and the line of a site."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dvplug._version import __version__
from dvplug.joint.genotype import CANDIDATE_P, GenotypedSite
from dvplug.joint.gvcfs import MISSING
from dvplug.joint.likelihoods import SitePhase, genotype_index, genotype_pairs
from dvplug.joint.sites import SPANNING, UnitedAllele
from dvplug.records.vcf import LENGTH_LINES, with_lengths

MIN_QUAL = 10.0
"""phred: sites below it are LowQual."""
SURE_NEW = 0.5
"""Least probability of a new mutation for hiConfDeNovo; `CANDIDATE_P` is that for loConfDeNovo."""

_ENCODED = str.maketrans({each: f"%{ord(each):02X}" for each in "%;,= "})
"""What would end a name in INFO, as VCF 4.3 (section 1.2) writes it."""

_HEADER = f"""\
##fileformat=VCFv4.2
##FILTER=<ID=PASS,Description="All filters passed">
##FILTER=<ID=LowQual,Description="QUAL is below 10">
##ALT=<ID=*,Description="Missing because of a deletion that begins before">
##INFO=<ID=AC,Number=A,Type=Integer,Description="Copies of each alternate allele in the genotypes">
##INFO=<ID=AN,Number=1,Type=Integer,Description="Copies of all alleles in the genotypes">
##INFO=<ID=AF,Number=A,Type=Float,Description="Frequency of each alternate allele, estimated from likelihoods">
{LENGTH_LINES}##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype, revised by the cohort">
##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="Phred probability that the revised genotype is wrong">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Reads of the sample, in a reference block the least">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Reads that support each allele">
##FORMAT=<ID=PL,Number=G,Type=Integer,Description="Phred likelihood of each genotype by the sample alone">
##FORMAT=<ID=PS,Number=1,Type=Integer,Description="Phase set: the sample's own, as in its gVCF">
"""
_FAMILY_FIELDS = """\
##INFO=<ID=hiConfDeNovo,Number=.,Type=String,Description="Children with a new mutation, DNP at least 0.5">
##INFO=<ID=loConfDeNovo,Number=.,Type=String,Description="Children with a new mutation, DNP at least 0.1">
##FORMAT=<ID=DNP,Number=1,Type=Float,Description="Probability that the child has a new mutation">
"""


def header(
    lengths: Mapping[str, int], samples: Sequence[str], reference: str, *, family_rate: float | None
) -> str:
    """Return the header text. It names neither the input files nor their order: same samples, same bytes.

    Parameters
    ----------
    reference
        File name.
    family_rate
        Of new mutations; None without a pedigree.
    """
    contigs = "".join(f"##contig=<ID={name},length={length}>\n" for name, length in lengths.items())
    family = "" if family_rate is None else f"{_FAMILY_FIELDS}##dvplugDeNovoRate={family_rate:g}\n"
    return (
        f"{_HEADER}{family}##source=dvplug {__version__} joint\n##reference={reference}\n{contigs}"
        + "\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *samples])
        + "\n"
    )


def line(contig: str, start: int, bases: str, site: GenotypedSite, samples: Sequence[str]) -> str:
    """Return the line of a site, with its newline.

    Parameters
    ----------
    bases
        Of the reference from ``start`` on, as far as the longest allele reaches.
    """
    end = max(allele.end for allele in site.alleles if isinstance(allele, UnitedAllele))
    ref = bases[: end - start]
    alts = [
        SPANNING if isinstance(each, str) else each.alt + bases[each.end - start : end - start]
        for each in site.alleles
    ]
    pairs = genotype_pairs(len(alts) + 1)
    counts = [0] * (len(alts) + 1)
    columns = []
    phased = {
        sample: phase
        for sample, phase in site.evidence.phase.items()
        if genotype_index(phase.first, phase.second) == site.genotypes[sample]
        and not site.evidence.haploid[sample]
    }
    for sample, (index, haploid) in enumerate(
        zip(site.genotypes.tolist(), site.evidence.haploid.tolist(), strict=True)
    ):
        if index >= 0:
            for allele in pairs[index][: 1 if haploid else 2]:
                counts[allele] += 1
        columns.append(_column(site, (sample, index, haploid), phased))
    frequencies = ",".join(f"{f:.4g}" for f in site.frequencies[1:])
    info = f"AC={','.join(map(str, counts[1:]))};AN={sum(counts)};AF={frequencies}{_new(site, samples)}"
    info = with_lengths(info, ref, alts)
    filter_ = "PASS" if site.qual >= MIN_QUAL else "LowQual"
    names = "GT:GQ:DP:AD:PL" + (":PS" if phased else "") + (":DNP" if site.new else "")
    return (
        f"{contig}\t{start + 1}\t.\t{ref}\t{','.join(alts)}\t{site.qual:.1f}\t{filter_}\t{info}\t{names}\t"
        + "\t".join(columns)
        + "\n"
    )


def _column(site: GenotypedSite, of: tuple[int, int, bool], phased: Mapping[int, SitePhase]) -> str:
    """A sample's values: ``of`` are its number, the index of its genotype, and whether it is haploid."""
    sample, index, haploid = of
    more = f":{phased[sample].block if sample in phased else '.'}" if phased else ""
    if site.new:
        more += f":{site.new[sample]:.3g}" if sample in site.new and index >= 0 else ":."
    n = len(site.alleles) + 1
    pairs = genotype_pairs(n)
    dp = int(site.evidence.dp[sample])
    if index < 0:
        missing = "." if haploid else "./."
        return f"{missing}:.:{'.' if dp == MISSING else dp}:{_reads((), dp, n)}:." + more
    a, b = pairs[index]
    pl = site.evidence.pl[sample].tolist()
    if haploid:
        pl = [q for q, (first, second) in zip(pl, pairs, strict=True) if first == second]
    ad = site.evidence.ad.get(sample, ())
    genotype = f"{a}" if haploid else f"{a}/{b}"
    if sample in phased:
        genotype = f"{phased[sample].first}|{phased[sample].second}"
    return (
        f"{genotype}:{site.gq[sample]}:{'.' if dp == MISSING else dp}:"
        f"{_reads(ad, dp, n)}:{','.join(map(str, pl))}{more}"
    )


def _reads(ad: Sequence[int], dp: int, n: int) -> str:
    """AD of n alleles: each has a value, as cyvcf2 0.35.0 takes a lone "." at two alts for two reads of them."""
    return ",".join(map(str, ad)) if ad else ",".join(["0" if dp == 0 else "."] * n)


def _new(site: GenotypedSite, samples: Sequence[str]) -> str:
    """INFO of the children that have a new mutation."""
    sure = [samples[c] for c, p in sorted(site.new.items()) if p >= SURE_NEW and site.genotypes[c] >= 0]
    maybe = [
        samples[c]
        for c, p in sorted(site.new.items())
        if CANDIDATE_P <= p < SURE_NEW and site.genotypes[c] >= 0
    ]
    parts = (("hiConfDeNovo", sure), ("loConfDeNovo", maybe))
    return "".join(
        f";{name}={','.join(child.translate(_ENCODED) for child in children)}"
        for name, children in parts
        if children
    )
