"""Joint genotyping: the gVCFs of many samples in, one VCF of all of them out.

`run` cuts the genome into regions; of each, `gvcfs` reads the samples' records and blocks, `sites` unites their
alleles, `likelihoods` brings each sample's to the united alleles, `frequencies` and `families` weigh them, and `text`
writes.
"""

DE_NOVO_RATE = 1e-3
"""Chance that a gamete has a new mutation at a site of the cohort: where a caller proposes a variant. It is no rate per
base, which is 1.2e-8 (Kong et al. 2012, doi:10.1038/nature11396): callers' likelihoods are of candidates, which were
chosen as something differs there, and those of networks end where the network errs, at about 35 for SNPs and 20 for
indels. With the rate per base no new mutation could ever be told; with this one a heterozygous SNP of 30 is, if both
parents are surer, and an indel of 20 is worth a look."""
