#!/usr/bin/env bash
# bcftools isec finds nothing in common between a gVCF and the VCF of the same calls, unless told to.
#
# Version:   bcftools 1.16 (Debian 12, apt), with bgzip and tabix.
# Expected:  A -> G and A -> G,<*> are the same variant: <*> stands for no allele that was seen.
# Behaviour: `isec` matches records by all of their ALTs (-c none, the default), so that the records have nothing in
#            common. `-c some` finds them. `view -M2 -v snps` drops the record of the gVCF too: it counts three alleles.
# Seen:      no site by default, one with -c some; no record from view -m2 -M2 -v snps of the gVCF.
# Hurts:     whoever compares gVCFs with VCFs, or filters them for biallelic SNPs: everything is gone, with exit status 0.
set -euo pipefail
version=$(bcftools --version | head -n 1)
if [ "$version" != "bcftools 1.16" ]; then
    echo "this is about bcftools 1.16, here is $version" >&2
    exit 1
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
header='##fileformat=VCFv4.2\n##ALT=<ID=*,Description="Any other allele">\n'
header+='##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n##contig=<ID=c,length=100>\n'
header+='#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts\n'
printf "${header}c\t50\t.\tA\tG\t50\tPASS\t.\tGT\t0/1\n" | bcftools view -Oz -o plain.vcf.gz
printf "${header}c\t50\t.\tA\tG,<*>\t50\tPASS\t.\tGT\t0/1\n" | bcftools view -Oz -o star.g.vcf.gz
bcftools index plain.vcf.gz
bcftools index star.g.vcf.gz
default=$(bcftools isec -n=2 plain.vcf.gz star.g.vcf.gz 2>/dev/null)
some=$(bcftools isec -n=2 -c some plain.vcf.gz star.g.vcf.gz 2>/dev/null)
biallelic=$(bcftools view -H -m2 -M2 -v snps star.g.vcf.gz)
echo "isec: '$default', isec -c some: '$some', view -m2 -M2 -v snps: '$biallelic'"
[ -z "$default" ] && [ -n "$some" ] && [ -z "$biallelic" ] || { echo "changed" >&2; exit 1; }
echo "as described"
