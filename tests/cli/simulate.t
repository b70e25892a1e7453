#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# simulate: hand-computed runs, one seed is one run, and that nothing is ever seen beyond its bound.
# shellcheck disable=SC2317 # functions are called by name, through check
# shellcheck disable=SC2016 # the dollars are jq's
# shellcheck source=lib.sh
. "$SOURCE/tests/cli/lib.sh"
examples=$SOURCE/share/examples

# seen NAME FILTER [OPTION...]
seen() {
	local name=$1 filter=$2
	shift 2
	virtrk simulate --json "$@" "$examples/$name.json" | jq -c "$filter"
}
# with NAME CHANGE [OPTION...]
with() {
	local name=$1 change=$2
	shift 2
	jq "$change" "$examples/$name.json" | virtrk simulate "$@" -
}
check "all at once: responses" "seen three-tasks '[.tasks[].simulated]' --for 800ms" 0 '^\[1000000,4000000,14000000\]$'
check "jobs" "seen three-tasks '[.tasks[] | .jobs, .missed]' --for 800ms" 0 '^\[40,0,20,0,10,0\]$'
check "the bounds beside them" "seen three-tasks '[.tasks[].bound]'" 0 '^\[13000000,16000000,33000000\]$'
check "supply" "seen three-tasks '.vcpus[0] | [.supplied, .late, .late_rest, .late_at]' --for 800ms" 0 '^\[140000000,0,0,null\]$'
check "the larger priority goes first" "with three-tasks '.vms[0].vcpus[0].tasks |= [.[0] + {priority:1}, .[1] + {priority:2}, .[2] + {priority:3}]' --json --for 80ms | jq -c '[.tasks[].simulated]'" 0 '^\[14000000,13000000,4000000\]$'
check "a vCPU without tasks takes all" "seen dhall '[.vcpus[].supplied]' --for 1100ms" 0 '^\[110000000,110000000,1000000000\]$'
check "an EDF guest: no bounds" "seen shin-lee-edf '[.tasks[] | .bound, .missed]' --for 10s" 0 '^\[null,0,null,0\]$'
check "ten seconds when left out" "seen three-tasks '[.for, .seed]'" 0 '^\[10000000000,null\]$'
check "for people" "virtrk simulate $examples/three-tasks.json | head -n 1" 0 "^simulated: 10s, [0-9]+ events, all start at once \(an observation, not a proof\)$"
check "the tasks" "virtrk simulate $examples/three-tasks.json" 0 "^guest +0 +t3 +125 +0 +14ms +33ms +80ms$"
check "the label" "virtrk simulate $examples/three-tasks.json" 0 "JOBS +MISSED +SIMULATED +BOUND +DEADLINE"
check "the vCPUs" "virtrk simulate $examples/three-tasks.json" 0 "^guest +0 +1.75s +17.5% +375 +never +-$"

check "too much for one CPU is late" "with sched-deadline '.vms[0].vcpus[1].budget = \"60ms\" | del(.vms[0].vcpus[].tasks)' --json | jq -c '[.vcpus[].late > 0] | any'" 0 '^true$'
check "and exits with 0" "with sched-deadline '.vms[0].vcpus[1].budget = \"60ms\" | del(.vms[0].vcpus[].tasks)' >/dev/null" 0 ""
check "misses are counted" "with three-tasks '.vms[0].vcpus[0].budget = \"1ms\"' --json | jq -c '[.tasks[].missed > 0] | any'" 0 '^true$'
check "no bound under a no" "with three-tasks '.vms += [.vms[0], .vms[0]]' --json | jq -c '[.tasks[].bound] | unique'" 0 '^\[null\]$'
check "fair servers take their part" "with dhall '.host.fair_server = {budget:\"500ms\", period:\"1s\"}' --json --for 10s | jq -c '[.vcpus[].late > 0] | any'" 0 '^true$'

