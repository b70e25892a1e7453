#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tier: C
# only: long
# limit: 900
#
# CPUs for several real libvirt domains: two that share them in virtrk.slice, where libvirt itself puts them; two that are pinned, where the
# administrator has switched the kernel's limit off. What libvirt does meanwhile (pins, is started again, starts a domain anew) harms nothing,
# and when the domains end all CPUs are back.
# shellcheck disable=SC2317,SC2329  # functions are called by name
# shellcheck source=tests/vm/lib.sh
. /src/tests/vm/lib.sh
vm_begin libvirt-shared-pinned

cgroups=/sys/fs/cgroup
housekeeping() { cat "$cgroups/cpuset.cpus.effective"; }
cpus_of() { taskset -pc "$1" | sed 's/.*: //'; }
tid_of() { thread_find "$(cat "/run/libvirt/qemu/$1.pid")" "CPU $2/KVM"; }
has() {	# DOMAIN VCPU PARAMETERS CPUS
	local tid

	tid=$(tid_of "$1" "$2") && [ -n "$tid" ] && [ "$(parameters "$tid") $(cpus_of "$tid")" = "$3 $4" ]
}
reserved() { virtrk_says "length == $1" top; }
back() { [ "$(housekeeping)" = 0-3 ] && [ -z "$(cat "$cgroups"/{machine,virtrk}.slice/cpuset.cpus.exclusive 2>/dev/null)" ]; }
twenty="SCHED_DEADLINE 20000000/100000000"
group_of() { cat "$cgroups$(sed -n 's/^0:://p' "/proc/$(tid_of "$1" "$2")/cgroup")/cpuset.cpus"; }	# as libvirt pins, and virtrkd adds to
group_is() { [ "$(group_of "$1" "$2")" = "$3" ]; }
most="SCHED_DEADLINE 75000000/100000000"	# what fits beside 20 by the tests for global EDF; a guest with much less does not boot in time here
# shares "what" TID FRACTION
shares() {
	used_start "$2"
	sleep 6
	used_stop "$2"
	check_between "$1: delivered / promised" "$(awk -v u="$used_us" -v e="$elapsed_us" -v f="$3" 'BEGIN { printf "%.3f", u / e / f }')" 0.92 1.08
}

daemon_start
domain_define one 2
domain_define two 1
domain_define three 1
# --- shared: libvirt puts both into virtrk.slice ---------------------------------------------------------------------------

check "one, in a slice with CPUs 2-3, from its start on" 0 'defined' virtrk define one --vcpu 0 --budget 20ms --period 100ms --cpu 2-3 --partition /virtrk
check "two, in the same, with CPUs that are there" 0 'defined' virtrk define two --vcpu 0 --budget 75ms --period 100ms --partition /virtrk
check "it starts" 0 '' domain_start one
check_soon "libvirt has put it into the slice, and it has its reservation" 40 has one 0 "$twenty" 2,3
check_equal "the slice is a partition" "$(cat "$cgroups/virtrk.slice/cpuset.cpus.partition") $(housekeeping)" "root 0-1"
check "the other one starts" 0 '' domain_start two
check_soon "and shares the CPUs" 40 has two 0 "$most" 2,3
check_json "the regime has its name" 'length == 2 and .[1].regime == "shared, virtrk.slice, global EDF" and .[1].reservations == 2' virtrk capacity --json
check "a third one, for which others than these have room" 0 'defined' virtrk define three --vcpu 0 --budget 60ms --period 100ms --partition /virtrk
check "is judged on these, by the hook" 1 'three is not started: .*(due|fit|refuse)' vsh start three
check "its guest obeys" 0 '' domain_wait two
guest_tell two burn 300s
sleep 1
shares "it has its share" "$(tid_of two 0)" 0.75
vsh vcpupin one 0 2 >/dev/null 2>&1
check_soon "pinned to one of the CPUs by libvirt, it is brought back to both" 20 has one 0 "$twenty" 2,3
check_equal "for that both stand in its group" "$(group_of one 0)" 2-3
check "another slice's CPU for one" 1 'virtrk.slice has CPU 2-3 already' virtrk reserve one --vcpu 1 --budget 5ms --period 100ms --cpu 3
systemctl restart libvirtd
wait_for 30 vsh list
check_soon "libvirtd started again: as before" 10 has one 0 "$twenty" 2,3
check "released" 0 '' virtrk release one
check_soon "it is where libvirt pinned it" 20 group_is one 0 2
check "the domain is destroyed" 0 '' vsh destroy one
check_soon "the other one keeps the CPUs" 20 virtrk_says 'length == 1 and .[0].domain == "two"' top
check_equal "in the slice" "$(cat "$cgroups/virtrk.slice/cpuset.cpus.partition")" root
check "and started anew" 0 '' domain_start one
check_soon "it has its reservation again" 40 has one 0 "$twenty" 2,3
vsh destroy one
vsh destroy two
check_soon "both destroyed: the CPUs are back" 20 back
for name in one two; do check "$name asks for nothing any more" 0 'removed all' virtrk define "$name" --remove; done
# back to machine.slice, as they were
for name in one two; do { vsh undefine "$name" && vsh define "$e2e_dir/$name.xml"; } >/dev/null || fail "$name is not as it was"; done

