"""What the engine itself brings, through the same hooks as everybody else."""

from __future__ import annotations

from dvplug.hookspecs import HAPLOTYPE, CandidateFinder, Channel, Genotyper, ImageEncoder, hookimpl

DVPLUG_API = 1

NEARBY = 500
"""bp around a site that the encoders' features look at: that of `dvplug.images.features.differences`, which is imported
only when a run draws."""
CHANNELS = {
    "read_base": "the base of the read: A, C, G, T or deleted",
    "base_quality": "phred quality of the base",
    "mapping_quality": "phred quality of the read's placement",
    "strand": "forward or reverse",
    "read_supports_variant": "the read's class by haplotype: alt, other alt, reference, uninformative",
    "base_differs_from_ref": "the base is not that of the reference",
    "insert_size": "length of the fragment that the read pair came from",
    "homopolymer_length": "length of the run of equal bases around the base, in the read itself",
    "haplotype": "phase of the read, from its HP tag or the engine's own phasing",
}


@hookimpl
def dvplug_candidate_finders() -> list[CandidateFinder]:
    """Return the allele counter."""
    return [
        CandidateFinder(
            "allele-counter", "alleles over count and fraction", "dvplug.candidates.finder:find_candidates"
        )
    ]


@hookimpl
def dvplug_image_encoders() -> list[ImageEncoder]:
    """Return the pileup encoders."""
    description = "reads as rows around the candidate, sorted by the allele they support"
    return [
        ImageEncoder(
            "pileup",
            description,
            "dvplug.images.encoders:encode_pileups",
            version=2,
            features="dvplug.images.encoders:SITE_FEATURES",
            reach=NEARBY,
        ),
        ImageEncoder(
            "pileup-with-length-shares",
            "the same, with features of how long repeats are in the reads, and in how many",
            "dvplug.images.encoders:encode_with_length_shares",
            features="dvplug.images.encoders:FEATURES_WITH_LENGTH_SHARES",
            reach=NEARBY,
        ),
    ]


@hookimpl
def dvplug_channels() -> list[Channel]:
    """Return the channels of the pileup encoder."""
    return [
        Channel(
            name,
            description,
            f"dvplug.images.channels:{name}",
            needs=(HAPLOTYPE,) if name == "haplotype" else (),
        )
        for name, description in CHANNELS.items()
    ]


@hookimpl
def dvplug_genotypers() -> list[Genotyper]:
    """Return the network."""
    return [
        Genotyper(
            "network",
            "the model's network, by LiteRT or on a GPU",
            "dvplug.genotypes.genotyper:open_genotyper",
        )
    ]