check "one seed, one run" "cmp <(seen self-suspension . --seed 7) <(seen self-suspension . --seed 7)" 0 ""
check "another seed, another run" "cmp <(seen self-suspension .tasks --seed 7) <(seen self-suspension .tasks --seed 8) >/dev/null" 1 ""
check "the largest seed" "seen three-tasks .seed --seed 18446744073709551615" 0 '^18446744073709551615$|^18446744073709552000$'
check "a seed too large" "virtrk simulate --seed 18446744073709551616 $examples/three-tasks.json" 2 "a whole number from 0 to 2\^64-1"
check "no seed" "virtrk simulate --seed -1 $examples/three-tasks.json" 2 "a whole number from 0"
check "no time" "virtrk simulate --for 0s $examples/three-tasks.json" 2 "above zero and at most 86400s"
check "too long a time" "virtrk simulate --for 86401s $examples/three-tasks.json" 2 "above zero and at most 86400s"
check "no unit" "virtrk simulate --for 4 $examples/three-tasks.json" 2 "the unit is missing"
check "periodic servers" "seen periodic-servers '[.vcpus[].supplied]' --for 200ms" 0 '^\[80000000,60000000,20000000\]$'
check "and when they delivered" "seen periodic-servers '[.vcpus[] | .late, .late_rest]' --for 200ms" 0 '^\[0,0,0,0,0,0\]$'
check "deferrable servers" "jq '.vms[].vcpus[].tasks = [{name:\"x\", wcet:\"1ms\", period:\"20ms\"}] | .vms[2].vcpus[0].budget = \"1ms\"' $examples/deferrable-servers.json | virtrk simulate --json --for 200ms - | jq -c '[.tasks[] | .jobs, .missed]'" 0 '^\[10,0,10,0,10,0\]$'
check "not sized" "with three-tasks 'del(.vms[0].vcpus[0] | .budget, .period)'" 2 "virtrk plan finds them"
check "no file" "virtrk simulate" 2 "simulate needs a SYSTEM.json"

