#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tier: C
# only: long
# limit: 600
#
# Others write what virtrkd has promised: libvirt (vcpupin, schedinfo), taskset, chrt, tuned and irqbalance as they come from Debian,
# a CPU that goes offline and comes back, a cpuset of somebody else. By policy it is repaired, or only reported; what cannot be
# repaired is said. Nothing of it costs the reservation for good.
# shellcheck disable=SC2317,SC2329  # functions are called by name
# shellcheck source=tests/vm/lib.sh
. /src/tests/vm/lib.sh
vm_begin fights

cgroups=/sys/fs/cgroup
promised="SCHED_DEADLINE 10000000/100000000"
cpus_of() {
	taskset -pc "$1" | sed 's/.*: //'
}
now_is() {	# POLICY-AND-PARAMETERS CPUS
	[ "$(parameters "$tid")" = "$1" ] && [ "$(cpus_of "$tid")" = "$2" ]
}
drift_is() {	# REGEX
	virtrk show fight --json | jq -e --arg re "$1" '.threads[] | select(.name == "vcpu0") | .reservation.drift | test($re)'
}
# What the journal says of drift since the last call of mark.
mark() {
	since=$(journalctl -q -u virtrkd -n 0 --show-cursor | sed -n 's/^-- cursor: //p')
}
journal() {
	journalctl -q --no-pager -u virtrkd --after-cursor="$since" -o cat
}
journal_has() {
	journal | grep -qE "$1"
}
# fight "what" REGEX-IN-THE-JOURNAL COMMAND...: it is told, and then all is as it was
fight() {
	local what=$1 regex=$2
	shift 2

	mark
	"$@" >"$e2e_dir/fight" 2>&1
	check_soon "$what: it is told" 30 journal_has "$regex"
	check_soon "$what: and mended" 30 now_is "$promised" 0-3
	check_soon "$what: no drift is shown" 10 drift_is '^$'
}
# harmless "what" COMMAND...: may do what it likes, but not this
harmless() {
	local what=$1
	shift

	check "$what" 0 '' "$@"
	sleep 3
	check "$what: nothing is harmed" 0 '' now_is "$promised" 0-3
}

daemon_start
domain_define fight
domain_start fight || { fail "the domain does not start"; vm_done; }
check_soon "the domain is found" 30 virtrk_says 'length == 1' list
check "its guest obeys" 0 '' domain_wait fight
tid=$(thread_find "${guest_pid[fight]}" 'CPU 0/KVM')
check "reserve" 0 '' virtrk reserve fight --vcpu 0 --budget 10ms --period 100ms
check "it is there" 0 '' now_is "$promised" 0-3

# --- repaired -----------------------------------------------------------------------------------------------------------

fight "chrt --other" 'policy of vcpu0 of fight .* to other: ' chrt -o -p 0 "$tid"
fight "chrt --fifo" 'policy of vcpu0 of fight .* to fifo 7: ' chrt -f -p 7 "$tid"
fight "another budget" 'parameters of vcpu0 of fight ' chrt -d -T 2000000 -D 100000000 -P 100000000 -p 0 "$tid"
pin() {
	chrt -o -p 0 "$tid" && taskset -pc 1 "$tid"
}
fight "chrt --other and taskset" 'affinity of vcpu0 of fight ' pin
check "taskset alone is refused by the kernel" 1 'failed' taskset -pc 1 "$tid"
check "and changes nothing" 0 '' now_is "$promised" 0-3

# tuned gives another policy to all threads of processes whose command line matches: it compares that, never a thread's own name. It does
# so while the profile is applied, and tuned-adm returns when that is done.
mkdir -p /etc/tuned/profiles/fight
printf '[main]\nsummary=takes vCPUs\n[scheduler]\ngroup.vcpu=0:o:0:*:qemu-system.*guest.fight\n' >/etc/tuned/profiles/fight/tuned.conf
mark
check "tuned starts" 0 '' systemctl start tuned
check "with a profile for the threads of that QEMU" 0 '' tuned-adm profile fight
check "which is in force" 0 'Current active profile: fight$' tuned-adm active
check_soon "tuned: it is told" 60 journal_has 'policy of vcpu0 of fight .* to other: '
check_soon "tuned: and mended while tuned still runs" 60 now_is "$promised" 0-3
check "tuned still runs" 0 '^active$' systemctl is-active tuned
check "tuned stops" 0 '' systemctl stop tuned
check_soon "tuned has given back what it found, and that is mended, too" 60 now_is "$promised" 0-3

