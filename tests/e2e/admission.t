#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# All or nothing, on a real domain: what is refused, by us or by the kernel in the middle, leaves no trace. check says
# what reserve does, capacity counts, and bandwidth that was just released can be reserved again at once.
# shellcheck disable=SC2317  # functions are called by name
# shellcheck source=tests/e2e/harness.sh
. "${0%/*}/harness.sh"
e2e_begin admission
wide=wide-$$	# other guests on this machine have other names
daemon_start
cpus=$(nproc)
guest_boot "$wide" $((cpus + 1))	# one vCPU more than there are CPUs: nearly whole CPUs for all can never fit
wait_for 10 vrk show "$wide"
tids=()
for ((i = 0; i <= cpus; i++)); do
	tids+=("$(guest_vcpu "$wide" "$i")")
done

check_clean() {
	local tid

	for tid in "${tids[@]}" "${guest_pid[$wide]}"; do
		policy_is "$tid" 0 || { fail "$1: thread $tid has policy $policy"; return; }
	done
	check_json "$1: no thread is reserved, by the kernel and by the books" '.[0].reserved == 0 and .[0].reservations == 0' \
		vrk capacity --json
}

check_clean "at first"
booked=$(kernel_booked) || booked=
too_much=("$wide" --vcpu "0-$cpus" --budget 9.9ms --period 10ms)
check_json "check: does not fit, why, what would" '.fits == false and (.reason | test("[0-9]")) and (.repair | length > 0)' \
	vrk check "${too_much[@]}" --json
check "check refuses with 3" 3 'no' vrk check "${too_much[@]}"
check "reserve refuses with 3, reason and repair" 3 'does not fit: .*would fit' vrk reserve "${too_much[@]}"
check_clean "after a refusal"

# The kernel refuses the last thread, which may not use all CPUs of its root domain: the others must be undone.
if [ "$cpus" -gt 1 ]; then
	taskset -p -c 0 "${tids[cpus]}" >/dev/null
	check "one thread is pinned: the kernel refuses, the rule is named" 1 '[Aa]ffinity|pinned|CPUs' \
		vrk reserve "$wide" --vcpu "0-$cpus" --budget 1ms --period 10ms
	check_clean "after the kernel refused the last thread"
	taskset -p -c "0-$((cpus - 1))" "${tids[cpus]}" >/dev/null
fi

# As many as fit, all at once, and the kernel has what was asked.
check "a whole domain at once" 0 'reserved' vrk reserve "$wide" --vcpu "0-$cpus" --budget 2ms --period 10ms
for tid in "${tids[@]}"; do
	check "the kernel agrees about $tid" 0 '^2000000/10000000$' parameters "$tid"
done
check_json "capacity counts them" \
	".[0].reservations == $((cpus + 1)) and (.[0].reserved - $((cpus + 1)) * 0.2 * 1048576 | fabs) < 10" vrk capacity --json
check "a thread that is reserved already" 1 'already|--replace' vrk reserve "$wide" --vcpu 0 --budget 1ms --period 10ms
check "release one" 0 '' vrk release "$wide" --vcpu 0
check "release all" 0 '' vrk release "$wide"
check_clean "after release"

# Bandwidth of a thread that leaves comes back only when its promise has run out: nobody may be refused because of that.
# The largest budget that fits, so that twice of it never does.
largest=0
for ((budget = 40; budget <= 99; budget++)); do
	vrk check "$wide" --vcpu "0-$((cpus - 1))" --budget "${budget}ms" --period 100ms >/dev/null || break
	largest=$budget
done
[ "$largest" -gt 0 ] || fail "not even 40 of 100 ms fit on every CPU"
refused=0 slowest=0
for ((i = 0; i < 20; i++)); do
	start=${EPOCHREALTIME/./}
	if ! vrk reserve "$wide" --vcpu "0-$((cpus - 1))" --budget "${largest}ms" --period 100ms >"$e2e_dir/again" 2>&1; then
		refused=$((refused + 1))
		cat "$e2e_dir/again"
	fi
	took=$((${EPOCHREALTIME/./} - start))
	[ "$took" -le "$slowest" ] || slowest=$took
	vrk release "$wide" >/dev/null 2>&1
done
check "released and reserved again 20 times, $largest of 100 ms on $cpus vCPUs, slowest $((slowest / 1000)) ms: refused" 0 '^0$' echo "$refused"

# The change that is said to fit does fit.
if [ "$cpus" -le 16 ]; then
	check "all but one, with some room left" 0 '' vrk reserve "$wide" --vcpu "0-$((cpus - 1))" --budget "$((largest - 5))ms" --period 100ms
	check "a whole CPU beside them is refused" 3 'would fit' vrk reserve "$wide" --vcpu "$cpus" --budget 100ms --period 100ms
	budget=$(vrk check "$wide" --vcpu "$cpus" --budget 100ms --period 100ms --json | jq .repair_budget_ns)
	check "the repair, ${budget} ns of 100 ms, fits" 0 'yes' vrk check "$wide" --vcpu "$cpus" --budget "${budget}ns" --period 100ms
	check "and is granted" 0 '' vrk reserve "$wide" --vcpu "$cpus" --budget "${budget}ns" --period 100ms
	check "release all of it" 0 '' vrk release "$wide"
fi

# A thread that is asleep when it leaves DEADLINE is where kernels lose count: nothing may stay booked for nobody.
all_back() {
	[ "$(kernel_booked)" -le $((booked + 4096)) ]	# another program may have a little of its own
}
if [ -n "$booked" ]; then
	wait_for 5 all_back
	check "what the kernel has booked is what it was ($booked)" 0 '' all_back
else
	echo "what the kernel has booked cannot be read here"
fi
e2e_done
