#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tier: A
# guests: kvm
# limit: 500
# long limit: 5400
#
# The promise, on KVM: two guests with periodic tasks, with hard reservations, the second one with 90 % of what admission allows beside the
# first and always wanting more, among processes that want all there is. What the analysis accepts misses no deadline, virtrk
# verify says kept, which is computed again here, from the raw trace, interval by interval; without
# reservations the same load misses many. Then wake-up latency in the guest (cyclictest), with and without. One CPU for all; time is what it has executed, so a
# busy machine makes nothing late.
# shellcheck disable=SC2317,SC2329  # functions are called by name
# shellcheck source=tests/vm/lib.sh
. /src/tests/vm/lib.sh
vm_begin promise

export VIRTRK_BUS=$e2e_dir/bus
# shellcheck disable=SC2034  # for tests/e2e/lib.sh
accel=kvm kernel=/product/domain/kernel initramfs=/product/domain/initramfs
mount -t debugfs none /sys/kernel/debug
mount -t tracefs none /sys/kernel/tracing
echo HRTICK_DL >/sys/kernel/debug/sched/features	# as virtrk doctor advises

for name in left right; do guest_start $name 1; done
for name in left right; do
	guest_wait $name 180 || { tail -n 5 "$e2e_dir/$name.console" "$e2e_dir/$name.qemu"; fail "$name does not boot"; vm_done; }
done
child_start "$e2e_dir/virtrkd" virtrkd --bus="$VIRTRK_BUS" --state="$e2e_dir/state" --libvirt=none --on-drift=report
check_soon "both guests are found, on KVM" 20 virtrk_says 'length == 2 and all(.[]; .accelerator == "kvm")' list
check "a guest knows what a millisecond of work is" 0 'iterations' guest_ask left 60 calibrate
echo "$output"
check "and the other one is told" 0 '' guest_ask right 20 calibration "$(jq .iterations_per_ms <<<"$output")"

# --- reserved ---------------------------------------------------------------------------------------------------------------

check "12 of 40 ms for the one" 0 '' virtrk reserve left --vcpu 0 --budget 12ms --period 40ms
least=1000 most=25000	# us
while [ $((most - least)) -gt 20 ]; do
	try=$(((least + most) / 2))
	if virtrk check right --vcpu 0 --budget "${try}us" --period 25ms >"$e2e_dir/verdict" 2>&1; then
		least=$try
	else
		most=$try
	fi
done
budget=$((least * 9 / 10))
echo "admission allows the other one $least us of 25 ms: it gets $budget us"
check_between "which is most of what is left" "$least" 12500 17500
check "90 % of what is allowed for the other one" 0 '' virtrk reserve right --vcpu 0 --budget "${budget}us" --period 25ms

# Name, period, work in ms. The analysis is told of a quarter as much work again, for what a virtual machine costs in an emulator.
declare -A tasks=([left]="fast 130 8;slow 390 25" [right]="quick 90 12;long 270 40") taskset=([left]='' [right]='') json=([left]='' [right]='')
for guest in left right; do
	priority=20
	while read -r -d ';' name period work; do
		taskset[$guest]+="${taskset[$guest]:+; }$name ${period}ms ${work}ms ${period}ms $priority"
		json[$guest]+="${json[$guest]:+, }{ \"name\": \"$name\", \"wcet\": \"$((work * 1250))us\", \"period\": \"${period}ms\" }"
		priority=$((priority - 1))
	done <<<"${tasks[$guest]};"
done
# Below them, what no budget is enough for: no deadline of it is promised.
taskset[right]+="; rest 40ms 36ms 40ms 1"
# What of the promise is the host's is as verify has it.
cat >"$e2e_dir/system.json" <<END
{ "host": { "cpus": 1, "scheduler": "edf", "tick": "10us", "latency": "250us" }, "vms": [
  { "name": "left", "scheduler": "fp", "vcpus": [ { "budget": "12ms", "period": "40ms", "cpu": 0, "tasks": [ ${json[left]} ] } ] },
  { "name": "right", "scheduler": "fp", "vcpus": [ { "budget": "${budget}us", "period": "25ms", "cpu": 0, "tasks": [ ${json[right]} ] } ] } ] }
END
check "the analysis accepts the tasks" 0 'schedulable: yes' virtrk analyze "$e2e_dir/system.json"
cp "$e2e_dir/system.json" "$VM_ARTEFACTS/"
hogs=()
for ((i = 0; i < 8; i++)); do
	child_start /dev/null bash -c 'while :; do :; done'
	hogs+=("$child")
done

# --- the same, computed again -------------------------------------------------------------------------------------------------

