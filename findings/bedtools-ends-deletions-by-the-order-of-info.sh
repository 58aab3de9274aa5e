#!/usr/bin/env bash
# bedtools 2.30.0 ends a <DEL> at its last base or the one before, by which of END and SVLEN stands first in INFO.
#
# Version:   bedtools 2.30.0 (2.30.0+dfsg-3 of Debian 12).
# Expected:  the fields of INFO have no order: POS 100, SVLEN 200 and END 300 is the base before a deletion and the 200 bases
#            101 to 300, however they are written.
# Behaviour: of SVLEN and END the first in INFO decides, and the other is not read. END gives POS to END. SVLEN is taken for
#            the length with the base before, so the last deleted base is left out; so too where there is no END. An <INS>,
#            which is between POS and the next base, lies on POS and the base before it.
# Seen:      END=300;SVLEN=-200 is 100-300, SVLEN=-200;END=300 is 100-299; <INS> at 100 overlaps base 99, and not 101.
# Hurts:     whoever intersects or subtracts structural variants and a BED: a deletion that takes the first base of an exon,
#            and nothing more of it, is not found of one file and found of another, and the exit code is 0. Records with REF
#            and ALT in bases, and blocks of a gVCF (END alone), are right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
chmod 755 .
apt-get download -qq bedtools=2.30.0+dfsg-3
dpkg -x bedtools_*.deb package
PATH="$PWD/package/usr/bin:$PATH"
[[ $(bedtools --version) == *2.30.0* ]]
for base in $(seq 90 310); do
    printf 'c\t%d\t%d\t%d\n' $((base - 1)) "$base" "$base"
done >bases.bed
header='##fileformat=VCFv4.2
##contig=<ID=c,length=1000>
##INFO=<ID=END,Number=1,Type=Integer,Description="End">
##INFO=<ID=SVLEN,Number=A,Type=Integer,Description="Length">
##INFO=<ID=SVTYPE,Number=1,Type=String,Description="Type">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n'
check() {  # ALT, INFO, first and last base that it overlaps
    printf "${header}c\t100\t.\tA\t$1\t.\tPASS\t$2\n" >one.vcf
    found=$(bedtools intersect -u -a bases.bed -b one.vcf | cut -f4 | sed -n '1p;$p' | xargs)
    echo "$1 $2: $found"
    [ "$found" = "$3" ] || { echo "changed"; exit 1; }
}
check '<DEL>' 'SVTYPE=DEL;END=300;SVLEN=-200' '100 300'
check '<DEL>' 'SVTYPE=DEL;SVLEN=-200;END=300' '100 299'
check '<DEL>' 'SVTYPE=DEL;SVLEN=-200' '100 299'
check '<DEL>' 'SVTYPE=DEL;END=300' '100 300'
check '<*>' 'END=300' '100 300'
check '<INS>' 'SVTYPE=INS;END=100;SVLEN=200' '99 100'
check '<INS>' 'SVTYPE=INS;SVLEN=200;END=100' '99 100'
printf 'c\t299\t400\texon\n' >exon.bed
for info in 'END=300;SVLEN=-200' 'SVLEN=-200;END=300'; do
    printf "${header}c\t100\t.\tA\t<DEL>\t.\tPASS\tSVTYPE=DEL;$info\n" >one.vcf
    echo "$info: $(bedtools intersect -u -a exon.bed -b one.vcf | wc -l) exons"
done | tee exons.txt
[ "$(cat exons.txt)" = "END=300;SVLEN=-200: 1 exons
SVLEN=-200;END=300: 0 exons" ]
echo "as described"
