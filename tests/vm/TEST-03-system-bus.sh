#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tier: C
#
# org.virtrk1 on the system bus: what it says about itself, reading for everybody, writing for root only, its name for
# virtrkd only, signals and changed properties.
# shellcheck disable=SC2317  # functions are called by name
# shellcheck source=tests/vm/lib.sh
. /src/tests/vm/lib.sh
vm_begin system-bus

bus() {
	busctl --system --no-pager "$@"
}
manager=(org.virtrk1 /org/virtrk1 org.virtrk1.Manager)
as_nobody() {
	setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all "$@"
}
property() {	# NAME
	bus get-property "${manager[@]}" "$1"
}

daemon_start
domain_define bus
domain_start bus --paused || { fail "the domain does not start"; vm_done; }
domain_path=/org/virtrk1/domain/bus
check_soon "the domain is there" 30 virtrk_says 'any(.[]; .name == "bus")' list
tid=$(thread_find "${guest_pid[bus]}" 'CPU 0/KVM')

for member in ListDomains GetDomain Reserve Check Release Capacity Doctor Statistics DescribeRegime .Version .NReservations Drift; do
	check "introspect shows ${member#.}" 0 "(^|"$'\n'")\\.${member#.} " bus introspect "${manager[@]}"
done
check "the tree has the domain" 0 "$domain_path" bus tree org.virtrk1
check "which has its properties" 0 '\.UUID ' bus introspect org.virtrk1 "$domain_path" org.virtrk1.Domain

# --- reading ------------------------------------------------------------------------------------------------------------

for who in '' as_nobody; do
	check "${who:-root} lists domains" 0 '"bus"' $who busctl --system call "${manager[@]}" ListDomains
	check "${who:-root} gets the domain's path" 0 "$domain_path" $who busctl --system call "${manager[@]}" GetDomain s bus
	check "${who:-root} asks for capacity" 0 'root-domain' $who busctl --system call "${manager[@]}" Capacity
	check "${who:-root} asks whether it would fit" 0 '"Fits" b true' \
		$who busctl --system call "${manager[@]}" Check 'sa(stttt)' bus 1 vcpu0 1000000 10000000 0 0
	check "${who:-root} reads a property" 0 '^u 0' $who busctl --system get-property "${manager[@]}" NReservations
	check "${who:-root} asks the doctor" 0 '' $who busctl --system call "${manager[@]}" Doctor
	check "${who:-root} uses virtrk" 0 'bus' $who virtrk list
done

# --- writing ------------------------------------------------------------------------------------------------------------

signals=$e2e_dir/signals
child_start "$signals" virtrk monitor --json
sleep 2	# it does not say when it listens
request=(Reserve 'sa(stttt)' bus 1 vcpu0 2000000 20000000 0 0)
check "nobody may not reserve" 1 'org\.virtrk1\.Error\.NotPermitted|not permitted|root' as_nobody busctl --system call "${manager[@]}" "${request[@]}"
check "by that name" 1 'NotPermitted' as_nobody dbus-send --system --print-reply --dest=org.virtrk1 /org/virtrk1 \
	org.virtrk1.Manager.Release string:bus array:string:
check "nor with virtrk" 1 '^virtrk: ' as_nobody virtrk reserve bus --vcpu 0 --budget 2ms --period 20ms
check_equal "and nothing happened" "$(parameters "$tid")" "SCHED_OTHER"
check "root may" 0 '"Fits" b true' bus call "${manager[@]}" "${request[@]}"
check_equal "and the kernel has it" "$(parameters "$tid")" "SCHED_DEADLINE 2000000/20000000"
check_equal "a property tells" "$(property NReservations)" "u 1"
check "the reservation is an object" 0 '2000000' bus get-property org.virtrk1 "$domain_path/vcpu0" org.virtrk1.Reservation BudgetNSec
check "nobody may not release it" 1 '' as_nobody busctl --system call "${manager[@]}" Release sas bus 0
check "nor as the domain's method" 1 '' as_nobody busctl --system call org.virtrk1 "$domain_path" org.virtrk1.Domain Release as 0
check_equal "it is still there" "$(parameters "$tid")" "SCHED_DEADLINE 2000000/20000000"
check "an unknown domain has an error of its own" 1 'none' bus call "${manager[@]}" GetDomain s none
check "root releases" 0 '' bus call "${manager[@]}" Release sas bus 0
check_equal "and the kernel knows" "$(parameters "$tid")" "SCHED_OTHER"
check_soon "the signals came" 10 grep -q '"Released"' "$signals"
check "both" 0 '"Reserved"' cat "$signals"
child_end "$child" TERM

# --- the name -----------------------------------------------------------------------------------------------------------

check "nobody cannot take the name" 1 'not allowed|denied|Access' as_nobody busctl --system call org.freedesktop.DBus \
	/org/freedesktop/DBus org.freedesktop.DBus RequestName su org.virtrk1 0
check "a second virtrkd says so and ends" 1 'virtrkd' timeout 30 virtrkd
check_equal "the first one is not disturbed" "$(property NReservations)" "u 0"
vm_done
