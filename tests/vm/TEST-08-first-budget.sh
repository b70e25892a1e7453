#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tier: A
# cpus: 2
# limit: 120
#
# The first budget of a thread that is running when it is given its reservation: it ends as exactly as all others, when the thread has a
# control group of its own, by whose freezer it is held still meanwhile. Beside others in its group it is not, and they are never
# frozen: there the first budget is over by a tick at most. A group that somebody else has frozen stays so; and a virtrkd that is killed
# while a thread is held, or may not write to the freezer, leaves nobody behind. On two CPUs, since what runs while virtrkd does needs one
# of its own; budgets are long enough for virtrkd to have gone back to sleep, for CPUs take turns here.
# shellcheck disable=SC2317,SC2329  # functions are called by name
# shellcheck source=tests/vm/lib.sh
. /src/tests/vm/lib.sh
vm_begin first-budget

export VIRTRK_BUS=$e2e_dir/bus
tracing=/sys/kernel/tracing
mount -t debugfs none /sys/kernel/debug
mount -t tracefs none "$tracing"
echo HRTICK_DL >/sys/kernel/debug/sched/features
echo mono >"$tracing/trace_clock"
for event in sched/sched_switch syscalls/sys_exit_sched_setattr cgroup/cgroup_freeze cgroup/cgroup_unfreeze; do
	echo 1 >"$tracing/events/$event/enable" || fail "no event $event"
done

# Groups as libvirt lays them. No QEMU, but called as one: a main thread that spins is all that is needed.
scope=/sys/fs/cgroup/machine.slice/machine-qemu-spin.scope/libvirt
group=$scope/vcpu0
mkdir -p "$group"
echo threaded >"$group/cgroup.type"
cp /usr/bin/bash "$e2e_dir/qemu-system-x86_64"
child_start "$e2e_dir/spin" "$e2e_dir/qemu-system-x86_64" -c 'while :; do :; done' -name spin
spin=$child
child_start /dev/null bash -c 'while :; do :; done'
other=$child
for child in "$spin" "$other"; do
	echo "$child" >"$scope/cgroup.procs"
done
echo "$spin" >"$group/cgroup.threads"
kill -STOP "$other"
daemon_up() {
	child_start "$e2e_dir/virtrkd" virtrkd --bus="$VIRTRK_BUS" --state="$e2e_dir/state" --libvirt=none --on-drift=report --verbose
	daemon=$child
	wait_for 20 virtrk_says 'length == 1' list >/dev/null
}
check "virtrkd finds the domain" 0 '' daemon_up

budget_us=80000
period_us=200000
reserve=(virtrk reserve spin --emulator --budget 80ms --period 200ms)
# first_budget TRACE: how long the thread has run, in us, from the end of the call that gave it its reservation to its first
# replenishment, before which it cannot come back. It need not run in one piece: the kernel's stopper (migration/N) now and then has 10 us
# in between, and then the switch looks as that at a budget's end does.
first_budget() {
	awk -v tid="$spin" -v period_us="$period_us" '
	{ match($0, / [0-9]+\.[0-9]+: /); at = substr($0, RSTART + 1, RLENGTH - 3) * 1e6 }
	/ sys_sched_setattr / && !given { given = since = at }
	given && at > given + period_us - 10000 { if (runs != "no") used += at - since; exit }
	$0 ~ " prev_pid=" tid " " {
		if (given && runs != "no") used += at - since
		runs = "no"
	}
	$0 ~ " next_pid=" tid " " { runs = "yes"; since = at }
	END { printf "%.0f\n", used }' "$1"
}
# begin "what" N: N reservations begin. By how much the first budgets are over, in us: $least, $most; how often the thread was
# frozen ($froze) and thawed ($thawed).
begin() {
	local i used all='' phase=(3 17 29 41 53 61 77 89)

	most=-1000000 least=1000000 froze=0 thawed=0
	for ((i = 0; i < $2; i++)); do
		sleep "0.3${phase[i]}"	# it rests, and begins at another time of the tick
		echo >"$tracing/trace"
		"${reserve[@]}" >/dev/null || fail "$1: not reserved"
		sleep 0.25
		cat "$tracing/trace" >"$e2e_dir/trace"
		used=$(first_budget "$e2e_dir/trace")
		: $((used -= budget_us))
		all+=" $used"
		[ "$used" -le "$most" ] || most=$used
		[ "$used" -ge "$least" ] || least=$used
		froze=$((froze + $(grep -c ': cgroup_freeze: .*/vcpu0$' "$e2e_dir/trace")))
		thawed=$((thawed + $(grep -c ': cgroup_unfreeze: .*/vcpu0$' "$e2e_dir/trace")))
		virtrk release spin >/dev/null || fail "$1: not released"
	done
	echo "$1: the first budget is over by, in us:$all"
}

