#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tier: C
# limit: 600
#
# Intent in the metadata of a libvirt domain: written by virtrk define, in force when the domain starts, followed when it changes; and
# libvirt's hook, which refuses a start that does not fit, tells why, and never harms a domain that runs.
# shellcheck disable=SC2317,SC2329  # functions are called by name
# shellcheck source=tests/vm/lib.sh
. /src/tests/vm/lib.sh
vm_begin define-and-hook

tid_of() { thread_find "${guest_pid[rt]}" 'CPU 0/KVM'; }
has() { [ "$(parameters "$1")" = "$2" ]; }	# TID PARAMETERS
journal_has() { journalctl -q -u virtrkd -o cat --no-pager | grep -q "$1"; }
syslog_has() { journalctl -q -t virtrk-hook -o cat --no-pager | grep -q "$1"; }
none_reserved() { virtrk_says '. == []' top; }
state() { vsh domstate rt; }
metadata() {	# XML OPTIONS...
	vsh metadata rt urn:virtrk:domain:1 rk "$@" >/dev/null
}
start_fails() {	# "what" REASON
	check "$1: virsh start is refused, and tells why" 1 "rt is not started: $2" vsh start rt
	check_equal "$1: it does not run" "$(state)" "shut off"
}

daemon_start
domain_define rt "1 of 2"
check "written" 0 'defined 20ms for vcpu0 of rt in every 100ms \(at each start\)' virtrk define rt --vcpu 0 --budget 20ms --period 100ms
check "shown" 0 "<rk:thread name='vcpu0' budget='20ms' period='100ms'/>" virtrk show rt --xml
check "libvirt has it" 0 'urn:virtrk:domain:1' vsh dumpxml rt --inactive

# --- the domain runs ----------------------------------------------------------------------------------------------------

check "it starts" 0 '' domain_start rt
tid=$(tid_of)
check_soon "and has what it is to have" 30 has "$tid" "SCHED_DEADLINE 20000000/100000000"
check_json "nothing is held any more" '.[0].reservations == 1 and .[0].prepared == 0' virtrk capacity --json
check "another budget, while it runs" 0 'now and at each start' virtrk define rt --vcpu 0 --budget 30ms --period 100ms
check_soon "is in force" 20 has "$tid" "SCHED_DEADLINE 30000000/100000000"
check "one more thread" 0 '' virtrk define rt --emulator --budget 2ms --period 100ms
check_soon "has its own" 20 has "${guest_pid[rt]}" "SCHED_DEADLINE 2000000/100000000"
check "taken out again" 0 '' virtrk define rt --remove --emulator
check_soon "it gives it back" 20 has "${guest_pid[rt]}" "SCHED_OTHER"
check_equal "the other one keeps its own" "$(parameters "$tid")" "SCHED_DEADLINE 30000000/100000000"
check "more than fits is not written" 3 'nothing was written' virtrk define rt --vcpu 0 --emulator --iothread 1 --budget 95ms --period 100ms
check "so it is as before" 0 "budget='30ms'" virtrk show rt --xml
metadata "<reservation><thread name='vcpu0' budget='9' period='100ms'/></reservation>" --live
check_soon "metadata that cannot be read are told" 20 journal_has 'budget: "9" is no time'
metadata "<reservation><thread name='vcpu0' budget='95ms' period='100ms'/><thread name='emulator' budget='95ms' period='100ms'/><thread name='iothread1' budget='95ms' period='100ms'/></reservation>" --live
check_soon "so is what does not fit" 20 journal_has 'rt: its metadata ask for what it does not get'
check_equal "and both change nothing" "$(parameters "$tid")" "SCHED_DEADLINE 30000000/100000000"
metadata "<reservation><thread name='vcpu0' budget='30ms' period='100ms'/></reservation>" --live
systemctl restart virtrkd
check_soon "virtrkd is started again, and knows" 30 virtrk_says 'length == 1 and .[0].budget_ns == 30000000' top

# --- nothing harms it ---------------------------------------------------------------------------------------------------

systemctl mask --runtime --now virtrkd >/dev/null 2>&1
check "libvirtd is started again without virtrkd" 0 '' systemctl restart libvirtd
wait_for 30 vsh list
check_equal "the domain runs on" "$(state)" running
check_equal "with its reservation" "$(parameters "$tid")" "SCHED_DEADLINE 30000000/100000000"
check "destroy, without virtrkd" 0 '' vsh destroy rt
start_fails "without virtrkd" 'virtrkd cannot be asked'
systemctl unmask --runtime virtrkd >/dev/null 2>&1

# --- the start ----------------------------------------------------------------------------------------------------------

check "virtrkd does not run, but may: the domain starts" 0 '' domain_start rt
check_soon "with its reservation" 30 has "$(tid_of)" "SCHED_DEADLINE 30000000/100000000"
vsh destroy rt
check_soon "destroyed: all is given back" 20 none_reserved
kill -STOP "$(daemon_pid)"
start_fails "virtrkd hangs" 'virtrkd does not answer'
kill -CONT "$(daemon_pid)"
metadata "<reservation><thread name='vcpu0' budget='9' period='100ms'/></reservation>" --config
start_fails "malformed" 'metadata: thread\[0\]: budget: "9" is no time'
check "taken out, malformed as it is" 0 'removed all' \
	virtrk define rt --remove
check "more than ever fits may be written for later" 0 'at each start' virtrk define rt --vcpu 0 --emulator --iothread 1 --budget 95ms --period 100ms
start_fails "too much" '.*(density|bandwidth|CPU|fit)'
check_json "nothing is held for it" '.[0].prepared == 0' virtrk capacity --json
check "only to be reported" 0 '' virtrk define rt --vcpu 0 --budget 95ms --period 100ms --on-refusal report
check "then it starts" 0 '' domain_start rt
check_soon "syslog tells" 20 syslog_has 'rt is started without what its metadata ask for'
check_equal "and nothing is reserved" "$(parameters "$(tid_of)")" "SCHED_OTHER"
vsh destroy rt
check "removed" 0 'removed all' virtrk define rt --remove
check "nothing is left" 1 'no reservations' virtrk show rt --xml
check "into a partition" 0 'from its next start on rt is in the partition /virtrk' virtrk define rt --vcpu 0 --budget 20ms --period 100ms --partition /virtrk
check "libvirt has it" 0 '<partition>/virtrk</partition>' vsh dumpxml rt --inactive
vm_done
