#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The shards of an experiment as a job array of Slurm, one shard an array task:
#
#   id=$(sbatch --parsable --array=1-8 slurm-array.sh spec.json results)
#   sbatch --dependency=afterok:"$id" --wrap 'virtrk experiment --merge results/shard-*.json --output whole.json --figure whole.svg'
#
# The directory must be one that all nodes see. A shard's file is there as a whole or not at all, and the merge says which is
# missing; to run only that one again: sbatch --array=5 --export=ALL,SHARDS=8 slurm-array.sh spec.json results
#SBATCH --job-name=virtrk-experiment
#SBATCH --cpus-per-task=1
set -euo pipefail
[ $# -eq 2 ] || { echo "usage: sbatch --array=1-N slurm-array.sh SPEC.json DIRECTORY" >&2; exit 2; }
spec=$1 directory=$2
shard=${SLURM_ARRAY_TASK_ID:?run me as a job array: sbatch --array=1-N}
shards=${SHARDS:-${SLURM_ARRAY_TASK_MAX:?}}

mkdir -p "$directory"
exec virtrk experiment --shard "$shard/$shards" --jobs "${SLURM_CPUS_PER_TASK:-1}" --output "$directory/shard-$shard.json" "$spec"