begin "alone in its group" 8
check_between "it ends so many us too late at most" "$most" 0 20
check_between "and none too early" "$least" -5 20
check_equal "it was frozen and thawed each time" "$froze $thawed" "8 8"

echo "$other" >"$group/cgroup.threads"
begin "another thread in its group" 4
check_equal "nobody is frozen" "$froze $thawed" "0 0"
check_between "it is over by a tick at most" "$most" 1000 4020
check_between "and none is too short" "$least" -5 4020
echo "$other" >"$scope/cgroup.threads"

echo 1 >"$group/cgroup.freeze"
check "frozen by somebody: reserved nevertheless" 0 '' "${reserve[@]}"
check_equal "and frozen still" "$(cat "$group/cgroup.freeze") $(parameters "$spin")" "1 SCHED_DEADLINE 80000000/200000000"
echo 0 >"$group/cgroup.freeze"
check "released" 0 '' virtrk release spin
sleep 0.3

# --- faults -------------------------------------------------------------------------------------------------------------------

# injected INJECT COMMAND...: while strace does this to virtrkd
injected() {
	local tracer r inject=$1
	shift

	strace -o "$e2e_dir/strace" -p "$daemon" -P "$group/cgroup.freeze" -e trace=write -e "inject=write:$inject" 2>/dev/null &
	tracer=$!
	wait_for 10 grep -q 'TracerPid:.*[1-9]' "/proc/$daemon/status"
	"$@"
	r=$?
	kill "$tracer" 2>/dev/null
	wait "$tracer" 2>/dev/null
	return $r
}
now() { echo "$(cat "$group/cgroup.freeze") $(parameters "$spin")"; }
check "it cannot be frozen: refused, with the reason" 1 'vcpu0/cgroup.freeze: Input/output error' injected error=EIO "${reserve[@]}"
check_equal "nothing has changed" "$(now)" "0 SCHED_OTHER"
check "nor thawed, for long: refused, and thawed in the end" 1 'is frozen and cannot be thawed: .*/vcpu0/cgroup.freeze: Input/output error' \
	injected error=EIO:when=2..6 "${reserve[@]}"
check_equal "as before" "$(now)" "0 SCHED_OTHER"
sleep 0.3
check "thawed at the second try" 0 '' injected error=EINTR:when=2 "${reserve[@]}"
check_equal "reserved" "$(now)" "0 SCHED_DEADLINE 80000000/200000000"
check "released" 0 '' virtrk release spin
sleep 0.3
for at in 1 2; do
	injected signal=KILL:when=$at "${reserve[@]}" >/dev/null 2>&1
	wait "$daemon" 2>/dev/null
	echo "killed when it writes for the ${at}. time: $(now)"
	check "another virtrkd starts" 0 '' daemon_up
	check_equal "it has thawed it, and undone the rest" "$(now)" "0 SCHED_OTHER"
	sleep 0.3
	used_start "$spin"
	sleep 0.2
	used_stop "$spin"
	check_between "the thread runs, for so many of 100" "$((used_us * 100 / elapsed_us))" 50 101
	check "and is reserved again" 0 '' "${reserve[@]}"
	check "and released" 0 '' virtrk release spin
done
vm_done
