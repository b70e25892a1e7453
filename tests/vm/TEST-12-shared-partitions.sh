#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tier: B
# limit: 300
#
# CPUs that several domains share apart from the rest: domains in virtrk.slice, which becomes a cpuset partition with the first reservation and
# gives its CPUs back after the last; on one CPU by processor demand, on two by the tests for global EDF; what does not go is refused in
# one line and changes nothing; killed anywhere, ledger and kernel agree again. The domains are threads that spin, in groups
# as libvirt's are below the slice.
# shellcheck disable=SC2317,SC2329  # functions are called by name
# shellcheck source=tests/vm/lib.sh
. /src/tests/vm/lib.sh
vm_begin shared-partitions

cgroups=/sys/fs/cgroup
slice=$cgroups/virtrk.slice
export VIRTRK_BUS=$e2e_dir/bus
mount -t debugfs none /sys/kernel/debug 2>/dev/null
echo HRTICK_DL >/sys/kernel/debug/sched/features

# No QEMU, but called as one: a main thread that spins is all that is needed.
cp /usr/bin/bash "$e2e_dir/qemu-system-x86_64"
declare -A spin
scope_of() { echo "$slice/machine-qemu-$1.scope"; }
domain_up() {	# NAME: in the slice
	mkdir -p "$(scope_of "$1")/libvirt/emulator"
	child_start "$e2e_dir/$1.log" "$e2e_dir/qemu-system-x86_64" -c 'while :; do :; done' -name "$1"
	spin[$1]=$child
	echo "$child" >"$(scope_of "$1")/libvirt/emulator/cgroup.procs"
}
domain_down() {	# as systemd ends a scope
	child_end "${spin[$1]}" KILL
	find "$(scope_of "$1")" -depth -type d -exec rmdir {} +
}
daemon_up() {
	child_start "$e2e_dir/daemon.log" virtrkd --bus="$VIRTRK_BUS" --state="$e2e_dir/state" --config="$e2e_dir/config" \
		--libvirt=none --on-drift=report --verbose
	daemon=$child
	wait_for 20 virtrk_says 'length == 4' list >/dev/null
}
daemon_kill() {
	kill -KILL "$daemon" 2>/dev/null
	wait "$daemon" 2>/dev/null
}
housekeeping() { cat "$cgroups/cpuset.cpus.effective"; }
state() { cat "$slice/cpuset.cpus.partition"; }
cpus_of() { taskset -pc "$1" | sed 's/.*: //'; }
booked() { sed -n 's/.*dl_bw->total_bw *: //p' /sys/kernel/debug/sched/debug | paste -s -d ' '; }
all_back() { [ "$(housekeeping) $(state) $(cat "$slice/cpuset.cpus.exclusive")" = "0-3 member " ]; }
# Everything that a request may change, to compare before and after.
everything() {
	grep -r '' --include='cpuset.cpus*' --include=cgroup.threads --include=cgroup.subtree_control "$slice" 2>/dev/null | sort
	for name in a b c outside; do echo "$name $(cpus_of "${spin[$name]}") $(parameters "${spin[$name]}")"; done
	booked
}
refused() {	# "what" EXIT REGEX COMMAND...
	local before
	before=$(everything)
	check "$@"
	[ "$(wc -l <<<"$output")" -le 2 ] || fail "$1: more than two lines"
	[ "$before" = "$(everything)" ] || fail "$1: something changed: $(diff <(echo "$before") <(everything))"
}
ran_until() { [ "$(cut -d ' ' -f 1 "/proc/${spin[$1]}/schedstat")" -gt "$2" ]; }
runs() {	# NAME...: a thread whose budget the kernel has lost never does. What they get, TEST-07 says
	local name
	for name; do
		check_soon "$name runs" 30 ran_until "$name" "$(($(cut -d ' ' -f 1 "/proc/${spin[$name]}/schedstat") + 10000000))"
	done
}

