#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tier: C
# only: long
# limit: 400
#
# Several threads of a real libvirt domain on one exclusive CPU: two vCPUs and the emulator, and a third one that is plugged. What
# libvirt does meanwhile (pins, plugs and unplugs vCPUs, is started again) harms nothing, each is released alone, and the CPU is back when the
# domain ends.
# shellcheck disable=SC2317,SC2329  # functions are called by name
# shellcheck source=tests/vm/lib.sh
. /src/tests/vm/lib.sh
vm_begin libvirt-one-cpu

cgroups=/sys/fs/cgroup
housekeeping() { cat "$cgroups/cpuset.cpus.effective"; }
cpus_of() { taskset -pc "$1" | sed 's/.*: //'; }
group_of() { echo "$cgroups$(sed -n 's/^0:://p' "/proc/$1/cgroup")"; }
tid_of() { thread_find "$(cat "/run/libvirt/qemu/$1.pid")" "CPU $2/KVM"; }
reserved() { virtrk_says "length == $1" top; }
back() { [ "$(housekeeping)" = 0-3 ] && [ -z "$(cat "$cgroups"/{machine,virtrk}.slice/cpuset.cpus.exclusive 2>/dev/null)" ]; }
twenty="SCHED_DEADLINE 20000000/100000000"
# shares "what" TID FRACTION
shares() {
	used_start "$2"
	sleep 6
	used_stop "$2"
	check_between "$1: delivered / promised" "$(awk -v u="$used_us" -v e="$elapsed_us" -v f="$3" 'BEGIN { printf "%.3f", u / e / f }')" 0.92 1.08
}

daemon_start
domain_define one "2 of 3"
check "a domain with two vCPUs" 0 '' domain_start one
check_soon "is found" 30 virtrk_says 'length == 1' list
check "its guest obeys" 0 '' domain_wait one

# --- exclusive: both on one CPU -------------------------------------------------------------------------------------------

check "both vCPUs on CPU 2" 0 'exclusive, CPU 2, EDF' virtrk reserve one --vcpu 0,1 --budget 20ms --period 100ms --cpu 2
first=$(tid_of one 0)
second=$(tid_of one 1)
whole() {	# "after what"
	check_equal "$1: both are there, in one partition" \
		"$(cat "$(group_of "$first")/cpuset.cpus.partition") $(cpus_of "$first") $(cpus_of "$second") $(housekeeping)" "root 2 2 0-1,3"
	check_equal "$1: and reserved" "$(parameters "$first") $(parameters "$second")" "$twenty $twenty"
	check_equal "$1: in one group" "$(group_of "$second")" "$(group_of "$first")"
}
whole "reserved"
guest_tell one burn 300s --threads=2
sleep 1
shares "the first" "$first" 0.2
shares "the second" "$second" 0.2
check "the emulator comes, too" 0 'exclusive, CPU 2' virtrk reserve one --emulator --budget 5ms --period 100ms --cpu 2
check_equal "it is there" "$(group_of "${guest_pid[one]}")" "$(group_of "$first")"
vsh vcpupin one 0 1 >/dev/null 2>&1
vsh vcpupin one 1 2 >/dev/null 2>&1
vsh emulatorpin one 0-3 >/dev/null 2>&1
whole "pinned elsewhere by libvirt"
systemctl restart libvirtd
wait_for 30 vsh list
check_equal "libvirtd started again, with the emulator in our group: it knows the domain" "$(vsh domstate one)" running
check "and its control groups" 0 'vcpu_period' vsh schedinfo one
whole "libvirtd started again"
check "a third vCPU is plugged" 0 '' vsh setvcpus one 3 --live
third() { [ -n "$(tid_of one 2)" ] && virtrk_says 'any(.threads[]; .name == "vcpu2")' show one; }
check_soon "and seen" 30 third
check "it comes, too" 0 'exclusive, CPU 2' virtrk reserve one --vcpu 2 --budget 10ms --period 100ms --cpu 2
check_equal "it is there" "$(group_of "$(tid_of one 2)")" "$(group_of "$first")"
vsh setvcpus one 2 --live >/dev/null 2>&1	# the guest takes its time: libvirt may not wait for it
check_soon "unplugged, its share is given back" 90 reserved 3
whole "one less"
check "the first is released" 0 '' virtrk release one --vcpu 0
home() { [ "$(group_of "$1")" != "$(group_of "$second")" ]; }
check_soon "and goes home" 20 home "$first"
check_equal "the second keeps the CPU" "$(cat "$(group_of "$second")/cpuset.cpus.partition") $(cpus_of "$second") $(parameters "$second")" "root 2 $twenty"
systemctl restart virtrkd
check_soon "virtrkd started again: it knows" 30 virtrk_says 'length == 2 and .[1].cpus == "2" and .[1].reservations == 2' capacity
vsh destroy one
check_soon "destroyed: the CPU is back" 20 back
check_json "and nothing is reserved" '. == []' virtrk top --json
vm_done