raw=/sys/kernel/tracing/instances/raw
raw_start() {	# of the reserved threads alone: what it costs to read is not little in here
	local tid switches='' wakeups=''
	for tid in $(virtrk top --json | jq '.[].tid'); do
		switches+="${switches:+ || }prev_pid == $tid || next_pid == $tid"
		wakeups+="${wakeups:+ || }pid == $tid"
	done
	mkdir "$raw"
	echo mono >"$raw/trace_clock"
	echo 8192 >"$raw/buffer_size_kb"
	echo "$switches" >"$raw/events/sched/sched_switch/filter"
	echo "$wakeups" >"$raw/events/sched/sched_wakeup/filter"
	echo 1 >"$raw/events/sched/sched_switch/enable"
	echo 1 >"$raw/events/sched/sched_wakeup/enable"
}
raw_stop() {	# FILE
	echo 0 >"$raw/tracing_on"
	cat "$raw/trace" >"$1"
	rmdir "$raw"
}
# marks TRACE TID: what the thread did, "NS in|ready|asleep|wake" a line, from the trace's text
marks() {
	grep -E "(prev_|next_| )pid=$2 " "$1" | sed -nE "
		s/.* ([0-9]+)\.([0-9]{6}): sched_wakeup: .*/\1\2000 wake/p
		s/.* ([0-9]+)\.([0-9]{6}): sched_switch: .* prev_pid=$2 .* prev_state=R.*/\1\2000 ready/p
		s/.* ([0-9]+)\.([0-9]{6}): sched_switch: .* prev_pid=$2 .*/\1\2000 asleep/p
		s/.* ([0-9]+)\.([0-9]{6}): sched_switch: .* next_pid=$2 .*/\1\2000 in/p"
}
# intervals TRACE TID BUDGET PERIOD TICK LATENCY (ns): goes through all intervals of at most 10 periods that begin and end with a wait of the
# thread and in which it never sleeps, and says of the one that got least above what was promised: "EXCESS FROM LENGTH GOT PROMISED
# INTERVALS". Times in the trace are cut to us: each run may have been longer by one. Nothing promised: no line.
intervals() {
	marks "$1" "$2" | awk -v q="$3" -v p="$4" -v tick="$5" -v latency="$6" '
	function promised(length_ns,	x) {
		x = length_ns - 2 * (p - q) - latency
		if (x <= 0)
			return 0
		return int(x / p) * q + (x % p < q ? x % p : q) - tick
	}
	function busy_end(	i, j, promise, excess) {
		for (j = 0; j < n; j++)
			for (i = j; i >= 0; i--) {
				if (to[j] - from[i] > 10 * p)
					break
				promise = promised(to[j] - from[i])
				if (promise <= 0)
					continue
				excess = got[j] - got[i] - promise
				if (intervals++ && excess >= least)
					continue
				least = excess
				answer = sprintf("%.0f %.0f %.0f %.0f", from[i], to[j] - from[i], got[j] - got[i], promise)
			}
		n = ran = 0
	}
	# A wait begins when it wakes or is put off its CPU, and ends when it is put on one.
	$2 == "wake" { if (state == "asleep") { state = "waits"; since = $1 } }
	$2 == "in" {
		if (state == "waits" && $1 > since) { from[n] = since; to[n] = $1; got[n++] = ran }
		state = "runs"; since = $1
	}
	$2 == "ready" || $2 == "asleep" {
		if (state == "runs") ran += $1 - since + 1000
		if ($2 == "asleep") busy_end()
		state = $2 == "ready" ? "waits" : "asleep"; since = $1
	}
	END {
		busy_end()
		if (intervals) printf "%.0f %s %d\n", least, answer, intervals
	}'
}
budgets_missed() { virtrk top --json | jq 'map(.missed) | add'; }
# verify_once SECONDS: virtrk verify: $e2e_dir/verify. What virtrkd itself has counted meanwhile: $late.
verify_once() {
	local before
	before=$(budgets_missed)
	virtrk verify --for "$1s" --json >"$e2e_dir/verify" 2>&1
	virtrk top --json | jq -c '.[] | {domain, throttled, missed, worst_late_ns, lost}'
	late=$(($(budgets_missed) - before))
}
# verify_twice SECONDS: and what the raw trace of the same time says: $e2e_dir/raw.DOMAIN. The kernel that makes and removes a large trace is
# itself late.
verify_twice() {
	local name
	raw_start
	verify_once "$1"
	kill -STOP "${hogs[@]}"
	raw_stop "$e2e_dir/raw"
	cp "$e2e_dir/raw" "$VM_ARTEFACTS/"
	check "the raw trace is whole" 0 ': ([0-9]+)/\1 ' grep entries-in-buffer "$e2e_dir/raw"
	for name in $(jq -r '.threads[].domain' "$e2e_dir/verify"); do
		# shellcheck disable=SC2046  # words are wanted
		intervals "$e2e_dir/raw" $(jq -r ".tick_ns as \$tick | .latency_ns as \$latency | .threads[] | select(.domain == \"$name\") |
			\"\(.tid) \(.budget_ns) \(.period_ns) \(\$tick) \(\$latency)\"" "$e2e_dir/verify") >"$e2e_dir/raw.$name"
		read -r excess _ length got promised looked <"$e2e_dir/raw.$name"
		echo "$name: of $looked intervals the worst one got $((got / 1000)) us of $((promised / 1000)) us promised in $((length / 1000)) us: $((excess / 1000)) us above"
	done
	kill -CONT "${hogs[@]}"
}
of_verify() {	# DOMAIN JQ-FILTER
	jq -c ".threads[] | select(.domain == \"$1\") | $2" "$e2e_dir/verify"
}

