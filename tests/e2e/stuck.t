#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The kernel loses a thread that leaves SCHED_DEADLINE while it is throttled and comes back before its debt is paid: it
# never runs again. So virtrkd lets a thread rest between two reservations, and gives a lost one that others made its life back.
# shellcheck disable=SC2317  # functions are called by name
# shellcheck source=tests/e2e/harness.sh
. "${0%/*}/harness.sh"
e2e_begin stuck
# A thread that the kernel has lost cannot be killed: so that a failure leaves none behind. Nor the mount of kernel_booked.
e2e_at_end() {
	[ -z "${tid-}" ] || chrt -o -p 0 "$tid" 2>/dev/null
	! mountpoint -q "$e2e_dir/debug" || umount "$e2e_dir/debug"
}
busy=busy-$$	# other guests on this machine have other names
daemon_start
guest_boot "$busy" 1
wait_for 10 vrk show "$busy"
tid=$(guest_vcpu "$busy")
guest_tell "$busy" burn 600s
child_start "$e2e_dir/events" "$VIRTRK" --bus="$e2e_dir/bus" monitor --json

# runs SECONDS: it got at least a twentieth of that time; a lost thread gets nothing
runs() {
	used_start "$tid"
	sleep "$1"
	used_stop "$tid"
	[ $((used_us * 20)) -ge "$elapsed_us" ]
}

# ---- released and reserved again, at any phase and after any gap ----

rounds=${VIRTRK_ROUNDS:-24} lost=0
for ((i = 0; i < rounds; i++)); do
	vrk reserve "$busy" --vcpu 0 --budget 20ms --period 100ms >/dev/null || fail "round $i: reserve"
	sleep "0.$((200 + RANDOM % 100))"
	vrk release "$busy" >/dev/null || fail "round $i: release"
	sleep "0.$(printf '%03d' $((i * 140 / rounds)))"
	vrk reserve "$busy" --vcpu 0 --budget 10ms --period 100ms >/dev/null || fail "round $i: reserve again"
	sleep 0.1
	runs 0.3 || lost=$((lost + 1))
	vrk release "$busy" >/dev/null
done
check "of $rounds threads that were released and reserved again these never ran" 0 '^0$' echo "$lost"

# ---- changed while it is throttled: nothing to wait for ----

vrk reserve "$busy" --vcpu 0 --budget 20ms --period 100ms >/dev/null
lost=0
for ((i = 0; i < 8; i++)); do
	sleep "0.$((100 + RANDOM % 100))"
	vrk reserve "$busy" --vcpu 0 --budget $((10 + i % 2 * 10))ms --period 100ms --replace >/dev/null || fail "change $i"
	runs 0.4 || lost=$((lost + 1))
done
check "of 8 reservations that were changed while in force these never ran" 0 '^0$' echo "$lost"

# ---- somebody else takes it out of SCHED_DEADLINE, in a debt that nobody knows, just before it is reserved ----

vrk release "$busy" >/dev/null
lost=0
for ((i = 0; i < 12; i++)); do
	chrt -d -R -T 2000000 -D 100000000 -P 100000000 -p 0 "$tid"
	sleep "0.$((250 + RANDOM % 100))"
	chrt -o -p 0 "$tid"
	sleep 0.1	# its period is over, so nothing ends the throttling any more; its debt, a tick long, is not paid
	vrk reserve "$busy" --vcpu 0 --budget 10ms --period 100ms >/dev/null || fail "round $i: reserve"
	runs 0.4 || lost=$((lost + 1))
	vrk release "$busy" >/dev/null
done
check "of 12 threads that somebody left throttled these never ran" 0 '^0$' echo "$lost"

# ---- somebody else makes it so, of one that is reserved ----

vrk reserve "$busy" --vcpu 0 --budget 20ms --period 100ms >/dev/null

# By way of the least budget, whose debt is paid in hours: this freezes it nearly every time.
freeze() {
	chrt -d -R -T 1024 -D 2000000000 -P 2000000000 -p 0 "$tid" && chrt -o -p 0 "$tid" && sleep 0.15 &&
		chrt -d -R -T "$1" -D 100000000 -P 100000000 -p 0 "$tid"
}

# until it is frozen and nobody has repaired it yet
frozen() {
	local i

	for ((i = 0; i < 10; i++)); do
		freeze 20000000
		runs 0.25 || return 0
	done
	return 1
}

told() {
	grep -q '"event":"Drift".*"what":"stuck".*"action":"'"$1"'"' "$e2e_dir/events"
}

kill -STOP "${guest_pid[$busy]}"
sleep 3
kill -CONT "${guest_pid[$busy]}"
if told '[a-z]*'; then
	fail "a guest that is stopped was taken to be stuck"
else
	pass "a guest that is stopped is not stuck"
fi

child_end "$virtrkd" TERM
daemon_start --on-drift=report
child_start "$e2e_dir/events" "$VIRTRK" --bus="$e2e_dir/bus" monitor --json
sleep 0.3
if frozen; then
	wait_for 5 told reported
	check "a lost thread is reported" 0 '' told reported
	runs 0.5 && fail "it runs though nobody freed it"
	child_end "$virtrkd" TERM
	daemon_start
	check "and freed, where that is the policy, within 5 s" 0 '' wait_for 5 runs 0.5
	check "it has its reservation" 0 '^20000000/100000000$' parameters "$tid"
	check "and it is said why" 0 'vcpu0 of .* was stuck' grep -m1 stuck "$e2e_dir/virtrkd.log"
else
	fail "no thread could be frozen: this kernel does not lose threads any more?"
fi
e2e_done