simulated=("$examples"/*.json)

# ---- interrupts ----
check "interrupts come" "seen interrupt-guest '.irqs[0] | [.name, .cpu, .vm, .vcpu, .jobs, .missed]' --for 1s" 0 '^\["eth0",0,"plc",0,100,0\]$'
check "each part from the signal on" "seen interrupt-guest '.irqs[0] | [.hard, .thread, .simulated, .bound, .deadline]' --for 1s" 0 '^\[10000,60000,170000,13140000,20000000\]$'
check "what they take is seen" "with interrupt-vcpu '.vms[0].vcpus |= .[:1] | .irqs |= [.[0] | del(.vm, .vcpu, .handler, .injection, .thread) | .hard = \"1ms\"]' --json --for 1s | jq -c '[.tasks[0].simulated, .irqs[0].thread, .irqs[0].vm]'" 0 '^\[3000000,null,null\]$'
check "a thread behind all reservations" "with interrupt-fifo '.vms[0].vcpus[0] |= (del(.tasks) | .budget = \"9ms\") | .host.fair_server = false | .irqs[0] |= del(.vm, .vcpu, .handler, .injection)' --json --for 1s | jq -c '.irqs[0] | [.thread, .simulated]'" 0 '^\[90[0-9]{5},90[0-9]{5}\]$'
check "too many of them are late" "with interrupt-guest '.irqs[0].handler = \"9ms\"' --json | jq -c '.irqs[0].missed > 100'" 0 '^true$'
check "for people, too" "virtrk simulate --for 1s $examples/interrupt-guest.json" 0 "^eth0 +0 +plc +100 +0 +10us +60us +170us +13.14ms +20ms$"
check "no interrupts, no such key" "seen three-tasks 'has(\"irqs\")'" 0 '^false$'

# ---- pictures ----
# drawn NAME [OPTION...]: the picture of an example
drawn() {
	local name=$1
	shift
	virtrk simulate --svg "$tmp/out.svg" "$@" "$examples/$name.json" >/dev/null && cat "$tmp/out.svg"
}
well_formed() {
	for file in "${simulated[@]}"; do
		virtrk simulate --svg "$tmp/out.svg" --for 500ms --seed 3 "$file" >/dev/null || echo "$file"
		python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$tmp/out.svg" || echo "$file"
	done
}
check "every example is drawn, as XML" "well_formed" 0 ""
check "two of the longest periods" "drawn three-tasks" 0 ">Simulated: 0ns to 160ms of 10s<"
check "from and to" "drawn three-tasks --from 20ms --to 1s" 0 ">Simulated: 20ms to 1s of 10s<"
check "no longer than the run" "drawn three-tasks --for 50ms" 0 ">Simulated: 0ns to 50ms of 50ms<"
check "the seed" "drawn three-tasks --seed 7" 0 "phases drawn, seed 7"
check "a bar where it runs: 4 of 160 ms from the left" "drawn three-tasks" 0 '^<path d="M216.00 [0-9.]+H[0-9.]+v22.0H216.00z.*" class="run"/>$'
check "an arrival and a deadline" "drawn three-tasks | grep -cE 'class=\"(arrow|due)\"/>$'" 0 "^6$"
check "no miss" "drawn three-tasks | grep -c 'class=\"missed\"/>$'" 1 "^0$"
check "misses" "with three-tasks '.vms[0].vcpus[0].budget = \"1ms\"' --svg $tmp/out.svg >/dev/null; grep -c 'class=\"missed\"/>$' $tmp/out.svg" 0 "^[1-9][0-9]*$"
check "names are escaped" "with three-tasks '.vms[0].name = \"a<b>&c\"' --svg $tmp/out.svg >/dev/null; cat $tmp/out.svg" 0 'a&lt;b&gt;&amp;c/vcpu0'
check "what was drawn is told" "virtrk simulate --svg $tmp/out.svg $examples/three-tasks.json" 0 "^$tmp/out.svg: 0ns to 160ms, --from and --to choose$"
check "too much for a picture: cut" "with three-tasks '.vms[0].vcpus[0] |= {budget: \"50us\", period: \"100us\", cpu: 0, tasks: [{name: \"x\", wcet: \"300ms\", period: \"2s\"}]}' --svg $tmp/out.svg" 0 "out.svg: 0ns to .*, where it became too much: --from and --to choose$"
check "too much for a picture: asked for" "with three-tasks '.vms[0].vcpus[0] |= {budget: \"50us\", period: \"100us\", cpu: 0, tasks: [{name: \"x\", wcet: \"300ms\", period: \"2s\"}]}' --svg $tmp/out.svg --to 10s" 2 "more than 20000 changes from 0ns to 10s: choose a shorter window with --from and --to"
check "too many lanes" "with three-tasks '.host.cpus = 201 | .vms[0].vcpus[0].cpu = 0' --svg $tmp/out.svg" 2 "205 CPUs, vCPUs, tasks and interrupts are too many for a picture, 200 at most"
check "to before from" "drawn three-tasks --from 2s --to 1s" 2 "from must be before --to"
check "from beyond the end" "drawn three-tasks --from 10s" 2 "from must be before the end of the run"
check "to beyond the end" "drawn three-tasks --to 11s" 2 "to 11s: the run ends before"
check "a window of nothing" "virtrk simulate --from 1s $examples/three-tasks.json" 2 "neither is given"
check "a place that is none" "virtrk simulate --svg $tmp/no/out.svg $examples/three-tasks.json" 1 "cannot write $tmp/no/out.svg: No such file"

# ---- traces ----
# traced NAME FILTER [OPTION...]: the trace of an example through jq
traced() {
	local name=$1 filter=$2
	shift 2
	virtrk simulate --trace "$tmp/trace.json" "$@" "$examples/$name.json" >/dev/null && jq -c "$filter" "$tmp/trace.json"
}
valid='[.traceEvents[] | select((.ph == "M" and (.name == "process_name" or .name == "thread_name") and (.args.name | type) == "string") or
	(.ph == "X" and (.ts | type) == "number" and .dur > 0 and (.cat | type) == "string") or (.ph == "i" and .s == "t" and .ts >= 0) | not)] | length'
sorted='[.traceEvents[] | select(.ts) | .ts] | . == sort'
numbered='[.traceEvents[] | select((.pid | type) != "number" or (.tid | type) != "number" or (.name | type) != "string")] | length'
named='([.traceEvents[] | select(.ph == "M" and .name == "thread_name") | [.pid, .tid]] | unique) as $known | [.traceEvents[] | select(.ph != "M") | [.pid, .tid]] | unique - $known'
# what overlaps on one thread: there jobs would stand one in the other
overlaps='[.traceEvents[] | select(.ph == "X")] | group_by([.pid, .tid])[] | . as $t | range(1; $t | length) | select($t[. - 1].ts + $t[. - 1].dur > $t[.].ts + 0.0005) | $t[.]'
traces() {
	for file in "${simulated[@]}"; do
		name=$(basename "$file" .json)
		[ "$(traced "$name" "$valid" --for 100ms)" = 0 ] || echo "$name: an event is not as the format wants it"
		[ "$(traced "$name" "$sorted" --for 100ms --seed 5)" = true ] || echo "$name: not in order"
		[ "$(traced "$name" "$numbered" --for 100ms)" = 0 ] || echo "$name: pid, tid or name"
		[ "$(traced "$name" "$named" --for 100ms)" = '[]' ] || echo "$name: a thread without a name"
		[ -z "$(traced "$name" "$overlaps" --for 100ms --seed 5)" ] || echo "$name: two at once on one thread"
	done
}
check "traces as the format wants them" "traces" 0 ""
check "the CPU's time is the supply" "traced three-tasks '[.traceEvents[] | select(.cat == \"cpu\") | .dur] | add' --for 800ms" 0 '^140000$'
check "a task's time is its jobs'" "traced three-tasks '[.traceEvents[] | select(.cat == \"task\" and .name == \"t2\") | .dur] | add' --for 800ms" 0 '^60000$'
check "responses" "traced three-tasks '[.traceEvents[] | select(.name == \"end\") | .args.response_ns] | max' --for 800ms" 0 '^14000000$'
check "arrivals" "traced three-tasks '[.traceEvents[] | select(.name == \"arrival\")] | length' --for 800ms" 0 '^70$'
check "a window" "traced three-tasks '[.traceEvents[] | select(.ts)] | [.[0].ts >= 20000, (map(.ts + (.dur // 0)) | max <= 60000)]' --from 20ms --to 60ms" 0 '^\[true,true\]$'
check "ns are exact" "with three-tasks '.vms[0].vcpus[0].tasks = [{name:\"x\", wcet: 1001, period: \"1ms\"}]' --trace $tmp/trace.json --for 1ms >/dev/null; cat $tmp/trace.json" 0 '"ts":0.000,"dur":1.001}'
check "suspensions" "traced self-suspension '[.traceEvents[] | select(.name == \"suspended\")] | length > 0'" 0 '^true$'
check "both files" "drawn three-tasks --trace $tmp/both.json >/dev/null && jq '.traceEvents | length > 100' $tmp/both.json" 0 '^true$'
check "JSON stays alone on stdout" "virtrk simulate --json --trace $tmp/trace.json $examples/three-tasks.json | jq .events" 0 '^[0-9]+$'
check "interrupts are drawn" "drawn interrupt-guest" 0 '>eth0<'
check "their parts, too: hard, thread, handler" "traced interrupt-guest '[.traceEvents[] | select(.pid == 3 and .ph == \"X\") | .name] | unique' --for 100ms" 0 '^\["handler","hard","thread"\]$'
check "and their time" "traced interrupt-guest '[.traceEvents[] | select(.pid == 3 and .ph == \"X\") | .dur] | add' --for 100ms" 0 '^1600$'
check "served when the last part is" "traced interrupt-guest '[.traceEvents[] | select(.pid == 3 and .name == \"end\") | .args.response_ns] | unique' --for 100ms" 0 '^\[170000\]$'
check "who is on the CPU" "traced interrupt-guest '[.traceEvents[] | select(.cat == \"cpu\") | .name] | unique' --for 100ms" 0 '^\["eth0","plc/vcpu0"\]$'
check "misses in the trace" "with three-tasks '.vms[0].vcpus[0].budget = \"1ms\"' --trace $tmp/trace.json >/dev/null; jq '[.traceEvents[] | select(.name == \"deadline missed\")] | length > 0' $tmp/trace.json" 0 '^true$'

# Whatever is schedulable misses nothing, and nothing is seen beyond its bound: every example, drawn.
beyond='.tasks[], (.irqs // [])[] | select(.missed > 0 or (.bound != null and .simulated != null and .simulated > .bound)) | "\(.name): \(.simulated) > \(.bound)"'
runs=0 broken=
for file in "${simulated[@]}"; do
	[ "$(virtrk analyze --json "$file" | jq .schedulable)" = true ] || continue
	for seed in '' 1 2 3 4 5; do
		runs=$((runs + 1))
		said=$(virtrk simulate --json --for 5s ${seed:+--seed "$seed"} "$file" | jq -r "$beyond")
		[ -z "$said" ] || broken+=" $(basename "$file") seed ${seed:-none}: $said"
	done
done
check "nothing beyond its bound" "echo \$broken" 0 '^$'
check "in many runs" "[ $runs -ge 48 ] && echo $runs" 0 "^$runs$"

done_testing
