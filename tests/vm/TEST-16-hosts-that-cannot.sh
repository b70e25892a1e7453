#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tier: B
# boot: isolcpus=3
#
# CPUs that cannot be had, and hosts on which none can: isolated by boot options, somebody else's, of a domain that libvirt did not start; control
# groups of version 1, of both versions, or none. Each is refused in one line that names the rule, and nothing is
# changed; what needs no CPU of its own is reserved as ever. And who reserves for fewer vCPUs than there are is told what the others get.
# shellcheck disable=SC2317,SC2329  # functions are called by name
# shellcheck source=tests/vm/lib.sh
. /src/tests/vm/lib.sh
vm_begin hosts-that-cannot

cgroups=/sys/fs/cgroup
slice=$cgroups/machine.slice
export VIRTRK_BUS=$e2e_dir/bus
# The reset vector is a jump to itself.
head -c 65536 /dev/zero >"$e2e_dir/spin.bin"
printf '\xeb\xfe' | dd of="$e2e_dir/spin.bin" bs=1 seek=65520 conv=notrunc status=none
declare -A vcpu
one="--budget 10ms --period 100ms"

qemu_up() {	# NAME VCPUS
	child_start "$e2e_dir/$1.log" qemu-system-x86_64 -name "guest=$1,debug-threads=on" -accel tcg,thread=multi -smp "$2" -m 16 \
		-nodefaults -no-user-config -display none -bios "$e2e_dir/spin.bin"
	guest_pid[$1]=$child
	wait_for 20 thread_find "$child" "CPU $(($2 - 1))/*" >/dev/null && vcpu[$1]=$(thread_find "$child" 'CPU 0/*')
}
# libvirt's groups of a domain: ".../libvirt/{emulator,vcpuN}", threaded, with cpuset handed on down to there.
groups_up() {	# NAME VCPUS
	local scope=$slice/machine-qemu-$1.scope name i

	mkdir -p "$scope/libvirt/emulator"
	echo '+cpuset +cpu' >"$scope/cgroup.subtree_control"
	for ((i = 0; i < $2; i++)); do mkdir "$scope/libvirt/vcpu$i"; done
	for name in "$scope"/libvirt/*/; do echo threaded >"$name/cgroup.type"; done
	echo '+cpuset +cpu' >"$scope/libvirt/cgroup.subtree_control"
	echo "${guest_pid[$1]}" >"$scope/libvirt/cgroup.procs"
	echo "${guest_pid[$1]}" >"$scope/libvirt/emulator/cgroup.threads"
	for ((i = 0; i < $2; i++)); do thread_find "${guest_pid[$1]}" "CPU $i/*" >"$scope/libvirt/vcpu$i/cgroup.threads"; done
}
daemon_up() {
	child_start "$e2e_dir/daemon.log" virtrkd --bus="$VIRTRK_BUS" --state="$e2e_dir/state" --config="$e2e_dir/config" \
		--libvirt=none --verbose
	daemon=$child
	wait_for 20 virtrk list >/dev/null && check_soon "$1" 20 virtrk_says "length == $2" list
}
everything() {
	grep -rs '' --exclude-dir='script-*' --include='cpuset*' --include=cgroup.threads --include=cgroup.subtree_control "$cgroups" | sort
	for tid in "${vcpu[@]}"; do grep Cpus_allowed_list "/proc/$tid/status"; parameters "$tid"; done
}
refused() {	# "what" EXIT REGEX COMMAND...
	local before
	before=$(everything)
	check "$@"
	[ "$(wc -l <<<"$output")" -eq 1 ] || fail "$1: more than one line"
	[ "$before" = "$(everything)" ] || fail "$1: something changed: $(diff <(echo "$before") <(everything))"
}
reserved_plainly() {	# DOMAIN
	# shellcheck disable=SC2086
	check "without a CPU of its own it is reserved" 0 '^reserved 10ms' virtrk reserve "$1" --vcpu 0 $one
	check_equal "in the kernel, too" "$(parameters "${vcpu[$1]}")" "SCHED_DEADLINE 10000000/100000000"
	check "and released" 0 '' virtrk release "$1"
}

# --- a host that can -----------------------------------------------------------------------------------------------------

check_equal "CPU 3 is isolated by boot options" "$(cat /sys/devices/system/cpu/isolated)" 3
echo '+cpuset +cpu' >"$cgroups/cgroup.subtree_control"
mkdir -p "$slice" "$cgroups/other"
echo '+cpuset +cpu' >"$slice/cgroup.subtree_control"
for name in a b foreign; do qemu_up "$name" 2 || { fail "$name does not start"; vm_done; }; done
groups_up a 2
groups_up b 2
echo "${guest_pid[foreign]}" >"$cgroups/other/cgroup.procs"
daemon_up "three domains" 3
# shellcheck disable=SC2086
{
refused "an isolated CPU" 1 'CPU 3 is isolated by boot options \(isolcpus\)' virtrk reserve a --vcpu 0 $one --cpu 3
check_json "who reserves for one of two vCPUs is told what the other gets" \
	'.reason | test("vcpu1 of a has no reservation: it runs in what reservations leave")' virtrk check a --vcpu 0 $one --cpu 2-3 --json
check "of a list another one is taken" 0 'exclusive, CPU 2' virtrk reserve a --vcpu 0 $one --cpu 2-3
refused "the same one for another domain" 1 'CPU 2 is exclusive to vcpu0 of a' virtrk reserve b --vcpu 0 $one --cpu 2
check "of two one is free: they share it" 0 'exclusive, CPU 0, EDF' virtrk check b --vcpu 0,1 $one --cpu 0,3
refused "a domain that libvirt did not start" 1 'only threads that libvirt started have a control group' virtrk reserve foreign --vcpu 0 $one --cpu 1
check "another one" 0 'exclusive, CPU 0' virtrk reserve b --vcpu 0 $one --cpu 0
refused "all that are not isolated: one stays" 1 'CPU 1 is the last one' virtrk reserve b --vcpu 1 $one --cpu 1
}
check "the doctor says which way is which" 0 'regime-exclusive' virtrk doctor
for name in a b; do virtrk release "$name" >/dev/null; done
all_back() { [ -z "$(find "$slice" -name rk)" ]; }
check_soon "released" 10 all_back
reserved_plainly foreign

# --- hosts on which none can be set apart ------------------------------------------------------------------------------------

# What a program sees of them is what is mounted.
child_end "$daemon" TERM
for name in "${!guest_pid[@]}"; do child_end "${guest_pid[$name]}" KILL; done
guest_pid=() vcpu=()
find "$slice" "$cgroups/other" -depth -type d -exec rmdir {} +
rm -rf "$e2e_dir/state"
umount -l "$cgroups"

cannot() {	# "host" REGEX
	qemu_up plain 2 || { fail "$1: the domain does not start"; return; }
	daemon_up "$1" 1
	# shellcheck disable=SC2086
	refused "$1: a CPU" 1 "$2" virtrk reserve plain --vcpu 0 $one --cpu 2
	check "$1: the doctor says it, too" 0 'regime-exclusive' virtrk doctor
	reserved_plainly plain
	child_end "$daemon" TERM
	child_end "${guest_pid[plain]}" KILL
	unset 'vcpu[plain]' 'guest_pid[plain]'
}
why='no CPU can be set apart on this host: that needs control groups of version 2 with cpuset'
mount -t tmpfs tmpfs "$cgroups"
cannot "no control groups" "$why"
mkdir "$cgroups/systemd" "$cgroups/unified"
mount -t cgroup -o none,name=systemd cgroup "$cgroups/systemd"	# whatever else the kernel has of version 1
cannot "version 1" "$why"
mount -t cgroup2 cgroup2 "$cgroups/unified"
cannot "both versions" "$why|only threads that libvirt started have a control group"
umount "$cgroups/unified" "$cgroups/systemd" "$cgroups"
mount -t cgroup2 cgroup2 "$cgroups"
vm_done
