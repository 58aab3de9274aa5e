"""What the engine itself brings, through the same hooks as everybody else."""

from __future__ import annotations

from dvplug.hookspecs import (
    HAPLOTYPE,
    CandidateFinder,
    Channel,
    Executor,
    FeatureSet,
    Genotyper,
    ImageEncoder,
    Network,
    Phaser,
    hookimpl,
)

DVPLUG_API = 3

NEARBY = 500
"""bp around a site that its features look at: that of `dvplug.images.features.differences`, which is imported only when
a run draws."""
TRACT = 123
"""bp beside a site that a repeat and its flank take up: those of `dvplug.sequence.repeats`, likewise."""
FEATURES = "dvplug.images.features"
CHANNELS = {
    "read_base": "the base of the read: A, C, G, T or deleted",
    "base_quality": "phred quality of the base",
    "mapping_quality": "phred quality of the read's placement",
    "strand": "forward or reverse",
    "read_supports_variant": "the read's class by haplotype: alt, other alt, reference, uninformative",
    "base_differs_from_ref": "the base is not that of the reference",
    "insert_size": "length of the fragment that the read pair came from",
    "homopolymer_length": "length of the run of equal bases around the base, in the read itself",
    "base_error": "how often bases of this quality are wrong in this run",
    "relative_mapping_quality": "phred quality of the read's placement, of the run's usual one",
    "relative_insert_size": "length of the fragment, of the run's",
    "haplotype": "phase of the read, from its HP tag or the engine's own phasing",
}


@hookimpl
def dvplug_candidate_finders() -> list[CandidateFinder]:
    """Return the allele counter."""
    return [
        CandidateFinder(
            "allele-counter", "alleles over count and fraction", "dvplug.candidates.finder:find_in_context"
        )
    ]


@hookimpl
def dvplug_phasers() -> list[Phaser]:
    """Return what phases long reads."""
    description = "by the heterozygous SNPs that reads share"
    return [Phaser("shared-snps", description, "dvplug.candidates.phasing:phase_in_context")]


@hookimpl
def dvplug_image_encoders() -> list[ImageEncoder]:
    """Return the pileup encoder."""
    description = "reads as rows around the candidate, sorted by the allele they support"
    return [ImageEncoder("pileup", description, "dvplug.images.encoders:encode_in_context", version=2)]


@hookimpl
def dvplug_feature_sets() -> list[FeatureSet]:
    """Return what the engine measures of a candidate."""
    return [
        FeatureSet(
            "site",
            "counts, qualities and places of the reads by allele, and what the site itself is like",
            f"{FEATURES}.site:site_features",
            f"{FEATURES}.site:FEATURES",
            reach=NEARBY,
        ),
        FeatureSet(
            "relative-site",
            "the same, of what is usual in the run",
            f"{FEATURES}.site:relative_site_features",
            f"{FEATURES}.site:FEATURES",
            reach=NEARBY,
        ),
        FeatureSet(
            "length-summary",
            "how long repeats are in the reads: mean, median, spread, by haplotype",
            f"{FEATURES}.length_summary:length_features",
            f"{FEATURES}.length_summary:LENGTH_FEATURES",
            reach=TRACT,
        ),
        FeatureSet(
            "length-shares",
            "how many reads show a repeat how much longer than each allele, by haplotype",
            f"{FEATURES}.length_shares:share_features",
            f"{FEATURES}.length_shares:SHARE_FEATURES",
            reach=TRACT,
        ),
        FeatureSet(
            "length-likelihoods",
            "how likely the lengths of a homopolymer are under each genotype, as this run errs",
            f"{FEATURES}.length_likelihoods:run_likelihood_features",
            f"{FEATURES}.length_likelihoods:LIKELIHOOD_FEATURES",
            reach=TRACT,
        ),
        FeatureSet(
            "read-odds",
            "how likely the reads are with no, one and two copies of the alts, as this run errs",
            f"{FEATURES}.read_odds:odds_features",
            f"{FEATURES}.read_odds:ODDS_FEATURES",
            reach=TRACT,
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
def dvplug_networks() -> list[Network]:
    """Return the network of the shipped models, and those that were trained on photographs."""
    return [
        Network(
            "small-cnn",
            "a small residual network for the image, two dense layers for the features, joined",
            "dvplug.genotypes.small_cnn:build_small_cnn",
            "dvplug.genotypes.small_cnn:SmallCnnSettings",
        ),
        Network(
            "image-network",
            "a network of keras.applications for the image, two dense layers for the features, joined",
            "dvplug.genotypes.image_network:build_image_network",
            "dvplug.genotypes.image_network:ImageNetworkSettings",
        ),
    ]


@hookimpl
def dvplug_genotypers() -> list[Genotyper]:
    """Return the one that runs networks."""
    return [
        Genotyper(
            "litert",
            "a network, by LiteRT on a CPU, by Keras or ONNX Runtime on a GPU",
            "dvplug.genotypes.genotyper:open_genotyper",
            files={"weights": ".safetensors", "litert": ".tflite"},
            settings="dvplug.genotypes.genotyper:LiteRTSettings",
        )
    ]


@hookimpl
def dvplug_executors() -> list[Executor]:
    """Return the one whose workers are Dask's, which is an extra."""
    return [Executor("dask", "workers of Dask, here or anywhere", "dvplug.executors.dask_pool:open_dask")]