# --- kept ---------------------------------------------------------------------------------------------------------------------

# tasks_tell SECONDS: in both guests
tasks_tell() {
	for name in left right; do guest_tell $name run "--duration=${1}s" "${taskset[$name]}"; done
}
# tasks_hear GUEST FILE: what it says of them, one line for each; sets $jobs and $missed, of those that the analysis knows
tasks_hear() {
	guest_hear "$1" 240 >"$2" || fail "$1 did not run its tasks"
	cp "$2" "$VM_ARTEFACTS/"
	jq -r --arg guest "$1" 'select(.name != "all") | "\($guest), \(.name): \(.jobs) jobs, \(.missed) missed, worst \(.worst_ms) of \(.deadline_ms) ms"' "$2"
	read -r jobs missed < <(jq -rs 'map(select(.name != "all" and .name != "rest")) | "\(map(.jobs) | add) \(map(.missed) | add)"' "$2")
}
# jobs_in GUEST SECONDS: how many there should be
jobs_in() {
	local n=0 period

	while read -r -d ';' _ period _; do n=$((n + $2 * 1000 / period)); done <<<"${tasks[$1]};"
	echo $n
}
up_s() { cut -d ' ' -f 1 /proc/uptime; }

# kept SECONDS: both guests run their tasks for so long, $watch looks for a second less, and everything is as promised
kept() {
	echo "at $(up_s) s: with reservations, for $1 s"
	tasks_tell "$1"
	"$watch" $(($1 - 1))
	for name in left right; do
		tasks_hear $name "$e2e_dir/with-$name-$1"
		check_equal "$name: as many jobs as there should be" "$jobs" "$(jobs_in $name "$1")"
		check_equal "$name: deadlines missed" "$missed" 0
		of_verify $name '{ready_ns, got_ns, spare_ns, holes, missing}'
		check_equal "$name: nothing was unseen" "$(of_verify $name '.unseen_ns + .holes + .missing')" 0
		check_equal "$name: virtrk verify" "$(of_verify $name .verdict)" '"kept"'
	done
	echo "budgets that virtrkd counts as missed: $late"
	cp "$e2e_dir/verify" "$VM_ARTEFACTS/verify-$1"
}
watch=verify_twice
kept 8
check_json "both were stopped at their budgets" 'length == 2 and all(.[]; .throttled > 0)' virtrk top --json
for name in left right; do
	read -r excess _ <"$e2e_dir/raw.$name"
	# It began earlier, when verify made its own trace.
	check_between "$name: the raw trace agrees: kept, by so many ns at least" "$excess" -50000 1e9
done
if [ -n "$VM_LONG" ]; then
	watch=verify_once
	kept 600
fi

# --- without ------------------------------------------------------------------------------------------------------------------

echo "at $(up_s) s: without reservations"
for name in left right; do
	check "released: $name" 0 '' virtrk release "$name"
done
tasks_tell 4
for name in left right; do
	tasks_hear $name "$e2e_dir/without-$name"
	check_equal "$name: as many jobs as there should be" "$jobs" "$(jobs_in $name 4)"
	check_between "$name: without reservations many deadlines are missed, of $jobs" "$missed" $((jobs / 5)) "$jobs"
done

# --- wake-up latency ------------------------------------------------------------------------------------------------------------

latency() {	# sets mean and worst of 200 us wake-ups in the guest
	check "$1" 0 'Avg: *([0-9]+) Max: *([0-9]+)' guest_ask left 60 cyclictest -q -t 1 -p 80 -i 200 -l 3000
	[[ $output =~ Avg:\ *([0-9]+)\ Max:\ *([0-9]+) ]]
	mean=${BASH_REMATCH[1]-0} worst=${BASH_REMATCH[2]-0}
	echo "at $(up_s) s: mean $mean us, worst $worst us"
}
latency "cyclictest in the guest without a reservation"
mean_without=$mean worst_without=$worst
check "most of the CPU for the one" 0 '' virtrk reserve left --vcpu 0 --budget 3400us --period 4ms
latency "cyclictest in the guest with a reservation"
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.1f", a / (b ? b : 1) }'; }
check_between "mean wake-up latency without / with a reservation" "$(ratio "$mean_without" "$mean")" 2 1e6
check_between "worst wake-up latency without / with a reservation" "$(ratio "$worst_without" "$worst")" 10 1e6
vm_done
