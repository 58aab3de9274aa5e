#!/usr/bin/env bash
# Call each sample of a sheet as a task of a Slurm array:
#
#   sbatch --array=1-"$(($(grep -c '' samples.tsv) - 1))"%50 call.sh samples.tsv genome.fa calls
#
# The sheet has a line of names, then a line for each sample, by tabs: sample, reads (BAM or CRAM), technology (or auto).
# A task that was killed, requeued or submitted again goes on where it stopped; one that was done ends at once.
#SBATCH --job-name=dvplug
#SBATCH --cpus-per-task=8
#SBATCH --mem=8G
#SBATCH --time=12:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=dvplug.%A_%a.log
set -euo pipefail

sheet=$1 reference=$2 folder=$3
line=$(sed -n "$((SLURM_ARRAY_TASK_ID + 1))p" "$sheet" | tr -d '\r')
IFS=$'\x1f' read -r sample reads tech _ <<< "${line//$'\t'/$'\x1f'}" # of tabs, read would take several as one
if [[ -z $sample || -z $reads ]]; then
    echo "$sheet has no sample for task $SLURM_ARRAY_TASK_ID: '$line'" >&2
    exit 2
fi
mkdir -p "$folder"
if [[ -e $folder/$sample.done ]]; then
    exit 0
fi

limits=()
if [[ -n ${SLURM_MEM_PER_NODE:-} ]]; then # MiB; a tenth is left for what the file system keeps in the job's name
    limits=(--max-memory "$((SLURM_MEM_PER_NODE * 9 / 10))MiB")
fi
dvplug call \
    --tech "${tech:-auto}" \
    --ref "$reference" \
    --reads "$reads" \
    --out "$folder/$sample.vcf.gz" \
    --gvcf "$folder/$sample.g.vcf.gz" \
    --report "$folder/$sample.html" \
    --workers "${SLURM_CPUS_PER_TASK:-1}" \
    "${limits[@]}" \
    --resume
touch "$folder/$sample.done"
