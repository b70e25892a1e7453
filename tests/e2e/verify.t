#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# verify says kept of a guest that gets what it was promised beside hogs, and broken, with who and when, when somebody takes its
# policy away for 200 ms or gives its CPUs to others; and leaves no trace instance behind, whatever way it ends.
#
# The machine itself may break promises: stolen by its hypervisor, a CPU stands still and all on it is late. That is not verify's
# doing: what must be kept is tried up to three times.
# shellcheck disable=SC2317  # functions are called by name
# shellcheck source=tests/e2e/harness.sh
. "${0%/*}/harness.sh"
e2e_begin verify

mkdir "$e2e_dir/trace"
mount -t tracefs none "$e2e_dir/trace" 2>/dev/null || skip "tracefs cannot be mounted"
at_end_before=$(declare -f e2e_at_end)
eval "${at_end_before/e2e_at_end/e2e_at_end_before}"
e2e_at_end() {
	umount "$e2e_dir/trace"
	e2e_at_end_before
}
instances() {
	find "$e2e_dir/trace/instances" -mindepth 1 -maxdepth 1 -name 'virtrk-verify-*' | wc -l
}

rt=rt-$$	# other guests on this machine have other names
daemon_start --on-drift=report
guest_boot "$rt" 1
wait_for 10 vrk show "$rt"
tid=$(guest_vcpu "$rt")
check "a domain without promises" 1 'no reservation: there is no promise' vrk verify "$rt"
guest_tell "$rt" burn 100s
check "reserve" 0 '' vrk reserve "$rt" --vcpu 0 --budget 6ms --period 20ms
hogs_start "$(nproc)"

# check_kept "what" ARGUMENT...
check_kept() {
	local what=$1 i
	shift

	for i in 1 2 3; do
		output=$(vrk verify --json "$@") && break
		echo "not kept at try $i: $(jq -c '.threads[0].breaches' <<<"$output")"
	done
	check_json "$what" '.verdict == "kept"' echo "$output"
}
check_kept "spinning: kept" "$rt" --for 4s
check_json "it was looked at" '.threads[0] | .ready_ns > 1000000000 and .got_ns > .ready_ns / 5' echo "$output"
check_json "all that it had was near its share" '.threads[0] | .got_ns < .ready_ns / 2' echo "$output"

# verify_while "WHAT" ARGUMENT...: calls what is named when the trace is on; the answer in $output, the exit code in $status
verify_while() {
	local what=$1 i verify
	shift

	"$VIRTRK" --bus="$e2e_dir/bus" verify "$@" >"$e2e_dir/out" 2>&1 &
	verify=$!
	for ((i = 0; i < 200; i++)); do
		[ "$(instances)" -eq 0 ] || break
		sleep 0.05
	done
	sleep 0.5
	"$what"
	wait "$verify"
	status=$?
	output=$(<"$e2e_dir/out")
}
# verify_breach "WHAT" ARGUMENT...: the same, again when the kernel lost records of it: then nothing is broken, or in pieces
verify_breach() {
	local i

	for i in 1 2 3; do
		verify_while "$@"
		[ "$status" -ne 1 ] && ! grep -q '"holes": [1-9]' <<<"$output" && break
		echo "unsure at try $i: $output"
	done
}
# For 200 ms it is an idle-time thread, beside hogs.
take_away() {
	chrt -i -p 0 "$tid"
	sleep 0.2
	chrt -R -d -T 6000000 -D 20000000 -P 20000000 -p 0 "$tid"
}
verify_breach take_away "$rt" --for 4s --json
check_between "taken away: the exit code" "$status" 4 4
# All of them together: a breach ends where a wait ends, and an idle-time thread may be given a moment now and then.
check_json "taken away: broken, for so long, and by taking its policy" \
	'.verdict == "broken" and ([.threads[0].breaches[] | select(.demoted_to == 120 and .got_ns < .promised_ns and (.instead | length) > 0)
		| .length_ns] | add | . > 100000000 and . < 2000000000)' echo "$output"
check_between "instances left" "$(instances)" 0 0

verify_breach take_away --for 4s
check_between "for people: the exit code" "$status" 4 4
check "for people" 0 "$rt vcpu0: broken at [0-9:.]+: in [0-9.]+m?s it got [^;]*, promised [^;]*; somebody had taken SCHED_DEADLINE from it" echo "$output"

# Killed in the middle.
for signal in INT TERM HUP; do
	setpriv --pdeathsig KILL env --default-signal=INT,HUP "$VIRTRK" --bus="$e2e_dir/bus" verify --for 60s >"$e2e_dir/out" 2>&1 &
	verify=$!
	for ((i = 0; i < 100; i++)); do
		[ "$(instances)" -eq 0 ] || break
		sleep 0.05
	done
	check_between "SIG$signal: instances before" "$(instances)" 1 1
	kill -"$signal" "$verify"
	wait "$verify" 2>/dev/null
	check_between "SIG$signal: the shell sees it" $? 129 143
	check_between "SIG$signal: instances left" "$(instances)" 0 0
	check "SIG$signal: nothing is said" 0 '^$' cat "$e2e_dir/out"
done
"$VIRTRK" --bus="$e2e_dir/bus" verify --for 60s >/dev/null 2>&1 &
verify=$!
wait_for 5 test -d "$e2e_dir/trace/instances/virtrk-verify-$verify"
kill -KILL "$verify"
wait "$verify" 2>/dev/null
check_between "SIGKILL: instances left" "$(instances)" 1 1
vrk verify --for 100ms >/dev/null
check_between "... which the next one removes: instances left" "$(instances)" 0 0

# A reservation that changes meanwhile is not judged.
change() {
	vrk reserve "$rt" --vcpu 0 --budget 5ms --period 20ms --replace >/dev/null
}
verify_while change --for 3s
check_between "changed meanwhile: the exit code" "$status" 1 1
check "changed meanwhile" 0 "$rt vcpu0: the reservation changed, so it is not judged: another was made meanwhile" echo "$output"

hogs_end
e2e_done
