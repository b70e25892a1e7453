#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tier: B
# only: long
# limit: 800
#
# CPUs of their own: a vCPU gets a cpuset partition, runs only there, is given its budget and no more; what does not go is refused
# in one line and changes nothing; the CPU comes back when the reservation is released, the domain ends, or the
# daemon is killed anywhere in between. The domains are QEMUs in control groups as libvirt lays them.
# shellcheck disable=SC2317,SC2329  # functions are called by name
# shellcheck source=tests/vm/lib.sh
. /src/tests/vm/lib.sh
vm_begin partitions

cgroups=/sys/fs/cgroup
slice=$cgroups/machine.slice
export VIRTRK_BUS=$e2e_dir/bus
mount -t debugfs none /sys/kernel/debug 2>/dev/null
echo HRTICK_DL >/sys/kernel/debug/sched/features

# A guest that spins from its first instruction on: the reset vector is a jump to itself.
head -c 65536 /dev/zero >"$e2e_dir/spin.bin"
printf '\xeb\xfe' | dd of="$e2e_dir/spin.bin" bs=1 seek=65520 conv=notrunc status=none

# libvirt's groups of a domain: ".../libvirt/{emulator,vcpuN}", threaded, with cpuset handed on down to there.
scope_of() {
	echo "$slice/machine-qemu-$1.scope"
}

domain_up() {	# NAME
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
	wait_for 20 thread_find "$child" 'CPU 0/*' >/dev/null || return 1
	vcpu[$1]=$(thread_find "$child" 'CPU 0/*')
	echo "$child" >"$scope/libvirt/cgroup.procs"
	echo "$child" >"$scope/libvirt/emulator/cgroup.threads"
	echo "${vcpu[$1]}" >"$scope/libvirt/vcpu0/cgroup.threads"
}

# As systemd ends a scope: kills, then removes it from below.
domain_down() {
	local scope
	scope=$(scope_of "$1")

	child_end "${guest_pid[$1]}" KILL
	find "$scope" -depth -type d -exec rmdir {} +
}

daemon_up() {
	child_start "$e2e_dir/daemon.log" virtrkd --bus="$VIRTRK_BUS" --state="$e2e_dir/state" --config="$e2e_dir/config" \
		--libvirt=none --on-drift=report --verbose
	daemon=$child
	wait_for 20 virtrk list >/dev/null
}

daemon_kill() {
	kill -KILL "$daemon"
	wait "$daemon" 2>/dev/null
}

housekeeping() { cat "$cgroups/cpuset.cpus.effective"; }
rk_of() { echo "$(scope_of "$1")/libvirt/vcpu0/rk"; }
cpus_of() { taskset -pc "$1" | sed 's/.*: //'; }
booked() { sed -n 's/.*dl_bw->total_bw *: //p' /sys/kernel/debug/sched/debug | paste -s -d ' '; }
exclusive() { cat "$slice/cpuset.cpus.exclusive"; }
all_back() { [ "$(housekeeping)" = 0-3 ] && [ -z "$(exclusive)" ]; }
# Everything that a request may change, to compare before and after.
everything() {
	grep -r '' --include='cpuset.cpus*' --include=cgroup.threads --include=cgroup.subtree_control "$slice" 2>/dev/null | sort
	for tid in "${vcpu[@]}"; do grep Cpus_allowed_list "/proc/$tid/status"; done
	booked
}

declare -A vcpu
echo '+cpuset +cpu' >"$cgroups/cgroup.subtree_control"
mkdir -p "$slice"
echo '+cpuset +cpu' >"$slice/cgroup.subtree_control"
for name in a b c d; do
	domain_up "$name" || { fail "the domain $name does not start"; vm_done; }
done
daemon_up || { cat "$e2e_dir/daemon.log"; fail "virtrkd does not start"; vm_done; }
check_soon "four domains" 20 virtrk_says 'length == 4' list
# The kernel books its own servers on a CPU only when the CPU changes its root domain for the first time.
mkdir "$cgroups/other"
echo 3 >"$cgroups/other/cpuset.cpus"
echo root >"$cgroups/other/cpuset.cpus.partition"
rmdir "$cgroups/other"
empty=$(booked)

