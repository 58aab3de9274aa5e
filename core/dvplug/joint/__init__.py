"""Joint genotyping: the gVCFs of many samples in, one VCF of all of them out.

`run` cuts the genome into regions; of each, `gvcfs` reads the samples' records and blocks, `sites` unites their
alleles, `likelihoods` brings each sample's to the united alleles, `frequencies` and `families` weigh them, and `text`
writes.
"""
