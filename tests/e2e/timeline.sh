#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# timeline.sh VIRTRK-TIMELINE: intervals of a small trace, the picture, and what it says to wrong use. No root needed.
set -u
timeline=$1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
bad=0

# 4 ms in every 10 ms: throttled at 4, woken at 16 and preempted, asleep, new at 40, overrun to 46, thread 9 in between
cat >"$dir/trace" <<'END'
# tracer: nop
 b-8 [001] d..2. 1.000000: sched_switch: prev_comm=b prev_pid=8 prev_prio=120 prev_state=R ==> next_comm=a next_pid=7 next_prio=-1
 a-7 [001] d..2. 1.004000: sched_switch: prev_comm=a prev_pid=7 prev_prio=-1 prev_state=R ==> next_comm=b next_pid=8 next_prio=120
 b-8 [001] d..2. 1.010000: sched_switch: prev_comm=b prev_pid=8 prev_prio=120 prev_state=R ==> next_comm=a next_pid=7 next_prio=-1
 a-7 [001] d..2. 1.011000: sched_switch: prev_comm=a prev_pid=7 prev_prio=-1 prev_state=S ==> next_comm=b next_pid=8 next_prio=120
 b-8 [000] d..3. 1.016000: sched_wakeup: comm=a pid=7 prio=-1 target_cpu=001
 b-8 [000] d..2. 1.017000: sched_switch: prev_comm=b prev_pid=8 prev_prio=120 prev_state=R ==> next_comm=a next_pid=7 next_prio=-1
 a-7 [000] d..2. 1.018000: sched_switch: prev_comm=a prev_pid=7 prev_prio=-1 prev_state=S ==> next_comm=b next_pid=8 next_prio=120
 b-8 [000] d..3. 1.040000: sched_wakeup: comm=a pid=7 prio=-1 target_cpu=001
 b-8 [000] d..2. 1.040000: sched_switch: prev_comm=b prev_pid=8 prev_prio=120 prev_state=R ==> next_comm=a next_pid=7 next_prio=-1
 a-7 [000] d..2. 1.046000: sched_switch: prev_comm=a prev_pid=7 prev_prio=-1 prev_state=R ==> next_comm=c next_pid=9 next_prio=-1
 c-9 [000] d..2. 1.052000: sched_switch: prev_comm=c prev_pid=9 prev_prio=-1 prev_state=R ==> next_comm=a next_pid=7 next_prio=-1
 a-7 [000] d..2. 1.053000: sched_switch: prev_comm=a prev_pid=7 prev_prio=-1 prev_state=S ==> next_comm=b next_pid=8 next_prio=120
END

said() {
	if [ -n "$1" ]; then
		grep -Eq -e "$1" "$dir/err"
	else
		[ ! -s "$dir/err" ]
	fi
}

# check WHAT EXIT ERROR-REGEX ARGUMENT...: its output is in $dir/out; an empty regex: it says nothing about errors
check() {
	local what=$1 want=$2 regex=$3 got
	shift 3
	"$timeline" "$@" >"$dir/out" 2>"$dir/err"
	got=$?
	if [ "$got" -ne "$want" ] || ! said "$regex"; then
		echo "$what: exit $got, not $want, or its errors are not like '$regex':"
		cat "$dir/err"
		bad=1
	fi
}

# same WHAT: $dir/out is what stdin says, in ms: STATE START END [CPU]
same() {
	sed -E 's/.*"state": "([a-z]+)", "start_ns": ([0-9]+), "end_ns": ([0-9]+)(, "cpu": ([0-9]+))?.*/\1 \2 \3 \5/' "$dir/out" |
		awk '{ print $1, $2 / 1e6, $3 / 1e6 ($4 == "" ? "" : " " $4) }' >"$dir/got"
	if ! diff -u - "$dir/got"; then
		echo "$1: not the intervals that were expected"
		bad=1
	fi
}

check "reserved" 0 '' --tid 7 --budget 4ms --period 10ms --tick 4ms "$dir/trace"
same "reserved" <<'END'
running 0 4 1
throttled 4 10
running 10 11 1
sleeping 11 16
waiting 16 17
running 17 18 0
sleeping 18 40
running 40 46 0
throttled 46 50
waiting 50 52
running 52 53 0
END
check "not reserved" 0 '' --tid 7 --from 3 --to 10.5 "$dir/trace"
same "not reserved, cut out" <<'END'
running 3 4 1
waiting 4 10
running 10 10.5 1
END
check "other times" 0 '' --tid 7 --from 1ms --to 2000us "$dir/trace"
same "other times" <<'END'
running 1 2 1
END
check "from stdin" 0 '' --tid 9 - <"$dir/trace"
same "from stdin" <<'END'
unknown 0 46
running 46 52 0
waiting 52 53
END
check "picture" 0 '' --tid 7 --budget 4ms --period 10ms --svg "$dir/svg" --json "$dir/json" "$dir/trace"
if ! grep -q '^</svg>$' "$dir/svg" || ! grep -q 'reserved: 4 ms in every 10 ms' "$dir/svg" || [ -s "$dir/out" ]; then
	echo "picture: not whole, without its title, or something else was printed"
	bad=1
fi
[ "$(wc -l <"$dir/json")" -eq 11 ] || { echo "picture: the intervals beside it are not all there"; bad=1; }

printf 'CPU:1 [LOST 5 EVENTS]\n' >>"$dir/trace"
check "lost events are told" 0 ': 5 events are missing' --tid 7 "$dir/trace"
check "no such thread" 1 'no event of thread 5$' --tid 5 "$dir/trace"
check "behind the end" 1 'it ends at 53.000 ms$' --tid 7 --from 53 "$dir/trace"
check "no such file" 1 'No such file' --tid 7 "$dir/none"
check "no such directory" 1 'No such file' --tid 7 --json "$dir/none/json" "$dir/trace"
echo ' a-7 [000] d..2. 1.0: sched_switch: prev_comm=a prev_pid=7' >>"$dir/trace"
check "damaged" 1 'line 15: not what the kernel writes$' --tid 7 "$dir/trace"

check "help" 0 '' --help
check "no thread" 2 '--tid is needed$' "$dir/trace"
check "no trace" 2 'one trace is needed$' --tid 7
check "bad thread" 2 'a thread.s number is needed$' --tid 0 "$dir/trace"
check "bad time" 2 'a time with its unit' --tid 7 --budget 4 --period 10ms "$dir/trace"
check "bad place" 2 'a time with its unit' --tid 7 --from -1 "$dir/trace"
check "budget alone" 2 'go together$' --tid 7 --budget 4ms "$dir/trace"
check "budget too long" 2 'longer than the deadline$' --tid 7 --budget 4ms --period 10ms --deadline 3ms "$dir/trace"
check "deadline too long" 2 'longer than the period$' --tid 7 --budget 4ms --period 10ms --deadline 11ms "$dir/trace"
check "period too long" 2 'than the kernel allows$' --tid 7 --budget 4ms --period 5000s "$dir/trace"
check "tick too long" 2 'longer than a second$' --tid 7 --tick 2s "$dir/trace"
check "upside down" 2 'not before --to$' --tid 7 --from 5 --to 5 "$dir/trace"
check "unknown option" 2 'option' --tid 7 --what "$dir/trace"
exit $bad
