#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tier: B
# limit: 400
# long limit: 3000
#
# virtrkd is killed while it works: in the middle of a reserve, a release, a change, while domains start and end; at a random system
# call or at a random time. Started again, its ledger is what the kernel has; a reservation that nobody touches is never lost,
# not for a moment; in the end all CPUs, control groups and bandwidth are back. VM_SEED replays a run.
# shellcheck disable=SC2317,SC2329  # functions are called by name
# shellcheck source=tests/vm/lib.sh
. /src/tests/vm/lib.sh
# shellcheck source=tests/vm/machines.sh
. /src/tests/vm/machines.sh
vm_begin kill
machines_begin

kills=20 seed=${VM_SEED:-1}
if [ -n "$VM_LONG" ]; then
	kills=200 seed=${VM_SEED:-$RANDOM}
fi
echo "seed $seed, $kills kills"
RANDOM=$seed

empty=$(booked)
for name in keeper a b; do
	machine_up "$name" || { fail "the domain $name does not start"; vm_done; }
done
daemon_up || { cat "$e2e_dir/daemon.log"; fail "virtrkd does not start"; vm_done; }
check_soon "three domains" 30 virtrk_says 'length == 3' list
check "a reservation that nobody touches" 0 'CPU 3' virtrk reserve keeper --vcpu 0 --budget 20ms --period 100ms --cpu 3
promised="SCHED_DEADLINE 20000000/100000000"

# Looks as often as it can. Field 41 is the policy, of which 6 is SCHED_DEADLINE.
keeper_watch() {
	local stat words

	while read -r stat <"/proc/${vcpu[keeper]}/stat"; do
		read -r -a words <<<"${stat##*) }"
		[ "${words[38]}" = 6 ] || echo "policy ${words[38]}"
		echo . >&2
		sleep 0.02
	done
}
keeper_watch >"$e2e_dir/lost" 2>"$e2e_dir/looks" &
watcher=$!

# What may be under way when it dies. Each may be refused: the other one is reserved already, or not any more.
deeds=(
	"virtrk reserve a --vcpu 0 --budget 10ms --period 50ms"
	"virtrk reserve a --vcpu 0 --budget 10ms --period 50ms --cpu 1-2"
	"virtrk reserve a --vcpu 0 --budget 15ms --period 50ms --replace"
	"virtrk reserve b --vcpu 0 --budget 5ms --period 100ms --cpu 1-2"
	"virtrk release a"
	"virtrk release b"
)
calls=(write openat sched_setattr sched_setaffinity mkdirat unlinkat renameat fsync read epoll_wait)

# die_at_call DEED: at a random system call of a random kind while it does that; at the latest when it is done
die_at_call() {
	local call=${calls[RANDOM % ${#calls[@]}]} n=$((RANDOM % 12 + 1))

	how="$1, at $call number $n"
	strace -o /dev/null -p "$daemon" -e trace="$call" -e "inject=$call:signal=KILL:when=$n" 2>/dev/null &
	wait_for 10 grep -q 'TracerPid:.*[1-9]' "/proc/$daemon/status"
	# shellcheck disable=SC2086
	timeout 20 $1 >/dev/null 2>&1
	daemon_kill
	wait $! 2>/dev/null
}

die_at_time() {
	local ms=$((RANDOM % 120))

	how="$1, after $ms ms"
	# shellcheck disable=SC2086
	timeout 20 $1 >/dev/null 2>&1 &
	sleep "0.$(printf '%03d' "$ms")"
	daemon_kill
	wait $! 2>/dev/null
}

# A domain ends, or another one starts, while it is killed.
die_at_domain() {
	local ms=$((RANDOM % 200)) killer

	(sleep "0.$(printf '%03d' "$ms")"; kill -KILL "$daemon") &
	killer=$!
	if [ -n "${guest_pid[b]-}" ]; then
		how="b ends, after $ms ms"
		machine_down b
	else
		how="b starts, after $ms ms"
		machine_up b
	fi
	wait "$killer" 2>/dev/null
	daemon_kill
}

bad=0 done_there=0
for ((i = 1; i <= kills; i++)); do
	deed=${deeds[RANDOM % ${#deeds[@]}]}
	case $((RANDOM % 5)) in
	0 | 1) die_at_call "$deed" ;;
	2 | 3) die_at_time "$deed" ;;
	*) die_at_domain ;;
	esac
	if ! daemon_up; then
		bad=$((bad + 1))
		echo "kill $i ($how): virtrkd does not start again"
		tail -n 3 "$e2e_dir/daemon.log"
	elif ! wait_for 30 ledger_is_kernel; then
		bad=$((bad + 1))
		echo "kill $i ($how): ledger [$(ledger_lines | paste -s -d ';')], kernel [$(kernel_lines | paste -s -d ';')]"
	fi
	[ $((i % 20)) -ne 0 ] || echo "$i kills, $SECONDS s"
	[ "$(kernel_lines | grep -c reserved)" -le 1 ] || done_there=$((done_there + 1))
	[ "$(parameters "${vcpu[keeper]}")" = "$promised" ] || { bad=$((bad + 1)); echo "kill $i ($how): the keeper has lost its reservation"; }
done
check_equal "after each of $kills kills (after $done_there of them more than one reservation was there) the ledger is what the kernel has" "$bad" 0

child_end "$watcher" TERM
check_equal "the reservation that nobody touches was there at all times ($(wc -l <"$e2e_dir/looks") looks)" "$(cat "$e2e_dir/lost")" ""
check "which were many" 0 '' test "$(wc -l <"$e2e_dir/looks")" -gt "$kills"

for name in keeper a b; do
	virtrk release "$name" >/dev/null 2>&1
done
all_back() {
	[ "$(housekeeping)" = 0-3 ] && [ -z "$(cat "$slice/cpuset.cpus.exclusive")" ] && books_empty "$empty"
}
check_soon "in the end all CPUs and all bandwidth are back" 30 all_back
check_equal "no control group is left" "$(find "$slice" -name rk)" ""
check_json "the ledger is empty" '. == []' virtrk top --json
for name in "${!guest_pid[@]}"; do
	machine_down "$name"
done
daemon_kill
vm_done