# --- harmless -----------------------------------------------------------------------------------------------------------

harmless "virsh schedinfo" vsh schedinfo fight --live --set cpu_shares=512
harmless "a quota for vCPUs" vsh schedinfo fight --live --set vcpu_period=100000 --set vcpu_quota=50000
harmless "no quota any more" vsh schedinfo fight --live --set vcpu_quota=-1
harmless "irqbalance" irqbalance --oneshot
harmless "a daemon-reload of systemd" systemctl daemon-reload

# --- not to be repaired, so reported --------------------------------------------------------------------------------------

mark
vsh vcpupin fight 0 1 --live >"$VM_ARTEFACTS/vcpupin" 2>&1
check_soon "virsh vcpupin: it is told" 30 journal_has 'affinity of vcpu0 of fight .*: '
check_equal "its parameters are as promised" "$(parameters "$tid")" "$promised"
journal >"$VM_ARTEFACTS/vcpupin-journal"
vsh vcpupin fight 0 0-3 --live >>"$VM_ARTEFACTS/vcpupin" 2>&1
check_soon "pinned to all again: as promised" 30 now_is "$promised" 0-3
check_soon "and no drift is shown" 10 drift_is '^$'

mark
vcpu_group=$cgroups$(sed -n 's/^0:://p' "/proc/$tid/cgroup")
echo 2 >"$vcpu_group/cpuset.cpus"
check_soon "a cpuset written by somebody else: it is told" 30 journal_has 'affinity of vcpu0 of fight .*: '
check_equal "its parameters are as promised" "$(parameters "$tid")" "$promised"
echo 0-3 >"$vcpu_group/cpuset.cpus"
check_soon "written back: as promised" 30 now_is "$promised" 0-3

# --- a CPU goes and comes back ----------------------------------------------------------------------------------------------

mark
check "CPU 3 goes offline" 0 '' bash -c 'echo 0 >/sys/devices/system/cpu/cpu3/online'
sleep 3
check_equal "the reservation is there" "$(parameters "$tid")" "$promised"
virtrk capacity --json >"$VM_ARTEFACTS/capacity-offline"
journal >"$VM_ARTEFACTS/offline-journal"
check "CPU 3 comes back" 0 '' bash -c 'echo 1 >/sys/devices/system/cpu/cpu3/online'
check_soon "and all is as promised" 30 now_is "$promised" 0-3
check_soon "no drift is shown" 10 drift_is '^$'
check_json "capacity has four CPUs" '.[0].ncpus == 4' virtrk capacity --json

# --- only reported ----------------------------------------------------------------------------------------------------------

mkdir -p /run/systemd/system/virtrkd.service.d
printf '[Service]\nExecStart=\nExecStart=/usr/sbin/virtrkd --on-drift=report\n' >/run/systemd/system/virtrkd.service.d/report.conf
systemctl daemon-reload
check "with --on-drift=report" 0 '' systemctl restart virtrkd
check_soon "it knows its reservation" 30 virtrk_says 'length == 1' top
mark
chrt -o -p 0 "$tid"
check_soon "chrt: it is reported" 30 journal_has 'policy of vcpu0 of fight .* to other: reported'
sleep 3
check_equal "and left alone" "$(parameters "$tid")" SCHED_OTHER
check_soon "and shown" 10 drift_is '^policy: '
rm -r /run/systemd/system/virtrkd.service.d
systemctl daemon-reload

check "release" 0 '' virtrk release fight
check_equal "an ordinary thread" "$(parameters "$tid")" SCHED_OTHER
systemctl stop virtrkd
vm_done
