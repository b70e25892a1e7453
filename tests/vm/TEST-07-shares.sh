#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tier: A
# cpus: 4
#
# What reservations that share CPUs apart from the rest deliver (TEST-12 and TEST-13 say how such CPUs are made and given back): three
# domains on one CPU of virtrk.slice; two on two CPUs, by global EDF; three pinned, on a host whose kernel checks nothing, beside
# processes that want all there is. A domain is one thread that spins. Time is what the CPUs have executed, in turns of milliseconds:
# so a share is right over seconds, and when a single budget came says nothing (TEST-33 asks for that, on one CPU).
# shellcheck disable=SC2317,SC2329  # functions are called by name
# shellcheck source=tests/vm/lib.sh
. /src/tests/vm/lib.sh
vm_begin shares

slice=/sys/fs/cgroup/virtrk.slice
export VIRTRK_BUS=$e2e_dir/bus
mount -t debugfs none /sys/kernel/debug
echo HRTICK_DL >/sys/kernel/debug/sched/features

# No QEMU, but called as one: a main thread that spins is all that is needed.
cp /usr/bin/bash "$e2e_dir/qemu-system-x86_64"
declare -A spin
domain_up() {	# NAME
	child_start "$e2e_dir/$1.log" "$e2e_dir/qemu-system-x86_64" -c 'while :; do :; done' -name "$1"
	spin[$1]=$child
}
# delivers NAME PROMISED...: the next four seconds, of all of them
delivers() {
	local pairs=("$@") used=() since=() now ns i

	for ((i = 0; i < $#; i += 2)); do
		read -r ns _ <"/proc/${spin[${pairs[i]}]}/schedstat"
		used[i]=$ns since[i]=${EPOCHREALTIME/./}
	done
	sleep 4
	for ((i = 0; i < $#; i += 2)); do
		read -r ns _ <"/proc/${spin[${pairs[i]}]}/schedstat"
		now=${EPOCHREALTIME/./}
		check_between "${pairs[i]} is given its budget: delivered / promised" "$(awk -v u="$((ns - used[i]))" -v e="$((now - since[i]))" \
			-v p="${pairs[i + 1]}" 'BEGIN { printf "%.3f", u / 1000 / e / p }')" 0.97 1.03
	done
}
slice_empty() { [ "$(cat "$slice/cpuset.cpus.partition")" = member ]; }

echo '+cpuset +cpu' >/sys/fs/cgroup/cgroup.subtree_control
mkdir "$slice"
echo '+cpuset +cpu' >"$slice/cgroup.subtree_control"
for name in a b c; do
	domain_up "$name"
	mkdir -p "$slice/machine-qemu-$name.scope/libvirt/emulator"
	echo "${spin[$name]}" >"$slice/machine-qemu-$name.scope/libvirt/emulator/cgroup.procs"
done
for name in x y z; do domain_up "$name"; done
child_start "$e2e_dir/virtrkd" virtrkd --bus="$VIRTRK_BUS" --state="$e2e_dir/state" --libvirt=none --on-drift=report
check_soon "all domains are there" 20 virtrk_says 'length == 6' list

# --- one CPU, three domains -----------------------------------------------------------------------------------------------------

check "20 of 100 ms on CPU 2" 0 'shared, CPU 2, EDF' virtrk reserve a --emulator --budget 20ms --period 100ms --cpu 2
check "30 of 100 ms of another domain" 0 'shared, CPU 2, EDF' virtrk reserve b --emulator --budget 30ms --period 100ms --cpu 2
check "17.5 of 50 ms of a third one" 0 'shared, CPU 2, EDF' virtrk reserve c --emulator --budget 17500us --period 50ms --cpu 2
delivers a 0.20 b 0.30 c 0.35
for name in c b a; do
	check "released: $name" 0 '' virtrk release "$name"
done
check_soon "the CPU is back" 10 slice_empty

# --- two CPUs --------------------------------------------------------------------------------------------------------------------

check "40 of 100 ms on two CPUs" 0 'shared, CPUs 2-3, global EDF' virtrk reserve a --emulator --budget 40ms --period 100ms --cpu 2-3
check "the same for b" 0 'global EDF' virtrk reserve b --emulator --budget 40ms --period 100ms --cpu 2-3
check "7.5 of 75 ms for c" 0 'global EDF' virtrk reserve c --emulator --budget 7500us --period 75ms --cpu 2-3
delivers a 0.40 b 0.40 c 0.10
for name in c b a; do
	virtrk release "$name" >/dev/null
	child_end "${spin[$name]}" KILL
done
check_soon "the CPUs are back" 10 slice_empty

# --- pinned ----------------------------------------------------------------------------------------------------------------------

echo -1 >/proc/sys/kernel/sched_rt_runtime_us
check_soon "virtrkd has seen it" 10 virtrk_says 'any(.[]; .check == "rt-limit" and .level == "warn")' doctor
check "30 of 100 ms, pinned" 0 'pinned, CPU 2, EDF' virtrk reserve x --emulator --budget 30ms --period 100ms --cpu 2
check "55 of 100 ms of another domain on the same CPU" 0 'pinned, CPU 2, EDF' virtrk reserve y --emulator --budget 55ms --period 100ms --cpu 2
check "20 of 100 ms of a third one that names no CPU" 0 '^reserved 20ms' virtrk reserve z --emulator --budget 20ms --period 100ms
for ((i = 0; i < 4; i++)); do
	child_start /dev/null bash -c 'while :; do :; done'
done
delivers x 0.30 y 0.55 z 0.20
vm_done
