#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tier: B
#
# The kernel's vhost worker of a domain, since 6.4 a thread of its QEMU: seen under its name, given a reservation as any thread is, and a place
# beside a vCPU on the domain's exclusive CPU; released, and gone with the domain. The worker is that of a vhost-vsock device; the
# domain is a QEMU in control groups as libvirt lays them.
# shellcheck disable=SC2317,SC2329  # functions are called by name
# shellcheck source=tests/vm/lib.sh
. /src/tests/vm/lib.sh
vm_begin vhost

cgroups=/sys/fs/cgroup
slice=$cgroups/machine.slice
group=$slice/machine-qemu-a.scope/libvirt
export VIRTRK_BUS=$e2e_dir/bus
modprobe vhost_vsock || skip "no module vhost_vsock"
[ -c /dev/vhost-vsock ] || mknod /dev/vhost-vsock c 10 241
# The reset vector is a jump to itself.
head -c 65536 /dev/zero >"$e2e_dir/spin.bin"
printf '\xeb\xfe' | dd of="$e2e_dir/spin.bin" bs=1 seek=65520 conv=notrunc status=none
cpus_of() { taskset -pc "$1" | sed 's/.*: //'; }
housekeeping() { cat "$cgroups/cpuset.cpus.effective"; }
all_back() { [ "$(housekeeping)" = 0-3 ] && [ -z "$(cat "$slice/cpuset.cpus.exclusive")" ] && [ -z "$(find "$slice" -name rk)" ]; }
in_group() { grep -qx "$1" "$2/cgroup.threads"; }

echo '+cpuset +cpu' >"$cgroups/cgroup.subtree_control"
mkdir -p "$group/emulator" "$group/vcpu0"
echo '+cpuset +cpu' >"$slice/cgroup.subtree_control"
echo '+cpuset +cpu' >"$slice/machine-qemu-a.scope/cgroup.subtree_control"
for name in emulator vcpu0; do echo threaded >"$group/$name/cgroup.type"; done
echo '+cpuset +cpu' >"$group/cgroup.subtree_control"
child_start "$e2e_dir/a.log" qemu-system-x86_64 -name guest=a,debug-threads=on -accel tcg -m 16 -nodefaults -no-user-config -display none \
	-bios "$e2e_dir/spin.bin" -device vhost-vsock-pci,guest-cid=42
qemu=$child
wait_for 20 thread_find "$qemu" 'CPU 0/*' >/dev/null || { cat "$e2e_dir/a.log"; fail "the domain does not start"; vm_done; }
wait_for 20 thread_find "$qemu" 'vhost-*' >/dev/null	# devices come after CPUs
worker=$(thread_find "$qemu" 'vhost-*') || { fail "it has no vhost worker among its threads: $(cat /proc/"$qemu"/task/*/comm | paste -s -d ' ')"; vm_done; }
vcpu=$(thread_find "$qemu" 'CPU 0/*')
echo "$qemu" >"$group/cgroup.procs"
for tid in "$qemu" "$worker"; do echo "$tid" >"$group/emulator/cgroup.threads"; done	# as libvirt has it: made by the emulator
echo "$vcpu" >"$group/vcpu0/cgroup.threads"
child_start "$e2e_dir/daemon.log" virtrkd --bus="$VIRTRK_BUS" --state="$e2e_dir/state" --config="$e2e_dir/config" --libvirt=none --verbose
wait_for 20 virtrk list >/dev/null || { cat "$e2e_dir/daemon.log"; fail "virtrkd does not start"; vm_done; }

sees() { virtrk_says "any(.threads[]; .name == \"vhost0\" and .tid == $worker)" show a; }
check_soon "the worker is seen under its name" 20 sees
check "it gets a reservation" 0 '^reserved 2ms' virtrk reserve a --vhost 0 --budget 2ms --period 20ms
check_equal "in the kernel" "$(parameters "$worker")" "SCHED_DEADLINE 2000000/20000000"
check_json "and in the ledger" 'length == 1 and .[0].thread == "vhost0"' virtrk top --json
check "released" 0 '' virtrk release a --vhost 0
check_equal "it is what it was" "$(parameters "$worker")" SCHED_OTHER
check "alone it gets no CPU of its own" 1 'vhost0 of a cannot get a CPU of its own: only a vCPU can' virtrk reserve a --vhost 0 --budget 2ms --period 20ms --cpu 2
check "the vCPU gets one" 0 'exclusive, CPU 2' virtrk reserve a --vcpu 0 --budget 8ms --period 20ms --cpu 2
check "and the worker a place beside it" 0 'exclusive, CPU 2' virtrk reserve a --vhost 0 --budget 2ms --period 20ms --cpu 2
check_equal "both are there" "$(cpus_of "$vcpu") $(cpus_of "$worker") $(parameters "$worker") $(housekeeping)" "2 2 SCHED_DEADLINE 2000000/20000000 0-1,3"
check "together they have to fit" 3 'does not fit' virtrk reserve a --vhost 0 --budget 9ms --period 20ms --replace
check "the worker's is released" 0 '' virtrk release a --vhost 0
check_soon "it goes back to the emulator's group" 10 in_group "$worker" "$group/emulator"
check_equal "the vCPU has its own still" "$(cpus_of "$vcpu") $(parameters "$vcpu")" "2 SCHED_DEADLINE 8000000/20000000"
check "once more both" 0 'exclusive, CPU 2' virtrk reserve a --vhost 0 --budget 2ms --period 20ms --cpu 2
child_end "$qemu" KILL
find "$slice/machine-qemu-a.scope" -depth -type d -exec rmdir {} +
check_soon "the domain ends: all is given back" 10 all_back
check_json "nothing is reserved" '. == []' virtrk top --json
vm_done
