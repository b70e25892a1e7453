#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tier: B
# limit: 300
#
# A host whose kernel checks nothing (sched_rt_runtime_us = -1, as some set it for real-time guests): threads of several domains
# are pinned to one CPU and get their budgets there, our admission is the only one, and says no where the kernel would not; affinities
# are put back, also when the daemon is killed anywhere in between. A domain here is one thread that spins.
# shellcheck disable=SC2317,SC2329  # functions are called by name
# shellcheck source=tests/vm/lib.sh
. /src/tests/vm/lib.sh
vm_begin pinned

export VIRTRK_BUS=$e2e_dir/bus
mount -t debugfs none /sys/kernel/debug 2>/dev/null
echo HRTICK_DL >/sys/kernel/debug/sched/features

# No QEMU, but called as one: a main thread that spins is all that is needed.
cp /usr/bin/bash "$e2e_dir/qemu-system-x86_64"
declare -A spin
for name in a b c; do
	child_start "$e2e_dir/$name.log" "$e2e_dir/qemu-system-x86_64" -c 'while :; do :; done' -name "$name"
	spin[$name]=$child
done

daemon_up() {
	child_start "$e2e_dir/daemon.log" virtrkd --bus="$VIRTRK_BUS" --state="$e2e_dir/state" --config="$e2e_dir/config" \
		--libvirt=none --verbose
	daemon=$child
	wait_for 20 virtrk_says 'length == 3' list >/dev/null
}
daemon_kill() {
	kill -KILL "$daemon" 2>/dev/null
	wait "$daemon" 2>/dev/null
}
cpus_of() { taskset -pc "$1" | sed 's/.*: //'; }
runs_on() { [ "$(cpus_of "${spin[$1]}")" = "$2" ]; }
# Everything that a request may change, to compare before and after.
everything() {
	for name in a b c; do echo "$name $(cpus_of "${spin[$name]}") $(parameters "${spin[$name]}")"; done
}
refused() {	# "what" EXIT REGEX COMMAND...
	local before
	before=$(everything)
	check "$@"
	[ "$(wc -l <<<"$output")" -le 2 ] || fail "$1: more than two lines"
	check_equal "$1: nothing changed" "$(everything)" "$before"
}
ran_until() { [ "$(cut -d ' ' -f 1 "/proc/${spin[$1]}/schedstat")" -gt "$2" ]; }
runs() {	# NAME...: a thread whose budget the kernel has lost never does. What they get, TEST-07 says
	local name
	for name; do
		check_soon "$name runs" 30 ran_until "$name" "$(($(cut -d ' ' -f 1 "/proc/${spin[$name]}/schedstat") + 10000000))"
	done
}

# --- while the kernel checks -------------------------------------------------------------------------------------------------

daemon_up || { cat "$e2e_dir/daemon.log"; fail "virtrkd does not start"; vm_done; }
limit=$(cat /proc/sys/kernel/sched_rt_runtime_us)
refused "the kernel checks: there is no pinning" 1 'has a control group for it|only a vCPU can' \
	virtrk reserve a --emulator --budget 30ms --period 100ms --cpu 2

# --- made ------------------------------------------------------------------------------------------------------------------

echo -1 >/proc/sys/kernel/sched_rt_runtime_us
virtrk doctor --json >"$e2e_dir/doctor"
check "doctor has looked again, and warns" 0 '^true$' jq 'any(.[]; .check == "rt-limit" and .level == "warn")' "$e2e_dir/doctor"
check "30 of 100 ms, pinned" 0 'qpa; pinned, CPU 2, EDF' virtrk reserve a --emulator --budget 30ms --period 100ms --cpu 2
check_equal "the thread may run only there" "$(cpus_of "${spin[a]}") $(parameters "${spin[a]}")" "2 SCHED_DEADLINE 30000000/100000000"
check "55 of 100 ms of another domain on the same CPU" 0 'qpa; pinned, CPU 2, EDF' virtrk reserve b --emulator --budget 55ms --period 100ms --cpu 2
runs a b
check_json "capacity has the CPU" 'length == 2 and .[0].name == "root-domain" and .[1].name == "cpu2" and .[1].reservations == 2 and .[1].regime == "pinned, EDF"' virtrk capacity --json

# --- refused, and nothing changed --------------------------------------------------------------------------------------------