# --- pinned: the administrator has switched the kernel's limit off ------------------------------------------------------------

limit=$(cat /proc/sys/kernel/sched_rt_runtime_us)
echo -1 >/proc/sys/kernel/sched_rt_runtime_us
check "the doctor sees it" 0 'regime-pinned' virtrk doctor
for name in one two; do check "$name starts" 0 '' domain_start "$name"; done
check_soon "both are found" 30 virtrk_says 'length == 2' list
check "a guest obeys" 0 '' domain_wait two
check "one is pinned" 0 'pinned, CPU 3, EDF' virtrk reserve one --vcpu 0 --budget 40ms --period 100ms --cpu 3
check "the other one beside it" 0 'pinned, CPU 3, EDF' virtrk reserve two --vcpu 0 --budget 20ms --period 100ms --cpu 3
check "and no more than fits" 3 'does not fit' virtrk reserve one --vcpu 1 --budget 50ms --period 100ms --cpu 3
check_equal "as promised" "$(cpus_of "$(tid_of one 0)") $(cpus_of "$(tid_of two 0)") $(parameters "$(tid_of two 0)")" "3 3 $twenty"
vsh vcpupin two 0 1 >/dev/null 2>&1
check_soon "pinned elsewhere by libvirt, it is brought back" 20 has two 0 "$twenty" 3
systemctl restart libvirtd
wait_for 30 vsh list
check_soon "libvirtd started again: as before" 10 has two 0 "$twenty" 3
systemctl restart virtrkd
check_soon "virtrkd started again: it knows" 30 virtrk_says 'length == 2 and .[1].regime == "pinned, EDF" and .[1].reservations == 2' capacity
guest_tell two burn 300s
sleep 1
shares "it has its share" "$(tid_of two 0)" 0.2
vsh destroy two
check_soon "one is destroyed: its share is free" 20 reserved 1
check "and can be had" 0 'pinned, CPU 3' virtrk reserve one --vcpu 1 --budget 30ms --period 100ms --cpu 3
vsh vcpupin one 0 0-1 >/dev/null 2>&1
check_soon "pinned elsewhere by libvirt, the other one is brought back, too" 20 has one 0 "SCHED_DEADLINE 40000000/100000000" 3
check_equal "its CPU was added to its group" "$(group_of one 0)" 0-1,3
systemctl restart virtrkd
check_soon "virtrkd started again: it knows" 30 reserved 2
check "released" 0 '' virtrk release one
check_soon "its group has what libvirt wrote" 20 group_is one 0 0-1
check_equal "and the thread runs there" "$(cpus_of "$(tid_of one 0)")" 0,1
vsh destroy one
check_soon "both are destroyed: nothing is reserved" 20 reserved 0
echo "$limit" >/proc/sys/kernel/sched_rt_runtime_us
vm_done