# --- made ---------------------------------------------------------------------------------------------------------------

big='--vcpu 0 --budget 85ms --period 100ms'
# shellcheck disable=SC2086
check "85 of 100 ms on a CPU of its own" 0 'qpa; exclusive, CPU 2, EDF' virtrk reserve a $big --cpu 2
check_equal "the kernel has made the partition" "$(cat "$(rk_of a)/cpuset.cpus.partition")" root
check_equal "with that CPU" "$(cat "$(rk_of a)/cpuset.cpus.effective")" 2
check_equal "and the others have the rest" "$(housekeeping)" 0-1,3
check_equal "the thread may run only there" "$(cpus_of "${vcpu[a]}")" 2
check_equal "with its reservation" "$(parameters "${vcpu[a]}")" "SCHED_DEADLINE 85000000/100000000"
used_start "${vcpu[a]}"
sleep 5
used_stop "${vcpu[a]}"
check_between "it is given its budget: delivered / promised" "$(awk -v u="$used_us" -v e="$elapsed_us" 'BEGIN { printf "%.3f", u / e / 0.85 }')" 0.97 1.03
check_json "capacity has both places" 'length == 2 and .[0].ncpus == 3 and .[1].name == "cpu2" and .[1].cpus == "2" and .[1].reservations == 1' virtrk capacity --json
check_json "show, too" '.threads[] | select(.name == "vcpu0") | .reservation.cpus == "2" and .reservation.drift == ""' virtrk show a --json

# --- refused, and nothing changed -----------------------------------------------------------------------------------------

refused() {	# "what" EXIT REGEX COMMAND...
	local before
	before=$(everything)
	check "$@"
	[ "$(wc -l <<<"$output")" -le 2 ] || fail "$1: more than two lines"
	[ "$before" = "$(everything)" ] || fail "$1: something changed: $(diff <(echo "$before") <(everything))"
}
refused "the CPU of another" 1 'CPU 2 is exclusive to vcpu0 of a' virtrk reserve b --vcpu 0 --budget 1ms --period 10ms --cpu 2
refused "a CPU that is not there" 1 'CPU 9 does not exist or is offline' virtrk reserve b --vcpu 0 --budget 1ms --period 10ms --cpu 9
refused "one that nobody can have" 1 'no list of CPUs' virtrk reserve b --vcpu 0 --budget 1ms --period 10ms --cpu 5000
refused "more than a CPU gives" 3 'does not fit' virtrk reserve b --vcpu 0 --budget 96ms --period 100ms --cpu 3
refused "the emulator" 1 'only a vCPU can' virtrk reserve b --emulator --budget 1ms --period 10ms --cpu 3
refused "another CPU in its place" 1 'release it first' virtrk reserve a --vcpu 0 --budget 1ms --period 10ms --cpu 3 --replace
echo 0 >/sys/devices/system/cpu/cpu3/online
refused "a CPU that is offline" 1 'CPU 3 does not exist or is offline' virtrk reserve b --vcpu 0 --budget 1ms --period 10ms --cpu 3
echo 1 >/sys/devices/system/cpu/cpu3/online
mkdir "$(scope_of b)/libvirt/vcpu1"
echo threaded >"$(scope_of b)/libvirt/vcpu1/cgroup.type"
echo 3 >"$(scope_of b)/libvirt/vcpu1/cpuset.cpus"
refused "the only CPU of a sibling" 1 'is the only CPU of .*vcpu1' virtrk reserve b --vcpu 0 --budget 1ms --period 10ms --cpu 3
rmdir "$(scope_of b)/libvirt/vcpu1"
mkdir "$cgroups/other"
echo 3 >"$cgroups/other/cpuset.cpus"
echo root >"$cgroups/other/cpuset.cpus.partition"
refused "in a partition of somebody else" 1 'CPU 3 belongs to a cpuset partition that is not of virtrkd' virtrk reserve b --vcpu 0 --budget 1ms --period 10ms --cpu 3
rmdir "$cgroups/other"
check "check says what reserve will" 0 'exclusive, CPU 1, EDF' virtrk check b --vcpu 0 --budget 85ms --period 100ms --cpu 1