echo '+cpuset +cpu' >"$cgroups/cgroup.subtree_control"
mkdir -p "$slice"
echo '+cpuset +cpu' >"$slice/cgroup.subtree_control"
for name in a b c; do domain_up "$name"; done
child_start "$e2e_dir/outside.log" "$e2e_dir/qemu-system-x86_64" -c 'while :; do :; done' -name outside
spin[outside]=$child
daemon_up || { cat "$e2e_dir/daemon.log"; fail "virtrkd does not start"; vm_done; }
# The kernel books its own servers on a CPU only when the CPU changes its root domain for the first time.
mkdir "$cgroups/other"
echo 2-3 >"$cgroups/other/cpuset.cpus"
echo root >"$cgroups/other/cpuset.cpus.partition"
rmdir "$cgroups/other"
empty=$(booked)

# --- one CPU, several domains ---------------------------------------------------------------------------------------------------

check "20 of 100 ms on CPU 2" 0 'qpa; shared, CPU 2, EDF' virtrk reserve a --emulator --budget 20ms --period 100ms --cpu 2
check_equal "the slice is a partition with that CPU" "$(state) $(cat "$slice/cpuset.cpus.effective")" "root 2"
check_equal "and the others have the rest" "$(housekeeping)" 0-1,3
check "30 of 100 ms of another domain" 0 'qpa; shared, CPU 2, EDF' virtrk reserve b --emulator --budget 30ms --period 100ms --cpu 2
check "35 of 100 ms of a third that names none" 0 '^reserved 35ms' virtrk reserve c --emulator --budget 35ms --period 100ms
check_equal "all may run only there" "$(cpus_of "${spin[a]}") $(cpus_of "${spin[b]}") $(cpus_of "${spin[c]}")" "2 2 2"
runs a b c
check_json "capacity has the slice" 'length == 2 and .[1].name == "cpu2" and .[1].reservations == 3 and .[1].regime == "shared, virtrk.slice, EDF"' virtrk capacity --json

# --- refused, and nothing changed ---------------------------------------------------------------------------------------------------

refused "more than the CPU has" 3 'does not fit' virtrk reserve c --emulator --budget 50ms --period 100ms --replace
refused "other CPUs for the same slice" 1 'virtrk.slice has CPU 2 already' virtrk reserve c --emulator --budget 30ms --period 100ms --cpu 3 --replace
refused "its CPU for one outside of it" 1 'CPU 2 is promised to emulator of a' virtrk reserve outside --emulator --budget 1ms --period 100ms --cpu 2
check "release c" 0 '' virtrk release c
check_equal "the others keep the partition" "$(state) $(cat "$slice/cpuset.cpus.effective") $(parameters "${spin[b]}")" "root 2 SCHED_DEADLINE 30000000/100000000"
check "release b" 0 '' virtrk release b
check "release a" 0 '' virtrk release a
check_soon "after the last one the CPU comes back" 10 all_back
check_equal "and nothing stays booked" "$(booked)" "$empty"
refused "all CPUs" 1 'at least one has to stay' virtrk reserve a --emulator --budget 1ms --period 100ms --cpu 0-3
refused "a CPU that is not there" 1 'CPU 9 does not exist or is offline' virtrk reserve a --emulator --budget 1ms --period 100ms --cpu 2,9
mkdir "$cgroups/other"
echo 3 >"$cgroups/other/cpuset.cpus"
echo root >"$cgroups/other/cpuset.cpus.partition"
refused "in a partition of somebody else" 1 'CPU 3 belongs to a cpuset partition that is not of virtrkd' virtrk reserve a --emulator --budget 1ms --period 100ms --cpu 2-3
rmdir "$cgroups/other"
check "one in the slice on all CPUs of the host" 0 '' virtrk reserve b --emulator --budget 1ms --period 100ms
refused "then the slice can become no partition" 1 'virtrk.slice can get no CPUs: emulator of b is in it' virtrk reserve a --emulator --budget 1ms --period 100ms --cpu 2
virtrk release b >/dev/null

# --- two CPUs ---------------------------------------------------------------------------------------------------------------------

check "40 of 100 ms on two CPUs" 0 'shared, CPUs 2-3, global EDF' virtrk reserve a --emulator --budget 40ms --period 100ms --cpu 2-3
check_equal "the slice has both" "$(state) $(cat "$slice/cpuset.cpus.effective")" "root 2-3"
check "the same for b" 0 'global EDF' virtrk reserve b --emulator --budget 40ms --period 100ms --cpu 2-3
refused "what fits by utilisation, and not by the tests for global EDF" 3 'does not fit' virtrk reserve c --emulator --budget 85ms --period 100ms --cpu 2-3
runs a b

