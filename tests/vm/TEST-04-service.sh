#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tier: C
#
# virtrkd as a service of systemd: started, stopped, started again, killed, hung; started by a call on the bus. Whatever
# happens to it, the reservation stays in the kernel and is taken over. The journal has its fields and explanations. It runs with
# few rights (systemd-analyze says how few), members of its group may use it, the shell completes its command.
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

# --- its place in the system ----------------------------------------------------------------------------------------------

check "start" 0 '' systemctl start virtrkd
pid=$(daemon_pid)
systemd-analyze security --no-pager virtrkd >"$VM_ARTEFACTS/security" 2>&1
check_between "exposure as systemd-analyze security counts it" "$(sed -n 's/.* exposure level for .*: \([0-9.]*\) .*/\1/p' "$VM_ARTEFACTS/security")" 0.1 1.8
check_equal "it runs as a user of its own" "$(stat -c %U "/proc/$pid")" virtrkd
check_equal "with the rights that its unit names" "$(sed -n 's/^CapEff:\t*0*//p' "/proc/$pid/status")" \
	"$(printf '%x' $((1 << 23 | 1 << 38 | 1 << 19 | 1 << 1 | 1 << 21)))"
check "in a network of its own" 1 '' test "$(readlink "/proc/$pid/ns/net")" = "$(readlink /proc/1/ns/net)"
check_equal "its directory is its own" "$(stat -c '%U %a' /run/virtrk)" "virtrkd 755"
check "which tmpfiles agrees with" 0 '' systemd-tmpfiles --create --dry-run virtrk.conf
check "the slice for domains" 0 '' systemctl start virtrk.slice
useradd --no-create-home --groups virtrk member
useradd --no-create-home stranger
as() {
	setpriv --reuid "$1" --regid "$1" --init-groups "${@:2}"
}
check "a stranger may not reserve" 1 '' as stranger virtrk reserve service --vcpu 0 --budget 2ms --period 20ms
check_equal "and nothing happened" "$(parameters "$tid")" "SCHED_OTHER"
ways() { virtrk check service --vcpu 0 --budget 2ms --period 20ms --cpu 3; }
limit=$(cat /proc/sys/kernel/sched_rt_runtime_us)
check "a CPU that is given is given for oneself" 0 'exclusive, CPU 3' ways
echo -1 >/proc/sys/kernel/sched_rt_runtime_us
check "the administrator switches the kernel's limit off: it hears of that" 0 'pinned, CPU 3' ways
echo "$limit" >/proc/sys/kernel/sched_rt_runtime_us
check "and on again" 0 'exclusive, CPU 3' ways
check "a stranger may look" 0 'service' as stranger virtrk list
check "a member of the group virtrk may reserve: polkit says so" 0 '' as member virtrk reserve service --vcpu 0 --budget 2ms --period 20ms
kept "by a member"
check "and release" 0 '' as member virtrk release service
completes() {	# WORD...: what bash offers for the last one
	bash -c '. /usr/share/bash-completion/bash_completion; . /usr/share/bash-completion/completions/virtrk; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
		_virtrk; printf "%s\n" "${COMPREPLY[@]}"' bash "$@"
}
check "the shell completes verbs" 0 'reserve' completes virtrk res
check "and domains" 0 'service' completes virtrk show serv
check "systemctl stop ends its socket, too" 0 '' systemctl stop virtrkd.service
check_equal "so that no process that starts can start it" "$(systemctl show -P ActiveState virtrkd.socket)" inactive
systemctl stop virtrkd
vm_done
