#!/usr/bin/env bash
# Genotype together what call.sh called, when all its tasks are done:
#
#   sbatch --dependency=afterok:JOB joint.sh genome.fa calls cohort.vcf.gz
#
# It has no journal: killed, it begins anew.
#SBATCH --job-name=dvplug-joint
#SBATCH --cpus-per-task=8
#SBATCH --mem=8G
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=dvplug-joint.%j.log
set -euo pipefail

reference=$1 folder=$2 cohort=$3
dvplug joint "$folder"/*.g.vcf.gz --ref "$reference" --out "$cohort" --workers "${SLURM_CPUS_PER_TASK:-1}"
