#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tier: C
#
# A CPU of its own for a vCPU of a real libvirt domain, through virtrkd as the service that it is: set apart, its share delivered
# to the guest, unharmed by what libvirt does to the domain meanwhile, and back when the domain is destroyed.
# shellcheck disable=SC2317,SC2329  # functions are called by name
# shellcheck source=tests/vm/lib.sh
. /src/tests/vm/lib.sh
vm_begin libvirt-partitions

cgroups=/sys/fs/cgroup
housekeeping() { cat "$cgroups/cpuset.cpus.effective"; }
cpus_of() { taskset -pc "$1" | sed 's/.*: //'; }
rk() { echo "$cgroups$(sed -n 's/^0:://p' "/proc/$1/cgroup")"; }
as_promised() {
	check_equal "$1: the partition is whole" "$(cat "$(rk "$tid")/cpuset.cpus.partition") $(cpus_of "$tid") $(housekeeping)" "root 2 0-1,3"
	check_equal "$1: so is the reservation" "$(parameters "$tid")" "SCHED_DEADLINE 20000000/100000000"
}

daemon_start
domain_define rt "1 of 2"
domain_start rt || { fail "the domain does not start"; vm_done; }
check_soon "the domain is found" 30 virtrk_says 'length == 1' list
check "its guest obeys" 0 '' domain_wait rt
tid=$(thread_find "${guest_pid[rt]}" 'CPU 0/KVM')
check "20 of 100 ms on a CPU of its own" 0 'exclusive, CPU 2, EDF' virtrk reserve rt --vcpu 0 --budget 20ms --period 100ms --cpu 2
as_promised "reserved"
guest_tell rt burn 600s
sleep 1
used_start "$tid"
sleep 8
used_stop "$tid"
check_between "a spinning guest gets its share: delivered / promised" "$(awk -v u="$used_us" -v e="$elapsed_us" 'BEGIN { printf "%.3f", 5 * u / e }')" 0.95 1.05

vsh vcpupin rt 0 1 >/dev/null 2>&1
as_promised "pinned elsewhere by libvirt"
vsh setvcpus rt 2 --live
vsh vcpupin rt 1 2 >/dev/null 2>&1
vsh emulatorpin rt 2 >/dev/null 2>&1
as_promised "another vCPU, and it and the emulator pinned to this CPU"
vsh suspend rt && vsh resume rt
as_promised "suspended and resumed"
systemctl daemon-reload
systemctl restart libvirtd
as_promised "systemd reloaded, libvirtd started again"
systemctl restart virtrkd
check_soon "virtrkd started again: it knows" 30 virtrk_says 'length == 2 and .[1].cpus == "2"' capacity
as_promised "virtrkd started again"

wait_for 30 vsh list
vsh destroy rt
back() { [ "$(housekeeping)" = 0-3 ] && [ -z "$(cat "$cgroups/machine.slice/cpuset.cpus.exclusive")" ]; }
check_soon "destroyed: the CPU is back" 20 back
check_json "and in no list" '. == []' virtrk top --json
vm_done
