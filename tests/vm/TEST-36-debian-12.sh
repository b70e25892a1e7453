#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tier: B
# debian: 12
# only: long
#
# Debian 12 with its kernel from backports: the product builds there (with gcc 12), knows the host, reserves, delivers, refuses what
# does not fit, is killed and takes over.
# shellcheck disable=SC2317,SC2329  # functions are called by name
# shellcheck source=tests/vm/lib.sh
. /src/tests/vm/lib.sh
# shellcheck source=tests/vm/machines.sh
. /src/tests/vm/machines.sh
vm_begin debian-12
machines_begin

check "it is Debian 12" 0 'VERSION_ID="12"' cat /etc/os-release
check "with a kernel from backports" 0 '^6\.(1[2-9]|[2-9][0-9]).*(bpo|deb12)' uname -r
machine_up a || { fail "the domain does not start"; vm_done; }
books_open
empty=$(booked)
daemon_up || { cat "$e2e_dir/daemon.log"; fail "virtrkd does not start"; vm_done; }
check_soon "the domain is found" 30 virtrk_says 'length == 1' list
check_json "doctor has nothing that failed" 'all(.[]; .level != "fail")' virtrk doctor --json
check "20 of 100 ms on shared CPUs" 0 '' virtrk reserve a --vcpu 0 --budget 20ms --period 100ms
check_equal "the kernel has it" "$(parameters "${vcpu[a]}")" "SCHED_DEADLINE 20000000/100000000"
check "release" 0 '' virtrk release a
check "85 of 100 ms on a CPU of its own" 0 'exclusive, CPU 2' virtrk reserve a --vcpu 0 --budget 85ms --period 100ms --cpu 2
check_equal "the kernel has it" "$(parameters "${vcpu[a]}") $(housekeeping)" "SCHED_DEADLINE 85000000/100000000 0-1,3"
check "what does not fit" 3 '' virtrk reserve a --vcpu 0 --budget 99ms --period 100ms --replace
daemon_kill
daemon_up
check_soon "killed and started again: the ledger is what the kernel has" 20 ledger_is_kernel
check_json "with one reservation" 'length == 1' virtrk top --json
check "release" 0 '' virtrk release a
all_back() {
	[ "$(housekeeping)" = 0-3 ] && books_empty "$empty"
}
check_soon "everything is back" 20 all_back
vm_done
