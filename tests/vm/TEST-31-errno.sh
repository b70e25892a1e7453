#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tier: B
# only: long
# limit: 900
# long limit: 2700
#
# As tests/e2e/errno.t, for what that cannot do: virtrkd gives a domain a CPU of its own, by control groups and a partition, and takes it
# back, and each system call that it makes for that fails once with each errno that it can give (errno.sh).
# In short, calls that change something fail at their last time with one errno; else at each time, those that change something with each.
# shellcheck disable=SC2317,SC2329  # functions are called by name
# shellcheck source=tests/vm/lib.sh
. /src/tests/vm/lib.sh
# shellcheck source=tests/vm/machines.sh
. /src/tests/vm/machines.sh
vm_begin errno
# shellcheck disable=SC2034  # for errno.sh
errno_log=$e2e_dir/daemon.log
# shellcheck source=tests/e2e/errno.sh
. /src/tests/e2e/errno.sh
machines_begin

for name in keeper a; do
	machine_up "$name" || { fail "the domain $name does not start"; vm_done; }
	echo "20000 100000" >"$(scope_of "$name")/libvirt/vcpu0/cpu.max"	# one that spins takes a CPU from the emulator, which has two
done
daemon_options=(--on-drift=report)
daemon_up || { cat "$e2e_dir/daemon.log"; fail "virtrkd does not start"; vm_done; }
check_soon "two domains" 30 virtrk_says 'length == 2' list
check "a reservation that nobody touches" 0 '' virtrk reserve keeper --vcpu 0 --budget 20ms --period 100ms
books_open

declare -A errno_from=([reserve-cpu]=free [release-cpu]=apart) errno_to=([reserve-cpu]=apart [release-cpu]=free)
errno_ask() {
	case "$1" in
	reserve-cpu) timeout 60 virtrk reserve a --vcpu 0 --budget 10ms --period 50ms --cpu 2 ;;
	release-cpu) timeout 60 virtrk release a ;;
	esac
}
errno_bring() {
	case "$1" in
	free) errno_ask release-cpu || [ "$(ledger_lines | grep -c '^reserved a ')" -eq 0 ] ;;
	apart) errno_ask reserve-cpu ;;
	esac
}
# The partition goes when its thread has rested. Should that fail, it is tried again later, and the trace need not see it.
errno_later() {
	local rk end=$((SECONDS + 5))

	rk=$(scope_of a)/libvirt/vcpu0/rk
	while [ "$1" = release-cpu ] && [ -d "$rk" ] && [ "$SECONDS" -lt "$end" ]; do
		errno_nap
	done
}
errno_also() {
	:
}
# shellcheck disable=SC2034  # for errno.sh
errno_promise='.promises[] | "reserved \(.domain) \(.budget_ns)/\(.period_ns)"'

changes=" write fsync renameat sched_setattr sched_setaffinity mkdirat unlinkat "
few() {
	[[ "$changes openat sched_getattr perf_event_open " != *" $1 "* ]] || echo "$2 ${errnos[$1]%% *}"
}
# The others only where control groups and partitions are looked at: the rest is what errno.t has tried.
looks=" openat read fstat readlinkat sched_getattr sched_getaffinity inotify_init1 inotify_add_watch inotify_rm_watch mmap munmap "
many() {
	if [[ $changes == *" $1 "* ]]; then
		errno_all "$@"
	elif [[ $looks == *" $1 "* ]]; then
		errno_each "$@"
	fi
}
choice=few
[ -z "$VM_LONG" ] || choice=many
errno_states free apart || vm_done
for deed in reserve-cpu release-cpu; do
	errno_sweep "$deed" "$choice"
	cp "$e2e_dir/calls-$deed" "$errno_words" "$VM_ARTEFACTS/"
done
check_equal "the reservation that nobody touches is there" "$(parameters "${vcpu[keeper]}")" "SCHED_DEADLINE 20000000/100000000"
cp "$e2e_dir/daemon.log" "$VM_ARTEFACTS/"
vm_done
