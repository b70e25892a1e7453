#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tier: B
# limit: 300
# long limit: 700
#
# Several threads of one domain on an exclusive CPU: they share the partition below one vCPU's control group, each is given its budget,
# the processor demand test decides over all of them, each is released alone, and the partition goes with the last one. Nobody else
# gets in, somebody's writes are put right, and a daemon that is killed in between leaves nothing behind. The domains are QEMUs in control
# groups as libvirt lays them, whose vCPUs all spin.
# shellcheck disable=SC2317,SC2329  # functions are called by name
# shellcheck source=tests/vm/lib.sh
. /src/tests/vm/lib.sh
vm_begin one-domain-one-cpu

cgroups=/sys/fs/cgroup
slice=$cgroups/machine.slice
export VIRTRK_BUS=$e2e_dir/bus
mount -t debugfs none /sys/kernel/debug 2>/dev/null
echo HRTICK_DL >/sys/kernel/debug/sched/features

# Firmware in which the first CPU starts all others, and each of them spins.
cat >"$e2e_dir/spin.S" <<'END'
	.code16
others:	jmp others			# they start at F000:0000
first:	cli
	lgdtl %cs:table
	movl %cr0, %eax			# far memory needs a segment of protected mode
	orb $1, %al
	movl %eax, %cr0
	movw $8, %bx
	movw %bx, %ds
	andb $0xfe, %al
	movl %eax, %cr0
	movl $0xfee00300, %ebx		# the local APIC: to all but itself ...
	movl $0x000c4500, (%ebx)	# ... INIT
	movl $0x000c46f0, (%ebx)	# ... start at page F0
spin:	jmp spin
table:	.word 15
	.long 0xf0000 + segments
segments:
	.quad 0
	.quad 0x00cf92000000ffff
	.org 0xfff0
	jmp first
	.org 0x10000
END
if ! as --32 -o "$e2e_dir/spin.o" "$e2e_dir/spin.S" || ! objcopy -O binary -j .text "$e2e_dir/spin.o" "$e2e_dir/spin.bin"; then
	fail "no firmware"
	vm_done
fi

scope_of() { echo "$slice/machine-qemu-$1.scope"; }
group_of() { echo "$(scope_of "$1")/libvirt/$2"; }
vcpu_of() { thread_find "${guest_pid[$1]}" "CPU $2/*"; }

domain_up() {	# NAME VCPUS
	local scope name i
	scope=$(scope_of "$1")

	mkdir -p "$scope/libvirt/emulator"
	echo '+cpuset +cpu' >"$scope/cgroup.subtree_control"
	for ((i = 0; i < $2; i++)); do mkdir "$scope/libvirt/vcpu$i"; done
	for name in "$scope"/libvirt/{emulator,vcpu*}; do echo threaded >"$name/cgroup.type"; done
	echo '+cpuset +cpu' >"$scope/libvirt/cgroup.subtree_control"
	child_start "$e2e_dir/$1.log" qemu-system-x86_64 -name "guest=$1,debug-threads=on" -accel tcg,thread=multi -smp "$2" -m 16 \
		-nodefaults -no-user-config -display none -bios "$e2e_dir/spin.bin"
	guest_pid[$1]=$child
	wait_for 20 thread_find "$child" "CPU $(($2 - 1))/*" >/dev/null || return 1
	echo "$child" >"$scope/libvirt/cgroup.procs"
	echo "$child" >"$scope/libvirt/emulator/cgroup.threads"
	for ((i = 0; i < $2; i++)); do vcpu_of "$1" $i >"$scope/libvirt/vcpu$i/cgroup.threads"; done
}

# As systemd ends a scope: kills, then removes it from below.
domain_down() {
	child_end "${guest_pid[$1]}" KILL
	find "$(scope_of "$1")" -depth -type d -exec rmdir {} +
}

daemon_up() {	# OPTIONS...
	child_start "$e2e_dir/daemon.log" virtrkd --bus="$VIRTRK_BUS" --state="$e2e_dir/state" --config="$e2e_dir/config" \
		--libvirt=none --verbose "$@"
	daemon=$child
	wait_for 20 virtrk list >/dev/null
}

