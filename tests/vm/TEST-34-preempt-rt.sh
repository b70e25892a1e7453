#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tier: B
# kernel: rt
# only: long
#
# Debian's PREEMPT_RT kernel: virtrkd knows it, reserves on it, with shared CPUs and with one of its own, is refused what does not
# fit, and everything comes back.
# shellcheck disable=SC2317,SC2329  # functions are called by name
# shellcheck source=tests/vm/lib.sh
. /src/tests/vm/lib.sh
# shellcheck source=tests/vm/machines.sh
. /src/tests/vm/machines.sh
vm_begin preempt-rt
machines_begin

check "the kernel is PREEMPT_RT" 0 'PREEMPT_RT' uname -v
machine_up a || { fail "the domain does not start"; vm_done; }
books_open
empty=$(booked)
daemon_up || { cat "$e2e_dir/daemon.log"; fail "virtrkd does not start"; vm_done; }
check_soon "the domain is found" 30 virtrk_says 'length == 1' list
check_json "doctor sees it" 'any(.[]; .text | test("PREEMPT_RT")) and all(.[]; .level != "fail")' virtrk doctor --json
virtrk doctor >"$VM_ARTEFACTS/doctor"

check "20 of 100 ms on shared CPUs" 0 '' virtrk reserve a --vcpu 0 --budget 20ms --period 100ms
check_equal "the kernel has it" "$(parameters "${vcpu[a]}")" "SCHED_DEADLINE 20000000/100000000"
used_start "${vcpu[a]}"
sleep 6
used_stop "${vcpu[a]}"
check_between "a spinning guest gets it, more or less: delivered / promised" "$(awk -v u="$used_us" -v e="$elapsed_us" 'BEGIN { printf "%.3f", 5 * u / e }')" 0.6 1.4
check "release" 0 '' virtrk release a
check "85 of 100 ms on a CPU of its own" 0 'exclusive, CPU 2' virtrk reserve a --vcpu 0 --budget 85ms --period 100ms --cpu 2
check_equal "the kernel has it" "$(parameters "${vcpu[a]}") $(housekeeping)" "SCHED_DEADLINE 85000000/100000000 0-1,3"
check "what does not fit" 3 '' virtrk reserve a --vcpu 0 --budget 99ms --period 100ms --replace
check_soon "the ledger is what the kernel has" 10 ledger_is_kernel
daemon_kill
daemon_up
check_soon "killed and started again: it still is" 20 ledger_is_kernel
check_json "with one reservation" 'length == 1' virtrk top --json
check "release" 0 '' virtrk release a
all_back() {
	[ "$(housekeeping)" = 0-3 ] && books_empty "$empty"
}
check_soon "everything is back" 20 all_back
vm_done