refused "what the kernel would allow, and the test does not" 3 'does not fit' virtrk reserve c --emulator --budget 20ms --period 100ms --cpu 2
chrt --deadline --sched-runtime 20000000 --sched-deadline 100000000 --sched-period 100000000 0 sleep 1000 &
roams=$!
wait_for 10 grep -q '^sleep' "/proc/$roams/comm"
check_equal "(it would: SCHED_DEADLINE for anybody)" "$(parameters "$roams")" "SCHED_DEADLINE 20000000/100000000"
refused "beside a SCHED_DEADLINE thread that may come there" 1 "thread $roams .sleep, not ours. is SCHED_DEADLINE and may come there" \
	virtrk reserve c --emulator --budget 5ms --period 100ms --cpu 1
taskset -pc 0 "$roams" >/dev/null
refused "another CPU in its place" 1 'is pinned to a CPU already: release it first' virtrk reserve a --emulator --budget 1ms --period 10ms --cpu 3 --replace
refused "a CPU that is not there" 1 'CPU 9 does not exist or is offline' virtrk reserve c --emulator --budget 1ms --period 10ms --cpu 9
check "who names no CPU gets one on which it fits, too" 0 '^reserved 20ms' virtrk reserve c --emulator --budget 20ms --period 100ms
check_equal "and may run only there" "$(cpus_of "${spin[c]}")" 0
runs c
check "released" 0 '' virtrk release c
check_soon "it may run everywhere again" 5 runs_on c 0-3
kill "$roams"
wait "$roams" 2>/dev/null
echo 950000 >/proc/sys/kernel/sched_rt_runtime_us
refused "the limit is back" 1 'somebody has set sched_rt_runtime_us from -1 to 950000' virtrk reserve c --emulator --budget 1ms --period 10ms --cpu 3
echo -1 >/proc/sys/kernel/sched_rt_runtime_us
taskset -pc 1-2 "${spin[c]}" >/dev/null
virtrk release a >/dev/null
virtrk release b >/dev/null
refused "on all CPUs, for one that may not run on all" 1 'may not run on all CPUs.*name CPUs for it' \
	virtrk reserve c --emulator --budget 1ms --period 10ms
check "with a CPU it works" 0 'pinned, CPU 1' virtrk reserve c --emulator --budget 1ms --period 10ms --cpu 1
check "released" 0 '' virtrk release c
check_soon "where it could run before, it can again" 5 runs_on c 1,2
taskset -pc 0-3 "${spin[c]}" >/dev/null
check "one on all CPUs" 0 '^reserved 10ms' virtrk reserve a --emulator --budget 10ms --period 100ms
refused "beside one on all CPUs nobody is pinned" 1 'emulator of a has a reservation on all CPUs' virtrk reserve b --emulator --budget 1ms --period 10ms --cpu 2
virtrk release a >/dev/null

# --- parameters in place, and the thread is moved --------------------------------------------------------------------------------

check "10 of 100 ms" 0 'CPU 3' virtrk reserve a --emulator --budget 10ms --period 100ms --cpu 3
check "30 of 100 ms in its place" 0 '^reserved 30ms' virtrk reserve a --emulator --budget 30ms --period 100ms --replace
check_equal "are on the same CPU" "$(cpus_of "${spin[a]}") $(parameters "${spin[a]}")" "3 SCHED_DEADLINE 30000000/100000000"
taskset -pc 1 "${spin[a]}" >/dev/null
check_soon "moved by somebody else, it is brought back" 20 runs_on a 3
check_json "and it is no drift any more" '.threads[] | select(.name == "emulator") | .reservation.drift == "" and .reservation.cpus == "3"' virtrk show a --json

# --- moved as libvirt moves, by its control group --------------------------------------------------------------------------------

