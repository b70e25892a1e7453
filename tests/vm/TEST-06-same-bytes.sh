#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tier: A
# twice: the same bytes
#
# What a reservation delivers beside threads that want all there is, to the nanosecond: in this host the clock counts
# instructions, so every number that is printed here is the same in each run. Two domains and four hogs on one CPU.
# shellcheck disable=SC2317  # functions are called by name
# shellcheck source=tests/vm/lib.sh
. /src/tests/vm/lib.sh
vm_begin same-bytes

# No QEMU, but called as one: a main thread that spins is all that is needed.
cp /usr/bin/bash "$e2e_dir/qemu-system-x86_64"
spin=()
for i in 0 1; do
	child_start "$e2e_dir/spin" "$e2e_dir/qemu-system-x86_64" -c 'while :; do :; done' -name "spin$i"
	spin+=("$child")
done
for i in 0 1 2 3; do
	child_start /dev/null bash -c 'while :; do :; done'
done
export VIRTRK_BUS=$e2e_dir/bus
child_start "$e2e_dir/virtrkd" virtrkd --bus="$VIRTRK_BUS" --state="$e2e_dir/state" --libvirt=none
check_soon "both domains are there" 10 virtrk_says 'length == 2' list

check "6 ms of 20 ms for one" 0 '' virtrk reserve spin0 --emulator --budget 6ms --period 20ms
check "10 ms of 100 ms for the other" 0 '' virtrk reserve spin1 --emulator --budget 10ms --period 100ms
sleep 1

# measure THREAD-PID PROMISE: the share of the next two seconds, promised in 1/1000. A budget at either end makes 5 %.
measure() {
	used_start "$1"
	sleep 2
	used_stop "$1"
	echo "used $used_us us, ready and waiting $waited_us us, of $elapsed_us us"
	check_between "delivered / promised, in 1/1000" "$((used_us * 1000000 / elapsed_us / $2))" 950 1050
}

measure "${spin[0]}" 300
measure "${spin[1]}" 100

# The daemon's own view of the same
virtrk top --json >"$e2e_dir/top" || fail "top"
cat "$e2e_dir/top"
check "top has both" 0 '^2$' jq length "$e2e_dir/top"
check "nobody was cheated, all were stopped at their budget" 0 '^true$' jq 'all(.[]; .missed == 0 and .throttled > 0)' "$e2e_dir/top"

check "what does not fit is refused" 3 '' virtrk reserve spin1 --emulator --budget 99ms --period 100ms --replace
echo "$output"
check_equal "and changes nothing" "$(parameters "${spin[1]}")" "SCHED_DEADLINE 10000000/100000000"
measure "${spin[1]}" 100
check "release" 0 '' virtrk release spin0
check_equal "an ordinary thread" "$(parameters "${spin[0]}")" "SCHED_OTHER"
used_start "${spin[0]}"
sleep 1
used_stop "${spin[0]}"
echo "as an ordinary one of six: used $used_us us of $elapsed_us us"
check_between "with four hogs it shares what the other one leaves, in 1/1000" "$((used_us * 1000 / elapsed_us))" 150 210
cp "$e2e_dir/virtrkd" "$VM_ARTEFACTS/virtrkd.log"
vm_done