daemon_kill() {
	kill -KILL "$daemon"
	wait "$daemon" 2>/dev/null
}

cpus_of() { taskset -pc "$1" | sed 's/.*: //'; }
housekeeping() { cat "$cgroups/cpuset.cpus.effective"; }
# Where the kernel has counted anew its own servers may be missing: then nothing is booked as long as nobody has anything.
books_are_as_before() { [ "$(booked)" = "$empty" ] || [ "$(booked)" = "0 0 0 0" ]; }
booked() { sed -n 's/.*dl_bw->total_bw *: //p' /sys/kernel/debug/sched/debug | paste -s -d ' '; }
all_back() { [ "$(housekeeping)" = 0-3 ] && [ -z "$(cat "$slice/cpuset.cpus.exclusive")" ] && [ -z "$(find "$slice" -name rk)" ]; }
# in_group TID DIRECTORY
in_group() { grep -qx "$1" "$2/cgroup.threads"; }
# shares "what" TID...: each is given 30 of 100 ms
shares() {
	local what=$1 tid
	shift

	for tid; do
		used_start "$tid"
		sleep 5
		used_stop "$tid"
		check_between "$what: delivered / promised" "$(awk -v u="$used_us" -v e="$elapsed_us" 'BEGIN { printf "%.3f", u / e / 0.3 }')" 0.93 1.07
	done
}
everything() {
	grep -r '' --include='cpuset.cpus*' --include=cgroup.threads --include=cgroup.subtree_control "$slice" 2>/dev/null | sort
	grep -hs Cpus_allowed_list /proc/"${guest_pid[a]}"/task/*/status
	booked
}
refused() {	# "what" EXIT REGEX COMMAND...
	local before
	before=$(everything)
	check "$@"
	[ "$(wc -l <<<"$output")" -le 2 ] || fail "$1: more than two lines"
	[ "$before" = "$(everything)" ] || fail "$1: something changed: $(diff <(echo "$before") <(everything))"
}

echo '+cpuset +cpu' >"$cgroups/cgroup.subtree_control"
mkdir -p "$slice"
echo '+cpuset +cpu' >"$slice/cgroup.subtree_control"
domain_up a 3 || { fail "the domain a does not start"; vm_done; }
domain_up b 1 || { fail "the domain b does not start"; vm_done; }
daemon_up --on-drift=repair || { cat "$e2e_dir/daemon.log"; fail "virtrkd does not start"; vm_done; }
check_soon "two domains" 20 virtrk_says 'length == 2' list
# The kernel books its own servers on a CPU only when the CPU changes its root domain for the first time.
mkdir "$cgroups/other"
echo 2-3 >"$cgroups/other/cpuset.cpus"
echo root >"$cgroups/other/cpuset.cpus.partition"
rmdir "$cgroups/other"
empty=$(booked)
first=$(vcpu_of a 0)
second=$(vcpu_of a 1)
third=$(vcpu_of a 2)
rk=$(group_of a vcpu0)/rk

# --- two on one ----------------------------------------------------------------------------------------------------------

check "two vCPUs on one CPU" 0 'qpa; exclusive, CPU 2, EDF' virtrk reserve a --vcpu 0,1 --budget 30ms --period 100ms --cpu 2
check_equal "one partition" "$(find "$slice" -name rk -exec cat {}/cpuset.cpus.partition \;) $(cat "$rk/cpuset.cpus.effective")" "root 2"
check_equal "with both" "$(sort -n "$rk/cgroup.threads" | paste -s -d ' ')" "$(printf '%s\n' "$first" "$second" | sort -n | paste -s -d ' ')"
check_equal "only there" "$(cpus_of "$first") $(cpus_of "$second") $(housekeeping)" "2 2 0-1,3"
check_equal "reserved" "$(parameters "$first") $(parameters "$second")" "SCHED_DEADLINE 30000000/100000000 SCHED_DEADLINE 30000000/100000000"
shares "each of both" "$first" "$second"
check_json "capacity says who, and what one more of the domain gets" \
	'length == 2 and .[1].regime == "exclusive, vcpu0, vcpu1 of a, EDF" and .[1].reservations == 2 and (.[1].largest[] | select(.period_ns == 100000000) | .budget_ns > 10000000 and .budget_ns < 40000000)' virtrk capacity --json
check_json "show, too" '[.threads[] | select(.reservation) | .reservation.cpus] == ["2", "2"]' virtrk show a --json
refused "a third one that does not fit" 3 'does not fit' virtrk reserve a --vcpu 2 --budget 40ms --period 100ms --cpu 2
refused "one that would, by bandwidth alone, but is due too soon" 3 'in a window of' virtrk reserve a --vcpu 2 --budget 20ms --period 100ms --deadline 21ms --cpu 2
refused "another domain" 1 'CPU 2 is exclusive to vcpu0 of a' virtrk reserve b --vcpu 0 --budget 1ms --period 100ms --cpu 2
refused "an emulator alone" 1 'emulator of b cannot get a CPU of its own: only a vCPU can' virtrk reserve b --emulator --budget 1ms --period 100ms --cpu 3

# --- others of the domain come and go -------------------------------------------------------------------------------------

check "the emulator shares it" 0 'exclusive, CPU 2' virtrk reserve a --emulator --budget 5ms --period 100ms --cpu 2
check_equal "it is there" "$(cpus_of "${guest_pid[a]}") $(parameters "${guest_pid[a]}")" "2 SCHED_DEADLINE 5000000/100000000"
check "and released" 0 '' virtrk release a --emulator
check_soon "goes home" 10 in_group "${guest_pid[a]}" "$(group_of a emulator)"
check "vcpu0 is released alone" 0 '' virtrk release a --vcpu 0
check_soon "and goes home" 10 in_group "$first" "$(group_of a vcpu0)"
check_equal "the other one keeps the CPU" "$(cat "$rk/cpuset.cpus.partition") $(cpus_of "$second") $(parameters "$second")" "root 2 SCHED_DEADLINE 30000000/100000000"
shares "the one that is left" "$second"
refused "to another CPU, while its group serves this one" 1 'the partition of another CPU, which its domain shares, is in its control group: release that one first' \
	virtrk reserve a --vcpu 0 --budget 30ms --period 100ms --cpu 3
refused "asked beforehand, the same answer" 1 'is in its control group: release that one first' virtrk check a --vcpu 0 --budget 30ms --period 100ms --cpu 3
check "asked beforehand: back beside the other it can" 0 'exclusive, CPU 2' virtrk check a --vcpu 0 --budget 30ms --period 100ms --cpu 2
check "and back, beside the other" 0 'exclusive, CPU 2' virtrk reserve a --vcpu 0 --budget 30ms --period 100ms --cpu 2
check "three on two: one is free" 0 'exclusive, CPU 3' virtrk reserve a --vcpu 2 --budget 30ms --period 100ms --cpu 2-3
check_equal "it is alone there" "$(cpus_of "$third") $(cat "$(group_of a vcpu2)/rk/cpuset.cpus.partition") $(housekeeping)" "3 root 0-1"
shares "all three" "$first" "$second" "$third"

# --- somebody else writes ----------------------------------------------------------------------------------------------------

echo "$second" >"$(group_of a vcpu1)/cgroup.threads"
check_soon "moved out by somebody, it is brought back" 20 in_group "$second" "$rk"
check_soon "with its reservation" 20 virtrk_says '[.threads[] | select(.name == "vcpu1") | .reservation.drift] == [""]' show a
check_equal "as promised" "$(cpus_of "$second") $(parameters "$second")" "2 SCHED_DEADLINE 30000000/100000000"
echo member >"$rk/cpuset.cpus.partition"
partition_is() { [ "$(cat "$rk/cpuset.cpus.partition")" = "$1" ]; }
check_soon "the partition is switched on again" 10 partition_is root
check "all are released" 0 '' virtrk release a
check_soon "all comes back" 10 all_back
check_equal "and nothing stays booked" "$(booked)" "$empty"

# --- prepared for a domain to come -------------------------------------------------------------------------------------------

document() {	# CPUS
	echo "{\"domain\":\"c\",\"reservations\":[{\"thread\":\"vcpu0\",\"budget\":\"60ms\",\"period\":\"100ms\",\"cpus\":\"$1\"}]}"
}
prepare() {	# "what" EXIT REGEX CPUS
	document "$4" >"$e2e_dir/c.json"
	check "$1" "$2" "$3" virtrk prepare --file "$e2e_dir/c.json" --ttl 300s
}
prepare "a CPU that is not there" 1 'vcpu0 of c: CPU 9 does not exist' 9
prepare "CPU 3 for c" 0 '^[0-9a-f]{32}$' 3
token=$output
refused "another domain gets it no more" 1 'vcpu0 of b: CPU 3 is prepared for c' virtrk reserve b --vcpu 0 --budget 1ms --period 100ms --cpu 3
check "nor counts it among those that all share" 0 'root-domain, 3 CPUs' virtrk check b --vcpu 0 --budget 1ms --period 100ms
check "of a list it takes the other one" 0 'exclusive, CPU 2' virtrk reserve b --vcpu 0 --budget 1ms --period 100ms --cpu 2-3
check "c starts" 0 '' domain_up c 1
check_soon "and is seen" 20 virtrk_says 'length == 3' list
check "and has what was prepared" 0 '' virtrk commit "$token"
check_equal "in the kernel" "$(cpus_of "$(vcpu_of c 0)") $(parameters "$(vcpu_of c 0)")" "3 SCHED_DEADLINE 60000000/100000000"
domain_down c
virtrk release b >/dev/null
check_soon "all is given back" 15 all_back

# --- kill -9 anywhere ------------------------------------------------------------------------------------------------------------

consistent() {	# as many places and threads in the ledger as in the kernel
	local ledger kernel
	ledger=$(virtrk capacity --json | jq -r '.[1:][] | "\(.cpus) \(.reservations)"' | sort)
	kernel=$(find "$slice" -name rk -exec sh -c 'echo "$(cat "$1/cpuset.cpus.effective") $(wc -l <"$1/cgroup.threads")"' - {} \; | sort)
	[ "$ledger" = "$kernel" ]
}
# killed_at SYSCALL N COMMAND...: the daemon dies at its N-th such call while the command waits for it, or at the latest after it
killed_at() {
	local call=$1 n=$2
	shift 2

	strace -o /dev/null -p "$daemon" -e trace="$call" -e "inject=$call:signal=KILL:when=$n" 2>/dev/null &
	wait_for 10 grep -q 'TracerPid:.*[1-9]' "/proc/$daemon/status"
	"$@" >/dev/null 2>&1
	sleep 0.5	# a thread goes home after the answer
	daemon_kill
	wait $! 2>/dev/null
	daemon_up --on-drift=report || return 1
	wait_for 10 consistent >/dev/null || { tail -n 5 "$e2e_dir/daemon.log"; everything; return 1; }
	[ "$(cpus_of "$first") $(parameters "$first")" = "2 SCHED_DEADLINE 20000000/100000000" ]
}
check "one that must not be lost" 0 'CPU 2' virtrk reserve a --vcpu 0 --budget 20ms --period 100ms --cpu 2
bad=0 kills=0
calls=(write:2 sched_setattr:1)
[ -z "$VM_LONG" ] || calls=(renameat:1 write:{1..4} sched_setattr:1 renameat:2)
for at in "${calls[@]}"; do
	killed_at "${at%:*}" "${at#*:}" virtrk reserve a --vcpu 1 --budget 10ms --period 20ms --cpu 2 || bad=$((bad + 1))
	virtrk reserve a --vcpu 1 --budget 10ms --period 20ms --cpu 2 >/dev/null 2>&1
	killed_at "${at%:*}" "${at#*:}" virtrk release a --vcpu 1 || bad=$((bad + 1))
	virtrk release a --vcpu 1 >/dev/null 2>&1
	wait_for 10 in_group "$second" "$(group_of a vcpu1)" >/dev/null || bad=$((bad + 1))
	kills=$((kills + 2))
done
check_equal "killed at $kills calls of coming and going: ledger and kernel agree, the first one is as promised" "$bad" 0

# --- bandwidth that comes back later than was counted with ------------------------------------------------------------------------

# Somebody gives the thread a long period, and takes it out while it is stopped at the end of its budget: what it had is booked for seconds,
# and the partition has to be there when the kernel takes it from its books.
kill -STOP "$daemon"
check "somebody's parameters" 0 '' chrt --deadline --sched-runtime 100000000 --sched-deadline 4000000000 --sched-period 4000000000 --pid 0 "$first"
sleep 0.5	# the budget is used up
virtrk release a --vcpu 0 >/dev/null &
kill -CONT "$daemon"
check "released" 0 '' wait $!
check "and taken out by somebody" 0 '' chrt --other --pid 0 "$first"
# a 40th of a CPU; with the kernel's server, a 20th, or without
check "booked there still, without a thread that has it" 0 '^(26214|78642)$' eval 'booked | cut -d " " -f 3'
check_soon "the partition goes" 40 all_back
sleep 5	# as late as the kernel's timer could be
check_equal "but not too early: the books are as they were" "$(booked)" "$empty"
check "again" 0 'CPU 2' virtrk reserve a --vcpu 0 --budget 20ms --period 100ms --cpu 2

# --- the end -----------------------------------------------------------------------------------------------------------------

check "again two" 0 'CPU 2' virtrk reserve a --vcpu 1 --budget 10ms --period 20ms --cpu 2
domain_down a
check_soon "the domain ends: all comes back" 15 all_back
check_soon "and nothing is booked" 10 books_are_as_before

# --- a CPU is set apart while bandwidth comes back ---------------------------------------------------------------------------------

check "another domain" 0 '' domain_up d 1
check_soon "is seen" 20 virtrk_says 'any(.[]; .name == "d")' list
child_start /dev/null bash -c 'while :; do :; done'
check "somebody's thread" 0 '' chrt --deadline --sched-runtime 1600000000 --sched-deadline 4000000000 --sched-period 4000000000 --pid 0 "$child"
sleep 2	# it is stopped at the end of its budget
check "is ordinary again" 0 '' chrt --other --pid 0 "$child"
check "the kernel counts anew, without what it had" 0 'CPU 2' virtrk reserve d --vcpu 0 --budget 10ms --period 100ms --cpu 2
sleep 4	# and has taken that from its new books: below zero it refuses everybody
check "virtrkd makes it count once more: it refuses nobody" 0 '' virtrk reserve b --vcpu 0 --budget 1ms --period 100ms
check "and says so" 0 'it has counted anew' cat "$e2e_dir/daemon.log"
check "and that is back, too" 0 '' virtrk release b --vcpu 0
child_end "$child"
domain_down d
check_soon "all comes back" 15 all_back
not_below_zero() { ! booked | grep -q -- -; }
check_soon "whatever its last thread left there, the books are not below zero" 10 not_below_zero
check "and nobody is refused" 0 '' virtrk reserve b --vcpu 0 --budget 1ms --period 100ms
check "and all is given back" 0 '' virtrk release b --vcpu 0

# --- prepared where CPUs are pinned to ------------------------------------------------------------------------------------------

limit=$(cat /proc/sys/kernel/sched_rt_runtime_us)
echo -1 >/proc/sys/kernel/sched_rt_runtime_us
check "the limit is off: CPUs are pinned to" 0 'regime-pinned' virtrk doctor
prepare "60 of 100 ms on CPU 3" 0 '^[0-9a-f]{32}$' 3
token=$output
refused "40 more do not fit there" 3 'does not fit' virtrk reserve b --vcpu 0 --budget 40ms --period 100ms --cpu 3
check "of a list they go elsewhere" 0 'pinned, CPU 2' virtrk reserve b --vcpu 0 --budget 40ms --period 100ms --cpu 2-3
virtrk release b >/dev/null
check "30 do" 0 'pinned, CPU 3' virtrk reserve b --vcpu 0 --budget 30ms --period 100ms --cpu 3
prepare "twice is refused" 1 'prepared for c already' 2
check "c starts again" 0 '' domain_up c 1
check_soon "and is seen again" 20 virtrk_says 'length == 2' list
check "and has it beside the other" 0 '' virtrk commit "$token"
check_equal "in the kernel, too" "$(cpus_of "$(vcpu_of c 0)") $(cpus_of "$(vcpu_of b 0)")" "3 3"
domain_down c
check_soon "and ends: the other one is left" 20 virtrk_says 'length == 1' top
echo "$limit" >/proc/sys/kernel/sched_rt_runtime_us
vm_done