# --- more than the tests for global EDF would allow -------------------------------------------------------------------------

# shellcheck disable=SC2086
{
check "the same for b" 0 'exclusive, CPU 3' virtrk reserve b $big --cpu 2-3
check "and for c" 0 'exclusive, CPU 1' virtrk reserve c $big --cpu 1-3
refused "not the last CPU" 1 'at least one has to stay' virtrk reserve d $big --cpu 0
}
check_equal "one stays" "$(housekeeping)" 0
for name in a b c; do
	used_start "${vcpu[$name]}"
	sleep 3
	used_stop "${vcpu[$name]}"
	check_between "all three have theirs: $name" "$(awk -v u="$used_us" -v e="$elapsed_us" 'BEGIN { printf "%.3f", u / e / 0.85 }')" 0.97 1.03
done
for name in a b c; do check "release $name" 0 '' virtrk release "$name"; done
check_soon "all CPUs come back" 10 all_back
check_equal "and nothing stays booked" "$(booked)" "$empty"
shared=0
for name in a b c; do
	# shellcheck disable=SC2086
	virtrk reserve "$name" $big >/dev/null 2>&1 && shared=$((shared + 1))
done
check_between "of three such reservations four shared CPUs hold fewer (one CPU each held three)" "$shared" 0 2
for name in a b c; do virtrk release "$name" >/dev/null 2>&1; done

# --- parameters in place, and again ------------------------------------------------------------------------------------------

check "10 of 100 ms" 0 'CPU 2' virtrk reserve a --vcpu 0 --budget 10ms --period 100ms --cpu 2
check "30 of 100 ms in its place" 0 '' virtrk reserve a --vcpu 0 --budget 30ms --period 100ms --replace
check_equal "are on the same CPU" "$(cpus_of "${vcpu[a]}") $(parameters "${vcpu[a]}")" "2 SCHED_DEADLINE 30000000/100000000"
check "released" 0 '' virtrk release a
check "and reserved again at once: it waits" 0 'CPU 2' virtrk reserve a --vcpu 0 --budget 20ms --period 100ms --cpu 2
used_start "${vcpu[a]}"
sleep 6
used_stop "${vcpu[a]}"
check_between "and runs" "$(awk -v u="$used_us" -v e="$elapsed_us" 'BEGIN { printf "%.3f", 5 * u / e }')" 0.9 1.1

# --- somebody else writes ----------------------------------------------------------------------------------------------------

virtrk monitor >"$e2e_dir/events" &
monitor=$!
sleep 1
echo member >"$(rk_of a)/cpuset.cpus.partition"
check_soon "a foreign write to cpuset.cpus.partition is reported within 1 s" 1 grep -q 'partition' "$e2e_dir/events"
check_json "and stands there" '.threads[] | select(.name == "vcpu0") | .reservation.drift | startswith("partition: member")' virtrk show a --json
echo root >"$(rk_of a)/cpuset.cpus.partition"
check_soon "put right, it is none any more" 5 virtrk_says '.threads[] | select(.name == "vcpu0") | .reservation.drift == ""' show a
kill "$monitor"

# --- the domain ends -----------------------------------------------------------------------------------------------------------

domain_down a
check_soon "the domain ends: the CPU is back, and in no list any more" 10 all_back
check_json "nothing is reserved" '. == []' virtrk top --json
check_equal "nothing is booked" "$(booked)" "$empty"
domain_up a

# --- kill -9 anywhere ------------------------------------------------------------------------------------------------------------

