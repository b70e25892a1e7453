#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Somebody runs chrt or taskset on a reserved thread: within a second it is repaired, or reported where that is the
# policy. How long it took is measured by looking at the thread, not at virtrkd; how long until
# it was told, by the log, since starting a client takes time of its own.
# shellcheck disable=SC2317  # functions are called by name
# shellcheck source=tests/e2e/harness.sh
. "${0%/*}/harness.sh"
e2e_begin drift
rt=rt-$$	# other guests on this machine have other names
daemon_start --on-drift=repair
guest_boot "$rt" 1
wait_for 10 vrk show "$rt"
tid=$(guest_vcpu "$rt")
child_start "$e2e_dir/events" "$VIRTRK" --bus="$e2e_dir/bus" monitor --json
check "reserve" 0 '' vrk reserve "$rt" --vcpu 0 --budget 4ms --period 20ms

# repaired "what": until the thread has its reservation again: seen within a second, then it rests for 20 + 2 * 4 * 20/4 + 50 ms
repaired() {
	local start=${EPOCHREALTIME/./} took

	while ! policy_is "$tid" 6 || [ "$(parameters "$tid")" != 4000000/20000000 ]; do
		took=$((${EPOCHREALTIME/./} - start))
		[ "$took" -lt 5000000 ] || break
		sleep 0.01
	done
	took=$((${EPOCHREALTIME/./} - start))
	check_between "$1, repaired after ms" $((took / 1000)) 0 1250
}

for i in 1 2 3; do
	chrt -o -p 0 "$tid"
	repaired "chrt --other ($i)"
done
chrt -f -p 10 "$tid"
repaired "chrt --fifo"
chrt -d -T 1000000 -D 20000000 -P 20000000 -p 0 "$tid"
repaired "chrt --deadline with another budget"

# The kernel itself does not let a DEADLINE thread be pinned inside its root domain; with another policy it does.
if [ "$(nproc)" -gt 1 ]; then
	check "taskset on a reserved thread is refused by the kernel" 1 'failed' taskset -p -c 0 "$tid"
	chrt -o -p 0 "$tid" && taskset -p -c 0 "$tid" >/dev/null
	repaired "chrt --other and taskset"
	check "its CPUs are back" 0 ": 0-$(($(nproc) - 1))\$|: 0,1\$" taskset -p -c "$tid"
fi
events() {
	[ "$(grep -c '"event":"Drift"' "$e2e_dir/events")" -ge 5 ]
}
wait_for 3 events
check "each was told to those who watch, with old and new value" 0 '"thread":"vcpu0".*"old":.*"new":.*"action":"repaired"' \
	grep -m1 '"event":"Drift".*repaired' "$e2e_dir/events"
check "five times at least" 0 '' events
check "and written to the log" 0 "vcpu0 of $rt.*repaired" grep -m1 'repaired' "$e2e_dir/virtrkd.log"

child_end "$virtrkd" TERM
daemon_start --on-drift=report
chrt -o -p 0 "$tid"
start=${EPOCHREALTIME/./}
reported() {
	vrk show "$rt" --json | jq -e '.threads | any(.name == "vcpu0" and .reservation.drift != "")'
}
told() {
	grep -q "$rt.* to other: reported" "$e2e_dir/virtrkd.log"
}
wait_for 3 told
check_between "with --on-drift=report it is told after ms" $(((${EPOCHREALTIME/./} - start) / 1000)) 0 1300
check "and shown" 0 '' reported
sleep 1
check_policy "and left alone" "$tid" 0
e2e_done
