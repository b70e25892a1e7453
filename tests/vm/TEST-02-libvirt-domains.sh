#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tier: C
#
# virtrkd as a service on the system bus finds libvirt's domains and follows them: start, suspend, resume, a vCPU that
# is plugged, destroy, a libvirtd that is started again. Reservations of their vCPUs are in the kernel as asked for, are
# delivered, are refused when they do not fit, and end with the domain.
# shellcheck disable=SC2317  # functions are called by name
# shellcheck source=tests/vm/lib.sh
. /src/tests/vm/lib.sh
vm_begin libvirt-domains

tid_of() {	# DOMAIN THREAD
	virtrk show "$1" --json | jq -r --arg name "$2" '.threads[] | select(.name == $name) | .tid'
}

in_hand() {
	[[ $(vsh domcontrol rt) == ok ]]
}

daemon_start
check_json "no domain runs" '. == []' virtrk list --json

# --- found, and followed ------------------------------------------------------------------------------------------------

domain_define rt "1 of 2"
domain_start rt || { fail "the domain does not start"; vm_done; }
pid=${guest_pid[rt]}
check_soon "a domain that starts is found, as libvirt's and on KVM" 30 virtrk_says \
	".[0] | .name == \"rt\" and .pid == $pid and .origin == \"libvirt\" and .state == \"running\" and .accelerator == \"kvm\"" list
check_soon "its UUID is libvirt's" 10 virtrk_says ".uuid == \"$(vsh domuuid rt)\"" show rt
check_equal "its vCPU thread is the one that the kernel calls CPU 0/KVM" "$(tid_of rt vcpu0)" "$(thread_find "$pid" 'CPU 0/KVM')"
check_equal "its iothread" "$(tid_of rt iothread1)" "$(thread_find "$pid" 'IO iothread1')"
check_equal "its emulator thread" "$(tid_of rt emulator)" "$pid"
check "its guest obeys" 0 '' domain_wait rt
vsh suspend rt
check_soon "suspended: it is paused" 20 virtrk_says '.[0].state == "paused"' list
vsh resume rt
check_soon "resumed: it runs" 20 virtrk_says '.[0].state == "running"' list
check "a second vCPU is plugged" 0 '' vsh setvcpus rt 2 --live
check_soon "and seen, though libvirt has no event for it" 20 virtrk_says 'any(.threads[]; .name == "vcpu1")' show rt

check "libvirtd is started again" 0 '' systemctl restart libvirtd
check_json "meanwhile nothing is lost" 'length == 1 and .[0].origin == "libvirt"' virtrk list --json
wait_for 30 vsh list
vsh suspend rt
check_soon "and then its events are heard again" 30 virtrk_says '.[0].state == "paused"' list
vsh resume rt
check_soon "all of them" 20 virtrk_says '.[0].state == "running"' list

# --- reserved -----------------------------------------------------------------------------------------------------------

tid=$(tid_of rt vcpu0)
check "reserve 20 ms of 100 ms for vcpu0" 0 'vcpu0' virtrk reserve rt --vcpu 0 --budget 20ms --period 100ms
check_equal "the kernel has it" "$(parameters "$tid")" "SCHED_DEADLINE 20000000/100000000"
check_equal "and nothing for vcpu1" "$(parameters "$(tid_of rt vcpu1)")" "SCHED_OTHER"
check_json "show has it" 'any(.threads[]; .name == "vcpu0" and .reservation.budget_ns == 20000000 and .reservation.period_ns == 100000000)' \
	virtrk show rt --json
guest_tell rt burn 600s
sleep 1
used_start "$tid"
sleep 8
used_stop "$tid"
# Emulated CPUs run when this machine lets them, so this is coarse; to the nanosecond in the deterministic hosts.
check_between "a spinning guest gets its share: delivered / promised" "$(awk -v u="$used_us" -v e="$elapsed_us" 'BEGIN { printf "%.3f", 5 * u / e }')" 0.6 1.4
check_json "top has measured it, too" '.[0] | .domain == "rt" and .thread == "vcpu0" and .used_ns > 0 and .throttled > 0' virtrk top --json
check "top as a table" 0 'vcpu0' virtrk top
check "the same thread again" 1 'already|Duplicate|reserved' virtrk reserve rt --vcpu 0 --budget 20ms --period 100ms
check "more than fits" 3 '' virtrk reserve rt --vcpu 0-1 --emulator --iothread 1 --budget 95ms --period 100ms --replace
echo "$output" >"$VM_ARTEFACTS/refusal"
check_equal "changed nothing" "$(parameters "$tid")" "SCHED_DEADLINE 20000000/100000000"
check "check says so, too" 3 '' virtrk check rt --vcpu 0-1 --emulator --iothread 1 --budget 95ms --period 100ms --replace
check_json "capacity counts it" '.[0].reservations == 1 and .[0].ncpus == 4' virtrk capacity --json
virtrk doctor >"$VM_ARTEFACTS/doctor"
check_json "doctor answers, and no check of it failed" 'length > 0 and all(.[]; .level != "fail")' virtrk doctor --json
check "libvirtd may be started again" 0 '' systemctl restart libvirtd
check_equal "without harm to the reservation" "$(parameters "$tid")" "SCHED_DEADLINE 20000000/100000000"
check "both vCPUs and the emulator, in place of it" 0 '' virtrk reserve rt --vcpu 0-1 --emulator --budget 10ms --period 100ms --replace
check_equal "the kernel has that" "$(parameters "$tid")" "SCHED_DEADLINE 10000000/100000000"
check_json "three reservations" 'length == 3' virtrk top --json
check "release of one" 0 '' virtrk release rt --vcpu 1
check_equal "makes it an ordinary thread again" "$(parameters "$(tid_of rt vcpu1)")" "SCHED_OTHER"

# --- and gone -----------------------------------------------------------------------------------------------------------

# libvirtd answers before it has taken up its domains: one that is destroyed then is "not running", and gone.
check_soon "libvirtd has the domain in hand again" 30 in_hand
check "destroy" 0 '' vsh destroy rt
check_soon "destroyed: gone, with its reservations" 20 virtrk_says '. == []' list
check_json "nothing is reserved any more" '. == []' virtrk top --json

mkdir -p /etc/virtrk/domains.d
cat >/etc/virtrk/domains.d/rt.json <<'END'
{ "domain": "rt", "reservations": [ { "thread": "vcpu0", "budget": "5ms", "period": "50ms" } ] }
END
check "started once more" 0 '' domain_start rt
check_soon "it gets what /etc/virtrk/domains.d says, by itself" 30 virtrk_says 'length == 1 and .[0].budget_ns == 5000000' top
check_equal "in the kernel" "$(parameters "$(thread_find "${guest_pid[rt]}" 'CPU 0/KVM')")" "SCHED_DEADLINE 5000000/50000000"
rm /etc/virtrk/domains.d/rt.json
vm_done
