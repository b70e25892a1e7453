#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tier: C
# limit: 600
#
# A libvirt domain with reservations in its metadata lives its life: a vCPU is plugged and unplugged, it is suspended, reset, saved and
# restored, shut down with a managed save, libvirtd and virtrkd are started again. What is reserved follows what is true: each
# thread that is there and named has its share, in the kernel, and nothing is left of those that are gone. The threads beside the vCPUs
# have theirs, too, and where the vCPU has all that one CPU can give, QEMU and the host still get their work done.
# shellcheck disable=SC2317,SC2329  # functions are called by name
# shellcheck source=tests/vm/lib.sh
. /src/tests/vm/lib.sh
vm_begin lifecycle

first="SCHED_DEADLINE 80000000/100000000"	# a guest with much less does not boot in time here
second="SCHED_DEADLINE 10000000/100000000"
pid_now() { cat /run/libvirt/qemu/rt.pid; }
thread() { thread_find "$(pid_now)" "$1"; }
has() {	# COMM PARAMETERS
	local tid

	tid=$(thread "$1") && [ -n "$tid" ] && [ "$(parameters "$tid")" = "$2" ]
}
reserved() { virtrk_says "length == $1" top; }
promised() {	# "after what"
	check_soon "$1: vcpu0 has its share" 40 has 'CPU 0/KVM' "$first"
	check_soon "$1: and nobody else" 20 reserved 1
}

daemon_start
domain_define rt "1 of 2"
check "vcpu0, and vcpu1 once it is there" 0 '' virtrk define rt --vcpu 0 --budget 80ms --period 100ms
check "other numbers for vcpu1" 0 '' virtrk define rt --vcpu 1 --budget 10ms --period 100ms

# --- vCPUs --------------------------------------------------------------------------------------------------------------

check "it starts with one vCPU" 0 '' domain_start rt
promised "started"
journal_has() { journalctl -q -u virtrkd -o cat --no-pager | grep -q "$1"; }
check_soon "the journal says that vcpu1 is awaited" 20 journal_has 'vcpu1 of rt is not there'
check "its guest obeys" 0 '' domain_wait rt
check "a second vCPU is plugged" 0 '' vsh setvcpus rt 2 --live
check_soon "it has its share, though libvirt has no event for it" 30 has 'CPU 1/KVM' "$second"
check_soon "both are in the ledger" 20 reserved 2
vsh setvcpus rt 1 --live >/dev/null 2>&1	# the guest takes its time: libvirt may not wait for it
check_soon "it is unplugged: its share is given back" 90 reserved 1
check "and plugged once more" 0 '' vsh setvcpus rt 2 --live
check_soon "it has it again" 30 has 'CPU 1/KVM' "$second"
vsh setvcpus rt 1 --live >/dev/null 2>&1
check_soon "given back" 90 reserved 1

# --- the same process ---------------------------------------------------------------------------------------------------

vsh suspend rt
promised "suspended"
vsh resume rt
promised "resumed"
vsh reset rt
promised "reset"
systemctl restart libvirtd
wait_for 30 vsh list
promised "libvirtd started again"
systemctl restart virtrkd
check_soon "virtrkd is there again" 30 virtrk list
promised "virtrkd started again"

# --- another process ----------------------------------------------------------------------------------------------------

check "saved into a file" 0 '' vsh save rt "$e2e_dir/rt.save"
check_soon "saved: nothing is reserved" 30 reserved 0
check "restored" 0 '' vsh restore "$e2e_dir/rt.save"
promised "restored"
check "managed save" 0 '' vsh managedsave rt
check_soon "nothing is reserved" 30 reserved 0
check "started from it" 0 '' domain_start rt
promised "started from the managed save"

# --- threads beside the vCPUs -------------------------------------------------------------------------------------------

check "emulator and iothread, too" 0 '' virtrk define rt --emulator --iothread 1 --budget 5ms --period 100ms
check_soon "the emulator has it" 20 has 'qemu-system-x86' "SCHED_DEADLINE 5000000/100000000"
check_soon "the iothread has it" 20 has 'IO iothread1' "SCHED_DEADLINE 5000000/100000000"
check_json "kernel threads that work for it are known" 'any(.threads[]; .name | startswith("kvm-"))' virtrk show rt --json
check "only the vCPU again, with most of a CPU" 0 '' virtrk define rt --remove --emulator --iothread 1
check_soon "they gave theirs back" 20 reserved 1
check "90 of 100 ms" 0 '' virtrk define rt --vcpu 0 --budget 90ms --period 100ms
check_soon "it has that" 20 has 'CPU 0/KVM' "SCHED_DEADLINE 90000000/100000000"
# What a FIFO vCPU does to a host: QEMU's main thread and the kernel's threads on its CPU starve. A reservation stops at its budget, so
# let few CPUs be left beside a guest that spins. (With 90 of 100 ms in force the kernel does not let go of the last but one.)
cpus_online() {
	for cpu in 1 2; do
		echo "$1" >"/sys/devices/system/cpu/cpu$cpu/online" || return 1
	done
}
check "its guest obeys" 0 '' domain_wait rt
guest_tell rt burn 600s
check "two CPUs are left" 0 '' cpus_online 0
check "QEMU's main thread still answers" 0 'running' timeout 60 virsh --quiet --connect qemu:///system qemu-monitor-command rt --hmp info status
check "the kernel's own threads still do their work" 0 '' timeout 60 sync
check "so does virtrkd" 0 'rt' timeout 60 virtrk list
check_equal "and the vCPU is as promised" "$(parameters "$(thread 'CPU 0/KVM')")" "SCHED_DEADLINE 90000000/100000000"
check "all CPUs again" 0 '' cpus_online 1

check "destroyed" 0 '' vsh destroy rt
check_soon "nothing is left" 30 reserved 0
check_json "nothing is held" '.[0].reservations == 0 and .[0].prepared == 0' virtrk capacity --json
vm_done
