"""The sets of which RTG vcfeval's counts are known: truth and reference of each, in the shared data."""

ORACLE = {
    "hg002_illumina": ("HG002_b37_v4.2.1.chr20_slices_dev.vcf.gz", "b37.chr20_regions.fa.gz"),
    "na12878_illumina": ("NA12878_b37_v3.3.2.chr20_10.0-10.1M.vcf.gz", "b37.chr20_regions.fa.gz"),
    "hg002_hifi": ("HG002_GRCh38_v4.2.1.chr20_dev.vcf.gz", "grch38.chr20_and_21_10M.fa.gz"),
    "hg002_ont": ("HG002_GRCh38_v4.2.1.chr20_dev.vcf.gz", "grch38.chr20_and_21_10M.fa.gz"),
}
