# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Machines for tests of tier B, to be sourced after lib.sh: QEMUs whose guest spins from its first instruction on, in control groups
# as libvirt lays them, there in half a second; a private virtrkd; and what the kernel holds, to be compared with the ledger.

cgroups=/sys/fs/cgroup
slice=$cgroups/machine.slice
declare -A vcpu	# tid by name
daemon=
server_bw=0	# what the kernel books for its own server on each CPU

machines_begin() {
	export VIRTRK_BUS=$e2e_dir/bus
	cc -D_GNU_SOURCE -o "$e2e_dir/look" /src/tests/e2e/look.c || { fail "look.c cannot be built"; vm_done; }
	mount -t debugfs none /sys/kernel/debug 2>/dev/null
	spin_make "$e2e_dir/spin.bin"
	echo 950000 >/proc/sys/kernel/sched_rt_runtime_us	# whatever the test before this one needed
	echo '+cpuset +cpu' >"$cgroups/cgroup.subtree_control"
	mkdir -p "$slice"
	echo '+cpuset +cpu' >"$slice/cgroup.subtree_control"
	books_open
	server_bw=$(($(booked | cut -d ' ' -f 1) / $(nproc)))
}

# The kernel books its own servers on a CPU when the CPU changes its root domain, and forgets them when it makes its domains anew, as it
# does for a new machine's control groups: whoever compares what is booked calls this when his machines are up.
books_open() {
	mkdir "$cgroups/other"
	echo 1-3 >"$cgroups/other/cpuset.cpus"
	echo root >"$cgroups/other/cpuset.cpus.partition"
	rmdir "$cgroups/other"
}

# Nothing is booked but the kernel's own servers. Where it has forgotten them it is made to count anew: them, and whoever is SCHED_DEADLINE still.
books_empty() {
	[[ ! $(booked) =~ ^0( 0)*$ ]] || books_open
	[ "$(booked)" = "$1" ]
}

scope_of() {
	echo "$slice/machine-qemu-$1.scope"
}

# machine_up NAME: ".../libvirt/{emulator,vcpu0}", threaded, with cpuset handed on down to there
machine_up() {
	local scope
	scope=$(scope_of "$1")

	mkdir -p "$scope/libvirt/emulator" "$scope/libvirt/vcpu0"
	echo '+cpuset +cpu' >"$scope/cgroup.subtree_control"
	echo threaded >"$scope/libvirt/emulator/cgroup.type"
	echo threaded >"$scope/libvirt/vcpu0/cgroup.type"
	echo '+cpuset +cpu' >"$scope/libvirt/cgroup.subtree_control"
	child_start "$e2e_dir/$1.log" qemu-system-x86_64 -name "guest=$1,debug-threads=on" -accel tcg -m 16 -nodefaults \
		-no-user-config -display none -bios "$e2e_dir/spin.bin"
	guest_pid[$1]=$child
	wait_for 60 thread_find "$child" 'CPU 0/*' || return 1
	vcpu[$1]=$(thread_find "$child" 'CPU 0/*')
	echo "$child" >"$scope/libvirt/cgroup.procs"
	echo "$child" >"$scope/libvirt/emulator/cgroup.threads"
	echo "${vcpu[$1]}" >"$scope/libvirt/vcpu0/cgroup.threads"
}

# machine_down NAME: as systemd ends a scope: kills, then removes it from below
machine_down() {
	local scope
	scope=$(scope_of "$1")

	child_end "${guest_pid[$1]}" KILL
	unset "guest_pid[$1]" "vcpu[$1]"
	wait_for 10 scope_remove "$scope"
}

scope_remove() {
	[ ! -e "$1" ] || find "$1" -depth -type d -exec rmdir {} +
}

# With $daemon_options; does not wait for anything but its answer.
daemon_options=()
daemon_up() {
	child_start "$e2e_dir/daemon.log" virtrkd --bus="$VIRTRK_BUS" --state="$e2e_dir/state" --config="$e2e_dir/config" \
		--libvirt=none --verbose "${daemon_options[@]}"
	daemon=$child
	wait_for 60 virtrk list
}

daemon_kill() {
	child_end "$daemon" KILL
}

# --- what the kernel holds ------------------------------------------------------------------------------------------------

booked() {
	sed -n 's/.*dl_bw->total_bw *: //p' /sys/kernel/debug/sched/debug | paste -s -d ' '
}

housekeeping() {
	cat "$cgroups/cpuset.cpus.effective"
}

# All that virtrkd may change: policies, CPUs, control groups, booked bandwidth (look.c). Of that what is left when the kernel's own servers are
# taken out, however many of them it has forgotten: a reservation is no multiple of one.
kernel_state() {
	local name threads=()

	for name in "${!vcpu[@]}"; do
		threads+=("$name=${vcpu[$name]}")
	done
	"$e2e_dir/look" /sys/kernel/debug "${threads[@]}" |
		awk -v server="$server_bw" '$1 == "held" { next } $1 == "booked" && server > 0 { $2 %= server } 1' | sort
}

# The same of both as "reserved NAME BUDGET/PERIOD" and "apart CPUS" lines: which threads have what, and which CPUs are set apart.
ledger_lines() {
	{ virtrk top --json && virtrk capacity --json; } |
		jq -rs '(.[0][] | "reserved \(.domain) \(.budget_ns)/\(.period_ns)"), (.[1][1:][] | "apart \(.cpus)")' | sort
}

kernel_lines() {
	kernel_state | grep -E '^(reserved|apart) '
}

ledger_is_kernel() {
	[ "$(ledger_lines)" = "$(kernel_lines)" ]
}
