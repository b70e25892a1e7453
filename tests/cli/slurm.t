#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# An experiment on a cluster: its shards as a job array of Slurm, merged by a job that waits for them, are the bytes of a single run. The
# cluster is this machine: munged, slurmctld and slurmd of our own, below a directory of our own, on ports of our own.
# shellcheck disable=SC2317 # functions are called by name, through check
# shellcheck source=lib.sh
. "$SOURCE/tests/cli/lib.sh"
for program in munged slurmctld slurmd sbatch squeue sinfo; do
	PATH=$PATH:/usr/sbin command -v "$program" >/dev/null || { echo "$program is not installed (Debian: slurm-wlm, munge)"; exit 77; }
done
export PATH=$PATH:/usr/sbin

node=$(hostname -s)
port=$((20000 + $$ % 20000))
experiments=$SOURCE/share/experiments
mkdir -m 711 "$tmp/munge"
mkdir "$tmp/state" "$tmp/spool" "$tmp/bin"
chmod 711 "$tmp"
head -c 1024 /dev/urandom >"$tmp/munge/key"
chmod 400 "$tmp/munge/key"
export SLURM_CONF=$tmp/slurm.conf
cat >"$SLURM_CONF" <<END
ClusterName=test
SlurmctldHost=$node(127.0.0.1)
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/munge
AuthInfo=socket=$tmp/munge/socket
SlurmctldPort=$port
SlurmdPort=$((port + 1))
StateSaveLocation=$tmp/state
SlurmdSpoolDir=$tmp/spool
SlurmctldPidFile=$tmp/slurmctld.pid
SlurmdPidFile=$tmp/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
MailProg=/bin/true
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
NodeName=$node NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=all Nodes=$node Default=YES State=UP MaxTime=5
END
# versions since 23.11 look for cgroups even where nothing asks for them, and can be told not to
version=$(slurmd -V | sed 's/^[^0-9]*//')
if [ "$(printf '%s\n' 23.11 "$version" | sort -V | head -n 1)" = 23.11 ]; then
	echo "CgroupPlugin=disabled" >"$tmp/cgroup.conf"
fi

# serve NAME COMMAND...: a daemon, in the foreground of this shell's background; cleanup() ends it
serve() {
	local name=$1
	shift
	"$@" >"$tmp/$name.log" 2>&1 &
	servers=("$!" "${servers[@]}")
}
# ready: the node takes jobs
ready() {
	[ "$(sinfo -h -o %t 2>/dev/null)" = idle ]
}
idle() {
	[ -z "$(squeue -h 2>/dev/null)" ]
}
# soon COMMAND...: is it true within a minute?
soon() {
	local i
	for ((i = 0; i < 600; i++)); do
		"$@" && return 0
		sleep 0.1
	done
	tail -n 5 "$tmp"/*.log
	return 1
}
serve munged munged --foreground --key-file="$tmp/munge/key" --socket="$tmp/munge/socket" --pid-file="$tmp/munge/pid" \
	--log-file="$tmp/munge/log" --seed-file="$tmp/munge/seed"
wait_for "munged" test -S "$tmp/munge/socket"
serve slurmctld slurmctld -D -c
serve slurmd slurmd -D -N "$node"
check "a cluster of one machine" "soon ready" 0 ""

ln -s "$VIRTRK" "$tmp/bin/virtrk"
export PATH=$tmp/bin:$PATH
spec=$experiments/servers.json
array=$(sbatch --parsable --array=1-8 --output="$tmp/shard-%a.out" "$experiments/slurm-array.sh" "$spec" "$tmp/results")
sbatch --dependency=afterok:"$array" --output="$tmp/merge.out" \
	--wrap "virtrk experiment --merge $tmp/results/shard-*.json --output $tmp/whole.json" >/dev/null
check "all jobs end" "soon idle" 0 ""
check "eight shards" "ls $tmp/results | wc -l" 0 '^8$'
check "their sum, by the job that waited for them" "tail -n 1 $tmp/merge.out" 0 '^ +weighted +15000 '
check "is a single run, byte for byte" "virtrk experiment --json $spec | cmp - $tmp/whole.json" 0 ""

# a shard that was lost
rm "$tmp/results/shard-5.json"
check "the merge says which" "one_line virtrk experiment --merge $tmp/results/*.json" 2 'shard 5/8 is missing$'
sbatch --array=5 --export=ALL,SHARDS=8 --output="$tmp/again.out" "$experiments/slurm-array.sh" "$spec" "$tmp/results" >/dev/null
check "it runs again" "soon idle" 0 ""
check "and all is there" "virtrk experiment --merge --json $tmp/results/*.json | cmp - $tmp/whole.json" 0 ""

done_testing