# --- somebody else writes ---------------------------------------------------------------------------------------------------------

virtrk monitor >"$e2e_dir/events" &
monitor=$!
sleep 1
echo member >"$slice/cpuset.cpus.partition"
check_soon "a foreign write to cpuset.cpus.partition is reported within 1 s" 1 grep -q 'partition' "$e2e_dir/events"
check_json "and stands there" '.threads[] | select(.name == "emulator") | .reservation.drift | startswith("partition: member")' virtrk show a --json
echo root >"$slice/cpuset.cpus.partition"
check_soon "put right, it is none any more" 5 virtrk_says '.threads[] | select(.name == "emulator") | .reservation.drift == ""' show a
kill "$monitor"

# --- domains end --------------------------------------------------------------------------------------------------------------------

domain_down b
check_soon "one of two ends" 10 virtrk_says 'length == 1' top
check_equal "the other one keeps the CPUs" "$(state) $(cat "$slice/cpuset.cpus.effective")" "root 2-3"
domain_down a
check_soon "the last one ends: the CPUs are back" 10 all_back
check_equal "nothing is booked" "$(booked)" "$empty"
domain_up a
domain_up b
check_soon "the domains are found again" 20 virtrk_says 'length == 4' list

# --- kill -9 anywhere ------------------------------------------------------------------------------------------------------------

consistent() {	# the ledger has what the kernel has
	local reserved
	reserved=$(virtrk top --json | jq length)
	case $reserved in
	0) all_back ;;
	*) [ "$(state) $(cat "$slice/cpuset.cpus.effective") $(housekeeping)" = "root 2 0-1,3" ] ;;
	esac
}
killed_at() {	# SYSCALL N COMMAND...
	local call=$1 n=$2
	shift 2

	strace -o /dev/null -p "$daemon" -e trace="$call" -e "inject=$call:signal=KILL:when=$n" 2>/dev/null &
	wait_for 10 grep -q 'TracerPid:.*[1-9]' "/proc/$daemon/status"
	"$@" >/dev/null 2>&1 && kept=$((kept + 1))
	sleep 0.5	# a partition is removed after the answer
	daemon_kill
	wait $! 2>/dev/null
	daemon_up || return 1
	wait_for 10 consistent || { tail -n 5 "$e2e_dir/daemon.log"; everything; return 1; }
}
bad=0 kept=0 kills=0
for at in write:{2..4} sched_setattr:1; do
	killed_at "${at%:*}" "${at#*:}" virtrk reserve a --emulator --budget 10ms --period 20ms --cpu 2 || bad=$((bad + 1))
	virtrk reserve a --emulator --budget 10ms --period 20ms --cpu 2 >/dev/null 2>&1
	killed_at "${at%:*}" "${at#*:}" virtrk release a || bad=$((bad + 1))
	virtrk release a >/dev/null 2>&1
	wait_for 10 all_back || bad=$((bad + 1))
	kills=$((kills + 2))
done
check_equal "killed at $kills calls of making and removing ($kept times the answer came before): ledger and kernel agree" "$bad" 0
check_equal "nothing is booked in the end" "$(booked)" "$empty"

# --- what it costs the others ------------------------------------------------------------------------------------------------------

latency() { cyclictest -q -t 1 -a 0 -p 50 -i 1000 -D 4 | sed -n 's/.*Max: *\([0-9]*\).*/\1/p'; }
quiet=$(latency)
(for i in 1 2 3 4 5; do
	virtrk reserve a --emulator --budget 10ms --period 20ms --cpu 2
	virtrk release a
	sleep 0.4
done) >/dev/null 2>&1 &
changing=$(latency)
wait $!
echo "a heartbeat of 1 ms on another CPU: latest by $quiet us without, $changing us with 10 partition changes: ratio $(awk -v a="$changing" -v b="$quiet" 'BEGIN { printf "%.1f", a / (b ? b : 1) }') (emulated host: only the ratio means something)"
vm_done
