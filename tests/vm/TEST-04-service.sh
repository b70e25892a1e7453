#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tier: C
#
# virtrkd as a service of systemd: started, stopped, started again, killed, hung; started by a call on the bus. Whatever
# happens to it, the reservation stays in the kernel and is taken over. The journal has its fields and explanations.
# shellcheck disable=SC2317  # functions are called by name
# shellcheck source=tests/vm/lib.sh
. /src/tests/vm/lib.sh
vm_begin service

promised="SCHED_DEADLINE 2000000/20000000"
kept() {	# "after what"
	check_equal "$1: the reservation is in the kernel" "$(parameters "$tid")" "$promised"
}
adopted() {	# "after what"
	check_soon "$1: virtrkd has it" 30 virtrk_says \
		'length == 1 and .[0].domain == "service" and .[0].thread == "vcpu0" and .[0].budget_ns == 2000000' top
	kept "$1"
}
changed() {	# PID: another virtrkd than that one serves
	[ "$(daemon_pid)" -gt 0 ] && [ "$(daemon_pid)" != "$1" ] && systemctl is-active virtrkd
}

systemctl stop virtrkd
check "a call on the bus starts it" 0 '' virtrk list
check "then systemd says active" 0 '^active$' systemctl is-active virtrkd
check_equal "because it said so itself" "$(systemctl show -P Type virtrkd)" notify
check "with a status line" 0 'domains' systemctl show -P StatusText virtrkd
check_equal "the watchdog is on" "$(systemctl show -P WatchdogUSec virtrkd)" 30s

domain_define service
domain_start service --paused || { fail "the domain does not start"; vm_done; }
tid=$(thread_find "${guest_pid[service]}" 'CPU 0/KVM')
check_soon "the domain is there" 30 virtrk_says 'any(.[]; .name == "service")' list
check "reserve" 0 '' virtrk reserve service --vcpu 0 --budget 2ms --period 20ms
adopted "reserved"

check "stop" 0 '' systemctl stop virtrkd
check_equal "it ended well" "$(systemctl show -P Result virtrkd) $(systemctl show -P ExecMainStatus virtrkd)" "success 0"
kept "stopped"
check "its state is kept" 0 'vcpu0' cat /run/virtrk/state.json
check "start" 0 '' systemctl start virtrkd
adopted "started again"

pid=$(daemon_pid)
check "restart" 0 '' systemctl restart virtrkd
check_soon "is another process" 30 changed "$pid"
adopted "restarted"

for n in 1 2 3; do
	pid=$(daemon_pid)
	kill -KILL "$pid"
	kept "killed, $n"
	check_soon "killed, $n: systemd starts another" 30 changed "$pid"
	adopted "killed, $n"
	systemctl reset-failed virtrkd
done

# Hung: systemd's watchdog ends it. 30 s are long for a test, so it gets 5.
mkdir -p /run/systemd/system/virtrkd.service.d
printf '[Service]\nWatchdogSec=5s\n' >/run/systemd/system/virtrkd.service.d/watchdog.conf
systemctl daemon-reload
systemctl restart virtrkd
pid=$(daemon_pid)
sleep 12
check_equal "it feeds the watchdog" "$(daemon_pid)" "$pid"
kill -STOP "$pid"
check_soon "hung: the watchdog ends it, and systemd starts another" 60 changed "$pid"
adopted "hung"
rm -r /run/systemd/system/virtrkd.service.d
systemctl daemon-reload

# --- the journal --------------------------------------------------------------------------------------------------------

check "release" 0 '' virtrk release service
check_equal "an ordinary thread again" "$(parameters "$tid")" "SCHED_OTHER"
journal() {
	journalctl -q --no-pager -u virtrkd "$@"
}
check_json "the journal has the reservation under its domain and thread" \
	'any(.[]; .VIRTRK_DOMAIN == "service" and .VIRTRK_THREAD == "vcpu0" and .MESSAGE_ID == "e0a4b1c1f6de4c0b8e9f0a5d1b7c2f10")' \
	bash -c 'journalctl -q -u virtrkd VIRTRK_DOMAIN=service -o json | jq -s .'
check "and what was taken over" 0 'service|took|adopted|taken' journal MESSAGE_ID=e0a4b1c1f6de4c0b8e9f0a5d1b7c2f15
check "and the end" 0 '' journal MESSAGE_ID=e0a4b1c1f6de4c0b8e9f0a5d1b7c2f11
check "explained by the catalog" 0 'A reservation of service is in force' journal -x MESSAGE_ID=e0a4b1c1f6de4c0b8e9f0a5d1b7c2f10
systemd-analyze security --no-pager virtrkd >"$VM_ARTEFACTS/security" 2>&1
systemctl stop virtrkd
vm_done
