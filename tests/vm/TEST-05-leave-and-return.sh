#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tier: A
#
# A thread that is stopped at its budget when its reservation is given back, and that gets another one a little later,
# runs on: whenever that is. The kernel (6.12 and 6.18 at least) forgets to wake a thread that returns to SCHED_DEADLINE
# between the end of its old period and the 0-lag time: it would never run again, not even to die. That window is as long
# as the thread ran on beyond its budget, times period / budget: a small budget makes it long.
# Deterministic: the same gaps meet the same phases in every run.
# shellcheck disable=SC2317  # functions are called by name
# shellcheck source=tests/vm/lib.sh
. /src/tests/vm/lib.sh
vm_begin leave-and-return

# Not a QEMU, but called as one: a main thread that spins is all that is needed.
cp /usr/bin/bash "$e2e_dir/qemu-system-x86_64"
child_start "$e2e_dir/spin" "$e2e_dir/qemu-system-x86_64" -c 'while :; do :; done' -name spin
spin=$child
export VIRTRK_BUS=$e2e_dir/bus
child_start "$e2e_dir/virtrkd" virtrkd --bus="$VIRTRK_BUS" --state="$e2e_dir/state" --libvirt=none
check_soon "the domain is there" 10 virtrk_says 'length == 1 and .[0].name == "spin"' list

reserve() {
	virtrk reserve spin --emulator --budget 5ms --period 200ms
}

# runs "what": the thread runs, and not more than it should. In a second it has five periods; what it was ahead may
# cost it nearly one of them.
runs() {
	used_start "$spin"
	sleep 1
	used_stop "$spin"
	check_between "$1: ms of a second" "$((used_us / 1000))" 16 45
}

check "reserve 5 ms of 200 ms" 0 '' reserve
sleep 0.3
runs "the first time"
# Not a multiple of anything: each gap meets another phase of the old period.
for ((gap = 0; gap <= 253; gap += 23)); do
	virtrk release spin >"$e2e_dir/output" 2>&1 || fail "release: $(cat "$e2e_dir/output")"
	sleep "0.$(printf '%03d' "$gap")"
	reserve >"$e2e_dir/output" 2>&1 || fail "reserve after $gap ms: $(cat "$e2e_dir/output")"
	runs "given back and reserved again after $gap ms"
done
check "in the end it is still reserved" 0 '^SCHED_DEADLINE 5000000/200000000$' parameters "$spin"

# Somebody else takes it out of SCHED_DEADLINE, and virtrkd puts it back when it sees that.
is_deadline() {
	parameters "$spin" | grep -q SCHED_DEADLINE
}
for gap in 0 70 140; do
	sleep "0.$(printf '%03d' "$gap")"
	chrt -o -p 0 "$spin"
	check_soon "chrt -o after another $gap ms is mended" 10 is_deadline
	runs "and it runs on"
done
check "it can be ended" 0 '' child_end "$spin"
cp "$e2e_dir/virtrkd" "$VM_ARTEFACTS/virtrkd.log"
vm_done