own=/sys/fs/cgroup/machine.slice/m.scope/libvirt/emulator
mkdir -p "$own"
for group in /sys/fs/cgroup /sys/fs/cgroup/machine.slice{,/m.scope,/m.scope/libvirt}; do echo +cpuset >"$group/cgroup.subtree_control"; done
echo "${spin[a]}" >"$own/cgroup.procs"
group_has() { [ "$(cat "$own/cpuset.cpus")" = "$1" ]; }
echo 1 >"$own/cpuset.cpus"
check_soon "denied its CPU by its group, it is brought back" 20 runs_on a 3
check_equal "the CPU was added there" "$(cat "$own/cpuset.cpus")" 1,3
echo 2 >"$own/cpuset.cpus"
check_soon "and again" 20 runs_on a 3
check_equal "to what is there now" "$(cat "$own/cpuset.cpus")" 2-3
daemon_kill
daemon_up
check "released by the next virtrkd" 0 '' virtrk release a
check_soon "its group has what somebody else wrote" 20 group_has 2
check_equal "and it runs there" "$(cpus_of "${spin[a]}") $(parameters "${spin[a]}")" "2 SCHED_OTHER"
echo "${spin[a]}" >/sys/fs/cgroup/cgroup.procs
taskset -pc 0-3 "${spin[a]}" >/dev/null
for group in "$own" "${own%/*}" "${own%/*/*}"; do rmdir "$group"; done
check "30 of 100 ms again" 0 'CPU 3' virtrk reserve a --emulator --budget 30ms --period 100ms --cpu 3

# --- kill -9 anywhere ------------------------------------------------------------------------------------------------------------

consistent() {	# who is reserved is pinned, who is not may run everywhere
	local reserved name
	reserved=$(virtrk top --json | jq -r '.[].domain')
	for name in a b c; do
		if grep -qx "$name" <<<"$reserved"; then
			[[ $(cpus_of "${spin[$name]}") == [0-3] && $(parameters "${spin[$name]}") == SCHED_DEADLINE* ]] || return 1
		else
			[ "$(cpus_of "${spin[$name]}") $(parameters "${spin[$name]}")" = "0-3 SCHED_OTHER" ] || return 1
		fi
	done
}
killed_at() {	# SYSCALL N COMMAND...
	local call=$1 n=$2
	shift 2

	strace -o /dev/null -p "$daemon" -e trace="$call" -e "inject=$call:signal=KILL:when=$n" 2>/dev/null &
	wait_for 10 grep -q 'TracerPid:.*[1-9]' "/proc/$daemon/status"
	"$@" >/dev/null 2>&1 && kept=$((kept + 1))
	sleep 0.3	# a thread is let go after the answer
	daemon_kill
	wait $! 2>/dev/null
	daemon_up || return 1
	wait_for 10 consistent || { tail -n 5 "$e2e_dir/daemon.log"; everything; return 1; }
	[ "$(cpus_of "${spin[a]}") $(parameters "${spin[a]}")" = "3 SCHED_DEADLINE 30000000/100000000" ]
}
bad=0 kept=0 kills=0
for at in renameat:1 renameat:2 sched_setaffinity:1 sched_setattr:1; do
	killed_at "${at%:*}" "${at#*:}" virtrk reserve b --emulator --budget 10ms --period 20ms --cpu 3 || bad=$((bad + 1))
	virtrk reserve b --emulator --budget 10ms --period 20ms --cpu 3 >/dev/null 2>&1
	killed_at "${at%:*}" "${at#*:}" virtrk release b || bad=$((bad + 1))
	virtrk release b >/dev/null 2>&1
	wait_for 10 consistent || bad=$((bad + 1))
	kills=$((kills + 2))
done
check_equal "killed at $kills calls of pinning and letting go ($kept times the answer came before): ledger and kernel agree" "$bad" 0

# --- the end ---------------------------------------------------------------------------------------------------------------------

child_end "${spin[a]}" KILL
check_soon "a domain ends: its CPU is free" 10 virtrk_says 'length == 1' capacity
check_equal "and the limit is as the administrator has set it" "$(cat /proc/sys/kernel/sched_rt_runtime_us)" -1
echo "$limit" >/proc/sys/kernel/sched_rt_runtime_us

latency() { cyclictest -q -t 1 -a 0 -p 50 -i 1000 -D 4 | sed -n 's/.*Max: *\([0-9]*\).*/\1/p'; }
echo -1 >/proc/sys/kernel/sched_rt_runtime_us
quiet=$(latency)
(for i in 1 2 3 4 5 6; do
	virtrk reserve b --emulator --budget 10ms --period 20ms --cpu 2
	virtrk release b
	sleep 0.4
done) >/dev/null 2>&1 &
changing=$(latency)
wait $!
echo "a heartbeat of 1 ms on another CPU: latest by $quiet us without, $changing us with 12 threads pinned and let go: ratio $(awk -v a="$changing" -v b="$quiet" 'BEGIN { printf "%.1f", a / (b ? b : 1) }') (emulated host: only the ratio means something)"
vm_done