check_soon "the domain is found again" 20 virtrk_says 'length == 4' list
check "a reservation that must not be lost" 0 'CPU 3' virtrk reserve d --vcpu 0 --budget 20ms --period 100ms --cpu 3
consistent() {	# the ledger has what the kernel has
	local ledger kernel
	ledger=$(virtrk capacity --json | jq -r '.[1:][].cpus' | sort -n | paste -s -d ,)
	kernel=$(find "$slice" -name rk -exec cat {}/cpuset.cpus.effective \; | sort -n | paste -s -d ,)
	[ "$ledger" = "$kernel" ] && [ "$(find "$slice" -name rk | wc -l)" = "$(virtrk top --json | jq length)" ]
}
# killed_at SYSCALL N COMMAND...: the daemon dies at its N-th such call while the command waits for it, or at the latest after it
killed_at() {
	local call=$1 n=$2
	shift 2

	strace -o /dev/null -p "$daemon" -e trace="$call" -e "inject=$call:signal=KILL:when=$n" 2>/dev/null &
	wait_for 10 grep -q 'TracerPid:.*[1-9]' "/proc/$daemon/status"
	"$@" >/dev/null 2>&1 && kept=$((kept + 1))
	sleep 0.5	# a partition is removed after the answer
	daemon_kill
	wait $! 2>/dev/null
	[ ! -e "$(rk_of a)" ] || left=$((left + 1))
	daemon_up || return 1
	wait_for 10 consistent >/dev/null || { tail -n 5 "$e2e_dir/daemon.log"; everything; return 1; }
	[ "$(cpus_of "${vcpu[d]}") $(parameters "${vcpu[d]}")" = "3 SCHED_DEADLINE 20000000/100000000" ]
}
bad=0 kept=0 left=0 kills=0
for at in mkdirat:1 write:{1..14} sched_setattr:1; do
	killed_at "${at%:*}" "${at#*:}" virtrk reserve a --vcpu 0 --budget 10ms --period 20ms --cpu 1-2 || bad=$((bad + 1))
	virtrk release a >/dev/null 2>&1
	wait_for 10 virtrk_says 'length == 2' capacity >/dev/null || bad=$((bad + 1))
	kills=$((kills + 1))
done
check_equal "killed at $kills calls of making a partition ($left times something was left, $kept times all was done): ledger and kernel agree" "$bad" 0
bad=0 kept=0 left=0 kills=0
for at in sched_setattr:1 write:{1..9} unlinkat:{1..3}; do
	virtrk reserve a --vcpu 0 --budget 10ms --period 20ms --cpu 1-2 >/dev/null 2>&1
	killed_at "${at%:*}" "${at#*:}" virtrk release a || bad=$((bad + 1))
	virtrk release a >/dev/null 2>&1
	wait_for 10 virtrk_says 'length == 2' capacity >/dev/null || bad=$((bad + 1))
	kills=$((kills + 1))
done
check_equal "killed at $kills calls of removing it ($left times something was left, $kept times the answer came before): ledger and kernel agree" "$bad" 0
virtrk release d >/dev/null
check_soon "and all comes back" 10 all_back
check_equal "nothing is booked in the end" "$(booked)" "$empty"

# --- what it costs the others ------------------------------------------------------------------------------------------------------

latency() { cyclictest -q -t 1 -a 0 -p 50 -i 1000 -D 6 | sed -n 's/.*Max: *\([0-9]*\).*/\1/p'; }
for name in a b c d; do virtrk release "$name" >/dev/null 2>&1; done
quiet=$(latency)
(for i in 1 2 3 4 5 6; do
	virtrk reserve a --vcpu 0 --budget 10ms --period 20ms --cpu 2
	virtrk release a
	sleep 0.4
done) >/dev/null 2>&1 &
changing=$(latency)
wait $!
echo "a heartbeat of 1 ms on another CPU: latest by $quiet us without, $changing us with 12 partition changes: ratio $(awk -v a="$changing" -v b="$quiet" 'BEGIN { printf "%.1f", a / (b ? b : 1) }') (emulated host: only the ratio means something)"
vm_done
